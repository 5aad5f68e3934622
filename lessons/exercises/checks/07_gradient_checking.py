"""Checks of the exercises of lesson 7, and wrong answers that they must notice."""

import math

import numpy as np

import minitorch
from lessons.exercises.checks.gradients import compare_with_slopes
from minitorch import op


def sample(*shape):
    return minitorch.randn(*shape, dtype=minitorch.float64)


def check_cumsum_grad(function):
    minitorch.manual_seed(0)
    for n in (5, 2):
        compare_with_slopes("cumsum_grad", lambda x: x.cumsum(0), function, sample(n))


def check_standardise_grad(function):
    minitorch.manual_seed(0)
    for n, k in [(5, 3), (3, 3), (4, 1)]:
        s = 0.5 + minitorch.rand(k, dtype=minitorch.float64)
        inputs = sample(n, k), sample(k), s
        compare_with_slopes("standardise_grad", lambda x, m, s: (x - m) / s, function, *inputs)


def check_slope_along(function):
    minitorch.manual_seed(0)
    for shape, h in [((3,), 0.1), ((2, 3), 1e-4)]:
        x, v = sample(*shape), sample(*shape)
        kept = x.clone(), v.clone()
        said = function(lambda x: (x**3).sum(), x, v, h)
        assert np.array_equal(x, kept[0]), "x is not the same afterwards"
        assert np.array_equal(v, kept[1]), "v is not the same afterwards"
        expected = ((3 * x * x * v) + h * h * v**3).sum().item()
        assert isinstance(said, float), f"expected a float, got {type(said).__name__}"
        assert abs(said - expected) < 1e-8, (
            f"f(x) = Σ x³, h = {h:g}: the two ends give {expected:.6f}, yours {said:.6f}"
        )


def planted(body, **rules):
    made = op(body)
    made.grad(**rules)
    return made


def softmax(x):
    e = np.exp(x)
    return e / e.sum(axis=-1, keepdims=True)


def affine(**wrong):
    rules = {"x": lambda g, w: g @ w.T, "w": lambda g, x: x.T @ g, "b": lambda g: g.sum(0)}
    return planted(lambda x, w, b: x @ w + b, **(rules | wrong))


def total(g, y):
    return (g * y).sum(axis=-1, keepdims=True)


def rules_to_judge():
    """name -> (op, inputs, is it right?)"""
    v = minitorch.randn(3, 4)
    a = minitorch.randn(4, 3), minitorch.randn(3, 3), minitorch.randn(3)
    cube = lambda x: x * x * x
    return {
        "y = x³, with the right rule": (planted(cube, x=lambda g, x: 3 * g * x * x), [v], True),
        "softmax, with the right rule": (
            planted(softmax, x=lambda g, y: y * (g - total(g, y))),
            [v],
            True,
        ),
        "x w + b, with the right rules": (affine(), list(a), True),
        "y = x³, with the sign flipped": (planted(cube, x=lambda g, x: -3 * g * x * x), [v], False),
        "y = x³, with 3.0001 for 3": (planted(cube, x=lambda g, x: 3.0001 * g * x * x), [v], False),
        "y = x³, with a rule that forgets g": (planted(cube, x=lambda g, x: 3 * x * x), [v], False),
        "y = x³, with g twice": (planted(cube, x=lambda g, x: 3 * g * g * x * x), [v], False),
        "softmax, without the leading y": (
            planted(softmax, x=lambda g, y: g - total(g, y)),
            [v],
            False,
        ),
        "x w + b, with the gradient of w transposed": (
            affine(w=lambda g, x: g.T @ x),
            list(a),
            False,
        ),
        "x w + b, with a mean for the sum in b": (affine(b=lambda g: g.mean(0)), list(a), False),
        "differences, wrong at the last element": (
            planted(
                lambda x: x[1:] - x[:-1],
                x=lambda g: np.concatenate([-g[:1], g[:-1] - g[1:], 0 * g[-1:]]),
            ),
            [minitorch.randn(6)],
            False,
        ),
        "x times x.detach()": (lambda x: x * x.detach(), [v], False),
    }


# What a check that lets a wrong rule pass should look at.
LOOK_AT = {
    "y = x³, with the sign flipped": "is the rule compared with the slope at all?",
    "y = x³, with 3.0001 for 3": "how large a disagreement do you allow?",
    "y = x³, with a rule that forgets g": "which g do you send back?",
    "y = x³, with g twice": "which g do you send back?",
    "softmax, without the leading y": "which g do you send back?",
    "x w + b, with the gradient of w transposed": "do you look at every element of every input?",
    "x w + b, with a mean for the sum in b": "do you look at every element of every input?",
    "differences, wrong at the last element": "do you look at every element of every input?",
    "x times x.detach()": "is the rule compared with the slope at all?",
}


