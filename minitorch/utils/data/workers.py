"""Workers make batches ahead of the loop, in threads or in processes of their own.

Task k goes to worker k mod n, and the loop waits for the answers in the order of the tasks; so
batches come in order whoever is fastest. A worker answers with a batch or with the error it met.
Closing a crew ends its workers: none outlives the loop it worked for.
"""

from __future__ import annotations

import multiprocessing
import pickle
import random
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import cycle, islice
from multiprocessing.connection import Connection
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

import numpy as np

from minitorch.utils.data.fetch import END, Task, WorkerInfo, here

# A worker in the middle of a sample may take so long to end, in seconds.
PATIENCE = 2.0


class Work(NamedTuple):
    """What a worker does: how it makes a batch, and what it is to call first."""

    fetch: Any
    init: Callable[[int], object] | None


class Answer(NamedTuple):
    """What came of the order of this number: a batch, or an error."""

    number: int
    batch: Any
    error: BaseException | None


class Crew:
    """Some workers who share the tasks in turn; `kind` is "threads" or "processes"."""

    def __init__(self, kind: str, size: int, work: Work, context: str | None = None):
        self.workers: list[_Thread | _Process] = []
        self.orders = 0
        if kind == "threads":
            self.workers += [_Thread(i, size, work) for i in range(size)]
            return
        content = _pickled(work)
        starter = multiprocessing.get_context(context or "spawn")
        started: list[_Process] = []
        try:
            with _no_interrupt():
                for i in range(size):
                    started.append(_Process(i, size, starter))
                    self.workers.append(started[-1])
            for worker in started:  # which all start up meanwhile
                worker.send(content)
        except BaseException:
            self.close()
            raise

    def run(self, tasks: Iterable[Task], ahead: int, timeout: float) -> Iterator[Any]:
        """The batches of the tasks, in order; each worker has at most `ahead` of them to do."""
        remaining = iter(tasks)
        turns = cycle(self.workers)
        waiting: deque[tuple[_Thread | _Process, int, Task]] = deque()

        def order(limit: int) -> None:
            for task in islice(remaining, limit):
                self.orders += 1
                worker = next(turns)
                worker.order(self.orders, task)
                waiting.append((worker, self.orders, task))

        order(ahead * len(self.workers))
        while waiting:
            worker, number, task = waiting.popleft()
            answer = worker.answer(task, timeout)
            while answer.number != number:  # what a loop that was left early did not wait for
                answer = worker.answer(task, timeout)
            if answer.error is not None:
                raise answer.error
            if answer.batch is END:
                return
            yield answer.batch
            order(1)

    def close(self) -> None:
        """Ends the workers, and waits until they have ended."""
        for worker in self.workers:
            worker.stop()
        for worker in self.workers:
            worker.join()
        self.workers.clear()


def _serve(
    info: WorkerInfo,
    work: Work,
    receive: Callable[[], tuple[int, Task] | None],
    reply: Callable[[Answer], object],
) -> None:
    """A worker's life: one order after the other, until there is None."""
    here.info = info
    broken: BaseException | None = None
    try:
        if work.init is not None:
            work.init(info.id)
    except BaseException as error:  # told to whoever waits for the first batch
        error.add_note(f"DataLoader: worker_init_fn({info.id})")
        broken = error
    while (order := receive()) is not None:
        number, task = order
        try:
            if broken is not None:
                raise broken
            answer = Answer(number, work.fetch(task), None)
        except BaseException as error:  # the main thread waits, and must not wait for ever
            answer = Answer(number, None, error)
        reply(answer)


def _too_slow(id: int, task: Task, timeout: float) -> RuntimeError:
    return RuntimeError(
        f"DataLoader: worker {id} had no answer for batch {task.batch} within "
        f"timeout={timeout:g} seconds"
    )


# threads -----------------------------------------------------------------------------------------


class _Thread:
    """A worker in this process."""

    def __init__(self, id: int, of: int, work: Work):
        self.id = id
        self.orders: SimpleQueue[tuple[int, Task] | None] = SimpleQueue()
        self.answers: SimpleQueue[Answer] = SimpleQueue()
        self.stopped = False
        info = WorkerInfo(id, of, work.fetch.dataset)
        self.thread = threading.Thread(
            target=_serve,
            args=(info, work, self._receive, self.answers.put),
            name=f"DataLoader worker {id}",
            daemon=True,  # one that hangs in a sample does not keep the program from ending
        )
        self.thread.start()

    def _receive(self) -> tuple[int, Task] | None:
        order = self.orders.get()
        return None if self.stopped else order

    def order(self, number: int, task: Task) -> None:
        self.orders.put((number, task))

    def answer(self, task: Task, timeout: float) -> Answer:
        try:
            return self.answers.get(timeout=timeout or None)
        except Empty:
            raise _too_slow(self.id, task, timeout) from None

    def stop(self) -> None:
        self.stopped = True
        self.orders.put(None)

    def join(self) -> None:
        self.thread.join(PATIENCE)


