"""What does another program cost a training, and how should its threads wait?

    python benchmarks/contention.py [--rounds 3] [--mnist FOLDER]

Small trainings, each in a process of its own, alone and beside a program that keeps two threads of
torch busy without pause, with each way in which threads of OpenMP can wait. The figure is the
median of the seconds that the stage "training" took; one that takes longer than a minute is ended.
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
from statistics import median

CHOSEN = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")  # what libraries of OpenMP read
WAYS = {
    "as torch does by itself": {},
    "PASSIVE": {"OMP_WAIT_POLICY": "PASSIVE"},
    **{f"GOMP_SPINCOUNT={n}": {"GOMP_SPINCOUNT": str(n)} for n in (10_000, 30_000, 100_000)},
}
LONGEST = 60.0  # seconds
BUSY = """
import torch
torch.set_num_threads(2)
layer, images = torch.nn.Conv2d(64, 64, 3, padding=1), torch.rand(8, 64, 32, 32)
with torch.no_grad():
    while True:
        layer(images)
"""


def trained(data: str, epochs: int, way: dict[str, str]) -> float:
    """Seconds of a training; infinite if it takes too long."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        code = f"import vitreous as vt; vt.train({data!r}, epochs={epochs}, out={str(out)!r}, "
        code += "progress=False, doctor=False)"
        try:
            subprocess.run(
                [sys.executable, "-c", code], env=bare() | way, check=True, timeout=LONGEST
            )
        except subprocess.TimeoutExpired:
            return float("inf")
        return float(json.loads((out / "scores.json").read_text())["timings"]["training"])


def bare() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in CHOSEN}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mnist", default="")
    arguments = parser.parse_args()
    works = [("digits", 20), *([(arguments.mnist, 1)] if arguments.mnist else [])]
    print("| training | waiting | alone, s | beside another, s |")
    print("|---|---|---|---|")
    for data, epochs in works:
        times: dict[tuple[str, bool], list[float]] = {}
        for _ in range(arguments.rounds):
            for beside in (False, True):
                for name, way in WAYS.items():
                    other = subprocess.Popen([sys.executable, "-c", BUSY]) if beside else None
                    try:
                        if other:
                            time.sleep(2.0)  # until it computes
                        times.setdefault((name, beside), []).append(trained(data, epochs, way))
                    finally:
                        if other:
                            other.kill()
                            other.wait()
        for name in WAYS:
            alone, beside_it = (median(times[name, beside]) for beside in (False, True))
            shown = f"{beside_it:.1f}" if beside_it < LONGEST else f"more than {LONGEST:.0f}"
            print(f"| {Path(data).name}, {epochs} epochs | {name} | {alone:.1f} | {shown} |")


if __name__ == "__main__":
    main()
