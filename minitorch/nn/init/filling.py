"""Torch's functions that fill a tensor in place: `kaiming_normal_(layer.weight)`.

Each draws by the init function of its name (`functions.py`, `scaled.py`, `structured.py`), so that
one seed gives one set of numbers either way. They write into parameters that require grad, which
nothing records; a graph that still needs the old values says so when it is used.
"""

from __future__ import annotations

from minitorch.array import has_values, move
from minitorch.inplace import written
from minitorch.modes import no_grad
from minitorch.nn.init import functions, scaled, structured
from minitorch.nn.init.fans import WeightShape, calculate_fan_in_and_fan_out
from minitorch.nn.init.functions import InitFunction, Initializer, draw
from minitorch.nn.init.gains import Gain
from minitorch.random import Generator
from minitorch.tensor import Tensor


def fill_(
    tensor: Tensor,
    function: Initializer,
    generator: Generator | None = None,
    *,
    groups: int = 1,
    transposed: bool = False,
    layout: str = "OI",
) -> Tensor:
    """Fills a tensor in place by any init function; returns it.

    Args:
        tensor: what to fill, on any device; on "meta" there is nothing to draw.
        function: one of those here, or any callable (shape, dtype, generator) -> array.
        generator: the stream to draw from; the default one when None.
        groups: of the layer that the weight belongs to, for its fans; so too the next two.
        transposed: it is the weight of a transposed convolution.
        layout: "OI" is (out, in / groups, *kernel), "IO" is (*kernel, in / groups, out).

    Raises:
        TypeError: `tensor` is no Tensor, or `function` cannot be called.
        ValueError: the tensor's shape does not suit the function, or has no elements.

    >>> import minitorch
    >>> fill_(minitorch.empty(2, 2), structured.eye())
    tensor([[1., 0.],
            [0., 1.]])
    """
    name = f"{function.name}_" if isinstance(function, InitFunction) else "fill_"
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{name}: expected a Tensor, got {type(tensor).__name__}")
    shape = tensor.shape
    if len(shape) > 1:
        fans = calculate_fan_in_and_fan_out(
            shape, groups=groups, transposed=transposed, layout=layout
        )
        shape = WeightShape(shape, *fans)
    if has_values(tensor.array):
        drawn = move(draw(function, shape, tensor.dtype, generator), tensor.device)
        with no_grad():
            written(tensor, name, lambda: tensor.array.__setitem__(..., drawn))
    elif isinstance(function, InitFunction):
        function.fits(shape, tensor.dtype)
    return tensor


# without regard to the fans -------------------------------------------------------------------


def uniform_(
    tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Evenly from a to b."""
    return fill_(tensor, functions.uniform(a, b), generator)


def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """From N(mean, std²)."""
    return fill_(tensor, functions.normal(mean, std), generator)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """From N(mean, std²) within [a, b]; the bounds are not in units of std."""
    return fill_(tensor, functions.trunc_normal(mean, std, a, b), generator)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """One value everywhere."""
    return fill_(tensor, functions.constant(val))


def ones_(tensor: Tensor) -> Tensor:
    """1 everywhere."""
    return fill_(tensor, functions.ones())


def zeros_(tensor: Tensor) -> Tensor:
    """0 everywhere."""
    return fill_(tensor, functions.zeros())


def eye_(tensor: Tensor) -> Tensor:
    """1 on the diagonal of a matrix, else 0."""
    return fill_(tensor, structured.eye())


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """1 at the centre of each kernel from a channel to itself, in each group, else 0."""
    return fill_(tensor, structured.dirac(groups))


def orthogonal_(
    tensor: Tensor, gain: Gain = 1.0, generator: Generator | None = None, *, layout: str = "OI"
) -> Tensor:
    """A random matrix W of W Wᵀ = gain² I (WᵀW where it is tall); a kernel is (out, in × kernel).

    >>> import minitorch
    >>> w = orthogonal_(minitorch.empty(3, 4, 2))
    >>> rows = w.reshape(3, 8)
    >>> minitorch.allclose(rows @ rows.T, minitorch.eye(3), atol=1e-5)
    True
    """
    return fill_(tensor, structured.orthogonal(gain, layout), generator)


def sparse_(
    tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None
) -> Tensor:
    """From N(0, std²), with the part `sparsity` of each column set to 0."""
    return fill_(tensor, structured.sparse(sparsity, std), generator)


# scaled by the fans ---------------------------------------------------------------------------
#
# Beyond torch's arguments they take those that the fans depend on; the defaults are torch's ways.


def xavier_uniform_(
    tensor: Tensor,
    gain: Gain = 1.0,
    generator: Generator | None = None,
    *,
    groups: int = 1,
    transposed: bool = False,
    layout: str = "OI",
) -> Tensor:
    """Evenly within ±gain √(6 / (fan_in + fan_out)); see `xavier_uniform`, and `fill_`."""
    function = scaled.xavier_uniform(gain)
    return fill_(tensor, function, generator, groups=groups, transposed=transposed, layout=layout)


def xavier_normal_(
    tensor: Tensor,
    gain: Gain = 1.0,
    generator: Generator | None = None,
    *,
    groups: int = 1,
    transposed: bool = False,
    layout: str = "OI",
) -> Tensor:
    """From N(0, std²), std = gain √(2 / (fan_in + fan_out)); see `xavier_normal`, and `fill_`."""
    function = scaled.xavier_normal(gain)
    return fill_(tensor, function, generator, groups=groups, transposed=transposed, layout=layout)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
    *,
    gain: Gain | None = None,
    groups: int = 1,
    transposed: bool = False,
    layout: str = "OI",
) -> Tensor:
    """Evenly within ±√3 gain / √fan; see `kaiming_normal` for a, mode, nonlinearity and gain.

    >>> import minitorch
    >>> bool((kaiming_uniform_(minitorch.empty(50, 150), a=1).abs() < (3 / 150) ** 0.5).all())
    True
    """
    function = scaled.kaiming_uniform(a, mode, nonlinearity, gain=gain)
    return fill_(tensor, function, generator, groups=groups, transposed=transposed, layout=layout)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
    *,
    gain: Gain | None = None,
    groups: int = 1,
    transposed: bool = False,
    layout: str = "OI",
) -> Tensor:
    """From N(0, std²), std = gain / √fan; see `kaiming_normal` for the options, and `fill_`."""
    function = scaled.kaiming_normal(a, mode, nonlinearity, gain=gain)
    return fill_(tensor, function, generator, groups=groups, transposed=transposed, layout=layout)


def lecun_uniform_(
    tensor: Tensor,
    generator: Generator | None = None,
    *,
    groups: int = 1,
    transposed: bool = False,
    layout: str = "OI",
) -> Tensor:
    """Evenly within ±√(3 / fan_in); see `lecun_uniform`, and `fill_`."""
    function = scaled.lecun_uniform()
    return fill_(tensor, function, generator, groups=groups, transposed=transposed, layout=layout)


def lecun_normal_(
    tensor: Tensor,
    generator: Generator | None = None,
    *,
    groups: int = 1,
    transposed: bool = False,
    layout: str = "OI",
) -> Tensor:
    """From N(0, std²), std = 1 / √fan_in; see `lecun_normal`, and `fill_`."""
    function = scaled.lecun_normal()
    return fill_(tensor, function, generator, groups=groups, transposed=transposed, layout=layout)
