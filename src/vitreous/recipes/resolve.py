"""Resolving a recipe: the defaults that it leaves open, chosen from data and machine, with reasons.

Every rule is deterministic: the same data and flags give the same recipe. The reasons are written
into the run folder and shown in the report, so that nobody has to guess what "auto" did.
"""

from __future__ import annotations

import math
from itertools import chain
from typing import Any

import numpy as np

from vitreous.augment.policies import symbols
from vitreous.data.batches.preprocess import PixelContract
from vitreous.errors import UsageError, unknown
from vitreous.models import default_size, fitting_size, learns_at_once, variant
from vitreous.models.classic import USUAL
from vitreous.models.network import OutputKind
from vitreous.recipes.contradictions import (
    check_at_once,
    check_names,
    check_together,
    check_views,
    devices,
)
from vitreous.recipes.data_facts import SMALL, TINY, DataFacts
from vitreous.recipes.named import named_fields
from vitreous.recipes.recipe import Recipe
from vitreous.recipes.resolved import STEPPED, ResolvedRecipe
from vitreous.tasks import TASKS, Task
from vitreous.training.optimizer import OPTIMIZERS

FEW = 100  # examples
MAPPER = "unet_small"  # the network for answers that are maps
PHOTO_MAPPER = "unet_efficientnet_lite0"  # that for photos
PIXELS = 2**19  # of such images that one step learns from
FEW_MAPPED = 512  # pixels a side of such images, where there are few of them


def resolve(recipe: Recipe, facts: DataFacts, *, own_module: bool = False) -> ResolvedRecipe:
    """Fill the gaps of a recipe. Raises UsageError for choices that contradict each other.

    own_module  the network is the user's: nothing is known of its sizes or weights
    """
    choices = Choices(recipe.to_mapping())
    task = _choose_task(choices, facts)
    check_names(choices.values)
    for filled in [*named_fields(choices.values, facts, own_module=own_module)]:
        choices.fill(*filled)
    if choices["against"]:
        wanted = (USUAL if one == "all" else (one,) for one in choices["against"])
        choices.values["against"] = tuple(dict.fromkeys(chain.from_iterable(wanted)))
    at_once = learns_at_once(choices["model"])
    if at_once:
        check_at_once(choices.values, STEPPED)
    kind = _answers(choices, task)
    if own_module:
        choices.fill("pretrained", "no", "the network is your own")
        own = min(max(facts.height, facts.width), 224)
        choices.fill("size", own, "the images' own size, at most 224")
    else:
        liked = task.network(facts.channels)
        if liked is not None:
            choices.fill("model", *liked)
        _choose_network(choices, facts, kind, task.longest)
    whole = "the whole image is answered about"
    choices.fill("fit", task.window, "usual for classes" if task.window == "crop" else whole)
    _choose_noise(choices, facts)
    if at_once:
        _choose_at_once(choices, task)
    else:
        _choose_learning(choices, facts, task, kind)
    choices.fill("threads", 2, "decoding keeps up with training")
    choices.fill("device", devices()[0], "the fastest there is")
    check_together(choices.values, task)
    check_views(choices["tta"], task, facts)
    warm = choices["pretrained"] != "no"
    # A pretrained network saw RGB; gray images are shown to it as RGB.
    channels = 3 if warm and facts.channels == 1 else facts.channels
    height, width = _window(choices, facts, kind)
    contract = PixelContract(
        height=height,
        width=width,
        channels=channels,
        fit=choices["fit"],
        exact=any(kind.moves for kind in facts.kinds.values()),
    )
    return ResolvedRecipe(Recipe.from_mapping(choices.values), contract, choices.reasons)


def _answers(choices: Choices, task: type[Task]) -> OutputKind:
    """What the network has to give: what the loss needs; where none is chosen, what the chosen
    network gives, if a loss of this task can do with that.
    """
    if choices["loss"] != "auto":
        return task.answers_with(choices["loss"])
    if choices["model"] is not None:
        given = variant(choices["model"]).output
        if any(task.answers_with(loss) == given for loss in task.LOSSES):
            return given
    return task.answers


