"""A checkpoint holds all that a run needs to go on as if it had never stopped.

One file holds one step: the model's numbers, the optimizer's, the schedule, the streams of random
numbers, the place in the data, and the history. Were one of them missing, or of another step, the
resumed run would go elsewhere than the unbroken one.
"""

from __future__ import annotations

import operator
import os
import platform
import re
import sys
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np

from minitorch import array as arrays
from minitorch.errors import CheckpointError
from minitorch.io.file import check_writable
from minitorch.io.store import load, load_form, save
from minitorch.tensor import raw
from minitorch.tree import leaves

_FILE = re.compile(r"step-\d{8,}\.safetensors")
_RESERVED = ("checkpoint", "extra")


class Part(NamedTuple):
    """How to get an object's state, and how to give it one."""

    get: Callable[[], Any]
    put: Callable[[Any], Any]


class Checkpoint:
    """Saves the state of several objects together, and brings it back: all of it or none.

    Each save is a file of its own in the folder, `step-00000100.safetensors`, replaced in one
    step; once it is safely there, all but the last `keep` are removed. Which is the latest is
    written in the files, and does not depend on clocks or names. With the same backend, NumPy and
    number of threads a resumed run is bit for bit the unbroken one; where they differ, `load`
    says so in a line. Save between two steps, when no gradient is half accumulated.

    Args:
        folder: where the files go; made if the folder around it is there.
        keep: how many of the last checkpoints stay; None keeps all. One more than needed stays
            by default, in case a disk damages the last.
        parts: what is saved, by name: objects with `state_dict()` and `load_state_dict()`, or
            with `get_state()` and `set_state()`, NumPy's generators, and lists and dicts of
            numbers and strings, such as a history.

    Raises:
        OSError: nothing could be saved there (FileNotFoundError, PermissionError, ...).
        TypeError: a part has no state that can be taken and given back.

    >>> import minitorch.io, tempfile
    >>> losses = [0.5]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoint = minitorch.io.Checkpoint(folder, losses=losses)
    ...     _ = checkpoint.save(step=1)
    ...     losses.append(0.25)
    ...     checkpoint.load()["step"], losses
    (1, [0.5])
    """

    def __init__(self, folder: str | os.PathLike[str], *, keep: int | None = 2, **parts: Any):
        if keep is not None and operator.index(keep) < 1:
            raise ValueError(f"Checkpoint: keep={keep}, expected 1 or more, or None to keep all")
        if not parts:
            raise ValueError("Checkpoint: nothing to save; name its parts, such as model=model")
        for name in _RESERVED:
            if name in parts:
                raise ValueError(f"Checkpoint: a part cannot be called {name}; choose another name")
        self.folder = os.fspath(folder)
        self.keep = keep
        self.parts = {name: _part(name, value) for name, value in parts.items()}
        if not os.path.isdir(self.folder):
            os.mkdir(self.folder)
        check_writable(self._path(0))

    def save(self, step: int, **extra: Any) -> str:
        """Saves all parts as they are now; returns the path of the file.

        Args:
            step: how many steps were taken, 0 or more.
            extra: anything else that `minitorch.save` takes; `load` returns it.

        Raises:
            OSError: the disk is full or gone; the files that were there are as they were.
            TypeError, ValueError: a state cannot be saved; the message names the part.
        """
        step = operator.index(step)
        if step < 0:
            raise ValueError(f"Checkpoint.save: step={step}, expected 0 or more")
        states = self._states()
        saved = self._saved(damaged="skip")
        record = {
            "step": step,
            "number": 1 + max((number for number, _ in saved), default=0),
            "parts": list(self.parts),
            "environment": environment(states),
        }
        path = self._path(step)
        save({**states, "checkpoint": record, "extra": extra}, path)
        if self.keep is not None:
            older = [other for _, other in saved if other != path]
            for gone in older[: max(0, len(older) + 1 - self.keep)]:
                os.unlink(gone)
        return path

    def load(self, path: str | os.PathLike[str] | None = None) -> dict[str, Any]:
        """Gives every part the state it had; returns the step and what else was saved with it.

        The file is read and verified before anything is changed, and if a part refuses its state
        all parts get back the state they had before.

        Args:
            path: a file of this or another folder; by default the latest here.

        Raises:
            FileNotFoundError: there is no checkpoint.
            CheckpointError: it is damaged, or holds other parts, or does not fit one of them.
        """
        path = path or self.latest
        if path is None:
            raise FileNotFoundError(f"Checkpoint.load: no checkpoint in {self.folder}")
        _number(path)
        states = load(path)
        record, extra = states.pop("checkpoint"), states.pop("extra")
        self._check_names(path, states)
        before = deepcopy(self._states())
        self._put(path, states, before)
        _compare(record["environment"], environment(before))
        return {"step": record["step"], **extra}

    @property
    def latest(self) -> str | None:
        """The path of the checkpoint saved last, or None.

        Raises:
            CheckpointError: a file here is damaged, so that it might be the latest.
        """
        saved = self._saved(damaged="raise")
        return saved[-1][1] if saved else None

    def _states(self) -> dict[str, Any]:
        return {name: part.get() for name, part in self.parts.items()}

    def _check_names(self, path: Any, states: Mapping[str, Any]) -> None:
        """The file must hold this checkpoint's parts, each of them and no others."""
        missing = [name for name in self.parts if name not in states]
        unexpected = [name for name in states if name not in self.parts]
        if missing or unexpected:
            raise CheckpointError(
                f"Checkpoint.load: {path} holds {', '.join(states)}, expected "
                f"{', '.join(self.parts)}; nothing was loaded. Name the same parts as when it was "
                "saved, or read some of it with minitorch.load"
            )

    def _put(self, path: Any, states: dict[str, Any], before: dict[str, Any]) -> None:
        """Gives the parts their states, or, when one fails, those from before."""
        touched = []
        try:
            for name, part in self.parts.items():
                touched.append(name)
                part.put(states[name])
        except BaseException as error:
            for name in touched:
                self.parts[name].put(before[name])
            if not isinstance(error, Exception):
                raise
            raise CheckpointError(
                f"Checkpoint.load: {path}: {touched[-1]}: {error}\nNothing was changed"
            ) from error

    def _path(self, step: int) -> str:
        return os.path.join(self.folder, f"step-{step:08d}.safetensors")

    def _saved(self, damaged: str) -> list[tuple[int, str]]:
        """The checkpoints in the folder, in the order in which they were saved."""
        found = []
        for name in os.listdir(self.folder):
            path = os.path.join(self.folder, name)
            if not _FILE.fullmatch(name):
                continue
            try:
                found.append((_number(path), path))
            except CheckpointError as error:
                if damaged == "raise":
                    raise CheckpointError(
                        f"{error}\nMove it away to go on from another checkpoint"
                    ) from error
        return sorted(found)


