"""`vitreous split DATA`: the parts of a data set, as a manifest."""

from __future__ import annotations

import json as notation
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def split(
    data: str,
    /,
    *,
    out: Path = Path("split.csv"),
    validation: float = 0.15,
    test: float = 0.15,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Write which image belongs to which part; `vitreous train split.csv` uses exactly these.

    Parameters
    ----------
    data
        as for `vitreous train`
    out
        the manifest to write
    validation
        share held out for choosing
    test
        share held out for the last measurement
    json
        print one JSON object
    """
    from vitreous.data.open import open
    from vitreous.data.split import split as assign

    dataset = open(data)
    parts = assign(dataset, validation=validation, test=test)
    parts.write(out, dataset)
    if json:
        print(notation.dumps({"split": str(out), "parts": parts.sizes()}))
        return
    for name, count in parts.sizes().items():
        print(f"{name:<12}{count:>9,}")
    print(out)
