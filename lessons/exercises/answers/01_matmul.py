"""Model answers to the exercises of lesson 1."""

import numpy as np


def sizes(a: np.ndarray, b: np.ndarray) -> tuple[int, int, int]:
    """Two sizes of a, and the second of b."""
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"{a.shape} times {b.shape}: {a.shape[1]} columns meet {b.shape[0]} rows")
    return a.shape[0], a.shape[1], b.shape[1]


def matmul_loops(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """A loop for each letter."""
    rows, inner, columns = sizes(a, b)
    y = np.zeros((rows, columns), a.dtype)
    for i in range(rows):
        for j in range(columns):
            for k in range(inner):
                y[i, j] += a[i, k] * b[k, j]
    return y


def matmul_rows(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The sum over k runs in C."""
    rows, _, columns = sizes(a, b)
    y = np.zeros((rows, columns), a.dtype)
    for i in range(rows):
        for j in range(columns):
            y[i, j] = (a[i, :] * b[:, j]).sum()
    return y


def matmul_columns(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Column j, of shape (K,), lines up with every row of a, (I, K); the sum is over k, axis 1."""
    rows, _, columns = sizes(a, b)
    y = np.zeros((rows, columns), a.dtype)
    for j in range(columns):
        y[:, j] = (a * b[:, j]).sum(axis=1)
    return y


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """One symbol."""
    sizes(a, b)
    return a @ b


def equations() -> dict[str, str]:
    """A letter that is missing after the arrow is summed over."""
    return {
        "transpose": "ik->ki",
        "product": "ik,kj->ij",
        "row sums": "ik->i",
        "squares": "ik,ik->",
        "stacks": "nik,nkj->nij",
    }
