"""The tape made visible."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import minitorch as mt
from minitorch.drawing import Graph


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
