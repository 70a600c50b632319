"""The living textbook: a page of chapters, each an experiment with what was measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from vitreous.atomic import write_text
from vitreous.drawing import html
from vitreous.errors import StorageError
from vitreous.labs.chapter import Chapter, measure, recall
from vitreous.labs.lab import Lab, Size, held
from vitreous.labs.labeled_images import load

PLAYGROUND = "http://127.0.0.1:7007/#"  # where `vitreous play` serves it
INDEX = "index.html"


def render(chapters: Sequence[Chapter], title: str = "The living textbook") -> str:
    """The text of an HTML page, with the table of all figures at its end."""
    found = [(chapter, chapter.findings) for chapter in chapters]
    sections = [(chapter.lab.row, f"{chapter.lab.row} {chapter.lab.title}") for chapter in chapters]
    judged = [finding for _, findings in found for finding in findings]
    return html.page(
        "vitreous.labs",
        "textbook.html.j2",
        title=title,
        sections=[*sections, ("figures", "All figures")],
        chapters=[(chapter, findings, held(findings)) for chapter, findings in found],
        kept=sum(finding.holds for finding in judged),
        count=len(judged),
        standing=sum(held(findings) for _, findings in found),
        seconds=sum(chapter.seconds for chapter in chapters),
        playground=PLAYGROUND,
    )


def write(path: Path, chapters: Sequence[Chapter], title: str = "The living textbook") -> Path:
    """Write the page; returns its path. Raises StorageError."""
    return write_text(path, render(chapters, title))


def make(
    labs: Sequence[Lab],
    folder: Path,
    size: Size = "quick",
    seed: int = 0,
    data: str | None = None,
    begin: Callable[[Lab], None] = lambda lab: None,
    page: str = INDEX,
) -> Iterator[tuple[Chapter, bool]]:
    """Measure what is not yet measured; each chapter, and whether it was measured now.

    After each one the page is written anew, so that an interrupt leaves a book of the chapters
    that were finished, and the next call goes on from there.

    data   a data set for the experiments that take one; the others have their own
    begin  told which experiment is about to be measured
    page   the name of the page

    Raises StorageError, also for a folder that is a file; before all else, what `load` raises.
    """
    if folder.exists() and not folder.is_dir():
        raise StorageError(
            "is a file, and the book is a folder",
            where=str(folder),
            remedy="Choose another place with --out.",
        )
    if data is not None:
        load(data)  # refused here, not after chapters that take none
    chapters: list[Chapter] = []
    for lab in labs:
        chapter, fresh = recall(lab, folder, size, seed, data), False
        if chapter is None:
            begin(lab)
            chapter, fresh = measure(lab, size, seed, data), True
            chapter.save(folder)
        chapters.append(chapter)
        if fresh or lab is labs[-1]:  # a page of known chapters is written once
            write(folder / page, chapters)
        yield chapter, fresh
