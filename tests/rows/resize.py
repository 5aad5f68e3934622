"""Rows for resizing."""

import numpy as np

from minitorch.ops.resize import Table, bins, cubic, linear, nearest, smooth
from tests.table import Row, rand


def resample(x, table, dim):
    """The table as a matrix."""
    matrix = np.zeros((table.inputs.shape[1], table.size))
    for t, i in np.ndindex(table.inputs.shape):
        matrix[i, table.inputs[t, i]] += table.weight[t, i]
    return np.moveaxis(np.tensordot(matrix, x, (1, dim)), 0, dim)


def interpolate(
    x, size=None, scale_factor=None, mode="nearest", align_corners=None, antialias=False, **_
):
    """Each output, axis by axis: where it lies, and the two inputs beside it, or all it covers."""
    for axis in range(2, x.ndim):
        n = x.shape[axis]
        pick = lambda v, axis=axis: v[axis - 2] if isinstance(v, tuple) else v
        count = pick(size) if size is not None else int(n * pick(scale_factor))
        scale = n / count if size is not None else 1 / pick(scale_factor)
        slices = []
        for i in range(count):
            if mode in ("nearest", "nearest-exact"):
                place = i if mode == "nearest" else i + 0.5
                slices.append(x.take(min(int(place * scale), n - 1), axis))
                continue
            if mode == "area":
                covered = range(i * n // count, -(-(i + 1) * n // count))
                slices.append(x.take(covered, axis).mean(axis))
                continue
            if antialias:
                apart = [abs(j + 0.5 - (i + 0.5) * scale) / max(scale, 1) for j in range(n)]
                weight = np.maximum(1 - np.array(apart), 0)
                slices.append(np.average(x, axis, weight))
                continue
            at = i * (n - 1) / max(count - 1, 1) if align_corners else (i + 0.5) * scale - 0.5
            low = min(int(max(at, 0)), n - 1)
            share = max(at, 0) - low
            high = min(low + 1, n - 1)
            slices.append((1 - share) * x.take(low, axis) + share * x.take(high, axis))
        x = np.stack(slices, axis)
    return x


ROWS = [
    Row(
        "resample",
        (rand(2, 3),),
        {"table": nearest(3, 5, 0.6), "dim": -1},
        ref=resample,
        syncs=True,
    ),
    Row(
        "resample",
        (rand(4, 2),),
        {"table": linear(4, 3, 4 / 3, False), "dim": 0},
        ref=resample,
        syncs=True,
    ),
    Row("resample", (rand(2, 5, 2),), {"table": bins(5, 3), "dim": 1}, ref=resample, syncs=True),
    Row("resample", (rand(5, 2),), {"table": smooth(5, 2), "dim": 0}, ref=resample, syncs=True),
    Row(
        "resample",
        (rand(3),),
        {"table": Table(3, np.array([[1, 1], [2, 1]]), np.array([[2.0, 0.5], [-1, 3]])), "dim": 0},
        ref=resample,
        syncs=True,
    ),
    *[
        Row(
            "interpolate",
            (rand(*shape),),
            kwargs,
            ref=interpolate,
            torch="nn.functional.interpolate",
            syncs=True,
        )
        for shape, kwargs in (
            ((2, 2, 3), {"size": 5}),
            ((1, 2, 4), {"scale_factor": 2.0, "mode": "linear"}),
            ((1, 2, 4), {"size": 7, "mode": "linear", "align_corners": True}),
            ((1, 2, 2, 3), {"size": (3, 5)}),
            ((1, 2, 4, 3), {"size": (2, 1)}),
            ((1, 2, 2, 3), {"scale_factor": (2.0, 3.0)}),
            ((1, 1, 3, 4), {"scale_factor": 1.6, "mode": "bilinear"}),
            ((1, 2, 2, 3), {"size": (4, 5), "mode": "bilinear", "align_corners": False}),
            ((1, 2, 2, 3), {"size": (3, 1), "mode": "bilinear", "align_corners": True}),
            ((1, 1, 5, 4), {"size": 3, "mode": "bilinear"}),
            ((1, 2, 7, 4), {"size": (3, 2), "mode": "bilinear", "antialias": True}),
            ((1, 1, 3, 5), {"size": (7, 4), "mode": "bilinear", "antialias": True}),
            ((1, 1, 5, 6), {"scale_factor": 0.4, "mode": "bilinear", "antialias": True}),
            ((1, 1, 2, 2, 3), {"size": (3, 2, 4), "mode": "trilinear"}),
            ((1, 1, 2, 1, 2), {"scale_factor": 2}),
            ((1, 2, 5), {"size": 3, "mode": "nearest-exact"}),
            ((1, 1, 3, 4), {"scale_factor": (1.5, 0.5), "mode": "nearest-exact"}),
            ((1, 1, 2, 2, 3), {"size": (3, 1, 2), "mode": "nearest-exact"}),
            ((1, 2, 5), {"size": 3, "mode": "area"}),
            ((1, 1, 4, 3), {"scale_factor": (0.5, 2.0), "mode": "area"}),
        )
    ],
    *[
        Row(
            "interpolate",
            (rand(*shape),),
            {"mode": "bicubic", **kwargs},
            torch="nn.functional.interpolate",
            syncs=True,
        )
        for shape, kwargs in (
            ((1, 2, 3, 4), {"size": (5, 2)}),
            ((1, 1, 4, 3), {"size": (7, 1), "align_corners": True}),
            ((1, 1, 4, 3), {"scale_factor": 1.6, "align_corners": False}),
            ((1, 1, 7, 4), {"size": (3, 6), "antialias": True}),
            ((1, 1, 7, 4), {"size": (3, 6), "antialias": True, "align_corners": True}),
            ((1, 1, 5, 6), {"scale_factor": 0.4, "antialias": True}),
        )
    ],
    Row(
        "resample",
        (rand(4, 2),),
        {"table": cubic(4, 6, 2 / 3, False), "dim": 0},
        ref=resample,
        syncs=True,
    ),
    Row(
        "interpolate",
        (rand(1, 1, 5, 4),),
        {"size": (3, 2), "mode": "bilinear", "align_corners": True, "antialias": True},
        torch="nn.functional.interpolate",
        syncs=True,
    ),
    Row(
        "interpolate",
        (rand(1, 1, 5),),
        {"scale_factor": 1.7, "mode": "linear", "recompute_scale_factor": True},
        torch="nn.functional.interpolate",
        syncs=True,
    ),
]
