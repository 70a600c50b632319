"""Honest splits: each example's part is decided by its content, and by nothing else.

The hash of an image's bytes (or of its group) is a number in [0, 1) that is compared with the same
thresholds in every class. So the parts are disjoint and stratified; copies of an image and images
of a group stay together; renaming, reordering and adding files moves nothing. Parts that the data
set prescribes are kept: validation is then carved from the training part alone, and no test part is
invented beside a prescribed validation part.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitreous.atomic import write_text
from vitreous.data.cache.file_cache import as_words
from vitreous.data.columns import classed
from vitreous.data.dataset import Dataset, Part, Progress
from vitreous.data.formats.part_words import PARTS
from vitreous.data.images.read_file import in_locale, printable
from vitreous.data.images.unreadable import BadImage
from vitreous.data.splits.content_hashes import digests
from vitreous.data.splits.units import places_of, units_of
from vitreous.errors import DataError, UsageError
from vitreous.fields import checked
from vitreous.files import table_text, wide_cells

SHORT: dict[int, str] = {
    Part.UNASSIGNED: "",
    Part.TRAIN: "train",
    Part.VALIDATION: "val",
    Part.TEST: "test",
}


@dataclass(frozen=True, eq=False)
class Split:
    """The part of every example.

    parts       (N,) int8 of `Part`; UNASSIGNED for images that cannot be read
    unreadable  these images, with the reason
    leaks       pairs of examples with the same content in two different parts, which only a
                prescribed split can have: (earlier part, later part)
    duplicates  pairs with the same content in one part
    content     a hash of all images' content, in their order
    """

    parts: NDArray[np.int8]
    unreadable: tuple[BadImage, ...] = ()
    leaks: tuple[tuple[int, int], ...] = ()
    duplicates: tuple[tuple[int, int], ...] = ()
    content: str = ""

    def indices(self, part: Part) -> NDArray[np.int64]:
        """The examples of a part, in the data set's order."""
        return np.flatnonzero(self.parts == part)

    def sizes(self) -> dict[str, int]:
        """The number of examples of each part, by its name; of no part only if there are any."""
        sizes = {part.name.lower(): len(self.indices(part)) for part in Part}
        if not sizes["unassigned"]:
            del sizes["unassigned"]
        return sizes

    @property
    def overlap(self) -> int:
        """Images of one part that are also in another."""
        return len(self.leaks)

    def describe(self) -> str:
        """In words, such as "1,289 train, 244 validation, 264 test"."""
        return ", ".join(f"{count:,} {name}" for name, count in self.sizes().items())

    def sha256(self, part: Part) -> str:
        """Hash of the part's indices as little-endian 64-bit integers."""
        return hashlib.sha256(self.indices(part).astype("<i8").tobytes()).hexdigest()

    def write(self, path: str | Path, dataset: Dataset) -> None:
        """A manifest with the columns path, label, split (and group, weight, if there are any).

        Other targets take the columns of their own `header` instead of `label`. For images in
        files, paths are relative to the manifest, so that it can be opened in turn.
        Raises StorageError.
        """
        path = Path(path)
        folder = path.parent
        extra = {"group": dataset.groups, "weight": dataset.weights}
        more = {name: values for name, values in extra.items() if values is not None}
        columns = dataset.targets.values()
        names = [word for name, column in dataset.targets.items() for word in column.header(name)]
        rows = [["path", *names, "split", *more]]
        for index, part in enumerate(self.parts.tolist()):
            cells = [cell for column in columns for cell in column.cells(index, folder)]
            last = [str(values[index]) for values in more.values()]  # as many digits as it takes
            rows.append([_name(dataset, index, path), *cells, SHORT[part], *last])
        write_text(path, table_text(rows))

    @classmethod
    def read(cls, path: str | Path, dataset: Dataset) -> Split:
        """The parts in a manifest that `write` made of this data set. Raises DataError.

        Data and manifest may have moved meanwhile: a path has to end in the id of its image, or to
        lead to its file.
        """
        where, remedy = printable(path), "The data have changed since: write the split again."
        try:
            text = Path(path).read_bytes().decode("utf-8", "surrogateescape")
            with wide_cells():
                head, *table = csv.reader(io.StringIO(text, newline=""))
            last = len(head) - 1 - head[::-1].index("split")  # labels may be called so, too
            path_at = head.index("path")
            rows = [(in_locale(cells[path_at]), cells[last]) for cells in table if cells]
        except (OSError, ValueError, IndexError, csv.Error) as error:
            raise DataError(
                f"is no split that can be read: {error}", where=where, remedy=remedy
            ) from error
        if len(rows) != len(dataset):
            raise DataError(
                f"lists {len(rows):,} images of {len(dataset):,}", where=where, remedy=remedy
            )
        parts = np.full(len(dataset), Part.UNASSIGNED, np.int8)
        for index, (name, word) in enumerate(rows):
            if not f"/{name}".endswith(f"/{os.path.normpath(dataset.id(index))}") and not (
                # Ids that are absolute, or that climb, are no ends of paths.
                name == _name(dataset, index, Path(path))
            ):
                raise DataError(
                    f"lists {printable(name)} where {printable(dataset.id(index))} is expected",
                    where=where,
                    remedy=remedy,
                )
            if word and word not in PARTS:
                raise DataError(f"has the split '{word}'", where=where, remedy=remedy)
            parts[index] = PARTS[word] if word else Part.UNASSIGNED
        return cls(parts)


