"""`vitreous cv DATA`: what a recipe is worth on every image, by models that had not seen it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vitreous.cli.loading import loading
from vitreous.errors import UsageError
from vitreous.files import json_text
from vitreous.recipes.recipe import Recipe


def cv(
    data: str = "digits",
    /,
    recipe: Annotated[Recipe | None, Parameter(name="*")] = None,
    *,
    folds: str = "5",
    repeats: int = 1,
    draws: int = 0,
    group: str | None = None,
    refit: bool = True,
    out: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
    quiet: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Cross-validate: train on all folds but one, answer that one, and so on; then train on all.

    Killed, the same command goes on with the fold that it was in.

    Parameters
    ----------
    data
        as for `vitreous train`: a folder, a CSV file, or the name of a set
    folds
        how many; `all` leaves one image (or group) out after the other
    repeats
        divide the images anew so many times
    draws
        in place of folds: so many samples with replacement, each measured on what it left out
    group
        a regular expression: images in whose paths it finds the same stay in one fold, such as
        `'patient\\d+'`; a CSV file may have a column `group`
    refit
        train on all images at the end: the model to use
    out
        the folder; default: runs/NAME-cv
    json
        print one JSON object
    quiet
        no progress
    """
    with loading():
        from vitreous.progress.choose import progress
        from vitreous.select.cross_validation import MEANING, cross_validate

    count = None if folds == "all" else number(folds)
    with progress(style="none" if quiet else "auto") as shown:
        found = cross_validate(
            data,
            recipe,
            folds=count,
            repeats=repeats,
            draws=draws,
            group=group,
            refit=refit,
            out=out,
            progress=shown,
        )
    if json:
        print(json_text(found.summary()))
        return
    score = found.scores[0]
    print(
        f"{'folds':<12}{len(found.scores):>8}   {', '.join(one.text for one in found.scores[:10])}"
    )
    line = f"{score.format(found.mean, 2):>8}   {score.title}"
    if found.interval is not None:
        low, high = (score.format(limit, 2) for limit in found.interval)
        line += f", 95 % interval {low} to {high}"
    print(f"{'mean':<12}{line}")
    if found.interval is not None:
        print(f"{'note':<12}{MEANING}")
    print(f"{'answers':<12}{found.predictions}")
    if found.final is not None:
        print(f"{'final':<12}{found.final.folder.path}, trained on all images")


def number(text: str) -> int:
    """The number of folds. Raises UsageError for a word that is neither that nor `all`."""
    if not text.isdecimal() or int(text) < 2:
        raise UsageError(
            f"'{text}' is no number of folds",
            where="--folds",
            remedy="Give a whole number from 2 on, such as 5, or all to leave one out at a time.",
        )
    return int(text)
