"""MODEL on the command line, where its structure is asked for: a name of the table of networks, a
run folder, or a model file.
"""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vitreous.errors import RunError, UsageError, unknown

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Opened:
    """A network, ready to be looked at.

    title  how the user calls it
    shape  (C, H, W) of an image
    """

    title: str
    model: nn.Module
    shape: tuple[int, int, int]


def opened(
    model: str, *, size: int | None = None, classes: int | None = None, channels: int | None = None
) -> Opened:
    """The network that the user means; one of the table has shapes but no numbers ("meta").

    size, classes, channels  None is what it was published with, or what it was trained with

    Raises UsageError for an unknown name, ShapeError for a size that does not fit, ModelFileError.
    """
    import torch

    from vitreous.inference.model_file import load
    from vitreous.models import MODELS, create, default_size

    for flag, number in (("--size", size), ("--classes", classes), ("--channels", channels)):
        if number is not None and number < 1:
            raise UsageError(f"{number} is out of range", where=flag, remedy="Give 1 or more.")
    if model in MODELS:
        with torch.device("meta"):
            network = create(model, num_classes=classes, in_channels=channels, size=size)
        side = size or default_size(model)
        return Opened(model, network.eval(), (network.in_channels, side, side))
    if not is_path(model):
        raise unknown("model", model, MODELS)
    if classes or channels:
        raise UsageError(
            "a trained network has its classes and channels already",
            where="--classes" if classes else "--channels",
            remedy="Leave it out, or name a network of the table: `vitreous models`.",
        )
    bundle = load(model)
    height, width, depth = bundle.contract.shape
    title = os.path.basename(os.path.abspath(model)).removesuffix(".safetensors")
    if bundle.architecture:
        title = f"{title} ({bundle.architecture})"
    return Opened(title, bundle.model, (depth, size or height, size or width))


def must_exist(model: Path) -> None:
    """Raises an error that names the nearest run for a trained network that is not there; what is
    near to none is left to whoever opens it.
    """
    if model.exists():
        return
    from vitreous.models import MODELS

    word = str(model)
    if word in MODELS:
        raise UsageError(
            "is the name of a network that is not trained yet",
            where=word,
            remedy=f"Train it with `vitreous train DATA --model {word}`, then name its run folder.",
        )
    runs = {path.parent.name: path.parent for path in Path("runs").glob("*/recipe.yaml")}
    nearest = difflib.get_close_matches(model.name, runs, n=1)
    if nearest:
        raise RunError("does not exist", where=word, remedy=f"Did you mean {runs[nearest[0]]}?")


def is_path(word: str) -> bool:
    """Does it look like a file rather than a name?"""
    separators = {os.sep, os.altsep or os.sep}
    return os.path.exists(word) or word.endswith(".safetensors") or bool(separators & set(word))
