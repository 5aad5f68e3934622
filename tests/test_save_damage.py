"""A file that is not what was saved is refused: cut, flipped, foreign or hostile."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import random
import subprocess
import sys
import textwrap
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minitorch as mt
from minitorch.dtypes import _bfloat16
from minitorch.io import CheckpointError, load, safe, save
from minitorch.io.header import LONGEST, MOST_VALUES

STATE = {
    "model": {"layers.0.weight": mt.arange(40.0).reshape(8, 5), "mask": mt.tensor([True, False])},
    "optimizer": {"lr": 0.1, "betas": (0.9, float("inf")), "steps": {0: 7}, "name": "Adam \u00e9"},
    "none": None,
}
FLIPS = int(os.environ.get("MINITORCH_FLIPS", "10000"))
MUTANTS = int(os.environ.get("MINITORCH_MUTANTS", "2000"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.safetensors"


@pytest.fixture
def good(path: Path) -> bytes:
    save(STATE, path)
    return path.read_bytes()


def refused(path: Path, data: bytes) -> str:
    """What is said of a file with these bytes; it must be a CheckpointError that names the file."""
    path.write_bytes(data)
    with pytest.raises(CheckpointError) as caught:
        load(path)
    assert str(caught.value).startswith(f"load: {path}: ")
    return str(caught.value).removeprefix(f"load: {path}: ")


# accidents --------------------------------------------------------------------------------------


def test_every_truncation_is_seen(path, good):
    """K6, H173: cut after any number of bytes."""
    for length in range(len(good)):
        message = refused(path, good[:length])
        assert "empty" in message if length == 0 else "truncated" in message
    assert f"{len(good) // 2:,} bytes" in refused(path, good[: len(good) // 2])


def flip(path: Path, bit: int) -> None:
    with open(path, "r+b") as file:
        file.seek(bit // 8)
        [byte] = file.read(1)
        file.seek(bit // 8)
        file.write(bytes([byte ^ 1 << bit % 8]))


def silent(path: Path, bits: Iterable[int]) -> list[int]:
    """The flips of one bit that loading does not see."""
    found = []
    for bit in bits:
        flip(path, bit)
        with suppress(CheckpointError):
            load(path)
            found.append(bit)
        flip(path, bit)
    return found


def test_every_flipped_bit_is_seen(path, good):
    """K7, H174: all bits of a small file, and as many of a larger one."""
    assert not silent(path, range(8 * len(good)))
    assert load(path)["none"] is None
    save({"w": mt.rand(50, 50), "history": [0.1] * 100}, path)
    dice, bits = random.Random(0), 8 * os.path.getsize(path)
    assert not silent(path, [dice.randrange(bits) for _ in range(FLIPS)])
    assert len(load(path)["history"]) == 100


def test_a_damaged_tensor_is_named(path, good):
    broken = bytearray(good)
    broken[-1] ^= 1
    assert "tensor 'model.mask' is damaged: its SHA-256 is" in refused(path, bytes(broken))


@pytest.mark.parametrize("more", [b"\0", b"\n", b"x" * 100])
def test_bytes_added_at_the_end_are_seen(path, good, more):
    assert "something was added at its end" in refused(path, good + more)


def test_two_files_glued_together_are_seen(path, good):
    assert "added at its end" in refused(path, good + good)


def test_a_change_by_another_program_is_seen(path, good):
    numpy = pytest.importorskip("safetensors.numpy")
    tensors = {"model.layers.0.weight": np.zeros((8, 5)), "model.mask": np.zeros(2, bool)}
    with pytest.importorskip("safetensors").safe_open(path, "np") as file:
        metadata = file.metadata()
    numpy.save_file(tensors, path, metadata)
    assert "damaged, or changed by another program" in refused(path, path.read_bytes())


def test_a_file_that_shrinks_while_it_is_read_is_seen(path, good, monkeypatch):
    real = safe.read_header

    def shrinking(file: Any, size: int) -> Any:
        header = real(file, size)
        os.truncate(path, size - 10)
        return header

    monkeypatch.setattr(safe, "read_header", shrinking)
    with pytest.raises(CheckpointError, match="the file ended while it was read"):
        load(path)


# other files ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file is empty"),
        (b"<html><body>404</body></html>", "it starts with <html><body>404</bod: a web page"),
        (b"\n  <!DOCTYPE html>" + b" " * 500, "it starts with <!doctype html>"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "git lfs pull"),
        (b"PK\x03\x04" + bytes(4) + b"\x08" * 200, "torch.save and np.savez write them"),
        (b"\x80\x04\x95" + b"\xff" * 60, "it is a pickle, which can run code and is never opened"),
        (b"\x93NUMPY\x01\x00v\x00" + b" " * 100, "not a saved state: 110 bytes"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "not a saved state: 108 bytes"),
        (bytes(100), "not a saved state: 100 bytes"),
        (b"\xff" * 100, "not a saved state: 100 bytes"),
    ],
)
def test_another_kind_of_file_is_named(path, data, words):
    """H173, H175, H176."""
    assert words in refused(path, data)


def test_what_torch_and_numpy_write_is_refused_unopened(path):
    """H176: nothing falls back to a loader that runs code."""
    np.savez(path.with_suffix(".npz"), w=np.ones(2))
    assert "zip archive" in refused(path, path.with_suffix(".npz").read_bytes())
    torch = pytest.importorskip("torch")
    torch.save({"w": torch.ones(2)}, path)
    assert "zip archive" in refused(path, path.read_bytes())
    torch.save({"w": torch.ones(2)}, path, _use_new_zipfile_serialization=False)
    assert "it is a pickle" in refused(path, path.read_bytes())


def test_a_missing_file_and_a_folder(tmp_path):
    """H172: with the path as it was given."""
    with pytest.raises(FileNotFoundError) as caught:
        load(tmp_path / "missing")
    assert caught.value.filename == str(tmp_path / "missing")
    with pytest.raises(IsADirectoryError) as caught_folder:
        load(tmp_path)
    assert caught_folder.value.filename == str(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(path):
    os.mkfifo(path)
    with pytest.raises(CheckpointError, match="not a file but a pipe, a socket or a device"):
        load(path)
    with pytest.raises(CheckpointError, match="not a file but a pipe, a socket or a device"):
        load("/dev/zero")


# hostile files ----------------------------------------------------------------------------------


def raw_file(header: Any, numbers: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + numbers


def entry(dtype: Any = "F32", shape: Any = (2,), offsets: Any = (0, 8)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


HEADERS = {
    "no object": ([], "truncated, or not a saved state: 18 bytes"),
    "cut JSON": (b'{"w":', "the header is not JSON"),
    "not UTF-8": (b'{"\xff":1}', "the header is not JSON"),
    "UTF-16": ('{"a":1}'.encode("utf-16-le"), "the header is not JSON"),
    "NaN": (b'{"w":NaN}', "the number NaN, which JSON has not"),
    "Infinity": (b'{"w":-Infinity}', "the number -Infinity"),
    "deep": (b'{"w":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deep"),
    "digits": (b'{"w":' + b"9" * 5000 + b"}", "the header is not JSON"),
    "many values": (b'{"w":[' + b"0," * MOST_VALUES + b"0]}", "more than 500,000 values"),
    "twice": (b'{"w":1,"w":2}', "the key 'w' twice"),
    "metadata": ({"__metadata__": [1]}, "__metadata__ is no object of strings"),
    "metadata of numbers": ({"__metadata__": {"a": 1}}, "__metadata__ is no object of strings"),
    "no entry": ({"w": 3}, "tensor 'w' needs dtype, shape and data_offsets"),
    "more in an entry": ({"w": entry() | {"x": 1}}, "and nothing else"),
    "less in an entry": ({"w": {"dtype": "F32"}}, "tensor 'w' needs dtype, shape"),
    "dtype": ({"w": entry("F128")}, "dtype 'F128', expected one of F64, F32"),
    "dtype no text": ({"w": entry(["F32"])}, r"dtype ['F32'], expected one of"),
    "float8": ({"w": entry("F8_E4M3")}, "'w' is a float8, which NumPy has not; in torch"),
    "shape no list": ({"w": entry(shape=2)}, "bad shape 2"),
    "shape of floats": ({"w": entry(shape=[2.0])}, "bad shape [2.0]"),
    "shape of bools": ({"w": entry(shape=[True, 2])}, "bad shape [True, 2]"),
    "negative shape": ({"w": entry(shape=[-2])}, "bad shape [-2]"),
    "axes": ({"w": entry(shape=[1] * 64 + [2])}, "bad shape [1, 1,"),
    "wrapping shape": ({"w": entry(shape=[2**32, 2**32])}, "takes 73,786,976,294,838,206,464 by"),
    "enormous shape": ({"w": entry(shape=[2**62, 2**62, 0], offsets=(0, 0))}, "has 8 for them"),
    "one more": ({"w": entry(shape=[3])}, "takes 12 bytes, and has 8"),
    "declared size": ({"w": entry(shape=[10**10], offsets=(0, 4 * 10**10))}, "truncated"),
    "offsets reversed": ({"w": entry(offsets=(8, 0))}, "bad data_offsets [8, 0]"),
    "negative offsets": ({"w": entry(offsets=(-8, 0))}, "bad data_offsets [-8, 0]"),
    "three offsets": ({"w": entry(offsets=(0, 8, 8))}, "bad data_offsets"),
    "gap": ({"w": entry(shape=[1], offsets=(4, 8))}, "starts at byte 4, expected 0"),
    "overlap": ({"v": entry(), "w": entry()}, "starts at byte 0, expected 8"),
    "path as a name": ({"../../evil": entry()}, "a tensor is called '../../evil'; names are"),
    "empty name": ({"": entry()}, "a tensor is called ''"),
    "long name": ({"w" * 513: entry()}, "at most 512 characters"),
    "dots": ({"a..b": entry()}, "a tensor is called 'a..b'"),
    "letters": ({"w\u0131": entry()}, "a tensor is called 'w\u0131'"),
    "newline": ({"w\n": entry()}, "a tensor is called 'w"),
}


@pytest.mark.parametrize(("header", "words"), HEADERS.values(), ids=HEADERS)
def test_a_header_that_does_not_hold_together(path, header, words):
    assert words in refused(path, raw_file(header, bytes(8)))


def test_bfloat16_without_its_package(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    _bfloat16.cache_clear()
    header = {"w": entry("BF16", [4])}
    assert "tensor 'w' is a bfloat16: NumPy has no" in refused(path, raw_file(header, bytes(8)))


def test_a_header_without_an_end(path):
    text = b'{"w":"' + b"x" * LONGEST + b'"}'
    assert "a header of 16,777,224 bytes; the limit is 16,777,216" in refused(path, raw_file(text))


def test_zero_elements_of_impossible_size(path):
    header = {"w": entry(shape=[2**62, 2**62, 0], offsets=(0, 0))}
    assert "tensor 'w': shape (4611686018427387904" in refused(path, raw_file(header))


def test_a_bool_is_0_or_1(path):
    assert "a bool is stored as 2" in refused(
        path, raw_file({"w": entry("BOOL", [2], (0, 2))}, b"\1\2")
    )


def sealed(path: Path, **changes: Any) -> bytes:
    """A file of STATE with other metadata under a right seal, as only a forger would write it."""
    save(STATE, path)
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    table = json.loads(data[8 : 8 + length])
    for key, value in changes.items():
        text = value if isinstance(value, str) else json.dumps(value)
        table["__metadata__"][f"minitorch.{key}"] = text
    return reseal(table, data[8 + length :])


def reseal(table: Any, numbers: bytes) -> bytes:
    table["__metadata__"]["minitorch.seal"] = ""
    rest = json.dumps(table, separators=(",", ":")).encode()[len(safe.OPENING) :]
    return raw_file(safe.OPENING + hashlib.sha256(rest).hexdigest().encode() + rest, numbers)


def nested(depth: int) -> Any:
    return [nested(depth - 1)] if depth else 0


W, M = {"tensor": "model.layers.0.weight"}, {"array": "model.mask"}
FORGED = {
    "unused": ({"tree": {"dict": {"w": W}}}, "tensor 'model.mask' has no place in the tree"),
    "unknown name": ({"tree": [W, M, {"tensor": "x"}]}, "'x' in the place of the name of a tensor"),
    "no name": ({"tree": [W, M, {"tensor": []}]}, "[] in the place of the name of a tensor"),
    "unknown tag": ({"tree": {"call": "os.system"}}, "the keys ['call'], expected one key of"),
    "two tags": ({"tree": {"dict": {}, "float": "nan"}}, "the keys ['dict', 'float']"),
    "no tag": ({"tree": {}}, "the keys []"),
    "a dict of a list": ({"tree": {"dict": []}}, "[] in the place of a dict"),
    "a tuple of a dict": ({"tree": {"tuple": {}}}, "{} in the place of a list"),
    "items of a dict": ({"tree": {"items": {}}}, "{} in the place of a list of keys and values"),
    "half an item": ({"tree": {"items": [[1]]}}, "[1] in the place of a key and a value"),
    "an odd key": ({"tree": {"items": [[[], 1]]}}, "[] in the place of a new key"),
    "a bool for a key": ({"tree": {"items": [[True, 1]]}}, "True in the place of a new key"),
    "a key twice": ({"tree": {"items": [[1, 1], [1, 2]]}}, "1 in the place of a new key"),
    "a float": ({"tree": {"float": "__import__('os')"}}, "in the place of nan, inf or -inf"),
    "a float of a list": ({"tree": {"float": ["nan"]}}, "['nan'] in the place of nan"),
    "deep": ({"tree": nested(101)}, "nested more than 100 deep"),
    "no tree": ({"tree": ""}, "the header is not JSON"),
    "half a character": ({"tree": '"\ud800"'}, "the header is not JSON"),
    "a key twice in JSON": ({"tree": '{"dict":{"a":1,"a":2}}'}, "the key 'a' twice"),
    "digests": ({"sha256": {"w": "0"}}, "list of digests does not name the tensors"),
    "digests no dict": ({"sha256": [1]}, "list of digests does not name the tensors"),
    "digests no text": (
        {"sha256": {"model.layers.0.weight": 1, "model.mask": []}},
        "is damaged: its SHA-256 is",
    ),
    "version": ({"format": "one"}, "its format number is 'one'"),
    "negative version": ({"format": "-1"}, "its format number is '-1'"),
    "long version": ({"format": "1" * 10}, "its format number is '1111111111'"),
    "odd digits": ({"format": "\u00b2"}, "its format number is '\u00b2'"),
}


@pytest.mark.parametrize(("changes", "words"), FORGED.values(), ids=FORGED)
def test_a_forged_tree_is_refused(path, changes, words):
    assert words in refused(path, sealed(path, **changes))


def test_only_what_the_user_trusts_finds_a_forger(path, good):
    right = hashlib.sha256(good).hexdigest()
    load(path, sha256=right)
    load(path, sha256=f" {right.upper()}\n")
    forged = sealed(path, tree=[W, M])
    path.write_bytes(forged)
    assert isinstance(load(path), list)
    with pytest.raises(CheckpointError, match=f"its SHA-256 is [0-9a-f]*, expected {right}"):
        load(path, sha256=right)


def mutated(data: bytes, dice: random.Random) -> bytes:
    """Data with one to four changes: bits, bytes, pieces moved, lengths, and JSON under a seal."""
    new = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        at, size = dice.randrange(len(new) + 1), dice.randint(1, 40)
        kind = dice.randrange(7)
        if kind == 0:
            new[at : at + size] = dice.randbytes(size)
        elif kind == 1:
            del new[at : at + size]
        elif kind == 2:
            new[at:at] = dice.randbytes(size)
        elif kind == 3:
            new[:8] = dice.getrandbits(dice.choice([64, 12])).to_bytes(8, "little")
        elif kind == 4:
            start = dice.randrange(len(new) + 1)
            new[at:at] = new[start : start + size]
        elif kind == 5:
            digits = [i for i, byte in enumerate(new) if chr(byte).isdigit()]
            if digits:
                new[dice.choice(digits)] = ord(dice.choice("0123456789-.e"))
        else:
            marks = [i for i, byte in enumerate(new) if chr(byte) in '[]{},:"\\']
            if marks:
                new[dice.choice(marks)] = ord(dice.choice('[]{},:"\\'))
    return bytes(new)


def resealed(data: bytes, dice: random.Random) -> bytes:
    """Data with a change of the JSON's values and a right seal."""
    length = int.from_bytes(data[:8], "little")
    table = json.loads(data[8 : 8 + length])
    odd = [0, -1, 2**31, 2**63, 1.5, None, True, "", "x", "F16", "I64", [], {}, [0, 8], "\ud800"]
    metadata = table["__metadata__"]
    inner = dice.choice([None, "minitorch.tree", "minitorch.sha256"])
    root = json.loads(metadata[inner]) if inner else table
    places = [place for place in containers(root) if place is not metadata]
    place = dice.choice(places)
    if isinstance(place, dict):
        key = dice.choice([*place, dice.choice(["w", "tensor", "dict", "items", "float", "a.b"])])
        if key != "__metadata__":
            place[key] = dice.choice(odd)
    else:
        place.insert(dice.randint(0, len(place)), dice.choice(odd))
    if inner:
        metadata[inner] = json.dumps(root)
    return reseal(table, data[8 + length :])


