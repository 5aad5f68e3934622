"""The last rows of the feature table: data parallel, files, checks, the course, the project.

Where another file performs the check of a row, ELSEWHERE says which test; each of the others has a
test here that is named after it.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tokenize
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as shapes_of

import minitorch
import minitorch.nn.functional as F
from lessons.__main__ import lessons
from minitorch import Tensor, compare, gradcheck, nn, optim
from minitorch.op import COMPOSITES, REGISTRY
from minitorch.utils.data import digits
from tests.helpers import absent_tests, rows_by_name
from tests.rows import ROWS
from tests.table import Row, is_float
from tests.test_house import FLOORS

ROOT = Path(__file__).parent.parent
COURSE = lessons(ROOT / "lessons")
ALL = [f"G{number}" for number in range(78, 102)]

# G78: lesson 22 asserts that its fused kernel is NumPy's formula, and runs with the others.
# G96: the links of the book, too; that its code runs is G89. G97: the lessons are plain scripts in
# cells, and know a notebook when they are in one; there are no widgets. G94: that every step runs
# alone is the test beside the one named.
ELSEWHERE = {
    "G78": "test_lessons::test_a_lesson_runs_from_anywhere_and_draws_the_same_figures_twice",
    "G80": "test_compile_table::test_a_compiled_row_is_the_eager_one_bit_for_bit",
    "G83": "test_checkpoint::test_a_resumed_run_is_the_unbroken_one_bit_for_bit",
    "G86": "test_table::test_second_order_is_the_slope_of_the_first",
    "G88": "test_table::test_agrees_with_torch",
    "G89": "test_lessons::test_a_lesson_runs_from_anywhere_and_draws_the_same_figures_twice",
    "G90": "test_exercises::test_the_command_checks_the_readers_file",
    "G93": "test_exercises::test_the_command_checks_the_readers_file",
    "G94": "test_engine::test_a_step_is_less_than_sixty_lines_away_from_the_one_before",
    "G96": "test_book::test_links_lead_to_pages_and_nothing_is_fetched",
    "G97": "test_lessons::test_in_a_notebook_the_options_are_the_defaults",
    "G98": "test_lessons::test_a_lesson_runs_from_anywhere_and_draws_the_same_figures_twice",
    "G101": "test_benchmarks::test_the_command_runs_and_writes_json",
}


def test_every_row_is_answered():
    assert sorted(rows_by_name("test_features_course") | set(ELSEWHERE)) == sorted(ALL)


def test_the_tests_named_are_there():
    assert absent_tests(ELSEWHERE.values()) == []


# data parallel ----------------------------------------------------------------------------------


def small_lenet() -> nn.Module:
    minitorch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 10)
    )


def gradients(x: np.ndarray, y: np.ndarray) -> tuple[int, dict[str, np.ndarray]]:
    """Which process works, and its gradients of the mean loss over these images, by parameter."""
    model = small_lenet()
    F.cross_entropy(model(minitorch.from_numpy(x)), minitorch.from_numpy(y)).backward()
    return os.getpid(), {name: p.grad.numpy() for name, p in model.named_parameters()}


def test_g79_gradients_averaged_over_two_processes_are_those_of_the_whole_batch():
    data = digits(size=8)
    x, y = data.x_train[:64].numpy(), data.y_train[:64].numpy()
    spawn = get_context("spawn")
    with (
        ProcessPoolExecutor(1, mp_context=spawn) as one,
        ProcessPoolExecutor(1, mp_context=spawn) as other,
    ):
        working = one.submit(gradients, x[:32], y[:32]), other.submit(gradients, x[32:], y[32:])
        (pid_one, first), (pid_other, second) = (work.result(timeout=60) for work in working)
    here, whole = gradients(x, y)
    assert len({pid_one, pid_other, here}) == 3
    for name, g in whole.items():
        np.testing.assert_allclose((first[name] + second[name]) / 2, g, rtol=1e-4, atol=1e-6)
        assert not np.allclose(first[name], g, rtol=1e-2)  # the halves do differ


# files ------------------------------------------------------------------------------------------


def lenet() -> nn.Module:
    return nn.Sequential(
        {
            "cv1": nn.Conv2d(1, 20, 5),
            "mp1": nn.MaxPool2d(2),
            "cv2": nn.Conv2d(20, 50, 5),
            "mp2": nn.MaxPool2d(2),
            "flatten": nn.Flatten(),
            "hidden": nn.Linear(800, 500),
            "relu": nn.ReLU(),
            "classifier": nn.Linear(500, 10),
        }
    )


def test_g81_weights_as_npz_with_dotted_keys(tmp_path: Path):
    model, other = lenet(), lenet()
    np.savez(tmp_path / "lenet.npz", **model.state_dict())
    with np.load(tmp_path / "lenet.npz", allow_pickle=False) as file:
        assert file.files[:2] == ["cv1.weight", "cv1.bias"]
        assert file.files == list(model.state_dict())
        other.load_state_dict(file)
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(p.detach(), q.detach())


def test_g82_safetensors_both_ways(tmp_path: Path):
    """What is saved is a file of safetensors, and such a file is read. There is no ONNX."""
    safetensors = pytest.importorskip("safetensors.numpy")
    model, other = lenet(), lenet()
    minitorch.save(model.state_dict(), tmp_path / "ours.safetensors")
    theirs = safetensors.load_file(tmp_path / "ours.safetensors")
    assert theirs.keys() == model.state_dict().keys()
    safetensors.save_file(theirs, tmp_path / "theirs.safetensors")
    other.load_state_dict(minitorch.load(tmp_path / "theirs.safetensors"))
    x = minitorch.randn(3, 1, 28, 28)
    np.testing.assert_array_equal(other.predict(x), model.predict(x))


def test_g82_a_state_dict_of_torch_loads_into_lenet():
    torch = pytest.importorskip("torch")
    layers = {
        "cv1": torch.nn.Conv2d(1, 20, 5),
        "mp1": torch.nn.MaxPool2d(2),
        "cv2": torch.nn.Conv2d(20, 50, 5),
        "mp2": torch.nn.MaxPool2d(2),
        "flatten": torch.nn.Flatten(),
        "hidden": torch.nn.Linear(800, 500),
        "relu": torch.nn.ReLU(),
        "classifier": torch.nn.Linear(500, 10),
    }
    theirs, ours = torch.nn.Sequential(), lenet()
    for name, layer in layers.items():
        theirs.add_module(name, layer)
    ours.load_state_dict(theirs.state_dict())
    x = np.random.default_rng(0).standard_normal((3, 1, 28, 28), np.float32)
    want = theirs(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(ours.predict(minitorch.from_numpy(x)), want, atol=1e-5)
    theirs.load_state_dict({n: torch.from_numpy(t.numpy()) for n, t in ours.state_dict().items()})


def test_g82_a_state_may_hold_what_gives_an_array():
    """As torch's tensors do."""

    class Foreign:
        def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
            return np.full((2, 3), 7, np.float32)

    model = nn.Linear(3, 2, bias=False)
    model.load_state_dict({"weight": Foreign()})
    np.testing.assert_array_equal(model.weight.detach(), np.full((2, 3), 7))


