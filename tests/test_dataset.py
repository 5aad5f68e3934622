"""Data sets, samplers and collating: who is asked for what, and what comes of wrong answers."""

from __future__ import annotations

from collections import Counter, OrderedDict, namedtuple

import numpy as np
import pytest

import minitorch
from minitorch.utils.data import (
    BatchSampler,
    ConcatDataset,
    Dataset,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    default_convert,
    random_split,
)

# data sets ---------------------------------------------------------------------------------------


def test_tensor_dataset_gives_rows_and_shares_arrays():
    x = np.arange(6.0).reshape(3, 2)
    data = TensorDataset(x, minitorch.tensor([5, 6, 7]))
    assert len(data) == 3
    row, label = data[1]
    assert row.tolist() == [2, 3]
    assert label.item() == 6
    assert data[1:][1].tolist() == [6, 7]
    x[1] = 0
    assert data[1][0].tolist() == [0, 0]


def test_tensor_dataset_of_different_lengths_names_both():
    """H189."""
    with pytest.raises(ValueError, match=r"tensors\[0\] has 3 rows, tensors\[1\] has 4"):
        TensorDataset(np.zeros((3, 2)), np.zeros(4))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((), ValueError, "at least one"),
        (([1, 2],), TypeError, r"tensors\[0\] is a list"),
        ((np.zeros(2), np.float32(1)), TypeError, r"tensors\[1\] is a float32"),
        ((minitorch.tensor(1.0),), ValueError, r"tensors\[0\] is one number"),
    ],
)
def test_tensor_dataset_refuses_what_has_no_rows(arguments, error, message):
    with pytest.raises(error, match=message):
        TensorDataset(*arguments)


def test_the_bases_say_what_to_write():
    class Mine(Dataset):
        pass

    class Stream(IterableDataset):
        pass

    class Order(Sampler):
        pass

    with pytest.raises(NotImplementedError, match=r"Mine: write __getitem__"):
        Mine()[0]
    with pytest.raises(NotImplementedError, match=r"Stream: write __iter__"):
        iter(Stream())
    with pytest.raises(NotImplementedError, match=r"Order: write __iter__"):
        iter(Order())


def test_concat_dataset_finds_the_part():
    data = TensorDataset(np.arange(3)) + TensorDataset(np.arange(10, 12))
    assert [data[i][0].item() for i in range(-5, 5)] == [0, 1, 2, 10, 11] * 2
    assert [ConcatDataset([range(0), range(2), range(0), range(3)])[i] for i in (0, 1, 2)] == [
        0,
        1,
        0,
    ]
    for i in (5, -6):
        with pytest.raises(IndexError, match=f"index {i}, and there are 5"):
            data[i]
    with pytest.raises(ValueError, match="at least one"):
        ConcatDataset([])

    class Stream(IterableDataset):
        pass

    with pytest.raises(TypeError, match=r"datasets\[1\] is an IterableDataset"):
        ConcatDataset([range(2), Stream()])


def test_subset_checks_its_indices_when_built():
    """H190."""
    subset = Subset(range(10, 20), np.array([3, -1]))
    assert [subset[i] for i in range(len(subset))] == [13, 19]
    assert Subset(range(5), minitorch.tensor([1])).indices == [1]
    with pytest.raises(ValueError, match=r"indices\[1\] = 10, expected -10 to 9 .*10 samples"):
        Subset(range(10), [0, 10])
    with pytest.raises(ValueError, match=r"indices\[0\] = -11"):
        Subset(range(10), [-11])
    with pytest.raises(ValueError, match=r"got a mask.*flatnonzero"):
        Subset(range(2), np.array([True, False]))
    with pytest.raises(TypeError, match=r"expected an integer, got 1\.5"):
        Subset(range(2), [1.5])


def test_random_split_shares_everything_out_once():
    g = minitorch.Generator().manual_seed(1)
    parts = random_split(range(100), [50, 30, 20], g)
    assert [len(part) for part in parts] == [50, 30, 20]
    assert sorted(i for part in parts for i in part.indices) == list(range(100))
    again = random_split(range(100), [50, 30, 20], minitorch.Generator().manual_seed(1))
    assert [p.indices for p in parts] == [p.indices for p in again]
    assert parts[0].indices != sorted(parts[0].indices)
    minitorch.manual_seed(7)
    first = random_split(range(9), [4, 5])[0].indices
    minitorch.manual_seed(7)
    assert random_split(range(9), [4, 5])[0].indices == first


