"""Sizes that follow from the input are found by running forward on shapes."""

from __future__ import annotations

import copy
import sys
import threading
import tracemalloc
from typing import Any

import numpy as np
import pytest

import minitorch
from minitorch import nn
from minitorch.nn.parameter import UninitializedParameter


class Residual(nn.Module):
    """Two branches that meet, one of them around a layer."""

    def __init__(self, width: int):
        self.enter = nn.Linear(width)
        self.inner = nn.Linear(width)
        self.out = nn.Linear(3)

    def forward(self, x: Any) -> Any:
        h = self.enter(x).relu()
        return self.out(minitorch.cat([h, h + self.inner(h)], 1))


class Two(nn.Module):
    def __init__(self) -> None:
        self.audio = nn.Linear(4)
        self.video = nn.Linear(4)
        self.out = nn.Linear(2)

    def forward(self, audio: Any, video: Any) -> Any:
        return self.out(self.audio(audio) + self.video(video.flatten(1)))


class Halving(nn.Module):
    """Its forward depends on values, as the one of d2l's section 5.1."""

    def __init__(self) -> None:
        self.linear = nn.Linear(20)

    def forward(self, x: Any) -> Any:
        x = self.linear(x)
        while x.abs().sum() > 1:
            x = x / 2
        return x.sum()


def zero_weights(module: Any) -> None:
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.weight)


def values(model: Any) -> dict[str, np.ndarray]:
    return {k: v.numpy().copy() for k, v in model.state_dict().items()}


def same(a: Any, b: Any) -> bool:
    a, b = values(a), values(b)
    return a.keys() == b.keys() and all((a[k] == b[k]).all() for k in a)


# what a build does ----------------------------------------------------------------------------


def test_build_creates_every_parameter_and_returns_the_model():
    """B07, B22: a residual block, and a branch that doubles the width."""
    model = Residual(8)
    assert repr(model.enter) == "Linear(in_features=?, out_features=8, bias=True)"
    assert model.build((5,)) is model
    assert [p.shape for p in model.parameters()] == [(8, 5), (8,), (8, 8), (8,), (3, 16), (3,)]
    assert model(minitorch.randn(7, 5)).shape == (7, 3)
    assert model(minitorch.randn(1, 5)).shape == (1, 3)  # A36


def test_an_inferred_model_starts_from_the_same_numbers_as_an_explicit_one():
    """A14, A32, B14: whatever the order of the calls in forward."""

    class Backwards(nn.Module):
        def __init__(self, *sizes: tuple):
            self.second, self.first = (nn.Linear(*size) for size in sizes)

        def forward(self, x: Any) -> Any:
            return self.second(self.first(x))

    minitorch.manual_seed(3)
    inferred = Backwards((2,), (9,)).build((4,))
    minitorch.manual_seed(3)
    explicit = Backwards((9, 2), (4, 9))
    assert same(inferred, explicit)


def test_the_first_call_on_data_builds_as_well():
    minitorch.manual_seed(3)
    built = Residual(8).build((5,))
    minitorch.manual_seed(3)
    called = Residual(8)
    x = minitorch.from_numpy(np.ones((2, 5), np.float32))
    called(x)
    assert same(built, called)


def test_a_build_needs_no_memory():
    """B03, B24: a billion parameters are counted without being made."""
    model = nn.Sequential(nn.Linear(100_000), nn.ReLU(), nn.Linear(10_000))
    tracemalloc.start()
    n = model.count_parameters((10,))
    assert model.output_shape((10,)) == (10_000,)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n == 10 * 100_000 + 100_000 + 100_000 * 10_000 + 10_000
    assert peak < 1e6
    assert isinstance(model[0].weight, UninitializedParameter)  # as it was
    assert model[2].in_features is None


