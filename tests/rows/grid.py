"""Rows for grids: every output looked up by itself, pixel by pixel."""

import itertools

import numpy as np

from tests.table import Row, rand


def mirrored(place, size, align):
    low, high = (0, size - 1) if align else (-0.5, size - 0.5)
    while not low <= place <= high:
        if low == high:
            return 0
        place = 2 * low - place if place < low else 2 * high - place
    return min(max(place, 0), size - 1)


def inside(place, size, padding, align):
    if padding == "reflection":
        return mirrored(place, size, align)
    return min(max(place, 0), size - 1) if padding == "border" else place


def cubic(d, a=-0.75):
    d = abs(d)
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    return near if d <= 1 else a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a


def taps(x, size, mode, padding, align):
    """(pixel, weight) along one axis."""
    place = (x + 1) / 2 * (size - 1) if align else ((x + 1) * size - 1) / 2
    if mode == "bicubic":
        low = int(np.floor(place))
        met = [(i, cubic(place - i)) for i in range(low - 1, low + 3)]
        met = [(int(inside(i, size, padding, align)), w) for i, w in met]
    else:
        place = inside(place, size, padding, align)
        low = int(np.floor(place))
        met = [(low, 1 - (place - low)), (low + 1, place - low)]
        if mode == "nearest":
            met = [(int(np.rint(place)), 1.0)]
    return [(i, w) for i, w in met if 0 <= i < size]


def grid_sample(image, grid, mode="bilinear", padding_mode="zeros", align_corners=False):
    sizes = image.shape[2:]
    y = np.zeros((*image.shape[:2], *grid.shape[1:-1]))
    for at in np.ndindex(*grid.shape[:-1]):
        along = [
            taps(x, size, mode, padding_mode, align_corners)
            for x, size in zip(grid[at][::-1], sizes)
        ]
        for met in itertools.product(*along):
            pixel = image[(at[0], slice(None), *(i for i, _ in met))]
            y[(at[0], slice(None), *at[1:])] += pixel * np.prod([w for _, w in met])
    return y


def affine_grid(theta, size, align_corners=False):
    sizes = size[2:]
    grid = np.zeros((*theta.shape[:1], *sizes, len(sizes)))
    for at in np.ndindex(*grid.shape[:-1]):
        ends = [
            -1 + 2 * i / (n - 1) if align_corners else (2 * i + 1) / n - 1
            for i, n in zip(at[1:], sizes)
        ]
        grid[at] = theta[at[0]] @ [*ends[::-1], 1]
    return grid


IMAGES, VOLUMES = rand(2, 2, 3, 4), rand(1, 2, 2, 3, 2)
# Places within the image and beyond it, none where two pixels are as near or a slope jumps.
PLACES = rand(2, 2, 3, 2, low=-1.7, high=1.7)
IN_VOLUMES = rand(1, 2, 1, 2, 3, low=-1.4, high=1.4)
WAYS = [
    {"mode": mode, "padding_mode": padding, "align_corners": align}
    for mode, padding, align in [
        ("bilinear", "zeros", False),
        ("bilinear", "border", True),
        ("bilinear", "reflection", False),
        ("nearest", "zeros", True),
        ("nearest", "reflection", False),
        ("bicubic", "zeros", False),
        ("bicubic", "border", True),
        ("bicubic", "reflection", True),
    ]
]


def sampled(image, grid, options):
    grad = (0,) if options.get("mode") == "nearest" else None
    path = "nn.functional.grid_sample"
    return Row("grid_sample", (image, grid), options, ref=grid_sample, torch=path, grad=grad)


ROWS = [
    *(sampled(IMAGES, PLACES, way) for way in WAYS[:5]),
    *(sampled(IMAGES[:1], PLACES[:1, :, :2], way) for way in WAYS[5:]),
    *(sampled(VOLUMES, IN_VOLUMES, way) for way in WAYS[:4:3]),
    sampled(IMAGES[:, :, :1], PLACES, {"padding_mode": "reflection", "align_corners": True}),
    *(
        Row(
            "affine_grid",
            (rand(2, n, n + 1), (2, 1, 3, 2, 4)[: n + 2]),
            {"align_corners": align},
            ref=affine_grid,
            torch="nn.functional.affine_grid",
        )
        for n in (2, 3)
        for align in (False, True)
    ),
]
