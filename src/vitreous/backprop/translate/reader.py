"""Reads the Python code of a network into a list of hand-written layers.

The code is followed once for each shape of input, by torch.fx, on tensors without numbers: it may
branch and loop on shapes and modes, but not on the numbers themselves.
"""

from __future__ import annotations

import inspect
import operator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.func import functional_call

from vitreous.backprop.layers.arrange import Expand, Identity, Permute, Reshape
from vitreous.backprop.layers.layer import Layer
from vitreous.backprop.translate.convert import has_layer, layer
from vitreous.backprop.translate.functions import CONSTANTS, FUNCTIONS, RESHAPES
from vitreous.backprop.translate.refusal import unsupported
from vitreous.errors import VitreousError


@dataclass(frozen=True)
class Instruction:
    """One layer of the twin.

    name    of the module, or of the function with a number
    layer   the hand-written layer
    inputs  numbers of the values it reads
    output  number of the value it makes
    source  the module it stands for, which says whether it is in training mode; None for functions
    """

    name: str
    layer: Layer
    inputs: tuple[int, ...]
    output: int
    source: nn.Module | None


@dataclass(frozen=True)
class Program:
    """A forward pass as a list of layers. Value 0 is the input; `tensors` are the known values."""

    instructions: tuple[Instruction, ...]
    tensors: dict[int, Tensor]
    output: int


class _Sized(fx.Proxy):
    """Stands for a tensor whose shape is known, so that code may ask for its length."""

    def __len__(self) -> int:
        return len(self.node.meta["value"])


class _Reader(fx.Tracer):
    """Follows a model's code on meta tensors, so that it can also branch and loop on shapes."""

    def __init__(self, model: nn.Module, images: Tensor):
        super().__init__()
        self.example = torch.empty_like(images, device="meta")
        self.model = model
        self.computing = False
        state = [
            *model.named_parameters(remove_duplicate=False),
            *model.named_buffers(remove_duplicate=False),
        ]
        self.on_meta = {name: tensor.to("meta") for name, tensor in state}

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return has_layer(m)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Sized(node, self)

    def create_node(self, *args: Any, **kwargs: Any) -> fx.Node:
        node = super().create_node(*args, **kwargs)
        if node.op != "output":
            node.meta["value"] = self.value(node)
        return node

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        # While a layer computes the shape of its result, it is not followed once more.
        return (
            forward(*args, **kwargs)
            if self.computing
            else super().call_module(m, forward, args, kwargs)
        )

    def value(self, node: fx.Node) -> Any:
        args: Any = fx.node.map_arg(node.args, lambda n: n.meta["value"])
        kwargs: Any = fx.node.map_arg(node.kwargs, lambda n: n.meta["value"])
        if node.op == "placeholder":
            return self.example
        if node.op == "get_attr":
            name = str(node.target)
            if name in self.on_meta:
                return self.on_meta[name]
            return operator.attrgetter(name)(self.model).to("meta")
        if node.op == "call_module":
            module = self.model.get_submodule(str(node.target))
            prefix = f"{node.target}."
            on_meta = {
                name.removeprefix(prefix): tensor
                for name, tensor in self.on_meta.items()
                if name.startswith(prefix)
            }
            self.computing = True
            try:
                return functional_call(module, on_meta, args, kwargs)
            finally:
                self.computing = False
        if node.op == "call_method":
            return getattr(args[0], str(node.target))(*args[1:], **kwargs)
        assert callable(node.target)
        return node.target(*args, **kwargs)

    def to_bool(self, obj: fx.Proxy) -> bool:
        return bool(obj.node.meta["value"])

    def iter(self, obj: Any) -> Any:
        return iter([obj[index] for index in range(len(obj.node.meta["value"]))])


def read(model: nn.Module, images: Tensor) -> Program:
    """The list of hand-written layers that computes what the model computes on such images."""
    attributes, random = set(vars(model)), torch.get_rng_state()
    try:
        with torch.no_grad():
            nodes = list(_Reader(model, images).trace(model).nodes)
        if not torch.equal(random, torch.get_rng_state()):
            raise unsupported(type(model).__name__, "it draws random numbers outside of a layer")
        return assemble(model, nodes, images)
    except VitreousError:
        raise
    except Exception as error:
        raise unsupported(type(model).__name__, f"its code cannot be followed ({error})") from error
    finally:
        for name in set(vars(model)) - attributes:  # constants that the reader stored there
            delattr(model, name)


