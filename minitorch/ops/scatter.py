"""Reading and writing many places at once: gather and scatter, along an axis or through a mask.

All are ways to write an index: each builds the index that means the same, and reads by `pick_at`,
adds by `plus_at` or replaces by `setitem`, which have the gradients; where numbers are few, by the
ops of `flat.py`. `dim` is the axis along which the index runs; index and mask are not
differentiated.
"""

from __future__ import annotations

import operator
from functools import lru_cache
from typing import Any

from numpy import ndarray

from minitorch.array import Array, device_of, is_cupy, move
from minitorch.few import is_few
from minitorch.op import composite
from minitorch.ops.arguments import dim_of
from minitorch.ops.broadcast import broadcast_to
from minitorch.ops.compare import where
from minitorch.ops.flat import pick_flat, plus_flat, put_flat
from minitorch.ops.index import pick_at, plus_at, setitem, slice_at, value_for
from minitorch.ops.keys import along, check_once, index_array, resolved, whole_numbers
from minitorch.ops.places import all_below, all_differ, places
from minitorch.ops.shape import reshape
from minitorch.tape import current_mode
from minitorch.tensor import ShapeError, Tensor, raw
from minitorch.words import np

# parts of one axis -----------------------------------------------------------------------------


@composite(methods="select")
def select(x: Tensor, dim: int, index: int) -> Tensor:
    """y = x at one place of an axis, which is gone from the result; a view.

    >>> import minitorch
    >>> minitorch.tensor([[1, 2], [3, 4]]).select(1, -1)
    tensor([2, 4])
    """
    return slice_at(x, (*_before(x, dim), operator.index(index), ...))


@composite(methods="index_select")
def index_select(x: Tensor, dim: int, index: Any) -> Tensor:
    """y = x at the places `index` (a vector) of an axis, in that order.

    >>> import minitorch
    >>> minitorch.tensor([[1, 2], [3, 4]]).index_select(1, [1, 1, 0])
    tensor([[2, 2, 1],
            [4, 4, 3]])
    """
    if not x.array.shape:  # a number is a row of one, and one is taken of it
        return reshape(index_select(reshape(x, (1,)), dim, index), ())
    return pick_at(x, _on_axis("index_select", x, dim, index))


@composite(methods="index_add", inplace="index_add_")
def index_add(x: Tensor, dim: int, index: Any, source: Any, *, alpha: Any = 1) -> Tensor:
    """y = x + alpha source, at the places `index` of an axis; a place named twice gets both."""
    key = _on_axis("index_add", x, dim, index)
    source = _placed("index_add", x, key, source)
    return plus_at(x, source if alpha == 1 else source * alpha, key)


@composite(methods="index_copy", inplace="index_copy_")
def index_copy(x: Tensor, dim: int, index: Any, source: Any) -> Tensor:
    """y = x with `source` at the places `index` of an axis.

    Raises:
        ValueError: a place is named twice, and the source requires grad.
    """
    key = _on_axis("index_copy", x, dim, index)
    return _replaced("index_copy", x, _placed("index_copy", x, key, source), key)


@composite(methods="index_fill", inplace="index_fill_")
def index_fill(x: Tensor, dim: int, index: Any, value: Any) -> Tensor:
    """y = x with one value (a number or a 0-d tensor) at the places `index` of an axis.

    >>> import minitorch
    >>> minitorch.ones(2, 3).index_fill(1, [0, 2], 5.0)
    tensor([[5., 1., 5.],
            [5., 1., 5.]])
    """
    return setitem(x, _one("index_fill", value), _on_axis("index_fill", x, dim, index))


def _before(x: Tensor, dim: int) -> tuple[slice, ...]:
    """The index that passes over the axes before `dim`."""
    ndim = len(x.array.shape)
    if not ndim:
        raise IndexError("index: a 0-d tensor has no axis to take parts of")
    return _axes_before(dim, ndim)


@lru_cache
def _axes_before(dim: int, ndim: int) -> tuple[slice, ...]:
    return (slice(None),) * dim_of(dim, ndim)


