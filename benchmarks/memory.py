"""Memory of one loaded network: a fresh process that answers one photo, in several number formats.

`python benchmarks/memory.py` prints a table: what the process holds after the answer (VmRSS), its
most on the way (VmHWM), and what of it is there before a network is loaded. 350 MiB are asked.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from vitreous.data.batches.preprocess import PixelContract
from vitreous.export.exporting import onnx_bytes
from vitreous.formats import counted
from vitreous.inference.model_file import Bundle
from vitreous.models import create
from vitreous.tasks import Classify

PROGRAM = """
import re, sys

def held(name):
    return int(re.search(name + r":\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024

import numpy as np
import vitreous as vt
if sys.argv[1:]:
    model = vt.load(sys.argv[1])
    model.predict(np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8))
else:
    vt.load
    import torch
print(held("VmRSS"), held("VmHWM"))
"""


def main() -> None:
    torch.manual_seed(0)
    arguments = {"num_classes": 10, "in_channels": 3, "size": 224}
    bundle = Bundle(
        model=create("efficientnet_lite0", **arguments).eval(),
        architecture="efficientnet_lite0",
        arguments=arguments,
        task=Classify(classes=tuple("abcdefghij")),
        contract=PixelContract(height=224, width=224, channels=3),
    )
    with tempfile.TemporaryDirectory() as folder:
        rows = np.zeros((2, 224, 224, 3), np.uint8)
        exported = Path(folder) / "lite0.onnx"
        exported.write_bytes(onnx_bytes(bundle, rows))
        files = {
            "nothing: torch and vitreous imported": "",
            "float32, torch": str(bundle.save(Path(folder) / "float32.safetensors")),
            "bfloat16, torch": str(
                replace(bundle, precision="bfloat16").save(Path(folder) / "bfloat16.safetensors")
            ),
            "float32, its ONNX file": str(exported),
        }
        print("| EfficientNet-Lite0, one photo | held, MiB | at most, MiB |\n|---|---|---|")
        for name, path in files.items():
            for threads in ("1", "2"):
                done = subprocess.run(
                    [sys.executable, "-c", PROGRAM, *filter(None, [path])],
                    env={**os.environ, "OMP_NUM_THREADS": threads},
                    capture_output=True,
                    text=True,
                    check=True,
                )
                held, most = map(float, re.findall(r"[\d.]+", done.stdout))
                told = counted(int(threads), "thread")
                print(f"| {name}, {told} | {held:.0f} | {most:.0f} |")


if __name__ == "__main__":
    main()
