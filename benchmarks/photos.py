"""Photos: `vitreous train imagenette` with defaults, as whole commands, cold and with a warm cache.

    python benchmarks/photos.py --data $VITREOUS_DATA/imagenette --runs 3

Cold means an empty cache: every image is decoded and goes through the backbone. The second run of
each pair finds pack and features in the cache. Prints a table with medians.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from statistics import median

from mnist import timed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    default = Path(os.environ.get("VITREOUS_DATA", ".")) / "imagenette"
    parser.add_argument("--data", default=str(default))
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    rows: dict[str, list[tuple[float, float, float]]] = {"cold": [], "cached": []}
    for run in range(options.runs):
        with tempfile.TemporaryDirectory() as place:
            for state, found in rows.items():
                command = [str(Path(sys.executable).parent / "vitreous"), "train", options.data]
                flags = ["--seed", str(run), "--out", f"{place}/{state}", "--json", "--quiet"]
                seconds, memory, printed = timed(
                    [*command, *flags], VITREOUS_CACHE=f"{place}/cache"
                )
                accuracy = printed["scores"]["validation"]["accuracy"]
                found.append((seconds, memory, accuracy))
    print("| | validation accuracy (each seed) | seconds, median | peak memory, MiB |")
    print("|---|---|---|---|")
    for state, found in rows.items():
        each = ", ".join(f"{accuracy:.2%}" for _, _, accuracy in found)
        seconds = median(seconds for seconds, _, _ in found)
        print(f"| {state} | {each} | {seconds:.1f} | {max(m for _, m, _ in found):.0f} |")


if __name__ == "__main__":
    main()
