"""Connectionist temporal classification: the loss of a label sequence that nobody has aligned.

A network reads T steps of sound or ink, and at each gives every class a log-probability; one class
is the blank, "nothing new". A path names one class a step, and reads as the labels that are left
when repeats are joined and blanks dropped: "aa-ab" reads "aab". The loss of the labels is minus the
log of the probability of all paths that read as them together. Graves et al. 2006.

There are too many paths to list, but they all walk along the labels with a blank before, between
and behind them, L = 2 S + 1 places: at each step a path stays, goes on by one, or leaves a blank
out between two labels that differ. So what is needed is α, one number for each step and place.
"""

from __future__ import annotations

import operator
from typing import Any

from minitorch.array import Array, device_of, first_true, has_values, move
from minitorch.op import composite, op
from minitorch.ops.arguments import check_floats
from minitorch.ops.arrange import margins
from minitorch.ops.compare import clamp, where
from minitorch.ops.index import pick_at
from minitorch.ops.join import stack
from minitorch.ops.labels import check_reduction, counting
from minitorch.ops.limits import logaddexp
from minitorch.ops.reduce import mean, sum
from minitorch.ops.softmax import softmax
from minitorch.tensor import ShapeError, Tensor, make, raw
from minitorch.traced import one_call
from minitorch.words import np

# The log of 0, as a number to go on calculating with: e^(it) is 0, and it minus itself is no nan.
IMPOSSIBLE = -1e30

# all paths at once -----------------------------------------------------------------------------


@op(exact_dtype=True, autocast="high")
def ctc_alpha(x, start, jump):
    """α_t[s] = x_t[s] + log(e^α_(t-1)[s] + e^α_(t-1)[s-1] + e^(α_(t-1)[s-2] + jump[s]))

    The log-probability of all ways to be at place s after step t, where x_t[s] is that of its class
    at step t; α_0 = x_0 + start. With p_0, p_1, p_2 the shares that the three have in the sum,
    which add up to 1,

        dα_t[s] = g_t[s] + Σ_j p_j dα_(t+1)[s + j],   dL/dx_t = dα_t

    Where g is that of the loss, -dα_t[s] is the probability that a path which reads as the labels
    is at place s at step t.

    Args:
        x: (T, N, L).
        start: (N, L), 0 where a path may begin, else the log of 0. It gets no gradient.
        jump: (N, L), 0 where a place may be reached from the one before the last, else the log of
            0. It gets no gradient.
    """
    a = x.copy()
    a[0] += start
    before = np.full_like(x, IMPOSSIBLE, shape=(x.shape[1], x.shape[2] + 2))
    for t in range(1, len(x)):
        before[:, 2:] = a[t - 1]
        ways = before[:, 2:], before[:, 1:-1], before[:, :-2] + jump
        most = np.maximum(np.maximum(ways[0], ways[1]), ways[2])
        total = np.exp(ways[0] - most)
        for way in ways[1:]:
            total += np.exp(way - most)
        a[t] += np.log(total) + most
    return a


def _ctc_alpha_x(g, y, jump):
    before = y[:-1]
    ways = [before, _moved(before, 1), _moved(before, 2) + jump]
    shares = softmax(stack(ways), 0)
    das = [g[-1]]
    for t in range(len(g) - 2, -1, -1):
        stays, goes_on, jumps = (share[t] * das[-1] for share in shares)
        das.append(g[t] + stays + _moved(goes_on, -1) + _moved(jumps, -2))
    return stack(das[::-1])


ctc_alpha.grad(x=_ctc_alpha_x)


def _moved(a, places):
    """Along the last axis, by so many places; logs come with the log of 0, shares with 0."""
    widths = ((0, 0),) * (len(a.shape) - 1) + ((places, -places),)
    return margins(a, widths, IMPOSSIBLE if places > 0 else 0)


# the loss -------------------------------------------------------------------------------------


