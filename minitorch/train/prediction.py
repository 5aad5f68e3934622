"""Prediction: what a model says of inputs, however many they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from minitorch.modes import no_grad
from minitorch.nn.module import Module
from minitorch.nn.stateless import evaluating
from minitorch.ops.join import cat
from minitorch.tensor import ShapeError, Tensor
from minitorch.train.batches import as_arguments, as_tensors, gpu_of, moved
from minitorch.tree import leaves, map_leaves, rebuild


def predict(model: Module, x: Any, batch_size: int = 256) -> Any:
    """What the model says of inputs, in evaluation mode and without a tape.

    Args:
        model: also as a method: `model.predict(x)`.
        x: a Tensor or array of examples, or a tuple or dict of them for several inputs.
        batch_size: how many examples go through at once.

    Returns:
        The model's outputs for all examples together: a Tensor, or containers of them.

    Raises:
        ValueError: no examples, inputs of different lengths; an output without a row for each
            example, where there is more than one batch.

    >>> import minitorch
    >>> from minitorch import nn
    >>> nn.Sequential(nn.Linear(3, 2), nn.Dropout()).predict(minitorch.zeros(1000, 3)).shape
    (1000, 2)
    """
    outputs, sizes = [], []
    where = gpu_of(model)
    with evaluating(model), no_grad():
        for inputs, size in _cut(x, batch_size):
            args, kwargs = as_arguments(inputs if where is None else moved(inputs, where))
            outputs.append(model(*args, **kwargs))
            sizes.append(size)
    return _joined(outputs, sizes)


def tta(
    model: Module,
    x: Any,
    transforms: Sequence[Callable[[Any], Any]],
    activation: Callable[[Tensor], Tensor] | None = None,
    batch_size: int = 256,
) -> Any:
    """Test-time augmentation: y = (a(f(x)) + Σ_k a(f(t_k(x)))) / (K + 1)

    A network that was trained on images turned and shifted a little says a little of each; the
    mean of what it says of several versions is right more often than any of them.

    Args:
        model: f, in evaluation mode and without a tape.
        x: as `predict` takes it.
        transforms: t_1 to t_K, each given all of x; what draws is named once for each time.
        activation: a, of each Tensor that the model returns, such as `lambda y: y.softmax(1)` for
            means of probabilities; the outputs themselves unless given.
        batch_size: how many examples go through at once.

    >>> import minitorch
    >>> double = lambda x: 2 * x
    >>> tta(minitorch.nn.Identity(), minitorch.tensor([[1.0]]), [double, double])
    tensor([[1.6667]])
    """
    said = [predict(model, version, batch_size) for version in (x, *(t(x) for t in transforms))]
    columns = zip(*map(leaves, said), strict=True)
    return rebuild(said[0], [_mean(column, activation) for column in columns])


def _mean(column: tuple[Any, ...], activation: Callable | None) -> Any:
    """Of one output for all versions; of what is no Tensor, the first one."""
    if not isinstance(column[0], Tensor):
        return column[0]
    return sum(column if activation is None else map(activation, column)) / len(column)


def _cut(x: Any, batch_size: int) -> Iterator[tuple[Any, int]]:
    """The inputs cut along the first axis, and how many examples each cut has.

    Numbers and other options among the inputs go with every batch.
    """
    if batch_size < 1:
        raise ValueError(f"predict: batch_size must be at least 1, got {batch_size}")
    x = as_tensors(x)
    sizes = {part.shape[0] for part in leaves(x) if _has_rows(part)}
    if len(sizes) != 1:
        raise ShapeError(
            "predict: expected Tensors with one number of examples on their first axis, got "
            f"{', '.join(map(str, sorted(sizes))) or 'none'}"
        )
    (n,) = sizes
    if not n:
        raise ValueError("predict: no examples")
    for start in range(0, n, batch_size):
        end = min(start + batch_size, n)
        yield map_leaves(partial(_rows, start=start, end=end), x), end - start


def _rows(x: Any, start: int, end: int) -> Any:
    return x[start:end] if _has_rows(x) else x


def _has_rows(x: Any) -> bool:
    return isinstance(x, Tensor) and x.ndim > 0


def _joined(outputs: Sequence[Any], sizes: Sequence[int]) -> Any:
    """The outputs for several batches as one output for all of their examples.

    Raises:
        ValueError: an output that does not have one row for each example.
    """
    if len(outputs) == 1:
        return outputs[0]
    columns = zip(*map(leaves, outputs), strict=True)
    return rebuild(outputs[0], [_column(pieces, sizes) for pieces in columns])


def _column(pieces: tuple[Any, ...], sizes: Sequence[int]) -> Any:
    if not isinstance(pieces[0], Tensor):
        return pieces[0]
    for piece, size in zip(pieces, sizes):
        if piece.shape[:1] != (size,):
            raise ShapeError(
                f"predict: for {size} examples the model gives an output of shape {piece.shape}, "
                "which has no row for each, so the batches cannot be put together; pass a "
                "batch_size that takes all examples at once"
            )
    return cat(pieces)
