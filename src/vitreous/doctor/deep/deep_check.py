"""Doctor of data: a check that learns from them. Wrong labels, near copies, shift, shortcuts, bias.

A plain check scans each image alone; this one asks models that are trained for it. It takes minutes
where the other takes seconds. What cannot be asked of the data at hand is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.data.batches.pack import Rows, pack
from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.check.check import findings_of, looked_at
from vitreous.data.check.copies import different, pair_findings
from vitreous.data.check.data_findings import Findings, collected
from vitreous.data.check.view import View
from vitreous.data.columns import classed
from vitreous.data.dataset import Dataset, Part
from vitreous.data.formats.open import open
from vitreous.data.splits.folds import folds
from vitreous.doctor.deep.challenges import challenges
from vitreous.doctor.deep.deep_findings import DeepFindings, Suspect
from vitreous.doctor.deep.deep_words import in_words
from vitreous.doctor.deep.label_changes import exchanges
from vitreous.doctor.deep.label_errors import suspicious
from vitreous.doctor.deep.near_copies import NearCopy, near_copies, thumbnails
from vitreous.doctor.deep.out_of_fold import OutOfFold, out_of_fold
from vitreous.doctor.deep.split_shift import Shift, shift
from vitreous.doctor.deep.trivial_features import pixel_features, shortcuts, statistics_of
from vitreous.doctor.deep.witness import SIDE, SMALL, FrozenFeatures, Ids, SmallNet, Witness
from vitreous.errors import UsageError, VitreousError
from vitreous.formats import percent
from vitreous.progress.progress import Progress, silent

FOLDS = 5
LEAST = 100  # images with a class, from which labels are judged
RARE = 5  # images of a class, below which its labels are not judged
TINY = 16  # pixels: of smaller images, different ones are too much alike
CLEARLY = 0.15  # by which a model has to beat the most frequent class, so that its doubt counts
SAMPLE = 4000  # images for what is measured on a sample


def deep_check(
    source: Any,
    *,
    validation: float = 0.15,
    test: float = 0.15,
    seed: int = 0,
    progress: Progress | None = None,
) -> DeepFindings:
    """Look at every image and its targets, and learn from them.

    source      whatever `open` takes
    validation  share that would be carved for it where no part is prescribed; likewise test
    seed        of folds and of models

    The same seed finds the same on a CPU.
    """
    shown = progress or silent()
    dataset = open(source)
    reading = shown.task("reading images")
    view, contents = looked_at(dataset, validation=validation, test=test, progress=reading)
    plain = findings_of(view, contents, alike=False)
    contract = PixelContract(height=64, width=64, channels=dataset.channels, fit="squash")
    packed = pack(dataset, contract, targets={}, progress=shown.task("making thumbnails"))
    good = view.seen.good & packed.good
    skipped: list[str] = []
    copies = _copies(view, contents, packed.rows, good, skipped, shown)
    labels, ids = _labels(dataset, good, skipped)
    judged = [] if labels is None else _folds(dataset, ids, seed, skipped)
    answers = None
    if labels is not None and judged:
        witness = _witness(view, good, ids, shown)
        learning = shown.task(f"asking {witness.title}, fold by fold")
        answers = out_of_fold(
            witness, judged, labels, len(dataset.classes), seed=seed, progress=learning
        )
    sample = np.flatnonzero(good)
    sample = np.sort(np.random.default_rng(seed).permutation(sample)[:SAMPLE])
    rows = packed.rows[sample]
    numbers = int(np.median(view.seen.sizes[good].astype(np.int64).prod(axis=1)) * dataset.channels)
    known = None if labels is None else labels[sample]
    changed, kept = exchanges(answers) if answers and _able(answers) else ((), ())
    found = DeepFindings(
        plain,
        dataset,
        view.split,
        model=answers.title if answers else "",
        accuracy=answers.accuracy if answers else None,
        suspects=tuple(_suspects(view, answers, skipped)) if answers else (),
        copies=tuple(copies),
        shift=_shift(view, sample, rows, skipped),
        shortcuts=tuple(_shortcuts(view, sample, rows, known, seed)) if known is not None else (),
        challenges=tuple(challenges(rows, numbers, known, dataset.classes, answers, seed)),
        exchanges=tuple(changed),
        kept=tuple(kept),
        skipped=tuple(skipped),
    )
    pairs = [(pair.one, pair.other) for pair in copies]
    more = [*pair_findings(view, pairs, [pair.how for pair in copies]), *in_words(found)]
    every = Findings(plain.name, plain.images, plain.classes, plain.parts,
                     collected([*plain.found, *more]))  # fmt: skip
    return replace(found, findings=every)


def _copies(
    view: View,
    contents: NDArray[np.uint8],
    rows: Rows,
    good: NDArray[np.bool_],
    skipped: list[str],
    shown: Progress,
) -> list[NearCopy]:
    sides = view.seen.sizes.min(axis=1)
    chosen = different(good & ~view.seen.flat & (sides >= TINY), contents)
    small = int((good & (sides < TINY)).sum())
    if small:
        skipped.append(
            f"near duplicates among {small:,} images of fewer than {TINY} pixels: there, different "
            "images look the same"
        )
    if len(chosen) < 2:
        return []
    strict = bool(np.median(sides[chosen]) < 32)
    if strict:
        skipped.append("near duplicates that are cropped: of pictures this small, cropped ones "
                       "cannot be told from others")  # fmt: skip
    found = near_copies(
        thumbnails(rows, chosen),
        sides=sides[chosen] if strict else None,
        progress=shown.task("comparing look-alikes"),
    )
    pairs = [(sorted((int(chosen[p.one]), int(chosen[p.other]))), p.how) for p in found]
    return [NearCopy(one, other, how) for (one, other), how in pairs]


def _labels(
    dataset: Dataset, good: NDArray[np.bool_], skipped: list[str]
) -> tuple[NDArray[np.int64] | None, Ids]:
    """(N,) the one class of each image, and the images that can be judged by it."""
    column = classed(dataset.targets)
    labels = None if column is None else column.exclusive
    if labels is None:
        skipped.append(
            "label errors, shortcuts and changes of labels: they need one class for each image"
        )
        return None, np.zeros(0, np.int64)
    counts = np.bincount(labels[good], minlength=len(dataset.classes))
    ids = np.flatnonzero(good & (counts[labels] >= RARE))
    if len(ids) < LEAST or len(np.unique(labels[ids])) < 2:
        skipped.append(
            f"label errors and changes of labels: they need {LEAST} images of two classes or more, "
            f"{RARE} of each"
        )
        return None, ids
    rare = int((counts[counts > 0] < RARE).sum())
    if rare:
        skipped.append(f"labels of {rare:,} classes with fewer than {RARE} images")
    return labels.astype(np.int64), ids


def _folds(dataset: Dataset, ids: Ids, seed: int, skipped: list[str]) -> list[tuple[Ids, Ids]]:
    """Folds that keep copies and groups together, of the images that are judged."""
    wanted = np.zeros(len(dataset), bool)
    wanted[ids] = True
    try:
        every = folds(dataset, FOLDS, seed=seed)
    except UsageError as error:
        skipped.append(f"label errors and changes of labels: {error.message} cannot be held apart")
        return []
    found = [(train[wanted[train]], held[wanted[held]]) for train, held in every]
    return [(train, held) for train, held in found if len(train) and len(held)]


def _witness(view: View, good: NDArray[np.bool_], ids: Ids, shown: Progress) -> Witness:
    """The model that suits these images: of photos, one that has seen others."""
    dataset = view.dataset
    side = int(np.median(view.seen.sizes[good].max(axis=1)))
    reading = shown.task("reading images at the size of a network")
    if side > SMALL and dataset.channels in (1, 3):
        contract = PixelContract(height=SIDE, width=SIDE, channels=3)
        try:
            rows = pack(dataset, contract, targets={}, progress=reading).rows
            photos = FrozenFeatures(rows, contract, shown.task("features of photos"))
            photos.features(ids)  # all at once, each but once
            return photos
        except VitreousError as error:
            shown.note(f"no features of photos: {error.message}; a small network is trained")
    size = min(max(side, 16), SMALL)
    contract = PixelContract(height=size, width=size, channels=dataset.channels, fit="pad")
    return SmallNet(pack(dataset, contract, targets={}, progress=reading).rows, contract)


def _able(answers: OutOfFold) -> bool:
    """Does the model tell the classes well enough for its doubt to mean something?"""
    most = float(np.bincount(answers.labels).max()) / len(answers.labels)
    return answers.accuracy >= min(most + CLEARLY, (1 + most) / 2)


def _suspects(view: View, answers: OutOfFold, skipped: list[str]) -> Iterator[Suspect]:
    if not _able(answers):
        skipped.append(
            f"label errors and changes of labels: {answers.title} tells "
            f"{percent(answers.accuracy, 0)} of the images, too few for its doubt to mean something"
        )
        return
    found, names = suspicious(answers.probabilities, answers.labels), view.dataset.classes
    for place, guess in zip(found.rows.tolist(), found.guesses.tolist(), strict=True):
        index, label = int(answers.ids[place]), int(answers.labels[place])
        probabilities = answers.probabilities[place]
        yield Suspect(
            index,
            view.name(index),
            Part(int(view.parts[index])).name.lower(),
            names[label],
            names[guess],
            float(probabilities[label]),
            float(probabilities[guess]),
        )


def _shift(view: View, sample: Ids, rows: NDArray[np.uint8], skipped: list[str]) -> Shift | None:
    parts = view.parts[sample]
    later = next((part for part in (Part.TEST, Part.VALIDATION) if (parts == part).any()), None)
    if later is None:
        skipped.append("a shift between parts: there is no part but the training part")
        return None
    small = rows.reshape(len(rows), 16, 4, 16, 4, -1).mean(axis=(2, 4)).mean(axis=3)
    sizes = view.seen.sizes[sample].astype(np.float64)
    statistics = statistics_of(rows) | {
        "height": sizes[:, 0],
        "width": sizes[:, 1],
        "bytes a pixel": view.seen.stored[sample] / np.maximum(sizes.prod(axis=1), 1),
    }
    statistics = {name: each for name, each in statistics.items() if np.ptp(each) > 0}
    found = shift(
        later.name.lower(),
        small.reshape(len(rows), -1).astype(np.float32),
        statistics,
        np.flatnonzero(parts == Part.TRAIN),
        np.flatnonzero(parts == later),
    )
    if found is None:
        skipped.append("a shift between parts: it needs 40 images of each")
    return found


def _shortcuts(
    view: View, sample: Ids, rows: NDArray[np.uint8], labels: Ids, seed: int
) -> Iterator[Any]:
    seen = view.seen
    sizes = seen.sizes[sample].astype(np.float64)
    area = np.maximum(sizes.prod(axis=1), 1)
    stored = seen.stored[sample].astype(np.float64)
    features = {
        "the size of the image": np.column_stack([sizes, sizes[:, 0] / np.maximum(sizes[:, 1], 1)]),
        "the size of the file": np.column_stack([np.log1p(stored), stored / area]),
        "the kind of file": np.eye(len(seen.modes))[seen.kinds[sample]],
        "the brightness": statistics_of(rows)["brightness"][:, None],
        **pixel_features(rows),
    }
    if view.dataset.source(0) is None:  # arrays have no files
        del features["the size of the file"], features["the kind of file"]
    return iter(shortcuts(features, labels, seed))
