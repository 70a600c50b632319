"""The letters of tensor axes, and names for the tensors that travel between packages.

B batch         C channels        H W image          h w feature map     K channels of a map
N tokens        D embedding       A attention heads  P patch side        L classes
S stages        T steps

Layout is always B C H W. Images are float32 RGB in [0, 1]; bytes (uint8, H W C) live only inside
`data` and `augment` and at the edge of a server. Logits are unscaled; probabilities sum to 1.
"""

from __future__ import annotations

from typing import TypeAlias

from torch import Tensor

Images: TypeAlias = Tensor  # (B, C, H, W) float in [0, 1]
Features: TypeAlias = Tensor  # (B, K, h, w) float
Logits: TypeAlias = Tensor  # (B, L) float, or (B, L, H, W) of maps
Labels: TypeAlias = Tensor  # (B,) int64, or (B, L) float: mixed or multi-label targets
Heatmaps: TypeAlias = Tensor  # (B, H, W) float: what each pixel has to do with an answer
Masks: TypeAlias = Tensor  # (B, H, W) int64 class numbers
