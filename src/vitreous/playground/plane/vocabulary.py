"""The words of the playground: settings, their ranges and choices, as the page builds itself from.

The page holds no copy of these tables, so it cannot disagree with them.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from vitreous.playground.plane.glossary import GLOSSARY
from vitreous.playground.plane.initializers import BEGINNINGS
from vitreous.playground.plane.lessons import LESSONS
from vitreous.playground.plane.page_state import (
    CHOICES,
    LIVE,
    MAX_LAYERS,
    MAX_POINTS,
    MAX_UNITS,
    OWN,
    RANGES,
    State,
)
from vitreous.playground.plane.plane_features import FEATURES
from vitreous.playground.plane.plane_losses import LOSSES
from vitreous.playground.plane.session import points_of

MINIATURE = 160  # points of a data set's little picture


def vocabulary() -> dict[str, Any]:
    """Defaults, ranges, choices, features, losses and lessons, as JSON."""
    defaults = State().to_json()
    whole = [field.name for field in dataclasses.fields(State) if isinstance(field.default, int)]
    return {
        "defaults": defaults,
        "ranges": RANGES,
        "whole": whole,
        "choices": CHOICES,
        "live": sorted(LIVE),
        "max_layers": MAX_LAYERS,
        "max_units": MAX_UNITS,
        "max_points": MAX_POINTS,
        "features": {name: feature.label for name, feature in FEATURES.items()},
        "losses": {name: loss.label for name, loss in LOSSES.items()},
        "beginnings": {name: row.label for name, row in BEGINNINGS.items()},
        "lessons": [
            {
                "title": row.title,
                "question": row.question,
                "do": row.do,
                "see": row.see,
                "query": row.state.to_query(),
            }
            for row in LESSONS.values()
        ],
        "glossary": {
            name: {"title": word.title, "text": word.text} for name, word in GLOSSARY.items()
        },
        "miniatures": {name: miniature(name) for name in CHOICES["data"] if name != OWN},
    }


def miniature(name: str) -> dict[str, Any]:
    """A few points of a set for its button: window and rows (x1, x2, target)."""
    state = State(data=name, count=MINIATURE)
    points = points_of(state)
    rows = [[*place, target] for place, target in zip(points.inputs, points.targets, strict=True)]
    return {"window": state.window, "kind": state.task, "points": rows}
