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
from typing import Annotated, Any, Literal, Self

from vitreous.errors import UsageError
from vitreous.fields import Between, OneOf, check, check_names

HEADINGS = {
    "recipe": "What is learned",
    "epochs": "Length and input",
    "optimizer": "Optimizer",
    "loss": "Loss and regularization",
    "augment": "Augmentation",
    "pretrained": "Pretrained weights",
    "engine": "Machine and seed",
    "validation": "Parts, files and logs",
}
"""The first field of each group, in the order of the fields: what the group is called."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The settings of a run; `vitreous train --help` explains each, docs/training.md has the table.

    A field that is None is chosen from the data. Raises UsageError for a value that cannot be.
    """

    recipe: str | None = None
    """settings that were found together, by name: speedrun (94 % on CIFAR-10 with little
    arithmetic) or small_pictures; any other field that is given counts more"""
    model: str | None = None
    """architecture, a name from `vitreous models`; default: chosen from the images"""
    task: str = "auto"
    """what is asked of each image: classify (one label), label (several), segment (the class of
    each pixel), regress (numbers), keypoints, locate (one box), detect (any number of boxes),
    count (things), depth, denoise or pretrain (learning without labels, to begin another task
    with); auto is told by the data"""

    epochs: Annotated[int | None, Between(1, 1_000_000)] = None
    """how many times each training image is seen"""
    time: Annotated[str | None, "text, such as 90s, 20m or 1h30m"] = None
    """time for learning, such as 90s, 20m or 1h30m; the schedule ends with it, and what `epochs`
    allows is the most; reading images before and measuring after it come on top"""
    batch_size: Annotated[int | None, Between(1, 65_536)] = None
    """images in one step"""
    size: Annotated[int | None, Between(4, 2048)] = None
    """height and width of the network's input, in pixels"""
    fit: Literal["auto", "crop", "squash", "pad", "native"] = "auto"
    """how an image that is not square becomes square; native resizes nothing, it cuts or borders"""

    optimizer: str | None = None
    """sgd, momentum, nesterov, adam, adamw, nadam, rmsprop or adagrad"""
    lr: Annotated[float | None, Between(1e-9, 1000)] = None
    """peak learning rate, per step"""
    momentum: Annotated[float | None, Between(0, 0.9999)] = None
    """share of the last update that is kept (momentum, nesterov); default: 0.9"""
    weight_decay: Annotated[float | None, Between(0, 100)] = None
    """decay of weights, apart from the loss; biases and norms are spared"""
    schedule: str | None = None
    """constant, step, cosine, one_cycle or triangle"""
    milestones: tuple[float, ...] = (0.5, 0.75)
    """shares of the run at which the learning rate falls (step)"""
    step_factor: Annotated[float, Between(0, 1)] = 0.1
    """factor on the learning rate at each milestone (step)"""
    warmup: Annotated[float, Between(0, 0.9)] = 0.0
    """share of all steps in which the learning rate rises from zero"""
    backbone_lr: Annotated[float, Between(0, 1)] = 0.1
    """factor on the learning rate of pretrained layers, when they are trained"""
    layer_decay: Annotated[float | None, Between(0.01, 1)] = None
    """factor on the learning rate from each stage of the network to the one before it"""

    bias_lr: Annotated[float | None, Between(1e-3, 1000)] = None
    """factor on the learning rate of the shifts of normalization layers, such as 64"""

    loss: str = "auto"
    """what training minimizes: cross_entropy, hinge, focal or hard; for masks also dice,
    cross_entropy_dice or border; for numbers squared, huber or absolute; for points these too,
    heat_map or integral; for one box heat_map, heat_map_giou, smooth_l1 or giou, for many focal
    or hard; for counts squared_count, for depth scale_invariant; without labels nt_xent or masked;
    auto fits the task"""
    alpha: Annotated[float | None, Between(0, 1)] = None
    """share α of the loss S of the class beside R, that of the box, where each image has one:
    α S + (1 - α) R; to be chosen by a score, such as CorLoc"""
    label_smoothing: Annotated[float | None, Between(0, 0.9)] = None
    """probability that is spread over all classes"""
    l1: Annotated[float, Between(0, 100)] = 0.0
    """factor on the sum of absolute weights, added to the loss"""
    l2: Annotated[float, Between(0, 100)] = 0.0
    """factor on the sum of squared weights, added to the loss"""
    penalty_from: Annotated[int, Between(0, 1_000_000)] = 0
    """epoch from which l1 and l2 act"""
    clip: Annotated[float | None, Between(1e-6, 1e6)] = None
    """largest norm of a step's gradient"""
    accumulate: Annotated[int, Between(1, 65_536)] = 1
    """batches whose gradients make one step"""
    ema: Annotated[float | None, Between(0, 1)] = None
    """decay of the average of weights that is evaluated and saved, such as 0.999"""
    swa: Annotated[float | None, Between(0, 0.9)] = None
    """last share of the run, such as 0.25, in which the learning rate stays as it is, and the plain
    mean of the weights is evaluated and saved"""
    lookahead: Annotated[int | None, Between(1, 1_000_000)] = None
    """steps, such as 5, after which the weights go back to their average, again and again; the
    average is evaluated and saved"""
    bn_recalibrate: bool = False
    """after training, replace batch norm's running statistics by those of the training images"""
    dropout: Annotated[float | None, Between(0, 0.95)] = None
    """share of units dropped before the last layer, in networks that have such a layer"""
    init: str | None = None
    """initializer of weights: zero, normal, xavier, glorot or he; default: the network's own"""
    balance: Annotated[str, OneOf(("none", "weights", "sampler"))] = "none"
    """for unequal classes: weights in the loss, a sampler that draws rare classes more often, or
    none"""
    patience: Annotated[int | None, Between(1, 1_000_000)] = None
    """stop when this many epochs bring nothing; the best weights are kept in any case"""
    keep: Literal["auto", "score", "loss", "last"] = "auto"
    """which epoch's weights are kept: that of the best validation score, of the lowest validation
    loss, or the last"""

    augment: str | None = None
    """none, light, alternate, pieces, standard, strong, scenes, elastic, turn, zoom, views,
    randaugment or augmix"""
    noise: Annotated[str | None, "text, such as gaussian:25"] = None
    """what makes images worse where a network is to undo it: gaussian:SIGMA in gray levels,
    poisson:PHOTONS of a white pixel or jpeg:QUALITY"""
    mixup: Annotated[float | None, Between(0, 8)] = None
    """strength of mixing pairs of images, such as 0.2"""
    cutmix: Annotated[float | None, Between(0, 8)] = None
    """strength of pasting a patch of another image, such as 1.0"""

    tta: Literal["none", "mirror", "shift"] | None = None
    """test-time augmentation: an answer is the mean over the image and its mirror image, or over
    six views of it, and takes as many passes through the network; default: none"""

    adversarial: Annotated[float | None, Between(1, 255)] = None
    """adversarial training: attack each batch by so many gray levels of 255, such as 8, before it
    is learned from"""
    adversarial_steps: Annotated[int | None, Between(1, 100)] = None
    """steps of these attacks; default: 1, from a random start"""

    pretrained: str | None = None
    """yes, no, imagenet (what torchvision publishes for the network, fetched once), a weights file,
    the folder of a run, or an address or hub:OWNER/NAME/FILE that ends in #sha256=...; default: yes
    where weights come along"""
    freeze: Literal["auto", "none", "backbone"] = "auto"
    """backbone: train the last layer alone, on features computed once"""
    fine_tune: Annotated[int, Between(0, 1_000_000)] = 0
    """epochs in which the whole network is trained after a frozen backbone"""

    engine: Literal["autograd", "manual"] = "autograd"
    """manual: every gradient by the hand-written derivatives of vitreous.backprop"""
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """number format of the forward pass"""
    compile: bool = False
    """let torch compile the network for training; takes a while, and pays on large networks"""
    model_parallel: Annotated[int | None, Between(2, 64)] = None
    """devices over which the network is divided, such as 2; for networks of as many towers"""
    shard: bool = False
    """let each of several processes keep a share of weights, gradients and the optimizer's state
    (FSDP), for networks that are too large for one"""
    device: str = "auto"
    """auto, cpu, cuda or mps"""
    threads: Annotated[int | None, Between(1, 256)] = None
    """threads for decoding and augmentation"""
    seed: Annotated[int, Between(0, 2**63 - 1)] = 0
    """of the weights, the order of images, augmentation and dropout"""
    deterministic: bool = False
    """only algorithms that give the same bits again; on a CPU they do anyway, a GPU gets slower"""

    validation: Annotated[float, Between(0, 0.9)] = 0.15
    """share held out for choosing, where the data prescribes no part for it"""
    test: Annotated[float, Between(0, 0.9)] = 0.15
    """share held out for the last measurement, where the data prescribes none"""
    against: tuple[str, ...] = ()
    """classic methods that learn from the same images and are measured on the same others, such as
    svm-hog, or all; may be given several times"""
    bad_images: Literal["skip", "raise"] = "skip"
    """what to do with an image that cannot be read"""
    checkpoint: Annotated[float, Between(0, 86_400)] = 30.0
    """seconds between two checkpoints"""
    log: tuple[str, ...] = ()
    """where the numbers of each epoch are also written: csv, tensorboard, wandb or mlflow; may be
    given several times"""

    def __post_init__(self) -> None:
        log: Any = self.log
        if isinstance(log, str):
            object.__setattr__(self, "log", (log,))
        against: Any = self.against
        if isinstance(against, str):
            object.__setattr__(self, "against", (against,))
        if self.balance == "focal":
            raise UsageError(
                "the focal loss is a loss here, and no kind of balance",
                where="--balance focal",
                remedy="Choose --loss focal; it goes together with --balance weights or sampler.",
            )
        check(self, flag)
        object.__setattr__(self, "log", tuple(w for word in self.log for w in word.split(",")))
        if self.validation + self.test >= 1:
            raise UsageError(
                f"validation {self.validation:g} and test {self.test:g} leave nothing to train on",
                where="--validation, --test",
                remedy="Let them sum to less than 1, such as 0.15 and 0.15.",
            )
        falls = (0.0, *self.milestones, 1.0)
        if not all(one < other for one, other in pairwise(falls)):
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
        values = {key.replace("-", "_"): value for key, value in fields.items()}
        check_names(values, cls, "recipe key", where)
        return cls(**values)

    def replace(self, **fields: Any) -> Self:
        """A copy with some fields changed; an unknown one names the nearest."""
        return self.from_mapping({**self.to_mapping(), **fields})

    def to_mapping(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


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
