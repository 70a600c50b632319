"""Classic methods by name, and as networks that answer like any other."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vitreous.baselines.method_names import NAMES
from vitreous.errors import UsageError
from vitreous.models import ARCHITECTURES, create, learns_at_once, variant
from vitreous.models.classic import USUAL, Classic, Shown, parts_of, temperature, title


def test_a_name_is_taken_apart() -> None:
    assert parts_of("svm") == [("svm", ("pixels",))]
    assert parts_of("svm-hog+lbp,knn") == [("svm", ("hog", "lbp")), ("knn", ("pixels",))]
    assert title("forest-hog") == "random forest on histograms of oriented gradients"
    assert {*USUAL} <= {*NAMES}
    assert learns_at_once("knn-pixels")
    assert not learns_at_once("resnet18")
    assert not learns_at_once(None)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("svm-hgo", "svm-hog"), ("resnet-18", "resnet18"), ("forest-sift2", "forest-sift")],
)
def test_a_wrong_name_is_told_the_nearest(name: str, nearest: str) -> None:
    assert name not in ARCHITECTURES
    with pytest.raises(UsageError, match=nearest):
        variant(name)


@pytest.mark.parametrize("name", ["svm-hog+hog", "knn,knn-pixels"])
def test_nothing_is_named_twice(name: str) -> None:
    with pytest.raises(UsageError, match="twice"):
        variant(name)


def shown(seed: int) -> Shown:
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, 40)
    images = torch.from_numpy(generator.random((40, 1, 16, 16), np.float32))
    images[labels == 1, :, :, ::2] *= 0.1  # stripes
    return Shown(lambda: images.split(16), labels, np.ones(40))


@pytest.mark.parametrize("name", ["knn", "ferns", "linear_svm-hog", "svm,ferns-gabor"])
def test_what_was_learned_fits_into_a_new_network(name: str) -> None:
    network = create(name, num_classes=2, in_channels=1, size=16)
    assert isinstance(network, Classic)
    known, held_out = shown(0), shown(1)
    network.learn(known, held_out)
    images = torch.cat([*held_out.images()])
    answers = network(images)
    assert float((answers.argmax(1).numpy() == held_out.labels).mean()) > 0.9
    assert torch.allclose(answers.exp().sum(1), torch.ones(40), atol=1e-5)
    again = create(name, num_classes=2, in_channels=1, size=16, learned=network.learned)
    again.load_state_dict(network.state_dict())
    assert torch.equal(again(images), answers)


def test_late_fusion_averages_probabilities() -> None:
    both = create("knn,ferns", num_classes=2, in_channels=1, size=16)
    assert isinstance(both, Classic)
    both.learn(shown(0))
    images = torch.cat([*shown(1).images()])
    single = torch.stack([method(both.normalize(images)).exp() for method in both.methods])
    assert torch.allclose(both(images).exp(), single.mean(0), atol=1e-6)


def test_the_temperature_is_the_one_that_made_the_scores() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(20_000, 3, generator=generator)
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0].numpy()
    assert temperature(logits * 5, labels) == pytest.approx(5, rel=0.1)
