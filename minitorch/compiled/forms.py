"""The form in which a call writes its result into memory that is there already.

Most of NumPy's functions take `out=`; copies are assignments; what only makes room needs no call.
A call without such a form (`where`, fancy indexing, `einsum`) has NumPy make its result anew.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.compiled.program import Call, Value
from minitorch.traced import Method

# Not mean, var and std: with out= they round once where they otherwise round twice.
_REDUCES = {"sum": np.add, "prod": np.multiply, "max": np.maximum, "min": np.minimum}
_TAKES_OUT = {np.dot, np.concatenate, np.stack}
_COPIES = {"copy", "astype"}
_RESHAPES = {"reshape", "ravel", "flatten"}
_FILLS = {np.zeros_like: 0, np.ones_like: 1}


def form_of(call: Call) -> str | None:
    """How a call can be given the memory of its result.

    "ufunc": as its last argument; "out": by name; "reduce": a sum and its like; "copy" and
    "reshape": assigned; "fill": with one number; "empty": not at all. None: it cannot.
    """
    function = call.function
    if "out" in call.kwargs:
        return None
    if isinstance(function, np.ufunc):
        return "ufunc" if function.nout == 1 and len(call.args) == function.nin else None
    if isinstance(getattr(function, "__self__", None), np.ufunc):
        on_host = call.result.storage.device == "cpu"
        return "out" if on_host and function.__name__ in ("reduce", "accumulate") else None
    if isinstance(function, Method):
        return _form_of_method(function.name, call)
    if function in _TAKES_OUT:
        return "out"
    if function in _FILLS or function is np.full_like:
        return "fill"
    return "empty" if function is np.empty_like else None


def _form_of_method(name: str, call: Call) -> str | None:
    if name in _REDUCES:
        return "reduce"
    if name == "dot":
        return "out"
    if name in _COPIES:
        return "copy"
    if name in _RESHAPES and "order" not in call.kwargs:
        in_order = name == "reshape" or len(call.args) == 1
        return "reshape" if in_order else None
    return None


def reduction(call: Call) -> tuple[Any, tuple]:
    """x.sum(...) as np.add.reduce(x, axis, dtype, out, keepdims), without the way there.

    Returns:
        The function and (axis, dtype, keepdims); or (None, ()) if more was asked for.
    """
    function: Any = call.function
    names: tuple[str, ...] = ("axis", "dtype", "out", "keepdims")
    if function.name in ("max", "min"):
        names = ("axis", "out", "keepdims")
    given = {**dict(zip(names, call.args[1:])), **call.kwargs}
    if not given.keys() <= {"axis", "dtype", "keepdims"}:
        return None, ()
    reduce = _REDUCES[function.name].reduce
    return reduce, (given.get("axis"), given.get("dtype"), given.get("keepdims", False))


def filling(call: Call) -> Any:
    """The number that zeros_like, ones_like or full_like puts everywhere."""
    if call.function in _FILLS:
        return _FILLS[call.function]
    return call.args[1] if len(call.args) > 1 else call.kwargs["fill_value"]


def ready(call: Call) -> tuple:
    """The arguments of a ufunc, with Python's numbers in the form that NumPy takes fastest.

    NumPy makes an array of a Python number at every call, which takes longer than an op on a small
    array. Of which dtype it would be, NumPy itself says.
    """
    ufunc: Any = call.function
    arrays = [x for x in call.args if isinstance(x, Value)]
    numbers = [x for x in call.args if type(x) in (int, float)]
    if (
        not numbers
        or call.kwargs
        or any(x.storage.device != "cpu" for x in arrays)
        or not all(x.dtype.kind == "f" for x in arrays)
    ):
        return call.args
    kinds = [type(x) if type(x) in (int, float) else getattr(x, "dtype", None) for x in call.args]
    try:
        loop = ufunc.resolve_dtypes((*kinds, *(None,) * ufunc.nout))
    except TypeError:
        return call.args
    return tuple(
        [np.array(x, d) if type(x) in (int, float) else x for x, d in zip(call.args, loop)]
    )
