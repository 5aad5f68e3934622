"""Products of matrices and vectors: each number of the result is a row times a column, summed.

Everything here ends in the `matmul` of BLAS, which is at its best on few and large products; so the
leading axes of `linear`, and of a batch times one matrix, are folded into one long matrix. At the
end stand four slower ways to the same product, each a line nearer to that first sentence.
"""

from __future__ import annotations

import math
from typing import Any

from numpy import ndarray

from minitorch.few import add_up
from minitorch.kernels import on_gpu
from minitorch.op import composite, op
from minitorch.ops.broadcast import sum_to
from minitorch.ops.shape import reshape, unsqueeze
from minitorch.tensor import ShapeError, Tensor
from minitorch.traced import NUMPY
from minitorch.words import np


@op(methods="matmul __matmul__", reflected="__rmatmul__", autocast="low")
def matmul(a, b):
    """y = a b, a product over the last two axes          dL/da = g bᵀ,   dL/db = aᵀ g

    Axes in front of the last two are a batch, and broadcast. A vector on the left is a row, on
    the right a column, and its axis is gone from the result.

    Raises:
        ShapeError: the inner sizes differ, the batches do not broadcast, or a side is a number.
        TypeError: the dtypes differ.

    >>> import minitorch
    >>> minitorch.tensor([[1.0, 2.0], [3.0, 4.0]]) @ minitorch.tensor([1.0, 10.0])
    tensor([21., 43.])
    """
    try:
        if a.dtype is not b.dtype and a.dtype != b.dtype:
            raise two_dtypes("matmul", a=a, b=b)
        if b.ndim == 2 < a.ndim:  # one product of many rows, not many products of few
            return times(_rows(a), b).reshape(*a.shape[:-1], b.shape[1])
        return times(a, b)
    except (ValueError, AttributeError):
        raise _misfit("matmul", a, b) from None


matmul.grad(
    a=lambda g, b, a_shape: times(g, b.T) if g.ndim == b.ndim == 2 else _left(g, b, a_shape),
    b=lambda g, a, b_shape: times(a.T, g) if g.ndim == a.ndim == 2 else _right(g, a, b_shape),
)


def times(a, b):
    """a @ b; of NumPy's matrices by `dot`, which sets out in a third of the time."""
    if a.ndim == b.ndim == 2:
        if type(a) is type(b) is ndarray:
            return a.dot(b)
        if type(a) in NUMPY and type(b) in NUMPY:  # one of them is Traced
            return np.dot(a, b)
    return _product(a, b)


@on_gpu("products.product")
def _product(a, b):
    return a @ b


def _left(g, b, shape):
    """g bᵀ, for vectors and batches too; summed where a, of this shape, was repeated."""
    if b.ndim == 1:
        return unsqueeze(g, -1) * b
    if b.ndim == 2:
        return matmul(g, b.T)
    return _summed(times(unsqueeze(g, -2) if len(shape) == 1 else g, b.mT), shape)


def _right(g, a, shape):
    """aᵀ g, for vectors and batches too; summed where b, of this shape, was repeated."""
    if len(shape) <= 2:
        rows = _rows(a)
        return times(rows.T, reshape(g, (rows.shape[0], *shape[1:])))
    if a.ndim == 1:
        return unsqueeze(a, 1) * unsqueeze(g, -2)
    return _summed(times(a.mT, g), shape)


def _summed(g, shape):
    return g if g.shape == shape else sum_to(g, shape)


def _rows(x):
    """x as a matrix: all axes but the last are folded into one, and a vector is one row."""
    return x if x.ndim == 2 else x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def two_dtypes(name, **operands):
    """The error for a product of two dtypes."""
    met = " and ".join(f"{k!r} is {x.dtype}" for k, x in operands.items())
    if any(x.dtype.kind == "c" for x in operands.values()):
        return TypeError(f"{name}: {met}; complex numbers are not supported")
    return TypeError(
        f"{name}: {met}, and a product takes one dtype; convert one side with .float(), "
        ".double() or .to(other.dtype)"
    )


def _misfit(name, a, b):
    """The error for two shapes that have no product."""
    for k, x in (("a", a), ("b", b)):
        if not getattr(x, "shape", ()):
            return ShapeError(
                f"{name}: {k!r} is a number, and a product needs rows and columns; to scale, use *"
            )
    inner = a.shape[-1], b.shape[-2 if b.ndim > 1 else 0]
    if inner[0] != inner[1]:
        fix = "; b.mT would fit" if b.ndim > 1 and b.shape[-1] == inner[0] else ""
        why = f"{inner[0]} != {inner[1]}{fix}"
    else:
        why = f"the batches {a.shape[:-2]} and {b.shape[:-2]} do not broadcast"
    return ShapeError(f"{name}: {a.shape} @ {b.shape}: {why}")


