"""Clusters against scikit-learn, and on images whose regions are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans

from vitreous.errors import UsageError
from vitreous.labs.clusters import features, k_means, mean_shift, plot


def scene() -> tuple[np.ndarray, np.ndarray]:
    """Sky, meadow and a ball, with noise; and which pixel is which."""
    y, x = np.mgrid[:60, :80]
    truth = np.where(np.hypot(x - 50, y - 30) < 14, 2, (y > 35).astype(int))
    colors = np.array([[90, 140, 220], [60, 130, 50], [210, 60, 40]])
    noise = np.random.default_rng(0).normal(0, 8, (60, 80, 3))
    return np.clip(colors[truth] + noise, 0, 255).astype(np.uint8), truth


def agreement(labels: np.ndarray, truth: np.ndarray) -> float:
    """The share of pixels that are right, once each region is called what it is mostly."""
    table = np.zeros((labels.max() + 1, truth.max() + 1), int)
    np.add.at(table, (labels.ravel(), truth.ravel()), 1)
    rows, columns = linear_sum_assignment(-table)
    return table[rows, columns].sum() / truth.size


@pytest.mark.parametrize("seed", range(4))
def test_k_means_finds_what_scikit_learn_finds(seed: int) -> None:
    points = np.random.default_rng(seed).normal(0, 1, (600, 5))
    points[:200] += 8
    points[200:400] -= 8
    labels, spread = k_means(points, 3, seed)
    peer = KMeans(3, n_init=5, random_state=0).fit(points)
    assert spread == pytest.approx(peer.inertia_, rel=1e-6)
    assert agreement(labels, peer.labels_) == 1


def test_more_clusters_spread_less() -> None:
    image, _ = scene()
    spreads = [k_means(features(image, 1.0), count)[1] for count in (1, 2, 3, 6)]
    assert spreads == sorted(spreads, reverse=True)
    points = features(image, 1.0)
    assert spreads[0] == pytest.approx(((points - points.mean(0)) ** 2).sum())


def test_regions_of_a_scene_are_found_without_labels() -> None:
    image, truth = scene()
    labels, _ = k_means(features(image, 0.0), 3)
    assert agreement(labels.reshape(60, 80), truth) > 0.98
    regions = mean_shift(image)
    assert 3 <= len(np.unique(regions)) < 60
    assert agreement(regions, truth) > 0.95


def test_place_keeps_clusters_together() -> None:
    """Two balls of one color: by color one cluster, by color and place two."""
    y, x = np.mgrid[:60, :80]
    left, right = (np.hypot(x - middle, y - 30) < 12 for middle in (18, 62))
    image = np.where((left | right)[..., None], [200, 40, 40], [30, 30, 90]).astype(np.uint8)
    by_color = k_means(features(image, 0.0), 2)[0].reshape(60, 80)
    assert by_color[30, 18] == by_color[30, 62]
    by_both = k_means(features(image, 3.0), 4)[0].reshape(60, 80)
    assert by_both[30, 18] != by_both[30, 62]


@pytest.mark.parametrize("method", ["k-means", "mean shift"])
def test_regions_are_a_partition(method: str) -> None:
    """Their union is the image, and no two of them meet (S2)."""
    image, _ = scene()
    labels = (
        mean_shift(image)
        if method == "mean shift"
        else k_means(features(image, 1.0), 5)[0].reshape(60, 80)
    )
    regions = [labels == number for number in np.unique(labels)]
    assert labels.shape == image.shape[:2]
    assert np.array_equal(np.sum(regions, axis=0), np.ones_like(labels))


def test_mean_shift_regions_hang_together() -> None:
    from scipy.ndimage import label

    labels = mean_shift(scene()[0])
    assert all(label(labels == number)[1] == 1 for number in np.unique(labels))


@pytest.mark.parametrize("count", [0, 11])
def test_numbers_of_clusters_that_cannot_be_are_refused(count: int) -> None:
    with pytest.raises(UsageError, match=f"{count} clusters of 10 points"):
        k_means(np.zeros((10, 2)), count)


def test_equal_points_are_clustered_without_a_warning() -> None:
    labels, spread = k_means(np.ones((10, 2)), 3)
    assert spread == 0
    assert len(labels) == 10


def test_the_picture(tmp_path: Path) -> None:
    image, truth = scene()
    with Image.open(plot(tmp_path / "clusters.png", image, {"truth": truth})) as picture:
        assert picture.size[0] > 400
