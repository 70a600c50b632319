"""FSDP: each of several processes keeps its share of weights, gradients and the optimizer's state.

A layer's weights come together when it computes, and are divided again when it has done so; the
sums of their gradients go to whoever has the share. So the numbers are those of processes that have
all weights each, and what is kept is divided by their number. torch calls it `fully_shard` (FSDP2).
Rajbhandari et al. (2020), "ZeRO", arXiv:1910.02054; Zhao et al. (2023), arXiv:2304.11277.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from vitreous.distributed import Ranks
from vitreous.models.network import Network
from vitreous.training.optimizer import blocks


def is_sharded(tensor: Tensor) -> bool:
    """Is it one of which this process has a share?"""
    return hasattr(tensor, "full_tensor")


def own(tensor: Tensor) -> Tensor:
    """The share of this process, in the same memory; a tensor that is whole, as it is."""
    if not is_sharded(tensor):
        return tensor
    divided: Any = tensor.detach()  # torch does not annotate it
    share: Tensor = divided.to_local()
    return share


def full(tensor: Tensor) -> Tensor:
    """All of it, put together from the shares: to be asked in all processes."""
    if not is_sharded(tensor):
        return tensor
    divided: Any = tensor
    complete: Tensor = divided.full_tensor()
    return complete


def shard(network: nn.Module, ranks: Ranks) -> nn.Module:
    """Divide the weights of a network, in place; all processes have the same. Returns the network
    without weights, as it was, for `whole`.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    empty = {id(p): emptied(p) for p in network.parameters()}
    skeleton = copy.deepcopy(network, empty)
    network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    kind = next(network.parameters()).device.type
    mesh = init_device_mesh(kind, (ranks.size,))
    for part in [*parts(network), network]:
        divided = fully_shard(part, mesh=mesh)
        divided.set_gradient_divide_factor(1.0)  # a sum, and no mean
        divided.set_force_sum_reduction_for_comms(True)  # gloo knows no other
    return skeleton


def emptied(parameter: nn.Parameter) -> nn.Parameter:
    return nn.Parameter(torch.empty_like(parameter, device="meta"), parameter.requires_grad)


def parts(network: nn.Module) -> list[nn.Module]:
    """What is put together at once: the stages of a network and the blocks of these; of a module
    that is no chain of stages, all of it.
    """
    if not isinstance(network, Network) or type(network).run_stages is not Network.run_stages:
        return []
    stages = nn.Sequential(*(stage for _, stage in network.stages()))
    return [part for part in blocks(stages) if any(True for _ in part.parameters())]


def whole(skeleton: nn.Module, network: nn.Module) -> nn.Module:
    """A network of its own with all weights of the sharded one: to be asked in all processes."""
    found: dict[int, Tensor] = {
        id(empty): nn.Parameter(full(p.detach()).clone(), p.requires_grad)
        for empty, p in zip(skeleton.parameters(), network.parameters(), strict=True)
    }
    found |= {
        id(old): b.clone() for old, b in zip(skeleton.buffers(), network.buffers(), strict=True)
    }
    return copy.deepcopy(skeleton, found)


def collected(state: Any) -> Any:
    """A nested state whose shared tensors are whole: to be asked in all processes."""
    match state:
        case dict():
            return {key: collected(value) for key, value in state.items()}
        case list() | tuple():
            return type(state)(map(collected, state))
        case Tensor():
            return full(state.detach())
    return state


def spread(state: Any, network: nn.Module, optimizer: Optimizer | None = None) -> Any:
    """The inverse, for the weights as they lie in this process: of what belongs to one of them, by
    its name, or by its number in the optimizer, this process takes its share.
    """
    groups = optimizer.param_groups if optimizer is not None else []
    belongs: dict[Any, Tensor] = dict(enumerate(p for group in groups for p in group["params"]))
    belongs |= dict(network.named_parameters())

    def walk(value: Any, weight: Tensor | None) -> Any:
        if isinstance(value, dict):
            return {key: walk(item, belongs.get(key, weight)) for key, item in value.items()}
        if isinstance(value, Tensor) and weight is not None and value.shape == weight.shape:
            return laid(value, weight)
        return value

    return walk(state, None)


def laid(value: Tensor, weight: Tensor) -> Tensor:
    """The value as the weight lies in memory, and of a sharded one this process's share."""
    if not is_sharded(weight):
        # Fused optimizers walk through both side by side.
        if value.stride() == weight.stride():
            return value
        return torch.empty_strided(value.shape, weight.stride(), dtype=value.dtype).copy_(value)
    from torch.distributed.tensor import distribute_tensor

    like: Any = weight
    mesh, value = like.device_mesh, value.contiguous().to(like.device_mesh.device_type)
    # A copy, or the share would be a view that keeps all of it in memory.
    return distribute_tensor(value, mesh, like.placements, src_data_rank=None).clone()