def check_passes(function):
    assert "gradcheck" not in function.__code__.co_names, "write it without minitorch's gradcheck"
    minitorch.manual_seed(0)
    for name, (f, inputs, right) in rules_to_judge().items():
        kept = [x.clone() for x in inputs]
        said = function(f, inputs)
        assert all(np.array_equal(x, k) for x, k in zip(inputs, kept)), "an input was changed"
        assert all(x.dtype == minitorch.float32 for x in inputs), "an input was converted"
        assert said in (True, False), f"expected True or False, got {said!r}"
        assert said or not right, (
            f"refused: {name}; do you compare in float64, with a step that fits?"
        )
        assert right or not said, f"let pass: {name}; {LOOK_AT[name]}"


def gap(f, x, h):
    """Between the slopes to the right and to the left."""
    return abs((f(x + h) - f(x)) / h - (f(x) - f(x - h)) / h)


def check_kind_of_point(function):
    points = {
        "x² at 0": (lambda x: x * x, 0.0, "smooth"),
        "x² at 3": (lambda x: x * x, 3.0, "smooth"),
        "sin at 1": (math.sin, 1.0, "smooth"),
        "|x| at 2": (abs, 2.0, "smooth"),
        "100 x at 1": (lambda x: 100 * x, 1.0, "smooth"),
        "e^(5x) at 1": (lambda x: math.exp(5 * x), 1.0, "smooth"),
        "|x| at 0": (abs, 0.0, "kink"),
        "relu at 0": (lambda x: max(x, 0.0), 0.0, "kink"),
        "|x - 1| + x² at 1": (lambda x: abs(x - 1) + x * x, 1.0, "kink"),
        "a step at 0": (lambda x: float(x > 0), 0.0, "jump"),
        "floor at 2": (math.floor, 2.0, "jump"),
        "3 sign(x) + x at 0": (lambda x: 3 * math.copysign(1, x) + x, 0.0, "jump"),
    }
    for name, (f, x, expected) in points.items():
        said = function(f, x)
        gaps = ", ".join(f"{gap(f, x, h):.1e} for h = {h:g}" for h in (1e-2, 1e-3, 1e-4))
        assert said == expected, f"{name}: expected {expected!r}, got {said!r}; the gaps are {gaps}"


def layer_grad_with(
    mask=lambda y: y > 0,
    upstream=lambda g: g,
    of_x=lambda dx: dx,
    of_w=lambda dw: dw,
    of_b=lambda g: g.sum(0),
):
    """Gradients of y = relu(x w + b); right, unless a part is replaced."""

    def layer_grad(g, x, w, b):
        g = upstream(g) * mask(x @ w + b)
        return of_x(g @ w.T), of_w(x.T @ g), of_b(g)

    return layer_grad


# what is planted -> the gradients with this mistake, and what a test that misses it should look at
PLANTED = {
    "the sign of dL/dw is flipped": (
        layer_grad_with(of_w=lambda dw: -dw),
        "is each of the three gradients compared?",
    ),
    "dL/db is a mean over the rows, not a sum": (
        layer_grad_with(of_b=lambda g: g.mean(0)),
        "is each of the three gradients compared, with more than one row in x?",
    ),
    "relu lets everything pass": (
        layer_grad_with(mask=lambda y: 1.0),
        "has y = x w + b negative elements, where relu's slope is 0?",
    ),
    "1 stands in the place of g": (
        layer_grad_with(upstream=minitorch.ones_like),
        "which g do you send back?",
    ),
    "dL/dx is 0 after its first row": (
        layer_grad_with(of_x=lambda dx: minitorch.cat([dx[:1], 0 * dx[1:]])),
        "do you look at every element?",
    ),
}


def raises(test, layer_grad):
    """Does the reader's test object to these gradients, by whatever error?"""
    try:
        test(layer_grad)
    except Exception:
        return True
    return False


def score(test):
    """planted mistake -> does the reader's test find it?

    Raises:
        AssertionError: the test objects to gradients that are right.
    """
    minitorch.manual_seed(0)
    try:
        test(layer_grad_with())
    except AssertionError as error:
        raise AssertionError(f"it fails where the gradients are right: {error}") from error
    return {name: raises(test, layer_grad) for name, (layer_grad, _) in PLANTED.items()}


def check_test_layer_grad(function):
    found = score(function)
    missed = [f"  {name}: {PLANTED[name][1]}" for name in PLANTED if not found[name]]
    assert not missed, (
        f"your test finds {sum(found.values())} of {len(found)} planted mistakes; "
        "it lets pass\n" + "\n".join(missed)
    )


