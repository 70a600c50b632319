"""Explanations as captum and pytorch-grad-cam compute them, where definitions agree."""

from __future__ import annotations

from operator import itemgetter
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

from vitreous.explain.gradcam import coarse_gradcam
from vitreous.explain.gradient_input import gradient_input
from vitreous.explain.guided_backprop import guided_backprop
from vitreous.explain.heat import enlarged
from vitreous.explain.integrated_gradients import integrated_gradients
from vitreous.explain.occlusion import occlusion
from vitreous.explain.saliency import saliency
from vitreous.models import create

LABELS = [3, 7]


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def network() -> nn.Module:
    torch.manual_seed(0)
    return create("resnet18", num_classes=10).eval()


def close(found: Tensor, peer: Tensor) -> None:
    """To 1e-4 of the largest value."""
    torch.testing.assert_close(found, peer, rtol=1e-4, atol=1e-4 * float(peer.abs().max()))


def test_pixels_as_captum(images: Tensor, captum: ModuleType) -> None:
    model, target = network(), torch.tensor(LABELS)
    given = images.clone().requires_grad_()
    peer = captum.Saliency(model).attribute(given, target=target).amax(1)
    close(saliency(model, images, LABELS), peer)
    peer = captum.InputXGradient(model).attribute(given, target=target).sum(1).detach()
    close(gradient_input(model, images, LABELS), peer)
    integrated = captum.IntegratedGradients(model).attribute(given, target=target, n_steps=50)
    close(integrated_gradients(model, images, LABELS, steps=50), integrated.sum(1).detach().float())


def test_guided_backpropagation_as_captum(images: Tensor, captum: ModuleType) -> None:
    """Captum needs each rectifier to be a layer of its own, used once, not in place."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3, stride=2), nn.ReLU(),
        nn.Flatten(), nn.Linear(8 * 30 * 30, 10),
    )  # fmt: skip
    found = guided_backprop(model, images, LABELS)
    with pytest.warns(UserWarning, match="hooks"):
        peer = captum.GuidedBackprop(model).attribute(
            images.clone().requires_grad_(), target=torch.tensor(LABELS)
        )
    close(found, peer.sum(1).detach())


def test_occlusion_as_captum(images: Tensor, captum: ModuleType) -> None:
    model = network()
    with torch.no_grad():
        peer = captum.Occlusion(model).attribute(
            images,
            target=torch.tensor(LABELS),
            sliding_window_shapes=(3, 16, 16),
            strides=(3, 16, 16),
            baselines=0.5,
        )
    close(occlusion(model, images, LABELS, window=16, stride=16), peer[:, 0])


def test_grad_cam_as_captum(images: Tensor, captum: ModuleType) -> None:
    model = network()
    peer = captum.LayerGradCam(model, model.layer4).attribute(
        images, target=torch.tensor(LABELS), relu_attributions=True
    )
    close(coarse_gradcam(model, images, LABELS, layer="layer4"), peer[:, 0].detach())


def test_grad_cam_as_pytorch_grad_cam(images: Tensor, grad_cam: ModuleType) -> None:
    """It scales each map to [0, 1], then enlarges it by OpenCV, which interpolates as we do."""
    model = network()
    with grad_cam.GradCAM(model=model, target_layers=[model.layer3]) as method:
        # Each target is a function of one image's outputs.
        peer = torch.from_numpy(method(images.clone(), [itemgetter(label) for label in LABELS]))
    coarse = coarse_gradcam(model, images, LABELS, layer="layer3")
    found = spread(enlarged(spread(coarse), (64, 64)))
    torch.testing.assert_close(found, peer, rtol=0, atol=1e-4)


def spread(maps: Tensor) -> Tensor:
    """Each from 0 to 1, as pytorch-grad-cam does it before enlarging and once more after it."""
    above = maps - maps.amin((1, 2), keepdim=True)
    return above / (above.amax((1, 2), keepdim=True) + 1e-7)
