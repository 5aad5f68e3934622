"""What a batch is: the arguments of forward, a target, and how many examples they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from minitorch.array import device
from minitorch.creation import as_tensor
from minitorch.tensor import Tensor
from minitorch.tree import leaves, map_leaves, rebuild
from minitorch.utils.data import DataLoader, TensorDataset


def split_batch(batch: Any) -> tuple[tuple, dict[str, Any], Any]:
    """(positional inputs, inputs by name, target) of a batch as a loader gives it.

    (x, t) is one input and its target, (x₁, x₂, t) two inputs; an input that is itself a tuple or a
    dict holds the arguments of forward. Of a dict, "target" is the target and the rest are inputs
    by name.

    >>> split_batch((1, 2, 3)), split_batch({"x": 1, "target": 3})
    (((1, 2), {}, 3), ((), {'x': 1}, 3))
    """
    if isinstance(batch, (tuple, list)) and len(batch) > 1:
        return (*as_arguments(batch[0] if len(batch) == 2 else tuple(batch[:-1])), batch[-1])
    if isinstance(batch, Mapping):
        if "target" not in batch:
            raise ValueError(
                f"fit: a batch is a dict of {', '.join(map(str, batch))} without a 'target'; call "
                "it that, or pass Learner(split=...)"
            )
        return (), {name: x for name, x in batch.items() if name != "target"}, batch["target"]
    raise TypeError(
        f"fit: expected batches (input, target), got a {type(batch).__name__}; pass "
        "Learner(split=...) for batches of another form"
    )


def as_arguments(x: Any) -> tuple[tuple, dict[str, Any]]:
    """The inputs of a model as the arguments of its forward."""
    if isinstance(x, Tensor):
        return (x,), {}
    if isinstance(x, Mapping):
        return (), dict(x)
    return (tuple(x) if isinstance(x, (tuple, list)) else (x,)), {}


def size_of(args: tuple, kwargs: Mapping[str, Any]) -> int:
    """How many examples: the size of the first axis of the first input."""
    if args and isinstance(args[0], Tensor) and args[0].array.ndim:
        return args[0].array.shape[0]  # as nearly always
    for x in (*args, *kwargs.values()):
        for leaf in leaves(x):
            if getattr(leaf, "ndim", 0):
                return leaf.shape[0]
    return 1


# loaders -----------------------------------------------------------------------------------------


def as_loader(data: Any, batch_size: int, shuffle: bool) -> Any:
    """A loader, also of (x, t) as Tensors or arrays, where x may be a tuple or a dict of several.

    Raises:
        TypeError: neither batches nor (x, t).
        ValueError: a loader that is empty; x and t of different lengths.
    """
    if isinstance(data, tuple):
        data = as_tensors(data)
        # In an order that is known nothing is drawn, so none of the default stream is used up.
        seed = None if shuffle else 0
        loader = DataLoader(TensorDataset(*leaves(data)), batch_size, shuffle=shuffle, seed=seed)
        flat = all(isinstance(part, Tensor) for part in data)
        return loader if flat else _Nested(loader, data)
    if not isinstance(data, Iterable) or isinstance(data, (Tensor, np.ndarray, Mapping, str)):
        raise TypeError(
            f"fit: expected a DataLoader or (x, t) as data, got a {type(data).__name__}"
        )
    if batches_of(data) == 0:
        raise ValueError(f"fit: {data!r} has no batches")
    return data


def as_tensors(x: Any) -> Any:
    """The same tuples and dicts, with Tensors for arrays and for lists of numbers."""
    if isinstance(x, Mapping):
        return {name: as_tensors(part) for name, part in x.items()}
    if isinstance(x, tuple):
        return tuple(map(as_tensors, x))
    return as_tensor(x) if isinstance(x, (list, np.ndarray)) else x


def batches_of(loader: Any) -> int | None:
    """How many batches an epoch has, or None where that is not known beforehand."""
    try:
        return len(loader)
    except TypeError:  # an iterator, or the loader of a stream
        return None


class _Nested:
    """A loader whose batches are put back into the containers that the data came in."""

    def __init__(self, loader: DataLoader, like: Any):
        self.loader, self.like = loader, like
        self.state_dict, self.load_state_dict = loader.state_dict, loader.load_state_dict

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Any]:
        return (rebuild(self.like, batch) for batch in self.loader)


# places ------------------------------------------------------------------------------------------


def gpu_of(model: Any) -> device | None:
    """The GPU that the model is on, or will be once it is built; None off the GPU."""
    for module in model.modules():
        own = next(iter(module.parameters(recurse=False)), None)
        where = module._device if module.open_sizes else getattr(own, "device", None)
        if where is not None:
            return where if where.type == "cuda" else None
    return None


def moved(tree: Any, where: device) -> Any:
    """The same containers with every Tensor on that device."""
    return map_leaves(lambda x: x.to(where) if isinstance(x, Tensor) else x, tree)
