"""Explanation of an answer for the page: the methods that there are, the heatmap of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vitreous.data.images.decode import Source
from vitreous.errors import UsageError
from vitreous.explain.explainer import AUTO
from vitreous.explain.methods import METHODS
from vitreous.inference.explaining import ExplainingPredictor
from vitreous.playground.images.layers import View
from vitreous.playground.images.photo import within_page
from vitreous.playground.plane.snapshot import Frame


def choices(views: list[View]) -> dict[str, Any]:
    """What can be chosen: methods, with what their colors mean, and layers that make maps."""
    return {
        "methods": [
            {"name": name, "says": row.says, "layered": row.layered, "heeds": row.heeds}
            for name, row in METHODS.items()
        ],
        "layers": [[view.name, len(view.maps)] for view in views if view.output.dim() == 4],
    }


def evidence(predictor: ExplainingPredictor, source: Source, asked: Mapping[str, Any]) -> Frame:
    """The evidence for an answer, laid over the image.

    asked  method, layer, unit and target, as `explain` takes them; what is left out is found

    Raises UsageError for what is no method, layer, unit or target, and as `explain` does.
    """
    found = predictor.explain(
        source,
        method=_text(asked, "method") or AUTO,
        layer=_text(asked, "layer") or None,
        unit=_unit(asked.get("unit")),
        target=_text(asked, "target"),
    )
    facts = {
        "method": found.method,
        "layer": found.layer,
        "target": found.target,
        "value": found.value,
        "says": found.says,
        "empty": found.empty,
    }
    return facts, {"overlay": within_page(found.overlay)}


def _text(asked: Mapping[str, Any], name: str) -> str:
    value = asked.get(name) or ""
    if not isinstance(value, str):
        raise UsageError(f"{str(value)[:40]!r} is no {name}", where=name)
    return value[:200]


def _unit(value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 24:
        raise UsageError(
            f"{str(value)[:40]!r} is no unit", where="unit", remedy="Units are numbered from 0."
        )
    return value
