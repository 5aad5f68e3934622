"""Checks of the exercises of lesson 24, and wrong answers that they must notice."""

import numpy as np

import minitorch
from lessons.comparing import same, sample
from minitorch.autograd import grad


def images(*shape):
    return minitorch.rand(*shape, dtype=minitorch.float64)


def check_fast_sign(function):
    minitorch.manual_seed(24)
    for shape, eps in [((2,), 0.1), ((3, 1, 4, 4), 0.08), ((2, 1, 3, 5), 0.3)]:
        x, w = images(*shape), sample(*shape)
        kept = x.clone()
        said = function(lambda x, w=w: (w * x * x).sum() + w.sum(), x, eps)
        assert not x.requires_grad, "x requires grad afterwards; work on a copy"
        assert np.array_equal(x, kept), "x is not the same afterwards"
        same(said, (x + eps * w.sign()).clamp(0, 1), f"shape {shape}, eps {eps}")
        assert not said.requires_grad, "the result has a history; detach it"


def check_attack_step(function):
    minitorch.manual_seed(24)
    original, g = images(3, 1, 5, 5), sample(3, 1, 5, 5)
    x, start, sign = original, original.numpy(), np.sign(g.numpy())
    for step, eps in [(0.05, 0.1), (0.05, 0.1), (0.05, 0.1), (0.3, 0.1), (0.2, 0.5)]:
        moved = np.clip(x.numpy() + step * sign, start - eps, start + eps)
        expected = minitorch.tensor(np.clip(moved, 0, 1))
        said, call = function(x, original, g, step, eps), f"step {step}, eps {eps}"
        if isinstance(said, minitorch.Tensor) and said.shape == x.shape:
            far = abs(said - original).max().item()
            assert far < eps + 1e-8, f"{call}: a pixel is {far:.2f} away from the original"
        same(said, expected, call)
        x = expected


def check_grad_cam(function):
    minitorch.manual_seed(24)
    for shape in [(2, 3, 4, 5), (3, 3, 3, 3), (1, 6, 2, 2)]:
        A, g = images(*shape), sample(*shape)
        expected = np.einsum("nkhw,nk->nhw", A.numpy(), g.numpy().mean((2, 3)))
        same(function(A, g), minitorch.tensor(np.maximum(expected, 0)), f"maps {shape}")


def check_occlusion(function):
    minitorch.manual_seed(24)
    for shape, size in [((2, 1, 4, 6), 2), ((3, 1, 6, 6), 3), ((1, 1, 3, 3), 1)]:
        x, w = images(*shape), sample(*shape[1:])
        kept = x.clone()
        said = function(lambda x, w=w: (w * x).sum((1, 2, 3)) + 5.0, x, size)
        assert np.array_equal(x, kept), "x is not the same afterwards; wipe out a copy"
        N, _, H, W = shape
        blocks = (w * x).reshape(N, H // size, size, W // size, size)
        same(said, blocks.sum((2, 4)), f"images {shape}, squares of {size}")


def check_integrated(function):
    minitorch.manual_seed(24)

    def score(x):
        flat = x.flatten(1)
        return (flat**3).sum(1) + flat[:, 0] * flat[:, 1] + 2.0 * flat[:, 2]

    for shape, steps in [((2, 1, 2, 3), 1), ((3, 1, 3, 3), 4), ((1, 1, 2, 2), 50)]:
        x = images(*shape)
        kept = x.clone()
        middle = (np.arange(steps) + 0.5) / steps
        flat = x.flatten(1).numpy()
        slope = 3 * flat**2 * (middle**2).mean()
        slope[:, 0] += flat[:, 1] * middle.mean()
        slope[:, 1] += flat[:, 0] * middle.mean()
        slope[:, 2] += 2.0
        said = function(score, x, steps)
        assert not x.requires_grad, "x requires grad afterwards; work on a copy"
        assert np.array_equal(x, kept), "x is not the same afterwards"
        same(
            said, minitorch.tensor((flat * slope).reshape(shape)), f"images {shape}, {steps} steps"
        )


# wrong answers ----------------------------------------------------------------------------------


def slope_of(loss, x):
    leaf = x.detach().clone().requires_grad_()
    return grad(loss(leaf), [leaf])[0]


def leaves_its_mark(loss, x, eps):
    (g,) = grad(loss(x.requires_grad_()), [x])
    return (x.detach() + eps * g.sign()).clamp(0, 1)


def in_squares(stride, sign=1):
    """Occlusion with a mistake: another stride, or another sign."""

    def function(score, x, size):
        rows, columns = x.shape[2] // size, x.shape[3] // size
        fallen = []
        for i in range(rows):
            for j in range(columns):
                wiped = x.clone()
                i0, j0 = i * stride(size), j * stride(size)
                wiped[:, :, i0 : i0 + size, j0 : j0 + size] = 0.0
                fallen.append(sign * (score(x) - score(wiped)))
        return minitorch.stack(fallen, 1).reshape(len(x), rows, columns)

    return function


def along(points, factor=lambda x: x):
    """Integrated gradients with a mistake: other points, or another factor."""

    def function(score, x, steps):
        total = minitorch.zeros_like(x)
        for k in range(steps):
            total = total + slope_of(lambda at: score(at).sum(), x * points(k, steps))
        return factor(x) * total / steps

    return function


WRONG = {
    "fast_sign": [
        lambda loss, x, eps: (x - eps * slope_of(loss, x).sign()).clamp(0, 1),
        lambda loss, x, eps: (x + eps * slope_of(loss, x)).clamp(0, 1),
        lambda loss, x, eps: x + eps * slope_of(loss, x).sign(),
        leaves_its_mark,
    ],
    "attack_step": [
        lambda x, original, g, step, eps: (x + step * g.sign()).clamp(0, 1),
        lambda x, original, g, step, eps: (original + step * g.sign()).clamp(0, 1),
        lambda x, original, g, step, eps: (
            original + (x + step * g.sign() - original).clamp(-eps, eps)
        ),
        lambda x, original, g, step, eps: (
            original + (x + step * g - original).clamp(-eps, eps)
        ).clamp(0, 1),
    ],
    "grad_cam": [
        lambda A, g: (g.mean((2, 3), keepdim=True) * A).sum(1),
        lambda A, g: (g * A).sum(1).relu(),
        lambda A, g: (g.sum((2, 3), keepdim=True) * A).sum(1).relu(),
        lambda A, g: (g.mean((2, 3), keepdim=True) * A).relu().sum(1),
    ],
    "occlusion": [in_squares(lambda size: size, -1), in_squares(lambda size: 1)],
    "integrated": [
        along(lambda k, steps: k / steps),
        along(lambda k, steps: (k + 1) / steps),
        along(lambda k, steps: 1.0),
        along(lambda k, steps: (k + 0.5) / steps, minitorch.ones_like),
    ],
}
