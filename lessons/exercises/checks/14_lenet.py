"""Checks of the exercises of lesson 14, and wrong answers that they must notice."""

import numpy as np

import minitorch
from minitorch import nn


def check_precision_and_recall(function):
    for matrix in (
        [[3, 1], [0, 4]],
        [[5, 0, 2], [1, 7, 0], [0, 3, 6]],
        [[2, 0, 0], [1, 0, 0], [0, 0, 0]],  # nothing is read as 1, and nothing is a 2
    ):
        matrix = np.array(matrix)
        before = matrix.copy()
        with np.errstate(invalid="ignore", divide="ignore"):
            said = function(matrix)
        assert np.array_equal(matrix, before), "the matrix is not the same afterwards"
        assert len(said) == 2, f"expected precisions and recalls, got {len(said)} results"
        for k in range(len(matrix)):
            for name, values, line in (
                ("precision", said[0], matrix[:, k]),
                ("recall", said[1], matrix[k]),
            ):
                expected = matrix[k, k] / line.sum() if line.sum() else 0.0
                assert abs(values[k] - expected) < 1e-9, (
                    f"{matrix.tolist()}: the {name} of {k} is {matrix[k, k]} of {line.sum()}, "
                    f"{expected:.3f}, not {values[k]:.3f}"
                )


def check_moved(function):
    x = minitorch.arange(24.0).reshape(1, 2, 3, 4) + 1
    before = x.clone()
    for down in (0, 1, -1, 2, -3, 5):
        for right in (0, 1, -2, 4, -6):
            y = function(x, down, right, -0.5)
            about = f"moved by {down} down and {right} to the right"
            assert np.array_equal(x, before), f"{about}: x is not the same afterwards"
            assert tuple(y.shape) == (1, 2, 3, 4), f"{about}: the shape is {tuple(y.shape)}"
            for c, i, j in np.ndindex(2, 3, 4):
                inside = 0 <= i - down < 3 and 0 <= j - right < 4
                expected = x[0, c, i - down, j - right].item() if inside else -0.5
                found = y[0, c, i, j].item()
                assert found == expected, (
                    f"{about}: pixel ({i}, {j}) is {found:g}, expected {expected:g}, "
                    + ("from inside the image" if inside else "paper")
                )


class Reader(nn.Module):
    """A small network with a layer cv1, and scores that depend on all of its filters."""

    def __init__(self):
        super().__init__()
        self.cv1 = nn.Conv2d(1, 3, 3)
        self.head = nn.Linear(3 * 16, 4)

    def forward(self, x):
        return self.head(self.cv1(x).relu().flatten(1))


def check_accuracy_without(function):
    minitorch.manual_seed(14)
    model, x = Reader(), minitorch.randn(60, 1, 6, 6)
    with minitorch.no_grad():
        model.cv1.bias.copy_(minitorch.tensor([2.0, -0.5, 1.0]))
    y = model.predict(x).argmax(1)
    before = model.state_dict()
    for k in range(3):
        with minitorch.no_grad():
            answers = model.cv1(x).relu()
            answers[:, k] = 0.0
            expected = (model.head(answers.flatten(1)).argmax(1) == y).float().mean().item()
        said = function(model, x, y, k)
        assert isinstance(said, float), f"expected a float, got {type(said).__name__}"
        for name, p in model.state_dict().items():
            assert np.array_equal(p, before[name]), f"{name} is not the same afterwards"
        assert all(p.requires_grad for p in model.parameters()), "a parameter is frozen afterwards"
        assert abs(said - expected) < 1e-6, (
            f"filter {k}: {expected:.3f} are read right without its answer, yours {said:.3f}; is "
            "the answer really 0, on blank paper too?"
        )


def check_calibration(function):
    rng = np.random.default_rng(14)
    p = np.array([0.2, 0.3, 0.5, 1.0])
    cases = [(p, np.array([False, True, True, True]), 2), (p, p > 0.4, 10)]
    p = rng.integers(0, 65, 200) / 64  # many lie on the borders, and all are exact
    cases.append((p, rng.uniform(size=200) < p, 8))
    for p, right, bins in cases:
        with np.errstate(invalid="ignore"):
            said = np.asarray(function(p, right, bins))
        assert said.shape == (bins,), f"expected {bins} shares, got the shape {said.shape}"
        for k in range(bins):
            last = k == bins - 1
            inside = (p >= k / bins) & ((p <= 1.0) if last else (p < (k + 1) / bins))
            expected = right[inside].mean() if inside.any() else np.nan
            same = np.isclose(said[k], expected, equal_nan=True)
            assert same, (
                f"bin {k} of {bins} holds {inside.sum()} guesses, of which {right[inside].sum()} "
                f"are right: expected {expected:.3f}, got {said[k]:.3f}"
            )


# wrong answers ----------------------------------------------------------------------------------


def shares(precision, recall, empty=1):
    def function(matrix):
        right = np.diag(matrix)
        return tuple(right / np.maximum(matrix.sum(axis), empty) for axis in (precision, recall))

    return function


def rolled(x, down, right, paper):
    return minitorch.tensor(np.roll(x.numpy(), (down, right), axis=(2, 3)))


def pasted(turn=1, fill=None, in_place=False):
    def function(x, down, right, paper):
        down, right = turn * down, turn * right
        old = x.numpy().copy()
        new = np.full_like(old, paper if fill is None else fill)
        for i, j in np.ndindex(old.shape[2:]):
            a, b = i + down, j + right
            if 0 <= a < old.shape[2] and 0 <= b < old.shape[3]:
                new[:, :, a, b] = old[:, :, i, j]
        if in_place:
            x.copy_(minitorch.tensor(new))
            return x
        return minitorch.tensor(new)

    return function


def switched_off(weight=True, bias=True, back=True):
    def function(model, x, y, k):
        kept = {name: p.clone() for name, p in model.state_dict().items()}
        with minitorch.no_grad():
            if weight:
                model.cv1.weight[k] = 0.0
            if bias:
                model.cv1.bias[k] = 0.0
        share = (model.predict(x).argmax(1) == y).float().mean().item()
        if back:
            model.load_state_dict(kept)
        return share

    return function


def binned(place, empty=np.nan):
    def function(p, right, bins):
        at = place(p, bins)
        return np.array([right[at == k].mean() if (at == k).any() else empty for k in range(bins)])

    return function


WRONG = {
    "precision_and_recall": [
        shares(1, 0),
        shares(0, 1, empty=0),
        lambda matrix: (np.diag(matrix) / matrix.sum(),) * 2,
    ],
    "moved": [rolled, pasted(turn=-1), pasted(fill=0.0), pasted(in_place=True)],
    "accuracy_without": [
        switched_off(bias=False),
        switched_off(weight=False),
        switched_off(back=False),
        lambda model, x, y, k: (model.predict(x).argmax(1) == y).float().mean().item(),
    ],
    "calibration": [
        binned(lambda p, bins: (p * bins).astype(int)),
        binned(lambda p, bins: np.ceil(p * bins).astype(int) - 1),
        binned(lambda p, bins: np.minimum((p * bins).astype(int), bins - 1), empty=0.0),
    ],
}