@op(autocast="low")
def linear(x, weight, bias=None):
    """y = x Wᵀ + b          dL/dx = g W,   dL/dW = gᵀ x,   dL/db = Σ g over the rows

    Args:
        x: (..., in); the axes in front are folded into the rows of one product.
        weight: (out, in).
        bias: (out,), or None.

    >>> import minitorch
    >>> linear(minitorch.ones(2), minitorch.eye(2), minitorch.tensor([1.0, 2.0]))
    tensor([2., 3.])
    """
    dtype = x.dtype
    if dtype is not weight.dtype and dtype != weight.dtype:
        raise two_dtypes("linear", x=x, weight=weight)
    try:
        out, _ = weight.shape
        y = times(x if x.ndim < 3 else _rows(x), weight.T)
    except ValueError:
        raise ShapeError(
            f"linear: x is {x.shape} and weight {weight.shape}; expected x (..., in) and "
            "weight (out, in)"
        ) from None
    if bias is not None:
        if dtype is not bias.dtype and dtype != bias.dtype:
            raise two_dtypes("linear", x=x, bias=bias)
        if bias.shape != (out,):
            raise ShapeError(f"linear: bias is {bias.shape}, expected {(out,)}")
        y += bias
    return y if x.ndim < 3 else y.reshape(*x.shape[:-1], out)


linear.grad(
    x=lambda g, weight: times(g, weight) if g.ndim == 2 else matmul(g, weight),
    weight=lambda g, x: times(_rows(g).T, _rows(x)),
    bias=lambda g: g if g.ndim == 1 else add_up(_rows(g), 0),
)

# products of a given number of axes ------------------------------------------------------------


