"""The feature table, row by row: what hurts elsewhere (I, P, R), and what the lessons show (C)."""

from __future__ import annotations

import itertools
import operator
import re
import warnings
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minitorch
import minitorch.nn.functional as F
from lessons import grading
from minitorch import Tensor, call, gradcheck, nn, optim
from minitorch.op import REGISTRY
from minitorch.tensor import ShapeError
from minitorch.utils.data import digits_arrays
from tests.helpers import absent_tests, rows_by_name, words
from tests.rows import ROWS as CALLS
from tests.table import is_float
from tests.test_features_networks import ELSEWHERE as NETWORKS

# Where a row is checked that has no test of its name below.
ELSEWHERE = {
    "C01": (
        "test_data_mnist::test_mnist_is_found_under_its_root",
        "test_data_mnist::test_download_tries_the_next_mirror",
        "test_data_mnist::test_download_names_both_hashes",
    ),
    "C02": "test_data_pickled::test_what_python_2_wrote_is_read",
    "C20": (
        "test_dataset_transform::test_stats_are_mean_and_standard_deviation",
        "test_dataset_transform::test_stats_and_normalize_on_a_gpu",
    ),
    "C21": "test_dataset_transform::test_normalized_training_data_has_mean_0_and_deviation_1",
    "F07": "test_lessons::test_a_lesson_runs_from_anywhere_and_draws_the_same_figures_twice",
    "F09": "test_diagnostics::test_everything_is_as_before_when_it_ends_also_by_an_error",
    "I01": "test_gradcheck::test_a_planted_bug_is_found_and_named",
    "I02": "test_gradcheck::test_the_callers_tensors_stay_as_they_were",
    "I06": (
        "test_diagnostics::test_a_forgotten_branch_is_named",
        "test_learner::test_unused_parameters_are_named_once",
    ),
    "I11": "test_lessons::test_a_lesson_runs_from_anywhere_and_draws_the_same_figures_twice",
    "I15": (
        "test_exercises::test_what_is_still_empty_is_not_done",
        "test_exercises::test_what_a_later_lesson_teaches_is_not_taken",
    ),
    "I19": (
        "test_undefined::test_the_op_does_what_the_table_says",
        "test_undefined::test_the_page_is_the_table",
        "test_undefined::test_the_check_leaves_out_these_points_and_those_beside_them_not",
        "test_undefined::test_where_an_op_has_no_slope_at_0_at_1_or_in_a_tie_the_table_says_so",
    ),
    "P03": "test_cost::test_a_chain_of_fifty_thousand_ops",
    "P07": "test_undefined::test_the_op_does_what_the_table_says",
    "P08": "test_gradcheck::test_the_callers_tensors_stay_as_they_were",
    "P10": "test_gradcheck::test_the_whole_message",
    "P12": "test_autograd::test_backward_of_many_numbers_needs_a_gradient",
    "P14": "test_op::test_a_wrong_gradient_fails_at_its_op_by_name",
    "P17": "test_softmax::test_three_forms_of_log_softmax",
    "P19": "test_build::test_an_open_parameter_says_which_layer_and_what_to_do",
    "P20": "test_module::test_a_shared_layer_is_listed_once_and_its_gradient_sums_over_both_uses",
    "P22": "test_init_scaled::test_kaiming_uniform_needs_the_root_of_three",
    "P24": "test_diagnostics::test_only_training_is_recorded_unless_asked",
    "P25": "test_stateless::test_lsuv_gives_every_layer_mean_0_and_std_1",
    "P26": "test_data_mnist::test_download_tries_the_next_mirror",
    "P27": "test_devices::test_numpy_arrays_among_tensors_of_a_gpu_are_refused_by_name",
    "P28": "test_doctor::test_without_a_gpu_it_lists_what_is_missing_and_all_is_well",
    "P30": "test_plot::test_without_matplotlib_a_plot_is_a_table",
    "P32": "test_exercises::test_model_answers_use_only_what_has_been_taught",
    "P33": "test_gradcheck::test_a_weakened_checker_does_not_pass_these_tests",
    "P34": (
        "test_learner::test_memory_is_flat_over_a_thousand_steps",
        "test_learner::test_history_holds_python_numbers",
    ),
    "P35": (
        "test_resume::test_resumed_after_any_step_it_ends_bit_for_bit",
        "test_lr_scheduler_combined::test_restored_in_the_middle_it_goes_on_as_if_unbroken",
    ),
    "P36": "test_optim_rules::test_adamw_shrinks_a_parameter_with_zero_gradient",
    "P37": (
        "test_learner::test_validation_is_in_evaluation_mode_without_a_tape",
        "test_learner_predict::test_in_evaluation_mode_without_a_tape_short_last_batch_included",
        "test_learner_predict::test_modes_and_tape_are_as_before_an_error",
    ),
    "P38": "test_learner::test_losses_and_metrics_are_weighted_by_the_size_of_the_batch",
    "P39": (
        "test_modes::test_a_nan_is_named_where_it_is_born",
        "test_modes::test_a_nan_of_the_backward_names_the_forward_line",
    ),
    "P40": ("test_wengert::test_drawn_as_text", "test_wengert::test_drawn_as_svg"),
    "R05": "test_gradcheck::test_the_whole_message",
    "R06": "test_gradcheck::test_the_callers_tensors_stay_as_they_were",
    "R07": "test_save::test_a_model_whose_sizes_are_open_is_not_saved",
    "R08": "test_autograd::test_no_graph_says_why",
    "R09": "test_cost::test_time_is_linear_in_the_number_of_nodes",
    "R10": "test_conv::test_im2col_of_a_3_by_3_kernel_is_nine_times_the_bytes",
    "R11": "test_undefined::test_the_op_does_what_the_table_says",
    "R12": "test_house::test_import_brings_neither_cupy_nor_matplotlib",
    "R13": "test_softmax::test_three_forms_of_log_softmax",
}

