"""Symptoms of data, labels and outputs: what is trained on, what is held out, what comes out.

Each is a predicate on evidence, with the sentence that tells its numbers; it looks at measurements
alone. Where a threshold stands, healthy trainings of many kinds lie well on the other side of it:
`benchmarks/doctor.py` measures how well.
"""

from __future__ import annotations

from math import isfinite, log

import numpy as np

from vitreous.doctor.evidence import Evidence
from vitreous.doctor.loss_trend import accuracy, trend
from vitreous.doctor.symptom import Symptom
from vitreous.formats import counted, percent, plain

SORTED = 3.0  # times the dispersion of batches that are drawn at random
RANDOM = 0.55  # of sure answers that contradict labels, those whose label could be any class
STAYS = 0.75  # of that share, what is left of it two looks later


def softmax_twice(e: Evidence) -> Symptom | None:
    if e.head is None or not e.head.softmax or e.head.simplex < 0.99:
        return None
    least = log(1 + (e.head.classes - 1) / np.e)
    return Symptom(
        "the outputs are probabilities already, and the loss takes their softmax again: it cannot "
        f"fall below {least:.2f}"
    )


def head_squeezed(e: Evidence) -> Symptom | None:
    if e.head is None or not e.head.softmax or not e.head.squeezed(e.steps):
        return None
    return Symptom(
        "the outputs are cut off or squeezed by an activation function before the loss takes "
        "their softmax"
    )


def inputs_no_numbers(e: Evidence) -> Symptom | None:
    if not e.unnumbered:
        return None
    return Symptom(f"{counted(e.unnumbered, 'batch')} had a value that is no number in its images")


def class_missing(e: Evidence) -> Symptom | None:
    counts = e.labels.counts
    if e.head is None or not e.head.softmax or not counts or sum(counts) < 60 * len(counts):
        return None
    missing = [str(number) for number, count in enumerate(counts) if not count]
    sorted_yet = e.labels.dispersion is None or e.labels.dispersion >= SORTED  # it may come yet
    if not missing or sorted_yet:
        return None
    return Symptom(
        f"class number {', '.join(missing[:5])} never occurs among {sum(counts):,} labels, and the "
        f"network has {len(counts)} outputs"
    )


def not_shuffled(e: Evidence) -> Symptom | None:
    if e.labels.dispersion is None or e.labels.dispersion < SORTED:
        return None
    return Symptom(
        f"batches differ in their classes {e.labels.dispersion:.0f} times as much as if they were "
        "drawn at random"
    )


def inputs_unscaled(e: Evidence) -> Symptom | None:
    found = [s.inputs for s in e.samples if s.inputs is not None]
    if len(found) < 2:
        return None
    mean = float(np.median([one.mean for one in found]))
    std = float(np.median([one.std for one in found]))
    if not isfinite(mean + std) or (0.02 < std < 4 and abs(mean) < 10 * std):
        return None
    return Symptom(
        f"the first layer is given values of mean {plain(mean)} and standard deviation "
        f"{plain(std)}, not about 0 and 1"
    )


def labels_unrelated(e: Evidence) -> Symptom | None:
    found = trend(e)
    if found is None or e.steps < 80 or e.labels.neighbors is None:
        return None
    above = e.labels.neighbors - e.labels.chance
    # Labels of hard images follow them all the same; those of training may be learned by heart.
    held = _held_accuracy(e)
    learned = (held if isfinite(held) else accuracy(e)) - e.labels.chance
    if above > 0.08 or found.fallen > 0.12 or learned > 0.1:
        return None
    return Symptom(
        f"nearest neighbors have the same label in {percent(e.labels.neighbors, 0)} of cases, and "
        f"chance is {percent(e.labels.chance, 0)}; the loss stays at {plain(found.now)}"
    )