def _on_axis(name: str, x: Tensor, dim: int, index: Any) -> Any:
    """The index that means x[:, :, index], with as many axes before as `dim` says."""
    before = _before(x, dim)
    index = whole_numbers(name, index, x.array, x.array.shape[len(before)])
    if index.ndim > 1:
        raise ShapeError(f"{name}: the index must be a vector, got shape {index.shape}")
    index = index if index.ndim else index.reshape(-1)
    return (*before, index) if before else index


def _placed(name: str, x: Tensor, key: Any, source: Any) -> Any:
    """`source` checked to have x's shape, but for one slice per index along the axis of the key."""
    source, shape = value_for(x, source), x.array.shape
    d, n = (len(key) - 1, key[-1].size) if type(key) is tuple else (0, key.size)
    expected = (*shape[:d], n, *shape[d + 1 :])
    if source.shape != expected:
        raise ShapeError(f"{name}: 'source' has shape {source.shape}, expected {expected}")
    return source


def _one(name: str, value: Any) -> Any:
    if getattr(value, "shape", ()):
        raise ShapeError(f"{name}: 'value' must be a number or 0-d, got shape {value.shape}")
    return value


def _replaced(name: str, x: Tensor, source: Any, key: Any) -> Tensor:
    """x with `source` at the index; where gradients flow, every place named once."""
    if _is_recorded(source):
        check_once(name, key, x.array.shape)
    return setitem(x, source, key)


def _is_recorded(source: Any) -> bool:
    return current_mode().recording and isinstance(source, Tensor) and source.node is not None


# gather and scatter ---------------------------------------------------------------------------


@composite(methods="gather")
def gather(x: Tensor, dim: int, index: Any) -> Tensor:
    """y[i, j] = x[index[i, j], j] for dim 0, x[i, index[i, j]] for dim 1, and so on.

    The index has as many axes as x and, but for `dim`, at most its sizes.

    >>> import minitorch
    >>> scores = minitorch.tensor([[0.1, 0.7], [0.6, 0.4]])
    >>> scores.gather(1, [[1], [0]])
    tensor([[0.7000],
            [0.6000]])
    """
    index = index_array("gather", index, x.array)
    if not x.array.shape:  # a number is a row of one
        row = gather(reshape(x, (1,)), dim, np.reshape(index, -1))
        return reshape(row, np.shape(index))
    at, key = _along("gather", x, dim, index)
    return pick_at(x, key) if at is None else pick_flat(x, at)


@composite(methods="scatter", inplace="scatter_")
def scatter(
    x: Tensor,
    dim: int,
    index: Any,
    src: Any = None,
    *,
    value: Any = None,
    reduce: str | None = None,
) -> Tensor:
    """y = x, but y[index[i, j], j] = src[i, j] for dim 0, y[i, index[i, j]] for dim 1, and so on.

    `src` is a tensor at least as large as the index, or one number (also by the name `value`).
    With `reduce="add"` it is added to what is there, as by `scatter_add`.

    Raises:
        ValueError: a place is named twice, and src requires grad.

    >>> import minitorch
    >>> minitorch.zeros(2, 3).scatter(1, [[2], [0]], 1.0)
    tensor([[0., 0., 1.],
            [1., 0., 0.]])
    """
    src = value if src is None else src
    if isinstance(src, Tensor) and not src.array.shape:
        src = broadcast_to(src, _shape(index))
    if reduce == "add":
        return scatter_add(x, dim, index, src)
    if reduce is not None:
        raise ValueError(f"scatter: reduce must be None or 'add', got {reduce!r}")
    index = index_array("scatter", index, x.array)
    at, key = _along("scatter", x, dim, index)
    src = _cropped("scatter", x, src, index)
    if at is None:
        return _replaced("scatter", x, src, key)
    if _is_recorded(src) and not (type(at) is ndarray and all_differ(at, x.array.size)):
        shape = x.array.shape
        check_once("scatter", np.unravel_index(at, shape), shape)
    return put_flat(x, src, at)


