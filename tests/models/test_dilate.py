"""Shift and stitch, dilation, and the network asked about each window: three ways, one answer."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from vitreous.blocks.conv import ConvNormAct
from vitreous.errors import ModelError, ShapeError
from vitreous.models import convolutionalize, create
from vitreous.models.dilate import dilated, shift_and_stitch


def test_three_ways_give_one_map() -> None:
    torch.manual_seed(0)
    model = create("lenet5", num_classes=3).eval()
    sliding = convolutionalize(model)
    images = torch.rand(2, 1, 41, 38)
    stitched = shift_and_stitch(sliding, images, 4)
    dense = dilated(sliding, torch.rand(1, 1, 40, 40)).eval()
    assert stitched.shape == (2, 3, 41 - 32 + 1, 38 - 32 + 1)
    with torch.no_grad():
        torch.testing.assert_close(stitched, dense(images), rtol=1e-5, atol=1e-5)
        for row in range(10):
            for column in range(7):
                window = images[:, :, row : row + 32, column : column + 32]
                torch.testing.assert_close(
                    stitched[:, :, row, column], model(window), rtol=1e-4, atol=1e-5
                )


def test_pooling_by_means_and_by_maxima_and_strided_convolutions() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(4, 5, 3),
        nn.MaxPool2d(3, 2), nn.Conv2d(5, 2, 1),
    ).eval()  # fmt: skip
    images = torch.rand(1, 3, 67, 59)
    dense = dilated(model, images)
    with torch.no_grad():
        stitched = shift_and_stitch(model, images, 8)
        torch.testing.assert_close(stitched, dense(images), rtol=1e-5, atol=1e-5)
        assert not torch.allclose(stitched, shift_and_stitch(dense, images, 1).roll(1, 3))
    assert model[0].stride == (2, 2)  # the network itself is as it was


def test_where_maps_are_padded_the_middle_agrees() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        ConvNormAct(1, 4), nn.MaxPool2d(2), ConvNormAct(4, 4), nn.MaxPool2d(2), nn.Conv2d(4, 2, 1)
    ).eval()
    images = torch.rand(1, 1, 48, 48)
    with torch.no_grad():
        stitched, dense = shift_and_stitch(model, images, 4), dilated(model, images)(images)
    assert stitched.shape == (1, 2, 45, 45)
    inside = slice(8, 36)
    torch.testing.assert_close(
        stitched[:, :, inside, inside], dense[:, :, inside, inside], rtol=1e-5, atol=1e-5
    )


def test_strides_in_branches_are_refused() -> None:
    model = convolutionalize(create("resnet20", num_classes=2).eval(), 32)
    with pytest.raises(ModelError, match="cannot be spread"):
        dilated(model, torch.rand(1, 3, 64, 64))


def test_images_below_the_stride_are_refused() -> None:
    with pytest.raises(ShapeError, match="cannot be shifted"):
        shift_and_stitch(nn.Conv2d(1, 1, 1), torch.rand(1, 1, 3, 9), 4)
