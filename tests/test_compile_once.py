"""compile: what was computed before is not computed again, nor mistaken for something else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitorch
import minitorch.nn.functional as F
from minitorch.tensor import Tensor


def names_of(step: Callable[..., list[Tensor]], *args: Any, device: str = "cpu") -> list[str]:
    """The calls that a step has become, which gives the same bits as the step itself."""
    compiled = minitorch.compile(step)
    for i in range(3):
        given = [[(a * (i + 1)).detach().to(device) for a in args] for _ in range(2)]
        minitorch.manual_seed(i)
        expected = [y.cpu().numpy().tobytes() for y in step(*given[0])]
        minitorch.manual_seed(i)
        assert [y.cpu().numpy().tobytes() for y in compiled(*given[1])] == expected
        assert [a.tolist() for a in given[0]] == [a.tolist() for a in given[1]]
    return [call.name for call in compiled.program.lines]


def rising(n: int = 6) -> Tensor:
    return minitorch.linspace(-1, 2, n)


def test_the_same_call_on_the_same_array_is_made_once():
    names = names_of(lambda x: [(x * 2).exp() + 1, (x * 2).exp() * 3], rising())
    assert sorted(names) == ["add", "exp", "multiply", "multiply"]


def test_a_view_of_it_is_a_view_of_the_first():
    names = names_of(lambda x: [x.exp()[1:] + 1, x.exp()[1:] * 3, x.exp()[2:] * 3], rising())
    assert names.count("exp") == 1


def test_on_a_gpu(cuda: Any):
    names = names_of(lambda x: [(x * 2).exp() + 1, (x * 2).exp() * 3], rising(), device="cuda")
    assert names.count("exp") == 1


def test_a_rule_takes_what_its_forward_had():
    """GELU's slope needs the distribution function that its value was made with."""

    def step(x: Tensor) -> list[Tensor]:
        x = x.requires_grad_()
        (F.gelu(x * 3) * x).sum().backward()
        return [x.grad]

    names = names_of(step, rising(20_000))
    assert names.count("expm1") == 1
    assert names.count("copysign") == 1


@pytest.mark.parametrize("part", [lambda x: x, lambda x: x.view(2, 3), lambda x: x.expand(6)])
def test_both_backwards_of_what_was_computed_twice_have_what_they_need(part):
    """The first of two that are alike may be out of use by the time the second is looked at."""

    def step(x: Tensor) -> list[Tensor]:
        x = x.requires_grad_()
        y, z = (part(x) * 2).sin(), (part(x) * 2).sin()
        (y.sum() + z.sum()).backward()
        return [x.grad]

    assert names_of(step, rising()).count("cos") == 1


def test_what_is_handed_out_is_an_array_of_its_own():
    step = minitorch.compile(lambda x: [x * 2, x * 2])
    for _ in range(2):
        a, b = step(rising())
        a.add_(1)
        assert b.tolist() == (rising() * 2).tolist()


# what only looks the same -------------------------------------------------------------------------


@minitorch.no_grad()
def changed(x: Tensor) -> list[Tensor]:
    y = x * 2
    before = y.exp() + 1
    y.add_(1)
    return [before, y.exp() * 3]


@minitorch.no_grad()
def changed_in_part(x: Tensor) -> list[Tensor]:
    y = x * 2
    before = y.exp() + 1
    y[1:3] = 7
    return [before, y.exp() * 3]


@minitorch.no_grad()
def changed_argument(x: Tensor) -> list[Tensor]:
    before = x.exp() + 1
    x.add_(1)
    return [before, x.exp() * 3]


@minitorch.no_grad()
def result_changed(x: Tensor) -> list[Tensor]:
    y = x.exp()
    y.add_(1)
    return [y * 3, x.exp() * 5]


@minitorch.no_grad()
def changed_afterwards(x: Tensor) -> list[Tensor]:
    y, z = x.exp(), x.exp()
    after = z * 3
    y.add_(1)
    z.sub_(1)
    return [after, y * 3, z * 5]


@minitorch.no_grad()
def squared_in_place(x: Tensor) -> list[Tensor]:
    y, z = x * 2, x * 3
    y.mul_(y)
    z.mul_(z)
    return [y.exp() * 5, z.exp() * 5]