@composite(methods="scatter_add", inplace="scatter_add_")
def scatter_add(x: Tensor, dim: int, index: Any, src: Any) -> Tensor:
    """y = x, and y[index[i, j], j] += src[i, j] for dim 0, y[i, index[i, j]] for dim 1, and so on.

    >>> import minitorch
    >>> minitorch.zeros(3).scatter_add(0, [0, 2, 0], minitorch.tensor([1.0, 2.0, 3.0]))
    tensor([4., 0., 2.])
    """
    index = index_array("scatter_add", index, x.array)
    at, key = _along("scatter_add", x, dim, index)
    src = _cropped("scatter_add", x, src, index)
    if not isinstance(src, Tensor):
        src = np.zeros_like(x.array, shape=_shape(index)) + src
    return plus_at(x, src, key) if at is None else plus_flat(x, src, at)


@composite(methods="take_along_dim")
def take_along_dim(x: Tensor, indices: Any, dim: int | None = None) -> Tensor:
    """`gather` where x and the indices broadcast over the other axes; flat without a dim.

    >>> import minitorch
    >>> x = minitorch.tensor([[3.0, 1.0, 2.0]])
    >>> x.take_along_dim(x.argsort(dim=1), dim=1)
    tensor([[1., 2., 3.]])
    """
    if dim is None:
        return take(x, indices).reshape(-1)
    indices = whole_numbers("take_along_dim", indices, x.array, None)
    if indices.ndim != x.ndim:
        raise ShapeError(f"take_along_dim: x is {x.shape}, indices {indices.shape}: unequal axes")
    d = dim_of(dim, x.ndim)
    shape = list(np.broadcast_shapes((*x.shape[:d], 1, *x.shape[d + 1 :]), indices.shape))
    length, shape[d] = shape[d], x.shape[d]
    x = broadcast_to(x, tuple(shape))
    shape[d] = length
    return gather(x, d, np.broadcast_to(indices, tuple(shape)))


def _shape(index: Any) -> tuple[int, ...]:
    try:
        return index.shape
    except AttributeError:  # of a list
        return np.shape(index)


def _along(name: str, x: Tensor, dim: int, index: Any) -> tuple[Any, Any]:
    """What means [i, index[i, j]], after a look at its shape.

    The index of x taken as one row, where that is few numbers; else None, and the index of x.
    """
    shape = x.array.shape
    plain = type(index) is ndarray and index.shape == shape and index.dtype is _INT64
    if plain and shape and is_few(x.array):
        try:
            return places(index, dim, shape), None
        except IndexError:
            pass  # what is wrong is said below
    d = len(_before(x, dim))
    index = whole_numbers(name, index, x.array, shape[d])
    sizes = index.shape
    if sizes != shape and (
        len(sizes) != len(shape)
        or any(i != d and n > m for i, (n, m) in enumerate(zip(sizes, shape)))
    ):
        raise ShapeError(
            f"{name}: the index has shape {sizes}; it must have as many axes as x, of shape "
            f"{shape}, and be no larger than it but along dim {d}"
        )
    if type(index) is ndarray and is_few(x.array) and all_below(index, shape[d]):
        return places(index.astype(_INT64), d, shape), None
    return None, along(index, d)


_INT64 = np.dtype(np.int64)


def _cropped(name: str, x: Tensor, src: Any, index: Any) -> Any:
    """The part of `src` that lies under the index; a number as it is."""
    src = value_for(x, src)
    if not isinstance(src, Tensor):
        return src
    shape = _shape(index)
    if src.array.shape == shape:
        return src
    if src.ndim != len(shape) or any(n > m for n, m in zip(shape, src.shape)):
        raise ShapeError(f"{name}: 'src' has shape {src.shape}, too small for an index of {shape}")
    return slice_at(src, tuple(slice(n) for n in shape))


# the elements as one row ----------------------------------------------------------------------


@composite(methods="take")
def take(x: Tensor, index: Any) -> Tensor:
    """y[i] = the index[i]-th element of x, counted row by row; of the index's shape.

    >>> import minitorch
    >>> minitorch.tensor([[1, 2], [3, 4]]).take([0, -1])
    tensor([1, 4])
    """
    return pick_flat(x, whole_numbers("take", index, x.array, x.numel()))


