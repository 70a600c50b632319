"""A run of one's own in the playground: its network, and its validation images, mistakes first."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.dataset import Dataset
from vitreous.data.images.decode import Source
from vitreous.data.images.remarks import listening
from vitreous.drawing.markers import colored
from vitreous.errors import UsageError, VitreousError
from vitreous.files import read_table, read_yaml, understood
from vitreous.inference.model_file import Bundle, load
from vitreous.playground.plane.snapshot import Frame
from vitreous.run_folder import RunFolder
from vitreous.tasks.asked import opened
from vitreous.tasks.section import Case

SMALL = PixelContract(height=88, width=88, channels=3)  # the pictures of a strip
MOST = 36  # of them


@dataclass(frozen=True, eq=False)
class Shown:
    """An image of a strip.

    row    of the data
    group  title of what it is an example of, such as "Most confident mistakes"
    kind   is that wrong or right? As `Gallery.kind`
    drawn  is what is true drawn on the image?
    case   what was answered and what is true, in words
    """

    row: int
    group: str
    kind: str
    drawn: bool
    case: Case


@dataclass(frozen=True, eq=False)
class Strip:
    """Validation images, those first that the network gets most wrong."""

    dataset: Dataset
    shown: tuple[Shown, ...]

    @classmethod
    def of(cls, folder: RunFolder, bundle: Bundle) -> Self:
        """Those of a run. Raises VitreousError where there are none any more."""
        told = read_table(folder.predictions, ("path", "part"))
        rows = [row for row in told if row["part"] == "validation"]
        with understood(folder.predictions):
            galleries = [*bundle.task.galleries(rows)]
        data = read_yaml(folder.recipe).get("data")
        if not isinstance(data, str):
            raise UsageError("the data of this run were handed over in Python, not by a path")
        dataset = opened(data, bundle.task.name, bundle.task.noise)
        found: dict[str, Shown] = {}
        wanted = {case.id for gallery in galleries for case in gallery.cases}
        names = ((dataset.id(row), row) for row in range(len(dataset)))
        places = {name: row for name, row in names if name in wanted}
        for gallery in galleries:
            for case in gallery.cases:
                if case.id in places and case.id not in found and len(found) < MOST:
                    row = places[case.id]
                    found[case.id] = Shown(row, gallery.title, gallery.kind, gallery.drawn, case)
        if not found:
            raise UsageError(
                "none of its validation images is left" if wanted else "it has no validation images"
            )
        return cls(dataset, tuple(found.values()))

    def frame(self) -> Frame:
        """Small pictures, with what was answered and what is true; those that can be read."""
        facts, pictures = [], []
        for number, one in enumerate(self.shown):
            try:
                with listening():
                    image = self.dataset.read(one.row, SMALL.at_least)
            except VitreousError:
                continue
            pictures.append(SMALL.row(colored(image)))
            facts.append(
                {
                    "number": number,
                    "group": one.group,
                    "kind": one.kind,
                    "name": one.case.id,
                    "answer": one.case.answer,
                    "truth": one.case.truth,
                    "note": one.case.note,
                }
            )
        stacked = np.stack(pictures) if pictures else np.zeros((0, *SMALL.shape), np.uint8)
        return {"images": facts}, {"pictures": stacked}

    def image(self, number: object) -> tuple[Shown, Source]:
        """An image as prediction is given it: the file where there is one.

        Raises UsageError for a number that there is not.
        """
        if type(number) is not int or not 0 <= number < len(self.shown):
            raise UsageError(
                f"there is no validation image {str(number)[:20]}",
                where="number",
                remedy=f"They are numbered 0 to {len(self.shown) - 1}.",
            )
        one = self.shown[number]
        return one, self.dataset.source(one.row) or self.dataset.read(one.row)

    def targets(self, one: Shown, bundle: Bundle) -> dict[str, Any] | None:
        """What is true of an image, as a batch of one in a network's terms; None where it does
        not know of it, and for what lies in the image, which had to be fitted into a window.
        """
        if any(column.moves for column in self.dataset.targets.values()):
            return None
        found = bundle.task.align(self.dataset.targets, self.dataset.name)
        if not found.known[one.row]:
            return None
        row = np.array([one.row])
        return {name: column.batch(row) for name, column in found.targets.items()}

    def truth(self, one: Shown, bundle: Bundle) -> NDArray[np.uint8] | None:
        """The right answer drawn on the image; None where it has no place in it."""
        if not one.drawn:
            return None
        example = self.dataset[one.row]
        drawn = bundle.task.truth(example.targets).draw(example.image)
        return drawn[:, -example.image.shape[1] :]  # it may stand to the right of the image


@dataclass(frozen=True, eq=False)
class OwnRun:
    """What the playground was started with.

    title   what the page calls it
    folder  of the run; None for a model file alone, which has no images
    """

    title: str
    bundle: Bundle
    folder: RunFolder | None = None

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """A run folder or a model file. Raises ModelFileError and RunError as `load` does."""
        path = Path(path).resolve()
        return cls(path.name, load(path), RunFolder(path) if path.is_dir() else None)

    @cached_property
    def strip(self) -> Strip | str:
        """Its validation images, or why there are none."""
        if self.folder is None:
            return "A model file has no images of its own: start with the run folder."
        try:
            return Strip.of(self.folder, self.bundle)
        except VitreousError as error:
            return f"The validation images of this run cannot be shown: {error.message}."
