"""`vitreous predict MODEL IMAGES...`: names of what is in the images."""

from __future__ import annotations

import csv as table
import io
import itertools
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from vitreous.cli.drawn_answers import draw, drawn_names
from vitreous.cli.evaluate import is_model
from vitreous.cli.image_paths import gathered
from vitreous.cli.loading import loading
from vitreous.cli.network import must_exist
from vitreous.data.images.read_file import printable
from vitreous.errors import DataError, ImageError, UsageError
from vitreous.files import json_text

if TYPE_CHECKING:
    from vitreous.inference.model_file import Bundle
    from vitreous.inference.run_ensemble import RunEnsemble
    from vitreous.tasks import Answer

CHUNK = 32  # images that are decoded and predicted together

Answered = tuple[Path, "Answer | ImageError"]


def predict(
    model: Path,
    /,
    *images: Path,
    top: int = 3,
    scale: float | None = None,
    raw: Annotated[bool, Parameter(negative="")] = False,
    reject: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
    csv: Annotated[bool, Parameter(negative="")] = False,
    out: Path | None = None,
    quiet: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Name what is in images. One that cannot be read is named on stderr, and the others go on.
    Exit code 1 when not all were read: also where a folder holds none, or images of other kinds.

    Parameters
    ----------
    model
        a run folder or a model file
    images
        image files, folders of them, or patterns such as 'photos/*.jpg'; run folders and model
        files before them answer together with the first one
    top
        how many classes to rank
    scale
        pixels that the network sees for one of the image, such as 1: large images are answered in
        tiles, by networks that answer for each pixel; default: the image is fitted into the window
    raw
        as sure as the network is by itself, without the temperature that calibrates its answers
    reject
        answer "none of these" to images that are not like those of training, by the threshold that
        is kept in the model file
    json
        print one JSON object
    csv
        print a CSV table
    out
        write to this file instead of stdout; .html: a sheet of all images with their answers, the
        least certain first; without an ending a folder: the answers, each drawn on its image, and
        those that are masks as PNG files
    quiet
        no progress
    """
    if top < 1:
        raise UsageError(f"{top} is out of range", where="--top", remedy="Give 1 or more.")
    further, images = models_first(images)
    if not images:
        raise UsageError("no images are given", remedy="Name image files, or folders of them.")
    if json and csv:
        raise UsageError("only one can be printed", where="--json, --csv", remedy="Choose one.")
    sheet = out is not None and out.suffix.lower() in (".html", ".htm")
    if sheet and (json or csv):
        flag = "--json" if json else "--csv"
        raise UsageError(
            f"{out} is a page, and {flag} none",
            where="--out",
            remedy=f"Leave {flag} out, or give a file of that kind.",
        )
    models = [model, *further]
    for one in models:
        must_exist(one)
    paths, missed = gathered(images)
    if not paths:
        raise missed[0]

    import numpy as np

    with loading():
        from vitreous.atomic import write_text
        from vitreous.data.images.remarks import sentences
        from vitreous.inference.model_file import load
        from vitreous.progress.choose import progress

    loaded = [load(one).raw if raw else load(one) for one in models]
    bundle = together(loaded)
    rule = loaded[0].rejection if reject else None
    warned = [*bundle.notes, *(rule.notes if rule else ())]
    for note in warned:
        print(f"note: {note}", file=sys.stderr)
    if sheet:
        from vitreous.cli.answer_sheet import answer_sheet, tile
    folder = out if out is not None and (out.is_dir() or not out.suffix) else None
    names = drawn_names(paths) if folder else {}
    answers: list[Answered] = []
    told: list[int] = []
    tiles = []
    with progress(style="none" if quiet else "auto") as shown:
        shown.stage("predicting", len(paths))
        for path, answer, remarks in _answers(bundle, paths, top, scale, reject):
            answers.append((path, answer))
            told.append(remarks)
            if folder is not None and not isinstance(answer, ImageError):
                draw(folder, names[path], path, answer, channels=bundle.contract.channels)
            if sheet and not isinstance(answer, ImageError):
                tiles.append(tile(path, answer, bundle.contract.channels))
            shown.advance_to(len(answers), len(paths))
    failures = [answer for _, answer in answers if isinstance(answer, ImageError)]
    write = _csv if csv else _plain
    late = [note for note in bundle.notes if note not in warned]  # of what failed on the way
    notes = late + sentences(np.array(told, np.uint8), lambda index: printable(paths[index]))
    text = _json(answers, missed, [*warned, *notes]) if json else write(answers)
    if sheet:
        text = answer_sheet(tiles, model.stem if model.suffix else model.resolve().name)
    if folder is not None:
        out = folder / f"answers.{'json' if json else 'csv' if csv else 'txt'}"
    if out is None:
        sys.stdout.write(text)
    else:
        write_text(out, text)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    for error in (*missed, *failures):
        print(f"error: {error}", file=sys.stderr)
    return 1 if failures or missed else 0


def together(models: Sequence[Bundle]) -> Bundle | RunEnsemble:
    """What answers in the name of all of them."""
    if len(models) == 1:
        return models[0]
    from vitreous.inference.run_ensemble import ensemble

    return ensemble(models)


def models_first(words: Sequence[Path]) -> tuple[list[Path], tuple[Path, ...]]:
    """The run folders and model files at the front, and the images behind them."""
    models = [*itertools.takewhile(is_model, words)]
    return models, tuple(words[len(models) :])


def _answers(
    bundle: Bundle | RunEnsemble,
    paths: Sequence[Path],
    top: int,
    scale: float | None,
    reject: bool,
) -> Iterator[tuple[Path, Answer | ImageError, int]]:
    """(path, answer, remarks on its reading), chunk by chunk; a chunk with an image that cannot be
    read is asked one by one.
    """
    for start in range(0, len(paths), CHUNK):
        chunk = paths[start : start + CHUNK]
        try:
            found = bundle.predict_and_tell([*chunk], top=top, scale=scale, reject=reject)
            yield from ((path, *pair) for path, pair in zip(chunk, found, strict=True))
        except ImageError:
            for path in chunk:
                try:
                    (told,) = bundle.predict_and_tell([path], top=top, scale=scale, reject=reject)
                    yield path, *told
                except ImageError as error:
                    yield path, error, 0


def _json(answers: Sequence[Answered], missed: Sequence[DataError], notes: Sequence[str]) -> str:
    from vitreous.inference.answers_json import answers_json

    named = ((str(path), answer) for path, answer in answers)
    return json_text(answers_json(named, missed, notes)) + "\n"


def _csv(answers: Sequence[Answered]) -> str:
    file = io.StringIO()
    writer = table.writer(file)
    writer.writerow(["path", "label", "score"])
    for path, answer in answers:
        if not isinstance(answer, ImageError):
            score = "" if answer.score is None else f"{answer.score:.6f}"
            writer.writerow([path, answer.text, score])
    return file.getvalue()


def _plain(answers: Sequence[Answered]) -> str:
    """A line an image: its path, and what the network says of it."""
    width = max((len(str(path)) for path, _ in answers), default=0)
    return "".join(
        f"{path!s:{width}}   {answer.line}\n"
        for path, answer in answers
        if not isinstance(answer, ImageError)
    )
