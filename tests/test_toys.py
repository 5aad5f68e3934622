"""Toy sets, the text and sequences: small, offline, the same for everyone with the same seed."""

from __future__ import annotations

import hashlib
import math
import time

import numpy as np
import pytest

import minitorch
from minitorch.utils.data import (
    CharVocabulary,
    DataLoader,
    SequenceLoader,
    TensorDataset,
    char_text,
    circles,
    moons,
    sine,
    spiral,
    windows,
    xor,
)

SETS = {"xor": xor, "spiral": spiral, "moons": moons, "circles": circles, "sine": sine}

# toy sets ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SETS)
def test_toys_are_drawn_from_their_seed_in_no_time(name):
    began = time.perf_counter()
    x, y = SETS[name](10_000, noise=0.1, seed=1)
    assert time.perf_counter() - began < 1
    again, other = SETS[name](10_000, noise=0.1, seed=1), SETS[name](10_000, noise=0.1, seed=2)
    assert (x.array == again[0].array).all()
    assert (y.array == again[1].array).all()
    assert not (x.array == other[0].array).all()
    state = minitorch.default_generator.get_state()
    SETS[name]()
    assert minitorch.default_generator.get_state() == state


@pytest.mark.parametrize("name", ["xor", "spiral", "moons", "circles"])
def test_toys_are_points_with_balanced_classes(name):
    x, y = SETS[name](301, seed=3)
    assert (x.shape, x.dtype, y.shape, y.dtype) == ((301, 2), np.float32, (301,), np.int64)
    counts = np.bincount(y.numpy())
    assert counts.sum() == 301
    assert counts.max() - counts.min() <= 1


def test_xor_is_the_truth_table():
    x, y = xor()
    assert x.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert y.tolist() == [0, 1, 1, 0]
    x, y = xor(1000, noise=0.1)
    near = np.rint(x.numpy()).astype(int)
    assert (near[:, 0] ^ near[:, 1] == y.numpy()).mean() > 0.999
    assert 0.08 < (x.numpy() - near).std() < 0.12


def test_spiral_follows_its_formula():
    x, y = (t.numpy() for t in spiral(900, classes=3, turns=0.75, noise=0))
    r = np.hypot(*x.T)
    assert r.min() < 0.02
    assert 0.98 < r.max() <= 1
    phi = 2 * math.pi * (0.75 * r + y / 3)
    np.testing.assert_allclose(x, np.stack([r * np.sin(phi), r * np.cos(phi)], 1), atol=1e-6)
    assert set(spiral(20, classes=5)[1].tolist()) == set(range(5))


def test_moons_are_half_circles():
    x, y = (t.numpy() for t in moons(500, noise=0))
    upper, lower = x[y == 0], np.array([1, 0.5]) - x[y == 1]
    for half in (upper, lower):
        np.testing.assert_allclose(np.hypot(*half.T), 1, atol=1e-6)
        assert half[:, 1].min() > -1e-6


def test_circles_have_two_radii():
    x, y = (t.numpy() for t in circles(500, factor=0.3, noise=0))
    np.testing.assert_allclose(np.hypot(*x.T), np.where(y == 0, 1, 0.3), atol=1e-6)
    assert abs(x.mean()) < 0.1
    for factor in (0, 1, -2, float("nan")):
        with pytest.raises(ValueError, match="factor is a radius in"):
            circles(factor=factor)


def test_sine_is_a_wave_in_order():
    x, y = sine(400, noise=0)
    assert (x.shape, y.shape, x.dtype, y.dtype) == ((400, 1), (400, 1), np.float32, np.float32)
    np.testing.assert_allclose(y.numpy(), np.sin(x.numpy()), atol=1e-6)
    line = x.numpy()[:, 0]
    assert (np.diff(line) >= 0).all()
    assert -math.pi <= line[0] < -3
    assert 3 < line[-1] <= math.pi
    noisy = sine(4000, noise=0.2)
    assert 0.19 < (noisy[1].numpy() - np.sin(noisy[0].numpy())).std() < 0.21


@pytest.mark.parametrize("name", SETS)
def test_toys_refuse_what_cannot_be_drawn(name):
    with pytest.raises(ValueError, match=f"{name}: noise is a standard deviation"):
        SETS[name](noise=-1)
    with pytest.raises(ValueError, match=f"{name}: n must be at least 1, got 0"):
        SETS[name](0)
    with pytest.raises(TypeError, match=f"{name}: n must be an int"):
        SETS[name](2.5)


# text --------------------------------------------------------------------------------------------


def test_the_text_is_the_one_it_says():
    text = char_text()
    assert len(text) == 22_243
    assert hashlib.sha256(text.encode("ascii")).hexdigest() == TEXT_HASH
    assert text.startswith("CHAPTER I. Down the Rabbit-Hole\n\nAlice was beginning")
    assert text.endswith("the whole party swam to the shore.\n")
    assert "\r" not in text


TEXT_HASH = "4a87b6e70ac1e7faa261cdec7c0f04c8037a664ed8e0e5186ecd0ed33fce681d"


