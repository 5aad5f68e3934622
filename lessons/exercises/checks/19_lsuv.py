"""Checks of the exercises of lesson 19, and wrong answers that they must find."""

import math

import numpy as np


def relu(x):
    return np.maximum(x, 0)


def check_settled(function):
    rng = np.random.default_rng(0)
    x, w = rng.normal(1.0, 2.0, (64, 5)), rng.normal(0, 3.0, (5, 4))
    b = np.array([1.0, -2.0, 5.0, 0.0])
    given = w.copy(), b.copy()
    new_w, new_b = function(x, w, b)
    assert np.array_equal(w, given[0]), "w itself was changed; make a new array"
    assert np.array_equal(b, given[1]), "b itself was changed; make a new array"
    y = x @ new_w + new_b
    assert abs(y.mean()) < 1e-9, (
        f"y has mean {y.mean():.4f}, expected 0; b is shifted, and then divided like w"
    )
    assert abs(y.std() - 1) < 1e-9, (
        f"y has deviation {y.std():.4f}, expected 1; is b divided as well?"
    )
    ratio = np.asarray(new_w) / w
    assert np.allclose(ratio, ratio[0, 0]), "the new w is no multiple of the old one"
    shift = np.asarray(new_b) - b * ratio[0, 0]
    assert np.allclose(shift, shift[0]), "b is to be shifted and scaled by the same for all"


def check_settle_all(function):
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1.0, (128, 20))
    for f in (relu, np.tanh):
        weights = [rng.normal(0, s, (20, 20)) for s in (0.01, 0.3, 2.0, 0.1)]
        given = [w.copy() for w in weights]
        found = function(x, weights, f)
        assert len(found) == 4, f"four layers, {len(found)} came back"
        assert all(np.array_equal(w, g) for w, g in zip(weights, given, strict=True)), (
            "the weights that were given have changed; make new arrays"
        )
        h = x
        for i, w in enumerate(found):
            y = h @ w
            assert abs(y.std() - 1) < 1e-9, (
                f"layer {i} has deviation {y.std():.4g}, expected 1; what comes in has to go "
                "through the new weights of the layers before, and through f"
            )
            ratio = w / given[i]
            assert np.allclose(ratio, ratio[0, 0]), f"w of layer {i} is no multiple of the old one"
            h = f(y)


def check_gain_of(function):
    said = function(relu, np.array([-1.0, 1.0, -1.0, 1.0]))
    assert math.isclose(said, math.sqrt(2)), f"relu of [-1, 1, -1, 1]: got {said}, expected √2"
    h = np.random.default_rng(0).normal(size=100_000)
    for f in (relu, np.tanh, lambda x: relu(x) - 0.4):
        wanted = 1 / math.sqrt(np.mean(f(h) ** 2))
        said = function(f, h)
        assert math.isclose(said, wanted, rel_tol=1e-9), (
            f"got {said:.5f}, expected {wanted:.5f}; it is the mean of the squares that counts, "
            "and the mean of f(h) is a part of it"
        )


# wrong answers ----------------------------------------------------------------------------------


def keeps_the_bias(x, w, b):
    y = x @ w + b
    return w / y.std(), b - y.mean()


def shifts_after_dividing(x, w, b):
    y = x @ w + b
    return w / y.std(), b / y.std() - y.mean()


def column_by_column(x, w, b):
    y = x @ w + b
    return w / y.std(0), (b - y.mean(0)) / y.std(0)


def in_place(x, w, b):
    y = x @ w + b
    mean, std = y.mean(), y.std()
    w /= std
    b -= mean
    b /= std
    return w, b


def all_at_once(x, weights, f):
    found = []
    for w in weights:
        found.append(w / (x @ w).std())
        x = f(x @ w)
    return found


def without_f(x, weights, f):
    found = []
    for w in weights:
        found.append(w / (x @ w).std())
        x = x @ found[-1]
    return found


def after_f(x, weights, f):
    found = []
    for w in weights:
        found.append(w / f(x @ w).std())
        x = f(x @ found[-1])
    return found


WRONG = {
    "settled": [keeps_the_bias, shifts_after_dividing, column_by_column, in_place],
    "settle_all": [all_at_once, without_f, after_f],
    "gain_of": [
        lambda f, h: float(1 / f(h).std()),
        lambda f, h: float(1 / (f(h) ** 2).mean()),
        lambda f, h: float(np.sqrt((f(h) ** 2).mean())),
        lambda f, h: float(1 / np.sqrt((f(h) ** 2).sum())),
    ],
}
