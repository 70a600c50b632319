"""What every network of the table promises, one test a promise and network.

Small networks run by default; the others are built on the meta device, where shapes are computed
without numbers, and run in full among the slow tests.
"""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable, Iterable
from itertools import accumulate
from pathlib import Path
from typing import TypeVar

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitreous.blocks.bottleneck import BasicBlock
from vitreous.blocks.drop import DropPath
from vitreous.errors import ModelError, ShapeError, VitreousError
from vitreous.inference import to_onnx
from vitreous.models import (
    MODELS,
    backbone_and_head,
    create,
    default_size,
    fitting_size,
    freeze,
    head,
    minimum_size,
)
from vitreous.models.network import Network, Output
from vitreous.trace import graph, inspect, macs, measure, receptive_fields, record
from vitreous.trace.measure.receptive import support

Made = TypeVar("Made")
CLASSES = 10
BATCH = 8
# Layers and width, not parameters, cost time on small images.
HEAVY = {
    "alexnet_two_towers", "alexnet", "alexnet_2014", "nin", "nin_cifar", "resnet34", "resnet50",
    "resnet101", "resnet152", "resnet44", "resnet56", "resnet110", "resnet110_stochastic",
    "resnet1202_stochastic", "plain56", "wide_resnet20_4", "wide_resnet50_2", "wide_resnet101_2",
    "resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d", "densenet169", "densenet201",
    "densenet161", "efficientnet_b1", "efficientnet_b2", "efficientnet_b3", "efficientnet_b4",
    "efficientnet_b5", "efficientnet_b6", "efficientnet_b7", "vit_s32", "vit_b16", "vit_b32",
    "vit_l16", "vit_l32", "vit_ti4", "unet", "fcn32", "fcn16", "fcn8",
    *[name for name in MODELS if name.startswith("vgg")],
}  # fmt: skip
EACH = [pytest.param(name, marks=[pytest.mark.slow] * (name in HEAVY)) for name in MODELS]
each = pytest.mark.parametrize("name", EACH)
# Even without numbers, building and running a hundred layers takes a while.
DEEP = HEAVY - {"alexnet", "nin", "nin_cifar", "vgg16", "resnet50", "vit_b32"}
SHALLOW = [pytest.param(name, marks=[pytest.mark.slow] * (name in DEEP)) for name in MODELS]
# Writing ONNX takes seconds for each network: by default one or two of each file of models/.
QUICK = {
    "linear", "mlp", "lenet5_1998", "alexnet", "nin_cifar", "vgg11_bn", "googlenet", "resnet20",
    "densenet121", "mobilenet_v1", "efficientnet_lite0", "vit_nano4", "convnet", "unet_small",
}  # fmt: skip
EXPORTED = [pytest.param(name, marks=[pytest.mark.slow] * (name not in QUICK)) for name in MODELS]
VECTORS = [row for row in EACH if MODELS[str(row.values[0])].output == "vector"]
MAPS = [row for row in EACH if MODELS[str(row.values[0])].output == "map"]
WALKING = [
    pytest.param(name, marks=[pytest.mark.slow] * (name in HEAVY))
    for name in ("resnet20", "resnet56", "resnet110", "resnet1202_stochastic")
]


def kept(make: Callable[[str], Made]) -> Callable[[str], Made]:
    """Made once for each network, unless all of the heavy ones together would fill the memory."""
    cached = functools.cache(make)
    return lambda name: (make if name in HEAVY else cached)(name)


def side(name: str) -> int:
    return fitting_size(name, 28 if MODELS[name].sized else 32)


def answer(name: str) -> Output:
    """What the network promises to answer with."""
    return Output(MODELS[name].output, CLASSES)


def targets(name: str) -> Tensor:
    """A class for each image, or for each pixel."""
    batch, _, *sides = answer(name).shape(BATCH, side(name), side(name))
    return (torch.arange(math.prod((batch, *sides))) % CLASSES).view(batch, *sides)


@functools.cache
def images(name: str) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    shape = BATCH, MODELS[name].in_channels, side(name), side(name)
    return torch.rand(shape, generator=generator)


