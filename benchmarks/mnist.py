"""MNIST: `vitreous train mnist` with defaults against what users of its peers run, whole commands.

    python benchmarks/mnist.py --data $VITREOUS_DATA/mnist --seeds 3

Each seed runs all of them, one after the other, in fresh processes; vitreous without any cache.
The examples of Keras and PyTorch stop at the first epoch that reaches 99.0 % on the test set;
Lightning and fastai train vitreous' own network (`mnist_peers.py`). Prints a table: "× vitreous" is
how many times as long a peer takes, the median over the seeds, with the least and the largest.

`make bench` makes the peers' environments, .venv-peers and .venv-keras. A peer that is not
installed is left out, and said to be.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean, median
from typing import Any

HERE = Path(__file__).parent
OURS = "vitreous train mnist"
PEERS = {  # whose environment, what it must have, what runs there
    "Keras' example, to 99.0 %": ("keras", "keras", ["keras_mnist.py"]),
    "PyTorch's example, to 99.0 %": ("ours", "torchvision", ["mnist_peers.py", "example"]),
    "Lightning, the same network": ("peers", "lightning", ["mnist_peers.py", "lightning"]),
    "fastai, the same network": ("peers", "fastai", ["mnist_peers.py", "fastai"]),
}


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


def has(python: str, package: str) -> bool:
    """Whether an interpreter exists and finds a package; nothing is imported."""
    look = f"import importlib.util, sys; sys.exit(not importlib.util.find_spec({package!r}))"
    return bool(shutil.which(python)) and not subprocess.run([python, "-c", look]).returncode


def commands(data: str, pythons: dict[str, str]) -> dict[str, list[str]]:
    """What each row runs, up to its seed."""
    found = {}
    for title, (whose, package, script) in PEERS.items():
        if has(pythons[whose], package):
            found[title] = [pythons[whose], str(HERE / script[0]), *script[1:], data]
        else:
            print(f"{title}: left out, as {pythons[whose]} has no {package}\n", flush=True)
    train = [str(Path(sys.executable).parent / "vitreous"), "train", data, "--json", "--quiet"]
    return {OURS: [*train, "--seed"], **found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    default = Path(os.environ.get("VITREOUS_DATA", ".")) / "mnist"
    parser.add_argument("--data", default=str(default))
    parser.add_argument("--seeds", type=int, default=3)
    for peer, folder in (("peers", ".venv-peers"), ("keras", ".venv-keras")):
        beside = HERE.parent / folder / "bin/python"
        python = str(beside) if beside.exists() else sys.executable
        parser.add_argument(f"--{peer}", default=python, help="the Python that has them")
    options = parser.parse_args()
    pythons = {"ours": sys.executable, "peers": options.peers, "keras": options.keras}
    rows = commands(options.data, pythons)
    runs: dict[str, list[tuple[float, float, dict[str, Any]]]] = {title: [] for title in rows}
    for seed in range(options.seeds):
        for title, command in rows.items():
            with tempfile.TemporaryDirectory() as place:
                out = ["--out", f"{place}/run"] if title == OURS else []
                run = timed([*command, str(seed), *out], VITREOUS_CACHE=f"{place}/cache")
            runs[title].append(run)
    print("| | test accuracy, mean (each) | seconds, median | × vitreous | peak memory, MiB |")
    print("|---|---|---|---|---|")
    for title, made in runs.items():
        tests = [found["scores"]["test"] if title == OURS else found for *_, found in made]
        scores = [found["accuracy"] for found in tests]
        each = ", ".join(f"{score:.2%}" for score in scores)
        times = [a[0] / b[0] for a, b in zip(made, runs[OURS], strict=True)]
        ratio = f"{median(times):.1f} ({min(times):.1f}–{max(times):.1f})"
        seconds, memory = median(run[0] for run in made), max(run[1] for run in made)
        ratio = "1.0" if title == OURS else ratio
        print(f"| {title} | {mean(scores):.2%} ({each}) | {seconds:.1f} | {ratio} | {memory:.0f} |")


if __name__ == "__main__":
    main()
