"""Where a program uses a second GPU, an op first looks where its arrays are.

CuPy computes with arrays of two GPUs, and tells nobody that it fetches one of them from the other
at every use. Here, as in torch, that is an error. A process that has used one GPU alone, or none,
cannot make the mistake, so until "cuda:1" is first used no op looks.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from minitorch.array import SECOND_GPU
from minitorch.call import two_gpus
from minitorch.op import REGISTRY, Op


def look() -> None:
    """From now on an op of several arrays raises where these are on different GPUs."""
    for op in REGISTRY.values():
        several = op.variadic or len(op.inputs) + len(op.options) > 1
        if several and not hasattr(op.body, "looks"):
            op.body = op.cell.cell_contents = _looking(op, op.body)


def _looking(op: Op, body: Callable) -> Callable:
    @functools.wraps(body)
    def run(*args: Any, **options: Any) -> Any:
        error = two_gpus(op, args, options)
        if error is not None:
            raise error
        return body(*args, **options)

    run.looks = True  # type: ignore[attr-defined]
    return run


SECOND_GPU.append(look)
