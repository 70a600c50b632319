"""Which images of a data set are most like this one, and how far such answers can be trusted."""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.data.batches.pack import pack
from vitreous.data.columns import Column
from vitreous.data.dataset import Dataset, Part
from vitreous.data.formats.collection import collection
from vitreous.data.images.decode import Source
from vitreous.data.images.read_file import printable
from vitreous.data.images.unreadable import report
from vitreous.data.splits.split import split
from vitreous.errors import UsageError
from vitreous.fields import checked
from vitreous.formats import counted
from vitreous.inference.model_file import Bundle
from vitreous.metrics.retrieval import RetrievalScores, relevance, retrieval
from vitreous.progress.progress import Progress, silent
from vitreous.retrieval.encoder import Encoder, Vectors, encoder
from vitreous.retrieval.index import Index

QUERIES = 1000  # images that are drawn as queries, to measure how good the answers are

ITSELF = "the image is one of the data, and is not looked for in itself"


@dataclass(frozen=True)
class Match:
    """An image that was found.

    index   its position in the data set
    path    its id there
    score   cosine of the angle between its features and those of the query, in [-1, 1]
    labels  its class, or its labels; () where it has none
    """

    index: int
    path: str
    score: float
    labels: tuple[str, ...]

    @property
    def label(self) -> str:
        return ", ".join(self.labels)


@dataclass(frozen=True)
class Search:
    """The images most like one image.

    image    the query
    model    name of the network; data: name of the data set; count: images that were compared
    matches  the most similar one first
    scores   how well the same is done for images whose class is known; None where there are no
             classes to compare; `measured` says on which images
    notes    what could not be compared
    """

    image: str
    model: str
    data: str
    count: int
    matches: tuple[Match, ...]
    scores: RetrievalScores | None
    measured: str
    seconds: float
    notes: tuple[str, ...] = ()

    @property
    def votes(self) -> list[tuple[str, int]]:
        """How many of the found images have each label, the most frequent first."""
        return Counter(label for match in self.matches for label in match.labels).most_common()

    def to_json(self) -> dict[str, Any]:
        return {
            "image": self.image,
            "model": self.model,
            "data": self.data,
            "count": self.count,
            "matches": [
                {"path": match.path, "score": match.score, "labels": list(match.labels)}
                for match in self.matches
            ],
            "scores": None if self.scores is None else self.scores.to_json(),
            "measured": self.measured or None,
            "seconds": self.seconds,
            "notes": list(self.notes),
        }


def search(
    model: str | Path | Bundle | Encoder,
    data: object,
    image: Source,
    *,
    top: int = 12,
    progress: Progress | None = None,
) -> Search:
    """Find the images whose features point in the direction of those of `image`.

    model  a run folder, a model file, or the name of a network that comes with its weights
    data   whatever `vt.open` takes, or a folder of loose images; features are kept in the cache
    image  a file, the bytes of one, or pixels (H, W, C) uint8
    top    how many images to find

    Raises UsageError, DataError, ImageError, ModelFileError.
    """
    start = time.perf_counter()
    if checked("top", top, int, "--top") < 1:
        raise UsageError(f"{top} is out of range", where="--top", remedy="Give 1 or more.")
    shown = progress or silent()
    seeing = model if isinstance(model, Encoder) else encoder(model)
    query = seeing.of([image])
    dataset = collection(data)
    packed = pack(dataset, seeing.contract, targets={}, progress=shown.task("reading images"))
    ids = np.flatnonzero(packed.good)
    vectors = seeing.of_rows(dataset, packed.rows, ids, shown.task("computing features"))
    own = own_row(image, dataset, ids)
    found = Index(vectors).nearest(query, top, leave_out=None if own is None else np.array([own]))
    scores, measured = measure(seeing, dataset, ids, vectors, top)
    return Search(
        image=printable(image) if isinstance(image, str | Path) else "",
        model=seeing.name,
        data=dataset.name,
        count=len(ids),
        matches=tuple(
            Match(
                int(ids[row]), printable(dataset.id(int(ids[row]))), float(score),
                labels_of(dataset, int(ids[row])),
            )
            for row, score in zip(found.rows[0], found.scores[0], strict=True)
        ),
        scores=scores,
        measured=measured,
        seconds=time.perf_counter() - start,
        notes=(
            *known_too_well(seeing, dataset),
            *dataset.notes,
            *packed.remarks,
            *([report(packed.bad, len(dataset))] if packed.bad else ()),
            *([ITSELF] if own is not None else ()),
        ),
    )  # fmt: skip


