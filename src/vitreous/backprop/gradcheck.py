"""Gradient check: finite differences in float64 against the gradients of a module or function.

    report = check(MyLayer(), torch.randn(2, 3, 8, 8))
    print(report)          # names the parameter or input, the index, and both numbers

What it finds: autograd functions with a wrong backward, results that were detached or overwritten,
parameters that no gradient reaches, hand-written layers with a slip in a derivative.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from vitreous.backprop.layers.layer import Layer
from vitreous.errors import UsageError, VitreousError

# At a kink the slopes to the left and to the right differ by more than curvature explains.
_KINK = 1e-3


@dataclass(frozen=True)
class Finding:
    """One parameter or input, compared entry by entry.

    name      of the parameter, or "input 0", "input 1", ...
    shape     of the tensor
    checked   entries compared; wrong of them disagree, at kinks of them the function has a corner
              and the gradient lies between the slopes of its two sides, which is right
    index     of the entry with the largest error
    gradient  found there by the code under test
    numeric   found there by finite differences
    error     |gradient − numeric| there, relative to the largest gradient of this tensor
    """

    name: str
    shape: tuple[int, ...]
    checked: int
    wrong: int
    kinks: int
    index: tuple[int, ...]
    gradient: float
    numeric: float
    error: float

    @property
    def right(self) -> bool:
        return self.wrong == 0

    def __str__(self) -> str:
        verdict = "right" if self.right else "WRONG"
        corner = f", {self.kinks} at a kink" if self.kinks else ""
        text = f"{verdict}  {self.name} {self.shape}: {self.checked} entries{corner}"
        if self.right:
            return f"{text}, largest error {self.error:.1e}"
        return (
            f"{text}, {self.wrong} wrong; at {list(self.index)} the gradient is "
            f"{self.gradient:.6g}, finite differences give {self.numeric:.6g}"
        )


@dataclass(frozen=True)
class Report:
    """The findings for every input and parameter, inputs first."""

    findings: tuple[Finding, ...]

    @property
    def right(self) -> bool:
        return all(finding.right for finding in self.findings)

    @property
    def wrong(self) -> tuple[str, ...]:
        """The names of what is wrong."""
        return tuple(finding.name for finding in self.findings if not finding.right)

    def to_json(self) -> dict[str, Any]:
        rows = [asdict(finding) | {"right": finding.right} for finding in self.findings]
        return {"right": self.right, "findings": rows}

    def __str__(self) -> str:
        return "\n".join(map(str, self.findings))


Subject = nn.Module | Layer | Callable[..., Any]


def check(
    subject: Subject,
    inputs: Tensor | Sequence[Any],
    *,
    step: float = 1e-6,
    tolerance: float = 1e-5,
    entries: int = 100,
    seed: int = 0,
) -> Report:
    """Compare the gradients of a module, a layer by hand or a function with finite differences.

    subject    is copied and run in float64, in the mode it is in, from the same random state each
               time (so dropout may be active)
    inputs     one tensor or several arguments; those that are no floating tensors are passed on
    step       of the differences (f(x + h) − f(x − h)) / 2h, relative to |x| where that exceeds 1
    tolerance  largest error, relative to the largest gradient of the same tensor
    entries    at most so many of each tensor are tried, drawn at random from `seed`

    Raises UsageError if there is nothing to differentiate or the subject cannot run in float64.
    """
    arguments = [
        item.detach().double().clone() if _floating(item) else item
        for item in ((inputs,) if isinstance(inputs, Tensor) else inputs)
    ]
    run, parameters = _in_float64(subject)
    tensors = {f"input {n}": item for n, item in enumerate(arguments) if _floating(item)}
    tensors |= parameters
    if not tensors:
        raise UsageError(
            "there is nothing to differentiate by",
            remedy="Give at least one floating tensor, or a module with parameters.",
        )

    def outputs() -> list[Tensor]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return [x for x in tree_leaves(run(*arguments)) if _floating(x)]

    # One number to differentiate: the outputs, weighted at random so that no error cancels.
    generator = torch.Generator().manual_seed(seed)
    weights = [
        torch.rand(shape, generator=generator, dtype=torch.float64) + 0.5
        for shape in _shapes(outputs)
    ]

    def value() -> float:
        with torch.no_grad():
            return math.fsum(
                float((x * weight).sum()) for x, weight in zip(outputs(), weights, strict=True)
            )

    if isinstance(run, Layer):
        gradients = _by_hand(run, outputs, weights, tensors)
    else:
        gradients = _by_autograd(outputs, weights, tensors)
    findings = []
    for name, tensor in tensors.items():
        chosen = torch.randperm(tensor.numel(), generator=generator)[:entries].tolist()
        findings.append(_compare(name, tensor, gradients[name], chosen, value, step, tolerance))
    return Report(tuple(findings))


def _floating(item: Any) -> bool:
    return isinstance(item, Tensor) and item.is_floating_point()


def _in_float64(subject: Subject) -> tuple[Subject, dict[str, Tensor]]:
    """A copy of the subject, and its parameters by name."""
    if isinstance(subject, nn.Module):
        module = copy.deepcopy(subject).double()
        return module, {n: p for n, p in module.named_parameters() if p.requires_grad}
    if isinstance(subject, Layer):
        layer: Layer = _double(subject, {})
        return layer, layer.parameters()
    return subject, {}


def _shapes(outputs: Callable[[], list[Tensor]]) -> list[torch.Size]:
    try:
        with torch.no_grad():
            return [x.shape for x in outputs()]
    except VitreousError:
        raise
    except (RuntimeError, TypeError, ValueError) as error:
        raise UsageError(
            f"the function cannot be run in float64 on these inputs: {error}",
            remedy="Pass what it takes, and let it make its own tensors in the inputs' dtype.",
        ) from error


def _by_autograd(
    outputs: Callable[[], list[Tensor]], weights: list[Tensor], tensors: dict[str, Tensor]
) -> dict[str, Tensor]:
    with torch.enable_grad():
        for tensor in tensors.values():
            tensor.requires_grad_()
        total = sum((x * w).sum() for x, w in zip(outputs(), weights, strict=True))
        assert isinstance(total, Tensor)
        found: Sequence[Tensor | None] = [None] * len(tensors)
        if total.requires_grad:
            found = torch.autograd.grad(total, list(tensors.values()), allow_unused=True)
    return {
        # What no gradient reaches counts as zero, and finite differences tell whether it is.
        name: torch.zeros_like(tensor) if gradient is None else gradient
        for (name, tensor), gradient in zip(tensors.items(), found, strict=True)
    }


def _by_hand(
    layer: Layer,
    outputs: Callable[[], list[Tensor]],
    weights: list[Tensor],
    tensors: dict[str, Tensor],
) -> dict[str, Tensor]:
    outputs()
    below = layer.backward(weights[0])
    names = [name for name in tensors if name.startswith("input ")]
    pieces = (below,) if isinstance(below, Tensor) else below
    return dict(zip(names, pieces, strict=False)) | layer.gradients


def _compare(
    name: str,
    tensor: Tensor,
    gradient: Tensor,
    chosen: list[int],
    value: Callable[[], float],
    step: float,
    tolerance: float,
) -> Finding:
    data = tensor.detach()
    places = [
        tuple(int(i) for i in torch.unravel_index(torch.tensor(c), data.shape)) for c in chosen
    ]
    here = value()
    noise = 1e-15 * (1 + abs(here)) / step
    rows = []
    for place in places:
        kept = float(data[place])
        h = step * max(1.0, abs(kept))
        data[place] = kept + h
        ahead = (value() - here) / h
        data[place] = kept - h
        behind = (here - value()) / h
        data[place] = kept
        rows.append((float(gradient[place]), ahead, behind))
    scale = max((max(abs(g), abs(a + b) / 2) for g, a, b in rows), default=0.0)
    allowed = tolerance * scale + noise
    wrong = kinks = worst = 0
    largest = -1.0
    for position, (found, ahead, behind) in enumerate(rows):
        difference = abs(found - (ahead + behind) / 2)
        if abs(ahead - behind) > _KINK * scale + 4 * noise:
            low, high = min(ahead, behind) - allowed, max(ahead, behind) + allowed
            if low <= found <= high:
                kinks += 1
                continue
        wrong += not difference <= allowed  # also where either is not a number
        if not difference <= largest:
            worst, largest = position, difference
    found, ahead, behind = rows[worst] if rows else (0.0, 0.0, 0.0)
    return Finding(
        name=name,
        shape=tuple(tensor.shape),
        checked=len(rows),
        wrong=wrong,
        kinks=kinks,
        index=places[worst] if rows else (),
        gradient=found,
        numeric=(ahead + behind) / 2,
        error=max(largest, 0.0) / scale if scale else 0.0,
    )


def _double(item: Any, done: dict[int, Any]) -> Any:
    """A copy of a layer, and of the layers inside it, in float64; shared tensors stay shared."""
    if id(item) not in done:
        if isinstance(item, Tensor):
            done[id(item)] = item.detach().double().clone() if item.is_floating_point() else item
        elif isinstance(item, Layer):
            twin = done[id(item)] = copy.copy(item)
            for name, value in vars(item).items():
                setattr(twin, name, _double(value, done))
        elif isinstance(item, (tuple, list)):
            done[id(item)] = type(item)(_double(part, done) for part in item)
        else:
            done[id(item)] = item
    return done[id(item)]
