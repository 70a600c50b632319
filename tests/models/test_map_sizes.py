"""Every network that answers for each pixel takes every height and width (pitfall 23), except for
those of patches, which say what they take.
"""

from __future__ import annotations

import pytest
import torch

from vitreous.errors import ShapeError
from vitreous.models import MODELS, create

LIGHT = {"fcn32": "resnet18", "fcn16": "resnet18", "fcn8": "resnet18"}
MAPS = {name: row for name, row in MODELS.items() if row.output == "map"}
NAMES = [name for name, row in MAPS.items() if row.sizes.multiple == 1]


@pytest.mark.parametrize("name", NAMES)
def test_every_height_and_width_from_33_to_65(name: str) -> None:
    arguments = {"backbone": LIGHT[name]} if name in LIGHT else {}
    if name == "unet":
        arguments = {"width": 4}
    model = create(name, num_classes=2, **arguments).eval()
    with torch.inference_mode():
        for height in range(33, 66):
            width = 98 - height  # each side takes each value; the rest are tried by U-Net's tests
            image = torch.rand(1, model.in_channels, height, width)
            outputs = model(image)
            assert outputs.shape == (1, 2, height, width)
            assert bool(outputs.isfinite().all())


@pytest.mark.parametrize("name", sorted(MAPS.keys() - {*NAMES}))
def test_patches_that_do_not_divide_an_image_are_refused(name: str) -> None:
    model = create(name).eval()
    with pytest.raises(ShapeError, match="do not divide"):
        model(torch.rand(1, model.in_channels, 33, 65))
