"""Checks of the exercises of lesson 23, and wrong answers that they must notice."""

import math

import numpy as np

import minitorch
import minitorch.nn.functional as F
from lessons.comparing import sample
from minitorch import Tensor


def is_tensor(name, said, shape):
    assert isinstance(said, Tensor), f"{name}: expected a Tensor, got {type(said).__name__}"
    assert said.shape == shape, f"{name}: expected the shape {shape}, got {tuple(said.shape)}"


def windowed(T, width):
    back = np.arange(T)[:, None] - np.arange(T)
    return minitorch.tensor((back >= 0) & (back < width))


def check_window_attention(function):
    minitorch.manual_seed(0)
    for shape, width in [((6, 4), 1), ((2, 6, 4), 3), ((2, 3, 7, 5), 2), ((5, 4), 9)]:
        q, k, v = sample(*shape), sample(*shape), sample(*shape)
        kept = q.clone(), k.clone(), v.clone()
        said = function(q, k, v, width)
        is_tensor("window_attention", said, shape)
        assert all(np.array_equal(a, b) for a, b in zip((q, k, v), kept)), "an input was changed"
        case = f"T = {shape[-2]}, d = {shape[-1]}, width = {width}"
        ones = function(q, k, minitorch.ones_like(v), width)
        assert np.allclose(ones, 1), f"{case}: the weights of a place do not sum to 1"
        wide = v.clone()
        wide[..., -1, :] += 1e3
        later = abs(function(q, k, wide, width) - said)[..., :-1, :].max()
        assert later < 1e-9, f"{case}: the places before the last see the last"
        expected = F.scaled_dot_product_attention(q, k, v, windowed(shape[-2], width))
        apart = abs(said - expected).max().item()
        assert apart < 1e-9, (
            f"{case}: {apart:.2g} away from what it should be; how many places are seen, and how "
            "are the scores scaled?"
        )


def check_distance_grad(function):
    minitorch.manual_seed(0)
    for T, d in [(4, 3), (6, 6), (2, 1)]:
        s, v, g = sample(T, T), sample(T, d), sample(T, d)
        place = minitorch.arange(T)
        back = (place[:, None] - place).double()

        def weights(m, s=s, back=back):
            return (s - m * back).masked_fill(back < 0, -math.inf).softmax(-1)

        said = function(g, weights(0.3), v)
        is_tensor("distance_grad", said, ())
        up, down = ((g * (weights(m) @ v)).sum().item() for m in (0.3 + 1e-5, 0.3 - 1e-5))
        slope = (up - down) / 2e-5
        turned = "; look at the sign" if abs(said.item() + slope) < 1e-6 else ""
        assert abs(said.item() - slope) < 1e-6, (
            f"T = {T}, d = {d}: moving m gives a slope of {slope:.6f}, yours is "
            f"{said.item():.6f}{turned}"
        )


def check_nucleus(function):
    cases = [
        ([0.1, 0.6, 0.3], 0.7, [0, 2 / 3, 1 / 3]),
        ([0.1, 0.6, 0.3], 0.5, [0, 1, 0]),
        ([0.1, 0.6, 0.3], 1.0, [0.1, 0.6, 0.3]),
        ([0.05, 0.4, 0.15, 0.3, 0.1], 0.8, [0, 8 / 17, 3 / 17, 6 / 17, 0]),
        ([0.3, 0.7], 0.01, [0, 1]),
    ]
    for numbers, share, expected in cases:
        p = minitorch.tensor(numbers, dtype=minitorch.float64)
        said = function(p, share)
        is_tensor("nucleus", said, (len(numbers),))
        assert p.tolist() == numbers, "p was changed"
        assert np.allclose(said, expected), (
            f"p = {numbers}, share = {share}: expected {np.round(expected, 3).tolist()}, got "
            f"{np.round(said.numpy(), 3).tolist()}"
        )


T, V = 8, 5


def models():
    """name -> (model, does it look ahead?)"""
    minitorch.manual_seed(0)
    table = sample(V, V)

    def pairs(ids):
        return table[ids]

    def all_so_far(ids):
        return table[ids].cumsum(1)

    def rounded(ids):
        """The sum so far, as the whole minus the rest: right up to rounding."""
        y = 1e3 * table[ids].float()
        return (y.sum(1, keepdim=True) - (y.sum(1, keepdim=True) - y.cumsum(1))) / 1e5

    def next_one(ids):
        return table[ids] + table[ids.roll(-1, 1)]

    def average(ids):
        return table[ids] - table[ids].mean(1, keepdim=True)

    def only(place, later, much=1.0):
        def model(ids):
            y = table[ids]
            extra = minitorch.zeros_like(y)
            extra[:, place] = much * table[ids[:, later]]
            return y + extra

        return model

    return {
        "pairs": (pairs, False),
        "the sum of all letters so far": (all_so_far, False),
        "the same, with rounding": (rounded, False),
        "the letter itself and the next": (next_one, True),
        "minus the mean over all places": (average, True),
        "place 0 looks at the last": (only(0, T - 1), True),
        "place 2 looks at place 4": (only(2, 4), True),
        "place 6 looks at the last, at 1 %": (only(T - 2, T - 1, 0.01), True),
        "place 0 looks at place 1": (only(0, 1), True),
        "the last looks at the first": (only(T - 1, 0), False),
    }


def check_looks_ahead(function):
    found = models()
    ids = minitorch.randint(0, V, (1, T))
    kept = ids.clone()
    for name, (model, expected) in found.items():
        said = function(model, ids, V)
        assert np.array_equal(ids, kept), "ids were changed"
        assert said in (True, False), f"expected True or False, got {said!r}"
        assert said == expected, (
            f"a model with {name}: it {'does look' if expected else 'does not look'} ahead"
        )


