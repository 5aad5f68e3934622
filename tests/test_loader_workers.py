"""Workers change when a batch is made, and never which; and none is left when the loop is."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import minitorch
from minitorch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    RandomCrop,
    TensorDataset,
    get_worker_info,
)

KINDS = ["threads", "processes"]


class Augmented(Dataset):
    """Samples that draw: a crop, noise, and how long they take."""

    def __init__(self, n: int = 11, wait: float = 0.0):
        self.n = n
        self.wait = wait
        self.crop = RandomCrop(4, padding=1)

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        time.sleep(self.wait * (i % 3))
        image = np.arange(16, dtype=np.float32).reshape(1, 4, 4) + i
        return self.crop(image), minitorch.randn(2), i


class Stream(IterableDataset):
    def __iter__(self):
        for i in range(7):
            yield i + minitorch.rand(2)


class OddError(Exception):
    """An error that pickle can write and not read."""

    def __init__(self, code, text):
        super().__init__(text)


class Faulty(Dataset):
    """Raises at sample 5."""

    def __init__(self, what):
        self.what = what

    def __len__(self):
        return 8

    def __getitem__(self, i):
        if i == 5:
            if self.what == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.what == "hang":
                time.sleep(2.5)
            if self.what == "lambda":
                return lambda: 0
            raise {"key": KeyError(5), "odd": OddError(1, "odd"), "exit": SystemExit(3)}[self.what]
        return i


class Who(Dataset):
    """Samples that tell who made them."""

    def __len__(self):
        return 12

    def __getitem__(self, i):
        info = get_worker_info()
        return info.id, info.num_workers, len(info.dataset), os.getpid(), os.environ.get("MARK", "")


class Globals(Dataset):
    """Samples from the global streams of Python and NumPy."""

    def __len__(self):
        return 6

    def __getitem__(self, i):
        return random.random(), np.random.random()  # noqa: NPY002 - what is asked about


def mark(worker: int) -> None:
    os.environ["MARK"] = f"worker {worker}"


def broken_start(worker: int) -> None:
    raise OSError("no disk")


def first(samples):
    return samples


def values(loader) -> list:
    return [[part.tolist() for part in batch] for batch in loader]


def workers_alive() -> list:
    threads = [t for t in threading.enumerate() if t.name.startswith("DataLoader worker")]
    return threads + multiprocessing.active_children()


@pytest.fixture(autouse=True)
def _nobody_stays():
    yield
    gc.collect()
    assert workers_alive() == []


# the same batches --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "workers",
    [("threads", 1), ("threads", 3), ("processes", 1), ("processes", 2)],
    ids=lambda w: f"{w[1]} {w[0]}",
)
def test_batches_are_the_same_and_in_order_whoever_makes_them(workers):
    kind, number = workers
    alone = DataLoader(Augmented(), 2, shuffle=True, seed=4)
    helped = DataLoader(
        Augmented(wait=0.003), 2, shuffle=True, seed=4, num_workers=number, workers=kind
    )
    for _ in range(2):
        assert values(helped) == values(alone)


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_has_one_reader(kind):
    alone = [x.tolist() for x in DataLoader(Stream(), 3, seed=1)]
    helped = DataLoader(Stream(), 3, seed=1, num_workers=2, workers=kind)
    assert [x.tolist() for x in helped] == alone


def test_table_data_needs_no_workers_unless_they_are_to_be_prepared():
    data = TensorDataset(np.arange(6))
    for _ in DataLoader(data, 2, num_workers=2):
        assert workers_alive() == []
    seen = []
    loader = DataLoader(data, 2, num_workers=2, worker_init_fn=seen.append)
    assert values(loader) == [[[0, 1]], [[2, 3]], [[4, 5]]]
    assert sorted(seen) == [0, 1]


def test_global_streams_in_processes_depend_on_the_batch_alone():
    def drawn(number):
        return values(DataLoader(Globals(), 2, seed=0, num_workers=number, workers="processes"))

    one = drawn(1)
    assert drawn(2) == one
    assert len({x for batch in one for part in batch for x in part}) == 12


# who they are ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_workers_know_who_they_are_and_are_prepared(kind, monkeypatch):
    monkeypatch.delenv("MARK", raising=False)
    loader = DataLoader(
        Who(), 2, num_workers=2, workers=kind, worker_init_fn=mark, collate_fn=first
    )
    samples = [sample for batch in loader for sample in batch]
    assert [s[0] for s in samples] == [0, 0, 1, 1] * 3  # in turn
    assert {s[1:3] for s in samples} == {(2, 12)}
    assert (os.getpid() in {s[3] for s in samples}) == (kind == "threads")
    if kind == "processes":
        assert [s[4] for s in samples] == [f"worker {s[0]}" for s in samples]
    assert get_worker_info() is None


@pytest.mark.parametrize("kind", KINDS)
def test_persistent_workers_stay_for_the_next_epoch_and_end_with_the_loader(kind):
    loader = DataLoader(
        Augmented(), 2, shuffle=True, seed=4, num_workers=2, workers=kind, persistent_workers=True
    )
    alone = DataLoader(Augmented(), 2, shuffle=True, seed=4)
    next(iter(loader))  # left early: what is made ahead belongs to no one
    next(iter(alone))
    crew = workers_alive()
    assert len(crew) == 2
    for _ in range(2):
        assert values(loader) == values(alone)
        assert workers_alive() == crew
    del loader
    gc.collect()
    assert workers_alive() == []


# errors ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_in_a_worker_comes_out_with_its_place(kind):
    """H187."""
    batches = iter(DataLoader(Faulty("key"), 2, num_workers=2, workers=kind))
    assert [next(batches).tolist() for _ in range(2)] == [[0, 1], [2, 3]]
    with pytest.raises(KeyError) as caught:
        next(batches)
    assert caught.value.args == (5,)
    notes = "\n".join(caught.value.__notes__)
    assert "DataLoader: sample 5, batch 2 (len(dataset) is 8)" in notes
    assert ("in worker 0, a process:" in notes) == (kind == "processes")
    assert ("__getitem__" in notes) == (kind == "processes")  # the traceback of over there
    del caught
    assert workers_alive() == []


def test_an_error_that_cannot_travel_is_told_in_words():
    loader = DataLoader(Faulty("odd"), 2, num_workers=1, workers="processes")
    with pytest.raises(RuntimeError, match="OddError: odd") as caught:
        list(loader)
    assert "sample 5, batch 2" in "\n".join(caught.value.__notes__)
    with pytest.raises(TypeError):
        pickle.loads(pickle.dumps(OddError(1, "odd")))


def test_a_batch_that_cannot_travel_is_an_error():
    loader = DataLoader(Faulty("lambda"), 2, num_workers=1, workers="processes", collate_fn=first)
    with pytest.raises(TypeError, match="the batch cannot be pickled"):
        list(loader)


@pytest.mark.parametrize("kind", KINDS)
def test_even_an_exit_in_a_sample_reaches_the_loop(kind):
    with pytest.raises(SystemExit):
        list(DataLoader(Faulty("exit"), 2, num_workers=2, workers=kind))


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_while_a_worker_is_prepared(kind):
    loader = DataLoader(Augmented(), 2, num_workers=1, workers=kind, worker_init_fn=broken_start)
    with pytest.raises(OSError, match="no disk") as caught:
        list(loader)
    assert "worker_init_fn(0)" in "\n".join(caught.value.__notes__)


def test_a_process_that_dies_is_missed():
    loader = DataLoader(Faulty("die"), 2, num_workers=1, workers="processes")
    with pytest.raises(RuntimeError, match=r"worker 0 died with exit code -9, asked for batch 2"):
        list(loader)


@pytest.mark.parametrize("kind", KINDS)
def test_a_worker_that_hangs_is_given_up(kind, monkeypatch):
    from minitorch.utils.data import workers

    monkeypatch.setattr(workers, "PATIENCE", 0.1)
    loader = DataLoader(Faulty("hang"), 2, num_workers=1, workers=kind, timeout=1.5)
    with pytest.raises(RuntimeError, match=r"no answer for batch [02] within timeout=1.5 seconds"):
        list(loader)
    for thread in workers_alive():  # a thread cannot be stopped in the middle of a sample
        assert kind == "threads"
        thread.join()


def test_what_cannot_be_pickled_is_said_before_a_process_starts():
    loader = DataLoader(
        Faulty("key"), 2, num_workers=1, workers="processes", collate_fn=lambda s: s
    )
    with pytest.raises((pickle.PicklingError, AttributeError)) as caught:
        list(loader)
    assert "workers='threads'" in "\n".join(caught.value.__notes__)


# the end -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_leaving_the_loop_ends_the_workers(kind):
    loader = DataLoader(Augmented(100), 1, num_workers=2, workers=kind)
    for _ in loader:
        assert len(workers_alive()) == 2
        break
    assert workers_alive() == []
    with pytest.raises(ZeroDivisionError):
        [1 / 0 for _ in loader]
    assert workers_alive() == []
    batches = iter(loader)
    next(batches)
    assert len(workers_alive()) == 2
    batches.close()
    assert workers_alive() == []


def test_workers_make_only_so_much_ahead():
    made = []

    class Counted(Dataset):
        def __len__(self):
            return 100

        def __getitem__(self, i):
            made.append(i)
            return i

    batches = iter(DataLoader(Counted(), 1, num_workers=2, prefetch_factor=3))
    next(batches)
    time.sleep(0.2)
    assert len(made) == 6
    next(batches)
    time.sleep(0.2)
    assert len(made) == 7
    batches.close()


@pytest.mark.parametrize("kind", KINDS)
def test_ctrl_c_ends_program_and_workers_with_one_message(kind, tmp_path):
    script = tmp_path / "train.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import os, time
            from minitorch.utils.data import DataLoader

            class Slow:
                def __len__(self):
                    return 10_000
                def __getitem__(self, i):
                    time.sleep(0.01)
                    return os.getpid()

            if __name__ == "__main__":
                for pids in DataLoader(Slow(), 1, num_workers=2, workers="{kind}"):
                    print(pids.item(), flush=True)
            """
        )
    )
    program = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a process group of its own, as a terminal gives it
        cwd=Path(__file__).parent.parent,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
    )
    pids = {int(program.stdout.readline()) for _ in range(6)}
    os.killpg(program.pid, signal.SIGINT)
    _, errors = program.communicate(timeout=30)
    assert errors.count("KeyboardInterrupt") == 1
    assert errors.count("Traceback") == 1
    assert program.returncode == -signal.SIGINT
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_program_without_a_guard_is_told_what_it_lacks(tmp_path):
    script = tmp_path / "unguarded.py"
    script.write_text(
        "from minitorch.utils.data import DataLoader\n"
        "list(DataLoader([1, 2], num_workers=1, workers='processes', collate_fn=list))\n"
        "list(DataLoader([[1], [2]], num_workers=1, workers='processes'))\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
    )
    assert done.returncode == 1
    assert "if __name__ == '__main__':" in done.stderr.splitlines()[-1]