# Rows that are a lesson's to show: its number, and the lines in which it prints or asserts it.
# test_lessons.py runs all of them.
IN_LESSONS = {
    "C17": ("03", 'print(f"n {n}, m {m}, c {c};'),
    "C22": ("03", "assert abs(x_valid.mean()) > 1e-3"),
    "C31": ("04", "assert preds.shape == (n, 1)", "64 images take {seconds("),
    "C34": ("03", "assert in_float64 == [None] * 10", 'assert math.isnan(runs["randn, float32"]'),
    "C35": ("03", "if x.std() != x.std():", "assert in_float32 == [27] * 10"),
    "C36": (
        "03",
        "assert all(0.3 < end < 2 for end in fresh_ends)",
        'assert set(runs["0.01 randn, float32"][gone - 1 :]) == {0}',
    ),
    "C37": (
        "05",
        "inp.g = 2 * (inp.squeeze",
        "assert np.allclose(out.g, a3.grad, rtol=0, atol=1e-6)",
    ),
    "C50": ("09", 'assert last["as it comes"] < 0.005', "assert all(0.5 < last[name] < 2 for name"),
    "P04": ("06", '"gather_and_pass": (60, 11),', 'assert visits["in_order"] == [n + 1 for n in'),
    "P21": ("09", "assert math.isclose(math.sqrt(3) * gain(math.sqrt(5)), 1)"),
    "P23": ("17", "assert accuracy < 0.5", "assert good_accuracy > 0.85"),
}
# And what a lesson shows besides.
IN_LESSONS_TOO = {
    "I12": ("03", "assert in_float32 == [27] * 10", "assert in_float64 == [None] * 10"),
    "R10": ("08", "assert nine == 9", "nine times the bytes of the image"),
    "R13": ("10", "assert log_softmax_3(extreme)[0].tolist() == [0, -1000, -2000]"),
}

ROWS = [
    *("B10", "C01", "C02", "C03", "C17", "C20", "C21", "C22", "C31", "C34", "C35", "C36", "C37"),
    *("C50", "D37", "D43", "E08", "F07", "F09"),
    *(f"I{i:02}" for i in range(1, 21)),
    *(f"P{i:02}" for i in range(1, 41)),
    *(f"R{i:02}" for i in range(1, 14)),
]


