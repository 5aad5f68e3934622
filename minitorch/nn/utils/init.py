"""A layer whose initial values are never drawn, as they will be written over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def skip_init(module_cls: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The layer `module_cls(*args, **kwargs)` with parameters that hold anything.

    For a large layer, whose state is loaded or drawn in another way right afterwards.

    Args:
        module_cls: a class whose layers take a `device`.
        args: what it is called with.
        kwargs: the same by name.

    Raises:
        TypeError: the class takes no device.

    >>> from minitorch import nn
    >>> nn.utils.skip_init(nn.Linear, 1000, 1000).weight.shape
    (1000, 1000)
    """
    device = kwargs.pop("device", "cpu")
    return module_cls(*args, **kwargs, device="meta").to_empty(device=device)
