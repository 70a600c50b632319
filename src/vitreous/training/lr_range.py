"""Learning rate finder: one short training with a rate that rises, on a copy of the network.

The loss is followed while the rate goes from far too low to far too high, by the same factor each
step. Where it falls fastest is a good rate; where it turns up, the rate is too high. Network,
optimizer and random numbers are afterwards as they were, because none of them was used.
Smith (2017), "Cyclical learning rates for training neural networks", arXiv:1506.01186, section 3.3.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from vitreous.data.batches.batch import Batch
from vitreous.drawing.chart import Line, line_chart
from vitreous.errors import DivergedError, TrainingError
from vitreous.training.fit import fit
from vitreous.training.precision import Precision

Floats = NDArray[np.float64]
SMOOTHING = 0.8  # share of the mean before, in the running mean of the loss
BROKEN = 3.0  # times the least loss: a rate at which the loss is that high is too high
LEAST = 0.05  # share of the first loss that has to go, or nothing was found
MARGIN = 3.0  # between the rate with the least loss and one that is safe
FEWEST = 20  # steps


@dataclass(frozen=True)
class LrRange:
    """What the finder saw.

    rates   (S,) learning rate of each step; losses (S,) running mean of the loss, bias corrected
    best    where the loss falls fastest: the peak rate to train with
    highest the rate with the least loss: beyond it, training breaks
    """

    rates: Floats
    losses: Floats
    best: float
    highest: float

    def chart(self) -> str:
        """The loss by the decimal logarithm of the rate, as HTML with SVG."""
        line = Line("loss", np.log10(self.rates).tolist(), self.losses.tolist())
        mark = float(np.log10(self.best)), f"{self.best:.2g}"
        title = "Loss while the learning rate rises"
        return str(line_chart([line], title=title, x_label="log10 of the rate", mark=mark))


def find_lr(
    model: nn.Module,
    batches: Callable[[], Iterable[Batch]],
    loss: Callable[[Any, Any], Tensor],
    optimizer: Optimizer,
    *,
    lowest: float = 1e-6,
    highest: float = 10.0,
    steps: int = 100,
    accumulate: int = 1,
    precision: Precision | None = None,
    seed: int = 0,
) -> LrRange:
    """A good peak learning rate for a network as it is now.

    batches     makes an epoch of batches; it is called again where one is too short
    loss        as for `fit`
    optimizer   of the network; it is copied with it, with its state and the ratios of its rates
    steps       optimizer steps: each has one rate, however many batches are accumulated

    Raises TrainingError where no rate lowers the loss.
    """
    if not 0 < lowest < highest or steps < FEWEST:
        raise TrainingError(
            f"{steps} steps from {lowest:g} to {highest:g} tell nothing",
            where="learning rate finder",
            remedy=f"Take {FEWEST} steps or more, from a low rate to a high one.",
        )
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if held.isdisjoint(id(p) for p in model.parameters()):
        raise TrainingError(
            "the optimizer holds none of the network's weights",
            where="learning rate finder",
            remedy="Make it of model.parameters() of the same network.",
        )
    own, method = copy.deepcopy((model, optimizer))  # together: the copy holds the copy's weights
    for group in method.param_groups:
        # Rates of groups keep their ratios, and the first one has the rate that is told.
        group["initial_lr"] = peak(group) / peak(optimizer.param_groups[0])
    rates = np.geomspace(lowest, highest, steps)
    seen = fit(
        own,
        endless(batches),
        loss,
        method,
        lambda number: float(rates[min(number, steps - 1)]),
        precision=precision,
        accumulate=accumulate,
        seed=seed,
    )
    losses: list[float] = []
    mean = 0.0
    try:
        for step in seen:
            mean = SMOOTHING * mean + (1 - SMOOTHING) * float(step.loss)
            losses.append(mean / (1 - SMOOTHING**step.number))
            if losses[-1] > BROKEN * min(losses) or step.number >= steps:
                break
    except DivergedError:
        pass  # the rates have come to where they are too high
    finally:
        seen.close()
    return judged(rates[: len(losses)], np.array(losses))


def peak(group: dict[str, Any]) -> float:
    """The rate that a schedule is a factor on."""
    return float(group.get("initial_lr", group["lr"]))


def judged(rates: Floats, losses: Floats) -> LrRange:
    """The rate of the steepest fall before the least loss. Raises TrainingError without a fall."""
    least = int(losses.argmin()) if len(losses) else 0
    if least < 3 or losses[least] > (1 - LEAST) * losses[: max(1, least // 4)].mean():
        raise TrainingError(
            "no learning rate lowers the loss of this network",
            where="learning rate finder",
            remedy="See whether it can learn at all: `vt.doctor(model)` round a few steps.",
        )
    slopes = np.gradient(losses[: least + 1], np.log(rates[: least + 1]))
    highest = float(rates[least])
    steepest = float(rates[int(slopes.argmin())])
    return LrRange(rates, losses, min(steepest, highest / MARGIN), highest)


def endless(batches: Callable[[], Iterable[Batch]]) -> Iterator[Batch]:
    """Epoch after epoch."""
    while True:
        found = False
        for batch in batches():
            found = True
            yield batch
        if not found:
            return
