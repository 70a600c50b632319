"""The search space: which settings of a recipe a search may vary, and within which bounds.

A row of `SPACE` is a field of the recipe. Its bounds are wide enough for surprises and narrow
enough for thirty trials; a field that has no effect on the network at hand is left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from vitreous.models import learns_at_once
from vitreous.models.classic import USUAL
from vitreous.recipes.resolved import ResolvedRecipe
from vitreous.tasks import TASKS

Acts = Callable[[ResolvedRecipe], bool]


def by_steps(resolved: ResolvedRecipe) -> bool:
    """Does the network learn by steps?"""
    return not learns_at_once(resolved.recipe.model)


def at_once(resolved: ResolvedRecipe) -> bool:
    return not by_steps(resolved)


def whole(resolved: ResolvedRecipe) -> bool:
    """Are all layers trained, on augmented images?"""
    return by_steps(resolved) and resolved.recipe.freeze == "none"


def smooths(resolved: ResolvedRecipe) -> bool:
    """Does the task take label smoothing with this loss?"""
    recipe = resolved.recipe
    if not by_steps(resolved):
        return False
    try:
        TASKS[recipe.task].check_settings(recipe.loss, 0.1, recipe.balance)
    except ValueError:
        return False
    return True


def augments(resolved: ResolvedRecipe) -> bool:
    task, noise = TASKS[resolved.recipe.task], resolved.recipe.noise or ""
    return whole(resolved) and not any(task.spoiled_by(name, noise) for name in AUGMENTS)


AUGMENTS = ("none", "light", "standard", "strong")


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What one setting may be.

    acts       has it an effect on what a resolved recipe trains?
    low, high  of a number, both included; log: are ratios what counts?
    choices    in place of a range
    """

    acts: Acts
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    choices: tuple[Any, ...] = ()

    def __str__(self) -> str:
        if self.choices:
            return ", ".join(map(str, self.choices))
        return f"{self.low:g} to {self.high:g}{', by ratios' if self.log else ''}"

    def suggest(self, trial: Any, name: str) -> Any:
        """A value for a trial of Optuna."""
        if self.choices:
            return trial.suggest_categorical(name, list(self.choices))
        return trial.suggest_float(name, self.low, self.high, log=self.log)

    def usual(self, resolved: ResolvedRecipe, name: str) -> Any:
        """What the recipe has; None where that is not within the bounds."""
        value = getattr(resolved.recipe, name)
        if self.choices:
            alike = (value, f"{value}-pixels")  # a classifier alone looks at pixels
            return next((one for one in alike if one in self.choices), None)
        return value if value is not None and self.low <= value <= self.high else None


SPACE: dict[str, Bounds] = {
    "model": Bounds(acts=at_once, choices=USUAL),
    "lr": Bounds(acts=by_steps, low=1e-4, high=1e-1, log=True),
    "weight_decay": Bounds(acts=by_steps, low=1e-5, high=1.0, log=True),
    "batch_size": Bounds(acts=by_steps, choices=(16, 32, 64, 128, 256)),
    "optimizer": Bounds(acts=by_steps, choices=("adamw", "nesterov", "nadam")),
    "augment": Bounds(acts=augments, choices=AUGMENTS),
    "label_smoothing": Bounds(acts=smooths, low=0.0, high=0.2),
}
"""By the name of the field."""
