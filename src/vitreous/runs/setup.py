"""Training setup: everything that a run trains with, built from a job and its decoded images."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vitreous.augment.policies import named_policy
from vitreous.augment.policy import Augment
from vitreous.backprop.translate.twin import manual_gradients, twin
from vitreous.blocks.whiten import whiten
from vitreous.data.batches.batch import Batch
from vitreous.data.batches.pack import Pack, Rows
from vitreous.data.dataset import Dataset, Part
from vitreous.distributed import ALONE, Ranks
from vitreous.errors import DivergedError
from vitreous.inference.model_file import Bundle
from vitreous.inference.views import ONE
from vitreous.models.classic import Classic
from vitreous.models.towers import divided, gathered
from vitreous.progress.progress import Progress
from vitreous.recipes.recipe import Recipe
from vitreous.run_folder import RunFolder
from vitreous.runs.build_network import build_network
from vitreous.runs.divisible import sharing
from vitreous.runs.job import Job
from vitreous.runs.run_notes import HELD_OUT, class_counts, notes, scorable
from vitreous.tasks import Task
from vitreous.tasks.task import Columns, Ids
from vitreous.trace.capture.operations import trace
from vitreous.trace.measure.cost import total
from vitreous.training.fit import Gradients
from vitreous.training.history import best_epoch
from vitreous.training.precision import PRECISIONS, Precision, choose, strides_over_points
from vitreous.training.recalibrate import recalibrate
from vitreous.training.reproduce import seeded
from vitreous.training.sharded import shard, whole
from vitreous.version import __version__

WHITENED = 5000  # images whose patches a whitening layer is computed from
CHUNK = 64  # batch size of the batch-norm recalibration pass


@dataclass(frozen=True)
class TrainingSetup:
    """Model, task, data rows, augmentation and precision of one run.

    packed     the decoded images, and the targets in their pixels
    ids        by part, the rows that can be read, and none of a part that cannot be scored
    network    the whole network, on its device
    arguments  that create it again, for the model file
    macs       multiply-accumulates of one image
    notes      what a reader of the scores should know, one sentence each
    gradients  computes them by hand; None is autograd
    ranks      processes that train it together
    runtime    the file that says what computes in the network's place where nothing is learned;
               None: nothing does
    skeleton   the network without weights, where processes have a share of these each
    """

    job: Job
    packed: Pack
    ids: Mapping[Part, Ids]
    network: nn.Module
    arguments: dict[str, Any]
    task: Task
    augment: Augment
    precision: Precision
    macs: int
    notes: tuple[str, ...]
    gradients: Gradients | None = None
    ranks: Ranks = ALONE
    runtime: Path | None = None
    skeleton: nn.Module | None = None

    @property
    def recipe(self) -> Recipe:
        return self.job.recipe

    @property
    def dataset(self) -> Dataset:
        return self.job.dataset

    @property
    def contract(self) -> Any:
        return self.job.resolved.contract

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the network's input, where it is measured."""
        return self.contract.height, self.contract.width

    @property
    def learned_from(self) -> Any:
        """The contract of training images, which may be pieces of those that are measured."""
        height, width = self.augment.window(self.size)
        return replace(self.contract, height=height, width=width)

    @property
    def rows(self) -> Rows:
        return self.packed.rows

    @property
    def targets(self) -> Columns:
        return self.packed.targets

    @property
    def complete(self) -> nn.Module:
        """The network in one piece, however it is trained."""
        if self.skeleton is not None:
            return whole(self.skeleton, self.network)
        return gathered(self.network)

    def bundle(self, history: Sequence[Mapping[str, Any]] = ()) -> Bundle:
        """The network as it is, with all that a prediction depends on."""
        recipe, job = self.recipe, self.job
        arguments, macs = self.arguments, self.macs
        if isinstance(self.network, Classic):  # how large it is, it has learned
            arguments = {**arguments, "learned": self.network.learned}
            height, width, channels = self.contract.shape
            macs = total(trace(self.network, (channels, height, width))).macs
        shares = {"validation": recipe.validation, "test": recipe.test}
        return Bundle(
            model=self.complete.eval(),
            architecture=recipe.model,
            arguments=arguments,
            contract=self.contract,
            task=self.task,
            precision=self.precision.name,
            views=recipe.tta or ONE,
            training={
                "data": self.dataset.name,
                "fingerprint": self.dataset.fingerprint,
                "split": None if job.resolved.parts_given else shares,
                "examples": {part.name.lower(): len(ids) for part, ids in self.ids.items()},
                "parameters": sum(p.numel() for p in self.network.parameters()),
                "macs": macs,
                "epochs": len(history),
                "best_epoch": best_epoch(history),
                "seed": recipe.seed,
                "vitreous": __version__,
            },
        )

    def recalibrate(self) -> None:
        """Give batch norm the statistics of all training images, without augmentation."""
        rows = chunks(self.rows, self.ids[Part.TRAIN], CHUNK)
        images = (self.contract.images(chunk).to(self.recipe.device) for chunk in rows)
        with self.precision.autocast():
            recalibrate(self.network, images)

    def counts(self) -> dict[str, dict[str, int]]:
        """Readable images of each class, by part; empty where there are no classes."""
        found = {}
        for part, ids in self.ids.items():
            counts = class_counts(self.targets, ids)
            if counts is not None and len(ids):
                names, numbers = counts
                found[part.name.lower()] = dict(zip(names, numbers.tolist(), strict=True))
        return found

    def rescued(
        self, error: DivergedError, folder: RunFolder, history: Sequence[Mapping[str, Any]]
    ) -> DivergedError:
        """After a divergence: save the best weights, if any were ever measured, and say so. The
        file tells that its training broke off.
        """
        found = self.bundle(history)
        kept = " No epoch was measured before that, so there is no model file."
        if any("validation_score" in row for row in history):
            training = {**found.training, "diverged": error.message}
            replace(found, training=training).save(folder.model)
            best = best_epoch(history)
            kept = f" The best weights before that, of epoch {best}, are in {folder.model}."
        return DivergedError(error.message, where=error.where, remedy=f"{error.remedy or ''}{kept}")


