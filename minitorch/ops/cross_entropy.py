"""Cross-entropy: the price, in nats, of the probability that a model gave to what was true.

For the logits x of one example and its label t the loss is

    l = log Σ_c e^x_c - x_t          dl/dx_c = p_c - [c = t],   p = softmax(x)

All else here is a weighting of that. With target shares q in place of one label, class weights w
and label smoothing ε, each class has the coefficient

    a_c = w_c ((1 - ε) q_c + ε / C)          l = -Σ_c a_c log p_c          dl/dx_c = A p_c - a_c

where A = Σ_c a_c. The forward keeps e^(x - max x) and its sum: then p costs one multiplication.
Where x is large, p is written over the powers, which spares memory; a second backward through the
same graph computes them again.
"""

from __future__ import annotations

from numpy import ndarray

from minitorch.constants import number
from minitorch.convert import cast, cast_like
from minitorch.few import add_up, is_few
from minitorch.kernels import on_gpu
from minitorch.op import op
from minitorch.ops.broadcast import sum_to
from minitorch.ops.few_labels import cross_entropy_of_few, nll_loss_of_few, places_of_few
from minitorch.ops.index import pick_at, unslice
from minitorch.ops.labels import (
    check_reduction,
    class_axis,
    say_infinite,
    say_probabilities,
    say_raw_scores,
)
from minitorch.ops.places import Places, read, write
from minitorch.ops.reduce import sum
from minitorch.ops.shape import reshape
from minitorch.ops.softmax import log_softmax, softmax
from minitorch.ops.sums import total as summed
from minitorch.ops.sums import wide
from minitorch.ops.targets import expectation, plain
from minitorch.threads import by_rows, is_large
from minitorch.traced import NUMPY
from minitorch.words import np


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
            probabilities t, floats of the input's shape, with dL/dt_c = -g log p_c / N.
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
            return y, (at, slope, sums, None)
    dim = class_axis("cross_entropy", input)
    check_reduction("cross_entropy", reduction)
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing {label_smoothing}, expected 0 to 1")
    expected = expectation(
        "cross_entropy", input, target, dim, weight, ignore_index, reduction, label_smoothing
    )
    say_probabilities(input, dim)
    top = None
    if expected.dense:
        x = wide(input)
        loss, e, total = _of_shares(x, _coefficients(x, target, expected), dim)
        if label_smoothing:
            say_infinite(loss)
    else:
        x = wide(input)
        if is_large(x):
            loss, *powers = _of_many(x, expected.index, dim)
            e, total, top = powers
        else:
            loss, e, total = _of_labels(x, expected.index, dim)
        loss = _times(loss, expected.rows)
    y = _reduced(loss, reduction, expected)
    return y if y.dtype is input.dtype else y.astype(input.dtype), (expected, e, total, top)


@on_gpu("softmax.shares_loss")
def _of_shares(x, a, dim):
    """l of each example, e^(x - max x), and its sum along `dim`."""
    logp = _shifted(x, dim)
    e = np.exp(logp)
    total = summed((dim,), e)
    logp -= np.log(total)
    return -_times(logp, a).sum(axis=dim), e, total


@on_gpu("softmax.labels_loss")
def _of_labels(x, index, dim):
    """l of each label, e^(x - max x), and its sum along `dim`."""
    logp = _shifted(x, dim)
    picked = read(logp, index)
    e = np.exp(logp, out=logp)
    total = summed((dim,), e, beside=True)
    each = read(total, index) if total.shape == e.shape else total
    return np.log(each).reshape(picked.shape) - picked, e, total


def _of_many(x, index, dim):
    """The same, and max x; the powers are in a list, for the one who may write over them."""
    e, total = np.empty_like(x), np.empty_like(x, shape=_one_class(x.shape, dim))
    top = np.empty_like(total)
    by_rows(_powers_into, (e, total, top), (x,), dim)
    picked = read(x, index)
    picked = picked - top.reshape(picked.shape)
    return np.log(total).reshape(picked.shape) - picked, [e], total, top


