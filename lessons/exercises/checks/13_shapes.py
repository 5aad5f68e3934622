"""Checks of the exercises of lesson 13, and wrong answers that they must notice."""

import itertools
import math

import numpy as np

import minitorch
import minitorch.nn.functional as F
from minitorch import nn


def places(size, kernel, stride, padding, dilation):
    """The places counted, one by one."""
    last = dilation * (kernel - 1)
    return len(range(-padding, size + padding - last, stride))


def check_size_out(function):
    assert function(28, 5) == 24, f"size_out(28, 5) is 24, got {function(28, 5)}"
    for size, kernel, stride, padding, dilation in itertools.product(
        (5, 8, 9), (1, 2, 3), (1, 2, 3), (0, 1), (1, 2)
    ):
        options = {"stride": stride, "padding": padding, "dilation": dilation}
        expected = places(size, kernel, **options)
        said = function(size, kernel, **options)
        assert said == expected, (
            f"size_out({size}, {kernel}, {options}): {expected} places can be counted, got {said}"
        )
    assert isinstance(function(9, 2, stride=2), int), "a size is an int; divide with //"
    for size, kernel, dilation in [(4, 5, 1), (4, 3, 2)]:
        try:
            said = function(size, kernel, dilation=dilation)
        except ValueError:
            continue
        raise AssertionError(
            f"a kernel of {kernel} with dilation {dilation} does not fit into {size}: expected a "
            f"ValueError, got {said}"
        )


def check_matmul_shape(function):
    good = [
        ((5, 784), (784, 10)),
        ((2, 2), (2, 2)),
        ((7, 2, 3), (7, 3, 4)),
        ((2, 3), (6, 3, 4)),
        ((7, 1, 2, 3), (5, 3, 4)),
        ((1, 4, 4), (3, 4, 4)),
    ]
    for a, b in good:
        expected = (np.zeros(a) @ np.zeros(b)).shape
        try:
            said = function(a, b)
        except ValueError as error:
            raise AssertionError(f"{a} @ {b} is {expected}, not an error: {error}") from error
        assert tuple(said) == expected, f"{a} @ {b} is {expected}, got {said}"
    for a, b in [((5, 784), (10, 784)), ((3, 4), (1, 5)), ((2, 3, 4), (3, 4, 5)), ((3, 1), (4, 3))]:
        try:
            said = function(a, b)
        except ValueError as error:
            said = str(error)
            if str(a) in said and str(b) in said:
                continue
        raise AssertionError(
            f"{a} @ {b} do not fit: expected a ValueError with both shapes, got {said!r}"
        )


def check_chain(function):
    seen = []

    def watched(make):
        def made(shape):
            seen.append(tuple(shape))
            return make(shape)

        return made

    makers = [
        watched(lambda shape: nn.Conv2d(shape[0], 4, kernel_size=3)),
        watched(lambda shape: nn.MaxPool2d(2)),
        watched(lambda shape: nn.Flatten()),
        watched(lambda shape: nn.Linear(shape[-1], 30)),
        watched(lambda shape: nn.Linear(shape[-1], 7)),
    ]
    try:
        model = function((2, 10, 8), makers)
    except ValueError as error:
        raise AssertionError(f"called with {seen}, the makers' layers fail: {error}") from error
    expected = [(2, 10, 8), (4, 8, 6), (4, 4, 3), (48,), (30,)]
    assert seen == expected, (
        f"the makers were called with {seen}, expected {expected}: each with the shape that the "
        "layer before it puts out, without a batch axis"
    )
    assert isinstance(model, nn.Sequential), f"expected a Sequential, got {type(model).__name__}"
    assert len(model) == 5, f"expected 5 layers, got {len(model)}"
    for n in (1, 6):
        assert model(minitorch.rand(n, 2, 10, 8)).shape == (n, 7)
    assert len(function((4,), [])) == 0, "no makers make an empty Sequential"


def check_costs(function):
    for c, o, kernel, size in [(1, 20, 5, 28), (20, 50, 5, 12), (3, 3, 1, 7), (2, 4, 3, 3)]:
        summary = nn.Conv2d(c, o, kernel).summary((c, size, size))
        said = function(c, o, kernel, size)
        about = f"{c} to {o} channels, kernel {kernel}, {size}x{size} pixels"
        assert said[0] == summary.parameters, (
            f"{about}: {summary.parameters} parameters, got {said[0]}"
        )
        assert said[1] == summary.multiply_adds, (
            f"{about}: {summary.multiply_adds} multiply-adds, got {said[1]}; the kernel fits at "
            f"{size - kernel + 1} by {size - kernel + 1} places"
        )


