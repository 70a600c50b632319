"""A transformer learns to read: from letters alone it guesses what comes next in a novel.

It has learned more than pairs of letters if its guesses on chapters that it never saw take fewer
bits than a bigram's, and fewer even than the entropy of those chapters' own pairs. What it guesses
is appended to what it reads, so it writes. The layers are those of the vision transformer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from vitreous.blocks.mode import evaluating
from vitreous.data.batches.batch import Batch
from vitreous.errors import UsageError
from vitreous.labs import bigram
from vitreous.labs.book import Book
from vitreous.labs.picture import FIRST, RIGHT, THIRD, WRONG, canvas, shades
from vitreous.labs.writing import Writing
from vitreous.models.language import LanguageTransformer
from vitreous.training.fit import fit
from vitreous.training.optimizer import optimizer
from vitreous.training.schedule import Schedule

PASSAGES = 64  # measured at a time


@dataclass(frozen=True)
class Bars:
    """What is to be beaten on the held-out part, in bits a character.

    unigram  knows how frequent each character is
    bigram   knows what follows each character, in the part for training
    entropy  H(next | current) of the held-out part itself, below which no bigram model can get
    """

    unigram: float
    bigram: float
    entropy: float


def bars(book: Book) -> Bars:
    kinds, held_out = len(book.letters), book.held_out
    return Bars(
        bigram.surprise(bigram.unigram(book.train, kinds), held_out),
        bigram.surprise(bigram.bigram(book.train, kinds), held_out),
        bigram.conditional_entropy(held_out, kinds),
    )


@dataclass(frozen=True)
class Reading:
    """What is known after some steps, in bits a character.

    train     of the step's own passages
    held_out  None where it was not measured
    """

    step: int
    train: float
    held_out: float | None


def reader(
    book: Book, *, context: int = 64, width: int = 64, depth: int = 2
) -> LanguageTransformer:
    """A transformer for the book's letters that has learned nothing yet."""
    return LanguageTransformer(
        len(book.letters), context=context, width=width, depth=depth, heads=max(1, width // 32)
    )


def windows(text: Tensor, context: int, size: int, steps: int, seed: int) -> Iterator[Batch]:
    """Passages from random places; the target of each character is the one after it."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        places = torch.randint(len(text) - context, (size,), generator=generator)
        passages = text[places[:, None] + torch.arange(context + 1)]
        yield Batch(passages[:, :-1], {"next": passages[:, 1:]}, places)


def entropy(logits: Tensor, targets: Any) -> Tensor:
    """Mean cross-entropy in nats of logits (B, T, L) and the characters that came next (B, T)."""
    return F.cross_entropy(logits.flatten(0, 1), targets["next"].flatten())


def learn(
    model: LanguageTransformer,
    book: Book,
    *,
    steps: int = 1000,
    batch_size: int = 32,
    lr: float = 5e-3,
    every: int = 100,
    seed: int = 0,
) -> Iterator[Reading]:
    """Train on the book without its held-out part; a reading a step, which is measured on that part
    after every so many.

    Raises UsageError for a book that is shorter than the model's context.
    """
    if len(book.train) <= model.context:
        raise UsageError(
            f"a book of {len(book.train)} characters to train on",
            where="book",
            remedy=f"Give more than {model.context}, the context of the model.",
        )
    batches = windows(book.train, model.context, batch_size, steps, seed)
    method = optimizer("adamw", model, lr=lr, weight_decay=0.1)
    schedule = Schedule("cosine", steps, warmup=0.1)
    for step in fit(model, batches, entropy, method, schedule, clip=1.0, seed=seed):
        measured = step.number % every == 0 or step.number == steps
        held_out = bits(model, book.tokens, book.start) if measured else None
        yield Reading(step.number, float(step.loss) / math.log(2), held_out)


@torch.no_grad()
def bits(model: LanguageTransformer, tokens: Tensor, start: int) -> float:
    """Mean −log₂ of the chances of tokens[start:], in bits a character.

    Each of them is guessed once, from at least half a context of what came before, and never from
    more than a whole one. Raises UsageError if `start` leaves less than that.
    """
    half, last = model.context // 2, len(tokens) - 1
    if not half < start < len(tokens):
        raise UsageError(
            f"a text of {len(tokens)} characters, measured from number {start}",
            where="start",
            remedy=f"Begin after the first {half}, and before the end.",
        )
    total = 0.0
    with evaluating(model):
        for first in range(start, len(tokens), PASSAGES * half):
            begins = torch.arange(first, min(first + PASSAGES * half, len(tokens)), half)[:, None]
            places = begins + torch.arange(-half, half)  # (B, T) of the characters to guess
            counted = (places >= begins) & (places < len(tokens))
            text, following = tokens[(places - 1).clamp(max=last)], tokens[places.clamp(max=last)]
            nats = F.cross_entropy(model(text)[counted], following[counted], reduction="sum")
            total += float(nats)
    return total / (len(tokens) - start) / math.log(2)


def go_on(model: LanguageTransformer, book: Book, writing: Writing) -> str:
    """The prompt and what the model adds to it, each character guessed from all before it."""
    generator = torch.Generator().manual_seed(writing.seed)
    prompt = book.encode(writing.prompt)[None]
    with evaluating(model):
        text = model.generate(
            prompt, writing.length, temperature=writing.temperature, generator=generator
        )
    return book.decode(text[0])


@torch.no_grad()
def attention(model: LanguageTransformer, text: Tensor) -> Tensor:
    """Who looks at whom when it reads a text (T,): (depth, heads, T, T); rows sum to 1."""
    maps = []
    with evaluating(model):
        x = model.embed(text[None]) + model.positions[:, : len(text)]
        for block in model.blocks:
            maps.append(block.attn.weights(block.norm1(x))[0])  # type: ignore[operator, union-attr]
            x = block(x)
    return torch.stack(maps)


def steady(shares: Tensor) -> tuple[Tensor, int]:
    """The head of (heads, T, T) that looks the most firmly at one place, and how far back that is.

    Returns its shares (T, T), and the commonest distance to the character that it looks at most.
    """
    strongest, places = shares.max(-1)  # (heads, T)
    head = int(strongest.mean(1).argmax())
    distances = torch.arange(shares.shape[-1]) - places[head]
    return shares[head], int(distances.mode().values)


def plot(
    path: str | Path, readings: Sequence[Reading], bars: Bars, line: str, maps: Tensor
) -> Path:
    """Draw how it learned, against what is to be beaten, and where one head looks.

    line  a text of T letters
    maps  (depth, heads, T, T), its `attention`; the steadiest head of the first layer is drawn
    """
    measured = [(r.step, r.held_out) for r in readings if r.held_out is not None]
    shares, back = steady(maps[0])
    shown = [letter.replace(" ", "␣") for letter in line]
    with canvas(path, 10, 4.4, dpi=120) as drawn:
        curve, picture = drawn.subplots(1, 2, width_ratios=(1.15, 1))
        lines = (
            ("unigram", bars.unigram, FIRST),
            ("bigram", bars.bigram, THIRD),
            ("entropy of the held-out pairs", bars.entropy, WRONG),
        )
        for name, level, color in lines:
            label = f"{name}: {level:.2f}"
            curve.axhline(level, color=color, linestyle="--", linewidth=1.4, label=label)
        steps, losses = [r.step for r in readings], [r.train for r in readings]
        curve.plot(steps, losses, color=RIGHT, alpha=0.35, linewidth=0.9, label="training")
        last = f"held out: {measured[-1][1]:.2f}"
        curve.plot(*zip(*measured, strict=True), color=RIGHT, marker="o", markersize=4, label=last)
        curve.set_xlabel("step")
        curve.set_ylabel("bits a character")
        curve.set_ylim(bottom=0)
        curve.set_title("A transformer learns to read")
        curve.grid(axis="y")
        curve.legend(loc="lower left")

        picture.imshow(shares.numpy(), cmap=shades(), vmin=0)
        picture.set_xticks(range(len(shown)), shown, fontsize=7)
        picture.set_yticks(range(len(shown)), shown, fontsize=7)
        picture.set_xlabel("looks at")
        picture.set_ylabel("this character")
        picture.set_title(f"A head of the first layer: {back} back, never ahead")
    return Path(path)
