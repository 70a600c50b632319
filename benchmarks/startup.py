"""What it costs to ask: `vitreous --help`, `import vitreous`, beside a bare interpreter.

    python benchmarks/startup.py

Eleven runs of each in turn; prints the medians of the wall time, and whether torch was loaded.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from statistics import median

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import vitreous": [sys.executable, "-c", "import vitreous"],
    "vitreous --help": [str(Path(sys.executable).parent / "vitreous"), "--help"],
    "import torch": [sys.executable, "-c", "import torch"],
}


def main() -> None:
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(11):
        for name, command in COMMANDS.items():
            began = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            times[name].append(time.perf_counter() - began)
    check = "\n".join(
        [
            "import sys",
            "from vitreous.cli.main import run",
            "run(['--help'])",
            "print('torch' in sys.modules)",
        ]
    )
    loaded = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=True
    )
    print("| | seconds, median |")
    print("|---|---|")
    for name, found in times.items():
        print(f"| `{name}` | {median(found):.3f} |")
    print(f"\ntorch is loaded by `vitreous --help`: {loaded.stdout.splitlines()[-1]}")


if __name__ == "__main__":
    main()
