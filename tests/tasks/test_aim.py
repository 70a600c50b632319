"""Aims: the number of the outputs that a word of each task stands for."""

from __future__ import annotations

import pytest
import torch

from vitreous.data.images.frame import Frame
from vitreous.errors import UsageError
from vitreous.tasks.box_coding import box_aim
from vitreous.tasks.classify import Classify
from vitreous.tasks.count import Count
from vitreous.tasks.depth import Depth
from vitreous.tasks.detect import Detect
from vitreous.tasks.keypoints import Keypoints
from vitreous.tasks.pixel_aim import pixel_aim, place_aim

OUT = torch.arange(12.0).reshape(2, 6)


def test_a_class_by_name_or_the_one_that_is_answered() -> None:
    task = Classify(classes=("cat", "dog", "cow"))
    logits = torch.tensor([[1.0, 5, 2], [9, 0, 3]])
    assert task.aim(logits).names == ("dog", "cat")
    assert task.aim(logits).scalar(logits).tolist() == [5, 9]
    assert task.aim(logits, "cow").scalar(logits).tolist() == [2, 3]
    with pytest.raises(UsageError, match="Did you mean cow"):
        task.aim(logits, "cows")


def test_the_length_of_a_joint_and_of_a_box() -> None:
    points = ("head", "hand", "foot")
    joints = Keypoints(points=points, size=(9, 9), criterion="huber")
    torch.testing.assert_close(
        joints.aim(OUT, "hand").scalar(OUT), torch.tensor([13.0, 8**2 + 9**2]).sqrt()
    )
    assert joints.aim(OUT).names == ("all points",) * 2
    box = box_aim(OUT, ("cat", "dog"), "box").scalar(OUT)
    torch.testing.assert_close(box, torch.tensor([54.0, 8**2 + 9**2 + 10**2 + 11**2]).sqrt())
    assert box_aim(OUT, ("cat", "dog"), "").scalar(OUT).tolist() == [1, 7]
    assert box_aim(OUT, (), "").names == ("box", "box")
    with pytest.raises(UsageError, match="Did you mean box"):
        box_aim(OUT, ("cat", "dog"), "boxes")


def test_the_top_of_a_heat_map() -> None:
    joints = Keypoints(points=("head", "hand"), size=(8, 8))
    maps = torch.zeros(1, 2, 2, 2)
    maps[0, 0, 1, 0], maps[0, 1, 0, 1] = 3, 5
    assert joints.aim(maps, "hand").scalar(maps).tolist() == [5]
    assert joints.aim(maps).scalar(maps).tolist() == [8]


def masks() -> torch.Tensor:
    """(1, 3, 4, 4): class 2 at the right, 1 at the lower left, 0 at the upper left."""
    outputs = torch.zeros(1, 3, 4, 4)
    outputs[0, 2, :, 2:] = 5
    outputs[0, 1, 2:, :2] = 3
    outputs[0, 0, :2, :2] = 1
    return outputs


def test_a_class_where_it_was_answered() -> None:
    names, outputs = ("ground", "road", "sky"), masks()
    assert pixel_aim(outputs, names, "").names == ("sky",)
    assert pixel_aim(outputs, names, "").scalar(outputs).tolist() == [5]
    assert pixel_aim(outputs, names, "road").scalar(outputs).tolist() == [3]
    never = outputs.clone()
    never[:, 1] = -1.0
    assert pixel_aim(never, names, "road").scalar(never).tolist() == [-1]  # anywhere


def test_a_pixel_in_the_image_s_own_coordinates() -> None:
    names, outputs = ("ground", "road", "sky"), masks()
    frame = Frame.resized_crop((40, 40), (4, 4), (0, 0, 40, 40))
    aim = pixel_aim(outputs, names, "@35,5", [frame])
    assert aim.names == ("sky@35,5",)
    assert aim.scalar(outputs).tolist() == [5]
    assert pixel_aim(outputs, names, "road@5,35", [frame]).scalar(outputs).tolist() == [3]
    assert pixel_aim(outputs, names, "@1,1").names == ("ground@1,1",)
    other = outputs.clone()
    other[0, 2, 0, 3] = 100
    assert aim.scalar(other).tolist() == [100]
    for wrong, said in (("@50,1", "40 × 40"), ("@1", "Write @x,y"), ("rod@1,1", "mean road")):
        with pytest.raises(UsageError, match=said):
            pixel_aim(outputs, names, wrong, [frame])


def test_a_place_of_a_map_that_is_coarser_than_its_window() -> None:
    """Each place answers for 8 × 8 pixels of a window that shows the image at half its size."""
    outputs = torch.arange(2 * 6 * 4 * 3.0).reshape(2, 6, 4, 3)  # two classes and four more numbers
    frames = [Frame.resized_crop((64, 48), (32, 24), (0, 0, 48, 64))] * 2
    names = ("cell", "platelet")
    aim = place_aim(outputs, names, "cell@40,20", frames, 8)
    assert aim is not None
    assert aim.names == ("cell@40,20",) * 2
    assert aim.scalar(outputs).tolist() == outputs[:, 0, 1, 2].tolist()
    assert aim.scalar(torch.cat([outputs, outputs])).tolist() == outputs[:, 0, 1, 2].tolist() * 2
    best = place_aim(outputs, names, "@40,20", frames, 8)
    assert best is not None
    assert best.names == ("platelet@40,20",) * 2
    assert place_aim(outputs, names, "cell", frames, 8) is None
    for wrong, said in (("@50,1", "48 × 64"), ("@1", "Write @x,y"), ("cel@1,1", "mean cell")):
        with pytest.raises(UsageError, match=said):
            place_aim(outputs, names, wrong, frames, 8)


@pytest.mark.parametrize(
    ("task", "channels"),
    [(Depth, 1), (Count, 1), (Detect, 5)],
)
def test_maps_are_asked_at_a_place(task: type, channels: int) -> None:
    outputs = torch.rand(1, channels, 6, 6)
    aim = task().aim(outputs, "@2,3")
    assert aim.names[0].endswith("@2,3")
    stride = 8 if task is Detect else 1
    assert aim.scalar(outputs).tolist() == [float(outputs[0, 0, 3 // stride, 2 // stride])]
