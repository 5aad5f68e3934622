"""The tape as one HTML file, folded by the calls of modules."""

from __future__ import annotations

import re
import threading
import xml.etree.ElementTree as ET
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn
from minitorch.drawing import Graph

SVG = "{http://www.w3.org/2000/svg}"


class Twice(nn.Module):
    def __init__(self) -> None:
        self.inner = nn.Sequential(nn.Linear(3, 3), nn.Tanh())

    def forward(self, x: Any) -> Any:
        return self.inner(self.inner(x)) + x


def recorded(**names: Any) -> mt.tape:
    model, x = Twice(), mt.ones(2, 3)
    with mt.tape(x=x, model=model, **names) as t:
        (model(x) * 2).sum()
    return t


def pictures(page: str) -> list[ET.Element]:
    return [ET.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]


def labels(picture: ET.Element) -> list[str]:
    return [e.text or "" for e in picture.iter(f"{SVG}text")]


# modules on the tape ------------------------------------------------------------------------------


def test_parameters_of_a_module_have_their_paths_and_ops_their_calls():
    t = recorded()
    assert "linear(x, model.inner.0.weight, model.inner.0.bias)" in str(t)
    assert [[str(call) for call in record.calls] for record in t] == [
        ["model", "model.inner", "model.inner.0"],
        ["model", "model.inner", "model.inner.1"],
        ["model", "model.inner (2)", "model.inner.0 (2)"],
        ["model", "model.inner (2)", "model.inner.1 (2)"],
        ["model"],
        [],
        [],
    ]
    assert t[0].calls[2].kind == "Linear"


def test_sizes_that_are_found_inside_the_block_are_named_as_well():
    model = nn.Linear(2)
    with mt.tape(model=model) as t:
        assert str(t).startswith("line")
        model(mt.ones(1, 3))
    assert "linear(x1, model.weight, model.bias)" in str(t)


def test_hooks_are_gone_afterwards_also_after_an_error():
    model = Twice()
    with pytest.raises(ZeroDivisionError), mt.tape(model=model):
        raise ZeroDivisionError
    with mt.tape(model=model) as t:
        model(mt.ones(2, 3))
    model(mt.ones(2, 3))
    assert len(t) == 5
    assert not any(part.has_hooks for part in model.modules())


def test_a_call_that_an_error_ended_has_ended():
    model = Twice()
    with mt.tape(model=model) as t:
        with pytest.raises(ValueError, match="linear"):
            model(mt.ones(2, 4))
        model(mt.ones(2, 3))
    assert [str(call) for call in t[0].calls] == [
        "model (2)",
        "model.inner (2)",
        "model.inner.0 (2)",
    ]


# gradients ----------------------------------------------------------------------------------------


def test_the_gradient_of_every_op_is_noted_when_asked_for():
    x = mt.tensor([3.0, 4.0], requires_grad=True)
    with mt.tape(x=x) as t:
        h = x * 2
        h.retain_grad()
        y = h.square().sum()
    assert t.retain_grad() is t.retain_grad()
    y.backward()
    norm = np.linalg.norm(h.grad.numpy())
    assert t.text(gradients=True).splitlines() == [
        "v3 = sum (), |g| = 1",
        "└─ v2 = square (2,), |g| = 1.41",
        f"   └─ v1 = mul (2,), |g| = {norm:.3g}",
        f"      └─ x (2,), |g| = {2 * norm:.3g}",
    ]
    assert "|g|" not in t.text()


def test_gradients_are_noted_of_ops_to_come_of_several_outputs_and_when_recorded():
    x = mt.tensor([1.0, 2.0, 3.0], requires_grad=True)
    with mt.tape() as t:
        t.retain_grad()
        first, _ = x.split([1, 2])
        (first * 3).sum().backward(create_graph=True)
    assert "split_sizes (1,) (2,), |g| = 3" in t.text(gradients=True)
    assert x.grad.tolist() == [3, 0, 0]


def test_noting_gradients_changes_none_and_keeps_no_graph_alive():
    grads = []
    for noted in (False, True):
        x = mt.tensor([0.5, -1.0], requires_grad=True)
        with mt.tape() as t:
            y = (x.tanh() * x).sum()
        if noted:
            t.retain_grad()
        y.backward()
        grads.append(x.grad.tolist())
    assert grads[0] == grads[1]


# the page ----------------------------------------------------------------------------------------


def test_a_page_has_a_picture_for_the_whole_and_one_for_each_call():
    page = recorded().html()
    whole, model, inner, linear, *_ = map(labels, pictures(page))
    assert sorted(whole) == ["model: Twice (2, 3)", "mul (2, 3)", "sum ()", "x (2, 3)"]
    assert sorted(model) == ["add (2, 3)", *["inner: Sequential (2, 3)"] * 2, "x (2, 3)"]
    assert sorted(inner) == ["0: Linear (2, 3)", "1: Tanh (2, 3)", "x (2, 3)"]
    assert sorted(unescape(text).partition(",  ")[0] for text in linear) == [
        "linear (2, 3)",
        "model.inner.0.bias (3,), |g| not computed",
        "model.inner.0.weight (3, 3), |g| not computed",
        "x (2, 3)",
    ]
    assert len(pictures(page)) == 1 + 1 + 2 + 4  # the whole, the model, inner twice, what is in it
    assert "<summary>model.inner (2): Sequential (2, 3), 2 ops</summary>" in page
    assert "<summary>model.inner.1 (2): Tanh (2, 3), 1 op</summary>" in page


