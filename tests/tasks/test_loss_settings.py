"""Settings of a loss that are right alone are right together: every pair of them learns what is
separable, however unequal the classes are.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from vitreous.data.columns import ClassNumbers, Column, Marks
from vitreous.data.maps import Maps
from vitreous.errors import UsageError
from vitreous.tasks import TASKS, Task

COUNTS = (600, 40, 6)  # examples of each class
CENTERS = torch.tensor([[2.0, 0.0], [-1.0, 2.0], [-1.0, -2.0]])
STEPS = 150

Case = tuple[str, str, float, str, str, str]


def numbers() -> Tensor:
    return torch.repeat_interleave(torch.arange(3), torch.tensor(COUNTS))


def features(numbers: Tensor) -> Tensor:
    """(N, 3) two coordinates around the center of each class, far from the others, and a one."""
    generator = torch.Generator().manual_seed(0)
    places = CENTERS[numbers] + 0.4 * torch.rand(len(numbers), 2, generator=generator)
    return torch.cat([places, torch.ones(len(numbers), 1)], 1)


def columns(task: str) -> dict[str, Column]:
    truth = numbers().numpy()
    if task == "classify":
        return {"class": ClassNumbers(truth, "abc")}
    if task == "label":  # nearly everything is "no"
        return {"class": Marks(np.eye(3, dtype=np.uint8)[truth][:, 1:], "bc")}
    return {"mask": Maps(truth.astype(np.uint8).reshape(1, -1, 2), "abc")}


def cases() -> Iterator[Case]:
    """All that can be combined, and not only pairs."""
    for name in ("classify", "label", "segment"):
        for criterion, smoothing, balance, mix, engine in product(
            TASKS[name].LOSSES,
            (0.0, 0.1, 0.3),
            ("none", "weights"),
            ("none", "mixup"),
            ("autograd", "manual"),
        ):
            if name == "segment" and mix != "none":  # masks cannot be blended
                continue
            try:
                TASKS[name].check_settings(criterion, smoothing, balance)
                task = TASKS[name].of(
                    columns(name), criterion=criterion, smoothing=smoothing, balance=balance
                )
                if engine == "manual":
                    task.manual_loss()
            except UsageError:  # refused, and so never wrong
                continue
            yield name, criterion, smoothing, balance, mix, engine


def test_enough_is_combined() -> None:
    found = [*cases()]
    assert {case[0] for case in found} == {"classify", "label", "segment"}
    assert ("classify", "cross_entropy", 0.1, "weights", "mixup", "manual") in found
    assert ("label", "focal", 0.3, "weights", "mixup", "autograd") in found
    assert len(found) > 60


@pytest.mark.parametrize("case", [*cases()], ids=lambda case: "-".join(map(str, case)))
def test_unequal_classes_that_are_separable_are_learned(case: Case) -> None:
    name, criterion, smoothing, balance, mix, engine = case
    data = columns(name)
    task = TASKS[name].of(data, criterion=criterion, smoothing=smoothing, balance=balance)
    (key,) = task.needs
    seen, wanted = features(numbers()), data[key].batch(np.arange(len(data[key])))
    assert isinstance(wanted, Tensor)
    inputs, targets = seen, wanted
    if mix == "mixup":
        generator = torch.Generator().manual_seed(1)
        partners = torch.randperm(len(seen), generator=generator)
        inputs = torch.cat([seen, 0.8 * seen + 0.2 * seen[partners]])
        targets = torch.cat([data[key].soft(wanted), data[key].blend(wanted, partners, 0.8)])
    shaped = as_maps if name == "segment" else same
    weights = torch.zeros(3, len(task.classes), requires_grad=True)
    optimizer = torch.optim.Adam([weights], lr=0.3)
    for _ in range(STEPS):
        optimizer.zero_grad()
        gradient(task, engine, shaped(inputs @ weights), {key: targets})
        optimizer.step()
    answers = (seen @ weights).detach()
    right = ((answers > 0) == (wanted > 0)).all(1) if name == "label" else answers.argmax(1)
    if name != "label":
        right = right == wanted.reshape(-1)
    assert right.double().mean() > 0.999


def gradient(task: Task, engine: str, outputs: Tensor, targets: dict[str, Any]) -> None:
    if engine == "autograd":
        task.loss(outputs, targets).mean().backward()
        return
    loss = task.manual_loss()
    loss(outputs.detach(), task.manual_targets(targets))
    outputs.backward(loss.backward())


def same(outputs: Tensor) -> Tensor:
    return outputs


def as_maps(outputs: Tensor) -> Tensor:
    """(H · 2, L) to (1, L, H, 2)."""
    return outputs.T.reshape(1, outputs.shape[1], -1, 2)
