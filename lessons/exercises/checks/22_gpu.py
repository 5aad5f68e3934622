"""Checks of the exercises of lesson 22, and wrong answers that they must notice."""

import math

import numpy as np


class WaitedError(Exception):
    """Somebody asked the card for a number."""


class OnCard(np.lib.mixins.NDArrayOperatorsMixin):
    """The paper card of the lesson; it does not like to be waited for."""

    def __init__(self, values):
        self.values = values
        self.shape = values.shape

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        if any(isinstance(x, np.ndarray) for x in inputs):
            return NotImplemented
        inputs = [x.values if isinstance(x, OnCard) else x for x in inputs]
        return OnCard(np.asarray(getattr(ufunc, method)(*inputs, **options)))

    def __len__(self):
        return len(self.values)

    def get(self, *args, **options):
        raise WaitedError

    __array__ = __float__ = __bool__ = __iter__ = tolist = item = get


def check_standardized(function):
    rng = np.random.default_rng(0)
    x = rng.normal(3.0, 2.0, (6, 4))
    before = x.copy()
    wanted = (x - x.mean(0)) / x.std(0)
    said = np.asarray(function(x))
    assert np.array_equal(x, before), "x is not the same afterwards"
    assert said.shape == x.shape, f"for x {x.shape} the result has shape {said.shape}"
    assert np.allclose(said, wanted), (
        f"the columns have the means {said.mean(0).round(3)}, expected 0, and the deviations "
        f"{said.std(0).round(3)}, expected 1, dividing by N"
    )
    try:
        there = function(OnCard(x))
    except WaitedError:
        raise AssertionError(
            "for x on the card, the function waits for its numbers (float(), np.asarray(), .get(), "
            "or a NumPy function that is no ufunc, such as np.mean)"
        ) from None
    except (TypeError, AttributeError) as error:
        raise AssertionError(
            f"for x on the card: {error}; use operators and ufuncs alone, on x and what comes of "
            "it, so that it need not be said where they run"
        ) from None
    assert isinstance(there, OnCard), "x was on the card, and the result is not"
    assert np.allclose(there.values, wanted), "on the card other numbers come out than on the host"


def check_timeline(function):
    for program, host, card in (
        ("kkk", 1, 2),
        ("kwkwkw", 1, 2),
        ("kkkkw", 2, 1),
        ("kkwkkkw", 1.0, 3.0),
        ("kkkkkkkk", 10.0, 5.0),
        ("wkw", 1, 1),
        ("", 1, 1),
    ):
        now = free = 0.0
        for what in program:
            if what == "k":
                now += host
                free = max(free, now) + card
            else:
                now = max(now, free)
        total = max(now, free)
        said = function(program, host, card)
        about = f"{program!r} with host {host} and card {card}"
        assert len(said) == 2, f"{about}: expected (total, busy)"
        assert math.isclose(said[0], total), (
            f"{about} takes {total:g}, got {said[0]:g}; a kernel begins when it is in the queue "
            "and the one before it is done, and the host waits for the card at w only"
        )
        busy = program.count("k") * card / total if total else 0.0
        assert math.isclose(said[1], busy, abs_tol=1e-12), (
            f"{about}: the card is busy for {busy:.3f} of {total:g}, got {said[1]:.3f}"
        )


def times(n, inputs, outputs, rate, bandwidth, size):
    """How long a batch of n takes to compute, and to carry."""
    numbers = n * inputs + inputs * outputs + n * outputs
    return 2 * n * inputs * outputs / rate, size * numbers / bandwidth


