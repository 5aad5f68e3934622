"""Checks of the exercises of lesson 3, and wrong answers that they must notice."""

import math

import numpy as np

import minitorch


def check_normalize_both(function):
    minitorch.manual_seed(0)
    train = minitorch.randn(50, 3) * minitorch.tensor([1.0, 5.0, 0.1]) + 2
    valid = minitorch.randn(20, 3) * minitorch.tensor([2.0, 5.0, 0.1]) + 3
    kept = train.clone(), valid.clone()
    t, v = function(train, valid)
    assert np.array_equal(train, kept[0]), "train itself was changed"
    assert np.array_equal(valid, kept[1]), "valid itself was changed"
    assert tuple(t.shape) == (50, 3), f"train became {tuple(t.shape)}, expected (50, 3)"
    assert tuple(v.shape) == (20, 3), f"valid became {tuple(v.shape)}, expected (20, 3)"
    mean, square = t.mean(0).numpy(), (t * t).mean(0).numpy()
    assert abs(mean).max() < 1e-4, f"the columns of train have means {mean.round(3)}, expected 0"
    assert abs(square - 1).max() < 1e-3, (
        f"the columns of train have mean squares {square.round(3)}, expected 1 in each; std() "
        "divides by one less than the number of rows, `stats` of the lesson by all of them"
    )
    factor, shift = (t[0] - t[1]) / (train[0] - train[1]), t[0]
    expected = shift + (valid - train[0]) * factor
    assert np.allclose(v, expected, atol=1e-2), (
        "valid went through another change than train: a number that stands in both must come out "
        "the same in both"
    )


def check_kaiming(function):
    minitorch.manual_seed(0)
    for m, n in [(400, 300), (200, 600)]:
        w = function(m, n)
        assert tuple(w.shape) == (m, n), f"kaiming({m}, {n}) has shape {tuple(w.shape)}"
        assert abs(w.mean()) < 0.02 * w.std(), f"the weights have mean {w.mean():.4f}, expected 0"
        x = minitorch.randn(1000, m)
        y = (x @ w).clamp_min(0.0)
        size = (y * y).mean().item()
        assert abs(size - 1) < 0.05, (
            f"{m} inputs, {n} outputs: after relu the mean square is {size:.3f}, expected 1; "
            f"your weights have a standard deviation of {w.std():.4f}"
        )
    assert not np.array_equal(function(3, 4), function(3, 4)), "twice the same weights"


def check_relu_moments(function):
    minitorch.manual_seed(0)
    for sigma in (1.0, math.sqrt(2), 3.0, 0.1):
        z = sigma * np.random.default_rng(0).standard_normal(200_000)
        y = np.maximum(z, 0)
        mean, second = sigma / math.sqrt(2 * math.pi), sigma**2 / 2
        exact = mean, math.sqrt(second - mean**2), second
        measured = y.mean(), y.std(), (y * y).mean()
        said = function(sigma)
        for name, ours, theirs, seen in zip(("mean", "std", "E[y²]"), exact, said, measured):
            assert abs(theirs - ours) < 1e-6 * ours, (
                f"sigma = {sigma:.3g}: {name} is {theirs:.4f} by your formula, and about "
                f"{seen:.3f} when 200,000 numbers are drawn"
            )


def check_rescaled_layers(function):
    minitorch.manual_seed(0)
    x = minitorch.randn(100, 200)
    kept = x.clone()
    for count in (1, 5, 10):
        y = function(x, count)
        assert tuple(y.shape) == (100, 200), f"the result has shape {tuple(y.shape)}"
        size = (y * y).mean().item()
        room = 1.2 if count == 1 else 10  # what chance may do to the size, at most
        assert 1 / room < size < room, (
            f"after {count} layers the mean square is {size:.3g}; expected to be near 1"
        )
        assert y.min() == 0, f"after {count} layers there are no zeros; did a relu come last?"
    assert np.array_equal(x, kept), "x itself was changed"


def check_first_nan(function):
    minitorch.manual_seed(0)
    x, a = minitorch.randn(512), minitorch.randn(512, 512)
    kept = x.clone()
    said = function(x, a)
    assert said == 27, f"float32, 512 numbers: NaN comes at index 27 (layer 28), not {said}"
    assert np.array_equal(x, kept), "x itself was changed"
    said = function(x.double(), a.double())
    assert said is None, f"in float64 there is no NaN within 100 layers; expected None, got {said}"
    said = function(minitorch.randn(64), minitorch.randn(64, 64) * minitorch.inf)
    assert said == 0, f"a NaN at the first step has index 0, not {said}"


# wrong answers ----------------------------------------------------------------------------------


def standardized(x):
    mean = x.mean(0)
    return (x - mean) / ((x - mean) ** 2).mean(0) ** 0.5


def by_the_variance(train, valid):
    mean, variance = train.mean(0), train.var(0)
    return (train - mean) / variance, (valid - mean) / variance


def by_all_columns(train, valid):
    mean, std = train.mean(), train.std()
    return (train - mean) / std, (valid - mean) / std


def by_both(train, valid):
    both = standardized(minitorch.cat([train, valid]))
    return both[: len(train)], both[len(train) :]


def layers(factor, relu=True):
    def through(x, count):
        for _ in range(count):
            x = x @ (minitorch.randn(x.shape[1], x.shape[1]) * factor(x.shape[1]))
            x = x.clamp_min(0.0) if relu else x
        return x

    return through


def stops(is_bad, first=0, otherwise=None):
    def search(x, a):
        for i in range(first, first + 100):
            x = x @ a
            if is_bad(x):
                return i
        return otherwise

    return search


def nan_std(x):
    return x.std() != x.std()


WRONG = {
    "normalize_both": [
        lambda train, valid: (standardized(train), standardized(valid)),
        by_the_variance,
        by_all_columns,
        by_both,
        lambda train, valid: (standardized(train), valid),
    ],
    "kaiming": [
        lambda m, n: minitorch.randn(m, n),
        lambda m, n: minitorch.randn(m, n) * 2 / m,
        lambda m, n: minitorch.randn(m, n) / math.sqrt(m),
        lambda m, n: minitorch.randn(m, n) * math.sqrt(2 / n),
        lambda m, n: minitorch.randn(n, m) * math.sqrt(2 / m),
        lambda m, n: minitorch.rand(m, n) * math.sqrt(2 / m),
    ],
    "relu_moments": [
        lambda sigma: (0.3989423, 0.5838194, 0.5),
        lambda sigma: (sigma / math.sqrt(2 * math.pi), sigma / 2, sigma**2 / 2),
        lambda sigma: (sigma / math.sqrt(2 * math.pi), sigma * math.sqrt(1 / 2), sigma**2 / 2),
        lambda sigma: (0.0, sigma, sigma**2),
    ],
    "rescaled_layers": [
        layers(lambda k: math.sqrt(1 / k)),
        layers(lambda k: 1.0),
        layers(lambda k: 0.01),
        layers(lambda k: math.sqrt(1 / k), relu=False),
        layers(lambda k: 2 / k),
    ],
    "first_nan": [
        stops(nan_std, first=1),
        stops(lambda x: x.std() == math.inf or nan_std(x)),
        stops(lambda x: x.std() == math.nan),
        stops(nan_std, otherwise=99),
    ],
}
