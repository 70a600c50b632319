"""A job: everything that decides what a run trains, resolved and checked before it begins."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from vitreous.atomic import write_text
from vitreous.data.dataset import Dataset, Part
from vitreous.data.formats.open import located
from vitreous.data.splits.content_hashes import digests
from vitreous.data.splits.split import Split
from vitreous.data.splits.split import split as assign
from vitreous.distributed import ALONE, Ranks
from vitreous.errors import DataError, RunError, UsageError
from vitreous.files import read_yaml, write_json, write_table
from vitreous.inference.model_file import Bundle
from vitreous.progress.progress import Progress
from vitreous.recipes.data_facts import DataFacts
from vitreous.recipes.recipe import Recipe, flag
from vitreous.recipes.resolve import resolve
from vitreous.recipes.resolved import ResolvedRecipe
from vitreous.run_folder import RunFolder
from vitreous.runs.build_network import check_file, check_network
from vitreous.runs.environment import check_device, environment
from vitreous.tasks import TASKS, Task
from vitreous.tasks.asked import opened
from vitreous.tasks.task import Columns, Ids

MOST_WEIGHT = 1e30  # of an example: a batch of larger ones has no sum in float32


@dataclass(frozen=True)
class Job:
    """What is to be trained, on what, and how.

    parts     the part of every example
    resolved  the recipe without gaps, with reasons and the pixel contract
    source    how `resume` finds the data again; None where they lie in memory
    module    a network of the user's own
    """

    dataset: Dataset
    parts: Split
    resolved: ResolvedRecipe
    source: str | None = None
    module: nn.Module | None = None

    @property
    def recipe(self) -> Recipe:
        return self.resolved.recipe

    @property
    def task(self) -> type[Task]:
        return TASKS[self.recipe.task]

    @property
    def task_is_a_guess(self) -> bool:
        """Was the task told from the data, and not chosen?"""
        return "task" in self.resolved.reasons

    @property
    def fingerprint(self) -> str:
        """A hash of data and recipe: only a checkpoint of the same is gone on with."""
        return self.resolved.fingerprint(self.dataset.fingerprint)

    def taken(self, training: Ids) -> Columns:
        """The targets of these rows."""
        return {name: column.take(training) for name, column in self.dataset.targets.items()}

    def learned(self, training: Ids) -> Task:
        """The task with what it takes from the training part, such as the weights of classes."""
        recipe, window = self.recipe, self.resolved.contract
        task = self.task.of(
            self.taken(training),
            criterion=recipe.loss,
            smoothing=recipe.label_smoothing or 0.0,
            balance=recipe.balance,
        )
        task = replace(task, noise=self.dataset.noise).sharing(recipe.alpha)
        return task.within(window.height, window.width, window.channels)

    def check_trainable(self, training: Ids, found: str) -> None:
        """Raises DataError where there is nothing to learn.

        training  row numbers
        found     what there is instead, in words
        """
        check_not_empty(self.dataset, training, found)
        check_weights(self.dataset, training)
        self.task.check_targets(self.dataset.targets, self.dataset.name)
        self.task.check_trainable(self.taken(training), found, self.dataset.name)

    def write(self, folder: RunFolder, ranks: Ranks = ALONE) -> None:
        """The folder from here on holds all that `resume` needs."""
        text = self.resolved.to_yaml(self.source, self.dataset.fingerprint, self.parts.content)
        write_json(folder.environment, environment(ranks))
        pairs = [("leak", pair) for pair in self.parts.leaks]
        pairs += [("duplicate", pair) for pair in self.parts.duplicates]
        if pairs:
            name = self.dataset.id
            rows = [(kind, name(one), name(other)) for kind, (one, other) in pairs]
            write_table(folder.copies, ("kind", "id", "other"), rows)
        self.parts.write(folder.split, self.dataset)
        write_text(folder.recipe, text)


def prepare(
    data: object,
    recipe: Recipe | str | None = None,
    *,
    model: str | nn.Module | None = None,
    parts: Split | None = None,
    progress: Progress,
    **fields: Any,
) -> Job:
    """Open the data, split them, resolve the recipe, and check that all of it fits together.

    data    whatever `vt.open` takes
    parts   the part of every example; None assigns them by the recipe's shares
    fields  of the recipe, which replace its own

    Raises UsageError, DataError, ShapeError or ModelFileError; nothing has been written yet.
    """
    module = model if isinstance(model, nn.Module) else None
    if isinstance(model, str):
        fields["model"] = model
    recipe = Recipe(recipe=recipe) if isinstance(recipe, str) else recipe or Recipe()
    recipe = recipe.replace(**fields)
    check_one_network(recipe, module)
    dataset = opened(data, recipe.task, recipe.noise, bad_images=recipe.bad_images)
    given = parts is not None
    parts = handed_in(parts, dataset) if parts else assigned(dataset, recipe, progress)
    training = parts.indices(Part.TRAIN)
    check_not_empty(dataset, training, parts.describe())
    for name in ("patience", "keep"):
        asked = getattr(recipe, name) != getattr(Recipe, name)
        if asked and not len(parts.indices(Part.VALIDATION)):
            raise UsageError(
                "has no effect: there is no validation part to choose an epoch by",
                where=flag(name),
                remedy="Hold one out, such as --validation 0.15, or leave this out.",
            )
    facts = DataFacts.of(dataset, training)
    resolved = resolve(recipe, facts, own_module=module is not None)
    job = Job(dataset, parts, replace(resolved, parts_given=given), where(data), module)
    job.check_trainable(training, parts.describe())
    check_fits(job, training, progress)
    for name in ("task", "model", "loss"):
        if name in resolved.reasons:
            progress.note(f"{name}: {getattr(job.recipe, name)}; {resolved.reasons[name]}")
    return job


def take_up(folder: RunFolder, data: object, model: nn.Module | None, progress: Progress) -> Job:
    """The job of a run folder. Raises RunError where data, network or recipe are not those."""
    written = read_yaml(folder.recipe)
    resolved = ResolvedRecipe.from_mapping(written, str(folder.recipe))
    if data is None and written["data"] is None:
        raise RunError(
            "this run was started on data in memory",
            where=str(folder.path),
            remedy="Pass the same data: vt.resume(run, data).",
        )
    if resolved.recipe.model is None and model is None:
        raise RunError(
            "this run trains a network of your own",
            where=str(folder.path),
            remedy="Pass it as it was before training: vt.resume(run, model=YourNetwork()).",
        )
    check_one_network(resolved.recipe, model)
    check_device(resolved.recipe.device, folder)
    if folder.finished and folder.report.exists():
        raise RunError(
            "this run has ended",
            where=str(folder.path),
            remedy=f"Its report is {folder.report}; start another with `vitreous train`.",
        )
    dataset = found_again(folder, data, written["data"], resolved.recipe)
    parts = assigned(dataset, resolved.recipe, progress)
    found = {"files or labels": dataset.fingerprint, "images": parts.content}
    for what, key in (("files or labels", "fingerprint"), ("images", "content")):
        if found[what] != written.get(key):
            raise RunError(
                f"the data are not those that this run was started on: {what} have changed",
                where=str(data if isinstance(data, str | Path) else written["data"] or folder.path),
                remedy="Bring them back as they were, or start a new run.",
            )
    if folder.split.is_file():
        parts = replace(parts, parts=Split.read(folder.split, dataset).parts)
    elif resolved.parts_given:
        raise RunError(
            "the split that this run was started with is gone",
            where=str(folder.split),
            remedy="Start a new run.",
        )
    job = Job(dataset, parts, resolved, written["data"], model)
    if model is not None:
        check_fits(job, parts.indices(Part.TRAIN))
    return job


def found_again(folder: RunFolder, data: object, place: Any, recipe: Recipe) -> Dataset:
    """The data of a run, or those that are given in their place. Raises RunError where they are not
    where they were.
    """
    if data is not None:
        return opened(data, recipe.task, recipe.noise)
    try:
        return opened(place, recipe.task, recipe.noise)
    except UsageError as error:  # no such path, and no such name
        raise RunError(
            "the data that this run was started on are not there any more",
            where=str(place),
            remedy=f"Give their new place: `{folder.resume_command} --data PLACE`.",
        ) from error


def check_fits(job: Job, training: Ids, progress: Progress | None = None) -> None:
    """Raises what `check_network` and `check_file` raise, for a network that cannot be trained, or
    not be loaded again.
    """
    task, contract = job.learned(training), job.resolved.contract
    check_network(job.recipe, contract, task.output(), job.module, progress)
    if job.module is not None:
        check_file(Bundle(model=job.module, task=task, contract=contract))


def check_not_empty(dataset: Dataset, training: Ids, found: str) -> None:
    if not len(training):
        raise DataError(
            f"there is no image to train on; {found}",
            where=dataset.name,
            remedy="Put images into one folder a class, or into train/CLASS/.",
        )


def check_weights(dataset: Dataset, training: Ids) -> None:
    """Raises DataError for weights by which no training image counts, or which overflow in sums."""
    if dataset.weights is None:
        return
    largest = float(dataset.weights[training].max())
    if not largest:
        raise DataError(
            f"each of the {len(training):,} training images has the weight 0: none would be "
            "learned from",
            where=dataset.name,
            remedy="Leave the weights out, or give some images another one.",
        )
    if not largest <= MOST_WEIGHT:
        raise DataError(
            f"a training image has the weight {largest:.3g}",
            where=dataset.name,
            remedy="Only their ratios count: divide all by the largest.",
        )


def check_one_network(recipe: Recipe, module: nn.Module | None) -> None:
    """Raises UsageError where there are two: the file would name one, and hold the other."""
    if module is not None and recipe.model is not None:
        raise UsageError(
            f"two networks: {recipe.model} by its name, and a module",
            where="model",
            remedy="Leave one of them out.",
        )


def assigned(dataset: Dataset, recipe: Recipe, progress: Progress) -> Split:
    shown = progress.task("comparing images")
    return assign(dataset, validation=recipe.validation, test=recipe.test, progress=shown)


def handed_in(parts: Split, dataset: Dataset) -> Split:
    """A split of the user's own, with a hash of the images that it was made for."""
    if len(parts.parts) != len(dataset):
        raise UsageError(
            f"a split of {len(parts.parts):,} examples for {len(dataset):,} images",
            where="parts",
            remedy="Make it of the same data: vitreous.data.splits.split.split(dataset).",
        )
    hashes, _ = digests(dataset)
    content = hashlib.blake2b(hashes.tobytes(), digest_size=16).hexdigest()
    return replace(parts, content=content)


def where(data: object) -> str | None:
    """How `resume` finds the data again: an absolute path, a name, or None for data in memory."""
    if not isinstance(data, str | Path):
        return None
    return located(data)
