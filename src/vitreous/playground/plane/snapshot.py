"""What a page draws of a session, as facts and arrays: points once, the rest many times a second.

Maps travel as bytes: 0, 128 and 255 stand for -scale, 0 and scale. Histograms of activations and
gradients and the marks for dead and saturated units are computed on all training points.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitreous.blocks.activation import ACTIVATIONS
from vitreous.data.synthetic import Window
from vitreous.playground.plane.plane_features import FEATURES, Features
from vitreous.playground.plane.session import Layer, Session
from vitreous.trace.capture.record import record

SIDE = 100  # pixels of the decision map
THUMB = 24  # pixels of a unit's own map
BINS = 24
GRADIENT_RANGE = (-9.0, 1.0)  # of log10 |gradient|
SATURATED = 0.05  # share of the steepest slope below which a unit counts as saturated

Frame = tuple[dict[str, Any], dict[str, NDArray[Any]]]


def scene(session: Session) -> Frame:
    """What changes only when a session starts again: points, window, sizes of the layers."""
    facts = {
        "state": session.state.to_json(),
        "query": session.state.to_query(),
        "task": session.state.task,
        "window": session.state.window,
        "sizes": [len(session.state.features), *session.state.hidden, 1],
        "parameters": sum(p.numel() for p in session.network.parameters()),
        "side": SIDE,
        "thumb": THUMB,
        "gradient_range": GRADIENT_RANGE,
    }
    arrays = {}
    for name, part in (("train", session.train), ("test", session.test)):
        arrays[name] = torch.cat([part.places, part.targets], dim=1).numpy()  # (N, 3)
    thumbs = Features(tuple(FEATURES))(grid(session.state.window, THUMB))
    arrays["inputs"], arrays["input_scales"] = quantize(thumbs)
    return facts, arrays


def snapshot(session: Session, selected: tuple[int, int] | None = None) -> Frame:
    """The network as it is now.

    selected  (layer, unit) whose own map is wanted at full size as well
    """
    train, test = session.score(session.train), session.score(session.test)
    facts: dict[str, Any] = {
        "steps": session.steps,
        "epoch": session.epoch,
        "train_loss": finite(train.loss),
        "test_loss": finite(test.loss),
        "train_accuracy": train.accuracy,
        "test_accuracy": test.accuracy,
        "failure": session.failure,
    }
    layers = session.layers(session.train.inputs)
    facts["layers"] = [health(session, layer) for layer in layers[:-1]]
    answer = session.answer(grid(session.state.window, SIDE))
    thumbs = [layer.a for layer in session.layers(_features(session, THUMB))[:-1]]
    units = torch.cat(thumbs, dim=1) if thumbs else torch.zeros(THUMB * THUMB, 0)
    arrays: dict[str, NDArray[Any]] = {
        "decision": quantize(answer[:, None], 1.0)[0][0],
        "weights": flat([linear.weight for linear in session.linears]),
        "biases": flat([linear.bias for linear in session.linears]),
        "gradients": gradient_histograms(session),
    }
    arrays["units"], arrays["unit_scales"] = quantize(units)
    arrays["activations"], arrays["activation_ranges"] = activation_histograms(layers)
    layer, unit = selected or (-1, -1)
    if 0 <= layer < len(session.state.hidden) and unit < session.state.hidden[layer]:
        values = session.layers(_features(session, SIDE))[layer].a[:, unit : unit + 1]
        selected_map, scales = quantize(values)
        arrays["selected"] = selected_map[0]
        facts["selected"] = {"layer": layer, "unit": unit, "scale": float(scales[0])}
    return facts, arrays


def flow(session: Session) -> Frame:
    """Take one step and show all of it: forward values, loss, gradients flowing back, new weights.

    Values of a unit are means over the batch; the gradient of a unit is the sum of ∂loss/∂a over
    the batch, where loss is the batch's mean. Gradients of weights include the penalty's.
    """
    before = [linear.weight.detach().clone() for linear in session.linears]
    outputs = [f"{layer}.act" for layer in range(len(session.hidden))] + [str(len(session.hidden))]
    with record(session.network, outputs, gradients=True) as seen:
        taken = session.advance(1)
    facts: dict[str, Any] = {"taken": taken, "steps": session.steps, "failure": session.failure}
    if not taken:
        return facts, {}
    batch = session.batch
    with torch.inference_mode():
        loss = session.losses(seen[outputs[-1]], batch.targets).mean()
    facts["loss"] = finite(float(loss))
    arrays = {
        "rows": batch.ids.numpy().astype(np.int32),
        "inputs": batch.images.mean(dim=0).numpy(),
        "values": flat([seen[name].mean(dim=0) for name in outputs]),
        "signals": flat([seen.gradients[name].sum(dim=0) for name in outputs]),
        "before": flat(before),
        "after": flat([linear.weight for linear in session.linears]),
        "slopes": flat([gradient(linear.weight) for linear in session.linears]),
    }
    return facts, arrays


def health(session: Session, layer: Layer) -> dict[str, list[int]]:
    """Units that hardly learn any more, by number.

    dead       the slope is 0 at every training point: no gradient will ever pass again
    saturated  the values level off smoothly, as tanh's do, and at nine tenths of the points the
               slope is below 5 % of the steepest
    """
    row = ACTIVATIONS[session.state.activation]
    slopes = row.derivative(layer.z).abs()
    dead = (slopes == 0).all(dim=0)
    saturated = torch.zeros_like(dead)
    if row.smooth and math.isfinite(row.low) and math.isfinite(row.high):
        steepest = row.derivative(torch.linspace(-4, 4, 81)).max()
        saturated = (slopes < SATURATED * steepest).float().mean(dim=0) >= 0.9
    return {"dead": numbers(dead & ~saturated), "saturated": numbers(saturated)}


def activation_histograms(layers: list[Layer]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Share of values in each of 24 bins, a row for each layer (L, 24), and the ranges (L, 2)."""
    counts = np.zeros((len(layers), BINS), np.float32)
    ranges = np.zeros((len(layers), 2), np.float32)
    for row, layer in enumerate(layers):
        values = layer.a.flatten().numpy()
        values = values[np.isfinite(values)]
        low, high = (values.min(), values.max()) if len(values) else (0.0, 0.0)
        low, high = min(float(low), -1.0), max(float(high), 1.0)
        found, _ = np.histogram(values, BINS, (low, high))
        counts[row] = found / max(found.sum(), 1)
        ranges[row] = low, high
    return counts, ranges


