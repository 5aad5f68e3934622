"""Checks of the exercises of lesson 12, and wrong answers that they must notice."""

import math

import numpy as np

import minitorch
import minitorch.nn.functional as F
from lessons.comparing import sample
from lessons.exercises.checks.gradients import compare_with_slopes
from minitorch import nn


class Part:
    """A module of nobody's: attributes, and a forward."""

    def __init__(self, **attributes):
        vars(self).update(attributes)

    def forward(self, x):
        return x


def parameter(*shape):
    return minitorch.randn(*shape).requires_grad_()


def same_paths(said, expected, about):
    assert list(said) == list(expected), (
        f"{about}: expected the paths {list(expected)}, got {list(said)}"
    )
    for path, tensor in expected.items():
        assert said[path] is tensor, f"{about}: {path} is another tensor than the module's own"


def check_named_parameters(function):
    w, b, shared = parameter(2, 3), parameter(3), parameter(4)
    flat = Part(w=w, size=3, constant=minitorch.ones(2), b=b)
    same_paths(function(flat), {"w": w, "b": b}, "a module with two parameters and a constant")
    deep = Part(inner=Part(inner=Part(w=w)), b=b)
    same_paths(function(deep), {"inner.inner.w": w, "b": b}, "a module in a module in a module")
    listed = Part(layers=[Part(w=w), (Part(b=b), parameter)])
    same_paths(function(listed), {"layers.0.w": w, "layers.1.0.b": b}, "modules in lists")
    p, q = Part(b=parameter(2)), Part(b=parameter(2))
    named = Part(w=w, parts={"left": [p, q]})
    expected = {"w": w, "parts.left.0.b": p.b, "parts.left.1.b": q.b}
    same_paths(function(named), expected, "modules in a list in a dictionary")
    tied = Part(first=Part(w=shared), again=Part(w=shared), layers=[p, p])
    expected = {"first.w": shared, "layers.0.b": p.b}
    same_paths(function(tied), expected, "a tensor and a module that hang in two places")
    same_paths(function(flat, "net."), {"net.w": w, "net.b": b}, "with the prefix 'net.'")
    same_paths(function(flat), {"w": w, "b": b}, "asked a second time")


def check_twice_grad(function):
    def twice(x, w):
        return (x @ w).relu() @ w

    one = [minitorch.tensor([[v]]) for v in (1.0, 3.0, 5.0)]
    said = function(*one)
    assert not said.requires_grad, "the gradient is a plain tensor; do without the tape"
    assert abs(said.item() - 2 * 1.0 * 3.0 * 5.0) < 1e-4, (
        f"for g = 1, x = 3, w = 5 it is 2 g x w = 30, not {said.item():.4g}; w is used twice, and "
        "both uses send a part"
    )

    def twice_grads(g, x, w):
        return (g @ w.T * (x @ w > 0)) @ w.T, function(g, x, w)

    compare_with_slopes("twice_grad", twice, twice_grads, sample(4, 3), sample(3, 3))


def check_halved(function):
    for numbers, k in [([3.0, -1.0], 2), ([0.5, 0.5], 0), ([0.0], 0), ([1.0, 1.0, 1.0], 2)]:
        x = minitorch.tensor(numbers)
        y, said = function(x)
        assert x.tolist() == numbers, f"x was {numbers}, and is {x.tolist()} afterwards"
        assert said == k, f"{numbers}: k is {said}, expected {k}"
        assert y.tolist() == [v / 2**k for v in numbers], f"{numbers}: got {y.tolist()}"
    x = parameter(50)
    y, k = function(x)
    slopes = minitorch.autograd.grad(y.sum(), x)[0]
    assert slopes.tolist() == [0.5**k] * 50, "the result must stay on the tape of x"
    for numbers in ([math.nan, 1.0], [0.25, math.nan], [math.inf, 1.0], [-math.inf]):
        try:
            said = function(minitorch.tensor(numbers))
        except ValueError:
            continue
        raise AssertionError(f"{numbers} cannot be halved down to 1: a ValueError, not {said}")


def check_residual_block(function):
    width, hidden = 3, 5
    block, other = function(width, hidden), function(width, hidden)
    assert isinstance(block, nn.Module), f"expected an nn.Module, got {type(block).__name__}"
    shapes = {name: tuple(p.shape) for name, p in block.named_parameters()}
    expected = {
        "up.weight": (hidden, width),
        "up.bias": (hidden,),
        "down.weight": (width, hidden),
        "down.bias": (width,),
    }
    assert shapes == expected, f"the parameters are {shapes}, expected {expected}"
    assert not np.array_equal(block.up.weight.detach(), other.up.weight.detach()), (
        "two blocks have the same weights; each needs layers of its own"
    )
    up, down = block.up, block.down
    x = minitorch.randn(4, width).requires_grad_()
    y = block(x)
    wanted = x + F.linear(F.linear(x, up.weight, up.bias).relu(), down.weight, down.bias)
    assert tuple(y.shape) == (4, width), f"(4, {width}) must stay so, got {tuple(y.shape)}"
    assert np.allclose(y.detach(), wanted.detach(), atol=1e-6), (
        "forward computes something else than x + W2 relu(W1 x + b1) + b2"
    )
    y.sum().backward()
    for name, p in block.named_parameters():
        assert p.grad is not None, f"{name} gets no gradient; is it what forward uses?"


