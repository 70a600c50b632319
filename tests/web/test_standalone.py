"""The playground without a server: its engine against Python's, and the page in a browser."""

from __future__ import annotations

import json
import mimetypes
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vitreous.blocks.activation import ACTIVATIONS
from vitreous.cli.main import run
from vitreous.data.synthetic import SETS
from vitreous.errors import StorageError
from vitreous.playground.plane.initializers import BEGINNINGS
from vitreous.playground.plane.inside import Inside
from vitreous.playground.plane.lessons import LESSONS
from vitreous.playground.plane.page_state import State
from vitreous.playground.plane.plane_features import FEATURES
from vitreous.playground.plane.plane_losses import LOSSES
from vitreous.playground.plane.session import DECAY, Part, Session
from vitreous.playground.plane.snapshot import flow, scene, snapshot
from vitreous.playground.plane.vocabulary import vocabulary
from vitreous.playground.standalone import STATIC, export_site
from vitreous.training.optimizer import OPTIMIZERS, optimizer

PATIENCE = 90_000  # milliseconds; the machine may be busy
STEPS = 20


@pytest.fixture(scope="module")
def engine(browser) -> Iterator[Any]:
    """A page that can import the modules of the engine; nothing else is answered."""
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)

    def answer(route) -> None:
        path = STATIC / route.request.url.removeprefix("http://engine.test/")
        kind = mimetypes.guess_type(path.name)[0] or "text/html"
        body = path.read_bytes() if path.is_file() else b"<!doctype html><title>engine</title>"
        route.fulfill(body=body, content_type=kind)

    page.route("**/*", answer)
    page.goto("http://engine.test/")
    yield page
    page.close()


TRAIN = """async (cases) => {
    const { Session } = await import("/engine/session.js");
    return cases.map(({ state, task, window, steps }) => {
        const session = new Session(state, () => ({ task, window }));
        const begun = session.network.layers.map(({ weight, bias }) => [[...weight], [...bias]]);
        for (let step = 0; step < steps; step++) session.step();
        const losses = [session.score(session.train).loss, session.score(session.test).loss];
        return { begun, losses, train: session.train.rows, test: session.test.rows };
    });
}"""

CASES = [
    *(lesson.state for lesson in LESSONS.values()),
    *(State(activation=name, count=60, seed=3) for name in ACTIVATIONS),
    *(State(optimizer=name, count=60, lr=0.01, l1=0.001, l2=0.01, seed=5) for name in OPTIMIZERS),
    *(State(data=name, count=50, noise=0.3, init="he", seed=9) for name in SETS),
    *(
        State(init=name, hidden=(5, 3), loss="cross_entropy", count=60, seed=7)
        for name in BEGINNINGS
    ),
    State(features=tuple(FEATURES), ratio=0.35, batch_size=7, seed=2**31 - 1),
]


def test_the_same_settings_train_the_same_network(engine):
    """Points and first weights are Python's, and in double precision the losses agree to 1e-6."""
    asked = [
        {"state": s.to_json(), "task": s.task, "window": s.window, "steps": STEPS} for s in CASES
    ]
    for state, found in zip(CASES, engine.evaluate(TRAIN, asked), strict=True):
        session = Session(state)
        for name in ("train", "test"):
            part, rows = getattr(session, name), torch.tensor(found[name], dtype=torch.float64)
            points = torch.cat([part.places, part.targets], dim=1)
            torch.testing.assert_close(points, rows.float(), rtol=0, atol=1e-6)
            setattr(session, name, Part(session.features(rows[:, :2]), rows[:, 2:], rows[:, :2]))
        session.network.double()
        for linear, (weight, bias) in zip(session.linears, found["begun"], strict=True):
            given = torch.tensor(weight, dtype=torch.float64).reshape(linear.weight.shape)
            torch.testing.assert_close(linear.weight.detach(), given, rtol=0, atol=1e-6)
            with torch.no_grad():
                linear.weight.copy_(given)
                linear.bias.copy_(torch.tensor(bias))
        decay = DECAY.get(state.optimizer, 0.0)
        session.optimizer = optimizer(
            state.optimizer, session.network, lr=state.lr, weight_decay=decay
        )
        session._fit()
        session.advance(STEPS)
        losses = [session.score(part).loss for part in (session.train, session.test)]
        assert found["losses"] == pytest.approx(losses, abs=1e-6), state


def test_dropout_leaves_out_as_many_units(engine):
    """Which ones it leaves out is the engine's own; what it costs on average is not."""
    state = State(dropout=0.5, hidden=(16,), activation="relu", count=200)
    found = engine.evaluate(
        """async ({ state, task, window }) => {
            const { Session } = await import("/engine/session.js");
            const session = new Session(state, () => ({ task, window }));
            const factors = session.masks(2000)[0];
            return [...new Set(factors), factors.reduce((a, b) => a + b) / factors.length];
        }""",
        {"state": state.to_json(), "task": state.task, "window": state.window},
    )
    assert sorted(found[:2]) == [0, 2]
    assert found[2] == pytest.approx(1, abs=0.03)


