"""A resolved recipe, with defaults filled in: what a run folder keeps and a run is resumed from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from types import UnionType
from typing import Any

import yaml

from vitreous.data.batches.preprocess import PixelContract
from vitreous.errors import RunError
from vitreous.fields import misfit
from vitreous.models import learns_at_once
from vitreous.recipes.contradictions import check_names
from vitreous.recipes.recipe import Recipe

WRITTEN: dict[str, type | UnionType] = {
    "data": str | None,
    "fingerprint": str,
    "content": str,
    "contract": dict,
    "recipe": dict,
    "reasons": dict,
}
"""What a recipe.yaml has to hold."""

LATER = (
    "recipe", "alpha", "noise", "adversarial", "adversarial_steps", "against", "keep", "bias_lr",
    "lookahead", "model_parallel", "tta",
)  # fmt: skip
"""Fields that runs of earlier versions did not have: where they are empty, nothing has changed."""

STEPPED = (
    "recipe", "epochs", "time", "batch_size", "optimizer", "lr", "momentum", "weight_decay",
    "schedule", "milestones", "step_factor", "warmup", "backbone_lr", "layer_decay", "bias_lr",
    "loss", "alpha", "label_smoothing", "l1", "l2", "penalty_from", "clip", "accumulate", "ema",
    "swa", "lookahead", "bn_recalibrate", "dropout", "init", "patience", "keep", "augment",
    "mixup", "cutmix", "tta", "adversarial", "adversarial_steps", "pretrained", "freeze",
    "fine_tune", "engine", "precision", "compile", "model_parallel", "shard", "checkpoint", "log",
)  # fmt: skip
"""Fields that say how a network learns step by step: a classic method, which does not, has none."""

FILLED = (
    "task", "epochs", "batch_size", "size", "fit", "optimizer", "lr", "weight_decay", "schedule",
    "loss", "augment", "pretrained", "freeze", "threads", "device",
)  # fmt: skip
"""Fields that `resolve` leaves neither open nor automatic."""


@dataclass(frozen=True)
class ResolvedRecipe:
    """A recipe without gaps.

    recipe    every field that matters is set
    reasons   field -> why it was chosen; fields that the user set are absent
    contract  how an image becomes the network's input
    parts_given  the split was handed in, and split.csv is the only place that tells it
    """

    recipe: Recipe
    contract: PixelContract
    reasons: dict[str, str] = field(default_factory=dict)
    parts_given: bool = False

    def to_yaml(self, data: str | None, fingerprint: str, content: str) -> str:
        """The content of recipe.yaml, from which `from_mapping` makes the same value again.

        data         path or name, None where the data lie in memory
        fingerprint  of the data's names and labels
        content      hash of all images
        """
        written: dict[str, Any] = {
            "data": data,
            "fingerprint": fingerprint,
            "content": content,
            "contract": self.contract.to_json(),
            "recipe": self.recipe.to_mapping(),
            "reasons": self.reasons,
        }
        if self.parts_given:
            written["parts_given"] = True
        return yaml.safe_dump(written, sort_keys=False, allow_unicode=True)

    @classmethod
    def from_mapping(cls, written: dict[str, Any], where: str) -> ResolvedRecipe:
        """Raises RunError for a file that is not such a recipe."""
        try:
            if not isinstance(written, dict):
                raise TypeError("it holds no names")
            if name := misfit(written, WRITTEN):
                raise TypeError(f"{name} is {written.get(name, 'missing')!r}")
            contract = PixelContract.from_json(written["contract"])
            recipe = Recipe.from_mapping(written["recipe"], where)
            check_names(recipe.to_mapping())
            idle = STEPPED if learns_at_once(recipe.model) else ()
            for name in FILLED:
                if name not in idle and getattr(recipe, name) in (None, "auto"):
                    raise TypeError(f"{name} is left open")
            return cls(recipe, contract, written["reasons"], written.get("parts_given") is True)
        except (TypeError, AttributeError) as error:
            raise RunError(
                f"is not the recipe of a run: {error}",
                where=where,
                remedy="Bring back the file that the run has written, or start a new run.",
            ) from error

    def fingerprint(self, data: str) -> str:
        """A hash of all that decides a run's result.

        data  fingerprint of the data
        """
        recipe = self.recipe.to_mapping()
        for name in LATER:
            if recipe[name] in (None, (), "auto"):
                del recipe[name]
        del recipe["shard"]  # the numbers do not depend on it
        decisive = {
            "data": data,
            "recipe": recipe,
            "contract": self.contract.to_json(),
        }
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()
