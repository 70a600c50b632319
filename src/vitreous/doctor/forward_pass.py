"""Forward pass looked into: activations, batch norms and inputs, while one pass goes through.

Activation functions are seen as they are called, wherever they are written; layers with weights by
hooks of the network's own modules, which are there for the length of this pass only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode

from vitreous.doctor.evidence import Inputs, Norm, Units
from vitreous.doctor.unit_activity import KINDS, alive, saturated

EXAMPLES = 64  # of a batch, that activations are looked at of


class ForwardPass(TorchFunctionMode):
    """Sees one forward pass of a network, within `begin` and `end`.

    names  of the network's modules

    units, alive, norms, scales, inputs and order, the layers with weights as they were called, are
    what was seen.
    """

    def __init__(self, names: Mapping[nn.Module, str]):
        super().__init__()
        self.names = names
        self.units: list[Units] = []
        self.alive: dict[str, tuple[Tensor, int]] = {}
        self.norms: list[Norm] = []
        self.scales: list[float] = []
        self.inputs: Inputs | None = None
        self.order: list[str] = []
        self._mode: Any = self  # torch does not annotate what is entered
        self._within: list[str] = []
        self._handles: list[Any] = []
        self.broken_off = False

    def begin(self) -> None:
        """To be called as the outermost module is entered."""
        # Not torch's hooks for all modules: another thread may run a network of its own.
        for module in self.names:
            self._handles += [
                module.register_forward_pre_hook(self._enter),
                module.register_forward_hook(self._leave, always_call=True),
            ]
        self._mode.__enter__()

    def break_off(self) -> None:
        """An error goes through the network. Its hooks stay until `end`: torch, which calls them
        one after the other, stumbles where one is taken away.
        """
        self._mode.__exit__(None, None, None)
        self.broken_off = True

    def end(self) -> None:
        if not self.broken_off:
            self._mode.__exit__(None, None, None)
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        found = func(*args, **(kwargs or {}))
        kind = KINDS.get(func)
        if kind is not None and isinstance(found, Tensor) and found.ndim > 1:
            self._activated(kind, found.detach()[:EXAMPLES], len(found))
        return found

    def _activated(self, kind: str, outputs: Tensor, examples: int) -> None:
        place = self._within[-1] if self._within else ""
        name = f"{place or 'network'} ({kind} {len(self.units) + 1})"
        units = Units(name, kind)
        if kind == "relu":
            self.alive[name] = alive(outputs), min(examples, EXAMPLES)
        else:
            units.saturated = saturated(outputs, kind)
        self.units.append(units)

    def _enter(self, module: nn.Module, arguments: Any) -> None:
        self._within.append(self.names[module])
        given = arguments[0] if arguments else None
        if not isinstance(given, Tensor) or not given.is_floating_point():
            return
        if isinstance(module, _BatchNorm):
            self._normalized(module, given.detach())
        if self.inputs is None and is_layer(module):
            values = given.detach()[:EXAMPLES].float()
            self.inputs = Inputs(
                float(values.mean()), float(values.std()), float(values.abs().max())
            )

    def _leave(self, module: nn.Module, arguments: Any, found: Any) -> None:
        if self._within:
            self._within.pop()
        if is_layer(module) and isinstance(found, Tensor):
            self.order.append(self.names[module])
            self.scales.append(float(found.detach()[:EXAMPLES].float().std()))

    def _normalized(self, module: _BatchNorm, given: Tensor) -> None:
        deviation = 0.0
        if module.running_mean is not None and module.running_var is not None:
            rest = [axis for axis in range(given.ndim) if axis != 1]
            away = (given.float().mean(rest) - module.running_mean).abs()
            deviation = float((away / (module.running_var + module.eps).sqrt()).median())
        name = self.names[module]
        self.norms.append(Norm(name, len(given), module.training, deviation))


def is_layer(module: nn.Module) -> bool:
    """Has it a matrix of weights of its own, as linear and convolutional layers have?"""
    weight = module._parameters.get("weight")
    return weight is not None and weight.ndim >= 2 and not isinstance(module, nn.Embedding)


def differs_between_modes(module: nn.Module) -> bool:
    """Does any layer do something else in training than in evaluation?"""
    return any(
        isinstance(part, _BatchNorm) or (isinstance(part, nn.Dropout) and part.p > 0)
        for part in module.modules()
    )
