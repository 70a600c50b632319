"""Evaluation of an ensemble: what it is worth, beside each of its members on the same images.

The gain over the best member is measured image by image. An image that any member has learned from
would flatter the ensemble, so such images are left out, and the members are named.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.data.batches.pack import Pack, pack
from vitreous.data.dataset import Dataset, Part
from vitreous.data.splits.split import split as assign
from vitreous.errors import DataError
from vitreous.formats import counted
from vitreous.inference.model_file import Bundle
from vitreous.inference.run_ensemble import RunEnsemble, ensemble
from vitreous.metrics.contrast import LEVEL, Contrast, contrast
from vitreous.metrics.score import Scores
from vitreous.progress.choose import following
from vitreous.progress.progress import Progress
from vitreous.run_folder import RunFolder
from vitreous.runs.evaluate import bad, check_channels, own_split, part_of, run_of, share, use_test
from vitreous.tasks import Task
from vitreous.tasks.asked import opened
from vitreous.tasks.task import Columns, Ids

CHUNK = 64  # images that are answered together


def evaluate_ensemble(
    models: Sequence[str | Path | Bundle],
    data: object,
    *,
    split: str = "test",
    progress: Progress | bool | None = None,
) -> dict[str, Any]:
    """Measure an ensemble and each of its members on one part of data.

    models  run folders, model files or loaded models, two or more
    data    whatever `vt.open` takes
    split   train, validation, test or all; which images these are, the first model tells

    Returns what `Evaluation.to_json` does, with "members", the headline score of each, and "gain"
    over the best of them: the difference with its paired interval, p, and a verdict. Raises as
    `ensemble` and `evaluate` do, and DataError where no image is left that no member has learned
    from.
    """
    with following(progress) as shown:
        return _evaluate(ensemble(models), models, data, split, shown)


def _evaluate(
    together: RunEnsemble,
    models: Sequence[str | Path | Bundle],
    data: object,
    split: str,
    shown: Progress,
) -> dict[str, Any]:
    start = time.perf_counter()
    runs = [None if isinstance(one, Bundle) else run_of(Path(one)) for one in models]
    members, first = together.members, together.members[0]
    dataset = opened(data, first.task.name, first.task.noise)
    for member in members:
        check_channels(member, dataset)
    parts, indices = part_of(dataset, split, first, runs[0])
    packs = [
        pack(dataset, member.contract, progress=shown.task(f"reading images for {name}"))
        for name, member in zip(together.names, members, strict=True)
    ]
    aligned = [
        member.task.align(packed.targets, dataset.name)
        for member, packed in zip(members, packs, strict=True)
    ]
    own = together.task.align(packs[0].targets, dataset.name)
    notes = [*together.notes, *dataset.notes, *packs[0].remarks, *bad(packs[0], indices)]
    notes += own.notes + tuple(share(dataset, split, indices, runs[0]))
    if split != "train":
        indices, told = unseen(dataset, together, runs, indices)
        notes += told
    for packed, each in zip(packs, aligned, strict=True):
        indices = indices[packed.good[indices] & each.known[indices]]
    if not len(indices):
        raise DataError(
            f"the {split} part has no image that all networks could know and none has learned from",
            where=dataset.name,
            remedy="Put runs together that have the same test part, or measure on other data.",
        )
    tasks = [together.task, *(member.task for member in members)]
    targets = [own.targets, *(each.targets for each in aligned)]
    meters = [task.meter() for task in tasks]
    predicting = shown.task("predicting")
    for done, outputs in _answers(together, packs, indices):
        for meter, given, columns in zip(meters, outputs, targets, strict=True):
            meter.add(given, {name: column.batch(done) for name, column in columns.items()})
        predicting(len(meters[0]), len(indices))
    scores = [task.scores(meter) for task, meter in zip(tasks, meters, strict=True)]
    values = [_of_images(*each, indices) for each in zip(tasks, meters, targets, strict=True)]
    if split == "test" and parts is not None:
        notes += use_test(dataset, parts, scores[0], None)
    best, gain = best_member(scores[1:], values)
    return {
        "run": [str(run.path) for run in runs if run],
        "model": together.architecture,
        "task": together.task.name,
        "seconds": time.perf_counter() - start,
        "scores": {split: scores[0].to_json()},
        "members": [
            {"run": name, one.headline.name: one.headline.value, "text": one.headline.text}
            for name, one in zip(together.names, scores[1:], strict=True)
        ],
        "gain": {
            "over": together.names[best],
            **asdict(gain),
            "verdict": "different" if gain.p < LEVEL else "not shown to be different",
            "text": in_words(together, best, gain),
        },
        "notes": list(dict.fromkeys(notes)),
    }


def _answers(
    together: RunEnsemble, packs: Sequence[Pack], indices: Ids
) -> Iterator[tuple[Ids, list[Any]]]:
    """(ids, outputs of the ensemble and of each member), some at a time."""
    for first in range(0, len(indices), CHUNK):
        chunk = indices[first : first + CHUNK]
        each = [
            member.answers(member.contract.images(packed.rows[chunk]))
            for member, packed in zip(together.members, packs, strict=True)
        ]
        yield chunk, [together.pool(each), *each]


def _of_images(task: Task, meter: Any, targets: Columns, ids: Ids) -> NDArray[np.float64]:
    """(N,) the score of each image."""
    taken = {name: column.take(ids) for name, column in targets.items()}
    columns, rows = task.table(meter, taken)
    return task.of_images(
        [{name: str(cell) for name, cell in zip(columns, row, strict=True)} for row in rows]
    )


def best_member(
    scores: Sequence[Scores], values: Sequence[NDArray[np.float64]]
) -> tuple[int, Contrast]:
    """The member with the best headline score, and the ensemble's difference to it.

    values  of each image, for the ensemble and then for each member
    """
    best = max(range(len(scores)), key=lambda place: scores[place].headline.gain)
    return best, contrast(values[0], values[1 + best])


def in_words(together: RunEnsemble, best: int, gain: Contrast) -> str:
    """The gain as a sentence."""
    score = together.task.image_score
    assert score is not None
    reach = ""
    if gain.interval:
        reach = " ({} to {})".format(*(score.gap(limit, unit=False) for limit in gain.interval))
    verdict = "different" if gain.p < LEVEL else "not shown to be different"
    return (
        f"{score.title}: {score.gap(gain.difference)}{reach} against {together.names[best]}, the "
        f"best member by these images; p {gain.p:.2g}: {verdict}"
    )


def unseen(
    dataset: Dataset, together: RunEnsemble, runs: Sequence[RunFolder | None], indices: Ids
) -> tuple[Ids, list[str]]:
    """The images that no member has learned from, and what was found."""
    notes, learned = [], np.zeros(len(dataset), bool)
    for name, member, run in zip(together.names, together.members, runs, strict=True):
        shares = member.training.get("split")
        parts = None
        if member.training.get("fingerprint") == dataset.fingerprint:
            parts = own_split(dataset, run)
            if parts is None and shares is not None:
                parts = assign(dataset, **shares)
        if parts is None:
            notes.append(f"{name} was trained on other data: whether on some of these images is "
                         "not known")  # fmt: skip
            continue
        seen = parts.parts == Part.TRAIN
        count = int(seen[indices].sum())
        if count:
            notes.append(
                f"{name} was trained on {count:,} of these {counted(len(indices), 'image')}, which "
                "are left out: the ensemble would look better than it is"
            )
        learned |= seen
    return indices[~learned[indices]], notes
