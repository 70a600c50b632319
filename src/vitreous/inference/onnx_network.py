"""A network that onnxruntime runs, from a file that `vitreous export` wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vitreous.errors import ModelFileError, UsageError
from vitreous.inference.header import Header
from vitreous.inference.pixel_network import HEADER, PIXELS, PixelNetwork, header_of


class OnnxNetwork(PixelNetwork):
    """session  of onnxruntime"""

    kind = "ONNX"

    def __init__(self, session: Any) -> None:
        (window,) = (tuple(each.shape[1:]) for each in session.get_inputs())
        super().__init__(window)
        self.session = session
        self.answer = session.get_outputs()[0].name

    def answered(self, rows: NDArray[np.uint8]) -> NDArray[np.float32]:
        found: NDArray[np.float32]
        (found,) = self.session.run([self.answer], {PIXELS: rows})
        return found


def read_onnx(path: Path) -> tuple[OnnxNetwork, Header]:
    """The network of an ONNX file, and what it says of itself. Nothing but the file itself is read.

    Raises ModelFileError for a file that is damaged or comes from elsewhere, UsageError where
    onnxruntime is not installed.
    """
    where = str(path)
    try:
        import onnxruntime
    except ImportError as error:
        raise UsageError(
            "an ONNX file needs the package onnxruntime", remedy="pip install onnxruntime"
        ) from error
    onnxruntime.disable_telemetry_events()  # which its builds for Windows send
    try:
        blob = path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"cannot be read: {error.strerror}", where=where) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        # From bytes: a file that asks for tensors in other files of this machine gets none.
        session = onnxruntime.InferenceSession(blob, options, providers=["CPUExecutionProvider"])
        session._model_bytes = None  # all of the file, kept for other providers, which never come
        found = session.get_modelmeta().custom_metadata_map.get(HEADER)
    except Exception as error:  # onnxruntime has a kind of its own for each damage
        reason = str(error).strip().splitlines()[-1]
        raise ModelFileError(f"is no ONNX file that can be run: {reason}", where=where) from error
    ours = [each.name for each in session.get_inputs()] == [PIXELS]
    header = header_of(found if ours else None, where)
    return OnnxNetwork(session), header
