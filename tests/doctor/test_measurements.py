"""Each measurement against what it must be in closed form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vitreous.doctor.batch_order import dispersion
from vitreous.doctor.head_match import head_match, recovered
from vitreous.doctor.held_out import area, distinct, known, thumbnails
from vitreous.doctor.label_agreement import chance, doubt, mutual, neighbors
from vitreous.doctor.leftover_gradient import leftover
from vitreous.doctor.sampling import followed, sampled, surveyed
from vitreous.doctor.turned_images import turned
from vitreous.doctor.unit_activity import alive, saturated
from vitreous.doctor.unit_symmetry import looks_drawn, shrinking, symmetric

generator = torch.Generator().manual_seed(0)


def gradient_of(outputs: Tensor, labels: Tensor, loss: object) -> Tensor:
    z = outputs.clone().requires_grad_()
    loss(z, labels).backward()  # type: ignore[operator]
    assert z.grad is not None
    return z.grad


@pytest.mark.parametrize(
    "loss",
    [
        F.cross_entropy,
        lambda z, t: F.cross_entropy(z, t, label_smoothing=0.1),
        lambda z, t: F.cross_entropy(z, t, reduction="sum"),
        F.multi_margin_loss,
    ],
)
def test_labels_are_recovered_from_any_usual_loss(loss: object) -> None:
    outputs = torch.randn(64, 7, generator=generator)
    labels = torch.randint(0, 7, (64,), generator=generator)
    assert torch.equal(recovered(outputs, gradient_of(outputs, labels, loss)), labels)


def test_labels_of_answers_that_are_too_sure_for_label_smoothing() -> None:
    labels = torch.randint(0, 7, (64,), generator=generator)
    outputs = 9.0 * F.one_hot(labels, 7) + torch.randn(64, 7, generator=generator) / 2
    outputs[:8] = outputs[:8].flip(1)  # some of them sure and wrong
    found = recovered(
        outputs,
        gradient_of(outputs, labels, lambda z, t: F.cross_entropy(z, t, label_smoothing=0.1)),
    )
    assert torch.equal(found, labels)


def test_a_certain_answer_has_no_gradient_and_is_right() -> None:
    outputs = torch.tensor([[500.0, 0, 0], [0, 0, 500.0]])
    labels = torch.tensor([0, 2])
    assert torch.equal(recovered(outputs, gradient_of(outputs, labels, F.cross_entropy)), labels)


def test_a_softmax_twice_and_losses_that_only_look_alike() -> None:
    outputs = torch.randn(200, 6, generator=generator)
    labels = torch.randint(0, 6, (200,), generator=generator)
    shares = outputs.softmax(1)
    once = head_match(outputs, gradient_of(outputs, labels, F.cross_entropy))
    assert once.softmax
    assert once.simplex == 0
    smooth = gradient_of(
        9 * outputs, labels, lambda z, t: F.cross_entropy(z, t, label_smoothing=0.1)
    )
    assert head_match(9 * outputs, smooth).softmax
    twice = head_match(shares, gradient_of(shares, labels, F.cross_entropy))
    assert twice.softmax
    assert twice.simplex == 1
    likelihood = head_match(
        shares, gradient_of(shares, labels, lambda p, t: F.nll_loss(p.log(), t))
    )
    assert not likelihood.softmax
    brier = gradient_of(shares, labels, lambda p, t: F.mse_loss(p, F.one_hot(t, 6).float()))
    assert not head_match(shares, brier).softmax


def test_leftovers_of_gradients() -> None:
    own, before = torch.randn(2, 50, generator=generator)
    assert leftover(own + before, own, before) == pytest.approx(1)
    assert leftover(0.01 * (own + before), own, before) == pytest.approx(1)  # clipped
    assert leftover(own, own, before) == pytest.approx(0, abs=1e-6)
    assert leftover(torch.randn(50, generator=generator), own, before) is None
    assert leftover(own, own, torch.zeros(50)) is None
    assert leftover(2 * own, own, own) is None


def test_dead_and_saturated_units() -> None:
    maps = torch.zeros(4, 3, 5, 5)
    maps[2, 1, 0, 0] = 0.5
    assert alive(maps).tolist() == [False, True, False]
    assert alive(torch.tensor([[0.0, 1.0], [0.0, 0.0]])).tolist() == [False, True]
    assert alive(torch.tensor([[[0.0, 1.0], [2.0, 0.0]]])).tolist() == [True, True]
    assert saturated(torch.tensor([[0.0, 0.5, 0.99, 1.0]]), "sigmoid") == 0.75
    assert saturated(torch.tensor([[-0.99, 0.0, 0.5, 1.0]]), "tanh") == 0.5


def test_symmetry_needs_equal_weights_and_equal_gradients() -> None:
    rows, other = torch.ones(4, 3), torch.randn(4, 3, generator=generator)
    assert symmetric(rows, rows)
    assert symmetric(torch.zeros(4, 3), torch.zeros(4, 3))
    assert not symmetric(torch.zeros(4, 3), other)  # a head that begins at zero learns
    assert not symmetric(other, torch.zeros(4, 3))
    assert not symmetric(rows, None)


def test_drawn_weights_are_told_from_trained_ones() -> None:
    assert looks_drawn(nn.Linear(64, 64).weight)
    assert looks_drawn(torch.randn(64, 64, generator=generator))
    heavy = torch.distributions.StudentT(4.0).sample((64, 64))
    assert not looks_drawn(heavy)


def test_decay_points_to_zero() -> None:
    weight = torch.randn(9, generator=generator)
    assert shrinking(-0.1 * weight, weight) == pytest.approx(1)
    assert shrinking(weight, weight) == pytest.approx(-1)
    assert shrinking(torch.zeros(9), weight) == 0


def test_dispersion_is_one_for_random_batches_and_the_batch_size_for_sorted_ones() -> None:
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(10), 320)
    batches = [*random.permutation(labels).reshape(-1, 32)]
    assert dispersion(batches, 10) == pytest.approx(1, abs=0.15)
    assert dispersion([*labels.reshape(-1, 32)], 10) == pytest.approx(32, rel=0.05)
    balanced = [np.resize(np.arange(10), 30) for _ in range(50)]
    assert (dispersion(balanced, 10) or 0) < 0.2
    assert dispersion([*labels.reshape(-1, 2)], 10) == pytest.approx(32, rel=0.05)
    assert dispersion(batches[:3], 10) is None


def test_neighbors_know_labels_that_follow_images_and_no_others() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 5, 400)
    images = (np.eye(5)[labels] * 4 + random.normal(size=(400, 5))).astype(np.float32)
    agreed = (neighbors(images, labels) == labels).mean()
    assert agreed > 0.9
    mixed = random.permutation(labels)
    assert (neighbors(images, mixed) == mixed).mean() == pytest.approx(chance(mixed), abs=0.07)
    assert chance(np.arange(10)) == pytest.approx(0.1)


def test_wrong_labels_stand_anywhere_in_the_order_and_hard_ones_second() -> None:
    labels = torch.randint(0, 10, (2000,), generator=generator)
    outputs = 6 * F.one_hot(labels, 10) + torch.randn(2000, 10, generator=generator)
    wrong = torch.rand(2000, generator=generator) < 0.3
    given = torch.where(
        wrong, (labels + torch.randint(1, 10, (2000,), generator=generator)) % 10, labels
    )
    share, anything = doubt(outputs, given) or (0, 0)
    assert share == pytest.approx(0.3, abs=0.05)
    assert anything == pytest.approx(0.3, abs=0.06)
    second = outputs.topk(2).indices[:, 1]
    share, near = doubt(outputs, torch.where(wrong, second, labels)) or (0, 1)
    assert share == pytest.approx(0.3, abs=0.05)
    assert near < 0.01


def test_the_pair_taken_for_each_other() -> None:
    truth = np.repeat(np.arange(4), 50)
    answers = truth.copy()
    answers[:20], answers[50:65] = 1, 0
    answers[100:140] = 3  # one way only
    assert mutual(truth, answers, truth, 4) == (0, 1, pytest.approx(0.3))
    assert (mutual(truth, answers, answers, 4) or (0, 0, 1))[2] == 0


def test_two_sources_are_told_apart_and_one_is_not() -> None:
    random = np.random.default_rng(0)
    one, same, other = (random.normal(size=(300, 8)).astype(np.float32) for _ in range(3))
    assert distinct(one, same) == pytest.approx(0.5, abs=0.08)
    assert (distinct(one, other + 1) or 0) > 0.95
    assert distinct(one[:10], same) is None
    assert area(np.array([0.0, 1]), np.array([1.0, 2])) == pytest.approx(0.875)


def test_images_that_were_trained_on_are_known() -> None:
    images = torch.rand(200, 1, 16, 16, generator=generator)
    small = thumbnails(images)
    assert small.shape == (200, 144)
    new = thumbnails(torch.rand(80, 1, 16, 16, generator=generator))
    assert known(small, np.concatenate([small[:20], new])) == pytest.approx(0.2)
    assert known(small, np.zeros_like(new)) is None  # nothing in them


def test_turned_images_and_the_classes_that_this_makes_alike() -> None:
    """A bar at the top or at the bottom, which half a turn exchanges, and two bars in corners."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 4, 400)
    images = random.normal(scale=0.1, size=(400, 8, 8)).astype(np.float32)
    places = ((slice(0, 2), slice(2, 6)), (slice(6, 8), slice(2, 6)))
    places += ((slice(0, 3), slice(0, 2)), (slice(4, 8), slice(0, 1)))
    for image, label in zip(images, labels, strict=True):
        image[places[label]] += 1
    train, held = images[:200].copy(), images[200:]

    def seen() -> Any:
        return turned(train.reshape(200, -1), labels[:200], held.reshape(200, -1), labels[200:])

    assert seen().share < 0.1
    train[::2] = train[::2, ::-1, ::-1]
    found = seen()
    assert found.change == "turned by half"
    assert found.share == pytest.approx(0.5, abs=0.1)
    assert found.classes == (0, 1)
    assert found.alike > 0.9


def test_steps_are_sampled_often_at_first() -> None:
    early = sum(map(sampled, range(1, 101)))
    assert sampled(1)
    assert early == 10
    assert sum(map(sampled, range(1001, 1101))) <= 3
    for looked in (sampled, surveyed):  # as many looks each time that the steps have doubled
        octaves = [sum(map(looked, range(1000 << n, 2000 << n))) for n in range(4)]
        assert max(octaves) - min(octaves) <= 1
        assert all(followed(step) for step in range(1, 100_000) if looked(step))
    assert all(map(followed, range(1, 500)))
    assert sum(map(followed, range(16_000, 32_000))) == 250
