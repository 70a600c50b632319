"""First-layer filters as pictures: what the units that see the image itself look for.

Three channels are red, green and blue, around a gray that stands for 0. Krizhevsky et al. (2012),
"ImageNet classification with deep convolutional neural networks", figure 3.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from vitreous.errors import ModelError
from vitreous.explain.plate import Picture, Plate
from vitreous.formats import counted

MOST = 256  # filters that are shown


def first_filters(model: nn.Module, channels: int) -> nn.Conv2d | None:
    """The convolution that reads the image itself: the first one with as many input channels."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and (module.in_channels, module.groups) == (channels, 1):
            return module
    return None


def byte_maps(maps: Tensor) -> NDArray[np.uint8]:
    """Maps (K, h, w) to bytes around 128, scaled by the largest absolute value of them all."""
    scale = maps.abs().max().clamp(min=1e-9)
    return (maps.float() / scale).add(1).mul(127.5).round().byte().contiguous().cpu().numpy()


def filter_bytes(weights: Tensor) -> NDArray[np.uint8]:
    """Kernels (K, C, h, w) as pictures (K, h, w, C), 128 for 0, scaled by the largest of all.

    Three channels are red, green and blue; of any other number the mean is shown (C = 1).
    """
    if weights.shape[1] != 3:
        weights = weights.mean(dim=1, keepdim=True)
    kernels, _, height, width = weights.shape
    pictures = byte_maps(weights.detach().reshape(kernels, -1, width))
    return pictures.reshape(kernels, -1, height, width).transpose(0, 2, 3, 1).copy()


def filter_plate(model: nn.Module, shape: tuple[int, int, int]) -> Plate:
    """The filters of the layer that sees the image: a convolution, patches of a transformer, or a
    dense layer, each of whose units has a weight for each pixel.

    shape  (C, H, W) of the images

    Raises ModelError for a network whose first layer is another one.
    """
    name, weights = _first_weights(model, shape)
    pictures = filter_bytes(weights[:MOST])
    ranges = [(float(each.min()), float(each.max())) for each in weights[:MOST]]
    height, width = weights.shape[2:]
    said = f"{counted(len(weights), 'filter')} of {name}, {width} by {height} pixels"
    colors = "in red, green and blue" if weights.shape[1] == 3 else "light for above, dark below"
    more = f", of which {MOST} are shown" if len(weights) > MOST else ""
    return Plate(
        name="filters",
        title=said + more,
        says=(f"What each unit looks for, {colors}; middle gray is a weight of 0. All have one "
              "scale.",),
        pictures=[Picture(each, str(number)) for number, each in enumerate(pictures)],
        facts={
            "layer": name,
            "count": len(weights),
            "scale": float(weights.abs().max()),
            "ranges": [[low, high] for low, high in ranges],
        },
    )  # fmt: skip


def _first_weights(model: nn.Module, shape: tuple[int, int, int]) -> tuple[str, Tensor]:
    names = {module: name for name, module in model.named_modules()}
    conv = first_filters(model, shape[0])
    if conv is not None:
        return names[conv], conv.weight.detach().float()
    whole = int(np.prod(shape))
    for module in model.modules():
        if isinstance(module, nn.Linear) and module.in_features == whole:
            weights = module.weight.detach().float().reshape(-1, *shape)
            return names[module], weights
    raise ModelError(
        f"no layer of {getattr(model, 'name', type(model).__name__)} sees the image itself with "
        f"its {counted(shape[0], 'channel')}",
        remedy="Look at what a layer makes of an image: --maps LAYER.",
    )
