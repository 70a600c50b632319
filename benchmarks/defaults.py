"""The defaults of a head on frozen features: learning rate, decay, smoothing, epochs, kept epoch.

    python benchmarks/defaults.py learn [NAME=VALUE ...]   # train with these fields of the recipe
    python benchmarks/defaults.py table                    # the table of all that was learned

Each of the small sets is drawn with five seeds. A head learns on features that are computed once,
by the loop that a run uses; all that decides is measured on held-out images which nothing is chosen
by. Every rule for the kept epoch is applied to the same training. What was measured is kept in the
working folder (`--work`), and is not done again. `before` is what the defaults were until then.
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

from small_sets import SETS, SmallSet, folder
from vitreous.data.batches.pack import key, pack
from vitreous.data.columns import ClassNumbers
from vitreous.data.dataset import Part
from vitreous.inference.features import FeatureBatches, features
from vitreous.metrics.calibration import temperature_of
from vitreous.metrics.classification import classification
from vitreous.models import backbone_and_head
from vitreous.progress.progress import silent
from vitreous.recipes.data_facts import DataFacts
from vitreous.recipes.recipe import Recipe
from vitreous.recipes.resolve import resolve
from vitreous.runs.job import prepare
from vitreous.runs.phases import schedule_of
from vitreous.runs.setup import build
from vitreous.tasks.class_answers import FEWEST
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
RULES = ("accuracy", "loss", "accuracy in loss", "loss in accuracy", "last")
Floats = NDArray[np.float64]


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
    wanted = {"held": number[labels[held]], "test": number[labels[test]]}
    told = [epoch_scores(logits, wanted["held"]) for logits in answers["held"]]
    row: dict[str, Any] = {"epochs": recipe.epochs, "seconds": seconds, "test": len(test)}
    row["accuracies"] = [float((a.argmax(1) == wanted["test"]).mean()) for a in answers["test"]]
    for rule, kept in kept_epochs(told).items():
        before, after = (
            classification(softmax(answers["test"][kept] / warmth), wanted["test"], names)
            for warmth in (1.0, temperature(answers["held"][kept], wanted["held"]))
        )
        row[rule] = {
            "epoch": kept + 1,
            "accuracy": after.accuracy,
            **{"loss": after.loss, "ece": after.ece, "chance": after.ece_chance},
            **{"raw_loss": before.loss, "raw_ece": before.ece, "raw_chance": before.ece_chance},
        }
    return row


def temperature(logits: Floats, truth: NDArray[np.int64]) -> float:
    """As a run fits it; 1 where there are too few images."""
    return temperature_of(logits, truth, doubting=True) if len(truth) >= FEWEST else 1.0


def softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def epoch_scores(logits: Floats, truth: NDArray[np.int64]) -> tuple[float, float, float, float]:
    """Accuracy, its standard error, log-loss and its standard error."""
    right = logits.argmax(1) == truth
    losses = -np.log(np.maximum(softmax(logits)[np.arange(len(truth)), truth], 1e-300))
    share, root = float(right.mean()), len(truth) ** 0.5
    spread = float(losses.std(ddof=1)) / root if len(truth) > 1 else 0.0
    return share, (share * (1 - share)) ** 0.5 / root, float(losses.mean()), spread


def kept_epochs(told: list[tuple[float, float, float, float]]) -> dict[str, int]:
    """By rule, which epoch is kept, from 0.

    accuracy           the most accurate, of these the one of the lowest loss (as it was before)
    loss               the lowest loss
    accuracy in loss   the most accurate of those whose loss is within one standard error
    loss in accuracy   the lowest loss of those whose accuracy is within one standard error
    last               no choice
    """
    accuracy, slack, loss, spread = np.array(told).T
    both = accuracy - 1e-6 * np.minimum(loss, 100)
    best, least = int(both.argmax()), int(loss.argmin())
    near_loss = loss <= loss[least] + spread[least]
    near_accuracy = accuracy >= accuracy[best] - slack[best]
    return {
        "accuracy": best,
        "loss": least,
        "accuracy in loss": int(np.where(near_loss, both, -np.inf).argmax()),
        "loss in accuracy": int(np.where(near_accuracy, -loss, -np.inf).argmax()),
        "last": len(told) - 1,
    }


def learn(fields: dict[str, Any], names: list[str], work: Path) -> None:
    """What is not in the file of results yet."""
    results = work / "results.jsonl"
    known = {(r["set"], r["seed"], json.dumps(r["fields"])) for r in rows(results)}
    for name in names:
        for seed in SEEDS:
            if (name, seed, json.dumps(fields)) not in known:
                row = {"set": name, "seed": seed, "fields": fields}
                row |= learned(SETS[name], seed, fields, work)
                with results.open("a") as file:
                    file.write(json.dumps(row) + "\n")
        print(name, flush=True)


def rows(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        yield from map(json.loads, path.read_text().splitlines())


def table(names: list[str], work: Path) -> None:
    """Each training and rule, against what was before, on the same draws; means over the sets."""
    found: dict[str, dict[tuple[str, int], dict[str, Any]]] = {}
    for row in rows(work / "results.jsonl"):
        if row["set"] in names:
            changed = {k: v for k, v in row["fields"].items() if BEFORE.get(k) != v}
            label = ", ".join(f"{k} {v}" for k, v in changed.items()) or "before"
            found.setdefault(label, {})[row["set"], row["seed"]] = row
    before = found["before"]
    print("| settings | kept by | accuracy | against before, points | log loss | against before |"
          " raw | ECE ÷ chance | raw | kept | last - kept, points |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for label, measured in found.items():
        if measured.keys() != before.keys():
            continue
        for rule in RULES:
            one = Told(measured, rule, names)
            other = Told(before, RULES[0], names)
            points = [100 * limit for limit in between(one.accuracy - other.accuracy, np.mean)]
            pair = np.stack([one.loss, other.loss], axis=-1)
            ratio = between(pair, lambda both: both[..., 0].mean() / both[..., 1].mean())
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
        grid = [[measured[name, seed] for seed in SEEDS] for name in names]
        for score in grid[0][0][rule]:
            setattr(self, score, np.array([[row[rule][score] for row in line] for line in grid]))
        self.last = np.array([[row["accuracies"][-1] for row in line] for line in grid])

    def __getattr__(self, name: str) -> Floats:
        raise AttributeError(name)


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
    parser.add_argument("fields", nargs="*", metavar="NAME=VALUE,...")
    parser.add_argument("--sets", choices=("chosen", "confirmed", "all"), default="all")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "small-sets")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    wanted = {"chosen": (True,), "confirmed": (False,), "all": (True, False)}[options.sets]
    names = [name for name, one in SETS.items() if one.chosen in wanted]
    if options.verb == "table":
        table(names, options.work)
        return
    for text in options.fields or [""]:
        given = dict(pair.split("=") for pair in text.split(",") if pair)
        fields = {k: v if k == "schedule" else json.loads(v) for k, v in given.items()}
        learn(BEFORE | fields, names, options.work)


if __name__ == "__main__":
    main()