# the checks themselves --------------------------------------------------------------------------

MODULES = {"arithmetic", "elementwise", "activation", "smooth", "erf", "limits", "compare"}


def call(row: Row, args: list[Any]) -> Tensor:
    function = REGISTRY[row.op].call if row.op in REGISTRY else COMPOSITES[row.op]
    return function(*args, **row.kwargs)


def by_element() -> dict[str, Row]:
    """A row for each op that works element by element and has a NumPy twin."""
    found: dict[str, Row] = {}
    for row in ROWS:
        home = REGISTRY[row.op].body.__module__.rpartition(".")[2] if row.op in REGISTRY else ""
        plain = row.args and all(is_float(a) and a.size > 3 for a in row.args)
        if home in MODULES and plain and row.ref is not None and row.order and not row.moves:
            found.setdefault(row.op, row)
    return found


ELEMENTWISE = by_element()


def test_g84_most_ops_by_element_are_looked_at():
    assert len(ELEMENTWISE) > 60
    assert {"add", "mul", "pow", "maximum", "relu", "gelu", "tanh", "erf"} <= set(ELEMENTWISE)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    broadcast=shapes_of.mutually_broadcastable_shapes(num_shapes=3, max_dims=4, max_side=4),
    seed=st.integers(0, 2**16),
)
def test_g84_a_hundred_random_shapes_for_each_op(broadcast: Any, seed: int):
    """Forward is NumPy's; the gradient is that of the numbers written out, added up again."""
    rng = np.random.default_rng(seed)
    for row in ELEMENTWISE.values():
        shapes = broadcast.input_shapes[: len(row.args)]
        whole = np.broadcast_shapes(*shapes)
        args = [rng.choice(a.ravel(), shape) for a, shape in zip(row.args, shapes)]
        xs = [Tensor(a, requires_grad=True) for a in args]
        flat = [Tensor(np.broadcast_to(a, whole).ravel(), requires_grad=True) for a in args]
        g = rng.standard_normal(whole)
        y, z = call(row, xs), call(row, flat)
        np.testing.assert_allclose(y.detach(), row.ref(*args, **row.kwargs), 1e-10, 1e-12)
        if y.requires_grad:
            y.backward(Tensor(g))
            z.backward(Tensor(g.ravel()))
        for i in row.wanted:
            want = np.zeros(whole) if flat[i].grad is None else flat[i].grad.numpy()
            want = summed_to(want.reshape(whole), shapes[i])
            got = np.zeros(shapes[i]) if xs[i].grad is None else xs[i].grad.numpy()
            np.testing.assert_allclose(got, want, 1e-10, 1e-12, err_msg=row.op)


