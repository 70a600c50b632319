"""Principal components against scikit-learn's and against clouds whose axes are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch.testing import assert_close

from vitreous.errors import UsageError
from vitreous.explain.embedding import embed


@pytest.fixture
def cloud() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return (
        torch.randn(60, 7, generator=generator).double() @ torch.diag(torch.arange(1.0, 8)).double()
    )


@pytest.mark.parametrize("rows", [60, 5, 2])
def test_it_is_scikit_learns_up_to_sign(cloud: torch.Tensor, rows: int) -> None:
    cloud = cloud[:rows]
    peer = PCA(2, svd_solver="full").fit(cloud.numpy())
    found = embed(cloud)
    expected = peer.transform(cloud.numpy())
    signs = np.sign((found.axes.numpy() * peer.components_.T).sum(axis=0))
    there = peer.explained_variance_ratio_ > 1e-12
    assert there.sum() == min(2, rows - 1)
    np.testing.assert_allclose(
        found.axes[:, there], (peer.components_.T * signs)[:, there], atol=1e-10
    )
    np.testing.assert_allclose(found.places[:, there], (expected * signs)[:, there], atol=1e-9)
    np.testing.assert_allclose(found.shares, peer.explained_variance_ratio_, atol=1e-12)


def test_a_known_cloud_lies_along_its_axes() -> None:
    t = torch.linspace(-1, 1, 21)
    line = torch.stack([3 * t, 4 * t, torch.zeros(21)], dim=1) + 5
    found = embed(line)
    assert_close(found.axes[:, 0], torch.tensor([0.6, 0.8, 0.0]).double(), atol=1e-6, rtol=0)
    assert_close(found.places[:, 0], 5 * t.double(), atol=1e-5, rtol=0)
    assert_close(found.shares, torch.tensor([1.0, 0.0]).double(), atol=1e-9, rtol=0)


def test_axes_follow_an_earlier_picture(cloud: torch.Tensor) -> None:
    found = embed(cloud)
    flipped = embed(cloud, like=-found.axes)
    assert_close(flipped.axes, -found.axes)
    assert_close(flipped.places, -found.places)
    assert_close(embed(cloud, like=torch.ones(3, 2)).axes, found.axes)  # of another layer


@pytest.mark.parametrize("values", [torch.ones(9, 4), torch.zeros(3, 1), torch.ones(1, 5)])
def test_constants_have_no_axes(values: torch.Tensor) -> None:
    found = embed(values)
    assert found.places.abs().max() < 1e-9
    assert found.places.shape == (len(values), 2)
    assert found.shares.sum() < 1e-9


def test_one_unit_is_one_axis() -> None:
    values = torch.tensor([[1.0], [2.0], [6.0]])
    found = embed(values)
    assert_close(found.places[:, 0], torch.tensor([-2.0, -1.0, 3.0]).double())
    assert not found.places[:, 1].any()


@pytest.mark.parametrize(
    "values", [torch.ones(3), torch.ones(0, 3), torch.tensor([[1.0, torch.nan]])]
)
def test_what_cannot_be_embedded(values: torch.Tensor) -> None:
    with pytest.raises(UsageError, match="cannot be embedded"):
        embed(values)
