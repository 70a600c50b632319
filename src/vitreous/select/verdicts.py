"""Verdicts of a comparison: "different" or "not shown to be different", in words and as JSON."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from vitreous.formats import counted
from vitreous.metrics.contrast import LEVEL, Contrast, between, holm
from vitreous.metrics.interval import Interval, spread
from vitreous.metrics.score import Score
from vitreous.tasks.image_score import ImageScore

HUGE = 10_000_000  # images: beyond, a difference is one of no consequence


@dataclass(frozen=True)
class Compared:
    """One run: its mean over the images, and the headline score of the whole part."""

    name: str
    model: str
    seed: int
    mean: float
    headline: Score


@dataclass(frozen=True)
class Pair:
    """Two runs on the same images.

    p       after Holm's correction for the number of pairs
    shown   are they different beyond luck?
    """

    first: str
    second: str
    contrast: Contrast
    p: float
    shown: bool

    @property
    def verdict(self) -> str:
        return "different" if self.shown else "not shown to be different"


@dataclass(frozen=True)
class Recipe:
    """Runs that differ in their seed alone: their names, their headline scores, how many seeds."""

    runs: tuple[str, ...]
    values: tuple[float, ...]
    seeds: int

    @property
    def name(self) -> str:
        more = len(self.runs) - 1
        return f"{self.runs[0]} and {more} more" if more else self.runs[0]


@dataclass(frozen=True)
class SeedsApart:
    """Two recipes over their seeds: the difference of their mean headline scores.

    p  of Welch's test, after Holm's correction
    """

    first: str
    second: str
    difference: float
    interval: Interval
    p: float
    shown: bool

    @property
    def verdict(self) -> str:
        return "different" if self.shown else "not shown to be different"


def seeds_apart(recipes: Sequence[Recipe], headline: Score) -> tuple[SeedsApart, ...]:
    """All pairs of recipes with two seeds or more each."""
    several = [recipe for recipe in recipes if recipe.seeds > 1]
    pairs = [*itertools.combinations(several, 2)]
    found = [between(spread(one.values), spread(two.values)) for one, two in pairs]
    raised = holm([p for _, p in found])
    return tuple(
        SeedsApart(
            one.name,
            two.name,
            spread(one.values).mean - spread(two.values).mean,
            interval,
            p,
            p < LEVEL,
        )
        for (one, two), (interval, _), p in zip(pairs, found, raised, strict=True)
    )


@dataclass(frozen=True)
class Comparison:
    """What `compare` found.

    data     where the data lie
    part     test or validation
    count    images that all runs answered
    score    the number of each image by which they are compared
    runs     in the order in which they were given
    pairs    each two of them, on the same images
    recipes  runs that differ in their seed alone, together
    seeds    each two recipes with two seeds or more
    notes    what should be known, one sentence each
    """

    data: str
    part: str
    count: int
    score: ImageScore
    runs: tuple[Compared, ...]
    pairs: tuple[Pair, ...]
    recipes: tuple[Recipe, ...]
    seeds: tuple[SeedsApart, ...]
    notes: tuple[str, ...]

    @property
    def best(self) -> Compared:
        """The run with the best mean; of equals the first."""
        sign = 1 if self.score.better == "higher" else -1
        return max(self.runs, key=lambda run: sign * run.mean)

    def sentence(self, pair: Pair) -> str:
        """A pair in words."""
        found = pair.contrast
        if not found.difference:
            return f"{pair.first} and {pair.second} reach the same: {pair.verdict}"
        winner, loser = pair.first, pair.second
        if not self.score.improves(found.difference):
            winner, loser = loser, winner
        low, high = found.interval or (found.difference, found.difference)
        if winner != pair.first:
            low, high = -high, -low
        gap = found.difference if winner == pair.first else -found.difference
        limits = (self.score.gap(limit, unit=False) for limit in (low, high))
        reach = f" ({' to '.join(limits)})" if found.interval else ""
        text = f"{winner} against {loser}: {self.score.gap(gap)}{reach}, p {pair.p:.2g}"
        return f"{text}: {pair.verdict}{self.settling(found, pair.shown)}"

    def settling(self, found: Contrast, shown: bool) -> str:
        """How many images would settle what these do not."""
        if shown or found.needed is None:
            return ""
        if found.needed > HUGE:
            return "; a difference so small that no test part would show it"
        return f"; about {rounded(found.needed):,} images would settle a difference of this size"

    def text(self) -> str:
        where = counted(self.count, "image")
        lines = [f"{self.data}, {self.part} part: {where}; {self.score.title}"]
        width = max(len(run.name) for run in self.runs)
        for run in self.runs:
            headline, mean = run.headline, self.score.text(run.mean)
            told = f"{headline.title} {headline.text}"
            lines.append(f"  {run.name:{width}}   {mean}   {told}   {run.model}, seed {run.seed}")
        lines.append("the same images, the networks as they are:")
        lines += [f"  {self.sentence(pair)}" for pair in self.pairs]
        several = [recipe for recipe in self.recipes if recipe.seeds > 1]
        if several:
            lines.append("other seeds:")
        form = self.runs[0].headline
        for recipe in several:
            found = spread(recipe.values)
            low, high = found.interval
            if form.is_share:
                low, high = max(low, 0.0), min(high, 1.0)
            lines.append(
                f"  {recipe.name}: {form.title} {form.format(found.mean, 2)} in the mean of "
                f"{found.count} runs ({form.format(low, 2)} to {form.format(high, 2)}), which "
                "deviate by "
                f"{form.format(found.deviation, 2)}"
            )
        for apart in self.seeds:
            lines.append(
                f"  {apart.first} against {apart.second}: p {apart.p:.2g}: {apart.verdict}"
            )
        if len(self.recipes) > 1 and not self.seeds:
            lines.append(
                "note: whether another seed would tell the same is not known: train each recipe "
                "under two seeds or more (--seed)"
            )
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])

    def to_json(self) -> dict[str, Any]:
        return {
            "data": self.data,
            "part": self.part,
            "images": self.count,
            "score": asdict(self.score),
            "runs": [
                {
                    "run": run.name,
                    "model": run.model,
                    "seed": run.seed,
                    "mean": run.mean,
                    run.headline.name: run.headline.value,
                }
                for run in self.runs
            ],
            "pairs": [
                {
                    "first": pair.first,
                    "second": pair.second,
                    **asdict(pair.contrast),
                    "p_corrected": pair.p,
                    "verdict": pair.verdict,
                }
                for pair in self.pairs
            ],
            "recipes": [
                {
                    "runs": list(recipe.runs),
                    "seeds": recipe.seeds,
                    **(asdict(spread(recipe.values)) if recipe.seeds > 1 else {}),
                }
                for recipe in self.recipes
            ],
            "seeds": [{**asdict(apart), "verdict": apart.verdict} for apart in self.seeds],
            "notes": list(self.notes),
        }


def rounded(count: int) -> int:
    """To two digits that matter: more would be claimed than is known."""
    power: int = 10 ** max(len(str(count)) - 2, 0)
    return -(-count // power) * power
