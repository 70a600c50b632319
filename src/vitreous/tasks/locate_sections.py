"""The sections and galleries of a report on localization."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from vitreous.formats import percent
from vitreous.metrics.localization import RIGHT, LocalizationScores
from vitreous.tasks.section import Case, Gallery, Kind, Section, Table

SHOWN = 12  # images in a gallery


def meaning(scores: LocalizationScores) -> list[str]:
    """Localization accuracy in plain words."""
    named = "" if scores.class_accuracy is None else "named rightly, and "
    share = percent(scores.accuracy, 0)
    return [f"{share} of the things are {named}boxed with an IoU of at least {RIGHT}."]


def sections(scores: LocalizationScores) -> Iterator[Section]:
    """The scores of each class, where there are classes."""
    if not scores.per_class:
        return
    weakest = sorted(scores.per_class, key=lambda r: 2.0 if r.accuracy is None else r.accuracy)
    cells = [(r.name, r.count, r.accuracy, r.interval, r.corloc, r.mean_iou) for r in weakest]
    columns: list[tuple[str, Kind]] = [
        ("Class", "name"),
        ("Images", "count"),
        ("Accuracy", "share"),
        ("95 % interval", "range"),
        ("CorLoc", "share"),
        ("Mean IoU", "share"),
    ]
    table = Table("Weakest first", columns, cells, first="weakest")
    yield Section("classes", "Classes", [table])


def galleries(rows: Sequence[Mapping[str, str]]) -> Iterator[Gallery]:
    """The weakest, the middling and the best boxes, truth beside answer.

    rows  of predictions.csv
    """
    ranked = sorted((row for row in rows if row["rank"]), key=lambda row: int(row["rank"]))
    middle, half = len(ranked) // 2, SHOWN // 2
    for anchor, title, chosen in (
        ("weakest", "Weakest boxes", ranked[:SHOWN]),
        ("middling", "Boxes of the middle", ranked[middle : middle + half]),
        ("best", "Best boxes", ranked[::-1][:half]),
    ):
        cases = [
            Case(
                id=row["path"],
                answer=row["predicted"],
                truth=row["true"] and f"is {row['true']}",
                note=f"IoU {percent(float(row['iou']))}",
            )
            for row in chosen
        ]
        intro = "The truth on the left, the answer on the right."
        yield Gallery(anchor=anchor, title=title, intro=intro, cases=cases, drawn=True)