def fresh(name: str, seed: int = 0) -> Network:
    torch.manual_seed(seed)
    return create(name, num_classes=CLASSES, size=side(name))


@kept
def calibrated(name: str) -> Network:
    """In evaluation mode, with the statistics of one batch; tests must not change it.

    Scales and shifts are drawn as well, because a mistake with ones and zeros would not be seen,
    and so that most rectifiers let their input through. Where each cuts off half of it, a deep
    network with random weights is chaotic: efficientnet_b7 turns a rounding of 1e-7 into 0.08.
    """
    model = fresh(name)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1.0
            nn.init.uniform_(layer.weight, 0.5, 1)
            nn.init.uniform_(layer.bias, 0.5, 1)
    with torch.no_grad():
        sober(model)(images(name))
    return model.eval()


def sober(model: Network) -> Network:
    """In training mode, but without dropout, which may hide parts of the network."""
    for layer in model.train().modules():
        if isinstance(layer, (nn.Dropout, DropPath)):
            layer.p = 0.0
    return model


@kept
def outputs(name: str) -> Tensor:
    with torch.no_grad():
        return calibrated(name)(images(name))


@kept
def precise(name: str) -> Network:
    return copy.deepcopy(calibrated(name)).double()


@kept
def precise_outputs(name: str) -> Tensor:
    with torch.no_grad():
        return precise(name)(images(name).double())


def assert_near(actual: Tensor, expected: Tensor, tolerance: float) -> None:
    """Relative to the largest logit: single ones may be close to 0."""
    worst = (actual - expected).abs().max().item() / expected.abs().max().item()
    assert worst <= tolerance, f"differ by {worst:.2g} of the largest value"


