"""OpenAPI: what the schema of a server says of bodies and answers, with examples."""

from __future__ import annotations

from typing import Any

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAIAQAAAADsdIMmAAAAGElEQV"
    "R42mNgYLBhYGGSYGJgYGGyYGAAAAUIAJufs8j4AAAAAElFTkSuQmCC"
)
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "One image or several. Their own bytes tell what kind of file they are.",
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "images": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                        }
                    },
                }
            },
            "image/*": {"schema": {"type": "string", "format": "binary"}},
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "images": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "properties": {
                                    "name": {"type": "string"},
                                    "data": {"type": "string", "format": "byte"},
                                },
                                "required": ["data"],
                            },
                        }
                    },
                    "required": ["images"],
                },
                "example": {"images": [{"name": "3.png", "data": PNG}]},
            },
        },
    }
}
ERROR = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "kind": {"type": "string"},
                "message": {"type": "string"},
                "where": {"type": "string", "nullable": True},
                "remedy": {"type": "string", "nullable": True},
            },
        }
    },
}
PREDICTED = {
    "model": "digits",
    "predictions": [
        {
            "path": "3.png",
            "label": "3",
            "score": 0.998,
            "top": [{"label": "3", "score": 0.998}, {"label": "9", "score": 0.001}],
        }
    ],
}
REFUSED = {
    401: ("no token, or a wrong one", "unauthorized", "authorization", "Send it."),
    408: ("the body did not arrive within 30 s", "slow", "body", "Send it faster."),
    413: ("the body has more than 16 MiB", "large", "body", "Send fewer or smaller images."),
    415: ("is a text", "image", "notes.txt", "Remove it."),
    422: ("unknown model 'digts'", "usage", "model", "Did you mean digits?"),
    429: ("64 requests of this address wait already", "many", "10.0.0.7", "Wait."),
    503: ("128 images wait already", "busy", "queue", "Ask again in a second."),
    504: ("no answer within 30 s", "late", "server", "Ask again, with fewer images."),
}


def responses(example: dict[str, Any] | None = None) -> dict[int | str, dict[str, Any]]:
    """What a route that takes images answers, by status.

    example  of the answer to a request that went well
    """
    found: dict[int | str, dict[str, Any]] = {
        status: {
            "description": message,
            "content": {
                "application/json": {
                    "schema": ERROR,
                    "example": {
                        "error": {
                            "kind": kind,
                            "message": message,
                            "where": where,
                            "remedy": remedy,
                        }
                    },
                }
            },
        }
        for status, (message, kind, where, remedy) in REFUSED.items()
    }
    content = {"application/json": {"example": example}} if example else {}
    return {200: {"description": "Answers, one for each image", "content": content}, **found}
