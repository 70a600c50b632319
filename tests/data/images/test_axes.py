"""Channels on the wrong side are refused at every entrance, with the transposition to write."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch

from vitreous.data.formats.arrays import from_arrays
from vitreous.data.formats.open import open
from vitreous.data.images.decode import decode, header
from vitreous.data.images.mask import read_mask
from vitreous.data.images.pixels import check_channel_axis
from vitreous.errors import DataError, ImageError

FIRST = np.random.default_rng(0).integers(0, 256, (3, 18, 24), np.uint8)


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def test_both_sides():
    for shape in ((3, 18, 24), (1, 9, 5), (4, 32, 32), (40, 3, 18, 24)):
        with pytest.raises(ImageError, match="come first"):
            check_channel_axis(shape)
    for shape in ((18, 24, 3), (24, 24, 6), (3, 24), (1, 24, 3), (6, 24, 24), (2, 18, 24)):
        check_channel_axis(shape)
    for shape in ((18, 24, 3), (40, 32, 32, 1)):
        with pytest.raises(ImageError, match="come last"):
            check_channel_axis(shape, first=True)
    for shape in ((3, 18, 24), (6, 18, 24), (40, 3, 8, 8)):
        check_channel_axis(shape, first=True)


def test_the_transposition_that_is_named_is_right():
    with pytest.raises(ImageError) as caught:
        check_channel_axis(FIRST.shape)
    turned = eval(f"FIRST.{caught.value.remedy.split(': ')[1].rstrip('.')}")
    np.testing.assert_array_equal(decode(turned)[:, :, 0], FIRST[0])
    batch = torch.zeros(5, 18, 24, 3)
    with pytest.raises(ImageError) as caught:
        check_channel_axis(batch.shape, first=True)
    assert eval(f"batch.{caught.value.remedy.split(': ')[1].rstrip('.')}").shape == (5, 3, 18, 24)


class Items:
    """A torch data set."""

    def __init__(self, image):
        self.image, self.targets = image, [0, 1] * 10

    def __len__(self):
        return 20

    def __getitem__(self, index):
        return self.image, self.targets[index]


def archive(tmp_path):
    np.savez(tmp_path / "x.npz", images=np.stack([FIRST] * 20), labels=np.arange(20) % 2)
    return open(tmp_path / "x.npz")


ENTRANCES = {
    "array": lambda _: decode(FIRST),
    "npy": lambda _: decode(npy(FIRST)),
    "npy header": lambda _: header(npy(FIRST)),
    "mask": lambda _: read_mask(npy(FIRST)),
    "arrays": lambda _: from_arrays(np.stack([FIRST] * 20), np.arange(20) % 2),
    "lists": lambda _: from_arrays([FIRST.tolist()] * 20, np.arange(20) % 2),
    "npz": archive,
    "tensor": lambda _: from_arrays(torch.zeros(20, 18, 24, 3), np.arange(20) % 2),
    "torch data set": lambda _: open(Items(FIRST)),
}


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_every_entrance(entrance, tmp_path):
    with pytest.raises(DataError, match=r"channels (seem to come )?(first|last)") as caught:
        ENTRANCES[entrance](tmp_path)
    assert caught.value.remedy.startswith("Put ")


def test_many_gray_images_are_no_channels():
    assert from_arrays(np.zeros((3, 18, 24), np.uint8) + FIRST, [0, 1, 0]).channels == 1
