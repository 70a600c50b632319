"""Key points: the loss of what is seen, places in the pixels of the image, the mean pose; by
numbers and by heat maps.
"""

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


def task(criterion: str = "huber") -> Keypoints:
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


MAPS = torch.randn(4, 3, 48, 64, generator=GENERATOR)


def mapped(criterion: str = "heat_map") -> Keypoints:
    return task(criterion)


def test_a_place_is_a_class_among_many() -> None:
    one = mapped()
    wanted = one.heat(TRUTH, (48, 64))
    losses = one.loss(MAPS, {"point": TRUTH})
    for k in range(3):
        seen = SEEN[k] > 0
        each = F.cross_entropy(MAPS[k, seen].flatten(1), wanted[k, seen].flatten(1))
        torch.testing.assert_close(losses[k], each)
    assert losses[3] == 0


def test_hidden_points_teach_no_map() -> None:
    for criterion in ("heat_map", "integral"):
        maps = MAPS.clone().requires_grad_()
        loss = mapped(criterion).loss(maps, {"point": TRUTH}).sum()
        (gradient,) = torch.autograd.grad(loss, maps)
        assert (gradient.flatten(2).any(2) == (SEEN > 0)).all()


def test_the_mean_place_is_drawn_to_the_point() -> None:
    """The integral head adds the distance of the mean place, in fifths of the window."""
    one, truth = mapped("integral"), TRUTH[:1]
    shares = MAPS[:1].double().flatten(2).softmax(2).reshape(1, 3, 48, 64)
    x = (shares.sum(2) * torch.arange(64)).sum(2)
    y = (shares.sum(3) * torch.arange(48)).sum(2)
    sides = torch.tensor([64.0, 48.0]).double()
    off = (torch.stack([x, y], 2) - truth[..., :2]).abs() / sides * UNIT
    expected = mapped().loss(MAPS[:1].double(), {"point": truth}) + off.mean()
    torch.testing.assert_close(one.loss(MAPS[:1].double(), {"point": truth}), expected)


@pytest.mark.parametrize("criterion", ["heat_map", "integral"])
def test_places_of_maps_come_back_into_the_pixels_of_an_image(criterion: str) -> None:
    contract = PixelContract(height=96, width=128, channels=3, fit="pad", exact=True)
    shapes = [(96, 128), (100, 60), (75, 211), (500, 400)]
    truth = Points(
        np.array([[[w / 3, h / 2, 1], [w - 20, 20, 1], [20, h - 20, 1]] for h, w in shapes]), NAMES
    )
    frames = [contract.frame(*shape) for shape in shapes]
    fitted = truth.fitted(frames)
    one = task(criterion).within(96, 128)
    assert one.output().shape(4, 96, 128) == (4, 3, 48, 64)
    maps = one.heat(torch.from_numpy(fitted.array).double(), (48, 64)).clamp_min(1e-40).log()
    answers = one.decode(maps, frames)
    for answer, places, scale in zip(answers, truth.array, fitted.scales, strict=True):
        far = np.abs(answer.places[:, :2] - places[:, :2]) / scale
        assert far.max() < (1e-3 if criterion == "heat_map" else 0.2)  # the edge cuts off
        assert answer.score is not None
        assert 0.9 < answer.score <= 1


def test_the_map_of_a_mirrored_image_is_mirrored_and_called_by_the_other_name() -> None:
    column = Points(np.array([[[10, 5, 1], [50, 6, 1], [30, 20, 1]]]), NAMES)
    policy = Augment(flip=1.0)
    numbers = uniforms(0, 0, np.arange(1), policy.num_uniforms)
    changes = policy.sample(numbers, (48, 64, 3), (48, 64))
    values = column.gather(np.array([0]))
    moved = column.moved(values, changes)
    one = mapped()
    before, after = (one.heat(torch.from_numpy(v), (48, 64)) for v in (values, moved))
    torch.testing.assert_close(after, before.flip(3)[:, [1, 0, 2]], rtol=0, atol=1e-6)


def test_errors_of_a_table_are_in_the_pixels_of_the_image() -> None:
    """Four to one of the window: half of the answers' distances is no measure of the image."""
    column = Points(np.array([[[40, 40, 1], [80, 40, 1], [0, 0, 0]]] * 2), NAMES)
    contract = PixelContract(height=48, width=64, channels=3, fit="pad", exact=True)
    fitted = column.fitted([contract.frame(192, 256), contract.frame(48, 64)])
    one = task("huber")
    truth = torch.from_numpy(fitted.array)
    meter = one.meter()
    meter.add(one.normalized(truth[..., :2] + torch.tensor([1.0, 0])).flatten(1), {"point": truth})
    columns, rows = one.table(meter, {"point": fitted})
    assert columns == ("pck", "error", "rank")
    np.testing.assert_allclose([float(row[1]) for row in rows], [4, 1], rtol=1e-4)


def test_files_from_before_there_were_maps_give_numbers() -> None:
    again = Keypoints.from_json((), {"points": [*NAMES], "size": [48, 64]})
    assert again.output() == task("huber").output()
    assert (again.criterion, again.mapped) == ("huber", False)


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
    assert answer.to_json() == {
        "points": {"left eye": [3.0, 4.0], "nose": [20.0, 10.0]},
        "keypoints": [3, 4, 2, 0, 0, 0, 20, 10, 2],
    }
    (sure,) = mapped().decode(MAPS[:1])
    assert sure.to_json()["scores"].keys() == {*NAMES}
    assert len(sure.to_json()["keypoints"]) == 9
    drawn = answer.draw(np.zeros((20, 30, 1), np.uint8))
    changed = np.argwhere(drawn.any(axis=2))
    assert drawn.shape == (20, 30, 3)
    assert drawn[4, 3].any()
    assert drawn[10, 20].any()
    # Dots at both ends of the line that joins an eye and the nose, and nothing elsewhere.
    along = np.clip(((changed[:, 1] - 3) * 17 + (changed[:, 0] - 4) * 6) / (17**2 + 6**2), 0, 1)
    middles = np.column_stack([4 + 6 * along, 3 + 17 * along])
    assert np.linalg.norm(changed - middles, axis=1).max() < 4
    assert drawn[7, 11].any()
