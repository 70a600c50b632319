"""Localization: α S + (1 - α) R, boxes in the pixels of the image, one box an image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import vitreous as vt
from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.boxes import Boxes
from vitreous.data.formats.arrays import ArrayDataset
from vitreous.errors import DataError, ModelFileError, UsageError
from vitreous.losses import giou_loss
from vitreous.tasks.box_coding import UNIT, corners, encoded, one_box
from vitreous.tasks.locate import DELTA, Locate

NAMES = ("cat", "dog", "bird")
BOXES = Boxes.of([np.array([[4 + k, 6 + 2 * k, 40, 30, k]]) for k in range(3)], NAMES)
TARGETS = {"box": BOXES.batch(np.arange(3))}
OUTPUTS = torch.randn(3, 7, generator=torch.Generator().manual_seed(0))


def task(**settings: object) -> Locate:
    """By numbers for the image as a whole."""
    one = Locate.of({"box": BOXES}, criterion="smooth_l1").within(48, 64)
    return replace(one, **settings)  # type: ignore[arg-type]


def test_the_loss_is_alpha_of_the_class_and_the_rest_of_the_box() -> None:
    named = F.cross_entropy(OUTPUTS[:, :3], torch.arange(3), reduction="none")
    left, top, right, bottom = torch.from_numpy(BOXES.array).T
    middles = ((left + right) / 2 / 64 - 0.5) * UNIT, ((top + bottom) / 2 / 48 - 0.5) * UNIT
    sizes = ((right - left) / 64).log(), ((bottom - top) / 48).log()
    wanted = torch.stack([*middles, *sizes], 1)
    placed = F.smooth_l1_loss(OUTPUTS[:, 3:], wanted, reduction="none").mean(1)
    for alpha in (0.0, 0.3, 1.0):
        expected = alpha * named + (1 - alpha) * placed
        torch.testing.assert_close(task(alpha=alpha).loss(OUTPUTS, TARGETS), expected)


def test_the_overlap_is_a_loss_in_pixels() -> None:
    one = task(alpha=0.0, criterion="giou")
    given = corners(OUTPUTS[:, 3:], (48, 64))
    expected = giou_loss(given, torch.from_numpy(BOXES.array), reduction="none")
    torch.testing.assert_close(one.loss(OUTPUTS, TARGETS), expected)


MAPS = torch.randn(3, 8, 48, 64, generator=torch.Generator().manual_seed(1))


def mapped(**settings: object) -> Locate:
    return task(**{"criterion": "heat_map"} | settings)


def test_the_loss_of_maps_is_alpha_of_the_class_and_the_rest_of_the_box() -> None:
    """Image by image, place by place, as the formula is written."""
    boxes = torch.from_numpy(BOXES.array).double()
    maps = MAPS.double()
    sides = torch.tensor([64.0, 48.0]).double()
    for k, (left, top, right, bottom) in enumerate(boxes):
        shares = maps[k, 3].flatten().softmax(0).reshape(48, 64)
        logits = (maps[k, :3] * shares).sum((1, 2))
        named = F.cross_entropy(logits, torch.tensor(k))
        middle = (torch.stack([left + right, top + bottom]) - 1) / 2
        spread = torch.stack([right - left, bottom - top]).mul(0.1).clamp_min(1)
        x, y = (torch.arange(n).double() for n in (64, 48))
        across, down = (
            (-(((axis - at) / wide) ** 2) / 2).softmax(0)
            for axis, at, wide in zip((x, y), middle, spread, strict=True)
        )
        right_heat = down[:, None] * across
        placed = F.cross_entropy(maps[k, 3].flatten()[None], right_heat.flatten()[None])
        places = torch.stack([x.expand(48, 64), y[:, None].expand(48, 64)], -1)
        wanted = torch.cat(
            [
                (middle - places) / sides * UNIT,
                (torch.stack([right - left, bottom - top]) / sides).log().expand(48, 64, 2),
            ],
            -1,
        )
        each = F.smooth_l1_loss(maps[k, 4:].movedim(0, 2), wanted, beta=DELTA, reduction="none")
        placed = placed + (right_heat * each.mean(-1)).sum()
        for alpha in (0.0, 0.3, 1.0):
            one = {"box": TARGETS["box"][k : k + 1]}
            (found,) = mapped(alpha=alpha).loss(maps[k : k + 1], one)
            torch.testing.assert_close(found, alpha * named + (1 - alpha) * placed)


def test_alpha_decides_what_is_learned() -> None:
    """1 teaches the classes and nothing of the box, 0 the box and nothing of the classes."""
    for criterion in Locate.LOSSES:
        one = task(criterion=criterion)
        outputs = MAPS if one.mapped else OUTPUTS
        for alpha, learned in ((1.0, slice(0, 3)), (0.0, slice(3, None))):
            leaf = outputs.clone().requires_grad_()
            loss = replace(one, alpha=alpha).loss(leaf, TARGETS).sum()
            (gradient,) = torch.autograd.grad(loss, leaf)
            rest = gradient.clone()
            rest[:, learned] = 0
            assert not rest.any()
            assert (gradient[:, learned].reshape(3, -1) != 0).any(1).all()


def test_the_derivative_of_maps_by_hand_is_autograd_s() -> None:
    targets = {"box": [TARGETS["box"][0], torch.zeros(0, 5), TARGETS["box"][2]]}
    one = mapped(alpha=0.3)
    leaf = MAPS.double().requires_grad_()
    expected = one.loss(leaf, targets).mean()
    expected.backward()
    loss = one.manual_loss()
    value = loss.forward(MAPS.double(), one.manual_targets(targets))
    torch.testing.assert_close(value, expected.detach(), rtol=1e-6, atol=0)
    torch.testing.assert_close(loss.backward(), leaf.grad, rtol=1e-6, atol=1e-9)
    bare = Locate(criterion="heat_map", size=(48, 64), alpha=0.3)
    kinds = [box[:, :4] for box in targets["box"]]
    leaf = MAPS[:, :5].double().requires_grad_()
    bare.loss(leaf, {"box": kinds}).mean().backward()
    loss = bare.manual_loss()
    loss.forward(leaf.detach(), bare.manual_targets({"box": kinds}))
    torch.testing.assert_close(loss.backward(), leaf.grad, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("size", [(48, 64), (96, 128), (250, 256)])
def test_boxes_of_maps_come_back_into_the_pixels_of_an_image(size: tuple[int, int]) -> None:
    """Where all numbers are right, and the middle is where it should be."""
    contract = PixelContract(height=size[0], width=size[1], channels=3, fit="pad", exact=True)
    shapes = [size, (100, 30), (500, 400)]
    truth = [np.array([[w / 4, h / 3, w / 2, h - 8, 1]]) for h, w in shapes]
    frames = [contract.frame(*shape) for shape in shapes]
    targets = {"box": Boxes.of(truth, NAMES).fitted(frames).batch(np.arange(3))}
    one = mapped().within(*size)
    height, width = one.output().shape(3, *size)[2:]
    wanted = one.manual_targets(targets)
    maps = torch.zeros(3, 8, height, width)
    maps[:, 1] = 9
    maps[:, 3], maps[:, 4:] = wanted[:, 1].clamp_min(1e-30).log(), wanted[:, 2:]
    for answer, box, frame in zip(one.decode(maps, frames), truth, frames, strict=True):
        assert answer.box is not None
        off = np.abs(answer.box - box[0, :4]) * np.tile(np.diag(frame.matrix)[:2], 2)
        assert off.max() < 1e-2
        assert answer.label == "dog"


def test_files_from_before_there_were_maps_give_numbers() -> None:
    again = Locate.from_json(NAMES, {"alpha": 0.4, "size": [48, 64]})
    assert again.output() == task().output()
    assert (again.criterion, again.alpha) == ("smooth_l1", 0.4)


def test_a_share_is_for_tasks_with_two_losses(tmp_path: Path) -> None:
    assert mapped().sharing(0.2).alpha == 0.2
    assert mapped().sharing(None).alpha == 0.5
    images, numbers = np.zeros((30, 16, 16, 3), np.uint8), np.arange(30) % 2
    images[numbers == 1] = 200
    with pytest.raises(UsageError, match="no effect on the task 'classify'") as caught:
        vt.train((images, numbers), alpha=0.3, out=tmp_path / "run")
    assert caught.value.where == "--alpha"


def test_a_class_that_there_is_not_is_not_all_that_is_learned() -> None:
    bare = Locate.of({"box": Boxes.of([np.array([[1, 1, 9, 9]])] * 3)})
    assert bare.sharing(0.9).alpha == 0.9
    with pytest.raises(UsageError, match="nothing else would be learned"):
        bare.sharing(1.0)


def test_numbers_and_corners_are_each_other_s_inverse() -> None:
    boxes = torch.from_numpy(BOXES.array).double()
    torch.testing.assert_close(corners(encoded(boxes, (48, 64)), (48, 64)), boxes)


def test_a_crowd_is_neither_a_thing_nor_a_second_one() -> None:
    """A box that is ignored teaches nothing, and an image may have it beside its one box."""
    crowd = [[0, 0, 9, 9, 2, 1]]
    rows = [np.array([*crowd, [4 + k, 6 + 2 * k, 40, 30, k, 0]]) for k in range(3)]
    column = Boxes.of(rows, NAMES)
    Locate.check_targets({"box": column}, "here")
    given = {"box": column.batch(np.arange(3))}
    torch.testing.assert_close(task().loss(OUTPUTS, given), task().loss(OUTPUTS, TARGETS))
    alone = Boxes.of([np.array(crowd)] * 3, NAMES)
    assert task().loss(OUTPUTS, {"box": alone.batch(np.arange(3))}).tolist() == [0, 0, 0]
    with pytest.raises(DataError, match="have none"):
        Locate.check_targets({"box": alone}, "here")


def test_an_alpha_that_is_no_share_is_refused() -> None:
    with pytest.raises(ModelFileError):
        task(alpha=1.5)


def test_a_box_that_is_gone_teaches_nothing() -> None:
    targets = {"box": [TARGETS["box"][0], torch.zeros(0, 5), TARGETS["box"][2]]}
    for criterion in Locate.LOSSES:
        one = task(criterion=criterion)
        outputs = (MAPS if one.mapped else OUTPUTS).clone().requires_grad_()
        losses = one.loss(outputs, targets)
        (gradient,) = torch.autograd.grad(losses.sum(), outputs)
        assert losses[1] == 0
        assert gradient.isfinite().all()
        assert not gradient[1].any()
        assert gradient[0].any()


def test_the_derivative_by_hand_is_autograd_s() -> None:
    targets = {"box": [TARGETS["box"][0], torch.zeros(0, 5), TARGETS["box"][2]]}
    one = task(alpha=0.3)
    leaf = OUTPUTS.double().requires_grad_()
    expected = one.loss(leaf, targets).mean()
    expected.backward()
    loss = one.manual_loss()
    value = loss.forward(OUTPUTS.double(), one.manual_targets(targets))
    torch.testing.assert_close(value, expected.detach(), rtol=1e-6, atol=0)
    torch.testing.assert_close(loss.backward(), leaf.grad, rtol=1e-6, atol=1e-9)


def test_boxes_come_back_into_the_pixels_of_an_image_of_any_size() -> None:
    contract = PixelContract(height=48, width=64, channels=3, fit="pad", exact=True)
    shapes = [(48, 64), (100, 30), (500, 400)]
    truth = [np.array([[w / 4, h / 3, w / 2, h - 8, 1]]) for h, w in shapes]
    frames = [contract.frame(*shape) for shape in shapes]
    fitted = one_box(Boxes.of(truth, NAMES).fitted(frames).batch(np.arange(3)))  # type: ignore[arg-type]
    outputs = torch.cat([torch.tensor([[0.0, 9, 0]] * 3), encoded(fitted[:, :4], (48, 64))], 1)
    for answer, box in zip(task().decode(outputs, frames), truth, strict=True):
        np.testing.assert_allclose(answer.box, box[0, :4], rtol=1e-4)
        assert answer.label == "dog"
        assert answer.score == pytest.approx(1 / (1 + 2 * np.exp(-9)))


def test_the_mean_box_and_the_most_frequent_class() -> None:
    rows = np.array([[0, 0, 10, 10, 0], [10, 10, 20, 20, 0], [0, 0, 30, 30, 1], [5, 5, 15, 15, 0]])
    targets = {"box": Boxes.of([row[None] for row in rows], NAMES)}
    pixels = np.zeros((4, 48, 64, 3), np.uint8)
    (rule,) = task().baselines(pixels, targets, np.array([0, 1]), np.array([2, 3]))
    accuracy, overlap = rule.score("accuracy"), rule.score("mean_iou")
    assert accuracy is not None
    assert accuracy.value == 0.5
    assert overlap is not None
    assert overlap.value == pytest.approx((1 + 100 / 900) / 2)


def test_several_boxes_open_and_are_refused_by_training(tmp_path: Path) -> None:
    images = np.zeros((12, 20, 20, 3), np.uint8)
    several = [np.array([[1, 1, 9, 9, 0]] * (1 + (k == 11)), float) for k in range(12)]
    data = ArrayDataset("things", images, {"box": Boxes.of(several, NAMES)})
    assert len(data[11].target) == 2
    with pytest.raises(DataError, match=r"1 image of 12 have several boxes") as caught:
        vt.train(data, out=tmp_path / "run", task="locate")
    assert "--task detect" in str(caught.value.remedy)
    assert not (tmp_path / "run").exists()


def test_classes_meet_by_name() -> None:
    rows = np.array([[0, 0, 9, 9, 0], [0, 0, 9, 9, 1], [0, 0, 9, 9, 2]])
    column = Boxes.of([*(row[None] for row in rows), np.zeros((0, 5))], ("dog", "fox", "cat"))
    found = task().align({"box": column}, "pets")
    aligned = found.targets["box"]
    assert isinstance(aligned, Boxes)
    assert aligned.classes == NAMES
    assert aligned.numbers is not None
    assert aligned.numbers.tolist() == [1, 0, 0]
    assert found.known.tolist() == [True, False, True, False]
    assert any("'fox'" in note for note in found.notes)
    with pytest.raises(DataError, match="class"):
        task().align({"box": Boxes.of([rows[0, None, :4]])}, "pets")


def test_boxes_without_classes_are_learned_as_well(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    places = random.integers(0, 12, (60, 2))
    images = random.integers(0, 60, (60, 20, 20, 3), dtype=np.uint8)
    for image, (x, y) in zip(images, places, strict=True):
        image[y : y + 8, x : x + 8] += 150
    boxes = Boxes.of([np.array([[x, y, x + 8, y + 8]]) for x, y in places])
    data = ArrayDataset("blocks", images, {"box": boxes})
    run = vt.train(data, out=tmp_path / "run", epochs=12, augment="none", seed=0)
    scores = run.scores["test"]
    assert scores.class_accuracy is None
    assert scores.mean_iou > scores.baselines[0].score("mean_iou").value
    answer = run.model.predict(images[0])
    assert answer.score is None
    assert "label" not in answer.to_json()
