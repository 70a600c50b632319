"""`vitreous check DATA`: what is wrong with data, before an hour is spent on it."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from vitreous.files import json_text


def check(
    data: str,
    /,
    *,
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

    with progress(style="none" if quiet else "auto") as shown:
        task = shown.task("reading images")
        findings = examine(data, validation=validation, test=test, progress=task)
    print(json_text(findings.to_json()) if json else findings.text())
    return 1 if findings.fatal else 0