@minitorch.no_grad()
def changed_elsewhere(x: Tensor) -> list[Tensor]:
    y, z = x * 2, x * 2
    y[0:2] = 7
    z[2:4] = 7
    return [y.exp() * 5, z.exp() * 5]


def other_parts(x: Tensor) -> list[Tensor]:
    y = x * 2
    return [y[:3].exp() * 5, y[3:].exp() * 5]


def other_places(x: Tensor) -> list[Tensor]:
    y = x * 2
    return [y[np.array(at)] * 5 for at in ([0, 1], [2, 3])]


def drawn(x: Tensor) -> list[Tensor]:
    return [F.dropout(x) * 3, F.dropout(x) * 3]


def minus_nothing(x: Tensor) -> list[Tensor]:
    return [(x * 0.0).exp() * x, x / (x * 0.0), x / (x * -0.0)]


def other_axis(x: Tensor) -> list[Tensor]:
    y = x.reshape(2, 3)
    return [y.sum(0) * 2, y.sum(1) * 2, y.T.reshape(2, 3).exp() + 1, y.exp() + 1]


@pytest.mark.parametrize(
    "step",
    [
        *(changed, changed_in_part, changed_argument, result_changed, changed_afterwards),
        *(
            squared_in_place,
            changed_elsewhere,
            other_parts,
            other_places,
            drawn,
            minus_nothing,
            other_axis,
        ),
    ],
    ids=lambda step: step.__name__,
)
def test_two_that_only_look_alike_stay_two(step: Callable):
    names_of(step, rising())


def test_arguments_may_share_their_memory():
    @minitorch.no_grad()
    def step(x: Tensor, y: Tensor) -> list[Tensor]:
        before = x.exp() + 1
        y.add_(1)
        return [before, x.exp() * 3]

    compiled = minitorch.compile(step)
    for _ in range(3):
        found = []
        for run in (step, compiled):
            x = rising()
            found.append([y.tolist() for y in run(x[1:], x[:-1])])
        assert found[0] == found[1]


def test_what_an_optimizer_moves_is_another_array_after_it():
    def build(compiled: bool) -> Callable:
        w = rising().requires_grad_()
        optimizer = minitorch.optim.SGD([w], lr=0.1)

        def step(x: Tensor) -> list[Tensor]:
            optimizer.zero_grad()
            before = (w * x).exp()
            before.sum().backward()
            optimizer.step()
            return [(before * 2).detach(), ((w * x).exp() * 3).detach()]

        return minitorch.compile(step) if compiled else step

    eager, compiled = build(False), build(True)
    for i in range(3):
        x = rising() * i
        assert [y.tolist() for y in eager(x)] == [y.tolist() for y in compiled(x)]


@pytest.mark.parametrize("turned", [False, True])
def test_what_is_handed_out_may_be_changed_by_a_call(turned: bool):
    def build(compiled: bool) -> tuple[Callable, Tensor]:
        a, b = (rising().requires_grad_() for _ in range(2))
        changed, used = (b, a) if turned else (a, b)

        def step(x: Tensor) -> None:
            a.grad = b.grad = None
            (a * x + b * x).sum().backward()  # two gradients of the same numbers
            minitorch.nn.utils.clip_grad_value_([changed], 0.01)
            with minitorch.no_grad():
                used.sub_(used.grad * 0.1)

        return minitorch.compile(step) if compiled else step, used

    (eager, expected), (compiled, found) = build(False), build(True)
    for i in range(3):
        eager(rising() * i)
        compiled(rising() * i)
        assert found.tolist() == expected.tolist()


# memory -------------------------------------------------------------------------------------------


def long_way(x: Tensor) -> list[Tensor]:
    first = x.exp().sum()
    a, b, c = x * 2, x * 3, x * 4
    for _ in range(3):
        a, b, c = a * b, b * c, c * a
    rest = (a + b + c).sum()
    return [first, rest, x.exp().mean()]


def test_what_would_take_memory_is_computed_again():
    assert names_of(long_way, rising(10)).count("exp") == 1
    assert names_of(long_way, rising(100_000)).count("exp") == 2
