"""The stand-in for CuPy refuses what CuPy refuses."""

import operator
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from minitorch import array as arrays
from tests import fakecupy
from tests.fakecupy import counters, gpu, modules, names, regenerate, signatures
from tests.fakecupy import cupy as cp
from tests.fakecupy.array import ndarray
from tests.fakecupy.checking import HOST, fresh, same

# in place of the real one ------------------------------------------------------------------------


def test_import_gives_the_standin_and_afterwards_what_was_there():
    before = sys.modules.get("cupy")
    with fakecupy.installed() as module:
        import cupy
        import cupy.cuda.runtime
        import cupyx
        from cupy.lib.stride_tricks import as_strided

        assert cupy is module is fakecupy.cupy
        assert cupyx is fakecupy.cupyx
        assert as_strided is module.lib.stride_tricks.as_strided
        with fakecupy.installed() as again:
            assert again is module
        assert sys.modules["cupy"] is module
    assert sys.modules.get("cupy") is before
    assert "cupyx" not in sys.modules or before is not None


def test_install_is_idempotent_and_keeps_what_it_replaces(monkeypatch):
    other = type(sys)("cupy")
    monkeypatch.setitem(sys.modules, "cupy", other)
    fakecupy.install()
    fakecupy.install()
    assert sys.modules["cupy"] is fakecupy.cupy
    fakecupy.uninstall()
    assert sys.modules["cupy"] is other


def test_minitorch_runs_on_it():
    with fakecupy.installed():
        y = arrays.move(HOST, "cuda")
        assert type(y) is ndarray
        assert arrays.is_cupy(y)
        assert arrays.device_of(y) == "cuda:0"
        same(np.exp(y), np.exp(HOST))
        np.testing.assert_array_equal(arrays.move(y, "cpu"), HOST)
        with gpu.missing():
            assert not arrays.cuda_is_available()


# no way to the host but by asking ----------------------------------------------------------------


@pytest.mark.parametrize(
    "convert",
    [
        np.asarray,
        np.array,
        lambda x: np.array([x, x]),
        lambda x: np.lib.stride_tricks.as_strided(x, (2,)),
        lambda x: HOST.copy().__setitem__(0, x[0]),
    ],
)
def test_implicit_conversion_is_refused(convert):
    x = fresh()
    with pytest.raises(TypeError, match="Implicit conversion to a NumPy array is not allowed"):
        convert(x)


def test_an_array_is_not_numpys():
    x = fresh()
    assert not isinstance(x, np.ndarray)
    assert type(x).__module__ == "cupy"
    assert x.__array_priority__ == 100
    with pytest.raises(TypeError, match="unhashable"):
        hash(x)
    with pytest.raises(AttributeError):
        x.note = 1


def test_a_0d_array_is_no_index():
    x = fresh()
    i = x[0, 0].astype(int)
    with pytest.raises(TypeError, match="interpreted as an integer"):
        range(i)
    with pytest.raises(TypeError):
        [1, 2][i]


# host arrays among its operands ------------------------------------------------------------------

SYMBOLS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv]
SYMBOLS += [operator.mod, operator.pow, operator.matmul, operator.lt, operator.eq, divmod]


@pytest.mark.parametrize("symbol", SYMBOLS, ids=lambda f: f.__name__)
def test_operators_refuse_host_arrays(symbol):
    x = fresh()
    square, host = x[:, :2], HOST[:, :2]
    for pair in ((square, host), (host, square)):
        with pytest.raises(TypeError, match=r"Unsupported type <class 'numpy.ndarray'>"):
            symbol(*pair)
    same(symbol(square, square + 1)[0], np.asarray(symbol(host, host + 1)[0]))


@pytest.mark.parametrize("symbol", [operator.add, operator.mul, operator.pow])
def test_a_0d_host_array_is_a_host_array(symbol):
    x = fresh()
    for pair in ((x, np.array(2.0)), (np.array(2.0), x)):
        with pytest.raises(TypeError, match="Unsupported type"):
            symbol(*pair)


def test_comparisons_alone_take_a_0d_host_array():
    x = fresh()
    same(x > np.array(2.0), HOST > 2)
    same(np.array(2.0) > x, HOST < 2)


def test_in_place_operators_refuse_host_arrays():
    x = fresh()
    with pytest.raises(TypeError, match="Unsupported type"):
        x += HOST
    host = HOST.copy()
    with pytest.raises(TypeError, match="Unsupported type"):
        host += x


def test_in_place_operators_write_the_same_memory():
    x = fresh()
    view = x[0]
    x *= 2
    x -= x
    same(view, np.zeros(3))
    with pytest.raises(TypeError, match="same_kind"):
        x.astype(int).__iadd__(0.5)


def test_matmul_in_place_rebinds():
    x = fresh()
    before = a = x[:, :2].copy()
    a @= a
    assert a is not before
    same(before, HOST[:, :2])


