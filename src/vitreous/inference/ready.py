"""An image that is ready for the network: decoded and fitted, so that several can wait together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitreous.data.images.frame import Frame


@dataclass(frozen=True, eq=False)
class Ready:
    """What is left to keep of an image until the network has answered.

    pixels   (H, W, C) uint8: fitted into the window, or in the image's own size where that is kept
    frame    how the decoded picture was fitted
    remarks  on what was lost in reading, in one number
    """

    pixels: NDArray[np.uint8]
    frame: Frame
    remarks: int
