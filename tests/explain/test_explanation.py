"""Explanations of trained networks: in the image's own pixels, with refusals that help."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vitreous.data.batches.preprocess import PixelContract
from vitreous.errors import ModelError, UsageError
from vitreous.explain.explanation_sheet import sheet
from vitreous.inference.model_file import Bundle
from vitreous.models import create
from vitreous.tasks.classify import Classify
from vitreous.tasks.segment import Segment

SIZE = 24


class Corner(nn.Module):
    """Class 1 is how bright the upper left quarter is, class 0 the lower right one."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 1)
        self.pool = nn.AvgPool2d(SIZE // 2)
        with torch.no_grad():
            self.conv.weight.fill_(1 / 3)
            self.conv.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        quarters = self.pool(self.conv(x).relu())
        return torch.stack([quarters[:, 0, 1, 1], quarters[:, 1, 0, 0]], 1)


def corner(fit: Any = "pad", **more: Any) -> Bundle:
    return Bundle(
        model=Corner(),
        task=Classify(classes=("lower", "upper")),
        contract=PixelContract(height=SIZE, width=SIZE, channels=3, fit=fit),
        **more,
    )


def picture(height: int = SIZE, width: int = SIZE) -> np.ndarray:
    """Bright in the upper left quarter."""
    image = np.full((height, width, 3), 40, np.uint8)
    image[: height // 2, : width // 2] = 230
    return image


@pytest.mark.parametrize("method", ["saliency", "gradient_input", "integrated_gradients"])
def test_the_evidence_is_where_the_class_is(method: str) -> None:
    found = corner().explain(picture(), method=method)
    assert found.target == found.answer.text == "upper"
    assert found.layer == ""
    assert found.heat.shape == (SIZE, SIZE)
    assert (found.heat[:12, :12] > 0).all()
    assert not found.heat[12:].any()
    assert found.box == (0, 0, 12, 12)
    assert found.value == pytest.approx(230 / 255, rel=1e-4)
    other = corner().explain(picture(), method=method, target="lower")
    assert other.box == (12, 12, 24, 24)
    assert other.answer.text == "upper"  # asking about another class does not change the answer


def test_heat_lies_in_the_image_s_own_pixels() -> None:
    """A wide image is squeezed into the window with black above and below it."""
    image = picture(60, 120)
    found = corner().explain(image, method="saliency")
    assert found.heat.shape == (60, 120)
    assert found.overlay.shape == (60, 120, 3)
    assert found.box[:2] == (0, 0)
    assert found.box[2] == pytest.approx(60, abs=5)
    cut = corner(fit="crop").explain(image, method="saliency")
    assert not cut.heat[:, :25].any()  # the network never sees the sides
    assert cut.heat[:20, 35:55].any()
    facts = cut.to_json()
    assert facts["width"], facts["height"] == (120, 60)
    assert facts["method"] == "saliency"


def test_several_images_are_each_as_alone() -> None:
    images: list[Any] = [picture(), 255 - picture(), picture(30, 40)]
    together = corner().explain(images, method="gradient_input")
    assert [each.target for each in together] == ["upper", "lower", "upper"]
    for image, found in zip(images, together, strict=True):
        alone = corner().explain(image, method="gradient_input")
        np.testing.assert_allclose(found.heat, alone.heat, atol=1e-6)


def test_a_method_is_chosen_for_a_network_without_maps() -> None:
    torch.manual_seed(0)
    for name, method, layer in (
        ("mlp", "integrated_gradients", ""),
        ("lenet5", "gradcam", "conv2"),
    ):
        model = create(name)
        size = model.sizes.default
        bundle = Bundle(
            model=model,
            task=Classify(classes=tuple("abcdefghij")),
            contract=PixelContract(height=size, width=size, channels=model.in_channels),
        )
        found = bundle.explain(picture())
        assert (found.method, found.layer) == (method, layer)


def test_a_unit_is_explained_as_a_class_is() -> None:
    bundle = corner()
    found = bundle.explain(picture(), layer="conv", unit=1, method="gradient_input")
    assert found.target == "conv, unit 1"
    assert found.value == pytest.approx(float(picture().mean() / 255), abs=1e-5)
    np.testing.assert_allclose(found.heat.sum(), found.value, rtol=1e-4)  # linear, without a bias
    assert bundle.explain(picture(), layer="conv", unit=0).method == "gradcam"


def test_a_pixel_of_a_mask() -> None:
    """A network of 1 × 1 convolutions sees the pixel alone."""
    torch.manual_seed(0)
    bundle = Bundle(
        model=nn.Conv2d(3, 3, 1),
        task=Segment(classes=("ground", "road", "sky")),
        contract=PixelContract(height=SIZE, width=SIZE, channels=3, fit="pad", exact=True),
    )
    found = bundle.explain(picture(48, 48), target="road@10,20", method="saliency")
    assert found.target == "road@10,20"
    rows, columns = np.nonzero(found.heat)
    assert {*rows} <= {18, 19, 20, 21, 22}
    assert {*columns} <= {8, 9, 10, 11, 12}
    assert found.heat[20, 10] > 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"method": "grad-cam"}, "Did you mean gradcam"),
        ({"target": "uper"}, "Did you mean upper"),
        ({"layer": "convv"}, "Did you mean conv"),
        ({"unit": 1}, "Name the layer"),
        ({"unit": 7, "layer": "conv"}, "It has 2, counted from 0"),
        ({"unit": 1, "layer": "conv", "target": "upper"}, "Leave one out"),
        ({"layer": "conv", "method": "saliency"}, "looks at no layer"),
    ],
)
def test_bad_questions_are_answered_with_what_would_work(
    options: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError) as raised:
        corner().explain(picture(), **options)
    assert said in str(raised.value)


def test_a_network_without_gradients_is_said() -> None:
    bundle = corner()
    bundle.model.register_forward_hook(lambda module, given, output: output.detach())
    with pytest.raises(ModelError, match="no gradient of the answer reaches") as raised:
        bundle.explain(picture(), method="saliency")
    assert "occlusion" in str(raised.value)
    assert bundle.explain(picture(), method="occlusion").box[:2] == (0, 0)


def test_it_shows_itself() -> None:
    found = corner().explain(picture(), method="saliency")
    assert found._repr_png_().startswith(b"\x89PNG")
    page = found._repr_html_()
    assert "data:image/png" in page
    assert "upper" in page
    assert repr(found) == "<Explanation of upper   by saliency>"
    black = corner().explain(np.zeros((SIZE, SIZE, 3), np.uint8), method="gradient_input")
    assert black.empty
    assert black.to_json()["peak"] is None
    assert "nothing speaks for it" in black.text


def test_a_sheet_shows_names_as_they_are() -> None:
    found = corner().explain(picture(), method="saliency")
    text = sheet([("<b>.png", found), ("c.png", found)], "Why <it> answers so")
    assert "&lt;b&gt;.png" in text
    assert "Why &lt;it&gt; answers so" in text
    assert text.count("<figure>") == 2
    assert "<script" not in text


def test_precision_and_mode_do_not_matter() -> None:
    bundle = corner(precision="bfloat16")
    bundle.model.train()
    with torch.inference_mode():
        found = bundle.explain(picture(), method="integrated_gradients")
    assert bundle.model.training
    assert found.heat.sum() == pytest.approx(230 / 255, rel=1e-3)
