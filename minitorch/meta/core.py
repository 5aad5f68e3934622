"""The class Meta, how it hears what NumPy is asked, and the two arrays that cost nothing.

The rules it answers by are in `rules.py`. This file imports NumPy and the standard library only.
"""

import math
import operator
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import DTypeLike

Shape = tuple[int, ...]

# How a NumPy function answers, and a ufunc called as `ufunc(...)`, `ufunc.reduce(...)` and so on.
RULES: dict[Callable, Callable] = {}
UFUNC_RULES: dict[str, Callable] = {}


class Meta(NDArrayOperatorsMixin):
    """An array with a shape and a dtype and no values.

    >>> x = Meta((8, 1, 28, 28), np.float32)
    >>> x.reshape(8, -1).sum(axis=1, keepdims=True) * 2.0
    Meta((8, 1), float32)
    """

    __slots__ = ("__weakref__", "dtype", "shape")

    def __init__(self, shape: int | Iterable[int], dtype: DTypeLike = float) -> None:
        batch = np.empty((0, *as_shape(shape)), dtype)
        self.shape: Shape = batch.shape[1:]
        self.dtype: np.dtype = batch.dtype

    # what an array says about itself, as if it were real and freshly made ----------------------

    ndim = property(lambda self: len(self.shape))
    size = property(lambda self: math.prod(self.shape))
    itemsize = property(lambda self: self.dtype.itemsize)
    nbytes = property(lambda self: self.size * self.itemsize)
    base = property(lambda self: None)
    T = property(lambda self: self.transpose())
    mT = property(lambda self: self.swapaxes(-1, -2))  # noqa: N815 - NumPy's name

    @property
    def strides(self) -> Shape:
        steps = [self.itemsize]
        for length in self.shape[:0:-1]:
            steps.append(steps[-1] * length)
        return tuple(steps[self.ndim - 1 :: -1]) if self.shape else ()

    @property
    def flags(self) -> SimpleNamespace:
        return SimpleNamespace(c_contiguous=True, f_contiguous=self.ndim < 2, writeable=True)

    def __repr__(self) -> str:
        return f"Meta({self.shape}, {self.dtype})"

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self) -> Iterator["Meta"]:
        if not self.shape:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    # the two protocols -------------------------------------------------------------------------

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: tuple = (), **kwargs: Any
    ) -> Any:
        if not all(isinstance(x, _OPERANDS) for x in (*inputs, *out)):
            inputs = _without_values(inputs)
            if not all(isinstance(x, _OPERANDS) for x in (*inputs, *out)):
                return NotImplemented
        try:
            y = UFUNC_RULES[method](ufunc, *inputs, **kwargs)
            if not out:
                return y
            pairs = zip(out, y if isinstance(y, tuple) else (y,), strict=True)
            casting = kwargs.get("casting", "same_kind")
            filled = [y if o is None else _into(o, y, casting) for o, y in pairs]
        except (ValueError, IndexError) as error:
            if out:
                kwargs["out"] = out
            asked = ufunc if method == "__call__" else getattr(ufunc, method)
            raise _true_error(error, asked, inputs, kwargs) from None
        return tuple(filled) if len(filled) > 1 else filled[0]

    def __array_function__(
        self, func: Callable, types: Iterable[type], args: tuple, kwargs: dict
    ) -> Any:
        if not all(issubclass(kind, (Meta, np.ndarray)) for kind in types):
            if not all(issubclass(kind, (Meta, np.ndarray)) or _is_on_gpu(kind) for kind in types):
                return NotImplemented
            args = _without_values(args)
        rule = RULES.get(func)
        if rule is None:
            name = f"{func.__module__}.{func.__name__}"
            raise TypeError(
                f"{name} has no rule for meta arrays, which have a shape and a dtype but no "
                "values: add one to minitorch/meta/rules.py, or run this on real data"
            )
        options = dict(kwargs)
        out = options.pop("out", None)
        try:
            y = rule(*args, **options)
            if out is not None and y.shape != out.shape:
                raise ValueError(f"out has shape {out.shape} where {y.shape} is needed")
        except (ValueError, IndexError) as error:
            raise _true_error(error, func, args, kwargs) from None
        return y if out is None else _into(out, y)

    # indexing ----------------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> "Meta":
        # Here the empty axis goes last: index arrays can move what they select to the front, and an
        # empty axis that nothing but a full slice touches stays behind everything else.
        key = tuple(map(_index, key if isinstance(key, tuple) else (key,)))
        rest = () if any(k is Ellipsis for k in key) else (Ellipsis,)
        strict = any(isinstance(k, (np.ndarray, list)) for k in key)
        try:
            with _strict_bounds() if strict else nullcontext():
                y = np.empty((*self.shape, 0), self.dtype)[(*key, *rest, slice(None))]
        except (IndexError, DeprecationWarning) as error:
            raise _true_error(error, operator.getitem, (self, key), {}) from None
        return new(y.shape[:-1], y.dtype)

    def __setitem__(self, key: Any, value: Any) -> None:
        np.copyto(self[key], value, casting="unsafe")

    # methods unlike the function of their name; the others are bound at the end ----------------

    def reshape(self, *shape: Any, order: str = "C", copy: bool | None = None) -> "Meta":
        return from_view(view_of(self).reshape(*shape, order=order))

    def transpose(self, *axes: Any) -> "Meta":
        return from_view(view_of(self).transpose(*axes))

    def view(self, dtype: DTypeLike | None = None) -> "Meta":
        if not self.shape:
            return from_view(view_of(self).view(dtype or self.dtype))
        return from_batch(batch_of(self).view(dtype or self.dtype))

    def astype(self, dtype: DTypeLike, *args: Any, **kwargs: Any) -> "Meta":
        return from_batch(batch_of(self).astype(dtype, *args, **kwargs))

    def copy(self, order: str = "C") -> "Meta":
        return new(self.shape, self.dtype)

    def ravel(self, order: str = "C") -> "Meta":
        return new((self.size,), self.dtype)

    flatten = ravel

    def clip(self, min: Any = None, max: Any = None, out: Any = None, **kwargs: Any) -> "Meta":
        return np.clip(self, min, max, out=out, **kwargs)

    def fill(self, value: Any) -> None:
        np.copyto(self, value, casting="unsafe")

    def put(self, indices: Any, values: Any) -> None:
        self.ravel()[indices] = values

    def sort(self, axis: int = -1, **kwargs: Any) -> None:
        np.sort(self, axis, **kwargs)

    def partition(self, kth: Any, axis: int = -1, **kwargs: Any) -> None:
        np.partition(self, kth, axis, **kwargs)


