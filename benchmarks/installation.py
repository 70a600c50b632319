"""How large is an installation: a package with all that it needs, and nothing else?

    python benchmarks/installation.py

Each package is followed through what it requires, without extras, in the environment where it lies;
its own files and those of all it needs are added up, compiled Python apart. torch is shown by
itself, since its build decides: for CUDA it is several times as large, and the peers need the same.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PACKAGES = {  # packages, by the environment that has them
    ".venv": ("vitreous", "vitreous[export]", "torchvision", "timm"),
    ".venv-peers": ("lightning", "fastai"),
    ".venv-keras": ("keras tensorflow-cpu",),
}
FOLLOWED = """
import importlib.metadata as metadata, json, os, pathlib, sys
from pip._vendor.packaging.requirements import Requirement

def follow(text, found):
    wanted = Requirement(text)
    name = wanted.name.lower().replace("_", "-").replace(".", "-")
    asked = wanted.extras or {""}
    if asked <= found.setdefault(name, set()):
        return
    found[name] |= asked
    for line in metadata.requires(wanted.name) or ():
        needed = Requirement(line)
        marker = needed.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in {"", *asked}):
            follow(line, found)

def size(name):
    paths = {path.locate() for path in metadata.files(name) or ()}
    if name == "vitreous":  # an editable installation has a pointer to its files
        paths |= {*pathlib.Path(__import__("vitreous").__file__).parent.rglob("*")}
    plain = (path for path in map(pathlib.Path, paths) if path.suffix != ".pyc")
    return sum(path.stat().st_size for path in plain if path.is_file())

found = {}
for package in sys.argv[1:]:
    follow(package, found)
print(json.dumps({name: size(name) for name in found}))
"""  # within the other environment, which has no vitreous


def sizes(python: str, packages: str) -> dict[str, int]:
    """Bytes of these packages and of each that they need."""
    command = [python, "-c", FOLLOWED, *packages.split()]
    found: dict[str, int] = json.loads(subprocess.check_output(command, text=True))
    return found


def main() -> None:
    argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0]).parse_args()
    print("| package | packages | MiB | of these torch | largest others |")
    print("|---|---|---|---|---|")
    for environment, packages in PACKAGES.items():
        beside = HERE.parent / environment / "bin/python"
        python = sys.executable if environment == ".venv" else str(beside)
        for package in packages:
            found = sizes(python, package)
            total, torch = sum(found.values()), found.get("torch", 0)
            others = sorted((bytes_, name) for name, bytes_ in found.items() if name != "torch")
            named = ", ".join(f"{name} {bytes_ / 2**20:.0f}" for bytes_, name in others[:-4:-1])
            shown = f"{total / 2**20:,.0f} | {torch / 2**20:,.0f}"
            print(f"| {package} | {len(found)} | {shown} | {named} |", flush=True)


if __name__ == "__main__":
    main()
