"""The networks of the table: their twins compute what autograd and finite differences compute."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from vitreous.backprop.gradcheck import check
from vitreous.backprop.layers import SoftmaxCrossEntropy
from vitreous.backprop.translate.twin import manual_gradients, twin
from vitreous.models import MODELS, create

SMALL = (
    "linear",
    "mlp",
    "mlp_residual",
    "lenet5",
    "lenet5_1998",
    "convnet",
    "resnet20",
    "vit_nano4",
    "unet_small",
)
LARGE = ("googlenet", "densenet121", "mobilenet_v1", "resnet110_stochastic", "efficientnet_lite0")


@pytest.mark.parametrize(
    "name", [*SMALL, *(pytest.param(name, marks=pytest.mark.slow) for name in LARGE)]
)
def test_the_twin_of_a_network_agrees_with_autograd(name: str) -> None:
    torch.manual_seed(0)
    size = MODELS[name].sizes.fit(32)
    model = create(name, num_classes=5, in_channels=1, size=size).double().train()
    other = copy.deepcopy(model)
    images, labels = torch.rand(4, 1, size, size).double(), torch.tensor([0, 4, 1, 2])
    if MODELS[name].output == "map":
        labels = torch.randint(0, 5, (4, size, size))
    torch.manual_seed(1)  # the masks of dropout
    found = manual_gradients(twin(model), SoftmaxCrossEntropy(), images, labels)
    torch.manual_seed(1)
    expected = F.cross_entropy(other(images), labels)  # images have as many pixels: one mean
    expected.backward()
    assert_close(found, expected.detach(), rtol=1e-10, atol=1e-10)
    largest = max(float(p.grad.abs().max()) for p in other.parameters() if p.grad is not None)
    for (where, mine), theirs in zip(model.named_parameters(), other.parameters(), strict=True):
        assert (mine.grad is None) == (theirs.grad is None), where
        if mine.grad is not None and theirs.grad is not None:
            # Deep networks with batch norm amplify the last bits.
            rtol, atol = (1e-10, 1e-12) if name in SMALL else (1e-8, 1e-9)
            assert_close(mine.grad, theirs.grad, rtol=rtol, atol=atol * largest)


class ByHand(torch.autograd.Function):
    """A network that is run and differentiated by its twin, as a function of its parameters."""

    @staticmethod
    def forward(
        ctx: Any, model: nn.Module, images: torch.Tensor, *parameters: torch.Tensor
    ) -> torch.Tensor:
        ctx.model, ctx.twin = model, twin(model)
        return ctx.twin.forward(images)

    @staticmethod
    def backward(ctx: Any, above: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        ctx.model.zero_grad()
        ctx.twin.backward(above)
        return None, None, *(p.grad for p in ctx.model.parameters())


class Manual(nn.Module):
    """The values are PyTorch's, the gradients those of the twin."""

    def __init__(self, model: nn.Module, images: torch.Tensor) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("images", images)

    def forward(self) -> torch.Tensor:
        if not torch.is_grad_enabled():
            return self.model(self.images)
        return ByHand.apply(self.model, self.images, *self.model.parameters())


@pytest.mark.parametrize("name", SMALL)
def test_the_twin_of_a_network_agrees_with_finite_differences(name: str) -> None:
    torch.manual_seed(0)
    size = MODELS[name].sizes.fit(16)
    model = create(name, num_classes=3, in_channels=1, size=size).train()
    report = check(Manual(model, torch.rand(2, 1, size, size)), (), tolerance=1e-6, entries=4)
    assert len(report.findings) == len(list(model.parameters()))
    assert report.right, report


def test_finite_differences_notice_a_wrong_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    model = create("mlp", num_classes=3, in_channels=1, size=6, widths=(4,))
    right = ByHand.backward

    def slip(ctx: Any, above: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        return right(ctx, above * (1 + 1e-5))

    monkeypatch.setattr(ByHand, "backward", staticmethod(slip))
    report = check(Manual(model, torch.rand(2, 1, 6, 6)), (), tolerance=1e-6, entries=4)
    assert len(report.wrong) == 4
