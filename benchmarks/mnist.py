"""MNIST: `vitreous train mnist` with defaults against Keras' own example, as whole commands.

    python benchmarks/mnist.py --data $VITREOUS_DATA/mnist --seeds 3

Each seed runs both, one after the other, in fresh processes; vitreous without any cache. Keras
stops at the first epoch that reaches 99.0 % on the test set. Prints a table with the medians.
Keras needs `pip install keras tensorflow-cpu` where the `--keras` interpreter looks; `make bench`
makes an environment for it, .venv-keras, which is then the default.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean, median
from typing import Any


def timed(command: list[str], **environment: str) -> tuple[float, float, dict[str, Any]]:
    """Seconds, peak memory in MiB, and the JSON object that a command prints last on stdout."""
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, stdout=out, env={**os.environ, **environment})
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        if status:
            raise SystemExit(f"{' '.join(command)} failed")
        out.seek(0)
        return seconds, usage.ru_maxrss / 1024, json.loads(out.read().strip().splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    default = Path(os.environ.get("VITREOUS_DATA", ".")) / "mnist"
    parser.add_argument("--data", default=str(default))
    parser.add_argument("--seeds", type=int, default=3)
    beside = Path(__file__).parent.parent / ".venv-keras/bin/python"
    python = beside if beside.exists() else sys.executable
    parser.add_argument("--keras", default=str(python), help="the Python that has Keras")
    options = parser.parse_args()
    here, ours, theirs = Path(__file__).parent, [], []
    for seed in range(options.seeds):
        with tempfile.TemporaryDirectory() as place:
            train = [str(Path(sys.executable).parent / "vitreous"), "train", options.data]
            flags = ["--seed", str(seed), "--out", f"{place}/run", "--json", "--quiet"]
            ours.append(timed([*train, *flags], VITREOUS_CACHE=f"{place}/cache"))
        keras = [options.keras, str(here / "keras_mnist.py"), options.data, str(seed)]
        theirs.append(timed(keras))
    accuracy = [found["scores"]["test"]["accuracy"] for _, _, found in ours]
    ratios = [b[0] / a[0] for a, b in zip(ours, theirs, strict=True)]
    print("| | test accuracy, mean (each) | seconds, median | peak memory, MiB |")
    print("|---|---|---|---|")
    for name, runs, scores in (
        ("vitreous train mnist", ours, accuracy),
        ("Keras' example, to 99.0 %", theirs, [found["accuracy"] for _, _, found in theirs]),
    ):
        each = ", ".join(f"{score:.2%}" for score in scores)
        seconds, memory = median(run[0] for run in runs), max(run[1] for run in runs)
        print(f"| {name} | {mean(scores):.2%} ({each}) | {seconds:.1f} | {memory:.0f} |")
    print(f"\nvitreous is {median(ratios):.1f} times as fast (pair by pair: ", end="")
    print(", ".join(f"{ratio:.1f}" for ratio in ratios) + ")")


if __name__ == "__main__":
    main()
