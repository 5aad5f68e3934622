"""The rules by which a Meta answers NumPy: a table at the end, and the rules too long for a line.

Most are one call of the NumPy function itself, on the view or on the empty batch.
"""

import operator
import re
from collections.abc import Callable, Iterable
from functools import cache, partial
from string import ascii_letters
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from minitorch.meta.core import (
    RULES,
    UFUNC_RULES,
    Meta,
    Shape,
    as_meta,
    as_shape,
    batch_of,
    from_batch,
    from_view,
    need_values,
    new,
    view_of,
)

# how a NumPy function answers ------------------------------------------------------------------
#
# Where one rule serves many functions, `func` is the one called.


def _looking(func: Callable, *args: Any, **kwargs: Any) -> Any:
    return from_view(func(*view_of(args), **kwargs))


def _depth(x: Any) -> int:
    if isinstance(x, (Meta, np.ndarray)):
        return len(x.shape)
    return np.ndim(x) if isinstance(x, (list, tuple)) else 0


def _elementwise(func: Callable, *args: Any, **kwargs: Any) -> Any:
    """For ufuncs and functions like them; the deepest operand says where the empty axis goes."""
    ndim = max(map(_depth, (*args, *kwargs.values())))
    kwargs = {name: batch_of(value, ndim) for name, value in kwargs.items()}
    return from_batch(func(*[batch_of(x, ndim) for x in args], **kwargs))


def _where(condition: Any, *choices: Any) -> Any:
    if not choices:
        need_values("np.where with a condition only")
    return _elementwise(np.where, condition, *choices)


# along an axis: the same call on the empty batch, where every axis is one further back --------


def _shift(axis: Any, ndim: int) -> Any:
    if isinstance(axis, tuple):
        return tuple(a + 1 for a in normalize_axis_tuple(axis, ndim))
    return normalize_axis_index(operator.index(axis), ndim) + 1


def _reduce(func: Callable, x: Meta, axis: Any = None, *args: Any, **kwargs: Any) -> Meta:
    if not x.shape:  # One element: NumPy's special cases cost nothing to run.
        return as_meta(func(view_of(x), axis, *args, **kwargs))
    if axis is None:
        axis = tuple(range(x.ndim))
    kwargs = {name: batch_of(value, x.ndim) for name, value in kwargs.items()}
    return from_batch(func(batch_of(x), _shift(axis, x.ndim), *args, **kwargs))


def _along(func: Callable, place: int, default: Any, x: Meta, /, *args: Any, **kwargs: Any) -> Meta:
    """`axis` is argument number `place`, counting the array as 0; None is the flattened array."""
    if not x.shape:
        return as_meta(func(view_of(x), *args, **kwargs))
    before, given, after = args[: place - 1], args[place - 1 : place], args[place:]
    axis = given[0] if given else kwargs.pop("axis", default)
    flat = x.ravel() if axis is None else x
    axis = _shift(0 if axis is None else operator.index(axis), flat.ndim)
    if given:
        y = from_batch(func(batch_of(flat), *before, axis, *after, **kwargs))
    else:
        y = from_batch(func(batch_of(flat), *before, axis=axis, **kwargs))
    return y.reshape((1,) * x.ndim) if flat is not x and kwargs.get("keepdims") else y


