"""`vitreous check DATA`: what is wrong with data, before an hour is spent on it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vitreous.errors import UsageError
from vitreous.files import json_text


def check(
    data: str,
    /,
    *,
    deep: Annotated[bool, Parameter(negative="")] = False,
    out: Path | None = None,
    validation: float = 0.15,
    test: float = 0.15,
    json: Annotated[bool, Parameter(negative="")] = False,
    quiet: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Look at every image and label. Exit code 1 when something would spoil training.

    Damaged files, duplicates and near duplicates within and across the parts, groups that parts
    divide, contradicting labels, class counts, odd sizes and modes, classes missing in a part,
    memory.

    Parameters
    ----------
    data
        as for `vitreous train`: a folder, a CSV file, or the name of a set
    deep
        also learn from the data, which takes minutes: labels that images contradict, near
        duplicates that are mirrored or turned, a shift between parts, trivial features that tell
        the class, changes of an image that would change its label, and what is hard about them
    out
        the folder for the page, the table of suspicious labels and the JSON of `--deep`;
        default: checks/NAME
    validation
        share that training would hold out for choosing, where no part is prescribed
    test
        share that it would hold out for the last measurement, likewise
    json
        print one JSON object
    quiet
        no progress
    """
    from vitreous.data.check.check import check as examine
    from vitreous.progress.choose import progress

    if out is not None and not deep:
        raise UsageError(
            "a plain check writes nothing", where="--out", remedy="Add --deep, or redirect --json."
        )
    with progress(style="none" if quiet else "auto") as shown:
        if not deep:
            task = shown.task("reading images")
            plain = examine(data, validation=validation, test=test, progress=task)
            print(json_text(plain.to_json()) if json else plain.text())
            return 1 if plain.fatal else 0
        from vitreous.doctor.deep.deep_check import deep_check
        from vitreous.doctor.deep.deep_page import write_folder

        found = deep_check(data, validation=validation, test=test, progress=shown)
        name = found.findings.name.replace("/", "-") or "data"
        written = write_folder(found, Path("checks") / name if out is None else out)
    print(json_text(found.to_json()) if json else found.text())
    if not json:
        print("\n".join(str(path) for path in written))
    return 1 if found.fatal else 0