def own_row(image: Source, dataset: Dataset, ids: NDArray[np.int64]) -> int | None:
    """Where among `ids` the file that is asked about stands, if it is one of the data."""
    if not isinstance(image, str | Path):
        return None
    name, asked = os.path.basename(image), os.path.realpath(image)
    for row, index in enumerate(ids.tolist()):
        source = dataset.source(index)
        if source and os.path.basename(source) == name and os.path.realpath(source) == asked:
            return row
    return None


def measure(
    seeing: Encoder, dataset: Dataset, ids: NDArray[np.int64], vectors: Vectors, k: int
) -> tuple[RetrievalScores | None, str]:
    """Do images find others of their class? The scores, and in words what was asked.

    ids      rows of the data set; vectors: (N, K) their features

    Where the data have parts, or the network was trained on a part of them, images of the
    validation part (or, without one, of the test part) look for training images; else each image
    looks for all others. Of many, `QUERIES` are drawn.
    """
    column = _compared(dataset)
    if column is None or len(column.classes) < 2 or len(ids) < 2:
        return None, ""
    parts = dataset.parts
    shares = seeing.training.get("split")
    if shares is not None or (parts != Part.UNASSIGNED).any():
        parts = split(dataset, **(shares or {})).parts
    here = parts[ids]
    asking = next((p for p in (Part.VALIDATION, Part.TEST) if (here == p).any()), None)
    if asking is not None and (here == Part.TRAIN).any():
        queries, gallery = np.flatnonzero(here == asking), np.flatnonzero(here == Part.TRAIN)
        noun, among = f"{asking.name.lower()} image", counted(len(gallery), "training image")
        own = None
    else:
        queries = gallery = np.arange(len(ids))
        noun, among = "image", f"the {counted(len(ids) - 1, 'other')}"
        own = queries
    drawn = np.sort(np.random.default_rng(0).permutation(len(queries))[:QUERIES])
    queries = queries[drawn]
    targets = column.gather(ids)
    compared = targets[gallery]
    near = Index(vectors[gallery]).nearest(
        vectors[queries], k, leave_out=None if own is None else own[drawn]
    )
    relevant = relevance(targets[queries], compared[near.rows])
    totals = relevant_in_all(targets[queries], compared) - (own is not None)
    return retrieval(relevant, totals), f"{counted(len(queries), noun)} among {among}"


def known_too_well(seeing: Encoder, dataset: Dataset) -> list[str]:
    """A warning where the network learned from some of these images, and nothing tells which."""
    training = seeing.training
    if training.get("fingerprint") != dataset.fingerprint or training.get("split", {}) is not None:
        return []
    return [
        "the network was trained on a part of these images that was handed in; it is not left out "
        "here, so that new images will be found less well than was measured"
    ]


def labels_of(dataset: Dataset, index: int) -> tuple[str, ...]:
    """The class of an image, or its labels; () where it has none."""
    column = _compared(dataset)
    if column is None:
        return ()
    return tuple(column.classes[n] for n in column.take(np.array([index])).strata()[1])


def _compared(dataset: Dataset) -> Column | None:
    """The column that says which images are alike: classes of whole images."""
    columns = dataset.targets.values()
    return next((each for each in columns if each.classes and not each.moves), None)


def relevant_in_all(queries: NDArray[Any], among: NDArray[Any]) -> NDArray[np.int64]:
    """(Q,) how many of all images have the class of the query, or one of its labels.

    queries, among  (Q,) and (N,) class numbers, or (Q, L) and (N, L) zeros and ones
    """
    if queries.ndim == 1:
        counts = np.bincount(among, minlength=int(queries.max(initial=0)) + 1)
        return np.asarray(counts[queries], np.int64)
    shared = queries.astype(np.float32) @ among.T.astype(np.float32)
    return np.asarray((shared > 0).sum(axis=1), np.int64)
