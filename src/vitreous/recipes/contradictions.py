"""Contradictions between settings, and names in no table: refused before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from vitreous.augment.policies import RECIPES
from vitreous.baselines.method_names import NAMES, is_classic
from vitreous.blocks.init import INITIALIZERS
from vitreous.errors import UsageError, unknown
from vitreous.formats import counted
from vitreous.inference.views import VIEWS
from vitreous.models import ARCHITECTURES, learns_at_once, variant
from vitreous.models.classic import check_library
from vitreous.models.pretrained import remedy
from vitreous.models.towers import not_divisible
from vitreous.recipes.data_facts import DataFacts
from vitreous.recipes.named import NAMED, turned_round
from vitreous.recipes.recipe import Recipe, flag
from vitreous.tasks import TASKS, Task
from vitreous.trackers import LOGS, check_installed
from vitreous.training.compiler import check_compiler
from vitreous.training.optimizer import OPTIMIZERS
from vitreous.training.precision import Precision
from vitreous.training.schedule import SCHEDULES


@dataclass(frozen=True)
class Idle:
    """Fields that do nothing in company of others; a row of `IDLE`.

    acts    do they have an effect, among these choices?
    reason  why not, as the end of a sentence, with the names of choices in braces
    remedy  what to do to make use of them
    """

    fields: tuple[str, ...]
    acts: Callable[[Mapping[str, Any]], bool]
    reason: str
    remedy: str


IDLE = (
    Idle(
        ("milestones", "step_factor"),
        lambda choices: choices["schedule"] == "step",
        " on the schedule {schedule}",
        "Add --schedule step",
    ),
    Idle(
        ("patience",),
        lambda choices: choices["keep"] != "last",
        " where the last epoch is kept",
        "Add --keep score",
    ),
    Idle(
        ("momentum",),
        # Files of earlier versions say 0.9 for every optimizer.
        lambda choices: (
            choices["optimizer"] in ("momentum", "nesterov")
            or choices["momentum"] == OPTIMIZERS["momentum"].arguments["momentum"]
        ),
        " on the optimizer {optimizer}",
        "Add --optimizer momentum or nesterov",
    ),
    Idle(
        ("penalty_from",),
        lambda choices: bool(choices["l1"] or choices["l2"]),
        " without a penalty",
        "Add --l1 or --l2",
    ),
    Idle(
        ("adversarial_steps",),
        lambda choices: bool(choices["adversarial"]),
        ": nothing is attacked",
        "Add --adversarial 8",
    ),
    Idle(
        ("fine_tune",),
        lambda choices: choices["freeze"] == "backbone",
        ": nothing is frozen, the whole network learns from the start",
        "Add --freeze backbone and weights to begin with",
    ),
    Idle(
        ("backbone_lr",),
        lambda choices: choices["pretrained"] != "no",
        ": no layer is pretrained",
        "Begin from weights (--pretrained)",
    ),
)


def check_at_once(choices: Mapping[str, Any], stepped: Iterable[str]) -> None:
    """Raises UsageError for settings that a classic method does not have.

    stepped  names of these fields
    """
    for name in stepped:
        if choices[name] != getattr(Recipe, name):
            raise UsageError(
                f"has no effect: {choices['model']} learns in one go, and not by steps",
                where=flag(name),
                remedy="Leave it out, or choose a network: `vitreous models` lists them.",
            )
    if choices["balance"] == "sampler":
        raise UsageError(
            f"{choices['model']} looks at each image once: nothing is drawn",
            where="--balance sampler",
            remedy="Choose --balance weights.",
        )
    check_library(choices["model"])


def check_views(views: str | None, task: type[Task], facts: DataFacts) -> None:
    """Raises UsageError where the answer to an image is not that to its mirror image."""
    if views not in VIEWS:
        return
    if not task.blends():
        raise task.useless("--tta", "its answers move when an image is mirrored")
    if turned_round(facts):
        raise UsageError(
            "mirrored, these images would show something else, such as other letters or sides",
            where=f"--tta {views}",
            remedy="Leave it out.",
        )


def check_together(choices: Mapping[str, Any], task: type[Task]) -> None:
    """Raises UsageError for settings that contradict each other, the task or the machine.

    choices  the fields of a recipe without gaps
    """
    if choices["device"] not in devices():
        raise UsageError(
            f"torch finds no {choices['device']} device here",
            where="--device",
            remedy=f"Choose {' or '.join(devices())}, or leave it out.",
        )
    check_parallel(choices)
    check_installed(choices["log"])
    if choices["precision"] != "auto":
        Precision(choices["precision"], choices["device"])
    model = choices["model"]
    kind = task.answers_with(choices["loss"])
    if model is not None and variant(model).output != kind:
        whole = {"vector": "the whole image", "map": "each pixel"}
        losses = [one for one in task.LOSSES if task.answers_with(one) == variant(model).output]
        other = f"Choose --loss {losses[0]}, or another" if losses else "Choose another"
        raise UsageError(
            f"{model} answers for {whole[variant(model).output]}, and the question is about "
            f"{whole[kind]}",
            where="--model",
            remedy=f"{other} network: `vitreous models` lists them.",
        )
    if learns_at_once(model) and not task.one_class:
        raise UsageError(
            f"{model} tells which one class an image has, and the task {task.name} asks another "
            "question",
            where="--model",
            remedy="Choose a network: `vitreous models` lists them.",
        )
    for name in choices["against"]:
        check_rival(name, task)
    task.check_settings(choices["loss"], choices["label_smoothing"] or 0.0, choices["balance"])
    task.check_mixing(choices["mixup"], choices["cutmix"])
    if reason := task.spoiled_by(choices["augment"], choices["noise"] or ""):
        raise UsageError(
            reason, where=f"--augment {choices['augment']}", remedy="Choose light or none."
        )
    averages = [name for name in ("ema", "swa", "lookahead") if choices[name]]
    if len(averages) > 1:
        raise UsageError(
            "there are two averages of the weights, and one is evaluated and saved",
            where=", ".join(map(flag, averages[:2])),
            remedy="Leave one of them out.",
        )
    for idle in IDLE:
        for name in idle.fields:
            if choices[name] != getattr(Recipe, name) and not idle.acts(choices):
                raise UsageError(
                    f"has no effect{idle.reason.format_map(choices)}",
                    where=flag(name),
                    remedy=f"{idle.remedy}, or leave this out.",
                )
    if choices["freeze"] == "backbone" and choices["pretrained"] == "no" and model is not None:
        raise UsageError(
            f"the backbone of {model} has learned nothing: a head on random features would be "
            "trained",
            where="--freeze backbone",
            remedy=f"Leave it out, or set --pretrained. {remedy(variant(model))}",
        )
    if choices["freeze"] == "backbone" and not task.needs:
        raise UsageError(
            f"the task {task.name} learns the features themselves: a frozen backbone has them",
            where="--freeze backbone",
            remedy="Leave it out.",
        )
    if choices["freeze"] == "backbone" and not choices["fine_tune"]:
        for name in ("mixup", "cutmix", "adversarial", "bn_recalibrate"):
            if choices[name]:
                raise _useless(name, "features are computed once, from whole images")
        alone = {"compile": False, "layer_decay": 1, "backbone_lr": Recipe.backbone_lr}
        for name, alike in alone.items():
            if choices[name] != alike:
                raise _useless(name, "the last layer learns alone")
        if choices["augment"] not in ("none", "light"):
            raise _useless("augment", "features are computed once, of images and mirror images")
    if choices["init"] is not None and choices["pretrained"] != "no":
        raise UsageError(
            "the weights are pretrained, none are drawn",
            where="--init",
            remedy="Leave it out, or learn from scratch with --pretrained no.",
        )
    if choices["adversarial"] and choices["engine"] == "manual":
        raise UsageError(
            "attacks follow gradients of the pixels, which are computed by autograd",
            where="--adversarial, --engine manual",
            remedy="Leave one of them out.",
        )
    if choices["compile"]:
        if choices["engine"] == "manual":
            raise UsageError(
                "derivatives by hand are not compiled",
                where="--compile, --engine manual",
                remedy="Leave one of them out.",
            )
        check_compiler(choices["device"])


def check_parallel(choices: Mapping[str, Any]) -> None:
    """Raises UsageError where the network cannot be divided as is asked for, or another setting
    needs it whole.
    """
    whole = {"engine": "autograd", "compile": False, "freeze": "none"}
    for name, more in (("model_parallel", {}), ("shard", {"adversarial": None})):
        if not choices[name]:
            continue
        for other, alike in {**whole, **more}.items():
            if choices[other] != alike:
                raise UsageError(
                    "it needs the network in one piece",
                    where=f"{flag(name)}, {flag(other)}",
                    remedy="Leave one of them out.",
                )
    count, device, model = (choices[name] for name in ("model_parallel", "device", "model"))
    if count is None:
        return
    towers = 1 if model is None else variant(model).arguments.get("towers", 1)
    if towers != count:
        raise not_divisible(model or "your network", towers, count)
    there = torch.cuda.device_count() if device == "cuda" else 1
    if device != "cpu" and there < count:
        raise UsageError(
            f"torch finds {counted(there, f'{device} device')} here, and not {count}",
            where="--model-parallel",
            remedy="Leave it out: one device computes the same. With --device cpu the division can "
            "be rehearsed on the processor.",
        )


def check_rival(name: str, task: type[Task]) -> None:
    """Raises UsageError for a method that no network of this task can be held against."""
    if not is_classic(name):
        raise unknown("classic method", name, ("all", *NAMES), where="--against")
    if not task.one_class:
        raise UsageError(
            f"classic methods tell which one class an image has, and the task {task.name} asks "
            "another question",
            where="--against",
            remedy="Leave it out.",
        )
    check_library(name)


def _useless(name: str, reason: str) -> UsageError:
    return UsageError(
        f"has no effect where the backbone is frozen: {reason}",
        where=flag(name),
        remedy="Let the whole network learn (--fine-tune 5 or --freeze none), or leave this out.",
    )


def check_names(values: dict[str, Any]) -> None:
    """Raises UsageError for a name that is in no table, before anything has been written."""
    if values["task"] not in TASKS:
        raise unknown("task", str(values["task"]), TASKS, where="--task")
    tables = TABLES | {"loss": ("auto", *TASKS[values["task"]].LOSSES)}
    for name, table in tables.items():
        value = values[name]
        for word in value if isinstance(value, tuple) else (value,):
            if word is not None and word not in table:
                raise unknown(name, word, table, where=flag(name))


TABLES: dict[str, Iterable[str]] = {
    "model": ARCHITECTURES,
    "recipe": NAMED,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "augment": RECIPES,
    "init": INITIALIZERS,
    "device": ("auto", "cpu", "cuda", "mps"),
    "log": LOGS,
}
"""The fields that are names, and the tables in which these stand."""


def devices() -> list[str]:
    """What torch can compute on here, the fastest first."""
    found = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return [*(name for name, there in found.items() if there), "cpu"]
