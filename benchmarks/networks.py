"""The workloads W4, W5, W8, W11 and W12: built of layers and optimizers, as later lessons have it.

Layers draw their first weights from random streams of their own; `filled` writes the same numbers
into both engines' models, so that they can be compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks import floors
from benchmarks.registry import (
    FLOOR,
    TORCH,
    Job,
    Product,
    Step,
    images,
    labels,
    leaves,
    weights,
    workload,
)


def filled(lib: Any, model: Any) -> Any:
    """The model with weights that depend on their shapes alone; biases zero, norms' scales one."""
    model = lib.placed(model)
    named = [(name, p) for name, p in model.named_parameters() if "bias" not in name]
    drawn = [tuple(p.shape) for _, p in named if p.ndim > 1]
    values = iter(weights(*drawn))
    with lib.no_grad():
        for name, p in model.named_parameters():
            if "bias" in name:
                p.zero_()
            elif p.ndim > 1:
                p.copy_(lib.from_numpy(next(values)))
    return model


def trained(lib: Any, model: Any, loss: Callable[[Any], Any]) -> Step:
    """A step of Adam on the model, with `loss(model)`."""
    optimizer = lib.optim.Adam(model.parameters(), lr=floors.RATE)
    params = list(model.parameters())

    def step() -> list[Any]:
        optimizer.zero_grad()
        value = loss(model)
        value.backward()
        optimizer.step()
        return [value, *(p.grad for p in params)]

    return step


# convolution --------------------------------------------------------------------------------------


