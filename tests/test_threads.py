"""Threads that share large arrays: the same results, errors that arrive, no standstill."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import minitorch as mt
import minitorch.nn.functional as F
from minitorch import optim
from minitorch.threads import BLOCK, by_rows, share

MANY = 60  # pieces: several for each thread


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = mt.get_num_threads()
    mt.set_num_threads(2)
    yield
    mt.set_num_threads(before)


def child(code: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
        check=False,
    )


class Seen:
    """A function of a piece that notes who called it with what."""

    def __init__(self, fails_at: int | None = None):
        self.pieces: list[int] = []
        self.by: set[int] = set()
        self.fails_at = fails_at

    def __call__(self, i: int) -> None:
        time.sleep(0.001)  # lets the other thread have its turn
        self.pieces.append(i)
        self.by.add(threading.get_ident())
        if i == self.fails_at:
            raise KeyError(f"piece {i}")


# how many ---------------------------------------------------------------------------------------


def test_the_number_is_kept_and_checked():
    mt.set_num_threads(3)
    assert mt.get_num_threads() == 3
    with pytest.raises(ValueError, match="set_num_threads: expected 1 or more, got 0"):
        mt.set_num_threads(0)
    for wrong in (2.0, True, None):
        with pytest.raises(TypeError, match="set_num_threads: expected an int, got"):
            mt.set_num_threads(wrong)  # type: ignore[arg-type]
    assert mt.get_num_threads() == 3


@pytest.mark.parametrize(("said", "expected"), [("3", "3"), ("5,2", "5")])
def test_the_environment_says_how_many(said: str, expected: str):
    code = "import minitorch; print(minitorch.get_num_threads())"
    assert child(code, OMP_NUM_THREADS=said).stdout.strip() == expected


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system does not say")
@pytest.mark.parametrize("said", ["", "0", "many"])
def test_otherwise_it_is_the_cores_that_the_process_may_use(said: str):
    code = (
        "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
        "import minitorch; print(minitorch.get_num_threads())"
    )
    assert child(code, OMP_NUM_THREADS=said).stdout.strip() == "1"


# sharing ----------------------------------------------------------------------------------------


def test_every_piece_is_done_once_by_all_threads():
    seen = Seen()
    share(seen, [(i,) for i in range(MANY)])
    assert sorted(seen.pieces) == [*range(MANY)]
    assert len(seen.by) == 2


def test_one_thread_works_alone_and_in_order():
    mt.set_num_threads(1)
    seen = Seen()
    share(seen, [(i,) for i in range(5)])
    assert seen.pieces == [*range(5)]
    assert seen.by == {threading.get_ident()}


@pytest.mark.parametrize("fails_at", range(4))
def test_an_error_of_any_thread_arrives_and_ends_the_job(fails_at: int):
    seen = Seen(fails_at)
    with pytest.raises(KeyError, match=f"piece {fails_at}"):
        share(seen, [(i,) for i in range(MANY)])
    assert len(seen.pieces) < MANY
    again = Seen()
    share(again, [(i,) for i in range(MANY)])
    assert len(again.by) == 2


def test_a_second_caller_and_a_shared_function_work_alone():
    inner, outer = [], Seen()

    def nested(i: int) -> None:
        share(lambda j: inner.append((i, j)), [(j,) for j in range(3)])

    callers = [
        threading.Thread(target=share, args=(outer, [(i,) for i in range(MANY)])) for _ in range(3)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(30)
        assert not caller.is_alive()
    share(nested, [(i,) for i in range(4)])
    assert sorted(outer.pieces) == sorted([*range(MANY)] * 3)
    assert sorted(inner) == [(i, j) for i in range(4) for j in range(3)]


def test_other_threads_work_under_the_errstate_of_the_caller():
    x = np.full((MANY, 10), 1000.0, np.float32)

    def overflow(i: int) -> None:
        time.sleep(0.001)
        np.exp(x[i])

    pieces = [(i,) for i in range(MANY)]
    with np.errstate(over="ignore"), warnings.catch_warnings():
        warnings.simplefilter("error")
        share(overflow, pieces)
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        share(overflow, pieces)


def test_nothing_of_a_job_is_held_on_to():
    class Large:
        alive = 0

        def __init__(self) -> None:
            Large.alive += 1

        def __del__(self) -> None:
            Large.alive -= 1

    share(lambda _: time.sleep(0.001), [(Large(),) for _ in range(MANY)])
    assert Large.alive == 0


def test_an_interrupt_waits_for_the_other_threads():
    import signal

    if not hasattr(signal, "setitimer"):
        pytest.skip("no timer that interrupts")
    done = []

    def slowly(i: int) -> None:
        time.sleep(0.05)
        done.append(i)

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        with pytest.raises(KeyboardInterrupt):
            share(slowly, [(i,) for i in range(MANY)])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    after = len(done)
    time.sleep(0.1)
    assert len(done) == after < MANY


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
def test_a_forked_process_has_threads_of_its_own():
    code = """