def _powers_into(e, total, top, x, dim):
    top[...] = _tops(x, dim)
    np.subtract(x, top, out=e)
    np.exp(e, out=e)
    total[...] = summed((dim,), e)


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
    expected, e, total, top = kept
    if type(expected) is ndarray:
        if type(g) is ndarray:
            return g * e
        expected, (e, total) = plain(target, Places(expected), reduction), total
    s, dim = _each(g, input.shape, expected, reduction), expected.dim
    if expected.dense:
        a = _coefficients(e, target, expected)
        dx = soft_cross_entropy_grad(s, input, a, e, total, dim=dim)
    else:
        if expected.rows is not None:
            s = s * expected.rows.reshape(_one_class(input.shape, expected.dim))
        if top is not None:
            e = e.pop() if e else None
        dx = cross_entropy_grad(s, input, total, e, top, index=expected.index, dim=dim)
    return cast_like(dx, input)


def _to_probabilities(g, input, kept, reduction):
    s = _each(g, input.shape, kept[0], reduction)
    slope = -s * log_softmax(input, kept[0].dim)
    return slope if kept[0].share is None else slope * kept[0].share


cross_entropy.grad(input=_to_logits, target=_to_probabilities)


@op(exact_dtype=True)
def cross_entropy_grad(s, input, total, e=None, top=None, *, index=None, dim=1):
    """y_c = s (p_c - [c = t])          dL/ds = h - g_t,   dL/dx_c = s p_c (g_c - h)

    The gradient of the cross-entropy of labels, where h = Σ_k g_k p_k and p = e / total is the
    softmax of x that the forward left over; `s` has size 1 along `dim`, or is one number. With
    max x as `top` the result is written over e, which may be None, and is then computed again.
    """
    if top is None:
        return _less_labels(e, s, total, index, dim)
    y = np.exp(input - top) if e is None else e
    by_rows(_times_into, (y,), (y, s / total), dim)
    return _less_at_labels(y, s, index)


def _times_into(y, e, scale, dim):
    np.multiply(e, scale, out=y)


@on_gpu("softmax.labels_gradient")
def _less_labels(e, s, total, index, dim):
    return _less_at_labels(e * (s / total), s, index)


def _less_at_labels(y, s, index):
    picked = read(y, index)
    write(y, index, picked - (s.reshape(picked.shape) if s.ndim else s))
    return y


@op(exact_dtype=True)
def soft_cross_entropy_grad(s, input, a, e, total, *, dim):
    """y_c = s (A p_c - a_c)          dL/ds = A h - Σ_c g_c a_c

    dL/dx_c = s A p_c (g_c - h),   dL/da_c = s (h - g_c): as above, for coefficients a of sum A.
    """
    return _less_shares(e, s, a, total, dim)


@on_gpu("softmax.shares_gradient")
def _less_shares(e, s, a, total, dim):
    y = e * (s * a.sum(axis=dim, keepdims=True) / total)
    y -= s * a
    return y


def _labels_second(g, s, input, index, dim, needs):
    p = softmax(input, dim)
    h = sum(g * p, dim, True)
    ds = sum_to(h - reshape(pick_at(g, index), h.shape), s.shape) if needs[0] else None
    return ds, s * p * (g - h) if needs[1] else None, None, None, None


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
            picked = input.ravel()[at]
            if picked.item(picked.argmax()) > 0:
                say_raw_scores(picked)
            y, slopes = nll_loss_of_few(input, picked, reduction)
            return y, (at, slopes)
    dim = class_axis("nll_loss", input)
    check_reduction("nll_loss", reduction)
    expected = expectation("nll_loss", input, target, dim, weight, ignore_index, reduction)
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
        expected = plain(target, Places(at), reduction)
    return unslice(_each_label(g, expected, reduction), expected.index, input_shape)


nll_loss.grad(input=_to_log_probabilities)


# what they share ------------------------------------------------------------------------------


def _coefficients(like, target, expected):
    """a_c for each class, in an array like `like`."""
    if expected.index is None:
        a = target if target.dtype == like.dtype else cast(target, dtype=like.dtype)
    else:
        a = _marked(like, expected.index, expected.dim)
    if expected.share is not None:
        a = a * expected.share + expected.evenly
    if expected.used is not None:
        a = a * expected.used.reshape(_one_class(like.shape, expected.dim))
    return a


@on_gpu("softmax.marked")
def _marked(like, index, dim):
    """1 where the index points, else 0."""
    y = np.zeros_like(like)
    write(y, index, 1)
    return y


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
