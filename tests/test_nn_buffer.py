"""Buffers by assignment."""

import copy
import pickle

import pytest

import minitorch as mt
from minitorch import nn


class Counter(nn.Module):
    def __init__(self):
        self.count = nn.Buffer(mt.zeros(2))
        self.scratch = nn.Buffer([1, 2], persistent=False)

    def forward(self, x):
        self.count += 1
        return x + self.count


def test_a_buffer_that_is_set_is_moved_and_saved_and_not_trained():
    module = Counter()
    assert list(module.state_dict()) == ["count"]
    assert [name for name, _ in module.named_buffers()] == ["count", "scratch"]
    assert not list(module.parameters())
    assert type(module.count) is mt.Tensor
    assert module.scratch.dtype == mt.int64
    assert module.half().count.dtype == mt.float16
    assert module(mt.zeros(2, dtype=mt.float16)).tolist() == [1, 1]
    assert copy.deepcopy(module).count.tolist() == [1, 1]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
@pytest.mark.parametrize("persistent", [True, False])
def test_a_copy_of_one_is_one(copied, persistent):
    other = copied(nn.Buffer(mt.ones(2), persistent=persistent))
    assert type(other) is nn.Buffer
    assert other.persistent is persistent
    assert other.tolist() == [1, 1]


def test_it_shares_the_memory_of_its_tensor():
    x, module = mt.zeros(2), nn.Module()
    module.seen = nn.Buffer(x)
    x += 1
    assert module.seen.tolist() == [1, 1]


def test_set_again_it_stays_a_buffer_and_a_parameter_takes_its_place():
    module = Counter()
    module.count = mt.ones(2)
    assert list(module.state_dict()) == ["count"]
    module.count = nn.Buffer(mt.ones(2), persistent=False)
    assert not list(module.state_dict())
    module.count = nn.Parameter(mt.ones(2))
    assert [name for name, _ in module.named_parameters()] == ["count"]
    with pytest.raises(TypeError, match=r"Counter\.count is a parameter, and a Buffer would not"):
        module.count = nn.Buffer(mt.ones(2))
    assert [name for name, _ in module.named_parameters()] == ["count"]