@composite(methods="put", inplace="put_")
def put(x: Tensor, index: Any, source: Any, accumulate: bool = False) -> Tensor:
    """y = x with source[i] as (or, to accumulate, added to) its index[i]-th element."""
    key = whole_numbers("put", index, x.array, x.numel()).reshape(-1)
    source = reshape(value_for(x, source), (-1,))
    flat = reshape(x, (-1,))
    y = plus_at(flat, source, key) if accumulate else _replaced("put", flat, source, key)
    return reshape(y, x.shape)


@composite(methods="index_put", inplace="index_put_")
def index_put(x: Tensor, indices: Any, values: Any, accumulate: bool = False) -> Tensor:
    """y = x with `values` as (or, to accumulate, added to) x[indices]

    The indices are a tuple of int or bool arrays. Added up, a place that they name twice gets
    both values; from x[i] += v it gets one.

    >>> import minitorch
    >>> at = (minitorch.tensor([0, 0]),)
    >>> minitorch.zeros(2).index_put(at, minitorch.tensor([1.0, 2.0]), accumulate=True)
    tensor([3., 0.])
    """
    key, _ = resolved(x.array, tuple(indices))
    values = value_for(x, values)
    if accumulate:
        values = values if isinstance(values, Tensor) else Tensor(values, x.dtype, x.device)
        return plus_at(x, broadcast_to(values, x.array[key].shape), key)
    return _replaced("index_put", x, values, key)


# masks ----------------------------------------------------------------------------------------


@composite(methods="masked_fill", inplace="masked_fill_")
def masked_fill(x: Tensor, mask: Any, value: Any) -> Tensor:
    """y = value where the mask is true, else x          dL/dx = g elsewhere, dL/dvalue = Σ g there

    The value is a number or a 0-d tensor; x and the mask broadcast.

    >>> import minitorch
    >>> minitorch.zeros(3).masked_fill(minitorch.tensor([True, False, True]), 9.0)
    tensor([9., 0., 9.])
    """
    value = _one("masked_fill", value)
    if x.dtype.kind in "iu":
        value = int(value)
    elif x.dtype.kind == "b":
        value = bool(value)
    return where(_mask("masked_fill", x, mask), value, x)


@composite(methods="masked_select")
def masked_select(x: Tensor, mask: Any) -> Tensor:
    """y = the elements of x where the mask is true, in a row; x and the mask broadcast.

    >>> import minitorch
    >>> x = minitorch.tensor([[1, 2], [3, 4]])
    >>> x.masked_select(x % 2 == 0)
    tensor([2, 4])
    """
    mask = _mask("masked_select", x, mask)
    shape = np.broadcast_shapes(x.shape, mask.shape)
    x = x if x.shape == shape else broadcast_to(x, shape)
    return pick_at(x, np.broadcast_to(mask, shape))


@composite(methods="masked_scatter", inplace="masked_scatter_")
def masked_scatter(x: Tensor, mask: Any, source: Tensor) -> Tensor:
    """y = x, and where the mask is true the elements of `source`, one after the other."""
    mask = np.broadcast_to(_mask("masked_scatter", x, mask), x.shape)
    count = int(mask.sum())
    if source.numel() < count:
        raise ShapeError(
            f"masked_scatter: the mask has {count} places, the source {source.numel()} elements"
        )
    return setitem(x, slice_at(reshape(source, (-1,)), slice(count)), mask)


def _mask(name: str, x: Tensor, mask: Any) -> Array:
    """The mask as an array beside x."""
    mask = raw(mask)
    mask = mask if hasattr(mask, "dtype") else np.asarray(mask)
    if mask.dtype.kind != "b":
        raise TypeError(f"{name}: the mask must hold bools, got {mask.dtype}; write mask != 0")
    if is_cupy(x.array) and not is_cupy(mask):
        mask = move(mask, device_of(x.array))
    return mask
