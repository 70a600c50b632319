"""Detection: boxes on a grid and back, what counts, scores and answers, the wrong and the rare."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import vitreous as vt
from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.boxes import Boxes
from vitreous.data.formats.arrays import ArrayDataset
from vitreous.errors import DataError, ModelFileError, UsageError
from vitreous.losses import center_focal, giou_loss
from vitreous.metrics.box_matching import Detections, Things
from vitreous.metrics.detection import choose_scores, detection
from vitreous.tasks.detect import CLOSE, Detect
from vitreous.tasks.grid_coding import EDGES, PRIOR, UNIT, coded, found, placed

NAMES = ("cat", "dog")
SIZE = (48, 64)
GRID = (12, 16)
ROWS = [
    torch.tensor([[4.0, 4, 24, 20, 0], [30, 8, 60, 44, 1], [8, 24, 20, 44, 1]]),
    torch.zeros(0, 5),
    torch.tensor([[40.0, 10, 48, 16, 0]]),
]


def task(**settings: object) -> Detect:
    column = Boxes.of([row.numpy() for row in ROWS], NAMES)
    return replace(Detect.of({"box": column}).within(*SIZE), **settings)  # type: ignore[arg-type]


def perfect(rows: list[torch.Tensor], kinds: int = 2) -> torch.Tensor:
    """Outputs that tell these boxes exactly."""
    truth = coded(rows, kinds, GRID)
    outputs = torch.full((len(rows), kinds + EDGES, *GRID), -9.0)
    outputs[:, :kinds][truth.heat == 1] = 6.0 - PRIOR
    x = (torch.arange(GRID[1]) + 0.5) * 4
    y = ((torch.arange(GRID[0]) + 0.5) * 4)[:, None]
    left, top, right, bottom = truth.boxes.unbind(3)
    away = torch.stack([x - left, y - top, right - x, bottom - y], 1)
    outputs[:, kinds:] = (away.clamp_min(0.01) / UNIT).log()
    return outputs


def test_boxes_come_back_from_their_code() -> None:
    for rows, told in zip(ROWS, found(perfect(ROWS)), strict=True):
        order = np.lexsort(told.boxes.T)
        expected = rows.numpy()[np.lexsort(rows.numpy()[:, :4].T)]
        np.testing.assert_allclose(told.boxes[order], expected[:, :4], atol=1e-3)
        assert told.numbers[order].tolist() == expected[:, 4].tolist()


def test_each_box_has_a_middle_and_a_core_that_counts_as_one() -> None:
    truth = coded(ROWS, 2, GRID)
    assert (truth.heat == 1).sum((1, 2, 3)).tolist() == [3, 0, 1]
    assert truth.heat[0, 0, 3, 3] == 1  # the middle (14, 12) lies in the fourth place
    assert 0 < truth.heat[0, 0, 3, 2] < 1
    torch.testing.assert_close(truth.share.sum((1, 2)), torch.tensor([1.0, 0, 1]))
    own = (truth.boxes[0] == ROWS[0][1, :4]).all(-1) & (truth.share[0] > 0)
    torch.testing.assert_close(truth.share[0][own].sum(), torch.tensor(1 / 3))


def test_where_cores_meet_the_smaller_box_has_the_place() -> None:
    large, little = [0.0, 0, 64, 48, 0], [24, 16, 40, 32, 1]
    for rows in ([large, little], [little, large]):
        truth = coded([torch.tensor(rows)], 2, GRID)
        assert truth.boxes[0, 6, 8].tolist() == little[:4]
        torch.testing.assert_close(truth.share.sum(), torch.tensor(1.0))


@pytest.mark.parametrize(
    "box", [[0, 0, 64, 48, 0], [63, 47, 64, 48, 0], [0, 0, 1, 1, 1], [10, 0, 11, 48, 0]]
)
def test_boxes_of_any_form_are_told(box: list[float]) -> None:
    truth = coded([torch.tensor([box], dtype=torch.float32)], 2, GRID)
    assert (truth.heat == 1).sum() == 1
    torch.testing.assert_close(truth.share.sum(), torch.tensor(1.0))
    assert all(part.isfinite().all() for part in (truth.heat, truth.share, truth.boxes))


def test_the_loss_is_that_of_centers_and_that_of_boxes() -> None:
    outputs = torch.randn(3, 6, *GRID, generator=torch.Generator().manual_seed(0))
    truth = coded(ROWS, 2, GRID)
    fits = torch.zeros(3)
    told = placed(outputs[:, 2:])
    for image, y, x in (truth.share > 0).nonzero().tolist():
        one = giou_loss(told[image, y, x][None], truth.boxes[image, y, x][None])
        fits[image] += truth.share[image, y, x] * one
    expected = center_focal(outputs[:, :2] + PRIOR, truth.heat, reduction="none") + CLOSE * fits
    torch.testing.assert_close(task().loss(outputs, {"box": ROWS}), expected)


def test_ignored_boxes_count_neither_in_the_loss_nor_in_a_score() -> None:
    crowd = torch.tensor([[4.0, 4, 24, 20, 0, 0], [28, 4, 64, 48, 0, 1]])
    inside = torch.tensor([[4.0, 4, 24, 20, 0], [36, 12, 52, 36, 0]])
    (outputs,) = perfect([inside]).split(1)
    leaf = outputs.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(task().loss(leaf, {"box": [crowd]}).sum(), leaf)
    assert not gradient[:, 0, 1:, 7:].any()
    assert gradient[:, 1, 1:, 7:].any()  # it is a crowd of the first class alone
    meter = task().meter()
    meter.add(outputs, {"box": [crowd]})
    scores = task().scores(meter)
    assert scores.map50 == pytest.approx(1)
    assert scores.things == 1
    assert scores.per_class[0].count_error == 0


def test_images_without_a_box_teach_that_there_is_none() -> None:
    leaf = torch.zeros(1, 6, *GRID, requires_grad=True)
    (gradient,) = torch.autograd.grad(task().loss(leaf, {"box": ROWS[1:2]}).sum(), leaf)
    assert (gradient[:, :2] > 0).all()
    assert not gradient[:, 2:].any()


def test_a_part_without_any_box_is_judged_by_its_count() -> None:
    meter = task().meter()
    meter.add(perfect(ROWS[1:2]), {"box": ROWS[1:2]})
    scores = task().scores(meter)
    assert scores.map50 is None
    assert scores.headline.name == "count_error"
    assert scores.headline.value == 0
    json.dumps(scores.to_json(), allow_nan=False)


def test_thresholds_are_those_of_the_best_f1() -> None:
    boxes = np.array([[0.0, 0, 10, 10], [20, 20, 30, 30], [40, 40, 50, 50]] * 5)
    given = [
        Detections(boxes[:3], np.zeros(3, np.int64), np.array([0.9, 0.6, 0.2])) for _ in range(5)
    ]
    truth = [Things(boxes[:2], np.zeros(2, np.int64), np.zeros(2, bool)) for _ in range(5)]
    (least,) = choose_scores(given, truth, 1)
    assert least == pytest.approx(0.4)  # halfway between the last right and the first wrong answer
    scores = detection(given, truth, ("x",), (least,), loss=0)
    assert scores.count_error == 0
    assert detection(given, truth, ("x",), (0.1,), loss=0).count_error == 1


def test_answers_are_in_the_pixels_of_an_image_of_any_size() -> None:
    contract = PixelContract(height=48, width=64, channels=3, fit="pad", exact=True)
    shapes = [(48, 64), (100, 30), (500, 400)]
    truth = [np.array([[w / 4, h / 3, w / 2, h - 8, 1]]) for h, w in shapes]
    frames = [contract.frame(*shape) for shape in shapes]
    rows = Boxes.of(truth, NAMES).fitted(frames).batch(np.arange(3))
    for answer, box in zip(task().decode(perfect(rows), frames), truth, strict=True):  # type: ignore[arg-type]
        assert answer.text == "1 dog"
        np.testing.assert_allclose(answer.boxes, box[:, :4], rtol=1e-2, atol=0.2)
        (told,) = answer.to_json()["boxes"]
        left, top, right, bottom = answer.boxes[0].tolist()
        assert told["bbox"] == [left, top, right - left, bottom - top]
        assert told["category"] == "dog"
        assert told["score"] == pytest.approx(1 / (1 + np.exp(-6)))


def test_the_truth_is_drawn_without_what_is_ignored() -> None:
    rows = np.array([[1, 1, 9, 9, 0, 0], [2, 2, 30, 30, 1, 1]], np.float32)
    assert task().truth({"box": rows}).counts == {"cat": 1}


def test_boxes_of_one_kind() -> None:
    rows = [row[:, :4] for row in ROWS]
    column = Boxes.of([row.numpy() for row in rows])
    one = Detect.of({"box": column}).within(*SIZE)
    outputs = perfect(rows, kinds=1)
    assert outputs.shape == one.output().shape(3, *SIZE)
    meter = one.meter()
    meter.add(outputs, {"box": rows})
    assert one.scores(meter).map50 == pytest.approx(1)
    assert [answer.text for answer in one.decode(outputs)] == ["3", "none", "1"]
    assert one.from_json((), one.to_json()).thresholds == one.thresholds


def test_classes_meet_by_name() -> None:
    other = Boxes.of([row.numpy() for row in ROWS], ("dog", "cow"))
    found = task().align({"box": other}, "there")
    column = found.targets["box"]
    assert isinstance(column, Boxes)
    assert column.classes == NAMES
    assert column.sizes.tolist() == [1, 0, 1]
    assert (column.numbers == 1).all()
    assert any("cow" in note for note in found.notes)


def test_a_decoding_of_other_classes_is_refused() -> None:
    with pytest.raises(ModelFileError):
        Detect.from_json(NAMES, {"thresholds": [0.5]})


def images(count: int = 12) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (count, 24, 24, 3), dtype=np.uint8)


def test_training_without_any_box_is_refused(tmp_path: Path) -> None:
    data = ArrayDataset("none", images(), {"box": Boxes.of([np.zeros((0, 5))] * 12, NAMES)})
    with pytest.raises((DataError, UsageError)):
        vt.train(data, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_one_box_an_image_can_be_detected_when_asked(tmp_path: Path) -> None:
    boxes = [np.array([[2, 2, 12, 12, k % 2]]) for k in range(12)]
    data = ArrayDataset("ones", images(), {"box": Boxes.of(boxes, NAMES)})
    run = vt.train(data, out=tmp_path / "run", task="detect", epochs=1, batch_size=4)
    assert run.model.task.name == "detect"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"label_smoothing": 0.1}, "each class is asked of each place by itself"),
        ({"balance": "weights"}, "an image has things of several classes"),
        ({"loss": "giou"}, "unknown loss 'giou'"),
        ({"mixup": 0.2}, "cannot be blended"),
        ({"model": "convnet"}, "convnet answers for the whole image"),
    ],
)
def test_settings_that_mean_nothing_are_refused(
    tmp_path: Path, settings: dict[str, object], words: str
) -> None:
    several = [np.array([[1, 1, 9, 9, 0], [9, 9, 20, 20, 1]])] * 12
    data = ArrayDataset("things", images(), {"box": Boxes.of(several, NAMES)})
    with pytest.raises(UsageError, match=words):
        vt.train(data, out=tmp_path / "run", task="detect", **settings)
    assert not (tmp_path / "run").exists()


def test_colored_shapes_are_found_by_the_defaults(tmp_path: Path) -> None:
    """Learned from scratch: squares of two colors, up to three an image, also none."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 60, (48, 48, 48, 3), dtype=np.uint8)
    rows = []
    for image in pixels:
        rows.append(np.zeros((random.integers(0, 4), 5)))
        for row in rows[-1]:
            kind, (left, top), side = (
                random.integers(2),
                random.integers(0, 32, 2),
                random.integers(8, 16),
            )
            image[top : top + side, left : left + side, 2 * kind] = 220
            row[:] = left, top, left + side, top + side, kind
    data = ArrayDataset("shapes", pixels, {"box": Boxes.of(rows, NAMES)})
    run = vt.train(data, out=tmp_path / "run", epochs=16)
    scores = run.scores["test"]
    assert run.model.task.name == "detect"
    assert scores.map50 > 0.6
    assert scores.map50 > 3 * scores.baselines[0].score("map50").value
