"""Exported networks: what stands in a predictor where a torch module would, and takes bytes.

So every form of answer works with a file that `vitreous export` wrote.
"""

from __future__ import annotations

import json

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vitreous.errors import ModelError, ModelFileError
from vitreous.inference.header import Header
from vitreous.shapes import Images

HEADER = "header"  # the key of the metadata under which the header of the model file lies
PIXELS = "pixels"  # the name of the input: (B, H, W, C) bytes
REMEDY = "Use the run that it was exported from."


class PixelNetwork(nn.Module):
    """Images (B, C, H, W) in [0, 1], whose values are bytes / 255, to the network's outputs.

    window  (H, W, C) that it takes; what is no number is free
    """

    kind = ""

    def __init__(self, window: tuple[object, ...]) -> None:
        super().__init__()
        self.window = window

    def answered(self, rows: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The first output for rows (B, H, W, C)."""
        raise NotImplementedError

    def forward(self, images: Images) -> Tensor:
        _, channels, height, width = images.shape
        given = zip(self.window, (height, width, channels), strict=True)
        if any(isinstance(one, int) and one != other for one, other in given):  # names are free
            raise ModelError(
                f"the {self.kind} file takes images of {self.window[0]} × {self.window[1]}, and "
                f"these are {height} × {width}",
                remedy=REMEDY,
            )
        scaled = images.detach().cpu().float() * 255
        pixels = scaled.round()
        if (scaled - pixels).abs().max() > 0.01:
            raise ModelError(
                f"an {self.kind} file takes pixels that are bytes, and these lie between them",
                remedy=REMEDY,
            )
        rows = pixels.to(torch.uint8).permute(0, 2, 3, 1).contiguous()
        return torch.from_numpy(self.answered(rows.numpy()))

    @property
    def grid(self) -> int:
        """Of tiles, which reach beyond the image with a color between bytes: there are none."""
        raise ModelError(
            f"an {self.kind} file answers an image as a whole, and this one is too large for that",
            remedy=REMEDY,
        )

    def get_extra_state(self) -> str:
        """The weights are in the file: it cannot be saved as a model file."""
        return self.kind


def header_of(written: str | None, where: str) -> Header:
    """What an exported file says of itself. Raises ModelFileError where it comes from elsewhere."""
    if written is None:
        raise ModelFileError(
            "does not say what its answers mean",
            where=where,
            remedy="Give a file that `vitreous export RUN` wrote.",
        )
    try:
        fields = json.loads(written)
    except ValueError as error:
        raise ModelFileError("its header is not JSON", where=where) from error
    if not isinstance(fields, dict):
        raise ModelFileError("its header is no JSON object", where=where)
    return Header.checked(fields, where)
