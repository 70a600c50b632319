"""A predictor that can be attacked: how little of an image has to change for another answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from vitreous.errors import UsageError
from vitreous.inference.explaining import ExplainingPredictor
from vitreous.inference.predictor import BATCH, listed

if TYPE_CHECKING:  # what attacks takes longer to import than to predict
    from vitreous.robust.adversarial_example import AdversarialExample


@dataclass(frozen=True, kw_only=True)
class AttackingPredictor(ExplainingPredictor):
    """A network with everything that its answers, and attacks on them, depend on."""

    def attack(
        self,
        source: Any,
        *,
        attack: str = "pgd",
        eps: str | float = 8,
        norm: str | None = None,
        steps: int | None = None,
        seed: int = 0,
    ) -> Any:
        """What an attack makes of one image, or of each of several: an `AdversarialExample`.

        source  as for `predict`
        attack  a key of `vitreous.robust.ATTACKS` that changes each image for itself
        eps     the largest change in gray levels of 255, such as 8 or "8/255"; of no effect on
                attacks that look for the smallest one
        norm    "inf", "2" or "1"; None is the attack's own
        steps   None is the attack's own number

        The network's own answer is taken for what is true. Raises UsageError for what there is not
        and for a task whose answers are more or less right, ModelError for a network without
        gradients.
        """
        from vitreous.robust.adversarial_example import AdversarialExample
        from vitreous.robust.attacks import settings
        from vitreous.robust.epsilon import epsilon, shown
        from vitreous.robust.goal import Goal
        from vitreous.robust.norms import norm_of

        row, norm, options = settings(attack, norm, steps)
        if row.kind == "shared":
            raise UsageError(
                f"{attack} is one change for many images",
                where="attack",
                remedy="Measure it on data: `vitreous robust`, or `run.robustness`.",
            )
        if row.kind == "bounded":
            options["eps"] = epsilon(eps, norm, int(np.prod(self.contract.shape)))
        several = listed(source)
        sources = [source] if several is None else several
        found: list[AdversarialExample] = []
        chunks = (sources[first : first + BATCH] for first in range(0, len(sources), BATCH))
        for images, _, frames, _ in (each for chunk in chunks for each in self.seen(chunk)):
            images = images.to(self.device)
            outputs = self.outputs(images)
            targets = self.task.claimed(outputs)
            if targets is None:
                raise UsageError(
                    f"answers of the task '{self.task.name}' are more or less right",
                    where="attack",
                    remedy="Attack what is true of data: `vitreous robust`, or `run.robustness`.",
                )
            goal = Goal.of(self.task)
            moved = row.apply(self.model, images, targets, goal, seed=seed, **options)
            rows = [pixels(image) for image in moved]
            held = self.contract.around(*images.shape[2:]).images(np.stack(rows))
            said = self.task.decode(outputs, frames)
            says = self.task.decode(self.outputs(held), frames)
            sizes = norm_of(norm).size(held.to(self.device) - images).tolist()
            cleans = map(pixels, images)
            found += [
                AdversarialExample(clean, bytes_, before, after, shown(size, norm), norm, attack)
                for clean, bytes_, before, after, size in zip(
                    cleans, rows, said, says, sizes, strict=True
                )
            ]
        return found[0] if several is None else found


def pixels(image: torch.Tensor) -> Any:
    """(C, H, W) in [0, 1] to (H, W, C) bytes, the nearest ones."""
    levels = (image.detach().cpu().float() * 255).round().clamp(0, 255).byte()
    return np.ascontiguousarray(levels.permute(1, 2, 0).numpy())