# wrong answers ----------------------------------------------------------------------------------


def changes_x(f, x, v, h):
    x += h * v
    up = f(x)
    x -= 2 * h * v
    return ((up - f(x)) / (2 * h)).item()


def judged(random=True, precise=True, first_only=False, tolerance=1e-6):
    """A check with some of what makes it good left out."""
    dtype, h = (minitorch.float64, 1e-5) if precise else (minitorch.float32, 1e-2)

    def check(f, inputs):
        xs = [x.detach().to(dtype).clone().requires_grad_() for x in inputs]
        y = f(*xs)
        g = minitorch.randn(y.shape, dtype=dtype) if random else minitorch.ones_like(y)
        y.backward(g)
        with minitorch.no_grad():
            for x in xs:
                for index in [(0,) * x.ndim] if first_only else np.ndindex(x.shape):
                    value, ends = x[index].item(), []
                    for moved in (value + h, value - h):
                        x[index] = moved
                        ends.append((f(*xs) * g).sum().item())
                    x[index] = value
                    slope = (ends[0] - ends[1]) / (2 * h)
                    if abs(slope - x.grad[index].item()) > tolerance * max(1, abs(slope)):
                        return False
        return True

    return check


def by_gap(f, x):
    found = gap(f, x, 1e-3)
    return "jump" if found > 100 else "kink" if found > 0.1 else "smooth"


def kinks_only(f, x):
    gaps = [gap(f, x, h) for h in (1e-3, 1e-5)]
    return "kink" if gaps[1] > 0.5 * gaps[0] and gaps[1] > 1e-4 else "smooth"


def compares(g=minitorch.randn, shift=0.0, rows=5, which=(0, 1, 2), first_only=False, atol=1e-8):
    """A test of gradients with some of what makes it good left out."""

    def test(layer_grad):
        x, w, b = sample(rows, 4), sample(4, 3), sample(3) + shift
        leaves = [t.clone().requires_grad_() for t in (x, w, b)]
        y = (leaves[0] @ leaves[1] + leaves[2]).relu()
        sent = g(*y.shape).double()
        y.backward(sent)
        found = layer_grad(sent, x, w, b)
        for k in which:
            ours, theirs = leaves[k].grad.flatten(), found[k].flatten()
            if first_only:
                ours, theirs = ours[:1], theirs[:1]
            assert np.allclose(ours, theirs, rtol=0, atol=atol), "they differ"

    return test


def never_content(layer_grad):
    raise AssertionError("dL/dx is off")


WRONG = {
    "cumsum_grad": [
        lambda g, x: g,
        lambda g, x: g.cumsum(0),
        lambda g, x: g.flip(0).cumsum(0),
        lambda g, x: 0 * g + g.sum(),
    ],
    "standardise_grad": [
        lambda g, x, m, s: (g / s, (g / s).sum(0), -(g * (x - m)).sum(0) / s**2),
        lambda g, x, m, s: (g / s, -g.sum(0), -(g * (x - m)).sum(0) / s**2),
        lambda g, x, m, s: (g / s, -(g / s).sum(0), -(g * (x - m)).sum(0) / s),
        lambda g, x, m, s: (g / s, -(g / s).mean(0), -(g * (x - m)).mean(0) / s**2),
        lambda g, x, m, s: (g / s, -(g / s), -(g * (x - m)) / s**2),
        lambda g, x, m, s: (g * s, -(g / s).sum(0), -(g * (x - m)).sum(0) / s**2),
    ],
    "slope_along": [
        changes_x,
        lambda f, x, v, h: ((f(x + h * v) - f(x)) / h).item(),
        lambda f, x, v, h: ((f(x + h * v) - f(x - h * v)) / h).item(),
        lambda f, x, v, h: ((f(x + h) - f(x - h)) / (2 * h)).item(),
        lambda f, x, v, h: (f(x + h * v) - f(x - h * v)) / (2 * h),
    ],
    "passes": [
        lambda f, inputs: True,
        lambda f, inputs: False,
        judged(random=False),
        judged(first_only=True),
        judged(precise=False, tolerance=1e-2),
        judged(precise=False),
        judged(tolerance=1e-3),
    ],
    "kind_of_point": [by_gap, kinks_only, lambda f, x: "kink" if f(x) == 0 else "smooth"],
    "test_layer_grad": [
        lambda layer_grad: None,
        compares(g=minitorch.ones),
        compares(shift=100.0),
        compares(rows=1),
        compares(which=(0,)),
        compares(first_only=True),
        compares(atol=1e3),
        never_content,
    ],
}
