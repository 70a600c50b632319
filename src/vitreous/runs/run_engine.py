"""The inference engine of a run: chosen once on a processor, written down, and used ever after."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from vitreous.data.batches.pack import Rows
from vitreous.data.dataset import Part
from vitreous.errors import RunError, StorageError
from vitreous.files import read_yaml, understood
from vitreous.infer.engine import Engine
from vitreous.infer.runtime_choice import COMPARED, Trial, record, recorded
from vitreous.infer.runtimes import NETWORK
from vitreous.inference.model_file import Bundle
from vitreous.run_folder import RunFolder
from vitreous.runs.setup import TrainingSetup
from vitreous.tasks.task import Ids

WORTH = 2e11
"""Multiply-accumulates below which nothing is tried: 500 images through EfficientNet-Lite0."""


def trial(
    bundle: Bundle, engine: Engine, rows: Rows, ids: Ids, count: int, features: bool = False
) -> Trial:
    """Of what could answer `count` images, some of which are these rows."""
    chosen = ids[np.linspace(0, len(ids) - 1, min(COMPARED, len(ids))).round().astype(np.int64)]
    return Trial(
        network=bundle.model.eval(),
        signature=(bundle.architecture, sorted(bundle.arguments.items())),
        examples=bundle.contract.images(rows[chosen]),
        count=count,
        precision=bundle.precision,
        task=bundle.task,
        features=features,
        place=engine.place,
    )


def choose(
    bundle: Bundle,
    told: Path,
    rows: Rows,
    ids: Ids,
    count: int,
    *,
    say: Callable[[str], None] = lambda text: None,
    features: bool = False,
) -> Engine | None:
    """What answers `count` images in the place of a run's network: what the run has chosen on this
    processor before, or what a trial finds now, which is then written down. None where the network
    answers itself.

    told       the run's runtime.json
    rows, ids  some of these images
    say        is told a choice that is new
    """
    before, work = recorded(told), float(count) * bundle.training.get("macs", 0)
    if not len(ids) or (before is None and work < WORTH):
        return None
    engine = bundle.engine_by(NETWORK, features=features)
    if engine is None:
        return None
    tried = trial(bundle, engine, rows, ids, count, features)
    found = tried.choose() if before is None else tried.confirmed(before)
    if found.speeds and found != before:
        record(told, found)
        say(f"computed by {found.text}")
    return None if found.runtime == NETWORK else replace(engine, runtime=found.runtime)


def of_features(setup: TrainingSetup, say: Callable[[str], None]) -> Engine | None:
    """What computes the features of a frozen backbone, in place of the network."""
    if (told := may_choose(setup)) is None:
        return None
    count = sum(len(ids) for ids in setup.ids.values())
    ids = setup.ids[Part.TRAIN]
    return choose(setup.bundle(), told, setup.rows, ids, count, say=say, features=True)


def measured_by(setup: TrainingSetup, bundle: Bundle, say: Callable[[str], None]) -> Bundle:
    """The trained network, with what answers in its place from now on."""
    held = [ids for part, ids in setup.ids.items() if part is not Part.TRAIN and len(ids)]
    told = may_choose(setup)
    if told is None or not held:
        return bundle
    count = sum(map(len, held))
    return replace(bundle, engine=choose(bundle, told, setup.rows, held[0], count, say=say))


def evaluated_by(
    run: RunFolder, bundle: Bundle, rows: Rows, ids: Ids, say: Callable[[str], None]
) -> Bundle:
    """The network of a run, with what answers in its place if none was chosen before."""
    if recorded(run.runtime) is not None:  # `load` has followed it
        return bundle
    # The network answers, where a recipe cannot be read, or a choice cannot be written down.
    with suppress(RunError, StorageError):
        with understood(run.recipe):
            exact = read_yaml(run.recipe)["recipe"]["deterministic"]
        engine = None if exact else choose(bundle, run.runtime, rows, ids, len(ids), say=say)
        return replace(bundle, engine=engine)
    return bundle


def may_choose(setup: TrainingSetup) -> Path | None:
    """Where the choice is written. None where there is none: processes have to agree, and bits that
    were asked for must not depend on a clock.
    """
    plain = setup.ranks.size > 1 or setup.recipe.deterministic
    return None if plain else setup.runtime
