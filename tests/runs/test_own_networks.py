"""Networks of the user's own: what `train` takes, `load` takes, and all else is refused before the
first epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vitreous.errors import ShapeError, UsageError, VitreousError
from vitreous.inference.model_file import load
from vitreous.runs.run import train

RANDOM = np.random.default_rng(0)
DATA = RANDOM.integers(0, 255, (60, 8, 8), np.uint8), np.arange(60) % 2


class Own(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(64, 2)

    def forward(self, images: Tensor) -> Any:
        return self.head(images.flatten(1))


class Causal(Own):
    """A mask of -inf, as nn.Transformer makes it."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(8, 8)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(8))

    def forward(self, images: Tensor) -> Tensor:
        q = self.query(images[:, 0])
        return self.head(((q @ q.mT + self.mask).softmax(-1) @ q).flatten(1))


class Normed(Own):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(64)
        self.tied = nn.Linear(64, 64)
        self.again = nn.Linear(64, 64)
        self.again.weight = self.tied.weight

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.again(self.tied(self.norm(images.flatten(1)))))


def plain() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 2))


def lazy() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(2))


def half() -> nn.Module:
    return Own().to(torch.bfloat16).to(torch.float32)


def compiled() -> nn.Module:
    return torch.compile(plain(), backend="eager")  # type: ignore[return-value]


def parallel() -> nn.Module:
    return nn.DataParallel(plain())


def inside() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.DataParallel(nn.Linear(64, 2)))


TAKEN: list[tuple[Callable[[], nn.Module], Callable[[], nn.Module]]] = [
    (Own, Own),
    (Causal, Causal),
    (Normed, Normed),
    (lazy, lazy),
    (lazy, plain),
    (compiled, plain),
    (compiled, compiled),
    (plain, compiled),
    (parallel, plain),
    (plain, parallel),
    (inside, plain),
    (half, Own),
]


@pytest.mark.parametrize(
    ("made", "again"), TAKEN, ids=[f"{one.__name__}-{two.__name__}" for one, two in TAKEN]
)
def test_what_is_trained_is_loaded(
    made: Callable[[], nn.Module], again: Callable[[], nn.Module], place: Path
) -> None:
    run = train(DATA, model=made(), epochs=1, out="run")
    images = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    loaded = load("run", module=again())
    torch.testing.assert_close(loaded.outputs(images), run.model.outputs(images))


class Extra(Own):
    def get_extra_state(self) -> dict[str, int]:
        return {"version": 1}

    def set_extra_state(self, state: object) -> None: ...


class Random(Own):
    def forward(self, images: Tensor) -> Tensor:
        answers: Tensor = self.head(images.flatten(1))
        return answers + torch.rand(2)


class NoGradient(Own):
    def forward(self, images: Tensor) -> Any:
        with torch.no_grad():
            return super().forward(images)


class Frozen(Own):
    def __init__(self) -> None:
        super().__init__()
        self.requires_grad_(False)


class Broken(Own):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.full((2,), torch.nan))


class Masked(Own):
    def forward(self, images: Tensor) -> Tensor:
        answers: Tensor = super().forward(images)
        return answers + torch.tensor([0.0, -torch.inf])


class Named(Own):
    def forward(self, images: Tensor) -> dict[str, Any]:
        return {"logits": super().forward(images)}


class Raises(Own):
    def forward(self, images: Tensor) -> Tensor:
        raise KeyError("layer")


class Loading(Own):
    """It takes its weights, and does something else with them."""

    def load_state_dict(self, state: Any, *options: Any, **more: Any) -> Any:
        return super().load_state_dict({name: 2 * tensor for name, tensor in state.items()})


REFUSED: dict[type[nn.Module], str] = {
    Extra: "'_extra_state', a dict",
    Random: "other answers to the same image",
    Loading: "answers otherwise than when it was saved",
    NoGradient: "nothing in the network can learn",
    Frozen: "nothing in the network can learn",
    Broken: "the tensor 'seen' holds numbers that are not finite",
    Masked: "not finite numbers",
    Named: "answers two images with dict",
    Raises: "does not take images .*layer",
}


@pytest.mark.parametrize("made", REFUSED, ids=lambda made: made.__name__)
def test_what_cannot_be_loaded_is_refused_before_the_first_epoch(
    made: type[nn.Module], place: Path
) -> None:
    with pytest.raises(VitreousError, match=REFUSED[made]) as caught:
        train(DATA, model=made(), epochs=1, out="run")
    assert isinstance(caught.value, UsageError | ShapeError)
    assert caught.value.remedy
    assert not Path("run").exists()
