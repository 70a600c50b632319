"""From JPEG files to answers: photos a second, beside timm's loader and hand-written pipelines.

    VITREOUS_DATA=... python benchmarks/engine_files.py [--networks NAMES] [--photos 256]

Ours is `vt.load(...).predict(files)` of a model whose runtime a trial has chosen as for a run of
many photos. timm's way is its network, its transforms and its loader, two workers, torch eager. The
others decode and crop with OpenCV and ask onnxruntime or OpenVINO directly, 32 photos at once.
Networks have ten classes and first weights; files are photos of Imagenette, in the system's cache.
All sides take turns in one process, once untimed.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

import peers
from engine import in_onnxruntime, in_openvino
from vitreous import heap
from vitreous.data.batches.preprocess import PixelContract
from vitreous.infer.runtime_choice import record
from vitreous.infer.runtimes import NETWORK
from vitreous.inference.model_file import Bundle, load
from vitreous.models import create
from vitreous.run_folder import RunFolder
from vitreous.runs.run_engine import trial
from vitreous.tasks import Classify
from vitreous.training.precision import choose
from vitreous.training.processor import processor

SIDE, BATCH, CLASSES, MANY = 224, 32, 10, 10_000
OF_TIMM = {"efficientnet_lite0": "tf_efficientnet_lite0"}  # where its name is another
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
Answers = Callable[[Sequence[Path]], list[int]]


def ours(name: str, files: Sequence[Path], place: Path) -> tuple[Answers, str]:
    """What answers, and the runtime that was chosen for it."""
    torch.manual_seed(0)
    arguments = {"num_classes": CLASSES, "in_channels": 3, "size": SIDE}
    bundle = Bundle(
        model=create(name, **arguments).eval(),
        architecture=name,
        arguments=arguments,
        task=Classify(classes=tuple(map(str, range(CLASSES)))),
        contract=PixelContract(height=SIDE, width=SIDE, channels=3),
        precision=choose("auto", "cpu", math.inf).name,
    )
    path = place / "model.vit"
    bundle.save(path)
    bundle = load(path)
    engine = bundle.engine_by(NETWORK)
    assert engine is not None
    rows = np.stack([bundle.contract.load(file) for file in files[:BATCH]])
    choice = trial(bundle, engine, rows, np.arange(len(rows)), MANY).choose()
    record(RunFolder(place).runtime, choice)
    loaded = load(path)
    return lambda files: [int(one.text) for one in loaded.predict(files, top=1)], choice.runtime


def timm_s_way(name: str, files: Sequence[Path]) -> Answers:
    peers.torchvision()
    import timm.data
    from PIL import Image

    model = timm.create_model(OF_TIMM.get(name, name), num_classes=CLASSES).eval()
    transform = timm.data.create_transform(**timm.data.resolve_data_config({}, model=model))

    class Photos(torch.utils.data.Dataset[Tensor]):
        def __len__(self) -> int:
            return len(files)

        def __getitem__(self, index: int) -> Tensor:
            found: Tensor = transform(Image.open(files[index]).convert("RGB"))
            return found

    loader = torch.utils.data.DataLoader(Photos(), BATCH, num_workers=2, persistent_workers=True)

    def answers(files: Sequence[Path]) -> list[int]:
        with torch.inference_mode():
            return [int(best) for images in loader for best in model(images).argmax(1)]

    return answers


def by_hand(compute: Callable[[Tensor], Any]) -> Answers:
    """Decoding, the short side to 256, the middle of it, and the network."""

    def image(path: Path) -> np.ndarray[Any, Any]:
        pixels = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        scale = 256 / min(pixels.shape[:2])
        size = [round(side * scale) for side in pixels.shape[1::-1]]
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        top, left = ((side - SIDE) // 2 for side in pixels.shape[:2])
        cut = pixels[top : top + SIDE, left : left + SIDE].astype(np.float32) / 255
        return (cut - np.float32(MEAN)) / np.float32(STD)

    def answers(files: Sequence[Path]) -> list[int]:
        found: list[int] = []
        for first in range(0, len(files), BATCH):
            stack = np.stack([image(path) for path in files[first : first + BATCH]])
            images = torch.from_numpy(stack.transpose(0, 3, 1, 2))
            found += np.asarray(compute(images)).argmax(1).tolist()
        return found

    return answers


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--networks", default="efficientnet_lite0,resnet18,resnet50")
    parser.add_argument("--photos", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    every = sorted((Path(os.environ["VITREOUS_DATA"]) / "imagenette").rglob("*.JPEG"))
    files = random.Random(0).sample(every, options.photos)
    heap.keep_freed()  # for all sides
    print(f"{processor()}, {torch.get_num_threads()} threads\n")
    rows = []
    for name in options.networks.split(","):
        with tempfile.TemporaryDirectory() as place:
            mine, runtime = ours(name, files, Path(place))
            network: nn.Module = create(name, num_classes=CLASSES).eval()
            like = torch.zeros(BATCH, 3, SIDE, SIDE)
            ways = {
                "vitreous": mine,
                "timm": timm_s_way(name, files),
                "OpenCV, onnxruntime": by_hand(in_onnxruntime(network, like)),
            }
            if importlib.util.find_spec("openvino"):
                ways["OpenCV, OpenVINO"] = by_hand(in_openvino(network, like))
            speeds: dict[str, list[float]] = {way: [] for way in ways}
            for number in range(options.rounds + 1):
                for way, answers in ways.items():
                    began = time.perf_counter()
                    assert len(answers(files)) == len(files)
                    if number:
                        speeds[way].append(len(files) / (time.perf_counter() - began))
        middle = {way: statistics.median(found) for way, found in speeds.items()}
        best = max([*ways][1:], key=middle.__getitem__)
        ratios = [one / other for one, other in zip(speeds["vitreous"], speeds[best], strict=True)]
        shown = " | ".join(f"{speed:.0f}" for speed in middle.values())
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
        rows.append(f"| {name} | {shown} | {runtime} | {spread} |")
    titles = [*ways, "vitreous by", "÷ best peer"]
    print(f"| network | {' | '.join(titles)} |\n|---|{'---|' * len(titles)}")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
