"""Eager optimizers: those of torch, without torch's compiler, which they load and do not need.

Whatever is made of `torch.optim` imports `torch._dynamo` before its first step, to keep a compiler
out of methods that nobody compiles here: only networks are, see `training.compiler`. The import
takes as long as a small training, or as torch itself.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch.optim import Optimizer

WRAPPED = ("add_param_group", "load_state_dict", "state_dict", "step", "zero_grad")


def eager(kind: type[Optimizer]) -> type[Optimizer]:
    """The optimizer of the same name, whose methods are those inside of torch's wrappers."""
    methods: dict[str, Any] = {name: inspect.unwrap(getattr(kind, name)) for name in WRAPPED}
    methods["step"] = torch.no_grad()(methods["step"])  # as the wrapper does
    return type(kind.__name__, (kind,), {"__module__": kind.__module__, **methods})
