from dataclasses import replace
from typing import Any

import pytest
import torch

from vitreous.errors import ShapeError, UsageError
from vitreous.models import MODELS, create, default_size, fitting_size, minimum_size, variant
from vitreous.models.network import Network, Output


def test_history_is_in_order_within_each_family() -> None:
    years = [row.year for row in MODELS.values() if row.build.__module__.endswith("resnet")]
    assert years == sorted(years)
    assert next(iter(MODELS)) == "linear"


def test_every_row_is_complete() -> None:
    for name, row in MODELS.items():
        assert row.name == name
        assert 1950 < row.year < 2030
        assert len(row.paper) > 20


def test_nearest_names_are_offered() -> None:
    with pytest.raises(UsageError, match="unknown model 'resnet81'") as error:
        create("resnet81")
    assert "resnet18" in str(error.value.remedy)
    with pytest.raises(UsageError):
        variant("vgg")


def test_unknown_argument_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="unknown argument of mlp 'width'") as error:
        create("mlp", width=3)
    assert "widths" in str(error.value.remedy)


def test_unknown_argument_is_found_in_every_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """From 3.13 on, Python's own message proposes a name too."""

    def build(*, widths: object, **others: object) -> Network:
        raise TypeError("got an unexpected keyword argument 'width'. Did you mean 'widths'?")

    monkeypatch.setitem(MODELS, "mlp", replace(MODELS["mlp"], build=build))
    with pytest.raises(UsageError, match="unknown argument of mlp 'width'"):
        create("mlp", width=3)


def test_blocks_have_arguments_too() -> None:
    assert create("resnet50", num_classes=2, groups=2).layer1[0].conv2.groups == 2  # type: ignore[union-attr, index]
    with pytest.raises(UsageError, match="unknown argument of resnet50 'group'") as error:
        create("resnet50", group=2)
    assert "groups" in str(error.value.remedy)


@pytest.mark.parametrize("what", ["num_classes", "in_channels"])
def test_no_classes_or_channels(what: str) -> None:
    with pytest.raises(UsageError, match="at least 1") as error:
        create("resnet20", **{what: 0})
    assert error.value.where == what


def test_sizes() -> None:
    assert (default_size("vgg16"), minimum_size("vgg16")) == (224, 32)
    assert fitting_size("vgg16", 28) == 32
    assert (minimum_size("vit_b16"), fitting_size("vit_b16", 28)) == (16, 32)
    assert fitting_size("resnet18", 28) == 28


def test_patches_that_do_not_divide_the_image() -> None:
    with pytest.raises(ShapeError, match="do not divide") as error:
        create("vit_ti16", size=100)
    assert "112×112" in str(error.value.remedy)


def test_too_small_an_image_at_run_time() -> None:
    model = create("vgg11_bn", num_classes=2)
    with pytest.raises(ShapeError, match="at least 32×32"):
        model(torch.zeros(1, 3, 31, 40))


def test_another_size_than_dense_layers_were_built_for() -> None:
    model = create("mlp", size=(8, 9))
    assert model(torch.zeros(2, 1, 8, 9)).shape == (2, 10)
    with pytest.raises(ShapeError, match="size=9"):
        model(torch.zeros(2, 1, 9, 9))
    with pytest.raises(ShapeError, match="Resize the images to 8×9"):
        model(torch.zeros(2, 1, 8, 8 + 2))


def test_missing_batch_axis() -> None:
    with pytest.raises(ShapeError, match="missing axis"):
        create("lenet5")(torch.zeros(1, 28, 28))


def test_arguments_replace_those_of_the_variant() -> None:
    model = create("mlp", widths=(5,), act="tanh", dropout=0.5)
    assert [n for n, _ in model.hidden1.named_children()] == ["linear", "act", "dropout"]  # type: ignore[union-attr]


def test_normalization_is_the_callers() -> None:
    model = create("resnet20", mean=0.1, std=[0.2, 0.3, 0.4])
    assert model.normalize.mean.flatten().tolist() == pytest.approx([0.1] * 3)
    assert model.normalize.std.flatten().tolist() == pytest.approx([0.2, 0.3, 0.4])


def test_outputs_are_numbers_for_an_image_or_for_each_of_its_pixels() -> None:
    images = torch.zeros(2, 3, 5, 7)
    assert Output("vector", 4).shape(2, 5, 7) == (2, 4)
    assert Output("map", 4).shape(2, 5, 7) == (2, 4, 5, 7)
    assert Output("map", 4, stride=4).shape(2, 5, 8) == (2, 4, 2, 2)
    assert Output("vector", 4).fits(torch.zeros(2, 4), images)
    assert Output("map", 4).fits(torch.zeros(2, 4, 5, 7), images)
    for wrong in ((2, 4), (2, 3, 5, 7), (2, 4, 7, 5), (1, 4, 5, 7)):
        assert not Output("map", 4).fits(torch.zeros(wrong), images)
    assert not Output("vector", 4).fits(torch.zeros(2, 4, 5, 7), images)


def test_features_do_not_run_the_head() -> None:
    model = create("resnet20").eval()
    images = torch.rand(2, 3, 16, 16)
    whole = model.run(images)
    assert torch.equal(model(images), whole["fc"])
    model.get_submodule("fc").register_forward_pre_hook(lambda *_: 1 / 0)
    parts = model.features(images)
    assert [*parts, "fc"] == [*whole]
    assert all(torch.equal(parts[name], whole[name]) for name in parts)


def test_the_printed_network_shows_what_follows_what() -> None:
    first = repr(create("resnet20")).splitlines()[1].strip()
    assert first == "normalize → conv1 → bn1 → relu → layer1 → layer2 → layer3 → avgpool → fc"


@pytest.mark.parametrize(
    "arguments",
    [
        {"num_classes": "10"},
        {"num_classes": 2.5},
        {"in_channels": "3"},
        {"size": "32"},
        {"size": 8.5},
    ],
)
def test_arguments_of_another_type_are_named(arguments: dict[str, Any]) -> None:
    (name,) = arguments
    with pytest.raises(UsageError, match=name):
        create("lenet5", **arguments)
    with pytest.raises(UsageError, match="model"):
        create(5)  # type: ignore[arg-type]
