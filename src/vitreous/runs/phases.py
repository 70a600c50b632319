"""How a course is learned: the whole network at once, or first its last layer alone, on features of
a frozen backbone that are computed once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import nn

from vitreous.data.batches.batches import Batches
from vitreous.data.dataset import Part
from vitreous.data.batches.pack import key
from vitreous.runs.setup import Course
from vitreous.runs.evaluate import answers
from vitreous.inference.features import FeatureBatches, features
from vitreous.runs.phase import Phase
from vitreous.metrics.scores import Scores
from vitreous.models import backbone_and_head
from vitreous.training.compiler import compiled
from vitreous.training.optimizer import optimizer
from vitreous.training.precision import Precision


def phases(course: Course) -> list[Callable[[], Phase]]:
    """One for the whole network; or one for its last layer on features computed once, and a second
    one for the whole network if it is to be fine-tuned. Each is made by calling it.
    """
    recipe = course.recipe
    if recipe.freeze == "none":
        return [partial(whole, course, recipe.epochs or 1, recipe.lr)]
    found = [partial(head, course)]
    if recipe.fine_tune:
        found.append(partial(whole, course, recipe.fine_tune, (recipe.lr or 1e-3) / 10))
    return [*found]


def whole(course: Course, epochs: int, lr: float | None) -> Phase:
    """All layers, on augmented images; pretrained ones at a lower rate."""
    recipe, network = course.recipe, course.network
    ids = course.ids[Part.VALIDATION]
    batches = Batches(
        course.packed.rows,
        course.dataset.targets,
        course.ids[Part.TRAIN],
        course.contract,
        batch_size=recipe.batch_size or 64,
        seed=recipe.seed,
        augment=course.augment,
        num_classes=len(course.dataset.classes),
        weights=course.dataset.weights,
        balance="sampler" if recipe.balance == "sampler" else None,
        device=recipe.device,
        threads=recipe.threads or 2,
    )
    warm = recipe.pretrained not in (None, "no")
    _, last = backbone_and_head(network) if warm else (None, None)
    method = optimizer(
        recipe.optimizer or "adamw",
        network,
        lr=lr,
        weight_decay=recipe.weight_decay,
        momentum=recipe.momentum,
        head=last,
        backbone_lr=recipe.backbone_lr if warm else 1.0,
        layer_decay=recipe.layer_decay or 1.0,
    )

    def validate() -> Scores:
        bundle = course.bundle()
        probabilities = answers(bundle, course.packed.rows, ids)
        return course.task.scores(probabilities, course.dataset.targets[ids], bundle.classes)

    return Phase(
        name="network",
        network=network,
        batches=batches,
        validate=validate if len(ids) else None,
        optimizer=method,
        epochs=epochs,
        precision=course.precision,
        gradients=course.gradients,
        call=compiled(network) if recipe.compile else None,
    )


def head(course: Course) -> Phase:
    """The last layer alone. The backbone is frozen, its statistics too."""
    recipe = course.recipe
    backbone, last = backbone_and_head(course.network.eval())
    identity = key(course.dataset, course.contract)
    seen = {
        part: features(
            backbone,
            course.network,
            course.packed.rows,
            course.ids[part],
            course.contract,
            course.precision,
            mirrored=part is Part.TRAIN and course.augment.flip > 0,
            key=identity,
            architecture=(recipe.model, course.arguments) if recipe.model else None,
            progress=course.progress.task(f"features of the {part.name.lower()} part"),
        )
        for part in (Part.TRAIN, Part.VALIDATION)
        if len(course.ids[part])
    }
    weights = course.dataset.weights
    batches = FeatureBatches(
        seen[Part.TRAIN],
        course.targets(Part.TRAIN),
        batch_size=recipe.batch_size or 64,
        num_classes=len(course.dataset.classes),
        seed=recipe.seed,
        weights=None if weights is None else weights[course.ids[Part.TRAIN]],
        balance="sampler" if recipe.balance == "sampler" else None,
        device=recipe.device,
    )
    # The network's own dropout lies before its last layer, in what is frozen here.
    network = nn.Sequential(nn.Dropout(recipe.dropout), last) if recipe.dropout else last
    method = optimizer(
        recipe.optimizer or "adamw",
        last,
        lr=recipe.lr,
        weight_decay=recipe.weight_decay,
        momentum=recipe.momentum,
    )

    @torch.inference_mode()
    def validate() -> Scores:
        views = torch.from_numpy(seen[Part.VALIDATION][:, 0].astype(np.float32))
        logits = last.eval()(views.to(recipe.device))
        probabilities = course.task.probabilities(logits).double().cpu().numpy()
        targets = course.targets(Part.VALIDATION)
        return course.task.scores(probabilities, targets, course.dataset.classes)

    return Phase(
        name="head",
        network=network,
        batches=batches,
        validate=validate if Part.VALIDATION in seen else None,
        optimizer=method,
        epochs=recipe.epochs or 1,
        precision=Precision("float32", course.precision.device),
    )
