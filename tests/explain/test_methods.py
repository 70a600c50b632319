"""What every explanation method keeps, whatever the network is, and however it was left."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitreous.errors import ModelError, ShapeError, UsageError
from vitreous.explain import METHODS, last_map
from vitreous.explain.methods import method_of
from vitreous.explain.target import scalar_of
from vitreous.models import MODELS, create

SIDE = 32
each_method = pytest.mark.parametrize("method", METHODS)


class Odd(nn.Module):
    """In-place activations, one rectifier used everywhere, a functional pool: a user's network."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.second = nn.Conv2d(6, 6, 3, padding=1, stride=2)
        self.relu = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.5)
        self.norm = nn.BatchNorm2d(6)
        self.head = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = x.mul_(2).sub_(1)  # works on what it was given
        x = self.relu(self.norm(self.first(x)))
        x = self.second(x)
        x += 0.1
        x = self.relu(x)
        return self.head(self.drop(x.mean((2, 3))))


def odd() -> Odd:
    torch.manual_seed(0)
    return Odd()


def images(count: int = 2, side: int = SIDE) -> Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(1))


def network(method: str) -> nn.Module:
    """One that the method works on."""
    torch.manual_seed(0)
    if method == "attention_rollout":
        return create("vit_nano4", in_channels=3)
    return odd()


def hooks(model: nn.Module) -> int:
    return sum(
        len(module._forward_hooks) + len(module._forward_pre_hooks) + len(module._backward_hooks)
        for module in model.modules()
    )


@each_method
def test_the_network_is_left_as_it_was(method: str) -> None:
    model = network(method).train()
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 7.0)
    before = copy.deepcopy(model.state_dict())
    given = images()
    heat = METHODS[method](model, given)
    assert heat.shape == (2, SIDE, SIDE)
    assert heat.isfinite().all()
    assert not heat.requires_grad
    assert METHODS[method].signed or heat.min() >= 0
    assert heat.abs().max() > 0
    assert all(module.training for module in model.modules())
    assert hooks(model) == 0
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)
    for parameter in model.parameters():
        assert parameter.requires_grad
        assert (parameter.grad == 7).all()
    assert torch.equal(given, images())  # also by a network that works in place


@each_method
def test_images_do_not_depend_on_one_another(method: str) -> None:
    model, given = network(method), images(3)
    together = METHODS[method](model, given)
    for number, alone in enumerate(given.split(1)):
        found = METHODS[method](model, alone)
        torch.testing.assert_close(found[0], together[number], rtol=1e-4, atol=1e-6)


WAYS: dict[str, Callable[[nn.Module], nn.Module]] = {
    "frozen": lambda model: model.requires_grad_(False),
    "channels last": lambda model: model.to(memory_format=torch.channels_last),
    "double": lambda model: model.double(),
}


@each_method
@pytest.mark.parametrize("way", WAYS)
def test_the_map_is_the_same_for_a_network_that_is(method: str, way: str) -> None:
    given = images()
    expected = METHODS[method](network(method), given)
    layout = torch.channels_last if way == "channels last" else torch.contiguous_format
    with torch.no_grad():
        found = METHODS[method](WAYS[way](network(method)), given.to(memory_format=layout))
    torch.testing.assert_close(found.float(), expected, rtol=1e-3, atol=1e-5)


@each_method
def test_half_precision_gives_nearly_the_same(method: str) -> None:
    given = images(1)
    expected = METHODS[method](network(method), given)
    model = network(method).bfloat16()
    with torch.inference_mode():
        found = METHODS[method](model, given)
    assert found.dtype == torch.float32
    pair = torch.stack([expected.flatten(), found.flatten()])
    assert torch.corrcoef(pair)[0, 1] > 0.9


@each_method
def test_errors_leave_no_hook(method: str) -> None:
    model = network(method)
    with pytest.raises(UsageError, match="there is no class 99") as raised:
        METHODS[method](model, images(), 99)
    assert "outputs, counted from 0" in str(raised.value)

    def broken(outputs: Tensor) -> Tensor:
        raise RuntimeError("of the caller")

    if METHODS[method].heeds:
        with pytest.raises(RuntimeError, match="of the caller"):
            METHODS[method](model, images(), broken)
        with pytest.raises(ShapeError, match="one number an image"):
            METHODS[method](model, images(), lambda outputs: outputs)
    with pytest.raises(ShapeError, match="images of shape"):
        METHODS[method](model, images()[0])
    assert hooks(model) == 0
    assert model.training


@pytest.mark.parametrize("method", [name for name, row in METHODS.items() if row.heeds])
def test_a_target_can_be_given_in_each_way(method: str) -> None:
    model, given = network(method), images(3)
    answered = model.eval()(given.clone()).argmax(1)
    apply = METHODS[method]
    own = apply(model, given)
    torch.testing.assert_close(apply(model, given, answered), own)
    torch.testing.assert_close(apply(model, given, answered.tolist()), own)
    second = apply(model, given, 1)
    torch.testing.assert_close(apply(model, given, lambda out: out[:, 1]), second)
    assert not torch.allclose(second, apply(model, given, 2))


