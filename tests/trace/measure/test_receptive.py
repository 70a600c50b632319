"""Receptive fields: published figures, arithmetic against measurement, and through branches."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch
from torch import Tensor, nn

from vitreous.blocks.bilinear import BilinearUp
from vitreous.blocks.init import initialize
from vitreous.errors import ShapeError, UsageError
from vitreous.models import create
from vitreous.models.network import Network
from vitreous.models.table import MODELS
from vitreous.trace.capture.operations import trace
from vitreous.trace.measure.receptive import fields_of, measure, receptive_fields, support


@pytest.fixture
def vgg16() -> Network:
    with torch.device("meta"):  # its 553 MB are never allocated
        return create("vgg16")


def test_vgg16_sees_6_16_44_100_212_pixels_after_its_poolings(vgg16: Network) -> None:
    fields = receptive_fields(vgg16, (3, 224, 224))
    sizes = [(n, n) for n in (6, 16, 44, 100, 212)]
    assert [fields[f"stage{s}.pool"].size for s in range(1, 6)] == sizes
    strides = [(n, n) for n in (2, 4, 8, 16, 32)]
    assert [fields[f"stage{s}.pool"].stride for s in range(1, 6)] == strides


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(2, 2, 3, padding=1)
        self.two = nn.Conv2d(2, 2, 3, padding=2, dilation=2)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.two(torch.tanh(self.one(x)))


class Inception(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.small = nn.Conv2d(2, 1, 1)
        self.large = nn.Conv2d(2, 1, 5, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.small(x), self.large(x)], 1)


class Gate(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(x.mean((2, 3), keepdim=True))


def test_what_enlarges_with_a_repeated_border_sees_so_far_and_no_farther() -> None:
    """Within the field at each place, those of the border as well, and hardly less than it."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 2, 3, stride=2, padding=1), BilinearUp(2, 4))
    field = receptive_fields(net, (1, 24, 24))["1"]
    assert field.size == (6, 6)  # five, at the place where it is counted in full
    assert field.stride == (Fraction(1, 2), Fraction(1, 2))
    for place in (0, 1, 2, 21, 24, 46, 47):
        seen = support(measure(net, "1", (1, 24, 24), position=(place, place), tries=2))
        top, left, bottom, right = field.window(place, place, 24, 24)
        assert 0 <= seen[0] - top <= 1
        assert 0 <= bottom - seen[2] <= 1
        assert (seen[1] - left, right - seen[3]) == (seen[0] - top, bottom - seen[2])


def test_fcns_see_parts_of_large_images() -> None:
    with torch.device("meta"):
        fields = receptive_fields(create("fcn8", num_classes=5), (3, 512, 512))
    for name in ("add16", "add8", "head"):
        assert all(map(math.isfinite, fields[name].size))


