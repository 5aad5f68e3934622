"""What a program asks a GPU, TF32, and parity: the same function on both devices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import minitorch
import minitorch.nn.functional as F
from minitorch import Tensor, nn
from minitorch.cuda import ParityError, parity
from tests import fakecupy
from tests.fakecupy.cuda import get_compute_type


@pytest.fixture
def standin() -> Iterator[Any]:
    with fakecupy.installed() as cupy:
        yield cupy


@pytest.fixture
def absent() -> Iterator[None]:
    """CuPy is there and finds no GPU, whatever this machine has."""
    with fakecupy.installed(), fakecupy.gpu.missing():
        yield


def draw(*shape: int) -> Tensor:
    return minitorch.from_numpy(np.random.default_rng(0).standard_normal(shape).astype("float32"))


def only_on_gpu(change: Callable[[Tensor], Any]) -> Callable[[Tensor], Any]:
    """A function that does something else on a GPU."""
    return lambda x: change(x) if x.device.type == "cuda" else x * 2


# what a program asks ----------------------------------------------------------------------------


def test_the_names_are_torchs(standin):
    assert minitorch.cuda.is_available()
    assert minitorch.cuda.device_count() == 1
    assert minitorch.cuda.current_device() == 0
    assert minitorch.cuda.get_device_name() == "Stand-in"
    for device in (0, "cuda", "cuda:0", minitorch.device("cuda:0")):
        assert minitorch.cuda.get_device_name(device) == "Stand-in"


def test_torch_has_the_same_names():
    torch = pytest.importorskip("torch")
    own = {"ParityError", "parity"}
    assert {n for n in minitorch.cuda.__all__ if not hasattr(torch.cuda, n)} == own
    assert torch.backends.cuda.matmul.allow_tf32 is False


def test_synchronize_waits(standin):
    fakecupy.counters.reset()
    minitorch.cuda.synchronize()
    minitorch.cuda.synchronize(0)
    assert fakecupy.counters.sync == 2


def test_memory_is_what_living_arrays_take(standin):
    before = minitorch.cuda.memory_allocated()
    x = minitorch.zeros(1000, device="cuda")
    assert minitorch.cuda.memory_allocated() == before + 4000
    assert minitorch.cuda.memory_allocated("cuda:0") == before + 4000
    assert minitorch.cuda.memory_reserved() >= before + 4000
    del x
    minitorch.cuda.empty_cache()
    assert minitorch.cuda.memory_allocated() == before


@pytest.mark.parametrize("name", ["current_device", "get_device_name", "synchronize"])
def test_without_a_gpu_what_needs_one_says_what_is_missing(absent, name: str):
    with pytest.raises(RuntimeError, match="driver"):
        getattr(minitorch.cuda, name)()


def test_without_a_gpu_counts_are_zero_as_in_torch(absent):
    assert minitorch.cuda.device_count() == 0
    assert minitorch.cuda.memory_allocated() == minitorch.cuda.memory_reserved() == 0
    assert minitorch.cuda.empty_cache() is None


@pytest.mark.parametrize("name", ["get_device_name", "synchronize", "memory_allocated"])
def test_a_gpu_that_is_not_there_is_named(standin, name: str):
    with pytest.raises(RuntimeError, match=f"{name}: there is no GPU 3; 1 can be used"):
        getattr(minitorch.cuda, name)("cuda:3")
    with pytest.raises(ValueError, match=f"{name}: expected a GPU such as 'cuda' or 0, got 'cpu'"):
        getattr(minitorch.cuda, name)("cpu")


# TF32 -------------------------------------------------------------------------------------------


@pytest.fixture
def switch() -> Iterator[Any]:
    matmul = minitorch.backends.cuda.matmul
    yield matmul
    with fakecupy.installed():
        matmul.allow_tf32 = False


def test_tf32_is_off_and_reaches_cupy_when_it_is_switched_on(standin, switch):
    assert switch.allow_tf32 is False
    switch.allow_tf32 = True
    assert switch.allow_tf32 is True
    assert get_compute_type(np.dtype("float32")) == 7
    assert get_compute_type(np.dtype("float64")) == 1
    switch.allow_tf32 = False
    assert get_compute_type(np.dtype("float32")) == 1


def test_tf32_can_be_switched_without_a_gpu_and_changes_nothing_on_the_cpu(absent, switch):
    a, b = draw(5, 7), draw(7, 4)
    before = (a @ b).numpy()
    switch.allow_tf32 = True
    assert switch.allow_tf32 is True
    np.testing.assert_array_equal((a @ b).numpy(), before)


def test_a_misspelled_switch_and_a_wrong_value_raise(switch):
    with pytest.raises(AttributeError):
        switch.allow_tf_32 = True
    with pytest.raises(TypeError, match="allow_tf32: expected True or False, got 1"):
        switch.allow_tf32 = 1


def test_cupy_calls_tf32_by_that_number():
    core = pytest.importorskip("cupy", reason="the real CuPy is not installed")._core
    from minitorch.backends import cuda

    numbers = core._routines_linalg
    assert (cuda._DEFAULT, cuda._TF32) == (
        numbers.COMPUTE_TYPE_DEFAULT,
        numbers.COMPUTE_TYPE_TF32,
    )
    assert callable(core.set_compute_type)


# parity -----------------------------------------------------------------------------------------


def test_parity_compares_values_and_gradients(cuda):
    """I14."""
    assert parity(lambda a, b: (a @ b).softmax(1), draw(3, 4), draw(4, 5))
    assert parity(F.embedding, minitorch.tensor([1, 1, 0, 1]), draw(3, 4))
    assert parity(F.cross_entropy, draw(4, 3), minitorch.tensor([0, 2, 1, 1]))


def test_parity_of_a_label_out_of_range(cuda):
    """I14: a bad label raises on both."""
    labels = minitorch.tensor([0, 3, 1, 1])
    assert parity(F.cross_entropy, draw(4, 3), labels, raises=IndexError)
    assert parity(F.nll_loss, draw(4, 3), labels - 4, raises=IndexError)
    assert parity(F.embedding, labels, draw(3, 4), raises=IndexError)


def test_parity_of_a_module_leaves_it_where_it_is(cuda):
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout(), nn.Linear(2))
    model.build(4)
    before = {name: t.numpy().copy() for name, t in model.state_dict().items()}
    assert parity(model, draw(6, 4))
    for name, t in model.state_dict().items():
        assert t.device.type == "cpu"
        np.testing.assert_array_equal(t.numpy(), before[name])
    assert all(p.grad is None for p in model.parameters())


def test_parity_finds_a_wrong_parameter_gradient(standin):
    class Odd(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            y = super().forward(x)
            return y.detach() if x.device.type == "cuda" else y

    with pytest.raises(ParityError, match=r"gradient of weight: a float32 tensor .* None"):
        parity(Odd(4, 3), draw(2, 4))


def test_parity_names_the_output_and_the_place(standin):
    def f(x: Tensor) -> tuple[Tensor, Tensor]:
        y = x * 2
        if x.device.type == "cuda":
            y[1, 2] = 100.0
        return x + 1, y

    with pytest.raises(ParityError, match=r"f: output 1: 1 of 12 .* \[1, 2\]: .* 100 on the GPU"):
        parity(f, draw(3, 4).requires_grad_())


def test_parity_finds_a_gradient_alone_that_differs(standin):
    f = only_on_gpu(lambda x: x + x.detach())
    with pytest.raises(ParityError, match="gradient of input 0: 12 of 12") as caught:
        parity(f, draw(3, 4))
    assert "output" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda x: (x * 2).cpu(), "output 0: is on cpu"),
        (lambda x: (x * 2).reshape(-1), r"float32 \(3, 4\) on the CPU, float32 \(12,\) on the GPU"),
        (lambda x: (x * 2).double(), "float64"),
        (lambda x: x * float("nan"), "nan on the GPU"),
        (lambda x: (x * 2).tolist(), "on the GPU"),
        (lambda x: x @ x, "on the GPU raises ShapeError"),
        (lambda x: (x * 2, x), "output 1: nothing on the CPU"),
    ],
)
def test_parity_says_what_is_other_on_a_gpu(standin, change: Callable, said: str):
    with pytest.raises(ParityError, match=said):
        parity(only_on_gpu(change), draw(3, 4))


def test_parity_of_integers_is_equality(standin):
    f = lambda i: i + 1 if i.device.type == "cuda" else i
    with pytest.raises(ParityError, match="3 of 3 differ; furthest off"):
        parity(f, minitorch.tensor([10**9, 2, 3]))


def test_parity_allows_another_last_digit_and_no_more(standin):
    def off(by: float) -> Callable[[Tensor], Tensor]:
        return only_on_gpu(lambda x: x * (2 + by))

    assert parity(off(1e-5), draw(3, 4))
    with pytest.raises(ParityError):
        parity(off(1e-2), draw(3, 4))
    with pytest.raises(ParityError):
        parity(off(1e-5), draw(3, 4), rtol=1e-7)
    with pytest.raises(ParityError):
        parity(off(1e-5), draw(3, 4).double())


def test_parity_of_an_error_that_one_device_keeps_to_itself(standin):
    def f(x: Tensor) -> Tensor:
        if x.device.type == "cpu":
            raise IndexError("too far")
        return x

    with pytest.raises(
        ParityError, match="no IndexError on the GPU; on the other it says: too far"
    ):
        parity(f, draw(2), raises=IndexError)
    with pytest.raises(ParityError, match="no KeyError on the CPU, nor on the other"):
        parity(lambda x: x, draw(2), raises=KeyError)
    with pytest.raises(IndexError, match="too far"):
        parity(f, draw(2))


def test_parity_draws_the_same_on_both_and_moves_the_stream_once(standin):
    f = lambda x: F.dropout(x, 0.5)
    minitorch.manual_seed(3)
    f(draw(50))
    once = minitorch.rand(3).numpy()
    minitorch.manual_seed(3)
    assert parity(f, draw(50))
    np.testing.assert_array_equal(minitorch.rand(3).numpy(), once)


def test_parity_takes_nested_inputs_and_leaves_them_alone(standin):
    x, y = draw(3, 4).requires_grad_(), draw(3, 4)
    kept = x.detach().numpy().copy()

    def f(pair: dict[str, Tensor], scale: float) -> dict[str, Tensor]:
        return {"out": (pair["x"] * scale + pair["y"]).add_(1)}

    assert parity(f, {"x": x, "y": y}, 2.0)
    assert x.grad is None
    assert y.requires_grad is False
    np.testing.assert_array_equal(x.detach().numpy(), kept)


def test_parity_without_a_gpu_says_what_is_missing(absent):
    with pytest.raises(RuntimeError, match="driver"):
        parity(lambda x: x, draw(2))
    with pytest.raises(ValueError, match="device must be a GPU such as 'cuda', got 'cpu'"):
        parity(lambda x: x, draw(2), device="cpu")
