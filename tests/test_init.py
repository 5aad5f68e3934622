"""Initialisation in place and by functions: equal numbers either way, on every device."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest

import minitorch as mt
from minitorch.nn import init
from minitorch.tensor import ShapeError
from tests.inits import UNDRAWN, every_function, in_place, seeded

# both faces -------------------------------------------------------------------------------------


@every_function
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_both_faces_give_the_same_numbers(name: str, args: tuple, shape: tuple, dtype: str):
    function = getattr(init, name)(*args)
    drawn = function(shape, dtype, seeded())
    w = mt.full(shape, math.nan, dtype=dtype)
    assert in_place(name, w, args, seeded()) is w
    assert type(drawn) is np.ndarray
    assert drawn.dtype == w.dtype == np.dtype(dtype)
    assert drawn.shape == w.shape == shape
    np.testing.assert_array_equal(drawn, w.numpy())
    again = init.fill_(mt.empty(*shape, dtype=dtype), function, seeded())
    np.testing.assert_array_equal(drawn, again.numpy())


@every_function
def test_numbers_depend_on_the_stream_alone(name: str, args: tuple, shape: tuple):
    function = getattr(init, name)(*args)
    mt.manual_seed(3)
    by_default = function(shape)
    assert by_default.dtype == np.float32
    np.testing.assert_array_equal(by_default, function(shape, None, seeded(3)))
    other = function(shape, None, seeded(4))
    assert (name in UNDRAWN) == np.array_equal(by_default, other)
    mt.manual_seed(3)
    state = mt.random.default_generator.get_state()
    function(shape, None, seeded(3))
    assert mt.random.default_generator.get_state() == state  # another stream was drawn from


@every_function
def test_float16_is_float32_rounded(name: str, args: tuple, shape: tuple):
    function = getattr(init, name)(*args)
    rounded = function(shape, mt.float32, seeded()).astype(np.float16)
    np.testing.assert_array_equal(function(shape, mt.float16, seeded()), rounded)


@every_function
def test_functions_print_as_written_and_compare_and_travel(name: str, args: tuple, shape: tuple):
    function = getattr(init, name)(*args)
    assert function == getattr(init, name)(*args)
    assert hash(function) == hash(getattr(init, name)(*args))
    assert repr(function).startswith(f"{name}(")
    namespace = {n: getattr(init, n) for n in init.__all__}
    assert eval(repr(function), namespace) == function
    for twin in (pickle.loads(pickle.dumps(function)), copy.deepcopy(function)):
        assert twin == function
        np.testing.assert_array_equal(twin(shape, None, seeded()), function(shape, None, seeded()))


def test_functions_that_differ_are_not_equal():
    assert init.normal(0, 1) != init.normal(0, 2)
    assert init.xavier_normal() != init.xavier_uniform()
    assert init.uniform(0, 1) == init.uniform(np.float32(0), b=1.0)
    assert repr(init.he(gain_squared=1)) == "he(mean=0.0, gain_squared=1.0, fan_out=False)"
    with pytest.raises(AttributeError):
        init.normal().std = 3  # shared between layers, so frozen


@every_function
def test_fills_a_parameter_that_requires_grad(name: str, args: tuple, shape: tuple):
    w = mt.zeros(*shape, requires_grad=True)
    w.grad = mt.ones(*shape)
    array = w.array
    in_place(name, w, args, seeded())
    assert w.requires_grad
    assert w.is_leaf
    assert w.array is array
    assert w.grad is not None
    np.testing.assert_array_equal(array, getattr(init, name)(*args)(shape, None, seeded()))


def test_a_graph_that_needs_the_old_values_says_so():
    w = mt.ones(3, 3, requires_grad=True)
    y = (w * w).sum()
    init.kaiming_normal_(w)
    with pytest.raises(RuntimeError, match="kaiming_normal_"):
        y.backward()


def test_the_result_of_an_op_is_written_in_place_too():
    w = mt.ones(3, 3, requires_grad=True)
    y = w * 2
    assert init.zeros_(y) is y
    assert y.requires_grad
    assert y.detach().sum().item() == 0


@every_function
def test_writes_through_views(name: str, args: tuple, shape: tuple):
    """A transposed or strided weight gets the numbers that a contiguous one gets."""
    expected = getattr(init, name)(*args)(shape, None, seeded())
    for w in (
        mt.full(shape[::-1], math.nan).permute(*range(len(shape))[::-1]),
        mt.full((*shape[:-1], 2 * shape[-1]), math.nan)[..., ::2],
    ):
        assert not w.is_contiguous()
        in_place(name, w, args, seeded())
        np.testing.assert_array_equal(w.numpy(), expected)


def test_an_expanded_tensor_is_refused_and_unchanged():
    base = mt.ones(1, 3)
    with pytest.raises(ValueError, match="expanded"):
        init.normal_(base.expand(4, 3))
    assert base.tolist() == [[1, 1, 1]]


@every_function
def test_on_meta_nothing_is_drawn(name: str, args: tuple, shape: tuple):
    w = mt.empty(*shape, device="meta", requires_grad=True)
    stream = seeded()
    state = stream.get_state()
    assert in_place(name, w, args, stream) is w
    assert w.is_meta
    assert stream.get_state() == state


def test_on_meta_shapes_are_still_checked():
    with pytest.raises(ValueError, match="fewer than 2 axes"):
        init.kaiming_normal_(mt.empty(3, device="meta"))
    with pytest.raises(TypeError, match="int64"):
        init.normal_(mt.empty(3, dtype=mt.int64, device="meta"))
    init.fill_(mt.empty(3, device="meta"), lambda *_: pytest.fail("called on a meta tensor"))


@every_function
def test_the_gpu_gets_the_numbers_of_the_host(name: str, args: tuple, shape: tuple, cuda: Any):
    w = mt.zeros(*shape, device="cuda")
    cuda.reset()
    in_place(name, w, args, seeded())
    assert cuda.sync == 0
    assert w.device.type == "cuda"
    np.testing.assert_array_equal(
        w.cpu().numpy(), getattr(init, name)(*args)(shape, None, seeded())
    )


def test_in_place_draws_are_those_of_the_tensor_methods():
    for dtype in ("float32", "float64"):
        w = init.normal_(mt.empty(5, 5, dtype=dtype), 0.5, 0.1, seeded())
        assert mt.equal(w, mt.empty(5, 5, dtype=dtype).normal_(0.5, 0.1, generator=seeded()))
        w = init.uniform_(mt.empty(5, 5, dtype=dtype), -2, 3, seeded())
        assert mt.equal(w, mt.empty(5, 5, dtype=dtype).uniform_(-2, 3, generator=seeded()))


# functions of one's own -------------------------------------------------------------------------


def test_draw_takes_any_callable():
    """D03: (shape, dtype, generator) -> array."""
    seen = []

    def mine(shape: tuple, dtype: np.dtype, generator: mt.Generator) -> np.ndarray:
        seen.append((shape, dtype, generator))
        return generator.normal(shape, dtype) * 2

    stream = seeded()
    x = init.draw(mine, (2, 3), mt.float64, stream)
    assert seen == [((2, 3), np.dtype(np.float64), stream)]
    np.testing.assert_array_equal(x, seeded().normal((2, 3), np.dtype(np.float64)) * 2)
    init.draw(mine, [2, 3])
    assert seen[1] == ((2, 3), np.dtype(np.float32), mt.random.default_generator)
    for given in (
        [[1, 2]],
        mt.tensor([[1, 2]]),
        mt.ones(1, 2, requires_grad=True) * 2,
        np.ones((1, 2)),
    ):
        x = init.draw(lambda *_, given=given: given, (1, 2))
        assert type(x) is np.ndarray
        assert x.dtype == np.float32
    shape = init.WeightShape((2, 3), 3, 2)
    init.draw(lambda shape, *_: np.full(shape, shape.fan_in), shape)


def test_draw_copies_what_it_is_given():
    """A function that returns one array every time does not tie two layers together."""
    kept = np.ones((2, 2), np.float32)
    x = init.draw(lambda *_: kept, (2, 2))
    assert not np.shares_memory(x, kept)


def test_fill_writes_the_numbers_of_any_callable():
    w = mt.zeros(2, 2, requires_grad=True)
    assert init.fill_(w, lambda *_: [[1, 2], [3, 4]]) is w
    assert w.tolist() == [[1, 2], [3, 4]]
    with pytest.raises(ShapeError, match=r"gave shape \(2,\), expected \(2, 2\)"):
        init.fill_(w, lambda *_: [1, 2])
    assert w.tolist() == [[1, 2], [3, 4]]


def test_draw_refuses_what_is_no_init_function():
    with pytest.raises(TypeError, match=r"called as f\(shape, dtype, generator\).*got 0.5"):
        init.draw(0.5, (2,))
    with pytest.raises(ShapeError, match=r"gave shape \(3, 2\), expected \(2, 3\)"):
        init.draw(lambda *_: np.ones((3, 2)), (2, 3))


def test_draw_names_the_parameter_that_it_was_for():
    with pytest.raises(ValueError, match="fewer than 2 axes") as caught:
        init.draw(init.he(), init.WeightShape((20,), 25, 500), name="conv1.bias")
    assert caught.value.__notes__ == [
        "while initialising conv1.bias, of shape (20,), by "
        "he(mean=0.0, gain_squared=2.0, fan_out=False)"
    ]


def test_generators_keep_layers_apart():
    """D14: what is drawn for A depends on the stream of A alone."""
    first = [init.he()((3, 4), None, seeded(s)) for s in (1, 2)]
    second = [init.he()((3, 4), None, seeded(s)) for s in (2, 1)]
    np.testing.assert_array_equal(first[0], second[1])
    np.testing.assert_array_equal(first[1], second[0])


def test_an_unseeded_stream_tells_the_seed_that_repeats_it():
    """D13."""
    stream = mt.Generator()
    x = init.he()((3, 4), None, stream)
    np.testing.assert_array_equal(x, init.he()((3, 4), None, seeded(stream.initial_seed())))