def test_scalars_are_fine_and_keep_their_kind():
    a = cp.ones(2, cp.float32)
    assert (a + 1.0).dtype == (2 * a).dtype == (a / np.float32(3)).dtype == np.float32
    assert (np.float64(1) + a).dtype == np.float64
    same(-abs(a - 3), np.array([-2, -2], np.float32))
    same(~(a > 0), np.array([False, False]))
    with pytest.raises(ValueError):
        a @ 2


@pytest.mark.parametrize("other", [[1, 2, 3], (1, 2, 3), None, "a", object()])
def test_anything_else_is_no_operand(other):
    x = fresh()
    with pytest.raises(TypeError):
        x + other
    with pytest.raises(TypeError):
        np.add(x, other)


def test_equality_with_strangers_is_false():
    x = fresh()
    same(x == None, np.zeros((2, 3), bool))  # noqa: E711
    same(x != object(), np.ones((2, 3), bool))


class Stranger:
    """Takes part in operators by its own reflected methods, as a Tensor does."""

    __array_ufunc__ = None

    def __radd__(self, other):
        return "mine"

    __rmatmul__ = __req__ = __radd__

    def __eq__(self, other):
        return "mine"

    __hash__ = None


def test_operators_give_way_to_a_class_without_array_ufunc():
    x = fresh()
    assert x + Stranger() == "mine"
    assert x @ Stranger() == "mine"
    assert (x == Stranger()) == "mine"
    with pytest.raises(TypeError):
        np.add(x, Stranger())
    with pytest.raises(TypeError, match="Unsupported type"):
        x += Stranger()


# NumPy's functions reach CuPy's -----------------------------------------------------------------


def test_numpy_functions_and_ufuncs_run_on_the_array():
    x = fresh()
    same(np.exp(x), np.exp(HOST))
    same(np.sum(x, axis=1, keepdims=True), HOST.sum(1, keepdims=True))
    same(np.matmul(x, x.T), HOST @ HOST.T)
    same(np.einsum("ij,kj->ik", x, x), np.einsum("ij,kj->ik", HOST, HOST))
    same(np.concatenate([x, x]), np.concatenate([HOST, HOST]))
    same(np.where(x > 2, x, 0.0), np.where(HOST > 2, HOST, 0))
    same(np.linalg.norm(x, axis=0), np.linalg.norm(HOST, axis=0))
    same(np.fft.fft(x), np.fft.fft(HOST))
    same(np.pad(x, 1), np.pad(HOST, 1))
    same(np.sinc(x), np.sinc(HOST))
    assert [part.shape for part in np.split(x, 3, axis=1)] == [(2, 1)] * 3
    out = cp.empty((2, 3))
    assert np.add(x, 1, out=out) is out
    assert np.add(x, 1, out) is out
    same(out, HOST + 1)
    assert counters.h2d == 0


@pytest.mark.parametrize("name", ["insert", "unstack", "block", "ediff1d_", "nan_to_num_"])
def test_a_function_that_cupy_lacks_is_refused(name):
    x = fresh()
    if hasattr(np, name):
        with pytest.raises(TypeError, match="no implementation found"):
            getattr(np, name)(*[x, 0, 1][: 3 if name == "insert" else 1])
    with pytest.raises(AttributeError, match=f"module 'cupy' has no attribute '{name}'"):
        getattr(cp, name)


@pytest.mark.parametrize("name", ["errstate", "seterr", "geomspace", "einsum_path", "vecdot"])
def test_names_that_cupy_lacks_are_missing(name):
    assert not hasattr(cp, name)


@pytest.mark.parametrize("name", ["fuse", "r_", "vectorize", "load"])
def test_names_that_only_the_standin_lacks_say_so(name):
    with pytest.raises(NotImplementedError, match=f"CuPy has cupy.{name}"):
        getattr(cp, name)


def test_a_ufunc_that_cupy_lacks_is_refused():
    x = fresh()
    with pytest.raises(TypeError):
        np.spacing(x)
    with pytest.raises(TypeError):
        np.vecdot(x, x)


def test_functions_refuse_host_arrays():
    x = fresh()
    for call in (
        lambda: np.where(x > 2, x, HOST),
        lambda: np.concatenate([x, HOST]),
        lambda: cp.sum(HOST),
        lambda: cp.add(HOST, 1),
        lambda: np.add(x, 1, out=HOST.copy()),
        lambda: np.einsum("ij,ij", x, HOST),
        lambda: np.dot(x, HOST.T),
    ):
        with pytest.raises(TypeError, match=r"Unsupported type <class 'numpy.ndarray'>"):
            call()
    with pytest.raises(TypeError, match="Unsupported type <class 'list'>"):
        cp.add(x, [1, 2, 3])
    with pytest.raises(AttributeError):
        np.where(True, x, x)


KEYWORDS = [
    *[(name, key) for name in ("sum", "prod", "max", "min") for key in ("where", "initial")],
    *[("mean", "where"), ("var", "where"), ("std", "where"), ("clip", "min"), ("clip", "max")],
    *[("sort", "stable"), ("argsort", "stable"), ("einsum", "out"), ("einsum", "order")],
    *[("einsum", "casting"), ("eye", "device"), ("full", "device"), ("var", "correction")],
    *[("reshape", "shape"), ("take", "mode"), ("zeros", "device")],
]


