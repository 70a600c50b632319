"""Losses of maps of centers, by their formula, term by term."""

from __future__ import annotations

import math

import pytest
import torch

from vitreous.errors import ShapeError
from vitreous.losses import center_focal, center_hard
from vitreous.losses.center import FEWEST

LOGITS = torch.randn(3, 2, 5, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
HEAT = torch.rand(3, 2, 5, 7, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 0.9
HEAT[0, 0, 2, 3] = HEAT[0, 1, 1, 1] = HEAT[2, 0, 0, 0] = 1
HEAT[2, 1, 3:, :2] = torch.nan


def test_focal_is_its_formula() -> None:
    expected = []
    for logits, heat in zip(LOGITS, HEAT, strict=True):
        total, middles = 0.0, 0
        for x, t in zip(logits.flatten().tolist(), heat.flatten().tolist(), strict=True):
            p = 1 / (1 + math.exp(-x))
            if t == 1:
                total -= (1 - p) ** 2 * math.log(p)
                middles += 1
            elif not math.isnan(t):
                total -= (1 - t) ** 4 * p**2 * math.log(1 - p)
        expected.append(total / max(middles, 1))
    found = center_focal(LOGITS, HEAT, reduction="none")
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))
    assert center_focal(LOGITS, HEAT) == pytest.approx(sum(expected) / 3)


def test_the_hardest_places_alone_count() -> None:
    expected = []
    for logits, heat in zip(LOGITS, HEAT, strict=True):
        near, others = 0.0, []
        for x, t in zip(logits.flatten().tolist(), heat.flatten().tolist(), strict=True):
            p = 1 / (1 + math.exp(-x))
            if t == 1:
                near -= math.log(p)
            elif not math.isnan(t):
                others.append(-((1 - t) ** 4) * math.log(1 - p))
        middles = int((heat == 1).sum())
        kept = sorted(others, reverse=True)[: max(3 * middles, FEWEST)]
        expected.append((near + sum(kept)) / max(middles, 1))
    found = center_hard(LOGITS, HEAT, reduction="none")
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize("loss", [center_focal, center_hard])
def test_what_is_not_known_has_no_gradient(loss) -> None:
    leaf = LOGITS.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(leaf, HEAT), leaf)
    assert gradient.isfinite().all()
    assert not gradient[HEAT.isnan()].any()
    assert gradient[HEAT == 1].all()


@pytest.mark.parametrize("loss", [center_focal, center_hard])
def test_very_large_logits_stay_finite(loss) -> None:
    for sign in (-1, 1):
        leaf = torch.full((1, 1, 4, 4), sign * 200.0, requires_grad=True)
        value = loss(leaf, HEAT[:1, :1, :4, :4].float())
        (gradient,) = torch.autograd.grad(value, leaf)
        assert value.isfinite()
        assert gradient.isfinite().all()


def test_shapes_have_to_fit() -> None:
    with pytest.raises(ShapeError, match="do not fit"):
        center_focal(LOGITS, HEAT[:, :1])
