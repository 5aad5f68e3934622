"""The table of ops: what one op costs, forward and backward, when there is next to nothing to do.

On 16 numbers the arithmetic takes about a tenth of a microsecond; the rest is the engine. Every row
is a link of a chain: it takes 16 numbers to 16 numbers, and a chain of them is run forward and then
backward, so that starting a backward is not counted. An op that changes the shape stands next to
one that changes it back, and the time of the row is per op.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks.op_floors import BY_HAND
from benchmarks.workloads import FLOOR, MINITORCH, TORCH, Step, agree, installed, load

LINKS = 40


@dataclass(frozen=True)
class OpRow:
    """A link of a chain.

    Attributes:
        family: the group it stands in.
        name: the ops in the link, separated by commas.
        link: (lib, h, c) -> the next h; `c` holds the other operands.
        start: where the numbers of h begin; they stay in the op's domain from there.
    """

    family: str
    name: str
    link: Callable[[Any, Any, Any], Any]
    start: float = 0.5

    @property
    def ops(self) -> int:
        """How many ops the link has."""
        return len(self.name.split(", "))


def _rows() -> list[OpRow]:
    """The table: (name, link) or (name, link, start) by family."""
    elementwise = [
        ("add", lambda m, h, c: h + c.a),
        ("add (a number)", lambda m, h, c: h + 0.1),
        ("add (a row)", lambda m, h, c: h + c.row),
        ("sub", lambda m, h, c: h - c.a),
        ("mul", lambda m, h, c: h * c.a),
        ("mul (both recorded)", lambda m, h, c: h * c.w),
        ("div", lambda m, h, c: h / c.a),
        ("neg", lambda m, h, c: -h),
        ("pow, pow", lambda m, h, c: (h**2) ** 0.5),
        ("square, sqrt", lambda m, h, c: h.square().sqrt()),
        ("abs", lambda m, h, c: h.abs()),
        ("reciprocal", lambda m, h, c: h.reciprocal()),
        ("rsqrt", lambda m, h, c: h.rsqrt()),
        ("exp, log", lambda m, h, c: h.exp().log()),
        ("expm1, log1p", lambda m, h, c: h.expm1().log1p()),
        ("sin", lambda m, h, c: h.sin()),
        ("cos", lambda m, h, c: h.cos()),
        ("tan", lambda m, h, c: h.tan(), 0.02),
        ("atan2", lambda m, h, c: m.atan2(h, c.a)),
        ("erf", lambda m, h, c: h.erf()),
        ("maximum", lambda m, h, c: m.maximum(h, c.a), 1.0),
        ("minimum", lambda m, h, c: m.minimum(h, c.a)),
        ("clamp", lambda m, h, c: h.clamp(0.6, 1.2)),
        ("where", lambda m, h, c: m.where(c.mask, h, c.a)),
        ("lerp", lambda m, h, c: m.lerp(h, c.a, 0.1)),
        ("addcmul", lambda m, h, c: m.addcmul(h, c.a, c.a, value=0.01)),
        ("remainder", lambda m, h, c: m.remainder(h, 2.0)),
        ("fmod", lambda m, h, c: m.fmod(h, 2.0)),
        ("clone", lambda m, h, c: h.clone()),
    ]
    plain = [
        *("relu", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus"),
        *("softsign", "logsigmoid", "hardtanh", "hardsigmoid", "hardswish", "relu6"),
    ]
    activation = [
        (name, lambda m, h, c, name=name: getattr(m.nn.functional, name)(h)) for name in plain
    ]
    activation += [
        ("sigmoid", lambda m, h, c: h.sigmoid()),
        ("tanh", lambda m, h, c: h.tanh()),
        ("gelu (tanh)", lambda m, h, c: m.nn.functional.gelu(h, approximate="tanh")),
        ("threshold", lambda m, h, c: m.nn.functional.threshold(h, 0.1, 0.1)),
        ("prelu", lambda m, h, c: m.nn.functional.prelu(h, c.slope)),
    ]
    reduce = [
        ("sum, expand", lambda m, h, c: h.sum(1, keepdim=True).expand(4, 4)),
        ("mean, expand", lambda m, h, c: h.mean(1, keepdim=True).expand(4, 4)),
        ("mean (of all), expand", lambda m, h, c: h.mean().expand(4, 4)),
        ("amax, expand", lambda m, h, c: h.amax(1, keepdim=True).expand(4, 4)),
        ("max, add", lambda m, h, c: h + h.max(1, keepdim=True)[0]),
        ("min, add", lambda m, h, c: h + h.min(1, keepdim=True)[0]),
        ("median, add", lambda m, h, c: h + h.median(1, keepdim=True)[0]),
        ("prod, add", lambda m, h, c: h + h.prod(1, keepdim=True), 0.02),
        ("var, add", lambda m, h, c: h + h.var(1, keepdim=True)),
        ("std, add", lambda m, h, c: h + h.std(1, keepdim=True)),
        ("norm, add", lambda m, h, c: h + h.norm(dim=1, keepdim=True)),
        ("cumsum, mul", lambda m, h, c: h.cumsum(1) * 0.5),
        ("cumprod, clamp", lambda m, h, c: h.cumprod(1).clamp(0.6, 1.2), 0.7),
        ("sort", lambda m, h, c: h.sort(1)[0]),
        ("topk", lambda m, h, c: h.topk(4, 1)[0]),
    ]
    shape = [
        ("reshape, reshape", lambda m, h, c: h.reshape(16).reshape(4, 4)),
        ("view, view", lambda m, h, c: h.view(2, 8).view(4, 4)),
        ("flatten, unflatten", lambda m, h, c: h.flatten().unflatten(0, (4, 4))),
        ("unsqueeze, squeeze", lambda m, h, c: h.unsqueeze(1).squeeze(1)),
        ("transpose", lambda m, h, c: h.transpose(0, 1)),
        ("t", lambda m, h, c: h.t()),
        ("permute", lambda m, h, c: h.permute(1, 0)),
        ("movedim", lambda m, h, c: h.movedim(0, 1)),
        ("transpose, contiguous", lambda m, h, c: h.transpose(0, 1).contiguous()),
        ("repeat, narrow", lambda m, h, c: h.repeat(2, 1).narrow(0, 0, 4)),
        ("split, cat", lambda m, h, c: m.cat(h.split(2))),
        ("chunk, cat", lambda m, h, c: m.cat(h.chunk(2))),
        ("unbind, stack", lambda m, h, c: m.stack(h.unbind(0))),
        ("flip", lambda m, h, c: h.flip(0)),
        ("roll", lambda m, h, c: h.roll(1, 0)),
        ("pad, slice", lambda m, h, c: m.nn.functional.pad(h, (1, 1))[:, 1:5]),
        ("tril", lambda m, h, c: h.tril()),
        ("triu", lambda m, h, c: h.triu()),
        ("diagonal, diag", lambda m, h, c: h.diagonal().diag()),
    ]
    index = [
        ("slice, add", lambda m, h, c: h + h[:, 1:2]),
        ("select, add", lambda m, h, c: h + h.select(0, 1)),
        ("index by an array", lambda m, h, c: h[c.rows]),
        ("index_select", lambda m, h, c: h.index_select(0, c.rows)),
        ("index_add", lambda m, h, c: h.index_add(0, c.rows, c.a)),
        ("gather", lambda m, h, c: h.gather(1, c.index)),
        ("scatter", lambda m, h, c: c.zeros.scatter(1, c.index, h)),
        ("scatter_add", lambda m, h, c: c.zeros.scatter_add(1, c.index, h)),
        ("masked_fill", lambda m, h, c: h.masked_fill(c.mask, 0.5)),
        ("masked_select, reshape", lambda m, h, c: h.masked_select(c.every).reshape(4, 4)),
        ("take", lambda m, h, c: h.take(c.places)),
        ("embedding", lambda m, h, c: m.nn.functional.embedding(c.rows, h)),
    ]
    products = [
        ("matmul", lambda m, h, c: h @ c.turn),
        ("matmul (both recorded)", lambda m, h, c: h @ c.w),
        ("linear", lambda m, h, c: m.nn.functional.linear(h, c.turn, c.row)),
        ("addmm", lambda m, h, c: m.addmm(c.a, h, c.turn)),
        ("bmm, unsqueeze, squeeze", lambda m, h, c: m.bmm(h.unsqueeze(0), c.turns).squeeze(0)),
        ("einsum", lambda m, h, c: m.einsum("ij,jk->ik", h, c.turn)),
        ("outer, select", lambda m, h, c: m.outer(h.select(0, 0), c.ones)),
    ]
    softmax = [
        ("softmax", lambda m, h, c: h.softmax(1)),
        ("log_softmax", lambda m, h, c: h.log_softmax(1)),
        ("logsumexp, sub", lambda m, h, c: h - h.logsumexp(1, keepdim=True)),
        ("cross_entropy, add", lambda m, h, c: h + m.nn.functional.cross_entropy(h, c.rows)),
        ("nll_loss, sub", lambda m, h, c: h - m.nn.functional.nll_loss(h, c.rows), -0.5),
        ("l1_loss, add", lambda m, h, c: h + m.nn.functional.l1_loss(h, c.a)),
        ("layer_norm", lambda m, h, c: m.nn.functional.layer_norm(h, (4,))),
    ]
    families = {
        "elementwise": elementwise,
        "activation": activation,
        "reduce": reduce,
        "shape": shape,
        "index": index,
        "product": products,
        "softmax and loss": softmax,
    }
    return [OpRow(family, *row) for family, rows in families.items() for row in rows]


ROWS = _rows()


def steps_of(row: OpRow) -> dict[str, Step]:
    """A chain of links for each engine, after a check that they agree.

    Raises:
        AssertionError: they disagree on the output or on the gradient.
    """
    steps = {lib: _chain(load(lib), row) for lib in (MINITORCH, TORCH) if installed(lib)}
    if row.name in BY_HAND:
        steps[FLOOR] = _chain_by_hand(*BY_HAND[row.name], row.start)
    agree(row.name, steps)
    return steps


def _chain(lib: Any, row: OpRow) -> Step:
    x = lib.from_numpy(_numbers(row.start)).requires_grad_()
    g = lib.from_numpy(_numbers(1.0, seed=1))
    c = _others(lib)

    def step() -> list[Any]:
        x.grad = c.w.grad = None
        h, link = x, row.link
        for _ in range(LINKS):
            h = link(lib, h, c)
        h.backward(g)
        return [h, x.grad]

    return step


def _chain_by_hand(forward: Any, backward: Any, start: float) -> Step:
    x, g_end = _numbers(start), _numbers(1.0, seed=1)
    c = SimpleNamespace(**_operands())

    def step() -> list[Any]:
        h, saved = x, []
        for _ in range(LINKS):
            h, kept = forward(h, c)
            saved.append(kept)
        g = g_end
        for kept in reversed(saved):
            g = backward(g, kept, c)
        return [h, g]

    return step


def _numbers(start: float, seed: int = 0) -> np.ndarray:
    """16 numbers in (4, 4), no two equal, from `start` on."""
    order = np.random.default_rng(seed).permutation(16).reshape(4, 4)
    return (start + order * start / 16).astype(np.float32)


def _others(lib: Any) -> SimpleNamespace:
    """The other operands of the links, as an engine takes them."""
    arrays = _operands()
    others = SimpleNamespace(**{name: lib.from_numpy(x) for name, x in arrays.items()})
    others.w = lib.from_numpy(arrays["turn"].copy()).requires_grad_()
    return others


def _operands() -> dict[str, np.ndarray]:
    """The other operands of the links."""
    turn = np.linalg.qr(np.random.default_rng(1).standard_normal((4, 4)))[0].astype(np.float32)
    mask = np.arange(16).reshape(4, 4) % 3 > 0
    return {
        "a": np.linspace(0.9, 1.1, 16, dtype=np.float32).reshape(4, 4),
        "row": np.linspace(0.1, 0.2, 4, dtype=np.float32),
        "ones": np.ones(4, np.float32),
        "zeros": np.zeros((4, 4), np.float32),
        "slope": np.array([0.25], np.float32),
        "turn": turn,
        "turns": turn[None],
        "mask": mask,
        "every": np.ones((4, 4), bool),
        "rows": np.array([2, 0, 3, 1]),
        "index": np.array([[1, 0, 3, 2], [3, 2, 1, 0], [0, 1, 2, 3], [2, 3, 0, 1]]),
        "places": np.arange(16).reshape(4, 4)[::-1].copy(),
    }
