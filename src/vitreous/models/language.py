"""A language model, the same transformer reading text: guess what comes next, append it, go on.

Vaswani et al. (2017), arXiv:1706.03762; as a decoder alone: Radford et al. (2018), "Improving
language understanding by generative pre-training". The layer is that of the vision transformer;
only the mask differs, which keeps the future out of sight.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vitreous.blocks.transformer import LayerNorm, TransformerLayer
from vitreous.errors import ShapeError, UsageError


class LanguageTransformer(nn.Module):
    """Tokens (B, T) int64 to logits (B, T, L) for the token after each of them.

    tokens   number of different tokens (characters, words)
    context  the longest text that it can read, in tokens
    """

    def __init__(
        self,
        tokens: int,
        *,
        context: int = 128,
        width: int = 128,
        depth: int = 4,
        heads: int = 4,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.context = context
        self.embed = nn.Embedding(tokens, width)
        self.positions = nn.Parameter(torch.zeros(1, context, width))
        self.drop = nn.Dropout(dropout)
        self.blocks = nn.Sequential(
            *[TransformerLayer(width, heads, causal=True, dropout=dropout) for _ in range(depth)]
        )
        self.norm = LayerNorm(width)
        self.head = nn.Linear(width, tokens)
        # The customary 0.02 is for widths of a thousand: here it would stay with pairs for longer.
        nn.init.normal_(self.embed.weight, std=0.08)
        nn.init.normal_(self.positions, std=0.08)

    def forward(self, text: Tensor) -> Tensor:
        length = text.shape[1]
        if not 1 <= length <= self.context:
            raise ShapeError(
                f"a text of {length} tokens",
                where="text",
                remedy=f"Give 1 to {self.context} tokens, the last ones for a longer text.",
            )
        x = self.drop(self.embed(text) + self.positions[:, :length])  # (B, T, D)
        logits: Tensor = self.head(self.norm(self.blocks(x)))
        return logits

    @torch.no_grad()
    def generate(
        self,
        prompt: Tensor,
        steps: int,
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """The prompt (B, T) with `steps` more tokens, each guessed from all before it.

        temperature  0 takes the likeliest token; 1 draws from the distribution that was learned

        Raises UsageError for a negative temperature.
        """
        if temperature < 0:
            raise UsageError(
                f"a temperature of {temperature:g}",
                where="temperature",
                remedy="Give 0 for the likeliest text, or a number up to about 1.",
            )
        text = prompt
        for _ in range(steps):
            logits = self(text[:, -self.context :])[:, -1]  # (B, L)
            if temperature == 0:
                following = logits.argmax(1, keepdim=True)
            else:
                chances = (logits / temperature).softmax(1)
                following = torch.multinomial(chances, 1, generator=generator)
            text = torch.cat([text, following], 1)
        return text
