"""The recipe: everything that decides what a run does, in one frozen value.

Python, `--config` files, the environment and the command line share these fields and their names.
A field that is None is chosen from the data by `resolve`, which also says why; the resolved
recipe is written into the run folder, so that a run can be repeated and resumed.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

from vitreous.errors import UsageError, unknown
from vitreous.recipes.field_types import describe, fits, plain


@dataclass(frozen=True, kw_only=True)
class Recipe:
    model: str | None = None
    """architecture, a name from `vitreous models`; default: chosen from the images"""
    task: str = "auto"
    """what is asked of each image: classify (one label), label (several), ...; default: told from
    the data"""

    epochs: int | None = None
    """how many times each training image is seen"""
    time: str | None = None
    """time for learning, such as 90s, 20m or 1h30m; the schedule ends with it, and what `epochs`
    allows is the most; reading images before and measuring after it come on top"""
    batch_size: int | None = None
    """images in one step"""
    size: int | None = None
    """height and width of the network's input, in pixels"""
    fit: Literal["auto", "crop", "squash", "pad"] = "auto"
    """how an image that is not square becomes square"""

    optimizer: str | None = None
    """sgd, momentum, nesterov, adam, adamw, nadam, rmsprop or adagrad"""
    lr: float | None = None
    """peak learning rate, per step"""
    momentum: float = 0.9
    """share of the last update that is kept (momentum, nesterov)"""
    weight_decay: float | None = None
    """decay of weights, apart from the loss; biases and norms are spared"""
    schedule: str | None = None
    """constant, step, cosine or one_cycle"""
    milestones: tuple[float, ...] = (0.5, 0.75)
    """shares of the run at which the learning rate falls (step)"""
    step_factor: float = 0.1
    """factor on the learning rate at each milestone (step)"""
    warmup: float = 0.0
    """share of all steps in which the learning rate rises from zero"""
    backbone_lr: float = 0.1
    """factor on the learning rate of pretrained layers, when they are trained"""
    layer_decay: float | None = None
    """factor on the learning rate from each stage of the network to the one before it"""

    loss: str = "auto"
    """what training minimizes, such as cross_entropy, hinge or focal; auto fits the task"""
    label_smoothing: float | None = None
    """probability that is spread over all classes"""
    l1: float = 0.0
    """factor on the sum of absolute weights, added to the loss"""
    l2: float = 0.0
    """factor on the sum of squared weights, added to the loss"""
    penalty_from: int = 0
    """epoch from which l1 and l2 act"""
    clip: float | None = None
    """largest norm of a step's gradient"""
    accumulate: int = 1
    """batches whose gradients make one step"""
    ema: float | None = None
    """decay of the average of weights that is evaluated and saved, such as 0.999"""
    swa: float | None = None
    """last share of the run, such as 0.25, in which the learning rate stays as it is, and the plain
    mean of the weights is evaluated and saved"""
    bn_recalibrate: bool = False
    """after training, replace batch norm's running statistics by those of the training images"""
    dropout: float | None = None
    """share of units dropped before the last layer, in networks that have such a layer"""
    init: str | None = None
    """initializer of weights: zero, normal, xavier, glorot or he; default: the network's own"""
    balance: str = "none"
    """for unequal classes: weights in the loss, a sampler that draws rare classes more often, or
    none"""
    patience: int | None = None
    """stop when this many epochs bring nothing; the best weights are kept in any case"""

    augment: str | None = None
    """none, light, standard, strong, randaugment or augmix"""
    mixup: float | None = None
    """strength of mixing pairs of images, such as 0.2"""
    cutmix: float | None = None
    """strength of pasting a patch of another image, such as 1.0"""

    pretrained: str | None = None
    """yes, no, a weights file, or an address or hub:OWNER/NAME/FILE that ends in #sha256=...;
    default: yes where weights come along"""
    freeze: Literal["auto", "none", "backbone"] = "auto"
    """backbone: train the last layer alone, on features computed once"""
    fine_tune: int = 0
    """epochs in which the whole network is trained after a frozen backbone"""

    engine: Literal["autograd", "manual"] = "autograd"
    """manual: every gradient by the hand-written derivatives of vitreous.backprop"""
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """number format of the forward pass"""
    compile: bool = False
    """let torch compile the network for training; takes a while, and pays on large networks"""
    device: str = "auto"
    """auto, cpu, cuda or mps"""
    threads: int | None = None
    """threads for decoding and augmentation"""
    seed: int = 0
    """of the weights, the order of images, augmentation and dropout"""
    deterministic: bool = False
    """only algorithms that give the same bits again; on a CPU they do anyway, a GPU gets slower"""

    validation: float = 0.15
    """share held out for choosing, where the data prescribes no part for it"""
    test: float = 0.15
    """share held out for the last measurement, where the data prescribes none"""
    bad_images: Literal["skip", "raise"] = "skip"
    """what to do with an image that cannot be read"""
    checkpoint: float = 30.0
    """seconds between two checkpoints"""
    log: tuple[str, ...] = ()
    """where the numbers of each epoch are also written: csv, tensorboard, wandb or mlflow; may be
    given several times"""

    def __post_init__(self) -> None:
        given: Any = self.log
        if isinstance(given, str):
            object.__setattr__(self, "log", (given,))
        for name, kind in KINDS.items():
            value = plain(getattr(self, name))
            if not fits(value, kind):
                such = ", such as 90s, 20m or 1h30m" if name == "time" else ""
                raise UsageError(
                    f"{name} is {value!r}, of type {type(value).__name__}",
                    where=flag(name),
                    remedy=f"Give {describe(kind)}{such}.",
                )
            object.__setattr__(self, name, value)
        object.__setattr__(self, "log", tuple(w for word in self.log for w in word.split(",")))
        if self.balance == "focal":
            raise UsageError(
                "the focal loss is a loss here, and no kind of balance",
                where="--balance focal",
                remedy="Choose --loss focal; it goes together with --balance weights or sampler.",
            )
        for name, words in WORDS.items():
            value = getattr(self, name)
            if value not in words:
                raise unknown(name, str(value), words, where=flag(name))
        for name, (low, high) in BOUNDS.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise UsageError(
                    f"{value} is out of range",
                    where=flag(name),
                    remedy=f"Give a number from {low:g} to {high:g}.",
                )
        if self.validation + self.test >= 1:
            raise UsageError(
                f"validation {self.validation:g} and test {self.test:g} leave nothing to train on",
                where="--validation, --test",
                remedy="Let them sum to less than 1, such as 0.15 and 0.15.",
            )
        falls = (0.0, *self.milestones, 1.0)
        if any(one >= other for one, other in pairwise(falls)):
            raise UsageError(
                f"{', '.join(f'{share:g}' for share in self.milestones)} are no shares of a run",
                where="--milestones",
                remedy="Give shares between 0 and 1 in rising order, such as 0.5 and 0.75.",
            )
        if self.time is not None:
            seconds(self.time)

    @classmethod
    def from_mapping(cls, fields: Mapping[str, Any], where: str | None = None) -> Self:
        """A recipe from a file or keyword arguments; an unknown key names the nearest.

        Keys may be written with hyphens, as on the command line.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        values = {key.replace("-", "_"): value for key, value in fields.items()}
        for key in values:
            if key not in known:
                raise unknown("recipe key", key, known, where=where)
        return cls(**values)

    def replace(self, **fields: Any) -> Self:
        """A copy with some fields changed; an unknown one names the nearest."""
        return self.from_mapping({**self.to_mapping(), **fields})

    def to_mapping(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


KINDS: dict[str, Any] = {
    name: kind for name, kind in get_type_hints(Recipe).items() if get_origin(kind) is not Literal
}
"""The type of each field that is not one of a few words."""

WORDS: dict[str, tuple[str, ...]] = {
    name: get_args(kind)
    for name, kind in get_type_hints(Recipe).items()
    if get_origin(kind) is Literal
} | {"balance": ("none", "weights", "sampler")}
"""The fields that are one of a few words, and these words."""

BOUNDS: dict[str, tuple[float, float]] = {
    "epochs": (1, 1_000_000),
    "batch_size": (1, 65_536),
    "size": (4, 2048),
    "lr": (0, 1000),
    "momentum": (0, 1),
    "weight_decay": (0, 100),
    "step_factor": (0, 1),
    "warmup": (0, 0.9),
    "backbone_lr": (0, 1),
    "layer_decay": (0.01, 1),
    "label_smoothing": (0, 0.9),
    "l1": (0, 100),
    "l2": (0, 100),
    "penalty_from": (0, 1_000_000),
    "clip": (1e-6, 1e6),
    "accumulate": (1, 65_536),
    "ema": (0, 1),
    "swa": (0, 0.9),
    "dropout": (0, 0.95),
    "patience": (1, 1_000_000),
    "mixup": (0, 8),
    "cutmix": (0, 8),
    "fine_tune": (0, 1_000_000),
    "threads": (1, 256),
    "seed": (0, 2**63 - 1),
    "validation": (0, 0.9),
    "test": (0, 0.9),
    "checkpoint": (0, 86_400),
}


def flag(name: str) -> str:
    """The command line's spelling of a field."""
    return "--" + name.replace("_", "-")


def seconds(text: str) -> float:
    """The length of a time such as 90s, 20m, 1h30m or 45 (seconds).

    >>> seconds("1h30m")
    5400.0
    """
    match = re.fullmatch(r"(?:([\d.]+)h)?(?:([\d.]+)m)?(?:([\d.]+)s?)?", text.strip().lower())
    try:
        hours, minutes, rest = (float(part or 0) for part in match.groups()) if match else (0, 0, 0)
    except ValueError:
        hours, minutes, rest = 0, 0, 0
    total = hours * 3600 + minutes * 60 + rest
    if total <= 0:
        raise UsageError(
            f"'{text}' is not a length of time",
            where="--time",
            remedy="Write it like 90s, 20m or 1h30m.",
        )
    return total
