"""`vitreous split DATA`: the parts of a data set, as a manifest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from vitreous.errors import UsageError, unknown
from vitreous.files import json_text

if TYPE_CHECKING:
    from vitreous.data.dataset import Dataset


def split(
    data: str,
    /,
    *,
    out: Path = Path("split.csv"),
    validation: float = 0.15,
    test: float = 0.15,
    group: str | None = None,
    task: str = "auto",
    json: Annotated[bool, Parameter(negative="")] = False,
    quiet: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Write which image belongs to which part; `vitreous train split.csv` uses exactly these.

    Parameters
    ----------
    data
        as for `vitreous train`: a folder, a CSV file, or the name of a set
    out
        the CSV file to write: the path, label and part of each image
    validation
        share held out for choosing
    test
        share held out for the last measurement
    group
        a regular expression: images in whose paths it finds the same stay in one part, such as
        `'patient\\d+'`, or `'(.*)/'` for those of one folder; a CSV file may have a column `group`
    task
        write the targets that this task needs, such as the outlines of COCO as masks for `segment`
    json
        print one JSON object
    quiet
        no progress
    """
    from vitreous.data.splits.groups import grouped, torn
    from vitreous.data.splits.split import split as assign
    from vitreous.progress.choose import progress
    from vitreous.tasks import TASKS
    from vitreous.tasks.asked import opened

    if task != "auto" and task not in TASKS:
        raise unknown("task", task, TASKS, where="--task")
    dataset = opened(data, task)
    if group is not None:
        dataset.groups = grouped(dataset, group)
    check_paths(data, dataset)
    with progress(style="none" if quiet else "auto") as shown:
        reading = shown.task("reading images")
        parts = assign(dataset, validation=validation, test=test, progress=reading)
    parts.write(out, dataset)
    overlap = {"overlap": parts.overlap}
    if dataset.groups is not None:
        overlap["torn_groups"] = len(torn(dataset.groups, parts.parts))
    if json:
        print(json_text({"split": str(out), "parts": parts.sizes(), **overlap}))
        return
    for name, count in parts.sizes().items():
        print(f"{name:<12}{count:>9,}")
    print(f"{'overlap':<12}{parts.overlap:>9,}   images of one part are in another as well")
    if dataset.groups is not None:
        count = len(set(dataset.groups.tolist()))
        print(f"{'groups':<12}{count:>9,}   {overlap['torn_groups']:,} of them in several parts")
    print(out)


def check_paths(data: str, dataset: Dataset) -> None:
    """Raises UsageError where the images have no paths that a manifest could list."""
    from vitreous.data.remote.address import is_address

    if is_address(data):
        reason = "lie at an address, and their copies in the cache may go at any time"
    elif len(dataset) and dataset.source(0) is None:
        reason = "are no files of their own, which a manifest could list"
    else:
        return
    raise UsageError(
        f"the images {reason}",
        where=data,
        remedy=f"`vitreous train {data}` divides them by content, the same way each time, and "
        "writes split.csv into the run folder; `vitreous check` tells how many come where.",
    )
