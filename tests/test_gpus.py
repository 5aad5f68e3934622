"""Arrays of two GPUs are refused, by name; nothing looks for them before there is a second GPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import minitorch
import minitorch.nn.functional as F
from minitorch import nn
from minitorch.op import REGISTRY


def place(index: int, *shape: int) -> Any:
    return minitorch.ones(shape, device=f"cuda:{index}")


def whole(*shape: int) -> Any:
    return minitorch.zeros(shape, dtype="int64", device="cuda:1")


@pytest.mark.parametrize(
    ("f", "a", "b"),
    [
        (lambda x, y: x + y, "add: 'a'", "'b'"),
        (lambda x, y: x @ y, "matmul: 'a'", "'b'"),
        (lambda x, y: x.add_(y), "add: 'a'", "'b'"),
        (lambda x, y: minitorch.cat([x, y]), "cat: 'xs[0]'", "'xs[1]'"),
        (lambda x, y: minitorch.maximum(x, y), "maximum: 'a'", "'b'"),
        (lambda x, y: minitorch.where(x > 0, x, y), "where: 'condition'", "'other'"),
        (lambda x, y: F.linear(x, y), "linear: 'x'", "'weight'"),
        (lambda x, y: F.mse_loss(x, y), "mse_loss: 'input'", "'target'"),
        (lambda x, y: F.cross_entropy(x, whole(3)), "cross_entropy: 'input'", "'target'"),
    ],
)
def test_arrays_of_two_gpus_are_refused_by_name(f: Callable, a: str, b: str, two_gpus: Any) -> None:
    x, y = place(0, 3, 3), place(1, 3, 3)
    with pytest.raises(TypeError) as caught:
        f(x, y)
    assert (
        str(caught.value) == f"{a} is on cuda:0 and {b} is on cuda:1; move one with .to('cuda:0')"
    )
    assert x.tolist() == y.tolist() == [[1.0] * 3] * 3


def test_an_index_of_another_gpu_is_refused(two_gpus: Any) -> None:
    x = place(0, 3, 3)
    with pytest.raises(TypeError, match="gather: 'index' is on cuda:1 and 'x' is on cuda:0; move"):
        x.gather(0, whole(3, 3))


def test_a_model_of_one_gpu_does_not_take_a_batch_of_another(two_gpus: Any) -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).to("cuda:1")
    with pytest.raises(TypeError, match=r"is on cuda:0 and .* is on cuda:1"):
        model(place(0, 5, 3))


def test_a_compiled_step_refuses_them_too(two_gpus: Any) -> None:
    step = minitorch.compile(lambda x, y: (x * 2) + y)
    assert step(place(0, 2), place(0, 2)).tolist() == [3, 3]
    for _ in range(2):
        with pytest.raises(TypeError, match="add: 'a' is on cuda:0 and 'b' is on cuda:1"):
            step(place(0, 2), place(1, 2))


def test_moving_and_numbers_are_no_mixture(two_gpus: Any) -> None:
    x, y = place(0, 2), place(1, 2)
    assert (x + y.to("cuda:0")).tolist() == [2, 2]
    assert (x * 2 + 1).tolist() == [3, 3]
    with pytest.raises(TypeError, match="add: 'a' is on cuda:0 and 'b' is on cpu"):
        x + minitorch.ones(2)


def test_no_op_looks_before_a_second_gpu_is_used(two_gpus: Any) -> None:
    def looking() -> list[str]:
        return [op.name for op in REGISTRY.values() if hasattr(op.body, "looks")]

    place(0, 2) + place(0, 2)
    assert not looking()
    with minitorch.cuda.device(1):
        assert "add" in looking()
    again = REGISTRY["add"].body
    place(1, 2)
    assert REGISTRY["add"].body is again
