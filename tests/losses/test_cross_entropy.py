from __future__ import annotations

import math

import torch

from vitreous.losses import cross_entropy

LOGITS = torch.tensor([[2.0, 0.5, -1.0], [0.1, 0.2, 0.3]], dtype=torch.float64)
HARD = torch.tensor([0, 2])
WEIGHTS = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)


def test_closed_form() -> None:
    totals = [sum(math.exp(z) for z in row) for row in LOGITS.tolist()]
    expected = [-math.log(math.exp(2.0) / totals[0]), -math.log(math.exp(0.3) / totals[1])]
    torch.testing.assert_close(
        cross_entropy(LOGITS, HARD, reduction="none"), torch.tensor(expected).double()
    )


def test_the_gradient_is_answer_minus_target() -> None:
    logits = LOGITS.clone().requires_grad_()
    cross_entropy(logits, HARD, reduction="none").sum().backward()
    target = torch.nn.functional.one_hot(HARD, 3)
    torch.testing.assert_close(logits.grad, LOGITS.softmax(1) - target)


def test_hard_and_soft_targets_agree() -> None:
    soft = torch.nn.functional.one_hot(HARD, 3).double()
    for smoothing in (0.0, 0.1):
        for weights in (None, WEIGHTS):
            for reduction in ("none", "mean"):
                options = {"smoothing": smoothing, "weights": weights, "reduction": reduction}
                torch.testing.assert_close(
                    cross_entropy(LOGITS, HARD, **options), cross_entropy(LOGITS, soft, **options)
                )


def test_weighted_means_are_those_of_torch() -> None:
    expected = torch.nn.CrossEntropyLoss(WEIGHTS)(LOGITS, HARD)
    torch.testing.assert_close(cross_entropy(LOGITS, HARD, weights=WEIGHTS), expected)


def test_smoothing_gives_no_class_another_weight() -> None:
    """An example weighs what its own class weighs; torch would weigh the smoothed target."""
    plain = torch.nn.CrossEntropyLoss(label_smoothing=0.1, reduction="none")(LOGITS, HARD)
    for targets in (HARD, torch.nn.functional.one_hot(HARD, 3).double()):
        ours = cross_entropy(LOGITS, targets, weights=WEIGHTS, smoothing=0.1, reduction="none")
        torch.testing.assert_close(ours, plain * torch.tensor([0.5, 2.0]))
    mean = cross_entropy(LOGITS, HARD, weights=WEIGHTS, smoothing=0.1)
    torch.testing.assert_close(mean, (plain * torch.tensor([0.5, 2.0])).sum() / 2.5)


def test_smoothing_spreads_a_share_over_all_classes() -> None:
    shares = torch.tensor([[0.9 + 0.1 / 3, 0.1 / 3, 0.1 / 3], [0.1 / 3, 0.1 / 3, 0.9 + 0.1 / 3]])
    torch.testing.assert_close(
        cross_entropy(LOGITS, HARD, smoothing=0.1), cross_entropy(LOGITS, shares.double())
    )


def test_a_mixed_target_is_the_mix_of_two_losses() -> None:
    share = 0.3
    first, second = torch.tensor([0, 1]), torch.tensor([2, 1])
    one_hot = torch.nn.functional.one_hot
    mixed = share * one_hot(first, 3) + (1 - share) * one_hot(second, 3).double()
    expected = share * cross_entropy(LOGITS, first) + (1 - share) * cross_entropy(LOGITS, second)
    torch.testing.assert_close(cross_entropy(LOGITS, mixed), expected)
