from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset as TorchBase
from torch.utils.data import Subset, TensorDataset

from vitreous.data.formats.torch_dataset import TorchDataset
from vitreous.errors import DataError, ImageError

rng = np.random.default_rng(0)
IMAGES = rng.integers(0, 256, (5, 6, 4, 3), dtype=np.uint8)


class Pictures(TorchBase):
    classes = ("cat", "dog")

    def __init__(self, form):
        self.form = form

    def __len__(self):
        return 5

    def __getitem__(self, index):
        if index >= 5:
            raise IndexError
        return self.form(IMAGES[index]), index % 2


@pytest.mark.parametrize(
    "form",
    [
        Image.fromarray,
        np.asarray,
        lambda image: image / 255,
        lambda image: torch.from_numpy(image).permute(2, 0, 1),
        lambda image: torch.from_numpy(image).permute(2, 0, 1) / 255,
    ],
    ids=["picture", "array", "floats", "bytes tensor", "float tensor"],
)
def test_images_of_any_form(form):
    data = TorchDataset(Pictures(form))
    assert (len(data), data.classes, data.channels) == (5, ("cat", "dog"), 3)
    assert data.targets["class"].array.tolist() == [0, 1, 0, 1, 0]
    for index in range(5):
        np.testing.assert_array_equal(data.read(index), IMAGES[index])
    assert data.id(3) == "image/3"
    assert data.digest(0) != data.digest(1)


def test_tensors_without_names():
    tensors = TensorDataset(torch.from_numpy(IMAGES).permute(0, 3, 1, 2), torch.arange(5) % 3)
    data = TorchDataset(tensors)
    assert data.classes == ("0", "1", "2")
    assert TorchDataset(Subset(tensors, [4, 0])).targets["class"].array.tolist() == [1, 0]


def test_targets_are_taken_where_they_are_given():
    source = Pictures(Image.fromarray)
    source.targets = [1, 1, 0, 0, 1]
    assert TorchDataset(source).targets["class"].array.tolist() == [1, 1, 0, 0, 1]


def test_gray_tensors():
    data = TorchDataset(TensorDataset(torch.zeros(4, 1, 3, 3), torch.tensor([0, 1, 0, 1])))
    assert data.channels == 1


def test_normalized_images_are_refused_with_advice():
    with pytest.raises(ImageError, match="floats from -1") as caught:
        TorchDataset(TensorDataset(torch.full((4, 3, 2, 2), -1.0), torch.arange(4)))
    assert "normalization" in caught.value.remedy


def test_no_pairs():
    with pytest.raises(DataError, match="gives a Tensor for example 0"):
        TorchDataset([torch.zeros(3, 2, 2)])
    with pytest.raises(DataError, match="no images"):
        TorchDataset([])


def test_real_labels_are_quantities_and_maps_are_masks():
    images = torch.from_numpy(IMAGES).permute(0, 3, 1, 2)
    numbers = TorchDataset(TensorDataset(images, torch.linspace(0, 1, 5)))
    assert numbers.targets["value"].array[:, 0].tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert numbers.notes == ("labels are real numbers: regression",)
    masks = torch.arange(5 * IMAGES[0, ..., 0].size).reshape(5, *IMAGES.shape[1:3]) % 3
    marked = TorchDataset(TensorDataset(images, masks))
    assert marked.classes == ("0", "1", "2")
    np.testing.assert_array_equal(marked[2].target, masks[2])


def test_labels_of_several_shapes_are_named():
    pairs = [(torch.zeros(3, 2, 2), np.zeros((2, 2 + number), int)) for number in range(3)]
    with pytest.raises(DataError, match="labels differ in shape"):
        TorchDataset(pairs)
