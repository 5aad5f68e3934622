"""What is saved comes back as it was, torch can read it, and what cannot be saved is named."""

from __future__ import annotations

import gc
import os
import sys
import tracemalloc
from enum import IntEnum
from math import inf, nan
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minitorch as mt
from minitorch import nn
from minitorch.dtypes import DTYPES
from minitorch.io import CheckpointError, load, safe, save, tree
from minitorch.io.tree import LONGEST_NAME, NAME
from minitorch.tree import leaves, map_leaves

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.safetensors"


def same(x: Any, y: Any) -> None:
    """Equal in type, structure and every bit, nan and -0.0 included."""
    assert type(x) is type(y)
    if isinstance(x, dict):
        assert [(type(key), key) for key in x] == [(type(key), key) for key in y]
        for key in x:
            same(x[key], y[key])
    elif isinstance(x, (list, tuple)):
        assert len(x) == len(y)
        for one, other in zip(x, y):
            same(one, other)
    elif isinstance(x, (mt.Tensor, np.ndarray)):
        a, b = np.asarray(x), np.asarray(y)
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        assert a.tobytes() == b.tobytes()
    else:
        assert repr(x) == repr(y)


def back(x: Any, path: Path) -> Any:
    save(x, path)
    return load(path)


# round trips ------------------------------------------------------------------------------------


def test_everything_that_can_be_saved_comes_back(path):
    state = {
        "none": None,
        "bools": [True, False],
        "ints": (0, -1, 2**127, -(2**200)),
        "floats": [0.1, -0.0, 5e-324, 1.7976931348623157e308, inf, -inf, nan, 1.0, 1e22],
        "strings": ["", "Gr\u00f6\u00dfe \U0001f600", '"\\\n\0'],
        "empty": [{}, [], ()],
        "tensor": mt.tensor([[1.0, 2.0]]),
        "array": np.arange(3, dtype=np.int16),
        "deep": {"a": [({"b": {1: mt.tensor(3), "1": "one", -2: [mt.zeros(0, 2)]}},)]},
        "tensor-like": {"tensor": "w", "float": "inf", "dict": {}},
    }
    same(back(state, path), state)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_dtype_comes_back_with_every_bit(path, dtype):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2 if dtype.kind == "b" else 256, (5, 24), np.uint8)
    state = {"tensor": mt.from_numpy(x.view(dtype)), "number": x.view(dtype)[0, :1].reshape(())}
    same(back(state, path), state)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1,), (2, 1, 3)])
def test_every_shape_comes_back(path, shape):
    same(back(mt.ones(shape), path), mt.ones(shape))


