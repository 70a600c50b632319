"""Depth: scores by hand, pixels that were not measured, the loss that knows no scale, files."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
import torch
from PIL import Image

from vitreous.data.images.frame import Frame
from vitreous.data.maps import Maps
from vitreous.errors import DataError
from vitreous.losses import scale_invariant
from vitreous.metrics.depth_errors import depth, image_depths
from vitreous.tasks.depth import Depth
from vitreous.tasks.depth_answer import DepthMap

NAN = math.nan


def test_scores_by_hand() -> None:
    truth = torch.tensor([[[2.0, 4, NAN, 0]], [[NAN, 0, NAN, NAN]]])
    given = torch.tensor([[[3.0, 4, 9, 9]], [[1.0, 1, 1, 1]]])
    found = image_depths(given, truth)
    assert found[0].tolist() == pytest.approx([0.25, math.sqrt(0.5), 0.5, 1, 1])
    assert np.isnan(found[1]).all()
    scores = depth(found)
    assert (scores.count, scores.measured, scores.abs_rel) == (2, 1, 0.25)
    with pytest.raises(DataError, match="known depth"):
        depth(found[1:])


def test_a_factor_costs_nothing_where_scale_is_free() -> None:
    logs = torch.randn(3, 1, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    targets = logs + 0.7
    targets[0, 0, 0, 0] = NAN
    free = scale_invariant(logs, targets, share=1.0, reduction="none")
    assert free.tolist() == pytest.approx([0, 0, 0], abs=1e-12)
    half = scale_invariant(logs, targets, reduction="none")
    assert half.tolist() == pytest.approx([0.245] * 3)
    bound = scale_invariant(logs, targets, share=0.0, reduction="none")
    assert bound.tolist() == pytest.approx([0.49] * 3)


def test_the_loss_equals_eigens_sum_over_pairs() -> None:
    """Eigen et al. give it also as the mean over pairs of pixels of (d_i - d_j)², halved: λ = 1."""
    draw = torch.Generator().manual_seed(1)
    logs, targets = torch.randn(2, 1, 3, 4, generator=draw), torch.randn(2, 1, 3, 4, generator=draw)
    d = (logs - targets).flatten(1)
    pairs = (d[:, :, None] - d[:, None]).square().mean((1, 2)) / 2
    torch.testing.assert_close(scale_invariant(logs, targets, share=1.0, reduction="none"), pairs)


@pytest.mark.parametrize("criterion", Depth.LOSSES)
def test_pixels_that_were_not_measured_count_nowhere(criterion: str) -> None:
    task = Depth(center=0.5, scale=0.8, farthest=9.0, criterion=criterion)
    draw = torch.Generator().manual_seed(2)
    truth = torch.rand(2, 6, 6, generator=draw) * 5 + 1
    outputs = torch.randn(2, 1, 6, 6, generator=draw).requires_grad_()
    part = task.loss(outputs[..., :3], {"depth": truth[..., :3].contiguous()})
    holes = truth.clone()
    holes[..., 3:5], holes[..., 5] = NAN, 0
    losses = task.loss(outputs, {"depth": holes})
    torch.testing.assert_close(losses, part)
    (gradient,) = torch.autograd.grad(losses.sum(), outputs)
    assert torch.isfinite(gradient).all()
    assert (gradient[..., 3:] == 0).all()
    nothing = task.loss(outputs, {"depth": torch.full_like(truth, NAN)})
    assert nothing.tolist() == [0, 0]


def test_depths_come_back_from_what_the_network_gives() -> None:
    task = Depth.of({"depth": Maps(np.float32([[[1, 2]], [[4, 8]]]), interpolation="linear")})
    assert task.center == pytest.approx(np.log([1, 2, 4, 8]).mean())
    assert task.farthest == pytest.approx(8)
    truth = torch.tensor([[[1.5, 7.0]]])
    torch.testing.assert_close(task.depths(task.standardized(truth)), truth)
    assert task.depths(torch.full((1, 1, 1, 1), 1e9)).item() == pytest.approx(16)
    assert task.depths(torch.full((1, 1, 1, 1), -1e9)).item() > 0


def test_answers_are_written_in_16_bits_and_as_they_are() -> None:
    task = Depth(farthest=8.0)
    assert task.steps == 1000  # 16 units at most, and 65,535 steps
    found = DepthMap(np.float32([[1.25, NAN], [8, 90]]), task.steps)
    picture = Image.open(io.BytesIO(found.png()))
    assert np.array(picture).tolist() == [[1250, 0], [8000, 65535]]
    assert picture.text["Description"] == "depth = value / 1000; 0 is unknown"
    np.testing.assert_array_equal(np.load(io.BytesIO(found.npy())), found.depth)
    assert found.draw(np.zeros((2, 2, 3), np.uint8))[0, 1].tolist() == [255, 255, 255]


def test_an_answer_has_the_size_of_its_image() -> None:
    frame = Frame.resized_crop((30, 60), (16, 16), (0, -15, 60, 45))  # padded above and below
    (answer,) = Depth(farthest=3.0).decode(torch.zeros(1, 1, 16, 16), [frame])
    assert answer.depth.shape == (30, 60)
    assert np.isfinite(answer.depth).all()


def test_nothing_measured_is_refused() -> None:
    with pytest.raises(DataError, match="known depth"):
        Depth.of({"depth": Maps(np.zeros((2, 3, 3), np.float32), interpolation="linear")})
    with pytest.raises(DataError, match="numbers of classes"):
        Depth.check_targets({"depth": Maps(np.zeros((2, 3, 3), np.uint8), ("a",))}, "here")