def test_two_inputs_by_place_or_by_name():
    """A20."""
    model = Two().build((3,), (2, 5))
    assert (model.audio.in_features, model.video.in_features) == (3, 10)
    model = Two().build((3,), video=(2, 5))
    assert model.video.in_features == 10
    y = model(minitorch.randn(4, 3), video=minitorch.randn(4, 2, 5))
    assert y.shape == (4, 2)


def test_dtypes_of_inputs():
    class Counted(nn.Module):
        def __init__(self) -> None:
            self.out = nn.Linear(3)

        def forward(self, ids: Any, x: Any) -> Any:
            assert ids.dtype == minitorch.int64
            return self.out(nn.functional.one_hot(ids, 7).float().sum(1) + x)

    dtypes = [minitorch.int64, minitorch.float32]
    assert Counted().build((5,), (7,), dtype=dtypes).out.in_features == 7
    named = Counted().build(ids=(5,), x=(7,), dtype={"ids": minitorch.int64})
    assert named.out.in_features == 7
    with pytest.raises(ValueError, match="build: 1 dtypes for 2 shapes"):
        Counted().build((5,), (7,), dtype=[minitorch.int64])


def test_a_tensor_stands_for_its_own_shape():
    x = minitorch.zeros(6, 5, dtype=minitorch.float64)
    model = nn.Linear(3).double().build(x)
    assert model.in_features == 5


def test_a_model_in_float64_is_built_in_float64():
    """A11, A38, B23, B25."""
    model = Residual(4).double().build((5,))
    assert {p.dtype for p in model.parameters()} == {minitorch.float64}
    minitorch.set_default_dtype("float64")
    assert nn.Linear(3).build((2,)).weight.dtype == minitorch.float64
    minitorch.set_default_dtype("float32")
    assert nn.Linear(3, dtype="float16").build((2,)).weight.dtype == minitorch.float16


def test_a_batch_without_examples_builds_too():
    assert nn.Linear(3)(minitorch.zeros(0, 5)).shape == (0, 3)


def test_only_the_layers_that_are_called_are_built_by_a_call():
    model = Two()
    model.audio(minitorch.zeros(2, 3))
    assert model.audio.in_features == 3
    assert model.video.in_features is None


def test_a_shared_open_layer_is_built_once():
    model = nn.Sequential(layer := nn.Linear(4), layer).build((4,))
    assert len(list(model.parameters())) == 2
    with pytest.raises(ValueError, match="linear"):
        nn.Sequential(layer := nn.Linear(5), layer).build((4,))


def test_tied_parameters_stay_tied():
    """P20: an open layer and another that is transposed in use."""

    class Tied(nn.Module):
        def __init__(self) -> None:
            self.a = nn.Linear(6)
            self.b = nn.Linear(6)
            self.b.weight = self.a.weight

        def forward(self, x: Any) -> Any:
            return self.b(self.a(x))

    model = Tied().build((6,))
    assert model.a.weight is model.b.weight
    assert len(list(model.parameters())) == 3
    with pytest.raises(ValueError, match=r"weight is tied to a tensor of shape \(6, 5\)"):
        Tied().build((5,))


def test_a_build_makes_no_draws_besides_the_initial_values_and_runs_no_hooks():
    class Dropped(nn.Module):
        def __init__(self) -> None:
            self.linear = nn.Linear(3)

        def forward(self, x: Any) -> Any:
            return nn.functional.dropout(self.linear(x), 0.5, self.training)

    calls: list[int] = []
    model = Dropped()
    model.register_forward_hook(lambda *_: calls.append(1))
    minitorch.manual_seed(1)
    model.build((4,))
    after = minitorch.rand(1).item()
    minitorch.manual_seed(1)
    nn.Linear(4, 3)
    assert after == minitorch.rand(1).item()
    assert calls == []


# apply before the build -----------------------------------------------------------------------


