"""Deep copies: what shares memory goes on sharing it, and shares none with what was copied."""

import copy
import pickle

import numpy as np
import pytest

import minitorch
from minitorch import nn


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x[0],
        lambda x: x[1:, ::2],
        lambda x: x.T,
        lambda x: x.T[2],
        lambda x: x.reshape(-1)[3:],
        lambda x: x.detach(),
        lambda x: x.diagonal(),
        lambda x: minitorch.from_numpy(x.numpy()[::-1, ::-1]),
    ],
)
@pytest.mark.parametrize("first", ["whole", "view"])
def test_deepcopy_of_a_tensor_and_its_view_keeps_them_sharing(view, first):
    x = minitorch.arange(12.0).reshape(3, 4).clone()
    v = view(x)
    if first == "whole":
        y, w = copy.deepcopy((x, v))
    else:
        w, y = copy.deepcopy((v, x))
    assert y.tolist() == x.tolist()
    assert w.tolist() == v.tolist()
    assert w.stride() == v.stride()
    w.fill_(-1.0)
    v_after = view(y)
    assert v_after.tolist() == w.tolist()
    assert (y == -1).any()
    assert not (x == -1).any()


def test_deepcopy_of_two_views_keeps_them_sharing_where_the_whole_is_not_copied():
    x = minitorch.arange(6.0)
    a, b = copy.deepcopy([x[:4], x[2:]])
    a[3] = 9.0
    assert b.tolist() == [2, 9, 4, 5]


def test_deepcopy_in_two_calls_shares_nothing():
    x = minitorch.arange(6.0)
    a, b = copy.deepcopy(x), copy.deepcopy(x[:3])
    a.fill_(0.0)
    assert b.tolist() == [0, 1, 2]
    assert x.tolist() == [0, 1, 2, 3, 4, 5]


def test_deepcopy_of_an_array_laid_out_by_columns():
    x = minitorch.from_numpy(np.asfortranarray(np.arange(6.0).reshape(2, 3)))
    y, row = copy.deepcopy((x, x[1]))
    row.fill_(7.0)
    assert y.tolist() == [[0, 1, 2], [7, 7, 7]]
    assert y.stride() == x.stride()


def test_deepcopy_of_an_expanded_tensor_stays_expanded():
    x = minitorch.ones(1, 3).expand(4, 3)
    y = copy.deepcopy(x)
    assert y.stride() == (0, 1)
    assert y.tolist() == x.tolist()
    with pytest.raises(ValueError, match="expanded"):
        y.fill_(2.0)


def test_deepcopy_of_a_model_whose_weights_share_memory():
    whole = minitorch.arange(8.0)
    model = nn.ParameterList([nn.Parameter(whole[:4]), nn.Parameter(whole[2:6])])
    twin = copy.deepcopy(model)
    with minitorch.no_grad():
        twin[0].fill_(-1.0)
    assert twin[1].tolist() == [-1, -1, 4, 5]
    assert whole.tolist() == [0, 1, 2, 3, 4, 5, 6, 7]


def test_deepcopy_keeps_an_array_and_the_tensor_around_it_together():
    array = np.zeros(3)
    copied, x = copy.deepcopy((array, minitorch.from_numpy(array)))
    copied[0] = 5
    assert x.tolist() == [5, 0, 0]
    assert array[0] == 0


def test_deepcopy_of_empty_and_of_shapes_alone():
    empty, meta = minitorch.zeros(0, 3)[:, 1:], minitorch.zeros(2, 3, device="meta")
    a, b = copy.deepcopy((empty, meta))
    assert a.shape == (0, 2)
    assert b.shape == (2, 3)
    assert b.is_meta


def test_a_pickled_view_is_a_tensor_of_its_own_as_in_torch():
    x = minitorch.arange(4.0)
    y, v = pickle.loads(pickle.dumps((x, x[:2])))
    v.fill_(9.0)
    assert y.tolist() == [0, 1, 2, 3]
    same, twice = pickle.loads(pickle.dumps((x, x)))
    assert same is twice


def test_deepcopy_shares_where_torch_does():
    torch = pytest.importorskip("torch")
    outcomes = []
    for module in (minitorch, torch):
        x = module.tensor([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])
        y, v, w = copy.deepcopy((x, x[0], x.T))
        v[0] = 9.0
        w[2, 1] = 8.0
        outcomes.append((y.tolist(), v.tolist(), w.tolist(), x.tolist()))
    assert outcomes[0] == outcomes[1]