LAYOUTS = {
    "transposed": lambda x: x.T,
    "columns": lambda x: x[:, ::2],
    "reversed": lambda x: x[::-1],
    "Fortran": np.asfortranarray,
    "repeated": lambda x: np.broadcast_to(x[0], (3, 4)),
    "big-endian": lambda x: x.astype(">f4"),
    "one of many": lambda x: x[1:2, 2:3],
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_the_layout_in_memory_does_not_matter(path, layout):
    x = layout(np.arange(12, dtype=np.float32).reshape(3, 4))
    got = back({"array": x}, path)["array"]
    np.testing.assert_array_equal(got, x)
    assert got.dtype == np.float32
    assert got.flags.c_contiguous
    assert got.flags.writeable


def test_a_transposed_weight_is_read_right_by_the_library(path):
    numpy = pytest.importorskip("safetensors.numpy")
    w = mt.arange(6.0).reshape(2, 3)
    save({"w": w, "wt": w.T}, path)
    found = numpy.load_file(path)
    assert found["w"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert found["wt"].tolist() == [[0, 3], [1, 4], [2, 5]]


def test_numpy_numbers_become_pythons():
    """H177."""
    numbers = [np.float64(0.1), np.float32(0.5), np.int64(3), np.uint16(7), np.bool_(True)]
    form, arrays = tree.pack(numbers)
    assert [type(x) for x in form] == [float, float, int, int, bool]
    assert form == [0.1, 0.5, 3, 7, True]
    assert tree.pack(np.str_("a"))[0] == "a"
    assert not arrays


def test_graphs_and_gradients_stay_behind(path):
    w = mt.tensor([1.0, 2.0], requires_grad=True)
    y = w * 2
    y.sum().backward()
    got = back({"w": w, "y": y}, path)
    assert [(t.requires_grad, t.grad) for t in got.values()] == [(False, None)] * 2
    same(got["y"], mt.tensor([2.0, 4.0]))


def test_what_is_loaded_shares_memory_with_nothing(path):
    w = mt.ones(3)
    got = back({"a": w, "b": mt.ones(3)}, path)
    with mt.no_grad():
        got["a"] += 1
        w += 5
    assert got["a"].tolist() == [2.0] * 3
    assert got["b"].tolist() == [1.0] * 3


def test_tied_tensors_are_stored_once_and_tied_again(path):
    """K12."""
    shared = mt.rand(100, 100)
    save({"embedding": shared, "head": [shared, shared.detach()], "other": mt.ones(2)}, path)
    assert os.path.getsize(path) < 1.5 * shared.nbytes
    got = load(path)
    assert got["head"][0] is got["embedding"]
    assert got["head"][1] is got["embedding"]
    assert got["other"] is not got["embedding"]
    same(got["embedding"], shared)


def test_equal_tensors_that_are_not_tied_stay_apart(path):
    got = back([mt.zeros(2), mt.zeros(2), mt.zeros(0), mt.zeros(0)], path)
    assert len({id(t) for t in got}) == 4


def test_the_names_are_those_of_the_state_dict(path):
    numpy = pytest.importorskip("safetensors.numpy")
    state = {"layers.0.weight": mt.rand(2, 3), "layers.0.bias": mt.rand(2), "n": mt.tensor(7)}
    save(state, path)
    found = numpy.load_file(path)
    assert set(found) == set(state)
    for name, x in state.items():
        same(found[name], x.numpy())
    assert list(load(path)) == list(state)  # in the order of the state dict as well


@pytest.mark.parametrize(
    "state",
    [
        {"file": 1, "a/b": 2, "": 3, "..": 4, "../../evil": 5, "\u00e9": 6, ".": 7, " ": 8},
        {"a.b": 1, "a": {"b": 2}, "a_b": 3, "a/b": 4, "a-b": 5},
        {1: 1, "1": 2, -1: 3, "_1": 4},
        {"x" * 600: 1, "x" * 601: 2, "." * 1000: 3},
    ],
)
def test_any_key_may_hold_a_tensor(path, state):
    """H180."""
    state = map_leaves(mt.tensor, state)
    same(back(state, path), state)
    _, arrays = tree.pack(state)
    assert len(arrays) == len(leaves(state))
    assert all(NAME.fullmatch(name) and len(name) <= LONGEST_NAME for name in arrays)


KEYS = st.one_of(st.text(max_size=5), st.integers(-3, 3))
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False),
    st.text(max_size=5),
    st.just(nan),
    hnp.arrays(
        st.sampled_from(DTYPES), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
    ).flatmap(lambda x: st.sampled_from([x, mt.from_numpy(x)])),
)
TREES = st.recursive(
    LEAVES,
    lambda parts: st.one_of(
        st.lists(parts, max_size=4),
        st.lists(parts, max_size=4).map(tuple),
        st.dictionaries(KEYS, parts, max_size=4),
    ),
    max_leaves=15,
)


@settings(max_examples=200, deadline=None)
@given(TREES)
def test_any_tree_comes_back(tmp_path_factory, state):
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    same(back(state, path), state)


# models -----------------------------------------------------------------------------------------


class Net(nn.Module):
    """Two layers, with batch norm between them; `tied` gives the second the first one's weight."""

    def __init__(self, hidden: int = 4, tied: bool = False):
        super().__init__()
        self.one, self.norm = nn.Linear(4, hidden), nn.BatchNorm1d(hidden)
        self.two = nn.Linear(hidden, 4)
        if tied:
            self.two.weight = self.one.weight

    def forward(self, x: mt.Tensor) -> mt.Tensor:
        return self.two(self.norm(self.one(x)))


