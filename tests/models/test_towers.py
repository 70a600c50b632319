"""AlexNet over two devices: the numbers of one, and no layer that mixes what lies on both."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from vitreous.data.batches.batch import Batch
from vitreous.errors import UsageError
from vitreous.losses.penalty import Penalty
from vitreous.models import create
from vitreous.models.alexnet import AlexNet
from vitreous.models.towers import Divided, divided, gathered
from vitreous.training.fit import fit


def small() -> AlexNet:
    """All its layers, with few filters, in float64."""
    torch.manual_seed(0)
    widths = (8, 12, 12, 16, 8)
    network = AlexNet(num_classes=3, in_channels=1, widths=widths, towers=2, hidden=15)
    return network.double()  # dense layers of 15 units have parts of 8 and 7


def halves(network: nn.Module, name: str) -> list[Tensor]:
    """What the parts of a divided network have of one weight of the whole one."""
    place, _, leaf = name.rpartition(".")
    layer = network.get_submodule(place)
    assert isinstance(layer, Divided)
    return [part.get_parameter(leaf) for part in layer.parts]


def test_outputs_and_gradients_are_those_of_one_device() -> None:
    one = small()
    two = divided(copy.deepcopy(one), ["cpu", "cpu"])
    images, wanted = torch.rand(4, 1, 63, 63).double(), torch.tensor([0, 1, 2, 0])
    for training in (True, False):
        answers = []
        for network in (one, two):
            torch.manual_seed(1)  # dropout
            answers.append(network.train(training)(images))
            F.cross_entropy(answers[-1], wanted).backward()
        torch.testing.assert_close(*answers, rtol=0, atol=1e-10)
    for name, parameter in one.named_parameters():
        slopes = [part.grad for part in halves(two, name)]
        torch.testing.assert_close(torch.cat(slopes), parameter.grad, rtol=0, atol=1e-10)


def test_training_is_that_of_one_device() -> None:
    one = small()
    two = divided(copy.deepcopy(one), ["cpu", "cpu"])
    images = torch.rand(4, 1, 63, 63).double()
    batches = [Batch(images, torch.tensor([0, 1, 2, 0]), torch.arange(4))] * 5
    for network in (one, two):
        method = torch.optim.AdamW(network.parameters(), lr=1e-3)
        loss, penalty = F.cross_entropy, Penalty(l1=1e-4, l2=1e-3)
        assert len([*fit(network, batches, loss, method, clip=1.0, penalty=penalty)]) == 5
    whole = gathered(two)
    assert [*whole.state_dict()] == [*one.state_dict()]
    for name, value in one.state_dict().items():
        torch.testing.assert_close(whole.state_dict()[name], value, rtol=0, atol=1e-10, msg=name)


def test_parts_and_their_sizes() -> None:
    with torch.device("meta"):
        large = create("alexnet_two_towers")
    assert sum(p.numel() for p in large.parameters()) == 60_965_224
    sizes = {name: p.numel() for name, p in large.named_parameters()}
    split = divided(large, ["meta", "meta"])
    for name, size in sizes.items():
        assert [2 * part.numel() for part in halves(split, name)] == [size] * 2
    one = small().to(memory_format=torch.channels_last)
    again = gathered(divided(copy.deepcopy(one), ["cpu", "cpu"]))
    for (name, value), (other, back) in zip(
        one.named_parameters(), again.named_parameters(), strict=True
    ):
        assert name == other
        assert torch.equal(value, back)
        assert value.stride() == back.stride()
    assert gathered(one) is one


class Places(TorchFunctionMode):
    """Stands for devices that this machine does not have: remembers where each tensor lies, by what
    `to` is asked for, and refuses an operation on tensors that lie in two places.

    moved  numbers that went from one place to another, by the layer that asked for them
    """

    def __init__(self) -> None:
        super().__init__()
        self.place: dict[int, str] = {}
        self.kept: list[Any] = []  # so that no number of an object is given twice
        self.moved: list[int] = []

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is Tensor.to and isinstance(args[1], str):
            here = self.place[id(args[0])]
            made = args[0].clone()
            if args[1] != here:
                self.moved.append(made[0].numel())
            self.put(made, args[1])
            return made
        found = func(*args, **kwargs)
        given = [value for value in tree_leaves((args, kwargs)) if isinstance(value, Tensor)]
        places = {self.place[id(value)] for value in given if id(value) in self.place}
        assert len(places) <= 1, f"{func} on {places}"
        for value in tree_leaves(found):
            if isinstance(value, Tensor) and places:
                self.put(value, next(iter(places)))
        return found

    def put(self, tensor: Tensor, place: str) -> None:
        self.place[id(tensor)] = place
        self.kept.append(tensor)


def test_no_layer_mixes_devices_and_few_layers_communicate() -> None:
    """With the widths of the paper, what travels for an image is known."""
    devices, places = ["cuda:0", "cuda:1"], Places()
    with torch.device("meta"):
        network = divided(create("alexnet_two_towers", num_classes=10), ["meta", "meta"])
    for layer in network.modules():
        if isinstance(layer, Divided):
            layer.devices = devices
            for part, device in zip(layer.parts, devices, strict=True):
                for parameter in part.parameters():
                    places.put(parameter, device)
    images = torch.rand(2, 3, 224, 224, device="meta")
    places.put(images, devices[0])
    with places, torch.no_grad():
        answers = network.train()(images)
    assert places.place[id(answers)] == devices[0]
    border = [2 * 55 * 55] * 2, [2 * 27 * 27] * 2  # two maps beside the border, each way
    assert places.moved == [
        3 * 224 * 224,  # the image, to the second device
        *border[0],
        *border[1],
        *[128 * 13 * 13] * 2,  # before the third convolution, each half to the other
        *[128 * 36] * 2, 2048, *[2048] * 2, 2048, *[2048] * 2,  # before dense layers; dropout
        5,  # answers of the second
    ]  # fmt: skip


def test_what_cannot_be_divided() -> None:
    with pytest.raises(UsageError, match="resnet20 has no towers") as caught:
        divided(create("resnet20"), ["cpu"] * 2)
    assert "alexnet_two_towers" in str(caught.value.remedy)
    with pytest.raises(UsageError, match="AlexNet has 2 towers"):
        divided(small(), ["cpu"] * 3)
    with pytest.raises(UsageError, match="Linear has no towers"):
        divided(nn.Linear(2, 2), ["cpu", "cpu"])