FRAMES = """async ({ vocabulary, query, selected }) => {
    const { Live } = await import("/engine/live.js");
    const said = [];
    const live = new Live(vocabulary, (facts, arrays) => {
        said.push([facts, Object.fromEntries(Object.entries(arrays).map(([k, v]) => [k, [...v]]))]);
    });
    const heard = async (type) => {
        for (;;) {
            const at = said.findIndex(([facts]) => facts.type === type);
            if (at >= 0) return said.splice(at, 1)[0];
            await new Promise((turn) => setTimeout(turn, 5));
        }
    };
    live.handle({ type: "load", query });
    live.handle({ type: "select", layer: selected[0], unit: selected[1] });
    const scene = await heard("scene");
    const flow = (live.handle({ type: "step" }), await heard("flow"));
    said.length = 0;
    live.handle({ type: "look", layer: 1, landscape: true });
    return { scene, flow, frame: await heard("frame"), landscape: await heard("landscape") };
}"""


@pytest.mark.parametrize("name", ["dying", "vanishing", "valley"])
def test_the_same_frames(engine, name):
    """Every fact and array of a frame, the embedding and the landscape are those of the server."""
    state = LESSONS[name].state
    asked = {"vocabulary": vocabulary(), "query": state.to_query(), "selected": [0, 1]}
    found = engine.evaluate(FRAMES, asked)
    session, inside = Session(state), Inside()
    expected = {"scene": scene(session), "flow": flow(session)}
    inside.layer, inside.landscape = 1, True
    facts, arrays = snapshot(session, (0, 1))
    more, places = inside.embedding(session)
    expected["frame"] = (facts | more, arrays | places)
    while (picture := inside.advance(session)) is None:
        pass
    expected["landscape"] = picture
    for kind, (facts, arrays) in expected.items():
        given, tables = found[kind]
        given = {k: v for k, v in given.items() if k not in ("type", "playing", "rate")}
        assert given.keys() == facts.keys()
        assert tables.keys() == arrays.keys()
        for key, value in facts.items():
            if key == "embedding":
                assert given[key]["shares"] == pytest.approx(value["shares"], abs=1e-4)
            elif key == "selected":
                assert given[key]["scale"] == pytest.approx(value["scale"], rel=1e-4)
            elif isinstance(value, float):
                assert given[key] == pytest.approx(value, abs=1e-4), key
            else:
                assert given[key] == json.loads(json.dumps(value)), key
        for key, array in arrays.items():
            off = np.abs(np.array(tables[key], float) - array.flatten().astype(float))
            # Bytes may be rounded the other way, and a value lies in the bin beside.
            bound = {"activations": 0.02, "gradients": 0.2}.get(
                key, 1 if array.dtype == "u1" else 0
            )
            size = float(np.abs(array).max()) if array.size else 0.0
            assert (off <= bound + 1e-4 + 1e-3 * size * (key in ("losses", "embedding"))).all(), key


def test_weights_set_by_hand_outlive_a_rate_and_have_a_landscape(engine):
    found = engine.evaluate(
        """async (vocabulary) => {
            const { Live } = await import("/engine/live.js");
            const live = new Live(vocabulary, () => {});
            const turn = () => new Promise((resolve) => setTimeout(resolve, 5));
            const drawn = async () => { while (live.inside.pending(live.session)) await turn(); };
            live.handle({ type: "look", layer: null, landscape: true });
            await drawn();
            live.handle({ type: "weigh", layer: 0, unit: 0, source: 0, value: 5 });
            const pending = live.inside.pending(live.session);
            await drawn();
            live.handle({ type: "set", changes: { lr: 0.1 } });
            return [pending, live.session.network.layers[0].weight[0], live.session.state.lr];
        }""",
        vocabulary(),
    )
    assert found == [True, 5, 0.1]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "new" / "folder"
    assert run(["play", "--export", str(folder)]) == 0
    return folder / "index.html"


@pytest.fixture
def visit(site, browser) -> Iterator[Any]:
    """Open the page as a file; at the end, it must have logged no error and asked nobody."""
    pages, complaints = [], []

    def open_page(query: str = "") -> Any:
        page = browser.new_page(viewport={"width": 1366, "height": 768})
        pages.append(page)
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda m: m.type == "error" and complaints.append(m.text))
        allowed = (site.as_uri(), "blob:", "data:")
        page.on("request", lambda r: r.url.startswith(allowed) or complaints.append(r.url))
        page.goto(f"{site.as_uri()}#{query}")
        until(page, "globalThis.playground?.plane?.frames > 0")
        return page

    yield open_page
    for page in pages:
        page.close()
    assert complaints == []


def until(page, condition: str) -> None:
    """Wait for something that is about to become true; the page's policy admits no `eval`."""
    end = time.monotonic() + PATIENCE / 1000
    while not page.evaluate(condition):
        assert time.monotonic() < end, f"waited in vain for {condition}"
        time.sleep(0.05)


