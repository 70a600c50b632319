"""Classic methods on MNIST: accuracy on its 10,000 test images, and what they cost.

    python benchmarks/classic.py --data $VITREOUS_DATA/mnist --models svm knn

Each is one whole command in a fresh process, with two threads. LeCun et al. (1998) report 98.6 %
for a Gaussian SVM, and the course 96.8 % for nearest neighbors. Fails where one is further away
from its figure than that leaves room for, or takes longer than five minutes of two cores.
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

CLAIMED = {"svm": (0.986, 0.002), "knn": (0.968, 0.003)}
MOST = 600.0  # seconds of one core


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    default = Path(os.environ.get("VITREOUS_DATA", ".")) / "mnist"
    parser.add_argument("--data", default=str(default))
    parser.add_argument("--models", nargs="+", default=[*CLAIMED])
    options = parser.parse_args()
    print("| method | test accuracy (95 % interval) | source | seconds | seconds of one core |")
    print("|---|---|---|---|---|")
    failed = []
    for model in options.models:
        with tempfile.TemporaryDirectory() as place, tempfile.TemporaryFile("w+") as out:
            train = [sys.executable, "-m", "vitreous", "train", options.data, "--model", model]
            flags = ["--threads", "2", "--out", f"{place}/run", "--json", "--quiet"]
            began = time.perf_counter()
            process = subprocess.Popen([*train, *flags], stdout=out)
            _, status, usage = os.wait4(process.pid, 0)
            seconds, cores = time.perf_counter() - began, usage.ru_utime + usage.ru_stime
            if status:
                raise SystemExit(f"{model} failed")
            out.seek(0)
            scores = json.loads(out.read().strip().splitlines()[-1])["scores"]["test"]
        low, high = scores["interval"]
        claim, room = CLAIMED.get(model, (None, 0.0))
        reached = f"{scores['accuracy']:.2%} ({low:.2%} to {high:.2%})"
        source = "" if claim is None else f"{claim:.1%}"
        print(f"| {model} | {reached} | {source} | {seconds:.0f} | {cores:.0f} |", flush=True)
        if cores > MOST or (claim is not None and abs(scores["accuracy"] - claim) > room):
            failed.append(model)
    if failed:
        raise SystemExit(f"not as claimed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
