"""The network as an ONNX file, with which other runtimes and other languages can answer.

Images (B, C, H, W) in [0, 1] go in and logits (B, L) come out, for any B: normalization is part of
the network. A file is written only if onnxruntime computes from it what the network computes.
"""

from __future__ import annotations

import contextlib
import copy
import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from vitreous.atomic import write_bytes
from vitreous.errors import ModelError, UsageError
from vitreous.inference.model_file import Bundle
from vitreous.inference.views import Viewed
from vitreous.models.network import Network
from vitreous.shapes import Images
from vitreous.version import __version__

OPSET = 20
TOLERANCE = 1e-4  # of the largest logit; float32 differs by about 1e-6 over a dozen layers


def to_onnx(
    model: nn.Module | Bundle,
    path: str | Path,
    *,
    images: Images | None = None,
    opset: int = OPSET,
    tolerance: float = TOLERANCE,
) -> Path:
    """Write a network, or that of a model file, as ONNX: `images` to `logits` in float32.

    The metadata of the file are `vitreous` and `opset`, and for a model file `architecture`,
    `classes`, `contract`, `task` and `decoding` as in its header; each value is JSON.

    images     some (B, C, H, W) in [0, 1] to compare with, which fix C, H and W; without them
               random ones, of the size that the model file or the network has
    opset      version of ONNX' operators
    tolerance  how far logits may differ from the network's, relative to the largest

    Raises ModelError if the network cannot be traced or onnxruntime disagrees with it, UsageError
    if the extra `export` is not installed or a size is needed, StorageError as `replacing` does.
    """
    facts: dict[str, object] = {"vitreous": __version__, "opset": opset}
    if isinstance(model, Bundle):
        facts |= {
            "architecture": model.architecture,
            "classes": model.classes,
            "contract": model.contract.to_json(),
            "task": model.task.name,
            "decoding": model.task.to_json(),
        }
    if images is None:
        images = torch.rand(1, *input_shape(model), generator=torch.Generator().manual_seed(0))
    module = Viewed(model.model, model.views) if isinstance(model, Bundle) else model
    metadata = {name: json.dumps(fact) for name, fact in facts.items()}
    blob = convert(module, images, metadata=metadata, opset=opset, tolerance=tolerance)
    return write_bytes(Path(path), blob)


def convert(
    module: nn.Module,
    examples: Tensor,
    *,
    names: tuple[str, ...] = ("images", "logits"),
    metadata: dict[str, str] | None = None,
    opset: int = OPSET,
    tolerance: float = TOLERANCE,
    free: tuple[str, ...] = (),
    others: Sequence[Tensor] = (),
) -> bytes:
    """The ONNX file of any module with one input, for any number of examples.

    examples  (B, ...) to trace with and to compare with
    names     of the input and of the outputs, which are one tensor, or a tuple of them
    free      names of the axes behind the first that may have any length, such as height and width
    others    further examples to compare with, of other lengths there

    Raises as `to_onnx` does.
    """
    onnx, runtime = packages()
    module = copy.deepcopy(module).cpu().eval()
    examples = torch.cat([examples, examples]).cpu()  # a single one would be taken for a constant
    with torch.no_grad():
        outputs = module(examples)
    if not all(isinstance(each, Tensor) for each in in_a_row(outputs)):
        raise ModelError(
            f"{type(module).__name__} gives a {type(outputs).__name__}, and ONNX gets tensors",
            remedy="Let its forward pass return one tensor.",
        )
    with torch.no_grad(), warnings.catch_warnings(), quietly():
        # About torch's own description of the arguments, whenever torch copies it.
        warnings.filterwarnings("ignore", r"`isinstance\(treespec", FutureWarning)
        try:
            # Traced first: `torch.onnx.export` would fall back on a fixed number of examples.
            axes: dict[int, Any] = {0: torch.export.Dim("batch", min=1)}
            axes |= {place: torch.export.Dim.DYNAMIC for place in range(1, 1 + len(free))}
            program = torch.onnx.export(
                torch.export.export(module, (examples,), dynamic_shapes=(axes,)),
                input_names=names[:1],
                output_names=names[1:],
                dynamic_shapes=(dict(enumerate(("batch", *free))),),
                opset_version=opset,
                dynamo=True,
                verbose=False,
            )
        except Exception as error:  # torch has a kind of its own for each thing it cannot trace
            raise ModelError(
                f"{type(module).__name__} cannot be written as ONNX: "
                f"{(str(error) or type(error).__name__).splitlines()[0]}",
                remedy="Its forward pass must not depend on values or on the number of images.",
            ) from error
    assert program is not None
    proto = program.model_proto
    for node in proto.graph.node:
        kept = [entry for entry in node.metadata_props if not entry.key.endswith("stack_trace")]
        del node.metadata_props[:]  # the trace would show the folders of this machine
        node.metadata_props.extend(kept)
    onnx.helper.set_model_props(proto, metadata or {})
    blob = bytes(proto.SerializeToString())
    session = runtime.InferenceSession(blob, providers=["CPUExecutionProvider"])
    for batch in (examples[:1], examples, *others):
        answers = session.run(None, {names[0]: batch.numpy()})
        with torch.no_grad():
            expected = in_a_row(module(batch))
        for found, wanted in zip(answers, expected, strict=True):
            compare(torch.from_numpy(found), wanted, tolerance)
    return blob


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Without torch's word for each operator of torchvision, where that is not installed."""
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def in_a_row(outputs: Any) -> tuple[Any, ...]:
    """Several outputs, or one, as a tuple."""
    return outputs if isinstance(outputs, tuple) else (outputs,)


def compare(found: Tensor, expected: Tensor, tolerance: float) -> None:
    """Raises ModelError where numbers differ by more, relative to the largest expected one."""
    error, scale = (found - expected).abs().max().item(), expected.abs().max().item()
    if not error <= tolerance * scale:  # NaN is no agreement either
        raise ModelError(
            f"the ONNX file differs from the network by {error:.2g}, where its largest output is "
            f"{scale:.2g}",
            remedy=f"If rounding explains it, allow more than tolerance={tolerance:g}.",
        )


def input_shape(model: nn.Module | Bundle) -> tuple[int, int, int]:
    """(C, H, W) of a network's images."""
    if isinstance(model, Bundle):
        return model.contract.channels, model.contract.height, model.contract.width
    if isinstance(model, Network):
        sizes = model.sizes
        return model.in_channels, *(sizes.fixed or (sizes.default, sizes.default))
    raise UsageError(
        f"the size of images for {type(model).__name__} is not known",
        where="images",
        remedy="Pass some: to_onnx(model, path, images=torch.rand(2, 3, 224, 224)).",
    )


def packages() -> tuple[ModuleType, ModuleType]:
    """onnx and onnxruntime. Raises UsageError that names the extra where one is missing."""
    try:
        import onnx
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"ONNX export needs the package {error.name}",
            remedy='pip install "vitreous[export]"',
        ) from error
    return onnx, onnxruntime
