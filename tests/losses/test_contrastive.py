"""NT-Xent against a plain loop, closed forms and finite differences."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from vitreous.errors import UsageError
from vitreous.losses.contrastive import nt_xent


def looped(answers: Tensor, temperature: float) -> list[float]:
    """The formula of the paper, number by number."""
    count = len(answers) // 2
    losses = []
    for i in range(2 * count):
        j = (i + count) % (2 * count)
        powers = [
            math.exp(float(F.cosine_similarity(answers[i], answers[k], dim=0)) / temperature)
            for k in range(2 * count)
        ]
        losses.append(-math.log(powers[j] / (sum(powers) - powers[i])))
    return [(losses[i] + losses[i + count]) / 2 for i in range(count)]


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_as_a_loop_over_the_formula(temperature: float) -> None:
    answers = torch.randn(10, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = nt_xent(answers, temperature=temperature, reduction="none")
    assert found.tolist() == pytest.approx(looped(answers, temperature), rel=1e-10)
    assert float(nt_xent(answers, temperature=temperature)) == pytest.approx(float(found.mean()))


@pytest.mark.parametrize("count", [2, 5])
def test_closed_forms(count: int) -> None:
    """Equal views, orthogonal to all others; and the same answer to every image."""
    apart = torch.eye(count, dtype=torch.float64).repeat(2, 1)
    expected = math.log(1 + 2 * (count - 1) * math.exp(-1 / 0.5))
    assert float(nt_xent(apart, temperature=0.5)) == pytest.approx(expected, rel=1e-12)
    alike = torch.ones(2 * count, 3, dtype=torch.float64)
    assert float(nt_xent(alike)) == pytest.approx(math.log(2 * count - 1), rel=1e-12)


def test_gradient_by_finite_differences() -> None:
    answers = torch.randn(6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    answers.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: nt_xent(x, reduction="none"), answers)


def test_lengths_and_the_order_of_images_do_not_matter() -> None:
    answers = torch.randn(2, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    plain = nt_xent(answers.flatten(0, 1), reduction="none")
    longer = answers * torch.arange(1, 11).reshape(2, 5, 1)
    torch.testing.assert_close(nt_xent(longer.flatten(0, 1), reduction="none"), plain)
    turned = nt_xent(answers.flip(1).flatten(0, 1), reduction="none")
    torch.testing.assert_close(turned, plain.flip(0))


@pytest.mark.parametrize("views", [0, 2, 5])
def test_one_image_has_no_other_to_be_told_from(views: int) -> None:
    with pytest.raises(UsageError, match="no other image"):
        nt_xent(torch.randn(views, 3))
