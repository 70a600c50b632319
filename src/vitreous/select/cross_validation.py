"""Cross-validation of a recipe: each image is answered by a model that has not seen it.

    1  divide the images into folds          3  hold the answers against the truth
    2  train on all folds but one, and       4  mean and spread of the score over the folds
       answer the images of that one         5  train on all images: the model to use

Every fold is a run like any other, with a part of its remaining images for choosing. What is done
lies on the disk: a search that was killed goes on with the fold that it was in.
Stone (1974), "Cross-validatory choice and assessment of statistical predictions".
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Unpack

import numpy as np
from numpy.typing import NDArray

from vitreous.data.dataset import Dataset, Part
from vitreous.data.splits.folds import folds, resampled
from vitreous.data.splits.groups import grouped
from vitreous.data.splits.split import Split
from vitreous.data.splits.split import split as assign
from vitreous.errors import UsageError
from vitreous.fields import Between, checked
from vitreous.files import read_json, read_table, write_json, write_table
from vitreous.formats import counted
from vitreous.metrics.score import Score
from vitreous.progress.choose import following
from vitreous.progress.progress import Progress
from vitreous.recipes.keywords import RecipeFields
from vitreous.recipes.recipe import Recipe
from vitreous.runs.run import Run
from vitreous.select.search_folder import begin, run_once, taken_up
from vitreous.tasks.asked import opened
from vitreous.training.history import best_epoch

MEANING = (
    "95 % interval of the mean by Nadeau and Bengio's corrected t: folds share training images, so "
    "their scores are not independent, and the plain one would be too narrow"
)


@dataclass(frozen=True)
class Fold:
    """Which images one model learns from, and which it is asked about.

    name      of its folder
    training  (M,) rows; often: how many times each counts
    held_out  rows that it has not seen
    """

    name: str
    training: NDArray[np.int64]
    often: NDArray[np.int64]
    held_out: NDArray[np.int64]


@dataclass(frozen=True)
class CrossValidation:
    """What was found.

    folder       with `cv.json`, `predictions.csv`, a run for each fold, and `final`
    scores       the headline score of each fold
    mean         its mean over the folds, each as large as its images are many
    interval     of the mean, see MEANING; None of a single fold
    final        the run on all images; None where that was not asked for
    """

    folder: Path
    scores: tuple[Score, ...]
    mean: float
    interval: tuple[float, float] | None
    final: Run | None

    @property
    def predictions(self) -> Path:
        """The answer to each held-out image by a model that had not seen it."""
        return self.folder / "predictions.csv"

    def summary(self) -> dict[str, Any]:
        """What `--json` prints."""
        found: dict[str, Any] = read_json(self.folder / "cv.json")
        return found

    def __repr__(self) -> str:
        one = self.scores[0]
        low, high = self.interval or (self.mean, self.mean)
        return (
            f"CrossValidation({str(self.folder)!r}, {one.title} {one.format(self.mean)}, "
            f"{one.format(low)} to {one.format(high)}, {counted(len(self.scores), 'fold')})"
        )


def cross_validate(
    data: object = "digits",
    recipe: Recipe | None = None,
    *,
    model: str | None = None,
    folds: Annotated[int, Between(2, 1_000_000)] | None = 5,
    repeats: int = 1,
    draws: int = 0,
    group: str | None = None,
    refit: bool = True,
    out: str | Path | None = None,
    progress: Progress | bool | None = None,
    **fields: Unpack[RecipeFields],
) -> CrossValidation:
    """Measure a recipe on every image, each time by a model that has not seen it.

    folds    how many; None leaves one image (or group) out after the other
    repeats  divide the images anew so many times
    draws    in place of folds: so many samples with replacement, each measured on what it left out
    group    a regular expression: images in whose names it finds the same stay in one fold
    refit    train on all images at the end
    out      the folder, in which a search that was killed goes on; default: runs/NAME-cv
    fields   of the recipe, and model, as for `train`

    Folds depend on the content of the images and on the recipe's seed alone, so they are the same
    on any machine. A test part that the data prescribe is in no fold.

    Raises UsageError for more folds than a class has images, RunError for a folder of another
    search, and what `train` raises.
    """
    recipe = (recipe or Recipe()).replace(**fields, **({} if model is None else {"model": model}))
    checked("repeats", repeats, Annotated[int, Between(1, 10_000)])
    checked("draws", draws, Annotated[int, Between(0, 100_000)])
    dataset = opened(data, recipe.task, recipe.noise, bad_images=recipe.bad_images)
    if group is not None:
        dataset.groups = grouped(dataset, group)
    plan = [*planned(dataset, recipe, folds, repeats, draws)]
    folder = Path("runs") / f"{dataset.name}-cv" if out is None else Path(out)
    search = {
        "data": dataset.fingerprint,
        "recipe": recipe.to_mapping(),
        "folds": [hashlib.sha256(fold.held_out.tobytes()).hexdigest()[:16] for fold in plan],
    }
    begin(folder, search, "cross-validation", "of other data, settings or folds")
    with following(progress) as shown, taken_up(folder):
        runs = []
        for number, fold in enumerate(plan, 1):
            shown.note(f"fold {number} of {len(plan)}")
            parts = parts_of(fold, dataset, recipe)
            weighted_by = weighted(dataset, fold)
            runs.append(run_once(folder / fold.name, weighted_by, recipe, parts, shown))
        final = None
        if refit:
            shown.note("all images: the model to use")
            whole = everything(dataset, runs, recipe)
            final = run_once(folder / "final", dataset, *whole, shown)
    return told(folder, plan, runs, final)


def planned(
    dataset: Dataset, recipe: Recipe, count: int | None, repeats: int, draws: int
) -> Iterator[Fold]:
    """The folds, or the samples, one after the other."""
    rows = np.flatnonzero(dataset.parts != Part.TEST)
    if draws:
        samples = resampled(dataset, draws, seed=recipe.seed, rows=rows)
        for number, (drawn, often, rest) in enumerate(samples, 1):
            yield Fold(f"draw{number:03}", drawn, often, rest)
        return
    for repeat in range(repeats):
        divided = folds(dataset, count, seed=recipe.seed + repeat, rows=rows)
        for number, (learned, held_out) in enumerate(divided, 1):
            name = f"fold{number:03}" if repeats == 1 else f"repeat{repeat + 1:02}-fold{number:03}"
            yield Fold(name, learned, np.ones(len(learned), np.int64), held_out)


def parts_of(fold: Fold, dataset: Dataset, recipe: Recipe) -> Split:
    """The split of one fold: what it holds out is the test part; the validation part is the share
    of the rest that any run would take.
    """
    usual = assign(dataset, validation=recipe.validation, test=0.0).parts
    parts = np.full(len(dataset), Part.UNASSIGNED, np.int8)
    parts[fold.training] = Part.TRAIN
    chosen = fold.training[usual[fold.training] == Part.VALIDATION]
    parts[chosen] = Part.VALIDATION
    parts[fold.held_out] = Part.TEST
    return Split(parts)


def weighted(dataset: Dataset, fold: Fold) -> Dataset:
    """The data, in which an example that was drawn twice counts twice."""
    if fold.often.max(initial=1) == 1:
        return dataset
    found = copy(dataset)
    found.__dict__.pop("fingerprint", None)
    weights = np.ones(len(dataset)) if dataset.weights is None else dataset.weights.copy()
    weights[fold.training] *= fold.often
    found.weights = weights.astype(np.float32)
    return found


def everything(dataset: Dataset, runs: list[Run], recipe: Recipe) -> tuple[Recipe, Split]:
    """Recipe and split of the last training: nothing is held out, so it takes as many epochs as
    were kept on average, where stopping early was asked for.
    """
    parts = np.full(len(dataset), Part.TRAIN, np.int8)
    parts[dataset.parts == Part.TEST] = Part.TEST
    usual = assign(dataset, validation=0.0, test=0.0)
    parts[usual.parts == Part.UNASSIGNED] = Part.UNASSIGNED
    if recipe.patience is not None:
        kept = [best_epoch(run.history) or 1 for run in runs]
        recipe = recipe.replace(patience=None, epochs=max(1, round(float(np.mean(kept)))))
    return recipe, Split(parts)


def told(folder: Path, plan: list[Fold], runs: list[Run], final: Run | None) -> CrossValidation:
    """Write what was found, and return it."""
    columns: tuple[str, ...] = ("path", "fold")
    scores, rows = [], []
    for fold, run in zip(plan, runs, strict=True):
        if "test" not in run.scores:
            raise UsageError(
                f"{fold.name} has nothing that an answer could be held against",
                where="folds",
                remedy="Choose fewer folds.",
            )
        scores.append(run.scores["test"].headline)
        for row in read_table(run.folder.predictions, ("path", "part")):
            if row["part"] == "test":
                kept = {name: cell for name, cell in row.items() if name not in ("part", "rank")}
                columns = ("path", "fold", *(name for name in kept if name != "path"))
                rows.append((kept.pop("path"), fold.name, *kept.values()))
    write_table(folder / "predictions.csv", columns, rows)
    counts = np.array([len(fold.held_out) for fold in plan], float)
    values = np.array([score.value for score in scores])
    mean = float((counts * values).sum() / counts.sum())
    shares = [len(fold.held_out) / len(fold.training) for fold in plan]
    interval = corrected(values, float(np.mean(shares)), mean)
    if interval is not None and scores[0].is_share:
        interval = max(interval[0], 0.0), min(interval[1], 1.0)
    summary = {
        "cv": str(folder),
        "model": runs[0].model.architecture,
        "score": scores[0].name,
        "mean": mean,
        "interval": interval,
        "meaning": MEANING,
        "spread": float(values.std(ddof=1)) if len(values) > 1 else None,
        "folds": [
            {"run": str(run.folder.path), "images": int(count), "value": float(value)}
            for run, count, value in zip(runs, counts, values, strict=True)
        ],
        "predictions": str(folder / "predictions.csv"),
        "final": str(final.folder.path) if final else None,
    }
    write_json(folder / "cv.json", summary)
    return CrossValidation(folder, tuple(scores), mean, interval, final)


def corrected(values: NDArray[np.float64], share: float, mean: float) -> tuple[float, float] | None:
    """95 % interval of the mean of scores whose trainings share images; None of a single one.

        mean ± t(J - 1) · √((1/J + held out/trained on) · s²)

    values  (J,) one a fold; mean: of all their images
    share   images held out for each that is learned from

    Nadeau and Bengio (2003), "Inference for the generalization error", equation 5.
    """
    from scipy.stats import t

    count = len(values)
    if count < 2:
        return None
    reach = float(t.ppf(0.975, count - 1)) * math.sqrt((1 / count + share) * values.var(ddof=1))
    return mean - reach, mean + reach
