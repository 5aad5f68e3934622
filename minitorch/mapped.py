"""vmap: a function of one example becomes a function of a batch of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minitorch.meta import Meta
from minitorch.modes import no_grad
from minitorch.ops.join import stack, unbind
from minitorch.random import Generator, default_generator, drawing_from
from minitorch.tensor import Tensor, make
from minitorch.tree import leaves, rebuild

Dims = Any  # an axis, None, or containers of them


def vmap(
    func: Callable,
    in_dims: Dims = 0,
    out_dims: Dims = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable:
    """A function that calls `func` on every example of a batch, and stacks what it returns.

        vmap(f)(xs)[i] = f(xs[i])

    So `f` is written without a batch axis, and may use whatever works on one example: branches on
    values, `.item()`, layers, another vmap. `vmap(grad(f), in_dims=(None, 0))(w, xs)` are the
    gradients of each example. All of it is recorded, so gradients flow back into the batch and into
    whatever `f` closes over.

    It is a loop: the answer is that of vectorised code, the time is that of one call an example.
    Where speed matters, write the function for the batch: ops and layers take leading axes as they
    are, and products over them are `matmul`, `einsum` and broadcasting.

    Args:
        func: takes Tensors or containers of them, and returns the same kinds of things.
        in_dims: for each argument the axis that counts the examples, or None for one that goes to
            every call as it is. One int is for all arguments; a tuple has one entry for each, and
            an entry may be nested as its argument is. Keyword arguments go to every call.
        out_dims: where the axis of examples will stand in the outputs, given in the same way. None
            is for an output that is the same for all examples, which comes without that axis.
        randomness: what a draw from the default generator does inside `func`: "error" raises,
            "different" draws anew for each example, "same" draws alike for all.
        chunk_size: torch's bound on memory, which a loop over single examples keeps already.

    Raises:
        ValueError: nothing to map over, sizes that differ, or dims that do not fit what they are
            given for.
        RuntimeError: `func` draws random numbers, and `randomness` is "error".

    >>> import minitorch
    >>> w, xs = minitorch.tensor([1.0, 2.0]), minitorch.tensor([[3.0, 4.0], [5.0, 6.0]])
    >>> vmap(minitorch.dot, in_dims=(None, 0))(w, xs)
    tensor([11., 17.])
    >>> loss = lambda w, x: minitorch.dot(w, x) ** 2
    >>> vmap(minitorch.func.grad(loss), in_dims=(None, 0))(w, xs)
    tensor([[ 66.,  88.],
            [170., 204.]])
    """
    if not callable(func):
        raise TypeError(f"vmap: expected a function, got {type(func).__name__}")
    if randomness not in ("error", "different", "same"):
        raise ValueError(
            f"vmap: randomness {randomness!r}, expected 'error', 'different' or 'same'"
        )

    def mapped(*args: Any, **kwargs: Any) -> Any:
        examples = _examples(args, in_dims)
        if not examples:
            return _nothing(func, args, kwargs, in_dims, out_dims)
        return _stacked(_outputs(func, examples, kwargs, randomness), out_dims)

    return mapped


# arguments ------------------------------------------------------------------------------------


def _spread(who: str, dims: Dims, tree: Any) -> list[int | None]:
    """The axis for each leaf of the tree; one that is given for a container is for all in it."""
    if dims is None or (isinstance(dims, int) and not isinstance(dims, bool)):
        return [dims] * len(leaves(tree))
    if isinstance(dims, dict) and isinstance(tree, dict) and dims.keys() == tree.keys():
        return [d for key in tree for d in _spread(who, dims[key], tree[key])]
    lists = isinstance(dims, (tuple, list)) and isinstance(tree, (tuple, list))
    if lists and len(dims) == len(tree):
        return [d for part, inner in zip(dims, tree) for d in _spread(who, part, inner)]
    shown = f"{len(tree)} values" if isinstance(tree, (tuple, list)) else f"a {type(tree).__name__}"
    raise ValueError(f"vmap: {who} {dims!r} given for {shown}; expected an int, None, or one each")


def _axes(args: tuple, in_dims: Dims) -> list[tuple[Any, int | None]]:
    """(leaf, its axis) for everything in the arguments, checked; axes count from the front."""
    found: list[tuple[Any, int | None]] = []
    for x, dim in zip(leaves(args), _spread("in_dims", in_dims, args), strict=True):
        if dim is not None:
            if not isinstance(x, Tensor):
                raise ValueError(
                    f"vmap: in_dims {dim} given for a {type(x).__name__}; only Tensors are mapped "
                    "over, and None is for what goes to every call as it is"
                )
            if not -x.ndim <= dim < x.ndim:
                raise ValueError(f"vmap: in_dims {dim} given for a Tensor of shape {x.shape}")
            dim %= x.ndim
        found.append((x, dim))
    sizes = {x.shape[dim] for x, dim in found if dim is not None}
    if not sizes:
        raise ValueError("vmap: nothing to map over; give a Tensor whose in_dims is not None")
    if len(sizes) > 1:
        met = ", ".join(f"{x.shape[d]} (axis {d} of {x.shape})" for x, d in found if d is not None)
        raise ValueError(f"vmap: the numbers of examples differ: {met}")
    return found


def _examples(args: tuple, in_dims: Dims) -> list[tuple]:
    """The arguments for each call."""
    found = _axes(args, in_dims)
    size = next(x.shape[dim] for x, dim in found if dim is not None)
    columns = [[x] * size if dim is None else unbind(x, dim) for x, dim in found]
    return [rebuild(args, row) for row in zip(*columns)]


# calls ----------------------------------------------------------------------------------------


def _outputs(func: Callable, examples: Sequence[tuple], kwargs: dict, randomness: str) -> list[Any]:
    """What each call returns."""
    if randomness == "different":
        return [func(*example, **kwargs) for example in examples]
    before, stream = default_generator.get_state(), Generator()
    found = []
    with drawing_from(stream):
        for example in examples:
            stream.set_state(before)
            found.append(func(*example, **kwargs))
            if randomness == "error" and stream.get_state() != before:
                raise RuntimeError(
                    "vmap: the function draws random numbers; pass randomness='different' for new "
                    "ones for each example, or randomness='same'; open layers are built before"
                )
    default_generator.set_state(stream.get_state())
    return found


# results --------------------------------------------------------------------------------------


def _stacked(outputs: Sequence[Any], out_dims: Dims) -> Any:
    """What the calls returned as one, nested as what each of them returned."""
    rows = [leaves(output) for output in outputs]
    lengths = {len(row) for row in rows}
    if len(lengths) > 1:
        raise ValueError(f"vmap: the function returned {min(lengths)} or {max(lengths)} values")
    dims = _out_axes(outputs[0], out_dims)
    return rebuild(outputs[0], [_column(c, d) for c, d in zip(zip(*rows), dims)])


def _out_axes(output: Any, out_dims: Dims) -> list[int | None]:
    alone = not isinstance(output, (tuple, list, dict))
    if alone and isinstance(out_dims, (tuple, list)) and len(out_dims) == 1:
        out_dims = out_dims[0]
    return _spread("out_dims", out_dims, output)


def _column(values: Sequence[Any], dim: int | None) -> Any:
    """One output of all examples."""
    first = values[0]
    if dim is None:
        if any(not _same(first, value) for value in values):
            raise ValueError(
                "vmap: out_dims None is for an output that is the same for all examples, and this "
                "one differs"
            )
        return first
    for value in values:
        if not isinstance(value, Tensor):
            raise ValueError(f"vmap: the function returned a {type(value).__name__}, not Tensors")
    return stack(values, dim)


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor) != isinstance(b, Tensor):
        return False
    if isinstance(a, Tensor):
        return a is b or (a.shape == b.shape and bool((a.array == b.array).all()))
    return a is b or bool(a == b)


def _nothing(func: Callable, args: tuple, kwargs: dict, in_dims: Dims, out_dims: Dims) -> Any:
    """What a batch without examples gives: shapes, found by a call on a shape alone."""

    def example(x: Any, dim: int | None) -> Any:
        return x if dim is None else make(Meta(x.shape[:dim] + x.shape[dim + 1 :], x.dtype))

    like = next(x for x, dim in _axes(args, in_dims) if dim is not None)
    with no_grad():
        output = func(*rebuild(args, [example(x, d) for x, d in _axes(args, in_dims)]), **kwargs)

    def empty(y: Any, dim: int | None) -> Any:
        if dim is None:
            return y
        dim %= y.ndim + 1
        shape = (*y.shape[:dim], 0, *y.shape[dim:])
        return make(np.empty_like(like.array, shape=shape, dtype=y.dtype))

    return rebuild(output, map(empty, leaves(output), _out_axes(output, out_dims)))
