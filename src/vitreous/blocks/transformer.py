"""One layer of a transformer, the same for images and for language: attention, then an MLP.

As published (Vaswani et al. 2017) each sum is normalized after it: x ← norm(x + f(x)). Most vision
transformers normalize the input of f instead, x ← x + f(norm(x)), which trains without warm-up
(Xiong et al. 2020, arXiv:2002.04745).
"""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from vitreous.blocks.attention import Attention
from vitreous.blocks.drop import DropPath

LayerNorm = partial(nn.LayerNorm, eps=1e-6)


class FeedForward(nn.Module):
    """Two dense layers, the same for every token."""

    def __init__(self, width: int, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.drop(self.fc2(self.act(self.fc1(x))))
        return y


class TransformerLayer(nn.Module):
    """Tokens (B, N, D) to tokens (B, N, D).

    hidden     units between the two dense layers; four times the width if not given
    pre_norm   normalize before attention and MLP, not after the sums
    causal     tokens see only those before them
    dropout    of what attention and MLP add
    drop_path  rate of leaving out attention or MLP altogether
    """

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        hidden: int | None = None,
        pre_norm: bool = True,
        causal: bool = False,
        dropout: float = 0.0,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        self.pre_norm = pre_norm
        self.norm1 = LayerNorm(width)
        self.attn = Attention(width, heads, causal=causal)
        self.drop = nn.Dropout(dropout)
        self.norm2 = LayerNorm(width)
        self.mlp = FeedForward(width, hidden or 4 * width, dropout)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        if self.pre_norm:
            x = x + self.drop_path(self.drop(self.attn(self.norm1(x))))
            return x + self.drop_path(self.mlp(self.norm2(x)))  # type: ignore[no-any-return]
        x = self.norm1(x + self.drop_path(self.drop(self.attn(x))))
        return self.norm2(x + self.drop_path(self.mlp(x)))  # type: ignore[no-any-return]
