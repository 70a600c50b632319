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

from vitreous.data.batches.batch import Batch
from vitreous.distributed import ALONE, Ranks
from vitreous.errors import UsageError
from vitreous.heap import keep_freed
from vitreous.losses.penalty import Penalty, weights_of
from vitreous.training.average import Average
from vitreous.training.divergence import DivergenceGuard
from vitreous.training.precision import Precision, widened
from vitreous.training.reproduce import step_seeded
from vitreous.training.sharded import full, is_sharded
from vitreous.training.whole_batch import looking_at_all


@dataclass(frozen=True, slots=True)
class Step:
    """What is known after one optimizer step.

    number    steps taken so far, this one included: the `first_step` of a resumed loop
    loss      mean loss of its examples without the penalty, over all processes; a detached scalar
              on the device, because reading it makes a GPU wait
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
    ranks: Ranks = ALONE,
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
    ranks       processes that train together, each with its share of every batch: those of
                `Batches`, or as many from a loader of its own. The step is that of whole batches,
                for batch norm too

    Examples are weighted by their batch's weights, if it has any: the loss is Σ w·l / Σ w.
    Raises DivergedError when the loss is no number any more. On a CPU that is noticed before the
    step, and the model still holds its last good weights; elsewhere within 20 steps.
    """
    keep_freed()
    precision = precision or Precision()
    scaler = precision.scaler
    trained = [p for group in optimizer.param_groups for p in group["params"]]
    held = [p for p in trained if not is_sharded(p)]  # gradients of others have been summed
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
        examples, total = whole(parts, ranks)
        shares = []
        with step_seeded(seed, number, ranks.rank if parts[0].whole is None else 0):
            for batch in filter(len, parts):  # of a small batch, a process may have no share
                if gradients is not None:
                    shares.append(gradients(batch, total))
                    continue
                with looking_at_all(model, batch, ranks):
                    with precision.autocast():
                        outputs = forward(call or model, batch)
                    losses = loss(widened(outputs), batch.targets)
                    share = weighted_sum(losses, batch.weights, len(batch)) / total
                    torch.autograd.backward(scaler.scale(share))
                shares.append(share.detach())
        mean = shares[0] if len(shares) == 1 else summed(shares, trained)
        ranks.add_up_gradients(held, mean)
        if penalty and number >= penalty.first_step:
            size = penalty(penalized)
            if size.requires_grad:  # else there is nothing to shrink
                torch.autograd.backward(scaler.scale(size))
        guard.add(mean)
        if clip is not None:
            scaler.unscale_(optimizer)
            norm = full(nn.utils.clip_grad_norm_(trained, clip))
            if not scaler.is_enabled():  # which overflows now and then, and then skips the step
                guard.add(norm)
        guard.step(number + 1, lr)
        scaler.step(optimizer)
        scaler.update()
        if average is not None:
            average.update(model, number)

        seconds = time.perf_counter() - start
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


def whole(parts: Sequence[Batch], ranks: Ranks) -> tuple[int, Tensor | float]:
    """How many examples a step has in all processes, and the sum of their weights."""
    examples, total = sum(b.examples for b in parts), sum(b.weight for b in parts)
    if ranks.size == 1 or parts[0].whole is not None:
        return examples, total
    found = torch.tensor([examples, float(total)], dtype=torch.float64)
    ranks.add_up([found])
    return int(found[0]), float(found[1])


def summed(shares: Sequence[Tensor], trained: Sequence[Tensor]) -> Tensor:
    """The sum of the losses of several batches, or of none."""
    if shares:
        return torch.stack([*shares]).sum()
    kind = trained[0] if trained else torch.zeros(())
    return torch.zeros((), dtype=torch.promote_types(kind.dtype, torch.float32), device=kind.device)


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
