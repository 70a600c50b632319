"""An answered image: the answer, with the pixels, the frame and the outputs that led to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitreous.data.images.frame import Frame
from vitreous.shapes import Images
from vitreous.tasks import Answer


@dataclass(frozen=True, eq=False)
class Answered:
    """An answer about one image, with what led to it.

    picture  (h, w, C) uint8: the image as it was decoded
    images   (1, C, H, W) what the network saw of it
    frame    how the picture was fitted into the network's window
    outputs  what the network gave
    answer   what that means, in the picture's own pixels
    """

    picture: NDArray[np.uint8]
    images: Images
    frame: Frame
    outputs: Any
    answer: Answer
