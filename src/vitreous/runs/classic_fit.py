"""Fitting a classic method: all training images at once, in place of the training loop.

What is fitted is a network like any other, see `models.classic`; everything before and after, from
the split to the report, is that of every run. So is a method that a network is held against: it
learns from the same training images and is asked about the same others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from torch import Tensor

from vitreous.data.dataset import Part
from vitreous.inference.predictor import MOST, Predictor
from vitreous.metrics.score import Rule, Scores
from vitreous.models import create
from vitreous.models.classic import Classic, Shown, title
from vitreous.progress.progress import Progress
from vitreous.runs.setup import TrainingSetup
from vitreous.tasks.task import Ids


def fit_once(network: Classic, setup: TrainingSetup, progress: Progress) -> None:
    """Let it learn from the training part; the validation part tells how certain it may be."""
    recipe = setup.recipe
    network.learn(
        shown(setup, setup.ids[Part.TRAIN]),
        shown(setup, setup.ids[Part.VALIDATION]),
        seed=recipe.seed,
        threads=recipe.threads or 2,
        told=progress.task(f"learning: {network.name}"),
    )


def shown(setup: TrainingSetup, ids: Ids) -> Shown:
    """These rows, as a classic method takes them."""
    labels = setup.targets["class"].gather(ids).astype(np.int64)
    weights = np.ones(len(ids))
    if setup.dataset.weights is not None:
        weights *= setup.dataset.weights[ids]
    if setup.task.balance is not None:
        weights *= setup.task.balance.numpy()[labels]
    return Shown(partial(batches, setup, ids), labels, weights)


def batches(setup: TrainingSetup, ids: Ids) -> Iterator[Tensor]:
    for first in range(0, len(ids), MOST):
        rows = setup.rows[ids[first : first + MOST]]
        yield setup.contract.images(rows).to(setup.recipe.device)


@dataclass(frozen=True)
class Rival:
    """A classic method that has learned from the same images as the network."""

    name: str
    predictor: Predictor

    def rule(self, setup: TrainingSetup, ids: Ids) -> Rule:
        """What it reaches on these rows."""
        meter = self.predictor.measure(setup.rows, setup.targets, ids)
        detail = f"{title(self.name)}, from the same training images"
        return self.predictor.task.rule(self.name, detail, meter)


def rivals(setup: TrainingSetup, progress: Progress) -> list[Rival]:
    """The methods that the recipe wants the network to be held against, each fitted."""
    found = []
    height, width, channels = setup.contract.shape
    normalize = getattr(setup.network, "normalize", None)
    pixels = (
        {name: getattr(normalize, name).flatten().tolist() for name in ("mean", "std")}
        if normalize is not None
        else {}
    )
    for name in setup.recipe.against:
        network = create(
            name,
            num_classes=len(setup.task.classes),
            in_channels=channels,
            size=(height, width),
            **pixels,
        )
        assert isinstance(network, Classic)
        network.to(setup.recipe.device)
        fit_once(network, setup, progress)
        predictor = Predictor(model=network.eval(), task=setup.task, contract=setup.contract)
        found.append(Rival(name, predictor))
    return found


def best_rival(chosen: Scores, told: Scores, part: str, names: Sequence[str]) -> list[str]:
    """One sentence about the best of several methods, and how the network compares.

    chosen  scores of the part that the best is chosen by, validation where there is one
    told    scores of the part that is told of
    """
    headline = told.headline
    reached = {
        rule.name: score
        for rule in chosen.baselines
        if rule.name in names and (score := rule.score(headline.name)) is not None
    }
    if not reached:
        return []
    best = max(reached, key=lambda name: reached[name].gain)
    score = next(rule.score(headline.name) for rule in told.baselines if rule.name == best)
    assert score is not None
    bounds = ""
    if score.bounds is not None:
        low, high = (score.format(limit) for limit in score.bounds)
        bounds = f" (95 % interval {low} to {high})"
    chosen_by = "" if len(names) == 1 else f" of {len(names)}, chosen on the validation part"
    if len(names) > 1 and chosen is told:
        chosen_by = f" of {len(names)}, chosen by this very score"
    return [
        f"the best classic method{chosen_by}: {best}, {score.text}{bounds} {headline.title} on the "
        f"{part} part; the network reaches {headline.text}"
    ]