# Rounding moves a unit that is almost zero across relu's corner: hence the tolerance.
@workload(
    "W4",
    "four blocks of conv 3x3 stride 2, batch norm, relu (1-8-16-32-64), batch 128, Adam",
    targets={TORCH: 1.25, FLOOR: 1.25},
    memory=True,
    tolerance=0.02,
)
def conv_blocks(quick: bool) -> Job:
    N = 8 if quick else 128
    channels = (1, 8, 16, 32, 64)

    def data() -> tuple:
        kernels = [(out, C, 3, 3) for C, out in pairwise(channels)]
        return images(N, 1, 28, 28), labels(N, 10), weights(*kernels, (10, 256))

    def make(lib: Any) -> Step:
        nn, F = lib.nn, lib.nn.functional
        x, target = map(lib.from_numpy, data()[:2])
        layers = []
        for C, out in pairwise(channels):
            layers += [
                nn.Conv2d(C, out, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(out),
                nn.ReLU(),
            ]
        model = filled(lib, nn.Sequential(*layers, nn.Flatten(), nn.Linear(256, 10)))
        return trained(lib, model, lambda model: F.cross_entropy(model(x), target))

    shapes = []
    for C, out, size in zip(channels, channels[1:], (14, 7, 4, 2)):
        rows = N * size * size
        shapes += [(rows, 9 * C, out), (9 * C, rows, out)] + [(rows, out, 9 * C)] * (C > 1)
    shapes += [(N, 256, 10), (10, N, 256), (N, 10, 256)]
    return Job(make, "conv_blocks", data, shapes)


def one_conv(
    N: int, C: int, out: int, K: int, size: int, stride: int, padding: int, first: bool
) -> Job:
    """A convolution with bias, and its gradients: of all inputs, or of all but a `first` x."""
    end = (size + 2 * padding - K) // stride + 1

    def data() -> tuple:
        x, g = images(N, C, size, size), images(N, out, end, end) - 0.5
        return x, *weights((out, C, K, K), (out,)), g, stride, padding, first

    def make(lib: Any) -> Step:
        x, w, b, g, *_ = data()
        params = leaves(lib, [w, b] if first else [w, b, x])
        image = lib.from_numpy(x) if first else params[2]
        dy = lib.from_numpy(g)

        def step() -> list[Any]:
            for p in params:
                p.grad = None
            y = lib.nn.functional.conv2d(image, params[0], params[1], stride, padding)
            y.backward(dy)
            return [y, *(p.grad for p in params)]

        return step

    L = end * end
    each = [(out, C * K * K, L), (out, L, C * K * K)] + [(C * K * K, out, L)] * (not first)
    return Job(make, "one_conv", data, each, times=N)


@workload(
    "W5a",
    "conv 64->64 3x3 pad 1, 32x32, batch 32, all gradients",
    targets={TORCH: 1.15, FLOOR: 1.25},
    memory=True,
)
def conv_middle(quick: bool, batches: int = 1) -> Job:
    N, *sizes = (2, 8, 8, 3, 8) if quick else (32, 64, 64, 3, 32)
    return one_conv(batches * N, *sizes, 1, 1, first=False)


@workload(
    "W5b",
    "conv 3->64 7x7 stride 2 pad 3, 224x224, batch 16, as the first layer",
    targets={TORCH: 0.7, FLOOR: 1.25},
    memory=True,
)
def conv_stem(quick: bool, batches: int = 1) -> Job:
    N, *sizes = (2, 3, 8, 7, 20) if quick else (16, 3, 64, 7, 224)
    return one_conv(batches * N, *sizes, 2, 3, first=True)


# sequences ----------------------------------------------------------------------------------------


@workload("W8", "a transformer block: T 64, d 128, 4 heads, batch 32, Adam", targets={TORCH: 1.5})
def transformer(quick: bool) -> Job:
    return block(*((2, 8, 16) if quick else (32, 64, 128)))


def block(N: int, T: int, d: int) -> Job:
    """A step of a transformer block of 4 heads on N sequences of T vectors of d numbers."""
    data = images(N, T, d), images(N, T, d) * 2 - 1

    def make(lib: Any) -> Step:
        x, target = map(lib.from_numpy, data)
        block = lib.nn.TransformerEncoderLayer(
            d, 4, 4 * d, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        loss = lib.nn.functional.mse_loss
        return trained(lib, filled(lib, block), lambda model: loss(model(x), target))

    rows = N * T
    layers = [(rows, d, 3 * d), (rows, d, d), (rows, d, 4 * d), (rows, 4 * d, d)]
    heads = [(T, d // 4, T), (T, T, d // 4)] * 4 * N
    products = [turn for m, k, n in layers + heads for turn in ((m, k, n), (m, n, k), (k, m, n))]
    drawn = (3 * d, d), (d, d), (4 * d, d), (d, 4 * d)
    return Job(make, "transformer", lambda: (*data, weights(*drawn)), products)


@workload("W11", "char-RNN: LSTM 128, T 32, 65 characters, batch 32, Adam", targets={TORCH: 1.0})
def char_rnn(quick: bool) -> Job:
    N, T, H, letters = (2, 5, 8, 11) if quick else (32, 32, 128, 65)
    text = labels(N * (T + 1), letters).reshape(N, T + 1)
    data = np.ascontiguousarray(text[:, :-1]), np.ascontiguousarray(text[:, 1:]).reshape(-1)

    def make(lib: Any) -> Step:
        nn, F = lib.nn, lib.nn.functional
        x, target = map(lib.from_numpy, data)
        parts = nn.Embedding(letters, H), nn.LSTM(H, H, batch_first=True), nn.Linear(H, letters)
        embedding, lstm, linear = parts

        def loss(_: Any) -> Any:
            h, _ = lstm(embedding(x))
            return F.cross_entropy(linear(h.reshape(-1, H)), target)

        return trained(lib, filled(lib, nn.ModuleList(parts)), loss)

    rows, gates = N * T, 4 * H
    whole = [(rows, H, gates), (rows, H, letters)]
    products: list[Product] = [
        turn for m, k, n in whole for turn in ((m, k, n), (m, n, k), (k, m, n))
    ]
    products += [(gates, rows, H)] + [(N, H, gates), (N, gates, H)] * T
    drawn = (letters, H), (gates, H), (gates, H), (letters, H)
    return Job(make, "char_rnn", lambda: (*data, weights(*drawn)), products)


# the optimizer alone ------------------------------------------------------------------------------


@workload("W12", "Adam alone, over 200 tensors of 64 to 73,728 numbers", targets={TORCH: 1.0})
def optimizer(quick: bool) -> Job:
    shapes = [(64,), (64, 64), (256, 256), (128, 64, 3, 3)] * (1 if quick else 50)

    def make(lib: Any) -> Step:
        params = leaves(lib, weights(*shapes))
        for p, g in zip(params, floors.slopes(shapes)):
            p.grad = lib.from_numpy(g)
        adam = lib.optim.Adam(params, lr=floors.RATE)

        def step() -> list[Any]:
            adam.step()
            return params

        return step

    def data() -> tuple:
        return weights(*shapes), floors.slopes(shapes)

    # read: a parameter, its gradient, and Adam's two averages; all but the gradient are written
    numbers = sum(math.prod(shape) for shape in shapes)
    return Job(make, "optimizer", data, moved=7 * 4 * numbers)
