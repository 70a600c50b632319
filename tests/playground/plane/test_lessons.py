"""The words of the playground: lessons show what they say, and the glossary has one text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from vitreous.playground.plane.glossary import GLOSSARY
from vitreous.playground.plane.lessons import LESSONS
from vitreous.playground.plane.page_state import State
from vitreous.playground.plane.session import Session
from vitreous.playground.plane.snapshot import snapshot

DOCS = Path(__file__).parents[3] / "docs" / "glossary.md"


def trained(state: State, epochs: int) -> Session:
    session = Session(state)
    session.advance(epochs * -(-len(session.train.inputs) // state.batch_size))
    return session


def lesson(name: str, **changes) -> State:
    return LESSONS[name].state.change(changes)


def test_a_line_gets_three_of_the_four_squares_at_most():
    session = trained(lesson("perceptron"), 6)
    assert session.score(session.test).accuracy > 0.98
    session = trained(lesson("perceptron", data="xor"), 12)
    assert session.score(session.test).accuracy < 0.8


def test_cross_entropy_recovers_from_wrong_weights_and_squared_error_does_not():
    right = {}
    for loss in ("cross_entropy", "squared"):
        session = Session(lesson("saturation", loss=loss))
        for source in (0, 1):
            session.assign(0, 0, source, -5.0)
        session.advance(25 * {"cross_entropy": 45, "squared": 10}[loss])
        right[loss] = session.score(session.test).accuracy
    assert right["cross_entropy"] > 0.9
    assert right["squared"] < 0.05


def test_gradients_shrink_on_the_way_back():
    shrunk = {}
    for activation in ("logistic", "relu"):
        session = Session(lesson("vanishing", activation=activation))
        session.advance(1)
        sizes = [float(linear.weight.grad.abs().mean()) for linear in session.linears]
        shrunk[activation] = sizes[-1] / sizes[0]
    assert shrunk["logistic"] > 1e6
    assert shrunk["relu"] < 1e3


def test_rectifiers_die_and_leaky_ones_do_not():
    dead = {}
    for activation in ("relu", "leaky_relu"):
        session = trained(lesson("dying", activation=activation), 8)
        facts, _ = snapshot(session)
        dead[activation] = sum(len(layer["dead"]) for layer in facts["layers"])
    assert dead["relu"] > 0
    assert dead["leaky_relu"] == 0


def test_noise_is_learned_by_heart():
    early, late = (trained(lesson("overfitting"), epochs) for epochs in (10, 120))
    assert late.score(late.train).loss < 0.5 * early.score(early.train).loss
    assert late.score(late.test).loss > 1.3 * early.score(early.test).loss


def test_the_product_alone_solves_xor():
    session = trained(lesson("xor_feature"), 15)
    assert session.score(session.test).accuracy == 1
    session = trained(lesson("xor_feature", features=("x1", "x2")), 8)
    assert session.score(session.test).accuracy < 0.8


@pytest.mark.slow
def test_an_l1_penalty_leaves_one_weight_in_ten():
    session = trained(lesson("lecture", l2=0.0, l1=0.003), 100)
    weights = torch.cat([linear.weight.detach().abs().flatten() for linear in session.linears])
    assert float((weights < 0.02).float().mean()) > 0.85
    assert session.score(session.test).accuracy == 1


@pytest.mark.parametrize("name", GLOSSARY)
def test_the_documentation_has_the_same_sentences(name):
    word = GLOSSARY[name]
    text = re.sub(r"\s+", " ", DOCS.read_text(encoding="utf-8"))
    assert f"**{word.title}.** {word.text}" in text
    assert len(re.findall(r"[.:]( |$)", word.text)) >= 2  # what it is, and why one would ask
