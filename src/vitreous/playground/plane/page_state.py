"""Everything that decides what the playground trains: one value, checked, JSON and URL alike.

The same settings and the same seed give the same network, so a link is an experiment. Whatever
comes from a page or a URL passes through `State`, which accepts nothing it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from vitreous.blocks.activation import ACTIVATIONS
from vitreous.data.synthetic import PLANE, SETS, Window
from vitreous.errors import UsageError, unknown
from vitreous.playground.plane.initializers import BEGINNINGS
from vitreous.playground.plane.plane_features import FEATURES
from vitreous.playground.plane.plane_losses import LOSSES
from vitreous.training.optimizer import OPTIMIZERS

Point = tuple[float, float, float]  # x1, x2, target

OWN = "own"
MAX_POINTS = 5000
MAX_LAYERS, MAX_UNITS = 8, 32

CHOICES = {
    "data": (*SETS, OWN),
    "kind": ("classify", "regress"),
    "activation": tuple(ACTIVATIONS),
    "init": tuple(BEGINNINGS),
    "loss": tuple(LOSSES),
    "optimizer": tuple(OPTIMIZERS),
}
RANGES: dict[str, tuple[float, float]] = {
    "count": (10, MAX_POINTS),
    "noise": (0, 1),
    "ratio": (0.05, 0.95),
    "batch_size": (1, 1000),
    "lr": (1e-6, 10),
    "l1": (0, 10),
    "l2": (0, 10),
    "dropout": (0, 0.9),
    "seed": (0, 2**31 - 1),
}
LIVE = frozenset({"lr", "l1", "l2"})  # may change while training goes on


@dataclass(frozen=True, kw_only=True)
class State:
    """The settings of an experiment in the plane.

    data        a set of points by name, or "own"
    points      own points (x1, x2, target), in [-6, 6]² × [-1, 1]
    kind        what own points ask for: classify (by the target's sign) or regress
    count       number of points that are drawn from a set
    noise       displacement of the points, or deviation of regression targets
    ratio       share of the points that trains; the others test
    batch_size  points a step
    features    what the network is told about a point
    hidden      units of each hidden layer
    init        how weights and biases begin, a row of `BEGINNINGS`
    l1, l2      penalty l1 Σ|w| + l2/2 Σw², whose gradient is l1 sign(w) + l2 w
    dropout     proportion of hidden units left out in training
    seed        of the points, the first weights, the order of batches and dropout
    """

    data: str = "circle"
    points: tuple[Point, ...] = ()
    kind: str = "classify"
    count: int = 500
    noise: float = 0.0
    ratio: float = 0.5
    batch_size: int = 10
    features: tuple[str, ...] = ("x1", "x2")
    hidden: tuple[int, ...] = (4, 2)
    activation: str = "tanh"
    init: str = "uniform"
    loss: str = "squared"
    optimizer: str = "sgd"
    lr: float = 0.03
    l1: float = 0.0
    l2: float = 0.0
    dropout: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, options in CHOICES.items():
            value = getattr(self, name)
            if not isinstance(value, str) or value not in options:
                raise unknown(name, str(value)[:40], options, where=name)
        for name, (low, high) in RANGES.items():
            whole = isinstance(getattr(State, name), int)
            object.__setattr__(self, name, number(name, getattr(self, name), low, high, whole))
        hidden = sequence("hidden", self.hidden, MAX_LAYERS)
        units = [int(number("hidden", n, 1, MAX_UNITS, whole=True)) for n in hidden]
        object.__setattr__(self, "hidden", tuple(units))
        chosen = sequence("features", self.features, len(FEATURES))
        for name in chosen:
            if not isinstance(name, str) or name not in FEATURES:
                raise unknown("feature", str(name)[:40], FEATURES, where="features")
        if not chosen or len(set(chosen)) < len(chosen):
            raise UsageError(
                "a network needs one feature at least, and none twice", where="features"
            )
        object.__setattr__(self, "features", tuple(name for name in FEATURES if name in chosen))
        points = sequence("points", self.points, MAX_POINTS)
        object.__setattr__(self, "points", tuple(own_point(point) for point in points))

    @property
    def task(self) -> str:
        """classify or regress."""
        return self.kind if self.data == OWN else SETS[self.data].kind

    @property
    def window(self) -> Window:
        """The part of the plane that is drawn."""
        return PLANE if self.data == OWN else SETS[self.data].window

    def change(self, changes: Mapping[str, Any]) -> State:
        """A copy with other settings; raises UsageError that names the setting."""
        known = {field.name for field in fields(self)}
        for name in changes:
            if name not in known:
                raise unknown("setting", str(name)[:40], known)
        return replace(self, **changes)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, settings: object) -> State:
        """Settings from a file or a page; those left out have their defaults."""
        if not isinstance(settings, dict):
            raise UsageError(f"settings are named values, not a {type(settings).__name__}")
        return cls().change(settings)

    def to_query(self) -> str:
        """The part of a URL after its #: the settings that are not the defaults."""
        texts = {
            field.name: text_of(getattr(self, field.name))
            for field in fields(self)
            if getattr(self, field.name) != field.default
        }
        return urlencode(texts, safe=",;.-")

    @classmethod
    def from_query(cls, query: str) -> State:
        """The inverse of `to_query`. Raises UsageError for anything that is not a setting."""
        try:
            pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=len(fields(cls)))
        except ValueError:
            raise UsageError("more settings than there are", where="link") from None
        return cls().change({name: value_of(name, text) for name, text in pairs})