def _window(choices: Choices, facts: DataFacts, kind: OutputKind) -> tuple[int, int]:
    """Height and width of the network's input: square, unless all images of maps have one shape
    that nothing needs to be cut from or added to.
    """
    size: int = choices["size"]
    name = choices["model"]
    whole = choices["fit"] in ("pad", "native")
    square = kind != "map" or not whole or not facts.uniform or name is None
    if square or variant(name).sized:
        return size, size
    longer = max(facts.height, facts.width)
    sides = [max(1, round(size * side / longer)) for side in (facts.height, facts.width)]
    if choices["fit"] == "native":
        sides = [min(size, side) for side in (facts.height, facts.width)]
    height, width = (variant(name).sizes.fit(side) for side in sides)
    return height, width


def _choose_noise(choices: Choices, facts: DataFacts) -> None:
    """Raises UsageError for noise that was asked for and that the images do not have."""
    if facts.noise:
        choices.fill("noise", facts.noise, "the usual strength in comparisons")
    elif choices["noise"] is not None:
        raise UsageError(
            "has no effect: the images are used as they are",
            where=f"--noise {choices['noise']}",
            remedy="Leave it out, or choose a task that makes clean images worse to restore them.",
        )


class Choices:
    """The fields of a recipe while their gaps are filled, each with the reason."""

    def __init__(self, values: dict[str, Any]):
        self.values = values
        self.reasons: dict[str, str] = {}

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def fill(self, name: str, value: Any, reason: str) -> None:
        """Take the value, unless the user has chosen one."""
        if self.values[name] in (None, "auto"):
            self.values[name] = value
            self.reasons[name] = reason

    @property
    def frozen(self) -> bool:
        return bool(self.values["freeze"] == "backbone")


def _choose_task(choices: Choices, facts: DataFacts) -> type[Task]:
    """The first task whose targets the data have. Raises UsageError where there is none."""
    chosen = choices["task"]
    if chosen not in ("auto", *TASKS):
        raise unknown("task", chosen, ("auto", *TASKS), where="--task")
    names = facts.fitting
    if chosen in TASKS and not TASKS[chosen].needs:  # any images will do
        return TASKS[chosen]
    if not names:
        there = f"targets '{', '.join(facts.kinds)}'" if facts.kinds else "no labels"
        raise UsageError(
            f"the images have {there}: no task learns from these alone",
            where=facts.dataset or "data",
            remedy="Put images into one folder a class, or list them with labels in a CSV file; "
            f"without labels, choose --task {' or '.join(n for n in TASKS if TASKS[n].unlabeled)}.",
        )
    description = facts.description or TASKS[names[0]].requirement
    choices.fill("task", names[0], description)
    if choices["task"] not in names:
        raise UsageError(
            f"the data cannot be used so: {description}",
            where=f"--task {chosen}",
            remedy="Leave --task out; a CSV file gives one label as `cat`, several as `cat;dog`.",
        )
    return TASKS[choices["task"]]


def _choose_network(choices: Choices, facts: DataFacts, kind: OutputKind, longest: int) -> None:
    pixels = f"{facts.height} × {facts.width}"
    rgb = facts.channels in (1, 3)
    if kind == "map":
        if facts.channels == 3 and not facts.small:
            reason = "it answers for each pixel, and photos profit from weights learned on ImageNet"
            choices.fill("model", PHOTO_MAPPER, reason)
        choices.fill("model", MAPPER, "it answers for each pixel")
    elif facts.small:
        name = "convnet_medium" if facts.channels >= 3 else "convnet"
        choices.fill("model", name, f"images of {pixels} are learned from scratch")
    elif rgb:
        reason = "photos profit from weights learned on ImageNet"
        choices.fill("model", "efficientnet_lite0", reason)
    else:
        reason = f"no pretrained network has {facts.channels} channels"
        choices.fill("model", "convnet", reason)
    name = choices["model"]
    weights = variant(name).weights
    # Nothing is downloaded unasked: only weights that were installed along are a default.
    along = weights is not None and weights.source.startswith("package:")
    if along and rgb and not facts.small:
        choices.fill("pretrained", "yes", "its ImageNet weights come along")
    elif along:
        choices.fill("pretrained", "no", "its ImageNet weights are for photos")
    else:
        choices.fill("pretrained", "no", "none come along")
    if kind == "map":
        most = longest if facts.examples > FEW else FEW_MAPPED
        longer = min(max(facts.height, facts.width), most)
        choices.fill("size", fitting_size(name, longer), f"the images have {pixels} pixels")
    elif facts.small or name.startswith("convnet"):
        own = min(max(facts.height, facts.width, TINY), SMALL)
        size, reason = fitting_size(name, own), f"the images have {pixels} pixels"
        if size > own:
            reason += f"; {size} is the next size that {name} takes"
        choices.fill("size", size, reason)
    else:
        choices.fill("size", default_size(name), "the size this network was designed for")


