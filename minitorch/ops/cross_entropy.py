"""Cross-entropy: the price, in nats, of the probability that a model gave to what was true.

For the logits x of one example and its label t the loss is

    l = log Σ_c e^x_c - x_t          dl/dx_c = p_c - [c = t],   p = softmax(x)

All else here is a weighting of that. With target shares q in place of one label, class weights w
and label smoothing ε, each class has the coefficient

    a_c = w_c ((1 - ε) q_c + ε / C)          l = -Σ_c a_c log p_c          dl/dx_c = A p_c - a_c

where A = Σ_c a_c. The forward keeps e^(x - max x) and its sum: then p costs one multiplication.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy import ndarray

from minitorch.array import has_values, number
from minitorch.convert import cast, cast_like
from minitorch.few import add_up, is_few
from minitorch.kernels import on_gpu
from minitorch.op import op
from minitorch.ops.few_labels import cross_entropy_of_few, nll_loss_of_few, places_of_few
from minitorch.ops.index import pick_at, unslice
from minitorch.ops.labels import (
    check_probabilities,
    check_reduction,
    class_axis,
    class_weights,
    holds_labels,
    plainly_labels,
    say_infinite,
    say_probabilities,
    say_raw_scores,
    used_labels,
)
from minitorch.ops.places import Places, places_of_labels, read, write
from minitorch.ops.reduce import sum
from minitorch.ops.shape import reshape, sum_to
from minitorch.ops.softmax import log_softmax, softmax
from minitorch.ops.sums import total as summed
from minitorch.ops.sums import wide
from minitorch.traced import NUMPY
from minitorch.words import np


class Expected(NamedTuple):
    """What a target asks of the classes of each example."""

    dim: int  # of the classes
    divisor: Any  # what the loss is divided by; 1 unless it is a mean
    index: Any = None  # where the labels point to in the input; None for probabilities
    used: Any = None  # which labels take part; None for all
    rows: Any = None  # the weight of each label, 0 where it is ignored; None for 1 everywhere
    share: Any = None  # da/dq: w (1 - ε); None for 1 everywhere
    evenly: Any = None  # what smoothing gives to every class: w ε / C
    dense: bool = True  # has every class a coefficient, or only the label?


@op(exact_dtype=True, keeps="kept", autocast="high")
def cross_entropy(
    input,
    target,
    *,
    weight=None,
    ignore_index=-100,
    reduction="mean",
    label_smoothing=0.0,
):
    """y = mean of l = log Σ_c e^x_c - x_t          dL/dx_c = g (p_c - [c = t]) / N

    Args:
        input: the logits x, of shape (N, C), (C,) or (N, C, d1, ...): classes on axis 1. Not the
            output of a softmax, which is said once where it looks like one.
        target: labels 0 to C-1 of any integer dtype, of the input's shape without the classes; or
            probabilities, floats of the input's shape, which have a gradient as well.
        weight: (C,), of each class.
        ignore_index: labels of this value take no part, and their gradient is 0.
        reduction: "mean" (over the weights of the labels that take part; over the examples for
            probabilities), "sum" or "none".
        label_smoothing: ε, the part of every target that is spread evenly over the classes.

    Raises:
        IndexError: a label out of range.
        TypeError: labels that are floats, bools or one-hot.
        ValueError: shapes that do not fit, probabilities that do not sum to 1, a weight of the
            wrong size or below 0, or a mean over nothing.

    A GPU is waited for once, for a look at the labels and the weights.

    A logit of -inf is a class ruled out: its gradient is 0, and the loss inf only where it is the
    label.

    >>> import minitorch
    >>> logits = minitorch.tensor([[0.0, 0.0, 0.0, 0.0], [5.0, 0.0, 0.0, 0.0]])
    >>> minitorch.nn.functional.cross_entropy(logits, minitorch.tensor([3, 0]), reduction="none")
    tensor([1.3863, 0.0200])
    """
    if weight is None and not label_smoothing:
        at = places_of_few(input, target, ignore_index, reduction)
        found = None if at is None else cross_entropy_of_few(input, at, reduction)
        if found is not None:
            if 0 <= input.item(0) <= 1:  # which decides nearly always
                say_probabilities(input, 1)
            y, slope, sums = found
            return y, (at, slope, sums)
    dim = class_axis("cross_entropy", input)
    check_reduction("cross_entropy", reduction)
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing {label_smoothing}, expected 0 to 1")
    expected = _expected(
        "cross_entropy", input, target, dim, weight, ignore_index, reduction, label_smoothing
    )
    say_probabilities(input, dim)
    if expected.dense:
        logp = _shifted(wide(input), dim)
        e = np.exp(logp)
        total = summed((dim,), e)
        logp -= np.log(total)
        loss = -_times(logp, _coefficients(logp, target, expected)).sum(axis=dim)
        if label_smoothing:
            say_infinite(loss)
    else:
        loss, e, total = _of_labels(wide(input), expected.index, dim)
        loss = _times(loss, expected.rows)
    y = _reduced(loss, reduction, expected)
    return y if e.dtype is input.dtype else y.astype(input.dtype), (expected, e, total)


@on_gpu("softmax.labels_loss")
def _of_labels(x, index, dim):
    """l of each label, e^(x - max x), and its sum along `dim`."""
    logp = _shifted(x, dim)
    picked = read(logp, index)
    e = np.exp(logp, out=logp)
    total = summed((dim,), e, beside=True)
    each = read(total, index) if total.shape == e.shape else total
    return np.log(each).reshape(picked.shape) - picked, e, total


def _shifted(x, dim):
    """x - max x along `dim`; the largest of all serves as well where no x is far below it."""
    if is_few(x) and x.size:
        top = x.item(x.argmax())
        if top - x.item(x.argmin()) < 8:
            return x - np.array(top, x.dtype)
    y = np.empty_like(x)
    return np.subtract(x, _tops(x, dim), out=y) if x.size else y


_SHORT = 32  # a row with fewer numbers takes NumPy longer to set out for than to compare


def _tops(x, dim):
    """max x along `dim`, which stays. Short rows are turned: whole columns are compared at once."""
    if type(x) in NUMPY and x.ndim == 2 and dim == 1 and x.shape[1] < _SHORT:
        return x.T.copy().max(axis=0).reshape(-1, 1)
    return x.max(axis=dim, keepdims=True)


def _to_logits(g, input, target, kept, reduction):
    expected, e, total = kept
    if type(expected) is ndarray:
        if type(g) is ndarray:
            return g * e
        expected, (e, total) = _plain(target, Places(expected), reduction), total
    s, dim = _each(g, input.shape, expected, reduction), expected.dim
    if expected.dense:
        a = _coefficients(e, target, expected)
        dx = soft_cross_entropy_grad(s, input, a, e, total, dim=dim)
    else:
        if expected.rows is not None:
            s = s * expected.rows.reshape(_one_class(input.shape, expected.dim))
        dx = cross_entropy_grad(s, input, e, total, index=expected.index, dim=dim)
    return cast_like(dx, input)


def _to_probabilities(g, input, kept, reduction):
    s = _each(g, input.shape, kept[0], reduction)
    slope = -s * log_softmax(input, kept[0].dim)
    return slope if kept[0].share is None else slope * kept[0].share


cross_entropy.grad(input=_to_logits, target=_to_probabilities)


@op(exact_dtype=True)
def cross_entropy_grad(s, input, e, total, *, index, dim):
    """y_c = s (p_c - [c = t])          dL/ds = h - g_t,   dL/dx_c = s p_c (g_c - h)

    The gradient of the cross-entropy of labels, where h = Σ_k g_k p_k and p = e / total is the
    softmax of x that the forward left over; `s` has size 1 along `dim`, or is one number.
    """
    return _less_labels(e, s, total, index, dim)


@on_gpu("softmax.labels_gradient")
def _less_labels(e, s, total, index, dim):
    y = e * (s / total)
    picked = read(y, index)
    write(y, index, picked - (s.reshape(picked.shape) if s.ndim else s))
    return y


@op(exact_dtype=True)
def soft_cross_entropy_grad(s, input, a, e, total, *, dim):
    """y_c = s (A p_c - a_c)          dL/ds = A h - Σ_c g_c a_c

    dL/dx_c = s A p_c (g_c - h),   dL/da_c = s (h - g_c): as above, for coefficients a of sum A.
    """
    y = e * (s * a.sum(axis=dim, keepdims=True) / total)
    y -= s * a
    return y


def _labels_second(g, s, input, index, dim, needs):
    p = softmax(input, dim)
    h = sum(g * p, dim, True)
    ds = sum_to(h - reshape(pick_at(g, index), h.shape), s.shape) if needs[0] else None
    return ds, s * p * (g - h) if needs[1] else None, None, None


def _soft_second(g, s, input, a, dim, needs):
    p = softmax(input, dim)
    A = sum(a, dim, True)
    h = sum(g * p, dim, True)
    return (
        sum_to(A * h - sum(g * a, dim, True), s.shape) if needs[0] else None,
        s * A * p * (g - h) if needs[1] else None,
        s * (h - g) if needs[2] else None,
        None,
        None,
    )


cross_entropy_grad.grad(_labels_second)
soft_cross_entropy_grad.grad(_soft_second)


@op(exact_dtype=True, keeps="expected", autocast="high")
def nll_loss(input, target, *, weight=None, ignore_index=-100, reduction="mean"):
    """y = mean of -x_t          dL/dx_c = -g [c = t] / N

    The log-probabilities of the labels, picked out: after `log_softmax` it is the cross-entropy.
    Raw scores in their place are pointed out once. Arguments and errors are those of
    `cross_entropy`, without probabilities.

    >>> import minitorch
    >>> x = minitorch.tensor([[1.0, 2.0], [0.5, 3.0]])
    >>> minitorch.nn.functional.nll_loss(minitorch.log_softmax(x, 1), minitorch.tensor([1, 0]))
    tensor(1.4461)
    """
    if weight is None:
        at = places_of_few(input, target, ignore_index, reduction)
        if at is not None:
            picked = input.take(at)
            if picked.item(picked.argmax()) > 0:
                say_raw_scores(picked)
            y, slopes = nll_loss_of_few(input, picked, reduction)
            return y, (at, slopes)
    dim = class_axis("nll_loss", input)
    check_reduction("nll_loss", reduction)
    expected = _expected("nll_loss", input, target, dim, weight, ignore_index, reduction)
    picked = read(input, expected.index)
    say_raw_scores(picked)
    return _reduced(-_times(picked, expected.rows), reduction, expected), expected


def _to_log_probabilities(g, input_shape, target, expected, reduction):
    # The target is named so that a change of the labels in place is noticed.
    if type(expected) is tuple:
        at, slopes = expected
        if type(g) is ndarray:
            y = np.zeros(input_shape, g.dtype)
            y.put(at, slopes)
            y *= g
            return y
        expected = _plain(target, Places(at), reduction)
    return unslice(_each_label(g, expected, reduction), expected.index, input_shape)


nll_loss.grad(input=_to_log_probabilities)


# what they share ------------------------------------------------------------------------------


def _plain(target, index, reduction, dim=1):
    """What is expected by labels that have no weights."""
    divisor = target.size if reduction == "mean" else 1
    return Expected(dim, divisor, index, None, None, None, None, False)


def _expected(who, input, target, dim, weight, ignore_index, reduction, smoothing=None):
    """What the target asks for; `smoothing` is None where probabilities are no target."""
    mean = reduction == "mean"
    if weight is None and not smoothing and plainly_labels(input, target, dim, ignore_index):
        return _plain(target, _index(target, dim, input), reduction, dim)
    w = class_weights(who, weight, input, dim)
    share = evenly = None
    if w is not None or smoothing:
        share = (1.0 if w is None else w) * (1 - (smoothing or 0))
        evenly = (1.0 if w is None else w) * ((smoothing or 0) / max(input.shape[dim], 1))
    if not holds_labels(who, input, target, dim, only=smoothing is None):
        check_probabilities(who, target, dim, w)
        if mean and not input.size:
            raise ValueError(f"{who}: the mean over an empty batch, input {input.shape}")
        divisor = input.size // input.shape[dim] if mean else 1
        return Expected(dim, divisor, None, None, None, share, evenly)
    used, count = used_labels(who, input, target, dim, ignore_index, w)
    if used is not None:
        target = np.where(used, target, 0)
    rows = None if w is None else w.reshape(-1)[target]
    if used is not None:
        rows = used.astype(input.dtype) if rows is None else rows * used
    divisor = 1
    if mean:
        divisor = count if w is None else rows.sum()
        if not target.size:
            raise ValueError(f"{who}: the mean over an empty batch, input {input.shape}")
        if has_values(input) and not count:
            raise ValueError(_nothing(who, target, used, ignore_index))
    index = _index(target, dim, input)
    return Expected(dim, divisor, index, used, rows, share, evenly, bool(smoothing))


def _index(target, dim, input):
    """What picks from the input, for every label, the number of its class."""
    if is_few(target) and has_values(input):
        return places_of_labels(target, dim, input.shape)
    if target.ndim == 1:
        return np.arange(target.size, like=target), target
    spots = [
        np.arange(n, like=target).reshape(-1, *[1] * (target.ndim - 1 - i))
        for i, n in enumerate(target.shape)
    ]
    spots.insert(dim, target)
    return tuple(spots)


def _nothing(who, target, used, ignore_index):
    """Why the weights of a batch sum to nothing."""
    if used is not None and not used.any():
        return (
            f"{who}: all {target.size} targets equal ignore_index {ignore_index}: nothing to "
            "average; reduction='sum' gives 0"
        )
    return f"{who}: the weights of the classes in this batch sum to 0: nothing to average"


def _coefficients(like, target, expected):
    """a_c for each class, in an array like `like`."""
    if expected.index is None:
        a = target if target.dtype == like.dtype else cast(target, dtype=like.dtype)
    else:
        a = np.zeros_like(like)
        write(a, expected.index, 1)
    if expected.share is not None:
        a = a * expected.share + expected.evenly
    if expected.used is not None:
        a = a * expected.used.reshape(_one_class(like.shape, expected.dim))
    return a


def _one_class(shape, dim):
    """`shape` with a single class."""
    return (*shape[:dim], 1, *shape[dim + 1 :])


def _times(x, weight):
    """x weighted; what weighs nothing is 0, also where x is infinite: 0 log 0 is 0."""
    return x if weight is None else np.where(weight == 0, 0, x * weight)


def _reduced(loss, reduction, expected):
    if reduction == "none":
        return loss
    y = add_up(loss)
    y /= number(expected.divisor, y)
    return y


def _each(g, shape, expected, reduction):
    """The gradient that arrives at each example, shaped to go with the classes."""
    if reduction == "none":
        return reshape(g, _one_class(shape, expected.dim))
    return g / number(expected.divisor, g)


def _each_label(g, expected, reduction):
    """-g w / N: the gradient at each label, or one number where it is the same at all."""
    if expected.rows is not None:
        return g / -expected.divisor * expected.rows
    if reduction == "none":
        return -g
    s = g.reshape((1,)) / number(-expected.divisor, g)
    index = expected.index.at if type(expected.index) is Places else expected.index[expected.dim]
    return s.reshape((1,) * index.ndim)
