"""What is seen inside of a session: embeddings and landscapes are those of its own network."""

from __future__ import annotations

import asyncio
import json

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from vitreous.errors import UsageError
from vitreous.playground.plane.inside import SHOWN, STEPS, Inside
from vitreous.playground.plane.page_state import MAX_POINTS, State
from vitreous.playground.plane.plane_socket import Live
from vitreous.playground.plane.session import Session
from vitreous.playground.server.frames import unpack


def landscape(session, inside=None):
    inside = inside or Inside()
    inside.landscape = True
    while (picture := inside.advance(session)) is None:
        pass
    return picture


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_an_embedding_is_the_pca_of_the_layer(layer):
    session = Session(State(hidden=(6, 4), features=("x1", "x2", "sin_x1")))
    session.advance(20)
    inside = Inside()
    inside.layer = layer
    facts, arrays = inside.embedding(session)
    inputs = session.train.inputs
    values = (session.layers(inputs)[layer - 1].a if layer else inputs).double().numpy()
    peer = PCA(2).fit(values)
    expected = peer.transform(values)
    signs = np.sign((expected * arrays["embedding"]).sum(axis=0))
    np.testing.assert_allclose(arrays["embedding"], expected * signs, atol=1e-5)
    np.testing.assert_allclose(facts["embedding"]["shares"], peer.explained_variance_ratio_)


def test_an_embedding_does_not_flip_between_two_frames():
    session = Session(State(hidden=(6,)))
    inside = Inside()
    inside.layer = 1
    before = inside.embedding(session)[1]["embedding"]
    for _ in range(20):
        session.advance(1)
        after = inside.embedding(session)[1]["embedding"]
        assert ((before * after).sum(axis=0) > 0).all()
        before = after


def test_a_layer_that_is_gone_has_no_embedding():
    inside = Inside()
    assert inside.embedding(Session(State())) == ({}, {})
    inside.layer = 3
    assert inside.embedding(Session(State(hidden=(4, 2)))) == ({}, {})


def test_a_failed_network_is_embedded_all_the_same():
    session = Session(State(hidden=(3,)))
    with torch.no_grad():
        session.linears[0].weight[0] = torch.inf
        session.linears[0].weight[1] = torch.nan
    inside = Inside()
    inside.layer = 1
    assert np.isfinite(inside.embedding(session)[1]["embedding"]).all()
    assert np.isfinite(landscape(session)[1]["losses"]).all()


@pytest.mark.parametrize(
    "settings",
    [{}, {"loss": "cross_entropy", "dropout": 0.4, "l2": 0.1}, {"data": "bumps"}, {"hidden": []}],
)
def test_the_middle_of_a_landscape_is_the_training_loss(settings):
    session = Session(State.from_json(settings))
    session.advance(30)
    facts, arrays = landscape(session)
    side, middle = len(STEPS), len(STEPS) // 2
    assert arrays["losses"].shape == (side, side)
    assert arrays["losses"][middle, middle] == pytest.approx(
        session.score(session.train).loss, rel=1e-5
    )
    assert facts["steps"] == session.steps == 30
    assert (arrays["losses"] != arrays["losses"][middle, middle]).any()


def test_a_landscape_has_a_seed():
    one, two, other = (Session(State(seed=seed)) for seed in (3, 3, 4))
    expected = landscape(one)[1]["losses"]
    np.testing.assert_array_equal(landscape(two)[1]["losses"], expected)
    assert (landscape(other)[1]["losses"] != expected).any()


def test_a_landscape_is_of_the_moment_when_it_was_begun():
    session, twin = Session(State()), Session(State())
    expected = landscape(twin)[1]["losses"]
    inside = Inside()
    inside.landscape = True
    assert inside.advance(session) is None
    session.advance(50)
    facts, arrays = landscape(session, inside)
    assert facts["steps"] == 0
    np.testing.assert_array_equal(arrays["losses"], expected)
    assert inside.pending(session)  # the network has moved on
    landscape(session, inside)
    assert not inside.pending(session)
    session.assign(0, 0, 0, 5.0)
    assert inside.pending(session)  # so it has by hand


def test_another_network_begins_another_landscape():
    session = Session(State())
    inside = Inside()
    inside.advance(session)
    session.restart(State(hidden=(7,)))
    found = landscape(session, inside)[1]["losses"]
    np.testing.assert_array_equal(found, landscape(session)[1]["losses"])


def test_the_largest_network_takes_bounded_time():
    """What is looked at is bounded, whatever the page asks for."""
    session = Session(State(hidden=(32,) * 8, count=MAX_POINTS, batch_size=1000, ratio=0.95))
    inside = Inside()
    inside.layer = 8
    assert inside.embedding(session)[1]["embedding"].shape == (SHOWN, 2)
    assert inside.advance(session) is None
    assert not inside.due()  # four times as long for training


class Page:
    def __init__(self):
        self.sent = []

    async def send_bytes(self, data):
        facts, arrays = unpack(data)
        self.sent.append(facts | {"arrays": arrays})

    async def send_json(self, data):
        self.sent.append(data)


def test_a_page_that_looks_is_sent_both():
    page = Page()
    live = Live(page)

    async def watch():
        await live.handle(json.dumps({"type": "look", "layer": 1, "landscape": True}))
        while live.busy:
            await live.work()

    asyncio.run(watch())
    frame, picture = page.sent
    assert frame["type"] == "frame"
    assert frame["arrays"]["embedding"].shape == (250, 2)
    assert picture["type"] == "landscape"
    assert picture["points"] == 250
    asyncio.run(live.handle('{"type": "look"}'))
    asyncio.run(live.work())
    assert "embedding" not in page.sent[-1]["arrays"]
    assert not live.busy


@pytest.mark.parametrize(
    "fields",
    [
        {"layer": 3},
        {"layer": -1},
        {"layer": 1e9},
        {"layer": 0.5},
        {"layer": "all"},
        {"layer": [1]},
        {"layer": True},
        {"layer": 1, "landscape": 1000},
        {"landscape": {"side": 4000}},
    ],
    ids=str,
)
def test_hostile_looks(fields):
    live = Live(Page())
    with pytest.raises(UsageError):
        asyncio.run(live.handle(json.dumps({"type": "look", **fields})))
    assert live.inside.layer is None
    assert not live.inside.landscape
