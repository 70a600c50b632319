"""Average precision of detection, against pycocotools on random cases and by hand."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest

from vitreous.metrics.box_matching import AREAS, Detections, Matches, Things, matched, overlaps
from vitreous.metrics.precision_recall import intervals, mean_of, precisions, recalls

KINDS = 3


def drawn(seed: int, images: int = 12) -> tuple[list[Detections], list[Things]]:
    """Boxes of all sizes, some ignored, and answers near them, beside them and of equal scores."""
    random = np.random.default_rng(seed)
    found, truth = [], []
    for _ in range(images):
        n, extra = random.integers(0, 9), random.integers(0, 12)
        corner, size = random.uniform(0, 200, (n, 2)), random.choice([8, 40, 150], (n, 1))
        boxes = np.concatenate([corner, corner + size * random.uniform(0.5, 1.5, (n, 2))], 1)
        numbers = random.integers(0, KINDS, n)
        truth.append(Things(boxes.round(), numbers, random.random(n) < 0.2))
        near = boxes[random.random(n) < 0.8]
        moved = near + random.normal(0, 4, near.shape)
        far = random.uniform(0, 200, (extra, 2))
        far = np.concatenate([far, far + random.uniform(5, 120, (extra, 2))], 1)
        given = np.concatenate([moved, moved[:2], far]).round()
        given[:, 2:] = np.maximum(given[:, 2:], given[:, :2] + 1)
        near_numbers = numbers[: len(near)]
        classes = np.concatenate([near_numbers, near_numbers[:2], random.integers(0, KINDS, extra)])
        found.append(Detections(given, classes, random.integers(0, 20, len(given)) / 20))
    return found, truth


def coco(found: list[Detections], truth: list[Things]) -> Any:
    """The same boxes, scored by pycocotools."""
    tools = pytest.importorskip("pycocotools.coco")
    from pycocotools.cocoeval import COCOeval

    annotations = []
    for image, true in enumerate(truth, 1):
        for box, number, ignored in zip(true.boxes, true.numbers, true.ignored, strict=True):
            x, y, right, bottom = box.tolist()
            width, height = right - x, bottom - y
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": int(number),
                    "bbox": [x, y, width, height],
                    "area": width * height,
                    "iscrowd": int(ignored),
                }
            )
    answers = [
        {
            "image_id": image,
            "category_id": int(number),
            "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]],
            "score": float(score),
        }
        for image, given in enumerate(found, 1)
        for box, number, score in zip(
            given.boxes.tolist(), given.numbers, given.scores, strict=True
        )
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        data = tools.COCO()
        data.dataset = {
            "info": {},
            "images": [{"id": k + 1} for k in range(len(truth))],
            "categories": [{"id": k, "name": str(k)} for k in range(KINDS)],
            "annotations": annotations,
        }
        data.createIndex()
        judged = COCOeval(data, data.loadRes(answers), "bbox")
        judged.evaluate()
        judged.accumulate()
    return judged


def ours(found: list[Detections], truth: list[Things]) -> list[Matches]:
    return [matched(found, truth, number) for number in range(KINDS)]


@pytest.mark.parametrize("seed", range(12))
def test_every_number_is_that_of_pycocotools(seed: int) -> None:
    found, truth = drawn(seed, images=1 + seed * 3)
    if not any(map(len, found)):
        found[0] = Detections(np.array([[0.0, 0, 9, 9]]), np.array([0]), np.array([0.5]))
    judged = coco(found, truth).eval
    for kind, matches in enumerate(ours(found, truth)):
        for place, area in enumerate(AREAS):
            for last, most in enumerate((1, 10, 100)):
                expected = judged["precision"][:, :, kind, place, last]  # (T, R)
                own, reached = (each(matches.first(most), area) for each in (precisions, recalls))
                if own is None:
                    assert (expected == -1).all()
                    assert reached is None
                else:
                    np.testing.assert_allclose(own, expected, atol=1e-6)
                    assert reached is not None
                    np.testing.assert_allclose(
                        reached, judged["recall"][:, kind, place, last], atol=1e-6
                    )


@pytest.mark.parametrize("seed", range(3))
def test_the_twelve_numbers_of_the_challenge(seed: int) -> None:
    found, truth = drawn(seed)
    judged = coco(found, truth)
    with contextlib.redirect_stdout(io.StringIO()):
        judged.summarize()
    rows = ours(found, truth)
    own = [mean_of([precisions(row) for row in rows])]
    for threshold in (0, 5):
        tables = [precisions(row) for row in rows]
        own.append(mean_of([None if t is None else t[threshold] for t in tables]))
    own += [mean_of([precisions(row, area) for row in rows]) for area in [*AREAS][1:]]
    own += [mean_of([recalls(row.first(most)) for row in rows]) for most in (1, 10, 100)]
    own += [mean_of([recalls(row, area) for row in rows]) for area in [*AREAS][1:]]
    np.testing.assert_allclose([-1 if n is None else n for n in own], judged.stats, atol=1e-6)


def test_an_answer_in_an_ignored_region_is_neither_right_nor_wrong() -> None:
    boxes = np.array([[0.0, 0, 10, 10], [50, 50, 90, 90]])
    truth = [Things(boxes, np.array([0, 0]), np.array([False, True]))]
    inside = np.array([[55.0, 55, 60, 60], [70, 70, 80, 80], [0, 0, 10, 10]])
    found = [Detections(inside, np.zeros(3, np.int64), np.array([0.9, 0.8, 0.1]))]
    assert mean_of([precisions(matched(found, truth, 0))]) == pytest.approx(1)


def test_precision_by_hand() -> None:
    truth = [Things(np.array([[0.0, 0, 8, 8], [20, 20, 28, 28]]), np.zeros(2), np.zeros(2, bool))]
    given = np.array([[0.0, 0, 8, 8], [40, 40, 48, 48], [20, 20, 28, 28]])
    found = [Detections(given, np.zeros(3), np.array([0.9, 0.8, 0.7]))]
    table = precisions(matched(found, truth, 0))  # type: ignore[arg-type]
    assert table is not None
    # Precision 1 up to a recall of a half, then 2/3: 51 and 50 of the 101 recalls.
    np.testing.assert_allclose(table.mean(1), (51 + 50 * 2 / 3) / 101)


def test_a_class_without_things_has_no_score() -> None:
    found, truth = drawn(0)
    nothing = matched(found, truth, 99)
    assert precisions(nothing) is None
    assert recalls(nothing) is None
    assert mean_of([None]) is None


def test_no_answers_find_nothing() -> None:
    truth = [Things(np.array([[0.0, 0, 8, 8]]), np.zeros(1, np.int64), np.zeros(1, bool))]
    none = Detections(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0))
    assert mean_of([precisions(matched([none], truth, 0))]) == 0


def test_the_interval_is_that_of_drawing_the_images_again() -> None:
    found, truth = drawn(3, images=30)
    rows = ours(found, truth)
    fast, whole = intervals(rows, samples=60)
    random = np.random.default_rng(0)
    half, all_ = [], []
    for _ in range(60):
        ids = random.integers(0, 30, 30)
        again = ours([found[k] for k in ids], [truth[k] for k in ids])
        tables = [precisions(row) for row in again]
        half.append(mean_of([None if t is None else t[0] for t in tables]))
        all_.append(mean_of(tables))
    assert fast is not None
    assert whole is not None
    # Answers of equal scores stand in another order there.
    np.testing.assert_allclose(fast, np.quantile(half, [0.025, 0.975]), atol=0.02)
    np.testing.assert_allclose(whole, np.quantile(all_, [0.025, 0.975]), atol=0.02)


def test_overlaps_of_boxes() -> None:
    one, other = np.array([[0, 0, 10, 10]]), np.array([[5, 0, 15, 10], [20, 20, 30, 30]])
    np.testing.assert_allclose(overlaps(one, other), [[1 / 3, 0]])
    np.testing.assert_allclose(overlaps(one, other, np.array([True, True])), [[0.5, 0]])
