"""From uniform numbers to what happens to each image of a batch.

Every decision has a slot, a column of the numbers, of its own: what one strength does to an image
does not change when another is switched on.
"""

from __future__ import annotations

import dataclasses
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vitreous.augment import color, elastic, erase, warp
from vitreous.augment.changes import Blend, Changes
from vitreous.augment.strengths import KINDS, STRENGTH, Strengths

Uniforms: TypeAlias = NDArray[np.float64]  # in [0, 1)
Amounts: TypeAlias = dict[str, NDArray[np.float64]]  # kind of change → (B,) in [-1, 1]

FRAME = ("flip", "flip_vertical", "crop_area", "crop_aspect", "crop_x", "crop_y")
DETAILS = ("noise_place", "erase_area", "erase_aspect", "erase_x", "erase_y", "erase_gray")
SLOTS = (*FRAME, *KINDS, *DETAILS, *(f"ticket_{kind}" for kind in KINDS), "weight")
PLACE = {slot: number for number, slot in enumerate(SLOTS)}

ASPECT = 4 / 3  # of crops at most, relative to the output's
LEAST_ERASED = 0.02  # of the image


def changes(
    policy: Strengths, uniforms: Uniforms, source: tuple[int, int, int], size: tuple[int, int]
) -> Changes:
    """Uniforms (B, slots) to the changes of B images; `elastic` takes those behind the slots."""
    columns = dict(zip(SLOTS, uniforms[:, : len(SLOTS)].T, strict=True))
    amounts = _amounts(policy, columns)
    noise = erased = grays = None
    if policy.noise:
        deviations = policy.noise * np.abs(amounts["noise"])
        noise = np.column_stack([deviations, columns["noise_place"]])
    if policy.erase:
        erased, grays = _boxes(policy, columns, amounts, size), columns["erase_gray"]
    homographies = _homographies(policy, columns, amounts, source[:2], size)
    colors = _color_matrices(policy, amounts, source[2])
    frame = len(uniforms), source[:2], size, policy.border
    bends = None
    if policy.elastic:
        bends = elastic.fields(uniforms[:, len(SLOTS) :], policy.elastic, size)
    return Changes(*frame, homographies, colors, noise, erased, grays, bends)


def blended(
    policy: Strengths, uniforms: Uniforms, source: tuple[int, int, int], size: tuple[int, int]
) -> Blend:
    """Uniforms (B, (num_chains + 1) · slots) to an image blended with changed copies of itself."""
    numbers = uniforms.reshape(len(uniforms), policy.num_chains + 1, len(SLOTS)).copy()
    numbers[:, :, : len(FRAME)] = numbers[:, :1, : len(FRAME)]  # crop and mirror all copies alike
    frame = dataclasses.replace(policy, **dict.fromkeys(STRENGTH.values(), 0.0))  # type: ignore[arg-type]
    policies = [frame] + policy.num_chains * [policy]
    parts = [changes(each, numbers[:, k], source, size) for k, each in enumerate(policies)]
    own, *others = numbers[:, :, PLACE["weight"]].T
    shares = -np.log1p(-np.stack(others, axis=1))  # shares of exponential numbers are Dirichlet's
    shares *= (1 - own)[:, None] / np.maximum(shares.sum(axis=1, keepdims=True), 1e-300)
    return Blend(tuple(parts), np.column_stack([1 - shares.sum(axis=1), shares]))


def _amounts(policy: Strengths, columns: Amounts) -> Amounts:
    """The share of its full strength with which each kind of change acts, either way."""
    amounts = {kind: 2 * columns[kind] - 1 for kind in KINDS}
    able = [kind for kind in KINDS if getattr(policy, STRENGTH[kind])]
    if not policy.num_ops or not able:
        return amounts
    tickets = np.stack([columns[f"ticket_{kind}"] for kind in able], axis=1)
    chosen = tickets.argsort(axis=1).argsort(axis=1) < policy.num_ops
    for kind, taken in zip(able, chosen.T, strict=True):
        amounts[kind] = np.where(amounts[kind] < 0, -1.0, 1.0) * taken
    return amounts


