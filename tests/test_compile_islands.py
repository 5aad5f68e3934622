"""compile: gradients of gradients through what looks at values, which stays eager at each run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitorch
import minitorch.nn.functional as F
from minitorch.autograd import Function, grad
from minitorch.tensor import Tensor


def both_ways(make: Callable[[], Callable], batches: list[tuple]) -> Any:
    """Runs a step as it is and compiled on the same batches; they must agree to the last bit."""
    eager, compiled = make(), minitorch.compile(make())
    for batch in batches:
        for expected, found in zip(eager(*batch), compiled(*batch), strict=True):
            assert found.dtype == expected.dtype
            assert found.cpu().numpy().tobytes() == expected.cpu().numpy().tobytes()
    assert compiled.trace_count == 1
    return compiled.program


def penalized(classes: int = 3, device: str = "cpu", loss: Callable = F.cross_entropy) -> Callable:
    """Makes steps that descend a loss and the square of its gradient."""

    def make() -> Callable:
        w = np.linspace(-1, 1, 5 * classes, dtype=np.float32).reshape(5, classes)
        w = minitorch.from_numpy(w).to(device).requires_grad_()

        def step(x: Tensor, t: Tensor) -> list[Tensor]:
            w.grad = None
            value = loss(x @ w, t)
            (g,) = grad(value, [w], create_graph=True)
            (value + (g * g).sum()).backward()
            with minitorch.no_grad():
                w.sub_(0.1 * w.grad)
            return [value.detach(), g.detach(), w.grad]

        return step

    return make


def batch(i: int, N: int = 4, classes: int = 3, scale: float = 1.0) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(i)
    x = scale * rng.standard_normal((N, 5)).astype(np.float32)
    return minitorch.from_numpy(x), minitorch.from_numpy(rng.integers(0, classes, N))


def soft(y: Tensor, t: Tensor) -> Tensor:
    return F.cross_entropy(y, t, label_smoothing=0.1)


def of_logs(y: Tensor, t: Tensor) -> Tensor:
    return F.nll_loss(F.log_softmax(y, 1), t)


@pytest.mark.parametrize("loss", [F.cross_entropy, soft, of_logs])
@pytest.mark.parametrize("N", [4, 3000])
def test_the_gradient_of_a_cross_entropy_s_gradient(N: int, loss: Callable):
    both_ways(penalized(loss=loss), [batch(i, N) for i in range(3)])


def test_it_takes_another_way_where_values_ask_for_it():
    # With logits beyond 80 the loss is not the one of few small numbers that was traced.
    batches = [batch(0), batch(1, scale=100.0), batch(2), batch(3, scale=100.0)]
    x, t = batches[0]
    ignored = minitorch.tensor([0, -100, 2, -100])
    program = both_ways(penalized(), [*batches, (x, ignored), (x, t)])
    assert "computed(" in str(program)
    assert "went_back(" in str(program)


def test_gradients_of_the_third_order():
    def make() -> Callable:
        w = minitorch.linspace(-1, 1, 15).reshape(5, 3).detach().requires_grad_()

        def step(x: Tensor, t: Tensor) -> list[Tensor]:
            w.grad = None
            (g,) = grad(F.cross_entropy(x @ w, t), [w], create_graph=True)
            (h,) = grad((g * g).sum(), [w], create_graph=True)
            (h * h).sum().backward()
            return [g.detach(), h.detach(), w.grad]

        return step

    both_ways(make, [batch(i) for i in range(3)])


class Steep(Function):
    """A rule of somebody's own that looks: |x| with the slope of its first element everywhere."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return abs(x)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return g * x if x[0].item() > 0 else -g * x * x


def test_a_rule_of_one_s_own_may_look_at_values():
    def make() -> Callable:
        def step(x: Tensor) -> list[Tensor]:
            x = x.detach().requires_grad_()
            (g,) = grad(Steep.apply(x * 2).sum(), [x], create_graph=True)
            (g * g).sum().backward()
            return [g.detach(), x.grad]

        return step

    both_ways(make, [(minitorch.tensor([s * 1.0, 2.0, -3.0]),) for s in (1, -1, 5)])


def test_what_an_island_holds_is_not_written_over():
    # Between the rule and the way back through it there is room for many results.
    def make() -> Callable:
        w = minitorch.linspace(-1, 1, 15).reshape(5, 3).detach().requires_grad_()

        def step(x: Tensor, t: Tensor) -> list[Tensor]:
            w.grad = None
            y = (x * 2).tanh() @ w
            (g,) = grad(F.cross_entropy(y * 3, t), [w], create_graph=True)
            z = g
            for _ in range(20):
                z = (z * 1.1).tanh()
            (z * z).sum().backward()
            return [w.grad]

        return step

    both_ways(make, [batch(i) for i in range(3)])


def test_on_a_gpu(cuda: Any):
    batches = [tuple(x.to("cuda") for x in batch(i)) for i in range(3)]
    both_ways(penalized(device="cuda"), batches)
