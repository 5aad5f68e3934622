"""Normalization: what a layer sees has mean 0 and variance 1, whatever the weights before it do.

The norms differ in the dims over which the mean μ and the variance σ² are taken, and are all
`standardize` apart from that: over the batch for each channel (`batch_norm`), over the last axes of
each example (`layer_norm`, and `rms_norm` without μ), over groups of channels (`group_norm`), or
over the places of each channel of each example (`instance_norm`).
"""

from __future__ import annotations

import math
from functools import cache, lru_cache
from typing import Any

from minitorch.array import has_values
from minitorch.clock import stamp
from minitorch.convert import cast_like
from minitorch.dtypes import FLOATING
from minitorch.kernels import on_gpu
from minitorch.op import composite, op
from minitorch.ops.arguments import check_floats
from minitorch.ops.broadcast import sum_to
from minitorch.ops.compare import clamp
from minitorch.ops.shape import reshape
from minitorch.ops.standardize import affine, moments_of, standardize, standardize_all
from minitorch.ops.statistics import norm
from minitorch.ops.sums import wide
from minitorch.tensor import ShapeError, Tensor
from minitorch.words import np

# over a batch ----------------------------------------------------------------------------------


@op(exact_dtype=True, keeps="moments")
def batch_norm(
    input,
    running_mean=None,
    running_var=None,
    weight=None,
    bias=None,
    *,
    training=False,
    momentum=0.1,
    eps=1e-5,
):
    """y = w (x - μ) / √(σ² + ε) + b, with μ and σ² of each channel          dL/dx = K(w g)

    dL/dw = Σ g x̂ and dL/db = Σ g, over all axes but 1, with x̂ and K as in `standardize`.

    In training μ and σ² are those of the batch, over all axes but 1, and move the running ones in
    place: running += momentum (batch - running), where the batch's variance is the unbiased one.
    A batch that is not finite leaves them alone. Otherwise μ and σ² *are* the running ones, which
    are constants then: dL/dx = g w r. The input is (N, C) or (N, C, d1, ...), all else (C,).

    Raises:
        ValueError: another number of channels than the input has on axis 1, eps of 0 or less, in
            training no or only one value per channel, or otherwise no running statistics.

    >>> import minitorch
    >>> x = minitorch.tensor([[1.0, 5.0], [3.0, 5.0]])
    >>> minitorch.batch_norm(x, None, None, training=True)
    tensor([[-1.0000,  0.0000],
            [ 1.0000,  0.0000]])
    """
    small = _channels(
        "batch_norm",
        input,
        eps,
        running_mean=running_mean,
        running_var=running_var,
        weight=weight,
        bias=bias,
    )
    w, b = [None if p is None else p.reshape(small) for p in (weight, bias)]
    if not training:
        if running_mean is None or running_var is None:
            raise ValueError("batch_norm: training=False needs running_mean and running_var")
        x = wide(input)
        mu = running_mean.astype(x.dtype).reshape(small)  # a copy: the running ones move on
        r = 1 / np.sqrt(running_var.astype(x.dtype).reshape(small) + eps)
        return affine(x - mu, r, w, b).astype(input.dtype, copy=False), (mu, r, False)
    n = input.size // max(input.shape[1], 1)
    if n < 2:
        raise ShapeError(
            f"batch_norm: {'an empty batch' if not n else 'one value per channel'} in training, "
            f"input {input.shape}; it needs more than one to standardize: a larger batch, or eval()"
        )
    y, mu, r, variance = _of_batch(input, w, b, eps)
    if running_mean is not None:
        _update_running(running_mean, running_var, mu, variance, n, momentum)
    return y, (mu, r, True)


@on_gpu("standardize.batch")
def _of_batch(input, weight, bias, eps):
    mu, r, d, variance = moments_of(wide(input), _all_but_1(input.ndim), eps)
    return affine(d, r, weight, bias).astype(input.dtype, copy=False), mu, r, variance


def _batch_norm_all(g, input, weight, bias_shape, moments, eps, needs):
    mu, r, of_batch = moments
    needs = needs[0], needs[3], needs[4]
    small = r.shape
    w = None if weight is None else reshape(weight, small)
    dims = _all_but_1(len(small))
    options = {"dims": dims, "eps": eps, "center": True}
    if of_batch:
        dx, dw, db = standardize_all(g, input, w, small, (mu, r), needs=needs, **options)
    else:
        dx = cast_like(g * (r if w is None else w * r), input) if needs[0] else None
        dw = cast_like(sum_to(g * ((input - mu) * r), small), weight) if needs[1] else None
        db = sum_to(g, small) if needs[2] else None
    dw = reshape(dw, weight.shape) if needs[1] else None
    return dx, None, None, dw, reshape(db, bias_shape) if needs[2] else None


batch_norm.grad(_batch_norm_all)


def _update_running(running_mean, running_var, mu, variance, n, momentum):
    """Moves running statistics towards those of n numbers in place, if these are finite."""
    if not has_values(mu):
        return
    _move_running(running_mean, running_var, mu, variance, n, momentum)
    stamp(running_mean, "batch_norm")
    stamp(running_var, "batch_norm")


@on_gpu("standardize.move_running", writes=2)
def _move_running(running_mean, running_var, mu, variance, n, momentum):
    mu, variance = mu.reshape(running_mean.shape), variance.reshape(running_var.shape)
    variance = variance * (n / (n - 1))  # the unbiased one
    fine = (np.isfinite(mu) & np.isfinite(variance)).all()
    for running, batch in ((running_mean, mu), (running_var, variance)):
        running += np.where(fine, momentum * (batch - running), 0).astype(running.dtype)


