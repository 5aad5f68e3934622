"""Rows for standardization and the norms."""

import numpy as np

from tests.table import Row, rand


def standardize(x, weight=None, bias=None, *, dims, eps=1e-5, center=True):
    if center:
        x = x - x.mean(axis=dims, keepdims=True)
    y = x / np.sqrt((x**2).mean(axis=dims, keepdims=True) + eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def per_channel(p, ndim):
    return None if p is None else p.reshape(1, -1, *[1] * (ndim - 2))


def batch_norm(x, mean, var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    w, b = per_channel(weight, x.ndim), per_channel(bias, x.ndim)
    if training:
        return standardize(x, w, b, dims=tuple(i for i in range(x.ndim) if i != 1), eps=eps)
    y = (x - per_channel(mean, x.ndim)) / np.sqrt(per_channel(var, x.ndim) + eps)
    return y * (1 if w is None else w) + (0 if b is None else b)


def layer_norm(x, shape, weight=None, bias=None, eps=1e-5):
    dims = tuple(range(-np.size(shape), 0))
    return standardize(x, weight, bias, dims=dims, eps=eps)


def rms_norm(x, shape, weight=None, eps=None):
    dims = tuple(range(-np.size(shape), 0))
    eps = np.finfo(float).eps if eps is None else eps
    return standardize(x, weight, dims=dims, eps=eps, center=False)


def group_norm(x, groups, weight=None, bias=None, eps=1e-5):
    y = np.zeros_like(x)
    size = x.shape[1] // groups
    for i in range(groups):
        part = x[:, i * size : (i + 1) * size]
        y[:, i * size : (i + 1) * size] = standardize(part, dims=tuple(range(1, x.ndim)), eps=eps)
    y = y if weight is None else y * per_channel(weight, x.ndim)
    return y if bias is None else y + per_channel(bias, x.ndim)


def instance_norm(x, mean=None, var=None, weight=None, bias=None, use=True, momentum=0.1, eps=1e-5):
    if not use:
        return batch_norm(x, mean, var, weight, bias, eps=eps)
    return group_norm(x, x.shape[1], weight, bias, eps)


def normalize(x, p=2.0, dim=1, eps=1e-12):
    return x / (np.abs(x) ** p).sum(axis=dim, keepdims=True) ** (1 / p)


def standardize_grad(dy, x, weight, mu, r, dims, eps, center=True, **_):
    """K(w dy), written with its matrix."""
    v = dy if weight is None else dy * weight
    xhat = standardize(x, dims=dims, eps=eps, center=center)
    along_x = xhat * (v * xhat).mean(axis=dims, keepdims=True)
    return r * (v - center * v.mean(axis=dims, keepdims=True) - along_x)


def rows(ref, torch, samples, **options):
    return [
        Row(ref.__name__, args, {**options, **more}, ref=ref, torch=torch) for args, more in samples
    ]


def named(name):
    return f"nn.functional.{name}"


def grad_rows():
    # μ and r belong to one x, so only dy and w can be moved here; the second order of the norms
    # moves x.
    x = rand(3, 4)
    mu, r = x.mean(axis=1, keepdims=True), 1 / np.sqrt(x.var(axis=1, keepdims=True) + 0.1)
    options = {"dims": (1,), "eps": 0.1}
    return [
        Row(
            "standardize_grad",
            (rand(3, 4, seed=5), x, weight, mu, r),
            options,
            ref=standardize_grad,
            grad=(0,) if weight is None else (0, 2),
        )
        for weight in (None, rand(4), rand(3, 1))
    ]


W3, B3 = rand(3, seed=1), rand(3, seed=2)
W4, B4 = rand(4, seed=1), rand(4, seed=2)
MEAN, VAR = rand(3, seed=3), rand(3, low=0.5, high=2.0)
X = rand(4, 3), rand(2, 3, 4), rand(2, 3, 2, 2)

ROWS = [
    *rows(
        standardize,
        None,
        [
            ((rand(3, 4),), {"dims": 1}),
            ((rand(3, 4),), {"dims": 0, "eps": 0.1}),
            ((rand(3, 4), W4), {"dims": -1}),
            ((rand(3, 4), None, B4), {"dims": 1}),
            ((rand(3, 4), None, rand(3, 1)), {"dims": (1,)}),
            ((rand(3, 4), rand(3, 1), rand(3, 1, seed=1)), {"dims": (1,)}),
            ((rand(3, 4), rand(3, 1), B4), {"dims": (1,)}),
            ((rand(3, 4), rand(1), rand(1, seed=1)), {"dims": (1,)}),
            ((rand(2, 3, 2), rand(3, 1), rand(3, 1, seed=1)), {"dims": (1, 2)}),
            ((rand(2, 3, 2), rand(3, 1), rand(3, 1, seed=1)), {"dims": (0, 2)}),
            ((rand(3, 4), W4, B4), {"dims": (0, 1)}),
            ((rand(3, 4), W4, B4), {"dims": 1, "center": False}),
            ((rand(3, 4), rand(3, 1), rand(3, 1)), {"dims": 1, "center": False, "eps": 0.1}),
        ],
    ),
    *grad_rows(),
    *rows(
        batch_norm,
        named("batch_norm"),
        [
            *[((x, None, None), {}) for x in X],
            *[((x, None, None, W3, B3), {}) for x in X],
            ((X[0], None, None, W3), {"eps": 0.1}),
            ((X[1], None, None, None, B3), {}),
        ],
        training=True,
    ),
    *[
        Row("batch_norm", args, ref=batch_norm, torch=named("batch_norm"), grad=grad)
        for args, grad in [
            ((X[0], MEAN, VAR), (0,)),
            ((X[1], MEAN, VAR, W3, B3), (0, 3, 4)),
            ((X[2], MEAN, VAR, W3), (0, 3)),
            ((X[2], MEAN, VAR, None, B3), (0, 4)),
        ]
    ],
    *rows(
        layer_norm,
        named("layer_norm"),
        [
            ((rand(3, 4), (4,)), {}),
            ((rand(3, 4), (4,), W4, B4), {"eps": 0.1}),
            ((rand(2, 3, 2), (3, 2), rand(3, 2), rand(3, 2, seed=1)), {}),
            ((rand(2, 3, 4), (4,), W4), {}),
            ((rand(4), (4,), None, B4), {}),
        ],
    ),
    *rows(
        rms_norm,
        named("rms_norm"),
        [
            ((rand(3, 4), (4,)), {}),
            ((rand(3, 4), (4,), W4), {"eps": 0.1}),
            ((rand(2, 3, 2), (3, 2), rand(3, 2)), {}),
        ],
    ),
    *rows(
        group_norm,
        named("group_norm"),
        [
            ((rand(2, 4, 3), 2), {}),
            ((rand(2, 4, 2, 2), 2, W4, B4), {"eps": 0.1}),
            ((rand(2, 4, 3), 1, W4), {}),
            ((rand(3, 4), 2, W4, B4), {}),
        ],
    ),
    # Without a torch twin: its backward raises for a bias without a weight.
    *rows(group_norm, None, [((rand(2, 4, 3), 4, None, B4), {})]),
    *rows(
        instance_norm,
        named("instance_norm"),
        [
            ((rand(2, 3, 4),), {}),
            ((rand(2, 3, 2, 2), None, None, W3, B3), {"eps": 0.1}),
        ],
    ),
    Row(
        "instance_norm",
        (X[1], MEAN, VAR, W3, B3, False),
        ref=instance_norm,
        torch=named("instance_norm"),
        grad=(0, 3, 4),
    ),
    *rows(
        normalize,
        named("normalize"),
        [
            ((rand(2, 3),), {}),
            ((rand(2, 3),), {"dim": 0, "p": 3.0}),
            ((rand(2, 3, 2),), {"dim": -1, "p": 1.0}),
        ],
    ),
]