_OPERANDS = (Meta, np.ndarray, np.generic, int, float, complex, list, tuple, type(None))


def _without_values(operands: tuple) -> tuple:
    """The same operands, with a Meta for every array on a GPU, as a model there holds."""
    found = []
    for x in operands:
        if isinstance(x, (tuple, list)):
            x = type(x)(_without_values(tuple(x)))
        elif _is_on_gpu(type(x)):
            x = Meta(x.shape, x.dtype)
        found.append(x)
    return tuple(found)


def _is_on_gpu(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == "cupy"


# the two arrays that cost nothing, and the way back from each ---------------------------------


def new(shape: Shape, dtype: np.dtype) -> Meta:
    """A Meta of a shape and dtype that NumPy has already checked."""
    meta = object.__new__(Meta)
    meta.shape, meta.dtype = shape, dtype
    return meta


def as_shape(shape: Any) -> tuple:
    return (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)


def as_meta(x: Any) -> Meta:
    if isinstance(x, Meta):
        return x
    x = np.asarray(x)
    return new(x.shape, x.dtype)


def view_of(x: Any) -> Any:
    """One zero that looks like an array of x's shape; containers are searched, the rest is kept."""
    if isinstance(x, Meta):
        return np.ndarray(x.shape, x.dtype, np.zeros(1, x.dtype), 0, (0,) * len(x.shape))
    return type(x)(map(view_of, x)) if isinstance(x, (list, tuple)) else x


def from_view(y: Any) -> Any:
    if isinstance(y, np.ndarray):
        return new(y.shape, y.dtype)
    return type(y)(map(from_view, y)) if isinstance(y, (list, tuple)) else y


def batch_of(x: Any, ndim: int = 0) -> Any:
    """Zero arrays like x, if it is a Meta, with ones in front to make each `ndim` deep.

    The ones keep the empty axis to the left of every axis that takes part in broadcasting. Real
    arrays and Python scalars are left as they are: NumPy broadcasts and promotes them by its rules.
    """
    if not isinstance(x, Meta):
        return x
    return np.empty((0,) + (1,) * (ndim - len(x.shape)) + x.shape, x.dtype)


def from_batch(y: Any) -> Any:
    return tuple(map(from_batch, y)) if isinstance(y, tuple) else new(y.shape[1:], y.dtype)


def _true_error(error: Exception, func: Callable, args: tuple, kwargs: dict) -> Exception:
    """The same error as NumPy words it for the true shapes.

    A ufunc and an index are checked before an element is touched. Some functions copy the array
    first, so they are asked again only about arrays of ordinary size.
    """
    checks_first = isinstance(func, np.ufunc) or func is operator.getitem
    if not checks_first and _size(args) > 10**6:
        error.add_note("These shapes are of an empty batch of meta arrays: leave out the first 0.")
        return error
    try:
        func(*view_of(args), **{name: view_of(value) for name, value in kwargs.items()})
    except MemoryError:
        return error
    except Exception as true_error:
        return true_error
    return error


def _size(x: Any) -> int:
    if isinstance(x, (list, tuple)):
        return sum(map(_size, x))
    return x.size if isinstance(x, Meta) else 0


def _index(key: Any) -> Any:
    """A Meta index as an array of zeros: where integers point to does not change the shape."""
    if isinstance(key, Meta) and key.dtype == bool:
        need_values("indexing with a boolean mask")
    return view_of(key)


@contextmanager
def _strict_bounds() -> Iterator[None]:
    """Before 2.4, NumPy only warned of an index out of bounds where nothing was to be taken."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        yield


def _into(out: Any, y: Meta, casting: str = "same_kind") -> Meta:
    """`out`, once it is known to have room for y: there is nothing to write."""
    if not isinstance(out, Meta):
        raise NeedsValuesError(f"cannot write {y} into a real array: a meta array has no values")
    if not np.can_cast(y.dtype, out.dtype, casting):
        raise TypeError(f"cannot cast {y.dtype} to {out.dtype} of out, with casting {casting!r}")
    if np.broadcast_shapes(y.shape, out.shape) != out.shape:
        raise ValueError(f"cannot write shape {y.shape} into out of shape {out.shape}")
    return out


class NeedsValuesError(TypeError, RuntimeError):
    """A question that a meta array cannot answer, having no values; a RuntimeError as in torch."""


def need_values(asked: str) -> None:
    raise NeedsValuesError(
        f"{asked} needs values, and a meta array has a shape and a dtype but no values: "
        'run this on real data, for example after .to("cpu")'
    )


# methods that are functions with the array first, and questions only values answer ------------


def _method(func: Callable) -> Callable:
    def method(self: Meta, *args: Any, **kwargs: Any) -> Any:
        return func(self, *args, **kwargs)

    method.__name__, method.__doc__ = func.__name__, f"As `np.{func.__name__}`."
    return method


def _refusal(asked: str) -> Callable:
    return lambda self, *args, **kwargs: need_values(asked)


_METHODS = (
    "all any argmax argmin argpartition argsort compress cumprod cumsum diagonal dot max mean min "
    "nonzero prod repeat round searchsorted squeeze std sum swapaxes take trace var"
)
for _name in _METHODS.split():
    setattr(Meta, _name, _method(getattr(np, _name)))

for _name, _asked in {
    "__array__": "np.asarray()",
    "__bool__": "bool()",
    "__complex__": "complex()",
    "__contains__": "in",
    "__float__": "float()",
    "__index__": "use as an index, a length or an axis",
    "__int__": "int()",
    "item": ".item()",
    "tobytes": ".tobytes()",
    "tolist": ".tolist()",
}.items():
    setattr(Meta, _name, _refusal(_asked))
