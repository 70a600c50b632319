"""Demonstrations that can be run by name, and how each is shown.

The experiments that are measured and judged are in `course.py`; what all claim, in `syllabus.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from vitreous.data.batches.preprocess import PixelContract, resize
from vitreous.data.images.decode import decode
from vitreous.errors import UsageError
from vitreous.formats import percent
from vitreous.labs import clusters, multi_task, painting
from vitreous.labs import next_character as language
from vitreous.labs.book import book
from vitreous.labs.writing import Writing
from vitreous.training.reproduce import seeded

SIDE, GAUSSIANS, STEPS = 64, 200, 300  # of the painting
READING_STEPS = 1000
CLUSTERED, CLUSTERS = 240, 6  # pixels of the longer side, and how many clusters
LINE = "'Curiouser and curiouser!' cried Alice"  # in which a head's attention is drawn


@dataclass(frozen=True)
class Request:
    """What a run of an experiment is given.

    image    for those that take one
    out      where to write the picture
    writing  for those that write
    """

    image: Path | None
    out: Path
    writing: Writing


@dataclass(frozen=True)
class Demonstration:
    """One that makes a picture, a film or a text, and has no chapter in the textbook.

    picture   name of the file that it writes, or None
    run       yields lines of what was measured, as they come
    image     whether it takes an image
    writes    whether it writes text
    """

    picture: str | None
    run: Callable[[Request], Iterator[str]]
    image: bool = False
    writes: bool = False


def run_painting(request: Request) -> Iterator[str]:
    """Paint a photo with 200 Gaussians, and keep the painting as a film."""
    assert request.image is not None
    contract = PixelContract(height=SIDE, width=SIDE, channels=3)
    photo = torch.from_numpy(contract.load(request.image) / 255.0)
    strokes = []
    for stroke in painting.paint(photo, GAUSSIANS, steps=STEPS):
        strokes.append(stroke)
        if stroke.step % 50 == 0:
            yield f"step {stroke.step:4}   {stroke.psnr:5.1f} dB"
    painting.film(strokes, request.out)


def run_multi_task(request: Request) -> Iterator[str]:
    """Train with five shares of the class in the loss, and choose one by a score."""
    trials = []
    yield f"{'α':<6}{'loss':>8}{'class right':>14}{'CorLoc':>9}{'both':>8}"
    for trial in multi_task.sweep(multi_task.blocks()):
        trials.append(trial)
        found = trial.scores
        named = percent(found.class_accuracy or 0.0, 0)
        boxed, both = percent(found.corloc, 0), percent(found.accuracy, 0)
        yield f"{trial.alpha:<6g}{found.loss:>8.3f}{named:>14}{boxed:>9}{both:>8}"
    least = min(trials, key=lambda trial: trial.scores.loss)
    yield f"least loss at α = {least.alpha:g}, best score at α = {multi_task.best(trials).alpha:g}"


def run_clusters(request: Request) -> Iterator[str]:
    """Divide a photo into regions, by color alone, by color and place, and by mean shift."""
    assert request.image is not None
    photo = decode(request.image, channels=3)
    scale = min(1.0, CLUSTERED / max(photo.shape[:2]))
    height, width = (max(1, round(side * scale)) for side in photo.shape[:2])
    image = resize(photo, height, width)
    found: dict[str, clusters.Labels] = {}
    for title, place in (("color", 0.0), ("color and place", 1.0)):
        labels, _ = clusters.k_means(clusters.features(image, place), CLUSTERS)
        found[f"k-means: {title}"] = labels.reshape(height, width)
    found["mean shift"] = clusters.mean_shift(image)
    for title, labels in found.items():
        yield f"{title:<26}{len(np.unique(labels)):4} regions or clusters"
    clusters.plot(request.out, image, found)


def run_language(request: Request) -> Iterator[str]:
    """Read nine tenths of a novel, guess the letters of the last, and write some more."""
    novel = book()
    novel.encode(request.writing.prompt)  # a strange letter is noticed before the training
    seed = request.writing.seed
    with seeded(seed):
        model = language.reader(novel)
    bars, readings = language.bars(novel), []
    bar = (BarColumn(), MofNCompleteColumn(), TextColumn("steps"), TimeRemainingColumn())
    with Progress(TextColumn("reading"), *bar, console=Console(stderr=True)) as shown:
        task = shown.add_task("", total=READING_STEPS)
        for reading in language.learn(model, novel, steps=READING_STEPS, seed=seed):
            readings.append(reading)
            shown.advance(task)
            if reading.held_out is not None:
                line = f"step {reading.step:4}   held out {reading.held_out:.2f} bits"
                shown.console.print(line, highlight=False)
    yield "bits a character of the held-out chapters:"
    yield f"  {'unigram':<34}{bars.unigram:.3f}"
    yield f"  {'bigram':<34}{bars.bigram:.3f}"
    yield f"  {'H(next | current) of their own':<34}{bars.entropy:.3f}"
    yield f"  {'transformer':<34}{readings[-1].held_out:.3f}"
    yield ""
    yield language.go_on(model, novel, request.writing)
    maps = language.attention(model, novel.encode(LINE))
    language.plot(request.out, readings, bars, LINE, maps)


DEMONSTRATIONS = {
    "painting": Demonstration("painting.gif", run_painting, image=True),
    "clusters": Demonstration("clusters.png", run_clusters, image=True),
    "multi-task": Demonstration(None, run_multi_task),
    "language": Demonstration("language.png", run_language, writes=True),
}


def needs_image(name: str) -> UsageError:
    return UsageError(
        "this experiment needs an image",
        where=f"lab {name}",
        remedy=f"Name one: vitreous lab {name} photo.jpg",
    )


def takes_no_data(name: str) -> UsageError:
    return UsageError(
        "this experiment makes its own data", where=f"lab {name}", remedy="Leave out --data."
    )


def takes_no_image(name: str) -> UsageError:
    return UsageError(
        "this experiment takes no image", where=f"lab {name}", remedy="Leave the image out."
    )


def draws_nothing(name: str) -> UsageError:
    return UsageError(
        "this experiment draws no picture", where=f"lab {name}", remedy="Leave out --out."
    )


def writes_nothing(name: str) -> UsageError:
    return UsageError(
        "this experiment writes no text",
        where=f"lab {name}",
        remedy="Leave out --prompt, --length, --temperature and --seed.",
    )