def _homographies(
    policy: Strengths,
    columns: Amounts,
    amounts: Amounts,
    source: tuple[int, int],
    size: tuple[int, int],
) -> warp.Matrices | None:
    """One matrix an image; the step that is nearest to the output stands last."""
    height, width = size
    steps = []
    if source != size or policy.crop < 1:
        steps.append(
            _piece(columns, source, size)
            if policy.piece
            else _window(policy.crop, columns, source, size)
        )
    if policy.perspective:
        depth = 2 * policy.perspective  # half a side is a distance of 1
        x, y = amounts["perspective_x"], amounts["perspective_y"]
        steps.append(warp.perspective(depth / width * x, depth / height * y))
    if policy.rotate:
        steps.append(warp.rotate(policy.rotate * amounts["rotate"]))
    if policy.scale:
        factor = (1 + policy.scale) ** amounts["scale"]
        steps.append(warp.scale(factor, factor))
    if policy.shear:
        steps.append(
            warp.shear(policy.shear * amounts["shear_x"], policy.shear * amounts["shear_y"])
        )
    if policy.shift:
        x = _pixels(amounts["shift_x"], round(policy.shift * width))
        y = _pixels(amounts["shift_y"], round(policy.shift * height))
        steps.append(warp.shift(x, y))
    if policy.flip or policy.flip_vertical:
        x = np.where(columns["flip"] < policy.flip, -1, 1)
        y = np.where(columns["flip_vertical"] < policy.flip_vertical, -1, 1)
        steps.append(warp.scale(x, y))
    return warp.centered(warp.compose(*steps), source, size) if steps else None


def _pixels(amounts: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """Whole pixels from -most to most, each as likely as the others."""
    return np.clip(np.rint(amounts * (most + 0.5)), -most, most)


def _window(
    least: float, columns: Amounts, source: tuple[int, int], size: tuple[int, int]
) -> warp.Matrices:
    """The part of the source that fills the output: the largest of its aspect, or a random crop."""
    tall, wide = source[0] / size[0], source[1] / size[1]  # source pixels for one of the output
    if least == 1:
        full = min(tall, wide)
        return np.repeat(warp.scale(full, full), len(columns["crop_x"]), axis=0)
    side = np.sqrt((least + (1 - least) * columns["crop_area"]) * tall * wide)
    stretch = ASPECT ** (columns["crop_aspect"] - 0.5)
    # Whole pixels, because a crop that is not turned is resized much faster than it is warped.
    width = np.clip(np.rint(side * stretch * size[1]), 1, source[1])
    height = np.clip(np.rint(side / stretch * size[0]), 1, source[0])
    left = np.floor(columns["crop_x"] * (source[1] - width + 1))
    top = np.floor(columns["crop_y"] * (source[0] - height + 1))
    middle = warp.shift(left + (width - source[1]) / 2, top + (height - source[0]) / 2)
    return warp.compose(middle, warp.scale(width / size[1], height / size[0]))


def _piece(columns: Amounts, source: tuple[int, int], size: tuple[int, int]) -> warp.Matrices:
    """A part of the source that has the output's size, at the source's own scale."""
    (tall, wide), (height, width) = source, size
    left = np.floor(columns["crop_x"] * (wide - width + 1))
    top = np.floor(columns["crop_y"] * (tall - height + 1))
    return warp.shift(left + (width - wide) / 2, top + (height - tall) / 2)


def _color_matrices(policy: Strengths, amounts: Amounts, channels: int) -> color.Matrices | None:
    steps = []
    if policy.brightness:
        steps.append(color.brightness(1 + policy.brightness * amounts["brightness"], channels))
    if policy.contrast:
        steps.append(color.contrast(1 + policy.contrast * amounts["contrast"], channels))
    if policy.saturation and channels == 3:
        steps.append(color.saturation(1 + policy.saturation * amounts["saturation"]))
    if policy.hue and channels == 3:
        steps.append(color.hue(policy.hue * amounts["hue"]))
    return color.compose(*steps) if steps else None


def _boxes(
    policy: Strengths, columns: Amounts, amounts: Amounts, size: tuple[int, int]
) -> erase.Boxes:
    erased = amounts["erase"] != 0 if policy.num_ops else columns["erase"] < policy.erase
    least = min(LEAST_ERASED, policy.erase_area)
    area = least + (policy.erase_area - least) * columns["erase_area"]
    aspect = 3.0 ** (2 * columns["erase_aspect"] - 1)  # 1/3 to 3, as in the paper
    return erase.boxes(
        np.where(erased, area, 0), aspect, columns["erase_x"], columns["erase_y"], size
    )
