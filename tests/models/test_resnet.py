import pytest
import torch
from torch import nn

from vitreous.blocks.drop import DropPath
from vitreous.models import create
from vitreous.models.resnet import BasicBlock, Bottleneck, NoShortcut, PadShortcut


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
def test_zero_branch_is_the_identity(block: type[BasicBlock] | type[Bottleneck]) -> None:
    """With the last scale at 0, exactly (inputs are not negative, as after a rectifier)."""
    channels = 4 * block.expansion
    layer = block(channels, 4, 1).eval()
    last = layer.bn2 if isinstance(layer, BasicBlock) else layer.bn3
    nn.init.zeros_(last.weight)
    x = torch.rand(2, channels, 6, 6)
    assert torch.equal(layer(x), x)


def test_identity_shortcuts_add_no_parameters() -> None:
    with torch.device("meta"):
        counts = [sum(p.numel() for p in create(n).parameters()) for n in ("plain20", "resnet20")]
    assert counts[0] == counts[1]


def test_option_a() -> None:
    x = torch.rand(1, 3, 4, 4)
    y = PadShortcut(2, 2)(x)
    assert torch.equal(y[:, :3], x[:, :, ::2, ::2])
    assert y.shape == (1, 5, 2, 2)
    assert not y[:, 3:].any()


def test_plain_networks_have_no_shortcut() -> None:
    blocks = [m for m in create("plain20").modules() if isinstance(m, BasicBlock)]
    assert len(blocks) == 9
    assert all(isinstance(b.downsample, NoShortcut) for b in blocks)
    x = torch.rand(2, 16, 5, 5)
    block = blocks[0].eval()
    hidden = block.bn1(block.conv1(x)).relu()
    torch.testing.assert_close(block(x), block.bn2(block.conv2(hidden)).relu())


def test_survival_falls_with_depth() -> None:
    """Linear decay, from 1 to 1/2 at the last block."""
    model = create("resnet110_stochastic")
    rates = [m.p for m in model.modules() if isinstance(m, DropPath)]
    assert len(rates) == 54
    assert rates[0] == 0
    assert rates[-1] == 0.5
    steps = torch.tensor(rates).diff()
    torch.testing.assert_close(steps, torch.full_like(steps, 0.5 / 53))


def test_stochastic_depth_drops_blocks_in_training_only() -> None:
    torch.manual_seed(0)
    model = create("resnet20", drop_path=0.9)
    images = torch.rand(4, 3, 16, 16)
    model.train()
    assert not torch.equal(model(images), model(images))
    model.eval()
    assert torch.equal(model(images), model(images))
