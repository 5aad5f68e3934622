"""A loader that is stopped anywhere and goes on gives what an unbroken one gives."""

from __future__ import annotations

import json

import numpy as np
import pytest

import minitorch
from minitorch.errors import CheckpointError
from minitorch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequenceLoader,
    TensorDataset,
    WeightedRandomSampler,
    windows,
)

N, EPOCHS = 13, 3


class Noisy(Dataset):
    def __len__(self):
        return N

    def __getitem__(self, i):
        return i + minitorch.rand(1)


class NoisyStream(IterableDataset):
    def __iter__(self):
        for i in range(N):
            yield i + minitorch.rand(1)


def seeded(seed: int) -> minitorch.Generator:
    return minitorch.Generator().manual_seed(seed)


LOADERS = {
    "rows": lambda: DataLoader(TensorDataset(np.arange(N)), 3, shuffle=True, seed=1),
    "rows in order": lambda: DataLoader(TensorDataset(np.arange(N)), 3),
    "samples that draw": lambda: DataLoader(Noisy(), 3, shuffle=True, seed=1),
    "in two threads": lambda: DataLoader(Noisy(), 3, shuffle=True, seed=1, num_workers=2),
    "in threads that stay": lambda: DataLoader(
        Noisy(), 3, shuffle=True, seed=1, num_workers=2, persistent_workers=True
    ),
    "a generator": lambda: DataLoader(Noisy(), 3, shuffle=True, generator=seeded(2)),
    "the default stream": lambda: DataLoader(Noisy(), 3, shuffle=True),
    "a sampler's own stream": lambda: DataLoader(
        Noisy(), 3, sampler=RandomSampler(range(N), generator=seeded(3)), seed=1
    ),
    "rows by a sampler's own stream": lambda: DataLoader(
        TensorDataset(np.arange(N)),
        3,
        sampler=WeightedRandomSampler(range(N), 14, generator=seeded(3)),
    ),
    "one stream for both": lambda: (
        lambda g: DataLoader(Noisy(), 3, sampler=RandomSampler(range(N), generator=g), generator=g)
    )(seeded(4)),
    "a stream": lambda: DataLoader(NoisyStream(), 3, seed=1),
    "a stream, read ahead": lambda: DataLoader(NoisyStream(), 3, seed=1, num_workers=1),
    "one by one": lambda: DataLoader(Noisy(), None, shuffle=True, seed=1),
}


def plain(batch) -> list:
    return [x.tolist() for x in (batch if isinstance(batch, (list, tuple)) else [batch])]


@pytest.mark.parametrize("name", LOADERS)
def test_stopped_after_any_batch_it_goes_on_as_if_it_had_not_been(name):
    minitorch.manual_seed(9)
    make = LOADERS[name]
    loader, epochs, states = make(), [], []
    states.append((0, 0, json.dumps(loader.state_dict())))
    for epoch in range(EPOCHS):
        epochs.append([])
        for batch in loader:
            epochs[-1].append(plain(batch))
            states.append((epoch, len(epochs[-1]), json.dumps(loader.state_dict())))
        states.append((epoch + 1, 0, json.dumps(loader.state_dict())))
    assert len(epochs[0]) == (N if name == "one by one" else 5)
    if name != "rows in order":
        assert epochs[0] != epochs[1]
    for epoch, position, state in states:
        resumed = make()
        for _ in zip(range(2), resumed):  # whatever it did before
            pass
        resumed.load_state_dict(json.loads(state))
        assert json.dumps(resumed.state_dict()) == state
        if epoch < EPOCHS:
            rest = [plain(batch) for batch in resumed]
            assert rest == epochs[epoch][position:]
        for later in range(epoch + 1, EPOCHS):
            assert [plain(batch) for batch in resumed] == epochs[later]


def test_a_state_moves_between_numbers_of_workers():
    loader = DataLoader(Noisy(), 3, shuffle=True, seed=1)
    batches = iter(loader)
    next(batches)
    state = loader.state_dict()
    rest = [plain(batch) for batch in batches]
    helped = DataLoader(Noisy(), 3, shuffle=True, seed=8, num_workers=2)
    helped.load_state_dict(state)
    assert [plain(batch) for batch in helped] == rest


def test_going_on_asks_for_no_sample_that_was_given():
    asked = []

    class Watched(Noisy):
        def __getitem__(self, i):
            asked.append(i)
            return super().__getitem__(i)

    loader = DataLoader(Watched(), 3, seed=1)
    next(iter(loader))
    state = loader.state_dict()
    asked.clear()
    loader.load_state_dict(state)
    list(loader)
    assert asked == list(range(3, N))


def test_leaving_an_epoch_early_begins_a_new_one_but_not_after_loading():
    loader = DataLoader(TensorDataset(np.arange(N)), 3, shuffle=True, seed=1)
    for _ in loader:
        break
    state = loader.state_dict()
    assert (state["number"], state["position"], state["over"]) == (1, 1, False)
    assert len(list(loader)) == 5
    assert loader.state_dict()["number"] == 2
    loader.load_state_dict(state)
    assert len(list(loader)) == 4
    assert len(list(loader)) == 5


def test_a_state_of_another_loader_is_refused_and_changes_nothing():
    state = DataLoader(TensorDataset(np.arange(N)), 3, seed=1).state_dict()
    loader = DataLoader(TensorDataset(np.arange(N)), 4, shuffle=True, seed=2)
    before = loader.state_dict()
    with pytest.raises(ValueError, match="saved with batch_size = 3, this loader has 4"):
        loader.load_state_dict(state)
    with pytest.raises(ValueError, match="saved with samples = 12, this loader has 13"):
        loader.load_state_dict({**before, "samples": 12})
    with pytest.raises(CheckpointError, match=r"the state lacks batch_size, number, .*, stream"):
        loader.load_state_dict(None)
    with pytest.raises(CheckpointError, match="the state lacks position, stream"):
        loader.load_state_dict({k: before[k] for k in before if k not in ("position", "stream")})
    assert loader.state_dict() == before


@pytest.mark.parametrize("position", range(5))
def test_a_sequence_goes_on_where_it_was(position):
    def make():
        return SequenceLoader(np.arange(21), 2, 3)

    loader = make()
    whole = [plain(batch) for batch in loader]
    batches = iter(loader)
    for _ in range(position):
        next(batches)
    state = json.loads(json.dumps(loader.state_dict()))
    resumed = make()
    resumed.load_state_dict(state)
    if position < len(whole):
        assert [plain(batch) for batch in resumed] == whole[position:]
    assert [plain(batch) for batch in resumed] == whole
    with pytest.raises(ValueError, match="position 99, expected 0 to 4"):
        resumed.load_state_dict({"position": 99})


def test_windows_are_shuffled_and_gone_on_with():
    loader = DataLoader(windows(np.arange(30), 5), 4, shuffle=True, seed=0)
    batches = iter(loader)
    next(batches)
    state = loader.state_dict()
    rest = [plain(batch) for batch in batches]
    loader.load_state_dict(state)
    assert [plain(batch) for batch in loader] == rest
    for x, y in loader:
        assert (y.array == x.array + 1).all()
