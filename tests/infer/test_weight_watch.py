"""A watch sees every change of a network, also those that torch does not count."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from vitreous.infer.weight_watch import WeightWatch


def network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 2))


def added(net: nn.Sequential) -> None:
    with torch.no_grad():
        net[3].bias.add_(1)


def behind_torch(net: nn.Sequential) -> None:
    net[0].weight.data.mul_(2)


def pruned_in_numpy(net: nn.Sequential) -> None:
    net[3].weight.detach().numpy()[:] = 0


def other_statistics(net: nn.Sequential) -> None:
    net[1].running_mean.add_(1)


def replaced(net: nn.Sequential) -> None:
    net[3] = nn.Linear(144, 2)


def looked_into(net: nn.Sequential) -> None:
    net[1].register_forward_hook(lambda *_: None)


def another_pass(net: nn.Sequential) -> None:
    net[0].forward = lambda images: images[..., 2:, 2:].repeat(1, 2, 1, 1)[:, :4]  # type: ignore[method-assign]


def loaded(net: nn.Sequential) -> None:
    net.load_state_dict(network().state_dict())


@pytest.mark.parametrize(
    "change",
    [
        added,
        behind_torch,
        pruned_in_numpy,
        other_statistics,
        replaced,
        looked_into,
        another_pass,
        loaded,
    ],
)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_change_is_seen(
    change: Callable[[nn.Sequential], None], layout: torch.memory_format
) -> None:
    net = network().to(memory_format=layout)
    watch = WeightWatch(net)
    net.eval()(torch.rand(1, 3, 8, 8))
    assert watch.holds()
    change(net)
    assert not watch.holds()


def test_a_hook_that_is_gone_is_none() -> None:
    net = network()
    watch = WeightWatch(net)
    hook = nn.modules.module.register_module_forward_hook(lambda *_: None)  # of all modules
    assert not watch.holds()
    hook.remove()
    net[0].register_forward_pre_hook(lambda *_: None).remove()
    assert watch.holds()
