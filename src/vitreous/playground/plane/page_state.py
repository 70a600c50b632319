"""Everything that decides what the playground trains: one value, checked, JSON and URL alike.

The same settings and the same seed give the same network, so a link is an experiment. Whatever
comes from a page or a URL passes through `State`, which accepts nothing it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode

from vitreous.blocks.activation import ACTIVATIONS
from vitreous.data.synthetic import PLANE, SETS, Window
from vitreous.errors import UsageError
from vitreous.fields import AtMost, Between, OneOf, check, check_names, limits_of
from vitreous.playground.plane.initializers import BEGINNINGS
from vitreous.playground.plane.plane_features import FEATURES
from vitreous.playground.plane.plane_losses import LOSSES
from vitreous.training.optimizer import OPTIMIZERS

OWN = "own"
EACH = "x1, x2 and target of each point"
MAX_POINTS = 5000
MAX_LAYERS, MAX_UNITS = 8, 32

Place = Annotated[float, Between(-6, 6)]
Target = Annotated[float, Between(-1, 1)]
Point = tuple[Place, Place, Target]
Units = Annotated[int, Between(1, MAX_UNITS)]
Feature = Annotated[str, OneOf(tuple(FEATURES), "feature")]
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

    data: Annotated[str, OneOf((*SETS, OWN))] = "circle"
    points: Annotated[tuple[Point, ...], AtMost(MAX_POINTS), EACH] = ()
    kind: Annotated[str, OneOf(("classify", "regress"))] = "classify"
    count: Annotated[int, Between(10, MAX_POINTS)] = 500
    noise: Annotated[float, Between(0, 1)] = 0.0
    ratio: Annotated[float, Between(0.05, 0.95)] = 0.5
    batch_size: Annotated[int, Between(1, 1000)] = 10
    features: Annotated[tuple[Feature, ...], AtMost(len(FEATURES))] = ("x1", "x2")
    hidden: Annotated[tuple[Units, ...], AtMost(MAX_LAYERS)] = (4, 2)
    activation: Annotated[str, OneOf(tuple(ACTIVATIONS))] = "tanh"
    init: Annotated[str, OneOf(tuple(BEGINNINGS))] = "uniform"
    loss: Annotated[str, OneOf(tuple(LOSSES))] = "squared"
    optimizer: Annotated[str, OneOf(tuple(OPTIMIZERS))] = "sgd"
    lr: Annotated[float, Between(1e-6, 10)] = 0.03
    l1: Annotated[float, Between(0, 10)] = 0.0
    l2: Annotated[float, Between(0, 10)] = 0.0
    dropout: Annotated[float, Between(0, 0.9)] = 0.0
    seed: Annotated[int, Between(0, 2**31 - 1)] = 0

    def __post_init__(self) -> None:
        check(self)
        if not self.features or len(set(self.features)) < len(self.features):
            raise UsageError(
                "a network needs one feature at least, and none twice", where="features"
            )
        ordered = tuple(name for name in FEATURES if name in self.features)
        object.__setattr__(self, "features", ordered)
        # Whole numbers are numbers, but an array of them would be one of another type.
        object.__setattr__(self, "points", tuple(tuple(map(float, row)) for row in self.points))

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
        check_names(changes, State, "setting")
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


RANGES = {name: (range.low, range.high) for name, range in limits_of(State, Between).items()}
CHOICES = {name: choice.words for name, choice in limits_of(State, OneOf).items()}


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
