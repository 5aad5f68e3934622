"""Toy sets: points in a plane that no straight line can sort, and a wave to follow.

Each is drawn anew from its seed, without a file, in a blink. Noise is the standard deviation of a
normal deviate that is added to every coordinate; u is drawn evenly from [0, 1).
"""

from __future__ import annotations

import math

import numpy as np

from minitorch.creation import from_numpy
from minitorch.tensor import Tensor
from minitorch.utils.data.sampler import count


def xor(n: int = 4, *, noise: float = 0.0, seed: int = 0) -> tuple[Tensor, Tensor]:
    """The corners of a square; the label says whether the coordinates differ: y = x1 xor x2.

        1 |  1    0
        0 |  0    1
          +--------
             0    1

    Args:
        n: how many points; they take the corners (0, 0), (0, 1), (1, 0), (1, 1) in turn.
        noise: standard deviation of what is added to each coordinate.
        seed: decides the noise.

    Returns:
        x (n, 2) float32 and y (n,) int64, 0 or 1.

    >>> xor()
    (tensor([[0., 0.],
            [0., 1.],
            [1., 0.],
            [1., 1.]]), tensor([0, 1, 1, 0]))
    """
    n = count("xor", n, "n")
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])[np.arange(n) % 4]
    return _points(
        "xor", corners, corners[:, 0] ^ corners[:, 1], noise, np.random.default_rng(seed)
    )


def spiral(
    n: int = 300, *, classes: int = 3, turns: float = 0.75, noise: float = 0.02, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Arms that wind around the origin, one for each class.

    Arm c holds r = u and x = (r sin φ, r cos φ) with φ = 2π (turns r + c / classes).

            . 1 1
          1   0 0 .
         1  0  .  2       three arms, each of them three quarters of a turn
          .  2  0  2
            2 2 . 2

    Args:
        n: how many points, shared as evenly as can be among the classes.
        classes: the number of arms.
        turns: how often an arm goes around.
        noise: standard deviation of what is added to each coordinate.
        seed: decides radii and noise.

    Returns:
        x (n, 2) float32 around [-1, 1], and y (n,) int64 in 0 to classes - 1.
    """
    n, classes = count("spiral", n, "n"), count("spiral", classes, "classes")
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    r = rng.random(n)
    phi = 2 * math.pi * (turns * r + y / classes)
    return _points("spiral", np.stack([r * np.sin(phi), r * np.cos(phi)], 1), y, noise, rng)


def moons(n: int = 200, *, noise: float = 0.1, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Two half circles, each with an end inside the other.

    With φ = π u:  class 0 is (cos φ, sin φ), class 1 is (1 - cos φ, 1/2 - sin φ).

          0 0 0
        0       0
        0   1   0   1
            1       1
              1 1 1

    Args:
        n: how many points, half of them in each class.
        noise: standard deviation of what is added to each coordinate.
        seed: decides angles and noise.

    Returns:
        x (n, 2) float32 and y (n,) int64, 0 or 1.
    """
    n, rng = count("moons", n, "n"), np.random.default_rng(seed)
    y = np.arange(n) % 2
    phi = math.pi * rng.random(n)
    upper = np.stack([np.cos(phi), np.sin(phi)], 1)
    return _points("moons", np.where(y[:, None] == 0, upper, [1, 0.5] - upper), y, noise, rng)


def circles(
    n: int = 200, *, factor: float = 0.5, noise: float = 0.05, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """A circle around a circle: x = r (cos φ, sin φ), φ = 2π u, r = 1 in class 0, `factor` in 1.

          0  0  0
        0    1    0
        0  1   1  0
        0    1    0
          0  0  0

    Args:
        n: how many points, half of them in each class.
        factor: the radius of the inner circle, in (0, 1).
        noise: standard deviation of what is added to each coordinate.
        seed: decides angles and noise.

    Returns:
        x (n, 2) float32 and y (n,) int64, 0 or 1.

    Raises:
        ValueError: `factor` is outside (0, 1).
    """
    if not 0 < factor < 1:
        raise ValueError(f"circles: factor is a radius in (0, 1), got {factor!r}")
    n, rng = count("circles", n, "n"), np.random.default_rng(seed)
    y = np.arange(n) % 2
    phi, r = 2 * math.pi * rng.random(n), np.where(y == 0, 1, factor)
    return _points("circles", np.stack([r * np.cos(phi), r * np.sin(phi)], 1), y, noise, rng)


def sine(n: int = 100, *, noise: float = 0.1, seed: int = 0) -> tuple[Tensor, Tensor]:
    """One wave to fit: y = sin x + noise, with x = -π + 2π u, in rising order.

         1 |           . - .
           |         .       .
         0 |-.-----.----------.
           |   . .
        -1 +------------------
           -π       0        π

    Args:
        n: how many points.
        noise: standard deviation of what is added to y.
        seed: decides where they lie, and the noise.

    Returns:
        x (n, 1) and y (n, 1), both float32.
    """
    n, rng = count("sine", n, "n"), np.random.default_rng(seed)
    x = np.sort(math.pi * (2 * rng.random((n, 1)) - 1), axis=0)
    y = np.sin(x) + _checked("sine", noise) * rng.standard_normal((n, 1))
    return from_numpy(x.astype(np.float32)), from_numpy(y.astype(np.float32))


def _points(
    name: str, x: np.ndarray, y: np.ndarray, noise: float, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    x = x + _checked(name, noise) * rng.standard_normal(x.shape)
    return from_numpy(x.astype(np.float32)), from_numpy(y.astype(np.int64))


def _checked(name: str, noise: float) -> float:
    if not (noise >= 0 and math.isfinite(noise)):
        raise ValueError(f"{name}: noise is a standard deviation >= 0, got {noise!r}")
    return noise
