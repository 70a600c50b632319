"""How an error reaches a person, or a program."""

from __future__ import annotations

import json
import sys

from vitreous.errors import VitreousError


def tell(error: VitreousError, as_json: bool = False) -> int:
    """Print the error, to stdout as JSON if asked for, else to stderr; returns its exit code."""
    if as_json:
        fields = {
            "kind": error.kind,
            "message": error.message,
            "where": error.where,
            "remedy": error.remedy,
        }
        print(json.dumps({"error": fields}))
    else:
        print(f"error: {error}", file=sys.stderr)
    return error.exit_code
