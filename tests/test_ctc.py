"""Connectionist temporal classification, beyond the rows of the op table."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minitorch as mt
import minitorch.nn.functional as F
from minitorch import nn
from minitorch.tensor import ShapeError
from tests.layers import leaf, rand

LABELS, STEPS, COUNTS = mt.tensor([[1, 2, 1], [2, 2, 0]]), (5, 4), (3, 2)


def log_probs(*shape, seed=0):
    return mt.tensor(rand(*shape, seed=seed)).log_softmax(-1)


@st.composite
def problems(draw):
    T, N, C, S = draw(st.tuples(*(st.integers(1, n) for n in (9, 4, 5, 4))))
    seed = draw(st.integers(0, 99))
    rng = np.random.default_rng(seed)
    targets = rng.integers(1, C + 1, (N, S))
    return (
        rng.normal(size=(T, N, C + 1)),
        targets,
        rng.integers(1, T + 1, N),
        rng.integers(0, S + 1, N),
    )


@settings(max_examples=40)
@given(problems(), st.sampled_from(["mean", "sum", "none"]), st.booleans())
def test_the_loss_and_its_gradient_are_torchs(problem, reduction, flat):
    """Behind log_softmax; alone, torch's gradient is not that of the loss."""
    torch = pytest.importorskip("torch")
    x, targets, steps, counts = problem
    if flat:
        targets = np.concatenate([t[:n] for t, n in zip(targets, counts)])
    ours, theirs = leaf(x), torch.tensor(x, requires_grad=True)
    y = F.ctc_loss(
        ours.log_softmax(2), mt.tensor(targets), tuple(steps), mt.tensor(counts), 0, reduction, True
    )
    given = map(torch.tensor, (targets, steps, counts))
    want = torch.nn.functional.ctc_loss(theirs.log_softmax(2), *given, 0, reduction, True)
    np.testing.assert_allclose(y.detach().numpy(), want.detach().numpy(), rtol=1e-9)
    y.sum().backward()
    want.sum().backward()
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-7, atol=1e-9)


def test_the_gradient_is_where_the_paths_are():
    """At each of its steps, a sequence is at one class or another; behind them at none."""
    x = leaf(log_probs(5, 2, 3).numpy())
    F.ctc_loss(x, LABELS, STEPS, COUNTS, reduction="sum").backward()
    shares = -x.grad.numpy()
    assert (shares >= 0).all()
    np.testing.assert_allclose(shares.sum(2), [[1, 1], [1, 1], [1, 1], [1, 1], [1, 0]], atol=1e-12)


def test_filling_is_never_read():
    x = log_probs(5, 2, 3)
    filled = mt.tensor([[1, 2, 1], [2, 2, -100]])
    want = F.ctc_loss(x, LABELS, STEPS, COUNTS, reduction="none").tolist()
    assert F.ctc_loss(x, filled, STEPS, COUNTS, reduction="none").tolist() == want
    late = log_probs(5, 2, 3).numpy().copy()
    late[3:, 1] = np.nan
    late, steps = leaf(late), (5, 3)
    F.ctc_loss(late, LABELS[:, :2], steps, (2, 1)).backward()
    assert np.isfinite(late.grad.numpy()).all()
    assert not late.grad.numpy()[3:, 1].any()


def test_what_is_no_number_stays_none():
    """It is not taken for an infinity."""
    x = log_probs(5, 2, 3).numpy().copy()
    x[2, 0] = np.nan
    loss = F.ctc_loss(mt.tensor(x), LABELS, STEPS, COUNTS, reduction="none", zero_infinity=True)
    assert np.isnan(loss.numpy()).tolist() == [True, False]


def test_no_labels_are_read_off_blanks_alone():
    x = log_probs(4, 1, 3)
    loss = F.ctc_loss(x, mt.zeros(1, 0, dtype=mt.int64), (3,), (0,), blank=1)
    assert loss.item() == pytest.approx(-x[:3, 0, 1].sum().item())


def test_labels_that_no_path_is_long_enough_for():
    """Two equal labels need a blank between them."""
    x, twice = leaf(log_probs(2, 1, 3).numpy()), mt.tensor([[1, 1]])
    loss = F.ctc_loss(x, twice, (2,), (2,))
    assert loss.item() == np.inf
    loss.backward()
    assert not x.grad.numpy().any()
    assert F.ctc_loss(x, twice, (2,), (2,), zero_infinity=True).item() == 0
    assert F.ctc_loss(x, mt.tensor([[1, 2]]), (2,), (2,)).item() < np.inf


