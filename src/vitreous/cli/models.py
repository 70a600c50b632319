"""`vitreous models`: the table of networks."""

from __future__ import annotations

import fnmatch
import json as notation
from typing import Annotated

from cyclopts import Parameter

from vitreous.errors import unknown


def models(pattern: str = "*", /, *, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """List the networks: name, parameters, year, paper.

    Parameters
    ----------
    pattern
        names to list, such as 'resnet*'
    json
        print one JSON object
    """
    from rich.console import Console
    from rich.table import Table

    from vitreous.models import MODELS

    wanted = pattern if any(sign in pattern for sign in "*?[") else f"*{pattern}*"
    rows = [row for name, row in MODELS.items() if fnmatch.fnmatch(name, wanted)]
    if not rows:
        raise unknown("model", pattern, MODELS)
    if json:
        fields = [
            {
                "name": row.name,
                "parameters": row.parameters,
                "year": row.year,
                "paper": row.paper,
                "pretrained": row.weights is not None,
            }
            for row in rows
        ]
        print(notation.dumps({"models": fields}))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("name")
    table.add_column("parameters", justify="right")
    table.add_column("year")
    table.add_column("weights")
    table.add_column("paper", overflow="fold")
    for row in rows:
        weights = "with it" if row.weights else ""
        table.add_row(row.name, f"{row.parameters:,}", str(row.year), weights, row.paper)
    Console().print(table)
