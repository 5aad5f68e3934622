"""The header of a safetensors file, taken from whoever wrote it: believed when it all fits.

It tells how much memory to ask for and where every number lies, so nothing it says is used before
it has been compared with the size of the file. Python's ints do not wrap around, which makes that
plain arithmetic.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from minitorch.dtypes import (
    NO_BFLOAT16,
    bfloat16,
    bool_,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    is_bfloat16,
    uint8,
)
from minitorch.errors import CheckpointError
from minitorch.io.tree import LONGEST_NAME, NAME

DTYPES: dict[str, np.dtype] = {
    "F64": float64,
    "F32": float32,
    "F16": float16,
    "I64": int64,
    "I32": int32,
    "I16": int16,
    "I8": int8,
    "U8": uint8,
    "BOOL": bool_,
}
_CODES = {dtype: code for code, dtype in DTYPES.items()}

LONGEST = 2**24  # bytes
MOST_VALUES = 500_000  # numbers, strings and containers: when parsed they take less than 64 MB
MOST_AXES = 64  # as NumPy


class Entry(NamedTuple):
    """What the header says of a tensor."""

    dtype: np.dtype
    shape: tuple[int, ...]
    begin: int  # in bytes from the end of the header
    end: int


def parse(text: bytes | bytearray) -> Any:
    """JSON as it is meant: no key twice, no NaN, and bounded in what it asks of memory."""
    import json

    if count(text) > MOST_VALUES:
        raise CheckpointError(f"the header has more than {MOST_VALUES:,} values")
    try:
        return json.loads(
            text.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant
        )
    except RecursionError:
        raise CheckpointError("the header's JSON is nested too deep") from None
    except CheckpointError:
        raise
    except ValueError as error:  # bad UTF-8, bad JSON, or more digits than Python reads
        raise CheckpointError(f"the header is not JSON ({str(error)[:100]})") from None


def count(text: bytes | bytearray) -> int:
    """No fewer than the values in a JSON text: each opens a container or follows an opening or ,"""
    return sum(map(text.count, (b"[", b"{", b",")))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise CheckpointError(f"the header has the key {key[:100]!r} twice")
        found[key] = value
    return found


def _no_constant(text: str) -> None:
    raise CheckpointError(f"the header has the number {text}, which JSON has not")


def entries_of(table: dict[str, Any], room: int) -> dict[str, Entry]:
    """The table of tensors, which must fill `room` bytes without gap or overlap."""
    entries = {name: _entry(name, fields) for name, fields in table.items()}
    end = 0
    for name, entry in sorted(entries.items(), key=lambda item: item[1][2:]):
        expect(entry.begin == end, f"tensor {name!r} starts at byte {entry.begin}, expected {end}")
        end = entry.end
    expect(
        end == room,
        f"its tensors take {end:,} bytes and the file has {room:,} for them: "
        + ("truncated" if end > room else "something was added at its end"),
    )
    return entries


def _entry(name: str, fields: Any) -> Entry:
    """One line of the table, whose shape and dtype must give its size."""
    expect(
        len(name) <= LONGEST_NAME and NAME.fullmatch(name) is not None,
        f"a tensor is called {name[:100]!r}; names are letters, digits and _, with dots between, "
        f"at most {LONGEST_NAME} characters",
    )
    expect(
        isinstance(fields, dict) and fields.keys() == {"dtype", "shape", "data_offsets"},
        f"tensor {name!r} needs dtype, shape and data_offsets, and nothing else",
    )
    shape, offsets = fields["shape"], fields["data_offsets"]
    dtype = _dtype(name, fields["dtype"])
    expect(_sizes(shape) and len(shape) <= MOST_AXES, f"tensor {name!r}: bad shape {_short(shape)}")
    expect(
        _sizes(offsets) and len(offsets) == 2 and offsets[0] <= offsets[1],
        f"tensor {name!r}: bad data_offsets {_short(offsets)}",
    )
    begin, end = offsets
    needed = math.prod(shape) * dtype.itemsize  # Python's ints: nothing wraps around
    expect(
        needed == end - begin,
        f"tensor {name!r}: shape {_short(shape)} of {dtype} takes {needed:,} bytes, and has "
        f"{end - begin:,}",
    )
    return Entry(dtype, tuple(shape), begin, end)


def _sizes(x: Any) -> bool:
    """A list of ints from 0 up to what fits in 63 bits."""
    return isinstance(x, list) and all(type(n) is int and 0 <= n < 2**63 for n in x)


def _dtype(name: str, code: Any) -> np.dtype:
    """The dtype that a code of the format stands for."""
    if isinstance(code, str) and code in DTYPES:
        return DTYPES[code]
    if code == "BF16":
        try:
            return bfloat16()
        except TypeError:
            raise CheckpointError(f"tensor {name!r} is a bfloat16: {NO_BFLOAT16}") from None
    if code in ("F8_E4M3", "F8_E5M2"):
        raise CheckpointError(
            f"tensor {name!r} is a float8, which NumPy has not; in torch, convert it with .float() "
            "and save it again"
        )
    raise CheckpointError(
        f"tensor {name!r} has dtype {_short(code)}, expected one of {', '.join(DTYPES)}"
    )


def code_of(dtype: np.dtype) -> str:
    """The code of the format for a dtype."""
    return "BF16" if is_bfloat16(dtype) else _CODES[dtype.newbyteorder("=")]


def _short(x: Any) -> str:
    return repr(x)[:100]


def expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise CheckpointError(otherwise)