REDUCTIONS = {
    "sum": np.sum,
    "mean": np.mean,
    "amax": np.max,
    "amin": np.min,
    "var": lambda x, dims: x.var(dims, ddof=0),
    "logsumexp": lambda x, dims: np.log(np.exp(x).sum(dims)),
    "norm": lambda x, dims: np.sqrt((x * x).sum(dims)),
}


@settings(max_examples=100, deadline=None, derandomize=True)
@given(data=st.data(), shape=shapes_of.array_shapes(min_dims=1, max_dims=4, max_side=4))
def test_g84_a_hundred_random_shapes_and_dims_for_each_reduction(data: Any, shape: tuple):
    """Forward is NumPy's; the gradient is that of the same numbers in rows, reduced one by one."""
    rng = np.random.default_rng([len(shape), *shape])
    dims = data.draw(st.permutations(range(len(shape))).map(lambda order: tuple(order[:2])))
    x = rng.standard_normal(shape)
    back = [dim for dim in range(len(shape)) if dim not in dims]
    rows = np.transpose(x, (*back, *dims)).reshape(-1, np.prod([shape[dim] for dim in dims]))
    for name, twin in REDUCTIONS.items():
        options = {"unbiased": False} if name == "var" else {}
        reduce = getattr(minitorch, name)
        a, b = (Tensor(values, requires_grad=True) for values in (x, rows))
        y, z = reduce(a, dim=dims, **options), reduce(b, dim=-1, **options)
        np.testing.assert_allclose(y.detach(), twin(x, dims), 1e-10, 1e-12, err_msg=name)
        g = rng.standard_normal(y.shape)
        y.backward(Tensor(g))
        z.backward(Tensor(g.ravel()))
        moved = np.transpose(a.grad.numpy(), (*back, *dims)).reshape(rows.shape)
        np.testing.assert_allclose(moved, b.grad, 1e-10, 1e-12, err_msg=name)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    batch=shapes_of.mutually_broadcastable_shapes(num_shapes=2, max_dims=2, max_side=3),
    sizes=st.tuples(*[st.integers(1, 4)] * 3),
)
def test_g84_a_hundred_random_shapes_for_matmul(batch: Any, sizes: tuple[int, int, int]):
    """Forward is NumPy's; the gradients are products with the other side, summed over the batch."""
    n, k, m = sizes
    rng = np.random.default_rng([n, k, m])
    a = rng.standard_normal((*batch.input_shapes[0], n, k))
    b = rng.standard_normal((*batch.input_shapes[1], k, m))
    xs = [Tensor(values, requires_grad=True) for values in (a, b)]
    y = minitorch.matmul(*xs)
    np.testing.assert_allclose(y.detach(), a @ b, 1e-10, 1e-12)
    g = rng.standard_normal(y.shape)
    y.backward(Tensor(g))
    np.testing.assert_allclose(xs[0].grad, summed_to(g @ b.swapaxes(-1, -2), a.shape), 1e-9, 1e-12)
    np.testing.assert_allclose(xs[1].grad, summed_to(a.swapaxes(-1, -2) @ g, b.shape), 1e-9, 1e-12)


