"""The training loop, written out once, as a generator: each optimizer step is handed to whoever
asks for it.

    for step in fit(model, batches, loss, optimizer, schedule):
        ...

Logging, evaluation, checkpoints, early stopping and plots are consumers of these steps; there are
no callbacks. Between two steps the model, the optimizer and the average agree with each other, and
`.grad` of each trained parameter still holds the gradient of the step that was just taken: after
clipping, and under float16 without clipping times the scale of its loss.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from vitreous.data.batches.batches import Batch
from vitreous.errors import UsageError
from vitreous.losses.penalty import Penalty, weights_of
from vitreous.training.average import Average
from vitreous.training.divergence import DivergenceGuard
from vitreous.training.precision import Precision, widened
from vitreous.training.reproduce import step_seeded


@dataclass(frozen=True, slots=True)
class Step:
    """What is known after one optimizer step.

    number    steps taken so far, this one included: the `first_step` of a resumed loop
    loss      mean loss of its examples without the penalty; a detached scalar on the
              device, because reading it makes a GPU wait
    lr        learning rate of the first group of parameters
    seconds   from asking for the examples to the end of the step, without the consumer's own time
    examples  how many were used
    weight    the sum of their weights: their number, unless they have some
    """

    number: int
    loss: Tensor
    lr: float
    seconds: float
    examples: int
    weight: Tensor | float


Pair = Sequence[Any]
"""(images, targets): what a DataLoader collates from the pairs of a data set."""

Gradients = Callable[[Batch, Tensor | float], Tensor]
"""Adds the gradients of one batch's part of a mean loss to `.grad`, and returns that part; the
second argument is the sum of the weights of all examples that the mean is over.
"""


def fit(
    model: nn.Module,
    batches: Iterable[Batch | Pair],
    loss: Callable[[Any, Any], Tensor],
    optimizer: torch.optim.Optimizer,
    schedule: Callable[[int], float] | None = None,
    *,
    precision: Precision | None = None,
    clip: float | None = None,
    accumulate: int = 1,
    average: Average | None = None,
    penalty: Penalty | None = None,
    gradients: Gradients | None = None,
    call: Callable[[Tensor], Any] | None = None,
    seed: int = 0,
    first_step: int = 0,
) -> Generator[Step, None, None]:
    """Train the model on all the batches, one optimizer step at a time.

    batches     those of `Batches`, or pairs (images, targets) as a DataLoader gives them, which are
                brought to the device of the model
    loss        (outputs, targets) -> (B,) one loss an example; a scalar counts as their mean. What
                outputs and targets are is between the model, the batches and the loss
    schedule    step number, from 0 -> factor on each group's peak rate (its "initial_lr"); None
                leaves the rates as they are
    clip        largest norm of the whole gradient
    accumulate  batches whose gradients make one step; the step is that of one large batch (for
                networks without batch norm, which sees each batch alone), also if sizes differ
    average     takes in the weights after each step
    penalty     on the weights, added to the loss
    gradients   computes them; None is autograd, `backprop.manual_gradients` does it by hand
    call        computes the outputs in place of the model, such as `compiler.compiled(model)`
    seed        torch's generators are seeded from (seed, step number), so that dropout in a
                resumed run needs no stored state; between steps they are as they were found
    first_step  number of steps taken before

    Examples are weighted by their batch's weights, if it has any: the loss is Σ w·l / Σ w.
    Raises DivergedError when the loss is no number any more. On a CPU that is noticed before the
    step, and the model still holds its last good weights; elsewhere within 20 steps.
    """
    precision = precision or Precision()
    scaler = precision.scaler
    trained = [p for group in optimizer.param_groups for p in group["params"]]
    penalized = weights_of(model) if penalty else []
    if schedule is not None:
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
    guard = DivergenceGuard()
    start = time.perf_counter()

    device = trained[0].device if trained else torch.device("cpu")
    supply = (paired(batch, device) for batch in batches)
    for number, parts in enumerate(grouped(supply, accumulate), first_step):
        if not model.training:  # a consumer may have evaluated it
            model.train()
        if schedule is not None:
            factor = schedule(number)
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * factor
        lr = optimizer.param_groups[0]["lr"]

        optimizer.zero_grad()
        total = sum(weight(batch) for batch in parts)
        shares = []
        with step_seeded(seed, number):
            for batch in parts:
                if gradients is not None:
                    shares.append(gradients(batch, total))
                    continue
                with precision.autocast():
                    outputs = forward(call or model, batch)
                losses = loss(widened(outputs), batch.targets)
                share = weighted_sum(losses, batch.weights, len(batch)) / total
                torch.autograd.backward(scaler.scale(share))
                shares.append(share.detach())
        mean = shares[0] if len(shares) == 1 else torch.stack(shares).sum()
        if penalty and number >= penalty.first_step:
            size = penalty(penalized)
            if size.requires_grad:  # else there is nothing to shrink
                torch.autograd.backward(scaler.scale(size))
        guard.add(mean)
        if clip is not None:
            scaler.unscale_(optimizer)
            norm = nn.utils.clip_grad_norm_(trained, clip)
            if not scaler.is_enabled():  # which overflows now and then, and then skips the step
                guard.add(norm)
        guard.step(number + 1, lr)
        scaler.step(optimizer)
        scaler.update()
        if average is not None:
            average.update(model, number)

        seconds = time.perf_counter() - start
        examples = sum(len(batch) for batch in parts)
        yield Step(number + 1, mean, lr, seconds, examples, total)
        start = time.perf_counter()
    guard.check()


def forward(model: Callable[[Tensor], Any], batch: Batch) -> Any:
    """The network's outputs; says what torch means by refusing a single example."""
    try:
        return model(batch.images)
    except ValueError as error:
        if len(batch) > 1:
            raise
        raise UsageError(
            f"the network cannot learn from a batch of one example: {error}",
            where="--batch-size",
            remedy="Use batches of 2 or more: batch normalization needs a variance.",
        ) from error


def paired(batch: Batch | Pair, device: torch.device) -> Batch:
    """A batch as it is; of a pair (images, targets), a batch on this device."""
    if isinstance(batch, Batch):
        return batch
    if not isinstance(batch, list | tuple) or len(batch) != 2 or not isinstance(batch[0], Tensor):
        raise UsageError(
            f"a batch is {type(batch).__name__}, and no pair (images, targets) with a tensor of "
            "images",
            where="batches",
            remedy="Let the data set give pairs, or use a collate_fn that makes them.",
        )
    images, targets = batch
    moved: Any = targets.to(device) if isinstance(targets, Tensor) else targets
    return Batch(images.to(device), moved, torch.arange(len(images)))


def grouped(batches: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    """Lists of `size` batches; the last may be shorter."""
    supply = iter(batches)
    while group := list(islice(supply, size)):
        yield group


def weight(batch: Batch) -> Tensor | int:
    """The sum of the examples' weights."""
    return len(batch) if batch.weights is None else batch.weights.sum().clamp_min(1e-12)


def weighted_sum(losses: Tensor, weights: Tensor | None, examples: int) -> Tensor:
    if losses.ndim == 0:
        if weights is not None:
            raise UsageError(
                "this loss returns one number a batch, and the examples have weights",
                where="loss",
                remedy='Let it return one number an example, such as by reduction="none".',
            )
        return losses * examples
    return losses.sum() if weights is None else (losses * weights).sum()
