"""Explanation methods against closed forms, finite differences and derivations of their own."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitreous.explain.attention_rollout import attention_rollout
from vitreous.explain.gradcam import coarse_gradcam, gradcam
from vitreous.explain.gradient_input import gradient_input
from vitreous.explain.guided_backprop import guided_backprop
from vitreous.explain.heat import colored, enlarged, laid_over, scaled
from vitreous.explain.integrated_gradients import integrated_gradients
from vitreous.explain.layer_maps import as_map, last_map
from vitreous.explain.occlusion import occlusion
from vitreous.explain.saliency import saliency
from vitreous.explain.smoothgrad import smoothgrad
from vitreous.explain.target import scalar_of
from vitreous.models import create

SHAPE = 3, 6, 8


class Dense(nn.Module):
    """Linear: every method has a closed form."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.head = nn.Linear(3 * 6 * 8, 4).double()

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x.flatten(1))

    def weight(self, label: int) -> Tensor:
        return self.head.weight[label].detach().reshape(SHAPE)


@pytest.fixture
def images() -> Tensor:
    return torch.rand(2, *SHAPE, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def test_a_linear_network(images: Tensor) -> None:
    model = Dense()
    for label in range(4):
        weight = model.weight(label)
        for method in (saliency, smoothgrad):
            expected = weight.abs().amax(0).expand(2, -1, -1)
            torch.testing.assert_close(method(model, images, label), expected)
        shares = (weight * images).sum(1)
        torch.testing.assert_close(gradient_input(model, images, label), shares)
        torch.testing.assert_close(integrated_gradients(model, images, label), shares)
        gray = integrated_gradients(model, images, label, baseline=0.5, steps=1)
        torch.testing.assert_close(gray, (weight * (images - 0.5)).sum(1))


def test_occlusion_of_a_linear_network(images: Tensor) -> None:
    """Covering a window takes away the sum of its shares; a pixel gets the mean of its windows."""
    model = Dense()
    lost = (model.weight(1) * (images - 0.25)).sum(1)
    for window, stride in ((2, 2), (3, 1), (4, 3)):
        total, covers = torch.zeros_like(lost), torch.zeros(6, 8)
        tops = range(0, 6 - window + stride, stride)
        lefts = range(0, 8 - window + stride, stride)
        for top, left in product(tops, lefts):
            inside = (slice(top, top + window), slice(left, left + window))
            total[(slice(None), *inside)] += lost[(slice(None), *inside)].sum((1, 2))[:, None, None]
            covers[inside] += 1
        found = occlusion(model, images, 1, window=window, stride=stride, fill=0.25)
        torch.testing.assert_close(found.double(), total / covers, rtol=1e-5, atol=1e-6)


def test_saliency_is_the_limit_of_differences(images: Tensor) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(96, 4)).double()
    step, slopes = 1e-6, torch.zeros(images[:1].shape, dtype=torch.float64)
    with torch.no_grad():
        for place in product(*map(range, SHAPE)):
            moved = images[:1].clone(), images[:1].clone()
            moved[0][(0, *place)] += step
            moved[1][(0, *place)] -= step
            more, less = (model(each)[0, 2] for each in moved)
            slopes[(0, *place)] = (more - less) / (2 * step)
    torch.testing.assert_close(
        saliency(model, images[:1], 2), slopes.abs().amax(1), rtol=1e-6, atol=1e-8
    )


def test_gradient_times_input_adds_up_without_biases(images: Tensor) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(96, 4, bias=False)
    ).double()
    for label in range(4):
        total = gradient_input(model, images, label).sum((1, 2))
        torch.testing.assert_close(total, model(images).detach()[:, label])


