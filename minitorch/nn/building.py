"""Building a model: its own forward runs once on shapes, and every open size is found on the way.

Nothing is written down about how sizes follow from each other; the layers are asked in the order in
which `forward` calls them, with Meta arrays, which have a shape and a dtype but no data. So a build
takes no memory and no time to speak of, and works for whatever `forward` does with its inputs,
branches and loops included. It has two steps:

1. *shaping*: forward runs on Metas; a layer that is called for the first time reads its open sizes
   off its input, and its parameters get their shapes (they hold Metas now);
2. *filling*: the initial values are drawn in the order in which the layers were defined. So a model
   with inferred sizes starts from the same numbers as one in which every size is written.

When forward fails in the first step, everything is put back as it was. What forward does to Tensors
that modules hold as attributes (running statistics) is put back in any case: no data was seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from threading import RLock
from typing import Any

import numpy as np

from minitorch.array import shape_of
from minitorch.clock import version
from minitorch.dtypes import FLOATING, as_dtype, get_default_dtype
from minitorch.meta import Meta, NeedsValuesError
from minitorch.modes import no_grad
from minitorch.nn.members import Members
from minitorch.nn.parameter import Parameter, UninitializedParameter
from minitorch.tensor import Tensor, make
from minitorch.tree import map_leaves

one_at_a_time = RLock()  # a thread that calls a model waits until another has built it
BATCH = 2  # the size of the batch axis in a build: one would hide what a batch of one hides


class Shaping:
    """One run of forward on Metas.

    Attributes:
        shaped: the layers that found their sizes in it, with what they were before.
        watch: hears of every module: `watch.before(module)` and `watch.after(module, output)`.
    """

    def __init__(self, watch: Any = None):
        self.shaped: list[tuple[Any, dict[str, Any]]] = []
        self.watch = watch


_current: ContextVar[Shaping | None] = ContextVar("shaping", default=None)
shaping = _current.get  # the run that is going on, if any


def is_open(module: Members) -> bool:
    """Does the module, or one below it, still wait for an input to tell its sizes?"""
    return any(m.open_sizes for m in module.modules())


def open_layers(module: Members) -> str:
    """The paths of the layers with open sizes, as text."""
    return ", ".join(
        f"{path or 'it'} ({type(m).__name__}, {', '.join(m.open_sizes)})"
        for path, m in module.named_modules()
        if m.open_sizes
    )


def shape_model(
    model: Any, args: Sequence[Any], kwargs: Mapping[str, Any], watch: Any = None
) -> tuple[Shaping, Any]:
    """Step 1: runs forward on Metas; returns the run and what forward returned.

    Args:
        model: with or without open sizes.
        args: of forward, Metas in place of Tensors.
        kwargs: the same.
        watch: hears of every module; a context manager too, in which forward runs.

    Raises:
        Exception: whatever forward raised; the model is as it was before.
    """
    run = Shaping(watch)
    token = _current.set(run)
    for module in model.modules():
        module.__dict__.update(_plain=False, _prepared=False)
    try:
        with _tensors_kept(model), watch or no_grad():
            output = model(*args, **kwargs)
    except BaseException as error:
        undo(run)
        if isinstance(error, NeedsValuesError):
            error.add_note(
                "forward depends on values here, and a build runs it on shapes only; give the "
                "layers their sizes, nn.Linear(800, 500), or call the model once on data"
            )
        raise
    finally:
        _current.reset(token)
    return run, output


@contextmanager
def _tensors_kept(model: Any) -> Iterator[None]:
    """Puts back whatever the block does to Tensors that are attributes, and no parameters."""
    before = [
        (module, name, tensor, tensor.array, tensor.array.copy(), version(tensor.array))
        for module in model.modules()
        for name, tensor in module.__dict__.items()
        if isinstance(tensor, Tensor) and not isinstance(tensor, Parameter)
    ]
    try:
        yield
    finally:
        for module, name, tensor, array, values, written in before:
            module.__dict__[name], tensor.array = tensor, array
            if version(array) != written:
                array[...] = values


def undo(run: Shaping) -> None:
    """Takes step 1 back: the layers it shaped are open again."""
    for layer, before in reversed(run.shaped):
        layer._reopen(before)


def fill_model(model: Any, run: Shaping) -> None:
    """Step 2: draws initial values in the order of definition, then does what `apply` was told."""
    shaped = {id(layer) for layer, _ in run.shaped}
    for module in model.modules():
        if id(module) in shaped:
            module._fill()
    for module in tuple(model.modules()):
        if module._deferred:
            for function in module._deferred:
                module.apply(function)
            module.__dict__["_deferred"] = ()


def build(model: Any, shapes: Sequence[Any], named: Mapping[str, Any], dtype: Any) -> None:
    """Both steps, from the shapes of the inputs without their batch axis."""
    args, kwargs = meta_inputs(model, shapes, named, dtype)
    with one_at_a_time:
        run, _ = shape_model(model, args, kwargs)
        if left := open_layers(model):
            undo(run)
            raise _not_reached(model, left)
        fill_model(model, run)


def _not_reached(model: Any, left: str) -> RuntimeError:
    return RuntimeError(
        f"build: forward of {type(model).__name__} did not come past {left}, so its size is still "
        "open; give that layer its input size, or call it in forward"
    )


def build_before(model: Any, args: tuple, kwargs: dict[str, Any]) -> None:
    """Builds a model from the first real inputs it is called with.

    A forward that depends on values cannot run on shapes; there the layers find their sizes one by
    one in the real call.
    """
    as_meta = lambda x: make(Meta(x.shape, x.dtype)) if isinstance(x, Tensor) else x
    try:
        run, _ = shape_model(model, map_leaves(as_meta, args), map_leaves(as_meta, kwargs))
    except NeedsValuesError:
        if _remembers(model):
            raise
        return
    if _remembers(model) and (left := open_layers(model)):
        undo(run)
        raise _not_reached(model, left)
    fill_model(model, run)


def _remembers(model: Any) -> bool:
    """Was `apply` called before the build?"""
    return any(module._deferred for module in model.modules())


def meta_inputs(
    model: Any, shapes: Sequence[Any], named: Mapping[str, Any], dtype: Any
) -> tuple[list[Any], dict[str, Any]]:
    """Meta Tensors of the shapes, with a batch axis in front.

    Args:
        model: whose dtype the inputs have, unless `dtype` says otherwise.
        shapes: one for each positional input: a shape without the batch axis, or a Tensor, which
            stands for itself.
        named: the same, for keyword arguments.
        dtype: of all inputs, or one for each, as a list or (for `named`) a dict.
    """
    if not shapes and not named:
        raise TypeError("build: give the shape of one input: model.build((1, 28, 28))")
    several = isinstance(dtype, (list, tuple))
    if several and len(dtype) != len(shapes):
        raise ValueError(f"build: {len(dtype)} dtypes for {len(shapes)} shapes")
    by_place = dtype if several else [None if isinstance(dtype, dict) else dtype] * len(shapes)
    by_name = dtype if isinstance(dtype, dict) else {} if several else dict.fromkeys(named, dtype)
    default = float_dtype_of(model)
    args = [_meta_input(shape, d or default) for shape, d in zip(shapes, by_place)]
    return args, {k: _meta_input(shape, by_name.get(k) or default) for k, shape in named.items()}


def _meta_input(shape: Any, dtype: Any) -> Tensor:
    if isinstance(shape, Tensor):
        return make(Meta(shape.shape, shape.dtype))
    sizes = shape_of(shape if isinstance(shape, (tuple, list)) else (shape,), "build: shape")
    return make(Meta((BATCH, *sizes), as_dtype(dtype)))


def float_dtype_of(model: Any) -> np.dtype:
    """The dtype of the first floating parameter, or the one it will have; else the default."""
    for module in model.modules():
        for _, p in module.named_parameters(recurse=False):
            if isinstance(p, UninitializedParameter):
                return module._dtype
            if p.dtype.kind in FLOATING:
                return p.dtype
    return get_default_dtype()


@contextmanager
def shaped_only(
    model: Any, shapes: Sequence[Any], named: Mapping[str, Any], dtype: Any
) -> Iterator[Any]:
    """The model with all shapes known and nothing allocated; afterwards it is as it was."""
    args, kwargs = meta_inputs(model, shapes, named, dtype)
    with one_at_a_time:
        run, output = shape_model(model, args, kwargs)
        try:
            yield output
        finally:
            undo(run)