def test_apply_before_the_build_is_remembered_and_gives_the_same_numbers():
    def init(module: Any) -> None:
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight)

    minitorch.manual_seed(0)
    before = Residual(4).apply(init).build((5,))
    minitorch.manual_seed(0)
    after = Residual(4).build((5,)).apply(init)
    assert same(before, after)
    minitorch.manual_seed(0)
    called = Residual(4).apply(init)
    called(minitorch.from_numpy(np.ones((2, 5), np.float32)))
    assert same(before, called)


def test_apply_on_a_part_is_remembered_there():
    inner = nn.Sequential(nn.Linear(4)).apply(zero_weights)
    model = nn.Sequential(nn.Linear(4), inner).build((3,))
    assert float(inner[0].weight.abs().sum()) == 0
    assert float(model[0].weight.abs().sum()) > 0


def test_freezing_before_the_build_is_remembered():
    model = Residual(4)
    model.inner.requires_grad_(False)
    model.build((5,))
    assert [p.requires_grad for p in model.parameters()] == [True, True, False, False, True, True]


# what cannot be built -------------------------------------------------------------------------


def test_a_mis_sized_layer_is_found_by_path_before_any_data():
    """A33, B21."""
    model = nn.Sequential(nn.Linear(8), nn.Sequential(nn.ReLU(), nn.Linear(9, 2)))
    with pytest.raises(ValueError, match=r"x is \(2, 8\) and weight \(2, 9\)") as caught:
        model.build((4,))
    assert "in 1.1: Linear(in_features=9, out_features=2, bias=True)" in caught.value.__notes__
    assert model[0].in_features is None
    assert isinstance(model[0].weight, UninitializedParameter)
    model[1][1] = nn.Linear(8, 2)
    assert model.build((4,))[0].in_features == 4


def test_build_on_a_built_model_is_the_shape_check_alone():
    model = nn.Linear(4, 2)
    before = values(model)
    assert model.build((4,)) is model
    assert (values(model)["weight"] == before["weight"]).all()
    with pytest.raises(ValueError, match=r"x is \(2, 5\)"):
        model.build((5,))


def test_a_layer_that_forward_does_not_reach_is_named():
    class Unused(Two):
        def forward(self, audio: Any) -> Any:
            return self.audio(audio)

    model = Unused()
    with pytest.raises(RuntimeError, match=r"did not come past video \(Linear, in_features\), out"):
        model.build((3,))
    assert model.audio.in_features is None
    assert model(minitorch.zeros(1, 3)).shape == (1, 4)  # data builds what it reaches
    with pytest.raises(RuntimeError, match=r"did not come past video"):
        Unused().apply(zero_weights)(minitorch.zeros(1, 3))


def test_a_forward_that_depends_on_values_says_so_in_a_build_and_builds_on_data():
    """E18."""
    model = Halving()
    with pytest.raises(TypeError, match="needs values") as caught:
        model.build((5,))
    assert any("call the model once on data" in note for note in caught.value.__notes__)
    assert model.linear.in_features is None
    assert model(minitorch.randn(2, 5)).shape == ()
    assert model.linear.in_features == 5
    with pytest.raises(TypeError, match="needs values"):
        Halving().apply(zero_weights)(minitorch.randn(2, 5))


@pytest.mark.parametrize(
    "use",
    [
        lambda model: next(iter(model.parameters())).shape,
        lambda model: model.count_parameters(),
        lambda model: model.enter.weight * 2,
        lambda model: model.enter.weight.tolist(),
        lambda model: minitorch.save(model.enter.weight, "nowhere"),
        lambda model: minitorch.optim.SGD(model, lr=0.1),
        lambda model: minitorch.optim.SGD(model.parameters(), lr=0.1),
    ],
)
def test_an_open_parameter_says_which_layer_and_what_to_do(use: Any):
    """P19, R07."""
    model = Residual(4)
    dict(model.named_parameters())
    with pytest.raises(RuntimeError, match=r"enter.weight: this parameter of a Linear.*\.build\("):
        use(model)


