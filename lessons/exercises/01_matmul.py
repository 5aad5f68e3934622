"""Exercises of lesson 1. Fill in the functions; `python -m lessons check 01` looks at them.

Matrices are NumPy arrays: a of shape (I, K), b of shape (K, J). The products have shape (I, J) and
the dtype of a, and raise a ValueError where the sizes do not fit: `sizes` can do that for all.
"""

import numpy as np


def sizes(a: np.ndarray, b: np.ndarray) -> tuple[int, int, int]:
    """The sizes I, K and J of two matrices that have a product.

    Raises:
        ValueError: the columns of a and the rows of b differ in number; both shapes are in the
            message.

    For a of shape (2, 3) and b of shape (3, 4) it is (2, 3, 4).
    """
    raise NotImplementedError


def matmul_loops(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """y_ij = Σ_k a_ik b_kj by three loops, number by number.

    For a = [[1, 2]] and b = [[3], [4]] it is [[11]].
    """
    raise NotImplementedError


def matmul_rows(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The same by two loops: each y_ij is a row of a times a column of b, added up."""
    raise NotImplementedError


def matmul_columns(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The same by one loop, over the columns of b: broadcasting gives a whole column of y."""
    raise NotImplementedError


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The same without a loop, by the operator."""
    raise NotImplementedError


def equations() -> dict[str, str]:
    """Equations for einsum, by name, such as {"transpose": "ik->ki", ...}, with these names:

    "transpose":   of one matrix
    "product":     the matrix product of two matrices
    "row sums":    the sum of each row of one matrix
    "squares":     the sum of the squares of all numbers, for a matrix that is given twice
    "stacks":      the product of matrix n of one stack with matrix n of the other, for each n:
                   shapes (N, I, K) and (N, K, J), result (N, I, J)
    """
    raise NotImplementedError
