"""XOR from a hundred first weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from torch.testing import assert_close

from vitreous.labs.xor import CASES, LR, Case, Trained, build, corners, plot, train, typical


@pytest.fixture(scope="module")
def trained() -> dict[str, Trained]:
    return {name: train(case) for name, case in CASES.items()}


def test_the_points_are_xor() -> None:
    points = corners()
    assert len(points) == 36
    assert points.targets.sum() == 0
    assert ((points.targets > 0) == (points.inputs.prod(axis=1) < 0)).all()


def test_two_rectifiers_solve_it_and_less_does_not(trained: dict[str, Trained]) -> None:
    two, drawn, one, linear = (int(found.solved.sum()) for found in trained.values())
    assert two >= 50
    assert 20 <= drawn < 50
    assert one == 0
    assert linear == 0


def test_a_solution_is_one_that_can_be_checked_by_hand() -> None:
    """relu(x1 - x2) and relu(x2 - x1), less 1½, is a solution; a success has its signs."""
    points = torch.tensor(corners().inputs, dtype=torch.float32)
    by_hand = (points[:, 0] - points[:, 1]).relu() + (points[:, 1] - points[:, 0]).relu() - 1.5
    found = train(CASES["two rectifiers, biases ½ at first"], range(20))
    answers = found.answers(typical(found, solved=True), points)
    assert torch.equal(answers > 0, by_hand > 0)


def test_side_by_side_is_one_after_the_other() -> None:
    """The same steps with torch's own optimizer on a network alone."""
    case = Case((2,))
    network = build(case, 3)
    inputs = torch.tensor(corners().inputs, dtype=torch.float32)
    targets = torch.tensor(corners().targets, dtype=torch.float32)[:, None]
    optimizer = torch.optim.SGD(network.parameters(), lr=LR)
    for _ in range(50):
        optimizer.zero_grad()
        loss = (torch.tanh(network(inputs)) - targets).square().mean() / 2
        loss.backward()
        optimizer.step()
    found = train(case, range(5), steps=50)
    for name, parameter in network.named_parameters():
        assert_close(found.weights[name][3], parameter.detach(), rtol=1e-4, atol=1e-5)


def test_biases_begin_awake_where_they_are_to() -> None:
    for case in CASES.values():
        network = build(case, 0)
        biases = [layer.get_submodule("linear").bias for layer in list(network)[:-1]]
        assert all(bool((bias == 0.5).all()) == case.awake for bias in biases)
        assert network[-1].bias != 0.5


def test_the_picture(trained: dict[str, Trained], tmp_path: Path) -> None:
    with Image.open(plot(tmp_path / "xor.png", trained)) as picture:
        assert picture.size == (1000, 300)
