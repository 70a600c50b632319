"""Traces a forward pass: every operation of it, written down one by one.

Whatever a network's Python code does (branches, loops, functions without a module), below it torch
executes a list of elementary operations. This list is what costs, graphs and receptive fields are
read from. It is taken on the "meta" device, where tensors have shapes but no numbers, so that even
the largest network is traced in a moment; only code that looks at the numbers is run for real.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from vitreous.blocks.mode import evaluating
from vitreous.errors import ShapeError, VitreousError

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Operation:
    """One elementary operation. Views are none, as they move no numbers, unless one is all that a
    module does (flattening): then it is called "view".

    name       torch's word for it: "convolution", "addmm", "relu", ...
    path       the module call that it happened in, "" for the network itself
    reads      (value, shape it was read in) of each tensor operand that depends on the input
    value      number of the value that it made
    shape      of that value
    arguments  as torch received them, with shapes in place of tensors
    in_place   it overwrote its operand instead of making a new tensor
    bytes      of its result
    learned    parameters of the network among its operands
    """

    name: str
    path: str
    reads: tuple[tuple[int, Shape], ...]
    value: int
    shape: Shape
    arguments: tuple[Any, ...]
    in_place: bool
    bytes: int
    learned: tuple[Tensor, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True)
class Call:
    """One call of a module.

    path       its name, with "#2" after each module that was called for the second time
    name       as in `named_modules`
    module     the module itself
    parent     path of the call that it happened in
    output     (value, shape) of its first tensor result, if that depends on the input
    """

    path: str
    name: str
    module: nn.Module
    parent: str
    output: tuple[int, Shape] | None


@dataclass(frozen=True)
class Trace:
    """All operations and module calls of one forward pass, in order of their beginning.

    input   (value, shape) of the tensor that went in
    output  (value, shape) of the tensor that came out
    """

    operations: tuple[Operation, ...]
    calls: tuple[Call, ...]
    input: tuple[int, Shape]
    output: tuple[int, Shape] | None

    def leaves(self) -> set[str]:
        """Paths of the calls that called no other module."""
        parents = {call.parent for call in self.calls if call.path}
        return {call.path for call in self.calls} - parents


@dataclass
class _Writer(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every operation below autograd, and tells values apart by their storage.

    parameters  of the network, by their storage during this pass
    current     the value that each storage holds now
    storages    kept alive, so that ids stay unique
    paths       of the calls that are open: (path, name of the module, operations when it began)
    begun       (path, name, module, parent) of each call so far
    finished    what each call returned, by its path
    """

    parameters: Mapping[int, Tensor]
    operations: list[Operation] = field(default_factory=list)
    current: dict[int, int] = field(default_factory=dict)
    storages: list[torch.UntypedStorage] = field(default_factory=list)
    values: int = 0
    paths: list[tuple[str, str, int]] = field(default_factory=lambda: [("", "", 0)])
    begun: list[tuple[str, str, nn.Module, str]] = field(default_factory=list)
    finished: dict[str, tuple[int, Shape] | None] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    @contextmanager
    def following(self, model: nn.Module) -> Iterator[None]:
        """Within the block, note which module each operation happens in."""
        with ExitStack() as hooks:
            for name, module in model.named_modules():
                if module is not model and not isinstance(module, torch.jit.ScriptModule):
                    begin = module.register_forward_pre_hook(partial(self.begin, name))
                    hooks.callback(begin.remove)
                    hooks.callback(module.register_forward_hook(self.end).remove)
            yield

    def begin(self, name: str, module: nn.Module, inputs: Any) -> None:
        parent, caller, _ = self.paths[-1]
        # Relative to the caller: lists of modules are never called, but are part of the name.
        own = name.removeprefix(f"{caller}.") if caller else name
        path = f"{parent}.{own}" if parent else own
        self.counts[path] += 1
        path = path if self.counts[path] == 1 else f"{path}#{self.counts[path]}"
        self.begun.append((path, name, module, parent))
        self.paths.append((path, name, len(self.operations)))

    def end(self, module: nn.Module, inputs: Any, result: Any) -> None:
        before, after = self.located(inputs), self.located(result)
        path, _, started = self.paths[-1]
        if started == len(self.operations) and before and after and before[1] != after[1]:
            self.rearrange(next(x for x in tree_leaves(result) if isinstance(x, Tensor)), before)
        self.finished[path] = self.located(result)
        self.paths.pop()

    def located(self, result: Any) -> tuple[int, Shape] | None:
        """(value, shape) of the first tensor in a result, if it depends on the input."""
        tensors = (x for x in tree_leaves(result) if isinstance(x, Tensor))
        first = next(tensors, None)
        value = None if first is None else self.value(first)
        return None if first is None or value is None else (value, tuple(first.shape))

    def hold(self, tensor: Tensor) -> int:
        """Give the tensor's storage a new value."""
        storage = tensor.untyped_storage()
        self.storages.append(storage)
        self.current[id(storage)] = self.values
        self.values += 1
        return self.values - 1

    def value(self, tensor: Tensor) -> int | None:
        return self.current.get(id(tensor.untyped_storage()))

    def rearrange(self, result: Tensor, before: tuple[int, Shape]) -> None:
        """Note a module that only changes the shape of what it was given."""
        value, shape = self.hold(result), tuple(result.shape)
        self.operations.append(
            Operation("view", self.paths[-1][0], (before,), value, shape, (), False, bytes=0)
        )

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing is compiled in here, so that torch need not load its compiler to prevent it."""
        return False

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        operands = [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
        reads = [(value, tuple(x.shape)) for x in operands if (value := self.value(x)) is not None]
        sources = {id(x.untyped_storage()) for x in operands}
        result = operation(*args, **(kwargs or {}))
        outputs = [x for x in tree_leaves(result) if isinstance(x, Tensor)]
        name = str(operation).split(".")[1]
        in_place = name.endswith("_") and not name.endswith("__")
        if not reads or not outputs:
            return result
        first = outputs[0]
        if not in_place and id(first.untyped_storage()) in sources:
            return result  # a view
        value = self.hold(first)
        for other in outputs[1:]:  # saved statistics, indices of maxima
            if id(other.untyped_storage()) not in self.current:
                self.storages.append(other.untyped_storage())
                self.current[id(other.untyped_storage())] = value
        self.operations.append(
            Operation(
                name=name.removesuffix("_"),
                path=self.paths[-1][0],
                reads=tuple(reads),
                value=value,
                shape=tuple(first.shape),
                arguments=tuple(_described(argument) for argument in args),
                in_place=in_place,
                bytes=first.numel() * first.element_size(),
                learned=tuple(
                    self.parameters[key]
                    for x in operands
                    if (key := id(x.untyped_storage())) in self.parameters
                ),
            )
        )
        return result


def _described(argument: Any) -> Any:
    if isinstance(argument, Tensor):
        return tuple(argument.shape)
    if isinstance(argument, (list, tuple)):
        return tuple(_described(item) for item in argument)
    return argument


def trace(model: nn.Module, shape: Shape, *, real: bool = False) -> Trace:
    """The forward pass in evaluation mode for one input of `shape`, without the batch axis.

    real  run with numbers (zeros) on the model's own device, even if shapes would do

    The model is left as it was. Raises ShapeError if it cannot take such an input.
    """
    try:
        with evaluating(model):
            if real:
                return _trace(model, shape, meta=False)
            try:
                return _trace(model, shape, meta=True)
            except VitreousError:
                raise
            except Exception:  # the network's own code decides what goes wrong without numbers
                return _trace(model, shape, meta=False)
    except VitreousError:
        raise
    except (RuntimeError, ValueError, TypeError) as error:
        raise ShapeError(
            f"{type(model).__name__} cannot take an input of shape {tuple(shape)}: {error}",
            remedy="Give the shape of one example, channels first, such as (3, 224, 224).",
        ) from error


def _trace(model: nn.Module, shape: Shape, *, meta: bool) -> Trace:
    state = _tensors(model)
    like = next((t for t in state.values() if t.is_floating_point()), torch.empty(()))
    device = torch.device("meta") if meta else like.device
    used = {name: tensor.to("meta") for name, tensor in state.items()} if meta else state
    storages = {name: tensor.untyped_storage() for name, tensor in used.items()}
    parameters = {
        id(storages[name]): tensor
        for name, tensor in state.items()
        if isinstance(tensor, nn.Parameter)
    }
    writer = _Writer(parameters)
    with writer.following(model), torch.no_grad():
        example = torch.zeros(1, *shape, dtype=like.dtype, device=device)
        start = writer.hold(example), tuple(example.shape)
        with writer:
            if meta:
                result = functional_call(model, used, (example,), tie_weights=False)
            else:
                result = model(example)
    output = writer.located(result)
    calls = [Call("", "", model, "", output)]
    calls += [Call(*call, writer.finished.get(call[0])) for call in writer.begun]
    return Trace(tuple(writer.operations), tuple(calls), start, output)


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers of each module once, under its first name: a tensor that is swapped
    under two names would not come back.
    """
    return {
        f"{name}.{own}" if name else own: tensor
        for name, module in model.named_modules()
        for own, tensor in (*module._parameters.items(), *module._buffers.items())
        if tensor is not None
    }
