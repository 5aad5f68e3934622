"""The tape made visible."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import minitorch as mt
from minitorch.drawing import Graph
from minitorch.explain import rule
from minitorch.op import REGISTRY


@pytest.fixture
def program():
    x = mt.tensor([1.0, 2.0], requires_grad=True)
    w = mt.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)

    def f():
        h = x * w
        return (h.exp() * h + 2 * x).sum()

    return x, w, f


def test_the_tape_lists_ops_in_order(program):
    x, w, f = program
    with mt.tape(x=x, w=w) as t:
        f()
    assert [r.name for r in t] == ["mul", "exp", "mul", "mul", "add", "sum"]
    assert len(t) == 6
    lines = str(t).splitlines()
    assert lines[0].split() == ["line", "op", "output", "saves", "bytes"]
    assert "mul(x, w)" in lines[1]
    assert "mul(2, x)" in lines[4]
    assert "add(v3, v4)" in lines[5]
    assert t[0].shapes == (((2, 2), mt.float32),)
    assert t[1].saved == {"y": 16}
    assert t[4].nbytes == 0


def test_two_tapes_do_not_see_each_other(program):
    _, _, f = program
    with mt.tape() as a:
        f()
    with mt.tape() as b:
        f()
        f()
    assert (len(a), len(b)) == (6, 12)
    with mt.tape() as outer, mt.tape() as inner:
        f()
    assert len(outer) == len(inner) == 6


def test_nothing_is_on_it_under_no_grad_or_of_constants(program):
    x, _, f = program
    with mt.tape() as t:
        with mt.no_grad():
            f()
        x.detach() * 2
    assert len(t) == 0
    assert str(t).startswith("line")


def test_replay_reproduces_the_results(program):
    x, _, f = program
    with mt.tape() as t:
        y = f()
    assert t.replay()[-1] == y.item()
    y.backward()
    assert t.replay()[-1] == y.item(), "also after the graph was used up"
    h = x * 2
    with mt.tape() as t:
        h * 3
    with pytest.raises(RuntimeError, match="made outside this tape"):
        t.replay()


def test_replay_of_several_outputs_and_options():
    x = mt.tensor([[1.0, 5.0, 3.0], [2.0, 0.0, 4.0]], requires_grad=True)
    with mt.tape() as t:
        top, _ = x.topk(2, dim=1)
        y = (top * 2).sum(dim=0, keepdim=True)
    np.testing.assert_array_equal(t.replay()[-1], y.detach().numpy())


def test_the_tape_behind_a_result(program):
    x, w, f = program
    y = f()
    t = mt.tape.of(y, x=x, w=w)
    assert [r.name for r in t] == ["mul", "exp", "mul", "mul", "add", "sum"]
    assert "mul(x, w)" in str(t)
    y.backward()
    assert mt.tape.of(y)[1].saved == {}


def test_drawn_as_text(program):
    """G69."""
    x, w, f = program
    with mt.tape(x=x, w=w) as t:
        f()
    assert t.text().splitlines() == [
        "v6 = sum ()",
        "└─ v5 = add (2, 2)",
        "   ├─ v3 = mul (2, 2)",
        "   │  ├─ v2 = exp (2, 2)",
        "   │  │  └─ v1 = mul (2, 2)",
        "   │  │     ├─ x (2,)",
        "   │  │     └─ w (2, 2)",
        "   │  └─ v1 = mul (2, 2) (above)",
        "   └─ v4 = mul (2,)",
        "      └─ x (2,)",
    ]


def test_drawn_as_mermaid(program):
    x, w, f = program
    with mt.tape(x=x, w=w) as t:
        f()
    text = t.mermaid()
    assert text.startswith("flowchart TD\n")
    assert '(["x (2,)"])' in text
    assert text.count("-->") == 9


def test_backward_is_explained_step_by_step():
    """I07: the formula of each op with the names and shapes of this program, newest op first."""
    x, b = mt.tensor([[1.0, 2.0]], requires_grad=True), mt.zeros(3, requires_grad=True)
    w = mt.tensor([[1.0, -1.0, 0.5], [0.5, 1.0, 2.0]], requires_grad=True)
    with mt.tape(x=x, w=w, b=b) as t:
        (x @ w + b).relu().mean()
    assert t.explain().splitlines() == [
        "g is the gradient that arrives at an op's output; what several ops send is added up",
        "v4 = mean(v3)          y = Σ x / n",
        "    g = dL/dv4 (), which is 1 to begin with",
        "    dL/dv3 (1, 3) = g / n",
        "v3 = relu(v2)          y = max(x, 0)",
        "    g = dL/dv3 (1, 3)",
        "    dL/dv2 (1, 3) = g where x > 0, else 0",
        "v2 = add(v1, b)          y = a + alpha b",
        "    g = dL/dv2 (1, 3)",
        "    dL/dv1 (1, 3) = g",
        "    dL/db (3,) = alpha g, summed over where it was repeated",
        "v1 = matmul(x, w)          y = a b, a product over the last two axes",
        "    g = dL/dv1 (1, 3)",
        "    dL/dx (1, 2) = g bᵀ",
        "    dL/dw (2, 3) = aᵀ g",
    ]
    with mt.tape(x=x) as t:
        first, _ = (2 * x).split(1, dim=1)
        first.exp()
    assert t.explain().splitlines()[3:] == [
        "    dL/dv2[0] (1, 1) = g y",
        "v2 = split_sizes(v1)          ys = x cut along `dim` into parts of these sizes",
        "    g = dL/dv2 (1, 1), (1, 1)",
        "    dL/dv1 (1, 2) = the gs, joined by `cat`",
        "v1 = mul(2, x)          y = a b",
        "    g = dL/dv1 (1, 2)",
        "    dL/dx (1, 2) = g a",
    ]


def test_every_rule_is_found_in_its_docstring():
    untold = [
        name
        for name, op in REGISTRY.items()
        for place, given in enumerate(op.inputs)
        if (given in op.rules or op.joint) and "docstring" in rule(op, place)
    ]
    recurrent = {"gru_gates", "gru_steps", "lstm_gates", "lstm_steps", "rnn_steps"}
    of_gradients = {"cross_entropy_grad", "soft_cross_entropy_grad", "standardize_grad"}
    assert set(untold) <= recurrent | of_gradients | {"batch_norm"}


@pytest.mark.parametrize(
    ("op", "told"),
    [
        ("matmul", {"a": "g bᵀ", "b": "aᵀ g"}),
        ("div", {"a": "g / b", "b": "-g y / b"}),
        ("pow", {"a": "g b a^(b-1)", "exponent": "g y log a"}),
        ("floor_divide", {"a": "0", "b": "0"}),
        ("addmm", {"mat1": "alpha g Bᵀ", "mat2": "alpha Aᵀ g"}),
        ("linear", {"x": "g W", "weight": "gᵀ x", "bias": "Σ g over the rows"}),
        ("mse_loss", {"input": "2 g (x - t) / n", "target": "-dL/dx"}),
        ("clamp", {"min": "g where x < min", "max": "g where x > max"}),
        ("cross_entropy", {"input": "g (p_c - [c = t]) / N", "target": "-g log p_c / N"}),
        ("standardize", {"x": "K(w g)", "weight": "Σ g x̂"}),
        ("attention_weights", {"query": "s u k", "key": "s uᵀ q"}),
        ("attention_weights", {"attn_mask": "p (g - Σ g p) = u"}),
        ("maximum", {"a": "dL/d(larger) = g, at a tie half of g each"}),
        ("glu", {"x": "dL/d(a) = g σ(b), dL/d(b) = g a σ(b) (1 - σ(b))"}),
    ],
)
def test_each_input_is_told_its_own_rule(op: str, told: dict[str, str]):
    """Inputs are found by their names, their initials or their place in the formulas."""
    made = REGISTRY[op]
    assert {name: rule(made, made.inputs.index(name)) for name in told} == told


def test_drawn_as_dot(program):
    """G67: shapes, and the norms of the gradients."""
    x, w, f = program
    with mt.tape(x=x, w=w) as t:
        y = f()
    assert t.dot().splitlines() == [
        "digraph {",
        '    n0 [label="mul (2, 2)", shape=box]',
        '    n1 [label="x (2,)", shape=ellipse]',
        '    n2 [label="w (2, 2)", shape=ellipse]',
        '    n3 [label="exp (2, 2)", shape=box]',
        '    n4 [label="mul (2, 2)", shape=box]',
        '    n5 [label="mul (2,)", shape=box]',
        '    n6 [label="add (2, 2)", shape=box]',
        '    n7 [label="sum ()", shape=box]',
        "    n1 -> n0",
        "    n2 -> n0",
        "    n0 -> n3",
        "    n3 -> n4",
        "    n0 -> n4",
        "    n1 -> n5",
        "    n4 -> n6",
        "    n5 -> n6",
        "    n6 -> n7",
        "}",
    ]
    y.backward()
    norm = np.linalg.norm(w.grad.numpy())
    assert f'[label="w (2, 2), |g| = {norm:.3g}", shape=ellipse]' in t.dot(gradients=True)


def test_drawn_as_svg(program):
    x, w, f = program
    with mt.tape(x=x, w=w) as t:
        f()
    root = ET.fromstring(t.svg())
    labels = [e.text for e in root.iter("{http://www.w3.org/2000/svg}text")]
    ops = "mul (2, 2), exp (2, 2), mul (2, 2), mul (2,), add (2, 2), sum ()"
    assert sorted(labels) == sorted(["x (2,)", "w (2, 2)", *re.findall(r"\w+ \(.*?\)", ops)])
    assert t._repr_svg_() == t.svg()


def test_layout_keeps_boxes_apart_and_arrows_downward():
    graph = Graph()
    for i in range(12):
        graph.box(f"b{i}", f"box {i}", "op")
    for i in range(11):
        graph.arrow(f"b{i}", f"b{i + 1}")
        graph.arrow(f"b{i // 3}", f"b{i + 1}")
    at, _ = graph.positions()
    for a, b in graph.arrows:
        assert at[a][1] < at[b][1]
    boxes = [(at[n], graph._width(n)) for n in graph.labels]
    for i, ((x, y), w) in enumerate(boxes):
        assert x - w / 2 > 0
        for (x2, y2), w2 in boxes[:i]:
            assert y != y2 or abs(x - x2) > (w + w2) / 2


def test_names_are_escaped():
    graph = Graph()
    graph.box("a", '<&>"', "value")
    ET.fromstring(graph.svg())
    assert "#quot;" in graph.mermaid()
    assert r'label="<&>\""' in graph.dot()


class Cube(mt.autograd.Function):
    """y = x³          dL/dx = 3 g x²"""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * g * x * x


def test_a_function_of_ones_own_is_told_by_its_docstring():
    x = mt.tensor([1.0, 2.0], requires_grad=True)
    with mt.tape(x=x) as t:
        Cube.apply(x)
    told = t.explain().splitlines()
    assert told[1] == "v1 = Cube(x)          y = x³"
    assert told[3] == "    dL/dx (2,) = 3 g x²"
    np.testing.assert_array_equal(t.replay()[0], [1, 8])


def test_several_outputs_are_one_line_and_what_they_keep_is_weighed():
    x = mt.tensor([[2.0, 1.0], [1.0, 2.0]], requires_grad=True)
    with mt.tape(x=x) as t:
        mt.linalg.eigh(x).eigenvalues.sum()
    assert t[0].nbytes == 8 + 16
    lines = str(t).splitlines()
    assert lines[1].split()[:2] == ["v1", "eigh_parts(x)"]
    assert lines[2].split()[1] == "sum(v1[0])"


def test_only_tensors_and_modules_have_names():
    with pytest.raises(TypeError, match="tape: x is a list, expected a Tensor or a module"):
        mt.tape(x=[1.0])