@pytest.mark.parametrize("use", [lambda m: m.state_dict(), lambda m: m.load_state_dict({})])
def test_the_state_of_an_open_model_says_which_layers_and_what_to_do(use: Any):
    with pytest.raises(RuntimeError, match=r"input size of enter \(Linear, in_features\), inner"):
        use(Residual(4))


def test_build_without_a_shape_shows_how():
    with pytest.raises(TypeError, match=r"model.build\(\(1, 28, 28\)\)"):
        Residual(4).build()
    with pytest.raises(TypeError, match="build: shape"):
        Residual(4).build(("a",))


def test_another_width_later_names_the_layer_and_both_shapes():
    """H079."""
    model = nn.Sequential(nn.Linear(3).build((5,)))
    with pytest.raises(ValueError, match=r"x is \(1, 4\) and weight \(3, 5\)") as caught:
        model(minitorch.zeros(1, 4))
    assert "in 0: Linear(in_features=5, out_features=3, bias=True)" in caught.value.__notes__


def test_a_copy_of_an_open_model_builds_apart():
    model = Residual(4).apply(zero_weights)
    twin = copy.deepcopy(model).build((5,))
    assert model.enter.in_features is None
    assert twin.enter.in_features == 5
    assert float(twin.out.weight.abs().sum()) == 0
    assert "layers" not in repr(model.enter.weight)


class Averaging(nn.Module):
    """Keeps running statistics by hand: replaced, in place, and in a plain attribute."""

    def __init__(self) -> None:
        self.layer = nn.Linear(2)
        self.register_buffer("mean", minitorch.zeros(2))
        self.register_buffer("calls", minitorch.tensor(0))
        self.last = minitorch.zeros(())

    def forward(self, x: Any) -> Any:
        y = self.layer(x)
        with minitorch.no_grad():
            self.mean = 0.5 * self.mean + 0.5 * y.mean(0)
            self.calls += 1
            self.last = y.max()
        return y


def test_running_statistics_kept_by_hand_see_data_only():
    model = Averaging()
    calls, mean = model.calls, model.mean
    for use in (model.build, model.summary, model.output_shape):
        use((3,))
        assert model.calls is calls
        assert model.mean is mean
        assert (model.calls.item(), model.mean.tolist(), model.last.item()) == (0, [0, 0], 0)
    built_by_a_call = Averaging()
    y = built_by_a_call(minitorch.ones(4, 3))
    assert built_by_a_call.calls.item() == 1
    np.testing.assert_allclose(built_by_a_call.mean.numpy(), 0.5 * y.detach().numpy()[0], 1e-6)
    assert built_by_a_call.last.item() == y.max().item()


def test_a_forward_that_fails_in_a_build_leaves_its_statistics_too():
    class Failing(Averaging):
        def forward(self, x: Any) -> Any:
            super().forward(x)
            raise KeyError("no")

    model = Failing()
    with pytest.raises(KeyError):
        model.build((3,))
    assert (model.calls.item(), model.mean.tolist()) == (0, [0, 0])
    assert model.layer.in_features is None


@pytest.mark.parametrize(
    "use",
    [
        lambda self, y: y.detach().numpy().max(),
        lambda self, y: y.detach().cpu().numpy(force=True).max(),
        lambda self, y: self.seen.add_(y.detach().mean()),
    ],
    ids=["numpy", "cpu", "in place"],
)
def test_what_needs_values_says_so_in_a_build_and_works_in_a_call(use: Any):
    class Net(nn.Module):
        def __init__(self) -> None:
            self.layer = nn.Linear(2)
            self.seen = minitorch.zeros(())

        def forward(self, x: Any) -> Any:
            y = self.layer(x)
            use(self, y)
            return y

    model = Net()
    if use(model, minitorch.ones(1)) is model.seen:
        with pytest.raises(TypeError) as caught:
            model.build((3,))
    else:  # .cpu() of what has no values is a RuntimeError as well
        with pytest.raises(RuntimeError) as caught:
            model.build((3,))
    assert any("call the model once on data" in note for note in caught.value.__notes__)
    assert model.layer.in_features is None
    assert model(minitorch.ones(4, 3)).shape == (4, 2)


