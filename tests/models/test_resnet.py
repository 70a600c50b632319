import pytest
import torch
from torch import nn

from vitreous.blocks.bottleneck import BasicBlock, Bottleneck, NoShortcut, PadShortcut
from vitreous.blocks.drop import DropPath
from vitreous.errors import UsageError
from vitreous.models import create
from vitreous.trace import receptive_fields


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
def test_zero_branch_is_the_identity(block: type[BasicBlock] | type[Bottleneck]) -> None:
    """With the last scale at 0, exactly (inputs are not negative, as after a rectifier)."""
    channels = 4 * block.expansion
    layer = block(channels, 4).eval()
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


@pytest.mark.parametrize("name", ["resnet20", "resnet18", "resnet50"])
def test_zero_gamma(name: str) -> None:
    """Blocks without a change of shape are the identity, in training mode too; and the seed gives
    the same convolutions."""
    torch.manual_seed(0)
    usual = create(name, num_classes=3)
    torch.manual_seed(0)
    model = create(name, num_classes=3, zero_gamma=True)
    blocks = [m for m in model.modules() if isinstance(m, (BasicBlock, Bottleneck))]
    same = [block for block in blocks if block.downsample is None]
    assert same
    for block in same:
        x = torch.rand(2, block.conv1.in_channels, 6, 6)
        assert torch.equal(block(x), x)
    mine = dict(model.named_parameters())
    differing = [
        key for key, value in usual.named_parameters() if not torch.equal(mine[key], value)
    ]
    last = "bn3" if name == "resnet50" else "bn2"
    assert len(differing) == len(blocks)
    assert all(key.endswith(f"{last}.weight") for key in differing)


def test_without_shortcuts_nothing_may_begin_at_zero() -> None:
    with pytest.raises(UsageError, match="without shortcuts"):
        create("plain20", zero_gamma=True)


def uneven(name: str, **arguments: object) -> nn.Module:
    """With scales, shifts and statistics that matter, drawn by one seed."""
    torch.manual_seed(0)
    model = create(name, num_classes=5, **arguments).double().eval()
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            for tensor in (layer.weight, layer.running_var):
                nn.init.uniform_(tensor, 0.5, 1.5)
            for tensor in (layer.bias, layer.running_mean):
                nn.init.normal_(tensor, 0, 0.2)
    return model


@pytest.mark.parametrize(
    ("name", "output_stride", "total", "side"),
    [
        ("resnet18", 8, 32, 75),
        ("resnet18", 16, 32, 64),
        ("resnet18", 4, 32, 40),
        ("resnet50", 8, 32, 75),
        ("resnet20", 1, 4, 21),
        ("resnet20", 2, 4, 21),
    ],
)
def test_dilation_computes_what_the_stride_left_out(
    name: str, output_stride: int, total: int, side: int
) -> None:
    """The same parameters; of the finer map, what lies on the coarser grid is the coarser map."""
    coarse, fine = uneven(name), uneven(name, output_stride=output_stride)
    assert [*coarse.state_dict()] == [*fine.state_dict()]
    images = torch.rand(2, 3, side, side).double()
    with torch.no_grad():
        before, after = (model.features(images) for model in (coarse, fine))
    last = [name for name in before if name.startswith("layer")][-1]
    assert after[last].shape[2] == -(-side // output_stride)
    every = total // output_stride
    torch.testing.assert_close(after[last][:, :, ::every, ::every], before[last])
    assert not torch.equal(after["avgpool"], before["avgpool"])


@pytest.mark.parametrize(("name", "stage"), [("resnet18", "layer3"), ("resnet50", "layer4")])
def test_shift_and_stitch(name: str, stage: str) -> None:
    """All four shifts of the strided stage, interleaved, are the dilated stage away from the
    border, where a shifted map begins. Long et al. (2015), arXiv:1411.4038, section 3.2."""
    stride = {"layer3": 8, "layer4": 16}[stage]
    strided = uneven(name).get_submodule(stage)
    dilated = uneven(name, output_stride=stride).get_submodule(stage)
    channels = next(strided.parameters()).shape[1]
    x = torch.randn(1, channels, 40, 40).double()
    with torch.no_grad():
        dense = dilated(x)
        stitched = torch.empty_like(dense)
        for down in (0, 1):
            for right in (0, 1):
                stitched[:, :, down::2, right::2] = strided(x[:, :, down:, right:])
    inner = (..., slice(12, -12), slice(12, -12))
    torch.testing.assert_close(stitched[inner], dense[inner])
    assert not torch.allclose(stitched, dense)


def test_units_see_as_far_as_with_the_stride() -> None:
    coarse, fine = (
        receptive_fields(create("resnet18", **more), (3, 224, 224))["layer4"]
        for more in ({}, {"output_stride": 8})
    )
    assert coarse.size == fine.size
    assert (coarse.stride, fine.stride) == ((32, 32), (8, 8))


def test_a_stage_of_the_same_width_keeps_its_projection() -> None:
    """A stride that became dilation still has the parameters of its shortcut."""
    widths = (16, 16, 16)
    coarse, fine = (
        create("resnet20", widths=widths, shortcut="project"),
        create("resnet20", widths=widths, shortcut="project", output_stride=1),
    )
    assert coarse.state_dict().keys() == fine.state_dict().keys()


@pytest.mark.parametrize(("name", "stride"), [("resnet50", 64), ("resnet20", 8), ("resnet18", 0)])
def test_output_strides_that_cannot_be(name: str, stride: int) -> None:
    with pytest.raises(UsageError, match=f"{stride} is no stride") as error:
        create(name, output_stride=stride)
    assert "Choose one of" in str(error.value.remedy)