def containers(tree: Any) -> Iterator[Any]:
    if isinstance(tree, (dict, list)):
        yield tree
        for part in tree.values() if isinstance(tree, dict) else tree:
            yield from containers(part)


@pytest.mark.parametrize("mutate", [mutated, resealed])
def test_mutated_files_are_refused_at_once_and_cost_no_memory(
    path, good, mutate: Callable[[bytes, random.Random], bytes]
):
    """Section 4: only a CheckpointError, in under a second, within 64 MB above the file's size."""
    dice, slowest, loaded, longest = random.Random(1), 0.0, 0, 0
    load(path)
    tracemalloc.start()
    for _ in range(MUTANTS // 2):
        data = mutate(good, dice)
        path.write_bytes(data)
        start = time.perf_counter()
        try:
            load(path)
            loaded += data != good
        except CheckpointError as error:
            longest = max(longest, len(str(error)))
        slowest = max(slowest, time.perf_counter() - start)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert slowest < 1
    assert longest < 1000
    assert peak < 64e6
    # Without the right seal nothing passes; a forger can write what could have been saved.
    assert loaded == 0 if mutate is mutated else loaded < MUTANTS // 2


@pytest.mark.parametrize(
    "text",
    [
        b'{"w":[' + b"[]," * 249_000 + b"[]]}",
        b'{"w":[' + b'{"a":1},' * 166_000 + b"[]]}",
        b'{"w":[' + b"[[0]]," * 160_000 + b"[]]}",
        b'{"w":[' + b'"aaaaaaaaaaaaaaa",' * 490_000 + b"[]]}",
        b'{"w":"' + b"\\n" * (2**23 - 8) + b'"}',
    ],
)
def test_the_largest_headers_cost_less_than_64_mb(path, text):
    data = raw_file(text)
    start = time.perf_counter()
    refused(path, data)
    assert time.perf_counter() - start < 3  # a fraction of a second, where nothing else runs
    tracemalloc.start()
    refused(path, data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64e6 + 2 * len(text)


# what loading may do ----------------------------------------------------------------------------

WATCHED = """
    import sys
    from minitorch.io import CheckpointError, load

    good, *bad = sys.argv[1:]
    load(good)  # imports what loading needs, once
    seen = set()
    sys.addaudithook(lambda event, args: seen.add(event))
    load(good)
    for path in bad:
        try:
            load(path)
        except CheckpointError:
            pass
    print(*sorted(seen))
"""


def test_loading_imports_nothing_and_runs_nothing(path, tmp_path, good):
    """K10, H176: of all that Python reports, it only opens files."""
    names = {
        "pickle": b"\x80\x04cos\nsystem\n(S'echo pwned'\ntR.",
        "zip": b"PK\x03\x04" + b"\x08" * 200,
        "cut": good[:-9],
        "web page": b"<html>",
        "forged": sealed(path, tree={"float": "__import__('os')"}),
        "hostile": raw_file({"os.system": entry()}, bytes(8)),
    }
    paths = [path]
    save(STATE, path)
    for name, data in names.items():
        paths.append(tmp_path / name)
        paths[-1].write_bytes(data)
    before = {p: p.read_bytes() for p in tmp_path.iterdir()}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(WATCHED), *map(str, paths)],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert set(done.stdout.split()) == {"open"}
    assert {p: p.read_bytes() for p in tmp_path.iterdir()} == before


PACKAGE = Path(__file__).parent.parent / "minitorch"
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "yaml", "joblib"}
CALLS = {"eval", "exec", "compile", "__import__", "import_module"}
ALLOWED = {
    "__init__.py": {"import_module"},  # parts that few programs need, named in the text itself
    "optim/__init__.py": {"import_module"},  # likewise
    "calltext.py": {"exec", "compile"},  # the op compiler, for texts that are in the package itself
    "kernels/__init__.py": {"exec", "compile", "import_module"},  # and so are the kernels' names
    "utils/data/workers.py": {"pickle"},  # between a process and its own workers, never from a file
}

OUR_COMPILE = {"minitorch.compiled", "minitorch.compiled.step"}  # not Python's


def test_no_file_of_the_package_can_run_what_it_reads():
    """K10, H176: no pickle, eval, exec, yaml or import by name, and no switch for them."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            used: set[str] = set()
            if isinstance(node, ast.Import):
                used = {alias.name.partition(".")[0] for alias in node.names} & MODULES
            elif isinstance(node, ast.ImportFrom) and node.module not in OUR_COMPILE:
                names = {alias.name for alias in node.names}
                used = {(node.module or "").partition(".")[0], *names} & (MODULES | CALLS)
            elif isinstance(node, ast.Name):  # a method called eval() is none of these
                used = {node.id} & CALLS
            elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                used = {ast.unparse(node.value)} - {"False"}
            elif isinstance(node, ast.Attribute):
                used = {node.attr} & {"import_module", "__builtins__"}
            allowed = ALLOWED.get(path.relative_to(PACKAGE).as_posix(), set())
            assert used <= allowed, (path, node.lineno)
