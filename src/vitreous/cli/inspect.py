"""`vitreous inspect MODEL`: a network opened, layer by layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from vitreous.cli.network import opened
from vitreous.files import json_text

if TYPE_CHECKING:
    from rich.console import Console

    from vitreous.trace.measure.inspection import Inspection, LayerRow
    from vitreous.trace.measure.stages import Stage


def inspect(
    model: str,
    /,
    *,
    size: int | None = None,
    classes: int | None = None,
    channels: int | None = None,
    out: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Open a network: shapes, units, parameters, work, memory and receptive fields of every layer.

    Nothing is computed, so a network of any size is opened in a moment. All numbers are those of
    one image in float32.

    Parameters
    ----------
    model
        a name from `vitreous models`, a run folder or a model file
    size
        side of the images, in pixels; default: what the network was made for
    classes
        number of classes, for a network of the table
    channels
        number of channels of the images, for a network of the table
    out
        draw the network into this .html file, with the table
    json
        print one JSON object
    """
    from vitreous.atomic import check_ending, write_text
    from vitreous.trace import graph
    from vitreous.trace.measure.inspection import inspect as look
    from vitreous.trace.measure.stages import stages

    if out is not None:
        check_ending(out, (".html", ".htm"), "the page")
    network = opened(model, size=size, classes=classes, channels=channels)
    found = replace(look(network.model, network.shape), model=network.title)
    if out is not None:
        from vitreous.cli.drawing import drawing

        whole = replace(graph(network.model, network.shape), title=network.title)
        write_text(out, drawing(found, whole))
    if json:
        print(json_text(found.to_json()))
    elif out is not None:
        print(out)
    else:
        from rich.console import Console

        console = Console(highlight=False)
        if console.is_terminal:
            _show(found, stages(found, graph(network.model, network.shape)), console)
        else:
            print(found.text())


@dataclass(frozen=True)
class Column:
    """A column of the table on a terminal.

    least  columns of the terminal from which it is shown
    """

    title: str
    cell: Callable[[LayerRow | Stage], str]
    least: int = 0


def _show(found: Inspection, parts: list[Stage], console: Console) -> None:
    """Layers below their stages; whole numbers where there is room, three digits elsewhere."""
    from rich.table import Table
    from rich.text import Text

    from vitreous.formats import quantity
    from vitreous.trace.measure.inspection import pair

    unit, scale = found.unit
    roomy = console.width >= 118

    def number(value: int) -> str:
        return "" if not value else f"{value:,}" if roomy else quantity(value)

    def megabytes(value: int) -> str:
        return f"{value / scale:.2f}" if value else ""

    def kind(row: LayerRow | Stage) -> str:
        detail = row.detail if roomy else shortened(row.detail)
        title = row.kind if roomy else row.kind.replace("2d", "")
        return f"{title} {detail}".strip()

    columns = [
        Column("output", lambda row: "×".join(map(str, row.shape))),
        Column("units", lambda row: number(row.units)),
        Column("parameters" if roomy else "params", lambda row: number(row.parameters)),
        Column("connections" if roomy else "MACs", lambda row: number(row.connections)),
        Column(unit, lambda row: megabytes(row.memory)),
        Column("in place", lambda row: megabytes(row.memory_in_place), least=100),
        Column("field", field),
        Column("stride", lambda row: pair(row.stride) if row.stride else ""),
    ]
    columns = [column for column in columns if console.width >= column.least]
    table = Table(box=None, pad_edge=False, padding=(0, 2 if roomy else 1, 0, 0))
    table.add_column("layer", header_style="dim", overflow="fold")
    table.add_column("", style="dim", overflow="fold")
    for column in columns:
        table.add_column(column.title, justify="right", header_style="dim", no_wrap=True)
    for part in parts:
        folded = len(part.layers) > 1 or part.layers[0].name != part.name
        cells = (column.cell(part if folded else part.layers[0]) for column in columns)
        table.add_row(Text(part.name), Text(kind(part)), *cells, style="bold")
        for layer in part.layers if folded else ():
            name = layer.name.removeprefix(f"{part.name}.")
            cells = (column.cell(layer) for column in columns)
            table.add_row(Text(f"  {name}"), Text(kind(layer)), *cells)
    console.print(Text(f"{found.model} at {'×'.join(map(str, found.size))}", style="bold"))
    console.print()
    console.print(table)
    console.print()
    console.print(found.totals())


def field(row: LayerRow | Stage) -> str:
    """Side of the receptive field in pixels; "all" for a map whose units see the whole image."""
    if row.receptive_field is None:
        return "all" if len(row.shape) == 3 else ""
    from vitreous.trace.measure.inspection import pair

    return pair(row.receptive_field)


def shortened(detail: str) -> str:
    """What the other columns do not tell: "3×3, 64 → 128, stride 2" as "3×3 /2"."""
    parts = [part for part in detail.split(", ") if "→" not in part and "layers" not in part]
    return " ".join(parts).replace("stride ", "/")
