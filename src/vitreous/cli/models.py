"""`vitreous models`: the table of networks, each under the paper that it comes from."""

from __future__ import annotations

import fnmatch
import textwrap
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from vitreous.baselines.method_names import NAMES
from vitreous.errors import unknown
from vitreous.files import json_text
from vitreous.recipes.known_names import MODELS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vitreous.models.rows import Variant


def models(pattern: str = "*", /, *, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """List the networks: parameters, work, year, paper.

    Work is in MACs (multiply-accumulates) for one image of the size beside it, in pixels.

    Parameters
    ----------
    pattern
        names to list, such as 'resnet*'
    json
        print one JSON object
    """
    wanted = pattern if any(sign in pattern for sign in "*?[") else f"*{pattern}*"
    names, methods = fnmatch.filter(MODELS, wanted), fnmatch.filter(NAMES, wanted)
    if not names and not methods:
        raise unknown("model", pattern, (*MODELS, *NAMES))

    from rich.console import Console

    from vitreous.models import variant

    rows = [*map(variant, names)]
    if json:
        fields = [
            {
                "name": row.name,
                "parameters": row.parameters,
                "macs": row.macs,
                "size": row.sizes.default,
                "output": row.output,
                "year": row.year,
                "paper": row.paper,
                "pretrained": row.weights is not None,
            }
            for row in rows
        ]
        print(json_text({"models": fields, "classic": methods}))
        return
    console = Console(highlight=False)
    lines = [*table(rows, console.width)] if rows else []
    for line, style in (*lines, *classic(methods, console.width)):
        console.print(line, style=style, markup=False, soft_wrap=True)


def table(rows: Sequence[Variant], width: int) -> Iterator[tuple[str, str]]:
    """(line, style) of the table: a paper, then its networks with their figures."""
    names = max(len(row.name) for row in rows)
    yield f"{'':{names + 2}}  {'parameters':>11}  {'MACs':>14}  {'pixels':>6}", "bold"
    for (year, paper), variants in groupby(rows, lambda row: (row.year, row.paper)):
        for line in _wrapped(f"{year}  {paper}", width):
            yield line, "dim"
        for row in variants:
            remarks = {"weights": row.weights, "masks": row.output == "map"}
            remark = "  " + ", ".join(word for word, there in remarks.items() if there)
            figures = f"{row.parameters:>11,}  {row.macs:>14,}  {row.sizes.default:>6}"
            yield f"  {row.name:{names}}  {figures}{remark}".rstrip(), ""


def classic(names: Sequence[str], width: int) -> Iterator[tuple[str, str]]:
    """(line, style) of the classic methods: a classifier, then its names."""
    from vitreous.models.classic import CLASSIFIERS

    if not names:
        return
    yield "", ""
    yield "classic methods, which learn in one go; + joins features, a comma methods", "bold"
    for one, of_one in groupby(names, lambda name: name.partition("-")[0]):
        row = CLASSIFIERS[one]
        for line in _wrapped(f"{row.year}  {row.paper}", width):
            yield line, "dim"
        for line in _wrapped("  " + "  ".join(of_one), width):
            yield line, ""


def _wrapped(line: str, width: int) -> list[str]:
    return textwrap.wrap(line, width, subsequent_indent=" " * 6, break_on_hyphens=False)
