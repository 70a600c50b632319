"""A training by the loop of a run, of a head on features or of a whole network, and what each rule
for the kept epoch gives on images that were held out.
"""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from kept_epoch import Floats, judged
from small_sets import SMALL_IMAGES, SmallSet, folder
from vitreous.data.batches.pack import key, pack
from vitreous.data.columns import ClassNumbers
from vitreous.data.dataset import Part
from vitreous.data.splits.split import Split
from vitreous.inference.features import FeatureBatches, features
from vitreous.inference.predictor import Predictor
from vitreous.models import backbone_and_head
from vitreous.progress.progress import silent
from vitreous.recipes.data_facts import DataFacts
from vitreous.recipes.recipe import Recipe
from vitreous.recipes.resolve import resolve
from vitreous.runs.job import prepare
from vitreous.runs.phases import phases, schedule_of
from vitreous.runs.setup import build
from vitreous.tasks.classify import Classify
from vitreous.training.fit import fit
from vitreous.training.optimizer import optimizer
from vitreous.training.reproduce import seeded

NETWORK = {"model": "efficientnet_lite0", "pretrained": "yes"}


@cache
def pool(name: str, work: Path) -> tuple[Any, Any, NDArray[np.int64], NDArray[np.int8], Any]:
    """Data set, features (N, V, K), labels (N,), parts (N,) of all images of a pool."""
    with silent() as progress:
        job = prepare(str(folder(name, work)), progress=progress, **NETWORK)
        contract = job.resolved.contract
        packed = pack(job.dataset, contract)
        setup = build(job, packed, progress)
        backbone, _ = backbone_and_head(setup.network.eval())
        rows = np.arange(len(job.dataset))
        found = features(
            backbone,
            setup.network,
            packed.rows,
            rows,
            contract,
            setup.precision,
            mirrored=setup.augment.flip > 0,
            key=key(job.dataset, contract),
            architecture=("efficientnet_lite0", setup.arguments),
        )
    return job.dataset, found, job.dataset.targets["class"].array, job.dataset.parts, packed.good


def learned(one: SmallSet, seed: int, fields: dict[str, Any], work: Path) -> dict[str, Any]:
    """Train a head, and measure each rule for the kept epoch."""
    dataset, seen, labels, parts, good = pool(one.pool, work)
    can = np.flatnonzero(good & (parts == Part.TRAIN))
    train, held, classes = one.draw(labels, can, seed)
    test = np.flatnonzero(good & (parts != Part.TRAIN) & np.isin(labels, classes))
    number = np.full(labels.max() + 1, -1)
    number[np.sort(classes)] = np.arange(len(classes))
    names = tuple(dataset.classes[c] for c in np.sort(classes))

    facts = DataFacts.of(dataset, train)
    recipe = resolve(Recipe(**NETWORK, seed=seed, **fields), facts).recipe
    targets = {"class": ClassNumbers(number[labels[train]], names)}
    task = Classify.of(targets, smoothing=recipe.label_smoothing or 0.0)
    with seeded(seed):
        head = nn.Linear(seen.shape[2], len(names))
    batches = FeatureBatches(seen[train], targets, batch_size=recipe.batch_size, seed=seed)
    method = optimizer(recipe.optimizer, head, lr=recipe.lr, weight_decay=recipe.weight_decay)
    plan = schedule_of(recipe, head, recipe.epochs, len(batches), 1.0)["schedule"]
    stream = (batch for epoch in range(recipe.epochs) for batch in batches.epoch(epoch))
    plain = {part: torch.from_numpy(seen[ids, 0].astype(np.float32))
             for part, ids in (("held", held), ("test", test))}  # fmt: skip
    answers: dict[str, list[Floats]] = {"held": [], "test": []}
    began = time.process_time()
    for step in fit(head, stream, task.loss, method, plan, seed=seed):
        if step.number % len(batches) == 0:
            with torch.no_grad():
                for part, images in plain.items():
                    answers[part].append(head(images).double().numpy())
    seconds = time.process_time() - began
    return {
        "seconds": seconds,
        **judged(
            answers["held"],
            number[labels[held]],
            answers["test"],
            number[labels[test]],
            names,
        ),
    }


def scratch(name: str, seed: int, fields: dict[str, Any]) -> dict[str, Any]:
    """Train a whole network on small images, as a run does, and measure each rule."""
    dataset, parts = SMALL_IMAGES[name](seed)
    with silent() as progress:
        split = Split(parts, content=f"{name} {seed}")
        job = prepare(dataset, Recipe(seed=seed, **fields), parts=split, progress=progress)
        setup = build(job, pack(dataset, job.resolved.contract), progress)
        phase = next(phases(setup, progress))
    predictor = Predictor(
        model=phase.network,
        task=setup.task,
        contract=setup.contract,
        precision=setup.precision.name,
    )

    def seen(part: Part) -> tuple[Floats, NDArray[np.int64]]:
        meter = predictor.measure(setup.rows, setup.targets, setup.ids[part])
        return meter.answers, meter.truth

    answers: dict[Part, list[Floats]] = {Part.VALIDATION: [], Part.TEST: []}
    began, truth = time.process_time(), {}
    stream = (batch for epoch in range(phase.epochs) for batch in phase.batches.epoch(epoch))
    for step in fit(
        phase.network,
        stream,
        phase.loss,
        phase.optimizer,
        phase.schedule,
        precision=phase.precision,
        average=phase.average,
        seed=seed,
    ):
        if step.number % len(phase.batches) == 0:
            for part, found in answers.items():
                logits, truth[part] = seen(part)
                found.append(logits)
    held, test = answers.values()
    return {
        "seconds": time.process_time() - began,
        **judged(held, truth[Part.VALIDATION], test, truth[Part.TEST], dataset.classes),
    }
