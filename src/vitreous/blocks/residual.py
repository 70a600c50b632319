"""x + f(x): the shortcut that lets networks grow deep.

With f = 0 the block is the identity, exactly, so that a deeper network can always do what a
shallower one does; and gradients pass the sum unchanged. He et al. (2016), arXiv:1512.03385.
"""

from __future__ import annotations

from torch import Tensor, nn

from vitreous.blocks.drop import DropPath


class Residual(nn.Module):
    """shortcut(x) + drop(body(x)). An identity shortcut adds no parameters."""

    def __init__(
        self, body: nn.Module, *, shortcut: nn.Module | None = None, drop_path: float = 0.0
    ) -> None:
        super().__init__()
        self.body = body
        self.drop = DropPath(drop_path)
        self.shortcut = shortcut or nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        branch: Tensor = self.drop(self.body(x))
        shortcut: Tensor = self.shortcut(x)
        return shortcut + branch
