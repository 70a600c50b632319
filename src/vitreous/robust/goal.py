"""Goal of an adversary: what it makes large, and when an answer has become wrong.

The loss is what gradients climb. Margins say whether it was worth it: there is one for each way in
which an answer can be wrong, and the answer is right while all are positive. Where answers are
more or less right, as masks are, there are none, and the loss is all that counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from vitreous.errors import ModelError
from vitreous.explain.looking import looking
from vitreous.losses import cross_entropy
from vitreous.shapes import Images
from vitreous.tasks.margins import class_margins
from vitreous.tasks.task import Task
from vitreous.training.precision import widened

Targets: TypeAlias = Mapping[str, Any]


def no_margins(outputs: Any, targets: Targets) -> Tensor | None:
    return None


@dataclass(frozen=True, eq=False)
class Goal:
    """What an attack is after.

    loss     (outputs, targets) to (B,): what is made large
    margins  (outputs, targets) to (B, K), all positive while the answer is right; or to None
    """

    loss: Callable[[Any, Targets], Tensor]
    margins: Callable[[Any, Targets], Tensor | None] = no_margins

    @classmethod
    def of(cls, task: Task) -> Goal:
        return cls(task.loss, task.margins)

    def harm(self, outputs: Any, targets: Targets) -> Tensor:
        """(B,) what tells the worse of two attacks on an image: above 0 the answer is wrong, where
        answers are right or wrong.
        """
        margins = self.margins(outputs, targets)
        return self.loss(outputs, targets) if margins is None else -margins.amin(1)


CLASSES = Goal(
    lambda outputs, targets: cross_entropy(outputs, targets["class"], reduction="none"),
    lambda outputs, targets: class_margins(outputs, targets["class"]),
)
"""For logits (B, L) and targets {"class": (B,) numbers}."""


@dataclass(frozen=True, eq=False)
class Slope:
    """What a network says about images, and where it leads.

    gradient  (B, C, H, W) of the summed loss by the pixels
    loss, harm  (B,), see `Goal`
    """

    gradient: Tensor
    loss: Tensor
    harm: Tensor


def slope(model: nn.Module, images: Images, targets: Targets, goal: Goal) -> Slope:
    """One forward and one backward pass, in evaluation mode; nothing of the network is changed, and
    no `.grad` is touched.

    Raises ModelError for a network through which no gradient comes.
    """
    with looking(model):
        leaf = own(model, images).requires_grad_()
        # A copy, so that a first layer that works in place may.
        outputs = widened(model(leaf.clone()))
        losses = goal.loss(outputs, targets)
        gradient = gradient_of(losses.sum(), leaf)
        with torch.no_grad():
            harm = goal.harm(outputs, targets)
    return Slope(gradient.to(images.dtype), losses.detach(), harm.detach())


def gradient_of(value: Tensor, leaf: Tensor, keep: bool = False) -> Tensor:
    """∂ value / ∂ leaf. Raises ModelError where nothing connects them.

    keep  the graph for another gradient
    """
    found = None
    if value.requires_grad:
        (found,) = torch.autograd.grad(value, leaf, allow_unused=True, retain_graph=keep)
    if found is None:
        raise ModelError(
            "no gradient of the loss reaches the pixels",
            remedy="The network detaches or rounds what it computes. The attack `random_search` "
            "needs no gradients.",
        )
    return found


def judged(model: nn.Module, images: Images, targets: Targets, goal: Goal) -> Tensor:
    """(B,) the harm of images, by a forward pass alone."""
    with looking(model), torch.no_grad():
        return goal.harm(widened(model(own(model, images))), targets)


def decided(model: nn.Module, images: Images, targets: Targets, goal: Goal) -> bool:
    """Are answers right or wrong, rather than more or less right?

    images  one or more, of which the first is asked about
    """
    first = torch.zeros(1, dtype=torch.int64)
    with looking(model), torch.no_grad():
        outputs = widened(model(own(model, images[:1])))
        return goal.margins(outputs, some(targets, first)) is not None


def own(model: nn.Module, images: Images) -> Images:
    """The images in the number format of the network's weights: a new tensor."""
    floats = (p.dtype for p in model.parameters() if p.is_floating_point())
    return images.detach().to(next(floats, images.dtype), copy=True)


def some(targets: Targets, chosen: Tensor) -> dict[str, Any]:
    """The targets of the chosen examples.

    chosen  (n,) row numbers
    """
    return {
        name: column[chosen.to(column.device)]
        if isinstance(column, Tensor)
        else [column[int(i)] for i in chosen]
        for name, column in targets.items()
    }