import os, time, threading, warnings
warnings.simplefilter("ignore")
from minitorch.threads import set_num_threads, share
set_num_threads(2)
by = set()
def note(i):
    time.sleep(0.001)
    by.add(threading.get_ident())
pieces = [(i,) for i in range(60)]
share(note, pieces)
child = os.fork()
if child == 0:
    by.clear()
    share(note, pieces)
    os._exit(40 + len(by))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert child(code).stdout.strip() == "42"


def test_python_ends_with_threads_and_work_left():
    code = """
import atexit, time
from minitorch.threads import set_num_threads, share
set_num_threads(4)
pieces = [(0.001,)] * 60
share(time.sleep, pieces)
atexit.register(share, time.sleep, pieces)
class Late:
    def __del__(self, share=share, sleep=time.sleep, pieces=pieces):
        share(sleep, pieces)
        print("late")
late = Late()
"""
    ended = child(code)
    assert (ended.returncode, ended.stderr) == (0, "")


# rows -------------------------------------------------------------------------------------------


def doubled(y: Any, x: Any, scale: Any, dim: Any) -> None:
    np.multiply(x, 2 * scale, out=y)
    CALLS.append(len(x))


CALLS: list[int] = []


@pytest.mark.parametrize(
    ("shape", "dim", "calls"),
    [((1000, 300), 1, 3), ((1000, 300), -1, 3), ((2, 300_000), 1, 2), ((30, 30), 1, 1)],
)
def test_large_arrays_are_cut_into_blocks_of_rows(shape: tuple, dim: int, calls: int):
    x = np.random.default_rng(0).standard_normal(shape, np.float32)
    y, scale = np.empty_like(x), np.arange(shape[0], dtype=np.float32).reshape(-1, 1)
    CALLS.clear()
    by_rows(doubled, (y,), (x, scale), dim)
    np.testing.assert_array_equal(y, x * 2 * scale)
    assert len(CALLS) == calls
    assert sum(CALLS) == shape[0]
    assert max(CALLS) * x[0].nbytes <= max(BLOCK, x[0].nbytes)


@pytest.mark.parametrize("dim", [0, -2, (0, 1)])
def test_rows_that_meet_are_not_parted(dim: Any):
    x = np.ones((1000, 300), np.float32)
    CALLS.clear()
    by_rows(doubled, (np.empty_like(x),), (x, 1.0), dim)
    assert CALLS == [1000]


# what uses them ---------------------------------------------------------------------------------

SHAPES = [(700, 300), (3, 7, 128, 96), (100_000, 3)]


def of_both(compute: Any) -> None:
    """The same bits with one thread and with two."""
    found = []
    for n in (1, 2):
        mt.set_num_threads(n)
        found.append([x.tobytes() for x in compute()])
    assert found[0] == found[1]


def scores(shape: tuple[int, ...]) -> mt.Tensor:
    x = np.random.default_rng(1).standard_normal(shape, np.float32)
    return mt.from_numpy(x * 3).requires_grad_()


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("shape", SHAPES)
def test_shares_do_not_depend_on_the_threads(name: str, shape: tuple[int, ...]):
    def compute() -> list[np.ndarray]:
        x = scores(shape)
        y = getattr(F, name)(x, 1)
        y.backward(mt.from_numpy(np.cos(x.detach().numpy())))
        return [y.detach().numpy(), x.grad.numpy()]

    of_both(compute)