def test_every_row_is_checked():
    checked = set(ELSEWHERE) | set(IN_LESSONS) | set(NETWORKS)
    checked |= rows_by_name("test_features", "test_features_networks", "test_features_pains")
    assert [row for row in ROWS if row not in checked] == []


def test_the_tests_named_are_there():
    places = [(place,) if isinstance(place, str) else place for place in ELSEWHERE.values()]
    assert absent_tests(itertools.chain(*places)) == []


@pytest.mark.parametrize("row", [*IN_LESSONS, *IN_LESSONS_TOO])
def test_the_lesson_says_it(row: str):
    number, *lines = (IN_LESSONS | IN_LESSONS_TOO)[row]
    (lesson,) = (Path(grading.__file__).parent).glob(f"{number}_*.py")
    text = lesson.read_text("utf-8")
    assert [line for line in lines if line not in text] == []


# C, E: data as it comes, and modules ----------------------------------------------------------


def test_c03():
    """Sharing has a name of its own, and a Tensor of an array is a copy: both docstrings say so."""
    arrays = digits_arrays()
    shared, copied = list(map(minitorch.from_numpy, arrays)), list(map(Tensor, arrays))
    for array, one, other in zip(arrays, shared, copied):
        assert np.shares_memory(one.numpy(), array)
        assert not np.shares_memory(other.numpy(), array)
        assert one.dtype == other.dtype == array.dtype
    assert "shares the memory" in minitorch.from_numpy.__doc__
    assert "always copied (`from_numpy` shares)" in Tensor.__doc__


def test_e08():
    """Nothing is left to forget: without super().__init__() a module does its bookkeeping, too."""

    class Forgetful(nn.Module):
        def __init__(self) -> None:
            self.hidden = nn.Linear(3, 4)
            self.register_buffer("seen", minitorch.zeros(1))

        def forward(self, x: Tensor) -> Tensor:
            return self.hidden(x)

    model = Forgetful()
    assert list(model.state_dict()) == ["hidden.weight", "hidden.bias", "seen"]
    model.register_forward_hook(lambda module, args, y: y * 0)
    assert model.eval()(minitorch.ones(2, 3)).abs().sum() == 0
    assert not model.hidden.training


# I: what nobody has ---------------------------------------------------------------------------


def test_i03():
    """Both events have their lines, where lines are known: inside detect_anomaly."""
    x = minitorch.ones(2, requires_grad=True)
    with minitorch.detect_anomaly():
        h = x * 3
        loss = (h * h).sum()  # saves h
        with minitorch.no_grad():
            h *= 10
        with pytest.raises(RuntimeError, match=r"mul: backward needs its 'b'") as error:
            loss.backward()
    assert re.search(r"recorded at \S+pains\.py:\d+: loss = \(h \* h\)", str(error.value))
    assert re.search(r"__imul__ at \S+pains\.py:\d+: h \*= 10 changed that array", str(error.value))
    assert x.grad is None


PAIRED = [
    *("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy"),
    *("binary_cross_entropy_with_logits", "kl_div", "poisson_nll_loss", "soft_margin_loss"),
    "hinge_embedding_loss",
]


@pytest.mark.parametrize("name", PAIRED)
def test_i04_p15_r03(name: str):
    loss, column, row = getattr(F, name), minitorch.ones(4, 1), minitorch.ones(4)
    for pair in ((column, row), (row, column)):
        with pytest.raises(ShapeError, match=r"does not broadcast.*; try \w+\.squeeze\(-1\)") as e:
            loss(*pair)
        assert "(4, 1)" in str(e.value)
        assert "(4,)" in str(e.value)
    assert loss(column.squeeze(-1), row).shape == ()


