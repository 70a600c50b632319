"""Activations by layer name, recorded by forward hooks while a network runs.

    with record(model, ["stage1", "stage2"]) as maps:
        logits = model(images)
    maps["stage1"]                                      # (B, K, h, w)

The hooks are gone when the block ends, whatever happened in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from vitreous.errors import UsageError, unknown


class Record(dict[str, Tensor]):
    """Detached outputs by module name, in the order of computation.

    A module that is called again adds "name#2", "name#3", ...; one that returns several tensors
    adds "name[0]", "name[1]", ... or "name[key]".

    gradients  ∂(what was differentiated)/∂(output) under the same names, after `backward`
    """

    def __init__(self) -> None:
        super().__init__()
        self.gradients: dict[str, Tensor] = {}
        self._calls: Counter[str] = Counter()


@contextmanager
def record(
    model: nn.Module, names: Iterable[str] | None = None, *, gradients: bool = False
) -> Iterator[Record]:
    """Record the outputs of the named modules, or of all modules, while the block runs.

    names      as in `model.named_modules()`; "" is the network itself
    gradients  also record gradients, of everything that is differentiated within the block; a
               frozen network is made to pass them on

    The tensors are copies, so that a later layer that works in place does not change them.
    Raises UsageError for an unknown name, and for gradients where autograd is switched off.
    """
    modules = dict(model.named_modules(remove_duplicate=False))
    chosen = list(modules) if names is None else list(names)
    for name in chosen:
        if name not in modules:
            raise unknown("layer", name, [n for n in modules if n], where=type(model).__name__)
    found = Record()
    with ExitStack() as stack:
        seen: set[nn.Module] = set()
        for name in chosen:
            module = modules[name]
            if module in seen:  # one module under two names is one module
                continue
            seen.add(module)
            hook = partial(_keep, found, name, gradients, stack)
            stack.callback(module.register_forward_hook(hook).remove)
        yield found


def _keep(
    found: Record,
    name: str,
    gradients: bool,
    stack: ExitStack,
    module: nn.Module,
    inputs: tuple[Any, ...],
    output: Any,
) -> Any:
    found._calls[name] += 1
    call = name if found._calls[name] == 1 else f"{name}#{found._calls[name]}"
    if gradients:
        if not torch.is_grad_enabled():
            raise UsageError(
                "gradients cannot be recorded while autograd is switched off",
                where=call,
                remedy="Leave torch.no_grad(), or record without gradients.",
            )
        output = tree_map(_passing, output)
    for suffix, tensor in _tensors(output):
        key = call + suffix
        found[key] = tensor.detach().clone()
        if gradients and tensor.requires_grad:
            # This hook sees the gradient of this very value, even if it is overwritten later.
            handle = tensor.register_hook(partial(_add, found.gradients, key))  # type: ignore[no-untyped-call]
            stack.callback(handle.remove)
    return output


def _passing(item: Any) -> Any:
    """The output of a frozen layer, as one that gradients reach and that may be overwritten."""
    if isinstance(item, Tensor) and item.is_floating_point() and not item.requires_grad:
        return item.detach().requires_grad_().clone()
    return item


def _add(gradients: dict[str, Tensor], key: str, gradient: Tensor) -> None:
    gradients[key] = gradients[key] + gradient if key in gradients else gradient.detach().clone()


def _tensors(output: Any) -> Iterator[tuple[str, Tensor]]:
    """The tensors in a module's output, with what to append to the module's name."""
    if isinstance(output, Tensor):
        yield "", output
    elif isinstance(output, dict):
        for key, value in output.items():
            yield from ((f"[{key}]{rest}", tensor) for rest, tensor in _tensors(value))
    elif isinstance(output, (list, tuple)):
        for index, value in enumerate(output):
            yield from ((f"[{index}]{rest}", tensor) for rest, tensor in _tensors(value))
