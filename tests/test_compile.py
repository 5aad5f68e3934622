"""compile: what is noticed, what is left in tensors, and what a compiled function returns."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minitorch
from minitorch import nn
from minitorch.tensor import Tensor
from minitorch.utils.checkpoint import checkpoint


def bits(x: Tensor) -> bytes:
    return x.detach().numpy().tobytes()


def rising(*shape: int) -> Tensor:
    n = int(np.prod(shape))
    return minitorch.from_numpy(np.linspace(-1, 2, n, dtype=np.float32).reshape(shape))


# what comes back ----------------------------------------------------------------------------------


class Pair(NamedTuple):
    a: Any
    b: Any


@dataclass(frozen=True)
class Record:
    x: Any
    name: str


def test_containers_come_back_as_they_were_returned():
    @minitorch.compile
    def step(x):
        return {"pair": Pair(x * 2, [x + 1, None]), "record": Record(x - 1, "r")}, (x * x, 3, "s")

    for i in range(3):
        x = minitorch.full((2,), float(i))
        first, last = step(x)
        assert type(first["pair"]) is Pair
        assert type(first["record"]) is Record
        assert first["record"].name == "r"
        assert first["pair"].b[1] is None
        values = (first["pair"].a, first["pair"].b[0], first["record"].x, last[0])
        assert [v[0].item() for v in values] == [2 * i, i + 1, i - 1, i * i]
        assert last[1:] == (3, "s")


def test_one_tensor_returned_twice_is_one_tensor():
    step = minitorch.compile(lambda x: (y := x * 2, y))
    for _ in range(2):
        a, b = step(minitorch.ones(2))
        assert a is b


def test_what_was_returned_is_not_written_over_by_the_next_run():
    step = minitorch.compile(lambda x: (x * 2, (x * 2).reshape(1, 2), (x + 1).sum()))
    step(minitorch.ones(2))
    first = step(minitorch.ones(2))
    before = [bits(y) for y in first]
    step(minitorch.full((2,), 5.0))
    assert [bits(y) for y in first] == before


@pytest.mark.parametrize("keepdim", [False, True])
def test_counts_and_half_means_go_into_memory_that_is_there_already(keepdim):
    """Both are sums in another dtype than what is added up."""

    def step(x):
        return (x > 0.5).sum(1, keepdim) / 3, x.half().mean(0, keepdim) * 2

    compiled = minitorch.compile(step)
    for _ in range(3):
        x = minitorch.rand(50, 40)
        for got, want in zip(compiled(x), step(x)):
            assert (got.dtype, got.tolist()) == (want.dtype, want.tolist())


@pytest.mark.parametrize("size", [1.0, 500.0])
def test_what_an_op_keeps_is_for_the_values_of_each_run_to_say(size):
    """logsumexp keeps its powers where none overflows: in the first run here, or in the others."""

    def step(x):
        x = x.requires_grad_()
        x.logsumexp(1).sin().sum().backward()
        return x.grad

    compiled = minitorch.compile(step)
    for scale in (size, 1.0, 500.0, 1.0):
        x = rising(2, 3) * scale
        assert compiled(x.clone()).tolist() == step(x.clone()).tolist()


def test_few_numbers_take_their_quick_way_whatever_the_traced_ones_were():
    """Python's erf and the polynomial agree on the traced numbers, and not on the later ones."""
    curve = nn.functional.gelu
    step = minitorch.compile(curve)
    step(minitorch.zeros(4, 4))
    for stretch in range(1, 20):
        x = rising(4, 4) * stretch
        assert bits(step(x)) == bits(curve(x))
    assert step.trace_count == 1


def test_an_argument_that_is_returned_is_the_argument():
    step = minitorch.compile(lambda x: x)
    for _ in range(2):
        x = minitorch.ones(2)
        assert step(x) is x


def test_arrays_go_in_and_come_out_as_arrays():
    step = minitorch.compile(lambda a: np.exp(a) * 2)
    for i in range(3):
        a = np.linspace(0, i, 4)
        y = step(a)
        assert type(y) is np.ndarray
        assert y.tobytes() == (np.exp(a) * 2).tobytes()


def test_a_result_has_no_graph_and_says_why():
    w = minitorch.ones(2, requires_grad=True)
    step = minitorch.compile(lambda: (w * 2).sum())
    for _ in range(2):
        y = step()
        assert not y.requires_grad
        with pytest.raises(RuntimeError, match=r"returned by a compiled function.*inside"):
            y.backward()


