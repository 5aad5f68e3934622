"""What every test of Meta asks: do a meta array and a real one agree on shape and dtype?"""

from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch.meta import Meta


def like(x: Any) -> Any:
    """The meta arrays that stand for these real arrays."""
    return Meta(x.shape, x.dtype) if isinstance(x, np.ndarray) else x


def facts(y: Any) -> Any:
    """Shape and dtype of an array (a NumPy scalar counts as 0-d); anything else as it is."""
    if isinstance(y, (list, tuple)):
        return [facts(part) for part in y]
    if isinstance(y, (np.ndarray, np.generic, Meta)):
        return tuple(y.shape), y.dtype
    return y


def outcome(call: Callable, arrays: Any) -> Any:
    try:
        return facts(call(*arrays))
    except Exception as error:
        return error


def agree(call: Callable, *arrays: Any, same_words: bool = True) -> Any:
    """The facts on which real and meta agree, or the error that both raise in the same words."""
    with np.errstate(all="ignore"):
        real = outcome(call, arrays)
    metas = [like(x) for x in arrays]
    before = [facts(x) for x in metas]
    meta = outcome(call, metas)
    if isinstance(real, Exception):
        assert isinstance(meta, Exception), (meta, real)
        if same_words:
            assert isinstance(real, type(meta)) or isinstance(meta, type(real)), (meta, real)
        if same_words and isinstance(real, (ValueError, IndexError)):
            assert str(meta) == str(real)
    else:
        assert meta == real
    assert [facts(x) for x in metas] == before
    return meta
