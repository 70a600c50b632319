"""How fast are answers, beside the other ways to compute them?

    VITREOUS_DATA=... python benchmarks/engine.py [--networks NAMES] [--batches 1,32] [--rounds 7]

Each way answers the same photos of Imagenette, in turns, in one process; the figure is images a
second in the median of the rounds. `ours` is what the trial of `vitreous.infer` chooses for as many
images as `--count`, among the ways in italics; it must reach 0.95 of the best of all. OpenVINO
takes part where it is installed. With ONEDNN_MAX_CPU_ISA=AVX2 and ATEN_CPU_CAPABILITY=avx2 in the
environment torch computes as on a processor without AVX-512; onnxruntime cannot be limited so.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from vitreous import heap
from vitreous.data.batches.preprocess import PixelContract
from vitreous.infer.runtime_choice import COMPARED, Trial
from vitreous.infer.runtimes import NETWORK, RUNTIMES, TWINS, graph
from vitreous.models import MODELS, create
from vitreous.tasks.classify import Classify
from vitreous.trace.measure.cost import macs
from vitreous.training.precision import choose
from vitreous.training.processor import has_bfloat16, processor

ASKED = 0.95
SETTLED = 0.2  # seconds


def photos(size: int) -> Tensor:
    """(COMPARED, 3, size, size) in [0, 1], of the photos of Imagenette."""
    files = sorted((Path(os.environ["VITREOUS_DATA"]) / "imagenette").rglob("*.JPEG"))
    contract = PixelContract(height=size, width=size, channels=3)
    spread = files[:: len(files) // COMPARED][:COMPARED]
    return contract.images(np.stack([contract.load(path) for path in spread]))


def eager(network: nn.Module, images: Tensor) -> Callable[[Tensor], Tensor]:
    def compute(images: Tensor) -> Tensor:
        with torch.inference_mode():
            return network(images.contiguous())

    return compute


def in_onnxruntime(network: nn.Module, images: Tensor) -> Callable[[Tensor], Tensor]:
    """With its own defaults: threads that wait awake."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    blob = graph(network, images)
    session = onnxruntime.InferenceSession(blob, options, providers=["CPUExecutionProvider"])
    return lambda images: session.run(None, {"images": images.contiguous().numpy()})[0]


def in_openvino(network: nn.Module, images: Tensor) -> Callable[[Tensor], Tensor]:
    import openvino

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        path.write_bytes(graph(network, images))
        # By itself it takes bfloat16, and breaks down where the environment has taken that away.
        settings = {} if has_bfloat16() else {"INFERENCE_PRECISION_HINT": "f32"}
        compiled = openvino.compile_model(path, "CPU", settings)
    return lambda images: compiled([images.contiguous().numpy()])[0]


def settle(compute: Callable[[Tensor], Tensor], images: Tensor) -> None:
    """Once at least, and until threads of the way before look for work no more."""
    began = time.perf_counter()
    compute(images)
    while time.perf_counter() - began < SETTLED:
        compute(images)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--networks", default="efficientnet_lite0,resnet18,resnet50,convnet")
    parser.add_argument("--batches", default="1,32")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--count", type=int, default=2000)
    arguments = parser.parse_args()
    heap.keep_freed()  # for all ways
    # On one thread, the time that this process was given: other programs disturb it less.
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    print(f"{processor()}, {torch.get_num_threads()} threads\n")
    peers = {"torch eager": eager, "onnxruntime by itself": in_onnxruntime}
    if importlib.util.find_spec("openvino"):
        peers["OpenVINO"] = in_openvino
    twins = [twin for name, twin in TWINS.items() if RUNTIMES[name].offered and has_bfloat16()]
    own = [NETWORK, *(name for name, each in RUNTIMES.items() if each.offered or name in twins)]
    heads = [*peers, *(f"*{name}*" for name in own), "ours is", "ours / best"]
    print(f"| network | batch | {' | '.join(heads)} |\n|---|---|{'---|' * len(heads)}")
    missed = []
    for name in arguments.networks.split(","):
        torch.manual_seed(0)
        network = create(name, pretrained=bool(MODELS[name].weights)).eval()
        size = 32 if name == "convnet" else 224
        network = network.to(memory_format=torch.channels_last)
        images = photos(size)[:, : network.in_channels]
        images = images.to(memory_format=torch.channels_last)
        outputs = network(images[:1]).shape[1]
        trial = Trial(
            network=network,
            signature=(name, "benchmark"),
            examples=images,
            count=arguments.count,
            precision=choose("auto", "cpu", macs(network, images.shape[1:])).name,
            task=Classify(classes=tuple(map(str, range(outputs)))),
        )
        ways = {peer: build(network, images) for peer, build in peers.items()}
        ways |= {each: trial.build(each) for each in own}
        chosen = trial.choose().runtime
        for batch in map(int, arguments.batches.split(",")):
            given = images[:batch]
            speeds: dict[str, list[float]] = {way: [] for way in ways}
            for number in range(arguments.rounds + 1):
                for way, compute in ways.items():
                    settle(compute, given)
                    began = clock()
                    compute(given)
                    if number:  # the first round warms up
                        speeds[way].append(batch / (clock() - began))
            middle = {way: statistics.median(found) for way, found in speeds.items()}
            share = middle[chosen] / max(middle.values())
            if share < ASKED:
                missed.append(f"{name} at batch {batch}")
            columns = [*(f"{speed:.1f}" for speed in middle.values()), chosen, f"{share:.2f}"]
            print(f"| {name} | {batch} | {' | '.join(columns)} |", flush=True)
    if missed:
        raise SystemExit(f"\nbelow {ASKED} of the best: {', '.join(missed)}")


if __name__ == "__main__":
    main()
