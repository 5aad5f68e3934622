"""A safetensors file: eight bytes give the header's length, the header is JSON, then the numbers.

    length   uint64, little-endian
    header   {"__metadata__": {text: text}, name: {"dtype", "shape", "data_offsets"}, ...}
    numbers  every tensor after the other, row-major and little-endian, without gaps

torch, JAX and others read it, and it has no place for code (https://hf.co/docs/safetensors). The
format leaves `__metadata__` to the writer. Ours holds the tree that the tensors hang in, a SHA-256
for each tensor, and first of all a *seal*, the SHA-256 of all of the header that follows it: with
them no bit of the file can change unnoticed.

The format is written out here, with nothing but the standard library, because a saved state must
be written through one descriptor of ours (to be flushed, and to fail as an OSError) and read
through one, a tensor at a time, its header checked byte by byte before memory is asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from io import FileIO
from typing import Any, NamedTuple

import numpy as np

from minitorch.dtypes import bool_, uint8
from minitorch.errors import CheckpointError
from minitorch.io.file import Draft
from minitorch.io.header import (
    LONGEST,
    MOST_VALUES,
    Entry,
    code_of,
    count,
    entries_of,
    expect,
    parse,
)

FORMAT = 1  # of our metadata; a file with a higher number is from a later minitorch

SEAL = "minitorch.seal"
OPENING = f'{{"__metadata__":{{"{SEAL}":"'.encode()
MUCH = 2**22  # bytes; fewer are hashed before threads have started
CHUNK = 2**20  # read and hashed at once, while it is in the processor's cache


class Header(NamedTuple):
    """A header that holds together; `tree` and `digests` are None in a file by others."""

    entries: dict[str, Entry]
    tree: Any
    digests: dict[str, str] | None


# writing ---------------------------------------------------------------------------------------


def write(draft: Draft, tree: Any, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes a file.

    Args:
        draft: what is written to.
        tree: JSON form, of `tree.pack`.
        arrays: by name, on the host, row-major.

    Raises:
        ValueError: the header would be too large to be read again.
    """
    ordered, views = _ordered(arrays)
    # The header comes last, because it needs the digests, which are taken during the writing.
    draft.write(bytes(len(_header(tree, ordered, ["0" * 64] * len(views)))))
    digests = _digests(views)
    for view in views:
        draft.write(view)
    draft.rewind()
    draft.write(_header(tree, ordered, digests))


