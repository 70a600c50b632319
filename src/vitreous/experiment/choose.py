"""What the recipe leaves open is chosen here, from the images and the machine, with a reason.

Every rule is deterministic: the same data and flags give the same recipe. The reasons are written
into the run folder and shown in the report, so that nobody has to guess what "auto" did.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray

from vitreous.augment.recipe import RECIPES
from vitreous.blocks.init import INITIALIZERS
from vitreous.data.contract import PixelContract
from vitreous.data.dataset import Dataset
from vitreous.errors import DataError, ImageError, RunError, UsageError, unknown
from vitreous.experiment.recipe import Recipe, flag
from vitreous.models import default_size, fitting_size, variant
from vitreous.tasks import TASKS
from vitreous.training.optimizer import OPTIMIZERS
from vitreous.training.schedule import SCHEDULES

SMALL = 64  # pixels; up to here images are learned from scratch at their own size
PROBES = 24  # images that are opened to learn the usual size


@dataclass(frozen=True)
class Facts:
    """What the choices depend on.

    height, width  the usual size of an image, in pixels
    uniform        whether all probed images have that size
    counts         (L,) training examples of each class
    """

    channels: int
    height: int
    width: int
    uniform: bool
    counts: NDArray[np.int64]
    examples: int
    multilabel: bool

    @classmethod
    def of(cls, dataset: Dataset, training: NDArray[np.int64]) -> Facts:
        """Look at the targets, and at a few images spread over the training part."""
        sizes: Counter[tuple[int, int]] = Counter()
        reason: ImageError | None = None
        for index in training[np.linspace(0, len(training) - 1, PROBES).astype(int)]:
            try:
                height, width = dataset.read(int(index)).shape[:2]
                sizes[height, width] += 1
            except ImageError as error:
                reason = error
        if not sizes:
            raise DataError(
                f"none of {PROBES} images could be read; the last: {reason}",
                where=dataset.name,
                remedy="`vitreous check` lists what is wrong with each file.",
            )
        targets = dataset.targets[training]
        counts = (
            targets.sum(axis=0, dtype=np.int64)
            if dataset.multilabel
            else np.bincount(targets, minlength=len(dataset.classes))
        )
        (height, width), _ = sizes.most_common(1)[0]
        return cls(
            dataset.channels,
            height,
            width,
            len(sizes) == 1,
            counts,
            len(training),
            dataset.multilabel,
        )

    @property
    def small(self) -> bool:
        return self.uniform and max(self.height, self.width) <= SMALL


@dataclass(frozen=True)
class Settled:
    """A recipe without gaps.

    recipe    every field that matters is set
    reasons   field -> why it was chosen; fields that the user set are absent
    contract  how an image becomes the network's input
    """

    recipe: Recipe
    contract: PixelContract
    reasons: dict[str, str] = field(default_factory=dict)

    def to_yaml(self, data: str | None, fingerprint: str) -> str:
        """The content of recipe.yaml, from which `from_mapping` makes the same value again.

        data         path or name, None where the data lie in memory
        fingerprint  of the data
        """
        written = {
            "data": data,
            "fingerprint": fingerprint,
            "contract": self.contract.to_json(),
            "recipe": self.recipe.to_mapping(),
            "reasons": self.reasons,
        }
        return yaml.safe_dump(written, sort_keys=False, allow_unicode=True)

    @classmethod
    def from_mapping(cls, written: dict[str, Any], where: str) -> Settled:
        """Raises RunError for a file that is not such a recipe."""
        try:
            contract = PixelContract.from_json(written["contract"])
            return cls(Recipe.from_mapping(written["recipe"], where), contract, written["reasons"])
        except (KeyError, TypeError, AttributeError) as error:
            raise RunError(f"is not the recipe of a run: {error}", where=where) from error


def settle(recipe: Recipe, facts: Facts, *, own_module: bool = False) -> Settled:
    """Fill the gaps of a recipe. Raises UsageError for choices that contradict each other.

    own_module  the network is the user's: nothing is known of its sizes or weights
    """
    reasons: dict[str, str] = {}
    values: dict[str, Any] = recipe.to_mapping()

    def choose(name: str, value: Any, reason: str) -> None:
        if values[name] in (None, "auto"):
            values[name] = value
            reasons[name] = reason

    several = "some images have several labels" if facts.multilabel else "each image has one label"
    choose("task", "label" if facts.multilabel else "classify", several)
    if (values["task"] == "label") != facts.multilabel:
        raise UsageError(f"the data cannot be used so: {several}", where=f"--task {recipe.task}")

    side = max(facts.height, facts.width)
    rgb = facts.channels in (1, 3)
    if not own_module:
        if facts.small:
            choose(
                "model",
                "convnet",
                f"images of {facts.height} × {facts.width} are learned from scratch",
            )
        elif rgb:
            choose("model", "efficientnet_lite0", "photos profit from weights learned on ImageNet")
        else:
            choose("model", "convnet", f"no pretrained network has {facts.channels} channels")
        row = variant(values["model"])
        has_weights = row.weights is not None and rgb
        pretrained = "yes" if has_weights and not facts.small else "no"
        choose(
            "pretrained",
            pretrained,
            "its ImageNet weights come along" if has_weights else "none come along",
        )
        if facts.small or values["model"] == "convnet":
            own = fitting_size(values["model"], min(side, SMALL))
            choose("size", own, f"the images have {facts.height} × {facts.width} pixels")
        else:
            choose("size", default_size(values["model"]), "the size this network was designed for")
    else:
        choose("pretrained", "no", "the network is your own")
        choose("size", min(side, 224), "the images' own size, at most 224")

    warm = values["pretrained"] != "no"
    choose(
        "freeze",
        "backbone" if warm else "none",
        "pretrained features" if warm else "all from scratch",
    )
    frozen = values["freeze"] == "backbone"

    if frozen:
        epochs, why = 30, "on features that are computed once"
    else:
        # Grey images of digits or letters are learned in a few passes, colored ones are not.
        budget = 100_000 if facts.channels == 1 and side <= 32 else 600_000
        epochs = int(np.clip(round(budget / facts.examples), 2, 60))
        why = f"about {epochs * facts.examples:,} looks at {facts.examples:,} images"
    choose("epochs", epochs, why)
    batch = 64 if frozen or facts.examples < 8_000 else 128
    if facts.examples < 1_000:
        batch = 32
    choose("batch_size", batch, f"{facts.examples:,} training images")

    choose("optimizer", "adamw", "robust without tuning")
    choose("lr", 1e-2 if frozen else 3e-3, "usual for adamw with this schedule")
    choose("weight_decay", 1e-2, "usual for adamw")
    choose("schedule", "one_cycle", "reaches good scores in few epochs")
    choose(
        "label_smoothing",
        0.1 if facts.channels >= 3 and not facts.multilabel else 0.0,
        "by kind of image",
    )
    choose(
        "augment",
        _augment(facts, frozen),
        "features are computed for it once" if frozen else "by kind of image",
    )
    choose("ema", 0.0, "off unless asked for")
    choose("dropout", 0.0, "off unless asked for")
    choose("threads", 2, "decoding keeps up with training")
    choose("device", _device(), "the fastest there is")

    # A pretrained network saw RGB; grey images are shown to it as RGB.
    channels = 3 if warm and facts.channels == 1 else facts.channels
    contract = PixelContract(
        height=values["size"], width=values["size"], channels=channels, fit=values["fit"]
    )
    check_names(values)
    return Settled(Recipe.from_mapping(values), contract, reasons)


def check_names(values: dict[str, Any]) -> None:
    """Raises UsageError for a name that is in no table, before anything has been written."""
    tables: dict[str, Iterable[str]] = {
        "optimizer": OPTIMIZERS,
        "schedule": SCHEDULES,
        "augment": RECIPES,
        "loss": ("auto", *TASKS[values["task"]].LOSSES),
        "init": INITIALIZERS,
        "device": ("cpu", "cuda", "mps"),
    }
    for name, table in tables.items():
        value = values[name]
        if value is not None and value not in table:
            raise unknown(name, value, table, where=flag(name))


def _augment(facts: Facts, frozen: bool) -> str:
    if frozen or facts.small:
        return "light"
    return "standard"


def _device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
