from __future__ import annotations

import torch

from vitreous.losses import binary_cross_entropy, cross_entropy, focal

LOGITS = torch.tensor([[2.0, 0.5, -1.0], [0.1, 0.2, 0.3]], dtype=torch.float64)
HARD = torch.tensor([0, 2])


def test_without_focus_it_is_cross_entropy() -> None:
    weights = torch.tensor([0.5, 1.0, 2.0]).double()
    for options in ({}, {"smoothing": 0.2}, {"weights": weights}):
        torch.testing.assert_close(
            focal(LOGITS, HARD, gamma=0.0, **options), cross_entropy(LOGITS, HARD, **options)
        )


def test_the_published_example() -> None:
    """With γ = 2 an example at p = 0.9 has 1/100 of the loss, one at 0.968 about 1/1000."""
    for p, factor in ((0.9, 100), (0.968, 1000)):
        logits = torch.tensor([[p, 1 - p]]).double().log()
        target = torch.tensor([0])
        ratio = cross_entropy(logits, target) / focal(logits, target)
        torch.testing.assert_close(ratio, torch.tensor(factor).double(), rtol=0.03, atol=0)


def test_two_classes_are_one_yes_or_no_question() -> None:
    z = torch.tensor([[1.3], [-0.4]]).double()
    yes = torch.tensor([1, 0])
    both = torch.cat([torch.zeros_like(z), z], 1)
    torch.testing.assert_close(
        focal(both, yes, reduction="none"),
        binary_cross_entropy(z, yes[:, None].double(), gamma=2.0, reduction="none"),
    )
