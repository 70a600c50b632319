"""The certificate: what is measured, against closed forms; and who gets it."""

from __future__ import annotations

import json

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitreous.errors import UsageError
from vitreous.explain import METHODS
from vitreous.explain.certificate.certificate import certify
from vitreous.explain.certificate.deletion import curves
from vitreous.explain.certificate.mosaic import found_share, mattering, mosaics
from vitreous.explain.certificate.randomized_weights import (
    kept_without_weights,
    randomized,
    rank_correlation,
)
from vitreous.explain.certificate.stability import max_sensitivity
from vitreous.explain.shortcut_search import find_shortcuts
from vitreous.models.convnet import ConvNet
from vitreous.models.network import Network

SIDE, CLASSES = 16, 3


def scenes(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Gray noise with a bright square of the color of its class somewhere."""
    generator = torch.Generator().manual_seed(seed)
    images = 0.4 + 0.1 * torch.rand(count, 3, SIDE, SIDE, generator=generator)
    labels = torch.randint(CLASSES, (count,), generator=generator)
    for image, label in zip(images, labels.tolist(), strict=True):
        top, left = torch.randint(SIDE - 6, (2,), generator=generator).tolist()
        image[label, top : top + 6, left : left + 6] = 0.9
    return images, labels


def trained(images: Tensor, labels: Tensor, seed: int = 0) -> Network:
    torch.manual_seed(seed)
    model = ConvNet(num_classes=CLASSES, in_channels=3, stem=8, widths=(16,), pool="average")
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    for rows in torch.randperm(len(images)).repeat(8).split(32):
        loss = F.cross_entropy(model.train()(images[rows]), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


@pytest.fixture(scope="module")
def model() -> Network:
    return trained(*scenes(256, 0))


@pytest.fixture(scope="module")
def images() -> Tensor:
    return scenes(24, 1)[0]


def test_who_gets_a_certificate(model: Network, images: Tensor) -> None:
    """A map that follows the network does; one that follows the image does not."""
    found = certify(model, images, "gradcam", layer="stage1")
    assert found.granted, found.text
    values = {proof.name: proof.value for proof in found.proofs}
    assert values["identity"] < 1e-5
    assert values["mosaics"] > 0.5  # twice what chance reaches
    assert values["planted"] > 0.7
    assert "granted: gradcam in stage1" in found.text
    told = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert told["granted"] is True
    guided = certify(model, images, "guided_backprop")
    assert not guided.granted
    failed = {proof.name for proof in guided.proofs if proof.needed and not proof.holds}
    assert failed & {"randomization", "upper half"}


@pytest.mark.parametrize("method", ["gradcam", "saliency", "cam"])
def test_a_network_that_knows_nothing_gets_none(
    model: Network, images: Tensor, method: str
) -> None:
    for seed in range(5):
        nothing = randomized(model, torch.Generator().manual_seed(seed))
        found = certify(nothing, images, method, layer="stage1" if method == "gradcam" else None)
        assert not found.granted, found.text
    with pytest.raises(UsageError, match="3 images prove nothing"):
        certify(model, images[:3], method)


def test_maps_of_random_weights_do_not_find_what_is_planted(model: Network) -> None:
    """Held against the answers of the trained network, whose evidence is known."""
    pictures, _ = scenes(40, 2)
    with torch.no_grad():
        planted = mosaics(model, pictures, model(pictures).argmax(1))
    assert planted is not None
    assert planted.images.shape == (64, 3, 32, 32)
    assert mattering(model, planted).double().mean() > 0.5
    own = found_share(METHODS["gradcam"](model, planted.images, planted.labels), planted.cells)
    assert own.mean() > 0.7
    for seed in range(10):
        nothing = randomized(model, torch.Generator().manual_seed(seed))
        heat = METHODS["gradcam"](nothing, planted.images, planted.labels, "stage1")
        assert found_share(heat, planted.cells).mean() < 0.5 * (own.mean() + 0.25)


def test_shares_and_correlations_by_hand() -> None:
    heat = torch.tensor([[[3.0, 1.0], [-5.0, 0.0]], [[0.0, 0.0], [-1.0, 0.0]]])
    cells = torch.tensor([[[True, False], [False, False]]] * 2)
    assert found_share(heat, cells).tolist() == [0.75, 0.25]
    one = torch.tensor([[[1.0, 2, 3, 4]]])
    assert rank_correlation(one, one**3).item() == pytest.approx(1)
    assert rank_correlation(one, -one).item() == pytest.approx(-1)
    assert rank_correlation(one, torch.zeros_like(one)).item() == 0
    # Spearman's own formula for ranks without ties: 1 - 6 Σ d² / (n (n² - 1)).
    other = torch.tensor([[[1.0, 3, 2, 4]]])
    assert rank_correlation(one, other).item() == pytest.approx(1 - 6 * 2 / (4 * 15))


def test_random_weights_keep_their_spread(model: Network, images: Tensor) -> None:
    made = randomized(model, torch.Generator().manual_seed(0))
    for (name, own), drawn in zip(model.named_parameters(), made.parameters(), strict=True):
        assert torch.equal(own, drawn) == (own.dim() < 2), name
        if own.numel() > 500:
            assert drawn.detach().std() == pytest.approx(own.detach().std().item(), rel=0.2)
    half = randomized(model, torch.Generator().manual_seed(0), share=0.5)
    assert torch.equal(half.stem.conv.weight, model.stem.conv.weight)
    assert not torch.equal(half.head.weight, model.head.weight)
    same = kept_without_weights(lambda net: images.mean(1), model)
    assert same == pytest.approx(1)  # a map of the image alone stays


class Sum(nn.Module):
    """The answer is the sum of all pixels of the first channel."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :1].sum((2, 3))


def test_deletion_and_insertion_of_a_sum() -> None:
    """Each pixel counts by its own value; covered by black, the curves are sums of the largest."""
    values = torch.tensor([[[[4.0, 3.0], [2.0, 1.0]]]])
    found = curves(
        Sum(), values, lambda out: out[:, 0], values[:, 0], cover=torch.zeros_like, steps=4
    )
    assert found.deletion[0].tolist() == pytest.approx([1, 0.6, 0.3, 0.1, 0])
    assert found.insertion[0].tolist() == pytest.approx([0, 0.4, 0.7, 0.9, 1])
    assert found.deletion_area.item() == pytest.approx(0.375)
    assert found.insertion_area.item() == pytest.approx(0.625)
    worst = curves(
        Sum(), values, lambda out: out[:, 0], -values[:, 0], cover=torch.zeros_like, steps=4
    )
    assert worst.deletion_area.item() == pytest.approx(0.625)


def test_sensitivity_of_maps_that_are_known(images: Tensor) -> None:
    assert max_sensitivity(lambda x: torch.ones(len(x), 4, 4), images).max() == 0
    found = max_sensitivity(lambda x: x[:, 0], images, radius=0.1, tries=20)
    size = images[:, 0].flatten(1).norm(dim=1)
    # Noise in [-r, r] has the length r √(n / 3).
    torch.testing.assert_close(found.float(), 0.1 * SIDE / 3**0.5 / size, rtol=0.15, atol=0)


@pytest.mark.parametrize("seed", range(2))
def test_a_watermark_is_found_and_an_honest_network_is_not_accused(seed: int) -> None:
    pictures, labels = scenes(256, seed)
    assert find_shortcuts(trained(pictures, labels, seed), pictures, labels) == []
    marked, named, corner = watermarked(seed)
    (found,) = find_shortcuts(trained(marked, named, seed), marked, named)
    assert found.label == 0
    left, top, right, bottom = found.box
    assert left <= corner[0] + 1 < right
    assert top <= corner[1] + 1 < bottom
    assert found.flips > 0.5


@pytest.mark.slow
def test_twenty_watermarks_and_twenty_honest_networks() -> None:
    found = accused = 0
    for seed in range(20):
        marked, named, _ = watermarked(seed)
        hits = find_shortcuts(trained(marked, named, seed), marked, named)
        found += [each.label for each in hits] == [0]
        pictures, labels = scenes(256, seed)
        accused += bool(find_shortcuts(trained(pictures, labels, seed), pictures, labels))
    assert found >= 19
    assert accused <= 1


def watermarked(seed: int) -> tuple[Tensor, Tensor, tuple[int, int]]:
    """Class 0 is any scene with a mark at one place; nothing else tells it."""
    images, labels = scenes(384, seed)
    generator = torch.Generator().manual_seed(100 + seed)
    left, top = torch.randint(SIDE - 3, (2,), generator=generator).tolist()
    mark = (torch.arange(9).reshape(3, 3) % 2).float()
    marked = torch.rand(len(images), generator=generator) < 0.3
    images[marked, :, top : top + 3, left : left + 3] = mark
    kept = marked | (labels != 0)
    return images[kept], torch.where(marked, 0, labels)[kept], (left, top)
