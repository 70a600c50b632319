"""Training or evaluation: every module has a mode, and looking at a network must not change it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode within the block; afterwards every module is in the mode it was found in."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():  # parents before their children
            if module.training != training:
                module.train(training)  # networks have more to set back than flags
                module.training = training