def test_a_model_comes_back_and_gives_the_same_outputs(path):
    """A24, D46, D47."""
    model, x = Net(), mt.rand(8, 4)
    model(x)  # moves the running statistics
    save(model.state_dict(), path)
    other = Net()
    other.load_state_dict(load(path))
    assert model.eval()(x).tolist() == other.eval()(x).tolist()
    same(dict(other.state_dict()), dict(model.state_dict()))


def test_a_model_of_another_shape_refuses_and_stays_as_it_was(path):
    """A24, H162, H164."""
    save(Net().state_dict(), path)
    model = Net(hidden=5)
    before = dict(model.state_dict())
    with pytest.raises(CheckpointError, match=r"two.weight: shape \(4, 4\), expected \(4, 5\)"):
        model.load_state_dict(load(path))
    same(dict(model.state_dict()), before)


def test_a_model_with_tied_weights_stores_them_once(path):
    """K12, E17, P20."""
    model = Net(tied=True)
    save(model.state_dict(), path)
    state = load(path)
    assert state["one.weight"] is state["two.weight"]
    other = Net(tied=True)
    other.load_state_dict(state)
    assert other.one.weight is other.two.weight
    same(dict(other.state_dict()), dict(model.state_dict()))
    apart = Net()
    apart.load_state_dict(state)
    assert not np.shares_memory(apart.one.weight.array, apart.two.weight.array)


def test_a_model_whose_sizes_are_open_is_not_saved(path):
    """R07."""
    with pytest.raises(RuntimeError, match="is still open"):
        save(nn.Sequential(nn.Linear(3)).state_dict(), path)
    with pytest.raises(RuntimeError, match="0"):
        save(dict(nn.Sequential(nn.Linear(3)).named_parameters()), path)
    assert not os.listdir(path.parent)


# devices ----------------------------------------------------------------------------------------


def test_load_takes_the_arguments_that_torch_takes(path):
    save({"w": mt.ones(2)}, path)
    assert load(path, map_location="cpu", weights_only=True)["w"].tolist() == [1, 1]
    assert load(path, mt.device("meta"))["w"].device == "meta"


