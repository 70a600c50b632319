"""An answer of a network about one image: what every kind of prediction can do."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


class Answer(Protocol):
    """What a network says about one image, in that image's own pixels and names.

    text   in one line, for a person
    score  in [0, 1]: how sure the network is; None where it does not say
    """

    @property
    def text(self) -> str: ...
    @property
    def score(self) -> float | None: ...
    @property
    def line(self) -> str:
        """What the command line prints behind an image's path."""

    def to_json(self) -> dict[str, Any]: ...

    def draw(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The answer on the image, (h, w, 3); the image as it is where there is nothing to draw.

        image  (h, w, C) uint8, of the size that was answered about
        """


@runtime_checkable
class Kept(Protocol):
    """An answer that is an image itself, beside being drawn on one."""

    def png(self) -> bytes:
        """The answer as a PNG file, of the size of the image."""


@runtime_checkable
class Exact(Protocol):
    """An answer of real numbers, which a picture would round."""

    def npy(self) -> bytes:
        """The numbers as an .npy file."""
