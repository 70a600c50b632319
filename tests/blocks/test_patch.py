import torch
from torch.nn import functional as F

from vitreous.blocks.patch import PatchEmbedding, interpolate_positions


def test_patches_row_by_row() -> None:
    """Each token is a dense layer of its patch, cut out by hand, plus its position."""
    embed = PatchEmbedding(3, 8, 4, (2, 3)).double()
    images = torch.rand(2, 3, 8, 12, dtype=torch.float64)
    tokens = embed(images)
    weight = embed.proj.weight.flatten(1)
    for i in range(6):
        row, column = divmod(i, 3)
        patch = images[:, :, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4].flatten(1)
        expected = patch @ weight.T + embed.proj.bias + embed.pos_embed[:, 1 + i]
        torch.testing.assert_close(tokens[:, 1 + i], expected)
    first = (embed.cls_token + embed.pos_embed[:, :1])[0, 0]
    torch.testing.assert_close(tokens[:, 0], first.expand(2, -1))


def test_same_grid_same_positions() -> None:
    positions = torch.rand(1, 7, 4)
    assert interpolate_positions(positions, (2, 3), (2, 3)) is positions


def test_constant_positions_stay_constant() -> None:
    positions = torch.full((1, 17, 4), 0.7)
    wide = interpolate_positions(positions, (4, 4), (6, 9))
    torch.testing.assert_close(wide, torch.full((1, 55, 4), 0.7))


def test_class_token_keeps_its_own() -> None:
    positions = torch.rand(1, 17, 4)
    assert torch.equal(interpolate_positions(positions, (4, 4), (8, 8))[:, 0], positions[:, 0])


def test_grid_is_interpolated_as_an_image() -> None:
    positions = torch.rand(1, 17, 5)
    maps = positions[:, 1:].reshape(1, 4, 4, 5).permute(0, 3, 1, 2)
    expected = F.interpolate(maps, (3, 6), mode="bicubic", antialias=True)
    found = interpolate_positions(positions, (4, 4), (3, 6))[:, 1:]
    torch.testing.assert_close(found.reshape(1, 3, 6, 5).permute(0, 3, 1, 2), expected)
