"""Quantization: weights and activations as eight-bit integers, calibrated on training images.

Weights have seven bits of the eight, without which a sum of two products would overflow, unheard,
on processors that have no instruction for such sums (AVX2 without VNNI).

Jacob et al. (2018), "Quantization and training of neural networks for efficient integer-arithmetic-
only inference", arXiv:1712.05877.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.errors import ModelError
from vitreous.formats import counted
from vitreous.inference.pixel_network import PIXELS

TOGETHER = 16
MOST_LOST = 0.01  # of a headline score that is a share, before eight bits are refused
INTEGERS = ("Conv", "Gemm", "MatMul", "Add", "Clip", "Relu", "MaxPool", "GlobalAveragePool")
"""Operators that compute with integers. Between two of them numbers stay integers; what makes
probabilities of the outputs does not lose digits.
"""


def quantized(blob: bytes, rows: NDArray[np.uint8]) -> bytes:
    """The same ONNX file in int8; its metadata stay. Ranges of activations are those on the rows.

    rows  (N, H, W, C) training images
    """
    import onnx
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.batches = chunks(rows)

        def get_next(self) -> dict[str, Any] | None:
            return next(self.batches, None)

    with tempfile.TemporaryDirectory() as name:
        source, prepared, made = (Path(name) / f"{step}.onnx" for step in ("full", "ready", "int8"))
        source.write_bytes(blob)
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        onnx.save(normalized_at_once(onnx.load(prepared)), prepared)
        quantize_static(
            str(prepared),
            str(made),
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            reduce_range=True,
            op_types_to_quantize=[*INTEGERS],
        )
        found = onnx.load(made)
    facts = {entry.key: entry.value for entry in onnx.load_from_string(blob).metadata_props}
    onnx.helper.set_model_props(found, facts)
    return bytes(found.SerializeToString())


def normalized_at_once(model: Any) -> Any:
    """The same network, whose (pixels / 255 - mean) / std is one operator in place of three: beside
    integers, each of those would take as long as a whole convolution.
    """
    from onnx import helper, numpy_helper

    graph = model.graph
    values = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    asked = Counter(name for node in graph.node for name in node.input)
    for place, three in enumerate(zip(graph.node, graph.node[1:], graph.node[2:], strict=False)):
        if [node.op_type for node in three] != ["Div", "Sub", "Div"]:
            continue
        between = [(one.output[0], other.input[0]) for one, other in pairwise(three)]
        names = [node.input[1] for node in three]
        if not all(one == other and asked[one] == 1 for one, other in between):
            continue
        if not all(name in values for name in names):
            continue
        scale, mean, std = (values[name] for name in names)
        made = {
            "weight": np.ones_like(mean),
            "bias": np.zeros_like(mean),
            "mean": scale * mean,
            "variance": (scale * std) ** 2,
        }
        inputs = [three[0].input[0], *(f"normalize.{name}" for name in made)]
        one = helper.make_node("BatchNormalization", inputs, [three[2].output[0]], epsilon=0.0)
        for node in three:
            graph.node.remove(node)
        graph.node.insert(place, one)
        kept = [
            each for each in graph.initializer if each.name not in names or asked[each.name] > 1
        ]
        del graph.initializer[:]
        graph.initializer.extend(kept)
        graph.initializer.extend(
            numpy_helper.from_array(value.ravel(), f"normalize.{name}")
            for name, value in made.items()
        )
        break
    return model


def chunks(rows: NDArray[np.uint8]) -> Iterator[dict[str, NDArray[np.uint8]]]:
    return ({PIXELS: rows[first : first + TOGETHER]} for first in range(0, len(rows), TOGETHER))


def worth(before: Any, after: Any, most_lost: float) -> list[str]:
    """What was lost, in words. Raises ModelError where that is too much."""
    one, other = before.headline, after.headline
    sign = 1 if one.better == "higher" else -1
    lost = sign * (one.value - other.value)
    text = f"{one.title} on {counted(before.count, 'validation image')}: " + " → ".join(
        each.format(each.value)
        + (" ({} to {})".format(*map(each.format, each.bounds)) if each.bounds else "")
        for each in (one, other)
    )
    allowed = most_lost if one.is_share else most_lost * abs(one.value)
    if not lost <= allowed:
        raise ModelError(
            f"eight bits lose too much: {text}",
            where="--quantize int8",
            remedy=f"Export without it, or allow more than --most-lost {most_lost:g}.",
        )
    return [text]
