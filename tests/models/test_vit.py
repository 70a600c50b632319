import pytest
import torch

from vitreous.errors import ShapeError
from vitreous.models import create
from vitreous.models.vit import ViT


def test_without_positions_the_order_of_patches_does_not_matter() -> None:
    torch.manual_seed(0)
    model = create("vit_nano4").eval()
    torch.nn.init.zeros_(model.get_parameter("patch_embed.pos_embed"))
    image = torch.rand(1, 3, 32, 32)
    order = torch.randperm(64)
    patches = image.unfold(2, 4, 4).unfold(3, 4, 4).flatten(2, 3)  # (1, 3, 64, 4, 4)
    shuffled = patches[:, :, order].unflatten(2, (8, 8)).permute(0, 1, 2, 4, 3, 5)
    shuffled = shuffled.reshape(1, 3, 32, 32)
    torch.testing.assert_close(model(shuffled), model(image), rtol=1e-4, atol=1e-5)


def test_with_positions_it_does() -> None:
    torch.manual_seed(0)
    model = create("vit_nano4").eval()
    torch.nn.init.normal_(model.get_parameter("patch_embed.pos_embed"))
    image = torch.rand(1, 3, 32, 32)
    assert not torch.allclose(model(image), model(image.flip(3)), atol=1e-3)


@pytest.mark.parametrize("size", [(4, 4), (28, 28), (32, 32), (40, 24)])
def test_other_sizes(size: tuple[int, int]) -> None:
    model = create("vit_nano4").eval()
    maps = model.features(torch.rand(2, 3, *size))
    assert maps["blocks.5"].shape == (2, 1 + size[0] * size[1] // 16, 96)
    assert model(torch.rand(2, 3, *size)).shape == (2, 10)


def test_size_that_patches_do_not_divide() -> None:
    with pytest.raises(ShapeError, match="Use 36×36"):
        create("vit_nano4")(torch.zeros(1, 3, 34, 34))


def test_post_norm_has_no_last_norm() -> None:
    with torch.device("meta"):
        model = create("vit_ti16_post_norm")
    assert isinstance(model, ViT)
    assert not [*model.norm.parameters()]
    assert not model.blocks[0].pre_norm