LATEST = "playground.plane.latest"


def test_it_trains_without_a_server_at_five_hundred_steps_a_second(visit):
    page = visit("data=spiral&hidden=8,8,8&activation=relu&optimizer=adam&lr=0.01")
    session = Session(LESSONS["spiral"].state)
    loss = session.score(session.train).loss
    assert page.evaluate(f"{LATEST}.train_loss") == pytest.approx(loss, abs=1e-6)
    page.click("#play")
    until(page, f"{LATEST}.rate >= 500")
    until(page, f"{LATEST}.steps > 1500")
    page.click("#play")
    until(page, f"{LATEST}.playing === false")
    assert page.evaluate(f"{LATEST}.train_loss") < loss / 2
    page.click("#restart")
    until(page, f"{LATEST}.steps === 0")
    assert page.evaluate(f"{LATEST}.train_loss") == pytest.approx(loss, abs=1e-6)
    page.click("#step")
    page.wait_for_selector(".phases button")
    page.click('[data-key="u2.3"]')
    page.fill("#tip input", "-1.5")
    page.press("#tip input", "Enter")
    until(page, f"{LATEST}.arrays.biases[8 + 8 + 3] === -1.5")


def test_what_needs_the_server_is_not_offered(visit):
    page = visit("tab=images")
    assert page.is_visible("#plane")
    assert not page.is_visible("#tab-images")
    assert not page.is_visible("[data-file=onnx]")
    assert page.is_visible("text=vitreous play")


def test_a_wrong_address_and_a_rate_that_is_too_high(visit):
    page = visit("hidden=3&net=%E0%A4")
    for query, said in (
        ("hidden=99", "99 is out of range"),
        ("data=moon", "unknown data 'moon'"),
        ("data=%", "'%' cannot be read"),
        ("lr=fast", "'fast' cannot be read"),
        ("features=x1,x1", "none twice"),
        ("data=own&points=0,0,1", "1 own points"),
        ("rate=1", "unknown setting 'rate'"),
    ):
        page.evaluate(f"location.hash = '{query}'")
        until(page, f"document.querySelector('#status').textContent.includes(\"{said}\")")
        assert page.evaluate("playground.plane.state.hidden") == [3]
    page.evaluate("location.hash = 'data=plane&lr=10&activation=linear&hidden=8,8'")
    until(page, "playground.plane.state.lr === 10")
    page.click("#play")
    until(page, "document.querySelector('#status').textContent.includes('no longer')")
    assert page.inner_text("#play-word") == "Play"


def test_the_tables_are_those_of_python(engine):
    """What the page offers, its engine has; rows that only one of them knew would be found here."""
    found = engine.evaluate(
        """async () => {
            const table = async (file, name) => (await import(`/engine/${file}.js`))[name];
            const row = async (file, name) => Object.keys(await table(file, name));
            return Promise.all([row("activations", "ACTIVATIONS"), row("optimizers", "OPTIMIZERS"),
                row("losses", "LOSSES"), row("features", "FEATURES"), row("sets", "SETS"),
                row("perceptron", "BEGINNINGS")]);
        }"""
    )
    tables = (ACTIVATIONS, OPTIMIZERS, LOSSES, FEATURES, SETS, BEGINNINGS)
    assert found == [list(table) for table in tables]


def test_addresses_are_read_and_written_alike(engine):
    states = [
        *CASES,
        State(data="own", points=((0.5, -1.25, 1), (1, 2, -0.5)), kind="regress", hidden=()),
        replace(State(), lr=1e-4, dropout=0.5, features=("x2", "radius")),
    ]
    found = engine.evaluate(
        """async ({ vocabulary, queries }) => {
            const { Settings } = await import("/engine/settings.js");
            const settings = new Settings(vocabulary);
            const states = queries.map((query) => settings.fromQuery(query));
            return states.map((state) => [state, settings.toQuery(state)]);
        }""",
        {"vocabulary": vocabulary(), "queries": [state.to_query() for state in states]},
    )
    for state, (settings, query) in zip(states, found, strict=True):
        assert State.from_json(settings) == state
        assert query == state.to_query()


def test_no_other_page_is_overwritten(site, tmp_path, capsys):
    assert export_site(site.parent) == site
    (tmp_path / "index.html").write_text("<h1>My school</h1>")
    with pytest.raises(StorageError, match="another page"):
        export_site(tmp_path)
    (tmp_path / "folder" / "index.html").mkdir(parents=True)
    with pytest.raises(StorageError, match="directory"):
        export_site(tmp_path / "folder")
    with pytest.raises(StorageError, match="is a file"):
        export_site(tmp_path / "index.html")
    assert run(["play", str(tmp_path / "index.html"), "--export", str(tmp_path / "new")]) == 2
    assert "--export" in capsys.readouterr().err
