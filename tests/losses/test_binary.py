from __future__ import annotations

import torch
import torch.nn.functional as F

from vitreous.losses import binary_cross_entropy, binary_hinge

LOGITS = torch.tensor([[2.0, 0.5, -1.0], [0.1, -30.0, 60.0]], dtype=torch.float64)
TARGETS = torch.tensor([[1.0, 0, 1], [0, 1, 1]], dtype=torch.float64)


def test_equals_torch() -> None:
    expected = F.binary_cross_entropy_with_logits(LOGITS, TARGETS, reduction="none").mean(1)
    torch.testing.assert_close(binary_cross_entropy(LOGITS, TARGETS, reduction="none"), expected)
    positives = torch.tensor([1.0, 3.0, 0.5]).double()
    expected = F.binary_cross_entropy_with_logits(LOGITS, TARGETS, pos_weight=positives)
    ours = binary_cross_entropy(LOGITS, TARGETS, positives=positives)
    torch.testing.assert_close(ours, expected)


def test_labels_do_not_compete() -> None:
    """Two certain labels cost nothing; under a softmax they would cost ln 2 at least."""
    logits, both = torch.tensor([[40.0, 40.0]]), torch.tensor([[1.0, 1.0]])
    assert binary_cross_entropy(logits, both) < 1e-12


def test_the_focus_follows_the_formula() -> None:
    p = LOGITS[:1].sigmoid()
    t = TARGETS[:1]
    expected = -(t * (1 - p) ** 2 * p.log() + (1 - t) * p**2 * (1 - p).log()).mean()
    torch.testing.assert_close(binary_cross_entropy(LOGITS[:1], t, gamma=2.0), expected)


def test_smoothing_moves_targets_to_one_half() -> None:
    torch.testing.assert_close(
        binary_cross_entropy(LOGITS, TARGETS, smoothing=0.2),
        binary_cross_entropy(LOGITS, TARGETS * 0.8 + 0.1),
    )


def test_smoothing_gives_no_answer_another_weight() -> None:
    """The weight is that of the answer, "yes" or "no", and not of what it is smoothed to."""
    positives = torch.tensor([1.0, 30.0, 0.5]).double()
    plain = F.binary_cross_entropy_with_logits(LOGITS, TARGETS * 0.9 + 0.05, reduction="none")
    weights = torch.where(TARGETS > 0, positives, 1.0)
    ours = binary_cross_entropy(LOGITS, TARGETS, smoothing=0.1, positives=positives)
    torch.testing.assert_close(ours, (plain * weights).mean())


def test_hinge_by_hand() -> None:
    logits, targets = torch.tensor([[2.0, 0.5, -1.0]]), torch.tensor([[1.0, 0.0, 1.0]])
    torch.testing.assert_close(binary_hinge(logits, targets), torch.tensor((0 + 1.5 + 2.0) / 3))