def _choose_learning(
    choices: Choices, facts: DataFacts, task: type[Task], kind: OutputKind
) -> None:
    losses = [loss for loss in task.LOSSES if task.answers_with(loss) == kind]
    if kind != task.answers:  # the network decides on the loss, and the loss on what suits it
        whole = "each pixel" if kind == "map" else "the image as a whole"
        choices.fill("loss", losses[0], f"{choices['model']} answers for {whole}")
    liked = task.prefers(facts.channels, facts.examples, choices["loss"])
    if choices["engine"] == "manual":  # knows the plain losses only
        liked.pop("loss", None)
    if "freeze" in liked:
        choices.fill("freeze", *liked["freeze"])
    elif choices["pretrained"] == "no":
        choices.fill("freeze", "none", "all layers begin from scratch")
    elif kind == "map":
        choices.fill("freeze", "none", "what was learned on whole images has to learn about pixels")
    else:
        choices.fill("freeze", "backbone", "its features serve as they are; see --fine-tune")
    choices.fill("optimizer", "adamw", "robust without tuning")
    method = choices["optimizer"]
    if "momentum" in OPTIMIZERS[method].arguments:
        choices.fill("momentum", OPTIMIZERS[method].arguments["momentum"], "usual")
    if choices.frozen and not choices["fine_tune"]:
        liked |= task.prefers_of_head(method, choices["loss"])
    if choices["balance"] != "none":  # the loss of validation images knows of no balance
        liked.pop("keep", None)
    for name, (value, reason) in liked.items():
        choices.fill(name, value, reason)
    if choices.frozen:
        choices.fill("epochs", 30, "on features that are computed once")
    else:
        # Small images of digits or letters are learned in a few passes, others are not; and deep
        # networks made for photos take more of them than the one that was made for speed.
        simple = facts.small and facts.channels == 1 and symbols(facts.classes, facts.dataset)
        enough = 5e4 if str(choices["model"]).startswith("convnet") else 2e5
        looks, most = (enough, 30) if simple else (6e5, 60)
        epochs = int(np.clip(round(looks / facts.examples), 1, most))
        sum_of_looks = f"about {epochs * facts.examples:,} looks at {facts.examples:,} images"
        choices.fill("epochs", epochs, sum_of_looks)
    if kind == "map":
        pixels = math.prod(_window(choices, facts, kind))
        batch = int(np.clip(PIXELS // pixels, 2, 8))
        reason = f"{batch * pixels:,} pixels a step, each of which is an example"
        choices.fill("batch_size", batch, reason)
    few = facts.examples < 1_000
    batch = 32 if few else 64 if choices.frozen or facts.examples < 8_000 else 128
    choices.fill("batch_size", batch, f"{facts.examples:,} training images")

    peak = OPTIMIZERS[method].lr
    if method == "adamw":  # tuned for the two ways in which it is used here
        quick = choices.frozen or str(choices["model"]).startswith("convnet")
        peak = 1e-2 if quick else 3e-3
    choices.fill("lr", peak, f"usual for {method}")
    choices.fill("weight_decay", OPTIMIZERS[method].weight_decay, f"usual for {method}")
    choices.fill("schedule", "one_cycle", "reaches good scores in few epochs")
    if choices["pretrained"] == "no":
        reason = "all layers begin alike, and learn at one rate"
    else:
        reason = "pretrained layers learn at one rate, that of --backbone-lr"
    choices.fill("layer_decay", 1.0, reason)

    choices.fill("loss", losses[0], task.explain(facts.classes))
    if choices.frozen:
        choices.fill("augment", "light", "features are computed once, and once of mirror images")
    elif facts.small:
        choices.fill("augment", "light", "small images lose much to strong changes")
    else:
        choices.fill("augment", "standard", "usual for photos")
    if not task.blends():
        for name in ("mixup", "cutmix"):
            choices.fill(name, 0.0, "targets of this kind cannot be blended")
    choices.fill("keep", "score", "by it the network is judged")
    for name in ("ema", "dropout"):
        choices.fill(name, 0.0, "off unless asked for")


def _choose_at_once(choices: Choices, task: type[Task]) -> None:
    """What is left to choose where nothing is learned by steps."""
    choices.fill("loss", next(iter(task.LOSSES)), "answers are measured by it")
    choices.fill("augment", "none", "the images are looked at once, as they are")
