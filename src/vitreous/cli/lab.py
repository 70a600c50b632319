"""`vitreous lab`: the experiments of the course, each one command, and the book of all."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from vitreous.errors import UsageError
from vitreous.files import json_text
from vitreous.labs import syllabus
from vitreous.labs.writing import Writing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vitreous.labs.chapter import Chapter
    from vitreous.labs.lab import Lab, Size

BOOK = Path("book")


def lab(
    name: str = "list",
    image: Path | None = None,
    /,
    *,
    out: Path | None = None,
    full: Annotated[bool, Parameter(negative="")] = False,
    seed: int = 0,
    data: str | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
    prompt: str = Writing.prompt,
    length: int = Writing.length,
    temperature: float = Writing.temperature,
) -> None:
    """Run an experiment of the course, list them, or make the book of all.

    Parameters
    ----------
    name
        an experiment by its row (X4) or its name, `list`, or `all` for the book
    image
        for experiments that take one
    out
        the folder of the book, by default `book`; of the last four in the list, where to write the
        picture
    full
        the source's sizes, which take longer
    seed
        of what is drawn
    data
        for experiments on images: MNIST, CIFAR-10 or others of one size; default: digits
    json
        print one JSON object for each experiment
    prompt
        how the text of a language model begins
    length
        characters that it adds
    temperature
        0 for the likeliest text, 1 for what was learned
    """
    if name == "list":
        for row, known, title in syllabus.CHAPTERS:
            print(f"{row:<5}{known:<16}{title}")
        for known, claims in syllabus.DEMONSTRATIONS.items():
            print(f"{'':<5}{known:<16}{claims}")
        return
    syllabus.check(name)
    from vitreous.labs.course import COURSE, find
    from vitreous.labs.experiments import (
        DEMONSTRATIONS,
        takes_no_data,
        takes_no_image,
        writes_nothing,
    )

    writing = Writing(prompt, length, temperature, seed)
    if name in DEMONSTRATIONS:
        if full or json:
            raise UsageError(
                "this experiment has one size and no JSON",
                where=f"lab {name}",
                remedy="Leave out --full and --json.",
            )
        if data is not None:
            raise takes_no_data(name)
        show(name, image, out, writing)
        return
    labs: Sequence[Lab] = COURSE if name == "all" else (find(name),)
    if image is not None:
        raise takes_no_image(name)
    if writing != Writing(seed=seed):
        raise writes_nothing(name)
    if data is not None and not any(each.data for each in labs):
        raise takes_no_data(name)
    size: Size = "full" if full else "quick"
    measured(labs, out or BOOK, size, seed, data, json, whole=name == "all")


def measured(
    labs: Sequence[Lab],
    folder: Path,
    size: Size,
    seed: int,
    data: str | None,
    json: bool,
    *,
    whole: bool,
) -> None:
    """Make chapters, tell what came out as they are done, and where the page lies."""
    from vitreous.formats import duration
    from vitreous.labs.textbook import INDEX, make

    def begin(each: Lab) -> None:
        print(f"measuring {each.row} {each.title} …", file=sys.stderr, flush=True)

    page = INDEX if whole else f"{labs[0].row}.html"
    stand = 0
    for chapter, fresh in make(labs, folder, size, seed, data, begin, page):
        stand += chapter.holds
        if json:
            print(json_text(chapter.to_json()), flush=True)
            continue
        when = duration(chapter.seconds) if fresh else "measured before"
        print(f"{verdict(chapter)}  {chapter.lab.row:<4} {chapter.lab.title} ({when})", flush=True)
        if not whole:
            tell(chapter)
    if not json:
        if whole:
            print(f"{stand} of {len(labs)} claims hold")
        print(folder / page)


def verdict(chapter: Chapter) -> str:
    return "holds        " if chapter.holds else "does not hold"


def tell(chapter: Chapter) -> None:
    """The claim, and each figure beside the source's."""
    print(chapter.lab.claims)
    for finding in chapter.findings:
        mark = "✓" if finding.holds else "✗"
        source = f"; the source: {finding.source}" if finding.source else ""
        print(f"  {mark} {finding.name}: {finding.measured} (asked: {finding.asked}{source})")
        if not finding.holds and finding.why:
            print(f"    {finding.why}")


def show(name: str, image: Path | None, out: Path | None, writing: Writing) -> None:
    """Run a demonstration: its claim, its lines, its picture."""
    from vitreous.labs.experiments import (
        DEMONSTRATIONS,
        Request,
        draws_nothing,
        needs_image,
        takes_no_image,
        writes_nothing,
    )
    from vitreous.labs.picture import check

    experiment = DEMONSTRATIONS[name]
    if experiment.image and image is None:
        raise needs_image(name)
    if image is not None and not experiment.image:
        raise takes_no_image(name)
    if writing != Writing() and not experiment.writes:
        raise writes_nothing(name)
    if out is not None and experiment.picture is None:
        raise draws_nothing(name)
    target = out or Path(experiment.picture or name)
    if experiment.picture is not None:
        check(target, experiment.picture)
    print(syllabus.DEMONSTRATIONS[name])
    for line in experiment.run(Request(image, target, writing)):
        print(line, flush=True)
    if experiment.picture:
        print(target)
