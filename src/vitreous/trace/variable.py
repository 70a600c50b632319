"""A variable of autograd, opened: its data, its gradient, and the function that made it.

A leaf was made by nobody: its grad_fn is None, and after `backward` it holds its gradient. Anything
else remembers the function that made it, and through that the variables it came from. Where the
backward pass begins, ∂E/∂E = 1.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

from vitreous.trace.draw.text import written


@dataclass(frozen=True)
class Variable:
    """What a tensor knows about itself.

    data           nested lists, or None if it has more than 1,000 elements
    gradient       of the last backward pass, likewise; None before it, and for what is no leaf and
                   was not asked to retain it
    grad_fn        the backward function of the operation that made it, such as "MulBackward0"
    inputs         the backward functions before that one; "AccumulateGrad" stands for a leaf
    leaf           made by the user, not by an operation
    requires_grad  whether gradients are followed
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    data: Any
    gradient: Any
    grad_fn: str | None
    inputs: tuple[str, ...]
    leaf: bool
    requires_grad: bool

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        data = written(self.data) if self.data is not None else f"{'×'.join(map(str, self.shape))}"
        lines = [
            f"{self.name or 'variable'}",
            f"  data           {data}",
            f"  grad           {'None' if self.gradient is None else written(self.gradient)}",
            f"  grad_fn        {self.grad_fn}"
            + (f" of {', '.join(self.inputs)}" if self.inputs else ""),
            f"  leaf           {'yes' if self.leaf else 'no'}",
            f"  requires_grad  {'yes' if self.requires_grad else 'no'}",
        ]
        return "\n".join(lines)


def variable(tensor: Tensor, name: str = "") -> Variable:
    """Open a tensor: `print(variable(x, "x"))`. Nothing about it changes."""
    function = tensor.grad_fn
    before = () if function is None else function.next_functions
    # Asking a tensor that is no leaf for its gradient is a warning in torch, not an answer.
    gradient = tensor.grad if tensor.is_leaf or tensor.retains_grad else None
    small = tensor.numel() <= 1000
    return Variable(
        name=name,
        shape=tuple(tensor.shape),
        dtype=str(tensor.dtype).removeprefix("torch."),
        data=tensor.detach().tolist() if small else None,
        gradient=gradient.detach().tolist() if gradient is not None and small else None,
        grad_fn=None if function is None else function.name(),
        inputs=tuple(node.name() for node, _ in before if node is not None),
        leaf=tensor.is_leaf,
        requires_grad=tensor.requires_grad,
    )
