"""Checks of the exercises of lesson 20, and wrong answers that they must notice."""

import numpy as np

import minitorch
from lessons.comparing import by_hand, same, sample
from lessons.exercises.checks.gradients import compare_with_slopes

READY = {"Dropout", "SGD", "AdamW", "RandomCrop", "EarlyStopping", "backward", "grad"}


def draws(*shape):
    return minitorch.rand(*shape, dtype=minitorch.float64)


def check_dropout(function):
    by_hand(function, READY)
    minitorch.manual_seed(20)
    for p in (0.25, 0.5, 0.9, 0.0):
        x, u = sample(6, 5), draws(6, 5)
        u[0, 0] = p  # exactly on the edge: not below p
        kept = x.clone()
        y = np.asarray(function(x.clone(), u, p, True))
        gone, expected_gone = (y == 0).sum(), (u.numpy() < p).sum()
        assert ((y == 0) == (u.numpy() < p)).all(), (
            f"p = {p}: {gone} of 30 are 0, expected the {expected_gone} where u < p"
        )
        scale = (y / x.numpy()).max()
        assert abs(scale - 1 / (1 - p)) < 1e-6, (
            f"p = {p}: what survives is multiplied by {scale:.3f}, expected 1 / (1 - p) = "
            f"{1 / (1 - p):.3f}, so that the mean stays"
        )
        expected = np.where(u.numpy() < p, 0, x.numpy() / (1 - p))
        same(function(x, u, p, True), expected, f"p = {p}, in training")
        same(function(x, u, p, False), x, f"p = {p}, not in training")
        assert np.array_equal(x, kept), "x itself was changed; make a new tensor"


def check_dropout_grad(function):
    by_hand(function, READY)
    minitorch.manual_seed(20)
    for p in (0.25, 0.6, 0.0):
        u = draws(5, 4)
        scale = minitorch.tensor(np.where(u.numpy() < p, 0, 1 / (1 - p)))
        compare_with_slopes(
            "dropout_grad",
            lambda x, scale=scale: x * scale,
            lambda g, x, u=u, p=p: function(g, x, u, p),
            sample(5, 4),
        )


def check_sgdw_step(function):
    by_hand(function, READY)
    minitorch.manual_seed(20)
    w, velocity = sample(4), minitorch.zeros(4, dtype=minitorch.float64)
    for step, (lr, momentum, decay) in enumerate(
        [(0.1, 0.9, 0.5), (0.2, 0.5, 0.3), (0.1, 0.9, 0.0)]
    ):
        g = sample(4)
        kept = w.clone()
        new_velocity = momentum * velocity + g
        new_w = w * (1 - lr * decay) - lr * new_velocity
        said = function(w, g, velocity, lr, momentum, decay)
        assert len(said) == 2, "return two: the new w and the new velocity"
        assert np.array_equal(w, kept), "w was changed in place; return a new one"
        where = f"step {step + 1}, lr {lr}, momentum {momentum}, decay {decay}"
        same(said[1], new_velocity, f"{where}, velocity (does the decay stay out of it?)")
        same(said[0], new_w, f"{where}, w")
        w, velocity = new_w, new_velocity


def check_stopping(function):
    by_hand(function, READY)
    for losses, patience, min_delta, expected in [
        ([5, 4, 3, 3.5, 2.9, 3, 1], 3, 0.5, (2, 5)),
        ([5, 4, 3, 3.5, 2, 2, 2.5, 3, 1], 3, 0.0, (4, 7)),
        ([3, 2, 1], 2, 0.0, (2, 2)),
        ([1, 2, 3, 4, 5], 1, 0.0, (0, 1)),
        ([3, 3, 3, 3], 2, 0.0, (0, 2)),
        ([4, 5, 3, 5, 2, 5, 1, 5], 2, 0.0, (6, 7)),
        ([4, 3.9, 3.8, 3.7, 3.6], 3, 0.25, (3, 4)),
    ]:
        said = function(losses, patience, min_delta)
        assert tuple(said) == expected, (
            f"losses {losses}, patience {patience}, min_delta {min_delta}: (best, last) should be "
            f"{expected}, yours {said}"
        )


