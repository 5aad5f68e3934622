"""What the doctor tries on both devices: small calls, each of which takes another way to the GPU.

They are chosen by what can go wrong there: sums in another order, windows, products of many
shapes, additions to one place by many threads, random numbers, and checks of labels and indices,
which CuPy would wrap round in silence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import minitorch
import minitorch.nn.functional as F
from minitorch import Tensor, nn, optim
from minitorch.dtypes import bfloat16
from minitorch.kernels import without_cublas


class Check(NamedTuple):
    """A call to be compared: `f(*inputs)`, or the error that both devices must raise."""

    name: str
    f: Callable[..., Any]
    inputs: tuple[Any, ...]
    raises: type[Exception] | None = None


def checks() -> list[Check]:
    """All of them, on numbers that are the same each time."""
    draw = minitorch.Generator().manual_seed(0)

    def some(*shape: int) -> Tensor:
        return minitorch.randn(*shape, generator=draw)

    x, y, w, v = some(6, 5), some(6, 5), some(5, 4), some(5)
    image, kernel, rows = some(2, 3, 9, 8), some(4, 3, 3, 3), some(2, 7, 4)
    labels = minitorch.tensor([0, 4, 2, 2, 1, 3])
    ids = minitorch.tensor([[1, 5, 1], [0, 1, 2]])
    mask = x > 0
    return [
        Check("add, mul, div", lambda x, v: (x + v) * x / (v * v + 1), (x, v)),
        Check("exp, log, sqrt", lambda x: (x.exp() + 1).log() + (x * x + 1).sqrt(), (x,)),
        Check("sin, tanh, erf", lambda x: x.sin() + x.tanh() + x.erf(), (x,)),
        Check("relu, gelu, sigmoid", lambda x: F.relu(x) + F.gelu(x) + x.sigmoid(), (x,)),
        Check("where, clamp", lambda x, y, m: minitorch.where(m, x, y).clamp(-1, 1), (x, y, mask)),
        Check("sum, mean", lambda x: (x.sum(0), x.mean(1, keepdim=True)), (x,)),
        Check("max, amax, argmax", lambda x: (x.max(1)[0], x.amax(0), x.argmax(1)), (x,)),
        Check("var, norm", lambda x: (x.var(1), x.norm(dim=0)), (x,)),
        Check("cumsum, cumprod", lambda x: (x.cumsum(0), x.cumprod(1)), (x,)),
        Check("sort, topk", lambda x: (x.sort(1)[0], x.topk(2, 1)[0]), (x,)),
        Check(
            "reshape, permute, cat", lambda r: minitorch.cat([r, r.permute(0, 1, 2)], 2), (rows,)
        ),
        Check("pad, flip, roll", lambda x: F.pad(x.flip(0).roll(1, 1), (1, 2)), (x,)),
        Check("matmul", lambda x, w: x @ w, (x, w)),
        Check("matmul, batched", lambda r: r @ r.transpose(1, 2), (rows,)),
        Check("matmul, as a graph captures it", _captured_product, (x, w)),
        Check("einsum", lambda x, w: minitorch.einsum("ij,jk->ki", x, w), (x, w)),
        Check("linear", F.linear, (x, w.t().contiguous(), some(4))),
        Check("conv2d", lambda i, k: F.conv2d(i, k, stride=2, padding=1), (image, kernel)),
        Check("max_pool2d", lambda i: F.max_pool2d(i, 3, 2), (image,)),
        Check("avg_pool2d", lambda i: F.avg_pool2d(i, 2), (image,)),
        Check("softmax, logsumexp", lambda x: (x.softmax(1), x.logsumexp(1)), (x,)),
        Check("cross_entropy", F.cross_entropy, (x, labels)),
        Check("cross_entropy, smoothed", _smoothed, (x, labels)),
        Check("mse_loss", F.mse_loss, (x, y)),
        Check("layer_norm", lambda x: F.layer_norm(x, (5,)), (x,)),
        Check("batch norm", nn.BatchNorm2d(3), (image,)),
        Check("attention", F.scaled_dot_product_attention, (rows, rows, rows)),
        Check("dropout", lambda x: F.dropout(x, 0.5), (x,)),
        Check("embedding, a row twice", F.embedding, (ids, x)),
        Check("index, a row twice", lambda x, i: x[i], (x, ids)),
        Check("gather", lambda x, i: x.gather(0, i), (x, ids)),
        Check("scatter_add", lambda x, i: x.scatter_add(0, i, x[:2, :3]), (x, ids)),
        Check("LSTM", nn.LSTM(4, 3, batch_first=True), (rows,)),
        Check("three steps of Adam", _trained, (x, labels)),
        Check("autocast to float16", _halved(minitorch.float16), (x, w, image, kernel)),
        *_checks_of_bfloat16((x, w, image, kernel)),
        Check("a label out of range", F.cross_entropy, (x, labels + 1), IndexError),
        Check("a negative label", F.cross_entropy, (x, labels - 1), IndexError),
        Check("an index out of range", lambda x, i: x[i], (x, ids + 1), IndexError),
        Check("embedding out of range", F.embedding, (ids + 1, x), IndexError),
        Check("gather out of range", lambda x, i: x.gather(0, i), (x, ids + 1), IndexError),
        Check("shapes that do not fit", lambda x, y: x @ y, (x, y), ValueError),
    ]


def _captured_product(x: Tensor, w: Tensor) -> Tensor:
    """The product in the way in which it can be captured in a CUDA graph."""
    with without_cublas():
        return x @ w


def _smoothed(x: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(x, labels, label_smoothing=0.1)


def _halved(dtype: Any) -> Callable[..., Any]:
    """Products of that dtype. Their gradients, of float32, would hide how far they are rounded."""

    def products(x: Tensor, w: Tensor, image: Tensor, kernel: Tensor) -> Any:
        with minitorch.no_grad(), minitorch.autocast(x.device.type, dtype):
            y = x @ w
            return y, F.relu(y), F.conv2d(image, kernel)

    return products


def _checks_of_bfloat16(inputs: tuple[Tensor, ...]) -> list[Check]:
    """None where the package that brings it is not installed."""
    try:
        return [Check("autocast to bfloat16", _halved(bfloat16()), inputs)]
    except TypeError:
        return []


def _trained(x: Tensor, labels: Tensor) -> list[Tensor]:
    """The parameters of a small network after three steps."""
    x = x.detach()
    draw = minitorch.Generator().manual_seed(1)
    model = nn.Sequential(
        nn.Linear(5, 8, generator=draw), nn.Tanh(), nn.Linear(8, 5, generator=draw)
    ).to(x.device)
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    for _ in range(3):
        optimizer.zero_grad()
        F.cross_entropy(model(x), labels).backward()
        optimizer.step()
    return [p.detach() for p in model.parameters()]
