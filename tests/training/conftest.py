"""Small networks and batches for the tests of training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import pytest
import torch
from torch import nn

from vitreous.data.batches.batch import Batch


def make_batches(
    sizes: Iterable[int],
    *,
    seed: int = 0,
    shape: tuple[int, ...] = (1, 6, 6),
    classes: int = 3,
    weighted: bool = False,
    dtype: torch.dtype = torch.float32,
) -> list[Batch]:
    """Random images whose class can be read off their mean."""
    generator = torch.Generator().manual_seed(seed)
    batches = []
    for size in sizes:
        targets = torch.randint(0, classes, (size,), generator=generator)
        noise = torch.rand(size, *shape, generator=generator, dtype=dtype)
        images = (noise + targets.view(-1, *[1] * len(shape)).to(dtype)) / classes
        weights = torch.rand(size, generator=generator, dtype=dtype) if weighted else None
        batches.append(Batch(images, targets, torch.arange(size), weights))
    return batches


def make_net(seed: int = 0, *, norm: bool = True, dropout: float = 0.5) -> nn.Sequential:
    """A convolution, batch norm, dropout and a head, for 6 × 6 images of one channel."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4) if norm else nn.Identity(),
        nn.ReLU(),
        nn.Conv2d(4, 4, 3),
        nn.Dropout(dropout),
        nn.Flatten(),
        nn.Linear(16, 3),
    ).to(memory_format=torch.channels_last)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Small networks are faster on one thread, and several test processes may share the cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(name="batches")
def _batches() -> Callable[..., list[Batch]]:
    return make_batches


@pytest.fixture(name="net")
def _net() -> Callable[..., nn.Sequential]:
    return make_net