@pytest.mark.parametrize(("name", "keyword"), KEYWORDS)
def test_keywords_that_cupy_lacks_are_refused(name, keyword):
    x = fresh()
    with pytest.raises(TypeError, match=r"unexpected keyword|missing a required"):
        getattr(cp, name)(x, **{keyword: 1})
    if hasattr(ndarray, name) and (name, keyword) != ("clip", keyword):
        with pytest.raises(TypeError, match=keyword):
            getattr(x, name)(**{keyword: 1})


def test_clip_takes_bounds_by_place_as_a_function_and_by_name_as_a_method():
    x = fresh()
    same(np.clip(x, 1, 2), HOST.clip(1, 2))
    same(x.clip(min=1), HOST.clip(1))
    with pytest.raises(TypeError):
        np.clip(x, min=1)


@pytest.mark.parametrize("keyword", ["where", "order", "subok"])
def test_ufuncs_take_out_dtype_and_casting_only(keyword):
    x = fresh()
    with pytest.raises(TypeError, match="Wrong arguments"):
        np.add(x, x, **{keyword: x > 0 if keyword == "where" else "K"})
    assert np.add(x, x, dtype=np.float32, casting="unsafe").dtype == np.float32


def test_ufuncs_count_their_arguments():
    x = fresh()
    with pytest.raises(TypeError, match="Wrong number of arguments"):
        cp.add(x)
    fractional, integral = cp.modf(x / 2)
    same(fractional + integral, HOST / 2)
    with pytest.raises(ValueError, match="exactly one"):
        np.modf(x, out=(x, x))
    same(cp.fix(x / 2), np.trunc(HOST / 2))
    same(cp.sinc(x / 2, x), np.sinc(HOST / 2))
    assert cp.sinc(x, dtype=np.float32).dtype == np.float32
    assert repr(cp.add) == "<ufunc 'cupy_add'>"


def test_a_gpu_divides_by_zero_quietly():
    x = fresh()
    assert np.isnan((x / 0)[0, 0].get())
    assert np.isinf(np.log(x * 0)).all()


# the committed names -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line", ["", "a", "a b=", "a / b= * c", "a / * c=", "*args c=", "a *args c= **rest", "a b /"]
)
def test_a_short_line_says_what_a_signature_says(line):
    assert signatures.write(signatures.read(line)) == line


def test_short_lines_come_from_functions_and_from_docstrings():
    def plain(a, b=1, *, c=None): ...

    class Compiled:
        """_ndarray_base.swapaxes(self, Py_ssize_t axis1, int axis2=-1) -> _ndarray_base"""

        __signature__ = "none"

    class Silent:
        __signature__ = "none"

    assert signatures.of(plain) == "a b= * c="
    assert signatures.of(Compiled()) == "self axis1 axis2="
    assert signatures.of(Silent()) == signatures.ANYTHING


def test_the_array_offers_nothing_that_cupys_lacks():
    allowed = {*names.METHODS, *names.ATTRIBUTES.split(), *names.SPECIAL_METHODS.split()}
    private = {"_adopt", "_base", "_device", "_host"}
    pythons = {"__slots__", "__weakref__", "__getattr__", "__module__"}
    extra = {n for n in vars(ndarray) if n not in allowed | private and not hasattr(object, n)}
    assert (
        extra - pythons - {n for n in extra if n.startswith("__static") or n == "__firstlineno__"}
        == set()
    )


@pytest.mark.parametrize("name", modules.OWN)
def test_functions_written_here_have_cupys_parameters(name):
    assert signatures.of(getattr(cp, name)) == names.FUNCTIONS[name]


@pytest.mark.parametrize("name", ["get", "set", "item", "fill", "nonzero", "take", "put", "tolist"])
def test_methods_written_here_have_cupys_parameters(name):
    assert signatures.of(getattr(ndarray, name)) == names.METHODS[name]


def test_a_module_cannot_offer_more_than_cupy():
    with pytest.raises(ImportError, match="offers more than CuPy"):
        modules.Standin("cupy", ["sum"], {"einsum_path": print})


def test_the_committed_names_are_those_of_the_cupy_installed():
    real = pytest.importorskip("cupy", reason="the real CuPy is not installed")
    import cupyx

    if real.__version__ != names.VERSION:
        pytest.skip(f"names.py is for CuPy {names.VERSION}, installed is {real.__version__}")
    text = regenerate.render(real.__version__, regenerate.gather(real, cupyx))
    assert text == Path(names.__file__).read_text(encoding="utf-8")


def test_it_works_without_a_test_runner():
    code = (
        "from tests import fakecupy; fakecupy.install(); import cupy; "
        "print(float(cupy.arange(4).sum()))"
    )
    root = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=root, capture_output=True, text=True
    )
    assert done.stdout == "6.0\n", done.stderr
