"""`vitreous train DATA`: from images to a trained, measured network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vitreous.cli.loading import loading
from vitreous.cli.verdict import verdict
from vitreous.distributed import world
from vitreous.recipes.recipe import Recipe

DEFAULT = "scattered"


def train(
    data: str = "",
    /,
    recipe: Annotated[Recipe | None, Parameter(name="*")] = None,
    *,
    out: Path | None = None,
    doctor: bool = True,
    processes: int | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
    quiet: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Train a network on images, measure it on images it has not seen, write a report.

    Without flags, everything is chosen from the data; the run folder and the report say what was
    chosen, and why. `--config FILE.yaml` reads flags from a file.

    Parameters
    ----------
    data
        a folder with one folder a class (or train/ val/ test/ of these), a folder with images/ and
        masks/ (or depth/, or noisy/ and clean/), a folder or file of Pascal VOC, COCO or YOLO, a
        CSV with the columns path and label (or mask, box, points, dots, numbers), a folder with
        MNIST's or CIFAR's files, an .npz, or the name of a set: `digits` and `scattered`, the
        default, come along; others lie under $VITREOUS_DATA
    out
        the run folder; it must not exist yet. Default: runs/NAME
    doctor
        let a doctor look on, who says at once what is wrong with the training
    processes
        processes of this machine that train together, each with its share of every batch and of
        the cores; the numbers are those of one process. Default: 1
    json
        print one JSON object
    quiet
        no progress
    """
    with loading():
        from vitreous.progress.choose import progress
        from vitreous.runs.run import train as learn

    with progress(style="none" if quiet else "auto") as shown:
        if not data and world().first:
            shown.note(f"data: {DEFAULT} digits, which come along; name a folder for others")
        finished = learn(data or DEFAULT, recipe, out=out, progress=shown, doctor=doctor)
    if world().first:
        verdict(finished.summary(), json, finished.report_path)