def test_threads_that_call_an_open_model_at_once_build_it_once():
    wrong: list[Any] = []

    def call(model: Any, start: Any) -> None:
        start.wait()
        try:
            y = model(minitorch.ones(2, 4))
            wrong.extend([y] if y.is_meta else [])
        except Exception as error:
            wrong.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(30):
            model = nn.Sequential(*[nn.Linear(4) for _ in range(12)], nn.BatchNorm1d()).eval()
            start = threading.Barrier(5)
            threads = [threading.Thread(target=call, args=(model, start)) for _ in range(5)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []


def test_what_apply_was_told_is_done_when_it_succeeds():
    calls: list[Any] = []

    def fails_at_first(module: Any) -> None:
        calls.append(module)
        if len(calls) == 1:
            raise ValueError("not yet")

    model = nn.Sequential(nn.Linear(2)).apply(fails_at_first)
    with pytest.raises(ValueError, match="not yet"):
        model.build((3,))
    model.build((3,))
    assert calls == [model[0], model[0], model]
    model.build((3,))
    assert len(calls) == 3


def test_a_model_without_parameters_is_built_in_the_default_dtype():
    dtypes: list[Any] = []
    model = nn.Lambda(lambda x: (dtypes.append(x.dtype), x)[1])
    model.build((3,))
    assert dtypes == ["float32"]


def test_a_call_that_leaves_a_layer_open_changes_nothing_when_apply_waits_for_it():
    class Net(nn.Module):
        def __init__(self) -> None:
            self.used, self.left_out = nn.Linear(2), nn.Linear(3)

        def forward(self, x: Any) -> Any:
            return self.used(x)

    model = Net().apply(zero_weights)
    with pytest.raises(RuntimeError, match=r"did not come past left_out \(Linear, in_features\)"):
        model(minitorch.ones(1, 4))
    assert model.used.in_features is None
    assert isinstance(model.used.weight, UninitializedParameter)


def test_a_first_call_runs_forward_on_shapes_and_then_on_data():
    class Net(nn.Module):
        def __init__(self) -> None:
            self.layer, self.seen = nn.Linear(2), []

        def forward(self, given: Any, scale: float) -> Any:
            self.seen.append((given["x"].is_meta, given["x"].shape, scale))
            return self.layer(given["x"]) * scale

    model = Net()
    for _ in range(2):
        model({"x": minitorch.ones(4, 3)}, 2.0)
    assert model.seen == [(True, (4, 3), 2.0), (False, (4, 3), 2.0), (False, (4, 3), 2.0)]


def test_one_size_is_a_shape_and_one_dtype_is_for_all_names():
    assert nn.Linear(2).build(4).in_features == 4

    class Net(nn.Module):
        def __init__(self) -> None:
            self.dtypes: list[Any] = []

        def forward(self, *, ids: Any, more: Any) -> Any:
            self.dtypes += [ids.dtype, more.dtype]
            return ids

    model = Net()
    model.build(ids=4, more=(2, 3), dtype="int64")
    model.build(ids=4, more=(2, 3), dtype={"ids": "int64"})
    model.build(ids=4, more=(2, 3))
    assert model.dtypes == ["int64", "int64", "int64", "float32", "float32", "float32"]


def test_lazy_linear_is_linear_without_its_input_size():
    layer = nn.LazyLinear(5, False)
    assert isinstance(layer, nn.Linear)
    assert layer.bias is None
    assert (layer.in_features, layer.out_features) == (None, 5)
    assert layer(minitorch.zeros(2, 3)).shape == (2, 5)
    assert layer.in_features == 3
