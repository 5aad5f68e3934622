"""Exercises of lesson 2. Fill in the functions; `python -m lessons check 02` looks at them.

Tensors come in and Tensors go out. No loops over their elements are needed.
"""

from minitorch import Tensor


def broadcast_shape(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of x + y + z + ..., for any number of operands with these shapes.

    Raises:
        ValueError: the shapes do not fit together.

    broadcast_shape((3, 1), (4,)) is (3, 4), and broadcast_shape((2, 1, 1), (3, 1), (4,)) is
    (2, 3, 4).
    """
    raise NotImplementedError


def squared_distances(x: Tensor, z: Tensor) -> Tensor:
    """d_ij = Σ_k (x_ik - z_jk)², for N points x, (N, K), and M points z, (M, K).

    Returns:
        Shape (N, M).

    For x = [[0, 0], [1, 1]] and z = [[3, 4]] it is [[25], [13]].
    """
    raise NotImplementedError


def centre_grad(g: Tensor, x: Tensor) -> Tensor:
    """dL/dx for y = x - x.mean(1, keepdim=True), given g = dL/dy; all of shape (N, K).

    Each x_ij is used twice: in its own place, and in the mean of its row.
    """
    raise NotImplementedError


def equations() -> dict[str, str]:
    """The equations for einsum, by name, such as {"trace": "ii->", ...} with these names:

    "column sums":  the sum of each column of a
    "weighted":     Σ_i v_i a_ij, for operands v, a
    "columns dot":  the dot product of column j of a with column j of b, for operands a, b
    "three":        the matrix product a b c, for operands a, b, c
    "scores":       q_nti k_nsi summed over i, for each n, t and s: operands q and k are (N, T, I)
                    and (N, S, I), the result is (N, T, S)
    """
    raise NotImplementedError


def bilinear_grad(g: Tensor, x: Tensor, a: Tensor, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """dL/dx, dL/da and dL/dz for y_n = Σ_ij x_ni a_ij z_nj, given g = dL/dy.

    Shapes: x (N, I), a (I, J), z (N, J), y and g (N,).
    """
    raise NotImplementedError