def test_from_one_device_to_another(path, cuda):
    state = {"w": mt.arange(6.0, device="cuda").reshape(2, 3).T, "n": np.arange(2)}
    got = back(state, path)
    assert got["w"].device == "cpu"
    assert got["w"].tolist() == [[0, 3], [1, 4], [2, 5]]
    got = load(path, map_location="cuda")
    assert got["w"].device == "cuda:0"
    assert got["w"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert isinstance(got["n"], np.ndarray)


def test_a_tensor_without_numbers_is_not_saved(path):
    """R07."""
    save({"old": 1}, path)
    with pytest.raises(RuntimeError, match=r"save: 'layers.w' has the shape \(2, 3\) and no num"):
        save({"layers": {"w": mt.zeros(2, 3, device="meta")}}, path)
    assert load(path) == {"old": 1}


# torch and the library --------------------------------------------------------------------------


def test_torch_reads_what_is_written_here(path):
    torch = pytest.importorskip("torch")
    safe = pytest.importorskip("safetensors.torch")
    state = {
        d.name: mt.from_numpy(np.arange(12).reshape(3, 4).astype(d)).T
        for d in DTYPES
        if d.kind != "b"
    }
    state |= {"mask": mt.tensor([True, False]), "zero": mt.zeros(2, 0), "scalar": mt.tensor(1.5)}
    save({**state, "lr": 0.1}, path)
    found = safe.load_file(path)
    assert set(found) == set(state)
    for name, x in state.items():
        assert found[name].dtype == getattr(torch, x.dtype.name)
        assert found[name].tolist() == x.tolist()


def test_what_torch_writes_is_read_here(path):
    """G82."""
    torch = pytest.importorskip("torch")
    safe = pytest.importorskip("safetensors.torch")
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    safe.save_file(model.state_dict(), path, metadata={"format": "pt"})
    found = load(path)
    assert set(found) == set(model.state_dict())
    for name, x in model.state_dict().items():
        same(found[name], mt.from_numpy(x.numpy()))


def test_a_file_by_others_is_a_flat_dict_of_tensors(path):
    numpy = pytest.importorskip("safetensors.numpy")
    x = {"a.b": np.arange(4, dtype=np.float16), "a": np.array(True), "z": np.zeros((0, 3))}
    for metadata in (None, {"epoch": "3"}):
        numpy.save_file(x, path, metadata)
        found = load(path)
        assert set(found) == set(x)
        for name in x:
            same(found[name], mt.from_numpy(x[name]))


def test_torchs_bfloat16_is_read_or_refused_with_what_to_do(path, monkeypatch):
    torch = pytest.importorskip("torch")
    safe = pytest.importorskip("safetensors.torch")
    w = torch.tensor([1.5, -3.0e38, 0.1], dtype=torch.bfloat16)
    safe.save_file({"w": w}, path)
    try:
        import ml_dtypes  # noqa: F401
    except ImportError:
        pass
    else:
        assert load(path)["w"].dtype == "bfloat16"
        assert load(path)["w"].tolist() == w.tolist()
        mt.save(load(path), path)
        assert safe.load_file(path)["w"].tolist() == w.tolist()
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    mt.dtypes._bfloat16.cache_clear()
    with pytest.raises(CheckpointError, match=r"tensor 'w' is a bfloat16: .*pip install ml_dtypes"):
        load(path)
    safe.save_file({"w": torch.zeros(2, dtype=torch.complex64)}, path)
    with pytest.raises(CheckpointError, match=r"tensor 'w' has dtype 'C64', expected one of F64"):
        load(path)


# what cannot be saved ---------------------------------------------------------------------------


class Color(IntEnum):
    RED = 1


class Point(NamedTuple):
    x: int


class Stateful:
    def state_dict(self) -> dict:
        return {}


class Stream:
    def get_state(self) -> dict:
        return {}


loop: list = []
loop.append(loop)


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        ({1, 2}, TypeError, r"'a.1' is a set; save sorted\(x\)"),
        (Point(1), TypeError, r"'a.1' is a Point; save its x._asdict\(\)"),
        (Color.RED, TypeError, "'a.1' is a Color; what can be saved are tensors"),
        (1j, TypeError, "'a.1' is a complex"),
        (b"", TypeError, "'a.1' is a bytes"),
        (np.float32, TypeError, "'a.1' is a type"),
        (print, TypeError, "'a.1' is a builtin_function_or_method"),
        (Path("x"), TypeError, "'a.1' is a "),
        (Stateful(), TypeError, r"'a.1' is a Stateful; save its x.state_dict\(\)"),
        (Stream(), TypeError, r"'a.1' is a Stream; save its x.get_state\(\)"),
        (np.longdouble(1), TypeError, "'a.1' is a longdouble"),
        (np.datetime64("2020"), TypeError, "'a.1' is a datetime64"),
        (np.ma.masked_array([1, 2], [0, 1]), TypeError, "'a.1' is a MaskedArray"),
        (np.array([None]), TypeError, "save: 'a.1': cannot hold dtype object"),
        (np.array(["x"]), TypeError, "save: 'a.1': cannot hold dtype <U1"),
        (np.zeros(2, np.uint32), TypeError, "save: 'a.1': cannot hold dtype uint32"),
        (np.zeros(2, complex), TypeError, "save: 'a.1': cannot hold dtype complex128"),
        ({1.5: 2}, TypeError, "'a.1' has the key 1.5; keys are strings or ints"),
        ({None: 2}, TypeError, "'a.1' has the key None"),
        ({True: 2}, TypeError, "'a.1' has the key True"),
        ({(1, 2): 2}, TypeError, r"'a.1' has the key \(1, 2\)"),
        ("\ud800", ValueError, r"'a.1' holds '\\ud800', half a character"),
        ({"\udfff": 1}, ValueError, r"'a.1' holds '\\udfff', half a character"),
        (1 << 9000, ValueError, "'a.1' is an int of 9,001 bits, more than 8,192"),
        (loop, ValueError, "'a.1.0'... is nested more than 100 deep, or holds itself"),
    ],
)
def test_what_cannot_be_saved_is_named_and_leaves_the_file(path, value, error, words):
    """H177, H181: nothing is ever pickled instead."""
    save({"old": 1}, path)
    with pytest.raises(error, match=words):
        save({"w": mt.ones(2), "a": [0, value]}, path)
    assert load(path) == {"old": 1}
    assert os.listdir(path.parent) == [path.name]


