"""Digital losses: contrast, pixels as large squares, JPEG compression, elastic distortion."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
FINE = 64  # pixels of a side, to which smaller images are enlarged before they are compressed
SMOOTH = 0.08  # of the shorter side: how far neighbors move alike


def contrast(image: Floats, factor: float, random: np.random.Generator) -> Floats:
    """factor  on the distance of each value to the mean"""
    mean = image.mean(dtype=np.float64)
    nearer: Floats = ((image - mean) * factor + mean).astype(np.float32)
    return nearer


def pixelate(image: Floats, share: float, random: np.random.Generator) -> Floats:
    """share  of the lines and columns that are left; of images above 32 pixels, of 32"""
    height, width = image.shape[:2]
    scale = share * min(1, 32 / min(height, width))
    small = max(1, round(width * scale)), max(1, round(height * scale))
    made = []
    for channel in np.moveaxis(image, 2, 0):  # OpenCV averages four at most
        few = cv2.resize(np.ascontiguousarray(channel), small, interpolation=cv2.INTER_AREA)
        made.append(cv2.resize(few, (width, height), interpolation=cv2.INTER_NEAREST))
    return np.stack(made, axis=2).astype(np.float32, copy=False)


def jpeg(image: Floats, quality: float, random: np.random.Generator) -> Floats:
    """quality  of 1 to 100; its blocks of 8 pixels are at most an eighth of the image"""
    height, width, channels = image.shape
    times = max(1, round(FINE / min(height, width)))
    pixels = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    groups = [slice(0, 3)] if channels == 3 else [slice(c, c + 1) for c in range(channels)]
    made = []
    for group in groups:
        part = np.ascontiguousarray(pixels[..., group])
        size = (width * times, height * times)
        large = cv2.resize(part, size, interpolation=cv2.INTER_NEAREST)
        done, code = cv2.imencode(".jpg", large, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
        assert done
        kind = cv2.IMREAD_COLOR if part.shape[2] == 3 else cv2.IMREAD_GRAYSCALE
        decoded = cv2.imdecode(code, kind)
        assert decoded is not None
        back = cv2.resize(decoded, (width, height), interpolation=cv2.INTER_AREA)
        made.append(back.reshape(part.shape))
    whole: Floats = np.concatenate(made, axis=2).astype(np.float32) / np.float32(255)
    return whole


def elastic(image: Floats, reach: float, random: np.random.Generator) -> Floats:
    """reach  how far pixels move, as a share of the shorter side"""
    height, width = image.shape[:2]
    side = min(height, width)
    ways = random.uniform(-1, 1, (2, height, width)).astype(np.float32)
    xs, ys = (cv2.GaussianBlur(way, (0, 0), max(SMOOTH * side, 0.5)) for way in ways)
    scale = reach * side / max(float(np.hypot(xs, ys).max()), 1e-6)
    lines, columns = np.mgrid[:height, :width].astype(np.float32)
    moved = cv2.remap(
        image,
        columns + xs * scale,
        lines + ys * scale,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    return moved.reshape(image.shape).astype(np.float32, copy=False)
