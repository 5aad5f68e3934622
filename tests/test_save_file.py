"""Whatever happens while a file is written, the old one or the new one is there, whole."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minitorch as mt
from minitorch.io import file, load, save

OLD, NEW = {"step": 1, "w": mt.zeros(3000)}, {"step": 2, "w": mt.ones(3000), "b": mt.ones(5)}
KILLS = int(os.environ.get("MINITORCH_KILLS", "50"))  # more, where there is more time


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save(OLD, tmp_path / "state.safetensors")
    return tmp_path / "state.safetensors"


def whole(path: Path) -> int:
    """The step of the file, after a look at all that belongs to it."""
    state = load(path)
    values = {0.0} if state["step"] == 1 else {1.0}
    assert set(state["w"].tolist()) == values
    assert ("b" in state) == (state["step"] == 2)
    return state["step"]


def run(code: str, *args: object, **options: Any) -> subprocess.CompletedProcess:
    """Runs code in a process of its own, in this repository."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, args)],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=120 + KILLS,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        **options,
    )


# killed -----------------------------------------------------------------------------------------

KILL = """
    import os, random, signal, sys, time
    from minitorch.io import load, save
    import minitorch as mt

    path, kills = sys.argv[1], int(sys.argv[2])
    dice = random.Random(0)

    def saving(step):
        while True:
            step += 1
            save({"step": step, **{f"w{i}": mt.full((2**16,), step) for i in range(8)}}, path)

    last = orphans = 0
    for _ in range(kills):
        child = os.fork()
        if not child:
            saving(last)
        time.sleep(dice.uniform(0.01, 0.12))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        orphans += any(name.startswith(".") for name in os.listdir(os.path.dirname(path)))
        if last or os.path.exists(path):
            state = load(path)
            steps = {state.pop("step")} | {n for x in state.values() for n in set(x.tolist())}
            assert len(steps) == 1 and len(state) == 8, steps
            assert min(steps) >= last
            last = min(steps)
    save({"step": 0}, path)
    print(last, orphans, *os.listdir(os.path.dirname(path)))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_killed_at_any_moment_a_run_leaves_the_old_or_the_new_file(tmp_path):
    """K1, K2."""
    done = run(KILL, tmp_path / "state.safetensors", KILLS)
    assert done.returncode == 0, done.stderr
    last, orphans, *left = done.stdout.split()
    assert int(last) > 3  # so the kills fell among several saves,
    assert int(orphans) > 0  # some of them in the middle of one,
    assert left == ["state.safetensors"]  # and the next save removed what they left


CALLS = ["open", "chmod", "write", "lseek", "fsync", "close", "replace"]


class Faulty:
    """`os`, whose n-th call that touches the disk does something else."""

    def __init__(self, at: int, fault: Callable[[], Any]):
        self.at, self.fault = at, fault
        self.made: list[str] = []

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if name not in CALLS:
            return real

        def call(*args: Any) -> Any:
            self.made.append(name)
            if len(self.made) - 1 == self.at:
                if name == "close":
                    real(*args)  # the descriptor is gone, also when close() fails
                self.fault()
            return real(*args)

        return call


def no_fault() -> None:
    pass


def recorded(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    faulty = Faulty(-1, no_fault)
    with monkeypatch.context() as patch:
        patch.setattr(file, "os", faulty)
        save(NEW, path)
    return faulty.made


def test_the_order_of_the_calls(path, monkeypatch):
    """K3: all bytes are on the disk before the name is given, and then the name is."""
    calls = recorded(path, monkeypatch)
    written = ["write", "write", "write", "lseek", "write"]  # room, two tensors, the header
    assert calls == [
        *["open", "chmod", *written, "fsync", "close", "replace"],
        *["open", "fsync", "close"],  # of the folder
    ]


STEPS = range(13)


@pytest.mark.parametrize("at", STEPS)
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), MemoryError, KeyboardInterrupt])
def test_a_failure_at_any_call_leaves_the_old_or_the_new_file(path, monkeypatch, at, error):
    """K4, H178, H179."""

    def fault() -> None:
        raise error

    faulty = Faulty(at, fault)
    with monkeypatch.context() as patch:
        patch.setattr(file, "os", faulty)
        with pytest.raises(error if isinstance(error, type) else OSError) as caught:
            save(NEW, path)
    assert len(faulty.made) >= at
    # The name is given by the tenth call; what fails after it is the folder's flush.
    assert whole(path) == (1 if at < 10 else 2)
    assert os.listdir(path.parent) == [path.name]
    if isinstance(error, OSError):
        assert caught.value.errno == errno.ENOSPC
        assert caught.value.filename == str(path)


KILL_AT = """
    import os, signal, sys
    import minitorch as mt
    from minitorch.io import file, save
    from tests.test_save_file import NEW, Faulty

    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    path = sys.argv[1]
    for at in range(13):
        child = os.fork()
        if not child:
            file.os = Faulty(at, die)
            save(NEW, f"{path}.{at}")
            os._exit(3)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_killed_before_any_call_a_run_leaves_the_old_or_the_new_file(path):
    """K1: at each boundary between two system calls."""
    for at in STEPS:
        save(OLD, f"{path}.{at}")
    done = run(KILL_AT, path)
    assert done.returncode == 0, done.stderr
    for at in STEPS:
        assert whole(Path(f"{path}.{at}")) == (1 if at < 10 else 2)