@pytest.mark.parametrize(
    ("n", "fractions", "sizes"),
    [
        (10, [0.8, 0.2], [8, 2]),
        (7, [0.5, 0.5], [4, 3]),
        (10, [1 / 3, 1 / 3, 1 / 3], [4, 3, 3]),
        (100, [0.29, 0.71], [29, 71]),
        (10, [1.0, 0.0], [10, 0]),
        (3, [1.0], [3]),
    ],
)
def test_random_split_by_fractions(n, fractions, sizes):
    assert [len(part) for part in random_split(range(n), fractions)] == sizes


def test_random_split_sizes_that_do_not_add_up():
    """H190."""
    with pytest.raises(ValueError, match=r"\[3, 4\] add up to 7, the data set has 10"):
        random_split(range(10), [3, 4])
    with pytest.raises(ValueError, match=r"fractions must add up to 1.*0\.9"):
        random_split(range(10), [0.8, 0.1])
    with pytest.raises(ValueError, match=">= 0"):
        random_split(range(10), [-1, 11])


# samplers ----------------------------------------------------------------------------------------


def test_sequential_and_random_samplers():
    g = minitorch.Generator().manual_seed(0)
    assert list(SequentialSampler("abc")) == [0, 1, 2]
    sampler = RandomSampler(range(50), generator=g)
    first, second = list(sampler), list(sampler)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert list(RandomSampler(range(50), generator=g.manual_seed(0))) == first
    assert all(type(i) is int for i in first)


def test_random_sampler_without_replacement_goes_round():
    sampler = RandomSampler(range(4), num_samples=10)
    counts = Counter(sampler)
    assert len(sampler) == sum(counts.values()) == 10
    assert set(counts.values()) == {2, 3}
    assert len(list(RandomSampler(range(4), num_samples=2))) == 2


def test_random_sampler_with_replacement():
    counts = Counter(RandomSampler(range(3), replacement=True, num_samples=3000))
    assert sum(counts.values()) == 3000
    assert all(850 < counts[i] < 1150 for i in range(3))
    assert len(RandomSampler(range(3), replacement=True)) == 3


def test_subset_random_sampler():
    sampler = SubsetRandomSampler([3, 8, 5])
    assert sorted(sampler) == [3, 5, 8]
    assert len({tuple(sampler) for _ in range(40)}) == 6
    with pytest.raises(TypeError, match="must be integers"):
        SubsetRandomSampler([0.5])


def test_weighted_random_sampler_follows_the_weights():
    counts = Counter(WeightedRandomSampler([1, 0, 3], 4000))
    assert counts[1] == 0
    assert 2850 < counts[2] < 3150
    assert sorted(WeightedRandomSampler(minitorch.tensor([1.0, 9.0]), 2, replacement=False)) == [
        0,
        1,
    ]


@pytest.mark.parametrize(
    ("weights", "number", "replacement", "error", "message"),
    [
        ([1, -1], 2, True, ValueError, ">= 0"),
        ([1, float("nan")], 2, True, ValueError, "finite"),
        ([0, 0], 2, True, ValueError, "all 2 weights are 0"),
        ([[1.0]], 1, True, ValueError, r"\(1, 1\)"),
        ([1, 0, 1], 3, False, ValueError, "3 samples without replacement, and 2 have"),
        ([1], 0, True, ValueError, "num_samples must be at least 1"),
        ([1], 1.5, True, TypeError, "num_samples must be an int"),
    ],
)
def test_weighted_random_sampler_refuses(weights, number, replacement, error, message):
    with pytest.raises(error, match=message):
        WeightedRandomSampler(weights, number, replacement)


def test_random_sampler_refuses_nothing_to_draw_from():
    with pytest.raises(ValueError, match="the data source is empty"):
        RandomSampler([])
    with pytest.raises(ValueError, match="num_samples must be at least 1, got 0"):
        RandomSampler(range(3), num_samples=0)


def test_batch_sampler():
    sampler = BatchSampler(range(5), 2, drop_last=True)
    assert list(sampler) == [[0, 1], [2, 3]]
    assert len(sampler) == 2
    assert len(BatchSampler(range(5), 2, drop_last=False)) == 3
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        BatchSampler(range(5), 0, drop_last=False)


# collating ---------------------------------------------------------------------------------------

