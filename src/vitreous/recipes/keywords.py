"""The fields of a recipe as keyword arguments, so that a type checker knows their names and types.

`Recipe` is where they are explained; a test holds the two against each other. Model and recipe are
missing, because they may be a module or a value as well.
"""

from __future__ import annotations

from typing import Literal, TypedDict


class RecipeFields(TypedDict, total=False):
    task: str
    epochs: int | None
    time: str | None
    batch_size: int | None
    size: int | None
    fit: Literal["auto", "crop", "squash", "pad", "native"]
    optimizer: str | None
    lr: float | None
    momentum: float | None
    weight_decay: float | None
    schedule: str | None
    milestones: tuple[float, ...]
    step_factor: float
    warmup: float
    backbone_lr: float
    layer_decay: float | None
    bias_lr: float | None
    loss: str
    alpha: float | None
    label_smoothing: float | None
    l1: float
    l2: float
    penalty_from: int
    clip: float | None
    accumulate: int
    ema: float | None
    swa: float | None
    lookahead: int | None
    bn_recalibrate: bool
    dropout: float | None
    init: str | None
    balance: str
    patience: int | None
    keep: Literal["auto", "score", "loss", "last"]
    augment: str | None
    noise: str | None
    mixup: float | None
    cutmix: float | None
    tta: Literal["none", "mirror", "shift"] | None
    adversarial: float | None
    adversarial_steps: int | None
    pretrained: str | None
    freeze: Literal["auto", "none", "backbone"]
    fine_tune: int
    engine: Literal["autograd", "manual"]
    precision: Literal["auto", "float32", "bfloat16", "float16"]
    compile: bool
    model_parallel: int | None
    shard: bool
    device: str
    threads: int | None
    seed: int
    deterministic: bool
    validation: float
    test: float
    against: tuple[str, ...]
    bad_images: Literal["skip", "raise"]
    checkpoint: float
    log: tuple[str, ...]
