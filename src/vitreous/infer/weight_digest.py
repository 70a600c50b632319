"""A digest of weights: two networks of one architecture with the same digest answer the same."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor


def digest(state: dict[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and bytes of the tensors, in the order of the names."""
    total = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        total.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        total.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()
