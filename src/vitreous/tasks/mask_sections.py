"""The sections and galleries of a report on masks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from vitreous.drawing.palette import palette
from vitreous.formats import percent
from vitreous.metrics.confusion import ConfusionCounts
from vitreous.metrics.segmentation import SegmentationScores
from vitreous.tasks.section import Case, Gallery, Kind, Matrix, Section, Table

SHOWN = 12  # images in a gallery


def sections(scores: SegmentationScores) -> Iterator[Section]:
    """The scores of each class, and what is taken for what."""
    weakest = sorted(scores.per_class, key=lambda row: 2.0 if row.iou is None else row.iou)
    cells = [
        (row.name, row.pixels, row.iou, row.interval, row.dice, row.precision, row.recall)
        for row in weakest
    ]
    columns: list[tuple[str, Kind]] = [
        ("Class", "name"),
        ("Pixels", "count"),
        ("IoU", "share"),
        ("95 % interval", "range"),
        ("Dice", "share"),
        ("Precision", "share"),
        ("Recall", "share"),
    ]
    table = Table("Weakest first", columns, cells, first="weakest")
    yield Section("classes", "Classes", [table])
    mixed_up = ConfusionCounts.of_matrix(scores.confusion)
    matrix = Matrix(scores.classes, mixed_up, noun="pixel")
    yield Section("confusion", "Confusion", [matrix])


def galleries(rows: Sequence[Mapping[str, str]], classes: Sequence[str]) -> Iterator[Gallery]:
    """The weakest, the middling and the best masks, truth beside answer.

    rows  of predictions.csv
    """
    ranked = sorted((row for row in rows if row["rank"]), key=lambda row: int(row["rank"]))
    middle = len(ranked) // 2
    half = SHOWN // 2
    colors = palette(len(classes)).tolist()
    legend = [(name, (r, g, b)) for name, (r, g, b) in zip(classes, colors, strict=True)]
    legend = legend[1:]  # class 0 stays clear
    for anchor, title, chosen in (
        ("weakest", "Weakest masks", ranked[:SHOWN]),
        ("middling", "Masks of the middle", ranked[middle : middle + half]),
        ("best", "Best masks", ranked[::-1][:half]),
    ):
        cases = [Case(id=row["path"], note=f"IoU {percent(float(row['iou']))}") for row in chosen]
        intro = (
            "The truth on the left, the answer on the right. "
            f"Pixels of {classes[0]}, and those that are ignored, are left as they are."
        )
        yield Gallery(
            anchor=anchor, title=title, intro=intro, cases=cases, drawn=True, legend=legend
        )
