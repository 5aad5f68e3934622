"""Checks of the exercises of lesson 13, and wrong answers that they must notice."""

import math

import numpy as np

import minitorch
import minitorch.nn.functional as F
from minitorch import nn


def check_reshape_shape(function):
    good = [
        ((6,), (2, 3)),
        ((8, 50, 4, 4), (8, -1)),
        ((8, 50, 4, 4), (-1, 4)),
        ((2, 3, 4), (4, -1, 2)),
        ((2, 3), (-1,)),
        ((5, 1), (5,)),
        ((1,), (1, -1, 1)),
    ]
    for shape, new in good:
        expected = np.zeros(shape).reshape(new).shape
        try:
            said = function(shape, new)
        except ValueError as error:
            raise AssertionError(f"{shape} to {new} is {expected}, no error: {error}") from error
        assert tuple(said) == expected, f"{shape} to {new} is {expected}, got {said}"
        assert all(isinstance(n, int) for n in said), (
            f"{shape} to {new}: lengths are ints, got {said}; divide with //"
        )
    for shape, new in [((8, 50), (7, -1)), ((6,), (4,)), ((6,), (2, 4)), ((8,), (2, -1, -1))]:
        try:
            said = function(shape, new)
        except ValueError as error:
            said = None
            message = str(error)
        assert said is None, f"{shape} to {new}: expected a ValueError, got {said}"
        assert str(shape) in message, f"{shape} to {new}: the message lacks {shape}: {message!r}"
        assert str(new) in message, f"{shape} to {new}: the message lacks {new}: {message!r}"


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


def reshaped(check=True, divide=lambda count, said: count // said, many=False):
    def function(shape, new):
        if not many and new.count(-1) > 1:
            raise ValueError(f"{shape} to {new}")
        count, said = math.prod(shape), math.prod(n for n in new if n != -1)
        found = tuple(divide(count, said) if n == -1 else n for n in new)
        if check and math.prod(found) != count:
            raise ValueError(f"{shape} to {new}")
        return found

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
    "reshape_shape": [
        lambda shape, new: new,
        reshaped(check=False),
        reshaped(divide=lambda count, said: count / said),
        reshaped(check=False, many=True),
        reshaped(divide=lambda count, said: -count // said),
        lambda shape, new: (*new[:-1], math.prod(shape) // math.prod(new[:-1])),
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
