"""Spectral normalization: a weight divided by its largest singular value, which is then 1.

    w = W / σ,   σ = u · W v

No layer stretches any input by more than its weight's σ, so a network of such layers cannot be
steeper than 1: what a GAN's critic needs. Miyato et al. 2018. The vectors u and v, which W turns
into each other, are found along the way: every forward in training starts from those of the last
one, and multiplies by W and Wᵀ once (power iteration). They count as constants: of all unit vectors
they give the largest u · W v, so a small turn of them changes nothing.
"""

from __future__ import annotations

from typing import Any, TypeVar

from minitorch.modes import no_grad
from minitorch.nn.utils.computed import (
    Computed,
    compute,
    compute_no_more,
    kind_of,
    own_parameter,
)
from minitorch.ops.norm import normalize
from minitorch.random import randn
from minitorch.tensor import ShapeError, Tensor

M = TypeVar("M")


def spectral_norm(
    module: M,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> M:
    """Divides a parameter by its largest singular value each time it is read.

    `parametrizations.spectral_norm` is the same under newer names, and starts nearer to u and v.

    Args:
        module: a layer, whose sizes are known.
        name: of the parameter; `name_orig`, and the buffers `name_u` and `name_v`, take its place.
            `reset_parameters` leaves them alone.
        n_power_iterations: how often W and Wᵀ multiply in each forward of training.
        eps: the least length that a vector is divided by.
        dim: the axis of the outputs; 0 unless given, and 1 for transposed convolutions.

    Returns:
        The module.

    Raises:
        AttributeError: the module has no such parameter.
        RuntimeError: the parameter is computed already, or has no shape yet.
        ShapeError: it has fewer than two axes.
        ValueError: n_power_iterations is below 1.

    >>> from minitorch import nn
    >>> layer = nn.utils.spectral_norm(nn.Linear(20, 40))
    >>> list(layer.state_dict())
    ['bias', 'weight_orig', 'weight_u', 'weight_v']
    """
    w = own_parameter("spectral_norm", module, name)
    dim = output_axis(module) if dim is None else dim
    check_iterations(n_power_iterations)
    with no_grad():
        u, v = first_vectors(as_matrix(w, dim), eps)
    compute(module, Computed(name, _normed, (n_power_iterations, eps, dim)))
    owner: Any = module
    owner.register_parameter(f"{name}_orig", w)
    owner.register_buffer(f"{name}_u", u)
    owner.register_buffer(f"{name}_v", v)
    return module


def remove_spectral_norm(module: M, name: str = "weight") -> M:
    """Undoes `spectral_norm`: the weight is one parameter again, with the values it has now.

    Raises:
        ValueError: the weight is not normalized.
        RuntimeError: what it is made of is computed itself.
    """
    root, ways = kind_of(module)
    found = [way for way in ways if way.name == name and way.get is _normed]
    if not found:
        raise ValueError(f"remove_spectral_norm: {name!r} of {root.__name__} is not normalized")
    w = own_parameter("remove_spectral_norm", module, f"{name}_orig")
    u, v = (getattr(module, f"{name}_{part}") for part in "uv")
    with no_grad():
        w.copy_(w / size_along(as_matrix(w, found[0].options[2]), u, v))
    for part in ("orig", "u", "v"):
        delattr(module, f"{name}_{part}")
    compute_no_more(module, name)
    setattr(module, name, w)
    return module


def _normed(module: Any, name: str, n: int, eps: float, dim: int) -> Tensor:
    """W / σ, of what the module holds."""
    w, u, v = (getattr(module, f"{name}_{part}") for part in ("orig", "u", "v"))
    W = as_matrix(w, dim)
    if module.training:
        iterate(W, u, v, n, eps)
    return w / size_along(W, u, v)


# the vectors ----------------------------------------------------------------------------------


def output_axis(module: Any) -> int:
    """1 for a transposed convolution, whose weight has its inputs first; else 0."""
    return int("ConvTranspose" in kind_of(module)[0].__name__)


def check_iterations(n: int) -> None:
    """Raises unless there is at least one."""
    if n < 1:
        raise ValueError(f"spectral_norm: n_power_iterations must be at least 1, got {n}")


def as_matrix(w: Tensor, dim: int) -> Tensor:
    """The weight as (outputs, all the rest)."""
    n = w.dim()
    if n < 2:
        raise ShapeError(
            f"spectral_norm: the weight is {tuple(w.shape)}, expected two axes or more"
        )
    if not -n <= dim < n:
        raise IndexError(f"spectral_norm: dim {dim}, but the weight is {tuple(w.shape)}")
    first = dim % n
    w = w.permute(first, *(d for d in range(n) if d != first)) if first else w
    return w.reshape(w.shape[0], -1)


def first_vectors(W: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Unit vectors of no particular direction."""
    u, v = (randn(size, dtype=W.dtype, device=W.device) for size in W.shape)
    return normalize(u, dim=0, eps=eps), normalize(v, dim=0, eps=eps)


def iterate(W: Tensor, u: Tensor, v: Tensor, n: int, eps: float) -> None:
    """Turns u and v, in place, towards those that W stretches most."""
    with no_grad():
        for _ in range(n):
            v.copy_(normalize(W.T @ u, dim=0, eps=eps))
            u.copy_(normalize(W @ v, dim=0, eps=eps))


def size_along(W: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """σ = u · W v, for u and v as they are now: the next forward turns them, and this one stays."""
    return (u.clone() * (W @ v.clone())).sum()