def test_the_function_keeps_its_name_and_docstring():
    @minitorch.compile
    def step(x):
        """Doubles."""
        return x * 2

    assert (step.__name__, step.__doc__) == ("step", "Doubles.")
    assert repr(step) == "<compiled step, 0 traces>"


def test_a_method_can_be_compiled():
    class Model:
        def __init__(self, k: float):
            self.k = k

        @minitorch.compile
        def twice(self, x):
            return x * self.k

    two, three = Model(2.0), Model(3.0)
    for _ in range(2):
        assert two.twice(minitorch.ones(1)).item() == 2
        assert three.twice(minitorch.ones(1)).item() == 3
    assert minitorch.compile(two.twice)(minitorch.ones(1)).item() == 2


# gradients ----------------------------------------------------------------------------------------


def gradient_step(w: Tensor) -> Any:
    @minitorch.compile
    def step(x):
        loss = (w * x).square().sum()
        loss.backward()
        return loss

    return step


def test_gradients_of_an_earlier_run_stay_what_they_were():
    w = minitorch.ones(2, requires_grad=True)
    step = gradient_step(w)
    kept = []
    for i in range(4):
        w.grad = None
        step(minitorch.full((2,), float(i)))
        kept.append(w.grad)
    assert [g[0].item() for g in kept] == [2.0 * i * i for i in range(4)]


def test_gradients_add_up_until_they_are_cleared():
    w = minitorch.ones(2, requires_grad=True)
    step = gradient_step(w)
    seen = []
    for i in range(9):
        if i % 3 == 0:
            w.grad = None
        step(minitorch.ones(2))
        seen.append(w.grad[0].item())
    assert seen == [2, 4, 6] * 3
    assert step.trace_count == 2  # one with a gradient to add to, and one without


def test_gradients_reach_arguments_and_add_up_there():
    @minitorch.compile
    def step(x):
        (x * x).sum().backward()

    for _ in range(3):
        x = minitorch.tensor([1.0, 3.0], requires_grad=True)
        step(x)
        assert x.grad.tolist() == [2, 6]
        step(x)
        assert x.grad.tolist() == [4, 12]
    assert step.trace_count == 2


def test_a_gradient_may_be_read_and_written_inside():
    w = minitorch.ones(2, requires_grad=True)

    @minitorch.compile
    def step(x):
        w.grad = None
        (w * x).sum().backward()
        w.grad.mul_(0.5)
        with minitorch.no_grad():
            w.sub_(w.grad)
        return w.grad

    for i in range(3):
        g = step(minitorch.full((2,), 2.0))
        assert g is w.grad
        assert g.tolist() == [1, 1]
        assert w.tolist() == [-i, -i]


def test_gradients_of_gradients():
    @minitorch.compile
    def step(x):
        y = (x**3).sum()
        (g,) = minitorch.autograd.grad(y, [x], create_graph=True)
        (h,) = minitorch.autograd.grad(g.sum(), [x])
        return g, h

    for i in (1.0, 2.0, 3.0):
        g, h = step(minitorch.tensor([i], requires_grad=True))
        assert (g.item(), h.item()) == (3 * i * i, 6 * i)


# state --------------------------------------------------------------------------------------------


def test_what_the_step_writes_in_place_is_written_at_every_run():
    total = minitorch.zeros(2)

    @minitorch.compile
    def step(x):
        with minitorch.no_grad():
            total.add_(x)
        return total * 2

    for i in range(4):
        assert step(minitorch.ones(2)).tolist() == [2 * i + 2] * 2
    assert total.tolist() == [4, 4]


def test_an_array_that_starts_anew_does_so_at_every_run():
    @minitorch.compile
    def step(x):
        y = minitorch.zeros(3)
        y[1] = x
        y += 1
        return y.sum()

    for i in range(4):
        assert step(minitorch.tensor(float(i))).item() == i + 3


def test_a_tensor_given_another_array_by_the_step_has_a_new_one_at_each_run():
    state = minitorch.zeros(1)

    @minitorch.compile
    def step(x):
        state.data = state + x

    for i in range(4):
        step(minitorch.ones(1))
        assert state.item() == i + 1


def test_a_graph_that_saved_what_a_run_overwrites_is_stale():
    w = minitorch.ones(2, requires_grad=True)

    @minitorch.compile
    def step():
        with minitorch.no_grad():
            w.mul_(2.0)

    step()
    y = (w * w).sum()
    step()
    with pytest.raises(RuntimeError, match="a compiled step changed that array in place"):
        y.backward()


