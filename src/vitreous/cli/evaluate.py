"""`vitreous evaluate MODEL DATA`: the numbers of a model, or of several as one, on data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from vitreous.cli.loading import loading
from vitreous.cli.network import must_exist
from vitreous.cli.verdict import verdict
from vitreous.errors import UsageError


def evaluate(
    model: Path,
    data: str,
    /,
    *more: str,
    split: Literal["train", "validation", "test", "all"] = "test",
    json: Annotated[bool, Parameter(negative="")] = False,
    quiet: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Measure a model. Classes are matched by name; what is missing or unknown is said.

    Several models before the data are measured as one, beside each of them: their probabilities
    are averaged. `vitreous evaluate RUN RUN DATA`.

    Parameters
    ----------
    model
        a run folder or a model file
    data
        as for `vitreous train`: a folder, a CSV file, or the name of a set
    more
        where several models are given: the further ones, and the data last
    split
        the part to measure on; each use of the test part is written into the run's journal
    json
        print one JSON object
    quiet
        no progress
    """
    from vitreous.progress.choose import progress

    *others, data = [data, *more]
    models = [model, *map(Path, others)]
    for one in models:
        must_exist(one)
    if is_model(Path(data)):
        raise UsageError(
            f"{data} is a model, and the data come last",
            where="DATA",
            remedy="Name the data behind the models, such as `digits` or a folder.",
        )
    with progress(style="none" if quiet else "auto") as shown:
        if others:
            from vitreous.runs.ensemble_evaluation import evaluate_ensemble

            summary = evaluate_ensemble(models, data, split=split, progress=shown)
        else:
            with loading():
                from vitreous.runs.evaluate import evaluate as measure

            summary = measure(model, data, split=split, progress=shown).to_json()
    verdict(summary, json)


def is_model(path: Path) -> bool:
    """Is it a run folder or a model file, and no data?"""
    return path.suffix == ".safetensors" or (path / "recipe.yaml").is_file()
