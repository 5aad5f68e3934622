"""Checks of the exercises of lesson 4, and wrong answers that they must notice."""

import tracemalloc
from itertools import pairwise

import numpy as np

import minitorch


def check_model(function):
    minitorch.manual_seed(0)
    for sizes in [(4, 4), (4, 3, 1), (6, 5, 5, 3)]:
        x = minitorch.randn(7, sizes[0])
        weights = [minitorch.randn(m, n) for m, n in pairwise(sizes)]
        biases = [minitorch.randn(n) for n in sizes[1:]]
        y = function(x, weights, biases)
        which = f"{len(weights)} layers"
        assert tuple(y.shape) == (7, sizes[-1]), (
            f"{which}: the output has shape {tuple(y.shape)}, expected {(7, sizes[-1])}"
        )
        expected = x.numpy()
        for k, (w, b) in enumerate(zip(weights, biases, strict=True)):
            expected = expected @ w.numpy() + b.numpy()
            if k < len(weights) - 1:
                expected = np.maximum(expected, 0)
        assert (y.numpy() < 0).any() or not (expected < 0).any(), (
            f"{which}: no output is negative; is there a relu behind the last layer?"
        )
        assert np.allclose(y.numpy(), expected, atol=1e-4), (
            f"{which}: other numbers than expected; is there a bias in every layer, and a relu "
            "between every two?"
        )


def check_mse(function):
    minitorch.manual_seed(0)
    for output, targ in [
        (minitorch.randn(6, 1), minitorch.randn(6)),
        (minitorch.randn(6), minitorch.randn(6)),
        (minitorch.randn(1, 1), minitorch.randn(1)),
        (minitorch.randn(5, 1), minitorch.tensor([3, 1, 4, 1, 5])),
    ]:
        pairs = list(zip(output.flatten().tolist(), targ.tolist(), strict=True))
        expected = sum((p - t) ** 2 for p, t in pairs) / len(pairs)
        case = f"output {tuple(output.shape)}, targets {tuple(targ.shape)} {targ.dtype}"
        try:
            said = function(output, targ)
        except ValueError as error:
            raise AssertionError(
                f"{case}: expected {expected:.4f}, not the error {error}"
            ) from error
        assert said.ndim == 0, f"{case}: a loss is one number, yours has shape {tuple(said.shape)}"
        assert abs(said - expected) < 1e-4, f"{case}: expected {expected:.4f}, got {said:.4f}"
    for output, targ in [
        ((4, 4), (4,)),
        ((4, 1), (4, 1)),
        ((4, 1), (1,)),
        ((1, 1), (4,)),
        ((), (4,)),
    ]:
        try:
            said = function(minitorch.ones(output), minitorch.zeros(targ))
        except ValueError:
            continue
        raise AssertionError(
            f"output {output}, targets {targ}: expected a ValueError, got {said.item():.4f}"
        )


def check_baseline(function):
    minitorch.manual_seed(0)
    for targ in [minitorch.tensor([1.0, 2.0, 6.0]), minitorch.randn(20) ** 2]:
        constant, loss = function(targ)
        of_constant = ((targ - constant) ** 2).mean().item()
        for better in (constant + 0.05, constant - 0.05):
            assert ((targ - better) ** 2).mean() >= of_constant, (
                f"always saying {constant:.3f} costs {of_constant:.4f}; {better:.3f} costs less"
            )
        assert abs(loss - of_constant) < 1e-4, (
            f"always saying {constant:.3f} costs {of_constant:.4f}, not {loss:.4f}"
        )


def check_loss_of_all_pairs(function):
    minitorch.manual_seed(0)
    for n in (1, 2, 9):
        output, targ = minitorch.randn(n, 1) * 2 + 1, minitorch.randn(n)
        expected = ((output - targ) ** 2).mean().item()
        said = float(function(output, targ))
        assert abs(said - expected) < 1e-4, f"N = {n}: expected {expected:.4f}, got {said:.4f}"
    n = 1500
    output, targ = minitorch.randn(n, 1), minitorch.randn(n)
    tracemalloc.start()
    function(output, targ)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < n * n, f"N = {n}: {most / 1e6:.0f} MB at one time; N² numbers were made"


# wrong answers ----------------------------------------------------------------------------------


def relu(x):
    return x.clamp_min(0.0)


def relu_everywhere(x, weights, biases):
    for w, b in zip(weights, biases):
        x = relu(x @ w + b)
    return x


def relu_nowhere(x, weights, biases):
    for w, b in zip(weights, biases):
        x = x @ w + b
    return x


def without_bias(x, weights, biases):
    for w in weights[:-1]:
        x = relu(x @ w)
    return x @ weights[-1]


def two_layers(x, weights, biases):
    return relu(x @ weights[0] + biases[0]) @ weights[-1] + biases[-1]


def squared(output, targ):
    if output.squeeze(-1).shape != targ.shape:
        raise ValueError
    return (output.squeeze(-1) - targ) ** 2


def broadcasts(output, targ):
    return ((output - targ) ** 2).mean()


WRONG = {
    "model": [relu_everywhere, relu_nowhere, without_bias, two_layers],
    "mse": [
        broadcasts,
        lambda output, targ: broadcasts(output.squeeze(-1), targ),
        lambda output, targ: broadcasts(output.squeeze(), targ),
        lambda output, targ: squared(output, targ).sum(),
        lambda output, targ: squared(output, targ).mean() ** 0.5,
        lambda output, targ: squared(output, targ),
    ],
    "baseline": [
        lambda targ: (targ.mean().item(), targ.var().item()),
        lambda targ: (targ.median().item(), targ.var(correction=0).item()),
        lambda targ: (targ.mean().item(), targ.std(correction=0).item()),
        lambda targ: (0.0, (targ * targ).mean().item()),
    ],
    "loss_of_all_pairs": [
        broadcasts,
        lambda output, targ: broadcasts(output.squeeze(-1), targ),
        lambda output, targ: ((output - targ.mean()) ** 2).mean(),
        lambda output, targ: output.var(correction=0) + targ.var(correction=0),
    ],
}