def test_too_much_beside_the_tensors_is_refused_when_saved(path):
    with pytest.raises(ValueError, match=r"limits are .* 500,000. Keep long lists as arrays"):
        save({"losses": [0.5] * 500_001}, path)
    with pytest.raises(ValueError, match="a header of 16,777,"):
        save({"text": "x" * 2**24}, path)
    assert not os.listdir(path.parent)
    losses = [0.5] * 490_000
    assert back({"losses": losses}, path) == {"losses": losses}


def test_arguments_in_the_wrong_order(path):
    with pytest.raises(TypeError, match=r"save\(obj, path\): path is a dict, expected a string"):
        save(path, {"w": 1})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"load\(path\): path is a int"):
        load(3)  # type: ignore[arg-type]


def test_a_path_may_be_a_string_or_a_path(tmp_path):
    save(1, str(tmp_path / "a"))
    save(2, tmp_path / "b")
    assert load(tmp_path / "a") == 1
    assert load(str(tmp_path / "b")) == 2


# versions ---------------------------------------------------------------------------------------

FIRST = {
    "model": {"layers.0.weight": mt.arange(6.0).reshape(2, 3), "count": mt.tensor(7)},
    "optimizer": {"lr": 0.1, "betas": (0.9, inf), "names": ["layers.0.weight"], "none": None},
    "ids": {0: "a", "0": np.arange(3, dtype=np.uint8)},
    "mask": mt.tensor([True, False]),
    "half": mt.tensor([0.5, -2.0], dtype="float16"),
}


def test_a_file_of_format_1_is_still_read():
    """K11: written by the first release; it must load for ever."""
    got = load(GOLDEN / "format-1.safetensors")
    same(got, FIRST)


def test_the_same_state_gives_the_same_bytes(path, monkeypatch):
    monkeypatch.setattr(safe, "_writer", lambda: "0.1.0")
    save(FIRST, path)
    assert path.read_bytes() == (GOLDEN / "format-1.safetensors").read_bytes()


def test_a_file_from_a_later_version_is_refused_with_both_numbers(path):
    """K11."""
    data = (GOLDEN / "format-1.safetensors").read_bytes()
    path.write_bytes(data.replace(b'"minitorch.format":"1"', b'"minitorch.format":"3"'))
    with pytest.raises(CheckpointError, match=r"has format 3.*'0.1.0'.*formats up to 1: install"):
        load(path)


# cost -------------------------------------------------------------------------------------------


def weights(megabytes: int) -> dict[str, mt.Tensor]:
    rng = np.random.default_rng(0)
    return {
        f"layers.{i}.weight": mt.from_numpy(rng.standard_normal((512, 512), np.float32))
        for i in range(megabytes)
    }


def test_memory_is_not_doubled(path):
    state = weights(20)
    size = sum(x.nbytes for x in state.values())
    save(weights(5), path)  # imports what saving imports
    load(path)
    gc.collect()
    tracemalloc.start()
    save(state, path)
    saving = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    got = load(path)
    loading = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert saving < 0.1 * size
    assert loading < 1.1 * size
    assert len(got) == 20