def test_i05_p18_r04():
    """Also inside each other, in a deque, and when something is appended later."""

    class Model(nn.Module):
        def __init__(self) -> None:
            layer = lambda: nn.Linear(1, 1, bias=False)
            self.a = [layer(), (layer(), {"x": layer()})]
            self.b = {"y": [layer()], "z": layer()}
            self.c = (layer(),)
            self.d = deque([layer()])
            self.later: list = []

    model = Model()
    model.later.append(nn.Linear(1, 1, bias=False))
    assert [name.removesuffix(".weight") for name, _ in model.named_parameters()] == [
        *("a.0", "a.1.0", "a.1.1.x", "b.y.0", "b.z", "c.0", "d.0", "later.0")
    ]
    for unordered in ({nn.Linear(1, 1)}, [{nn.Linear(1, 1)}]):
        with pytest.raises(TypeError, match="a set has no order"):
            model.e = unordered


WIDER = {
    "LayerNorm": (nn.LayerNorm(3), (4, 3)),
    "RMSNorm": (nn.RMSNorm(3), (4, 3)),
    "GroupNorm": (nn.GroupNorm(1, 3), (4, 3, 2)),
    "BatchNorm1d": (nn.BatchNorm1d(3), (4, 3)),
    "InstanceNorm1d": (nn.InstanceNorm1d(3, affine=True), (4, 3, 2)),
    "prelu": (nn.PReLU(), (4, 3)),
}


@pytest.mark.parametrize("name", WIDER)
def test_i12_what_promotes_says_so_once(name: str, monkeypatch: pytest.MonkeyPatch):
    layer, shape = WIDER[name]
    monkeypatch.setattr(call, "said", set())
    x = minitorch.from_numpy(np.random.default_rng(0).standard_normal(shape))
    with pytest.warns(UserWarning, match=f"{name}: .*float64.*the result is the wider") as said:
        assert layer(x).dtype == layer(x).dtype == minitorch.float64
    assert len(said) == 1
    assert said[0].filename == __file__
    layer(x.float())
    layer(x.half())  # the weights of mixed precision are wider than what comes in


@pytest.mark.parametrize(
    "layer",
    [
        *(nn.Linear(3, 2), nn.Conv1d(3, 2, 1), nn.ConvTranspose1d(3, 2, 1), nn.RNN(3, 4)),
        *(nn.LSTM(3, 4), nn.GRU(3, 4), nn.LSTMCell(3, 4), nn.MultiheadAttention(3, 1)),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_i12_a_product_of_two_dtypes_is_no_promotion_but_an_error(layer: nn.Module):
    """NumPy would return float64 from a layer of float32, and torch refuses, too."""
    x = minitorch.ones(4, 3, 3, dtype="float64")
    x = x[0] if isinstance(layer, nn.LSTMCell) else x
    inputs = (x, x, x) if isinstance(layer, nn.MultiheadAttention) else (x,)
    with pytest.raises(TypeError, match=r"float64 and .*float32.*\.float\(\)"):
        layer(*inputs)


def test_i16():
    """The readers' tests are tested: an empty one finds nothing, the model answer everything."""
    found, answers = (
        grading.loaded(grading.EXERCISES / folder / "07_gradient_checking.py")
        for folder in ("checks", "answers")
    )
    count = lambda test: (sum(found.score(test).values()), len(found.score(test)))
    assert count(lambda layer_grad: None) == (0, 5)
    assert count(answers.test_layer_grad) == (5, 5)
    assert count(found.compares(g=minitorch.ones)) == (4, 5)
    with pytest.raises(AssertionError, match=r"0 of 5 planted .*\n.*sign of dL/dw is flipped"):
        found.check_test_layer_grad(lambda layer_grad: None)
    with pytest.raises(AssertionError, match="it fails where the gradients are right"):
        found.score(found.never_content)


def dead(model: nn.Module) -> nn.Module:
    with minitorch.no_grad():
        model[2].weight.zero_()
    return model


def test_i20():
    """What may never settle ends after a number of rounds, and says which layer it was."""
    rounds: list[int] = []
    model = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 2))
    model[2].register_forward_hook(lambda *_: rounds.append(1))
    x = minitorch.randn(16, 8)
    with pytest.raises(RuntimeError, match=r"layer '2' \(Linear\) did not settle"):
        nn.init.lsuv_(dead(model), x)
    assert len(rounds) < 50
    model[2].reset_parameters()
    for odd in (float("nan"), float("inf")):
        with pytest.raises(RuntimeError, match=r"layer '0'.*did not settle"):
            nn.init.lsuv_(model, minitorch.full((16, 8), odd))
    with pytest.raises(RuntimeError, match=r"layer '0'.*after 20 rounds"):
        nn.init.lsuv_(model, x, tol=0)  # nothing is that exact

    learner = minitorch.train.Learner(model, optimizer=optim.SGD(model, lr=0.1))
    data = (x, minitorch.zeros(16, dtype=int))
    curve = minitorch.train.lr_find(learner, data, start=1e-9, end=1e-8, steps=7, batch_size=8)
    assert len(curve.lrs) == 7


