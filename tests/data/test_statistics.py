from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from vitreous.data.statistics import fingerprint, statistics, whitening
from vitreous.errors import DataError


def images(count=400, size=4, channels=3, seed=0):
    """Pixels that depend on each other and on their channel."""
    random = np.random.default_rng(seed)
    values = random.normal(120, 30, (count, size, size, channels))
    values += random.normal(0, 30, (count, 1, 1, 1)) + [0, 10, -20][:channels]
    return values.clip(0, 255).astype(np.uint8)


def cut(rows, size):
    return (rows[first : first + size] for first in range(0, len(rows), size))


def test_statistics_are_mean_and_deviation_of_each_channel():
    rows = images()
    mean, std = statistics(cut(rows, 7))
    np.testing.assert_allclose(mean, (rows / 255).mean((0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(std, (rows / 255).std((0, 1, 2)), rtol=1e-12)
    assert mean.dtype == std.dtype == np.float64
    normalized = (rows / 255 - mean) / std
    np.testing.assert_allclose(normalized.mean((0, 1, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(normalized.std((0, 1, 2)), 1, atol=1e-12)


@pytest.mark.parametrize("channels", [1, 2, 6, 100])
def test_any_number_of_channels_is_counted(channels):
    rows = np.random.default_rng(0).integers(0, 256, (9, 5, 4, channels), np.uint8)
    mean, std = statistics([rows])
    np.testing.assert_allclose(mean, (rows / 255).mean((0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(std, (rows / 255).std((0, 1, 2)), rtol=1e-12)


@pytest.mark.parametrize("size", [1, 13, 400])
def test_chunks_change_not_a_bit(size):
    rows = images()
    assert fingerprint(*statistics(cut(rows, size))) == fingerprint(*statistics([rows]))


def test_other_parts_have_no_influence():
    rows = images()
    train, validation = np.arange(0, 400, 2), np.arange(1, 400, 2)
    before = fingerprint(*statistics([rows[train]]))
    changed = rows.copy()
    changed[validation] = 255 - changed[validation]
    assert fingerprint(*statistics([changed[train]])) == before
    changed[train[0], 0, 0, 0] ^= 1  # one bit of one training pixel
    assert fingerprint(*statistics([changed[train]])) != before


def test_a_bright_and_nearly_constant_channel_is_exact():
    """The textbook's E[x²] - E[x]² in float32 would give nonsense here."""
    rows = np.full((100, 100, 100, 1), 254, np.uint8)
    rows[0, 0, 0] = 255
    _, std = statistics([rows])
    n = 1e6
    assert std[0] == pytest.approx(np.sqrt((1 / n) * (1 - 1 / n)) / 255, rel=1e-12)


def test_a_constant_channel_can_be_divided_by():
    rows = np.full((5, 3, 3, 2), 7, np.uint8)
    mean, std = statistics([rows])
    np.testing.assert_allclose(mean, 7 / 255)
    np.testing.assert_array_equal(std, 1)


def test_no_images_are_an_error():
    for chunks in ([], [np.zeros((0, 3, 3, 1), np.uint8)]):
        with pytest.raises(DataError, match="no training images"):
            statistics(chunks)
        with pytest.raises(DataError, match="no training images"):
            whitening(chunks)


@pytest.mark.parametrize("kind", ["pca", "zca"])
def test_whitened_covariance_is_the_identity(kind):
    rows = images()
    white = whitening(cut(rows, 50), kind)(rows)
    np.testing.assert_allclose(white.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(np.cov(white.T, bias=True), np.eye(48), atol=1e-4)


def test_pca_agrees_with_scikit_learn():
    rows = images()
    ours = whitening([rows], "pca")(rows)
    theirs = PCA(whiten=True).fit_transform(rows.reshape(400, -1) / 255) * np.sqrt(400 / 399)
    signs = np.sign((ours * theirs).sum(0))
    np.testing.assert_allclose(ours, theirs * signs, atol=1e-8)


def test_zca_changes_images_least():
    rows = images()
    zca, pca = whitening([rows], "zca"), whitening([rows], "pca")
    np.testing.assert_allclose(zca.matrix, zca.matrix.T, atol=1e-9)
    centered = rows.reshape(400, -1) / 255 - zca.mean
    assert np.linalg.norm(zca(rows) - centered) < np.linalg.norm(pca(rows) - centered)


def test_pixels_that_never_change_are_left_out():
    rows = images()
    rows[:, 0] = 0  # a black first line
    assert whitening([rows], "pca").matrix.shape == (36, 48)
    white = whitening([rows], "zca")(rows)
    covariance = np.cov(white.T, bias=True)
    np.testing.assert_allclose(covariance[12:, 12:], np.eye(36), atol=1e-4)
    np.testing.assert_allclose(covariance[:12], 0, atol=1e-9)


def test_epsilon_spares_weak_directions():
    rows = images()
    white = whitening([rows], "pca", epsilon=1e-2)(rows)
    variances = white.var(0)
    assert np.all(np.diff(variances) < 1e-9)
    assert variances[0] > 0.7
    assert variances[-1] < 0.6
