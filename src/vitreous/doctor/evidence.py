"""Evidence: what was measured in a training, as plain values that diagnoses are read from.

Each measurement has a file of its own, and says there how it is taken. Values of single steps lie
in lists of equal length; values of layers lie in samples, which are taken of some steps only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass
class Layer:
    """A weight of a network at one step.

    gradient   norm of its gradient, after clipping; None if there is none
    weight     its norm before the step
    update     norm of what the step has changed
    shrinking  cosine of the change and of the way to zero: 1 if the weight does nothing but decay
    trains     does it take gradients, and does an optimizer that steps hold it?
    symmetric  have all its units the same weights and the same gradient?
    fresh      do its values look drawn, and never trained?
    """

    gradient: float | None
    weight: float
    update: float = 0.0
    shrinking: float = 0.0
    trains: bool = True
    symmetric: bool = False
    fresh: bool = False

    @property
    def ratio(self) -> float:
        """Update to weight."""
        return self.update / self.weight if self.weight else 0.0

    @property
    def slope(self) -> float:
        """Gradient to weight: free of the scale of the layer."""
        return (self.gradient or 0.0) / self.weight if self.weight else 0.0


@dataclass
class Units:
    """Outputs of an activation function at one step.

    kind       relu, sigmoid or tanh
    dead       share of units that were zero for each example of the latest samples; None of too few
    saturated  share of outputs at either end of the function's range
    """

    name: str
    kind: str
    dead: float | None = None
    saturated: float = 0.0


@dataclass
class Norm:
    """A batch norm at one step.

    examples   in the batch
    training   does it normalize by the batch?
    deviation  distance of the batch's mean from the running one, in running standard deviations;
               median of its channels
    """

    name: str
    examples: int
    training: bool
    deviation: float


@dataclass
class Inputs:
    """What the first layer with weights was given."""

    mean: float
    std: float
    largest: float


@dataclass
class Sample:
    """A step that was looked into.

    momentum  of the optimizer, 0 if it has none
    scales    standard deviation of the output of each layer with weights, in their order
    training  was the network in training mode?
    bound     what sigmoids let through at most, see `sigmoid_bound`; of the first sample only
    """

    step: int
    lr: float
    layers: dict[str, Layer] = field(default_factory=dict)
    momentum: float = 0.0
    units: list[Units] = field(default_factory=list)
    norms: list[Norm] = field(default_factory=list)
    scales: list[float] = field(default_factory=list)
    inputs: Inputs | None = None
    training: bool = True
    bound: float | None = None

    @property
    def trained(self) -> dict[str, Layer]:
        """Layers that an optimizer moves."""
        return {name: layer for name, layer in self.layers.items() if layer.trains}

    @property
    def ratio(self) -> float:
        """Median of update to weight over the layers that are trained."""
        found = sorted(
            layer.ratio for layer in self.layers.values() if layer.trains and layer.weight
        )
        if not all(map(isfinite, found)):
            return nan
        return (found[len(found) // 2] + found[(len(found) - 1) // 2]) / 2 if found else 0.0


@dataclass
class Head:
    """How outputs and the loss's gradient fit each other, see `head_match`; shares of examples.

    softmax   is the gradient that of a softmax with cross-entropy on these outputs?
    simplex   outputs that are probabilities already
    classes   how many outputs there are
    low, high the least and the largest output seen so far
    ends      share of the latest outputs that are 0, or within 0.03 of -1 or 1
    """

    softmax: bool
    simplex: float
    classes: int
    low: float
    high: float
    ends: float

    def squeezed(self, steps: int) -> bool:
        """Did outputs stay in [0, 1], are they cut off at 0, or in [-1, 1] and at its ends? Logits
        that nothing bounds have left these after a hundred steps.
        """
        cut = self.low == 0 and (self.ends > 0.1 or self.high <= 1)
        within = self.low >= 0 and self.high <= 1
        bent = steps >= 100 and self.low >= -1 and self.high <= 1 and self.ends > 0.05
        return steps >= 5 and (cut or within or bent)


@dataclass
class Labels:
    """How labels agree with images and with the network; None where it could not be told.

    counts        (L,) labels seen of each class
    dispersion    how unequal batches are in their classes: 1 if drawn at random, more if sorted
    neighbors     share of images whose nearest other image has the same label
    chance        that share if labels were drawn at random
    contradicted  (step, wrong, anything) now and then, of the answers that the network is surest
                  of: share that contradict the label, and of labels that could be any class
    """

    counts: list[int] = field(default_factory=list)
    dispersion: float | None = None
    neighbors: float | None = None
    chance: float = 0.0
    contradicted: list[tuple[int, float, float]] = field(default_factory=list)


@dataclass
class Turned:
    """Training images beside those of evaluation, see `turned_images`.

    change   what was done to most of them; share: of how many
    classes  the two that it makes alike; alike: how much more often than they are, the smaller of
             both ways
    """

    change: str
    share: float
    classes: tuple[int, int]
    alike: float


@dataclass
class Held:
    """Images seen in evaluation beside those of training; None where there were too few.

    distinct    area under the ROC curve of a linear rule that tells them apart
    known       share of them that were seen in training, pixel by pixel
    confidence  mean largest probability in training and in evaluation
    """

    distinct: float | None = None
    known: float | None = None
    confidence: tuple[float, float] | None = None
    turned: Turned | None = None


@dataclass
class Evidence:
    """All that was measured.

    steps       optimizer steps
    losses      (T,) of each step, infinite where one was no number, nan where it is not known
    accuracies  (T,) of each batch, nan where there are no classes
    constant    share of the latest answers that are the commonest one
    validation  (step, loss, accuracy) of each evaluation that was told; nan what is not known
    leftover    how much of the gradient before is in each of the first steps' gradients: 0 or 1
    unnumbered  steps whose inputs had a value that is no number
    forwards    passes with gradients; in_eval: of the latest, share in evaluation mode
    evaluated   passes without gradients (in evaluation mode, in training mode)
    modal       has the network layers that differ between the two modes?
    """

    steps: int = 0
    losses: Floats = field(default_factory=lambda: np.zeros(0))
    accuracies: Floats = field(default_factory=lambda: np.zeros(0))
    constant: float = 0.0
    samples: list[Sample] = field(default_factory=list)
    head: Head | None = None
    labels: Labels = field(default_factory=Labels)
    held: Held = field(default_factory=Held)
    validation: list[tuple[int, float, float]] = field(default_factory=list)
    leftover: list[float] = field(default_factory=list)
    unnumbered: int = 0
    forwards: int = 0
    in_eval: float = 0.0
    evaluated: tuple[int, int] = (0, 0)
    modal: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain values, with texts such as "nan" for what is no finite number."""
        plain: dict[str, Any] = _plain(self)
        return plain

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> Evidence:
        """The inverse of `to_json`. Raises TypeError, KeyError or ValueError for anything else."""
        fields = dict(written)
        fields["losses"] = _floats(fields["losses"])
        fields["accuracies"] = _floats(fields["accuracies"])
        fields["samples"] = [_sample(sample) for sample in fields["samples"]]
        fields["head"] = Head(**fields["head"]) if fields["head"] else None
        labels = dict(fields["labels"])
        labels.pop("doubts", None)  # of files from before `contradicted`, which is told otherwise
        labels["contradicted"] = [tuple(look) for look in labels.get("contradicted", ())]
        fields["labels"] = Labels(**labels)
        held = dict(fields["held"])
        held["confidence"] = tuple(held["confidence"]) if held["confidence"] else None
        if held["turned"]:
            held["turned"] = Turned(
                **{**held["turned"], "classes": tuple(held["turned"]["classes"])}
            )
        fields["held"] = Held(**held)
        fields["validation"] = [
            (int(step), _number(loss), _number(accuracy))
            for step, loss, accuracy in fields["validation"]
        ]
        fields["evaluated"] = tuple(fields["evaluated"])
        return cls(**fields)


def _sample(written: Mapping[str, Any]) -> Sample:
    fields = dict(written)
    fields["layers"] = {
        name: Layer(**{key: _known(value) for key, value in layer.items()})
        for name, layer in fields["layers"].items()
    }
    fields["units"] = [Units(**units) for units in fields["units"]]
    fields["norms"] = [
        Norm(**{**norm, "deviation": _number(norm["deviation"])}) for norm in fields["norms"]
    ]
    fields["scales"] = [_number(scale) for scale in fields["scales"]]
    if fields["inputs"]:
        fields["inputs"] = Inputs(**{k: _number(value) for k, value in fields["inputs"].items()})
    return Sample(**fields)


def _floats(values: list[float | str]) -> Floats:
    return np.array([_number(value) for value in values], np.float64)


def _number(value: float | str) -> float:
    return float(value)


def _known(value: Any) -> Any:
    return float(value) if isinstance(value, str) else value


def _plain(value: Any) -> Any:
    if isinstance(value, bool | str | int) or value is None:
        return value
    if isinstance(value, float | np.floating):
        return float(f"{value:.6g}") if np.isfinite(value) else str(float(value))
    if isinstance(value, np.ndarray | list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return {name: _plain(item) for name, item in vars(value).items()}
