"""Every generic check, for every row of the op table."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
import pytest

from minitorch.gradcheck import gradcheck, gradgradcheck
from minitorch.meta import Meta
from minitorch.op import COMPOSITES, REGISTRY
from minitorch.tensor import Tensor, make
from tests.rows import ROWS
from tests.table import Row, is_float

IDS = [f"{row.op}-{sum(r.op == row.op for r in ROWS[:i])}" for i, row in enumerate(ROWS)]
every_row = pytest.mark.parametrize("row", ROWS, ids=IDS)


def function(row: Row) -> Any:
    return REGISTRY[row.op].call if row.op in REGISTRY else COMPOSITES[row.op]


def run(row: Row, args: tuple) -> Any:
    if row.by is not None:
        return row.by(function(row), *args, **row.kwargs)
    return function(row)(*args, **row.kwargs)


def as_tensors(row: Row, dtype: Any = np.float64, grad: bool = True) -> tuple:
    """The row's arguments with a Tensor for every float array, leaves where differentiated."""
    return tuple(
        Tensor(a.astype(dtype), requires_grad=grad and i in row.wanted) if is_float(a) else a
        for i, a in enumerate(row.args)
    )


def parts(y: Any) -> list[Tensor]:
    return [p for p in (y if isinstance(y, (tuple, list)) else (y,)) if isinstance(p, Tensor)]


def test_every_op_has_a_row():
    tabled = {row.op for row in ROWS}
    assert set(REGISTRY) | set(COMPOSITES) == tabled


@every_row
def test_forward_is_numpys(row: Row):
    if row.ref is None:
        pytest.skip("no NumPy twin; torch is the twin")
    with np.errstate(all="ignore"):
        want = row.ref(*row.args, **row.kwargs)
    wants = want if isinstance(want, (tuple, list)) else (want,)
    got = parts(run(row, as_tensors(row)))
    assert len(got) == len(wants)
    for g, w in zip(got, wants):
        assert g.shape == np.shape(w)
        np.testing.assert_allclose(g.detach().numpy(), w, rtol=1e-10, atol=1e-12)


@every_row
def test_gradient_is_the_slope(row: Row):
    if row.order < 1:
        assert not any(p.requires_grad for p in parts(run(row, as_tensors(row))))
        return
    if row.zero:
        _check_zero(row)
        return
    assert gradcheck(lambda *args: run(row, args), as_tensors(row))


def _check_zero(row: Row):
    args = as_tensors(row)
    parts(run(row, args))[0].sum().backward()
    for i in row.wanted:
        assert not args[i].grad.numpy().any()


@every_row
def test_second_order_is_the_slope_of_the_first(row: Row):
    if row.order < 2 or row.zero:
        pytest.skip("has no second order" if row.zero else f"checked to order {row.order}")
    assert gradgradcheck(lambda *args: run(row, args), as_tensors(row))


@every_row
def test_raw_arrays_give_what_tensors_give(row: Row):
    if row.op in COMPOSITES:
        pytest.skip("made of ops")
    raw = run(row, row.args)
    raws = raw if isinstance(raw, (tuple, list)) else (raw,)
    for r, t in zip(raws, parts(run(row, as_tensors(row)))):
        np.testing.assert_array_equal(np.asarray(r), t.detach().numpy())


@every_row
def test_meta_is_what_happens(row: Row):
    if not row.meta:
        pytest.skip("depends on values")
    metas = tuple(make(Meta(a.shape, a.dtype)) if is_float(a) else a for a in row.args)
    for m, t in zip(parts(run(row, metas)), parts(run(row, as_tensors(row)))):
        assert isinstance(m.array, Meta)
        assert (m.shape, m.dtype) == (t.shape, t.dtype)


@every_row
def test_backward_runs_on_meta(row: Row):
    if not row.meta or not row.wanted:
        pytest.skip("depends on values" if not row.meta else "has no gradient")
    metas = [make(Meta(a.shape, a.dtype)) if is_float(a) else a for a in row.args]
    for i in row.wanted:
        metas[i].requires_grad_()
    ys = [y for y in parts(run(row, tuple(metas))) if y.requires_grad]
    reduce(lambda a, b: a + b, [y.sum() for y in ys]).backward()
    for i in row.wanted:
        assert metas[i].grad is None or isinstance(metas[i].grad.array, Meta)


@every_row
def test_float32_stays_float32(row: Row):
    if row.moves:
        pytest.skip("another dtype is what this op is for")
    args = as_tensors(row, np.float32)
    ys = parts(run(row, args))
    for y, want in zip(ys, parts(run(row, as_tensors(row)))):
        assert y.dtype == (np.float32 if want.dtype.kind == "f" else want.dtype)
        np.testing.assert_allclose(y.detach().numpy(), want.detach().numpy(), rtol=2e-3, atol=2e-4)
    ys = [y for y in ys if y.requires_grad]
    if ys:
        reduce(lambda a, b: a + b, [y.sum() for y in ys]).backward()
        for i in row.wanted:
            assert args[i].grad is None or args[i].grad.dtype == np.float32


