"""Answers as JSON: what `vitreous predict --json` prints, and what a server answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from vitreous.errors import DataError, ImageError
from vitreous.tasks import Answer


def answers_json(
    answers: Iterable[tuple[str, Answer | ImageError]],
    missed: Sequence[DataError] = (),
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """{"predictions": [...]}, with "notes" and "errors" where there are any.

    answers  name or path of each image, with what was answered, or why it could not be read
    missed   what was passed over before
    """
    predictions = []
    errors = [
        {"path": error.where, "message": error.message, "remedy": error.remedy} for error in missed
    ]
    for path, answer in answers:
        if isinstance(answer, ImageError):
            errors.append({"path": path, "message": answer.message, "remedy": answer.remedy})
        else:
            predictions.append({"path": path, **answer.to_json()})
    found: dict[str, Any] = {"predictions": predictions}
    if notes:
        found["notes"] = [*notes]
    if errors:
        found["errors"] = errors
    return found
