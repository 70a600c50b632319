"""The command that made the networks that come along."""

from __future__ import annotations

import numpy as np
import torch

from vitreous.inference.model_file import load
from vitreous.playground.images import demo_training
from vitreous.playground.images.demo_networks import READERS, digits


def test_moved_digits_stay_digits():
    rows, targets = (part[:600] for part in digits())
    batches = demo_training.moved(rows, targets)
    (first, *_), (again, *_) = batches.epoch(0), batches.epoch(1)
    ids = first.ids.numpy()
    assert first.images.shape == (demo_training.BATCH_SIZE, 1, 28, 28)
    np.testing.assert_array_equal(first.targets["class"], targets[ids])
    light = first.images.sum((1, 2, 3)).numpy() / (rows[ids].sum((1, 2, 3)) / 255)
    assert 0.4 < light.min() < light.max() < 1.8  # of another size, and none leaves the picture
    assert not torch.equal(first.images, again.images)


def test_strokes_become_thicker_and_thinner():
    rows = digits()[0][:400]
    found = demo_training.restroked(rows, np.random.default_rng(0))
    light = found.sum((1, 2, 3), dtype=float) / rows.sum((1, 2, 3), dtype=float)
    assert (light > 1.1).mean() > 0.25
    assert (light < 0.9).mean() > 0.1
    assert (light == 1).mean() > 0.4


def test_what_is_learned_is_kept_in_a_model_file(tmp_path):
    rows, targets = digits()
    row = READERS["linear"]
    batches = demo_training.moved(rows[600:], targets[600:])
    found = demo_training.learned(row, batches, (rows[:600], targets[:600]))
    assert found.training["accuracy"] > 0.6
    assert found.training["held_out"] == 600
    again = load(found.save(tmp_path / "linear.safetensors"))
    images = found.contract.images(rows[:20])
    assert torch.equal(again.outputs(images), found.outputs(images))
