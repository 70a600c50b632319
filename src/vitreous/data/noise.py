"""Noise: pictures made worse in a known way, so that a network can learn to undo it.

Noise is added to gray levels from 0 to 255, and what comes out is a picture again: rounded to whole
levels and clipped, as a camera does it. So at σ = 25 the noise of dark and of bright places is
weaker than that of the middle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b

import cv2
import numpy as np
from numpy.random import Generator, Philox
from numpy.typing import NDArray

from vitreous.data.batches.counter_random import Stream, uniforms
from vitreous.data.dataset import Pixels
from vitreous.errors import UsageError, unknown

Levels = NDArray[np.float32]  # (h, w, C) from 0 to 255, or beyond before it is clipped
WORD = 2.0**53  # uniforms of `counter_random` are multiples of 1 / WORD


@dataclass(frozen=True)
class Kind:
    """A row of `KINDS`.

    strength    what the number behind the colon is
    low, high   its bounds
    add         (pixels, strength, generator) to gray levels
    """

    strength: str
    low: float
    high: float
    add: Callable[[Pixels, float, Generator], Levels]


def gaussian(pixels: Pixels, deviation: float, generator: Generator) -> Levels:
    """The same at every pixel, as the amplifier of a camera adds it."""
    noise = generator.standard_normal(pixels.shape, np.float32)
    return pixels + np.float32(deviation) * noise


def poisson(pixels: Pixels, peak: float, generator: Generator) -> Levels:
    """Light counted in photons: `peak` of them are white. The deviation at white is 255 / √peak."""
    counts = generator.poisson(pixels * (peak / 255))
    return np.asarray(counts * (255 / peak), np.float32)


def jpeg(pixels: Pixels, quality: float, generator: Generator) -> Levels:
    """Blocks and rings of a JPEG of this quality; nothing is random."""
    channels = pixels.shape[2]
    planes = [pixels] if channels in (1, 3) else np.split(pixels, channels, axis=2)
    made = []
    for plane in planes:
        _, file = cv2.imencode(".jpg", plane, [cv2.IMWRITE_JPEG_QUALITY, round(quality)])
        decoded = np.asarray(cv2.imdecode(file, cv2.IMREAD_UNCHANGED))
        made.append(decoded.reshape(plane.shape))
    return np.asarray(np.concatenate(made, axis=2), np.float32)


KINDS: dict[str, Kind] = {
    "gaussian": Kind("deviation in gray levels", 0.1, 255, gaussian),
    "poisson": Kind("photons of a white pixel", 0.1, 1e6, poisson),
    "jpeg": Kind("quality", 1, 100, jpeg),
}


@dataclass(frozen=True)
class Noise:
    """One kind of noise of one strength, such as gaussian:25.

    kind      a name of `KINDS`
    strength  see there
    """

    kind: str
    strength: float

    @classmethod
    def of(cls, text: str) -> Noise:
        """From words such as gaussian:25. Raises UsageError that says what may be written."""
        name, _, number = text.partition(":")
        if name not in KINDS:
            raise unknown("noise", name, KINDS, where="--noise")
        kind = KINDS[name]
        try:
            strength = float(number)
        except ValueError:
            strength = float("nan")
        if not kind.low <= strength <= kind.high:
            raise UsageError(
                f"'{number}' is no {kind.strength}",
                where=f"--noise {text}",
                remedy=f"Give a number from {kind.low:g} to {kind.high:g}, such as {name}:25.",
            )
        return cls(name, strength)

    def __str__(self) -> str:
        return f"{self.kind}:{self.strength:g}"

    def held(self, pixels: Pixels) -> Pixels:
        """The noisy picture for measuring: the noise is a function of the picture alone, so it is
        the same in each run and whatever else is in the data.
        """
        shape = str(pixels.shape).encode()
        key = blake2b(shape + np.ascontiguousarray(pixels).tobytes(), digest_size=16).digest()
        return self._made(pixels, np.frombuffer(key, "<u8"))

    def drawn(
        self, pixels: NDArray[np.uint8], seed: int, epoch: int, keys: NDArray[np.int64]
    ) -> NDArray[np.uint8]:
        """Noisy pictures for training: other noise in each epoch, a function of (seed, epoch, key).

        pixels  (B, h, w, C) uint8
        keys    (B,) int64, such as row numbers
        """
        words = (uniforms(seed, epoch, keys, 2, Stream.NOISE) * WORD).astype(np.uint64)
        return np.stack([self._made(p, word) for p, word in zip(pixels, words, strict=True)])

    def _made(self, pixels: Pixels, key: NDArray[np.uint64]) -> Pixels:
        generator = Generator(Philox(key=key))
        levels = KINDS[self.kind].add(pixels, self.strength, generator)
        return np.rint(np.clip(levels, 0, 255)).astype(np.uint8)