def test_a_write_of_a_part_goes_on(path, monkeypatch):
    class Slow(Faulty):
        def __getattr__(self, name: str) -> Any:
            if name == "write":
                return lambda descriptor, data: os.write(descriptor, data[:1000])
            return getattr(os, name)

    with monkeypatch.context() as patch:
        patch.setattr(file, "os", Slow(-1, no_fault))
        save(NEW, path)
    assert whole(path) == 2


def test_an_array_that_raises_leaves_the_old_file(path, monkeypatch):
    """H179."""
    before = path.read_bytes()

    class Broken(mt.Tensor):
        @property
        def array(self) -> Any:  # type: ignore[override]
            raise RuntimeError("layers.0.weight has no size yet; call build()")

    with pytest.raises(RuntimeError, match=r"layers.0.weight has no size yet"):
        save({"a": mt.ones(2), "b": Broken.__new__(Broken)}, path)
    assert path.read_bytes() == before


FULL = """
    import errno, os, resource, sys
    import minitorch as mt
    from minitorch.io import save

    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    try:
        save({"w": mt.ones(10**6)}, sys.argv[1])
    except OSError as error:
        print(errno.errorcode[error.errno], error.filename == sys.argv[1])
"""


def test_a_full_disk_leaves_the_old_file(path):
    """H178."""
    before = path.read_bytes()
    assert run(FULL, path).stdout.split() == ["EFBIG", "True"]
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


INTERRUPTED = """
    import sys, time
    import minitorch as mt
    from minitorch.io import file, save

    class Slow(file.Draft):
        def write(self, data):
            super().write(data)
            print("writing", flush=True)
            time.sleep(20)

    file.Draft = Slow
    save({"w": mt.ones(10)}, sys.argv[1])
"""


def test_an_interrupt_leaves_the_old_file(path):
    """K4."""
    before = path.read_bytes()
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(INTERRUPTED), str(path)],
        cwd=Path(__file__).parent.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "writing\n"
        assert len(os.listdir(path.parent)) == 2
        child.send_signal(signal.SIGINT)
        assert "KeyboardInterrupt" in child.communicate(timeout=30)[1]
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


# what killed runs leave -------------------------------------------------------------------------