class Rounded(Odd):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).detach()


@pytest.mark.parametrize("method", METHODS)
def test_a_network_without_gradients(method: str) -> None:
    torch.manual_seed(0)
    model = Rounded()
    if method in ("occlusion", "cam"):
        assert METHODS[method](model, images()).abs().max() > 0
    elif method != "attention_rollout":
        with pytest.raises(ModelError) as raised:
            METHODS[method](model, images())
        assert "occlusion" in str(raised.value)
    assert hooks(model) == 0


def test_what_does_not_fit_is_said() -> None:
    model = odd()
    with pytest.raises(UsageError, match="Did you mean second"):
        METHODS["gradcam"](model, images(), layer="secnd")
    with pytest.raises(ShapeError, match="head has no map") as raised:
        METHODS["gradcam"](model, images(), layer="head")
    assert "such as relu#2" in str(raised.value)
    with pytest.raises(UsageError, match="looks at no layer"):
        METHODS["saliency"](model, images(), layer="first")
    with torch.inference_mode():
        made = odd()
    with pytest.raises(ModelError, match="made in inference mode"):
        METHODS["saliency"](made, images())
    with pytest.raises(UsageError, match="Did you mean gradcam"):
        method_of("grad-cam")
    with pytest.raises(ModelError, match="attention among all patches"):
        METHODS["attention_rollout"](model, images())
    with pytest.raises(ModelError, match="has none"):
        METHODS["guided_backprop"](create("vit_nano4", in_channels=3), images())
    with pytest.raises(UsageError, match="does not fit an image"):
        METHODS["occlusion"].apply(model, images(), window=40)
    with pytest.raises(UsageError, match="does not fit an image"):
        METHODS["occlusion"].apply(model, images(), window=4, stride=5)
    with pytest.raises(ModelError, match="is neither"):
        METHODS["cam"](model, images(), lambda out: out[:, 0] * out[:, 1])
    with pytest.raises(ModelError, match="has no map") as nothing:
        METHODS["gradcam"](create("mlp"), torch.rand(1, 1, 28, 28))
    assert "integrated_gradients" in str(nothing.value)


def test_a_call_of_a_layer_that_is_used_several_times() -> None:
    """The rectifier is used twice, with maps of different sizes."""
    model, given = odd().eval(), images(1)
    first, last = (METHODS["gradcam"](model, given, 0, layer=f"relu#{n}") for n in (1, 2))
    torch.testing.assert_close(METHODS["gradcam"](model, given, 0, layer="relu"), last)
    assert not torch.allclose(first, last)
    with pytest.raises(ModelError, match="is not run"):
        METHODS["gradcam"](model, given, 0, layer="relu#3")


def test_a_part_without_gradients_of_its_own() -> None:
    """Where a network switches gradients off in its lower part and on again, or off for good."""

    class Stem(Odd):
        def forward(self, x: Tensor) -> Tensor:
            with torch.no_grad():
                x = self.first(x)
            return self.head(F.relu(self.second(x)).mean((2, 3)))

    torch.manual_seed(0)
    model = Stem()
    assert METHODS["gradcam"](model, images(), layer="second").max() > 0
    assert METHODS["gradcam"](model, images()).max() > 0
    assert METHODS["gradcam"](model, images(), layer="first").shape == (2, SIDE, SIDE)


SMALL = ("lenet5", "nin_cifar", "resnet20", "convnet", "unet_small", "vit_nano4")
NETWORKS = [
    pytest.param(name, marks=[] if name in SMALL else [pytest.mark.slow])
    for name, row in MODELS.items()
    if name not in ("linear", "mlp", "mlp_residual", "resnet1202_stochastic")
    and (row.parameters or 0) < 1.5e8
]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_has_a_map(name: str) -> None:
    """The automatic layer is one that is named in the network, and the map is not empty."""
    torch.manual_seed(0)
    model = create(name)
    side = model.sizes.default if model.sizes.fixed else min(96, model.sizes.default)
    given = torch.rand(1, model.in_channels, side, side)
    layer = last_map(model, given, scalar_of(model, given, None))
    model.get_submodule(layer.partition("#")[0])
    heat = METHODS["gradcam"](model, given, layer=layer)
    assert heat.shape == (1, side, side)
    assert heat.isfinite().all()


def test_a_thousand_maps_cost_the_memory_of_one() -> None:
    model, given = odd(), images(1)
    before = copy.deepcopy(model.state_dict())
    METHODS["gradcam"](model, given)
    count = _alive()
    for _ in range(1000):
        METHODS["gradcam"](model, given, layer="second")
    assert _alive() <= count
    assert hooks(model) == 0
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)


def _alive() -> int:
    import gc

    gc.collect()
    return sum(issubclass(type(each), Tensor) for each in gc.get_objects())
