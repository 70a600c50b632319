"""Peer libraries, imported in the one way in which they work beside a CPU build of torch."""

from __future__ import annotations

import functools
from types import ModuleType

import torch

DECLARED: list[torch.library.Library] = []  # operators exist for as long as they are referred to


@functools.cache
def torchvision() -> ModuleType:
    """torchvision with its data sets and transforms.

    Its wheel expects two operators of its compiled part to exist before it registers anything for
    them; on a CPU build of torch that part cannot be loaded, so they are declared here.
    """
    try:
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        DECLARED.append(library)
    except RuntimeError:  # they exist: this build has its compiled part
        pass
    import torchvision as module
    import torchvision.datasets
    import torchvision.transforms

    return module