def number(name: str, value: object, low: float, high: float, whole: bool) -> float:
    """A finite number within its range, or UsageError."""
    wanted = "a whole number" if whole else "a number"
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not low <= value <= high
        or (whole and value != int(value))
    ):
        raise UsageError(
            f"{str(value)[:40]} is out of range",
            where=name,
            remedy=f"Give {wanted} from {low:g} to {high:g}.",
        )
    return int(value) if whole else float(value)


def sequence(name: str, value: object, longest: int) -> list[Any]:
    """A list of bounded length, or UsageError."""
    if not isinstance(value, list | tuple):
        raise UsageError(f"a list is needed, not {str(value)[:40]}", where=name)
    if len(value) > longest:
        raise UsageError(
            f"{len(value):,} are too many", where=name, remedy=f"Give at most {longest:,}."
        )
    return list(value)


def own_point(point: object) -> Point:
    """(x1, x2, target) as floats, within the plane."""
    if not isinstance(point, list | tuple) or len(point) != 3:
        raise UsageError(f"{str(point)[:40]} is not x1, x2, target", where="points")
    x1, x2, target = point
    return (
        number("points", x1, -6, 6, whole=False),
        number("points", x2, -6, 6, whole=False),
        number("points", target, -1, 1, whole=False),
    )


def text_of(value: object) -> str:
    """A setting as it stands in a URL: 4,2 for layers, 1,2,-1;0,1,1 for points."""
    if not isinstance(value, tuple):
        return (
            f"{value:g}"
            if isinstance(value, float) and value == float(f"{value:g}")
            else str(value)
        )
    inner = ";" if value and isinstance(value[0], tuple) else ","
    return inner.join(text_of(part) for part in value)


def value_of(name: str, text: str) -> Any:
    """The inverse of `text_of` for the setting of that name."""
    try:
        if name == "points":
            return [[float(x) for x in point.split(",")] for point in text.split(";") if point]
        if name == "hidden":
            return [int(units) for units in text.split(",") if units]
        if name == "features":
            return [feature for feature in text.split(",") if feature]
        if name in RANGES:
            return int(text) if isinstance(getattr(State, name), int) else float(text)
    except ValueError:
        raise UsageError(f"'{text[:40]}' cannot be read", where=name) from None
    return text