def _layouts(a: np.ndarray) -> dict[str, np.ndarray]:
    """The same values, lying in memory in other ways."""
    reversed_axes = tuple(slice(None, None, -1) for _ in a.shape)
    wide = np.zeros((*a.shape, 2))
    wide[..., 0] = a
    return {
        "fortran": np.asarray(a, order="F"),
        "reversed": np.asarray(a[reversed_axes].copy()[reversed_axes]),
        "strided": wide[..., 0],
    }


@every_row
@pytest.mark.parametrize("layout", ["fortran", "reversed", "strided"])
def test_memory_layout_does_not_matter(row: Row, layout: str):
    if not row.layouts:
        pytest.skip("the layout is what this op is about")
    want_args, got_args = list(as_tensors(row)), list(as_tensors(row))
    for i, a in enumerate(row.args):
        if is_float(a):
            got_args[i] = make(_layouts(a)[layout])
            if i in row.wanted:
                got_args[i].requires_grad_()
    for args in (want_args, got_args):
        ys = [y for y in parts(run(row, tuple(args))) if y.requires_grad]
        if ys:
            reduce(lambda a, b: a + b, [(y * y).sum() for y in ys]).backward()
    for g, w in zip(parts(run(row, tuple(got_args))), parts(run(row, tuple(want_args)))):
        np.testing.assert_allclose(g.detach().numpy(), w.detach().numpy(), rtol=1e-12, atol=1e-13)
    for i in row.wanted:
        got, want = got_args[i].grad, want_args[i].grad
        if want is not None:
            np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-10, atol=1e-12)


@every_row
def test_inputs_are_left_as_they_were(row: Row):
    args = as_tensors(row)
    for a in args:
        if isinstance(a, Tensor):
            a.array.flags.writeable = False  # a rule that edits its input raises
    ys = [y for y in parts(run(row, args)) if y.requires_grad]
    if ys:
        reduce(lambda a, b: a + b, [(y * y).sum() for y in ys]).backward()
    for a, was in zip(args, row.args):
        if isinstance(a, Tensor):
            np.testing.assert_array_equal(a.detach().numpy(), was)


@every_row
def test_agrees_with_torch(row: Row):
    torch = pytest.importorskip("torch", reason="torch is the second opinion; not installed")
    if row.torch is None:
        pytest.skip("torch has no such op")
    twin = reduce(getattr, row.torch.split("."), torch) if isinstance(row.torch, str) else row.torch
    args = as_tensors(row)
    torch_args = [
        torch.tensor(a, requires_grad=i in row.wanted)
        if is_float(a)
        else torch.tensor(a)
        if isinstance(a, np.ndarray)
        else a
        for i, a in enumerate(row.args)
    ]
    ours = parts(run(row, args))
    theirs = twin(*torch_args, **row.kwargs)
    theirs = list(theirs) if isinstance(theirs, (tuple, list)) else [theirs]
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        assert a.shape == tuple(b.shape)
        assert str(b.dtype) == f"torch.{a.dtype}"
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-10, atol=1e-12)
    pairs = [(a, b) for a, b in zip(ours, theirs) if a.requires_grad]
    if not pairs:
        return
    rng = np.random.default_rng(0)
    gs = [rng.standard_normal(a.shape) for a, _ in pairs]
    reduce(lambda a, b: a + b, [(a * g).sum() for (a, _), g in zip(pairs, gs)]).backward()
    sum((b * torch.tensor(g)).sum() for (_, b), g in zip(pairs, gs)).backward()
    for i in row.wanted:
        got = args[i].grad
        want = torch_args[i].grad
        if want is not None:
            np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-9, atol=1e-11)


@every_row
def test_runs_on_cupy(row: Row, cuda: Any):
    """The same numbers on the GPU, or on a stand-in that refuses what CuPy refuses."""
    if row.moves:
        pytest.skip("another device is what this op is for")
    host = as_tensors(row)
    args = []
    for i, a in enumerate(row.args):
        if is_float(a):
            args.append(Tensor(a, device="cuda", requires_grad=i in row.wanted))
        elif isinstance(a, np.ndarray):
            args.append(Tensor(a, device="cuda"))
        else:
            args.append(a)
    gs = [
        np.random.default_rng(i).standard_normal(y.shape)
        for i, y in enumerate(parts(run(row, host)))
    ]
    g_host = [Tensor(g) for g in gs]
    g_cuda = [Tensor(g, device="cuda") for g in gs]
    ys_host = parts(run(row, host))
    cuda.reset()
    ys = parts(run(row, tuple(args)))
    for results, g in ((ys_host, g_host), (ys, g_cuda)):
        terms = [(y * gi).sum() for y, gi in zip(results, g) if y.requires_grad]
        if terms:
            reduce(lambda a, b: a + b, terms).backward()
    if not row.syncs:
        assert cuda.sync <= row.looks, "waits for the GPU"
        assert cuda.h2d == 0, "uploads to the GPU"
    for y, want in zip(ys, ys_host):
        assert y.device.type == "cuda"
        np.testing.assert_allclose(
            y.detach().cpu().numpy(), want.detach().numpy(), rtol=1e-9, atol=1e-11
        )
    for i in row.wanted:
        want = host[i].grad
        if want is not None:
            assert args[i].grad.device.type == "cuda"
            np.testing.assert_allclose(
                args[i].grad.cpu().numpy(), want.numpy(), rtol=1e-9, atol=1e-11
            )