def named(*layers: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(*layers).double()


NETWORKS: dict[str, tuple[nn.Sequential, tuple[float, float]]] = {
    "convolution": (named(nn.Conv2d(2, 3, (3, 5), stride=(2, 1), padding=(1, 0))), (3, 5)),
    "dilated": (named(nn.Conv2d(2, 2, 3, dilation=3)), (7, 7)),
    "residual": (named(nn.Conv2d(2, 2, 3, stride=2), Residual()), (15, 15)),
    "inception": (named(nn.Conv2d(2, 2, 3), Inception(), nn.AvgPool2d(3, 2, 1)), (9, 9)),
    "padded": (named(nn.ZeroPad2d((2, 1, 0, 3)), nn.Conv2d(2, 2, 4)), (4, 4)),
    "reused": (named(*[nn.Conv2d(2, 2, 3, padding=1)] * 3), (7, 7)),
    "up": (
        named(nn.Conv2d(2, 2, 3, stride=2), nn.Upsample(scale_factor=2), nn.Conv2d(2, 1, 3)),
        (6, 6),
    ),
    "transposed": (named(nn.Conv2d(2, 2, 3, 2), nn.ConvTranspose2d(2, 2, 3, 2, padding=1)), (5, 5)),
    "gate": (named(nn.Conv2d(2, 2, 3), Gate()), (math.inf, math.inf)),
    "global": (named(nn.Conv2d(2, 2, 3), nn.AdaptiveAvgPool2d(1)), (math.inf, math.inf)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_measured_lies_within_what_is_computed(name: str) -> None:
    model, size = NETWORKS[name]
    shape = (2, 21, 23)
    fields = receptive_fields(model, shape)
    path = list(fields)[-1]
    assert fields[path].size == size
    layer = str(len(model) - 1) if name != "reused" else "0"
    rows, columns = model(torch.zeros(1, *shape).double()).shape[2:]
    for position in [(0, 0), (rows // 2, columns // 2), (rows - 1, columns - 1)]:
        window = fields[path].window(*position, *shape[1:])
        found = support(measure(model, layer, shape, position=position, tries=2))
        # Layers without maximum or rectifier pass every gradient, so that both agree exactly;
        # strided rows of a transposed convolution see less than the widest of them.
        if name in ("transposed", "up"):
            assert window[0] <= found[0] < found[2] <= window[2]
            assert window[1] <= found[1] < found[3] <= window[3]
        else:
            assert found == window


def test_maximum_and_rectifier_only_narrow_the_measured_field(vgg16: Network) -> None:
    stages = vgg16.get_submodule("stage1"), vgg16.get_submodule("stage2")
    model = nn.Sequential(*stages).to_empty(device="cpu")
    initialize(model, "he", generator=torch.Generator().manual_seed(0))
    fields = receptive_fields(model, (3, 64, 64))
    found = support(measure(model, "1.pool", (3, 64, 64), tries=4))
    window = fields["1.pool"].window(8, 8, 64, 64)
    assert window[0] <= found[0] < found[2] <= window[2]
    assert found[2] - found[0] > 8


DEEP = {"resnet44", "plain56", "resnet56", "resnet110", "resnet110_stochastic"}
SMALL = [
    pytest.param(name, marks=[pytest.mark.slow] * (name in DEEP))
    for name, row in MODELS.items()
    if row.parameters < 4e6
]


@pytest.mark.parametrize("name", SMALL)
def test_networks_of_the_table_see_what_is_computed(name: str) -> None:
    """The last map of every size of field: of a unit in the middle, and of one at a corner."""
    torch.manual_seed(0)
    model = create(name).double()
    if name.startswith("airbench"):  # begins with copies of its input, which see a single pixel
        initialize(model, "he")
    height, width = model.sizes.fixed or (model.sizes.fit(96),) * 2
    shape = (model.in_channels, height, width)
    traced = trace(model, shape)
    fields = fields_of(traced)
    names = {call.path: call.name for call in traced.calls}
    sizes = {call.path: call.output[1][2:] for call in traced.calls if call.path in fields}
    last = {
        field.size: path
        for path, field in fields.items()
        if max(field.size) < 0.8 * min(height, width) and path == names[path]
    }
    assert last
    chosen = list(last.values())
    for path in chosen[:: max(1, len(chosen) // 3)]:
        rows, columns = sizes[path]
        for row, column in ((rows // 2, columns // 2), (rows - 1, 0)):
            window = fields[path].window(row, column, height, width)
            weights = measure(model, path, shape, position=(row, column), tries=2)
            found = support(weights)
            assert window[0] <= found[0] < found[2] <= window[2], path
            assert window[1] <= found[1] < found[3] <= window[3], path
            # Maxima and rectifiers hide a part of the window, but not most of it.
            assert 2 * (found[2] - found[0]) > window[2] - window[0], path
            assert 2 * (found[3] - found[1]) > window[3] - window[1], path


def test_shortcuts_without_parameters_are_followed() -> None:
    """A residual network sees no more than the plain one of the same layers."""
    fields = [receptive_fields(create(name), (3, 32, 32)) for name in ("resnet20", "plain20")]
    ours, plain = (found["layer3.2.relu2"] for found in fields)
    assert ours == plain
    assert plain.size == (81, 81)  # 1 + 2 · 8 + 4 · 6 + 8 · 5: a 3×3 convolution adds two steps


def test_the_border_cuts_the_window() -> None:
    field = receptive_fields(nn.Sequential(nn.Conv2d(1, 1, 5, padding=2)), (1, 9, 9))["0"]
    assert field.window(0, 8, 9, 9) == (0, 6, 3, 9)


def test_attention_and_dense_layers_see_everything() -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mix = nn.Linear(36, 36)
            self.after = nn.Conv2d(2, 2, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.after(self.mix(x.flatten(2)).reshape(x.shape))  # type: ignore[no-any-return]

    assert receptive_fields(Tokens(), (2, 6, 6))["after"].size == (math.inf, math.inf)


def test_errors_say_what_would_work() -> None:
    model = nn.Sequential(nn.Conv2d(1, 1, 3), nn.Flatten(), nn.Linear(16, 2))
    with pytest.raises(UsageError, match="unknown layer 'conv'"):
        measure(model, "conv", (1, 6, 6))
    with pytest.raises(ShapeError, match="2 makes no map"):
        measure(model, "2", (1, 6, 6))
    with pytest.raises(ShapeError, match="no unit at row 9") as raised:
        measure(model, "0", (1, 6, 6), position=(9, 0))
    assert "4 rows and 4 columns" in str(raised.value.remedy)
    with pytest.raises(ShapeError, match="those of images"):
        receptive_fields(nn.Linear(3, 2), (3,))
    assert not any(m._forward_hooks for m in model.modules())


def test_nothing_is_seen_where_nothing_arrives() -> None:
    assert support(torch.zeros(4, 4)) == (0, 0, 0, 0)