def check_shifted(function):
    by_hand(function, READY)
    minitorch.manual_seed(20)
    x = minitorch.arange(1.0, 41.0).reshape(2, 1, 5, 4)
    kept = x.clone()
    for down, right, fill in [
        (1, 0, 9.0),
        (0, 1, 0.0),
        (-2, 1, -1.0),
        (2, -3, 0.5),
        (0, 0, 1.0),
        (-1, -1, 0.0),
    ]:
        expected = np.full((2, 1, 5, 4), fill, np.float32)
        for i, j in np.ndindex(5, 4):
            if 0 <= i - down < 5 and 0 <= j - right < 4:
                expected[:, :, i, j] = x.numpy()[:, :, i - down, j - right]
        same(function(x, down, right, fill), expected, f"down {down}, right {right}, fill {fill}")
        assert np.array_equal(x, kept), "x itself was changed; make a new tensor"


# wrong answers ----------------------------------------------------------------------------------


def mask(u, p):
    return (u >= p).double()


def in_place(x, u, p, training):
    if training:
        x *= mask(u, p) / (1 - p)
    return x


def coupled(w, g, velocity, lr, momentum, decay):
    velocity = momentum * velocity + g + decay * w
    return w - lr * velocity, velocity


def step(shrink):
    def stepped(w, g, velocity, lr, momentum, decay):
        velocity = momentum * velocity + g
        return shrink(w, lr, decay) - lr * velocity, velocity

    return stepped


def shrunk_after(w, g, velocity, lr, momentum, decay):
    velocity = momentum * velocity + g
    return (1 - lr * decay) * (w - lr * velocity), velocity


def stopped(early=0, ties=False, delta=True, in_a_row=True):
    def search(losses, patience, min_delta):
        best, bad = 0, 0
        for epoch, loss in enumerate(losses):
            limit = losses[best] - (min_delta if delta else 0)
            better = epoch > 0 and (loss <= limit if ties else loss < limit)
            best = epoch if better else best
            bad = (0 if in_a_row else bad) if better else bad + (epoch > 0)
            if bad >= patience + early:
                return best, epoch
        return best, len(losses) - 1

    return search


def rolled(x, down, right, fill):
    return minitorch.tensor(np.roll(x.numpy(), (down, right), (2, 3)))


def filled(x, down, right, fill):
    y = rolled(x, down, right, fill)
    rows = slice(0, down) if down > 0 else slice(5 + down, 5)
    columns = slice(0, right) if right > 0 else slice(4 + right, 4)
    y[:, :, rows] = fill
    y[:, :, :, columns] = fill
    return y


WRONG = {
    "dropout": [
        lambda x, u, p, training: x * mask(u, p) if training else x,
        lambda x, u, p, training: x * mask(u, p) if training else x * (1 - p),
        lambda x, u, p, training: x * (1 - mask(u, p)) / (1 - p) if training else x,
        lambda x, u, p, training: x * mask(u, p) / (1 - p),
        in_place,
    ],
    "dropout_grad": [
        lambda g, x, u, p: g * mask(u, p),
        lambda g, x, u, p: g / (1 - p),
        lambda g, x, u, p: g * mask(draws(*u.shape), p) / (1 - p),
        lambda g, x, u, p: g * x * mask(u, p) / (1 - p),
    ],
    "sgdw_step": [
        coupled,
        step(lambda w, lr, decay: (1 + lr * decay) * w),
        step(lambda w, lr, decay: (1 - decay) * w),
        shrunk_after,
    ],
    "stopping": [
        stopped(early=1),
        stopped(early=-1),
        stopped(ties=True),
        stopped(delta=False),
        stopped(in_a_row=False),
    ],
    "shifted": [
        rolled,
        lambda x, down, right, fill: filled(x, -down, -right, fill),
        lambda x, down, right, fill: filled(x, right, down, fill),
        lambda x, down, right, fill: filled(x, down, right, 0.0),
    ],
}
