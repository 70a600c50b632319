"""Rendered scenes: pictures made by arithmetic, with a truth that is known exactly.

`scenes` are balls on a ground before a wall, shaded by one lamp, each pixel with the depth of what
it shows. `crowds` are little things on a mottled ground, each with the place where it stands. Both
are functions of a seed, and no two examples are alike.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vitreous.data.dots import Dots
from vitreous.data.formats.arrays import ArrayDataset
from vitreous.data.maps import Maps

Array = NDArray[np.float64]
SIDE = 96  # pixels
FOCAL = 0.9  # of the camera, in sides of the picture
HEIGHT = 1.2  # of the camera above the ground, in meters
FAR = 9.0  # meters to the farthest wall
COUNT = 400  # examples of a set


def scenes(count: int = COUNT, *, side: int = SIDE, seed: int = 0) -> ArrayDataset:
    """Balls on a ground before a wall: `depth` is the way along the camera's axis, in meters."""
    pictures = np.empty((count, side, side, 3), np.uint8)
    depths = np.empty((count, side, side), np.float32)
    for number in range(count):
        pictures[number], depths[number] = scene(np.random.default_rng((seed, number)), side)
    return ArrayDataset("scenes", pictures, {"depth": Maps(depths, interpolation="linear")})


def crowds(count: int = COUNT, *, side: int = SIDE, seed: int = 0) -> ArrayDataset:
    """Little things on a mottled ground, from 5 to 60: `dot` is where each one stands."""
    made = [crowd(np.random.default_rng((seed, number, 1)), side) for number in range(count)]
    pictures, places = (list(each) for each in zip(*made, strict=True))
    return ArrayDataset("crowds", np.stack(pictures), {"dot": Dots.of(places)})


RENDERED: dict[str, Callable[[], ArrayDataset]] = {"scenes": scenes, "crowds": crowds}
"""The rendered data sets by name."""


def scene(generator: Generator, side: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """(side, side, 3) a picture of balls, and (side, side) the depth of each pixel in meters.

    The camera looks along z, y points down; the ground lies at y = HEIGHT.
    """
    axis = (np.arange(side) + 0.5) / side - 0.5
    ray = np.stack(
        [*np.meshgrid(axis / FOCAL, axis / FOCAL), np.ones((side, side))], axis=-1
    )  # (side, side, 3), of depth 1
    lamp = generator.normal(size=3) * (1, 0.3, 0.6) + (0, -1.5, -1)
    lamp /= np.linalg.norm(lamp)
    wall = generator.uniform(5, FAR)
    # The wall, and the ground before it.
    depth = np.full((side, side), wall)
    normal = np.broadcast_to(np.array([0.0, 0, -1]), ray.shape).copy()
    color = np.broadcast_to(generator.uniform(0.25, 0.9, 3), ray.shape).copy()
    ground = np.divide(HEIGHT, ray[..., 1], out=np.full_like(depth, np.inf), where=ray[..., 1] > 0)
    nearer = ground < depth
    along = np.where(nearer, ground, 0)
    checks = (np.floor(ray[..., 0] * along) + np.floor(along)) % 2
    two = generator.uniform(0.2, 0.9, (2, 3))
    depth[nearer], normal[nearer] = ground[nearer], (0, -1, 0)
    color[nearer] = np.where(checks[..., None] > 0, two[0], two[1])[nearer]
    for _ in range(int(generator.integers(2, 6))):
        radius = generator.uniform(0.25, 0.7)
        z = generator.uniform(2.0, wall - radius)
        x = generator.uniform(-0.45, 0.45) * z / FOCAL
        center = np.array([x, HEIGHT - radius, z])
        hit = _ball(ray, center, radius)
        nearer = hit < depth
        depth[nearer] = hit[nearer]
        normal[nearer] = ((ray * hit[..., None] - center) / radius)[nearer]
        color[nearer] = generator.uniform(0.15, 1, 3)
    light = 0.35 + 0.65 * np.clip(normal @ lamp, 0, 1)
    haze = np.exp(-depth / 14)  # what is far is paler
    shade = color * light[..., None] * haze[..., None] + 0.75 * (1 - haze[..., None])
    shade += generator.normal(0, 0.015, shade.shape)
    return _bytes(shade), depth.astype(np.float32)


def _ball(ray: Array, center: Array, radius: float) -> Array:
    """Depth at which each ray first meets a ball; infinite where it misses."""
    # |t·ray - center|² = radius², and of its two solutions the nearer one.
    square, half = (ray**2).sum(-1), ray @ center
    inner = half**2 - square * (center @ center - radius**2)
    first = (half - np.sqrt(np.maximum(inner, 0))) / square
    return np.where((inner > 0) & (first > 0), first, np.inf)


def crowd(generator: Generator, side: int) -> tuple[NDArray[np.uint8], Array]:
    """(side, side, 3) a picture of things that may hide each other, and (n, 2) x and y of each."""
    coarse = generator.uniform(0.2, 0.6, (7, 7, 3))
    grid = np.linspace(0, 5.999, side)
    low, share = grid.astype(int), grid % 1
    across = coarse[:, low] + share[None, :, None] * (coarse[:, low + 1] - coarse[:, low])
    ground = across[low] + share[:, None, None] * (across[low + 1] - across[low])
    ground += generator.normal(0, 0.03, ground.shape)
    number = int(generator.integers(5, 61))
    places = generator.uniform(0, side - 1, (number, 2))
    places = places[np.argsort(places[:, 1])]  # those below stand before the others
    for x, y in places:
        size = side / 96 * generator.uniform(1.8, 3.2)
        tall = size * generator.uniform(1.0, 1.5)
        reach = int(2 * tall)
        top, left = max(int(y) - reach, 0), max(int(x) - reach, 0)
        part = ground[top : int(y) + reach + 1, left : int(x) + reach + 1]
        rows, columns = np.ogrid[: part.shape[0], : part.shape[1]]
        inside = ((columns + left - x) / size) ** 2 + ((rows + top - y) / tall) ** 2
        cover = np.clip((1.15 - inside) * 3, 0, 1)[..., None]
        tint = generator.uniform(0.55, 1, 3) * generator.choice([0.35, 1.0])
        shaded = tint * (1 - 0.25 * inside[..., None].clip(0, 1))
        part += cover * (shaded - part)
    return _bytes(ground), places


def _bytes(shade: Array) -> NDArray[np.uint8]:
    return np.rint(255 * np.clip(shade, 0, 1)).astype(np.uint8)