def gradient_histograms(session: Session) -> NDArray[Any]:
    """Share of the weights whose log10 |gradient| lies in each of 24 bins, a row for each layer.

    The gradients are those of the last step; zeros count in the lowest bin.
    """
    rows = np.zeros((len(session.linears), BINS), np.float32)
    low, high = GRADIENT_RANGE
    for row, linear in enumerate(session.linears):
        if linear.weight.grad is not None:
            sizes = linear.weight.grad.abs().flatten().double().numpy()
            logs = np.log10(np.maximum(sizes[np.isfinite(sizes)], 10**low)).clip(low, high)
            rows[row] = np.histogram(logs, BINS, (low, high))[0] / max(len(logs), 1)
    return rows


@lru_cache(maxsize=32)
def grid(window: Window, side: int) -> Tensor:
    """The centers of side × side pixels, (side², 2), row by row from the top left."""
    left, right, bottom, top = window
    steps = (torch.arange(side) + 0.5) / side
    x1 = left + (right - left) * steps
    x2 = top - (top - bottom) * steps
    rows, columns = torch.meshgrid(x2, x1, indexing="ij")
    return torch.stack([columns.flatten(), rows.flatten()], dim=1)


def quantize(values: Tensor, scale: float | None = None) -> tuple[NDArray[Any], NDArray[Any]]:
    """Maps (side², K) to bytes (K, side, side) and the scales (K,): value = (byte/127.5 - 1) scale.

    scale  the same for all maps; without it, the largest absolute value of each
    """
    values = torch.nan_to_num(values, 0.0, 1e6, -1e6)
    scales = (
        values.abs().amax(dim=0).clamp(min=1e-6)
        if scale is None
        else torch.full((values.shape[1],), scale)
    )
    squeezed = (values / scales).clamp(-1, 1).add(1).mul(127.5).round().to(torch.uint8)
    side = math.isqrt(len(values))
    return squeezed.T.reshape(-1, side, side).numpy(), scales.numpy()


def flat(tensors: list[Tensor]) -> NDArray[Any]:
    """Tensors end to end as float32, with numbers only."""
    joined = torch.cat([tensor.detach().flatten() for tensor in tensors])
    return torch.nan_to_num(joined, 0.0, 1e30, -1e30).numpy()


def gradient(weight: Tensor) -> Tensor:
    return torch.zeros_like(weight) if weight.grad is None else weight.grad


def finite(value: float) -> float | None:
    """JSON has no word for infinity."""
    return value if math.isfinite(value) else None


def numbers(marks: Tensor) -> list[int]:
    return [int(index) for index in marks.nonzero().flatten()]


def _features(session: Session, side: int) -> Tensor:
    features: Tensor = session.features(grid(session.state.window, side))
    return features