@composite(methods="mm")
def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices; `matmul` without broadcasting and vectors."""
    _axes("mm", 2, input=input, mat2=mat2)
    return matmul(input, mat2)


@composite(methods="bmm")
def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """y_n = input_n mat2_n: the products of two stacks of matrices, pair by pair."""
    _axes("bmm", 3, input=input, mat2=mat2)
    if input.shape[0] != mat2.shape[0]:
        raise ShapeError(
            f"bmm: {input.shape} @ {mat2.shape}: {input.shape[0]} matrices meet "
            f"{mat2.shape[0]}; matmul broadcasts"
        )
    return matmul(input, mat2)


@composite(methods="mv")
def mv(input: Tensor, vec: Tensor) -> Tensor:
    """A matrix times a vector."""
    _axes("mv", 2, input=input)
    _axes("mv", 1, vec=vec)
    return matmul(input, vec)


@composite(methods="dot vdot")
def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """y = Σ_i input_i tensor_i, for two vectors.

    >>> import minitorch
    >>> minitorch.dot(minitorch.tensor([1, 2]), minitorch.tensor([3, 4]))
    tensor(11)
    """
    _axes("dot", 1, input=input, tensor=tensor)
    return matmul(input, tensor)


@composite(methods="inner")
def inner(input: Tensor, other: Tensor) -> Tensor:
    """y[..i.., ..j..] = Σ_k input[..i.., k] other[..j.., k]: every row times every row."""
    if not input.shape or not other.shape:
        return input * other
    product = matmul(_rows(input), _rows(other).T)
    return reshape(product, (*input.shape[:-1], *other.shape[:-1]))


@composite(methods="outer ger")
def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """y_ij = input_i vec2_j, for two vectors.

    >>> import minitorch
    >>> minitorch.outer(minitorch.tensor([1, 2]), minitorch.tensor([3, 4]))
    tensor([[3, 4],
            [6, 8]])
    """
    _axes("outer", 1, input=input, vec2=vec2)
    return unsqueeze(input, 1) * vec2


vdot, ger = dot, outer


@composite()
def chain_matmul(*matrices: Tensor) -> Tensor:
    """The product of several matrices, multiplied in the order that takes the fewest steps.

    (10, 1000) (1000, 5) (5, 1000) takes 100,000 multiplications from the left, 10,000,000 from
    the right.
    """
    for i, m in enumerate(matrices):
        _axes("chain_matmul", 2, **{f"matrices[{i}]": m})
    sizes = [matrices[0].shape[0], *(m.shape[1] for m in matrices)]
    # best[i, j]: the cost of the product of matrices i to j, and after which one it is split.
    best = {(i, i): (0, i) for i in range(len(matrices))}
    for length in range(1, len(matrices)):
        for i in range(len(matrices) - length):
            j = i + length
            best[i, j] = min(
                (best[i, k][0] + best[k + 1, j][0] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            )
    return _chained(matrices, best, 0, len(matrices) - 1)


def _chained(matrices, best, i, j):
    """The product of the matrices i to j."""
    if i == j:
        return matrices[i]
    k = best[i, j][1]
    return matmul(_chained(matrices, best, i, k), _chained(matrices, best, k + 1, j))


def _axes(name: str, ndim: int, **operands: Tensor) -> None:
    """Raises unless every operand has so many axes."""
    for k, x in operands.items():
        if len(getattr(x, "shape", ())) != ndim:
            raise ShapeError(
                f"{name}: {k!r} must have {ndim} {'axis' if ndim == 1 else 'axes'}, got shape "
                f"{tuple(getattr(x, 'shape', ()))}; matmul takes any number of axes"
            )


# sums with a product --------------------------------------------------------------------------


@op(methods="addmm", inplace="addmm_", autocast="low")
def addmm(input, mat1, mat2, *, beta=1, alpha=1):
    """y = beta input + alpha A B, for two matrices; with beta = 0 the input is not looked at

    dL/dinput = beta g, summed where it was repeated,   dL/dA = alpha g Bᵀ,   dL/dB = alpha Aᵀ g

    >>> import minitorch
    >>> minitorch.addmm(minitorch.ones(2), minitorch.eye(2), minitorch.eye(2), alpha=3)
    tensor([[4., 1.],
            [1., 4.]])
    """
    _matrices("addmm", mat1, mat2)
    return _plus("addmm", input, times(mat1, mat2), beta, alpha)


def _from_input(g, input_shape, beta):
    g = _summed(g, input_shape)
    return g if beta == 1 else g * beta


addmm.grad(
    input=_from_input,
    mat1=lambda g, mat2, alpha: times(g if alpha == 1 else g * alpha, mat2.T),
    mat2=lambda g, mat1, alpha: times(mat1.T, g if alpha == 1 else g * alpha),
)


@composite(methods="addmv", inplace="addmv_", autocast="low")
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """y = beta input + alpha mat vec; with beta = 0 the input is not looked at."""
    return _plus("addmv", input, mv(mat, vec), beta, alpha)


@composite(methods="addr", inplace="addr_", autocast="low")
def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """y_ij = beta input_ij + alpha vec1_i vec2_j; with beta = 0 the input is not looked at."""
    return _plus("addr", input, outer(vec1, vec2), beta, alpha)


@composite(methods="baddbmm", inplace="baddbmm_", autocast="low")
def baddbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1
) -> Tensor:
    """y_n = beta input_n + alpha batch1_n batch2_n; with beta = 0 the input is not looked at."""
    return _plus("baddbmm", input, bmm(batch1, batch2), beta, alpha)


@composite(methods="addbmm", inplace="addbmm_", autocast="low")
def addbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1
) -> Tensor:
    """y = beta input + alpha Σ_n batch1_n batch2_n; with beta = 0 the input is not looked at."""
    products = bmm(batch1, batch2)
    return _plus("addbmm", input, products.sum(0).to(products.dtype), beta, alpha)


def _plus(name: str, input: Tensor, product: Tensor, beta: Any, alpha: Any) -> Tensor:
    product = product if alpha == 1 else product * alpha
    if beta == 0:
        return product
    y = product + (input if beta == 1 else input * beta)
    if y.shape != product.shape:
        raise ShapeError(
            f"{name}: the product has shape {product.shape}, which 'input' of shape {input.shape} "
            "does not broadcast to"
        )
    return y


# the same product, told slowly ----------------------------------------------------------------


@op
def matmul_loops(a, b):
    """y_ij = Σ_k a_ik b_kj, as it is written: three loops          dL/da = g bᵀ,   dL/db = aᵀ g"""
    _matrices("matmul_loops", a, b)
    y = np.zeros_like(a, shape=(a.shape[0], b.shape[1]))
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            for k in range(a.shape[1]):
                y[i, j] += a[i, k] * b[k, j]
    return y


@op
def matmul_rows(a, b):
    """y_ij = row i of a times column j of b, summed          dL/da = g bᵀ,   dL/db = aᵀ g"""
    _matrices("matmul_rows", a, b)
    y = np.zeros_like(a, shape=(a.shape[0], b.shape[1]))
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            y[i, j] = (a[i, :] * b[:, j]).sum()
    return y


@op
def matmul_broadcast(a, b):
    """y_i = row i of a, stood upright, times all of b          dL/da = g bᵀ,   dL/db = aᵀ g

    The upright row, of shape (k, 1), broadcasts along the columns of b, of shape (k, j).
    """
    _matrices("matmul_broadcast", a, b)
    y = np.zeros_like(a, shape=(a.shape[0], b.shape[1]))
    for i in range(a.shape[0]):
        y[i] = (a[i, :, None] * b).sum(axis=0)
    return y


@op
def matmul_einsum(a, b):
    """y_ij = Σ_k a_ik b_kj, in Einstein's notation          dL/da = g bᵀ,   dL/db = aᵀ g"""
    _matrices("matmul_einsum", a, b)
    return np.einsum("ik,kj->ij", a, b)


for _lesson in (matmul_loops, matmul_rows, matmul_broadcast, matmul_einsum):
    _lesson.grad(a=lambda g, b: g @ b.T, b=lambda g, a: a.T @ g)


def _matrices(name, a, b):
    """Raises unless a and b are matrices with a product."""
    if a.ndim != 2 or b.ndim != 2:
        _axes(name, 2, a=a, b=b)
    if a.shape[1] != b.shape[0]:
        raise _misfit(name, a, b)
    if a.dtype is not b.dtype and a.dtype != b.dtype:
        raise two_dtypes(name, a=a, b=b)