def assemble(model: nn.Module, nodes: list[fx.Node], images: Tensor) -> Program:
    """A layer for every node that makes a tensor."""
    numbers: dict[fx.Node, int] = {}
    tensors: dict[int, Tensor] = {}
    instructions: list[Instruction] = []
    output = 0
    count = 0

    def fresh() -> int:
        nonlocal count
        count += 1
        return count

    def known(tensor: Tensor) -> int:
        for number, other in tensors.items():
            if other is tensor:
                return number
        number = fresh()
        tensors[number] = tensor
        return number

    def operand(item: Any) -> int:
        if isinstance(item, fx.Node):
            return numbers[item]
        return known(item if isinstance(item, Tensor) else images.new_tensor(item))

    for node in nodes:
        result = node.meta.get("value")
        if node.op == "placeholder":
            numbers[node] = 0
        elif node.op == "output":
            (returned,) = node.args
            if not isinstance(returned, fx.Node) or returned not in numbers:
                raise unsupported(type(model).__name__, "it returns something else than a tensor")
            output = numbers[returned]
        elif node.op == "get_attr":
            numbers[node] = known(operator.attrgetter(str(node.target))(model))
        elif isinstance(result, Tensor) and _called(node) in CONSTANTS:
            constant = images.new_full(tuple(result.shape), CONSTANTS[_called(node)])
            numbers[node] = known(constant)
        elif node.op == "call_module" or isinstance(result, Tensor):
            if _overwrites(model, node) and len(node.all_input_nodes[0].users) > 1:
                raise unsupported(node.name, "it overwrites a value that is used again")
            source, made, operands = _application(model, node, tensors, numbers)
            numbers[node] = fresh()
            inputs = tuple(operand(item) for item in operands)
            instructions.append(Instruction(node.name, made, inputs, numbers[node], source))
    return Program(tuple(instructions), tensors, output)


# Functions whose weights belong to their layer, and are no operands of it.
_BOUND = {"linear", "conv2d"}


def _called(node: fx.Node) -> str:
    """The name of the function or method that a node calls."""
    return str(node.target) if node.op == "call_method" else getattr(node.target, "__name__", "?")


def _overwrites(model: nn.Module, node: fx.Node) -> bool:
    """Does it work in place? Twins never do."""
    if node.op == "call_module":
        return bool(getattr(model.get_submodule(str(node.target)), "inplace", False))
    in_place = _called(node).endswith("_") or _called(node) in ("iadd", "isub", "imul")
    return in_place or node.kwargs.get("inplace") is True


def _input(module: nn.Module, node: fx.Node) -> Any:
    """What a layer is applied to. Raises ModelError if it is told anything else."""
    signature = inspect.signature(module.forward)
    (_, x), *others = signature.bind(*node.args, **node.kwargs).arguments.items()
    for name, value in others:
        if isinstance(module, nn.MultiheadAttention):
            if name in ("key", "value"):
                if value is not x:
                    raise unsupported(str(node.target), "queries, keys and values differ")
                continue
            if name == "need_weights":  # those are refused where they are used
                continue
        if value is not signature.parameters[name].default:
            raise unsupported(str(node.target), f"it is called with {name}")
    return x


def _application(
    model: nn.Module, node: fx.Node, tensors: dict[int, Tensor], numbers: dict[fx.Node, int]
) -> tuple[nn.Module | None, Layer, tuple[Any, ...]]:
    """A node's module (if it calls one), its layer, and the operands of that layer."""
    if node.op == "call_module":
        module = model.get_submodule(str(node.target))
        return module, layer(module), (_input(module, node),)

    name = _called(node)
    value: Tensor = node.meta["value"]

    def concrete(argument: Any) -> Any:
        """Numbers for computed sizes, parameters for their names; tensors stay what they are."""
        if not isinstance(argument, fx.Node):
            return argument
        if argument.op == "get_attr":
            tensor = tensors[numbers[argument]]
            return tensor if name in _BOUND or not tensor.is_floating_point() else argument
        found = argument.meta["value"]
        return argument if isinstance(found, Tensor) or argument in numbers else found

    args: Any = fx.node.map_aggregate(node.args, concrete)
    kwargs: Any = fx.node.map_aggregate(node.kwargs, concrete)
    first = args[0]
    if name in RESHAPES:
        return None, Reshape(*value.shape[1:]), (first,)
    if name == "expand":
        return None, Expand(*value.shape), (first,)
    if name == "transpose":
        order = list(range(value.dim()))
        one, other = (axis % value.dim() for axis in args[1:3])
        order[one], order[other] = order[other], order[one]
        return None, Permute(*order), (first,)
    if name == "getitem" and isinstance(first, fx.Node):
        whole = first.meta["value"]
        if not isinstance(whole, Tensor):  # (attended, weights) of an attention module
            if first.op != "call_module" or args[1] != 0:
                raise unsupported("attention", "its weights are used")
            return None, Identity(), (first,)
    if name not in FUNCTIONS:
        raise unsupported(f"{name}()", "it is not in the table of functions")
    try:
        made, operands = FUNCTIONS[name](*args, **kwargs)
    except TypeError as error:
        raise unsupported(f"{name}()", str(error)) from error
    return None, made, operands