def write_on(stream: Any, tree: Any, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes the same to an open file, which need not be one that goes back.

    Raises:
        ValueError: as `write`, before anything is written.
    """
    ordered, views = _ordered(arrays)
    for part in [memoryview(_header(tree, ordered, [*_digests(views)])), *views]:
        while len(part):
            taken = stream.write(part)
            part = part[len(part) if taken is None else taken :]  # not every stream counts


def _ordered(arrays: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], list[memoryview]]:
    """The arrays and their bytes, the widest first.

    So each lies at a multiple of its width: readers may map the file.
    """
    ordered = dict(sorted(arrays.items(), key=lambda item: -item[1].itemsize))
    return ordered, [_bytes_of(x) for x in ordered.values()]


def _digests(views: list[memoryview]) -> Iterable[str]:
    """The SHA-256 of each: of much, taken by other threads, as many as there are cores."""
    if sum(map(len, views)) < MUCH:
        return map(_digest, views)
    from concurrent.futures import ThreadPoolExecutor  # here: it takes long to import

    pool = ThreadPoolExecutor()
    try:
        return pool.map(_digest, views)
    except RuntimeError:  # no thread can be started in a browser, or while Python exits
        return map(_digest, views)
    finally:
        pool.shutdown(wait=False)


def _digest(view: memoryview) -> str:
    return hashlib.sha256(view).hexdigest()


def _header(tree: Any, arrays: Mapping[str, np.ndarray], digests: Iterable[str]) -> bytes:
    """Length and header, sealed."""
    metadata = {
        SEAL: "",
        "minitorch.format": str(FORMAT),
        "minitorch.writer": _writer(),
        "minitorch.tree": _json(tree),
        "minitorch.sha256": _json(dict(zip(arrays, digests))),
        "format": "pt",  # some readers for torch ask for this
    }
    table: dict[str, Any] = {"__metadata__": metadata}
    end = 0
    for name, x in arrays.items():
        begin, end = end, end + x.nbytes
        table[name] = {
            "dtype": code_of(x.dtype),
            "shape": list(x.shape),
            "data_offsets": [begin, end],
        }
    rest = _json(table).encode()[len(OPENING) :]
    length = len(OPENING) + 64 + len(rest)
    rest += b" " * (-length % 8)  # the numbers start at a multiple of 8
    header = OPENING + hashlib.sha256(rest).hexdigest().encode() + rest
    if len(header) > LONGEST or count(header) > MOST_VALUES:
        raise ValueError(
            f"save: {len(arrays):,} tensors, and {len(metadata['minitorch.tree']):,} characters of "
            f"other state, make a header of {len(header):,} bytes and {count(header):,} values; "
            f"limits are {LONGEST:,} and {MOST_VALUES:,}. Keep long lists as arrays"
        )
    return len(header).to_bytes(8, "little") + header


@cache
def _writer() -> str:
    """The version that writes, for whoever wonders where a file comes from."""
    from importlib.metadata import PackageNotFoundError, version  # here, as it takes long

    try:
        return version("minitorch-lessons")
    except PackageNotFoundError:
        return "not installed"


def _json(x: Any) -> str:
    import json  # here, because few who import minitorch save anything

    return json.dumps(x, separators=(",", ":"), allow_nan=False)


def _bytes_of(x: np.ndarray) -> memoryview:
    return x.reshape(-1).view(np.uint8).data


# reading ---------------------------------------------------------------------------------------


def read_header(file: FileIO, size: int) -> Header:
    """The header of a file of `size` bytes, checked against that size and in itself.

    Raises:
        CheckpointError: the file is damaged, none of ours, or made by a later version.
    """
    if size == 0:
        raise CheckpointError("the file is empty")
    start = file.read(8)
    length = int.from_bytes(start, "little")
    if size < 10 or length > size - 8 or length < 2:
        raise CheckpointError(_what_else(start + file.read(64), size))
    if length > LONGEST:
        raise CheckpointError(f"a header of {length:,} bytes; the limit is {LONGEST:,}")
    header = bytearray(length)
    _fill(file, memoryview(header))
    if header[:1] != b"{":
        raise CheckpointError(_what_else(start + header[:64], size))
    table = parse(header)
    metadata = table.pop("__metadata__", {})
    expect(
        isinstance(metadata, dict) and all(isinstance(v, str) for v in metadata.values()),
        "__metadata__ is no object of strings",
    )
    entries = entries_of(table, size - 8 - length)
    # One flipped bit can make one of the keys unrecognizable, not several.
    if not any(key.startswith("minitorch.") for key in metadata):
        return Header(entries, None, None)
    return Header(entries, *_own(header, metadata, entries))


def _own(header: bytearray, metadata: dict[str, str], entries: dict[str, Entry]) -> tuple:
    """The tree and the digests that a file of ours has in its metadata."""
    version = metadata.get("minitorch.format", "")
    expect(version.isdecimal() and len(version) < 10, f"its format number is {version[:20]!r}")
    if int(version) > FORMAT:
        raise CheckpointError(
            f"it has format {version}, written by minitorch "
            f"{metadata.get('minitorch.writer', '')[:20]!r}; this one, {_writer()}, reads formats "
            f"up to {FORMAT}: install a newer one"
        )
    rest = len(OPENING) + 64
    expect(
        header.startswith(OPENING)
        and header[len(OPENING) : rest] == hashlib.sha256(header[rest:]).hexdigest().encode(),
        "the SHA-256 of the header is not the one it gives: damaged, or changed by another program",
    )
    digests = parse(_text(metadata, "minitorch.sha256"))
    expect(
        isinstance(digests, dict) and digests.keys() == entries.keys(),
        "its list of digests does not name the tensors it holds",
    )
    return parse(_text(metadata, "minitorch.tree")), digests


def _text(metadata: dict[str, str], key: str) -> bytes:
    # JSON can spell half a character, which `parse` then refuses.
    return metadata.get(key, "").encode("utf-8", "surrogatepass")


def read_arrays(file: FileIO, header: Header) -> dict[str, np.ndarray]:
    """The tensors that follow the header, each compared with its digest.

    Raises:
        CheckpointError: the numbers are not those that were written; the message names the tensor.
    """
    arrays = {}
    # Only as much memory is asked for as the file, whose size the entries fill, has bytes.
    for name, entry in sorted(header.entries.items(), key=lambda item: item[1][2:]):
        try:
            x = np.empty(entry.shape, entry.dtype.newbyteorder("<"))
        except ValueError as error:
            raise CheckpointError(f"tensor {name!r}: shape {entry.shape}: {error}") from None
        digest = _fill(file, _bytes_of(x))
        if header.digests is not None and digest != header.digests[name]:
            raise CheckpointError(
                f"tensor {name!r} is damaged: its SHA-256 is {digest}, expected "
                f"{str(header.digests[name])[:64]}"
            )
        if entry.dtype == bool_ and x.size and x.view(uint8).max() > 1:
            raise CheckpointError(f"tensor {name!r}: a bool is stored as {x.view(uint8).max()}")
        arrays[name] = x.astype(entry.dtype, copy=False)
    return {name: arrays[name] for name in header.entries}


def _fill(file: FileIO, view: memoryview) -> str:
    """Reads until `view` is full; the SHA-256 of what was read."""
    digest = hashlib.sha256()
    while len(view):
        got = file.readinto(view[:CHUNK])
        if not got:
            raise CheckpointError("the file ended while it was read")
        digest.update(view[:got])
        view = view[got:]
    return digest.hexdigest()


def _what_else(start: bytes | bytearray, size: int) -> str:
    """What a file may be that is not safetensors."""
    text = bytes(start).lstrip().lower()
    if text.startswith((b"<html", b"<!doctype", b"<?xml")):
        shown = text[:20].decode("ascii", "replace")
        return f"it starts with {shown}: a web page, not a saved state; download the file itself"
    if text.startswith(b"version https://git-lfs"):
        return "it is a Git LFS pointer, not the file itself; fetch it with git lfs pull"
    if text.startswith(b"pk\x03\x04"):
        return (
            "it is a zip archive, as torch.save and np.savez write them, and may hold pickles, "
            "which can run code and are never opened here; write it with safetensors instead"
        )
    if text[:1] == b"\x80" and text[1:2] in b"\x02\x03\x04\x05":
        return (
            "it is a pickle, which can run code and is never opened here; write it with "
            "safetensors instead"
        )
    return f"truncated, or not a saved state: {size:,} bytes"
