"""Networks of timm: each has a map with the layer that is chosen by itself."""

from __future__ import annotations

from types import ModuleType

import pytest
import torch

from vitreous.explain import METHODS, last_map
from vitreous.explain.target import scalar_of

NETWORKS = """
    resnet10t resnet18 resnet26t seresnet18 resnext26ts regnetx_002 regnety_002 densenet121
    mobilenetv2_035 mobilenetv3_small_050 efficientnet_lite0 mnasnet_small ghostnet_050 lcnet_050
    convnext_atto vit_tiny_patch16_224 deit_tiny_patch16_224 deit_tiny_distilled_patch16_224
    swin_s3_tiny_224 poolformer_s12 mixer_s32_224 xcit_nano_12_p16_224
""".split()


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_of_timm_has_a_map(timm: ModuleType, name: str) -> None:
    torch.manual_seed(0)
    model = timm.create_model(name, pretrained=False).eval()
    heads = model.get_classifier()
    for head in heads if isinstance(heads, tuple) else (heads,):
        torch.nn.init.normal_(head.weight, std=0.02)  # some begin with zeros: nothing passes these
    images = torch.rand(1, 3, 224, 224)
    layer = last_map(model, images, scalar_of(model, images, 3))
    heat = METHODS["gradcam"](model, images, 3, layer)
    assert heat.shape == (1, 224, 224)
    assert heat.isfinite().all()
    # With random weights all may speak against a class; then what speaks for it is lit.
    assert heat.any() or METHODS["gradcam"](model, images, lambda out: -out[:, 3], layer).any()
