"""Overlaps of boxes against torchvision's."""

from __future__ import annotations

from types import ModuleType

import pytest
import torch

from vitreous.losses import box_iou, giou_loss


def test_overlaps_are_torchvisions(torchvision: ModuleType) -> None:
    ops = pytest.importorskip("torchvision.ops")
    random = torch.Generator().manual_seed(0)
    low = torch.rand(2, 200, 2, generator=random, dtype=torch.float64) * 10
    one, other = torch.cat([low, low + 5 * torch.rand(2, 200, 2, generator=random)], 2)
    expected = ops.generalized_box_iou_loss(one, other)
    torch.testing.assert_close(giou_loss(one, other, reduction="none"), expected)
    torch.testing.assert_close(box_iou(one, other), ops.box_iou(one, other).diag())
