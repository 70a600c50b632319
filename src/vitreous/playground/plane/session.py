"""One experiment in the plane: settings, points, a network, and training one step at a time.

A session steps the very loop that trains every other network here, `training.fit`; a page, a
test or a notebook asks it for steps and looks at what it holds in between.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from vitreous.blocks.dense import Dense
from vitreous.data.batches.batch import Batch
from vitreous.data.synthetic import Points, divide, sample
from vitreous.errors import DivergedError, UsageError
from vitreous.losses.penalty import Penalty
from vitreous.models.mlp import perceptron
from vitreous.playground.plane.initializers import BEGINNINGS
from vitreous.playground.plane.page_state import LIVE, OWN, State
from vitreous.playground.plane.plane_features import Features
from vitreous.playground.plane.plane_losses import Loss, loss_for
from vitreous.training.fit import Step, fit
from vitreous.training.optimizer import optimizer
from vitreous.training.reproduce import seeded

# Weights shrink by the penalties of the settings alone, except where decay is the method's point.
DECAY = {"adamw": 0.01}


@dataclass(frozen=True, eq=False)
class Part:
    """Points as the network takes them: inputs (N, F), targets (N, 1), and places (N, 2)."""

    inputs: Tensor
    targets: Tensor
    places: Tensor


@dataclass(frozen=True)
class Score:
    """loss: the mean over all points, without penalty; accuracy: None for regression."""

    loss: float
    accuracy: float | None


@dataclass(frozen=True, eq=False)
class Layer:
    """What a dense layer makes of points: sums z and activations a, both (N, units)."""

    z: Tensor
    a: Tensor


@dataclass(frozen=True)
class Edit:
    """A weight that was set by hand: after `step` steps, of a unit in a layer (0 is the first).

    source  which of the unit's inputs; None for its bias
    """

    step: int
    layer: int
    unit: int
    source: int | None
    value: float


@dataclass(frozen=True)
class Phase:
    """A stretch of training with the same settings; the last one is still going on."""

    first_step: int
    lr: float
    l1: float
    l2: float


class Session:
    """Settings in, a network that learns out.

    steps     optimizer steps taken since the start
    phases    what the live settings were, and from which step on
    edits     weights and biases that were set by hand since then
    failure   why training stopped for good (the loss is no number any more), or None
    """

    def __init__(self, state: State | None = None) -> None:
        self.state = state or State()
        self.restart()

    def restart(self, state: State | None = None) -> None:
        """Draw the points and the first weights again, from the settings given or those held.

        Raises UsageError if there are fewer than two points; the session then stays as it was.
        """
        state = state or self.state
        train, test = divide(points_of(state), state.ratio)
        self.state = state
        self.steps = 0
        self.failure: str | None = None
        self.phases = [Phase(0, state.lr, state.l1, state.l2)]
        self.edits: list[Edit] = []
        self.features = Features(state.features)
        self.train, self.test = self._part(train), self._part(test)
        self.loss: Loss = loss_for(state.task, state.loss)
        with seeded(state.seed):
            self.network = perceptron(
                len(state.features), *state.hidden, 1, act=state.activation, dropout=state.dropout
            )
            BEGINNINGS[state.init].begin(self.network)
        decay = DECAY.get(state.optimizer, 0.0)
        self.optimizer = optimizer(state.optimizer, self.network, lr=state.lr, weight_decay=decay)
        self._supply = self._batches()
        self._fit()

    def change(self, changes: Mapping[str, Any]) -> bool:
        """Take other settings; True if they made it start again, False if training just goes on."""
        state = self.state.change(changes)
        if state == self.state:
            return False
        differing = {name for name in changes if getattr(state, name) != getattr(self.state, name)}
        begun = self.steps or self.edits
        if not begun or not differing <= LIVE or self.failure:
            self.restart(state)
            return True
        self.state = state
        for group in self.optimizer.param_groups:
            group["initial_lr"] = state.lr
        phase = Phase(self.steps, state.lr, state.l1, state.l2)
        kept = [past for past in self.phases if past.first_step < self.steps]
        self.phases = [*kept, phase]
        self._fit()
        return False

    def assign(self, layer: int, unit: int, source: int | None, value: float) -> None:
        """Set a weight, or without a source the unit's bias. Optimizers keep what they have seen.

        Raises UsageError if there is no such weight, or training failed.
        """
        if self.failure:
            raise UsageError(
                "the loss is no number any more", where="weight", remedy="Restart the training."
            )
        linears = self.linears
        limits = {"layer": (layer, len(linears))}
        if 0 <= layer < len(linears):
            limits["unit"] = (unit, linears[layer].out_features)
            if source is not None:
                limits["source"] = (source, linears[layer].in_features)
        for name, (index, count) in limits.items():
            if not 0 <= index < count:
                raise UsageError(
                    f"there is no {name} {index}",
                    where=name,
                    remedy=f"Give a number from 0 to {count - 1}.",
                )
        with torch.no_grad():
            if source is None:
                linears[layer].bias[unit] = value
            else:
                linears[layer].weight[unit, source] = value
        self.edits.append(Edit(self.steps, layer, unit, source, value))

    def advance(self, steps: int | None = None, *, seconds: float | None = None) -> int:
        """Train for a number of steps, or until the time is up; returns the steps taken.

        It stops early where training failed.
        """
        if self.failure:
            return 0
        first, start = self.steps, time.perf_counter()
        for _ in islice(self._steps(), steps):
            if seconds is not None and time.perf_counter() - start >= seconds:
                break
        return self.steps - first

    def _steps(self) -> Iterator[Step]:
        """The training loop's steps, counted; it ends where the loss is no number any more."""
        try:
            for step in self._training:
                self.steps = step.number
                yield step
        except DivergedError as error:
            self.failure = str(error)

    @property
    def epoch(self) -> int:
        """Whole passes over the training points."""
        return self.steps // -(-len(self.train.inputs) // self.state.batch_size)

    def layers(self, inputs: Tensor) -> list[Layer]:
        """What each hidden layer, then the output, makes of features (N, F), without dropout."""
        found = []
        with torch.inference_mode():
            x = inputs
            for dense in self.hidden:
                z = dense.get_submodule("linear")(x)
                x = dense.get_submodule("act")(z)
                found.append(Layer(z, x))
            z = self.network[-1](x)
            found.append(Layer(z, self.loss.squash(z)))
        return found

    def answer(self, places: Tensor) -> Tensor:
        """The answer in [-1, 1] at points of the plane (N, 2): (N,)."""
        return self.layers(self.features(places))[-1].a[:, 0]

    def score(self, part: Part) -> Score:
        """Loss and accuracy on the training or the test points."""
        with torch.inference_mode():
            outputs = self.layers(part.inputs)[-1].z
            loss = float(self.loss.each(outputs, part.targets).mean())
            if self.state.task == "regress":
                return Score(loss, None)
            return Score(loss, float(((outputs > 0) == (part.targets > 0)).float().mean()))

    @property
    def hidden(self) -> list[Dense]:
        """The hidden layers, each with children `linear` and `act`."""
        return cast(list[Dense], list(self.network)[:-1])

    @property
    def linears(self) -> list[nn.Linear]:
        """The dense layers in order, the output's included."""
        hidden = [dense.get_submodule("linear") for dense in self.hidden]
        return cast(list[nn.Linear], [*hidden, self.network[-1]])

    def _part(self, points: Points) -> Part:
        places = torch.tensor(points.inputs, dtype=torch.float32)
        targets = torch.tensor(points.targets, dtype=torch.float32)[:, None]
        return Part(self.features(places), targets, places)

    def _fit(self) -> None:
        """The training loop from the present step on, under the present settings."""
        state = self.state
        penalized = state.l1 > 0 or state.l2 > 0
        self._training = fit(
            self.network,
            self._supply,
            self.losses,
            self.optimizer,
            lambda step: 1.0,
            penalty=Penalty(l1=state.l1, l2=state.l2 / 2) if penalized else None,
            seed=state.seed,
            first_step=self.steps,
        )

    def _batches(self) -> Iterator[Batch]:
        """Endless epochs, each in an order of its own."""
        generator = torch.Generator().manual_seed(self.state.seed)
        inputs, targets = self.train.inputs, self.train.targets
        while True:
            order = torch.randperm(len(inputs), generator=generator)
            for rows in torch.split(order, self.state.batch_size):
                self.batch = Batch(inputs[rows], {"value": targets[rows]}, rows, None)
                yield self.batch

    def losses(self, outputs: Tensor, targets: Any) -> Tensor:
        """The losses of a batch, (B,)."""
        return self.loss.each(outputs, targets["value"])


def points_of(state: State) -> Points:
    """The points of an experiment, rounded to what a page can show and a script can print."""
    generator = np.random.default_rng(state.seed)
    if state.data != OWN:
        points = sample(state.data, state.count, noise=state.noise, generator=generator)
    elif len(state.points) < 2:
        raise UsageError(
            f"{len(state.points)} own points",
            where="points",
            remedy="Draw or paste two points at least.",
        )
    else:
        table = np.array(state.points)[generator.permutation(len(state.points))]
        points = Points(table[:, :2], table[:, 2])
    targets = points.targets
    if state.task == "classify":
        targets = np.where(targets > 0, 1.0, -1.0)
    return Points(points.inputs.round(4), targets.round(4))
