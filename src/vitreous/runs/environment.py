"""Environment of a run: versions, processor, command. Written once, shown in the report."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib import metadata
from typing import Any

import torch

from vitreous.distributed import ALONE, Ranks
from vitreous.errors import RunError
from vitreous.recipes.contradictions import devices
from vitreous.run_folder import RunFolder
from vitreous.version import __version__

PACKAGES = (
    "torch", "numpy", "opencv-python-headless", "opencv-python", "pillow", "safetensors",
    "scipy", "tifffile",
)  # fmt: skip


def environment(ranks: Ranks = ALONE) -> dict[str, Any]:
    """Versions and machine as plain JSON values, without names of users and hosts; and how many
    processes train together, of which each computes with so many threads.
    """
    return {
        "vitreous": __version__,
        "python": platform.python_version(),
        "packages": versions(PACKAGES),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "processes": ranks.size,
        "machines": -(-ranks.size // ranks.here),
        "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "command": shlex.join(["vitreous", *sys.argv[1:]])
        if sys.argv[0].endswith("vitreous")
        else None,
    }


def check_device(device: str, run: RunFolder) -> None:
    """Raises RunError where a run goes on that was begun on a kind of device that is not here."""
    if device not in devices():
        raise RunError(
            f"this run is trained on {device}, and torch finds none here",
            where=str(run.path),
            remedy="Resume it on a machine with one, or start a new run here, with --device cpu.",
        )


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Of those that an installer has registered: conda, for one, has other names for some."""
    found = {}
    for name in packages:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found
