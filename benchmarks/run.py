"""All benchmarks, one after the other; each prints the table that benchmarks/README.md keeps.

python benchmarks/run.py [NAME ...]
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
NEEDED = {  # read by others
    "run",
    "peers",
    "keras_mnist",
    "keras_networks",
    "keras_rounds",
    "keras_transfer",
    "training_rounds",
    "training_sides",
    "transfer_tutorial",
    "kept_epoch",
    "small_sets",
    "trials",
    "doctor_training",
    "doctor_zoo",
}


def main() -> None:
    names = sys.argv[1:] or sorted(
        path.stem for path in HERE.glob("*.py") if path.stem not in NEEDED
    )
    failed = []
    for name in names:
        print(f"\n## {name}\n", flush=True)
        if subprocess.run([sys.executable, str(HERE / f"{name}.py")]).returncode:
            failed.append(name)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
