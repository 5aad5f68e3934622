"""Whole runs on real images: the digits in the package, and MNIST where it is."""

from __future__ import annotations

import os
import statistics
from typing import Any

import pytest

import minitorch as mt
from minitorch import nn, optim, train
from minitorch.train.models import LeNet, mlp
from minitorch.utils.data import Split, digits, mnist

needs_mnist = pytest.mark.skipif(
    "MINITORCH_DATA" not in os.environ, reason="needs MNIST, in the folder MINITORCH_DATA"
)
takes_minutes = pytest.mark.skipif(
    not os.environ.get("MINITORCH_SLOW"), reason="takes minutes: set MINITORCH_SLOW=1"
)


def accuracy(model: Any, data: Split, epochs: int, batch_size: int = 64, **options: Any) -> float:
    """The share of the held-back images that is read right after so many epochs."""
    learner = train.Learner(
        model, optimizer=lambda m: optim.SGD(m, **options), metrics=[train.accuracy]
    )
    history = learner.fit(
        (data.x_train, data.y_train),
        (data.x_valid, data.y_valid),
        epochs,
        batch_size=batch_size,
        progress=False,
    )
    return history["accuracy"][-1]


def test_the_lesson_network_learns_the_digits():
    """C72: 784-50-10, lr 0.5, batches of 64; there are 42 times fewer images than in MNIST."""
    assert accuracy(mlp(), digits(size=28), epochs=10, lr=0.5) > 0.94


def test_lenet_learns_the_digits():
    """A37: SGD with momentum; over 90 %."""
    assert accuracy(LeNet(), digits(size=28), epochs=3, batch_size=16, lr=0.01, momentum=0.9) > 0.92


@needs_mnist
def test_the_lesson_network_learns_mnist_in_an_epoch():
    """C72: over 94 %, as the median of three starts; lr 0.5 leaves a percent to luck."""
    shares = []
    for seed in range(3):
        mt.manual_seed(seed)
        shares.append(accuracy(mlp(), mnist(), epochs=1, lr=0.5))
    assert statistics.median(shares) > 0.94


@needs_mnist
@takes_minutes
def test_lenet_learns_mnist_in_two_epochs():
    """A37: at least 98.5 %."""
    assert accuracy(LeNet(), mnist(), epochs=2, lr=0.05, momentum=0.9) >= 0.985


def test_refactored_loop_is_the_same_loop():
    """C76: functions on loose tensors, and classes with a Learner, give bit-equal losses."""
    data = digits()
    x, t = data.x_train[:256].reshape(256, 64), data.y_train[:256]
    batches = [(x[i : i + 64], t[i : i + 64]) for i in range(0, 256, 64)]
    model = nn.Sequential(nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 10))
    params = [p.detach().clone().requires_grad_() for p in model.parameters()]
    w1, b1, w2, b2 = params
    losses = []
    for _ in range(2):
        for xb, tb in batches:
            pred = nn.functional.linear(nn.functional.linear(xb, w1, b1).relu(), w2, b2)
            loss = nn.functional.cross_entropy(pred, tb)
            loss.backward()
            losses.append(loss.item())
            with mt.no_grad():
                for p in params:
                    p -= 0.1 * p.grad
                    p.grad = None
    learner = train.Learner(model, optimizer=lambda m: optim.SGD(m, lr=0.1))
    history = learner.fit(batches, epochs=2, progress=False)
    assert history.steps["loss"] == losses


def test_a_sine_is_learned():
    """C75: sin(2 π x) to a mean squared error under 0.05, by one hidden layer."""
    x = mt.linspace(-1, 1, 200).unsqueeze(1)
    y = (2 * mt.pi * x).sin()
    model = nn.Sequential(nn.Linear(40), nn.Tanh(), nn.Linear(1))
    history = model.fit(x, y, epochs=300, lr=0.05, batch_size=50, progress=False)
    assert history["train_loss"][-1] < 0.05