def build(
    job: Job, packed: Pack, progress: Progress, ranks: Ranks = ALONE, before: str | None = None
) -> TrainingSetup:
    """Everything that a run trains with. Raises what the network and its weights raise.

    before  the number format in which a run that goes on has computed so far
    """
    recipe, contract = job.recipe, job.resolved.contract
    ids = {part: scorable(job, packed, part) for part in (Part.TRAIN, *HELD_OUT)}
    found = notes(job, packed.good, ids)
    task = job.learned(ids[Part.TRAIN])
    arguments: dict[str, Any] = {}
    if job.module is not None:
        network = copy.deepcopy(job.module) if recipe.shard else job.module
    else:
        rows = chunks(packed.rows, ids[Part.TRAIN], 1024)
        with seeded(recipe.seed):
            network, arguments = build_network(recipe, contract, task.output(), rows)
        if recipe.pretrained == "no":
            some = ids[Part.TRAIN][:: max(1, len(ids[Part.TRAIN]) // WHITENED)]
            whiten(network, chunks(packed.rows, some, CHUNK))
        for note in network.notes:
            progress.note(note)
    at_once = isinstance(network, Classic)
    network = network.to(recipe.device)
    ranks.give(network)
    height, width, channels = contract.shape
    # With numbers, as far as they are cheap: without them torch loads its compiler, for a second.
    traced = trace(network, (channels, height, width), real=recipe.device == "cpu")
    macs = total(traced).macs
    manual = recipe.engine == "manual"
    plain = manual or at_once or strides_over_points(traced)
    asked = "float32" if plain else recipe.precision
    precision = choose(asked, recipe.device, macs, clock=not recipe.deterministic)
    if asked == "auto" and before != precision.name and before in (*PRECISIONS,):
        progress.note(f"computing in {before}, as when the run began, and not in {precision.name}")
        precision = Precision(before, precision.device)
    augment = named_policy(
        recipe.augment or "none",
        contract=contract,
        classes=job.dataset.classes,
        dataset=job.dataset.name,
        mirrors=all(column.mirrors for column in job.dataset.targets.values()),
        mixup=recipe.mixup,
        cutmix=recipe.cutmix,
    )
    pieces = augment.pieces((height, width))
    found += sharing(recipe, network, len(ids[Part.TRAIN]) * pieces, ranks, task.views)
    if recipe.model_parallel:
        devices = places(recipe.device, recipe.model_parallel)
        network = divided(network, devices)
        found.append(f"the network is divided over {' and '.join(devices)}")
    skeleton = shard(network, ranks) if recipe.shard and ranks.size > 1 else None
    for note in found:
        progress.note(note)
    probe = torch.zeros(2, channels, *augment.window((height, width)), device=recipe.device)
    return TrainingSetup(
        job=job,
        packed=packed,
        ids=ids,
        network=network,
        arguments=arguments,
        task=task,
        augment=augment,
        # One for all processes, whose clocks may say different things.
        precision=choose(ranks.from_first(lambda: precision.name), recipe.device, macs),
        macs=macs,
        notes=tuple(found),
        gradients=by_hand(network, task, probe) if manual else None,
        ranks=ranks,
        skeleton=skeleton,
    )


def by_hand(network: nn.Module, task: Task, probe: Tensor) -> Gradients:
    """For `fit`: forward and backward through the network's hand-written twin.

    probe  images (B, C, H, W) of the size that will come

    Raises ModelError for a layer, and UsageError for a loss, without a hand-written derivative.
    """
    loss, own = task.manual_loss(), twin(network, probe)

    def gradients(batch: Batch, total: Tensor | float) -> Tensor:
        targets = task.manual_targets(batch.targets)
        return manual_gradients(own, loss, batch.images, targets, batch.weights, total)

    return gradients


def places(device: str, count: int) -> list[str]:
    """Names of so many devices of one kind; where there are fewer, as may be when a run is resumed,
    one has several parts. There is one processor, which has all.
    """
    there = max(1, torch.cuda.device_count())
    return [device if device == "cpu" else f"{device}:{n % there}" for n in range(count)]


def chunks(rows: Rows, ids: Ids, size: int) -> Iterator[NDArray[np.uint8]]:
    """These rows, so many at a time."""
    return (rows[ids[i : i + size]] for i in range(0, len(ids), size))
