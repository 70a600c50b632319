"""A settled recipe made real: the network, its task, its rows, and what is told about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from vitreous.version import __version__
from vitreous.augment.policies import named_policy
from vitreous.formats import counted
from vitreous.data.dataset import Dataset, Part
from vitreous.data.batches.pack import Pack
from vitreous.data.splits.split import Split
from vitreous.errors import DivergedError
from vitreous.runs import engine
from vitreous.run_folder import RunFolder
from vitreous.training.history import best_epoch
from vitreous.runs.build_network import build
from vitreous.progress.progress import Progress
from vitreous.recipes.resolved import Settled
from vitreous.inference.model_file import Bundle
from vitreous.losses.class_weights import class_weights, positive_weights
from vitreous.tasks import TASKS, Task
from vitreous.trace.measure.cost import total
from vitreous.trace.capture.operations import trace
from vitreous.training.precision import choose, strides_over_points
from vitreous.training.recalibrate import recalibrate

CHUNK = 64  # images that go through the network together where nothing is learned


class Course:
    """Everything that one run trains with.

    network  the whole network, on its device
    ids      by part, the rows that can be read
    """

    def __init__(
        self,
        dataset: Dataset,
        parts: Split,
        packed: Pack,
        settled: Settled,
        module: nn.Module | None,
        progress: Progress,
    ):
        self.dataset, self.packed, self.progress = dataset, packed, progress
        self.recipe, self.contract = settled.recipe, settled.contract
        self.ids: dict[Part, NDArray[np.int64]] = {}
        for part in (Part.TRAIN, Part.VALIDATION, Part.TEST):
            chosen = parts.indices(part)
            self.ids[part] = chosen[packed.good[chosen]]
        self.arguments: dict[str, Any] = {}
        self.network = self._network(module).to(self.recipe.device)
        height, width, channels = self.contract.shape
        probe = torch.zeros(2, channels, height, width, device=self.recipe.device)
        traced = trace(self.network, (channels, height, width))
        self.macs = total(traced).macs
        by_hand = self.recipe.engine == "manual"
        plain = by_hand or strides_over_points(traced)
        precision = "float32" if plain else self.recipe.precision
        self.precision = choose(precision, self.recipe.device, self.macs)
        self.augment = named_policy(
            self.recipe.augment or "none",
            contract=self.contract,
            classes=dataset.classes,
            dataset=dataset.name,
            mixup=self.recipe.mixup,
            cutmix=self.recipe.cutmix,
        )
        self.task = self._task()
        self.gradients = engine.by_hand(self.network, self.task, probe) if by_hand else None

    def targets(self, part: Part) -> NDArray[Any]:
        return self.dataset.targets[self.ids[part]]

    def recalibrate(self) -> None:
        """Give batch norm the statistics of all training images, without augmentation."""
        chunks = (self.contract.images(rows).to(self.recipe.device) for rows in self._chunks(CHUNK))
        with self.precision.autocast():
            recalibrate(self.network, chunks)

    def bundle(self, history: Sequence[Mapping[str, Any]] = ()) -> Bundle:
        """The network as it is, with all that a prediction depends on."""
        return Bundle(
            model=self.network.eval(),
            architecture=self.recipe.model,
            arguments=self.arguments,
            classes=self.dataset.classes,
            contract=self.contract,
            task=self.task.name,
            precision=self.precision.name,
            training={
                "data": self.dataset.name,
                "fingerprint": self.dataset.fingerprint,
                "split": {"validation": self.recipe.validation, "test": self.recipe.test},
                "examples": {part.name.lower(): len(ids) for part, ids in self.ids.items()},
                "parameters": sum(p.numel() for p in self.network.parameters()),
                "macs": self.macs,
                "epochs": len(history),
                "best_epoch": best_epoch(history),
                "seed": self.recipe.seed,
                "vitreous": __version__,
            },
        )

    def notes(self, copies: Sequence[Mapping[str, str]]) -> list[str]:
        """What a reader of the scores should know about the data.

        copies  rows of copies.csv
        """
        notes = []
        if self.packed.bad:
            notes.append(f"left out as unreadable: {counted(len(self.packed.bad), 'image')}")
        leaks = sum(row["kind"] == "leak" for row in copies)
        if leaks:
            notes.append(
                f"in more than one part: {counted(leaks, 'image')}, so the scores "
                "flatter the network; `vitreous check` names them"
            )
        if not len(self.ids[Part.TEST]):
            notes.append(
                "there is no test part: the validation scores were used for choosing, and are a "
                "little too good"
            )
        counts = self.counts()
        if self.recipe.balance == "none" and counts.max() > 4 * max(counts.min(), 1):
            most, least = (self.dataset.classes[i] for i in (counts.argmax(), counts.argmin()))
            notes.append(
                f"classes are unequal: {counts.max():,} training images of '{most}', "
                f"{counts.min():,} of '{least}'; --balance weights or sampler may help"
            )
        return notes

    def counts(self) -> NDArray[np.int64]:
        """(L,) training images of each class."""
        targets = self.targets(Part.TRAIN)
        if targets.ndim == 2:
            return np.asarray(targets.sum(axis=0), np.int64)
        return np.bincount(targets, minlength=len(self.dataset.classes))

    def rescued(self, error: DivergedError, folder: RunFolder) -> DivergedError:
        """After a divergence: save what was best, and say so."""
        weights = [t for t in self.network.state_dict().values() if t.is_floating_point()]
        if all(bool(torch.isfinite(t).all()) for t in weights):
            self.bundle().save(folder.model)
            kept = f" The best weights before that are in {folder.model}."
        else:
            kept = ""
        return DivergedError(error.message, where=error.where, remedy=f"{error.remedy or ''}{kept}")

    def _network(self, module: nn.Module | None) -> nn.Module:
        if module is not None:
            return module
        classes = len(self.dataset.classes)
        network, self.arguments = build(self.recipe, self.contract, classes, self._chunks(1024))
        for note in network.notes:
            self.progress.note(note)
        return network

    def _chunks(self, size: int) -> Iterator[NDArray[np.uint8]]:
        """The training rows, so many at a time."""
        ids = self.ids[Part.TRAIN]
        return (self.packed.rows[ids[i : i + size]] for i in range(0, len(ids), size))

    def _task(self) -> Task:
        recipe = self.recipe
        balance = None
        if recipe.balance == "weights":
            counts = torch.from_numpy(self.counts())
            balance = (
                positive_weights(counts, len(self.ids[Part.TRAIN]))
                if self.dataset.multilabel
                else class_weights(counts)
            ).to(recipe.device)
        return TASKS[recipe.task](
            criterion=recipe.loss,
            smoothing=recipe.label_smoothing or 0.0,
            balance=balance,
        )
