"""The image as examples, and the ratio of two shapes with its interval."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from vitreous.labs.gray_image import IMAGES, SIDE, examples, fit, ratio, shape


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_is_2601_examples(name: str) -> None:
    image = IMAGES[name]()
    assert image.shape == (SIDE, SIDE)
    assert 0 <= image.min() < image.max() <= 1
    places, values = examples(image)
    assert places.shape == (2601, 2)
    assert float(values.mean()) == pytest.approx(0, abs=1e-5)
    assert float(values.square().mean()) == pytest.approx(1, abs=1e-5)
    assert places[0].tolist() == [-1, -1]
    assert places[1].tolist() == pytest.approx([-0.96, -1])  # a row of pixels runs to the right


def test_a_ratio_has_welchs_interval() -> None:
    one, other = {"losses": [1.0, 2.0, 4.0, 3.0]}, {"losses": [0.5, 0.7, 0.4]}
    found, (low, high) = ratio(one, other)
    told = stats.ttest_ind(np.log(one["losses"]), np.log(other["losses"]), equal_var=False)
    interval = told.confidence_interval()
    assert found == pytest.approx(stats.gmean(one["losses"]) / stats.gmean(other["losses"]))
    assert (low, high) == pytest.approx((np.exp(interval.low), np.exp(interval.high)))


@pytest.mark.parametrize(
    ("hidden", "name", "weights"),
    [((125,), "1 × 125", 501), ((20, 20), "2 × 20", 501), ((10, 20, 10), "10/20/10", 471)],
)
def test_shapes_have_the_weights_of_the_source(
    hidden: tuple[int, ...], name: str, weights: int
) -> None:
    assert shape(hidden) == name
    assert fit(hidden, seeds=2, steps=1, seed=0)["weights"] == weights
