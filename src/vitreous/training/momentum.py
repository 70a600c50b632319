"""Momentum in its velocity form, where the learning rate acts on the gradient as it comes in:

    v ← μ·v - η·∂E/∂w,   w ← w + v                                           (momentum)
    v ← μ·v - η·∂E/∂w,   w ← w + μ·v - η·∂E/∂w                               (Nesterov)

`torch.optim.SGD` keeps v without η and multiplies it at the end. For a constant η both take the
same path; when η falls, there the whole velocity falls with it at once, here the old one decays
by μ in each step.
Nesterov's gradient belongs at w + μ·v; the second line is that rule written for the point
looked ahead to, so that only one copy of the weights is kept.
Polyak (1964), "Some methods of speeding up the convergence of iteration methods";
Sutskever et al. (2013), "On the importance of initialization and momentum in deep learning".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


class Momentum(torch.optim.Optimizer):
    """Gradient descent with a velocity.

    lr            η; a schedule may change it between steps
    momentum      μ in [0, 1), about 0.9
    weight_decay  λ: adds λ·w to the gradient, the same as a penalty of λ/2 · Σw²
    nesterov      look ahead
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 0.02,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        *,
        nesterov: bool = False,
    ):
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
        }
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Take one step with the gradients that are there."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            weights = [w for w in group["params"] if w.grad is not None]
            if not weights:
                continue
            gradients = [w.grad for w in weights]
            velocities = [self._velocity(w) for w in weights]
            lr, mu = group["lr"], group["momentum"]
            if group["weight_decay"]:
                decay = group["weight_decay"]
                gradients = list(torch._foreach_add(gradients, weights, alpha=decay))
            torch._foreach_mul_(velocities, mu)
            torch._foreach_add_(velocities, gradients, alpha=-lr)
            if group["nesterov"]:
                torch._foreach_add_(weights, velocities, alpha=mu)
                torch._foreach_add_(weights, gradients, alpha=-lr)
            else:
                torch._foreach_add_(weights, velocities)
        return loss

    def _velocity(self, weight: Tensor) -> Tensor:
        state = self.state[weight]
        if "velocity" not in state:
            state["velocity"] = torch.zeros_like(weight)
        velocity: Tensor = state["velocity"]
        return velocity
