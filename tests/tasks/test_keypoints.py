"""Key points: the loss of what is seen, places in the pixels of the image, the mean pose."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from vitreous.augment import Augment
from vitreous.data.batches.counter_random import uniforms
from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.points import Points
from vitreous.errors import DataError
from vitreous.tasks.keypoints import DELTA, UNIT, Keypoints

NAMES = ("left eye", "right eye", "nose")
GENERATOR = torch.Generator().manual_seed(0)
SEEN = torch.tensor([[1, 1, 1], [1, 0, 1], [0, 0, 1], [0, 0, 0]])
TRUTH = (
    torch.cat([torch.rand(4, 3, 2, generator=GENERATOR) * 60, SEEN[..., None]], 2) * SEEN[..., None]
)
OUTPUTS = torch.randn(4, 6, generator=GENERATOR)


def task(criterion: str = "") -> Keypoints:
    column = Points(TRUTH.numpy(), NAMES)
    return Keypoints.of({"point": column}, criterion=criterion).within(48, 64)


@pytest.mark.parametrize(
    ("criterion", "each"),
    [
        ("huber", lambda o, t: F.smooth_l1_loss(o, t, beta=DELTA)),
        ("absolute", F.l1_loss),
        ("squared", F.mse_loss),
    ],
)
def test_the_loss_is_torchs_of_the_points_that_are_seen(criterion: str, each: object) -> None:
    losses = task(criterion).loss(OUTPUTS, {"point": TRUTH})
    sides = torch.tensor([64.0, 48.0])
    wanted = ((TRUTH[..., :2] + 0.5) / sides - 0.5) * UNIT
    for k in range(3):
        seen = SEEN[k] > 0
        given = OUTPUTS.reshape(4, 3, 2)[k, seen]
        torch.testing.assert_close(losses[k], each(given, wanted[k, seen]))  # type: ignore[operator]
    assert losses[3] == 0


def test_hidden_points_teach_nothing() -> None:
    outputs = OUTPUTS.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(task().loss(outputs, {"point": TRUTH}).sum(), outputs)
    assert ((gradient.reshape(4, 3, 2) != 0).all(2) == (SEEN > 0)).all()


def test_the_derivative_by_hand_passes_over_hidden_points() -> None:
    one, targets = task(), {"point": TRUTH[:3]}
    leaf = OUTPUTS[:3].double().requires_grad_()
    one.loss(leaf, targets).mean().backward()
    loss = one.manual_loss()
    value = loss.forward(OUTPUTS[:3].double(), one.manual_targets(targets))
    torch.testing.assert_close(value, one.loss(leaf, targets).mean().detach(), rtol=1e-6, atol=0)
    torch.testing.assert_close(loss.backward(), leaf.grad, rtol=1e-6, atol=1e-9)


def test_places_come_back_into_the_pixels_of_an_image_of_any_size() -> None:
    contract = PixelContract(height=48, width=64, channels=3, fit="pad", exact=True)
    shapes = [(48, 64), (100, 30), (37, 211), (500, 400)]
    truth = Points(
        np.array([[[w / 3, h / 2, 1], [w - 5, 4, 1], [5, h - 6, 1]] for h, w in shapes]), NAMES
    )
    frames = [contract.frame(*shape) for shape in shapes]
    fitted = torch.from_numpy(truth.fitted(frames).array)
    outputs = task().normalized(fitted[..., :2].double()).flatten(1)
    for answer, places in zip(task().decode(outputs, frames), truth.array, strict=True):
        np.testing.assert_allclose(answer.places[:, :2], places[:, :2], atol=1e-3)
    assert outputs.abs().max() <= UNIT / 2


def test_a_mirror_swaps_left_and_right() -> None:
    column = Points(np.array([[[10, 5, 1], [50, 6, 1], [30, 20, 1]]]), NAMES)
    policy = Augment(flip=1.0)
    numbers = uniforms(0, 0, np.arange(1), policy.num_uniforms)
    changes = policy.sample(numbers, (48, 64, 3), (48, 64))
    moved = column.moved(column.gather(np.array([0])), changes)
    np.testing.assert_allclose(moved[0], [[13, 6, 1], [53, 5, 1], [33, 20, 1]], atol=1e-4)


def test_the_mean_pose_is_of_the_points_that_are_seen() -> None:
    table = np.array(
        [
            [[0, 0, 1], [20, 0, 1], [9, 9, 0]],
            [[4, 8, 1], [99, 9, 0], [9, 9, 0]],
            [[2, 4, 1], [20, 0, 1], [31.5, 23.5, 1]],
        ]
    )
    targets = {"point": Points(table, NAMES)}
    rows = np.zeros((3, 48, 64, 3), np.uint8)
    (mean,) = task().baselines(rows, targets, np.array([0, 1]), np.array([2]))
    error, pck = mean.score("error"), mean.score("pck")
    # (2, 4), (20, 0), and the middle of the window for the point that was never seen.
    assert error is not None
    assert error.value == 0
    assert pck is not None
    assert pck.value == 1


def test_points_meet_by_name() -> None:
    table = np.array([[[1, 1, 1], [2, 2, 1], [3, 3, 0], [4, 4, 1]]])
    column = Points(table, ("nose", "right eye", "left eye", "chin"))
    found = task().align({"point": column}, "faces")
    aligned = found.targets["point"]
    assert isinstance(aligned, Points)
    assert aligned.names == NAMES
    assert aligned.pairs == ((0, 1),)
    assert aligned.array[0].tolist() == [[0, 0, 0], [2, 2, 1], [1, 1, 1]]
    assert found.notes == ("The model does not know chin.",)
    with pytest.raises(DataError, match="nose"):
        task().align({"point": Points(table[:, :2], ("left eye", "right eye"))}, "faces")


def test_without_a_visible_point_there_is_nothing_to_learn() -> None:
    with pytest.raises(DataError, match="visible"):
        Keypoints.check_trainable(
            {"point": Points(np.zeros((2, 3, 3)), NAMES)}, "2 images", "faces"
        )


def test_an_answer_is_told_and_drawn() -> None:
    answer = task().truth({"point": np.array([[3, 4, 1], [9, 9, 0], [20, 10, 1]], np.float32)})
    assert answer.text == "left eye 3 4, nose 20 10"
    assert answer.to_json() == {"points": {"left eye": [3.0, 4.0], "nose": [20.0, 10.0]}}
    drawn = answer.draw(np.zeros((20, 30, 1), np.uint8))
    changed = np.argwhere(drawn.any(axis=2))
    assert drawn.shape == (20, 30, 3)
    assert drawn[4, 3].any()
    assert drawn[10, 20].any()
    assert all(min(np.hypot(y - 4, x - 3), np.hypot(y - 10, x - 20)) < 4 for y, x in changed)
