"""Validation of fields: types, words and ranges, and what an error says of them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, Optional

import numpy as np
import pytest

from vitreous.errors import UsageError
from vitreous.fields import (
    AtMost,
    Between,
    OneOf,
    check,
    check_names,
    checked,
    field_types,
    fits,
    limits_of,
    misfit,
)
from vitreous.recipes.recipe import Recipe

NAN, INF = float("nan"), float("inf")
SHARE = Annotated[float, Between(0, 1)]
COUNT = Annotated[int, Between(1, 10)]
WORD = Annotated[str, OneOf(("red", "green"))]
POINT = tuple[SHARE, SHARE, COUNT]
FEW = Annotated[tuple[COUNT, ...], AtMost(3)]


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        (int, [0, -3, np.int8(3), 10**400], [1.0, "1", None, True, NAN]),
        (float, [0.5, 1, np.float32(2), NAN, Fraction(1, 3)], ["1", None, True, 1j]),
        (bool, [True, False], [0, 1, None, "True"]),
        (str, ["", "a"], [b"a", None, 1]),
        (dict, [{}, {1: 2}], [[], None]),
        (Any, [None, True, "a", [1]], []),
        (int | None, [1, None], [1.5, False]),
        (Optional[int], [1, None], [1.5, False]),  # noqa: UP045
        (int | str, [1, "a"], [None, 1.5]),
        (Literal["a", "b"], ["a", "b"], ["c", None, 1, ["a"], {}]),
        (Literal["a"] | None, ["a", None], ["c", 1]),
        (tuple[int, ...], [(), (1, 2), [1, 2], np.int64([3]).tolist()], [1, (1, "a"), "12", None]),
        (tuple[int, str], [(1, "a"), [1, "a"]], [(1,), ("a", 1), (1, "a", 2), ()]),
        (dict[str, int], [{}, {"a": 1}], [{"a": "1"}, {1: 1}, [("a", 1)]]),
        (dict[Literal["a"], SHARE], [{}, {"a": 0.5}], [{"a": 2}, {"b": 0.5}]),
        (SHARE, [0, 1, 0.5, np.float32(0.5)], [-1e-9, 1.1, NAN, INF, -INF, 10**400, None, True]),
        (Annotated[int | None, Between(1, 10)], [None, 1, 10], [0, 11, 1.5]),
        (SHARE | None, [None, 0.5], [2.0, NAN]),
        (WORD, ["red"], ["blue", None, 1]),
        (Annotated[str | None, OneOf(("red",))], ["red", None], ["blue", 1]),
        (FEW, [(), [1, 2, 3]], [[1, 2, 3, 4], [0], ["a"]]),
        (POINT, [[0, 1, 2]], [[0, 1], [0, 1, 2, 3], [0, 2, 2], [0, NAN, 2], [0, 1, 2.0]]),
        (tuple[POINT, ...], [[[0, 1, 2]]], [[0, 1, 2], [[0, 1]]]),
    ],
    ids=str,
)
def test_what_fits(kind: Any, right: list[Any], wrong: list[Any]) -> None:
    assert [value for value in right if not fits(value, kind)] == []
    assert [value for value in wrong if fits(value, kind)] == []


@pytest.mark.parametrize(
    ("value", "kind", "message", "remedy"),
    [
        ("3", int, "x is '3', of type str", "Give a whole number."),
        (True, float | None, "x is True, of type bool", "Give a number."),
        (1, bool, "x is 1, of type int", "Give True or False."),
        (1, str | None, "x is 1, of type int", "Give text."),
        ((1, "a"), tuple[float, ...], "x is (1, 'a'), of type tuple", "Give a tuple of numbers."),
        (5, POINT, "x is 5, of type int", "Give a tuple of numbers."),
        (["a"], tuple[str, int] | None, "x is ('a',), of type tuple", "Give a tuple of texts."),
        (3, Annotated[str, "text, such as 9s"], "x is 3, of type int", "Give text, such as 9s."),
        ("y" * 99, int, f"x is '{'y' * 79}, of type str", "Give a whole number."),
        (0, COUNT, "0 is out of range", "Give a whole number from 1 to 10."),
        (NAN, SHARE | None, "nan is out of range", "Give a number from 0 to 1."),
        ([4, 11], FEW, "11 is out of range", "Give a whole number from 1 to 10."),
        ([1] * 4, FEW, "4 are too many", "Give at most 3."),
        ("gren", WORD, "unknown x 'gren'", "Did you mean green?"),
        (1, WORD, "x is 1, of type int", "Give text."),
        (None, Literal["a", "b"], "unknown x 'None'", "Known: a, b."),
        (
            ["bleu"],
            tuple[Annotated[str, OneOf(("blue",), "color")], ...],
            "unknown color 'bleu'",
            "Did you mean blue?",
        ),
    ],
    ids=str,
)
def test_errors_say_what_is_wanted(value: Any, kind: Any, message: str, remedy: str) -> None:
    with pytest.raises(UsageError) as caught:
        checked("x", value, kind)
    assert (caught.value.message, caught.value.remedy) == (message, remedy)
    assert caught.value.where == "x"


def test_no_error_repeats_a_book() -> None:
    for value in ("a" * 10**6, 10**999, [1] * 10**6, {"a": 1}):
        for kind in (COUNT, WORD, FEW, Literal["a"]):
            with pytest.raises(UsageError) as caught:
                checked("x", value, kind)
            assert len(str(caught.value)) < 300


@dataclass(frozen=True, kw_only=True)
class Setting:
    fit: Literal["crop", "pad"] = "crop"
    rate: Annotated[float | None, Between(0, 1)] = None
    color: WORD = "red"
    sizes: FEW = (1, 2)
    depth: int = 3

    def __post_init__(self) -> None:
        check(self, "--{}".format, {"depth": Between(1, 5)})


def test_the_fields_of_a_dataclass_are_checked_and_made_plain() -> None:
    made = Setting(rate=np.float32(0.5), sizes=[np.int64(3)], depth=np.int64(5))  # type: ignore[arg-type]
    assert made == Setting(rate=0.5, sizes=(3,), depth=5)
    assert [type(made.rate), type(made.sizes), type(made.sizes[0])] == [float, tuple, int]


@pytest.mark.parametrize(("name", "number"), [("lr", 1), ("validation", 0), ("milestones", 0)])
def test_a_whole_number_is_a_number_like_any_other(name: str, number: int) -> None:
    """Written down, 1 and 1.0 are two texts: a run's fingerprint must not depend on it."""
    listed = name == "milestones"
    whole, wide = ((number,), (float(number),)) if listed else (number, float(number))
    kind = field_types(Recipe)[name]
    assert repr(checked(name, whole, kind)) == repr(checked(name, wide, kind)) == repr(wide)
    assert repr(checked("seed", 3, field_types(Recipe)["seed"])) == "3"


