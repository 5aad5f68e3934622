"""Rows for other dtypes and devices; `tests/test_array.py` has the ones that need a GPU."""

import numpy as np

from minitorch.array import CPU
from tests.table import Row, rand

X = rand(2, 3)

ROWS = [
    Row("cast", (X,), {"dtype": np.dtype("float64")}, ref=lambda x, dtype: x, moves=True),
    Row(
        "discretize",
        (X,),
        {"dtype": np.dtype("int64")},
        ref=lambda x, dtype: np.trunc(x),
        torch=lambda x, dtype: x.long(),
        order=0,
    ),
    Row(
        "transfer",
        (X,),
        {"to": CPU, "source": CPU},
        ref=lambda x, to, source: x,
        moves=True,
        meta=False,
    ),
    Row("to", (X, "cpu"), {"copy": True}, ref=lambda x, device, copy: x, moves=True, meta=False),
    Row(
        "to", (X, np.dtype("float64"), CPU), ref=lambda x, dtype, device: x, moves=True, meta=False
    ),
    Row("to", (X,), {"dtype": "float64"}, ref=lambda x, dtype: x, moves=True),
]
