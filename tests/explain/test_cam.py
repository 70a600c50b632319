"""Class activation maps: they add up to the logits, and show what a pooling looks for."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitreous.errors import ModelError
from vitreous.explain.cam import class_maps, pooled, pooled_end
from vitreous.explain.gradcam import coarse_gradcam
from vitreous.models import create, head
from vitreous.models.convnet import ConvNet
from vitreous.models.network import Network

CLASSES = 4
SIDE = 32  # of an image
HEAD = 6  # side of the telling part
BODY = 14, 12  # height and width of the faint part below it


@pytest.mark.parametrize(
    "name",
    ["resnet20", "googlenet_bn", "densenet121", "mobilenet_v2", "efficientnet_b0"],
)
def test_mean_and_bias_are_the_logits(name: str) -> None:
    torch.manual_seed(0)
    model = create(name, num_classes=CLASSES, size=64).train()
    images = torch.rand(2, 3, 64, 64)
    maps = class_maps(model, images)
    assert model.training
    assert maps.shape[:2] == (2, CLASSES)
    assert maps.shape[2] > 1
    with torch.no_grad():
        logits = model.eval()(images)
    last = head(model)
    assert isinstance(last, nn.Linear)
    torch.testing.assert_close(maps.mean((2, 3)) + last.bias, logits, rtol=1e-4, atol=1e-5)


def test_a_pixel_that_decides_for_all_classes() -> None:
    """Where all maps have their maximum at one place, that of the evidence lies there too."""
    model = ConvNet(num_classes=CLASSES, in_channels=1, stem=4, widths=(8,), pool="max").eval()
    images = torch.rand(1, 1, 2, 2)  # the last map has one pixel
    with torch.no_grad():
        logits = model(images)
    torch.testing.assert_close(class_maps(model, images)[..., 0, 0] + model.head.bias, logits)


@pytest.mark.parametrize("name", ["lenet5", "vit_nano4", "mlp"])
def test_networks_without_such_maps(name: str) -> None:
    model = create(name)
    with pytest.raises(ModelError, match=f"{name} has no class activation maps"):
        class_maps(
            model, torch.rand(1, model.in_channels, model.sizes.default, model.sizes.default)
        )


def test_a_layer_between_pool_and_last_leaves_no_maps() -> None:
    """Of the right width, so that the sum could be computed: it would not be the network's."""
    between, last = nn.Linear(3, 3), nn.Linear(3, 2)
    maps = torch.rand(2, 3, 4, 5)
    vectors = maps.mean((2, 3))
    assert pooled(last, between(vectors), [maps]) is None
    found = pooled(last, vectors, [maps])
    assert found is not None
    assert found.pool == "average"
    logits = last(vectors).detach()
    torch.testing.assert_close(found.class_maps().mean((2, 3)) + found.bias, logits)
    largest = pooled(last, maps.amax((2, 3)), [maps])
    assert largest is not None
    assert largest.pool == "max"


def test_a_convolution_that_is_averaged() -> None:
    """Network in network: its last convolution makes the class maps themselves."""
    torch.manual_seed(0)
    model = create("nin_cifar").eval()
    images = torch.rand(2, 3, 32, 32)
    end = pooled_end(model, images)
    with torch.no_grad():
        logits = model(images)
    torch.testing.assert_close(end.class_maps().mean((2, 3)) + end.bias, logits)


def test_a_function_pools_as_a_layer_does() -> None:
    """Any module, wherever it averages; but not if something is done to the logits afterwards."""

    class Own(nn.Module):
        def __init__(self, factor: float) -> None:
            super().__init__()
            self.conv, self.head, self.factor = nn.Conv2d(3, 5, 3), nn.Linear(5, 4), factor

        def forward(self, x: Tensor) -> Tensor:
            maps = F.relu_(self.conv(x))
            self.conv.last = maps.detach()
            return self.factor * self.head(F.adaptive_avg_pool2d(maps, 1).flatten(1))

    torch.manual_seed(0)
    images = torch.rand(2, 3, 9, 9)
    # The rectifier is no layer: nothing that was recorded has the vectors as its mean.
    with pytest.raises(ModelError, match="Own has no class activation maps"):
        class_maps(Own(1.0), images)

    class Layered(Own):
        def forward(self, x: Tensor) -> Tensor:
            maps = self.conv(x)
            return self.factor * self.head(F.adaptive_avg_pool2d(maps, 1).flatten(1))

    model = Layered(1.0)
    maps = class_maps(model, images)
    logits = model(images).detach()
    torch.testing.assert_close(maps.mean((2, 3)) + model.head.bias.detach(), logits)
    with pytest.raises(ModelError, match="Layered has no class activation maps"):
        class_maps(Layered(2.0), images)


