"""`vitreous evaluate MODEL DATA`: the numbers of a model on data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from vitreous.cli.network import must_exist
from vitreous.cli.verdict import verdict


def evaluate(
    model: Path,
    data: str,
    /,
    *,
    split: Literal["train", "validation", "test", "all"] = "test",
    json: Annotated[bool, Parameter(negative="")] = False,
    quiet: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Measure a model. Classes are matched by name; what is missing or unknown is said.

    Parameters
    ----------
    model
        a run folder or a model file
    data
        as for `vitreous train`: a folder, a CSV file, or the name of a set
    split
        the part to measure on; each use of the test part is written into the run's journal
    json
        print one JSON object
    quiet
        no progress
    """
    from vitreous.progress.choose import progress
    from vitreous.runs.evaluate import evaluate as measure

    must_exist(model)
    with progress(style="none" if quiet else "auto") as shown:
        summary = measure(model, data, split=split, progress=shown)
    verdict(summary, json)