def split(
    dataset: Dataset,
    *,
    validation: float = 0.15,
    test: float = 0.15,
    seed: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Split:
    """Assign every example to a part.

    validation  share of each class that is held out for choosing, in [0, 1)
    test        share of each class that is held out for the last measurement, in [0, 1)
    seed        another seed gives another, equally honest split

    Every class with at least as many different images as there are parts to fill has one in each
    of them, and no class is without training images. That rule alone may move an image when others
    are added: at most one a class and part.
    """
    for name, share in (("validation", validation), ("test", test)):
        if not 0 <= checked(name, share, float, f"--{name}") < 1:
            raise UsageError(
                f"{share} is no share", where=f"--{name}", remedy="Choose from 0 to 0.5."
            )
    if validation + test >= 1:
        raise UsageError(
            f"validation {validation} and test {test} leave nothing to train on",
            where="--validation, --test",
            remedy="Choose shares whose sum is below 1.",
        )
    contents, unreadable = digests(dataset, threads=threads, progress=progress)
    parts = dataset.parts.copy()
    shares = _shares(parts, validation, test)
    readable = np.ones(len(dataset), bool)
    readable[[image.index for image in unreadable]] = False

    pool = (parts == Part.UNASSIGNED) | (parts == Part.TRAIN if shares else False)
    parts[pool & ~readable] = Part.UNASSIGNED
    pool &= readable
    if pool.any():
        units, keys = units_of(
            contents[pool], None if dataset.groups is None else dataset.groups[pool]
        )
        places = places_of(keys, seed)
        of_units = _carve(places, shares)
        _complete(of_units, places, units, dataset, np.flatnonzero(pool), shares)
        parts[pool] = of_units[units]
    content = hashlib.blake2b(contents.tobytes(), digest_size=16).hexdigest()
    return Split(parts, unreadable, *_copies(parts, contents, readable), content)


def _shares(parts: NDArray[np.int8], validation: float, test: float) -> dict[Part, float]:
    """Which parts are to be carved, and how large: those that the data set does not prescribe."""
    given = set(np.unique(parts).tolist())
    shares = {}
    if Part.VALIDATION not in given:
        if Part.TEST not in given:
            shares[Part.TEST] = test
        shares[Part.VALIDATION] = validation
    return {part: share for part, share in shares.items() if share > 0}


def _bounds(shares: Mapping[Part, float]) -> dict[Part, tuple[float, float]]:
    """The interval of each part in [0, 1), the training part's last."""
    bounds, start = {}, 0.0
    for part, share in shares.items():
        bounds[part] = start, start + share
        start += share
    return bounds | {Part.TRAIN: (start, 1.0)}


def _carve(places: NDArray[np.float64], shares: Mapping[Part, float]) -> NDArray[np.int8]:
    parts = np.full(len(places), Part.TRAIN, np.int8)
    for part, (low, high) in _bounds(shares).items():
        parts[(low <= places) & (places < high)] = part
    return parts


def _complete(
    parts: NDArray[np.int8],
    places: NDArray[np.float64],
    units: NDArray[np.int64],
    dataset: Dataset,
    pool: NDArray[np.int64],
    shares: Mapping[Part, float],
) -> None:
    """Move single units, in place, so that every class with enough units is in every part.

    The unit whose place is nearest to the part's interval moves, if every class that it shows keeps
    another unit where it leaves. Training images come first, if need be at another class's cost.
    """
    column = classed(dataset.targets)
    classes = column.classes if column else ("",)  # images without classes are all alike
    rows, labels = column.strata() if column else (pool, np.zeros_like(pool))
    unit_of = np.full(len(dataset), -1)
    unit_of[pool] = units
    there = unit_of[rows] >= 0
    pairs = np.unique(np.stack([labels, unit_of[rows]])[:, there], axis=1)  # classes' units
    bounds = _bounds(shares)
    number = len(classes)
    starts = np.searchsorted(pairs[0], np.arange(number + 1))
    counts = np.zeros((number, len(Part) - 1), np.int64)
    np.add.at(counts, (pairs[0], parts[pairs[1]]), 1)
    wanted = [Part.TRAIN, *shares]
    lacking = np.flatnonzero((counts[:, wanted] == 0).any(axis=1) & (np.diff(starts) > 0))
    if not len(lacking):
        return
    by_unit = np.argsort(pairs[1], kind="stable")
    unit_starts = np.searchsorted(pairs[1][by_unit], np.arange(len(parts) + 1))

    def classes_of(unit: int) -> NDArray[np.int64]:
        return np.asarray(pairs[0][by_unit[unit_starts[unit] : unit_starts[unit + 1]]])

    full = np.diff(starts) >= len(wanted)

    def may_move(unit: int, part: Part) -> bool:
        shown = classes_of(unit)
        spared = ~full[shown] if part == Part.TRAIN else np.zeros(len(shown), bool)
        return bool(np.all(spared | (counts[shown, parts[unit]] > 1)))

    in_order = sorted(lacking.tolist(), key=lambda label: classes[label])
    for part in wanted:
        low, high = bounds[part]
        for label in in_order:
            if counts[label, part] or not (full[label] or part == Part.TRAIN):
                continue
            mine = pairs[1][starts[label] : starts[label + 1]]
            distance = np.maximum(low - places[mine], places[mine] - high)
            nearest = mine[np.lexsort((places[mine], distance))].tolist()
            last: int | None = nearest[0] if part == Part.TRAIN else None
            unit = next((int(unit) for unit in nearest if may_move(unit, part)), last)
            if unit is not None:
                shown = classes_of(unit)
                counts[shown, parts[unit]] -= 1
                counts[shown, part] += 1
                parts[unit] = part


Pairs = tuple[tuple[int, int], ...]


def _copies(
    parts: NDArray[np.int8], contents: NDArray[np.uint8], readable: NDArray[np.bool_]
) -> tuple[Pairs, Pairs]:
    """Each example that is a copy, after the first one with its content, of an earlier part if
    there is one: such pairs between two parts, and those within a part.
    """
    chosen = np.flatnonzero(readable & (parts != Part.UNASSIGNED))
    if not len(chosen):
        return (), ()
    chosen = chosen[np.argsort(parts[chosen], kind="stable")]
    _, first, same = np.unique(as_words(contents[chosen]), return_index=True, return_inverse=True)
    pairs = np.stack([chosen[first[same]], chosen], axis=1)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    across = parts[pairs[:, 0]] != parts[pairs[:, 1]]
    leaks, duplicates = (
        tuple(map(tuple, found.tolist())) for found in (pairs[across], pairs[~across])
    )
    return leaks, duplicates


def _name(dataset: Dataset, index: int, manifest: Path) -> str:
    source = dataset.source(index)
    if source is None:
        return dataset.id(index)
    return os.path.relpath(os.path.abspath(source), os.path.abspath(manifest.parent))
