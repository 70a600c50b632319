import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from vitreous.errors import UsageError
from vitreous.models.perceptron import (
    Perceptron,
    convergence_bound,
    logistic_regression,
    rosenblatt,
)

XOR = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]], dtype=torch.float64)


def separable(seed: int, margin: float = 0.05) -> tuple[torch.Tensor, torch.Tensor, Perceptron]:
    """Points in a square on both sides of a known line, none closer to it than the margin."""
    generator = torch.Generator().manual_seed(seed)
    w = torch.randn(2, generator=generator, dtype=torch.float64)
    truth = Perceptron(w / w.norm(), torch.tensor(0.1, dtype=torch.float64))
    x = torch.rand(400, 2, generator=generator, dtype=torch.float64) * 2 - 1
    x = x[truth.distance(x).abs() > margin][:100]
    return x, truth(x), truth


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("rate", [1.0, 0.1])
def test_convergence_within_the_bound(seed: int, rate: float) -> None:
    x, t, truth = separable(seed)
    lesson = rosenblatt(x, t, rate=rate)
    assert lesson.converged
    assert lesson.corrections <= convergence_bound(x, t, truth)
    assert torch.equal(lesson.perceptron(x).double(), t.double())
    assert lesson.perceptron.criterion(x, t) == 0


def test_xor_never_comes_to_rest() -> None:
    t = torch.tensor([-1.0, 1, 1, -1])
    lesson = rosenblatt(XOR, t, epochs=500)
    assert not lesson.converged
    assert not torch.equal(lesson.perceptron(XOR), t)
    with pytest.raises(UsageError, match="not separated"):
        convergence_bound(XOR, t, lesson.perceptron)


def test_one_correction_by_hand() -> None:
    """Δw = η t x, and only for the wrong answer."""
    x = torch.tensor([[1.0, 2.0], [3.0, 5.0]], dtype=torch.float64)
    lesson = rosenblatt(x, torch.tensor([1.0, 1.0]), rate=0.5)
    assert lesson.corrections == 1
    assert lesson.perceptron.weight.tolist() == [0.5, 1.0]
    assert lesson.perceptron.bias.item() == 0.5


@pytest.mark.parametrize("dimensions", [2, 3, 7])
def test_distance_is_the_geometric_one(dimensions: int) -> None:
    """Walking it along the normal ends on the hyperplane."""
    generator = torch.Generator().manual_seed(0)
    w = torch.randn(dimensions, generator=generator, dtype=torch.float64)
    unit = Perceptron(w, torch.tensor(0.7, dtype=torch.float64))
    x = torch.randn(20, dimensions, generator=generator, dtype=torch.float64)
    feet = x - unit.distance(x)[:, None] * w / w.norm()
    assert unit.score(feet).abs().max() < 1e-12
    torch.testing.assert_close(unit.distance(x).abs(), (x - feet).norm(dim=1), rtol=0, atol=1e-12)


@pytest.mark.parametrize("penalty", [0.01, 1.0])
def test_logistic_regression_against_scikit_learn(penalty: float) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    t = (x @ [1.0, -2.0, 0.5] + 0.3 + rng.normal(size=200) > 0).astype(float)
    peer = LogisticRegression(C=1 / penalty, tol=1e-12, max_iter=10_000).fit(x, t)
    ours = logistic_regression(torch.tensor(x), torch.tensor(t), penalty=penalty)
    np.testing.assert_allclose(ours.weight, peer.coef_[0], atol=1e-4)
    np.testing.assert_allclose(ours.bias, peer.intercept_[0], atol=1e-4)


def test_gradient_vanishes_at_the_optimum() -> None:
    """Σ (y - t) x̃ = 0, by autograd on the cross-entropy."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(50, 2, generator=generator, dtype=torch.float64)
    t = (torch.rand(50, generator=generator) < (x[:, 0]).sigmoid()).double()
    unit = logistic_regression(x, t)
    w, b = unit.weight.clone().requires_grad_(), unit.bias.clone().requires_grad_()
    y = (x @ w + b).sigmoid()
    loss = -(t * y.log() + (1 - t) * (1 - y).log()).sum()
    gradients = torch.autograd.grad(loss, (w, b))
    assert max(g.abs().max().item() for g in gradients) < 1e-8


def test_wrong_answers() -> None:
    with pytest.raises(UsageError, match="each -1 or 1"):
        rosenblatt(XOR, torch.tensor([0.0, 1, 1, 0]))
    with pytest.raises(UsageError, match="each 0 or 1"):
        logistic_regression(XOR, torch.tensor([0.0, 1, 1]))
