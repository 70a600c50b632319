"""One forward pass, written down operation by operation.

Whatever a network's Python code does (branches, loops, functions without a module), below it torch
executes a list of elementary operations. This list is what costs, graphs and receptive fields are
read from. It is taken on the "meta" device, where tensors have shapes but no numbers, so that even
the largest network is traced in a moment; only code that looks at the numbers is run for real.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
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
    """Sees every operation below autograd, and tells values apart by their storage."""

    path: Callable[[], str]
    parameters: dict[int, Tensor]  # by their storage during this pass
    operations: list[Operation] = field(default_factory=list)
    current: dict[int, int] = field(default_factory=dict)  # storage to the value it holds now
    storages: list[torch.UntypedStorage] = field(default_factory=list)  # alive, so ids stay unique
    values: int = 0

    def __post_init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

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
            Operation("view", self.path(), (before,), value, shape, (), False, bytes=0)
        )

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
                path=self.path(),
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
            except (RuntimeError, NotImplementedError, TypeError):
                return _trace(model, shape, meta=False)
    except VitreousError:
        raise
    except (RuntimeError, ValueError, TypeError) as error:
        raise ShapeError(
            f"{type(model).__name__} cannot take an input of shape {tuple(shape)}: {error}",
            remedy="Give the shape of one example, channels first, such as (3, 224, 224).",
        ) from error


def _trace(model: nn.Module, shape: Shape, *, meta: bool) -> Trace:
    path: list[str] = [""]
    names: list[str] = [""]
    begun: list[tuple[str, str, nn.Module, str]] = []
    started: list[int] = []  # how many operations there were when each open call began
    finished: dict[str, tuple[int, Shape] | None] = {}
    counts: Counter[str] = Counter()
    # Each module once, under its first name: a tensor swapped under two names would not come back.
    state = {
        f"{name}.{own}" if name else own: tensor
        for name, module in model.named_modules()
        for own, tensor in (*module._parameters.items(), *module._buffers.items())
        if tensor is not None
    }
    like = next((t for t in state.values() if t.is_floating_point()), torch.empty(()))
    device = torch.device("meta") if meta else like.device
    used = {name: tensor.to("meta") for name, tensor in state.items()} if meta else state
    storages = {name: tensor.untyped_storage() for name, tensor in used.items()}
    learned: dict[int, Tensor] = {
        id(storages[name]): tensor
        for name, tensor in state.items()
        if isinstance(tensor, nn.Parameter)
    }
    writer = _Writer(lambda: path[-1], learned)

    def located(result: Any) -> tuple[int, Shape] | None:
        tensors = (x for x in tree_leaves(result) if isinstance(x, Tensor))
        first = next(tensors, None)
        value = None if first is None else writer.value(first)
        return None if first is None or value is None else (value, tuple(first.shape))

    def begin(name: str, module: nn.Module, inputs: Any) -> None:
        parent = path[-1]
        # Relative to the caller: lists of modules are never called, but are part of the name.
        prefix = f"{names[-1]}."
        own = name.removeprefix(prefix) if names[-1] else name
        call = f"{parent}.{own}" if parent else own
        counts[call] += 1
        call = call if counts[call] == 1 else f"{call}#{counts[call]}"
        begun.append((call, name, module, parent))
        started.append(len(writer.operations))
        path.append(call)
        names.append(name)

    def end(module: nn.Module, inputs: Any, result: Any) -> None:
        before, after = located(inputs), located(result)
        if started.pop() == len(writer.operations) and before and after and before[1] != after[1]:
            writer.rearrange(next(x for x in tree_leaves(result) if isinstance(x, Tensor)), before)
        finished[path.pop()] = located(result)
        names.pop()

    with ExitStack() as stack:
        for name, module in model.named_modules():
            if module is not model:
                first = _bound(begin, name)
                stack.callback(module.register_forward_pre_hook(first).remove)
                stack.callback(module.register_forward_hook(end).remove)
        stack.enter_context(torch.no_grad())
        example = torch.zeros(1, *shape, dtype=like.dtype, device=device)
        start = writer.hold(example), tuple(example.shape)
        if meta:
            with writer:
                result = functional_call(model, used, (example,), tie_weights=False)
        else:
            with writer:
                result = model(example)
        output = located(result)
    calls = [Call("", "", model, "", output)]
    calls += [Call(*call, finished.get(call[0])) for call in begun]
    return Trace(tuple(writer.operations), tuple(calls), start, output)


def _bound(begin: Callable[[str, nn.Module, Any], None], name: str) -> Callable[..., None]:
    return lambda module, inputs: begin(name, module, inputs)