@pytest.fixture(autouse=True)
def one_thread() -> Iterable[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", SHALLOW)
def test_shapes_of_all(name: str) -> None:
    """On the meta device: logits (B, L) or (B, L, H, W), and named features that lead to them."""
    size = default_size(name)
    with torch.device("meta"):
        model = create(name, num_classes=CLASSES, size=size).eval()
        maps = model.features(torch.empty(2, model.in_channels, size, size))
        logits = model(torch.empty(2, model.in_channels, size, size))
        outputs = model.run(torch.empty(2, model.in_channels, size, size))
    assert logits.shape == answer(name).shape(2, size, size)
    names = [stage for stage, _ in model.stages()]
    assert [*maps] == names[:-1]
    assert [*outputs] == names
    assert outputs[names[-1]].shape == logits.shape
    assert next(iter(dict(model.named_children()))) == "normalize"
    assert all(isinstance(model.get_submodule(stage), nn.Module) for stage in names)


@pytest.mark.parametrize("name", SHALLOW)
@pytest.mark.parametrize("channels", [1, 6])
def test_any_network_takes_any_small_images(name: str, channels: int) -> None:
    """28 pixels, or the remedy names the size that works, and it does."""
    size = fitting_size(name, 28)
    with torch.device("meta"):
        if size != 28:
            with pytest.raises(ShapeError, match=f"{size}×{size}"):
                create(name, num_classes=CLASSES, in_channels=channels, size=28)
        model = create(name, num_classes=CLASSES, in_channels=channels, size=size).eval()
        logits = model(torch.empty(2, channels, size, size))
    assert logits.shape == answer(name).shape(2, size, size)


@pytest.mark.parametrize("name", SHALLOW)
def test_minimum_size(name: str) -> None:
    """The smallest size works, and a smaller one is refused with it as the remedy."""
    size = minimum_size(name)
    with torch.device("meta"):
        model = create(name, num_classes=CLASSES, size=size).eval()
        logits = model(torch.empty(2, model.in_channels, size, size))
    assert logits.shape == answer(name).shape(2, size, size)
    if size > 1:
        with pytest.raises(ShapeError, match=f"{size}×{size}"):
            create(name, size=size - 1)


@each
def test_logits(name: str) -> None:
    assert answer(name).fits(outputs(name), images(name))
    assert outputs(name).isfinite().all()


@each
def test_gradient_reaches_every_parameter(name: str) -> None:
    model = sober(fresh(name))
    generator = torch.Generator().manual_seed(2)
    logits = model(images(name))
    (logits * torch.randn(logits.shape, generator=generator)).sum().backward()
    parameters = dict(model.named_parameters())
    reached = {n for n, p in parameters.items() if p.grad is not None and p.grad.any()}
    assert parameters.keys() - reached == {n for n, p in parameters.items() if not p.requires_grad}


@each
def test_images_do_not_influence_each_other(name: str) -> None:
    with torch.no_grad():
        apart = torch.cat([precise(name)(image[None].double()) for image in images(name)[:3]])
    assert_near(apart, precise_outputs(name)[:3], 1e-8)


@each
def test_same_seed_same_network(name: str) -> None:
    first, second, other = fresh(name).state_dict(), fresh(name).state_dict(), fresh(name, 1)
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert any(not torch.equal(first[key], value) for key, value in other.state_dict().items())


@each
def test_state_dict_round_trip(name: str) -> None:
    other = fresh(name, seed=1).eval()
    other.load_state_dict(calibrated(name).state_dict())
    with torch.no_grad():
        assert torch.equal(other(images(name)), outputs(name))


@each
def test_channels_last(name: str) -> None:
    model = copy.deepcopy(precise(name)).to(memory_format=torch.channels_last)
    with torch.no_grad():
        logits = model(images(name).double().contiguous(memory_format=torch.channels_last))
    assert_near(logits, precise_outputs(name), 1e-8)


@each
def test_double_precision(name: str) -> None:
    assert precise_outputs(name).dtype == torch.float64
    assert_near(outputs(name).double(), precise_outputs(name), 1e-4)


@pytest.mark.parametrize("name", EXPORTED)
def test_onnx_parity(name: str, tmp_path: Path) -> None:
    """Other images than those of the export, and other numbers of them.

    Through torch.export, which takes a second for each dozen layers. Tracing by TorchScript takes a
    tenth of that, but torch has deprecated it, and it warns of each size that a network looks at.
    """
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    path = to_onnx(calibrated(name), tmp_path / "network.onnx", images=images(name)[:1])
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for batch in (slice(1, 2), slice(2, 7)):
        (logits,) = session.run(["logits"], {"images": images(name)[batch].numpy()})
        assert_near(torch.from_numpy(logits), outputs(name)[batch], 1e-4)


@each
def test_each_stage_can_be_recorded(name: str) -> None:
    """By its name, and it has made just what `run` and `features` return."""
    model = calibrated(name)
    stages = [stage for stage, _ in model.stages()]
    with torch.no_grad():
        with record(model, stages) as found:
            logits = model(images(name))
        maps = model.features(images(name))
        whole = model.run(images(name))
    assert [*found] == [*whole] == stages
    assert all(torch.equal(whole[stage], found[stage]) for stage in stages)
    assert all(torch.equal(maps[stage], found[stage]) for stage in maps)
    assert torch.equal(found[stages[-1]], logits)


@each
def test_begins_by_knowing_nothing(name: str) -> None:
    """The first loss is near that of guessing, ln L.

    Each block adds to what the shortcuts carry, and more than 50 of them make large logits (how
    large, the next test says). So the deepest begin with blocks that add nothing: with a last scale
    of 0, as Goyal et al. (2017), "Accurate, large minibatch SGD", arXiv:1706.02677, section 5.1.
    """
    model = sober(fresh(name))
    if "110" in name or "1202" in name:
        for block in model.modules():
            if isinstance(block, BasicBlock):
                nn.init.zeros_(block.bn2.weight)
    with torch.no_grad():
        loss = F.cross_entropy(model(images(name)), targets(name)).item()
    assert math.log(CLASSES) - 0.5 < loss < math.log(CLASSES) + 1.2


@pytest.mark.parametrize("name", WALKING)
def test_signals_walk_at_random(name: str) -> None:
    """A channel of a residual network is a random walk that cannot go below 0.

    x ← relu(x + z): batch norm gives each block's z the mean 0 and the variance 1. Every stage has
    n blocks; its new channels begin at 0, and the first stage's with the stem.
    """
    model = sober(fresh(name))
    with torch.no_grad():
        averages = model.features(images(name))["avgpool"].mean(0)
    blocks, width = len(model.get_submodule("layer1")), len(averages) // 4
    steps = torch.randn(3 * blocks + 1, 20_000, generator=torch.Generator().manual_seed(0))
    walks = [*accumulate(steps, lambda x, z: (x + z).relu(), initial=torch.zeros(20_000))]
    for channels, number in (
        (averages[:width], 3 * blocks + 1),
        (averages[width : 2 * width], 2 * blocks),
        (averages[2 * width :], blocks),
    ):
        assert channels.mean().item() == pytest.approx(walks[number].mean().item(), rel=0.05)


@each
def test_can_be_copied(name: str) -> None:
    model = copy.deepcopy(calibrated(name))
    with torch.no_grad():
        assert torch.equal(model(images(name)), outputs(name))
        next(model.parameters()).add_(1)
        assert torch.equal(calibrated(name)(images(name)), outputs(name))


@pytest.mark.parametrize("name", VECTORS)
def test_backbone_and_head(name: str) -> None:
    backbone, classifier = backbone_and_head(calibrated(name))
    with torch.no_grad():
        features = backbone(images(name))
        assert features.shape[0] == BATCH
        assert features.dim() == 2
        assert_near(classifier(features), outputs(name), 1e-4)


@pytest.mark.parametrize("name", MAPS)
def test_no_vector_stands_for_an_image_that_is_answered_pixel_by_pixel(name: str) -> None:
    assert head(calibrated(name)).weight.shape[0] == CLASSES  # type: ignore[index]
    with pytest.raises(ModelError, match="every place of a map"):
        backbone_and_head(calibrated(name))


@pytest.mark.parametrize("name", MAPS)
def test_it_can_be_looked_into(name: str) -> None:
    """Its graph, its costs, and what a unit sees: within what is computed, and not too little."""
    model, shape = calibrated(name), (MODELS[name].in_channels, side(name), side(name))
    found = inspect(model, shape)
    assert found.parameters == sum(p.numel() for p in model.parameters())
    assert sum(layer.connections for layer in found.layers) == found.macs == macs(model, shape)
    assert {"head", "input", "output"} <= {node.id for node in graph(model, shape).nodes}
    field = receptive_fields(model, shape)["head"]
    for position in [(0, 0), (side(name) // 2, 5), (side(name) - 1, side(name) - 1)]:
        seen = support(measure(model, "head", shape, position=position, tries=2))
        top, left, bottom, right = field.window(*position, *shape[1:])
        assert top <= seen[0] <= position[0] < seen[2] <= bottom
        assert left <= seen[1] <= position[1] < seen[3] <= right


@each
def test_frozen_backbone_does_not_move(name: str) -> None:
    """Neither weights nor statistics, after a step in training mode."""
    model = fresh(name)
    freeze(model, "backbone")
    last = head(model)
    before = copy.deepcopy(model.state_dict())
    learning = [p for p in model.parameters() if p.requires_grad]
    assert {*map(id, learning)} == {*map(id, last.parameters())}
    model.train()
    loss = model(images(name)).square().sum()
    if learning:
        loss.backward()
        torch.optim.SGD(learning, 0.1).step()
    own = {f"head.{key}" for key in last.state_dict()} | {f"fc.{key}" for key in last.state_dict()}
    after = model.state_dict()
    assert [k for k in before if k not in own and not torch.equal(before[k], after[k])] == []


@each
def test_wrong_number_of_channels(name: str) -> None:
    wrong = torch.zeros(2, MODELS[name].in_channels + 1, side(name), side(name))
    with pytest.raises(ShapeError, match="in_channels="):
        calibrated(name)(wrong)


@pytest.mark.parametrize("name", MODELS)
def test_unknown_argument(name: str) -> None:
    with torch.device("meta"), pytest.raises(VitreousError, match="unknown argument"):
        create(name, no_such_argument=1)