@pytest.mark.parametrize(
    "wrong",
    [{"fit": "crip"}, {"rate": NAN}, {"color": "rod"}, {"sizes": (1, 99)}, {"depth": 6}],
    ids=str,
)
def test_a_wrong_field_is_named_as_the_user_calls_it(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        Setting(**wrong)
    assert caught.value.where == "--" + next(iter(wrong))


def test_limits_can_be_read() -> None:
    assert limits_of(Setting, Between) == {"rate": Between(0, 1)}
    words = {name: choice.words for name, choice in limits_of(Setting, OneOf).items()}
    assert words == {"fit": ("crop", "pad"), "color": ("red", "green")}


def test_wrong_names_offer_the_nearest() -> None:
    check_names(["fit", "rate"], Setting, "setting")
    with pytest.raises(UsageError, match="unknown setting 'colour'") as caught:
        check_names(["fit", "colour"], Setting, "setting", "mine.yaml")
    assert caught.value.where == "mine.yaml"
    assert "color" in str(caught.value.remedy)


def test_the_first_misfit_is_named() -> None:
    kinds = {"a": int, "b": str | None, "c": tuple[SHARE, ...]}
    assert misfit({"a": 1, "b": None, "c": [0.5], "more": Path()}, kinds) is None
    assert misfit({"a": 1, "b": 2, "c": [2]}, kinds) == "b"
    assert misfit({"a": 1, "b": "", "c": [2]}, kinds) == "c"
    assert misfit({"a": 1, "c": []}, kinds) == "b"  # it is missing
