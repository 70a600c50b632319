"""Settings: what is accepted, what is refused, and the two ways they are written down."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitreous.errors import UsageError
from vitreous.playground.plane.lessons import LESSONS
from vitreous.playground.plane.page_state import CHOICES, RANGES, State
from vitreous.playground.plane.plane_features import FEATURES

coordinates = st.tuples(st.floats(-6, 6), st.floats(-6, 6), st.floats(-1, 1))
states = st.builds(
    State,
    **{name: st.sampled_from(options) for name, options in CHOICES.items()},
    points=st.lists(coordinates, max_size=5).map(tuple),
    count=st.integers(10, 5000),
    noise=st.floats(0, 1),
    ratio=st.floats(0.05, 0.95),
    batch_size=st.integers(1, 1000),
    features=st.lists(st.sampled_from(list(FEATURES)), min_size=1, unique=True).map(tuple),
    hidden=st.lists(st.integers(1, 32), max_size=8).map(tuple),
    lr=st.floats(1e-6, 10),
    l1=st.floats(0, 10),
    l2=st.floats(0, 10),
    dropout=st.floats(0, 0.9),
    seed=st.integers(0, 2**31 - 1),
)


@settings(deadline=None, max_examples=60)
@given(states)
def test_state_survives_url_and_json(state):
    assert State.from_query(state.to_query()) == state
    assert State.from_json(json.loads(json.dumps(state.to_json()))) == state


def test_whole_numbers_are_numbers():
    """As pages send them: JavaScript writes 1.0 as 1."""
    state = State.from_json({"lr": 1, "points": [[0, 1, -1], [2, 3, 1]]})
    assert state.lr == 1
    assert np.array(state.points).dtype == np.float64


def test_defaults_need_no_words():
    assert State().to_query() == ""
    assert State.from_query("") == State()
    assert State(hidden=(4, 3), lr=0.1).to_query() == "hidden=4,3&lr=0.1"
    assert State.from_query("hidden=") == State(hidden=())


BAD = [
    ({"hidden": [33]}, "hidden"),
    ({"hidden": [4] * 9}, "hidden"),
    ({"hidden": [0]}, "hidden"),
    ({"hidden": "4,2"}, "hidden"),
    ({"hidden": [2.5]}, "hidden"),
    ({"hidden": [True]}, "hidden"),
    ({"hidden": [[4]]}, "hidden"),
    ({"hidden": 4}, "hidden"),
    ({"features": "x1"}, "features"),
    ({"features": ["x1"] * 99}, "features"),
    ({"lr": float("nan")}, "lr"),
    ({"lr": float("inf")}, "lr"),
    ({"lr": -1}, "lr"),
    ({"lr": "0.1"}, "lr"),
    ({"lr": None}, "lr"),
    ({"lr": 10**400}, "lr"),
    ({"count": 10**6}, "count"),
    ({"count": 12.5}, "count"),
    ({"ratio": 1}, "ratio"),
    ({"dropout": 1}, "dropout"),
    ({"seed": -1}, "seed"),
    ({"features": []}, "features"),
    ({"features": ["x1", "x1"]}, "features"),
    ({"features": ["x3"]}, "features"),
    ({"features": [{}]}, "features"),
    ({"activation": "rleu"}, "activation"),
    ({"activation": ["relu"]}, "activation"),
    ({"data": "../../etc/passwd"}, "data"),
    ({"points": [[0, 0, 1]] * 5001}, "points"),
    ({"points": [[0, 0]]}, "points"),
    ({"points": [[0, 0, float("nan")]]}, "points"),
    ({"points": [[7, 0, 1]]}, "points"),
    ({"points": {"x": 1}}, "points"),
]


@pytest.mark.parametrize(("changes", "where"), BAD, ids=lambda case: str(case)[:40])
def test_bad_settings_are_named(changes, where):
    with pytest.raises(UsageError) as error:
        State.from_json(changes)
    assert error.value.where == where
    assert len(str(error.value)) < 400


def test_unknown_settings_and_shapes():
    with pytest.raises(UsageError, match="unknown setting 'hiden'") as error:
        State.from_json({"hiden": [4]})
    assert "hidden" in error.value.remedy
    for wrong in ([], "lr", None, 3):
        with pytest.raises(UsageError, match="named values"):
            State.from_json(wrong)


@pytest.mark.parametrize("query", ["lr=fast", "hidden=a,b", "points=1,2,x", "nonsense=1", "count="])
def test_bad_links(query):
    with pytest.raises(UsageError):
        State.from_query(query)


@pytest.mark.parametrize("lesson", LESSONS.values(), ids=LESSONS)
def test_lessons_are_states(lesson):
    assert State.from_query(lesson.state.to_query()) == lesson.state
    assert lesson.question


def test_ranges_name_settings():
    assert set(RANGES) | set(CHOICES) <= set(State().to_json())