def check_two_branches(function):
    for c, h, w, channels, classes in [(1, 8, 8, 3, 10), (3, 6, 9, 4, 2)]:
        about = f"two_branches({channels}, {classes}) on images {(c, h, w)}"
        model = function(channels, classes)
        assert isinstance(model, nn.Module), f"expected an nn.Module, got {type(model).__name__}"
        try:
            model.build((c, h, w))
        except (ValueError, RuntimeError) as error:
            raise AssertionError(f"{about}: the build fails: {error}") from error
        shapes = {name: tuple(p.shape) for name, p in model.named_parameters()}
        expected = {
            "fine.weight": (channels, c, 3, 3),
            "fine.bias": (channels,),
            "coarse.weight": (channels, c, 5, 5),
            "coarse.bias": (channels,),
            "out.weight": (classes, 2 * channels * h * w),
            "out.bias": (classes,),
        }
        for name, shape in expected.items():
            assert shapes.get(name) == shape, (
                f"{about}: {name} has shape {shapes.get(name)}, expected {shape}"
            )
        assert len(shapes) == 6, (
            f"{about}: parameters besides the six: {set(shapes) - set(expected)}"
        )
        x = minitorch.rand(5, c, h, w) - 0.5
        held = dict(model.named_parameters())
        sides = [
            F.conv2d(x, held[f"{name}.weight"], held[f"{name}.bias"], padding="same").relu()
            for name in ("fine", "coarse")
        ]
        wanted = F.linear(minitorch.cat(sides, 1).flatten(1), held["out.weight"], held["out.bias"])
        y = model(x)
        assert tuple(y.shape) == (5, classes), f"{about}: the output has shape {tuple(y.shape)}"
        assert np.allclose(y.detach(), wanted.detach(), atol=1e-5), (
            f"{about}: other numbers than those of fine and coarse, relu, side by side, out"
        )


# wrong answers ----------------------------------------------------------------------------------


def size(formula):
    def function(size, kernel, stride=1, padding=0, dilation=1):
        if size + 2 * padding < dilation * (kernel - 1) + 1:
            raise ValueError
        return formula(size, kernel, stride, padding, dilation)

    return function


def product_shape(check=True, stacks=np.broadcast_shapes):
    def function(a, b):
        if check and a[-1] != b[-2]:
            raise ValueError(f"{a} @ {b}")
        try:
            return (*stacks(a[:-2], b[:-2]), a[-2], b[-1])
        except ValueError:
            raise ValueError(f"{a} @ {b}") from None

    return function


def chained(next_shape):
    def function(shape, makers):
        layers = []
        for make in makers:
            layers.append(make(shape))
            shape = next_shape(layers[-1], shape)
        return nn.Sequential(layers)

    return function


class Branches(nn.Module):
    def __init__(self, out, fine, coarse, join):
        self.fine, self.coarse, self.out, self.join = fine, coarse, out, join

    def forward(self, x):
        return self.out(self.join(self.fine(x), self.coarse(x)).flatten(1))


def branches(join, **options):
    options = {"padding": "same", **options}

    def function(channels, classes):
        return Branches(
            nn.Linear(classes),
            nn.Conv2d(channels, kernel_size=3, **options),
            nn.Conv2d(channels, kernel_size=5, **options),
            join,
        )

    return function


def knows_mnist(channels, classes):
    model = branches(lambda a, b: minitorch.cat([a.relu(), b.relu()], 1))(channels, classes)
    model.out = nn.Linear(2 * channels * 28 * 28, classes)
    return model


WRONG = {
    "size_out": [
        size(lambda n, k, s, p, d: (n + 2 * p - k) // s + 1),
        size(lambda n, k, s, p, d: (n + p - d * (k - 1) - 1) // s + 1),
        size(lambda n, k, s, p, d: (n + 2 * p - d * (k - 1) - 1) // s),
        size(lambda n, k, s, p, d: math.ceil((n + 2 * p - d * (k - 1) - 1) / s) + 1),
        lambda n, kernel, stride=1, padding=0, dilation=1: (
            (n + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
        ),
    ],
    "matmul_shape": [
        product_shape(check=False),
        product_shape(stacks=lambda a, b: a),
        product_shape(stacks=lambda a, b: max(a, b, key=len)),
        lambda a, b: (np.zeros(a) * np.zeros(b)).shape,
    ],
    "chain": [
        chained(lambda layer, shape: shape),
        chained(lambda layer, shape: tuple(layer(minitorch.rand(1, *shape)).shape)),
        chained(lambda layer, shape: (math.prod(layer.output_shape(shape)),)),
    ],
    "costs": [
        lambda c, o, k, n: (c * o * k * k, c * o * k * k * (n - k + 1) ** 2),
        lambda c, o, k, n: (c * o * k * k + o, c * o * k * k * n * n),
        lambda c, o, k, n: (o * k * k + o, o * k * k * (n - k + 1) ** 2),
        lambda c, o, k, n: (c * o * k * k + o, (c * o * k * k + o) * (n - k + 1) ** 2),
        lambda c, o, k, n: (c * o * k * k + o, c * o * k * k * (n - k + 1)),
    ],
    "two_branches": [
        knows_mnist,
        branches(lambda a, b: a.relu() + b.relu()),
        branches(lambda a, b: minitorch.cat([b.relu(), a.relu()], 1)),
        branches(lambda a, b: minitorch.cat([a, b], 1)),
        branches(lambda a, b: minitorch.cat([a.relu(), b.relu()], 1), padding=0),
    ],
}
