"""Self-attention: every token looks at all tokens, and takes from each what it asks for.

    Attention(Q, K, V) = softmax(Q Kᵀ / √d) V                                              (eq. 1)

Vaswani et al. (2017), "Attention is all you need", arXiv:1706.03762, section 3.2. Without positions
in the tokens it does not know their order: permuting tokens permutes the outputs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitreous.blocks.narrow import learns_narrow
from vitreous.errors import UsageError


class Attention(nn.Module):
    """Several heads in parallel, each on its own slice of the embedding.

    causal  a token sees itself and those before it only, as next-word prediction needs
    """

    def __init__(self, width: int, heads: int, *, causal: bool = False) -> None:
        super().__init__()
        if width % heads:
            raise UsageError(
                f"{heads} heads cannot share an embedding of {width} numbers equally",
                where="heads",
                remedy=f"Use a divisor of {width}.",
            )
        self.heads = heads
        self.causal = causal
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.split(x)
        y = attended(q, k, v, causal=self.causal)  # (B, A, N, D/A)
        out: Tensor = self.proj(y.transpose(1, 2).flatten(2))  # (B, N, D)
        return out

    def weights(self, x: Tensor) -> Tensor:
        """Who looks at whom, (B, A, N, N); each row sums to 1."""
        q, k, _ = self.split(x)
        scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
        if self.causal:
            future = torch.ones(scores.shape[-2:], dtype=torch.bool, device=x.device).triu(1)
            scores = scores.masked_fill(future, -torch.inf)
        shares: Tensor = scores.softmax(-1)
        return shares

    def split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, (B, A, N, D/A) each."""
        batch, tokens, width = x.shape
        qkv = self.qkv(x).view(batch, tokens, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        return q, k, v


def attended(q: Tensor, k: Tensor, v: Tensor, *, causal: bool = False) -> Tensor:
    """softmax(Q Kᵀ / √d) V of each head, (B, A, N, D/A) as the three are.

    On a CPU, derivatives are computed in float32 under autocast: in bfloat16 torch takes up to 4
    times as long for those of few tokens, and longer for many as well (torch 2.13, with AVX-512 and
    its bfloat16).
    """
    if not learns_narrow(q, k, v):
        return F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    with torch.autocast("cpu", enabled=False):
        wide = F.scaled_dot_product_attention(q.float(), k.float(), v.float(), is_causal=causal)
    return wide.to(q.dtype)