@pytest.mark.parametrize("name", ["resnet20", "convnet", "nin_cifar"])
def test_grad_cam_of_such_networks_is_their_cam(name: str) -> None:
    """But for a positive factor, since the gradient of an average is the weight over the places."""
    torch.manual_seed(0)
    model = create(name, in_channels=3)
    images = torch.rand(2, 3, 32, 32)
    for label in range(3):
        heat = coarse_gradcam(model, images, label, signed=True)
        maps = class_maps(model, images)[:, label]
        assert heat.shape == maps.shape
        torch.testing.assert_close(heat * maps[0].numel(), maps, rtol=1e-4, atol=1e-5)


def objects(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Images (B, 1, H, W) of objects somewhere in noise, their classes, and their masks (B, H, W).

    Each class has a pattern of stripes, plain on a small head and faint on a large body: either
    part is enough to tell the class, but the head tells it better.
    """
    place = torch.arange(BODY[0])
    across, along = (place // 2 % 2)[:, None], (place // 2 % 2)[None]
    rising, falling = ((place[:, None] + sign * place) // 2 % 2 for sign in (1, -1))
    stripes = [2.0 * each.expand(BODY[0], BODY[0]) - 1 for each in (across, along, rising, falling)]
    images = 0.5 + 0.15 * torch.randn(count, 1, SIDE, SIDE, generator=generator)
    labels = torch.randint(CLASSES, (count,), generator=generator)
    masks = torch.zeros(count, SIDE, SIDE, dtype=torch.bool)
    tops = torch.randint(SIDE - HEAD - BODY[0] + 1, (count,), generator=generator)
    lefts = torch.randint(SIDE - BODY[1] + 1, (count,), generator=generator)
    places = zip(images[:, 0], masks, labels.tolist(), tops.tolist(), lefts.tolist(), strict=True)
    for image, mask, label, top, left in places:
        small = slice(top, top + HEAD), slice(left + 3, left + 3 + HEAD)
        large = slice(top + HEAD, top + HEAD + BODY[0]), slice(left, left + BODY[1])
        image[small] = 0.5 + 0.5 * stripes[label][:HEAD, :HEAD]
        image[large] += 0.3 * stripes[label][:, : BODY[1]]
        mask[small] = mask[large] = True
    return images.clamp(0, 1), labels, masks


def trained(pool: str, images: Tensor, labels: Tensor, seed: int) -> Network:
    """A network whose last map still has 16 × 16 places that see 10 pixels each."""
    torch.manual_seed(seed)
    model = ConvNet(num_classes=CLASSES, in_channels=1, stem=8, widths=(16,), pool=pool).train()
    optimizer = torch.optim.AdamW(model.parameters(), 5e-3)
    for rows in torch.randperm(len(images)).repeat(6).split(64):
        loss = F.cross_entropy(model(images[rows]), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2, 3))]
)
def test_the_average_finds_the_object_and_the_maximum_its_telling_part(seed: int) -> None:
    """The area with more than half of the largest evidence for the true class, on new images."""
    images, labels, masks = objects(1200, torch.Generator().manual_seed(seed))
    new = slice(1000, None)
    lit = {}
    for pool in ("average", "max"):
        model = trained(pool, images[:1000], labels[:1000], seed)
        with torch.no_grad():
            right = model(images[new]).argmax(1) == labels[new]
        assert right.float().mean() > 0.95
        maps = class_maps(model, images[new])[torch.arange(200), labels[new]]  # (B, h, w)
        lit[pool] = maps > 0.5 * maps.amax((1, 2), keepdim=True)
        on_object = masks[new, ::2, ::2] & lit[pool]
        assert on_object.sum() > 0.75 * lit[pool].sum()
    area = {pool: where.float().mean().item() for pool, where in lit.items()}
    assert area["average"] > 1.5 * area["max"], area
    found = (lit["average"] & masks[new, ::2, ::2]).sum() / masks[new, ::2, ::2].sum()
    assert found > 0.5
