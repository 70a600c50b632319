"""A network that OpenVINO runs, from the two files that `vitreous export --to openvino` wrote.

It computes in float32, whatever number format OpenVINO would choose on this processor.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vitreous.errors import ModelFileError, UsageError
from vitreous.inference.header import Header
from vitreous.inference.pixel_network import HEADER, PIXELS, PixelNetwork, header_of

OURS = "vitreous"  # under which the metadata lie


class OpenvinoNetwork(PixelNetwork):
    """compiled  a model, for this processor"""

    kind = "OpenVINO"

    def __init__(self, compiled: Any) -> None:
        axes = list(compiled.input(0).get_partial_shape())[1:]
        super().__init__(tuple(axis.get_length() if axis.is_static else None for axis in axes))
        self.compiled = compiled

    def answered(self, rows: NDArray[np.uint8]) -> NDArray[np.float32]:
        request = self.compiled.create_infer_request()  # one of its own for each thread
        return np.array(request.infer({PIXELS: rows})[0])


def read_openvino(path: Path) -> tuple[OpenvinoNetwork, Header]:
    """The network of an .xml file and of the .bin beside it, and what it says of itself.

    Raises ModelFileError for files that are damaged or come from elsewhere, UsageError where
    openvino is not installed.
    """
    openvino, where = package(), str(path)
    try:
        blobs = path.read_bytes(), path.with_suffix(".bin").read_bytes()
    except OSError as error:
        raise ModelFileError(
            f"cannot be read: {error.strerror}",
            where=str(error.filename),
            remedy="An OpenVINO network is two files, .xml and .bin, in one folder.",
        ) from error
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
    }
    core = openvino.Core()
    try:
        model = core.read_model(model=blobs[0], weights=blobs[1])
        compiled = core.compile_model(model, "CPU", settings)
    except Exception as error:  # openvino has no kinds of its own
        reason = str(error).strip().splitlines()[-1]
        raise ModelFileError(
            f"is no OpenVINO file that can be run: {reason}", where=where
        ) from error
    ours = model.has_rt_info([OURS, HEADER]) and [each.any_name for each in model.inputs] == [
        PIXELS
    ]
    header = header_of(model.get_rt_info([OURS, HEADER]).astype(str) if ours else None, where)
    return OpenvinoNetwork(compiled), header


def package() -> ModuleType:
    """openvino. Raises UsageError that names the extra where it is missing."""
    try:
        import openvino
    except ImportError as error:
        raise UsageError(
            "an OpenVINO file needs the package openvino",
            remedy='pip install "vitreous[export,openvino]"',
        ) from error
    return openvino  # type: ignore[no-any-return]
