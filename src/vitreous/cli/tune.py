"""`vitreous tune DATA`: search for better settings by the validation part."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vitreous.cli.loading import loading
from vitreous.files import json_text
from vitreous.recipes.recipe import Recipe


def tune(
    data: str = "digits",
    /,
    recipe: Annotated[Recipe | None, Parameter(name="*")] = None,
    *,
    trials: int = 30,
    search: tuple[str, ...] = (),
    storage: str | None = None,
    out: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
    quiet: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Search for better settings. Trials are judged by the validation part; the test part is used
    at the end alone, to compare what was found with the usual settings.

    Killed, the same command goes on. Machines that give the same `--storage` work on one search.

    Parameters
    ----------
    data
        as for `vitreous train`: a folder, a CSV file, or the name of a set
    trials
        how many, those of an earlier call included; `--time 30m` ends the search earlier
    search
        settings to vary, such as lr; may be given several times. Default: all that are left open
    storage
        an Optuna storage, such as sqlite:///study.db; default: a file in the folder
    out
        the folder; default: runs/NAME-tune
    json
        print one JSON object
    quiet
        no progress
    """
    with loading():
        from vitreous.progress.choose import progress
        from vitreous.select.tune import tune as search_for

    with progress(style="none" if quiet else "auto") as shown:
        found = search_for(
            data,
            recipe,
            trials=trials,
            search=search,
            storage=storage,
            out=out,
            progress=shown,
        )
    summary = found.summary()
    if json:
        print(json_text(summary))
        return
    states = [trial["state"] for trial in summary["trials"]]
    broken = f", {states.count('pruned')} broken off" if "pruned" in states else ""
    print(f"{'trials':<12}{states.count('complete')} ended{broken}")
    for name, value in found.settings.items():
        text = f"{value:.3g}" if isinstance(value, float) else str(value)
        print(f"{'best':<12}{name} {text}")
    for words in summary["verdict"]:
        print(f"{'test':<12}{words}")
    print(f"{'run':<12}{found.best.folder.path}")
    print(f"{'report':<12}{found.folder / 'tune.html'}")
