"""Training examples a second: our loop, plain PyTorch, Lightning, fastai and Keras, in turns.

    python benchmarks/training_peers.py [--rounds 5] [--networks mlp lenet5 resnet18]

Six networks on images in memory, with the same batches and AdamW, without augmentation and without
validation, each side as its own users get it: ours with the format that a run chooses for the
network, the others with their defaults. Each side is a process of its own (`training_rounds.py`).
A round is one epoch of each; the first two warm up. Ratios are taken within a round; given are
their median and, in brackets, the least and the largest. The share of the peak counts the
multiply-accumulates of forward and backward pass, three times those of an answer, and compares them
with the most that a large product reaches on all threads in the format that was chosen.

`make bench` makes the peers' environments, .venv-peers and .venv-keras. A side that cannot be
started is left out, and said to be.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any, Self

from training_rounds import CASES, CLASSES, Case

HERE = Path(__file__).parent
OURS = ("vitreous", "vitreous in float32")
PEERS = ("PyTorch", "Lightning", "fastai", "Keras")
WARM_UP = 2  # rounds


class Absent(Exception):
    """A side cannot be measured here."""


class Side:
    """A process that trains an epoch when it is told to."""

    def __init__(self, title: str, name: str, epochs: int, pythons: dict[str, str]) -> None:
        self.title = title
        self.rounds: list[dict[str, Any]] = []
        command = [str(HERE / "training_sides.py"), title, name, str(epochs)]
        if title == "Keras":
            command = [str(HERE / "keras_rounds.py"), name, str(epochs)]
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  (closed by __exit__)
        self._process = subprocess.Popen(
            [pythons.get(title, sys.executable), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            said = self._errors.read().strip().splitlines()
            raise Absent(f"{self.title} was not measured: {said[-1] if said else 'it ended'}")
        found: dict[str, Any] = json.loads(line)
        return found

    def turn(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        self.rounds.append(self.read())
        self.last = self.read()  # that it is ready again, or what it says in the end

    @property
    def rates(self) -> list[float]:
        return [found["rate"] for found in self.rounds[WARM_UP:]]


def measured(name: str, case: Case, rounds: int, pythons: dict[str, str]) -> dict[str, Side]:
    """All sides of one network, after their rounds."""
    sides, epochs = {}, rounds + WARM_UP
    for title in (*OURS, *PEERS):
        side = Side(title, name, epochs, pythons)
        try:
            side.read()  # one after the other: starting costs more than a core
        except Absent as reason:
            print(reason, flush=True)
            side.__exit__()
        else:
            sides[title] = side
    try:
        for number in range(epochs):
            order = [*sides.values()]
            first = number % len(order)
            for side in order[first:] + order[:first]:
                side.turn()
    finally:
        for side in sides.values():
            side.__exit__()
    check(sides)
    return sides


def check(sides: dict[str, Side]) -> None:
    """Raises SystemExit if they did not all train the same or we did not learn; tells who else."""
    sizes = {title: side.last["parameters"] for title, side in sides.items()}
    if len({*sizes.values()}) > 1:
        raise SystemExit(f"these are not the same network: {sizes}")
    for title, side in sides.items():
        loss = side.rounds[-1]["loss"]
        if loss > math.log(CLASSES):
            told = f"{title} has learned nothing: its loss is {loss:.2f}"
            if title in OURS:
                raise SystemExit(told)
            print(told, flush=True)


def ratios(ours: Side, peers: list[Side]) -> tuple[list[float], list[float]]:
    """Of each round, our rate over that of the best peer, by its median, and over the median."""
    best = max(peers, key=lambda side: median(side.rates))
    of_best = [one / other for one, other in zip(ours.rates, best.rates, strict=True)]
    others = zip(*(side.rates for side in peers), strict=True)
    return of_best, [one / median(all_) for one, all_ in zip(ours.rates, others, strict=True)]


def spread(values: list[float]) -> str:
    return f"{median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


def processor() -> str:
    """The processor by its name, its cores, and what vector instructions it has."""
    text = Path("/proc/cpuinfo").read_text()
    lines = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    known = {key.strip(): value.strip() for key, value in lines.items()}
    flags = set(known.get("flags", "").split())
    kinds = [kind for kind in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if kind in flags]
    return f"{known.get('model name', 'processor')}, {os.cpu_count()} cores, {', '.join(kinds)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--networks", nargs="+", choices=CASES, default=[*CASES])
    for peer, folder in (("peers", ".venv-peers"), ("keras", ".venv-keras")):
        beside = HERE.parent / folder / "bin/python"
        default = str(beside) if beside.exists() else sys.executable
        parser.add_argument(f"--{peer}", default=default, help="the Python that has them")
    options = parser.parse_args()
    pythons = dict.fromkeys(("Lightning", "fastai"), options.peers) | {"Keras": options.keras}
    speeds, memory, versions = [], [], {}
    for name in options.networks:
        case = CASES[name]
        sides = measured(name, case, options.rounds, pythons)
        ours, peers = sides["vitreous"], [sides[title] for title in PEERS if title in sides]
        rates = [f"{median(sides[t].rates):,.0f}" if t in sides else "–" for t in (*OURS, *PEERS)]
        found = ours.last
        reached = 3 * found["macs"] * median(ours.rates) / found["peak"]
        of = f"{case.title}, {case.side}², {case.batch}, {found['precision']}"
        best, middle = map(spread, ratios(ours, peers)) if peers else ("–", "–")
        speeds.append(f"| {of} | {' | '.join(rates)} | {best} | {middle} | {reached:.0%} |")
        most = [f"{sides[t].last['memory']:,.0f}" if t in sides else "–" for t in (*OURS, *PEERS)]
        memory.append(f"| {case.title} | {' | '.join(most)} |")
        print(speeds[-1], flush=True)
        for side in sides.values():
            versions |= side.last["versions"]
    titles = " | ".join((*OURS, *PEERS))
    print(f"\n{processor()}; {', '.join(f'{a} {b}' for a, b in versions.items())}\n")
    print(f"| network | {titles} | ÷ best peer | ÷ median peer | of the peak |")
    print("|---" * (len(OURS) + len(PEERS) + 4) + "|")
    print("\n".join(speeds))
    print(f"\nPeak memory, MiB:\n\n| network | {titles} |")
    print("|---" * (len(OURS) + len(PEERS) + 1) + "|")
    print("\n".join(memory))


if __name__ == "__main__":
    main()
