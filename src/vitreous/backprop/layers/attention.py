"""Scaled dot-product attention, and the multi-head self-attention of the transformer.

    S = Q Kᵀ / √d        P = softmax S        O = P V

    V̄ = Pᵀ Ō    P̄ = Ō Vᵀ    S̄ = P ∘ (P̄ − Σ P̄ ∘ P)    Q̄ = S̄ K / √d    K̄ = S̄ᵀ Q / √d

Vaswani et al. (2017), "Attention Is All You Need", arXiv:1706.03762, section 3.2.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vitreous.backprop.layers.layer import Layer
from vitreous.backprop.layers.linear import Linear


class Attention(Layer):
    """Queries, keys and values (..., N, d) to (..., N, d); it has three inputs and no parameters.

    causal  a token sees itself and those before it
    """

    def __init__(self, *, causal: bool = False):
        super().__init__()
        self.causal = causal

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        self.queries, self.keys, self.values = queries, keys, values
        self.scale = 1 / math.sqrt(queries.shape[-1])
        scores = queries @ keys.mT * self.scale  # (..., N, N)
        if self.causal:
            future = torch.ones_like(scores, dtype=torch.bool).triu(1)
            scores = scores.masked_fill(future, -math.inf)
        self.weights = torch.softmax(scores, -1)
        return self.weights @ values

    def input_gradient(self, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        by_values = self.weights.mT @ gradient
        by_weights = gradient @ self.values.mT
        by_scores = self.weights * (
            by_weights - (by_weights * self.weights).sum(-1, keepdim=True)
        )  # softmax
        by_queries = by_scores @ self.keys * self.scale
        by_keys = by_scores.mT @ self.queries * self.scale
        return by_queries, by_keys, by_values


class SelfAttention(Layer):
    """(B, N, D) to (B, N, D): A heads of attention between linear layers.

    in_weight, in_bias    (3D, D) and (3D,): queries, keys and values at once
    out_weight, out_bias  (D, D) and (D,)
    """

    learned = ("in_weight", "in_bias", "out_weight", "out_bias")

    def __init__(
        self,
        heads: int,
        in_weight: Tensor,
        in_bias: Tensor | None,
        out_weight: Tensor,
        out_bias: Tensor | None,
        *,
        causal: bool = False,
    ):
        super().__init__()
        self.heads = heads
        self.in_weight, self.in_bias = in_weight, in_bias
        self.out_weight, self.out_bias = out_weight, out_bias
        self.project = Linear(in_weight, in_bias)
        self.attend = Attention(causal=causal)
        self.mix = Linear(out_weight, out_bias)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        projected = self.project.forward(x).reshape(batch, tokens, 3, self.heads, -1)
        queries, keys, values = projected.permute(2, 0, 3, 1, 4)  # each (B, A, N, D/A)
        mixed = self.attend.forward(queries, keys, values)
        return self.mix.forward(mixed.transpose(1, 2).reshape(batch, tokens, width))

    def projection_gradient(self, gradient: Tensor) -> Tensor:
        """Through the last linear layer and the attention, back to Q, K and V: (B, N, 3D)."""
        batch, tokens, width = gradient.shape
        heads = self.mix.input_gradient(gradient).reshape(batch, tokens, self.heads, -1)
        triple = torch.stack(self.attend.input_gradient(heads.transpose(1, 2)))
        return triple.permute(1, 3, 0, 2, 4).reshape(batch, tokens, 3 * width)

    def input_gradient(self, gradient: Tensor) -> Tensor:
        return self.project.input_gradient(self.projection_gradient(gradient))

    def parameter_gradients(self, gradient: Tensor) -> dict[str, Tensor]:
        return self._named(gradient, self.projection_gradient(gradient))

    def backward(self, gradient: Tensor) -> Tensor:
        with torch.no_grad():
            projected = self.projection_gradient(gradient)
            self.gradients = self._named(gradient, projected)
            return self.project.input_gradient(projected)

    def _named(self, gradient: Tensor, projected: Tensor) -> dict[str, Tensor]:
        parts = {
            "in": self.project.parameter_gradients(projected),
            "out": self.mix.parameter_gradients(gradient),
        }
        return {f"{side}_{name}": g for side, part in parts.items() for name, g in part.items()}
