"""The latent inverted: what can be known of an image comes back, what was thrown away does not."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from vitreous.explain.perception import invert, perceive, perception_plate


def photo(size: int = 16) -> Tensor:
    """Smooth, as photos are."""
    y, x = torch.meshgrid(torch.linspace(0, 3, size), torch.linspace(0, 3, size), indexing="ij")
    return torch.stack([0.5 + 0.3 * torch.sin(x + y), 0.5 + 0.3 * torch.cos(x), 0.4 + 0.1 * y])[
        None
    ]


class Sees(nn.Module):
    """It mixes colors so that they can be unmixed, and then keeps the first one alone."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.mix = nn.Conv2d(3, 3, 1)
        self.red = nn.Conv2d(3, 1, 1, bias=False)
        self.head = nn.Linear(1, 2)
        with torch.no_grad():
            self.red.weight.copy_(torch.tensor([1.0, 0, 0])[None, :, None, None])
            self.mix.weight.copy_(torch.eye(3)[..., None, None])
            self.mix.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.red(self.mix(x)).mean((2, 3)))


def test_what_is_kept_comes_back_and_what_is_not_does_not() -> None:
    model, image = Sees(), photo()
    whole = invert(model, image, "mix", smooth=0.0, rate=2.0)
    assert whole.rests[0] < 0.05
    assert (whole.images - image).abs().mean() < 0.03
    red = invert(model, image, "red", smooth=0.0, rate=2.0)
    assert red.rests[0] < 0.05
    apart = (red.images - image).abs().mean((0, 2, 3))
    assert apart[0] < 0.03
    assert apart[1:].max() > 0.1


def test_each_image_is_inverted_as_if_alone() -> None:
    model = Sees()
    both = torch.cat([photo(), photo().flip(3)])
    together = invert(model, both, "mix", steps=10)
    alone = invert(model, both[1:], "mix", steps=10)
    torch.testing.assert_close(together.images[1:], alone.images, rtol=1e-3, atol=1e-4)


def test_where_and_what_in_one_picture() -> None:
    model, image = Sees(), photo()
    found = perceive(model, image, 0, layer="mix", steps=20)
    assert found.where.shape == (1, 16, 16)
    assert 0 <= found.where.min() <= found.where.max() <= 1
    dark = found.where[0] == 0
    assert torch.allclose(found.both[0][:, dark], found.what.images.mean())
    plate = perception_plate(image, found, ["a.png"], ["cat"])
    assert [picture.line for picture in plate.pictures][::2] == ["a.png", "where: cat"]
    assert len(plate.pictures) == 4
    assert not model.mix._forward_hooks


def test_a_search_that_failed_is_said_to_have_failed() -> None:
    """A picture that lacks most of what the layer gives does not tell what the network sees."""
    model, image = Sees(), photo()
    found = perceive(model, image, 0, layer="mix", steps=2)
    names, asked = ["a.png"], ["cat"]
    failed, well = (
        perception_plate(
            image,
            replace(found, what=replace(found.what, rests=torch.tensor([rest]))),
            names,
            asked,
        )
        for rest in (0.96, 0.04)
    )
    assert "does not show what the network sees" in failed.says[-1]
    assert failed.pictures[1].line == "what: 96\u202f% still missing"
    assert well.says[-1] == "All else it does not see."