# what is noticed ----------------------------------------------------------------------------------


def test_other_shapes_dtypes_and_layouts_are_traced_once_each():
    step = minitorch.compile(lambda x: (x * 2).sum(0))
    kinds = [rising(2, 3), rising(3, 2), rising(2, 3).double(), rising(3, 2).T, rising(4, 3)[::2]]
    for _ in range(3):
        for x in kinds:
            assert bits(step(x)) == bits((x * 2).sum(0))
    assert step.trace_count == len(kinds)


def test_python_values_are_part_of_the_signature():
    step = minitorch.compile(lambda x, n, name=None: x * n)
    for _ in range(2):
        assert step(minitorch.ones(1), 2).item() == 2
        assert step(minitorch.ones(1), 3).item() == 3
        assert step(minitorch.ones(1), 3.0).item() == 3
        assert step(minitorch.ones(1), 3, name="x").item() == 3
    assert step.trace_count == 4


def test_recording_and_the_default_dtype_are_part_of_the_signature():
    w = minitorch.ones(1, requires_grad=True)
    step = minitorch.compile(lambda: (w * 2, minitorch.ones(1)))
    for _ in range(2):
        step()
        with minitorch.no_grad():
            step()
    assert step.trace_count == 2
    minitorch.set_default_dtype(np.float64)
    assert step()[1].dtype == np.float64


def test_one_argument_given_twice_is_another_signature():
    @minitorch.compile
    def step(a, b):
        (a * b).sum().backward()

    x, y = (minitorch.full((1,), v, requires_grad=True) for v in (2.0, 3.0))
    step(x, y)
    assert (x.grad.item(), y.grad.item()) == (3, 2)
    z = minitorch.full((1,), 2.0, requires_grad=True)
    step(z, z)
    assert z.grad.item() == 4


def test_a_parameter_with_another_array_is_noticed():
    w = minitorch.ones(2)
    step = minitorch.compile(lambda: w * 2)
    step()
    w.data = minitorch.full((2,), 5.0)
    assert step().tolist() == [10, 10]
    assert (step.trace_count, "another array" in step.reason) == (2, True)
    w.copy_(minitorch.full((2,), 7.0))  # in place: the program reads the same memory
    assert step().tolist() == [14, 14]
    assert step.trace_count == 2


def test_frozen_and_thawed_parameters_are_noticed():
    w, v = (minitorch.ones(1, requires_grad=True) for _ in "wv")

    @minitorch.compile
    def step():
        w.grad = v.grad = None
        (w * v).sum().backward()

    step()
    v.requires_grad_(False)
    step()
    assert (w.grad.item(), v.grad) == (1, None)


def test_training_and_evaluation_are_two_programs():
    model = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(4))
    predict = minitorch.compile(lambda x: model(x))
    x = rising(3, 4)
    for _ in range(2):
        model.train()
        minitorch.manual_seed(1)
        a = predict(x)
        minitorch.manual_seed(1)
        state = {k: v.clone() for k, v in model.state_dict().items()}
        assert a.shape == x.shape
        model.eval()
        assert bits(predict(x)) == bits(model(x))
        model.load_state_dict(state)
    assert predict.trace_count == 2


def test_a_number_of_a_module_is_noticed():
    model = nn.Dropout(0.0)
    predict = minitorch.compile(lambda x: model(x))
    assert predict(minitorch.ones(8)).sum().item() == 8
    model.p = 1.0
    assert predict(minitorch.ones(8)).sum().item() == 0
    assert "'p'" in predict.reason


scale = 2.0


def scaled(x: Tensor) -> Tensor:
    return x * scale


def test_the_names_of_the_function_and_of_its_helpers_are_looked_at(monkeypatch):
    offset = 1.0
    step = minitorch.compile(lambda x: scaled(x) + offset)
    assert step(minitorch.ones(1)).item() == 3
    monkeypatch.setitem(globals(), "scale", 5.0)
    assert step(minitorch.ones(1)).item() == 6
    assert "'scale'" in step.reason
    offset = 2.0
    assert step(minitorch.ones(1)).item() == 7
    monkeypatch.setitem(globals(), "scale", 5.0 + 0.0)  # equal, though another object
    assert step(minitorch.ones(1)).item() == 7
    assert step.trace_count == 3


