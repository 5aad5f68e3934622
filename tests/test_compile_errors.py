"""What cannot be compiled says which line it is, and what to write instead."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitorch
import minitorch.nn.functional as F
from minitorch import nn
from minitorch.compiled import TraceError

HERE = r"test_compile_errors\.py:\d+: "


def branches(x: Any) -> Any:
    if x.sum() > 3:
        return x * 2
    return x


LOOKS = {
    "if": (branches, r"x\.item\(\).*if x\.sum\(\) > 3"),
    "item": (lambda x: x.sum().item(), r"x\.item\(\)"),
    "float": (lambda x: float(x.sum()), r"x\.item\(\)"),
    "int": (lambda x: int(x.sum()), r"x\.item\(\)"),
    "tolist": (lambda x: x.tolist(), r"x\.tolist\(\)"),
    "numpy": (lambda x: x.numpy(), "the NumPy array of x"),
    "np.asarray": (lambda x: np.asarray(x), "the NumPy array of x"),
    "mask": (lambda x: x[x > 0], "whose shape is a matter of values"),
    "nonzero": (lambda x: x.nonzero(), "nonzero"),
    "unique": (lambda x: minitorch.masked_select(x, x > 0), "values"),
    "in": (lambda x: 3 in x, "value"),
    "print": (lambda x: str(x), "values"),
    "loop": (lambda x: [1 for _ in range(x.sum().to(minitorch.int64))], r"x\.item\(\)"),
}


@pytest.mark.parametrize("name", LOOKS)
def test_python_that_looks_at_a_value_is_named_with_its_line(name: str):
    step, found = LOOKS[name]
    compiled = minitorch.compile(step)
    with pytest.raises(TraceError, match=found) as raised:
        compiled(minitorch.ones(3))
    assert "test_compile_errors.py:" in str(raised.value)
    assert "minitorch.where(condition, a, b)" in str(raised.value)


def test_after_an_error_all_is_as_it_was():
    w = minitorch.ones(2, requires_grad=True)
    step = minitorch.compile(lambda x: (w * x).sum().item())
    with pytest.raises(TraceError):
        step(minitorch.ones(2))
    assert type(w.array) is np.ndarray
    (w * 2).sum().backward()
    assert w.grad.tolist() == [2, 2]
    assert minitorch.compile(lambda: w * 2)().tolist() == [2, 2]
    assert w.sum().item() == 2


def test_an_error_of_the_step_itself_goes_through():
    def step(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        minitorch.compile(step)(minitorch.ones(1))
    assert minitorch.ones(2).sum().item() == 2


def test_labels_out_of_range_raise_in_every_run():
    step = minitorch.compile(lambda x, t: F.cross_entropy(x, t))
    x = minitorch.zeros(2, 3)
    assert step(x, minitorch.tensor([0, 1])).item() == pytest.approx(np.log(3))
    with pytest.raises(IndexError, match=r"target\[1\] = 7, expected 0 to 2"):
        step(x, minitorch.tensor([0, 7]))
    assert step(x, minitorch.tensor([2, 1])).item() == pytest.approx(np.log(3))


def of_many(*classes: int) -> minitorch.Tensor:
    """Labels of more logits than the loss of few takes: the given ones, and zeros."""
    t = np.zeros(2000, dtype=np.int64)
    t[: len(classes)] = classes
    return minitorch.from_numpy(t)


def test_labels_of_many_are_looked_at_before_each_run():
    counts, eager_counts = minitorch.zeros(1), minitorch.zeros(1)

    def loss(x, t, count):
        count += 1
        return F.cross_entropy(x, t)

    step = minitorch.compile(loss)
    x = minitorch.from_numpy(np.random.default_rng(0).standard_normal((2000, 10)).astype("f"))
    for t in (of_many(1, 2), of_many(9, 3)):
        assert step(x, t, counts).item() == loss(x, t, eager_counts).item()
    assert "exp(" in step.program.source  # in pieces
    for bad in (-1, 10):
        for run, count in ((step, counts), (loss, eager_counts)):
            with pytest.raises(IndexError, match=rf"target\[1\] = {bad}, expected 0 to 9"):
                run(x, of_many(0, bad), count)
        assert counts.item() == eager_counts.item()
    t = of_many(4, 5)
    assert step(x, t, counts).item() == loss(x, t, eager_counts).item()


def test_labels_to_be_ignored_need_one_more_trace():
    step = minitorch.compile(F.cross_entropy)
    x = minitorch.from_numpy(np.random.default_rng(0).standard_normal((2000, 10)).astype("f"))
    for t in (of_many(1), of_many(-100), of_many(2, -100, -100), of_many(3), of_many(4, -100)):
        assert step(x, t).item() == F.cross_entropy(x, t).item()
    assert step.trace_count == 2


def test_labels_made_inside_are_looked_at_where_they_are_made():
    step = minitorch.compile(lambda x, t: F.cross_entropy(x, t + 1))
    x = minitorch.from_numpy(np.random.default_rng(0).standard_normal((2000, 10)).astype("f"))
    for t in (of_many(1), of_many(2, 8)):
        assert step(x, t).item() == F.cross_entropy(x, t + 1).item()
    with pytest.raises(IndexError, match=r"target\[0\] = 10, expected 0 to 9"):
        step(x, of_many(9))
    assert step.trace_count == 1


def test_indices_out_of_range_raise_in_every_run():
    table = nn.Embedding(4, 2)
    step = minitorch.compile(lambda i: table(i).sum())
    step(minitorch.tensor([0, 3]))
    with pytest.raises(IndexError, match="out of range for 4 rows"):
        step(minitorch.tensor([0, 4]))


def test_a_gradient_that_is_not_finite_stops_the_update():
    w = minitorch.ones(2, requires_grad=True)
    optimizer = minitorch.optim.SGD([w], lr=1.0)

    @minitorch.compile
    def step(x):
        optimizer.zero_grad()
        (w * x).sum().backward()
        optimizer.step()

    step(minitorch.ones(2))
    with pytest.raises(RuntimeError, match=r"SGD.step.*(nan|inf)"):
        step(minitorch.full((2,), np.inf))
    assert w.tolist() == [0, 0]
    step(minitorch.ones(2))
    assert w.tolist() == [-1, -1]


def test_a_tensor_that_is_kept_outside_is_named():
    losses = []

    @minitorch.compile
    def step(x):
        losses.append((x * 2).sum())

    step(minitorch.ones(2))  # what is made once, at the first call, is no mistake
    with pytest.raises(TraceError, match=rf"kept outside.*shape \(\).*{HERE}"):
        step(minitorch.ones(2))
    assert [loss.item() for loss in losses] == [4, 4]
    assert type(losses[0].array) is np.ndarray


def test_what_is_made_at_the_first_call_and_kept_is_found_at_the_second():
    made: dict[str, Any] = {}

    @minitorch.compile
    def step(x):
        if "positions" not in made:
            made["positions"] = minitorch.arange(3.0)
        return x + made["positions"]

    for i in range(4):
        assert step(minitorch.full((3,), float(i))).tolist() == [i, i + 1, i + 2]
    assert step.trace_count == 2


def test_a_graph_does_not_cross_the_boundary():
    w = minitorch.ones(2, requires_grad=True)
    y = w * 2
    with pytest.raises(TraceError, match=r"argument of shape \(2,\) was computed by mul.*detach"):
        minitorch.compile(lambda x: x * 2)(y)
    with pytest.raises(TraceError, match=rf"computed outside by mul.*{HERE}.*detach"):
        minitorch.compile(lambda: y * 2)()
    with minitorch.no_grad():
        assert minitorch.compile(lambda x: x * 2)(y).tolist() == [4, 4]


def test_a_tensor_from_outside_must_not_become_part_of_the_graph():
    w, state = minitorch.ones(2, requires_grad=True), minitorch.zeros(2)

    def step():
        nonlocal_state = state
        nonlocal_state += w

    with pytest.raises(TraceError, match="made part of its graph"):
        minitorch.compile(step)()


def test_a_closure_handed_to_an_optimizer_would_know_the_first_batch_alone():
    w = minitorch.ones(2, requires_grad=True)
    optimizer = minitorch.optim.SGD([w], lr=0.1)

    def step(x):
        optimizer.step(lambda: (w * x).sum().backward())

    with pytest.raises(TraceError, match=rf"step is given the function '<lambda>' at .*{HERE}"):
        minitorch.compile(step)(minitorch.ones(2))


def test_a_numpy_array_of_the_step_cannot_be_written_from_traced_values():
    kept = np.zeros(3)

    def step(x):
        np.add(x, 1, out=kept)

    with pytest.raises(TraceError, match=r"add writes into a NumPy array.*make it a Tensor"):
        minitorch.compile(step)(np.ones(3))


def test_a_traced_array_that_is_kept_says_so():
    kept = []
    step = minitorch.compile(lambda x: kept.append(x))
    step(np.ones(2))
    with pytest.raises(TraceError, match="used outside of it"):
        kept[0] + 1


def test_what_is_no_function_cannot_be_compiled():
    with pytest.raises(TypeError, match="compile: expected a function, got int"):
        minitorch.compile(3)

    def batches():
        yield 1

    with pytest.raises(TypeError, match="'batches' gives its results bit by bit"):
        minitorch.compile(batches)


def test_a_meta_tensor_has_nothing_to_compute_with():
    step = minitorch.compile(lambda x: x * 2)
    with pytest.raises(TraceError, match=r"shape \(2,\) is a meta tensor"):
        step(minitorch.ones(2, device="meta"))
