"""Runtimes: ways to compute what a network computes, faster than the network itself does.

Which of them is fastest depends on the processor. Where it multiplies bfloat16 fast, torch comes
near onnxruntime, and OpenVINO was twice as fast on EfficientNet-Lite0; where it does not, as in
most laptops, onnxruntime was 5 times as fast as torch. No rule knows that beforehand: they are
tried, see `infer.runtime_choice`.
"""

from __future__ import annotations

import importlib.util
import io
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vitreous.data.cache import cache_folder as caches
from vitreous.models import backbone_and_head, fold
from vitreous.shapes import Images
from vitreous.training.precision import forward_context, widened
from vitreous.training.processor import has_bfloat16, slow_bfloat16

OPSET = 17
NETWORK = "network"
"""The name of no runtime at all: the network computes."""

Compute = Callable[[Images], Tensor]


class Backbone(nn.Module):
    """A network up to its last layer: images (B, C, H, W) to (B, K)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Images) -> Tensor:
        backbone, _ = backbone_and_head(self.network)
        return backbone(images)


def folded(network: nn.Module, images: Images, kept: Path | None, half: bool = True) -> Compute:
    """Torch, with batch norms folded into convolutions.

    half  in bfloat16, where the processor has instructions for it
    """
    inner = network.network if isinstance(network, Backbone) else network
    copy: nn.Module = fold(inner, images[:2]).requires_grad_(False)
    copy = copy.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if isinstance(network, Backbone):
        copy = Backbone(copy).eval()
    precision = "bfloat16" if half and has_bfloat16() else "float32"

    def compute(images: Images) -> Tensor:
        with torch.inference_mode(), forward_context(precision, "cpu"):
            found: Tensor = widened(copy(images))
        return found

    return compute


def in_onnxruntime(network: nn.Module, images: Images, kept: Path | None) -> Compute:
    """Onnxruntime, in float32."""
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # which its builds for Windows send
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    # Threads that wait for work in a loop would take the processor from those that decode images.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    blob = kept_graph(network, images, kept)
    session = onnxruntime.InferenceSession(blob, options, providers=["CPUExecutionProvider"])

    def compute(images: Images) -> Tensor:
        (found,) = session.run(None, {"images": images.float().contiguous().numpy()})
        return torch.from_numpy(found)

    return compute


def in_openvino(
    network: nn.Module, images: Images, kept: Path | None, half: bool = True
) -> Compute:
    """OpenVINO.

    half  in bfloat16, where the processor has instructions for it
    """
    import openvino

    settings = {
        "INFERENCE_PRECISION_HINT": "bf16" if half and has_bfloat16() else "f32",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
    }
    core = openvino.Core()
    model = core.read_model(model=kept_graph(network, images, kept))
    compiled = core.compile_model(model, "CPU", settings)
    own = threading.local()  # a request for each thread: to make one takes milliseconds

    def compute(images: Images) -> Tensor:
        if not hasattr(own, "request"):
            own.request = compiled.create_infer_request()
        found = own.request.infer([images.float().contiguous().numpy()])[0]
        return torch.from_numpy(found.copy())  # it lies in the request's memory

    return compute


def kept_graph(network: nn.Module, images: Images, kept: Path | None) -> bytes:
    """`graph`, from the file where it lies; else put there, as writing it takes a second.

    kept  None: it is not kept
    """
    blob = None if kept is None else caches.find(kept, Path.read_bytes)
    if blob is None:
        blob = graph(network, images)
        if kept is not None:
            caches.save_bytes(kept, blob, "a graph")
    return blob


def graph(network: nn.Module, images: Images) -> bytes:
    """The network as an ONNX file, for any number of images of one size.

    Torch's older exporter writes it in a tenth of the time that the newer one takes.
    """
    file: Any = io.BytesIO()  # the older exporter takes it, the newer one does not
    axes = {name: {0: "batch"} for name in ("images", "outputs")}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about its age, and about shapes that are meant
        torch.onnx.export(
            network,
            (torch.cat([images[:1], images[:1]]),),
            file,
            dynamo=False,
            input_names=["images"],
            output_names=["outputs"],
            dynamic_axes=axes,
            opset_version=OPSET,
        )
    return bytes(file.getvalue())


@dataclass(frozen=True)
class Runtime:
    """A way to compute.

    title     in a sentence
    build     from a network in evaluation mode, some images and a place for files to what computes;
              may raise anything
    packages  that it needs
    fits      says whether it is one for this processor
    """

    title: str
    build: Callable[[Any, Images, Path | None], Compute]
    packages: tuple[str, ...] = ()
    fits: Callable[[], bool] = lambda: True

    @property
    def installed(self) -> bool:
        return all(importlib.util.find_spec(name) is not None for name in self.packages)

    @property
    def offered(self) -> bool:
        """Is it installed, and one for this processor?"""
        return self.installed and self.fits()

    def failed(self, error: Exception) -> str:
        """In a sentence, of what its `build` or its answer has raised."""
        return f"{self.title} failed: {(str(error) or type(error).__name__).splitlines()[0]}"


OPENVINO = ("onnx", "openvino")

# Who has chosen a row on some processor is answered by it for good, whatever a clock says later.
RUNTIMES = {
    "folded": Runtime("torch with folded norms", folded, fits=lambda: not slow_bfloat16()),
    "folded_float32": Runtime(
        "torch with folded norms in float32", partial(folded, half=False), fits=slow_bfloat16
    ),
    "onnxruntime": Runtime("onnxruntime", in_onnxruntime, ("onnx", "onnxruntime")),
    "openvino": Runtime("OpenVINO", in_openvino, OPENVINO, lambda: not slow_bfloat16()),
    "openvino_float32": Runtime(
        "OpenVINO in float32", partial(in_openvino, half=False), OPENVINO, slow_bfloat16
    ),
}

TWINS = {"folded": "folded_float32", "openvino": "openvino_float32"}
"""Rows that do in float32 what others do in bfloat16: tried where the answers of these differ."""