def test_another_tensor_under_the_same_name_is_noticed():
    x = minitorch.ones(1)
    step = minitorch.compile(lambda: x * 2)
    found = []
    for i in range(3):
        x = minitorch.full((1,), float(i))
        found.append(step().item())
    assert found == [0, 2, 4]


def test_a_function_that_is_traced_again_and_again_says_so():
    x = minitorch.ones(1)
    step = minitorch.compile(lambda: x * 2)
    for i in range(15):
        x = minitorch.full((1,), float(i))
        step()
    x = minitorch.ones(1)
    with pytest.warns(UserWarning, match=r"traced again and again, now because 'x'"):
        step()
    x = minitorch.zeros(1)
    assert step().item() == 0  # it is said once


def test_signatures_that_were_not_used_for_long_are_forgotten():
    step = minitorch.compile(lambda x: x + 1)
    for n in range(1, 40):
        step(minitorch.ones(n))
    assert len(step._programs) == 32
    step(minitorch.ones(8))  # the oldest that is known, and now the newest
    step(minitorch.ones(1))
    assert step.trace_count == 40
    step(minitorch.ones(8))
    assert step.trace_count == 40
    step(minitorch.ones(9))
    assert step.trace_count == 41


# together with other things -----------------------------------------------------------------------


def test_one_compiled_function_inside_another_is_a_part_of_it():
    inner = minitorch.compile(lambda x: x * 2)
    outer = minitorch.compile(lambda x: inner(x) + 1)
    for i in range(3):
        assert outer(minitorch.full((1,), float(i))).item() == 2 * i + 1
    assert (inner.trace_count, outer.trace_count) == (0, 1)


def test_a_tape_and_anomaly_detection_see_the_ops_of_the_function_itself():
    w = minitorch.ones(1, requires_grad=True)
    step = minitorch.compile(lambda: (w * 2).sum())
    step()
    with minitorch.tape() as seen:
        step()
    assert [record.name for record in seen] == ["mul", "sum"]
    bad = minitorch.compile(lambda x: (w * x).log())
    with (
        minitorch.autograd.detect_anomaly(),
        pytest.raises(FloatingPointError, match="NaN"),
        minitorch.autograd.detect_anomaly(),
    ):
        bad(minitorch.full((1,), -1.0))


def test_threads_take_turns():
    step = minitorch.compile(lambda x: ((x * 2).exp() + 1).log())
    xs = [minitorch.full((50,), i / 10) for i in range(8)]
    expected = [bits(((x * 2).exp() + 1).log()) for x in xs]
    wrong = []

    def work(i: int) -> None:
        wrong.extend(i for _ in range(50) if bits(step(xs[i])) != expected[i])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
    assert step.trace_count == 1


def test_another_thread_computes_as_ever_while_a_step_is_traced():
    found = []

    def other() -> None:
        w = minitorch.ones(2, requires_grad=True)
        (w * 3).sum().backward()
        found.append((w.grad.tolist(), type(w.array)))

    @minitorch.compile
    def step(x):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        return x * 2

    step(minitorch.ones(1))
    assert found == [([3, 3], np.ndarray)]


def test_a_step_that_calls_itself_runs_the_inner_call_as_it_is():
    def step(n):
        return minitorch.ones(1) if n == 0 else compiled(n - 1) * 2

    compiled = minitorch.compile(step)
    for _ in range(2):
        assert compiled(3).item() == 8


# any program --------------------------------------------------------------------------------------

ONE = ["exp", "tanh", "sigmoid", "relu", "neg", "square", "softmax", "cumsum", "sort", "T", "mean"]
TWO = ["add", "sub", "mul", "maximum", "matmul", "where", "cat", "iadd", "setitem"]


