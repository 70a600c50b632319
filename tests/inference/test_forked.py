"""A loaded model answers wherever it is taken: in threads, in forked workers, in spawned ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vitreous.data.batches.preprocess import PixelContract
from vitreous.export.exporting import onnx_bytes
from vitreous.inference.model_file import Bundle
from vitreous.models import create
from vitreous.tasks import Classify

# gunicorn --preload forks like `os.fork`, Celery like a pool of multiprocessing.
PROGRAM = """
import multiprocessing, os, sys
from concurrent.futures import ThreadPoolExecutor
import numpy as np
import torch
import vitreous as vt

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 160, 160, 3), dtype=np.uint8)

def scores(_=None):
    return [model.predict(image).score for image in IMAGES]

def opened(path):
    global model
    model = vt.load(path)

if __name__ == "__main__":
    torch.set_num_threads(2)
    opened(sys.argv[1])
    expected = scores()
    if sys.argv[2] == "threads":
        with ThreadPoolExecutor(8) as pool:
            found = [*pool.map(scores, [0] * 16)]
    elif sys.argv[2] == "os.fork":
        read, write = os.pipe()
        if not os.fork():
            os.write(write, repr(scores()).encode())
            os._exit(0)
        found = [eval(os.read(read, 10_000))]
    else:
        context = multiprocessing.get_context(sys.argv[2])
        afresh = {"initializer": opened, "initargs": (sys.argv[1],)}
        with context.Pool(2, **(afresh if sys.argv[2] == "spawn" else {})) as pool:
            found = pool.map(scores, [0] * 4)
    for one in found:
        np.testing.assert_allclose(one, expected, atol=1e-5)
    print(len(found))
"""


def check(model: Path, tmp_path: Path, way: str) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "program.py", str(model), way],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0


def test_forked_after_it_has_answered(model: Path, tmp_path: Path) -> None:
    check(model, tmp_path, "os.fork")


@pytest.mark.slow
@pytest.mark.parametrize("way", ["threads", "fork", "spawn"])
def test_other_ways(model: Path, tmp_path: Path, way: str) -> None:
    check(model, tmp_path, way)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["float32", "bfloat16", "onnx"])
def test_memory_of_lite0(kind: str, tmp_path: Path) -> None:
    """All of the process, Python and torch included: 350 MiB."""
    arguments = {"num_classes": 10, "in_channels": 3, "size": 224}
    bundle = Bundle(
        model=create("efficientnet_lite0", **arguments).eval(),
        architecture="efficientnet_lite0",
        arguments=arguments,
        task=Classify(classes=tuple("abcdefghij")),
        contract=PixelContract(height=224, width=224, channels=3),
        precision="bfloat16" if kind == "bfloat16" else "float32",
    )
    if kind == "onnx":
        path = tmp_path / "lite0.onnx"
        path.write_bytes(onnx_bytes(bundle, np.zeros((2, 224, 224, 3), np.uint8)))
    else:
        path = bundle.save(tmp_path / "lite0.safetensors")
    program = (
        "import re, sys, numpy as np, vitreous as vt\n"
        "vt.load(sys.argv[1]).predict(np.zeros((480, 640, 3), np.uint8))\n"
        "print(int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) / 1024)"
    )
    command = [sys.executable, "-c", program, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 350
