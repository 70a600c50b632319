"""Memory of a watch: outputs, gradients and small images of the latest steps, read now and then.

Reading a number makes a device wait, so what comes with each step is put aside as it is, and read
in one go every twenty steps.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitreous.doctor.batch_order import dispersion
from vitreous.doctor.evidence import Evidence, Floats
from vitreous.doctor.head_match import head_match, recovered
from vitreous.doctor.held_out import distinct, known, thumbnails
from vitreous.doctor.label_agreement import LEAST, chance, doubt, neighbors
from vitreous.doctor.turned_images import turned

IMAGES = 512  # small images that are kept of training, and as many of evaluation
EXAMPLES = 3000  # latest answers from which agreement is told
BATCHES = 400  # latest batches whose classes are kept
MODES = 20  # latest passes
SLOWER = 2.0  # times as many steps, from one comparison of images to the next


@dataclass
class Answers:
    """Outputs (B, L) of one pass, and the gradient at them once it has come."""

    outputs: Tensor
    gradient: Tensor | None = None
    images: NDArray[np.float32] | None = None


@dataclass
class Memory:
    told: list[Tensor] = field(default_factory=list)
    modes: deque[bool] = field(default_factory=lambda: deque(maxlen=MODES))
    waiting: list[Answers] = field(default_factory=list)  # of the step under way
    steps: list[list[Answers]] = field(default_factory=list)  # of steps not yet read
    sums: list[Tensor] = field(default_factory=list)
    small: NDArray[np.float32] | None = None
    train: deque[tuple[NDArray[np.float32], int]] = field(
        default_factory=lambda: deque(maxlen=IMAGES)
    )
    held: deque[NDArray[np.float32]] = field(default_factory=lambda: deque(maxlen=IMAGES))
    answers: deque[int] = field(default_factory=lambda: deque(maxlen=IMAGES))  # to these
    unanswered: list[NDArray[np.float32]] = field(default_factory=list)
    surest: deque[Tensor] = field(default_factory=lambda: deque(maxlen=BATCHES))
    kept: int = 0  # examples of `latest`
    latest: deque[tuple[Tensor, Tensor]] = field(default_factory=deque)
    batches: deque[NDArray[np.int64]] = field(default_factory=lambda: deque(maxlen=BATCHES))

    @property
    def full(self) -> bool:
        """Are there as many small training images as are kept?"""
        return len(self.train) == self.train.maxlen

    def inputs(self, images: Tensor, kept: bool) -> None:
        self.sums.append(images.detach().sum())
        self.small = thumbnails(images) if kept else None

    def held_out(self, images: Tensor) -> None:
        """Images of an evaluation, and of the latest ones only."""
        self.unanswered = [*thumbnails(images)] if images.is_floating_point() else []

    def answered(self, outputs: Tensor) -> None:
        found = outputs.detach()
        if len(found) == len(self.unanswered):
            self.held.extend(self.unanswered)
            self.answers.extend(found.argmax(1).tolist())
        self.unanswered = []
        self.surest.append(found.float().softmax(1).amax(1).mean())

    def expect(self, outputs: Tensor) -> Answers:
        place = Answers(outputs.detach(), images=self.small)
        self.small = None
        self.waiting.append(place)
        return place

    def received(self, place: Answers, gradient: Tensor) -> None:
        place.gradient = gradient.detach()

    def step(self) -> None:
        self.steps.append(self.waiting)
        self.waiting = []

    due: float = 40  # step of the next comparison of images

    def read_into(self, evidence: Evidence, last: bool = False) -> None:
        """Everything that was put aside, as evidence.

        last  compare images in any case; else that is done after 40, 80, 160, ... steps
        """
        compared = last or evidence.steps >= self.due
        while compared and self.due <= evidence.steps:
            self.due *= SLOWER
        if self.modes:
            evidence.in_eval = 1 - sum(self.modes) / len(self.modes)
        if self.sums:
            numbers = torch.stack([total.double() for total in self.sums])
            evidence.unnumbered += int((~torch.isfinite(numbers)).sum())
            self.sums = []
        if not self.steps and not self.told:
            if compared:
                self._neighbors(evidence)
                self._compare(evidence)
            return
        losses, accuracies = self._read_steps(evidence)
        if evidence.head is not None and not evidence.head.softmax:
            # Of another loss the gradient does not tell labels for sure.
            losses = np.where(np.isinf(losses), np.inf, np.nan)
            accuracies = np.full_like(losses, np.nan)
        if self.told:
            told = torch.stack(self.told).double().cpu().numpy()
            losses = np.where(np.isfinite(told), told, np.inf)
        self.steps, self.told = [], []
        evidence.losses = np.append(evidence.losses, losses)
        evidence.accuracies = np.append(evidence.accuracies, accuracies)
        self._agree(evidence)
        if compared:
            self._neighbors(evidence)
            self._compare(evidence)

    def broken_off(self, evidence: Evidence) -> None:
        """Note that the last pass had outputs that are no numbers, if no step came after it."""
        if any(not bool(torch.isfinite(one.outputs).all()) for one in self.waiting):
            evidence.losses = np.append(evidence.losses, np.inf)
            evidence.accuracies = np.append(evidence.accuracies, np.nan)
        self.waiting = []

    def _read_steps(self, evidence: Evidence) -> tuple[Floats, Floats]:
        """(losses, accuracies) of the waiting steps: cross-entropy, with the labels that the
        gradients tell of; nan where they tell nothing.
        """
        nothing = np.full(len(self.steps), np.nan)
        losses, accuracies = nothing.copy(), nothing
        passes = [
            (number, one, one.gradient)
            for number, answers in enumerate(self.steps)
            for one in answers
            if one.gradient is not None
        ]
        if not passes or len({one.outputs.shape[1] for _, one, _ in passes}) > 1:
            return losses, accuracies
        sizes = [len(one.outputs) for _, one, _ in passes]
        outputs = torch.cat([one.outputs for _, one, _ in passes]).float().cpu()
        gradient = torch.cat([found for _, _, found in passes]).float().cpu()
        finite = (torch.isfinite(outputs) & torch.isfinite(gradient)).all(1)
        labels = recovered(outputs, gradient)
        each = torch.nn.functional.cross_entropy(outputs, labels, reduction="none").double()
        right = (outputs.argmax(1) == labels).double()
        of_step = torch.tensor([number for number, _, _ in passes]).repeat_interleave(
            torch.tensor(sizes)
        )
        counts = torch.bincount(of_step, minlength=len(self.steps)).double()
        broken = torch.bincount(of_step[~finite], minlength=len(self.steps)) > 0
        for values, found in ((each, losses), (right, accuracies)):
            sums = torch.zeros(len(self.steps), dtype=torch.float64).index_add_(0, of_step, values)
            found[:] = (sums / counts).where(~broken, torch.inf).numpy()
        own, at = None, 0
        for (_, one, _), size in zip(passes, sizes, strict=True):
            span = slice(at, at + size)
            at += size
            if not bool(finite[span].all()):
                continue
            numbers = labels[span].numpy()
            self.batches.append(numbers)
            own = span
            self.latest.append((outputs[span], labels[span]))
            self.kept += size
            if one.images is not None:
                self.train.extend(zip(one.images, numbers.tolist(), strict=False))
        while self.kept > EXAMPLES and len(self.latest) > 1:
            self.kept -= len(self.latest.popleft()[1])
        if own is not None:
            evidence.head = head_match(outputs[own], gradient[own], evidence.head)
        seen = evidence.labels.counts or [0] * outputs.shape[1]
        if len(seen) == outputs.shape[1]:
            new = np.bincount(labels[finite].numpy(), minlength=len(seen)).tolist()
            evidence.labels.counts = [a + b for a, b in zip(seen, new, strict=True)]
        return losses, accuracies

    def _agree(self, evidence: Evidence) -> None:
        if not self.latest or evidence.head is None or not evidence.head.softmax:
            return
        labels, classes = evidence.labels, evidence.head.classes
        labels.dispersion = dispersion(self.batches, classes)
        same = [(o, t) for o, t in self.latest if o.shape[1] == classes]
        outputs, truth = torch.cat([o for o, _ in same]), torch.cat([t for _, t in same])
        answers = outputs.argmax(1).numpy()
        recent = answers[-500:]
        evidence.constant = float(np.bincount(recent).max() / len(recent))
        found = doubt(outputs, truth)
        if found is not None:
            labels.contradicted.append((evidence.steps, *found))

    def _neighbors(self, evidence: Evidence) -> None:
        """What the nearest neighbors of images say of their labels."""
        labels = evidence.labels
        if len(self.train) < LEAST:
            return
        images = np.nan_to_num(np.stack([image for image, _ in self.train]))
        numbers = np.array([label for _, label in self.train])
        nearest = neighbors(images, numbers)
        labels.neighbors = float((nearest == numbers).mean())
        labels.chance = chance(numbers)

    def _compare(self, evidence: Evidence) -> None:
        if not self.held or not self.train:
            return
        held = np.nan_to_num(np.stack(self.held))
        train = np.nan_to_num(np.stack([image for image, _ in self.train]))
        labels = np.array([label for _, label in self.train])
        if held.shape[1] != train.shape[1]:
            return
        evidence.held.distinct = distinct(train, held)
        evidence.held.known = known(train, held)
        if min(len(train), len(held)) >= LEAST:
            evidence.held.turned = turned(train, labels, held, np.array(self.answers))
        if self.surest and self.latest:
            sure = [float(outputs.softmax(1).amax(1).mean()) for outputs, _ in self.latest]
            found = [float(value) for value in self.surest]
            late = found[-max(1, len(found) // 3) :]
            evidence.held.confidence = float(np.mean(sure)), float(np.mean(late))
