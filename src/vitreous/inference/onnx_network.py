"""A network that onnxruntime runs, from a file that `vitreous export` wrote.

It stands in a predictor where a torch module would, so every form of answer works with it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vitreous.errors import ModelError, ModelFileError, UsageError
from vitreous.inference.header import Header
from vitreous.shapes import Images

HEADER = "header"  # the key of the metadata under which the header of the model file lies
PIXELS = "pixels"  # the name of the input: (B, H, W, C) bytes


class OnnxNetwork(nn.Module):
    """Images (B, C, H, W) in [0, 1], whose values are bytes / 255, to the network's outputs.

    session  of onnxruntime
    """

    def __init__(self, session: Any) -> None:
        super().__init__()
        self.session = session
        self.answer = session.get_outputs()[0].name
        (self.window,) = (tuple(each.shape[1:]) for each in session.get_inputs())  # H, W, C

    def forward(self, images: Images) -> Tensor:
        _, channels, height, width = images.shape
        given = zip(self.window, (height, width, channels), strict=True)
        if any(isinstance(one, int) and one != other for one, other in given):  # names are free
            raise ModelError(
                f"the ONNX file takes images of {self.window[0]} × {self.window[1]}, and these are "
                f"{height} × {width}",
                remedy="Use the run that it was exported from.",
            )
        scaled = images.detach().cpu().float() * 255
        pixels = scaled.round()
        if (scaled - pixels).abs().max() > 0.01:
            raise ModelError(
                "an ONNX file takes pixels that are bytes, and these lie between them",
                remedy="Use the run that it was exported from.",
            )
        rows = pixels.to(torch.uint8).permute(0, 2, 3, 1).contiguous()
        (found,) = self.session.run([self.answer], {PIXELS: rows.numpy()})
        return torch.from_numpy(found)

    @property
    def grid(self) -> int:
        """Of tiles, which reach beyond the image with a color between bytes: there are none."""
        raise ModelError(
            "an ONNX file answers an image as a whole, and this one is too large for that",
            remedy="Use the run that it was exported from, which answers it in tiles.",
        )

    def get_extra_state(self) -> str:
        """The weights are in the file: it cannot be saved as a model file."""
        return "onnx"


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
            "an ONNX file needs the package onnxruntime", remedy='pip install "vitreous[export]"'
        ) from error
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
        found = session.get_modelmeta().custom_metadata_map.get(HEADER)
    except Exception as error:  # onnxruntime has a kind of its own for each damage
        reason = str(error).strip().splitlines()[-1]
        raise ModelFileError(f"is no ONNX file that can be run: {reason}", where=where) from error
    if found is None or [each.name for each in session.get_inputs()] != [PIXELS]:
        raise ModelFileError(
            "does not say what its answers mean",
            where=where,
            remedy="Give a file that `vitreous export RUN` wrote.",
        )
    try:
        fields = json.loads(found)
    except ValueError as error:
        raise ModelFileError("its header is not JSON", where=where) from error
    if not isinstance(fields, dict):
        raise ModelFileError("its header is no JSON object", where=where)
    return OnnxNetwork(session), Header.checked(fields, where)
