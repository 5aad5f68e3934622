"""The stand-in as modules: `cupy`, its submodules and `cupyx`, and how NumPy finds them."""

import contextlib
import functools
import importlib.machinery
import sys
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

from tests.fakecupy import cuda as _cuda
from tests.fakecupy import draws, functions, names
from tests.fakecupy.array import ndarray
from tests.fakecupy.state import counters
from tests.fakecupy.ufuncs import NUMBERS, UFUNCS, ufunc

_COMPARISONS = ("greater", "greater_equal", "less", "less_equal", "equal", "not_equal")


class Standin(ModuleType):
    """A module that has what it was given, and tells CuPy's other names from no names at all."""

    def __init__(self, name: str, known: Iterable[str], members: dict[str, Any]):
        super().__init__(name, f"A strict stand-in for {name}.")
        self.__spec__ = importlib.machinery.ModuleSpec(name, None, is_package=True)
        self.__path__: list[str] = []
        self.__known = frozenset(known)
        unknown = [
            n for n in members if n not in self.__known and not isinstance(members[n], Standin)
        ]
        if unknown:
            raise ImportError(f"{name} has no {unknown}: the stand-in offers more than CuPy")
        self.__dict__.update(members)

    def __getattr__(self, name: str) -> Any:
        if name in self.__known:
            raise NotImplementedError(
                f"CuPy has {self.__name__}.{name}; the stand-in does not do it"
            )
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")


def get_array_module(*args: Any) -> ModuleType:
    """The stand-in when one of the arguments is its array, else NumPy."""
    return cupy if any(isinstance(x, ndarray) for x in args) else np


OWN = (
    *("allclose", "array", "array_equal", "asarray", "ascontiguousarray", "asfortranarray"),
    *("asnumpy", "copyto", "empty", "empty_like", "from_dlpack", "full", "full_like"),
    *("get_default_memory_pool", "put", "put_along_axis", "take", "take_along_axis", "where"),
)

linalg = Standin(
    "cupy.linalg",
    [*names.LINALG, "LinAlgError", "matmul"],
    {
        **functions.numpy_functions(names.LINALG, np.linalg),
        "LinAlgError": np.linalg.LinAlgError,
        "matmul": UFUNCS["matmul"],
    },
)
fft = Standin("cupy.fft", names.FFT, functions.numpy_functions(names.FFT, np.fft))
random = Standin("cupy.random", [*names.RANDOM, *names.RANDOM_CLASSES.split()], draws.members())
stride_tricks = Standin(
    "cupy.lib.stride_tricks",
    names.STRIDE_TRICKS,
    {name: getattr(functions, name) for name in names.STRIDE_TRICKS},
)
lib = Standin("cupy.lib", (), {"stride_tricks": stride_tricks})
runtime = Standin("cupy.cuda.runtime", names.RUNTIME.split(), _cuda.RUNTIME)
core = Standin("cupy._core", _cuda.CORE, _cuda.CORE)  # private: the one place TF32 is set
cuda = Standin("cupy.cuda", names.CUDA.split(), {**_cuda.MEMBERS, "runtime": runtime})
cupy = Standin(
    "cupy",
    [
        *names.FUNCTIONS,
        *names.SHARED.split(),
        *names.UFUNCS.split(),
        *names.OTHERS.split(),
    ],
    {
        **{name: getattr(np, name) for name in names.SHARED.split() if hasattr(np, name)},
        **functions.numpy_functions(names.FUNCTIONS, np),
        **UFUNCS,
        **{name: getattr(functions, name) for name in OWN},
        **_cuda.KERNELS,
        "asanyarray": functions.asarray,
        "get_array_module": get_array_module,
        "is_available": _cuda.is_available,
        "ndarray": ndarray,
        "ufunc": ufunc,
        "_core": core,
        "cuda": cuda,
        "fft": fft,
        "lib": lib,
        "linalg": linalg,
        "random": random,
    },
)
cupy.__version__ = names.VERSION
cupyx = Standin(
    "cupyx",
    names.CUPYX.split(),
    {name: getattr(functions, name) for name in ("scatter_add", "scatter_max", "scatter_min")},
)


# NumPy's two protocols --------------------------------------------------------------------------


def _array_ufunc(self: ndarray, called: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """What `np.exp(x)`, `np.add.at(x, ...)` and `host + x` come to."""
    operands = inputs
    if "out" in kwargs:
        if len(kwargs["out"]) != 1:
            raise ValueError("The 'out' parameter must have exactly one array value")
        operands += kwargs["out"]
        kwargs["out"] = kwargs["out"][0]
    function = UFUNCS.get(called.__name__)
    # a tuple or a slice is refused as well: np.add.at(x, (i, j), v) has to be cupyx.scatter_add
    if function is None or not all(isinstance(x, ndarray | np.ndarray | _TYPES) for x in operands):
        return NotImplemented
    if called.__name__ in _COMPARISONS:
        inputs = [x.item() if isinstance(x, np.ndarray) and x.ndim == 0 else x for x in inputs]
    return (function if method == "__call__" else getattr(function, method))(*inputs, **kwargs)


def _array_function(self: ndarray, called: Any, types: Any, args: tuple, kwargs: dict) -> Any:
    """What `np.sum(x)` comes to: the function of the same name, or nothing."""
    try:
        path = called.__module__.split(".")[1:]
        function = getattr(functools.reduce(getattr, path, cupy), called.__name__)
    except AttributeError:
        return NotImplemented
    if function is called or not all(issubclass(t, ndarray | np.ndarray) for t in types):
        return NotImplemented
    return function(*args, **kwargs)


_TYPES = functools.reduce(lambda a, b: a | b, NUMBERS)
ndarray.__array_ufunc__ = _array_ufunc
ndarray.__array_function__ = _array_function


# in place of the real one -----------------------------------------------------------------------

_MODULES = {
    module.__name__: module
    for module in (cupy, core, cuda, runtime, fft, lib, stride_tricks, linalg, random, cupyx)
}
_before: dict[str, ModuleType] = {}


def install() -> None:
    """From now on `import cupy` and `import cupyx` give the stand-in."""
    if sys.modules.get("cupy") is cupy:
        return
    for name in [n for n in sys.modules if n.partition(".")[0] in ("cupy", "cupyx")]:
        _before[name] = sys.modules.pop(name)
    sys.modules.update(_MODULES)


def uninstall() -> None:
    """Puts back what was there before `install`."""
    for name in _MODULES:
        if sys.modules.get(name) is _MODULES[name]:
            del sys.modules[name]
    sys.modules.update(_before)
    _before.clear()


@contextlib.contextmanager
def installed() -> Iterator[ModuleType]:
    """Inside the block `import cupy` gives the stand-in, with its counters at zero."""
    already = sys.modules.get("cupy") is cupy
    install()
    counters.reset()
    try:
        yield cupy
    finally:
        if not already:
            uninstall()