# P: users' pains ------------------------------------------------------------------------------


def test_p01_r01():
    """DeZero gives 12 and then 36."""
    x = Tensor(2.0, requires_grad=True)
    y = 3 * x * x
    y.retain_grad()
    y.backward(retain_graph=True)
    y.backward()
    assert (x.grad.item(), y.grad.item()) == (24, 2)


def test_p02():
    """b = a + a, c = b + b; and a diamond, x used on two ways, for every op of one input."""
    a = Tensor(1.0, requires_grad=True)
    b = a + a
    (b + b).backward()
    assert a.grad == 4
    for row in {row.op: row for row in CALLS if row.op in REGISTRY and row.order}.values():
        if row.wanted == (0,) and not row.zero and is_float(row.args[0]):
            f = lambda x, row=row: _first(REGISTRY[row.op].call(x, *row.args[1:], **row.kwargs))
            one, two = (Tensor(row.args[0], requires_grad=True) for _ in range(2))
            minitorch.manual_seed(0)
            f(one).sum().backward()
            minitorch.manual_seed(0)
            y = f(two)
            (2 * y.sum() + (two * 3).sum()).backward()
            np.testing.assert_allclose(two.grad, 2 * one.grad + 3, rtol=1e-12, err_msg=row.op)


def _first(y: Any) -> Tensor:
    return y[0] if isinstance(y, tuple) else y


def test_p05(tmp_path: Path):
    """Before a backward a gradient is not 0, it is not there."""
    x, w = Tensor([3.0, 4.0], requires_grad=True), Tensor([1.0, 2.0], requires_grad=True)
    with minitorch.tape(x=x, w=w, fixed=minitorch.ones(2)) as t:
        loss = (x * w * 2).sum()
    drawn = (t.text, t.dot, t.mermaid, t.svg)
    for draw in drawn:
        assert draw(gradients=True).count("|g| not computed") == 2
        assert "|g|" not in draw()
    loss.backward()
    w.grad = None
    for draw in drawn:
        assert draw(gradients=True).count("|g| = 4.47") == 1
        assert draw(gradients=True).count("|g| not computed") == 1
    assert x.grad is not None
    assert Tensor([1.0], requires_grad=True).grad is None


def test_p06():
    """y[i] = t has the gradients of both; where it cannot be, the message says what to write."""
    x, t = Tensor([1.0, 2.0], requires_grad=True), Tensor(5.0, requires_grad=True)
    y = minitorch.zeros(3)
    y[0], y[1:] = t, 3 * x
    y[y > 5.5] = 0.0
    y.sum().backward()
    assert (x.grad.tolist(), t.grad.item()) == ([3, 0], 1)
    with pytest.raises(
        RuntimeError, match=r"setitem: this leaf .*no_grad\(\): x\[i\] = v, or"
    ) as e:
        x[0] = t
    assert "(x = x.clone())" in str(e.value)
    z = x * 1
    with pytest.raises(RuntimeError, match=r"for x\[i\] \+= v, x\[i\] = x\[i\] \+ v"):
        z[0] += t
    z[0] = z[0] + t  # as it says
    z.sum().backward()
    assert (x.grad.tolist(), t.grad.item()) == ([4, 1], 2)


