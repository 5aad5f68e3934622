"""Optimizers put together from parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from minitorch import optim
from minitorch.errors import CheckpointError
from minitorch.optim import AdamScale, Chain, ClipValue, Momentum, RMSScale, Sign, WeightDecay
from tests.test_optim import leaf, with_gradient
from tests.test_optim_rules import moved

START, GRADIENTS = [1.0, -2.0, 0.5], np.random.default_rng(0).standard_normal((8, 3)).tolist()


@pytest.mark.parametrize(
    ("parts", "rule"),
    [
        ([], lambda p: optim.SGD(p, lr=0.1)),
        ([WeightDecay(0.2)], lambda p: optim.SGD(p, lr=0.1, weight_decay=0.2)),
        ([Momentum(0.9)], lambda p: optim.SGD(p, lr=0.1, momentum=0.9)),
        (
            [WeightDecay(0.2), Momentum(0.9, dampening=0.3)],
            lambda p: optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.3, weight_decay=0.2),
        ),
        (
            [WeightDecay(0.2), Momentum(0.9, nesterov=True)],
            lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.2),
        ),
        ([AdamScale()], lambda p: optim.Adam(p, lr=0.1)),
        (
            [WeightDecay(0.2), AdamScale((0.8, 0.9), 1e-3)],
            lambda p: optim.Adam(p, lr=0.1, betas=(0.8, 0.9), eps=1e-3, weight_decay=0.2),
        ),
        (
            [AdamScale(), WeightDecay(0.2)],
            lambda p: optim.AdamW(p, lr=0.1, weight_decay=0.2),
        ),
        ([RMSScale(0.8, 1e-3)], lambda p: optim.RMSprop(p, lr=0.1, alpha=0.8, eps=1e-3)),
        (
            [RMSScale(), Momentum(0.9)],
            lambda p: optim.RMSprop(p, lr=0.1, momentum=0.9),
        ),
        (
            [AdamScale(eps=1e-6), WeightDecay(0.2), optim.TrustRatio()],
            lambda p: optim.LAMB(p, lr=0.1, weight_decay=0.2),
        ),
    ],
)
def test_a_chain_of_parts_is_the_class(parts: list, rule: Any):
    """G49."""
    np.testing.assert_allclose(
        moved(lambda p: Chain(p, parts, lr=0.1), START, GRADIENTS),
        moved(rule, START, GRADIENTS),
        rtol=1e-12,
    )


def test_parts_do_what_they_say():
    def step(*parts: Any) -> list:
        (after,) = moved(lambda p: Chain(p, parts, lr=1.0), [0.0, 0.0], [[3.0, -0.5]])
        return after.tolist()

    assert step(ClipValue(2.0)) == [-2.0, 0.5]
    assert step(Sign()) == [-1.0, 1.0]
    assert step(ClipValue(2.0), Sign()) == step(Sign())


def test_two_parts_of_one_kind_remember_apart():
    p = with_gradient([0.0], [1.0])
    optimizer = Chain([p], [Momentum(0.5), Momentum(0.25)], lr=1.0)
    optimizer.step()
    optimizer.step()  # first 1.5; second 0.25 · 1 + 1.5
    assert p.item() == -1 - 1.75
    assert optimizer.state[p]["0.momentum_buffer"].tolist() == [1.5]
    assert optimizer.state[p]["1.momentum_buffer"].tolist() == [1.75]


@dataclass(frozen=True)
class Noise(optim.Part):
    """A part of one's own, which counts and remembers."""

    scale: float = 0.5
    buffers = ("seen",)

    def __call__(self, d: Any, p: Any, state: dict[str, Any]) -> Any:
        state["seen"][...] = state["step"]
        return d + self.scale


def test_a_part_of_ones_own():
    p = with_gradient([1.0], [0.25])
    optimizer = Chain([p], [Noise()], lr=1.0)
    optimizer.step()
    assert p.item() == 0.25
    assert optimizer.state[p]["0.seen"].tolist() == [1.0]


def test_a_part_without_a_rule_says_what_to_define():
    optimizer = Chain([with_gradient([1.0], [1.0])], [optim.Part()])
    with pytest.raises(NotImplementedError, match="Part: define __call__"):
        optimizer.step()


def test_parts_are_checked():
    with pytest.raises(ValueError, match="Momentum: momentum=-1 is out of range"):
        Momentum(-1)
    with pytest.raises(ValueError, match=r"AdamScale: betas\[1\]=1.0"):
        AdamScale((0.9, 1.0))
    with pytest.raises(TypeError, match="Chain: parts expected parts such as Momentum"):
        Chain([leaf([1.0])], [Momentum])


def test_state_of_other_parts_is_refused():
    one = Chain([("w", with_gradient([1.0], [1.0]))], [Momentum()])
    one.step()
    other = Chain([("w", leaf([1.0]))], [WeightDecay(0.1), Momentum()])
    with pytest.raises(CheckpointError, match=r"Chain\(Momentum\), and this is Chain\(WeightDec"):
        other.load_state_dict(one.state_dict())


def test_repr_shows_parts_and_lr():
    assert repr(Chain([leaf([1.0])], [Sign()], lr=0.5)) == "Chain(Sign(); lr=0.5)"
