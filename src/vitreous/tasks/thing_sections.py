"""The words, sections and galleries of a report on detection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from vitreous.drawing.markers import color_of
from vitreous.formats import percent, plain
from vitreous.metrics.box_matching import RECALLS
from vitreous.metrics.detection import DetectionScores
from vitreous.tasks.section import Block, Case, Curves, Gallery, Kind, Note, Section, Table

SHOWN = 12  # images in a gallery
DRAWN = 8  # curves that can be told apart
THING = "thing"  # what a box is called where all are of one kind


def meaning(scores: DetectionScores) -> list[str]:
    words = []
    if scores.map50 is not None:
        words.append(
            f"With the surest boxes first, {percent(scores.map50, 0)} are right on average, "
            "whatever share of the things is to be found (an IoU of at least 0.5 is right)."
        )
    return [*words, f"Counts are off by {plain(scores.count_error)} a class and image."]


def remarks(part: str, scores: DetectionScores) -> list[Note]:
    absent = [row.name for row in scores.per_class if not row.count]
    if not absent:
        return []
    text = f"The {part} part has no box of {', '.join(absent[:8])}"
    return [Note(f"{text}; nothing is known about these.", "warning")]


def sections(scores: DetectionScores) -> Iterator[Section]:
    """The scores of each class, by the fit of boxes and their size, and precision over recall."""
    weakest = sorted(scores.per_class, key=lambda row: 2.0 if row.ap50 is None else row.ap50)
    cells = [
        (r.name, r.count, r.ap50, r.ap75, r.ap, r.recall, r.mean_count, r.count_error)
        for r in weakest
    ]
    columns: list[tuple[str, Kind]] = [
        ("Class", "name"),
        ("Boxes", "count"),
        ("AP at 0.5", "share"),
        ("AP at 0.75", "share"),
        ("AP", "share"),
        ("Recall", "share"),
        ("Mean count", "number"),
        ("Count error", "number"),
    ]
    yield Section("classes", "Classes", [Table("Weakest first", columns, cells, first="weakest")])
    curves = [(row.name, row.curve) for row in weakest if row.curve][:DRAWN]
    blocks: list[Block] = []
    if curves:
        title = "Precision over recall, IoU at least 0.5"
        blocks.append(Curves(title, "recall", RECALLS.tolist(), curves))
    sizes = [
        ("up to 32 × 32", scores.ap_small),
        ("up to 96 × 96", scores.ap_medium),
        ("larger", scores.ap_large),
    ]
    table: list[tuple[str, Kind]] = [("Size in the window (px)", "name"), ("AP", "share")]
    blocks.append(Table("By size", table, sizes))
    yield Section("precision", "Precision and recall", blocks, layout="beside")


def galleries(rows: Sequence[Mapping[str, str]], classes: Sequence[str]) -> Iterator[Gallery]:
    """The weakest, the middling and the best images, truth beside answer.

    rows  of predictions.csv
    """
    ranked = sorted((row for row in rows if row["rank"]), key=lambda row: int(row["rank"]))
    middle, half = len(ranked) // 2, SHOWN // 2
    legend = [(name, color_of(number)) for number, name in enumerate(classes)]
    for anchor, title, chosen in (
        ("weakest", "Weakest images", ranked[:SHOWN]),
        ("middling", "Images of the middle", ranked[middle : middle + half]),
        ("best", "Best images", ranked[::-1][:half]),
    ):
        cases = [Case(id=row["path"], note=_note(row)) for row in chosen]
        yield Gallery(
            anchor=anchor,
            title=title,
            intro="The truth on the left, the answer on the right.",
            cases=cases,
            drawn=True,
            legend=legend,
        )


def _note(row: Mapping[str, str]) -> str:
    return f"{row['found']} of {row['things']} found, {row['wrong']} wrong"