KINKED: dict[str, Callable] = {
    "abs": lambda x: x.abs(),
    "relu": lambda x: x.relu() + x,
    "max": lambda x: x.max(),
    "amax": lambda x: x.amax(1),
    "sort": lambda x: x.sort(1).values,
    "median": lambda x: x.median(0).values,
    "norm": lambda x: x.norm(1),
    "clamp": lambda x: x.clamp(-0.5, 0.5) + x,
    "maximum": lambda x: minitorch.maximum(x, x.flip(1)),
    "max_pool": lambda x: F.max_pool1d(x[None], 2, 1),
}


def test_p09():
    """200 seeds, and no false alarm where kinks and ties are near."""
    for seed, name in zip(range(200), itertools.cycle(KINKED)):
        x = Tensor(np.random.default_rng(seed).standard_normal((3, 4)), requires_grad=True)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert gradcheck(KINKED[name], x, seed=seed)


def test_p11():
    for make in (Tensor, minitorch.tensor):
        with pytest.raises(TypeError, match=r"this is int64; write 2\.0 instead of 2"):
            make(2, requires_grad=True)


# The methods whose results have no gradient by their nature, and say so: yes or no, and counts.
NO_SLOPE = words("""
    all allclose any argmax argmin argsort argwhere bincount bucketize count_nonzero eq equal ge
    greater greater_equal gt isclose isfinite isinf isnan isneginf isposinf le less less_equal
    logical_and logical_not logical_or logical_xor lt ne nonzero not_equal unique
    bernoulli bitwise_and bitwise_not bitwise_or bitwise_xor heaviside histc multinomial
""")
# Those that are asked about the tensor, make another of its kind, or are for the graph itself.
NO_OP = words("""
    backward data_ptr detach dim element_size get_device is_complex is_contiguous
    is_floating_point is_nonzero is_same_size is_signed item ndimension nelement new_empty
    new_full new_ones new_tensor new_zeros numel numpy register_hook requires_grad retain_grad
    size storage_offset stride tolist bool byte char int long short cuda
""")
# Those that no row of the op table calls, as they are called.
CALLED: dict[str, Callable[[Tensor], Tensor]] = {
    "astype": lambda x: x.astype("float32"),
    "bfloat16": lambda x: x.bfloat16(),
    "copy": lambda x: x.copy_(minitorch.ones(2, requires_grad=True)),
    "cpu": lambda x: x.cpu(),
    "double": lambda x: x.double(),
    "float": lambda x: x.float(),
    "half": lambda x: x.half(),
    "type": lambda x: x.type("float16"),
    "type_as": lambda x: x.type_as(minitorch.ones(1)),
    "where": lambda x: x.where(x > 0, 0.0),
}


def calls_of(name: str) -> list:
    """The rows of the op table that call this method on a float tensor."""
    op = getattr(getattr(Tensor, name, None), "__name__", name)
    return [row for row in CALLS if row.op == op and row.args and is_float(row.args[0])]


def floats_in(y: Any) -> list[Tensor]:
    if isinstance(y, (tuple, list)):
        return [t for part in y for t in floats_in(part)]
    return [y] if isinstance(y, Tensor) and y.is_floating_point() else []


METHODS = [n for n in dir(Tensor) if n[0] != "_" and callable(getattr(Tensor, n))]
METHODS = [n for n in METHODS if n.removesuffix("_") not in (*NO_SLOPE, *NO_OP)]
# What only writes, as zero_ and the draws do, leaves nothing of x that a gradient could be of.
METHODS = [n for n in METHODS if not n.endswith("_") or hasattr(Tensor, n[:-1]) or n == "copy_"]


def test_p13_the_lists_are_of_methods():
    listed = (*NO_SLOPE, *NO_OP, *CALLED)
    assert [n for n in listed if not hasattr(Tensor, n) and not hasattr(Tensor, f"{n}_")] == []


