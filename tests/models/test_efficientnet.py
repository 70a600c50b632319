from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
import torch

from vitreous.models import create

# Where the classes of the Imagenette subset stand among ImageNet's thousand.
IMAGENETTE = {
    "n01440764": 0,
    "n02102040": 217,
    "n02979186": 482,
    "n03000684": 491,
    "n03028079": 497,
    "n03394916": 566,
    "n03417042": 569,
    "n03425413": 571,
    "n03445777": 574,
    "n03888257": 701,
}


def test_weights_come_with_their_preprocessing() -> None:
    model = create("efficientnet_lite0", pretrained=True)
    assert model.normalize.mean.flatten().tolist() == pytest.approx([127 / 255] * 3)
    assert model.normalize.std.flatten().tolist() == pytest.approx([128 / 255] * 3)
    assert model.notes == ("weights learned on ImageNet-1k",)


def test_the_caller_may_ask_for_another() -> None:
    model = create("efficientnet_lite0", pretrained=True, mean=0.3)
    assert model.normalize.mean.flatten().tolist() == pytest.approx([0.3] * 3)
    assert model.normalize.std.flatten().tolist() == pytest.approx([128 / 255] * 3)


def test_other_classes_and_channels() -> None:
    model = create("efficientnet_lite0", pretrained=True, num_classes=5, in_channels=1).eval()
    assert model.notes == (
        "stem.conv.weight was adapted from 3 to 1 channels",
        "head is new: 5 classes in place of 1,000",
        "weights learned on ImageNet-1k",
    )
    gray = torch.rand(2, 1, 64, 64)
    whole = create("efficientnet_lite0", pretrained=True).eval()
    with torch.no_grad():
        expected = whole.features(gray.expand(-1, 3, -1, -1))["avgpool"]
        torch.testing.assert_close(model.features(gray)["avgpool"], expected, rtol=1e-3, atol=1e-4)


def test_weights_know_photos(real_set: Callable[[str], Path]) -> None:
    """Ten classes apart on 50 photos, with the weights as they come."""
    folder = real_set("imagenette") / "val"
    model = create("efficientnet_lite0", pretrained=True).eval()
    files = [sorted((folder / name).iterdir())[:5] for name in IMAGENETTE]
    pixels = [cv2.imread(str(path))[:, :, ::-1].copy() for group in files for path in group]
    images = torch.stack([torch.from_numpy(p).permute(2, 0, 1) / 255 for p in pixels])
    with torch.inference_mode():
        logits = model(images)[:, [*IMAGENETTE.values()]]
    right = logits.argmax(1) == torch.arange(10).repeat_interleave(5)
    assert right.double().mean() >= 0.94
