"""The loader: every sample once, in an order that can be repeated, and wrong calls refused."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from itertools import chain

import numpy as np
import pytest

import minitorch
from minitorch.random import drawing_from
from minitorch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    digits,
    get_worker_info,
    random_split,
)


class Plain(Dataset):
    """The samples of another data set, asked for one by one."""

    def __init__(self, inner):
        self.inner = inner

    def __len__(self):
        return len(self.inner)

    def __getitem__(self, i):
        return self.inner[i]


class Stream(IterableDataset):
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        for i in range(self.n):
            yield i + minitorch.rand(2)


def table(n: int = 10) -> TensorDataset:
    return TensorDataset(
        np.arange(2 * n, dtype=np.float32).reshape(n, 2), np.arange(n, dtype=np.int64)
    )


def labels(loader) -> list[list[int]]:
    return [batch[1].tolist() for batch in loader]


def flat(loader) -> list[int]:
    return list(chain.from_iterable(labels(loader)))


# order -------------------------------------------------------------------------------------------


def test_minibatches_in_order_with_a_short_last_one():
    loader = DataLoader(table(), batch_size=4)
    assert labels(loader) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert len(loader) == 3
    assert labels(DataLoader(table(), 4, drop_last=True)) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert len(DataLoader(table(), 4, drop_last=True)) == 2
    x, y = next(iter(loader))
    assert (x.dtype, y.dtype) == (np.float32, np.int64)
    assert x.tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]]


@pytest.mark.parametrize("wrap", [Plain, lambda data: data], ids=["one by one", "rows"])
def test_shuffled_epochs_visit_every_sample_once_in_orders_of_their_own(wrap):
    loader = DataLoader(wrap(table(50)), batch_size=7, shuffle=True, seed=3)
    epochs = [flat(loader) for _ in range(3)]
    assert all(sorted(epoch) == list(range(50)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert epochs[0] != list(range(50))
    again = DataLoader(wrap(table(50)), batch_size=7, shuffle=True, seed=3)
    assert [flat(again) for _ in range(3)] == epochs
    other = DataLoader(wrap(table(50)), batch_size=7, shuffle=True, seed=4)
    assert flat(other) != epochs[0]


def test_batches_mix_samples_and_not_blocks():
    loader = DataLoader(table(64), batch_size=8, shuffle=True, seed=0)
    neighbours = sum(i + 1 in batch for batch in labels(loader) for i in batch)
    assert neighbours < 20  # blocks of 8 would give 56


def test_the_default_stream_decides_where_nothing_else_does():
    minitorch.manual_seed(5)
    loader = DataLoader(table(), 5, shuffle=True)
    first = [labels(loader), labels(loader)]
    minitorch.manual_seed(5)
    again = DataLoader(table(), 5, shuffle=True)
    assert [labels(again), labels(again)] == first
    g = minitorch.Generator().manual_seed(5)
    assert labels(DataLoader(table(), 5, shuffle=True, generator=g)) == labels(
        DataLoader(table(), 5, shuffle=True, seed=5)
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_the_model_s_stream_does_not_notice_the_loader(workers):
    class Noisy(Plain):
        def __getitem__(self, i):
            minitorch.rand(3)
            return self.inner[i]

    loader = DataLoader(Noisy(table()), 3, shuffle=True, seed=0, num_workers=workers)
    before = minitorch.default_generator.get_state()
    for _ in loader:
        assert minitorch.default_generator.get_state() == before
    minitorch.rand(1)
    assert minitorch.default_generator.get_state() != before


def test_the_default_stream_is_another_inside_a_block_and_in_its_thread_alone():
    outside, inside = minitorch.manual_seed(1), minitorch.Generator().manual_seed(2)
    state, seen = outside.get_state(), []
    with drawing_from(inside):
        assert minitorch.rand(3).tolist() == minitorch.rand(3, generator=seeded(2)).tolist()
        assert outside.get_state() == inside.get_state() != state
        minitorch.manual_seed(4)  # starts the other one over
        assert outside.initial_seed() == 4
        other = threading.Thread(target=lambda: seen.append(outside.get_state()))
        other.start()
        other.join()
    assert seen == [state]
    assert outside.get_state() == state
    assert outside.initial_seed() == 1
    assert inside.get_state() == seeded(4).get_state()


def seeded(seed: int) -> minitorch.Generator:
    return minitorch.Generator().manual_seed(seed)


def test_what_a_data_set_draws_is_repeated_with_the_seed_and_differs_between_epochs():
    loader = DataLoader(Stream(6), 2, seed=1)
    first, second = ([x.tolist() for x in loader] for _ in range(2))
    assert first != second
    assert [x.tolist() for x in DataLoader(Stream(6), 2, seed=1)] == first
    numbers = np.array(first).ravel() % 1
    assert len(set(numbers.tolist())) == len(numbers)  # no batch repeats the draws of another


# the short way -----------------------------------------------------------------------------------


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("batch_size", [1, 4, 10, 16])
@pytest.mark.parametrize(
    "choice",
    [
        {},
        {"shuffle": True},
        {"sampler": lambda data: RandomSampler(data, replacement=True, num_samples=23)},
        {"sampler": lambda data: RandomSampler(data, num_samples=23)},
        {"sampler": lambda data: WeightedRandomSampler(range(len(data)), 17)},
    ],
    ids=["in order", "shuffled", "replaced", "rounds", "weighted"],
)
@pytest.mark.parametrize("subset", [False, True])
def test_rows_at_once_are_the_samples_one_by_one(drop_last, batch_size, choice, subset):
    data = table()
    if subset:  # of a subset, with indices from the end
        data = Subset(Subset(data, [9, -2, 1, 0, 5, 5, 3, 2, 4, -3, 7, 8]), range(10, -1, -1))
    if drop_last and batch_size > 10:
        return
    options = {name: value for name, value in choice.items() if name != "sampler"}
    if "sampler" in choice:
        options["sampler"] = choice["sampler"](data)
    arguments = {"batch_size": batch_size, "drop_last": drop_last, "seed": 2, **options}
    fast, slow = DataLoader(data, **arguments), DataLoader(Plain(data), **arguments)
    assert fast._table() is not None
    assert slow._table() is None
    for _ in range(2):
        a, b = list(fast), list(slow)
        assert len(a) == len(b) == len(fast) == len(slow)
        for got, wanted in zip(a, b):
            assert type(got) is type(wanted) is list
            for x, y in zip(got, wanted):
                assert (x.dtype, x.shape) == (y.dtype, y.shape)
                np.testing.assert_array_equal(x.numpy(), y.numpy())


def test_the_short_way_is_left_where_someone_wants_to_see_the_samples():
    class Doubled(TensorDataset):
        def __getitem__(self, i):
            return [2 * part for part in super().__getitem__(i)]

    class Backwards(SequentialSampler):
        def __iter__(self):
            return iter(range(len(self) - 1, -1, -1))

    assert labels(DataLoader(Doubled(*table(3).tensors), 3)) == [[0, 2, 4]]
    assert labels(DataLoader(table(3), 3, sampler=Backwards(table(3)))) == [[2, 1, 0]]
    assert labels(DataLoader(table(3), 3, sampler=[1, 1])) == [[1, 1]]
    seen = []
    for _ in DataLoader(table(3), 3, collate_fn=lambda samples: seen.extend(samples) or 0):
        pass
    assert [y.item() for _, y in seen] == [0, 1, 2]
    w = minitorch.ones(3, 2, requires_grad=True)
    (batch,) = next(iter(DataLoader(TensorDataset(w), 3)))
    batch.sum().backward()
    assert w.grad.tolist() == [[1, 1]] * 3


def test_batches_in_order_cannot_change_the_data():
    data = table()
    for x, _ in DataLoader(data, 4):
        with pytest.raises(ValueError, match=r"read-only.*clone"):
            x.mul_(0)
        assert np.shares_memory(x.array, data.tensors[0].array)
    for x, _ in DataLoader(data, 4, shuffle=True):
        x.mul_(0)
    assert data.tensors[0].array.sum() == 190
    data.tensors[0].mul_(2)  # the owner may
    assert data.tensors[0].array.sum() == 380


def test_on_a_gpu_the_order_is_uploaded_once_an_epoch(cuda):
    data = TensorDataset(*(t.to("cuda") for t in table(40).tensors))
    cpu = labels(DataLoader(table(40), 4, shuffle=True, seed=1))
    loader = DataLoader(data, 4, shuffle=True, seed=1)
    batches = iter(loader)
    seen = [next(batches)]
    cuda.reset()
    seen += batches
    assert (cuda.sync, cuda.h2d) == (0, 0)
    assert all(part.device.type == "cuda" for batch in seen for part in batch)
    assert [batch[1].tolist() for batch in seen] == cpu
    assert labels(DataLoader(data, 4)) == labels(DataLoader(table(40), 4))


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_batch_of_rows_costs_little_over_slicing_by_hand(shuffle):
    x = np.zeros((60_000, 784), np.float32)
    y = np.zeros(60_000, np.int64)
    loader = DataLoader(TensorDataset(x, y), 64, shuffle=shuffle, seed=0)
    order = np.random.default_rng(0).permutation(60_000)

    def by_hand():
        for i in range(0, 60_000, 64):
            rows = order[i : i + 64] if shuffle else slice(i, i + 64)
            x[rows], y[rows]

    def by_loader():
        for _ in loader:
            pass

    def fastest(f):
        times = []
        for _ in range(5):
            began = time.perf_counter()
            f()
            times.append(time.perf_counter() - began)
        return min(times) / 938

    assert fastest(by_loader) < 1.5 * fastest(by_hand) + 10e-6


# what else may be loaded -------------------------------------------------------------------------


def test_own_samplers_and_batch_samplers():
    assert labels(DataLoader(table(), 2, sampler=[5, 3, 1])) == [[5, 3], [1]]
    loader = DataLoader(table(), batch_sampler=[[1, 2], [0]])
    assert labels(loader) == [[1, 2], [0]]
    assert len(loader) == 2
    inner = RandomSampler(range(10), generator=minitorch.Generator().manual_seed(0))
    loader = DataLoader(table(), batch_sampler=BatchSampler(inner, 4, drop_last=True))
    assert sorted(map(len, labels(loader))) == [4, 4]
    assert loader.sampler is inner


def test_samples_without_batches():
    loader = DataLoader(table(3), batch_size=None)
    assert [(x.tolist(), y.item()) for x, y in loader] == [([0, 1], 0), ([2, 3], 1), ([4, 5], 2)]
    assert len(loader) == 3
    (first, *_) = DataLoader([np.ones(2)], batch_size=None)
    assert isinstance(first, minitorch.Tensor)
    assert [x.shape for x in DataLoader(Stream(2), batch_size=None)] == [(2,), (2,)]


def test_lists_are_data_sets():
    assert [x.tolist() for x in DataLoader([1.0, 2.0, 3.0], 2)] == [[1, 2], [3]]


def test_streams():
    shapes = [x.shape for x in DataLoader(Stream(5), 2)]
    assert shapes == [(2, 2), (2, 2), (1, 2)]
    assert [x.shape for x in DataLoader(Stream(5), 2, drop_last=True)] == shapes[:2]
    with pytest.raises(TypeError, match=r"Stream has no __len__"):
        len(DataLoader(Stream(5), 2))

    class Counted(Stream):
        def __len__(self):
            return self.n

    assert len(DataLoader(Counted(5), 2)) == 3
    assert len(DataLoader(Counted(5), 2, drop_last=True)) == 2
    for name, value in (("shuffle", True), ("sampler", [0]), ("batch_sampler", [[0]])):
        with pytest.raises(ValueError, match=f"DataLoader: {name} needs samples with numbers"):
            DataLoader(Stream(5), **{name: value})


def test_two_loops_over_one_loader_do_not_disturb_each_other():
    loader = DataLoader(Plain(table(6)), 2, num_workers=1)
    pairs = [(a[1].tolist(), b[1].tolist()) for a, b in zip(loader, loader)]
    assert pairs == [([0, 1], [0, 1]), ([2, 3], [2, 3]), ([4, 5], [4, 5])]


def test_the_loader_says_what_it_is():
    assert repr(DataLoader(table(), 4)) == (
        "DataLoader(TensorDataset of 10 samples, batch_size=4, num_workers=0)"
    )
    assert "of ? samples" in repr(DataLoader(Stream(3)))


def test_digits_are_learnt_from_in_batches():
    x_train, y_train, *_ = digits()
    train, valid = random_split(TensorDataset(x_train, y_train), [0.9, 0.1])
    loader = DataLoader(train, 64, shuffle=True, seed=0)
    assert sum(len(y) for _, y in loader) == len(train) == 1295
    assert len(valid) == 143
    x, _ = next(iter(loader))
    assert x.shape == (64, 1, 8, 8)


# wrong calls -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("batch_size", "error"),
    [(0, ValueError), (-1, ValueError), (2.0, TypeError), (True, TypeError), ("4", TypeError)],
)
def test_impossible_batch_sizes(batch_size, error):
    """H183."""
    with pytest.raises(error, match=f"DataLoader: batch_size must be .*got {batch_size!r}"):
        DataLoader(table(), batch_size)
    assert len(DataLoader(table(), np.int64(4))) == 3


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("data", [[], TensorDataset(np.zeros((0, 2)))])
def test_an_empty_data_set_is_refused(shuffle, data):
    """H184."""
    with pytest.raises(ValueError, match="the data set is empty"):
        DataLoader(data, 4, shuffle=shuffle)


@pytest.mark.parametrize("shuffle", [False, True])
def test_drop_last_that_leaves_nothing_is_refused(shuffle):
    """H185."""
    with pytest.raises(ValueError, match="nothing of 10 samples with batch_size 11"):
        DataLoader(table(), 11, shuffle=shuffle, drop_last=True)
    assert len(DataLoader(table(), 10, drop_last=True)) == 1


def test_samples_that_do_not_fit_are_named_with_their_batch():
    """H186."""
    data = [np.zeros(3), np.zeros(3), np.zeros(3), np.zeros(5)]
    loader = iter(DataLoader(data, 2))
    next(loader)
    with pytest.raises(ValueError, match=r"\(3,\), sample 1 has shape \(5,\)") as caught:
        next(loader)
    assert caught.value.__notes__ == ["DataLoader: batch 1, made of samples [2, 3]"]


def test_an_error_in_a_sample_names_sample_and_batch():
    """H187."""

    class Broken(Plain):
        def __getitem__(self, i):
            return {0: 1.0}[i]

    with pytest.raises(KeyError) as caught:
        list(DataLoader(Broken(table()), 2))
    assert caught.value.args == (1,)
    assert caught.value.__notes__ == ["DataLoader: sample 1, batch 0 (len(dataset) is 10)"]


def test_a_length_that_is_too_long_is_named():
    """H188."""

    class Long(Dataset):
        def __len__(self):
            return 7

        def __getitem__(self, i):
            return [1, 2, 3, 4, 5][i]

    with pytest.raises(IndexError) as caught:
        list(DataLoader(Long(), 4))
    assert "sample 5, batch 1 (len(dataset) is 7)" in caught.value.__notes__[0]


def test_an_error_in_a_stream_names_the_batch():
    class Broken(IterableDataset):
        def __iter__(self):
            yield from (1, 2, 3)
            raise OSError("disk")

    with pytest.raises(OSError, match="disk") as caught:
        list(DataLoader(Broken(), 2))
    assert caught.value.__notes__ == ["DataLoader: while reading the samples of batch 1"]

    class Odd(IterableDataset):
        def __iter__(self):
            yield from (1, 2, 3, None)

    with pytest.raises(ValueError, match="sample 1 is None") as caught:
        list(DataLoader(Odd(), 2))
    assert caught.value.__notes__ == ["DataLoader: batch 1"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"shuffle": True, "sampler": [0]}, ValueError, "sampler and shuffle=True exclude"),
        ({"batch_sampler": [[0]], "batch_size": 2}, ValueError, "leave out batch_size"),
        ({"batch_sampler": [[0]], "shuffle": True}, ValueError, "leave out batch_size"),
        ({"batch_sampler": [[0]], "drop_last": True}, ValueError, "leave out batch_size"),
        ({"batch_sampler": [[0]], "sampler": [0]}, ValueError, "leave out batch_size"),
        ({"batch_size": None, "drop_last": True}, ValueError, "drop_last needs batches"),
        ({"num_workers": -1}, ValueError, "num_workers must be at least 0, got -1"),
        ({"generator": 3}, TypeError, "generator must be a minitorch.Generator, got 3; seed="),
        ({"collate_fn": "pad"}, TypeError, "collate_fn must be a function, got 'pad'"),
        ({"num_workers": 1.0}, TypeError, "num_workers must be an int"),
        ({"num_workers": 0.0}, TypeError, "num_workers must be an int"),
        ({"prefetch_factor": 2}, ValueError, "prefetch_factor needs num_workers > 0"),
        ({"num_workers": 1, "prefetch_factor": 0}, ValueError, "prefetch_factor must be at least"),
        ({"persistent_workers": True}, ValueError, "persistent_workers needs num_workers > 0"),
        ({"timeout": -1}, ValueError, "timeout is in seconds and >= 0"),
        ({"workers": "fibers"}, ValueError, "'threads' or 'processes', got 'fibers'"),
        ({"multiprocessing_context": "fork"}, ValueError, "a forked copy"),
        (
            {"seed": 1, "generator": minitorch.Generator()},
            ValueError,
            "seed and generator exclude each other",
        ),
    ],
)
def test_arguments_that_make_no_sense(options, error, message):
    with pytest.raises(error, match=message):
        DataLoader(table(), **options)


def test_a_data_set_without_length():
    class Endless(Dataset):
        def __getitem__(self, i):
            if i == 3:
                raise LookupError("three")
            return i

    with pytest.raises(TypeError, match="Endless has no __len__"):
        DataLoader(Endless())
    loader = DataLoader(Endless(), 2, sampler=range(5))
    assert next(iter(loader)).tolist() == [0, 1]
    with pytest.raises(LookupError, match="three") as caught:
        list(loader)
    assert "len(dataset) is ?" in caught.value.__notes__[0]


def test_the_main_thread_is_no_worker():
    assert get_worker_info() is None


def test_importing_the_loader_starts_and_loads_nothing_for_workers():
    code = (
        "import sys, minitorch.utils.data;"
        "print({'multiprocessing', 'concurrent.futures', 'queue', 'tarfile'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "set()"


def test_the_order_of_arguments_is_torch_s():
    torch = pytest.importorskip("torch")
    import inspect

    def positional(cls):
        kinds = inspect.signature(cls).parameters.values()
        return [p.name for p in kinds if p.kind is p.POSITIONAL_OR_KEYWORD]

    assert positional(DataLoader) == positional(torch.utils.data.DataLoader)
    for name in ("RandomSampler", "WeightedRandomSampler", "BatchSampler", "SubsetRandomSampler"):
        theirs = getattr(torch.utils.data, name)
        assert positional(getattr(minitorch.utils.data, name)) == positional(theirs)
    assert default_collate([1]).tolist() == torch.utils.data.default_collate([1]).tolist()
