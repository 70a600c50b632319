"""Training phases: the full network, or a linear probe on cached features, then fine-tuning."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.optim import Optimizer

from vitreous.data.batches.batches import Batches
from vitreous.data.batches.epoch_batches import EpochBatches
from vitreous.data.batches.pack import key
from vitreous.data.dataset import Part
from vitreous.distributed import ALONE, Ranks
from vitreous.inference.features import FeatureBatches, FeatureViews, features
from vitreous.inference.predictor import Predictor
from vitreous.metrics.score import Scores
from vitreous.models import anew, backbone_and_head
from vitreous.progress.progress import Progress
from vitreous.recipes.recipe import Recipe, seconds
from vitreous.robust.adversarial_training import AdversarialBatches
from vitreous.robust.epsilon import LEVELS
from vitreous.runs.run_engine import of_features
from vitreous.runs.setup import TrainingSetup
from vitreous.training.average import Average
from vitreous.training.budget import Budget
from vitreous.training.compiler import compiled
from vitreous.training.fit import Gradients
from vitreous.training.lookahead import Lookahead
from vitreous.training.optimizer import optimizer
from vitreous.training.precision import Precision
from vitreous.training.schedule import Schedule
from vitreous.training.stopping import EarlyStopping


@dataclass(frozen=True, kw_only=True)
class TrainingPhase:
    """One pass through the training loop: what it trains, and all that has a state in it.

    name       head or network: what it trains
    network    the module that takes the batches
    validate   scores of the validation part with the network as it is; None without such a part
    epochs     at most
    end        seconds of training that may have passed when it ends, over all phases
    schedule   of the learning rate; with a time it is fixed after the first steps
    average    of the weights, if there is to be one
    precision  number format of its forward pass
    gradients  computes them; None is autograd
    call       computes the outputs in training; None is the network itself
    ranks      processes that have a share of each batch
    """

    name: str
    network: nn.Module
    batches: EpochBatches
    validate: Callable[[], Scores] | None
    loss: Callable[[Any, Any], Tensor]
    optimizer: Optimizer
    epochs: int
    schedule: Schedule | Budget
    end: float = math.inf
    stopping: EarlyStopping = field(default_factory=EarlyStopping)
    average: Average | None = None
    precision: Precision = field(default_factory=Precision)
    gradients: Gradients | None = None
    call: Callable[[Tensor], Any] | None = None
    ranks: Ranks = ALONE

    @property
    def stateful(self) -> dict[str, Any]:
        """By name, all that a checkpoint has to hold."""
        parts: dict[str, Any] = {
            "network": self.network,
            "optimizer": self.optimizer,
            "scaler": self.precision.scaler,
            "stopping": self.stopping,
        }
        if isinstance(self.schedule, Budget):
            parts["budget"] = self.schedule
        if self.average is not None:
            parts["average"] = self.average
        return parts


def phases(setup: TrainingSetup, progress: Progress, done: int = 0) -> Iterator[TrainingPhase]:
    """One for the whole network; or one for its last layer on features computed once, and a second
    one for the whole network if it is to be fine-tuned. Each is prepared when its turn comes.

    done  how many had ended before a resume; these are not prepared
    """
    recipe = setup.recipe
    if recipe.freeze == "none":
        makers = [partial(whole, setup, recipe.epochs or 1, recipe.lr)]
    else:
        makers = [partial(head, setup, progress)]
        if recipe.fine_tune:
            makers.append(partial(whole, setup, recipe.fine_tune, (recipe.lr or 1e-3) / 10))
    for number in range(done, len(makers)):
        # Each phase may take an equal share of the time, and what those before it have left.
        yield makers[number](share=(number + 1) / len(makers))


def augmented_batches(setup: TrainingSetup) -> Batches:
    """The training images as the whole network sees them."""
    recipe = setup.recipe
    return Batches(
        setup.rows,
        setup.targets,
        np.repeat(setup.ids[Part.TRAIN], setup.augment.pieces(setup.size)),
        setup.learned_from,
        batch_size=recipe.batch_size or 64,
        seed=recipe.seed,
        augment=setup.augment,
        renew=setup.task.renewal(),
        pretext=setup.task.pretext("learning"),
        views=setup.task.views,
        weights=setup.dataset.weights,
        balance="sampler" if recipe.balance == "sampler" else None,
        device=recipe.device,
        threads=max(1, (recipe.threads or 2) // setup.ranks.here),
        ranks=setup.ranks,
    )


def whole(setup: TrainingSetup, epochs: int, lr: float | None, *, share: float) -> TrainingPhase:
    """All layers, on augmented images; pretrained ones at a lower rate."""
    recipe, network, ids = setup.recipe, setup.network, setup.ids[Part.VALIDATION]
    batches: EpochBatches = augmented_batches(setup)
    if recipe.adversarial:
        batches = AdversarialBatches(
            batches,
            network,
            setup.task.loss,
            recipe.adversarial / LEVELS,
            recipe.adversarial_steps or 1,
            recipe.seed,
            setup.precision,
        )
    warm = recipe.pretrained not in (None, "no")
    method = optimizer(
        recipe.optimizer or "adamw",
        network,
        lr=lr,
        weight_decay=recipe.weight_decay,
        momentum=recipe.momentum,
        head=anew(network) if warm else None,
        backbone_lr=recipe.backbone_lr if warm else 1.0,
        layer_decay=recipe.layer_decay or 1.0,
        bias_lr=recipe.bias_lr or 1.0,
    )
    predictor = Predictor(
        model=network, task=setup.task, contract=setup.contract, precision=setup.precision.name
    )

    def validate() -> Scores:
        # Processes measure shares of unequal size, and a sharded network has to be asked by all.
        asked = replace(predictor, model=setup.complete) if setup.skeleton else predictor
        return score(asked, setup.rows, setup.targets, ids, setup.ranks)

    return TrainingPhase(
        name="network",
        network=network,
        batches=batches,
        validate=validate if len(ids) else None,
        loss=setup.task.loss,
        optimizer=method,
        epochs=epochs,
        precision=setup.precision,
        gradients=setup.gradients,
        call=compiled(network) if recipe.compile else None,
        ranks=setup.ranks,
        **schedule_of(recipe, network, epochs, len(batches), share),
    )


def head(setup: TrainingSetup, progress: Progress, *, share: float) -> TrainingPhase:
    """The last layer alone, on features. The backbone is frozen, its statistics too."""
    recipe, epochs = setup.recipe, setup.recipe.epochs or 1
    backbone, last = backbone_and_head(setup.network.eval())
    identity, engine = key(setup.dataset, setup.contract), of_features(setup, progress.note)
    seen = {
        part: features(
            backbone,
            setup.network,
            setup.rows,
            setup.ids[part],
            setup.contract,
            setup.precision,
            mirrored=part is Part.TRAIN and setup.augment.flip > 0,
            key=identity,
            architecture=(recipe.model, setup.arguments) if recipe.model else None,
            progress=progress.task(f"features of the {part.name.lower()} part"),
            ranks=setup.ranks,
            engine=engine,
        )
        for part in (Part.TRAIN, Part.VALIDATION)
        if len(setup.ids[part])
    }
    weights, train = setup.dataset.weights, setup.ids[Part.TRAIN]
    batches = FeatureBatches(
        seen[Part.TRAIN],
        {name: column.take(train) for name, column in setup.targets.items()},
        batch_size=recipe.batch_size or 64,
        seed=recipe.seed,
        weights=None if weights is None else weights[train],
        balance="sampler" if recipe.balance == "sampler" else None,
        device=recipe.device,
        ranks=setup.ranks,
    )
    # The network's own dropout lies before its last layer, in what is frozen here.
    network = nn.Sequential(nn.Dropout(recipe.dropout), last) if recipe.dropout else last
    method = optimizer(
        recipe.optimizer or "adamw",
        last,
        lr=recipe.lr,
        weight_decay=recipe.weight_decay,
        momentum=recipe.momentum,
    )
    validate = None
    if Part.VALIDATION in seen:
        held = seen[Part.VALIDATION]
        predictor = Predictor(model=last, task=setup.task, contract=FeatureViews(held))
        ids = setup.ids[Part.VALIDATION]
        targets = {name: column.take(ids) for name, column in setup.targets.items()}
        validate = partial(score, predictor, held, targets, predictor.contract.ids, setup.ranks)
    return TrainingPhase(
        name="head",
        network=network,
        batches=batches,
        validate=validate,
        loss=setup.task.loss,
        optimizer=method,
        epochs=epochs,
        precision=Precision("float32", setup.precision.device),
        ranks=setup.ranks,
        **schedule_of(recipe, network, epochs, len(batches), share),
    )


def score(predictor: Predictor, rows: Any, targets: Any, ids: Any, ranks: Ranks) -> Scores:
    """What the network is worth on these rows, with the task's settings as they are."""
    return predictor.task.scores(predictor.measure(rows, targets, ids, ranks=ranks))


