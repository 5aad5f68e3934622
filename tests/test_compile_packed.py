"""Packed sequences in compiled steps: what a program knows when it is written, and what not."""

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn
from minitorch.compiled import TraceError
from minitorch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from minitorch.tensor import raw
from minitorch.traced import known
from tests.layers import rand

D, H = 3, 4


@pytest.mark.parametrize("lengths", [[4, 2], [1, 4]])
def test_a_compiled_step_packs_what_has_the_same_lengths_at_every_run(lengths):
    layer = nn.LSTM(D, H, bidirectional=True, dtype=mt.float64)

    def step(x):
        layer.zero_grad()
        packed, (h, _) = layer(pack_padded_sequence(x, lengths, enforce_sorted=False))
        y, _ = pad_packed_sequence(packed)
        ((y * y).sum() + h.sum()).backward()
        return y

    compiled = mt.compile(step)
    for seed in range(3):
        x = mt.tensor(rand(4, 2, D, seed=seed))
        found = [
            [run(x).detach().numpy(), *(p.grad.numpy().copy() for p in layer.parameters())]
            for run in (step, compiled)
        ]
        for a, b in zip(*found, strict=True):
            np.testing.assert_array_equal(a, b)


def test_lengths_that_a_program_cannot_know_are_refused():
    compiled = mt.compile(lambda x, lengths: pack_padded_sequence(x, lengths).data * 2)
    assert compiled(mt.ones(2, 2), [2, 1]).tolist() == compiled(mt.ones(2, 2), [2, 1]).tolist()
    assert compiled(mt.ones(2, 2), [2, 2]).shape == (4,)
    with pytest.raises(TraceError, match=r"x\.tolist\(\) asks for the values"):
        compiled(mt.ones(2, 2), mt.tensor([2, 1]))


def test_what_a_step_makes_from_nothing_is_known_until_it_is_written_into():
    seen = []

    def step(x):
        made = mt.tensor([1, 2])
        seen.append(known(raw(made)))
        made += x
        seen.append(known(raw(made)))
        seen.append(known(raw(x)))
        return made

    assert mt.compile(step)(mt.tensor([1, 1])).tolist() == [2, 3]
    assert [type(x) is np.ndarray for x in seen] == [True, False, False]
    assert known(3) == 3
