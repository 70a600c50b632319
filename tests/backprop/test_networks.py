"""The networks of the table: their twins compute what autograd computes."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.nn import functional as F
from torch.testing import assert_close

from vitreous.backprop.modules import SoftmaxCrossEntropy
from vitreous.backprop.twin import manual_gradients, twin
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
    torch.manual_seed(1)  # the masks of dropout
    found = manual_gradients(twin(model), SoftmaxCrossEntropy(), images, labels)
    torch.manual_seed(1)
    expected = F.cross_entropy(other(images), labels)
    expected.backward()
    assert_close(found, expected.detach(), rtol=1e-10, atol=1e-10)
    largest = max(float(p.grad.abs().max()) for p in other.parameters() if p.grad is not None)
    for (where, mine), theirs in zip(model.named_parameters(), other.parameters(), strict=True):
        assert (mine.grad is None) == (theirs.grad is None), where
        if mine.grad is not None and theirs.grad is not None:
            # Deep networks with batch norm amplify the last bits.
            assert_close(mine.grad, theirs.grad, rtol=1e-8, atol=1e-9 * largest)
