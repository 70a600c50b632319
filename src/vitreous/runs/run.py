"""From data and a recipe to a run folder, and from a folder onward.

`train` prepares a folder and hands it to `carry_on`; `resume` hands over one that is there already.
All that a run needs lies in its folder, so there is only one way to go on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from vitreous.atomic import write_text
from vitreous.data.dataset import Dataset, Part
from vitreous.data.formats.open import open as open_data
from vitreous.data.splits.split import Split
from vitreous.data.splits.split import split as assign
from vitreous.errors import RunError, UsageError
from vitreous.recipes.resolve import settle
from vitreous.runs.execution import Run, carry_on
from vitreous.recipes.data_facts import Facts, check_trainable
from vitreous.run_folder import RunFolder
from vitreous.files import read_yaml
from vitreous.runs.build_network import check_module, check_network
from vitreous.progress.progress import Progress, silent
from vitreous.recipes.recipe import Recipe
from vitreous.recipes.resolved import Settled

__all__ = ["Run", "resume", "train"]


def train(
    data: object = "digits",
    recipe: Recipe | None = None,
    *,
    model: str | nn.Module | None = None,
    out: str | Path | None = None,
    progress: Progress | None = None,
    **fields: Any,
) -> Run:
    """Train a network, measure it on data it has not seen, write a report.

    data    whatever `vt.open` takes: a path, a name, arrays, a torch Dataset
    model   a name from `vt.models()`, or a module of your own: images (B, C, H, W) in [0, 1] to
            logits (B, L)
    out     the run folder, which must not exist; default: runs/NAME
    fields  fields of the recipe, such as epochs=30

    What the recipe leaves open is chosen from the data. Raises UsageError, DataError, RunError,
    StorageError, DivergedError; Interrupted, a KeyboardInterrupt, after a checkpoint.
    """
    module = model if isinstance(model, nn.Module) else None
    if isinstance(model, str):
        fields["model"] = model
    recipe = (recipe or Recipe()).replace(**fields)
    _check_one_network(recipe, module)
    shown = progress or silent()
    dataset = open_data(data, bad_images=recipe.bad_images)
    parts = _assigned(dataset, recipe, shown)
    check_trainable(dataset, parts.indices(Part.TRAIN), parts.describe())
    settled = settle(
        recipe, Facts.of(dataset, parts.indices(Part.TRAIN)), own_module=module is not None
    )
    check_network(settled.recipe, settled.contract, len(dataset.classes), module)
    folder = RunFolder.create(dataset.name, out)
    source = where(data)
    write_text(folder.recipe, settled.to_yaml(source, dataset.fingerprint, parts.content))
    folder.log_event("start", data=source)
    for name in ("model", "loss"):
        if name in settled.reasons:
            shown.note(f"{name}: {getattr(settled.recipe, name)}; {settled.reasons[name]}")
    return carry_on(folder, dataset, parts, settled, module, shown)


def resume(
    run: str | Path,
    data: object = None,
    *,
    model: nn.Module | None = None,
    progress: Progress | None = None,
) -> Run:
    """Go on with an interrupted run; on a CPU the result is the same to the last bit.

    data   needed only where the run was started on data in memory
    model  the network, where it is one of your own, as it was before training

    Raises RunError if the data have changed, or the run has ended.
    """
    folder = RunFolder.open(run)
    written = read_yaml(folder.recipe)
    settled = Settled.from_mapping(written, str(folder.recipe))
    if data is None and written["data"] is None:
        raise RunError(
            "this run was started on data in memory",
            where=str(run),
            remedy="Pass the same data: vt.resume(run, data).",
        )
    if settled.recipe.model is None and model is None:
        raise RunError(
            "this run trains a network of your own",
            where=str(run),
            remedy="Pass it as it was before training: vt.resume(run, model=YourNetwork()).",
        )
    _check_one_network(settled.recipe, model)
    if folder.finished and folder.report.exists():
        raise RunError(
            "this run has ended",
            where=str(run),
            remedy=f"Its report is {folder.report}; start another with `vitreous train`.",
        )
    shown = progress or silent()
    dataset = open_data(data if data is not None else written["data"])
    parts = _assigned(dataset, settled.recipe, shown)
    found = {"files or labels": dataset.fingerprint, "images": parts.content}
    for what, key in (("files or labels", "fingerprint"), ("images", "content")):
        if found[what] != written.get(key):
            raise RunError(
                f"the data are not those that this run was started on: {what} have changed",
                where=str(written["data"] or run),
                remedy="Bring them back as they were, or start a new run.",
            )
    if model is not None:
        check_module(model, settled.contract, len(dataset.classes))
    if folder.split.is_file():
        parts = Split.read(folder.split, dataset)
    folder.log_event("resume")
    return carry_on(folder, dataset, parts, settled, model, shown)


def _check_one_network(recipe: Recipe, module: nn.Module | None) -> None:
    """Raises UsageError where there are two: the file would name one, and hold the other."""
    if module is not None and recipe.model is not None:
        raise UsageError(
            f"two networks: {recipe.model} by its name, and a module",
            where="model",
            remedy="Leave one of them out.",
        )


def _assigned(dataset: Dataset, recipe: Recipe, progress: Progress) -> Split:
    shown = progress.task("comparing images")
    return assign(dataset, validation=recipe.validation, test=recipe.test, progress=shown)


def where(data: object) -> str | None:
    """How `resume` finds the data again: an absolute path, a name, or None for data in memory."""
    if not isinstance(data, str | Path):
        return None
    return str(Path(data).resolve()) if Path(data).exists() else str(data)
