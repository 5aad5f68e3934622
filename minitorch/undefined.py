"""What a gradient is where mathematics has none: kinks, ties, poles, and 0 times infinity.

One table, used by the gradient check (which cannot decide these points), by the documentation, and
by the tests, which compare every line with the op and with torch. The choices are torch's.
`docs/undefined-gradients.md` is what `page()` returns.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf, nan
from typing import Any


@dataclass(frozen=True)
class Point:
    """One undefined point.

    Attributes:
        op: the op.
        at: the point, in words.
        args: a call there; lists are Tensors.
        grads: for each list in `args`, the gradient when dL/dy is 1 everywhere.
        choice: what is chosen, and why.
        options: keyword arguments of the call.
        torch: the name in torch, where it is another ("" where not); None where torch differs.
        inside: the op that makes the choice, where `op` is a function made of ops.
    """

    op: str
    at: str
    args: tuple[Any, ...]
    grads: tuple[Any, ...]
    choice: str
    options: dict[str, Any] = field(default_factory=dict)
    torch: str | None = ""
    inside: str = ""


POINTS = (
    # kinks
    Point("abs", "x = 0", ([0.0],), ([0.0],), "0, between the slopes -1 and 1"),
    Point("relu", "x = 0", ([0.0],), ([0.0],), "0, the slope on the left"),
    Point(
        "leaky_relu",
        "x = 0",
        ([0.0],),
        ([0.01],),
        "the slope on the left",
        torch="nn.functional.leaky_relu",
    ),
    Point(
        "prelu",
        "x = 0",
        ([0.0], [0.25]),
        ([0.25], [0.0]),
        "the slope on the left",
    ),
    Point("clamp", "x at a bound", ([-1.0, 1.0], -1.0, 1.0), ([1.0, 1.0],), "1: it is not clamped"),
    Point(
        "clamp",
        "x at a bound that is a Tensor",
        ([1.0], [1.0], [2.0]),
        ([1.0], [0.0], [0.0]),
        "all to x",
    ),
    Point(
        "elu",
        "x = 0, α = 2",
        ([0.0], 2.0),
        ([2.0],),
        "the slope on the left",
        torch="nn.functional.elu",
    ),
    Point(
        "selu",
        "x = 0",
        ([0.0],),
        ([1.7580993408473766],),
        "the slope on the left",
        torch="nn.functional.selu",
    ),
    Point(
        "relu6",
        "x = 0, 6",
        ([0.0, 6.0],),
        ([0.0, 0.0],),
        "0, the slope outside",
        torch="nn.functional.relu6",
    ),
    Point(
        "hardtanh",
        "x = -1, 1",
        ([-1.0, 1.0],),
        ([0.0, 0.0],),
        "0, the slope outside",
        torch="nn.functional.hardtanh",
    ),
    Point(
        "hardsigmoid",
        "x = -3, 3",
        ([-3.0, 3.0],),
        ([0.0, 0.0],),
        "0, the slope outside",
        torch="nn.functional.hardsigmoid",
    ),
    Point(
        "hardswish",
        "x = -3, 3",
        ([-3.0, 3.0],),
        ([0.0, 1.0],),
        "0 and 1, the slopes outside",
        torch="nn.functional.hardswish",
    ),
    Point(
        "softshrink",
        "x = -λ, λ",
        ([-0.5, 0.5],),
        ([0.0, 0.0],),
        "0: it is shrunk to 0",
        torch="nn.functional.softshrink",
    ),
    Point(
        "hardshrink",
        "x = -λ, λ",
        ([-0.5, 0.5],),
        ([0.0, 0.0],),
        "0: it is shrunk to 0",
        torch="nn.functional.hardshrink",
    ),
    Point(
        "threshold",
        "x at the threshold",
        ([1.0], 1.0, 5.0),
        ([0.0],),
        "0: it is replaced",
        torch="nn.functional.threshold",
    ),
    Point(
        "l1_loss",
        "input = target",
        ([2.0], [2.0]),
        ([0.0], [0.0]),
        "0, as abs at 0",
        torch="nn.functional.l1_loss",
    ),
    Point("copysign", "a = 0", ([0.0], [-1.0]), ([0.0], [0.0]), "0, as abs at 0"),
    Point("copysign", "b = 0", ([2.0], [0.0]), ([1.0], [0.0]), "0, as sign at 0"),
    # ties
    Point("maximum", "a = b", ([1.0], [1.0]), ([0.5], [0.5]), "half to each"),
    Point("minimum", "a = b", ([1.0], [1.0]), ([0.5], [0.5]), "half to each"),
    Point("fmax", "a = b", ([1.0], [1.0]), ([1.0], [0.0]), "all to a"),
    Point("fmin", "a = b", ([1.0], [1.0]), ([1.0], [0.0]), "all to a"),
    Point(
        "fmax",
        "one is nan",
        ([nan, 1.0], [1.0, nan]),
        ([0.0, 1.0], [1.0, 0.0]),
        "all to the number",
    ),
    Point(
        "fmin",
        "one is nan",
        ([nan, 1.0], [1.0, nan]),
        ([0.0, 1.0], [1.0, 0.0]),
        "all to the number",
    ),
    Point("amax", "ties", ([2.0, 2.0, 1.0],), ([0.5, 0.5, 0.0],), "shared evenly"),
    Point("amin", "ties", ([1.0, 1.0, 2.0],), ([0.5, 0.5, 0.0],), "shared evenly"),
    Point("max", "ties, without dim", ([2.0, 2.0, 1.0],), ([0.5, 0.5, 0.0],), "shared evenly"),
    Point("max", "ties, along a dim", ([2.0, 2.0, 1.0], 0), ([1.0, 0.0, 0.0],), "all to the first"),
    Point("min", "ties, along a dim", ([1.0, 1.0, 2.0], 0), ([1.0, 0.0, 0.0],), "all to the first"),
    Point(
        "max_pool1d",
        "ties in a window",
        ([[[2.0, 2.0]]], 2),
        ([[[1.0, 0.0]]],),
        "all to the first, in every number of dimensions",
        torch="nn.functional.max_pool1d",
        inside="max_pool",
    ),
    Point(
        "topk",
        "ties",
        ([2.0, 2.0, 1.0], 1),
        ([1.0, 0.0, 0.0],),
        "all to the first; so do kthvalue, and median along a dim",
        inside="pick_once",
    ),
    Point("median", "ties, without dim", ([2.0, 2.0, 1.0],), ([0.5, 0.5, 0.0],), "shared evenly"),
    # roots and norms at zero
    Point("sqrt", "x = 0", ([0.0],), ([inf],), "the limit from the right"),
    Point("rsqrt", "x = 0", ([0.0],), ([-inf],), "the limit from the right"),
    Point("norm", "x = 0", ([0.0, 0.0],), ([0.0, 0.0],), "0, the shortest subgradient"),
    Point("norm", "x = 0, p = 1", ([0.0, 3.0], 1), ([0.0, 1.0],), "0, as abs at 0"),
    Point("norm", "x = 0, p = 3", ([0.0, 0.0], 3), ([0.0, 0.0],), "0"),
    Point("norm", "one x = 0, p = ½", ([0.0, 2.0], 0.5), ([0.0, 1.0],), "0, not the slope ∞"),
    Point("norm", "ties, p = ∞", ([2.0, -2.0, 1.0], inf), ([0.5, -0.5, 0.0],), "shared evenly"),
    Point("std", "all equal", ([2.0, 2.0],), ([0.0, 0.0],), "0, as the norm at 0", torch=None),
    Point("hypot", "a = b = 0", ([0.0], [0.0]), ([nan], [nan]), "nan: 0 / 0"),
    Point("atan2", "a = b = 0", ([0.0], [0.0]), ([0.0], [0.0]), "0"),
    # powers and products
    Point("pow", "0 to the 0", ([0.0], [0.0]), ([0.0], [0.0]), "0 for both; y is 1"),
    Point("pow", "0 to a positive power", ([0.0], [2.0]), ([0.0], [0.0]), "0, the limit"),
    Point(
        "pow",
        "0 to a negative power",
        ([0.0], [-1.0]),
        ([-inf], [-inf]),
        "the limit from the right",
    ),
    Point("pow", "a < 0, by the exponent", ([-2.0], [2.0]), ([-4.0], [nan]), "nan: log a is none"),
    Point(
        "pow", "the number 0 to a power", (0.0, [2.0, 0.0, -1.0]), ([0.0, 0.0, -inf],), "the limit"
    ),
    Point("pow", "x^½ at 0", ([0.0], 0.5), ([inf],), "the limit from the right"),
    Point(
        "prod", "one zero", ([0.0, 2.0, 3.0],), ([6.0, 0.0, 0.0],), "exact: nothing is divided by x"
    ),
    Point(
        "prod",
        "two zeros",
        ([0.0, 0.0, 3.0],),
        ([0.0, 0.0, 0.0],),
        "exact: nothing is divided by x",
    ),
    Point("xlogy", "a = 0, b < 0", ([0.0], [-2.0]), ([0.0], [0.0]), "0, as y is"),
    # poles and edges
    Point("log", "x = 0", ([0.0],), ([inf],), "the limit from the right"),
    Point("log2", "x = 0", ([0.0],), ([inf],), "the limit from the right"),
    Point("log10", "x = 0", ([0.0],), ([inf],), "the limit from the right"),
    Point("log1p", "x = -1", ([-1.0],), ([inf],), "the limit from the right"),
    Point("logit", "x = 0, 1", ([0.0, 1.0],), ([inf, inf],), "the limit from inside"),
    Point("div", "b = 0", ([1.0], [0.0]), ([inf], [-inf]), "1 / 0 and -1 / 0²"),
    Point("div", "a = b = 0", ([0.0], [0.0]), ([inf], [nan]), "1 / 0, and nan: 0 / 0²"),
    Point("addcdiv", "c = 0", ([1.0], [1.0], [0.0]), ([1.0], [inf], [-inf]), "as div"),
    Point("reciprocal", "x = 0", ([0.0],), ([-inf],), "-1 / 0²"),
    Point("lgamma", "x = 0, -1", ([0.0, -1.0],), ([-inf, nan],), "digamma: -∞, then nan"),
    Point("digamma", "x = 0", ([0.0],), ([inf],), "the limit from both sides"),
    Point(
        "polygamma",
        "x = 0",
        (1, [0.0]),
        ([-inf],),
        "the limit from the right",
        inside="polygamma_of",
    ),
    Point("erfinv", "x = -1, 1", ([-1.0, 1.0],), ([inf, inf],), "the limit from inside"),
    Point("asin", "x = 1", ([1.0],), ([inf],), "the limit from inside"),
    Point("acos", "x = 1", ([1.0],), ([-inf],), "the limit from inside"),
    Point("acosh", "x = 1", ([1.0],), ([inf],), "the limit from inside"),
    Point("atanh", "x = 1", ([1.0],), ([inf],), "the limit from inside"),
    Point(
        "binary_cross_entropy",
        "input = 0 or 1, target opposite",
        ([0.0, 1.0], [1.0, 0.0]),
        ([-5e11, 5e11], [50.0, -50.0]),
        "the divisor is at least 1e-12, and the logarithm at least -100 (torch: -∞ by the target)",
        torch=None,
    ),
    Point(
        "kl_div",
        "target = 0",
        ([0.5], [0.0]),
        ([0.0], [-inf]),
        "0, and the limit from the right, where torch has nan",
        torch=None,
    ),
    Point(
        "logsumexp",
        "a row of -inf",
        ([-inf, -inf], 0),
        ([0.0, 0.0],),
        "0, where torch has nan",
        torch=None,
    ),
    Point(
        "logaddexp",
        "a = b = -inf",
        ([-inf], [-inf]),
        ([0.5], [0.5]),
        "half to each, as where a = b; torch has nan",
        torch=None,
    ),
    Point(
        "logaddexp2",
        "a = b = -inf",
        ([-inf], [-inf]),
        ([0.5], [0.5]),
        "half to each, as logaddexp; torch has nan",
        torch=None,
    ),
    # matrices
    Point(
        "logdet",
        "det A = 0",
        ([[0.0]],),
        ([[nan]],),
        "nan, for that matrix of a batch; torch has inf in some places",
        torch=None,
        inside="slogdet_parts",
    ),
    Point(
        "qr",
        "columns that depend on each other",
        ([[2.0, 1.0], [0.0, 0.0]],),
        ([[nan, nan], [nan, nan]],),
        "nan, for that matrix of a batch; torch has inf in some places",
        torch=None,
        inside="qr_parts",
    ),
    Point(
        "eigvalsh",
        "equal eigenvalues",
        ([[1.0, 0.0], [0.0, 1.0]],),
        ([[1.0, 0.0], [0.0, 1.0]],),
        "V diag(g) Vᵀ, for the vectors V that were found",
        torch="linalg.eigvalsh",
        inside="eigh_parts",
    ),
    Point(
        "svdvals",
        "equal singular values, or 0",
        ([[1.0, 0.0], [0.0, 1.0]],),
        ([[1.0, 0.0], [0.0, 1.0]],),
        "U diag(g) Vᵀ, for the vectors U and V that were found",
        torch="linalg.svdvals",
        inside="svd_parts",
    ),
    Point(
        "pinv",
        "where the rank falls",
        ([[0.0]],),
        ([[0.0]],),
        "as if the rank stayed what it is there",
        torch="linalg.pinv",
    ),
    # steps
    Point("floor", "everywhere", ([1.0, 1.5],), ([0.0, 0.0],), "0"),
    Point("ceil", "everywhere", ([1.0, 1.5],), ([0.0, 0.0],), "0"),
    Point("round", "everywhere", ([1.0, 1.5],), ([0.0, 0.0],), "0"),
    Point("trunc", "everywhere", ([1.0, 1.5],), ([0.0, 0.0],), "0"),
    Point("sign", "everywhere", ([0.0, 1.5],), ([0.0, 0.0],), "0"),
    Point(
        "floor_divide",
        "everywhere",
        ([1.5, 2.0], [1.0, 1.0]),
        ([0.0, 0.0], [0.0, 0.0]),
        "0 for both; torch refuses",
        torch=None,
    ),
    Point(
        "remainder", "a = n b", ([2.0], [1.0]), ([1.0], [-2.0]), "1 and -n, as between the jumps"
    ),
    Point("fmod", "a = n b", ([2.0], [1.0]), ([1.0], [-2.0]), "1 and -n, as between the jumps"),
    Point("frac", "x a whole number", ([1.0],), ([1.0],), "1, the slope on both sides"),
)


def choices(op: str) -> str | None:
    """What the table says about an op, in a line; None when nothing."""
    found = [f"at {p.at}: {p.choice}" for p in POINTS if op in (p.op, p.inside)]
    return "; ".join(found) or None


def page() -> str:
    """The table as a page of documentation."""
    lines = [
        "# Gradients where there are none",
        "",
        "At a kink, a tie or a pole a function has no slope, and an op must still answer. Every",
        "answer is in this table. It is torch's, unless the line says otherwise. `gradcheck`",
        "leaves these points out and says so. A function made of several ops has the gradients of",
        "its parts.",
        "",
        "| op | at | gradient for g = 1 | chosen |",
        "| --- | --- | --- | --- |",
    ]
    for p in POINTS:
        grads = " and ".join(_flat(g) for g in p.grads)
        lines.append(f"| `{p.op}` | {p.at} | {grads} | {p.choice} |")
    return "\n".join(lines) + "\n"


def _flat(g: Any) -> str:
    while isinstance(g, list) and len(g) == 1:
        g = g[0]
    if isinstance(g, list):
        return ", ".join(_flat(part) for part in g)
    return {inf: "∞", -inf: "-∞"}.get(g, f"{g:g}")
