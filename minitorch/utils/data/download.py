"""Fetching a file from strangers: https only, never more bytes than promised, hash before use.

A file first arrives under a temporary name in the folder it is meant for. Only when its size and
SHA-256 are those in our table does it get its real name, in one step; so whoever finds the file
there may rely on it, and an interrupted download leaves nothing.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from minitorch.utils.data.common import DataError

# Without a network, every mirror together must give up within 20 seconds.
PATIENCE = 18.0
# A server that trickles its bytes, in bytes a second, is a server that does not answer.
SLOWEST = 10_000
_CHUNK = 1 << 16


class Remote(NamedTuple):
    """A file as it must arrive: name, size in bytes, SHA-256 in hex."""

    name: str
    size: int
    sha256: str


def fetch(file: Remote, mirrors: Sequence[str], folder: Path) -> Path:
    """Bring ``file`` into ``folder`` from the first of ``mirrors`` that has it intact.

    Args:
        file: what to fetch, and how to know it.
        mirrors: addresses that end in "/", tried in order; only https is spoken.
        folder: where the file goes; made if it is not there.

    Returns:
        The path of the file, whose size and hash are right.

    Raises:
        DataError: if no mirror gave the file; the message says why, mirror by mirror.
        OSError: if the folder cannot be made.
    """
    from http.client import HTTPException  # here: the http modules take long to import

    folder.mkdir(parents=True, exist_ok=True)
    reasons = []
    for mirror in mirrors:
        url = mirror + file.name
        # A name nobody can guess, and the permissions the user's umask gives.
        temporary = folder / f".{file.name}.{os.urandom(8).hex()}.part"
        try:
            with temporary.open("xb") as out, _open(url, PATIENCE / len(mirrors)) as response:
                _receive(response, out, file)
            os.replace(temporary, folder / file.name)
            return folder / file.name
        except (OSError, HTTPException, DataError) as error:
            reasons.append(f"{url}: {error}")
        finally:
            temporary.unlink(missing_ok=True)
    raise DataError(f"could not download {file.name}\n  " + "\n  ".join(reasons))


def _receive(response: Any, out: BinaryIO, file: Remote) -> None:
    """Copy the body to ``out``, refusing one byte too many, a trickle and a wrong hash."""
    import hashlib

    digest, got = hashlib.sha256(), 0
    deadline = time.monotonic() + PATIENCE + file.size / SLOWEST
    with _progress(file) as update:
        # read1 returns what has arrived, so that a stalled server meets the socket's time limit.
        while got <= file.size and (chunk := response.read1(_CHUNK)):
            out.write(chunk)
            digest.update(chunk)
            got += len(chunk)
            update(len(chunk))
            if time.monotonic() > deadline:
                raise DataError(f"{got:,} of {file.size:,} bytes, too slow to go on")
    if got > file.size:
        raise DataError(f"more than the expected {file.size:,} bytes")
    if digest.hexdigest() != file.sha256:
        raise DataError(
            f"{got:,} bytes with SHA-256 {digest.hexdigest()}, "
            f"expected {file.size:,} bytes with SHA-256 {file.sha256}"
        )


def _open(url: str, seconds: float) -> Any:
    """Open ``url`` within so many seconds, whatever holds it up.

    A socket's own time limit does not count the name look-up, and starts again with every address
    of a host, so the opening runs in a thread that is left behind when time is up.
    """
    import queue
    import threading
    from urllib.error import HTTPError

    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def work() -> None:
        try:
            answers.put(_opener().open(url, timeout=seconds))
        except HTTPError as error:  # which is also the open response
            error.close()
            answers.put(OSError(str(error)))
        except Exception as error:  # handed to the caller, who decides
            answers.put(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer within {seconds:g} seconds") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _opener() -> Any:
    """Python's urllib without the handlers for http, ftp, file and data.

    A redirect to any of these then fails as an unknown url type, as does asking for one.
    """
    from urllib import request

    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler,
        request.HTTPSHandler,
        request.HTTPRedirectHandler,
        request.HTTPErrorProcessor,
        request.HTTPDefaultErrorHandler,
        request.UnknownHandler,
    ):
        opener.add_handler(handler())
    return opener


@contextmanager
def _progress(file: Remote) -> Iterator[Callable[[int], object]]:
    """A function to be told of arriving bytes: a tqdm bar, or one line, on a terminal only."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda _: None
        return
    try:
        from tqdm import tqdm
    except ImportError:
        print(f"downloading {file.name} ({file.size:,} bytes)", file=sys.stderr)
        yield lambda _: None
        return
    with tqdm(total=file.size, unit="B", unit_scale=True, desc=file.name) as bar:
        yield bar.update