def test_every_box_of_a_module_leads_to_its_part():
    page = recorded().html()
    links = re.findall(r'<a href="#(.*?)">', page)
    assert sorted(links) == sorted(re.findall(r'<details id="(.*?)"', page))
    assert len(set(links)) == 7
    assert page.count("<details") == page.count("</details>")
    assert page.count(" open>") == 1  # what lies deeper is folded


class Check(HTMLParser):
    """Notes what a page would load, and whether its tags are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        if tag not in ("meta", "rect", "polyline", "path"):
            self.open.append(tag)
        found = [v for k, v in attrs if k in ("src", "href", "data", "action") and v]
        self.loads += [v for v in found if not v.startswith("#")]
        if tag == "link":
            self.loads.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()


def test_a_page_opens_offline():
    """G68: nothing in it is loaded from elsewhere."""
    page = recorded().html()
    check = Check()
    check.feed(page)
    assert check.loads == []
    assert check.open == []
    elsewhere = re.findall(r"(?:https?:)?//[\w.]+|@import|url\((?!#)", page)
    assert set(elsewhere) == {"http://www.w3.org"}  # the name of the SVG language, which is no link
    assert page.startswith("<!DOCTYPE html>")


def test_the_mouse_over_an_op_shows_what_it_saved():
    page = recorded().html()
    tips = [unescape(tip) for tip in re.findall(r"<title>(.*?)</title>", page, re.DOTALL)]
    assert "v2 = tanh(v1)\nfloat32 (2, 3)\nsaves y (24 bytes)\nin model.inner.1: Tanh" in tips
    assert "v7 = sum(v6)\nfloat32 ()\nsaves x_shape (0 bytes), dim (0 bytes)" in tips


def test_without_modules_there_is_one_picture_with_list_and_explanation():
    x = mt.tensor([3.0, 4.0], requires_grad=True)
    with mt.tape(x=x) as t:
        y = (x * x).sum()
    y.backward()
    page = t.html(title='<x> & "y"')
    assert "<title>&lt;x&gt; &amp; &quot;y&quot;</title>" in page
    (picture,) = pictures(page)
    assert "x (2,), |g| = 10" in labels(picture)
    assert "|g|" not in t.html(gradients=False)
    assert "<td>mul(x, x)</td>" in page
    assert "dL/dx (2,) = " in unescape(page)
    assert "<details" not in page
    assert mt.tape().html().count("<svg") == 1  # an empty tape, too


def test_a_tape_of_a_gpu_has_its_page_and_its_norms(cuda):
    model = Twice().to("cuda")
    with mt.tape(model=model) as t:
        loss = model(mt.ones(2, 3, device="cuda")).square().sum()
    t.retain_grad()
    loss.backward()
    norm = np.linalg.norm(model.inner[0].weight.grad.cpu().numpy())
    assert f"model.inner.0.weight (3, 3), |g| = {norm:.3g}" in t.html()
    assert "sum (), |g| = 1" in t.html()


class Deeper(nn.Module):
    """Calls itself."""

    def __init__(self) -> None:
        self.layer = nn.Linear(3, 3)

    def forward(self, x: Any, depth: int = 1) -> Any:
        return self(self.layer(x), depth - 1).tanh() if depth else self.layer(x)


def test_a_module_that_calls_itself_has_a_call_in_a_call():
    model = Deeper()
    with mt.tape(m=model) as t:
        model(mt.ones(2, 3))
    paths = [[str(call) for call in record.calls] for record in t]
    assert paths == [["m", "m.layer"], ["m", "m (2)", "m.layer (2)"], ["m"]]


def test_calls_in_other_threads_are_not_heard():
    model = Twice()
    with mt.tape(model=model) as t:
        model.inner.register_forward_hook(lambda *_: in_another_thread(model.inner[0]))
        model(mt.ones(2, 3))
        model(mt.ones(2, 3))
    assert {r.calls[0].number for r in t} == {1, 2}
    alone = Twice()
    with mt.tape(model=alone) as quiet:
        alone(mt.ones(2, 3))
        alone(mt.ones(2, 3))
    assert [r.calls for r in t] == [r.calls for r in quiet]


def in_another_thread(layer: Any) -> None:
    thread = threading.Thread(target=layer, args=[mt.ones(2, 3)])
    thread.start()
    thread.join()


def test_buffers_have_their_paths():
    model = nn.Sequential(nn.BatchNorm1d(3))
    with mt.tape(model=model, x=(x := mt.randn(4, 3))) as t:
        model(x)
    assert "batch_norm(x, model.0.running_mean, model.0.running_var, model.0.weight" in str(t)


class Named(nn.Module):
    """Has a part with a name that HTML and addresses write in their own ways."""

    def __init__(self) -> None:
        self.parts = nn.ModuleDict({'5% "a" <b>': nn.Linear(3, 3)})

    def forward(self, x: Any) -> Any:
        return self.parts['5% "a" <b>'](x)


def test_links_lead_to_modules_of_any_name():
    with mt.tape(model=(model := Named())) as t:
        model(mt.ones(2, 3))
    page = t.html()
    ids = set(map(unescape, re.findall(r' id="(call[^"]*)"', page)))
    links = {unquote(unescape(link)) for link in re.findall(r' href="#(call[^"]*)"', page)}
    assert 'call-model.parts.5% "a" <b>-1' in links
    assert links == ids


def test_mermaid_draws_no_label_as_markup():
    graph = Graph()
    graph.box("x", '<b> "#1"', "value")
    assert '(["#lt;b> #quot;#35;1#quot;"])' in graph.mermaid()
