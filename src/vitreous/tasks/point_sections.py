"""The sections and galleries of a report on key points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from vitreous.formats import counted, percent, plain
from vitreous.metrics.pck import KeyPointScores
from vitreous.tasks.section import Case, Gallery, Kind, Note, Section, Table

SHOWN = 12  # images in a gallery


def meaning(scores: KeyPointScores) -> list[str]:
    """PCK and the mean error in plain words."""
    (error,) = (score for score in scores.all if score.name == "error")
    words = [f"On average an answer is {error.text} off, in pixels of the network's window."]
    if scores.pck is not None:
        near = f"{percent(scores.pck, 0)} of the visible points are found"
        words.insert(0, f"{near}, to within a fifth of the {scores.size_word}.")
    return words


def remarks(part: str, scores: KeyPointScores) -> list[Note]:
    """Points that are never seen, and images in which they have no size."""
    notes = []
    never = [row.name for row in scores.per_point if not row.count]
    if never:
        text = f"The {part} part never shows {', '.join(never[:8])}; nothing is known of these."
        notes.append(Note(text, "warning"))
    if scores.by_extent:
        images = counted(scores.by_extent, "image")
        text = f"In the {part} part no torso is seen in {images}: the extent of their points "
        notes.append(Note(f"{text}is their size, which forgives more."))
    if scores.judged < scores.points:
        alone = counted(scores.points - scores.judged, "point")
        text = f"In the {part} part {alone} stand alone in their image, which has no size: they"
        notes.append(Note(f"{text} count in the mean error, and not in PCK."))
    return notes


def sections(scores: KeyPointScores) -> Iterator[Section]:
    """The scores of each point."""
    weakest = sorted(scores.per_point, key=lambda row: 2.0 if row.pck is None else row.pck)
    columns: list[tuple[str, Kind]] = [
        ("Point", "name"),
        ("Seen", "count"),
        ("PCK", "share"),
        ("95 % interval", "range"),
        ("Mean error (px)", "number"),
    ]
    cells = [(row.name, row.count, row.pck, row.interval, row.error) for row in weakest]
    table = Table("Weakest first", columns, cells, first="weakest")
    yield Section("points", "Points", [table])


def galleries(rows: Sequence[Mapping[str, str]]) -> Iterator[Gallery]:
    """The farthest, the middling and the best answers, truth beside answer.

    rows  of predictions.csv
    """
    ranked = sorted((row for row in rows if row["rank"]), key=lambda row: int(row["rank"]))
    middle, half = len(ranked) // 2, SHOWN // 2
    for anchor, title, chosen in (
        ("farthest", "Largest errors", ranked[:SHOWN]),
        ("middling", "Errors of the middle", ranked[middle : middle + half]),
        ("nearest", "Smallest errors", ranked[::-1][:half]),
    ):
        cases = [Case(id=row["path"], note=_note(row)) for row in chosen]
        intro = "The truth on the left, the answer on the right. Errors are in the image's pixels."
        yield Gallery(anchor=anchor, title=title, intro=intro, cases=cases, drawn=True)


def _note(row: Mapping[str, str]) -> str:
    error = f"{plain(float(row['error']))}\u202fpx"
    return f"PCK {percent(float(row['pck']), 0)}, {error}" if row["pck"] else error
