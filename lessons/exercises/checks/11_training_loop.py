"""Checks of the exercises of lesson 11, and wrong answers that they must notice."""

import numpy as np

import minitorch
import minitorch.nn.functional as F
from lessons.comparing import sample
from lessons.exercises.checks.gradients import compare_with_slopes


def check_accuracy(function):
    cases = [
        ([[1.0, 2.0], [3.0, 0.0], [0.0, 5.0]], [1, 0, 0], 2 / 3),
        ([[0.0, 0.0, 1.0], [0.0, 4.0, 1.0]], [2, 1], 1.0),
        ([[-3.0, -1.0, -2.0]], [0], 0.0),
        ([[9.0, 1.0], [8.0, 1.0], [7.0, 1.0], [1.0, 2.0]], [1, 1, 1, 1], 0.25),
    ]
    for scores, y, expected in cases:
        said = function(minitorch.tensor(scores), minitorch.tensor(y))
        assert isinstance(said, float), f"expected a float, got a {type(said).__name__}"
        assert abs(said - expected) < 1e-6, (
            f"for scores {scores} and labels {y} it is {expected:.4g}, yours {said:.4g}"
        )


def check_minibatches(function):
    minitorch.manual_seed(5)
    for n, size, sizes in [(10, 4, [4, 4, 2]), (6, 3, [3, 3]), (5, 8, [5])]:
        y = minitorch.arange(n)
        x = minitorch.stack([10.0 * y, 10.0 * y + 1], 1)
        batches = list(function(x, y, size))
        said = [len(labels) for _, labels in batches]
        what = f"{n} examples in batches of {size}"
        assert said == sizes, f"{what}: the batches have the sizes {said}, expected {sizes}"
        for rows, labels in batches:
            assert rows.shape == (len(labels), 2), (
                f"{what}: x has shape {tuple(rows.shape)} where y has {tuple(labels.shape)}"
            )
            assert np.array_equal(rows[:, 0], 10.0 * labels), (
                f"{what}: the labels {labels.tolist()} came with the rows of "
                f"{[int(v / 10) for v in rows[:, 0].tolist()]}; x and y need the same order"
            )
        seen = sorted(v for _, labels in batches for v in labels.tolist())
        assert seen == list(range(n)), f"{what}: in one epoch came the examples {seen}"
    x = minitorch.arange(100)
    orders = [[v for rows, _ in function(x, x, 30) for v in rows.tolist()] for _ in range(2)]
    assert orders[0] != list(range(100)), "the examples come in the order of the data; shuffle them"
    assert orders[0] != orders[1], "two epochs have the same order; draw one in each call"


def check_sgd_step(function):
    for lr, g, expected in [(0.5, [4.0, 0.0], [-1.0, -2.0]), (0.25, [6.0, 2.0], [-0.5, -2.5])]:
        used, unused = (minitorch.tensor([1.0, -2.0], requires_grad=True) for _ in range(2))
        (used * minitorch.tensor(g)).sum().backward()
        try:
            function(iter([used, unused]), lr)
        except NotImplementedError:
            raise
        except (TypeError, AttributeError) as error:
            raise AssertionError(
                f"{error}; is .grad None, for a parameter that was not used? And parameters may "
                "be anything that a loop can go through once"
            ) from error
        except RuntimeError as error:
            raise AssertionError(f"{error}; the step belongs off the tape, in no_grad") from error
        assert used.tolist() != [1.0, -2.0], (
            "the parameter did not move; `p = p - ...` makes a new tensor, `p -= ...` moves it"
        )
        assert np.allclose(used.detach(), expected), (
            f"lr {lr}, parameter [1, -2], gradient {g}: expected {expected}, got {used.tolist()}"
        )
        assert unused.tolist() == [1.0, -2.0], "a parameter without a gradient was moved"
        assert used.grad is None, f"the gradient is still there afterwards: {used.grad.tolist()}"
        assert used.requires_grad, "the parameter does not want a gradient any more"
        assert used.is_leaf, "the step is on the tape: it belongs into no_grad"


def check_train(function):
    minitorch.manual_seed(5)
    batches = [(minitorch.randn(6, 3), minitorch.randn(6)) for _ in range(4)]
    first = minitorch.randn(3)
    # by hand: L = mean (x w - y)², dL/dw = 2 xᵀ (x w - y) / N
    w, expected = first.clone(), []
    for x, y in batches:
        d = x @ w - y
        expected.append((d * d).mean().item())
        w = w - 0.1 * 2 * (x.T @ d) / len(y)

    p = first.clone().requires_grad_()
    calls = []

    def loss_of(x, y):
        calls.append(len(x))
        return ((x @ p - y) ** 2).mean()

    try:
        said = function([p], loss_of, iter(batches), 0.1)
    except NotImplementedError:
        raise
    except RuntimeError as error:
        raise AssertionError(f"{error}; the step belongs off the tape, in no_grad") from error
    assert isinstance(said, list), f"expected a list of losses, got {said!r}"
    assert len(said) == 4, f"4 batches, and {len(said)} losses"
    assert all(isinstance(v, float) for v in said), (
        f"a loss is a {type(said[0]).__name__}, which holds on to its whole tape; keep its item()"
    )
    assert len(calls) == 4, f"4 batches, and the loss was computed {len(calls)} times"
    for k, (one, other) in enumerate(zip(said, expected)):
        why = {
            0: "take the loss before the step",
            1: "does the first step go against the gradient, times lr?",
        }.get(k, "are the gradients of earlier batches forgotten?")
        assert abs(one - other) < 1e-4, f"loss {k} is {one:.4f}, expected {other:.4f}: {why}"
    assert np.allclose(p.detach(), w, atol=1e-4), "after the last batch a step is missing"


