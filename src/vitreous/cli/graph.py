"""`vitreous graph EXPRESSION|MODEL`: what is computed from what, with values and gradients."""

from __future__ import annotations

import json as notation
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from vitreous.cli.network import check_network, is_path, opened
from vitreous.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from vitreous.trace.graph.graph import Graph

WORD = re.compile(r"[A-Za-z][\w.-]*")  # a formula without an operator is the name of a network


def graph(
    what: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *values: Annotated[str, Parameter(allow_leading_hyphen=False)],
    depth: int | None = None,
    size: int | None = None,
    out: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Draw the computational graph of a formula or of a network.

    `vitreous graph "(x+y)*z" x=-2 y=5 z=-4` shows every value on the way forward, and every
    gradient on the way back. `vitreous graph "norm2(W @ x + b)" W=[[1,2],[3,4]] x=[1,2] b=[0,1]`
    does the same with matrices. `vitreous graph lenet5` shows the layers of a network.

    Parameters
    ----------
    what
        a formula, a name from `vitreous models`, a run folder or a model file
    values
        of the formula's variables: x=-2, v=[1,2], W=[[1,2],[3,4]]
    depth
        levels of modules of a network that are shown; default: as many as stay readable
    size
        side of the images, in pixels
    out
        draw it into this .svg file
    json
        print one JSON object
    """
    from vitreous.atomic import check_ending, write_text

    if out is not None:
        check_ending(out, (".svg",), "the picture")
    if is_network(what, values):
        check_network(what)

    from vitreous.trace.draw.svg import draw

    found = _graph(what, values, depth, size)
    if out is not None:
        write_text(out, draw(found))
    if json:
        print(notation.dumps(_finite(found.to_json()), allow_nan=False))
    elif out is not None:
        print(out)
    else:
        _show(found)


def _graph(what: str, values: Sequence[str], depth: int | None, size: int | None) -> Graph:
    from dataclasses import replace

    from vitreous.trace import expression
    from vitreous.trace import graph as of_network

    given = dict(map(_value, values))
    if len(given) < len(values):
        raise UsageError("a variable has two values", where=" ".join(values), remedy="Give one.")
    if not is_network(what, values):
        for flag, number in (("--depth", depth), ("--size", size)):
            if number is not None:
                raise UsageError(
                    "a formula has neither layers nor images", where=flag, remedy="Leave it out."
                )
        return expression(what, given)
    network = opened(what, size=size)
    whole = replace(of_network(network.model, network.shape), title=network.title)
    return whole.readable() if depth is None else whole.fold(depth)


def is_network(what: str, values: Sequence[str]) -> bool:
    """Without values, a word or a path can only be meant as a network."""
    return not values and (WORD.fullmatch(what) is not None or is_path(what))


def _value(word: str) -> tuple[str, Any]:
    """`x=-2` as ("x", -2)."""
    name, sign, text = word.partition("=")
    remedy = "Write x=-2, v=[1,2] or W=[[1,2],[3,4]], without spaces."
    if not sign or not name.strip().isidentifier():
        raise UsageError(f"'{word}' gives no variable a value", remedy=remedy)
    try:
        return name.strip(), notation.loads(text)
    except ValueError:
        pass
    try:
        return name.strip(), float(text)
    except ValueError:
        raise UsageError(f"'{text}' is no number", where=name, remedy=remedy) from None


def _finite(fields: Any) -> Any:
    """JSON has no infinity, and nothing that is no number: they become null."""
    if isinstance(fields, dict):
        return {key: _finite(value) for key, value in fields.items()}
    if isinstance(fields, (list, tuple)):
        return [_finite(value) for value in fields]
    return None if isinstance(fields, float) and not math.isfinite(fields) else fields


def _show(graph: Graph) -> None:
    """Values in green and gradients in red on a terminal; plain text elsewhere."""
    from rich.console import Console

    from vitreous.trace.draw.text import text

    console = Console(highlight=False)
    if not console.is_terminal:
        print(text(graph))
    elif graph.kind == "formula":
        _derivation(graph, console)
    else:
        _layers(graph, console)


def _derivation(graph: Graph, console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    from vitreous.trace.draw.text import backward, forward

    console.print(Text(f"{graph.nodes[-1].id} = {graph.title}", style="bold"))
    for title, color, rows in (
        ("forward", "green", forward(graph)),
        ("backward", "red", backward(graph)),
    ):
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(style="bold")
        table.add_column(overflow="fold")
        table.add_column(style=color, justify="right", overflow="fold")
        table.add_column(style="dim", overflow="fold")
        for row in rows:
            table.add_row(*map(Text, row))
        console.print()
        console.print(Text(title, style="dim"))
        console.print(table)


def _layers(graph: Graph, console: Console) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from vitreous.trace.draw.text import layers, totals

    header, *rows = layers(graph)
    used = [i for i in range(len(header)) if any(row[i] for row in rows)]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", show_edge=False)
    for i in used:
        numeric = header[i] in ("parameters", "MACs")
        table.add_column(header[i], justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(row[i]) for i in used))
    console.print(Text(graph.title, style="bold"))
    console.print()
    console.print(table)
    console.print()
    console.print(totals(graph))