def gone() -> int:
    """The number of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def temporary(process: int, machine: str | None = None) -> str:
    return f".minitorch-{machine or file._machine()}-{process}-0123456789abcdef.tmp"


def test_orphans_are_swept_and_nothing_else(path):
    """K5."""
    orphans = [temporary(gone()) for _ in range(3)]
    others = [
        temporary(os.getpid()),  # being written, by another thread
        temporary(os.getppid()),  # being written, by another process
        temporary(gone(), "00000000"),  # of another machine, where the process may live
        temporary(gone())[1:],
        temporary(gone()) + ".bak",
        ".minitorch-tmp",
        "tmp",
    ]
    for name in (*orphans, *others):
        (path.parent / name).touch()
    save(NEW, path)
    assert sorted(os.listdir(path.parent)) == sorted([*others, path.name])


def test_a_process_of_somebody_else_is_alive(monkeypatch):
    def kill(process: int, signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", kill)
    assert file._alive(1)


# where it is written ----------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_new_file_has_the_mode_that_the_umask_gives(tmp_path, umask):
    """K3."""
    before = os.umask(umask)
    try:
        save(NEW, tmp_path / "new")
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(tmp_path / "new").st_mode) == 0o666 & ~umask


def test_a_file_that_is_replaced_keeps_its_mode(path):
    os.chmod(path, 0o600)
    save(NEW, path)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert whole(path) == 2


def test_a_link_is_followed(path, tmp_path):
    """K3."""
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "latest"
    link.symlink_to("../state.safetensors")
    save(NEW, link)
    assert link.is_symlink()
    assert whole(path) == whole(link) == 2
    assert os.listdir(link.parent) == ["latest"]


def test_a_relative_path_and_an_odd_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "x" * 250, "\u00e4 b'\"\n", "-rf"):
        save(NEW, name)
        assert whole(tmp_path / name) == 2


def test_a_missing_folder_is_named_before_anything_is_made(tmp_path):
    """H182."""
    path = tmp_path / "missing" / "state.safetensors"
    for write in (lambda: save(NEW, path), lambda: file.check_writable(path)):
        with pytest.raises(FileNotFoundError) as caught:
            write()
        assert caught.value.filename == str(path)
    assert not os.listdir(tmp_path)


def test_a_folder_is_not_written_over(tmp_path):
    for write in (lambda: save(NEW, tmp_path), lambda: file.check_writable(tmp_path)):
        with pytest.raises(IsADirectoryError) as caught:
            write()
        assert caught.value.filename == str(tmp_path)


def test_a_folder_that_cannot_be_written_to(path, monkeypatch):
    """H182."""
    before = path.read_bytes()

    def refuse() -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    for write in (lambda: save(NEW, path), lambda: file.check_writable(path)):
        with monkeypatch.context() as patch:
            patch.setattr(file, "os", Faulty(0, refuse))
            with pytest.raises(PermissionError) as caught:
                write()
        assert caught.value.filename == str(path)
    assert path.read_bytes() == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder(path):
    """H182."""
    os.chmod(path.parent, 0o500)
    try:
        with pytest.raises(PermissionError, match=str(path)):
            save(NEW, path)
    finally:
        os.chmod(path.parent, 0o700)
    assert whole(path) == 1


def test_looking_whether_a_path_is_writable_changes_nothing(path):
    before = path.read_bytes()
    file.check_writable(path)
    file.check_writable(path.with_name("other"))
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_a_file_system_that_cannot_flush_folders(path, monkeypatch):
    def cannot() -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    with monkeypatch.context() as patch:
        patch.setattr(file, "os", Faulty(11, cannot))
        save(NEW, path)
    assert whole(path) == 2


def test_where_folders_cannot_be_opened_nor_processes_asked(path, monkeypatch):
    """As on Windows, where asking after a process with signal 0 would end it."""
    orphan = path.parent / temporary(gone())
    orphan.touch()
    windows = Faulty(-1, no_fault)
    windows.name = "nt"  # type: ignore[attr-defined]
    with monkeypatch.context() as patch:
        patch.setattr(file, "os", windows)
        save(NEW, path)
    assert windows.made[-1] == "replace"
    assert whole(path) == 2
    assert orphan.exists()


def test_an_error_without_a_number_passes(path):
    with pytest.raises(OSError, match="odd"), file.replacing(path):
        raise OSError("odd")
    assert whole(path) == 1


def test_two_threads_may_save_at_once(path):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: save(OLD if n % 2 else NEW, path), range(40)))
    assert whole(path) in (1, 2)
    assert os.listdir(path.parent) == [path.name]


def test_large_states_are_hashed_also_where_no_thread_can_start(path, monkeypatch):
    import concurrent.futures

    class Pool:
        def map(self, *args: Any) -> None:
            raise RuntimeError("can't start new thread")

        def shutdown(self, wait: bool) -> None:
            pass

    state = {"w": mt.from_numpy(np.arange(2**21, dtype=np.float32)), "b": mt.ones(3)}
    save(state, path)
    threaded = path.read_bytes()
    monkeypatch.setattr(concurrent.futures, "ThreadPoolExecutor", Pool)
    save(state, path)
    assert path.read_bytes() == threaded
    assert load(path)["b"].tolist() == [1.0] * 3


def test_no_descriptor_is_left_open(path):
    def count() -> int:
        return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0

    before = count()
    for _ in range(3):
        save(NEW, path)
        load(path)
    assert count() == before
