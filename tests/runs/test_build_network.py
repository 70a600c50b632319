"""The network of a recipe: how its pixels are normalized, and what is refused before it is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from vitreous.data.batches.preprocess import PixelContract
from vitreous.errors import ModelFileError, ShapeError, UsageError
from vitreous.models import create
from vitreous.models.network import Output
from vitreous.recipes.recipe import Recipe
from vitreous.runs.build_network import arguments, build_network, check_network
from vitreous.runs.consumers import Checkpoints
from vitreous.runs.run import resume, train
from vitreous.trace.measure.cost import macs

RGB = PixelContract(height=32, width=32, channels=3)
FIVE = Output("vector", 5)


def rows(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (50, 32, 32, 3), dtype=np.uint8)


def recipe(**fields: Any) -> Recipe:
    return Recipe(**{"model": "convnet", "pretrained": "no"} | fields)


def test_pixels_are_normalized_by_the_training_images() -> None:
    images = rows()
    network, created = build_network(recipe(), RGB, FIVE, iter([images[:20], images[20:]]))
    np.testing.assert_allclose(created["mean"], images.mean((0, 1, 2)) / 255, rtol=1e-6)
    np.testing.assert_allclose(created["std"], images.std((0, 1, 2)) / 255, rtol=1e-6)
    normalized = network.normalize(RGB.images(images))
    torch.testing.assert_close(normalized.mean((0, 2, 3)), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(normalized.std((0, 2, 3)), torch.ones(3), atol=1e-3, rtol=0)


def test_held_out_pixels_decide_nothing(place: Path) -> None:
    """Change every pixel of the validation and test parts: the normalization stays the same."""
    images, labels = rows(), np.arange(50) % 2
    found = []
    for held in (rows(1), rows(2)):
        parts = {"x_train": images, "y_train": labels, "x_test": held, "y_test": labels}
        np.savez("data.npz", **parts, x_val=held[::-1], y_val=labels)
        run = train("data.npz", model="linear", epochs=1)
        found.append((run.model.arguments["mean"], run.model.arguments["std"]))
    assert found[0] == found[1]


def test_a_pretrained_network_brings_its_own_normalization() -> None:
    network, created = build_network(
        recipe(model="efficientnet_lite0", pretrained="yes"), RGB, FIVE, iter([])
    )
    published = create("efficientnet_lite0", pretrained=True)
    assert torch.equal(network.normalize.mean, published.normalize.mean)
    assert created["mean"] == published.normalize.mean.flatten().tolist()
    assert any("5 classes in place of 1,000" in note for note in network.notes)


def test_the_arguments_create_the_same_network_again() -> None:
    network, created = build_network(recipe(dropout=0.3), RGB, FIVE, iter([rows()]))
    again = create("convnet", **created)
    again.load_state_dict(network.state_dict())
    images = RGB.images(rows(3))
    torch.testing.assert_close(again.eval()(images), network.eval()(images))


def test_an_initializer_draws_the_weights() -> None:
    network, _ = build_network(recipe(init="zero"), RGB, FIVE, iter([rows()]))
    assert all(not p.any() for p in network.parameters() if p.ndim > 1)


def test_a_file_of_weights(place: Path) -> None:
    from safetensors.torch import save_file

    torch.manual_seed(1)
    weights = create("convnet", num_classes=7, in_channels=3, size=32).state_dict()
    save_file(weights, "weights.safetensors")
    network, _ = build_network(
        recipe(pretrained="weights.safetensors"), RGB, Output("vector", 7), iter([])
    )
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, weights[name])


@pytest.mark.parametrize(
    ("fields", "error", "said"),
    [
        ({"model": "lenet5", "dropout": 0.5}, UsageError, "lenet5 has no layer that drops units"),
        ({"model": "resnet18", "pretrained": "yes"}, UsageError, "no weights come with resnet18"),
        ({"model": "lenet5", "bn_recalibrate": True}, UsageError, "lenet5 has no batch norm"),
        ({"model": "lenet5", "bias_lr": 64.0}, UsageError, "lenet5 no normalization layer learns"),
        ({"bias_lr": 64.0, "freeze": "backbone"}, UsageError, "no normalization layer learns"),
        ({"model": "lenet5", "pretrained": "imagenet"}, UsageError, "no weights of lenet5"),
        ({"pretrained": "gone.safetensors"}, ModelFileError, "no such file"),
    ],
)
def test_what_cannot_be_had_is_refused(
    fields: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        check_network(recipe(**fields), RGB, FIVE)


def test_sizes_that_do_not_fit_are_refused_with_one_that_does() -> None:
    small = PixelContract(height=4, width=4, channels=3)
    with pytest.raises(UsageError, match="4×4") as caught:
        check_network(recipe(), small, FIVE)
    assert caught.value.where == "--size"
    assert "at least 8×8" in str(caught.value.remedy)


def test_checking_takes_no_memory() -> None:
    big = PixelContract(height=224, width=224, channels=3)
    check_network(recipe(model="vgg19"), big, Output("vector", 10_000))
    assert arguments(recipe(), RGB, FIVE) == {
        "num_classes": 5,
        "in_channels": 3,
        "size": 32,
    }


@pytest.mark.parametrize(
    ("module", "error", "said"),
    [
        (
            nn.Sequential(nn.Flatten(), nn.Linear(7, 5)),
            ShapeError,
            r"does not take images \(B, 3, 32",
        ),
        (nn.Sequential(nn.Flatten(), nn.Linear(3072, 4)), UsageError, r"\(2, 4\), where the data"),
        (nn.Conv2d(3, 5, 3), UsageError, r"\(2, 5, 30, 30\)"),
    ],
)
def test_a_module_that_does_not_fit_is_refused(
    module: nn.Module, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        check_network(Recipe(), RGB, FIVE, module)


def test_a_module_is_tried_without_changing_it() -> None:
    module = nn.Sequential(
        nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    check_network(Recipe(), RGB, FIVE, module)
    assert module.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


def test_lazy_layers_learn() -> None:
    """Their weights are made when the network is tried, in a mode in which they can be trained."""
    torch.manual_seed(0)
    lazy = nn.Sequential(nn.Flatten(), nn.LazyLinear(10))
    run = train("digits", model=lazy, epochs=8)
    assert run.model.model[1].weight.shape == (10, 64)
    assert run.scores["test"].accuracy > 0.5


def test_lazy_layers_are_resumed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are made, and the module is tried, before anything is restored into it."""

    def lazy() -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.LazyLinear(10))

    whole = train("digits", model=lazy(), epochs=2, checkpoint=0.0, out="whole")
    save = Checkpoints.save

    def interrupted(self: Any, position: Any, **parts: Any) -> None:
        save(self, position, **parts)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Checkpoints, "save", interrupted)
        train("digits", model=lazy(), epochs=2, checkpoint=0.0, out="cut")
    with pytest.raises(ShapeError, match="does not take images"):
        resume("cut", model=nn.Sequential(nn.Flatten(), nn.Linear(7, 10)))
    resume("cut", model=lazy())
    files = [place / out / "model.safetensors" for out in ("whole", "cut")]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert whole.model.training["macs"] == 640


def test_attention_counts_as_work(place: Path) -> None:
    run = train("digits", model="vit_nano4", size=8, epochs=1)
    assert run.model.training["macs"] == macs(run.model.model, (1, 8, 8))


def test_a_module_and_a_name_are_two_networks(place: Path) -> None:
    own = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    with pytest.raises(UsageError, match="resnet18") as caught:
        train("digits", Recipe(model="resnet18"), model=own, epochs=1)
    assert caught.value.where == "model"
    assert not (place / "runs").exists()
    train("digits", model="linear", epochs=1, out="named")
    with pytest.raises(UsageError, match="linear"):
        resume("named", model=own)


def test_a_coarse_answer_is_asked_of_the_network_and_its_file() -> None:
    """And a network that answers for each pixel is told nothing."""
    coarse = recipe(model="unet_small")
    network, created = build_network(coarse, RGB, Output("map", 3, stride=4), iter([rows()]))
    images = RGB.images(rows(3))
    assert network(images).shape == (50, 3, 8, 8)
    again = create("unet_small", **created)
    assert again(images[:1]).shape == (1, 3, 8, 8)
    assert "stride" not in arguments(coarse, RGB, Output("map", 3))
