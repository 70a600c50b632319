"""Deeper is not better, unless there are shortcuts: errors on the very images that were trained on.

He et al. (2016), arXiv:1512.03385, figures 1 and 6, in a small form: 1,000 of the digits, 8 × 8, 20
epochs of `benchmarks/degradation.py`. On one core a seed takes about a minute:

    plain20 0.0 %, plain56 56.5, 46.3 and 45.6 %, resnet20 0.0 %, resnet56 0.0 %

So many layers can do what fewer do, and without shortcuts training does not find it. That the
deeper residual network is the *better* one needs harder images, see benchmarks/README.md.
"""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
import torch

from vitreous.data.formats.open import open as open_data

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "degradation.py"
IMAGES, EPOCHS, BATCH = 1000, 20, 50


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_plain_networks_degrade_with_depth_and_residual_ones_do_not(seed: int) -> None:
    train = runpy.run_path(str(BENCHMARK))["train"]
    digits = open_data("digits")
    pixels = torch.from_numpy(np.asarray(digits.pixels[:IMAGES])).permute(0, 3, 1, 2) / 255
    images = pixels.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
    targets = digits.targets["class"].batch(np.arange(IMAGES))
    error = {
        name: train(name, images, targets, EPOCHS, BATCH, seed)[1]
        for name in ("plain20", "plain56", "resnet20", "resnet56")
    }
    print(seed, error)
    assert error["plain56"] > error["plain20"] + 0.2
    assert error["resnet56"] <= error["resnet20"] + 0.001  # one image
    assert error["resnet56"] < error["plain56"]
