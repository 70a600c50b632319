"""Defaults of training: learning rate, decay, smoothing, length, and the rule for the kept epoch.

    python benchmarks/defaults.py         # what was before and what is now, set by set
    python benchmarks/defaults.py learn --sets chosen --fields lr=0.003,label_smoothing=0.0
    python benchmarks/defaults.py table --sets chosen    # of all that was learned there

A head on frozen features, which photos get, learns on the small sets with five seeds each: on some
of them the defaults were chosen, on the others only confirmed. Features are computed once;
the loop is that of a run. `--sets small` are small images, which a whole network learns, with three
seeds. All that decides is measured on held-out images that no epoch and no temperature was chosen
by, and every rule for the kept epoch is applied to the same training. What was measured is kept in
the folder `--work`, and is not done again. `before` is what the defaults were until then.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from kept_epoch import RULES, Floats
from small_sets import SETS, SMALL_IMAGES
from trials import learned, scratch

SEEDS = range(5)
BEFORE = {
    "lr": 0.01,
    "weight_decay": 0.01,
    "label_smoothing": 0.1,
    "epochs": 30,
    "schedule": "one_cycle",
}
NOW = BEFORE | {"weight_decay": 1.0, "label_smoothing": 0.0}  # and the epoch of the lowest loss


def learn(changes: dict[str, Any], names: list[str], work: Path) -> None:
    """What is not in the file of results yet: `before`, with these changes."""
    results = work / "results.jsonl"
    known = {(r["set"], r["seed"], json.dumps(r["fields"])) for r in rows(results)}
    for name in names:
        fields = before(name) | changes
        for seed in SEEDS if name in SETS else SEEDS[:3]:
            if (name, seed, json.dumps(fields)) not in known:
                row: dict[str, Any] = {"set": name, "seed": seed, "fields": fields}
                if name in SETS:
                    row |= learned(SETS[name], seed, fields, work)
                else:
                    row |= scratch(name, seed, fields)
                with results.open("a") as file:
                    file.write(json.dumps(row) + "\n")
        print(name, flush=True)


def before(name: str) -> dict[str, Any]:
    """What the defaults were for this set."""
    if name in SETS:
        return BEFORE
    smoothing = 0.1 if name.startswith("CIFAR") else 0.0
    return {"lr": 0.01, "weight_decay": 0.01, "label_smoothing": smoothing}


def rows(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        yield from map(json.loads, path.read_text().splitlines())


def table(names: list[str], work: Path) -> None:
    """Each training and rule, against what was before, on the same draws; means over the sets."""
    found: dict[str, dict[tuple[str, int], dict[str, Any]]] = {}
    for row in rows(work / "results.jsonl"):
        if row["set"] in names:
            was = before(row["set"])
            changed = {k: v for k, v in row["fields"].items() if was.get(k) != v}
            label = ", ".join(f"{k} {v}" for k, v in changed.items()) or "before"
            found.setdefault(label, {})[row["set"], row["seed"]] = row
    first = found["before"]
    print("| settings | kept by | accuracy | against before, points | log loss | against before |"
          " raw | ECE ÷ chance | raw | kept | last - kept, points |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for label, measured in found.items():
        if measured.keys() != first.keys():
            continue
        for rule in RULES:
            one = Told(measured, rule, names)
            other = Told(first, RULES[0], names)
            points = [100 * limit for limit in between(one.accuracy - other.accuracy, np.mean)]
            pair = np.stack([one.loss, other.loss], axis=-1)
            ratio = between(pair, ratio_of_means)
            cells = (
                f"{one.accuracy.mean():.2%}",
                "{:+.2f} ({:+.2f} to {:+.2f})".format(*points),
                f"{one.loss.mean():.3f}",
                "{:.2f} ({:.2f} to {:.2f})".format(*ratio),
                f"{one.raw_loss.mean():.3f}",
                f"{one.ece.mean() / one.chance.mean():.2f}",
                f"{one.raw_ece.mean() / one.raw_chance.mean():.2f}",
                f"{one.epoch.mean():.0f}",
                f"{100 * (one.last - one.accuracy).mean():+.2f}",
            )
            print(f"| {label} | {rule} | {' | '.join(cells)} |")


class Told:
    """What a rule gives: arrays (sets, seeds) by name, and the last epoch's accuracy."""

    def __init__(
        self, measured: dict[tuple[str, int], dict[str, Any]], rule: str, names: list[str]
    ):
        seeds = sorted({seed for _, seed in measured})
        grid = [[measured[name, seed] for seed in seeds] for name in names]
        for score in grid[0][0][rule]:
            setattr(self, score, np.array([[row[rule][score] for row in line] for line in grid]))
        self.last = np.array([[row["accuracies"][-1] for row in line] for line in grid])

    def __getattr__(self, name: str) -> Floats:
        raise AttributeError(name)


