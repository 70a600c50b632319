"""Which pixels a unit can see: its receptive field, by arithmetic and by measurement.

Along one axis, unit i of a map sees the pixels from i·stride + low to i·stride + high. If unit i of
the next map reads the units from i·ratio + first to i·ratio + last, it sees

    stride' = stride · ratio,   low' = low + first · stride,   high' = high + last · stride.

A convolution or pooling with kernel k, stride s, padding p, dilation d has ratio s, first −p and
last d (k − 1) − p; a transposed one divides instead. Where paths meet, the wider one counts. What
mixes all positions (global pooling, attention, a dense layer) sees the whole image.

Araujo et al. (2019), "Computing receptive fields of convolutional neural networks", Distill.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor, nn

from vitreous.blocks.mode import evaluating
from vitreous.errors import ShapeError, unknown
from vitreous.trace.capture.operations import Operation, Shape, Trace, trace

# Operations after which every position has seen what it and its equals in the operands had seen.
_POINTWISE = {
    "add", "sub", "mul", "div", "neg", "pow", "sqrt", "exp", "log", "abs", "clamp", "clamp_min",
    "clamp_max", "relu", "hardtanh", "leaky_relu", "elu", "celu", "selu", "gelu", "silu", "mish",
    "sigmoid", "tanh", "hardsigmoid", "hardswish", "softplus", "_prelu_kernel", "rsub", "maximum",
    "minimum", "where", "heaviside", "sign", "cat", "clone", "_to_copy", "copy", "native_dropout",
    "native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training",
    "cudnn_batch_norm", "square", "reciprocal", "rsqrt", "erf", "sin", "cos", "view",
}  # fmt: skip


@dataclass(frozen=True)
class Axis:
    """Along one axis of the image: unit i sees pixels i·stride + low to i·stride + high.

    Both ends belong to it and may lie outside of the image, in the padding. An unlimited field has
    low = −∞ and high = ∞.
    """

    stride: Fraction
    low: float | Fraction
    high: float | Fraction

    @property
    def size(self) -> float | int:
        """Pixels seen, or infinity."""
        span = self.high - self.low
        return math.inf if math.isinf(span) else math.floor(span) + 1

    def window(self, index: int, length: int) -> tuple[int, int]:
        """The pixels [start, stop) that unit `index` sees of an image of `length` pixels."""
        if math.isinf(self.size):
            return 0, length
        start = math.ceil(index * self.stride + self.low)
        stop = math.floor(index * self.stride + self.high) + 1
        return min(max(start, 0), length), max(min(stop, length), 0)

    def after(self, ratio: Fraction, first: Fraction, last: Fraction) -> Axis:
        return Axis(
            self.stride * ratio, self.low + first * self.stride, self.high + last * self.stride
        )

    def joined(self, other: Axis) -> Axis:
        return Axis(self.stride, min(self.low, other.low), max(self.high, other.high))


WHOLE = Axis(Fraction(1), -math.inf, math.inf)


@dataclass(frozen=True)
class ReceptiveField:
    """Of the units of one map: along the rows, and along the columns."""

    rows: Axis
    columns: Axis

    @property
    def size(self) -> tuple[float | int, float | int]:
        """(height, width) in pixels; infinite where a unit sees the whole image."""
        return self.rows.size, self.columns.size

    @property
    def stride(self) -> tuple[Fraction, Fraction]:
        """Pixels between neighboring units."""
        return self.rows.stride, self.columns.stride

    def window(self, row: int, column: int, height: int, width: int) -> tuple[int, int, int, int]:
        """(top, left, bottom, right), half-open, of what a unit sees of a height × width image."""
        top, bottom = self.rows.window(row, height)
        left, right = self.columns.window(column, width)
        return top, left, bottom, right


@dataclass(frozen=True)
class _Map:
    """A receptive field, and the size (h, w) of the map that it belongs to."""

    field: ReceptiveField
    size: tuple[int, int]


def receptive_fields(model: nn.Module, shape: Shape) -> dict[str, ReceptiveField]:
    """The receptive field of every module's output that is a map, by path, in order of calls.

    shape  (C, H, W) of the input
    """
    return fields_of(trace(model, shape))


def fields_of(traced: Trace) -> dict[str, ReceptiveField]:
    """The receptive fields of a forward pass that has been traced; see `receptive_fields`."""
    fields = fields_by_value(traced)
    return {
        call.path: fields[call.output[0]]
        for call in traced.calls
        if call.path and call.output and len(call.output[1]) == 4 and call.output[0] in fields
    }


def fields_by_value(traced: Trace) -> dict[int, ReceptiveField]:
    """The receptive field of every value of the forward pass, by its number."""
    value, shape = traced.input
    if len(shape) != 4:
        raise ShapeError(
            f"receptive fields are those of images, not of an input of shape {shape[1:]}",
            remedy="Give a shape (channels, height, width).",
        )
    pixel = Axis(Fraction(1), Fraction(0), Fraction(0))
    maps = {value: _Map(ReceptiveField(pixel, pixel), (shape[2], shape[3]))}
    for operation in traced.operations:
        maps[operation.value] = _step(operation, maps)
    return {number: found.field for number, found in maps.items()}


def _step(operation: Operation, maps: dict[int, _Map]) -> _Map:
    name, arguments, shape = operation.name, operation.arguments, operation.shape
    size = (shape[-2], shape[-1]) if len(shape) >= 4 else (1, 1)
    whole = _Map(ReceptiveField(WHOLE, WHOLE), size)
    known = [(maps[value], read) for value, read in operation.reads if value in maps]
    if len(shape) < 4 or not known:
        return whole
    if name in _POINTWISE:
        if any(len(read) < 4 or not read[-2:] == m.size == size for m, read in known):
            return whole  # a gate that is spread over the map, or a map that was rearranged
        rows, columns = known[0][0].field.rows, known[0][0].field.columns
        for other, _ in known[1:]:
            rows, columns = rows.joined(other.field.rows), columns.joined(other.field.columns)
        return _Map(ReceptiveField(rows, columns), size)
    before, read = known[0]
    across_channels = name in ("constant_pad_nd", "avg_pool3d") and len(read) == 5
    if read[-2:] != before.size or not (len(read) == 4 or across_channels):
        return whole
    steps = _window(name, arguments, before.size, size)
    if steps is None:
        return whole
    rows, columns = (
        axis.after(*step)
        for axis, step in zip((before.field.rows, before.field.columns), steps, strict=True)
    )
    return _Map(ReceptiveField(rows, columns), size)


Step = tuple[Fraction, Fraction, Fraction]  # ratio, first, last


def _window(
    name: str, arguments: Sequence[Any], before: tuple[int, int], after: tuple[int, int]
) -> list[Step] | None:
    """What an operation reads along rows and columns, or None if it reads everything."""

    def pairs(index: int, default: Any) -> Any:
        value = arguments[index] if len(arguments) > index else ()
        return (value, value) if isinstance(value, int) else tuple(value) or default

    ones, zeros = (1, 1), (0, 0)
    if name == "convolution":
        sizes = zip(arguments[1][2:], pairs(3, ones), pairs(4, zeros), pairs(5, ones), strict=True)
        return [_transposed(*size) if arguments[6] else _sliding(*size) for size in sizes]
    if name in ("max_pool2d_with_indices", "avg_pool2d", "avg_pool3d"):
        kernel = pairs(1, ones)[-2:]  # with a third axis where channels are averaged too
        dilation = pairs(4, ones) if name.startswith("max") else ones
        sizes = zip(kernel, pairs(2, kernel)[-2:], pairs(3, zeros)[-2:], dilation, strict=True)
        return [_sliding(*size) for size in sizes]
    # What reads the border that is repeated beyond the map reads the border itself as well.
    if name in ("constant_pad_nd", "replication_pad2d"):
        left, _, top, _ = (*arguments[1], 0, 0)[:4]
        return [_sliding(1, 1, top, 1), _sliding(1, 1, left, 1)]
    if name == "_adaptive_avg_pool2d" and before == after:
        return [_sliding(1, 1, 0, 1)] * 2
    if name.startswith("upsample_nearest") and not any(
        b % a for a, b in zip(before, after, strict=True)
    ):
        return [_transposed(b // a, b // a, 0, 1) for a, b in zip(before, after, strict=True)]
    return None


def _sliding(kernel: int, stride: int, padding: int, dilation: int) -> Step:
    return Fraction(stride), Fraction(-padding), Fraction(dilation * (kernel - 1) - padding)


def _transposed(kernel: int, stride: int, padding: int, dilation: int) -> Step:
    """Output i gets something from input j where i = j·stride − padding + dilation·(0 ... k−1)."""
    first = Fraction(padding - dilation * (kernel - 1), stride)
    return Fraction(1, stride), first, Fraction(padding, stride)


def measure(
    model: nn.Module,
    layer: str,
    shape: Shape,
    *,
    position: tuple[int, int] | None = None,
    tries: int = 8,
    seed: int = 0,
) -> Tensor:
    """How strongly each pixel moves one unit of a layer: (H, W), the mean of |∂unit/∂pixel|.

    Where it is not zero is the measured receptive field, which lies within the analytic one; its
    fading towards the border is the "effective" field of Luo et al. (2016), arXiv:1701.04128.

    layer     a module whose output is a map
    position  (row, column) of the unit; None is the middle of the map
    tries     random images, since maximum and rectifier pass only some gradients at a time
    """
    modules = dict(model.named_modules())
    if layer not in modules or not layer:
        raise unknown("layer", layer, [name for name in modules if name])
    like = next(model.parameters(), torch.empty(()))
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros(shape[1:], dtype=torch.float64)
    outputs: list[Any] = []
    hook = modules[layer].register_forward_hook(lambda module, given, out: outputs.append(out))
    try:
        with evaluating(model), torch.enable_grad():
            for _ in range(tries):
                image = torch.rand(1, *shape, generator=generator).to(like).requires_grad_()
                outputs.clear()
                model(image)
                unit = _unit(outputs[-1] if outputs else None, layer, position)
                (gradient,) = torch.autograd.grad(unit, image)
                total += gradient[0].abs().sum(0).double().cpu()
    finally:
        hook.remove()
    return total / tries


def _unit(output: Any, layer: str, position: tuple[int, int] | None) -> Tensor:
    """The sum over the channels of a map, at one position."""
    if not isinstance(output, Tensor) or output.dim() != 4:
        raise ShapeError(
            f"{layer} makes no map", where="layer", remedy="Choose a convolution or a stage."
        )
    height, width = output.shape[2:]
    row, column = position or (height // 2, width // 2)
    if not (0 <= row < height and 0 <= column < width):
        raise ShapeError(
            f"{layer} has no unit at row {row}, column {column}",
            where="position",
            remedy=f"Its map has {height} rows and {width} columns, counted from 0.",
        )
    return output[0, :, row, column].sum()


def support(weights: Tensor) -> tuple[int, int, int, int]:
    """(top, left, bottom, right), half-open: the smallest window with all that is not zero."""
    rows = weights.sum(1).nonzero().flatten()
    columns = weights.sum(0).nonzero().flatten()
    if not len(rows):
        return 0, 0, 0, 0
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
