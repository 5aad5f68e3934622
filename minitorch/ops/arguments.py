"""What an op is told beside its tensors: which dims, and whether floats are needed."""

from functools import lru_cache
from typing import Any, SupportsIndex

from minitorch.call import axis_error
from minitorch.dtypes import FLOATING


def dim_of(dim: int, ndim: int, name: str = "") -> int:
    """`dim` counted from the front; a number (no axes) has a dim 0 all the same, as in torch.

    Errors open with `name`; those of an op body need none, the engine names the op.

    Raises:
        IndexError: `dim` is out of range.
        TypeError: it is no int.
    """
    if type(dim) is not int:
        dim = whole_dim(dim, name)
    if -ndim <= dim < ndim or (ndim == 0 and dim in (0, -1)):
        return dim % (ndim or 1)
    raise axis_error(dim, ndim, name)


def check_floats(who: str, name: str, x: Any) -> None:
    """Raises a TypeError, for the op `who`, where its input of that name holds ints or bools."""
    if x.dtype.kind not in FLOATING:
        raise TypeError(f"{who}: {name} needs float, got {x.dtype}; try {name}.float()")


def dims_of(dim: Any, ndim: int, name: str = "") -> tuple[int, ...]:
    """The dims meant by an int, several, or None for all, counted from the front.

    Raises:
        IndexError: one is out of range.
        ValueError: one is named twice.
    """
    if type(dim) is int:
        return (dim_of(dim, ndim, name),)
    if dim is None:
        return tuple(range(ndim))
    if isinstance(dim, (tuple, list)):
        return _dims_of(tuple(dim), ndim, name)
    return (dim_of(dim, ndim, name),)


def whole_dim(dim: Any, name: str = "") -> int:
    """A dim that is no `int` as one, where it is a whole number."""
    if isinstance(dim, bool) or not isinstance(dim, SupportsIndex):
        where = f"{name}: " if name else ""
        hint = f"; is it keepdim={dim}?" if isinstance(dim, bool) else ""
        raise TypeError(f"{where}a dim is an int, got {dim!r}{hint}")
    return dim.__index__()


@lru_cache
def _dims_of(given, ndim, name):
    dims = tuple([dim_of(d, ndim, name) for d in given])
    if len(set(dims)) < len(dims):
        where = f"{name}: " if name else ""
        raise ValueError(f"{where}dims {given} name one of {ndim} axes twice")
    return dims
