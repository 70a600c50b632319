"""What is taken away does what the page did."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load

from vitreous.errors import UsageError
from vitreous.playground.plane.page_state import CHOICES, State
from vitreous.playground.plane.plane_features import FEATURES
from vitreous.playground.plane.script import to_code, to_onnx, to_recipe, to_weights
from vitreous.playground.plane.session import Session

PRINTED = re.compile(r"(training|test) loss (\S+)")


def losses_of(script: str, tmp_path) -> dict[str, float]:
    path = tmp_path / "network.py"
    path.write_text(script, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error", str(path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return {part: float(value) for part, value in PRINTED.findall(done.stdout)}


@pytest.mark.parametrize(
    "settings",
    [
        {"dropout": 0.2, "optimizer": "adamw", "l1": 0.001},
        {"activation": "scaled_tanh", "optimizer": "nesterov", "data": "bumps", "seed": 7},
        {"hidden": [], "features": ["x1", "x2", "radius", "sin_x1"], "loss": "cross_entropy"},
        {"activation": "relu", "init": "awake", "hidden": [5, 3], "dropout": 0.1},
    ],
    ids=["dropout", "own classes", "linear", "awake"],
)
def test_the_script_ends_with_the_losses_of_the_page(settings, tmp_path):
    session = Session(State.from_json(settings))
    session.advance(150)
    session.change({"lr": 0.01, "l2": 0.003})  # the script repeats this as well
    session.advance(137)
    found = losses_of(to_code(session), tmp_path)
    assert found["training"] == pytest.approx(session.score(session.train).loss, abs=1e-6)
    assert found["test"] == pytest.approx(session.score(session.test).loss, abs=1e-6)


@pytest.mark.parametrize("activation", CHOICES["activation"])
def test_the_script_builds_the_same_network(activation):
    session = Session(State(activation=activation, hidden=(3, 2)))
    scope = {"__name__": "script"}
    exec(compile(to_code(session), "network.py", "exec"), scope)  # our own script
    network = scope["build"]()
    places = session.test.places
    expected = session.layers(session.test.inputs)[-1].z
    with torch.no_grad():
        assert torch.equal(network(scope["features"](places)), expected)


@pytest.mark.parametrize("init", CHOICES["init"])
def test_the_script_begins_as_the_page_does(init):
    session = Session(State(init=init, hidden=(3, 2)))
    scope = {"__name__": "script"}
    exec(compile(to_code(session), "network.py", "exec"), scope)
    begun = [p for p in scope["build"]().parameters()]
    for mine, theirs in zip(session.network.parameters(), begun, strict=True):
        torch.testing.assert_close(mine, theirs)
    uniform = Session(State(hidden=(3, 2))).network.parameters()
    same = [torch.equal(mine, theirs) for mine, theirs in zip(uniform, begun, strict=True)]
    # Biases ½ of two hidden layers; otherwise all is as it was, or nothing is.
    assert sum(same) == {"uniform": 6, "awake": 4}.get(init, 0)


@pytest.mark.parametrize("settings", [{"dropout": 0.3}, {"activation": "prelu"}, {"hidden": []}])
def test_the_weights_fit_the_script(settings):
    session = Session(State.from_json(settings))
    session.advance(20)
    scope = {"__name__": "script"}
    exec(compile(to_code(session), "network.py", "exec"), scope)
    network = scope["build"]()
    network.load_state_dict(load(to_weights(session)))
    with torch.no_grad():
        found = network.eval()(scope["features"](session.test.places))
    assert torch.equal(found, session.layers(session.test.inputs)[-1].z)


@pytest.mark.parametrize("optimizer", CHOICES["optimizer"])
def test_the_script_steps_as_the_page_does(optimizer):
    session = Session(State(optimizer=optimizer, count=40))
    session.advance(12)
    scope = {"__name__": "script"}
    exec(compile(to_code(session), "network.py", "exec"), scope)
    network = scope["build"]()
    scope["train"](network)
    loss = scope["loss"](network, scope["TEST"])
    assert loss == pytest.approx(session.score(session.test).loss, abs=1e-6)


def test_the_recipe_brings_the_settings_back():
    session = Session(State(hidden=(5,), data="own", points=((0.0, 1.0, 1.0), (1.0, 0.0, -1.0))))
    session.advance(10)
    recipe = yaml.safe_load(to_recipe(session))
    assert State.from_json(recipe["settings"]) == session.state
    assert State.from_query(recipe["link"].removeprefix("#")) == session.state
    assert recipe["steps"] == 10
    assert recipe["scores"]["test"]["loss"] == session.score(session.test).loss


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_onnx_answers_as_the_page_does():
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    session = Session(State(features=tuple(FEATURES), hidden=(4,)))
    session.advance(50)
    model = runtime.InferenceSession(to_onnx(session))
    for count in (1, 40):
        places = session.test.places[:count]
        (answer,) = model.run(None, {"points": places.numpy()})
        np.testing.assert_allclose(answer[:, 0], session.answer(places), atol=1e-5)


def test_onnx_names_the_missing_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(UsageError) as error:
        to_onnx(Session())
    assert error.value.remedy == 'pip install "vitreous[export]"'


def test_the_script_sets_what_was_set_by_hand():
    """Before the first step, between two, and after the last: the script ends as the page does."""
    session = Session(State(count=40, optimizer="adam", hidden=(3, 2)))
    session.assign(0, 1, 0, 2.5)
    session.advance(5)
    session.assign(2, 0, None, -0.75)
    session.assign(0, 2, 1, 0.5)
    session.advance(5)
    session.assign(1, 1, 2, 3.0)
    scope = {"__name__": "script"}
    exec(compile(to_code(session), "network.py", "exec"), scope)
    network = scope["build"]()
    scope["train"](network)
    for mine, theirs in zip(session.network.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs)
    assert scope["loss"](network, scope["TEST"]) == session.score(session.test).loss
    rows = yaml.safe_load(to_recipe(session))["by_hand"]
    assert rows[1] == {"step": 5, "layer": 2, "unit": 0, "source": None, "value": -0.75}
    session.restart()
    assert session.edits == []
    with pytest.raises(UsageError, match="there is no unit 3"):
        session.assign(0, 3, 0, 1.0)
    with pytest.raises(UsageError, match="there is no layer 3"):
        session.assign(3, 0, 0, 1.0)
