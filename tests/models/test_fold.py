import pytest
import torch
from torch import nn

from vitreous.errors import ModelError
from vitreous.models import create, fold
from vitreous.models.fold import pairs
from vitreous.trace.capture.operations import trace


def trained(name: str) -> nn.Module:
    """A network whose batch norms have something to say."""
    torch.manual_seed(0)
    model = create(name, num_classes=5)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1.0
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias, 0, 0.3)
    with torch.no_grad():
        model.train()(torch.rand(8, 3, 64, 64))
    return model.eval()


def norms(model: nn.Module) -> int:
    return sum(isinstance(layer, nn.BatchNorm2d) for layer in model.modules())


# Networks, and the norms that stay: where pooling comes between, nothing swallows them.
FOLDED = {
    "resnet18": 0,
    "resnet20": 0,
    "mobilenet_v2": 0,
    "efficientnet_b0": 0,
    "convnet": 3,
    "vgg11_bn": 0,
    "googlenet_bn": 0,
}


@pytest.mark.parametrize(("name", "left"), FOLDED.items())
def test_same_outputs_without_batch_norm(name: str, left: int) -> None:
    model = trained(name).double()
    folded = fold(model)
    images = torch.rand(3, 3, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(folded(images), model(images), rtol=1e-9, atol=1e-9)
    assert norms(folded) == left < norms(model)


@pytest.mark.parametrize("name", FOLDED)
def test_single_precision(name: str) -> None:
    """Within 1e-5, beside what single precision costs the network itself."""
    model = trained(name)
    images = torch.rand(3, 3, 64, 64)
    with torch.no_grad():
        outputs, folded = model(images), fold(model)(images)
        exact = model.double()(images.double())
    rounding = (outputs - exact).abs().max().item()
    assert rounding < 5e-5
    torch.testing.assert_close(folded, outputs, rtol=0, atol=1e-5 + rounding)


@pytest.mark.parametrize("name", [name for name, left in FOLDED.items() if not left])
def test_a_folded_norm_costs_nothing(name: str) -> None:
    """What is computed is what was computed, operation by operation, less the norms."""

    def operations(network: nn.Module) -> list[tuple[str, tuple[int, ...]]]:
        traced = trace(network, (3, 64, 64))
        return [(operation.name, operation.shape) for operation in traced.operations]

    model = trained(name)
    bare = [each for each in operations(model) if "batch_norm" not in each[0]]
    assert operations(fold(model)) == bare != operations(model)


def test_norms_before_convolutions_stay() -> None:
    """A dense layer normalizes first; only its second norm follows a convolution."""
    model = trained("densenet121")
    assert 0 < norms(fold(model)) < norms(model)


def test_original_is_left_alone() -> None:
    model = trained("resnet20").train()
    before = norms(model)
    fold(model)
    assert norms(model) == before
    assert model.training


def test_norm_of_something_else_is_no_pair() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.BatchNorm2d(4)).eval()
    assert pairs(model, torch.rand(1, 3, 8, 8)) == []


def test_any_module_with_an_example() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval()
    images = torch.rand(2, 3, 8, 8)
    torch.testing.assert_close(fold(model, images)(images), model(images))
    with pytest.raises(ModelError, match="example"):
        fold(model)


def test_norm_without_statistics_stays() -> None:
    """It normalizes each batch by itself, which no convolution does."""
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(4, track_running_stats=False)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), norm, nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4)).eval()
    images = torch.rand(2, 3, 8, 8)
    folded = fold(model, images)
    assert norms(folded) == 1
    torch.testing.assert_close(folded(images), model(images))


class Twice(nn.Module):
    """Uses the convolution's output before and after the norm."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        nn.init.constant_(self.norm.bias, 3.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.conv(x)
        return y + self.norm(y)


def test_wrong_result_is_refused() -> None:
    with pytest.raises(ModelError, match="changed the outputs"):
        fold(Twice(), torch.rand(2, 3, 8, 8))


def test_no_hook_is_left() -> None:
    folded = fold(trained("resnet20"))
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in folded.modules())
