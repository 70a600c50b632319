"""Tiles: an image that is too large for one pass goes through the network in parts that overlap.

What a network answers at a pixel depends on its receptive field alone. Of each tile only those
answers are kept that are `MARGIN` pixels away from where the image was cut, so a network that sees
no farther gives the same map as in one pass; and memory does not grow with the image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from torch import Tensor

from vitreous.shapes import Images

WHOLE = 1 << 20  # pixels, up to which an image is not cut
TILE = 768  # pixels a side of a tile; a multiple of GRID
MARGIN = 64  # pixels of it that see too little; a multiple of GRID
GRID = 32  # pixels: tiles begin where the pooling of the whole image would begin, too


def tiled(
    run: Callable[[Images], Tensor], images: Images, *, whole: int = WHOLE, tile: int = TILE
) -> Tensor:
    """What `run` gives for each pixel of images (B, C, H, W), (B, L, H, W).

    whole  pixels of an image up to which it goes through in one pass
    tile   pixels a side of a part; at least three times the margin
    """
    height, width = images.shape[2:]
    if height * width <= whole:
        return run(images)
    made: Tensor | None = None
    for top, bottom, first, last in spans(height, tile):
        for left, right, start, end in spans(width, tile):
            part = run(images[:, :, top:bottom, left:right])
            if made is None:
                made = part.new_empty(*part.shape[:2], height, width)
            inner = part[:, :, first - top : last - top, start - left : end - left]
            made[:, :, first:last, start:end] = inner
    assert made is not None
    return made


def spans(length: int, tile: int) -> Iterator[tuple[int, int, int, int]]:
    """Begin and end of each tile along a side, and of what is kept of it; all of the side is."""
    first = 0
    while first < length:
        begin = max(first - MARGIN, 0)
        end = min(begin + tile, length)
        last = length if end == length else end - MARGIN
        yield begin, end, first, last
        first = last