# processes ---------------------------------------------------------------------------------------


class _Process:
    """A worker in a process of its own, at the other end of a pipe."""

    def __init__(self, id: int, of: int, context: Any):
        self.id = id
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(
            target=_process, args=(theirs, id, of), name=f"DataLoader worker {id}", daemon=True
        )
        self.process.start()
        theirs.close()  # so that the pipe ends when the worker does

    def send(self, content: bytes) -> None:
        with suppress(OSError):  # a worker that has died is missed when it is to answer
            self.pipe.send_bytes(content)

    def order(self, number: int, task: Task) -> None:
        self.send(pickle.dumps((number, task)))

    def answer(self, task: Task, timeout: float) -> Answer:
        try:
            if timeout and not self.pipe.poll(timeout):
                raise _too_slow(self.id, task, timeout)
            content = self.pipe.recv_bytes()
        except (EOFError, OSError):
            raise self._died(task) from None
        return pickle.loads(content)

    def _died(self, task: Task) -> RuntimeError:
        self.process.join(PATIENCE)
        code = self.process.exitcode
        why = (
            f"signal {-code} ended it; 9 is what a machine short of memory sends"
            if code is not None and code < 0
            else "its own message stands above. What starts processes must be a file whose top "
            "level only defines things, with the rest under if __name__ == '__main__':, and what "
            "they use must be importable; workers='threads' needs neither"
        )
        return RuntimeError(
            f"DataLoader: worker {self.id} died with exit code {code}, asked for batch "
            f"{task.batch}; {why}"
        )

    def stop(self) -> None:
        self.pipe.close()

    def join(self) -> None:
        self.process.join(PATIENCE)
        for end in (self.process.terminate, self.process.kill):
            if self.process.is_alive():
                end()
                self.process.join(PATIENCE)
        self.process.close()


def _pickled(work: Work) -> bytes:
    try:
        return pickle.dumps(work)
    except Exception as error:
        error.add_note(
            "DataLoader: processes get the data set, collate_fn and worker_init_fn by pickle; "
            "use functions and classes that stand in a file, no lambdas, or workers='threads'"
        )
        raise


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """Processes started inside never see Ctrl-C, which a terminal sends to all: the main one does.

    Windows has no such mask; there the worker itself ignores it, once it has started.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _process(pipe: Connection, id: int, of: int) -> None:
    """What runs in the other process: it receives the work, then one order after the other."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    work: Work = pickle.loads(pipe.recv_bytes())
    orders: SimpleQueue[tuple[int, Task] | None] = SimpleQueue()
    # A thread takes orders in at once: else both ends could wait for the other to read.
    threading.Thread(target=_listen, args=(pipe, orders), daemon=True).start()

    def receive() -> tuple[int, Task] | None:
        order = orders.get()
        if order is not None:
            _seed_others(order[1])
        return order

    with suppress(OSError):  # the main process has closed the pipe, or is gone
        _serve(
            WorkerInfo(id, of, work.fetch.dataset),
            work,
            receive,
            lambda answer: pipe.send_bytes(_portable(answer, id)),
        )


def _listen(pipe: Connection, orders: SimpleQueue[tuple[int, Task] | None]) -> None:
    try:
        while True:
            orders.put(pickle.loads(pipe.recv_bytes()))
    except (EOFError, OSError):
        orders.put(None)


def _seed_others(task: Task) -> None:
    """Gives Python's and NumPy's global streams a start that depends on the batch alone."""
    words = np.random.SeedSequence(task.seed, spawn_key=(task.batch, 2)).generate_state(4)
    random.seed(words.tobytes())
    np.random.seed(words)  # noqa: NPY002 - for data sets that draw from the global stream


def _portable(answer: Answer, id: int) -> bytes:
    """The answer as bytes; what cannot be pickled is replaced by an error that says so."""
    if answer.error is not None:
        lines = "".join(traceback.format_exception(answer.error))
        answer.error.add_note(f"DataLoader: in worker {id}, a process:\n{lines}")
    try:
        content = pickle.dumps(answer)
        if answer.error is not None:
            pickle.loads(content)  # some errors can be pickled but not unpickled
        return content
    except Exception as error:
        if answer.error is None:
            problem: Exception = TypeError(f"DataLoader: the batch cannot be pickled: {error}")
        else:
            problem = RuntimeError(f"{type(answer.error).__name__}: {answer.error}")
            for note in answer.error.__notes__:
                problem.add_note(note)
        return pickle.dumps(Answer(answer.number, None, problem))