def test_a_class_may_be_ruled_out():
    x = log_probs(3, 1, 3).numpy().copy()
    x[1, 0, 1] = -np.inf
    x = leaf(x)
    F.ctc_loss(x, mt.tensor([[1]]), (3,), (1,)).backward()
    assert np.isfinite(x.grad.numpy()).all()
    assert x.grad.numpy()[1, 0, 1] == 0


def test_long_sequences_in_float32():
    x = log_probs(600, 1, 20)
    targets = mt.tensor(np.random.default_rng(0).integers(1, 20, (1, 80)))
    losses, slopes = [], []
    for dtype in (mt.float32, mt.float64):
        given = leaf(x.to(dtype).numpy())
        losses.append(F.ctc_loss(given, targets, (600,), (80,), reduction="sum"))
        losses[-1].backward()
        slopes.append(given.grad.numpy())
    assert losses[0].dtype == slopes[0].dtype == mt.float32
    assert losses[0].item() == pytest.approx(losses[1].item(), rel=1e-5)
    np.testing.assert_allclose(slopes[0], slopes[1], atol=5e-3)


def test_float16_is_calculated_in_float32():
    x = leaf(log_probs(5, 2, 3).numpy().astype(np.float16))
    loss = F.ctc_loss(x, LABELS, STEPS, COUNTS)
    loss.backward()
    assert loss.dtype == x.grad.dtype == mt.float16
    want = F.ctc_loss(x.detach().double(), LABELS, STEPS, COUNTS)
    assert loss.item() == pytest.approx(want.item(), rel=1e-3)


def test_it_teaches_to_read():
    """Of three steps of noise each, which label: the alignment is found along the way."""
    mt.manual_seed(0)
    x, labels = mt.randn(6, 1, 4), mt.tensor([[2, 1, 2]])
    layer = nn.Linear(4, 3)
    optimizer, loss = mt.optim.Adam(layer.parameters(), lr=0.1), nn.CTCLoss()
    for _ in range(60):
        optimizer.zero_grad()
        loss(layer(x).log_softmax(2), labels, (6,), (3,)).backward()
        optimizer.step()
    path = layer(x)[:, 0].argmax(1).tolist()
    joined = [c for i, c in enumerate(path) if c and (i == 0 or c != path[i - 1])]
    assert joined == [2, 1, 2]


def test_the_module_is_the_function():
    x = log_probs(5, 2, 3)
    loss = nn.CTCLoss(blank=0, reduction="none", zero_infinity=True)
    want = F.ctc_loss(x, LABELS, STEPS, COUNTS, 0, "none", True)
    assert loss(x, LABELS, STEPS, COUNTS).tolist() == want.tolist()
    assert repr(nn.CTCLoss()) == "CTCLoss()"
    with pytest.raises(ValueError, match="CTCLoss: reduction 'avg'"):
        nn.CTCLoss(reduction="avg")


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"blank": 3}, ValueError, "blank 3, expected one of the classes, 0 to 2"),
        ({"reduction": "avg"}, ValueError, "reduction 'avg'"),
        ({"input_lengths": (6, 4)}, ValueError, r"input_lengths\[0\] is 6, expected 1 to 5"),
        ({"input_lengths": (5, 0)}, ValueError, r"input_lengths\[1\] is 0, expected 1 to 5"),
        ({"target_lengths": (3, 4)}, ValueError, r"target_lengths\[1\] is 4, expected 0 to 3"),
        ({"target_lengths": (3,)}, ShapeError, r"target_lengths is \(1,\), expected \(2,\)"),
        ({"target_lengths": (3, 3)}, IndexError, "label 2 of sequence 1 is 0, .* the blank, 0"),
        ({"targets": LABELS + 1}, IndexError, "label 1 of sequence 0 is 3, expected 0 to 2"),
        ({"targets": LABELS.double()}, TypeError, r"targets must hold ints, .* targets.long\(\)"),
        ({"targets": LABELS[:1]}, ShapeError, r"targets is \(1, 3\), expected \(2, S\)"),
        ({"targets": mt.tensor([1, 2])}, ShapeError, r".* \[3, 2\] add up to 5, expected 2"),
        ({"log_probs": LABELS}, TypeError, "log_probs needs float"),
        ({"log_probs": mt.zeros(0, 2, 3)}, ShapeError, r"log_probs is \(0, 2, 3\), expected"),
    ],
)
def test_it_says_what_does_not_fit(change, error, message):
    given = {
        "log_probs": log_probs(5, 2, 3),
        "targets": LABELS,
        "input_lengths": STEPS,
        "target_lengths": COUNTS,
    }
    with pytest.raises(error, match=f"ctc_loss: {message}"):
        F.ctc_loss(**{**given, **change})
