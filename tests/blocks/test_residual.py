import torch
from torch import nn

from vitreous.blocks.inverted import InvertedResidual
from vitreous.blocks.residual import Residual
from vitreous.blocks.squeeze import SqueezeExcite
from vitreous.blocks.width import make_divisible


def test_zero_branch_is_the_identity() -> None:
    body = nn.Linear(4, 4)
    nn.init.zeros_(body.weight)
    nn.init.zeros_(body.bias)
    x = torch.rand(3, 4)
    assert torch.equal(Residual(body)(x), x)


def test_identity_shortcut_has_no_parameters() -> None:
    body = nn.Linear(4, 4)
    assert len([*Residual(body).parameters()]) == len([*body.parameters()])


def test_inverted_residual_without_branch_is_the_identity() -> None:
    block = InvertedResidual(8, 8, expansion=6, squeezed=2).eval()
    nn.init.zeros_(block.project.get_parameter("norm.weight"))
    x = torch.rand(2, 8, 5, 5)
    assert torch.equal(block(x), x)


def test_shortcut_only_where_shapes_agree() -> None:
    assert not InvertedResidual(8, 16, expansion=6).has_shortcut
    assert not InvertedResidual(8, 8, expansion=6, stride=2).has_shortcut


def test_gates_scale_channels() -> None:
    """Against the formula, with its matrices written out."""
    block = SqueezeExcite(6, 2).double()
    maps = torch.rand(3, 6, 4, 4, dtype=torch.float64)
    w1, w2 = block.reduce.weight[:, :, 0, 0], block.expand.weight[:, :, 0, 0]
    hidden = (maps.mean((2, 3)) @ w1.T + block.reduce.bias).relu()
    gates = (hidden @ w2.T + block.expand.bias).sigmoid()
    torch.testing.assert_close(block(maps), maps * gates[:, :, None, None])


def test_widths() -> None:
    """MobileNetV2's own figures for a width of 1.4, 0.5 and 0.35."""
    assert [make_divisible(c * 1.4) for c in (16, 24, 32, 96)] == [24, 32, 48, 136]
    assert [make_divisible(c * 0.35) for c in (16, 24, 32, 64)] == [8, 8, 16, 24]