def test_vocabulary_goes_there_and_back():
    text = char_text()
    words = CharVocabulary(text)
    assert len(words) == 61
    numbers = words.encode(text)
    assert (numbers.shape, numbers.dtype) == ((22_243,), np.int64)
    assert (numbers.numpy().min(), numbers.numpy().max()) == (0, 60)
    assert words.decode(numbers) == text
    assert words.decode([]) == words.decode(words.encode("")) == ""


def test_vocabulary_refuses_strangers():
    words = CharVocabulary("abc")
    with pytest.raises(ValueError, match=r"'z' at position 2 is none of the 3 characters"):
        words.encode("abz")
    with pytest.raises(ValueError, match=r"3 at position 1, expected 0 to 2"):
        words.decode([0, 3])
    with pytest.raises(ValueError, match="-1 at position 0"):
        words.decode([-1])


def test_text_windows_are_learnt_from_in_batches():
    words = CharVocabulary(char_text())
    data = windows(words.encode(char_text()), T=32, step=32)
    loader = DataLoader(data, 16, shuffle=True, seed=0)
    x, y = next(iter(loader))
    assert x.shape == y.shape == (16, 32)
    for row, target in zip(x, y):
        assert words.decode(row)[1:] == words.decode(target)[:-1]
        assert words.decode(row) in char_text()


# sequences ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [6, 7, 20])
@pytest.mark.parametrize("step", [1, 3])
@pytest.mark.parametrize("lag", [1, 2])
def test_windows_are_all_pieces_with_their_targets(n, step, lag):
    s, T = np.arange(n) * 10, 4
    data = windows(s, T, step=step, lag=lag)
    starts = [i for i in range(0, n, step) if i + T + lag <= n]
    assert len(data) == len(starts)
    for (x, y), i in zip((data[k] for k in range(len(data))), starts):
        assert x.tolist() == s[i : i + T].tolist()
        assert y.tolist() == s[i + lag : i + lag + T].tolist()
    assert isinstance(data, TensorDataset)
    assert np.shares_memory(data.tensors[0].array, s)


def test_windows_of_features():
    s = minitorch.tensor(np.arange(20.0).reshape(10, 2))
    x, y = windows(s, 3)[4]
    assert x.tolist() == [[8, 9], [10, 11], [12, 13]]
    assert y.tolist() == [[10, 11], [12, 13], [14, 15]]


def test_windows_refuse_what_is_too_short():
    with pytest.raises(ValueError, match=r"a sequence of 5 has no piece of T = 5 with a target 1"):
        windows(np.arange(5), 5)
    with pytest.raises(ValueError, match="windows: step must be at least 1"):
        windows(np.arange(5), 2, step=0)
    with pytest.raises(TypeError, match="expected a Tensor or an array"):
        windows([1, 2, 3], 1)


@pytest.mark.parametrize("n", [9, 10, 23])
@pytest.mark.parametrize("lag", [1, 3])
def test_sequence_streams_lie_side_by_side_and_go_on(n, lag):
    s, B, T = np.arange(n), 2, 3
    loader = SequenceLoader(s, B, T, lag=lag)
    batches = list(loader)
    assert len(batches) == len(loader)
    L = (n - lag) // B
    x = np.concatenate([x.numpy() for x, _ in batches], axis=1)
    y = np.concatenate([y.numpy() for _, y in batches], axis=1)
    np.testing.assert_array_equal(x, s[: B * L].reshape(B, L))
    np.testing.assert_array_equal(y, x + lag)
    assert all(x.shape[1] == T for x, _ in batches[:-1])
    assert [x.tolist() for x, _ in loader] == [x.tolist() for x, _ in batches]  # every epoch


def test_sequence_options():
    s = np.arange(40.0).reshape(20, 2)
    x, y = next(iter(SequenceLoader(s, 3, 4)))
    assert x.shape == y.shape == (3, 4, 2)
    t, _ = next(iter(SequenceLoader(s, 3, 4, batch_first=False)))
    np.testing.assert_array_equal(t.numpy(), x.numpy().swapaxes(0, 1))
    assert t.is_contiguous()
    assert [x.shape[1] for x, _ in SequenceLoader(s, 3, 4)] == [4, 2]
    assert [x.shape[1] for x, _ in SequenceLoader(s, 3, 4, drop_last=True)] == [4]
    assert len(SequenceLoader(s, 3, 4, drop_last=True)) == 1


def test_sequence_too_short():
    with pytest.raises(ValueError, match="a sequence of 4 gives 5 streams of 0"):
        SequenceLoader(np.arange(4), 5, 2)
    with pytest.raises(ValueError, match=r"streams of 3 .* no batch of T = 4"):
        SequenceLoader(np.arange(7), 2, 4, drop_last=True)
    with pytest.raises(ValueError, match="T must be at least 1"):
        SequenceLoader(np.arange(7), 2, 0)
    with pytest.raises(TypeError, match="expected a Tensor or an array"):
        SequenceLoader("abc", 1, 1)
