"""A network with the same tensors that computes something else is told apart when it is loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from vitreous.data.batches.preprocess import PixelContract
from vitreous.errors import ModelFileError
from vitreous.inference.model_file import Bundle, load
from vitreous.inference.probe import KEPT, TOLERANCE, agrees, made_up, probe
from vitreous.models import create
from vitreous.tasks import Classify

CONTRACT = PixelContract(height=12, width=10, channels=3)
CLASSES = ("ant", "bee", "cat")


class Own(nn.Module):
    """A small network whose way through its layers is a parameter."""

    def __init__(self, between: Callable[[Tensor], Tensor] = torch.relu, gain: float = 1.0):
        super().__init__()
        torch.manual_seed(3)
        self.between, self.gain = between, gain
        self.first, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.last = nn.Linear(8, 3)

    def forward(self, images: Tensor) -> Tensor:
        y: Tensor = self.last(self.between(self.norm(self.first(images))).mean((2, 3)))
        return y * self.gain


def saved(path: Path, model: nn.Module) -> Path:
    return Bundle(model=model.eval(), task=Classify(classes=CLASSES), contract=CONTRACT).save(path)


@pytest.mark.parametrize(
    "other",
    [
        lambda: Own(torch.tanh),
        lambda: Own(nn.functional.gelu),
        lambda: Own(lambda y: y),
        lambda: Own(gain=1.05),
        lambda: Own(lambda y: torch.relu(y.flip(1))),
    ],
)
def test_another_forward_is_refused(tmp_path: Path, other: Callable[[], nn.Module]) -> None:
    path = saved(tmp_path / "own.safetensors", Own())
    images = torch.rand(2, 3, 12, 10)
    expected = Own().eval()(images)
    torch.testing.assert_close(load(path, Own()).model(images), expected)
    with pytest.raises(ModelFileError, match="answers otherwise than when it was saved") as caught:
        load(path, other())
    assert "very network" in str(caught.value.remedy)


def test_the_mode_of_the_network_does_not_matter(tmp_path: Path) -> None:
    path = saved(tmp_path / "own.safetensors", Own())
    assert not load(path, Own().train()).model.training


def test_plain_weights_are_no_residual_network(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = create("plain20", num_classes=3)
    with torch.no_grad():  # as training has it, which leaves no norm at its first statistics
        model.train()(torch.rand(16, 3, 12, 10))
    path = saved(tmp_path / "plain.safetensors", model)
    load(path, create("plain20", num_classes=3))
    with pytest.raises(ModelFileError, match="answers otherwise"):
        load(path, create("resnet20", num_classes=3))


def test_other_arithmetic_is_no_other_network() -> None:
    """bfloat16 is coarser than whatever a GPU does to float32 unasked (TF32: 10 bits for 7)."""
    bundle = Bundle(model=Own().eval(), task=Classify(classes=CLASSES), contract=CONTRACT)
    expected = probe(bundle)
    assert expected is not None
    rounded = [
        number * (1 + TOLERANCE / 20 * (-1) ** place) for place, number in enumerate(expected)
    ]
    assert agrees(expected, rounded)
    assert not agrees(expected, [number * 1.1 for number in expected])
    with torch.autocast("cpu", torch.bfloat16):
        coarse = bundle.model(made_up(*CONTRACT.shape)).flatten().tolist()
    assert agrees(expected, coarse)


def test_a_probe_is_short_and_needs_finite_numbers() -> None:
    wide = nn.Sequential(nn.Flatten(), nn.Linear(360, 1000))
    task = Classify(classes=[str(number) for number in range(1000)])
    bundle = Bundle(model=wide.eval(), task=task, contract=CONTRACT)
    assert len(probe(bundle) or ()) == KEPT
    with torch.no_grad():
        wide[1].bias[0] = float("inf")
    assert probe(bundle) is None
    assert not agrees([1.0], None)


def test_the_made_up_image_is_an_image() -> None:
    for shape in ((1, 1, 1), (5, 224, 12), (32, 32, 1)):
        image = made_up(*shape)
        assert image.shape == (1, shape[2], *shape[:2])
        assert float(image.min()) >= 0
        assert float(image.max()) <= 1
    assert float(made_up(32, 32, 1).std()) > 0.1