def _channels(who, input, eps, **given):
    """(1, C, 1, ...), the shape in which values per channel go with the input.

    Raises:
        ValueError: one of them has another number of channels, or eps is not positive.
    """
    if not eps > 0:
        raise ValueError(f"{who}: eps {eps}, expected more than 0")
    check_floats(who, "input", input)
    if input.ndim < 2:
        raise ShapeError(f"{who}: input {input.shape}, expected (N, C) or (N, C, d1, ...)")
    C = input.shape[1]
    for name, values in given.items():
        if values is not None and values.shape != (C,):
            raise ShapeError(
                f"{who}: input {input.shape} has {C} channel{'s' * (C != 1)} on axis 1, {name} has "
                f"shape {values.shape}, expected {(C,)}"
            )
    return (1, C, *(1,) * (input.ndim - 2))


@cache
def _all_but_1(ndim):
    return (0, *range(2, ndim))


# over each example ----------------------------------------------------------------------------


@composite()
def layer_norm(
    input: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """x standardized over its last axes, which `normalized_shape` names, then w x̂ + b.

    Raises:
        ValueError: the last axes have other sizes, or weight or bias another shape.
        TypeError: the input holds integers.
    """
    dims = _last("layer_norm", input, normalized_shape, weight, bias)
    return standardize(input, weight, bias, dims=dims, eps=eps)


@composite()
def rms_norm(
    input: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """w x / √(mean x² + ε) over the last axes: `layer_norm` without the mean and the bias.

    Unless given, ε is the smallest step at 1 of the dtype, as which float32 counts for those of 16
    bits: they are added up in it.
    """
    dims = _last("rms_norm", input, normalized_shape, weight)
    if eps is None:
        eps = float(np.finfo(np.float32 if input.dtype.itemsize == 2 else input.dtype).eps)
    return standardize(input, weight, None, dims=dims, eps=eps, center=False)


def _last(
    who: str, input: Tensor, normalized_shape: Any, weight: Any, bias: Any = None
) -> tuple[int, ...]:
    """The dims that `normalized_shape` names."""
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    array = input.array
    dims = _dims_at_end(array.shape, array.dtype, shape)
    if not dims:
        check_floats(who, "input", array)
        raise ShapeError(f"{who}: input {input.shape} does not end in normalized_shape {shape}")
    if weight is None and bias is None:
        return dims
    for name, values in (("weight", weight), ("bias", bias)):
        if values is not None and values.shape != shape:
            raise ShapeError(f"{who}: {name} has shape {values.shape}, expected {shape}")
    return dims


@lru_cache
def _dims_at_end(shape: tuple[int, ...], dtype: Any, end: tuple[int, ...]) -> tuple[int, ...]:
    """The dims of the sizes at the end of a shape of floats; none, where it ends in others."""
    fits = shape[-len(end) :] == end and dtype.kind in FLOATING
    return tuple(range(-len(end), 0)) if fits else ()


@composite()
def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """x standardized over each example's groups of channels, then w x̂ + b for each channel.

    Raises:
        ValueError: the channels, on axis 1, do not make `num_groups` of equal size, or weight or
            bias is not (C,).
    """
    _channels("group_norm", input, eps, weight=weight, bias=bias)
    N, C, *rest = input.shape
    if num_groups < 1 or C % num_groups:
        raise ShapeError(
            f"group_norm: input {input.shape} has {C} channels on axis 1, which do not make "
            f"num_groups {num_groups} of equal size"
        )
    grouped = (num_groups, C // num_groups, *rest)
    flat = (num_groups, C // num_groups, *(1,) * len(rest))
    w, b = [None if p is None else reshape(p, flat) for p in (weight, bias)]
    dims = tuple(range(2, 3 + len(rest)))
    return reshape(
        standardize(reshape(input, (N, *grouped)), w, b, dims=dims, eps=eps), input.shape
    )


@composite()
def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """x standardized over the places of each channel of each example, then w x̂ + b per channel.

    Running statistics, where given, move towards the mean over the examples; they are used instead
    with use_input_stats=False, which is `batch_norm` outside of training.

    Raises:
        ValueError: one place per channel, or another number of channels.
    """
    given = {
        "running_mean": running_mean,
        "running_var": running_var,
        "weight": weight,
        "bias": bias,
    }
    small = _channels("instance_norm", input, eps, **given)
    if not use_input_stats:
        if running_mean is None:
            raise ValueError("instance_norm: use_input_stats=False needs running_mean, running_var")
        return batch_norm(input, running_mean, running_var, weight, bias, eps=eps)
    dims = tuple(range(2, len(small)))
    n = math.prod(input.shape[2:])
    if n < 2 or not dims:
        raise ShapeError(
            f"instance_norm: one value per channel and example, input {input.shape}; it needs more "
            "than one to standardize"
        )
    if running_mean is not None and running_var is not None:
        x = input.detach().array
        mu, _, _, variance = moments_of(wide(x), dims, eps)
        moved = running_mean.array, running_var.array
        _update_running(*moved, mu.mean(axis=0), variance.mean(axis=0), n, momentum)
    w, b = [None if p is None else reshape(p, small) for p in (weight, bias)]
    return standardize(input, w, b, dims=dims, eps=eps)


@composite()
def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """x / max(‖x‖_p, ε) along `dim`: vectors of length 1, and 0 where x is 0."""
    return input / clamp(norm(input, p, dim, True), min=eps)
