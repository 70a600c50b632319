import torch

from vitreous.models import create
from vitreous.models.unet_transformer import MapTransformer


def test_every_place_of_the_smallest_map_sees_every_other() -> None:
    torch.manual_seed(0)
    bottom = MapTransformer(16, layers=1, heads=4).eval()
    maps = torch.rand(1, 16, 5, 7, requires_grad=True)
    bottom(maps)[0, :, 0, 0].square().sum().backward()
    assert maps.grad is not None
    assert (maps.grad.abs().sum(1) > 0).all()


def test_places_keep_their_places() -> None:
    """Attention alone does not know the order: permuted places give permuted answers."""
    torch.manual_seed(0)
    bottom = MapTransformer(16, layers=2, heads=4).eval()
    maps = torch.rand(1, 16, 4, 6)
    with torch.no_grad():
        torch.testing.assert_close(bottom(maps.flip(3)), bottom(maps).flip(3), rtol=1e-4, atol=1e-5)


def test_a_far_corner_decides_with_a_transformer_alone() -> None:
    torch.manual_seed(0)
    image = torch.rand(1, 3, 256, 256)
    changed = image.clone()
    changed[:, :, :8, :8] = 0
    far = {}
    for name in ("unet_small", "unet_transformer"):
        model = create(name).eval()
        with torch.no_grad():
            far[name] = (model(image) - model(changed))[:, :, -8:, -8:].abs().max()
    assert far["unet_small"] == 0
    assert far["unet_transformer"] > 0
