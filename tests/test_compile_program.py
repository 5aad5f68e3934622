"""The program that a compiled step has become: as text, as a picture, and in memory."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minitorch
import minitorch.nn.functional as F
from minitorch import nn
from minitorch.compiled.plan import ALIGNED, Life, _arrange
from minitorch.ops import conv_columns
from minitorch.traced import one_call


def compiled_step(N: int = 8) -> Any:
    minitorch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 20), nn.Tanh(), nn.Linear(20, 20), nn.Tanh())

    @minitorch.compile
    def step(x):
        model.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        with minitorch.no_grad():
            for p in model.parameters():
                p.sub_(p.grad * 0.1)
        return loss

    step(minitorch.ones(N, 6))
    step(minitorch.ones(N, 6))
    return step


# as text ------------------------------------------------------------------------------------------


def test_a_program_prints_its_calls_with_op_and_line():
    w = minitorch.ones(3, requires_grad=True)

    @minitorch.compile
    def step(x):
        w.grad = None
        loss = (w * x).exp().sum()
        loss.backward()
        return loss

    step(minitorch.ones(3))
    text = str(step.program).splitlines()
    assert text[0].split() == ["line", "call", "result", "memory", "op", "where"]
    assert text[1].split()[1:4] == [".grad", "=", "None"]
    assert text[2].split()[1:5] == ["v2", "=", "multiply(v0,", "v1)"]
    ops = [line.split()[-2] for line in text[2:] if "test_compile_program.py" in line]
    assert ops[:3] == ["mul", "exp", "sum"]
    assert "mul'" in ops
    here = [line for line in text if "exp(" in line]
    assert here[0].endswith(here[-1].rpartition(" ")[2])  # forward and backward: the same line
    assert len(step.program) == len(text) - 1


def test_the_calls_stand_beside_the_ops_of_the_tape():
    text = compiled_step().program.beside_tape()
    rows = {line.split()[0]: line for line in text.splitlines()}
    assert {"op", "linear", "tanh", "square", "mean"} <= set(rows)
    assert "x 2" in rows["linear"]
    assert "dot" in rows["linear"]
    assert "tanh" in rows["tanh"].split("  ", 1)[1]


def test_a_program_is_drawn():
    program = compiled_step().program
    assert program.draw().startswith("<svg")
    assert program._repr_svg_() == program.draw()
    assert program.mermaid().startswith("flowchart TD")
    assert "tanh" in program.text()
    assert "tape: " not in program.draw()
    beside = program.mermaid(tape=True)
    assert "tape: linear" in beside
    assert "tape: linear backward" in beside
    assert program.draw(tape=True).count("<rect") > program.draw().count("<rect")


def test_the_text_that_runs_can_be_read():
    source = compiled_step().program.source
    assert source.startswith("def run(given):\n    v")
    assert "tanh(" in source
    assert "zero_grad" not in source


# what is not run ----------------------------------------------------------------------------------


def test_views_of_planned_memory_cost_nothing():
    step = minitorch.compile(lambda x: (x * 2).reshape(2, 3).T[1:].exp())
    for _ in range(2):
        step(minitorch.ones(6))
    lines = step.program.source.splitlines()
    assert len(lines) == 1 + 1 + 2 + 2  # the head, the argument, two calls, the result


def test_what_nobody_needs_is_not_run():
    @minitorch.compile
    def step(x):
        (x * 3).exp()
        return x + 1

    step(minitorch.ones(2))
    assert [call.name for call in step.program.lines] == ["add"]


def test_what_is_always_the_same_is_worked_out_once():
    @minitorch.compile
    def step(x):
        return x * (minitorch.ones(3) * 2 + minitorch.arange(3.0)).exp()

    for i in range(3):
        x = minitorch.full((3,), float(i))
        expected = x * (minitorch.ones(3) * 2 + minitorch.arange(3.0)).exp()
        assert step(x).tolist() == expected.tolist()
    assert [call.name for call in step.program.lines] == ["multiply"]


# memory -------------------------------------------------------------------------------------------


def test_planned_memory_is_below_what_eager_holds_at_its_peak():
    minitorch.manual_seed(0)
    model = nn.Sequential(*[nn.Sequential(nn.Linear(64, 64), nn.ReLU()) for _ in range(12)])

    @minitorch.compile
    def step(x):
        model.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        return loss

    step(minitorch.ones(256, 64))
    memory = step.program.memory
    assert memory["planned"] <= memory["eager"]
    assert memory["planned"] < memory["allocated"] / 2


def test_activations_leave_their_memory_to_the_gradients():
    """Here the gradients are most of it, and they are made while the activations are used up."""
    minitorch.manual_seed(0)
    model = nn.Sequential(*[nn.Sequential(nn.Linear(256, 256), nn.ReLU()) for _ in range(12)])

    def step(x):
        model.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        return loss

    compiled = minitorch.compile(step)
    for i in range(3):
        x = minitorch.full((128, 256), i + 1.0)
        expected = step(x)
        grads = [p.grad.numpy().tobytes() for p in model.parameters()]
        assert compiled(x).item() == expected.item()
        assert [p.grad.numpy().tobytes() for p in model.parameters()] == grads
    memory = compiled.program.memory
    assert memory["planned"] + memory["fresh"] <= 1.05 * memory["eager"]


def test_an_elementwise_result_lies_where_its_input_lay():
    step = minitorch.compile(lambda x: (x * 2).exp().sqrt().log().sum())
    step(minitorch.ones(10_000))
    assert step.program.memory["planned"] - ALIGNED <= 40_000


def test_so_it_does_where_the_input_is_seen_through_a_view():
    step = minitorch.compile(lambda x: (x * 2).T.exp().reshape(-1).sqrt().sum())
    for _ in range(3):
        x = minitorch.linspace(0, 1, 10_000).reshape(50, 200)
        assert step(x).item() == step.step(x).item()
    # of the three, one lies where the first lay; reshape makes a copy in another order
    assert step.program.memory["planned"] - ALIGNED <= 80_000


def test_inference_needs_two_layers_at_a_time():
    model = nn.Sequential(*[nn.Linear(64, 64) for _ in range(20)])
    predict = minitorch.compile(minitorch.no_grad()(lambda x: model(x)))
    predict(minitorch.ones(128, 64))
    assert predict.program.memory["planned"] <= 2 * 128 * 64 * 4


@settings(max_examples=100)
@given(
    st.lists(
        st.tuples(st.integers(1, 200), st.integers(0, 30), st.integers(0, 10)),
        min_size=1,
        max_size=40,
    )
)
def test_no_two_storages_share_a_place_while_both_live(drawn: list):
    lives = [Life(ALIGNED * size, start, start + length) for size, start, length in drawn]
    lives.sort(key=lambda life: life.start)
    size = _arrange(lives)
    for i, a in enumerate(lives):
        assert a.offset % ALIGNED == 0
        assert a.offset + a.nbytes <= size
        for b in lives[:i]:
            together = a.start <= b.end and b.start <= a.end
            apart = a.offset + a.nbytes <= b.offset or b.offset + b.nbytes <= a.offset
            assert apart or not together


def test_a_result_keeps_the_layout_that_eager_gives_it():
    """What follows adds up in the order in which numbers lie in memory."""
    step = minitorch.compile(lambda x: ((x.T * 2).exp(), (x.T + 1).sum(0)))
    x = minitorch.from_numpy(np.random.default_rng(0).standard_normal((70, 90)).astype("f"))
    expected = step.step(x)
    for _ in range(2):
        for a, b in zip(step(x), expected):
            assert a.stride() == b.stride()
            assert a.numpy().tobytes() == b.numpy().tobytes()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_numbers_of_python_keep_their_meaning(dtype: Any):
    step = minitorch.compile(lambda x: ((x * 3 + 0.1) / 7 - 2) ** 2 > 0.3)
    x = minitorch.from_numpy(np.linspace(-2, 2, 50).astype(dtype))
    for _ in range(2):
        assert step(x).numpy().tobytes() == step.step(x).numpy().tobytes()


def test_one_line_of_loss_is_the_loss():
    step = minitorch.compile(F.cross_entropy)
    x, t = minitorch.zeros(2, 4), minitorch.tensor([1, 3])
    assert step(x, t).item() == F.cross_entropy(x, t).item()


def test_what_a_call_from_outside_may_keep_is_not_written_over():
    kept = []

    @one_call
    def keep(x):
        kept.append(x)

    @minitorch.compile
    def step(x):
        y = x * 2
        keep(y)
        return (y + 1).exp().sum()

    for i in range(4):
        step(minitorch.full((3,), float(i)))
    assert [y.tolist() for y in kept] == [[2.0 * i] * 3 for i in range(4)]


def test_a_gradient_is_let_go_where_the_step_lets_it_go():
    found = []
    w = minitorch.ones(3, requires_grad=True)

    @one_call
    def look():
        found.append(w._grad is None)

    @minitorch.compile
    def step(x):
        look()
        w.grad = None
        look()
        (w * x).sum().backward()

    for _ in range(3):
        step(minitorch.ones(3))
    assert found == [True, True, False, True, False, True]
    assert w.grad.tolist() == [1.0] * 3


def test_gradients_that_are_forgotten_together_are_one_line():
    step = compiled_step()
    assert step.program.source.count("._grad = None") == 1


def test_the_first_results_are_let_go_like_all_others():
    """What was traced knows its recorder, and in the end nothing of it is left in a circle."""
    w = minitorch.ones(3, requires_grad=True)

    @minitorch.compile
    def step(x):
        w.grad = None
        loss = (w * x).square().sum()
        loss.backward()
        return loss

    gc.disable()
    try:
        loss = step(minitorch.ones(3))
        held = weakref.ref(loss), weakref.ref(w.grad)
        del loss
        w.grad = None
        assert [ref() for ref in held] == [None, None]
    finally:
        gc.enable()


def test_a_constant_lies_as_what_it_is_made_like():
    # NumPy takes six times as long where the zeros of relu lie in another order than its input.
    step = minitorch.compile(lambda x: F.relu((x * 2).permute(0, 3, 1, 2)).sum())
    x = minitorch.linspace(-1, 1, 2**16).reshape(64, 8, 8, 16)
    for _ in range(2):
        assert step(x).item() == step.step(x).item()
    values = [v for call in step.program.lines for v in call.uses()]
    zeros = [v for v in values if v.storage.kind == "constant" and v.shape == (1, 16, 8, 8)]
    assert [v.strides[1:] for v in zeros] == [(4, 8 * 64, 64)]
    assert [v.storage.array.strides[1:] for v in zeros] == [(4, 8 * 64, 64)]


def test_memory_that_eager_keeps_for_the_next_convolution_is_let_go():
    w = minitorch.ones(20, 1, 5, 5)
    x = minitorch.ones(64, 1, 28, 28)
    expected = F.conv2d(x, w)
    assert conv_columns._spare
    step = minitorch.compile(lambda x: F.conv2d(x, w))
    assert step(x).sum().item() == expected.sum().item()
    assert not conv_columns._spare
    assert step(x).sum().item() == expected.sum().item()
    assert not conv_columns._spare
