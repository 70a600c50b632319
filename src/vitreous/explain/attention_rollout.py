"""Attention rollout: how much of each patch has flowed into the answer, through all attentions.

    R = Â_L ··· Â_2 Â_1,   Â = (mean of the heads + I) / 2

The identity stands for what passes by the attention unchanged. It tells where the network looked,
whatever it is asked about: one map for all classes. Abnar and Zuidema (2020), "Quantifying
attention flow in transformers", arXiv:2005.00928.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from vitreous.errors import ModelError
from vitreous.explain.heat import enlarged
from vitreous.explain.layer_maps import as_map
from vitreous.explain.looking import fitting, looking
from vitreous.explain.target import Target, asked, scalar_of
from vitreous.shapes import Heatmaps, Images

SOFTMAX = (torch.softmax, Tensor.softmax, F.softmax)


class Attended(TorchFunctionMode):
    """Within this context the weights of each self-attention are kept, however it is computed.

    weights  (B, N, N) of each, the mean of its heads
    """

    def __init__(self, batch: int) -> None:
        super().__init__()
        self.batch = batch
        self.weights: list[Tensor] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.scaled_dot_product_attention:
            self._keep(_shares(*args, **kwargs))
        if func is F.multi_head_attention_forward:  # which hides what it calls
            asked = {"need_weights": True, "average_attn_weights": True}
            out, shares = func(*args, **{**kwargs, **asked})
            self._keep(shares[:, None])
            return out, shares if kwargs.get("need_weights", True) else None
        result = func(*args, **kwargs)
        if func in SOFTMAX and isinstance(result, Tensor):
            self._keep(result)
        return result

    def _keep(self, shares: Tensor) -> None:
        """(B, A, N, N), or the heads and the batch as one axis."""
        if shares.dim() < 3 or shares.shape[-1] != shares.shape[-2] or len(shares) % self.batch:
            return
        heads = shares.detach().float().reshape(self.batch, -1, *shares.shape[-2:])
        self.weights.append(heads.mean(1))


def _shares(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Any = None, *rest: Any, **named: Any
) -> Tensor:
    scale = named.get("scale") or query.shape[-1] ** -0.5
    scores = query @ key.transpose(-2, -1) * scale
    mask = named.get("attn_mask", attn_mask)
    if mask is not None:
        scores = (
            scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
        )
    if named.get("is_causal", bool(rest[1:] and rest[1])):
        future = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
        scores = scores.masked_fill(future, -torch.inf)
    # Not `softmax` of torch, which this context would keep once more.
    exponents = (scores - scores.amax(-1, keepdim=True)).exp()
    shares: Tensor = exponents / exponents.sum(-1, keepdim=True)
    return shares


def attention_rollout(model: nn.Module, images: Images, target: Target = None) -> Heatmaps:
    """(B, H, W), not negative: from the class token to the patches, or where there is none, from
    the mean of all tokens.

    images  (B, C, H, W) in [0, 1]
    target  is not heeded: the map is the same for every class

    Raises ModelError for a network without attention from each patch to all others.
    """
    scalar = scalar_of(model, images, target, once=True)
    with looking(model), Attended(len(images)) as attended:
        # With gradients: torch's own encoder would skip what is watched here without them.
        outputs = model(fitting(model, images).requires_grad_().clone())
    asked(outputs, scalar, len(images))  # refuses what there is not, as all methods do
    sizes = {weights.shape[-1] for weights in attended.weights}
    size = (images.shape[2], images.shape[3])
    if len(sizes) != 1 or as_map(torch.empty(1, *sizes, 1), size) is None:
        seen = f"attention over {', '.join(map(str, sorted(sizes)))} tokens" if sizes else "none"
        raise ModelError(
            f"rollout needs attention among all patches of an image; the network has {seen}",
            where="method",
            remedy="Choose gradcam, or a method that works on pixels such as smoothgrad.",
        )
    tokens = sizes.pop()
    one = torch.eye(tokens, device=attended.weights[0].device)
    flow = one.expand(len(images), -1, -1)
    for weights in attended.weights:
        flow = (weights + one) / 2 @ flow
    patches = as_map(flow.mean(1)[..., None], size)
    assert patches is not None
    if patches.shape[2:].numel() < tokens:  # the first token gathers for the answer
        patches = as_map(flow[:, 0, :, None], size)
        assert patches is not None
    return enlarged(patches[:, 0], size)
