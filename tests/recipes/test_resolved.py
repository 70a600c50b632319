"""A recipe as it lies in a run folder is checked before anything is done with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from vitreous.errors import RunError, VitreousError
from vitreous.report.build import write_report
from vitreous.runs.run import resume, train


@pytest.mark.parametrize(
    "change",
    [
        lambda written: written.pop("data"),
        lambda written: written.update(data=5),
        lambda written: written.pop("fingerprint"),
        lambda written: written.update(reasons=None),
        lambda written: written.update(recipe=[1]),
        lambda written: written["recipe"].update(epochs="many"),
        lambda written: written["contract"].pop("fit"),
        lambda written: written["recipe"].update(device="auto"),
        lambda written: written["recipe"].update(optimizer=None),
        lambda written: written["recipe"].update(task=""),
        lambda written: written["recipe"].update(augment="storng"),
    ],
)
def test_a_damaged_recipe_is_told(place: Path, change: Any) -> None:
    run = train("digits", model="linear", epochs=1)
    written = yaml.safe_load(run.folder.recipe.read_text())
    change(written)
    run.folder.recipe.write_text(yaml.safe_dump(written))
    for use in (write_report, resume):
        with pytest.raises(VitreousError):
            use(run.folder.path)


def test_a_report_needs_what_training_has_told(place: Path) -> None:
    from dataclasses import replace

    run = train("digits", model="linear", epochs=1)
    replace(run.model, training={}).save(run.folder.model)
    with pytest.raises(RunError, match="macs"):
        write_report(run.folder.path)