def _norm(x: Meta, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Meta:
    dtype = np.linalg.norm(np.ones(1, x.dtype)).dtype
    return new(np.any(x, axis, keepdims=keepdims).shape, dtype)


# products -------------------------------------------------------------------------------------


@cache
def _core_ndims(ufunc: np.ufunc) -> list[int]:
    """How many axes of each input the ufunc works on: "(n?,k),(k,m?)->(n?,m?)" gives [2, 2]."""
    inputs = (ufunc.signature or "").split("->")[0]
    return [len(axes.split(",")) for axes in re.findall(r"\((.*?)\)", inputs)]


def _gufunc(ufunc: np.ufunc, *inputs: Any, **kwargs: Any) -> Any:
    """matmul and its relatives: the empty axis goes in front of the axes that are looped over."""
    if "axis" in kwargs or "axes" in kwargs:
        raise TypeError(f"np.{ufunc.__name__} has no rule for axis= or axes= on meta arrays")
    arrays = [as_meta(x) for x in inputs]
    added: Shape = ()
    if ufunc is np.matmul:  # A vector stands for a matrix of one row, or of one column.
        a, b = arrays
        if a.ndim == 1:
            arrays[0], added = a[None, :], (-2,)
        if b.ndim == 1:
            arrays[1], added = b[:, None], (*added, -1)
    cores = _core_ndims(ufunc)
    loops = [x.ndim - core for x, core in zip(arrays, cores, strict=True)]
    if min(loops) < 0:
        raise ValueError(f"{ufunc.__name__}: an input does not have enough dimensions")
    batches = [batch_of(x, max(loops) + core) for x, core in zip(arrays, cores, strict=True)]
    y = from_batch(ufunc(*batches, **kwargs))
    return y.squeeze(added) if added else y


def _tensordot(a: Any, b: Any, axes: Any = 2) -> Meta:
    a, b = as_meta(a), as_meta(b)
    if isinstance(axes, int):
        axes = tuple(range(-axes, 0)), tuple(range(axes))
    of_a, of_b = map(as_shape, axes)
    y = np.tensordot(batch_of(a), batch_of(b), (_shift(of_a, a.ndim), _shift(of_b, b.ndim)))
    second = a.ndim - len(of_a) + 1  # The place of b's empty axis.
    return new(y.shape[1:second] + y.shape[second + 1 :], y.dtype)


def _dot(a: Any, b: Any, axis: int = -2) -> Meta:
    a, b = as_meta(a), as_meta(b)
    if not a.shape or not b.shape:
        return a * b
    return _tensordot(a, b, (-1, max(axis, -b.ndim)))


def _solve(a: Any, b: Any) -> Meta:
    a, b = as_meta(a), as_meta(b)
    ndim = max(a.ndim, b.ndim)
    return from_batch(np.linalg.solve(batch_of(a, ndim), batch_of(b, ndim)))


def _factored(func: Callable, x: Meta, *args: Any, **kwargs: Any) -> Any:
    """Linear algebra of one matrix; an axis in front is a batch, which here is empty."""
    return from_batch(func(batch_of(x), *args, **kwargs))


def _einsum(subscripts: Any, *operands: Any, optimize: Any = False, **kwargs: Any) -> Meta:
    """One more letter names the empty axis: "ij,jk->ik" becomes "aij,ajk->aik"."""
    if not isinstance(subscripts, str):
        raise TypeError("np.einsum of meta arrays takes its subscripts as one string")
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    if not arrow:
        once = [c for c in sorted(inputs) if c.isalpha() and inputs.count(c) == 1]
        output = "..." * ("..." in inputs) + "".join(once)
    new = next(c for c in ascii_letters if c not in subscripts)
    subscripts = ",".join(new + term for term in inputs.split(",")) + "->" + new + output
    return from_batch(np.einsum(subscripts, *[batch_of(as_meta(x)) for x in operands], **kwargs))


# joining, padding, picking, making ------------------------------------------------------------


def _join(func: Callable, arrays: Iterable, axis: Any = 0, **kwargs: Any) -> Meta:
    arrays = [as_meta(x) for x in arrays]
    if axis is None:
        arrays, axis = [x.ravel() for x in arrays], 0
    axis = _shift(axis, arrays[0].ndim + (func is np.stack))
    return from_batch(func([batch_of(x) for x in arrays], axis, **kwargs))


def _deepen_and_join(deepen: Callable, axis: int, arrays: Iterable, **kwargs: Any) -> Meta:
    arrays = [deepen(as_meta(x)) for x in arrays]
    return _join(np.concatenate, arrays, min(axis, arrays[0].ndim - 1), **kwargs)


def _pad(x: Meta, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Meta:
    """What is put into the margins (a constant, a function, a ramp) does not change the shape."""
    widths = [(0, 0), *np.broadcast_to(pad_width, (x.ndim, 2)).tolist()]
    return from_batch(np.pad(batch_of(x), widths, mode if isinstance(mode, str) else "empty"))


def _tile(x: Meta, reps: Any) -> Meta:
    reps = as_shape(reps)
    lengths = (1,) * (len(reps) - x.ndim) + x.shape
    return Meta(map(operator.mul, lengths, (1,) * (x.ndim - len(reps)) + reps), x.dtype)


def _diag(x: Meta, k: int = 0) -> Meta:
    if x.ndim == 1:
        return new((len(x) + abs(k),) * 2, x.dtype)
    if x.ndim != 2:
        raise ValueError("Input must be 1- or 2-d.")
    return np.diagonal(x, k)


def _take(x: Any, indices: Any, axis: Any = None, mode: str = "raise") -> Meta:
    x, axis = (as_meta(x).ravel(), 0) if axis is None else (as_meta(x), axis)
    return x[(slice(None),) * normalize_axis_index(axis, x.ndim) + (as_meta(indices),)]


def _take_along_axis(x: Any, indices: Any, axis: Any = -1) -> Meta:
    x, axis = (as_meta(x).ravel(), 0) if axis is None else (as_meta(x), axis)
    return from_batch(
        np.take_along_axis(batch_of(x), batch_of(as_meta(indices)), _shift(axis, x.ndim))
    )


def _put_along_axis(x: Meta, indices: Any, values: Any, axis: Any) -> None:
    np.copyto(_take_along_axis(x, indices, axis), values, casting="unsafe")


def _copyto(target: Any, source: Any, casting: str = "same_kind", where: Any = True) -> None:
    if not isinstance(target, Meta):
        need_values("copying a meta array into a real one")
    where = batch_of(where, target.ndim)
    np.copyto(batch_of(target), view_of(source), casting=casting, where=where)


def _searchsorted(x: Any, v: Any, side: str = "left", sorter: Any = None) -> Meta:
    if np.ndim(x) != 1:
        raise ValueError("object of too small depth for desired array")
    return new(as_meta(v).shape, np.dtype(np.intp))


def _like(func: Callable, x: Meta, *args: Any, shape: Any = None, **kwargs: Any) -> Meta:
    if shape is not None:
        kwargs["shape"] = (0, *as_shape(shape))
    return from_batch(func(batch_of(x), *args, **kwargs))


def _made(func: Callable, shape: Any, *args: Any, **kwargs: Any) -> Meta:
    """For `np.zeros(shape, like=meta)`."""
    return from_batch(func((0, *as_shape(shape)), *args, **kwargs))


def _value_dependent(func: Callable, *args: Any, **kwargs: Any) -> None:
    need_values(f"np.{func.__name__}")


# the table of rules ---------------------------------------------------------------------------


def _each(rule: Callable, names: str) -> dict[Callable, Callable]:
    """The same rule for each of these NumPy functions."""
    functions = [operator.attrgetter(name)(np) for name in names.split()]
    return {func: partial(rule, func) for func in functions}


RULES |= {
    **_each(
        _looking,
        "atleast_1d atleast_2d atleast_3d array_split broadcast_arrays broadcast_to diagonal "
        "dsplit expand_dims flip fliplr flipud hsplit lib.stride_tricks.sliding_window_view "
        "matrix_transpose moveaxis rollaxis rot90 split squeeze swapaxes transpose vsplit",
    ),
    **_each(_elementwise, "angle around clip imag isclose nan_to_num real round sinc"),
    np.where: _where,
    # Along axes. The median has the mean's shape and dtype.
    **_each(
        _reduce,
        "all amax amin any count_nonzero max mean min nanmax nanmean nanmin nanstd nansum nanvar "
        "prod ptp std sum var",
    ),
    np.median: lambda x, axis=None, overwrite_input=False, **kw: np.mean(x, axis, **kw),
    np.linalg.norm: _norm,
    np.argmax: partial(_along, np.argmax, 1, None),
    np.argmin: partial(_along, np.argmin, 1, None),
    np.argpartition: partial(_along, np.argpartition, 2, -1),
    np.argsort: partial(_along, np.argsort, 1, -1),
    np.cumprod: partial(_along, np.cumprod, 1, None),
    np.cumsum: partial(_along, np.cumsum, 1, None),
    np.diff: partial(_along, np.diff, 2, -1),
    np.partition: partial(_along, np.partition, 2, -1),
    np.repeat: partial(_along, np.repeat, 2, None),
    np.sort: partial(_along, np.sort, 1, -1),
    np.roll: lambda x, shift, axis=None: (
        x if axis is None else from_batch(np.roll(batch_of(x), shift, _shift(axis, x.ndim)))
    ),
    # Products.
    np.dot: _dot,
    np.einsum: _einsum,
    np.inner: lambda a, b: _dot(a, b, -1),
    np.outer: lambda a, b: as_meta(a).reshape(-1, 1) * as_meta(b).ravel(),
    np.tensordot: _tensordot,
    np.vdot: lambda a, b: _dot(as_meta(a).ravel(), as_meta(b).ravel()),
    # Linear algebra.
    **_each(
        _factored,
        "linalg.cholesky linalg.det linalg.eigh linalg.eigvalsh linalg.inv linalg.qr "
        "linalg.slogdet linalg.svd",
    ),
    np.linalg.solve: _solve,
    # Joining, padding, picking.
    **_each(_join, "concatenate stack"),
    np.hstack: partial(_deepen_and_join, np.atleast_1d, 1),
    np.vstack: partial(_deepen_and_join, np.atleast_2d, 0),
    np.dstack: partial(_deepen_and_join, np.atleast_3d, 2),
    np.copyto: _copyto,
    np.diag: _diag,
    np.pad: _pad,
    np.put_along_axis: _put_along_axis,
    np.searchsorted: _searchsorted,
    np.take: _take,
    np.take_along_axis: _take_along_axis,
    np.tile: _tile,
    np.trace: lambda x, offset=0, axis1=0, axis2=1, dtype=None: np.diagonal(
        x, offset, axis1, axis2
    ).sum(-1, dtype),
    np.tril: lambda x, k=0: new(x.shape if x.ndim > 1 else x.shape * 2, x.dtype),
    np.triu: lambda x, k=0: new(x.shape if x.ndim > 1 else x.shape * 2, x.dtype),
    # Making arrays, and asking about them.
    np.arange: lambda *args, **kwargs: as_meta(np.arange(*args, **kwargs)),  # like=meta
    np.identity: lambda n, dtype=float: Meta((n, n), dtype),
    **_each(_like, "empty_like full_like ones_like zeros_like"),
    **_each(_made, "empty full ones zeros"),
    np.copy: lambda x, order="K", subok=False: x.copy(),
    np.ndim: lambda x: x.ndim,
    np.ravel: lambda x, order="C": x.ravel(),
    np.reshape: lambda x, *args, **kw: x.reshape(*args, **kw),
    np.result_type: lambda *args: np.result_type(
        *[x.dtype if isinstance(x, Meta) else x for x in args]
    ),
    np.shape: lambda x: x.shape,
    np.size: lambda x, axis=None: np.size(view_of(x), axis),
    **_each(
        _value_dependent,
        "allclose argwhere array_equal array_equiv bincount compress extract flatnonzero histogram "
        "nonzero unique",
    ),
}


# `ufunc.reduce` and the other methods of a ufunc ----------------------------------------------


def _ufunc_outer(ufunc: np.ufunc, a: Any, b: Any, **kwargs: Any) -> Meta:
    a, b = as_meta(a), as_meta(b)
    return ufunc(a.reshape(a.shape + (1,) * b.ndim), b, **kwargs)


def _ufunc_at(ufunc: np.ufunc, x: Meta, key: Any, *values: Any) -> None:
    target = x[key]
    ufunc(target, *values, out=target)


def _ufunc_call(ufunc: np.ufunc, *inputs: Any, **kwargs: Any) -> Any:
    if ufunc.signature:
        return _gufunc(ufunc, *inputs, **kwargs)
    if "where" in kwargs:  # NumPy warns of `where` without `out`; Meta looks after `out` itself.
        ufunc = partial(ufunc, out=(None,) * ufunc.nout)
    return _elementwise(ufunc, *inputs, **kwargs)


UFUNC_RULES |= {
    "__call__": _ufunc_call,
    "reduce": lambda ufunc, x, axis=0, *args, **kw: _reduce(ufunc.reduce, x, axis, *args, **kw),
    "accumulate": lambda ufunc, *args, **kw: _along(ufunc.accumulate, 1, 0, *args, **kw),
    "reduceat": lambda ufunc, *args, **kw: _along(ufunc.reduceat, 2, 0, *args, **kw),
    "outer": _ufunc_outer,
    "at": _ufunc_at,
}