def summed_to(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The sum over what broadcasting has added or stretched, in plain words."""
    g = g.sum(tuple(range(g.ndim - len(shape))))
    for i, n in enumerate(shape):
        if n == 1:
            g = g.sum(i, keepdims=True)
    return g


def with_a_mistake(row: Row, args: tuple) -> Any:
    """The row's op, whose gradient by its first input is off by 0.1 g. Its value is right."""
    y = call(row, list(args))
    (x, *_) = (a for a in args if isinstance(a, Tensor) and a.requires_grad)
    return y + 0.1 * (x - x.detach()).sum()


def test_g85_one_direction_gives_the_verdict_of_all_elements_on_twenty_ops():
    rows = list({row.op: row for row in ROWS if is_checkable(row)}.values())[::8][:20]
    assert len(rows) == 20
    for row in rows:
        inputs = tuple(
            Tensor(a, requires_grad=i in row.wanted) if is_float(a) else a
            for i, a in enumerate(row.args)
        )
        for function, right in ((call_of(row), True), (mistake_of(row), False)):
            full, fast = (
                gradcheck(function, inputs, fast_mode=fast_mode, raise_exception=False)
                for fast_mode in (False, True)
            )
            assert (full, fast) == (right, right), row.op


def is_checkable(row: Row) -> bool:
    """Does its op answer with one Tensor that has a slope?"""
    if row.op not in REGISTRY or not row.wanted or row.zero or row.moves:
        return False
    y = call(row, [Tensor(a, requires_grad=True) if is_float(a) else a for a in row.args])
    return isinstance(y, Tensor) and y.requires_grad


def call_of(row: Row) -> Any:
    return lambda *args: call(row, list(args))


def mistake_of(row: Row) -> Any:
    return lambda *args: with_a_mistake(row, args)


def test_g87_relu_at_zero_is_reported_as_a_kink_and_is_no_failure():
    x = Tensor(np.array([-1.0, 0.0, 2.0]), requires_grad=True)
    with pytest.warns(UserWarning, match=r"relu: 1 of 3 elements .* lie on a kink") as said:
        assert gradcheck(F.relu, x)
    assert "at x = 0: 0, the slope on the left" in str(said[0].message)


# the course -------------------------------------------------------------------------------------


def test_g91_each_lesson_has_exercises_with_hidden_checks():
    for lesson in COURSE:
        folder = lesson.path.parent / "exercises"
        tasks, checks = (
            [node.name for node in ast.parse(path.read_text("utf-8")).body if is_function(node)]
            for path in (folder / lesson.path.name, folder / "checks" / lesson.path.name)
        )
        checked = [name.removeprefix("check_") for name in checks if name.startswith("check_")]
        assert len(checked) >= 2
        assert set(checked) <= set(tasks)
        questions = lesson.path.read_text("utf-8").rpartition("# ## Exercises\n")[2]
        assert len(re.findall(r"^# \d\. ", questions, re.M)) >= 2


def is_function(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef)


# lesson -> a line that makes the library differ from what the lesson builds by hand
PLANTED = {
    "05_backward": "F.mse_loss = slightly(F.mse_loss)",
    "08_convolution": "F.conv2d = slightly(F.conv2d)",
    "10_cross_entropy": "F.cross_entropy = slightly(F.cross_entropy)",
    "21_higher_order": "minitorch.func.hessian = lambda f: slightly(hessian(f))",
}


@pytest.mark.parametrize("name", PLANTED)
def test_g95_a_lesson_notices_when_the_library_computes_something_else(name: str, tmp_path: Path):
    """The code of a lesson is not that of the library: it is held to give the same."""
    path = ROOT / "lessons" / f"{name}.py"
    program = f"""
import runpy, sys, minitorch, minitorch.nn.functional as F
hessian = minitorch.func.hessian
slightly = lambda f: lambda *args, **options: f(*args, **options) * 1.01
{PLANTED[name]}
sys.argv = [{str(path)!r}, "--figures", {str(tmp_path)!r}]
runpy.run_path({str(path)!r}, run_name="__main__")
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    assert done.returncode == 1
    assert "AssertionError" in done.stderr.splitlines()[-1]


def test_g98_there_are_small_examples_that_see_draw_and_write():
    titles = {lesson.heading[0] for lesson in COURSE}
    assert titles >= {
        "A transformer that writes",
        "Where a network looks",
        "A network that draws",
    }


def test_g92_a_backward_by_hand_is_compared_tensor_by_tensor(capsys: pytest.CaptureFixture):
    minitorch.manual_seed(0)
    x, w = minitorch.randn(8, 5), minitorch.randn(5, 4, requires_grad=True)
    y = minitorch.tensor([3, 1, 2, 0, 0, 1, 2, 3])
    z = x @ w
    z.retain_grad()
    F.cross_entropy(z, y).backward()
    dz = (z.detach().softmax(1) - F.one_hot(y, 4)) / 8
    auto = {"z": z.grad, "w": w.grad, "w again": w.grad}
    assert not compare({"z": dz, "w": w.grad, "w again": x.T @ dz * 2}, auto)
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"z        close      max difference \de-0[89]|z .*exact .* 0", lines[0])
    assert lines[1] == "w        exact      max difference 0"
    assert re.fullmatch(r"w again  different  max difference 0\.\d+", lines[2])
    assert compare({"w": x.T @ dz}, {"w": w.grad})


# small examples ---------------------------------------------------------------------------------


def rosenbrock(x: Tensor, y: Tensor) -> Tensor:
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def test_g99_descent_with_momentum_arrives_at_the_minimum_of_rosenbrock():
    x, y = (Tensor(np.float64(value), requires_grad=True) for value in (-1.2, 1.0))
    optimizer = optim.SGD([x, y], lr=5e-4, momentum=0.95)
    for _ in range(3000):
        optimizer.zero_grad()
        rosenbrock(x, y).backward()
        optimizer.step()
    assert (x.item(), y.item()) == pytest.approx((1, 1), abs=1e-4)


def test_g99_newton_arrives_in_seven_steps():
    p = Tensor(np.array([-1.2, 1.0]))
    f = lambda p: rosenbrock(p[0], p[1])
    for _ in range(7):
        H, g = minitorch.func.hessian(f)(p), minitorch.func.grad(f)(p)
        p = p - Tensor(np.linalg.solve(H.numpy(), g.numpy()))
    assert p.tolist() == pytest.approx([1, 1], abs=1e-12)


# the project ------------------------------------------------------------------------------------

# What has to be read to know how a gradient comes about are the floors from the clock that numbers
# what is recorded up to the decorator that makes an op. Below them an array is an array, above them
# are the ops. A file that is split stays in the count, as its parts stay on these floors.
LIMIT = 2000


def core() -> list[Path]:
    rooms = [room for rooms in FLOORS for room in rooms]
    return [
        ROOT / "minitorch" / f"{room}.py"
        for room in rooms[rooms.index("clock") : rooms.index("op") + 1]
    ]


def lines_of_code(path: Path) -> int:
    """The lines on which something stands, other than comments and docstrings."""
    text = path.read_text("utf-8")
    silent = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    silent |= {tokenize.ENDMARKER, tokenize.ENCODING}
    with path.open("rb") as file:
        lines = {
            line
            for token in tokenize.tokenize(file.readline)
            if token.type not in silent
            for line in range(token.start[0], token.end[0] + 1)
        }
    for node in ast.walk(ast.parse(text)):
        held = getattr(node, "body", None)
        if isinstance(held, list) and held and isinstance(held[0], ast.Expr):
            word = held[0].value
            if isinstance(word, ast.Constant) and isinstance(word.value, str):
                lines -= set(range(word.lineno, word.end_lineno + 1))
    return len(lines)


def test_g100_the_core_stays_small_as_the_readme_promises():
    """Lines of code, without comments, docstrings and empty lines, which do not deter a reader."""
    counted = {path.stem: lines_of_code(path) for path in core()}
    assert set(counted) >= {"tape", "sweep", "tensor", "backward", "call", "op"}
    assert sum(counted.values()) < LIMIT, counted
    assert f"under {LIMIT:,} lines of code" in (ROOT / "README.md").read_text("utf-8")


def test_g100_lines_are_counted_as_said(tmp_path: Path):
    path = tmp_path / "some.py"
    path.write_text(
        '"""A docstring\n\nof three lines."""\n\nimport math  # one\n\n# nothing\n'
        'def f(x):\n    """Nothing."""\n    return """two\nlines"""\n'
    )
    assert lines_of_code(path) == 4
