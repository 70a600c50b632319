"""Defaults of training: learning rate, decay, smoothing, length, and the rule for the kept epoch.

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
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from kept_epoch import RULES, Floats, judged
from small_sets import SETS, SMALL_IMAGES, SmallSet, folder
from vitreous.data.batches.pack import key, pack
from vitreous.data.columns import ClassNumbers
from vitreous.data.dataset import Part
from vitreous.data.splits.split import Split
from vitreous.inference.features import FeatureBatches, features
from vitreous.inference.predictor import Predictor
from vitreous.models import backbone_and_head
from vitreous.progress.progress import silent
from vitreous.recipes.data_facts import DataFacts
from vitreous.recipes.recipe import Recipe
from vitreous.recipes.resolve import resolve
from vitreous.runs.job import prepare
from vitreous.runs.phases import phases, schedule_of
from vitreous.runs.setup import build
from vitreous.tasks.classify import Classify
from vitreous.training.fit import fit
from vitreous.training.optimizer import optimizer
from vitreous.training.reproduce import seeded

SEEDS = range(5)
NETWORK = {"model": "efficientnet_lite0", "pretrained": "yes"}
BEFORE = {
    "lr": 0.01,
    "weight_decay": 0.01,
    "label_smoothing": 0.1,
    "epochs": 30,
    "schedule": "one_cycle",
}


@cache
def pool(name: str, work: Path) -> tuple[Any, Any, NDArray[np.int64], NDArray[np.int8], Any]:
    """Data set, features (N, V, K), labels (N,), parts (N,) of all images of a pool."""
    with silent() as progress:
        job = prepare(str(folder(name, work)), progress=progress, **NETWORK)
        contract = job.resolved.contract
        packed = pack(job.dataset, contract)
        setup = build(job, packed, progress)
        backbone, _ = backbone_and_head(setup.network.eval())
        rows = np.arange(len(job.dataset))
        found = features(
            backbone,
            setup.network,
            packed.rows,
            rows,
            contract,
            setup.precision,
            mirrored=setup.augment.flip > 0,
            key=key(job.dataset, contract),
            architecture=("efficientnet_lite0", setup.arguments),
        )
    return job.dataset, found, job.dataset.targets["class"].array, job.dataset.parts, packed.good


def learned(one: SmallSet, seed: int, fields: dict[str, Any], work: Path) -> dict[str, Any]:
    """Train a head, and measure each rule for the kept epoch."""
    dataset, seen, labels, parts, good = pool(one.pool, work)
    can = np.flatnonzero(good & (parts == Part.TRAIN))
    train, held, classes = one.draw(labels, can, seed)
    test = np.flatnonzero(good & (parts != Part.TRAIN) & np.isin(labels, classes))
    number = np.full(labels.max() + 1, -1)
    number[np.sort(classes)] = np.arange(len(classes))
    names = tuple(dataset.classes[c] for c in np.sort(classes))

    facts = DataFacts.of(dataset, train)
    recipe = resolve(Recipe(**NETWORK, seed=seed, **fields), facts).recipe
    targets = {"class": ClassNumbers(number[labels[train]], names)}
    task = Classify.of(targets, smoothing=recipe.label_smoothing or 0.0)
    with seeded(seed):
        head = nn.Linear(seen.shape[2], len(names))
    batches = FeatureBatches(seen[train], targets, batch_size=recipe.batch_size, seed=seed)
    method = optimizer(recipe.optimizer, head, lr=recipe.lr, weight_decay=recipe.weight_decay)
    plan = schedule_of(recipe, head, recipe.epochs, len(batches), 1.0)["schedule"]
    stream = (batch for epoch in range(recipe.epochs) for batch in batches.epoch(epoch))
    plain = {part: torch.from_numpy(seen[ids, 0].astype(np.float32))
             for part, ids in (("held", held), ("test", test))}  # fmt: skip
    answers: dict[str, list[Floats]] = {"held": [], "test": []}
    began = time.process_time()
    for step in fit(head, stream, task.loss, method, plan, seed=seed):
        if step.number % len(batches) == 0:
            with torch.no_grad():
                for part, images in plain.items():
                    answers[part].append(head(images).double().numpy())
    seconds = time.process_time() - began
    return {
        "seconds": seconds,
        **judged(
            answers["held"],
            number[labels[held]],
            answers["test"],
            number[labels[test]],
            names,
        ),
    }


def scratch(name: str, seed: int, fields: dict[str, Any]) -> dict[str, Any]:
    """Train a whole network on small images, as a run does, and measure each rule."""
    dataset, parts = SMALL_IMAGES[name](seed)
    with silent() as progress:
        split = Split(parts, content=f"{name} {seed}")
        job = prepare(dataset, Recipe(seed=seed, **fields), parts=split, progress=progress)
        setup = build(job, pack(dataset, job.resolved.contract), progress)
        phase = next(phases(setup, progress))
    predictor = Predictor(
        model=phase.network,
        task=setup.task,
        contract=setup.contract,
        precision=setup.precision.name,
    )

    def seen(part: Part) -> tuple[Floats, NDArray[np.int64]]:
        meter = predictor.measure(setup.rows, setup.targets, setup.ids[part])
        return meter.answers, meter.truth

    answers: dict[Part, list[Floats]] = {Part.VALIDATION: [], Part.TEST: []}
    began, truth = time.process_time(), {}
    stream = (batch for epoch in range(phase.epochs) for batch in phase.batches.epoch(epoch))
    for step in fit(
        phase.network,
        stream,
        phase.loss,
        phase.optimizer,
        phase.schedule,
        precision=phase.precision,
        average=phase.average,
        seed=seed,
    ):
        if step.number % len(phase.batches) == 0:
            for part, found in answers.items():
                logits, truth[part] = seen(part)
                found.append(logits)
    held, test = answers.values()
    return {
        "seconds": time.process_time() - began,
        **judged(held, truth[Part.VALIDATION], test, truth[Part.TEST], dataset.classes),
    }


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("verb", choices=("learn", "table"), nargs="?", default="table")
    parser.add_argument("--fields", nargs="*", default=[], metavar="NAME=VALUE,...")
    parser.add_argument("--sets", choices=("chosen", "confirmed", "small"), default="chosen")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "small-sets")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    names = [name for name, one in SETS.items() if one.chosen is (options.sets == "chosen")]
    if options.sets == "small":
        names = [*SMALL_IMAGES]
    if options.verb == "table":
        table(names, options.work)
        return
    for text in options.fields or [""]:
        given = dict(pair.split("=") for pair in text.split(",") if pair)
        fields = {k: v if k == "schedule" else json.loads(v) for k, v in given.items()}
        learn(fields, names, options.work)


if __name__ == "__main__":
    main()
