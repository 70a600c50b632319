"""Formulas: read without being executed, computed and differentiated."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from vitreous.backprop.tape.rules import RULES
from vitreous.errors import ShapeError, UsageError
from vitreous.trace import expression
from vitreous.trace.graph.expression import evaluate


def test_the_figure_of_the_lecture() -> None:
    f = expression("(x+y)*z", x=-2, y=5, z=-4)
    assert f.nodes[-1].value == -12
    assert [f.node(name).gradient for name in ("x", "y", "z", "v1", "f")] == [-4, -4, 3, -4, 1]
    assert {(e.source, e.target): e.local for e in f.edges} == {
        ("x", "v1"): 1,
        ("y", "v1"): 1,
        ("v1", "f"): -4,
        ("z", "f"): 3,
    }


def test_the_squared_norm_of_wx_plus_b() -> None:
    W, x, b = (
        torch.tensor([[0.1, 0.5], [-0.3, 0.8]]).double(),
        torch.tensor([0.2, 0.4]).double(),
        [1, 2],
    )
    f = expression("‖W@x + b‖²", W=W.tolist(), x=x, b=b)
    r = W @ x + torch.tensor(b).double()
    assert_close(torch.tensor(f.node("W").gradient).double(), 2 * torch.outer(r, x))
    assert_close(torch.tensor(f.node("b").gradient).double(), 2 * r)
    assert_close(torch.tensor(f.node("x").gradient).double(), 2 * W.T @ r)


@pytest.mark.parametrize(
    "text",
    [
        "x*y - x/y + 2**x - y**2 + (-x)",
        "exp(x)*sin(y) + ln(y) - tanh(x*y)",
        "max(x*y) + maximum(x, y) + relu(-x)",
        "1/(1+exp(-(x*y+3)))",
        "+x² · y − 3 × x",
        "sigmoid(x) + σ(y)",
    ],
)
def test_scalar_formulas_agree_with_autograd(text: str) -> None:
    x, y = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (0.7, 1.9))
    plain = text.replace("·", "*").replace("×", "*").replace("−", "-").replace("²", "**2")
    plain = plain.replace("σ", "sigmoid").replace("ln", "log")
    names = {name: getattr(torch, name) for name in ("exp", "sin", "log", "tanh", "sigmoid", "max")}
    names |= {"maximum": torch.maximum, "relu": torch.relu, "x": x, "y": y}
    expected = eval(plain, {"__builtins__": {}}, names)  # the test's own text, not a user's
    expected.backward()
    f = evaluate(text, {"x": 0.7, "y": 1.9})
    f.backward()
    assert_close(f.data, expected.detach())
    graph = expression(text, x=0.7, y=1.9)
    assert graph.node("x").gradient == pytest.approx(float(x.grad))  # type: ignore[arg-type]
    assert graph.node("y").gradient == pytest.approx(float(y.grad))  # type: ignore[arg-type]


def test_every_rule_can_be_written_as_a_function() -> None:
    for rule in RULES.values():
        sample = rule.samples[0]
        names = ["x", "y"][: len(sample.shapes)]
        inputs = sample.inputs(rule.kinks)
        value = evaluate(f"{rule.name}({', '.join(names)})", dict(zip(names, inputs, strict=True)))
        assert_close(value.data, rule.forward(*inputs))


def test_a_name_is_one_variable_however_often_it_occurs() -> None:
    f = expression("x*x + x", x=3)
    assert f.node("x").gradient == 7
    assert [node.id for node in f.nodes].count("x") == 1


def test_names_of_the_reader_never_clash() -> None:
    f = expression("f*v1 + 2 + 2*v2", f=2.0, v1=3.0, v2=1.0)
    ids = [node.id for node in f.nodes]
    assert len(set(ids)) == len(ids)
    assert f.nodes[-1].value == 10
    assert [f.node(n).gradient for n in ("f", "v1", "v2")] == [3, 2, 2]


@pytest.mark.parametrize(
    ("text", "values", "what"),
    [
        ("x +", {"x": 1}, "cannot be read"),
        ("x", {"x": 1}, "computes nothing"),
        ("x + y", {"x": 1}, "y has no value"),
        ("x + x", {"x": 1, "z": 2}, "has no z"),
        ("x + 1", {"x": "one"}, "neither a number"),
        ("x + 1", {"x": [[1], [1, 2]]}, "neither a number"),
        ("expp(x)", {"x": 1}, "unknown function 'expp'"),
        ("exp(x, x)", {"x": 1}, "takes 1 operand, got 2"),
        ("x if x else x", {"x": 1}, "not arithmetic"),
        ("x.__class__ + 1", {"x": 1}, "not arithmetic"),
        ("x.T.data + 1", {"x": 1}, "not arithmetic"),
        ("__import__('os').system('true')", {}, "not arithmetic"),
        ("(lambda: x)() + 1", {"x": 1}, "not arithmetic"),
        ("[x for x in (1,)]", {}, "not arithmetic"),
        ("exp(x=1)", {"x": 1}, "not arithmetic"),
        ("'a' * 1000", {}, "not arithmetic"),
        ("x + True", {"x": 1}, "not arithmetic"),
        ("x + 1j", {"x": 1}, "not arithmetic"),
        ("x % 2", {"x": 1}, "not arithmetic"),
        ("x := 3", {}, "cannot be read"),
        ("x + " + "9" * 400, {"x": 1}, "too large"),
        ("-" * 1500 + "x", {"x": 1}, "nested"),
        ("(" * 150 + "x" + ")" * 150, {"x": 1}, "."),
        ("x+" * 500 + "x", {"x": 1}, "nested"),
        ("x" * 3000, {}, "3000 characters"),
        ("x\0+1", {"x": 1}, "read"),
    ],
)
def test_anything_else_is_refused_and_never_run(
    text: str, values: dict[str, object], what: str
) -> None:
    with pytest.raises(UsageError, match=what):
        expression(text, values)


def test_what_does_not_fit_together_is_a_shape_error() -> None:
    with pytest.raises(ShapeError, match=r"\(2,\) and \(3,\)"):
        expression("sum(x + y)", x=[1, 2], y=[1, 2, 3])
    with pytest.raises(ShapeError, match=r"gradients flow back from a number"):
        expression("x + y", x=[1, 2], y=[1, 2])