def _number(path: str | os.PathLike[str]) -> int:
    """The how-manieth save a file was, from its header alone.

    Raises:
        CheckpointError: the file lacks what every checkpoint has.
    """
    form = load_form(path)
    try:
        record, _ = form["dict"]["checkpoint"]["dict"], form["dict"]["extra"]["dict"]
        number, _, _ = record["number"], record["step"], record["environment"]["dict"]
    except (TypeError, KeyError):
        number = None
    if not isinstance(number, int):
        raise CheckpointError(
            f"{path} was not written by a Checkpoint; what it holds can be read with minitorch.load"
        )
    return number


# parts -----------------------------------------------------------------------------------------


def _part(name: str, x: Any) -> Part:
    """How the state of `x` is taken and given back."""
    for get, put in (("state_dict", "load_state_dict"), ("get_state", "set_state")):
        if hasattr(x, get) and hasattr(x, put):
            return Part(getattr(x, get), getattr(x, put))
    if isinstance(x, np.random.Generator):
        bits = x.bit_generator
        return Part(lambda: bits.state, lambda state: setattr(bits, "state", state))
    if type(x) in (dict, list):
        return Part(lambda: x, lambda state: _refill(x, state))
    raise TypeError(
        f"Checkpoint: {name} is a {type(x).__name__}, which has neither state_dict() and "
        "load_state_dict() nor get_state() and set_state(), and is no list or dict to be filled "
        f"again; a plain value goes to save(step=..., {name}=...), and load() returns it"
    )


def _refill(x: Any, state: Any) -> None:
    """Gives a list or a dict, which others hold, the contents of another."""
    if type(x) is not type(state):
        raise CheckpointError(f"a {type(state).__name__}, expected a {type(x).__name__}")
    x.clear()
    (x.update if isinstance(x, dict) else x.extend)(state)


# the machine -----------------------------------------------------------------------------------


def environment(states: Any) -> dict[str, str]:
    """What the last bits of a float depend on, apart from the program."""
    gpu = any(arrays.is_cupy(raw(x)) for x in leaves(states))
    built: Any = np.show_config(mode="dicts")
    blas = built.get("Build Dependencies", {}).get("blas", {})
    return {
        "backend": f"CuPy {arrays.cupy().__version__}" if gpu else "NumPy",
        "NumPy": np.__version__,
        "BLAS": f"{blas.get('name')} {blas.get('version')}",
        "threads": _threads(),
        "machine": platform.machine(),
    }


def _threads() -> str:
    """How many threads matrix products use: what the environment says, or else every core."""
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        if os.environ.get(name):
            return os.environ[name]
    return str(os.cpu_count())


def _compare(then: dict[str, str], now: dict[str, str]) -> None:
    """Says in one line what is not as it was."""
    changed = [
        f"{name} {then.get(name)} then and {now[name]} now"
        for name in now
        if then.get(name) != now[name]
    ]
    if changed:
        print(
            f"Checkpoint: {', '.join(changed)}: the run goes on, but not bit for bit as before",
            file=sys.stderr,
        )