@pytest.mark.parametrize("name", ["lenet5", "convnet", "vit_nano4"])
def test_integrated_gradients_are_complete(name: str) -> None:
    torch.manual_seed(0)
    model = create(name, in_channels=3).double().eval()
    given = torch.rand(2, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        outputs = model(given)
        difference = (outputs - model(torch.zeros_like(given)))[range(2), outputs.argmax(1)]
    errors = []
    for steps in (5, 200):
        total = integrated_gradients(model, given, steps=steps).sum((1, 2))
        errors.append(float((total - difference).abs().max() / difference.abs().max()))
    assert errors[1] < 0.01
    assert errors[1] < errors[0]


def test_smoothgrad_is_the_gradient_of_the_mean(images: Tensor) -> None:
    """For y = Σ w x³ the mean gradient under noise is 3 w (x² + σ²)."""
    weight = Dense().weight(0)

    class Cubic(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (weight * x**3).flatten(1).sum(1, keepdim=True)

    found = smoothgrad(Cubic(), images, 0, samples=4000, sigma=0.3)
    expected = (3 * weight * (images**2 + 0.09)).abs().amax(1)
    torch.testing.assert_close(found, expected, rtol=0.1, atol=0.02)


def test_guided_backpropagation_by_hand(images: Tensor) -> None:
    """Two layers, used in place and as a function, against the rule written out."""
    torch.manual_seed(0)
    first, second = nn.Linear(144, 9).double(), nn.Linear(9, 5).double()
    last = nn.Linear(5, 4).double()

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second, self.last = first, second, last
            self.relu = nn.ReLU(inplace=True)

        def forward(self, x: Tensor) -> Tensor:
            x = self.relu(self.first(x.flatten(1)))
            return self.last(F.relu6(self.second(x)))

    with torch.no_grad():
        a = first(images.flatten(1))
        b = second(a.clamp_min(0))
        g = last.weight[3].expand(2, 5).clamp_min(0) * (b > 0) * (b < 6)
        g = (g @ second.weight).clamp_min(0) * (a > 0)
        expected = (g @ first.weight).reshape(images.shape).sum(1)
    torch.testing.assert_close(guided_backprop(Net(), images, 3), expected)


def test_grad_cam_by_hand() -> None:
    """The whole gradient, by a graph from the pixels on, against what is cut at the layer."""
    torch.manual_seed(0)
    model = create("lenet5", in_channels=3).eval()
    given = torch.rand(2, 3, 32, 32)
    maps = model.features(given)["conv2"]
    maps.retain_grad()
    x = maps
    for name, stage in model.stages():
        if name not in ("conv1", "act1", "pool1", "conv2") and _after(model, name, "conv2"):
            x = stage(x)
    x[:, 4].sum().backward()
    weights = maps.grad.mean((2, 3), keepdim=True)
    expected = (weights * maps).sum(1).clamp_min(0).detach()
    torch.testing.assert_close(coarse_gradcam(model, given, 4, layer="conv2"), expected)
    upsampled = F.interpolate(expected[:, None], (32, 32), mode="bilinear")[:, 0]
    torch.testing.assert_close(gradcam(model, given, 4, layer="conv2"), upsampled)


def _after(model: nn.Module, name: str, other: str) -> bool:
    names = [each for each, _ in model.stages()]
    return names.index(name) > names.index(other)


def test_the_last_block_of_a_transformer_says_nothing_about_patches() -> None:
    """The class token has gathered by then; the block before it is the one that tells."""
    torch.manual_seed(0)
    model = create("vit_nano4").eval()
    given = torch.rand(2, 3, 32, 32)
    scalar = scalar_of(model, given, None)
    assert last_map(model, given, scalar) == "blocks.4"
    assert not coarse_gradcam(model, given, layer="blocks.5").any()
    assert coarse_gradcam(model, given, layer="blocks.4", signed=True).any()


def test_tokens_that_are_averaged_reach_the_answer_from_the_last_block() -> None:
    class Averaged(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            whole = create("vit_nano4")
            self.embed, self.blocks, self.norm = whole.patch_embed, whole.blocks, whole.norm
            self.head = whole.head

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.norm(self.blocks(self.embed(x))).mean(1))

    torch.manual_seed(0)
    model, given = Averaged(), torch.rand(1, 3, 32, 32)
    assert last_map(model, given, scalar_of(model, given, None)) == "blocks"


@pytest.mark.parametrize(
    ("shape", "size", "expected"),
    [
        ((2, 5, 7, 7), (224, 224), (2, 5, 7, 7)),
        ((2, 7, 7, 768), (224, 224), (2, 768, 7, 7)),
        ((2, 64, 7, 14), (32, 64), (2, 64, 7, 14)),
        ((2, 4, 8, 96), (32, 64), (2, 96, 4, 8)),
        ((2, 197, 9), (224, 224), (2, 9, 14, 14)),
        ((2, 198, 9), (224, 224), (2, 9, 14, 14)),
        ((2, 196, 9), (224, 224), (2, 9, 14, 14)),
        ((2, 33, 9), (32, 64), (2, 9, 4, 8)),
        ((2, 9), (32, 32), None),
        ((2, 23, 9), (32, 32), (2, 9, 4, 4)),
    ],
)
def test_what_is_taken_for_a_map(
    shape: tuple[int, ...], size: tuple[int, int], expected: tuple[int, ...] | None
) -> None:
    found = as_map(torch.zeros(shape), size)
    assert (None if found is None else tuple(found.shape)) == expected


def test_tokens_keep_their_places() -> None:
    tokens = torch.arange(9.0).reshape(1, 9, 1)
    found = as_map(torch.cat([torch.full((1, 1, 1), -1.0), tokens], 1), (30, 30))
    assert found is not None
    torch.testing.assert_close(found[0, 0], torch.arange(9.0).reshape(3, 3))


def test_rollout_is_the_product_of_the_attentions() -> None:
    torch.manual_seed(0)
    model = create("vit_nano4").eval()
    given = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        x = model.patch_embed(model.normalize(given))
        flow = torch.eye(65)
        for block in model.blocks:
            shares = block.attn.weights(block.norm1(x)).mean(1)
            flow = (0.5 * shares + 0.5 * torch.eye(65)) @ flow
            x = block(x)
    expected = enlarged(flow[:, 0, 1:].reshape(2, 8, 8), (32, 32))
    torch.testing.assert_close(attention_rollout(model, given), expected)


def test_rollout_of_torch_s_own_encoder() -> None:
    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Conv2d(3, 8, 4, stride=4)
            layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
            self.layers = nn.TransformerEncoder(layer, 2)
            self.head = nn.Linear(8, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.layers(self.embed(x).flatten(2).transpose(1, 2)).mean(1))

    torch.manual_seed(0)
    model, given = Encoder().eval(), torch.rand(2, 3, 16, 16)
    flow = torch.eye(16)
    with torch.no_grad():
        x = model.embed(given).flatten(2).transpose(1, 2)
        for layer in model.layers.layers:
            _, shares = layer.self_attn(x, x, x, need_weights=True)
            flow = (0.5 * shares + 0.5 * torch.eye(16)) @ flow
            x = layer(x)
    expected = enlarged(flow.mean(1).reshape(2, 4, 4), (16, 16))
    torch.testing.assert_close(attention_rollout(model, given), expected)


def test_scaling_and_colors() -> None:
    maps = torch.tensor([[[0.0, 2.0], [-4.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]])
    torch.testing.assert_close(scaled(maps)[0], maps[0] / 4)
    assert not scaled(maps)[1].any()
    warm, cold = colored(torch.tensor([[1.0, -1.0]]).numpy())[0].astype(int)
    assert warm[0] > warm[2]
    assert cold[2] > cold[0]
    image = torch.full((2, 2, 1), 128, dtype=torch.uint8).numpy()
    over = laid_over(image, maps[0].numpy())
    assert over.shape == (2, 2, 3)
    assert len(set(over[0, 0].tolist())) == 1  # no heat, no color
    assert not laid_over(image, maps[1].numpy()).std(axis=2).any()
