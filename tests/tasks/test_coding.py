from __future__ import annotations

import numpy as np
import pytest
import torch

from vitreous.tasks import CODINGS, coding

TARGETS = {
    "signs": np.array([-1, 1, 1, -1]),
    "binary": np.array([0, 1, 1, 0]),
    "classes": np.array([0, 2, 1, 3]),
    "labels": np.array([[1, 1, 0], [0, 0, 0]]),
    "numbers": np.array([0.3, -2.0, 7.5]),
}


@pytest.mark.parametrize("kind", CODINGS)
def test_the_right_row_for_the_targets(kind: str) -> None:
    assert coding(TARGETS[kind]) is CODINGS[kind]


def test_one_hot_rows_exclude_each_other_and_one_column_does_not() -> None:
    assert coding(np.eye(3)) is CODINGS["classes"]
    assert coding(np.array([[1], [1]])) is CODINGS["labels"]


@pytest.mark.parametrize("kind", CODINGS)
def test_head_and_loss_work_together(kind: str) -> None:
    """A few hundred steps on the outputs themselves make the answers those that were asked for."""
    targets = torch.as_tensor(TARGETS[kind])
    width = {"classes": 4, "labels": 3}.get(kind, 1)
    outputs = torch.zeros(len(targets), width, dtype=torch.float64, requires_grad=True)
    row = CODINGS[kind]
    wanted = targets if kind == "classes" else targets.double()
    optimizer = torch.optim.Adam([outputs], 0.1)
    for _ in range(600):
        optimizer.zero_grad()
        row.measure(outputs, wanted).backward()
        optimizer.step()
    answers = row.activate(outputs.detach())
    if kind == "classes":
        wanted = torch.nn.functional.one_hot(targets, 4).double()
    torch.testing.assert_close(answers, wanted.reshape(answers.shape), rtol=0, atol=0.02)


@pytest.mark.parametrize("kind", ["binary", "classes", "labels", "numbers"])
def test_the_gradient_is_proportional_to_answer_minus_target(kind: str) -> None:
    targets = torch.as_tensor(TARGETS[kind])
    width = {"classes": 4, "labels": 3}.get(kind, 1)
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(len(targets), width, generator=generator, dtype=torch.float64)
    outputs.requires_grad_()
    row = CODINGS[kind]
    row.measure(outputs, targets, reduction="none").sum().backward()
    one_hot = torch.nn.functional.one_hot(targets, 4) if kind == "classes" else targets
    difference = row.activate(outputs.detach()) - one_hot.reshape(outputs.shape)
    ratio = outputs.grad / difference
    torch.testing.assert_close(ratio, ratio.flatten()[0].expand_as(ratio))


def test_softmax_only_where_classes_exclude_each_other() -> None:
    assert [kind for kind, row in CODINGS.items() if row.head == "softmax"] == ["classes"]


def test_one_sentence() -> None:
    assert CODINGS["binary"].explain(1) == (
        "sigmoid over 1 output with binary cross-entropy, because one probability decides between "
        "two answers."
    )
