import math

import pytest
import torch
from torch import nn

from vitreous.blocks.attention import Attention, attended
from vitreous.blocks.transformer import FeedForward, TransformerLayer
from vitreous.errors import UsageError


@pytest.fixture
def tokens() -> torch.Tensor:
    return torch.randn(2, 5, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def by_hand(layer: Attention, x: torch.Tensor) -> torch.Tensor:
    """One head and one token at a time, from the formula."""
    heads, size = layer.heads, x.shape[2] // layer.heads
    q, k, v = (x @ layer.qkv.weight.T + layer.qkv.bias).chunk(3, 2)
    out = torch.zeros_like(x)
    for head in range(heads):
        own = slice(head * size, (head + 1) * size)
        for token in range(x.shape[1]):
            last = token + 1 if layer.causal else x.shape[1]
            scores = (k[:, :last, own] * q[:, token : token + 1, own]).sum(2) / math.sqrt(size)
            shares = scores.exp() / scores.exp().sum(1, keepdim=True)
            out[:, token, own] = (shares[:, :, None] * v[:, :last, own]).sum(1)
    return out @ layer.proj.weight.T + layer.proj.bias


@pytest.mark.parametrize("causal", [False, True])
def test_formula(tokens: torch.Tensor, causal: bool) -> None:
    layer = Attention(12, 3, causal=causal).double()
    torch.testing.assert_close(layer(tokens), by_hand(layer, tokens))


def test_against_torch(tokens: torch.Tensor) -> None:
    layer = Attention(12, 3).double()
    peer = nn.MultiheadAttention(12, 3, batch_first=True).double()
    ours = ("qkv.weight", "qkv.bias", "proj.weight", "proj.bias")
    theirs = ("in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias")
    weights = layer.state_dict()
    peer.load_state_dict({b: weights[a] for a, b in zip(ours, theirs, strict=True)})
    out, shares = peer(tokens, tokens, tokens, average_attn_weights=False)
    torch.testing.assert_close(layer(tokens), out)
    torch.testing.assert_close(layer.weights(tokens), shares)


@pytest.mark.parametrize("causal", [False, True])
def test_derivatives_are_wide_under_autocast(causal: bool) -> None:
    """As those of the same narrow numbers in float32; the answer is what float32 gives, rounded."""
    given = torch.randn(3, 2, 4, 17, 8, generator=torch.Generator().manual_seed(0)).bfloat16()
    narrow = given.clone().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = attended(*narrow, causal=causal)
    assert y.dtype == torch.bfloat16
    upstream = torch.randn_like(y)
    (found,) = torch.autograd.grad(y, narrow, upstream)
    q, k, v = wide = given.double().requires_grad_()
    scores = q @ k.transpose(-2, -1) / math.sqrt(8)
    if causal:
        scores = scores.masked_fill(torch.ones(17, 17).triu(1).bool(), -math.inf)
    exact = scores.softmax(-1) @ v
    (wanted,) = torch.autograd.grad(exact, wide, upstream.double())
    torch.testing.assert_close(y.double(), exact, rtol=2**-8, atol=1e-6)
    torch.testing.assert_close(found.double(), wanted, rtol=2**-8, atol=1e-5)


@pytest.mark.parametrize("causal", [False, True])
def test_shares_sum_to_one(tokens: torch.Tensor, causal: bool) -> None:
    shares = Attention(12, 3, causal=causal).double().weights(tokens)
    torch.testing.assert_close(shares.sum(-1), torch.ones_like(shares[..., 0]))
    assert bool(shares.triu(1).any()) is not causal


@pytest.mark.parametrize("pre_norm", [False, True])
def test_order_of_tokens_does_not_matter(tokens: torch.Tensor, pre_norm: bool) -> None:
    layer = TransformerLayer(12, 3, pre_norm=pre_norm).double().eval()
    order = torch.tensor([3, 1, 4, 0, 2])
    torch.testing.assert_close(layer(tokens[:, order]), layer(tokens)[:, order])


def test_future_has_no_gradient(tokens: torch.Tensor) -> None:
    layer = TransformerLayer(12, 3, causal=True).double()
    x = tokens.requires_grad_()
    for token in range(5):
        gradient = torch.autograd.grad(layer(x)[:, token].sum(), x)[0]
        assert not gradient[:, token + 1 :].any()
        assert gradient[:, : token + 1].any(2).all()


def test_post_norm_order(tokens: torch.Tensor) -> None:
    """X ← X + attention(X); norm; X ← X + mlp(X); norm."""
    layer = TransformerLayer(12, 3, pre_norm=False).double().eval()
    x = layer.norm1(tokens + layer.attn(tokens))
    x = layer.norm2(x + layer.mlp(x))
    torch.testing.assert_close(layer(tokens), x)


def test_pre_norm_order(tokens: torch.Tensor) -> None:
    layer = TransformerLayer(12, 3).double().eval()
    x = tokens + layer.attn(layer.norm1(tokens))
    x = x + layer.mlp(layer.norm2(x))
    torch.testing.assert_close(layer(tokens), x)


def test_post_norm_against_torch(tokens: torch.Tensor) -> None:
    ours = TransformerLayer(12, 3, hidden=20, pre_norm=False).double().eval()
    peer = nn.TransformerEncoderLayer(
        12, 3, 20, 0.0, "gelu", layer_norm_eps=1e-6, batch_first=True, dtype=torch.float64
    )
    names = {
        "self_attn.in_proj_weight": "attn.qkv.weight",
        "self_attn.in_proj_bias": "attn.qkv.bias",
        "self_attn.out_proj.weight": "attn.proj.weight",
        "self_attn.out_proj.bias": "attn.proj.bias",
        "linear1.weight": "mlp.fc1.weight",
        "linear1.bias": "mlp.fc1.bias",
        "linear2.weight": "mlp.fc2.weight",
        "linear2.bias": "mlp.fc2.bias",
        "norm1.weight": "norm1.weight",
        "norm1.bias": "norm1.bias",
        "norm2.weight": "norm2.weight",
        "norm2.bias": "norm2.bias",
    }
    peer.load_state_dict({k: ours.state_dict()[v] for k, v in names.items()})
    torch.testing.assert_close(ours(tokens), peer(tokens))


def test_feed_forward_is_the_same_for_every_token(tokens: torch.Tensor) -> None:
    mlp = FeedForward(12, 7).double()
    torch.testing.assert_close(mlp(tokens)[:, 2], mlp(tokens[:, 2]))


def test_heads_must_share_equally() -> None:
    with pytest.raises(UsageError, match="5 heads"):
        Attention(12, 5)