def check_batch_for_arithmetic(function):
    laptop, large = (5e10, 2e10), (5e13, 3e12)
    for inputs, outputs, machine, size in (
        (1000, 1000, laptop, 4),
        (500, 10, laptop, 4),
        (800, 500, large, 4),
        (800, 500, large, 2),
        (4000, 4000, large, 4),
        (10, 10, large, 4),
    ):
        layer = (inputs, outputs, *machine, size)
        said = function(*layer)
        about = f"I {inputs}, O {outputs}, {machine[0]:g} operations, {machine[1]:g} bytes a second"
        about += f", size {size}"
        compute, carry = times(10**12, *layer)
        if compute < carry:
            assert said is None, (
                f"{about}: carrying takes longer for every batch, expected None, got {said}"
            )
            continue
        assert isinstance(said, int), f"{about}: expected a whole number, got {said!r}"
        compute, carry = times(said, *layer)
        assert compute >= carry * (1 - 1e-9), (
            f"{about}: with {said} images computing takes {compute:.3g} s and carrying "
            f"{carry:.3g} s, still longer"
        )
        compute, carry = times(said - 1, *layer)
        assert compute < carry, (
            f"{about}: {said} is not the smallest, {said - 1} images take {compute:.3g} s to "
            f"compute and {carry:.3g} s to carry"
        )


def check_largest_batch(function):
    for card, parameters, buffers, per_image in (
        (1000, 50, 1, 30),
        (1000, 50, 0, 30),
        (1000, 50, 2, 30),
        (599, 50, 1, 30),
        (630, 50, 1, 30),
        (16 * 10**9, 431_080, 1, 139_700),
    ):
        said = function(card, parameters, buffers, per_image)
        left = card - 4 * (2 + buffers) * parameters
        expected = left // per_image if left > 0 else 0
        assert said == expected, (
            f"{card:,} bytes, {parameters:,} parameters with {buffers} buffers, {per_image:,} for "
            f"an image: the parameters leave {left:,} bytes, which is {expected:,} images, got "
            f"{said:,}"
        )


# wrong answers ----------------------------------------------------------------------------------


def fetched(x):
    values = np.asarray(x)
    return (values - values.mean(0)) / values.std(0)


def over_all(x):
    d = x - np.add.reduce(x, axis=None) / x.size
    return d / np.sqrt(np.add.reduce(np.square(d), axis=None) / x.size)


def by_one_less(x):
    d = x - np.add.reduce(x, axis=0) / len(x)
    return d / np.sqrt(np.add.reduce(np.square(d), axis=0) / (len(x) - 1))


def from_the_host(x):
    d = x - np.ones((1, len(x))) @ x / len(x)
    return d / np.sqrt(np.add.reduce(np.square(d), axis=0) / len(x))


def one_clock(program, host, card):
    kernels = program.count("k")
    total = kernels * (host + card)
    return total, kernels * card / total if total else 0.0


def never_waits(program, host, card):
    return timeline_with(program.replace("w", ""), host, card)


def timeline_with(program, host, card, starts_at_once=False, share=True):
    now = free = 0.0
    for what in program:
        if what == "k":
            now += host
            free = (free if starts_at_once else max(free, now)) + card
        else:
            now = max(now, free)
    total = max(now, free)
    busy = program.count("k") * card
    return total, (busy / total if total and share else busy)


def smallest(rounded=math.ceil, operations=2, weights=True):
    def function(inputs, outputs, rate, bandwidth, size):
        for_an_image = operations * inputs * outputs / rate
        for_an_image -= size * (inputs + outputs) / bandwidth if weights else 0
        if for_an_image <= 0:
            return None
        return rounded(size * inputs * outputs / bandwidth / for_an_image)

    return function


WRONG = {
    "standardized": [fetched, over_all, by_one_less, from_the_host],
    "timeline": [
        one_clock,
        never_waits,
        lambda program, host, card: timeline_with(program, host, card, starts_at_once=True),
        lambda program, host, card: timeline_with(program, host, card, share=False),
    ],
    "batch_for_arithmetic": [
        smallest(operations=1),
        smallest(weights=False),
        smallest(rounded=math.floor),
        lambda inputs, outputs, rate, bandwidth, size: smallest()(
            inputs, outputs, rate, bandwidth, 4
        ),
    ],
    "largest_batch": [
        lambda card, parameters, buffers, per_image: (
            max(0, card - 4 * (1 + buffers) * parameters) // per_image
        ),
        lambda card, parameters, buffers, per_image: (
            (card - 4 * (2 + buffers) * parameters) // per_image
        ),
        lambda card, parameters, buffers, per_image: max(0, card - 4 * parameters * 2) // per_image,
        lambda card, parameters, buffers, per_image: (
            max(0, card - (2 + buffers) * parameters) // per_image
        ),
    ],
}
