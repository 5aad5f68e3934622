"""Tables and their places: embedding and one-hot, and where things are.

What returns places or counts has no gradient.
"""

from __future__ import annotations

from typing import Any

from minitorch.array import Array, device_of, first_true, has_values, is_cupy, move
from minitorch.op import composite, op
from minitorch.ops.index import add_at
from minitorch.ops.keys import index_array
from minitorch.ops.places import all_below
from minitorch.ops.reduce import any
from minitorch.ops.shape import reshape, unsqueeze
from minitorch.tensor import ShapeError, Tensor, make, raw
from minitorch.traced import one_call
from minitorch.words import np

# rows of a table -------------------------------------------------------------------------------


@composite()
def embedding(input: Any, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """y[i] = weight[input[i]]: a row of the table for every index.

    dL/dweight = g added to the rows that were read, each as often as it was.

    Args:
        input: ints of any shape.
        weight: the table, (rows, features).
        padding_idx: a row that gets no gradient.

    Raises:
        TypeError: the input holds no ints.
        IndexError: an index is no row; names it, its position and the number of rows. On a GPU
            too, which has to be waited for: it would wrap the index round and say nothing.

    >>> import minitorch
    >>> minitorch.embedding([2, 0], minitorch.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]))
    tensor([[4., 5.],
            [0., 1.]])
    """
    if len(weight.shape) != 2:
        raise ShapeError(f"embedding: weight is {weight.shape}, expected (rows, features)")
    input = index_array("embedding", input, weight.array)
    index, rows = _ints("embedding", input), weight.shape[0]
    _check_rows("embedding", index, rows)
    if is_cupy(weight.array) and not is_cupy(index):
        index = move(index, device_of(weight.array))
    if padding_idx is not None:
        if not -rows <= padding_idx < rows:
            raise IndexError(f"embedding: padding_idx {padding_idx} is none of the {rows} rows")
        padding_idx %= rows
    return lookup(weight, index, padding_idx)


@op(calm=True)
def lookup(weight, *, index, padding_idx=None):
    """y = weight[index], whole rows          dL/dweight = g added there, but none to padding_idx"""
    if not has_values(index):  # ids that are a shape alone, of a table that may be real
        shape = (*index.shape, *weight.shape[1:])
        return np.empty_like(index, shape=shape, dtype=weight.dtype)
    return weight.take(index, axis=0)


lookup.grad(
    weight=lambda g, weight_shape, index, padding_idx: add_at(
        g if padding_idx is None else g * (index != padding_idx)[..., None], index, weight_shape
    )
)


@composite()
def one_hot(tensor: Any, num_classes: int = -1) -> Tensor:
    """y[i, c] = 1 where tensor[i] = c, else 0; int64, with the classes as the last axis.

    `num_classes=-1` takes the largest label for the last class.

    >>> import minitorch
    >>> minitorch.nn.functional.one_hot(minitorch.tensor([2, 0]), num_classes=3)
    tensor([[0, 0, 1],
            [1, 0, 0]])
    """
    labels = _ints("one_hot", tensor)
    if num_classes == -1:
        if not labels.size:
            raise ShapeError("one_hot: no labels, so num_classes must be given")
        num_classes = int(labels.max()) + 1
    _check_rows("one_hot", labels, num_classes)
    classes = np.arange(num_classes, like=labels) if has_values(labels) else np.arange(num_classes)
    return make((labels[..., None] == classes).astype(np.int64))


def _ints(name: str, x: Any) -> Array:
    x = raw(x)
    x = x if hasattr(x, "dtype") else np.asarray(x)
    if x.dtype.kind not in "iu":
        raise TypeError(f"{name}: expected ints, got {x.dtype}; use .long()")
    return x


@one_call
def _check_rows(name: str, index: Array, rows: int) -> None:
    """Raises unless every index is one of 0 .. rows - 1."""
    if type(index) is np.ndarray and all_below(index, rows):
        return
    if not has_values(index) or not index.size:
        return
    unsigned = index.astype(np.uint64)  # without its sign a negative number is a huge one
    if unsigned.max() >= rows:
        place = first_true(unsigned >= rows)
        at = f" at position {', '.join(map(str, place))}" if place else ""
        raise IndexError(
            f"{name}: index {index[place].item()}{at} is out of range for {rows} rows, "
            f"0 to {rows - 1}"
        )


# where things are -----------------------------------------------------------------------------


@op(methods="nonzero")
def nonzero(x, *, as_tuple=False):
    """The places of what is not 0: one row for each, or a vector for each axis.

    A number that is not 0 has one place, with no index in its row; as a tuple, index 0 of a row.

    >>> import minitorch
    >>> minitorch.tensor([[0, 7], [8, 0]]).nonzero()
    tensor([[0, 1],
            [1, 0]])
    """
    found = (x if x.shape else x.reshape(1)).nonzero()
    return found if as_tuple else np.stack(found, 1)[:, : x.ndim]


@composite(methods="argwhere")
def argwhere(x: Tensor) -> Tensor:
    """`nonzero`, by NumPy's name for one row per place."""
    return nonzero(x)


@op(methods="unique")
def unique(x, *, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The different values of x (or slices along `dim`), always in order.

    `return_inverse` adds where in the result each element is, `return_counts` how often it occurs.

    >>> import minitorch
    >>> minitorch.tensor([3, 1, 3]).unique(return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    found = np.unique(x, return_inverse=return_inverse, return_counts=return_counts, axis=dim)
    if not return_inverse:
        return found
    values, inverse, *counts = found
    return (values, inverse.reshape(x.shape if dim is None else -1), *counts)


@op
def searchsorted(sorted_sequence, input, *, right=False, side=None):
    """Where in a sorted vector each number would go: before its equals, or behind them.

    >>> import minitorch
    >>> edges = minitorch.tensor([1.0, 2.0, 3.0])
    >>> minitorch.searchsorted(edges, minitorch.tensor([2.0, 5.0]))
    tensor([1, 3])
    """
    if sorted_sequence.ndim != 1:
        raise ValueError(f"sorted_sequence must be a vector, got {sorted_sequence.shape}")
    side = side or ("right" if right else "left")
    return np.searchsorted(sorted_sequence, input, side=side)


@composite()
def isin(elements: Any, test_elements: Any, *, invert: bool = False) -> Tensor:
    """True for the elements that are among the test elements; `invert`: that are not.

    >>> import minitorch
    >>> minitorch.isin(minitorch.tensor([1, 2, 3]), minitorch.tensor([3, 1]))
    tensor([ True, False,  True])
    """
    each = elements if isinstance(elements, Tensor) else Tensor(elements)
    among = test_elements if isinstance(test_elements, Tensor) else Tensor(test_elements)
    found = any(unsqueeze(each, -1) == reshape(among, (-1,)), -1)
    return ~found if invert else found


@composite(methods="bucketize")
def bucketize(input: Tensor, boundaries: Tensor, *, right: bool = False) -> Tensor:
    """The number of the bucket, between sorted boundaries, that each number falls into."""
    return searchsorted(boundaries, input, right)


@composite(methods="bincount")
def bincount(input: Any, weights: Any = None, minlength: int = 0) -> Tensor:
    """y[c] = how often c occurs, or the sum of its weights.

    >>> import minitorch
    >>> minitorch.bincount(minitorch.tensor([0, 2, 2]))
    tensor([1, 0, 2])
    """
    labels = _ints("bincount", input)
    if labels.ndim != 1 or (has_values(labels) and (labels < 0).any()):
        raise ValueError("bincount: expected a vector of ints, none negative")
    weights = raw(weights)
    counts = np.bincount(labels, weights, minlength)
    return make(counts if weights is None else counts.astype(weights.dtype, copy=False))
