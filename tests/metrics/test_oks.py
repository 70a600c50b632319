"""OKS against pycocotools, and against numbers that can be computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from vitreous.errors import ShapeError
from vitreous.metrics.oks import OTHER, extents, oks, sigmas_of

COCO = (
    *("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder"),
    *("right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip"),
    *("right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"),
)


def test_it_is_pycocotools_s() -> None:
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    own = cocoeval.COCOeval(iouType="keypoints")
    np.testing.assert_allclose(sigmas_of(COCO), own.params.kpt_oks_sigmas)
    random = np.random.default_rng(0)
    truth = random.uniform(0, 200, (300, 17, 3))
    truth[..., 2] = random.integers(0, 2, (300, 17))
    truth[np.arange(300), random.integers(0, 17, 300), 2] = 1
    answers = truth[..., :2] + random.normal(0, 1, (300, 17, 2)) * random.uniform(
        0, 30, (300, 1, 1)
    )
    areas = random.uniform(10, 1e5, 300)
    expected = []
    for given, true, area in zip(answers, truth, areas, strict=True):
        thing = {"keypoints": true.ravel().tolist(), "area": area, "bbox": [0, 0, 1, 1]}
        found = np.column_stack([given, np.ones(17)]).ravel().tolist()
        own._gts[0, 0], own._dts[0, 0] = [thing], [{"keypoints": found, "score": 1.0}]
        expected.append(own.computeOks(0, 0)[0, 0])
    np.testing.assert_allclose(oks(answers, truth, sigmas_of(COCO), areas), expected, atol=1e-9)
    assert 0.1 < np.mean(expected) < 0.9


def test_by_hand() -> None:
    """A box of 30 × 40; one answer is off by 2 σ √a, the other perfect, the third not asked."""
    truth = np.array([[[10, 10, 1], [40, 50, 1], [99, 99, 0]]])
    off = 2 * 0.1 * np.sqrt(1200)
    answers = np.array([[[10 + off, 10], [40, 50], [0, 0]]])
    assert extents(truth).tolist() == [1200]
    assert oks(answers, truth, [0.1] * 3)[0] == pytest.approx((np.exp(-0.5) + 1) / 2)


def test_without_a_size_or_a_point_there_is_none() -> None:
    truth = np.zeros((2, 2, 3))
    truth[0, 0] = 5, 5, 1
    assert np.isnan(oks(truth[..., :2], truth, [0.1, 0.1])).all()


def test_points_of_other_things_have_a_stated_sigma() -> None:
    assert sigmas_of(["Right Wrist", "neck", "p1"]).tolist() == [0.062, OTHER, OTHER]
    with pytest.raises(ShapeError, match="sigmas"):
        oks(np.zeros((1, 2, 2)), np.zeros((1, 2, 3)), [0.1])
