"""Labels, class probabilities and class weights: what they must look like, and what to say if not.

A wrong label is the mistake that costs most and shows least: NumPy takes -1 for the last class, a
GPU wraps around, and the loss goes down all the same. So labels are looked at, once, as unsigned
numbers: a negative one is then a huge one, and a single maximum finds both kinds.
"""

from __future__ import annotations

from minitorch.array import apart, first_true, has_values, largest
from minitorch.call import said, say_once
from minitorch.kernels import on_gpu
from minitorch.ops.arguments import check_floats
from minitorch.ops.places import all_below
from minitorch.tensor import ShapeError
from minitorch.traced import NUMPY, of_now, one_call
from minitorch.words import np

REDUCTIONS = ("mean", "sum", "none")


def check_reduction(who, reduction):
    """Raises ValueError for a reduction that is none of the three."""
    if reduction not in REDUCTIONS:
        raise ValueError(f"{who}: reduction {reduction!r}, expected 'mean', 'sum' or 'none'")


def counting(n, like):
    """0 .. n - 1, beside an array of labels."""
    return np.arange(n, like=like) if has_values(like) else np.arange(n)


@one_call
def check_numbers(who, name, numbers, low, high):
    """Raises IndexError unless all are low .. high; a GPU is waited for."""
    if not has_values(numbers) or not (wrong := (numbers < low) | (numbers > high)).any():
        return
    place = first_true(wrong)
    at = f"[{', '.join(map(str, place))}]" if place else ""
    raise IndexError(f"{who}: {name}{at} is {int(numbers[place])}, expected {low} to {high}")


# shapes and kinds -----------------------------------------------------------------------------


def class_axis(who, input):
    """The axis of the classes: 1, or 0 for a single example."""
    check_floats(who, "input", input)
    if not input.ndim:
        raise ShapeError(f"{who}: input is one number, expected (N, C), (C,) or (N, C, d1, ...)")
    return 1 if input.ndim > 1 else 0


def holds_labels(who, input, target, axis, only=False):
    """True where target holds labels, False for probabilities, which `only` does not take.

    Raises:
        TypeError: it is a kind of number that neither of them is.
        ValueError: its shape does not go with the input's.
    """
    if not hasattr(target, "dtype"):
        raise TypeError(f"{who}: target must be a Tensor, got {type(target).__name__}")
    if apart(input, target):
        raise TypeError(f"{who}: input and target are on two devices")  # the engine says which
    kind, shape = target.dtype.kind, target.shape
    expected = input.shape[:axis] + input.shape[axis + 1 :]
    if kind == "b":
        raise TypeError(f"{who}: target is bool, expected integer labels; try target.long()")
    if shape == input.shape and not (kind == "f" and only):
        if kind == "f":
            return False
        raise TypeError(
            f"{who}: target is {target.dtype} of the input's shape {shape}, expected labels of "
            f"shape {expected}; from one-hot rows: target.argmax({axis})"
        )
    if kind == "f":
        raise TypeError(
            f"{who}: target is {target.dtype} of shape {shape}, expected integer labels of shape "
            f"{expected}; try target.astype(int), if the numbers are whole"
        )
    if shape != expected:
        raise ShapeError(
            f"{who}: target has shape {shape}, expected {expected} for input {input.shape}"
            f"{_shape_hint(input, target, expected)}"
        )
    return True


def _shape_hint(input, target, expected):
    """What to write, where the shapes show what was meant."""
    if target.ndim == len(expected) + 1 and target.shape[1:2] == (1,):
        return "; try target.squeeze(1)"
    if target.shape == input.shape[:-1]:
        dims = ", ".join(map(str, (0, input.ndim - 1, *range(1, input.ndim - 1))))
        return f"; classes are on axis 1: try input.permute({dims})"
    return ""


def plainly_labels(input, target, axis, ignore_index):
    """True for labels of which there is nothing to say: all of them classes, none to be ignored."""
    if (
        type(target) not in NUMPY
        or apart(input, target)
        or input.shape[:axis] + input.shape[axis + 1 :] != (target.shape)
    ):
        return False
    C = input.shape[axis]
    return all_below(target, C) and not 0 <= ignore_index < C


# values ---------------------------------------------------------------------------------------


def _used_and_bad(target, C, ignore_index):
    """Which labels take part, and which of those are no classes."""
    used = target != ignore_index
    return used, used & ((target < 0) | (target >= C))


@on_gpu("softmax.look_at_labels")
def _looked_at(target, C, ignore_index):
    """How many labels are no classes, times N + 1, and how many take part: one number."""
    used, bad = _used_and_bad(target, C, ignore_index)
    return bad.sum() * (target.size + 1) + used.sum()


