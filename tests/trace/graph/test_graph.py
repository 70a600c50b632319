"""Graphs of networks: what is connected to what, folded or not, as text, picture and JSON."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections import Counter

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitreous.errors import ShapeError, UsageError
from vitreous.models import create
from vitreous.trace import Graph, expression, graph
from vitreous.trace.capture.operations import trace
from vitreous.trace.draw.svg import draw
from vitreous.trace.draw.text import text


class Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.act(self.conv(self.act(x.clone())))


class Network(nn.Module):
    """Branches, functions, a loop, reused modules and parameters of its own."""

    def __init__(self, blocks: int = 2) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.blocks = nn.ModuleList(Block(4) for _ in range(blocks))
        self.scale = nn.Parameter(torch.ones(4, 1, 1))
        self.flatten = nn.Flatten()
        self.head = nn.Linear(2 * 4 * 36, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        for block in self.blocks:
            x = block(x)
        x = torch.cat([x, x * self.scale], 1)
        return self.head(self.flatten(x))  # type: ignore[no-any-return]


def edges(network: Graph) -> set[tuple[str, str]]:
    return {(edge.source, edge.target) for edge in network.edges}


def test_every_connection_is_found() -> None:
    network = graph(Network(blocks=1), (1, 6, 6))
    assert edges(network) == {
        ("input", "stem"),
        ("stem", "relu"),
        ("relu", "blocks.0.clone"),
        ("blocks.0.clone", "blocks.0.act"),
        ("blocks.0.act", "blocks.0.conv"),
        ("blocks.0.conv", "blocks.0.act#2"),
        ("blocks.0.act#2", "blocks.0.add"),
        ("relu", "blocks.0.add"),
        ("blocks.0.add", "mul"),
        ("blocks.0.add", "cat"),
        ("mul", "cat"),
        ("cat", "flatten"),
        ("flatten", "head"),
        ("head", "output"),
    }
    order = [node.id for node in network.nodes]
    assert all(order.index(a) < order.index(b) for a, b in edges(network))


def test_nodes_know_shapes_parameters_and_work() -> None:
    model = Network()
    network = graph(model, (1, 6, 6))
    stem = network.node("stem")
    assert (stem.shape, stem.parameters, stem.macs) == ((1, 4, 6, 6), 40, 36 * 36)
    assert stem.detail == "3×3, 1 → 4"
    assert network.node("cat").shape == (1, 8, 6, 6)
    assert network.node("flatten").shape == (1, 288)
    assert network.node("mul").parameters == 4
    assert sum(node.parameters for node in network.nodes) == sum(
        p.numel() for p in model.parameters()
    )


def test_folding_keeps_sums_and_makes_no_cycles() -> None:
    network = graph(Network(), (1, 6, 6))
    for depth in (1, 2, 3):
        folded = network.fold(depth)
        for quantity in ("parameters", "macs", "members"):
            total = sum(getattr(node, quantity) for node in network.nodes)
            assert sum(getattr(node, quantity) for node in folded.nodes) == total
        order = [node.id for node in folded.nodes]
        assert all(order.index(a) < order.index(b) for a, b in edges(folded))
    assert [node.id for node in network.fold(1).nodes] == [
        "input", "stem", "relu", "blocks", "mul", "cat", "flatten", "head", "output",
    ]  # fmt: skip
    assert network.fold(2).node("blocks.1").label == "Block"
    with pytest.raises(UsageError, match="depth of 0"):
        network.fold(0)


def test_large_networks_fold_until_they_are_readable() -> None:
    network = graph(Network(blocks=30), (1, 6, 6))
    assert len(network.nodes) > 150
    assert len(network.readable(48).nodes) <= 48
    assert network.readable(10_000) is network


def test_shortcuts_are_shown_and_nothing_is_lost() -> None:
    """Each block of a residual network keeps its two ways; what lies on each is one node."""
    with torch.device("meta"):
        whole = graph(create("resnet18").eval(), (3, 224, 224))
    shown = whole.legible()
    assert not whole.readable().branches
    read = Counter(edge.target for edge in shown.edges)
    sums = [node.id for node in shown.nodes if node.label.startswith("+")]
    assert len(sums) == 8
    assert all(read[id] == 2 for id in sums)
    assert len(shown.nodes) <= 24
    for total in ("parameters", "macs", "members"):
        counts = (sum(getattr(node, total) for node in each.nodes) for each in (shown, whole))
        assert len({*counts}) == 1
    height = int(re.search(r'height="(\d+)"', draw(shown))[1])  # type: ignore[index]
    assert height < 1200
    assert "max-height: 100vh" in draw(shown)


def test_a_network_without_branches_folds_as_before() -> None:
    with torch.device("meta"):
        whole = graph(create("vgg11").eval(), (3, 224, 224))
    assert whole.legible() == whole.readable()


def test_values_and_gradients_of_images() -> None:
    torch.manual_seed(0)
    model = Network().train()
    images, labels = torch.rand(5, 1, 6, 6), torch.tensor([0, 1, 2, 0, 1])
    network = graph(model, (1, 6, 6), images=images, targets=labels)
    logits = model(images)
    assert network.node("head").value["mean"] == pytest.approx(logits.mean().item(), rel=1e-5)
    logits.retain_grad()
    F.cross_entropy(logits, labels).backward()
    rms = float(logits.grad.square().mean().sqrt())  # type: ignore[union-attr]
    assert network.node("head").gradient["rms"] == pytest.approx(rms, rel=1e-5)
    assert model.training
    kept = [p.grad for p in model.parameters()]
    values = [None if g is None else g.clone() for g in kept]
    graph(model, (1, 6, 6), images=images)
    for parameter, gradient, value in zip(model.parameters(), kept, values, strict=True):
        assert parameter.grad is gradient
        torch.testing.assert_close(parameter.grad, value, rtol=0, atol=0)
    model.zero_grad()
    graph(model, (1, 6, 6), images=images)
    assert all(p.grad is None for p in model.parameters())


def test_the_mode_is_left_as_it_was_found() -> None:
    """In training, rectifiers work in place: that belongs to the mode."""
    model = create("resnet20").train()
    model.get_submodule("layer1").eval()
    before = [(m.training, getattr(m, "inplace", None)) for m in model.modules()]
    trace(model, (3, 32, 32))
    assert [(m.training, getattr(m, "inplace", None)) for m in model.modules()] == before


def test_control_flow_is_followed_as_it_was_taken() -> None:
    class Either(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wide, self.narrow = nn.Linear(4, 2), nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.wide(x) if x.shape[1] == 4 else self.narrow(x)  # type: ignore[no-any-return]

    assert "wide" in {node.id for node in graph(Either(), (4,)).nodes}
    assert "narrow" in {node.id for node in graph(Either(), (3,)).nodes}


def test_functions_and_layers_of_the_same_name_stay_apart() -> None:
    class Names(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.input, self.add = nn.Linear(3, 3), nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.add(self.input(x) + 1) + 2  # type: ignore[no-any-return]

    assert [node.id for node in graph(Names(), (3,)).nodes] == [
        "input′", "input", "add#2", "add", "add#3", "output",
    ]  # fmt: skip


def test_an_impossible_input_is_an_error() -> None:
    with pytest.raises(ShapeError, match=r"Network cannot take an input of shape \(2, 6, 6\)"):
        graph(Network(), (2, 6, 6))


def test_a_trace_is_the_same_with_and_without_numbers() -> None:
    model = Network().eval()
    for fast, slow in zip(
        trace(model, (1, 6, 6)).operations,
        trace(model, (1, 6, 6), real=True).operations,
        strict=True,
    ):
        assert (fast.name.strip("_"), fast.path, fast.shape) == (
            slow.name.strip("_"),
            slow.path,
            slow.shape,
        )


def test_json_holds_everything() -> None:
    network = graph(Network(), (1, 6, 6))
    found = json.loads(json.dumps(network.to_json()))
    assert found["kind"] == "network"
    assert [node["id"] for node in found["nodes"]] == [node.id for node in network.nodes]
    assert len(found["edges"]) == len(network.edges)
    formula = json.loads(json.dumps(expression("(x+y)*z", x=-2, y=5, z=-4).to_json()))
    assert formula["nodes"][-1]["value"] == -12


def test_a_network_as_text() -> None:
    lines = text(graph(Network(blocks=1), (1, 6, 6))).splitlines()
    assert lines[0] == "Network"
    assert lines[2].split() == ["name", "layer", "output", "parameters", "MACs", "from"]
    (added,) = (line for line in lines if line.startswith("blocks.0.add"))
    assert added.endswith("relu, blocks.0.act#2") or added.endswith("blocks.0.act#2, relu")
    assert lines[-1] == "1,059 parameters, 7,344 multiply-accumulates"


def test_a_formula_as_its_derivation() -> None:
    assert text(expression("(x+y)*z", x=-2, y=5, z=-4)) == "\n".join(
        [
            "f = (x+y)*z",
            "",
            "forward",
            "  x              −2",
            "  y               5",
            "  z              −4",
            "  v1  = x + y     3",
            "  f   = v1 × z  −12",
            "",
            "backward",
            "  ∂f/∂f            1",
            "  ∂f/∂z   = 3·1    3",
            "  ∂f/∂v1  = −4·1  −4",
            "  ∂f/∂y   = 1·−4  −4",
            "  ∂f/∂x   = 1·−4  −4",
        ]
    )


def test_the_chain_rule_of_a_value_used_twice_has_two_terms() -> None:
    lines = text(expression("x*y + x", x=3, y=4)).splitlines()
    (line,) = (line for line in lines if line.startswith("  ∂f/∂x"))
    assert line.split()[1:] == ["=", "4·1", "+", "1·1", "5"]


SVG = "{http://www.w3.org/2000/svg}"


def everything(node: ET.Element) -> str:
    return "".join(node.itertext())


def test_a_picture_of_a_formula() -> None:
    picture = ET.fromstring(draw(expression("(x+y)*z", x=-2, y=5, z=-4)))
    assert picture.get("role") == "img"
    assert everything(picture.find(f"{SVG}title")) == "f = (x+y)*z"  # type: ignore[arg-type]
    assert "−12" in everything(picture.find(f"{SVG}desc"))  # type: ignore[arg-type]
    texts = [(t.get("class"), everything(t)) for t in picture.iter(f"{SVG}text")]
    values = [text for kind, text in texts if kind == "number value"]
    gradients = [text for kind, text in texts if kind == "number gradient"]
    assert values == ["−2", "5", "3", "−4", "−12"]
    assert gradients == ["−4", "−4", "−4", "3", "1"]
    styles = everything(picture.find(f"{SVG}style"))  # type: ignore[arg-type]
    assert "prefers-color-scheme: dark" in styles


def test_texts_of_users_cannot_break_out_of_the_picture() -> None:
    class Evil(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + 1

    Evil.__name__ = "</title><script>alert(1)</script>"
    picture = draw(graph(Evil(), (3,)))
    assert "<script>" not in picture
    ET.fromstring(picture)


@pytest.mark.parametrize("blocks", [0, 2, 40])
def test_cards_do_not_overlap_and_lie_inside(blocks: int) -> None:
    picture = ET.fromstring(draw(graph(Network(blocks=blocks), (1, 6, 6))))
    width = float(picture.get("width", 0))
    cards = [
        tuple(float(r.get(side, 0)) for side in ("x", "y", "width", "height"))
        for r in picture.iter(f"{SVG}rect")
        if r.get("class") == "card"
    ]
    assert len(cards) == len(graph(Network(blocks=blocks), (1, 6, 6)).nodes)
    for i, (x, y, w, h) in enumerate(cards):
        assert x >= -1
        assert x + w <= width
        for x2, y2, w2, h2 in cards[:i]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y


def test_large_matrices_are_summarized() -> None:
    picture = draw(
        expression(
            "norm2(W@x)", W=[[float(i * j) for i in range(9)] for j in range(9)], x=[1.0] * 9
        )
    )
    assert "0 … 64" in picture