@composite(autocast="high")
def ctc_loss(
    log_probs: Tensor,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """l = -log Σ_paths Π_t p_t(class of the path at t), over all paths that read as the labels

    dl/dx_t[c] = -(the probability that such a path is at class c at step t), for log-probabilities
    x. Behind `log_softmax` it becomes e^x less this probability, which is what torch gives for x
    too.

    Where no path is short enough, as when there are more labels than steps, the loss is inf; its
    gradient is 0, not nan as in torch.

    Args:
        log_probs: (T, N, C), or (T, C) for one sequence: what `log_softmax` gives.
        targets: (N, S) labels, filled up with anything; or (Σ S,), one sequence after the other.
            No label is the blank.
        input_lengths: how many of the T steps each sequence has; a tensor, or a tuple of ints.
        target_lengths: how many labels each has.
        blank: the class that stands for no label.
        reduction: "mean" divides each loss by the number of its labels (at least 1) and takes the
            mean over the batch; "sum"; or "none" for (N,) losses.
        zero_infinity: takes 0 in the place of an infinite loss.

    Raises:
        ShapeError: shapes or numbers of lengths that do not go together.
        ValueError: a length out of range, or an unknown reduction.
        IndexError: a label that is no class, or is the blank. (A GPU is waited for to see it.)

    >>> import minitorch
    >>> even = minitorch.zeros(3, 1, 2).log_softmax(2)  # 3 steps, 2 classes, all alike
    >>> loss = ctc_loss(even, minitorch.tensor([[1]]), (3,), (1,), reduction="sum")
    >>> (-loss).exp()  # of the 8 paths, all but --- and 1-1 read as "1"
    tensor(0.7500)
    """
    check_reduction("ctc_loss", reduction)
    alone = len(log_probs.shape) == 2
    x = log_probs[:, None] if alone else log_probs
    x = x.float() if x.dtype.itemsize == 2 else x  # which cannot tell so many steps apart
    given = _whole(x, targets=targets, input_lengths=input_lengths, target_lengths=target_lengths)
    labels, steps, counts = _checked(x, given, operator.index(blank), alone)
    places, start, jump = _walk(labels, counts, blank, x)
    sequence = counting(x.shape[1], counts)
    log_p = clamp(pick_at(x, (slice(None), sequence[:, None], places)), min=IMPOSSIBLE)
    log_p = where(make(counting(len(x), counts)[:, None, None] < steps[:, None]), log_p, 0.0)
    at_end = pick_at(ctc_alpha(log_p, start, jump), (steps - 1, sequence))
    last = pick_at(at_end, (sequence, 2 * counts))
    before_last = pick_at(at_end, (sequence, np.maximum(2 * counts - 1, 0)))
    loss = -logaddexp(last, where(make(counts > 0), before_last, IMPOSSIBLE))
    loss = where(loss > -IMPOSSIBLE / 2, 0.0 if zero_infinity else np.inf, loss)
    if reduction == "mean":
        loss = mean(loss / make(np.maximum(counts, 1).astype(loss.dtype)))
    else:
        loss = sum(loss) if reduction == "sum" else loss[0] if alone else loss
    return loss.to(log_probs.dtype)


def _walk(labels: Array, counts: Array, blank: int, x: Tensor) -> tuple[Array, Tensor, Tensor]:
    """(N, L): the classes with blanks around them; where a path may start, and where jump."""
    N, S = labels.shape
    there = counting(S, labels) < counts[:, None]
    places = np.full_like(labels, blank, shape=(N, 2 * S + 1))
    places[:, 1::2] = np.where(there, labels, blank)
    start = np.full_like(x.array, IMPOSSIBLE, shape=places.shape)
    start[:, :2] = 0
    jump = np.full_like(x.array, IMPOSSIBLE, shape=places.shape)
    jump[:, 3::2] *= places[:, 3::2] == places[:, 1:-2:2]  # 0 between labels that differ
    return places, make(start), make(jump)


# what it is given -----------------------------------------------------------------------------


def _whole(x: Tensor, **named: Any) -> list[Array]:
    """The arguments as arrays of ints beside x."""
    arrays = []
    for name, value in named.items():
        a = raw(value)
        a = np.asarray(a) if isinstance(a, (int, np.generic, list, tuple)) else a
        if a.dtype.kind not in "iu" and a.size:
            raise TypeError(f"ctc_loss: {name} must hold ints, got {a.dtype}; try {name}.long()")
        arrays.append(move(a.astype(np.int64, copy=False), device_of(x.array)))
    return arrays


def _checked(x: Tensor, given: list[Array], blank: int, alone: bool) -> tuple[Array, Array, Array]:
    """Labels (N, S), and the numbers of steps and labels of each sequence, once all of it fits."""
    check_floats("ctc_loss", "log_probs", x)
    targets, steps, counts = given
    shape = tuple(x.shape)
    if len(shape) != 3 or not shape[0] or not shape[1]:
        raise ShapeError(
            f"ctc_loss: log_probs is {tuple(shape)}, expected (T, N, C) or (T, C), with one step "
            "and one sequence or more"
        )
    T, N, C = shape
    if not 0 <= blank < C:
        raise ValueError(f"ctc_loss: blank {blank}, expected one of the classes, 0 to {C - 1}")
    for name, lengths in (("input_lengths", steps), ("target_lengths", counts)):
        if lengths.shape != (N,) and not (alone and lengths.size == 1):
            raise ShapeError(
                f"ctc_loss: {name} is {lengths.shape}, expected {(N,)}, one for each sequence of "
                f"log_probs {shape}"
            )
    steps, counts = steps.reshape(-1), counts.reshape(-1)
    if targets.ndim == 1:
        targets = targets[None] if alone else _side_by_side(targets, counts)
    if targets.ndim != 2 or len(targets) != N:
        raise ShapeError(
            f"ctc_loss: targets is {targets.shape}, expected ({N}, S) for log_probs {shape}, or "
            "all labels in one row"
        )
    _check_values(targets, steps, counts, T, C, blank)
    return targets, steps, counts


def _side_by_side(targets: Array, counts: Array) -> Array:
    """Labels that came one sequence after the other, as (N, S); the filling is never read."""
    sizes = np.asarray(move(counts, "cpu"))
    if sizes.min() < 0 or sizes.sum() != len(targets):
        raise ShapeError(
            f"ctc_loss: target_lengths {sizes.tolist()} add up to {sizes.sum()}, expected "
            f"{len(targets)}, the number of targets"
        )
    start, S = np.cumsum(sizes) - sizes, int(sizes.max())
    if not S:
        return targets.reshape(len(sizes), 0)
    place = np.minimum(start[:, None] + np.arange(S), len(targets) - 1)
    return targets[move(place, device_of(targets))]


@one_call
def _check_values(targets: Array, steps: Array, counts: Array, T: int, C: int, blank: int) -> None:
    """Raises for a length or a label out of range."""
    if not all(map(has_values, (targets, steps, counts))):
        return
    S = targets.shape[1]
    there = counting(S, targets) < counts[:, None]
    wrong_steps, wrong_counts = (steps < 1) | (steps > T), (counts < 0) | (counts > S)
    wrong = there & ((targets < 0) | (targets >= C) | (targets == blank))
    if not (wrong_steps.any() | wrong_counts.any() | wrong.any()):
        return
    for name, lengths, bad, low, high in (
        ("input_lengths", steps, wrong_steps, 1, T),
        ("target_lengths", counts, wrong_counts, 0, S),
    ):
        if bad.any():
            (i,) = first_true(bad)
            raise ValueError(
                f"ctc_loss: {name}[{i}] is {int(lengths[i])}, expected {low} to {high}"
            )
    i, j = first_true(wrong)
    label = int(targets[i, j])
    expected = f"0 to {C - 1}" if label != blank else f"any class but the blank, {blank}"
    raise IndexError(f"ctc_loss: label {j} of sequence {i} is {label}, expected {expected}")