@pytest.mark.parametrize("shape", SHAPES)
def test_cross_entropy_of_much_is_that_of_a_little_at_a_time(shape: tuple[int, ...]):
    labels = np.random.default_rng(2).integers(0, shape[1], (shape[0], *shape[2:]))

    def compute() -> list[np.ndarray]:
        x = scores(shape)
        y = F.cross_entropy(x, mt.from_numpy(labels), reduction="none", ignore_index=1)
        y.sum().backward()
        return [y.detach().numpy(), x.grad.numpy()]

    of_both(compute)
    y, dx = compute()
    rows = max(1, 1000 // int(np.prod(shape[1:])))
    for i in (0, shape[0] - rows):
        part = mt.from_numpy(scores(shape).detach().numpy()[i : i + rows]).requires_grad_()
        some = mt.from_numpy(labels[i : i + rows])
        few = F.cross_entropy(part, some, reduction="none", ignore_index=1)
        few.sum().backward()
        np.testing.assert_allclose(y[i : i + rows], few.detach().numpy(), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(dx[i : i + rows], part.grad.numpy(), rtol=1e-5, atol=1e-6)


def test_a_second_backward_through_a_large_cross_entropy_gives_the_same():
    x, labels = scores((700, 300)), mt.from_numpy(np.arange(700) % 300)
    y = F.cross_entropy(x, labels)
    y.backward(retain_graph=True)
    first = x.grad.numpy().copy()
    x.grad = None
    y.backward(retain_graph=True)
    np.testing.assert_array_equal(x.grad.numpy(), first)
    x.grad = None
    (slope,) = mt.autograd.grad(y, [x], create_graph=True)
    (curve,) = mt.autograd.grad((slope * slope).sum(), [x])
    p = first.astype(np.float64)
    p[np.arange(700), np.arange(700) % 300] += 1 / 700
    expected = 2 * p * (first - (first * p).sum(1, keepdims=True) * 700)
    np.testing.assert_allclose(curve.numpy(), expected, rtol=1e-3, atol=1e-9)


def test_a_large_cross_entropy_writes_its_gradient_where_its_powers_were():
    import tracemalloc

    x, labels = scores((2000, 1000)), mt.from_numpy(np.arange(2000) % 1000)
    tracemalloc.start()
    F.cross_entropy(x, labels).backward()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.6 * x.nbytes


def test_compiled_a_large_cross_entropy_is_a_line_of_the_program():
    labels = mt.from_numpy(np.arange(700) % 300)

    def step(x: mt.Tensor) -> mt.Tensor:
        loss = F.cross_entropy(x * 1.5, labels)
        loss.backward()
        return loss

    compiled = mt.compile(step)
    for _ in range(3):
        x, again = scores((700, 300)), scores((700, 300))
        assert compiled(x).item() == step(again).item()
        np.testing.assert_array_equal(x.grad.numpy(), again.grad.numpy())


@pytest.mark.parametrize(
    "make",
    [optim.Adam, lambda p: optim.SGD(p, lr=0.1, momentum=0.9), optim.RMSprop],
    ids=["Adam", "SGD", "RMSprop"],
)
def test_steps_do_not_depend_on_the_threads(make: Any):
    shapes = [(300, 200), (64,), (500, 200), (7, 5), (200_000,)]
    by: list[set[int]] = []

    def compute() -> list[np.ndarray]:
        random, by_now = np.random.default_rng(0), set()
        params = [scores(shape) for shape in shapes]
        optimizer = make(params)
        rule = optimizer.update

        def noted(*args: Any) -> None:
            by_now.add(threading.get_ident())
            time.sleep(0.001)
            rule(*args)

        optimizer.update = noted
        for _ in range(3):
            for p in params:
                p.grad = mt.from_numpy(random.standard_normal(p.shape, np.float32))
            optimizer.step()
        by.append(by_now)
        states = optimizer.state_dict()["state"].values()
        return [
            *[p.detach().numpy() for p in params],
            *[x.numpy() for s in states for x in s.values() if isinstance(x, mt.Tensor)],
        ]

    of_both(compute)
    assert [len(s) for s in by] == [1, 2]


def test_parameters_over_one_memory_are_moved_one_after_the_other():
    memory = np.zeros(200_000, np.float32)
    params = [mt.from_numpy(memory).requires_grad_(), mt.from_numpy(memory[:100_000])]
    for p in params:
        p.requires_grad_()
        p.grad = mt.from_numpy(np.ones(p.shape, np.float32))
    optim.SGD(params, lr=1.0).step()
    np.testing.assert_array_equal(memory, np.repeat(np.float32([-2, -1]), 100_000))
