"""An input size given alone, by its name, is no output size."""

import inspect

import pytest

from minitorch import nn

CASES = [
    (nn.Linear, "in_features", "out_features", {}),
    *[
        (kind, "in_channels", "out_channels", {"kernel_size": 3})
        for kind in (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d)
    ],
    *[
        (kind, "input_size", "hidden_size", {})
        for kind in (nn.RNN, nn.LSTM, nn.GRU, nn.RNNCell, nn.LSTMCell, nn.GRUCell)
    ],
]
each = pytest.mark.parametrize(("kind", "size_in", "size_out", "rest"), CASES)


@each
def test_an_input_size_alone_is_an_error_with_its_fix(kind, size_in, size_out, rest):
    name = kind.__name__
    with pytest.raises(TypeError) as caught:
        kind(**{size_in: 5}, **rest)
    text = str(caught.value)
    assert text.startswith(f"{name}: {size_in}=5 without {size_out}")
    assert f"write {name}({size_in}=5, {size_out}=...)" in text


@each
def test_other_ways_to_give_the_sizes_stay(kind, size_in, size_out, rest):
    asked = [
        (kind(7, **rest), None),
        (kind(**{size_out: 7}, **rest), None),
        (kind(5, 7, **rest), 5),
        (kind(**{size_in: 5, size_out: 7}, **rest), 5),
        (kind(**{size_in: None, size_out: 7}, **rest), None),
    ]
    for layer, given in asked:
        assert (getattr(layer, size_in), getattr(layer, size_out)) == (given, 7)


@each
def test_the_signature_is_seen_through_the_check(kind, size_in, size_out, rest):
    assert list(inspect.signature(kind).parameters)[:2] == [size_in, size_out]


def test_a_subclass_may_take_the_input_size_alone():
    class Head(nn.Linear):
        def __init__(self, in_features: int):
            super().__init__(in_features, 10)

    assert Head(in_features=5).weight.shape == (10, 5)
