"""Rows that a mutant of a rule asked for: without them `python -m tests.mutate` has survivors."""

import numpy as np

from tests.table import Row, rand

UP = np.array([[1.0, 0.0, -1.0], [0.0, 1.0, 0.5]])
RIGHT = np.array([[0.0, 1.0, 0.0], [2.0, 0.5, -1.0]])


def _standardize(x, weight=None, bias=None, dims=-1, eps=1e-5):
    y = (x - x.mean(dims, keepdims=True)) / np.sqrt(x.var(dims, keepdims=True) + eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


ROWS = [
    # the factor of the second operand
    Row("add", (rand(2, 3), rand(3, seed=1)), {"alpha": 2}, ref=lambda a, b, alpha: a + alpha * b),
    Row("sub", (rand(2, 3), rand(3, seed=1)), {"alpha": 2}, ref=lambda a, b, alpha: a - alpha * b),
    # one coordinate zero, the other not
    Row("atan2", (UP, RIGHT), ref=np.arctan2, torch="atan2", order=1),
    # samples on both sides of both bounds
    Row(
        "logit",
        (np.array([[0.05, 0.3, 0.5], [0.6, 0.75, 0.95]]), 0.2),
        ref=lambda x, eps: np.log(np.clip(x, eps, 1 - eps) / (1 - np.clip(x, eps, 1 - eps))),
        torch="logit",
    ),
    Row(
        "elu",
        (rand(2, 3), 2.0),
        ref=lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(x)),
        torch="nn.functional.elu",
    ),
    Row("norm", (rand(2, 3), 1, 1), ref=lambda x, *_: np.abs(x).sum(1), torch="norm"),
    Row("norm", (rand(3, 2), 1.5, 1), ref=lambda x, *_: (np.abs(x) ** 1.5).sum(1) ** (1 / 1.5)),
    # the median off the corners, so that a transpose moves it
    Row(
        "median_of_all",
        (np.array([[1.0, 4.0, 9.0], [2.0, 3.0, 8.0]]),),
        ref=lambda x: np.sort(x, None)[2],
    ),
    Row("narrow", (rand(5, 2), 0, 0, 3), ref=lambda x, *_: x[:3], torch="narrow"),
    # an output padding that the stride does not swallow
    Row(
        "conv_transpose1d",
        (rand(2, 2, 3), rand(2, 3, 2)),
        {"dilation": 3, "output_padding": 2},
        torch="nn.functional.conv_transpose1d",
    ),
    Row(
        "conv_transpose3d",
        (rand(1, 1, 2, 2, 2), rand(1, 1, 2, 1, 2)),
        {"dilation": 3, "output_padding": 2},
        torch="nn.functional.conv_transpose3d",
    ),
    Row("pow", (0.5, rand(2, 3)), ref=lambda a, b: a**b, torch="pow"),
    # only one of the inputs needs a gradient
    *[
        Row("standardize", (rand(3, 4), rand(4), rand(4, seed=1)), grad=(i,), ref=_standardize)
        for i in range(3)
    ],
    *[Row("attention_weights", (rand(2, 3), rand(4, 3, seed=1)), grad=(i,)) for i in (0, 1)],
    # more columns than one block holds, channels outermost and innermost
    *[
        Row(
            "conv2d",
            (rand(2, C, n, n), rand(2, C, 3, 3)),
            torch="nn.functional.conv2d",
            layouts=False,  # the small rows have those
        )
        for C, n in ((4, 88), (8, 64))
    ],
]
