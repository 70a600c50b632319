from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset as TorchBase
from torch.utils.data import IterableDataset, Subset, TensorDataset

from vitreous.data.formats.torch_dataset import TorchDataset
from vitreous.data.splits.content_hashes import digests
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


class Counted(Pictures):
    """It counts how often it is read, and has more items than are tried out."""

    reads = 0

    def __len__(self):
        return 400

    def __getitem__(self, index):
        self.reads += 1
        pixels = np.full((3, 3, 1), index // 2, np.uint8)
        return pixels, index % 2


def test_targets_that_agree_save_reading_all_items():
    source = Counted(None)
    source.targets = [index % 2 for index in range(400)]
    assert TorchDataset(source).targets["class"].array.tolist() == source.targets
    assert source.reads < 110
    source.targets = torch.tensor(source.targets)
    assert TorchDataset(source).classes == ("cat", "dog")


@pytest.mark.parametrize(
    "strange", [[1, 1, 0, 0, 1], [1, 0, 1, 0, 1], [None] * 5, [{}] * 5, "abcde"]
)
def test_labels_are_those_of_the_items(strange):
    """As torchvision's data sets with a target_transform have them: `targets` is what is stored."""
    source = Pictures(Image.fromarray)
    source.targets = strange
    data = TorchDataset(source)
    assert data.targets["class"].array.tolist() == [0, 1, 0, 1, 0]
    assert data.classes == ("0", "1")  # the names are those of what is stored
    assert "targets" in data.notes[0]


def test_a_transform_that_changes_one_class_alone_is_noticed():
    class Mended(Counted):
        def __getitem__(self, index):
            pixels, _ = super().__getitem__(index)
            return pixels, 0 if index == 333 else index % 2

    source = Mended(None)
    source.targets = [index % 2 for index in range(400)]
    source.targets[333] = 7
    assert TorchDataset(source).targets["class"].array[333] == 0


class Random(Counted):
    """Its transform is random."""

    def __init__(self, share, what="image"):
        super().__init__(None)
        self.share, self.what, self.random = share, what, np.random.default_rng(0)

    def __getitem__(self, index):
        pixels, label = super().__getitem__(index)
        if self.random.random() < self.share:
            if self.what == "image":
                return 255 - pixels, label
            return pixels, 1 - label
        return pixels, label


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("what", ["image", "label"])
def test_items_that_change_from_read_to_read_are_refused(share, what):
    source = Random(share, what)
    source.targets = [index % 2 for index in range(400)]
    with pytest.raises(DataError, match=f"has another {what} each time") as caught:
        TorchDataset(source)
    assert "--augment" in caught.value.remedy


def test_what_a_sample_misses_is_noticed_when_an_item_is_hashed_again():
    source = Counted(None)
    data = TorchDataset(source)
    digests(data)
    digests(data)
    rare = Random(0.01)
    rare.random = np.random.default_rng(5)
    rare.share = 0.0
    data = TorchDataset(rare)
    rare.share = 0.01
    with pytest.raises(DataError, match="another image each time"):
        for _ in range(20):
            digests(data)


def test_channels_are_those_of_a_sample_and_not_of_the_first_image():
    gray, color = Image.new("L", (4, 4)), Image.new("RGB", (4, 4), (200, 60, 90))
    data = TorchDataset([(gray, 0), *[(color, number % 2) for number in range(159)]])
    assert data.channels == 3
    np.testing.assert_array_equal(data.read(1)[0, 0], (200, 60, 90))


def test_a_color_image_is_not_made_gray_without_a_word():
    """Where the sample has not seen it, it is named and left out."""
    gray, color = Image.new("L", (4, 4)), Image.new("RGB", (4, 4), (200, 60, 90))
    same = Image.new("RGB", (4, 4), (7, 7, 7))  # no color is lost
    pairs = [(gray, number % 2) for number in range(1000)]
    pairs[777], pairs[778] = (color, 0), (same, 1)
    data = TorchDataset(pairs)
    assert data.channels == 1
    _, bad = digests(data)
    assert [image.id for image in bad] == ["image/777"]
    assert "in color" in bad[0].reason
    assert data.read(778).shape == (4, 4, 1)


def test_an_image_of_other_channels_is_left_out():
    pairs = [(np.zeros((4, 4, 2 + (number == 0)), np.uint8), number % 2) for number in range(9)]
    data = TorchDataset(pairs)
    assert data.channels == 2
    assert [image.index for image in digests(data)[1]] == [0]


class Broken(Pictures):
    def __len__(self):
        return 60

    def __getitem__(self, index):
        if index == 41:
            raise OSError("image file is truncated")
        return Image.new("L", (4, 4), index), index % 2


def test_an_item_that_raises_is_named_and_left_out():
    source = Broken(None)
    source.targets = [index % 2 for index in range(60)]
    _, bad = digests(TorchDataset(source))
    assert [(image.id, image.reason) for image in bad] == [
        ("image/41", "cannot be read: OSError: image file is truncated")
    ]


def test_an_item_that_raises_has_no_label_unless_it_is_given():
    with pytest.raises(DataError, match=r"example 41 cannot be read: OSError.*not known") as caught:
        TorchDataset(Broken(None))
    assert "Subset" in caught.value.remedy


def test_a_data_set_without_items_by_number_says_so():
    class Stream(IterableDataset):
        def __len__(self):
            return 5

        def __iter__(self):
            yield from ()

    with pytest.raises(DataError, match="only be read in order") as caught:
        TorchDataset(Stream())
    assert "list(dataset)" in caught.value.remedy


@pytest.mark.parametrize("error", [KeyError("x"), ZeroDivisionError(), AttributeError("no 'y'")])
def test_foreign_errors_become_ours(error):
    class Fails(Pictures):
        def __getitem__(self, index):
            raise error

    with pytest.raises(ImageError, match=type(error).__name__) as caught:
        TorchDataset(Fails(None))
    assert caught.value.where == "fails, image/4"
    assert "dataset[4]" in caught.value.remedy


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ((0, "1"), "numbers and words"),
        ((0, None), "a NoneType and numbers"),
        (({"box": 1}, {"box": 2}), "labels are a dict"),
        (([1, [2]], [1, [2]]), "labels are a list"),
    ],
)
def test_labels_that_are_no_labels(labels, message):
    pairs = [(np.full((4, 4), number, np.uint8), label) for number, label in enumerate(labels)]
    with pytest.raises(DataError, match=message):
        TorchDataset(pairs)


def test_none_throughout_is_no_label():
    data = TorchDataset([(Image.new("L", (4, 4), number), None) for number in range(3)])
    assert data.targets == {}


def test_channels_at_the_wrong_end_are_named():
    with pytest.raises(ImageError, match="channels first") as caught:
        TorchDataset([(np.zeros((3, 7, 9), np.uint8), 0)])
    assert "transpose(1, 2, 0)" in caught.value.remedy
    with pytest.raises(ImageError, match="channels last") as caught:
        TorchDataset([(torch.zeros(7, 9, 3), 0)])
    assert "permute(2, 0, 1)" in caught.value.remedy


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