def check_next_output(function):
    minitorch.manual_seed(0)
    N, places, d = 2, 5, 4
    q, k, v = sample(N, places, d), sample(N, places, d), sample(N, places, d)
    expected = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    keys = values = minitorch.zeros(N, 0, d, dtype=minitorch.float64)
    for t in range(places):
        before = keys.clone()
        said = function(q[:, t], k[:, t], v[:, t], keys, values)
        assert isinstance(said, tuple), f"expected a tuple, got a {type(said).__name__}"
        assert len(said) == 3, f"expected y, the keys and the values, got {len(said)} values"
        assert np.array_equal(keys, before), "the old keys were changed; return new ones"
        y, keys, values = said
        is_tensor(f"place {t}, the output", y, (N, d))
        is_tensor(f"place {t}, the keys", keys, (N, t + 1, d))
        is_tensor(f"place {t}, the values", values, (N, t + 1, d))
        assert np.array_equal(keys, k[:, : t + 1]), f"place {t}: the keys kept are not those seen"
        assert np.array_equal(values, v[:, : t + 1]), f"place {t}: the values kept are others"
        apart = abs(y - expected[:, t]).max().item()
        assert apart < 1e-9, f"place {t}: the output is {apart:.2g} from that of all at once"


# wrong answers ----------------------------------------------------------------------------------


def attends(seen, scale=True, after=False):
    """Attention where `seen` says, with a mistake."""

    def function(q, k, v, width):
        s = q @ k.transpose(-1, -2) / (math.sqrt(q.shape[-1]) if scale else 1)
        place = minitorch.arange(s.shape[-1])
        mask = seen(place[:, None] - place, width)
        if after:
            return (s.softmax(-1) * mask) @ v
        return s.masked_fill(~mask, -math.inf).softmax(-1) @ v

    return function


def in_window(back, width):
    return (back >= 0) & (back < width)


def scores_grad(g, p, v):
    dp = g @ v.T
    return p * (dp - (p * dp).sum(-1, keepdim=True))


def distances(p):
    place = minitorch.arange(len(p))
    return place[:, None] - place


def keeps(p, share, inclusive=False, renormalise=True):
    order = p.argsort(descending=True)
    likely = p[order]
    total = likely.cumsum(0)
    mask = total <= share if inclusive else total - likely < share
    kept = minitorch.zeros_like(p)
    kept[order] = likely * mask
    return kept / kept.sum().clamp(min=1e-9) if renormalise else kept


def keeps_in_order_of_likelihood(p, share):
    likely = p[p.argsort(descending=True)]
    kept = likely * (likely.cumsum(0) - likely < share)
    return kept / kept.sum()


def above(p, share):
    kept = p * (p >= 1 - share)
    return kept / kept.sum().clamp(min=1e-9)


def changed_from(t, model, ids, V):
    changed = ids.clone()
    changed[:, t:] = (changed[:, t:] + 1) % V
    return (model(changed) - model(ids))[0].abs()


def changes_the_argument(model, ids, V):
    scores = model(ids)
    for t in range(T - 1, 0, -1):
        ids[0, t] = (ids[0, t] + 1) % V
        if (model(ids) - scores)[0, :t].abs().max() > 1e-5:
            return True
    return False


def any_place(tolerance, own=False):
    def function(model, ids, V):
        return any(
            bool(changed_from(t, model, ids, V)[: t + own].max() > tolerance) for t in range(1, T)
        )

    return function


def one_new(own=True, scale=True, keep=True):
    def function(q, k, v, keys, values):
        all_keys = minitorch.cat([keys, k[:, None]], 1)
        all_values = minitorch.cat([values, v[:, None]], 1)
        seen, carried = (all_keys, all_values) if own else (keys, values)
        s = (seen @ q[:, :, None])[..., 0] / (math.sqrt(q.shape[-1]) if scale else 1)
        y = (s.softmax(-1)[:, None] @ carried)[:, 0] if seen.shape[1] else v
        return (y, all_keys, all_values) if keep else (y, keys, values)

    return function


WRONG = {
    "window_attention": [
        attends(lambda back, width: abs(back) < width),
        attends(lambda back, width: (back >= 0) & (back <= width)),
        attends(lambda back, width: back >= 0),
        attends(in_window, scale=False),
        attends(in_window, after=True),
    ],
    "distance_grad": [
        lambda g, p, v: (scores_grad(g, p, v) * distances(p)).sum(),
        lambda g, p, v: -(g @ v.T * distances(p)).sum(),
        lambda g, p, v: -(p * (g @ v.T) * distances(p)).sum(),
        lambda g, p, v: -(scores_grad(g, p, v) * distances(p).T).sum(),
        lambda g, p, v: -(scores_grad(g, p, v) * distances(p)).sum(-1),
    ],
    "nucleus": [
        lambda p, share: keeps(p, share, inclusive=True),
        lambda p, share: keeps(p, share, renormalise=False),
        keeps_in_order_of_likelihood,
        above,
    ],
    "looks_ahead": [
        lambda model, ids, V: bool(changed_from(T - 1, model, ids, V)[:-1].max() > 1e-5),
        lambda model, ids, V: bool(changed_from(1, model, ids, V)[0].max() > 1e-5),
        any_place(0.1),
        any_place(0.0),
        any_place(1e-5, own=True),
        changes_the_argument,
        lambda model, ids, V: False,
    ],
    "next_output": [
        one_new(own=False),
        one_new(scale=False),
        one_new(keep=False),
        lambda q, k, v, keys, values: (
            v,
            minitorch.cat([keys, k[:, None]], 1),
            minitorch.cat([values, v[:, None]], 1),
        ),
    ],
}