def labels_noisy(e: Evidence) -> Symptom | None:
    found, near = trend(e), e.labels.neighbors
    if found is None or near is None or near > 0.85:
        return None
    # Of all that were measured: a large network learns wrong labels by heart later.
    for earlier, (step, wrong, anything) in zip(
        e.labels.contradicted, e.labels.contradicted[2:], strict=False
    ):
        # What is merely hard is learned, and falls from one look to the next.
        if anything < max(0.12, RANDOM * wrong, STAYS * earlier[2]):
            continue
        latest = e.losses[max(0, step - 20) : step]
        latest = latest[np.isfinite(latest)]
        if len(latest) and np.median(latest) < 0.92 * found.reference:
            return Symptom(
                f"{percent(wrong, 0)} of the answers that the network was surest of contradict the "
                f"label, and {percent(anything, 0)} of these labels could be any class; "
                f"{percent(near, 0)} of nearest neighbors agree"
            )
    return None


def classes_contradict(e: Evidence) -> Symptom | None:
    turned = e.held.turned
    if turned is None or turned.share < 0.3 or turned.alike < 0.15 or accuracy(e) < 0.6:
        return None
    one, other = turned.classes
    return Symptom(
        f"{percent(turned.share, 0)} of training images are {turned.change}, as they are not in "
        f"evaluation, and that makes the classes {one} and {other} look like each other "
        f"({percent(turned.alike, 0)})",
        {"augment": "light"},
    )


def leak(e: Evidence) -> Symptom | None:
    if e.held.known is None or e.held.known < 0.05:
        return None
    return Symptom(f"{percent(e.held.known, 0)} of the images of evaluation were trained on")


def shifted(e: Evidence) -> Symptom | None:
    distinct, sure = e.held.distinct, e.held.confidence
    if distinct is None:
        return None
    train, held = accuracy(e), _held_accuracy(e)
    worse = isfinite(held) and train - held > 0.07
    unsure = sure is not None and not isfinite(held) and sure[0] - sure[1] > 0.1
    # Half of the accuracy is lost, and not because images were learned by heart.
    lost = isfinite(held) and train < 0.9 and held < 0.5 * train and train - held > 0.2
    if distinct < (0.65 if lost else 0.9) or not (worse or unsure):
        return None
    return Symptom(
        f"a linear rule tells the images of evaluation from those of training (area {distinct:.2f})"
        + (f", and the accuracy falls from {percent(train)} to {percent(held)}" if worse else "")
    )


def _held_accuracy(e: Evidence) -> float:
    known = [accuracy for _, _, accuracy in e.validation if isfinite(accuracy)]
    return max(known[-3:]) if known else float("nan")


def overfits(e: Evidence) -> Symptom | None:
    train, held = accuracy(e), _held_accuracy(e)
    if len(e.validation) < 2 or not isfinite(train + held) or e.steps < 60:
        return None
    if train < 0.95 or train - held < 0.07:
        return None
    return Symptom(
        f"{percent(train)} of training images are right, and {percent(held)} of those held out",
        {"augment": "standard"},
    )


def underfits(e: Evidence) -> Symptom | None:
    found, train, near = trend(e), accuracy(e), e.labels.neighbors
    if found is None or near is None or not isfinite(train) or e.steps < 200:
        return None
    known = e.accuracies[np.isfinite(e.accuracies)]
    rise = train - float(known[len(known) // 2 : -len(known) // 3].mean())
    gap = near - train
    if gap < 0.15 or rise > max(0.03, 0.1 * gap) or near - e.labels.chance < 0.3:
        return None
    return Symptom(
        f"{percent(train, 0)} of training images are right and it hardly rises, where the label of "
        f"the nearest neighbor is right for {percent(near, 0)}"
    )


def no_number(e: Evidence) -> Symptom | None:
    if not np.isinf(e.losses[-20:]).any():
        return None
    first = int(np.flatnonzero(np.isinf(e.losses))[0]) + 1
    return Symptom(f"the loss is no number from step {first} on")


def constant(e: Evidence) -> Symptom | None:
    counts = e.labels.counts
    if e.steps < 60 or e.constant < 0.97 or not counts or max(counts) > 0.9 * sum(counts):
        return None
    return Symptom(f"{percent(e.constant)} of the latest answers are one class")


def nothing_learned(e: Evidence) -> Symptom | None:
    found = trend(e)
    if found is None or e.steps < 150 or found.fallen > 0.05 or not isfinite(found.guess):
        return None
    return Symptom(f"after {e.steps} steps the loss is {plain(found.now)}, that of guessing")
