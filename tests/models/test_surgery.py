import copy

import pytest
import torch
from torch import nn

from vitreous.errors import ModelError, UsageError
from vitreous.models import backbone_and_head, create, freeze, head, with_channels, with_classes
from vitreous.models.surgery import adapt_channels


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("resnet20", "fc"),
        ("mobilenet_v2", "head"),
        ("nin_cifar", "head"),
        ("vit_nano4", "head"),
        ("lenet5_1998", "output"),
    ],
)
def test_head(name: str, layer: str) -> None:
    model = create(name)
    assert head(model) is model.get_submodule(layer)


def test_head_of_any_module() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    assert head(model) is model[3]
    with pytest.raises(ModelError, match="no dense layer"):
        head(nn.Sequential(nn.Conv2d(1, 1, 3)))


def test_backbone_of_any_module() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    backbone, last = backbone_and_head(model)
    x = torch.rand(5, 1, 2, 2)
    torch.testing.assert_close(backbone(x), model[:3](x))
    assert last is model[3]


def test_no_hook_is_left() -> None:
    model = create("resnet20").eval()
    backbone, last = backbone_and_head(model)
    backbone(torch.rand(1, 3, 16, 16))
    with pytest.raises(Exception, match="images"):
        backbone(torch.rand(1, 4, 16, 16))
    assert not last._forward_pre_hooks


def test_training_the_head_trains_the_model() -> None:
    model = create("nin_cifar").eval()
    backbone, last = backbone_and_head(model)
    images = torch.rand(2, 3, 32, 32)
    before = model(images).detach()
    features = backbone(images).detach()
    with torch.no_grad():
        for parameter in last.parameters():
            parameter.add_(1)
    torch.testing.assert_close(last(features), model(images), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(model(images), before)


def moved(model: nn.Module) -> set[str]:
    """Names of tensors that change in a training step."""
    before = copy.deepcopy(model.state_dict())
    model.train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    model(torch.rand(8, 3, 16, 16)).square().sum().backward()
    torch.optim.SGD(parameters, 0.1).step()
    after = model.state_dict()
    return {name for name in before if not torch.equal(before[name], after[name])}


@pytest.mark.parametrize("what", ["backbone", "layer1", "none"])
def test_freeze(what: str) -> None:
    model = create("resnet20")
    frozen = freeze(model, what)
    changed = moved(model)
    assert not any(name.startswith(tuple(f"{stage}." for stage in frozen)) for name in changed)
    learning = {name.split(".")[0] for name in changed}
    expected = {
        "backbone": {"fc"},
        "layer1": {"layer2", "layer3", "fc"},
        "none": {"conv1", "bn1", "layer1", "layer2", "layer3", "fc"},
    }
    assert learning == expected[what]


def test_everything_can_be_frozen_and_released_again() -> None:
    model = create("resnet20")
    freeze(model, "all")
    assert not any(p.requires_grad for p in model.parameters())
    freeze(model, "none")
    assert all(p.requires_grad for p in model.parameters())
    assert all(type(m) is not nn.BatchNorm2d or m.training for m in model.train().modules())
    assert "bn1.running_mean" in moved(model)


def test_frozen_statistics_survive_a_copy() -> None:
    model = create("resnet20")
    freeze(model, "backbone")
    twin = copy.deepcopy(model).train()
    assert isinstance(twin.bn1, nn.BatchNorm2d)
    assert not twin.bn1.training
    assert twin.state_dict().keys() == create("resnet20").state_dict().keys()


def test_freezing_something_unknown() -> None:
    with pytest.raises(UsageError, match="unknown part to freeze 'layer9'"):
        freeze(create("resnet20"), "layer9")


@pytest.mark.parametrize("name", ["resnet20", "nin_cifar"])
def test_other_classes_keep_the_backbone(name: str) -> None:
    model = create(name).eval()
    images = torch.rand(2, 3, 32, 32)
    backbone, _ = backbone_and_head(model)
    before = backbone(images)
    note = with_classes(model, 4)
    assert "4 classes in place of 10" in note
    assert model(images).shape == (2, 4)
    backbone, _ = backbone_and_head(model)
    torch.testing.assert_close(backbone(images), before)


def test_fixed_outputs_cannot_be_replaced() -> None:
    with pytest.raises(ModelError, match="no dense layer"):
        with_classes(create("lenet5_1998"), 3)


def test_one_channel_sees_what_gray_rgb_sees() -> None:
    """With one mean and deviation for all channels the adapted network is the same function."""
    model = create("resnet20", mean=0.4, std=0.2).eval()
    gray = torch.rand(2, 1, 32, 32)
    expected = model(gray.expand(-1, 3, -1, -1))
    note = with_channels(model, 1)
    assert note == "conv1 was adapted from 3 to 1 channels"
    torch.testing.assert_close(model(gray), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("channels", [2, 4, 6, 7])
def test_more_channels(channels: int) -> None:
    model = create("mobilenet_v2", num_classes=5).eval()
    with_channels(model, channels)
    assert model.in_channels == channels
    assert model(torch.rand(2, channels, 32, 32)).shape == (2, 5)


def test_repeated_weights_keep_their_size() -> None:
    weight = torch.rand(5, 3, 2, 2)
    torch.testing.assert_close(adapt_channels(weight, 6).sum(1), weight.sum(1))
    assert torch.equal(adapt_channels(weight, 3), weight)


def test_perceptrons_have_no_convolution_to_adapt() -> None:
    with pytest.raises(ModelError, match="no convolution"):
        with_channels(create("mlp"), 3)
