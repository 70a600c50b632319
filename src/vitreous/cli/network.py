"""MODEL on the command line, where its structure is asked for: a name of the table of networks, a
run folder, or a model file.
"""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vitreous.errors import ModelFileError, UsageError, unknown
from vitreous.recipes.known_names import MODELS
from vitreous.run_folder import RunFolder

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
    for flag, number in (("--size", size), ("--classes", classes), ("--channels", channels)):
        if number is not None and number < 1:
            raise UsageError(f"{number} is out of range", where=flag, remedy="Give 1 or more.")
    check_network(model)

    from vitreous.blocks.init import without_weights
    from vitreous.inference.model_file import load
    from vitreous.models import create, default_size

    if model in MODELS:
        with without_weights():
            network = create(model, num_classes=classes, in_channels=channels, size=size)
        side = size or default_size(model)
        return Opened(model, network.eval(), (network.in_channels, side, side))
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


def check_network(model: str) -> None:
    """Raises UsageError for a word that is neither a network of the table nor a path."""
    if model not in MODELS and not is_path(model):
        raise unknown("model", model, MODELS)


def must_exist(model: Path) -> None:
    """Raises an error that names the nearest run where there is no trained network, and one that
    says how to go on where a run has none yet.
    """
    word = str(model)
    if model.is_file() or word.startswith("hub:"):
        return
    if word in MODELS:
        raise UsageError(
            "is the name of a network that is not trained yet",
            where=word,
            remedy=f"Train it with `vitreous train DATA --model {word}`, then name its run folder.",
        )
    if model.suffix and not model.is_dir():
        raise ModelFileError("there is no such file", where=word, remedy=nearest(model))
    _ = RunFolder(model).trained


def nearest(path: Path) -> str:
    """What lies beside a file that does not exist, as a remedy."""
    there = os.listdir(path.parent) if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, there, 1, cutoff=0.75)
    if near:
        return f"Did you mean {path.parent / near[0]}?"
    return "Give a model file, or a run folder whose training has ended."


def is_path(word: str) -> bool:
    """Does it look like a file rather than a name?"""
    separators = {os.sep, os.altsep or os.sep}
    return os.path.exists(word) or word.endswith(".safetensors") or bool(separators & set(word))