def ratio_of_means(pair: Floats) -> float:
    """(sets, seeds, 2) to how many times as large the first is: each set counts alike."""
    one, other = pair.mean(axis=1).T
    return float(np.exp(np.log(one / other).mean()))


def between(values: Floats, statistic: Callable[[Floats], float]) -> tuple[float, float, float]:
    """A statistic of (sets, seeds, ...) and its 95 % interval: sets and seeds are drawn anew."""
    random = np.random.default_rng(0)
    sets, seeds = values.shape[:2]
    drawn = [
        statistic(values[picked[:, None], random.integers(seeds, size=(sets, seeds))])
        for picked in random.integers(sets, size=(2000, sets))
    ]
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(statistic(values)), float(low), float(high)


def compare(work: Path) -> None:
    """Set by set, what was before beside what is chosen now."""
    found: dict[bool, dict[tuple[str, int], dict[str, Any]]] = {False: {}, True: {}}
    for row in rows(work / "results.jsonl"):
        if row["set"] in SETS and row["fields"] in (BEFORE, NOW):
            found[row["fields"] == NOW][row["set"], row["seed"]] = row
    chosen = [name for name, one in SETS.items() if one.chosen]
    others = [name for name in SETS if name not in chosen]
    print("| set | accuracy | log loss | calibration error ÷ chance | without temperature |"
          " kept | last epoch - kept, points |")  # fmt: skip
    print("|---|---|---|---|---|---|---|")
    for title, names in [(name, [name]) for name in SETS] + [
        (f"all {len(chosen)} chosen on", chosen),
        (f"all {len(others)} confirmed on", others),
    ]:
        one, other = Told(found[False], RULES[0], names), Told(found[True], "loss", names)
        cells = [
            f"{one.accuracy.mean():.1%} → {other.accuracy.mean():.1%}",
            f"{one.loss.mean():.3f} → {other.loss.mean():.3f}",
            f"{one.ece.mean() / one.chance.mean():.2f} → "
            f"{other.ece.mean() / other.chance.mean():.2f}",
            f"{one.raw_ece.mean() / one.raw_chance.mean():.2f} → "
            f"{other.raw_ece.mean() / other.raw_chance.mean():.2f}",
            f"{one.epoch.mean():.0f} → {other.epoch.mean():.0f}",
            f"{100 * (one.last - one.accuracy).mean():+.1f} → "
            f"{100 * (other.last - other.accuracy).mean():+.1f}",
        ]
        if len(names) > 1:
            points = between(100 * (other.accuracy - one.accuracy), np.mean)
            ratio = between(np.stack([other.loss, one.loss], axis=-1), ratio_of_means)
            cells[0] += "; {:+.2f} points ({:+.2f} to {:+.2f})".format(*points)
            cells[1] += "; × {:.2f} ({:.2f} to {:.2f})".format(*ratio)
        print(f"| {title} | {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("verb", choices=("learn", "table", "compare"), nargs="?")
    parser.add_argument("--fields", nargs="*", default=[], metavar="NAME=VALUE,...")
    parser.add_argument("--sets", choices=("chosen", "confirmed", "small"), default="chosen")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "small-sets")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    names = [name for name, one in SETS.items() if one.chosen is (options.sets == "chosen")]
    if options.sets == "small":
        names = [*SMALL_IMAGES]
    if options.verb is None:
        for changes in ({}, NOW):
            learn(changes, [*SETS], options.work)
    if options.verb in (None, "compare"):
        compare(options.work)
        return
    if options.verb == "table":
        table(names, options.work)
        return
    for text in options.fields or [""]:
        given = dict(pair.split("=") for pair in text.split(",") if pair)
        fields = {k: v if k == "schedule" else json.loads(v) for k, v in given.items()}
        learn(fields, names, options.work)


if __name__ == "__main__":
    main()
