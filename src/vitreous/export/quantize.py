"""Quantization: weights and activations as eight-bit integers, calibrated on training images.

Jacob et al. (2018), "Quantization and training of neural networks for efficient integer-arithmetic-
only inference", arXiv:1712.05877.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.inference.onnx_network import PIXELS

TOGETHER = 16


def quantized(blob: bytes, rows: NDArray[np.uint8]) -> bytes:
    """The same ONNX file in int8; its metadata stay. Ranges of activations are those on the rows.

    rows  (N, H, W, C) training images
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
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
        quantize_static(
            str(prepared),
            str(made),
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            op_types_to_quantize=["Conv", "Gemm", "MatMul"],
        )
        found = onnx.load(made)
    facts = {entry.key: entry.value for entry in onnx.load_from_string(blob).metadata_props}
    onnx.helper.set_model_props(found, facts)
    return bytes(found.SerializeToString())


def chunks(rows: NDArray[np.uint8]) -> Iterator[dict[str, NDArray[np.uint8]]]:
    return ({PIXELS: rows[first : first + TOGETHER]} for first in range(0, len(rows), TOGETHER))
