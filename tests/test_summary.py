"""The summary of a model: totals as counted by hand."""

from __future__ import annotations

from typing import Any

import minitorch
from minitorch import nn
from minitorch.nn.summary import shown_bytes


def lenet() -> Any:
    return nn.Sequential(
        nn.Conv2d(20, kernel_size=5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(50, kernel_size=5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(500),
        nn.ReLU(),
        nn.Linear(10),
    )


def test_lenet_by_hand():
    """G70, B05, A14."""
    summary = lenet().summary((1, 28, 28))
    assert [row.output for row in summary.rows[1:]] == [
        "(N, 20, 24, 24)",
        "(N, 20, 24, 24)",
        "(N, 20, 12, 12)",
        "(N, 50, 8, 8)",
        "(N, 50, 8, 8)",
        "(N, 50, 4, 4)",
        "(N, 800)",
        "(N, 500)",
        "(N, 500)",
        "(N, 10)",
    ]
    conv1, conv2 = 20 * 25, 50 * 20 * 25
    fc1, fc2 = 800 * 500, 500 * 10
    assert summary.parameters == conv1 + 20 + conv2 + 50 + fc1 + 500 + fc2 + 10
    assert summary.multiply_adds == conv1 * 24 * 24 + conv2 * 8 * 8 + fc1 + fc2
    outputs = 2 * 20 * 24 * 24 + 20 * 144 + 2 * 50 * 64 + 800 + 800 + 2 * 500 + 10
    assert summary.memory == 4 * outputs
    assert summary.parameters_bytes == 4 * summary.parameters
    assert summary.rows[1].path == "0"


def test_the_model_is_left_as_it_was():
    model = lenet()
    model.summary((1, 28, 28))
    assert model[0].in_channels is None
    built = model.build((1, 28, 28))
    state = built.state_dict()
    text = str(built.summary((1, 28, 28)))
    assert "trainable parameters: 431,080 (1.7 MB for all)" in text
    for name, value in built.state_dict().items():
        assert minitorch.equal(value, state[name])
    assert all(p.grad is None for p in built.parameters())


def test_shared_layers_are_counted_once_and_frozen_ones_are_not_trainable():
    layer = nn.Linear(8, 8)
    layer.bias.requires_grad_(False)
    summary = nn.Sequential(layer, nn.Tanh(), layer).summary((8,))
    assert summary.parameters == 72
    assert summary.trainable == 64
    assert summary.multiply_adds == 2 * 64
    assert "(shared)" in str(summary)
    frozen = nn.Sequential(nn.Linear(8, 4)).requires_grad_(False)
    assert frozen.summary((8,)).multiply_adds == 32


def test_products_inside_forward_count_for_their_module():
    class Products(nn.Module):
        def forward(self, x: Any) -> Any:
            y = x @ x.transpose(1, 2)  # (N, 3, 3), sums of 5
            return minitorch.einsum("nij,njk->nik", y, x)  # (N, 3, 5), sums of 3

    summary = Products().summary((3, 5))
    assert summary.multiply_adds == 9 * 5 + 15 * 3
    up = nn.Sequential(nn.ConvTranspose2d(2, 3, 2, bias=False)).summary((2, 4, 4))
    assert up.multiply_adds == 2 * 16 * 3 * 4


def test_bytes_are_shown_in_the_unit_that_suits_them():
    shown = [shown_bytes(n) for n in (0, 999, 1000, 1_234_567, 5e9, 7e15)]
    assert shown == ["0 B", "999 B", "1.0 kB", "1.2 MB", "5.0 GB", "7,000.0 TB"]


def test_a_model_that_has_been_called_has_the_same_summary():
    model = lenet().build((1, 28, 28))
    before = str(model.summary((1, 28, 28)))
    model(minitorch.zeros(2, 1, 28, 28))
    assert str(model.summary((1, 28, 28))) == before
