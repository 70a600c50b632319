"""Fully convolutional: a classifier's dense layers read as convolutions, so that it slides.

At its own image size the network answers as before; a larger image gives a map of answers, one for
each place of the window, at the price of one pass. Long, Shelhamer and Darrell (2015), "Fully
convolutional networks", arXiv:1411.4038, section 3.1.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import nn

from vitreous.blocks.dense import Dense
from vitreous.blocks.matrix import as_convolution
from vitreous.blocks.mode import evaluating
from vitreous.blocks.pool import GlobalAveragePool, GlobalMaxPool
from vitreous.errors import ModelError
from vitreous.models.network import Network, Sizes


class Sliding(Network):
    """The stages of `model`, made to slide; from images (B, C, H, W) to logits (B, L, h, w)."""

    def __init__(self, model: Network, stages: dict[str, nn.Module], window: tuple[int, int]):
        super().__init__(model.in_channels)
        self.name = model.name
        self.normalize = model.normalize
        self.sizes = Sizes(default=window[0], minimum=min(window))
        for name, stage in stages.items():
            self.add_module(name, stage)


@torch.no_grad()
def convolutionalize(model: Network, size: int | None = None) -> Sliding:
    """A network that gives a map of logits, one for each place of a window.

    size  the side of the window; None is the size that the network was made for

    Convolutions are shared with `model`, and so is the mode that they are in: for answers, both
    belong in evaluation mode. Raises ModelError for networks that have no maps (transformers), and
    for those that answer for every pixel already (U-Net).
    """
    if type(model).run_stages is not Network.run_stages:
        raise ModelError(
            f"{model.name} is no chain of stages",
            remedy="Only a chain can slide. A U-Net answers for every pixel as it is.",
        )
    side = model.sizes.default if size is None else size
    window = model.sizes.fixed or (side, side)
    shape: Sequence[int] = (1, model.in_channels, *window)
    with evaluating(model):
        outputs = model.features(model.normalize.mean.new_zeros(shape))
    stages: dict[str, nn.Module] = {}
    for name, stage in model.stages():
        after = tuple(outputs[name].shape) if name in outputs else ()
        if isinstance(stage, nn.AdaptiveAvgPool2d):
            if after != shape:
                raise ModelError(
                    f"at {window[0]}×{window[1]} {model.name} resizes its maps, and cannot slide",
                    where="size",
                    remedy=f"Use its own size, {model.sizes.default}.",
                )
            stages[name] = nn.Identity()
        elif isinstance(stage, nn.Flatten):
            stages[name], after = nn.Identity(), tuple(shape)  # the next layer needs their shape
        elif isinstance(stage, (GlobalAveragePool, GlobalMaxPool)):
            pool = nn.AvgPool2d if isinstance(stage, GlobalAveragePool) else nn.MaxPool2d
            stages[name], after = pool((shape[2], shape[3]), 1), (1, shape[1], 1, 1)
        elif isinstance(stage, nn.Dropout):
            stages[name], after = stage, tuple(shape)
        elif isinstance(stage, (nn.Linear, Dense)) and len(shape) == 4:
            linear = stage.get_submodule("linear" if isinstance(stage, Dense) else "")
            assert isinstance(linear, nn.Linear)
            stages[name] = as_convolution(linear, shape[1], (shape[2], shape[3]))
            if isinstance(stage, Dense):
                act = stage.get_submodule("act")
                stages[name] = nn.Sequential(OrderedDict(conv=stages[name], act=act))
            after = (1, linear.out_features, 1, 1)
        elif len(after) == 4:
            stages[name] = stage
        else:
            raise ModelError(
                f"{name} of {model.name} does not work on maps",
                remedy="Only convolutional networks can slide.",
            )
        shape = after
    return Sliding(model, stages, window).train(model.training)