def schedule_of(
    recipe: Recipe, network: nn.Module, epochs: int, batches: int, share: float
) -> dict[str, Any]:
    """Learning rate schedule, end of time, early stopping and weight average of a phase.

    share  of the recipe's time that may have passed at its end
    """
    full = Schedule(
        recipe.schedule or "one_cycle",
        steps_in(epochs, batches, recipe.accumulate),
        recipe.warmup,
        recipe.milestones,
        recipe.step_factor,
        hold=1 - (recipe.swa or 0.0),
    )
    end = math.inf if recipe.time is None else share * seconds(recipe.time)
    schedule = full if recipe.time is None else Budget(full, end)
    average: Average | None = None
    if recipe.lookahead:
        average = Lookahead(network, recipe.lookahead, schedule.progress)
    elif recipe.ema or recipe.swa:
        average = Average(
            network,
            recipe.ema or None,
            starts=lambda number: not recipe.swa or schedule.progress(number) >= full.hold,
        )
    return {
        "schedule": schedule,
        "end": end,
        "stopping": EarlyStopping(recipe.patience),
        "average": average,
    }


# With accumulation, a step may take its batches from the end of one epoch and the start of the
# next; an epoch ends with the step that takes its last batch. Whole numbers, because a step has no
# share of a batch: 10 // (10 / 3) is 2.


def steps_in(epochs: int, batches: int, accumulate: int) -> int:
    """Steps that take all batches of so many epochs."""
    return -(-epochs * batches // accumulate)


def ends_epoch(step: int, batches: int, accumulate: int) -> bool:
    """Does step number `step`, from 1, take the last batch of an epoch?"""
    return step * accumulate // batches > (step - 1) * accumulate // batches
