from __future__ import annotations

import numpy as np
import pytest
import torch

from vitreous.training.momentum import Momentum

ETA, MU, CURVATURE, START = 0.1, 0.9, 0.7, 2.0


def path(optimizer_of, steps: int, rates: list[float] | None = None) -> np.ndarray:
    """Positions on E = a w² / 2, the start included."""
    w = torch.tensor([START], dtype=torch.float64, requires_grad=True)
    optimizer = optimizer_of([w])
    positions = [w.item()]
    for number in range(steps):
        optimizer.param_groups[0]["lr"] = rates[number] if rates else ETA
        optimizer.zero_grad()
        (CURVATURE * w.square() / 2).sum().backward()
        optimizer.step()
        positions.append(w.item())
    return np.array(positions)


def closed_form(sum_of_roots: float, product: float, first: float, steps: int) -> np.ndarray:
    """w_{t+1} = s · w_t - p · w_{t-1}, solved by the roots of r² - s·r + p."""
    roots = np.roots(np.array([1, -sum_of_roots, product], complex))
    share = np.linalg.solve(np.array([[1, 1], roots]), np.array([START, first]))
    return (share * roots[None] ** np.arange(steps + 1)[:, None]).sum(1).real


def test_momentum_on_a_quadratic() -> None:
    """v ← μv - ηaw and w ← w + v make w_{t+1} = (1 + μ - ηa) w_t - μ w_{t-1}."""
    expected = closed_form(1 + MU - ETA * CURVATURE, MU, START * (1 - ETA * CURVATURE), 200)
    np.testing.assert_allclose(
        path(lambda w: Momentum(w, ETA, MU), 200), expected, rtol=1e-9, atol=1e-12
    )


def test_nesterov_on_a_quadratic() -> None:
    """In the point looked ahead to: w_{t+1} = (1 + μ)(1 - ηa) w_t - μ (1 - ηa) w_{t-1}."""
    shrink = 1 - ETA * CURVATURE
    first = START * (1 - (1 + MU) * ETA * CURVATURE)
    expected = closed_form((1 + MU) * shrink, MU * shrink, first, 200)
    found = path(lambda w: Momentum(w, ETA, MU, nesterov=True), 200)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_nesterov_takes_its_gradient_ahead() -> None:
    """The same path as w ← w + v with v ← μv - η·∂E(w + μv), the rule as it was published."""
    w, v, ahead = START, 0.0, [START]
    for _ in range(50):
        v = MU * v - ETA * CURVATURE * (w + MU * v)
        w = w + v
        ahead.append(w + MU * v)
    found = path(lambda w: Momentum(w, ETA, MU, nesterov=True), 50)
    np.testing.assert_allclose(found, ahead, rtol=1e-12)


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_equals_torch_while_the_rate_is_constant(nesterov: bool, decay: float) -> None:
    ours = path(lambda w: Momentum(w, ETA, MU, decay, nesterov=nesterov), 100)
    options = {"momentum": MU, "weight_decay": decay, "nesterov": nesterov}
    torchs = path(lambda w: torch.optim.SGD(w, ETA, **options), 100)
    np.testing.assert_allclose(ours, torchs, rtol=1e-10, atol=1e-13)


def test_a_falling_rate_leaves_the_velocity_alone() -> None:
    """With η = 0 from step 5 on, the velocity runs out by μ, μ², ...; torch's stands still."""
    rates = [ETA] * 5 + [0.0] * 400
    ours = path(lambda w: Momentum(w, ETA, MU), 405, rates)
    velocity = ours[5] - ours[4]
    assert ours[-1] == pytest.approx(ours[5] + velocity * MU / (1 - MU))
    torchs = path(lambda w: torch.optim.SGD(w, ETA, momentum=MU), 405, rates)
    assert torchs[-1] == torchs[5]


def test_only_parameters_with_gradients_move() -> None:
    used, unused = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    optimizer = Momentum([used, unused], 0.1)
    used.sum().backward()
    optimizer.step()
    assert torch.equal(unused, torch.ones(2))
    assert not torch.equal(used, torch.ones(2))
