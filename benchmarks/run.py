"""All benchmarks, one after the other; each prints the table that benchmarks/README.md keeps.

    python benchmarks/run.py [NAME ... | --studies]

Without names those of speed, memory and size beside others; with --studies what is learned and
found, and what our own rules rest on, which takes many hours. Those on real images look into the
folder that $VITREOUS_DATA names; what is not there is said, and its benchmarks are left out.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PARTS = {  # of others, which run them or read from them
    "run",
    "peers",
    "keras_mnist",
    "keras_networks",
    "keras_rounds",
    "keras_transfer",
    "jpeg_sides",
    "kept_epoch",
    "mnist_peers",
    "small_sets",
    "training_rounds",
    "training_sides",
    "transfer_tutorial",
    "trials",
    "doctor_training",
    "doctor_zoo",
}
STUDIES = {  # of accuracy, and of speeds that decide how something is done
    "classic",
    "compile",
    "contention",
    "defaults",
    "degradation",
    "dense",
    "doctor",
    "explain_measures",
    "folding",
    "heap",
    "index",
    "int8",
    "labels",
    "layout",
    "precision",
    "pretrain",
    "robust",
    "scale",
    "segmentation_peer",
    "shortcuts",
    "tune",
    "zoo",
}
LONG = ("mnist", "photos", "cifar10")  # come last
BESIDE = {"augmentation", "explain", "robust"}  # share a process with peers of .venv-peers
DATA = {  # folders in $VITREOUS_DATA that one cannot do without
    "cifar10": ("cifar-10-batches-bin",),
    "classic": ("mnist",),
    "defaults": ("imagenette", "bccd", "camvid", "leeds", "membrane", "cifar-10-batches-bin"),
    "degradation": ("cifar-10-batches-bin",),
    "dense": ("camvid", "membrane", "bccd", "leeds"),
    "doctor": ("mnist", "cifar-10-batches-bin"),
    "engine": ("imagenette",),
    "engine_files": ("imagenette",),
    "explain_measures": ("bccd",),
    "int8": ("mnist", "cifar-10-batches-bin", "imagenette"),
    "mnist": ("mnist",),
    "photos": ("imagenette",),
    "pretrain": ("cifar-10-batches-bin",),
    "ship": ("imagenette",),
    "tune": ("mnist", "cifar-10-batches-bin"),
    "zoo": ("mnist",),
}


def command(name: str) -> tuple[list[str], dict[str, str]]:
    """What runs a benchmark, and in which environment."""
    script, beside = str(HERE / f"{name}.py"), HERE.parent / ".venv-peers/bin/python"
    if name not in BESIDE or not beside.exists():
        return [sys.executable, script], {**os.environ}
    return [str(beside), script], {**os.environ, "PYTHONPATH": str(HERE.parent / "src")}


def main() -> None:
    short = {path.stem for path in HERE.glob("*.py")} - PARTS - STUDIES - {*LONG}
    names = sys.argv[1:] or [*sorted(short), *LONG]
    if names == ["--studies"]:
        names = sorted(STUDIES)
    place = Path(os.environ.get("VITREOUS_DATA", "."))
    failed = []
    for name in names:
        print(f"\n## {name}\n", flush=True)
        absent = [folder for folder in DATA.get(name, ()) if not (place / folder).is_dir()]
        if absent:
            print(f"Not run: $VITREOUS_DATA has no {', '.join(absent)}.", flush=True)
            continue
        line, environment = command(name)
        if subprocess.run(line, env=environment).returncode:
            failed.append(name)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
