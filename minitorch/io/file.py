"""Replacing a file in one step: whoever reads it finds the old one or the new one, whole.

The new bytes go to a temporary file beside the target, are flushed to the disk, and take the
target's name by a rename, which the operating system does at once or not at all; then the folder
is flushed too. Killed at any moment, a run leaves the old file or the new one, and perhaps a
temporary file, which the next save in that folder sweeps away.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

# The name says whose it is: which machine (folders can be shared) and which process.
_ORPHAN = re.compile(r"\.minitorch-([0-9a-f]{8})-(\d{1,9})-[0-9a-f]{16}\.tmp")
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)  # ours from the start


class Draft:
    """A file that is being written and has no name yet that others would look for."""

    def __init__(self, descriptor: int):
        self.descriptor = descriptor

    def write(self, data: Any) -> None:
        """Writes all of it: a system call may write a part."""
        view = memoryview(data)
        while len(view):
            view = view[os.write(self.descriptor, view) :]

    def rewind(self) -> None:
        """Goes back to the start, to write there."""
        os.lseek(self.descriptor, 0, os.SEEK_SET)


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Draft]:
    """Gives a draft to write to; when the block ends well it is the file at `path`.

    However the block ends otherwise, the file at `path` is as it was and nothing is left over. A
    new file has the permissions that the umask gives, one that replaces another has its; a link is
    followed, so that what it points to is replaced and not the link.

    Raises:
        OSError: the folder is missing or not writable, the disk is full; it names `path`.
    """
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    temporary = _unguessable(folder)
    try:
        mode = _mode_to_keep(target)
        sweep(folder)
        try:
            descriptor = os.open(temporary, _NEW, 0o666)
            try:
                if mode is not None:
                    os.chmod(temporary, mode)
                yield Draft(descriptor)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.replace(temporary, target)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        _flush_folder(folder)
    except OSError as error:
        raise _named(error, path) from None


def check_writable(path: str | os.PathLike[str]) -> None:
    """Finds out whether a file could be written at `path`, by making one beside it.

    Raises:
        OSError: as `replacing` would, before there is anything to lose.
    """
    target = os.path.realpath(path)
    temporary = _unguessable(os.path.dirname(target))
    try:
        _mode_to_keep(target)
        os.close(os.open(temporary, _NEW, 0o666))
        os.unlink(temporary)
    except OSError as error:
        raise _named(error, path) from None


def sweep(folder: str) -> None:
    """Removes what killed runs left in the folder: temporary files of processes that are gone."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = _ORPHAN.fullmatch(entry.name)
            if found and found[1] == _machine() and not _alive(int(found[2])):
                with suppress(OSError):  # another process may sweep as well
                    os.unlink(entry.path)


def _mode_to_keep(target: str) -> int | None:
    """The permissions of the file that is there; None where there is none."""
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    return stat.S_IMODE(mode)


def _unguessable(folder: str) -> str:
    """A path in the folder that nobody else has."""
    name = f".minitorch-{_machine()}-{os.getpid()}-{os.urandom(8).hex()}.tmp"
    return os.path.join(folder, name)


def _flush_folder(folder: str) -> None:
    """Makes the rename itself last; Windows has no such call, and some file systems no need."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)


def _machine() -> str:
    """Eight letters for this machine's name."""
    name = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
    return f"{zlib.crc32(name.encode()):08x}"


def _alive(process: int) -> bool:
    """True unless a process of that number is known to be gone."""
    if os.name == "nt":  # where signal 0 is not a question but Ctrl-C
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is there and belongs to somebody else
        return True
    return True


def _named(error: OSError, path: str | os.PathLike[str]) -> OSError:
    """The same error about `path`: the temporary file is no concern of the caller's."""
    if error.errno is None:
        return error
    return OSError(error.errno, os.strerror(error.errno), os.fspath(path))