def applied(name: str, a: Tensor, b: Tensor) -> Tensor:
    """One more tensor of shape (3, 3)."""
    if name in ("softmax", "cumsum"):
        return getattr(a, name)(1)
    if name == "sort":
        return a.sort(1)[0]
    if name == "T":
        return a.T
    if name == "mean":
        return a.mean(0, keepdim=True).expand(3, 3)
    if name == "matmul":
        return (a @ b).tanh()
    if name == "where":
        return minitorch.where(a > b, a, b * 2)
    if name == "cat":
        return minitorch.cat([a, b])[1:4]
    if name == "iadd":
        c = a.clone()
        c += b
        return c
    if name == "setitem":
        c = a * 1
        c[1] = b[2]
        return c
    return getattr(a, name)(b) if name in TWO else getattr(a, name)()


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(ONE + TWO), st.integers(0, 9), st.integers(0, 9))))
def test_any_program_is_the_eager_one_bit_for_bit(lines):
    def build() -> Any:
        w = minitorch.from_numpy(np.linspace(-0.5, 0.5, 9, dtype=np.float32).reshape(3, 3))
        w.requires_grad_()

        def step(x: Tensor) -> Any:
            w.grad = None
            known = [x, w]
            for name, i, j in lines:
                known.append(applied(name, known[i % len(known)], known[j % len(known)]))
            loss = (known[-1] * w).sum()
            loss.backward()
            with minitorch.no_grad():
                w.sub_(w.grad * 0.1)
            return loss, known[-1]

        return step, w

    (eager, w), (other, v) = build(), build()
    compiled = minitorch.compile(other)
    for i in range(3):
        x = minitorch.from_numpy(np.random.default_rng(i).standard_normal((3, 3)).astype("f"))
        assert [bits(y) for y in eager(x)] == [bits(y) for y in compiled(x)]
        assert bits(w) == bits(v)
        assert bits(w.grad) == bits(v.grad)
    assert compiled.trace_count == 1


# with the rest of the house -----------------------------------------------------------------------


class Cube(minitorch.autograd.Function):
    """A user's own op."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 3 * x * x


def with_an_op_of_the_users() -> Any:
    w = minitorch.ones(3, requires_grad=True)

    def step(x):
        w.grad = None
        y = Cube.apply(w * x).sum()
        y.backward()
        return y, w.grad

    return step


def with_recomputation() -> Any:
    minitorch.manual_seed(0)
    first, second = nn.Linear(3, 5), nn.Linear(5, 2)

    def step(x):
        first.zero_grad()
        second.zero_grad()
        y = checkpoint(lambda x: first(x).tanh(), x)
        second(y).sum().backward()
        return first.weight.grad, first.bias.grad

    return step


def with_transforms() -> Any:
    def f(w: Tensor, x: Tensor) -> Tensor:
        return (w * x).sin().sum()

    w = minitorch.ones(3)

    def step(x):
        each = minitorch.vmap(minitorch.func.grad(f), in_dims=(None, 0))(w, minitorch.stack([x, x]))
        return minitorch.func.grad(f)(w, x), each

    return step


def with_hooks() -> Any:
    w = minitorch.ones(3, requires_grad=True)
    w.register_hook(lambda g: g * 2)

    def step(x):
        w.grad = None
        y = w * x
        y.register_hook(lambda g: g + 1)
        y.sum().backward()
        return w.grad

    return step


def with_every_kind_of_draw() -> Any:
    def step(x):
        drawn = minitorch.rand(2), minitorch.randint(0, 5, (4,)), minitorch.randperm(6)
        more = minitorch.bernoulli(x.sigmoid()), minitorch.multinomial(x.softmax(0), 2)
        return *drawn, *more, minitorch.normal(0.0, 1.0, (3,)), minitorch.empty(3).uniform_(0, 1)

    return step


def with_a_stream_started_inside() -> Any:
    def step(x):
        minitorch.manual_seed(3)
        return x + minitorch.randn(3)

    return step


def with_an_average_of_the_weights() -> Any:
    minitorch.manual_seed(0)
    model = nn.Linear(3, 2)
    optimizer = minitorch.optim.SGD(model, lr=0.1)
    mean = {name: value.clone() for name, value in model.state_dict().items()}

    def step(x):
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()
        with minitorch.no_grad():
            for name, value in model.state_dict().items():
                mean[name].mul_(0.9).add_(value * 0.1)
        return model.weight * 1, mean["weight"] * 1, mean["bias"] * 1

    return step


@pytest.mark.parametrize(
    "build",
    [
        with_an_op_of_the_users,
        with_recomputation,
        with_transforms,
        with_hooks,
        with_every_kind_of_draw,
        with_a_stream_started_inside,
        with_an_average_of_the_weights,
    ],
)
def test_it_goes_with(build: Any):
    eager, compiled = build(), minitorch.compile(build())
    for i in range(4):
        x = minitorch.from_numpy(np.random.default_rng(i).standard_normal(3).astype("f"))
        found = []
        for step in (eager, compiled):
            minitorch.manual_seed(i)
            ys = step(x)
            found.append([bits(y) for y in (ys if isinstance(ys, tuple) else (ys,))])
        assert found[0] == found[1]
    assert compiled.trace_count == 1