def used_labels(who, input, target, axis, ignore_index, weight=None):
    """Which labels take part (None: all of them), and how many, after a look at their range.

    With class weights it is 0 where those of the labels sum to 0. A GPU is waited for once, for one
    number that holds all that is asked.

    Raises:
        IndexError: a label that is neither a class nor `ignore_index`.
        ValueError: a weight below 0.
    """
    C, N = input.shape[axis], target.size
    if not has_values(target) or not N:
        return None, N
    if weight is not None and not has_values(weight):
        weight = None
    plain = type(target) in NUMPY and weight is None
    if plain and all_below(target, C) and not 0 <= ignore_index < C:
        return None, N
    if weight is None:
        n, count = divmod(int(_looked_at(target, C, ignore_index)), N + 1)
        if not n and count == N:
            return None, N
    used, bad = _used_and_bad(target, C, ignore_index)
    if weight is None:
        idle = wrong = 0
    else:
        asked = bad.sum() * (N + 1) + used.sum()
        rows = weight.reshape(-1)[np.where(used & ~bad, target, 0)] * used
        asked = (asked * 2 + (rows.sum() == 0)) * (C + 1) + (~(weight >= 0)).sum()
        asked, wrong = divmod(int(asked), C + 1)
        asked, idle = divmod(asked, 2)
        n, count = divmod(asked, N + 1)
    if wrong:
        check_weights(who, weight)
    if not n:
        return (None if count == N else used), 0 if idle else count
    where = first_true(bad)
    low, high = int(target[used].min()), int(target[used].max())
    hint = ""
    if low >= 1 and high == C:
        hint = ". Labels from 1? try target - 1"
    elif low < 0 and high < C:
        hint = f". Is {low} a filler? pass ignore_index={low}"
    place = f"[{', '.join(map(str, where))}]" if where else ""
    raise IndexError(
        f"{who}: target{place} = {int(target[where])}, expected 0 to {C - 1} (input "
        f"{input.shape}); {n} bad label{'s' * (n > 1)} of {target.size}{hint}"
    )


def class_weights(who, weight, input, axis):
    """The weight of each class in the input's dtype, shaped to go with it; or None.

    Raises:
        ValueError: a wrong size.
    """
    if weight is None:
        return None
    C = input.shape[axis]
    if weight.shape != (C,):
        raise ShapeError(f"{who}: weight: shape {weight.shape}, expected {(C,)}, one per class")
    shape = [1] * input.ndim
    shape[axis] = C
    return weight.astype(input.dtype, copy=False).reshape(shape)


def check_weights(who, weight):
    """Raises ValueError where the weight of a class is below 0."""
    if not weight.min() >= 0:
        weight = weight.reshape(-1)
        c = int(weight.argmin())
        raise ValueError(f"{who}: weight of class {c} is {float(weight[c])}, expected 0 or more")


def check_probabilities(who, target, axis, weight=None):
    """Raises ValueError where target is below 0, or does not sum to 1 over the classes.

    So it does where the weight of a class is below 0: all of it is asked together, so that a GPU is
    waited for once.
    """
    if not has_values(target) or not target.size:
        return
    sums = target.sum(axis=axis)
    # Negated, so that nan is found too; bfloat16 has 3 digits, also where it comes as float32.
    off = ~(abs(sums - 1) <= (3e-3 if target.dtype.itemsize > 2 else 1e-2))
    low = target.min()
    wrong = off.any() | ~(low >= 0)
    if not (wrong if weight is None else wrong | (~(weight >= 0)).any()):
        return
    if weight is not None:
        check_weights(who, weight)
    if off.any():
        row = first_true(off)
        place = f" at {', '.join(map(str, row))}" if row else ""
        raise ValueError(
            f"{who}: the target probabilities{place} sum to {float(sums[row]):.6g}, expected 1; "
            "counts need target / target.sum(1, keepdim=True)"
        )
    raise ValueError(f"{who}: a target probability is {float(low):.6g}, expected 0 to 1")


# said once ------------------------------------------------------------------------------------


def _unseen(what, x):
    """True where x is not looked at: without values, or from the second time on a GPU.

    To look there is to wait for it, and a mistake of this kind is in the first batch as in all.
    """
    if type(x) in NUMPY:
        return not x.size
    if not has_values(x) or not x.size or (on_gpu := f"{what} on a GPU") in said:
        return True
    said.add(on_gpu)
    return False


def say_probabilities(input, axis):
    """Says once that logits look like probabilities."""
    if "probabilities" in said or _unseen("probabilities", input) or input.shape[axis] < 2:
        return
    input = of_now(input)
    # One number decides nearly always; the rest is looked at only where it fits.
    first = input.item(0) if type(input) is np.ndarray else float(input[(0,) * input.ndim])
    if not 0 <= first <= 1 or not input.min() >= 0:
        return
    if abs(input.sum(axis=axis) - 1).max() < 1e-3:
        say_once(
            "probabilities",
            "cross_entropy: every row of the input lies in [0, 1] and sums to 1, as if it came "
            "out of a softmax; it takes the raw logits, and applies log_softmax itself",
        )


def say_raw_scores(picked):
    """Says once that what `nll_loss` got are no log-probabilities."""
    if (
        "log-probabilities" not in said
        and not _unseen("log-probabilities", picked)
        and largest(picked) > 0
    ):
        say_once(
            "log-probabilities",
            "nll_loss: the input is above 0 at a label, so it holds no log-probabilities; put "
            "log_softmax before it, or use cross_entropy",
        )


def say_infinite(loss):
    """Says once that label smoothing met a class that was ruled out."""
    if "smoothing" in said or _unseen("smoothing", loss):
        return
    if (infinite := np.isinf(loss)).any():
        say_once(
            "smoothing",
            f"cross_entropy: the loss at {first_true(infinite)} is inf: label smoothing expects "
            "some of every class, and a logit of -inf rules one out",
        )