@pytest.mark.parametrize("name", METHODS)
def test_p13(name: str):
    """No method drops the gradient of its tensor without a word."""
    plain = name.removesuffix("_")
    if plain in CALLED:
        y = CALLED[plain](minitorch.ones(2, requires_grad=True) * 2)
        assert y.requires_grad
        return
    rows = [row for row in calls_of(name) or calls_of(plain) if 0 in row.wanted]
    assert rows, f"{name}: it is in no row of the op table, and in no list here"
    heard = []
    for row in rows:
        x = Tensor(row.args[0], requires_grad=True) * 1.0
        rest = [Tensor(a) if is_float(a) else a for a in row.args[1:]]
        try:
            heard += floats_in(getattr(x, name)(*rest, **row.kwargs))
        except ShapeError:
            assert name.endswith("_")  # this result does not fit into x
    assert heard or name.endswith("_")
    assert all(y.requires_grad for y in heard)


@pytest.mark.parametrize("name", [name for name in NO_SLOPE if calls_of(name)])
def test_p13_what_has_no_gradient_says_so(name: str):
    row = calls_of(name)[0]
    x = Tensor(row.args[0], requires_grad=True)
    y = getattr(x, name)(*row.args[1:], **row.kwargs)
    for part in (y,) if isinstance(y, Tensor) else y if isinstance(y, tuple) else ():
        with pytest.raises(RuntimeError, match=r"no gradient|only floating-point"):
            part.backward()


SIDES = [np.array([1.0, 2.0], np.float32), np.float32(2), np.float64(2), np.int64(2), np.array(2.0)]
BOTH_SIDES = words("add sub mul truediv floordiv mod pow")
COMPARED = words("eq ne lt le gt ge")


@pytest.mark.parametrize("left", [*SIDES, 2, 2.0, True], ids=lambda v: type(v).__name__)
def test_p16(left: Any):
    """A Tensor comes out: no array of objects, no recursion, and no wider dtype."""
    t = Tensor([1.5, 2.5], requires_grad=True)
    for name in BOTH_SIDES:
        for y in (getattr(operator, name)(left, t), getattr(operator, name)(t, left)):
            assert type(y) is Tensor
            assert y.dtype == minitorch.float32
            assert y.requires_grad
    for name in COMPARED:
        y = getattr(operator, name)(left, t)
        assert type(y) is Tensor
        assert y.dtype == minitorch.bool
    if np.ndim(left):
        assert type(left @ t) is Tensor


def test_p16_writing_a_tensor_into_an_array():
    array, t = np.zeros(2), Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(RuntimeError, match=r"requires grad; use x\.detach\(\)\.numpy\(\)"):
        array[:] = t
    array[:] = t.detach()
    assert array.tolist() == [1, 2]
    with pytest.raises(TypeError, match="does not support ufuncs"):
        array += t  # an array of objects, elsewhere
    assert array.dtype == np.float64


def test_p31(tmp_path: Path):
    """No checks are no success; and an exercise that is left out is not done."""
    empty = tmp_path / "empty.py"
    empty.write_text("")
    with pytest.raises(LookupError, match="holds no checks"):
        grading.checks_in(grading.loaded(empty))
    verdict = grading.verdict("f", None, lambda f: None, {})
    assert verdict.result == "not done yet"


def test_p29():
    """The oldest NumPy that may be installed is the one that CI tests with, beside the newest."""
    root = Path(__file__).parent.parent
    (oldest,) = re.findall(r'"numpy>=([\d.]+)"', (root / "pyproject.toml").read_text())
    assert f"NUMPY  ?= {oldest}" in (root / "Makefile").read_text()
    assert "make oldest" in (root / ".ci" / "run").read_text()
    assert tuple(map(int, np.__version__.split(".")[:2])) >= tuple(map(int, oldest.split(".")))


# R: what was seen in another engine -----------------------------------------------------------


def test_r02():
    """DeZero gives [20, 40]."""
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = (x * x).sum()
    x.data *= 10
    with pytest.raises(RuntimeError, match=r"mul: backward needs .* __imul__ changed that array"):
        y.backward()
    assert x.grad is None