def check_freeze(function):
    def model():
        return nn.Sequential(
            {
                "net": nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 4)),
                "network": nn.Linear(4, 5),
                "head": nn.Sequential({"net": nn.Linear(5, 2)}),
            }
        )

    for path in ("net", "network", "net.0", "head", "head.net"):
        m = model()
        said = function(m, path)
        for name, p in m.named_parameters():
            inside = name.startswith(f"{path}.")
            assert p.requires_grad != inside, (
                f"path {path!r}: {name} is {'trained' if p.requires_grad else 'frozen'}, expected "
                "the opposite"
            )
        left = sum(p.numel() for p in m.parameters() if p.requires_grad)
        assert said == left, f"path {path!r}: {left} numbers are left to train, not {said}"
    m = model()
    m.head.requires_grad_(False)
    function(m, "net")
    assert not m.head.net.weight.requires_grad, "head was frozen before, and must stay so"
    assert len(list(m.named_parameters())) == 8, "frozen parameters are still the model's"


# wrong answers ----------------------------------------------------------------------------------


def walk(value, path, seen, once=True, lists=True, frozen=False):
    if once and id(value) in seen:
        return
    if isinstance(value, minitorch.Tensor) and (frozen or value.requires_grad):
        seen.add(id(value))
        yield path.lstrip("."), value
    elif hasattr(value, "forward"):
        seen.add(id(value))
        for name, part in vars(value).items():
            yield from walk(part, f"{path}.{name}", seen, once, lists, frozen)
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from walk(part, f"{path}.{name}", seen, once, lists, frozen)
    elif isinstance(value, (list, tuple)) and lists:
        for i, part in enumerate(value):
            yield from walk(part, f"{path}.{i}", seen, once, lists, frozen)


def walked(**options):
    return lambda module, prefix="": {
        prefix + path: p for path, p in walk(module, "", set(), **options)
    }


def remembers_for_ever(module, prefix="", seen=set()):  # noqa: B006 - the mistake that is meant
    return {prefix + path: p for path, p in walk(module, "", seen)}


def halves_in_place(x):
    k = 0
    if not x.isfinite().all():
        raise ValueError
    with minitorch.no_grad():
        while x.abs().sum() > 1:
            x /= 2
            k += 1
    return x, k


def halves_once_more(x):
    k = 0
    if not x.isfinite().all():
        raise ValueError
    while x.abs().sum() >= 1:
        x, k = x / 2, k + 1
    return x, k


def sum_without_abs(x):
    k = 0
    if not x.isfinite().all():
        raise ValueError
    while x.sum() > 1:
        x, k = x / 2, k + 1
    return x, k


def lets_nan_pass(x):
    if x.isinf().any():
        raise ValueError
    k = 0
    while x.abs().sum() > 1:
        x, k = x / 2, k + 1
    return x, k


class Block(nn.Module):
    def __init__(self, width, hidden, formula):
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.formula = formula

    def forward(self, x):
        return self.formula(self, x)


def block(formula):
    return lambda width, hidden: Block(width, hidden, formula)


def hides_its_layers(width, hidden):
    up, down = nn.Linear(width, hidden), nn.Linear(hidden, width)
    return nn.Lambda(lambda x: x + down(up(x).relu()))


def freezes(inside):
    def function(model, path):
        for name, p in model.named_parameters():
            if inside(name, path):
                p.requires_grad_(False)
        return sum(p.numel() for p in model.parameters() if p.requires_grad)

    return function


def counts_tensors(model, path):
    freezes(lambda name, path: name.startswith(f"{path}."))(model, path)
    return sum(p.requires_grad for p in model.parameters())


def thaws_the_rest(model, path):
    for name, p in model.named_parameters():
        p.requires_grad_(not name.startswith(f"{path}."))
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


WRONG = {
    "named_parameters": [
        walked(once=False),
        walked(lists=False),
        walked(frozen=True),
        remembers_for_ever,
        lambda module, prefix="": walked()(module),
    ],
    "twice_grad": [
        lambda g, x, w: (x @ w).relu().T @ g,
        lambda g, x, w: x.T @ ((g @ w.T) * (x @ w > 0)),
        lambda g, x, w: 2 * (x @ w).relu().T @ g,
        lambda g, x, w: (x @ w).relu().T @ g + x.T @ (g @ w.T),
        lambda g, x, w: (x @ w).relu().T @ g + x.T @ ((g @ w) * (x @ w > 0)),
    ],
    "halved": [halves_in_place, halves_once_more, sum_without_abs, lets_nan_pass],
    "residual_block": [
        hides_its_layers,
        block(lambda self, x: self.down(self.up(x).relu())),
        block(lambda self, x: (x + self.down(self.up(x))).relu()),
        block(lambda self, x: x + self.down(self.up(x))),
        block(lambda self, x: x + nn.Linear(*self.up.weight.shape)(self.up(x).relu())),
    ],
    "freeze": [
        freezes(lambda name, path: name.startswith(path)),
        freezes(lambda name, path: f"{path}." in name),
        freezes(lambda name, path: not name.startswith(f"{path}.")),
        counts_tensors,
        thaws_the_rest,
    ],
}