Pair = namedtuple("Pair", "image label")


def test_collate_kinds():
    tensors = default_collate([minitorch.tensor([1.0, 2.0]), minitorch.tensor([3.0, 4.0])])
    assert tensors.tolist() == [[1, 2], [3, 4]]
    arrays = default_collate([np.zeros((2, 3), np.float32)] * 4)
    assert (arrays.shape, arrays.dtype) == ((4, 2, 3), np.float32)
    for batch, dtype in (
        ([1, 2], np.int64),
        ([1.0, 2.5], np.float32),
        ([True, False], np.bool_),
        ([np.float64(1), np.float64(2)], np.float64),
        ([np.int32(1), np.int32(2)], np.int32),
        ([1, 2.5], np.float32),
    ):
        got = default_collate(batch)
        assert (got.tolist(), got.dtype) == (batch, dtype)
    assert default_collate(["a", "b"]) == ["a", "b"]
    assert default_collate([b"a", b"b"]) == [b"a", b"b"]


def test_collate_containers():
    pairs = default_collate([(1, "a"), (2, "b")])
    assert type(pairs) is list
    assert pairs[0].tolist() == [1, 2]
    assert pairs[1] == ["a", "b"]
    named = default_collate([Pair(np.ones(2), 0), Pair(np.zeros(2), 1)])
    assert type(named) is Pair
    assert named.image.tolist() == [[1, 1], [0, 0]]
    deep = default_collate([{"x": (1, [2.0, {"y": 3}])}] * 2)
    assert deep["x"][0].tolist() == [1, 1]
    assert deep["x"][1][1]["y"].tolist() == [3, 3]
    ordered = default_collate([OrderedDict(b=1, a=2)] * 2)
    assert type(ordered) is OrderedDict
    assert list(ordered) == ["b", "a"]


def test_collate_records_where_samples_do():
    w = minitorch.ones(2, requires_grad=True)
    default_collate([w * 1, w * 2]).sum().backward()
    assert w.grad.tolist() == [3, 3]


def test_collate_agrees_with_torch():
    torch = pytest.importorskip("torch")
    batch = [({"x": np.arange(3), "n": i}, [np.float32(i), "s"]) for i in range(3)]
    theirs = torch.utils.data.default_collate(batch)
    ours = default_collate(batch)
    assert type(theirs) is type(ours) is list
    assert ours[0]["x"].tolist() == theirs[0]["x"].tolist()
    assert ours[0]["n"].tolist() == theirs[0]["n"].tolist()
    assert ours[1][0].tolist() == theirs[1][0].tolist()
    assert ours[1][1] == list(theirs[1][1])


@pytest.mark.parametrize(
    ("batch", "error", "message"),
    [
        ([np.zeros(3), np.zeros(4)], ValueError, r"0 has shape \(3,\), sample 1 has shape \(4,\)"),
        (
            [(minitorch.zeros(2, 2), 0), (minitorch.zeros(2, 2), 1), (minitorch.zeros(2), 2)],
            ValueError,
            r"sample 0\[0\] has shape \(2, 2\), sample 2\[0\] has shape \(2,\)",
        ),
        ([np.zeros(3), None], ValueError, "sample 1 is None"),
        ([None, None], ValueError, "sample 0 is None"),
        ([(1, 2), (1,)], ValueError, "sample 0 has length 2, sample 1 has length 1"),
        ([{"a": 1}, {"b": 1}], ValueError, r"has keys \['a'\], sample 1 has keys \['b'\]"),
        ([{"a": (1, None)}] * 2, ValueError, r"sample 0\['a'\]\[1\] is None"),
        ([1, "a"], TypeError, "sample 0 is of type int, sample 1 of type str"),
        ([object(), object()], TypeError, "sample 0 is of type object, which"),
    ],
)
def test_collate_says_which_samples_do_not_fit(batch, error, message):
    """H186."""
    with pytest.raises(error, match=message):
        default_collate(batch)


def test_convert_leaves_the_sample_single():
    sample = default_convert({"x": np.ones(2), "p": Pair(np.float32(1), [np.int64(2), "s"])})
    assert isinstance(sample["x"], minitorch.Tensor)
    assert type(sample["p"]) is Pair
    assert sample["p"].image.shape == ()
    assert sample["p"].label[1] == "s"
    assert default_convert(np.array(["a"])).tolist() == ["a"]