def check_first_layer_grad(function):
    minitorch.manual_seed(5)
    for n, m, h, c in [(6, 4, 5, 3), (3, 3, 3, 3), (1, 2, 4, 2)]:
        x, w2, b2 = sample(n, m), sample(h, c), sample(c)
        y = minitorch.randint(0, c, (n,))

        def loss(w1, b1, x=x, y=y, w2=w2, b2=b2):
            return F.cross_entropy((x @ w1 + b1).relu() @ w2 + b2, y)

        def gradient(g, w1, b1, x=x, y=y, w2=w2, b2=b2):
            return tuple(g * d for d in function(x, y, w1, b1, w2, b2))

        compare_with_slopes("first_layer_grad", loss, gradient, sample(m, h), sample(h))


# wrong answers ----------------------------------------------------------------------------------


def epochs(shuffle=True, same=False, full=False, together=True, replace=False):
    def minibatches(x, y, batch_size):
        n = len(x)
        order = minitorch.randperm(n) if shuffle else minitorch.arange(n)
        if same:
            order = minitorch.tensor(np.random.default_rng(0).permutation(n))
        if replace:
            order = minitorch.randint(0, n, (n,))
        other = order if together else minitorch.randperm(n)
        for start in range(0, n - batch_size + 1 if full else n, batch_size):
            at = slice(start, start + batch_size)
            yield x[order[at]], y[other[at]]

    return minibatches


def steps(sign=-1, forget=True, rebind=False, recorded=False, careful=True):
    def sgd_step(parameters, lr):
        for p in parameters:
            if careful and p.grad is None:
                continue
            with minitorch.enable_grad() if recorded else minitorch.no_grad():
                if rebind:
                    p = p + sign * lr * p.grad
                else:
                    p += sign * lr * p.grad
            if forget:
                p.grad = None

    return sgd_step


def loop(numbers=True, after=False, step=None, last=True):
    step = step or steps()

    def train(parameters, loss_of, batches, lr):
        losses, batches = [], list(batches)
        for k, (x, y) in enumerate(batches):
            loss = loss_of(x, y)
            loss.backward()
            if last or k < len(batches) - 1:
                step(parameters, lr)
            if after:
                loss = loss_of(x, y)
            losses.append(loss.item() if numbers else loss)
        return losses

    return train


def first_layer(mean=True, mask=True, onehot=True, bias="sum", side="x"):
    def first_layer_grad(x, y, w1, b1, w2, b2):
        z = x @ w1 + b1
        g = (z.clamp_min(0.0) @ w2 + b2).softmax(1)
        if onehot:
            g[range(len(y)), y] -= 1
        if mean:
            g = g / len(y)
        dz = g @ w2.T
        if mask:
            dz = dz * (z > 0).double()
        dw = x.T @ dz if side == "x" else dz.T @ x
        return dw, {"sum": dz.sum(0), "mean": dz.mean(0), "rows": dz}[bias]

    return first_layer_grad


WRONG = {
    "accuracy": [
        lambda scores, y: (scores.argmax(1) == y).float().sum().item(),
        lambda scores, y: (scores.argmin(1) == y).float().mean().item(),
        lambda scores, y: (scores.argmax(1) == y).float().mean(),
        lambda scores, y: (scores.argmax(1) != y).float().mean().item(),
        lambda scores, y: (scores.argmax(1)[:, None] == y).float().mean().item(),
    ],
    "minibatches": [
        epochs(shuffle=False),
        epochs(same=True),
        epochs(full=True),
        epochs(together=False),
        epochs(replace=True),
    ],
    "sgd_step": [
        steps(sign=1),
        steps(forget=False),
        steps(rebind=True),
        steps(recorded=True),
        steps(careful=False),
    ],
    "train": [
        loop(numbers=False),
        loop(after=True),
        loop(step=steps(sign=1)),
        loop(step=steps(forget=False)),
        loop(step=steps(rebind=True)),
        loop(last=False),
    ],
    "first_layer_grad": [
        first_layer(mean=False),
        first_layer(mask=False),
        first_layer(onehot=False),
        first_layer(bias="mean"),
        first_layer(bias="rows"),
        first_layer(side="other"),
    ],
}
