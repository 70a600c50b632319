"""Narrow numbers, such as bfloat16, of which some derivatives are slow on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor


def learns_narrow(*inputs: Tensor) -> bool:
    """Would derivatives by these inputs be computed on a CPU in the bfloat16 of autocast?"""
    if not (torch.is_autocast_enabled("cpu") and torch.is_grad_enabled()):
        return False  # asked first: where code is followed by symbols, they have no device
    return inputs[0].device.type == "cpu" and any(each.requires_grad for each in inputs)
