"""MNIST is found where it lies, refused when it is something else, and fetched with care."""

from __future__ import annotations

import gzip
import hashlib
import importlib
import io
import os
import shutil
import ssl
import stat
import subprocess
import sys
import threading
import time
import types
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from minitorch.utils.data import DataError, Split, download, mnist, mnist_arrays

# The function `mnist` hides the module of the same name.
mnist_module = importlib.import_module("minitorch.utils.data.mnist")

IMAGES = np.arange(10 * 28 * 28, dtype=np.uint32).astype(np.uint8).reshape(10, 28, 28)
LABELS = np.arange(10, dtype=np.uint8)


def idx(values: np.ndarray) -> bytes:
    sizes = np.array(values.shape, ">u4")
    return bytes([0, 0, 8, values.ndim]) + sizes.tobytes() + values.tobytes()


def contents(train: int = 10, valid: int = 5) -> list[bytes]:
    """Four files, unpacked, in the order of FILES."""
    return [idx(IMAGES[:train]), idx(LABELS[:train]), idx(IMAGES[:valid]), idx(LABELS[:valid])]


@pytest.fixture
def small(monkeypatch, tmp_path):
    """MNIST shrunk to ten and five images, hashes included; no environment, an empty home."""
    packed = [gzip.compress(content, mtime=0) for content in contents()]
    files = []
    for file, content in zip(mnist_module.FILES, packed, strict=True):
        remote = download.Remote(
            file.remote.name, len(content), hashlib.sha256(content).hexdigest()
        )
        shape = (10 if "train" in remote.name else 5, *file.shape[1:])
        files.append(file._replace(shape=shape, remote=remote))
    monkeypatch.setattr(mnist_module, "FILES", tuple(files))
    monkeypatch.delenv("MINITORCH_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return {file.remote.name: content for file, content in zip(files, packed, strict=True)}


def fill(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def check_small(split: Split) -> None:
    np.testing.assert_array_equal(split.x_train, IMAGES[:, None] / np.float32(255))
    np.testing.assert_array_equal(split.x_valid, IMAGES[:5, None] / np.float32(255))
    np.testing.assert_array_equal(split.y_train, LABELS)
    np.testing.assert_array_equal(split.y_valid, LABELS[:5])
    assert [array.dtype for array in split] == [np.float32, np.int64] * 2


@pytest.mark.parametrize("inner", ["mnist", ".", "MNIST/raw"])
def test_mnist_is_found_under_its_root(small, tmp_path, inner):
    fill(tmp_path / "data" / inner, small)
    check_small(mnist_arrays(tmp_path / "data"))
    check_small(mnist_arrays(str(tmp_path / "data"), download=True))  # nothing to fetch


def test_mnist_is_found_by_the_environment_then_in_the_cache(small, tmp_path, monkeypatch):
    fill(tmp_path / "cache" / "minitorch" / "mnist", small)
    check_small(mnist_arrays())
    monkeypatch.setenv("MINITORCH_DATA", str(tmp_path / "nowhere"))
    check_small(mnist_arrays())
    shutil.move(tmp_path / "cache" / "minitorch", tmp_path / "elsewhere")
    monkeypatch.setenv("MINITORCH_DATA", str(tmp_path / "elsewhere"))
    check_small(mnist_arrays())


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("dotted", [True, False])
def test_mnist_file_names(small, tmp_path, packed, dotted):
    files = {}
    for name, content in small.items():
        name = name if packed else name.removesuffix(".gz")
        name = name.replace("-idx", ".idx") if dotted else name
        files[name] = content if packed else gzip.decompress(content)
    check_small(mnist_arrays(fill(tmp_path / "data", files)))


def test_mnist_absent_says_what_to_do(small, tmp_path):
    small.pop("t10k-labels-idx1-ubyte.gz")
    fill(tmp_path / "mnist", small)
    with pytest.raises(DataError) as caught:
        mnist(tmp_path)
    for words in (*small, "t10k-labels-idx1-ubyte.gz", str(tmp_path / "mnist"), "download=True"):
        assert words in str(caught.value)
    assert "digits() needs no files" in str(caught.value)


def replace(files: dict[str, bytes], which: int, content: bytes) -> str:
    name = list(files)[which]
    files[name] = content
    return name


@pytest.mark.parametrize(
    ("which", "content", "message"),
    [
        (1, idx(LABELS[:9]), "holds 9 labels, MNIST's file has 10"),
        (0, idx(IMAGES[:9]), "holds 9x28x28 images, MNIST's file has 10x28x28"),
        (0, idx(IMAGES[:, :27]), "holds 10x27x28 images"),
        (2, idx(IMAGES), "7,840 bytes, more than the limit of 3,920"),
        (1, idx(LABELS + 1), "label 10 at position 9, expected 0 to 9"),
        (0, idx(LABELS), "these are labels"),
        (3, idx(IMAGES), "these are images"),
        (0, contents()[0][:-1], "7,840 bytes, file has 7,839"),
    ],
)
def test_mnist_refuses_what_is_not_mnist(small, tmp_path, which, content, message):
    name = replace(small, which, content)
    fill(tmp_path, small)
    with pytest.raises(DataError) as caught:
        mnist_arrays(tmp_path)
    assert message in str(caught.value)
    assert name in str(caught.value)


def test_mnist_are_tensors(small, tmp_path):
    split = mnist(fill(tmp_path, small))
    assert isinstance(split, Split)
    check_small(Split(*(tensor.numpy() for tensor in split)))


@pytest.fixture(scope="module")
def real():
    if not os.environ.get("MINITORCH_DATA"):
        pytest.skip("MINITORCH_DATA does not name a folder with MNIST")
    return mnist_arrays()


def test_real_mnist(real):
    assert [array.shape for array in real] == [
        (60_000, 1, 28, 28),
        (60_000,),
        (10_000, 1, 28, 28),
        (10_000,),
    ]
    assert [array.dtype for array in real] == [np.float32, np.int64] * 2
    assert (real.x_train.min(), real.x_train.max()) == (0, 1)
    assert real.x_train.mean(dtype=np.float64) == pytest.approx(0.1307, abs=5e-5)
    assert real.x_train.std(dtype=np.float64) == pytest.approx(0.3081, abs=5e-5)
    assert real.y_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert real.y_valid[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]


def test_real_mnist_is_centred_where_digits_28_puts_it(real):
    x = real.x_valid[:, 0].astype(np.float64)
    for ink in (x.sum(1), x.sum(2)):
        centre = (ink @ np.arange(28)) / ink.sum(1)
        assert centre.min() >= 13.49
        assert centre.max() <= 14.51


def test_real_mnist_files_that_are_original_have_the_hash_we_ask_of_downloads(real):
    originals = 0
    for file in mnist_module.FILES:
        for inner in ("mnist", ""):
            path = Path(os.environ["MINITORCH_DATA"], inner, file.remote.name)
            if path.is_file() and path.stat().st_size == file.remote.size:
                content = path.read_bytes()
                assert hashlib.sha256(content).hexdigest() == file.remote.sha256
                originals += 1
    if not originals:
        pytest.skip("MINITORCH_DATA holds no original file")


# ---------------------------------------------------------------------------------- download


class Answer(io.BytesIO):
    """As much of an HTTP response as is used."""


@pytest.fixture
def web(small, monkeypatch):
    """A pretended internet: a dict from address to bytes or exception, and a list of requests."""
    pages = {mirror + name: small[name] for mirror in mnist_module.MIRRORS for name in small}
    asked = []

    def fake_open(url, seconds):
        asked.append(url)
        if isinstance(pages[url], Exception):
            raise pages[url]
        return Answer(pages[url])

    monkeypatch.setattr(download, "_open", fake_open)
    return types.SimpleNamespace(pages=pages, asked=asked, names=list(small))


def test_download_puts_the_files_into_place(web, tmp_path):
    check_small(mnist_arrays(tmp_path, download=True))
    assert sorted(os.listdir(tmp_path / "mnist")) == sorted(web.names)
    assert web.asked == [mnist_module.MIRRORS[0] + name for name in web.names]
    check_small(mnist_arrays(tmp_path, download=True))
    assert len(web.asked) == 4


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_download_gives_files_the_users_permissions(web, tmp_path):
    before = os.umask(0o022)
    try:
        mnist_arrays(tmp_path, download=True)
    finally:
        os.umask(before)
    path = tmp_path / "mnist" / web.names[0]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_download_fetches_only_what_is_missing(web, small, tmp_path):
    fill(tmp_path / "mnist", {name: small[name] for name in web.names[:3]})
    check_small(mnist_arrays(tmp_path, download=True))
    assert web.asked == [mnist_module.MIRRORS[0] + web.names[3]]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (OSError("no route"), "no route"),
        (TimeoutError("timed out"), "timed out"),
        (b"", "0 bytes with SHA-256 e3b0c44298fc1c149afbf4c8996fb924"),
        (b"<html>log in to the airport", "expected"),
        (bytes(10_000_000), "more than the expected"),
    ],
)
def test_download_tries_the_next_mirror(web, tmp_path, answer, reason):
    first, second = mnist_module.MIRRORS
    web.pages[first + web.names[0]] = answer
    check_small(mnist_arrays(tmp_path / "good", download=True))

    web.pages[second + web.names[0]] = answer
    with pytest.raises(DataError) as caught:
        mnist_arrays(tmp_path / "bad", download=True)
    text = str(caught.value)
    assert text.count(reason) == 2
    assert first in text
    assert second in text
    assert "put train-images-idx3-ubyte.gz" in text
    assert "digits() needs no files" in text
    assert str(tmp_path / "bad" / "mnist") in text
    assert os.listdir(tmp_path / "bad" / "mnist") == []


def test_download_names_both_hashes(web, tmp_path):
    wrong = bytes(len(web.pages[mnist_module.MIRRORS[0] + web.names[0]]))
    for mirror in mnist_module.MIRRORS:
        web.pages[mirror + web.names[0]] = wrong
    with pytest.raises(DataError) as caught:
        mnist_arrays(tmp_path, download=True)
    assert hashlib.sha256(wrong).hexdigest() in str(caught.value)
    assert mnist_module.FILES[0].remote.sha256 in str(caught.value)


def test_download_stops_reading_at_the_promised_size(web, tmp_path, monkeypatch):
    read = []

    class Endless:
        def __enter__(self):
            return self

        def __exit__(self, *exception):
            return None

        def read1(self, size):
            read.append(size)
            return bytes(size)

    monkeypatch.setattr(download, "_open", lambda *_: Endless())
    with pytest.raises(DataError, match="more than the expected"):
        mnist_arrays(tmp_path, download=True)
    assert len(read) == 2  # one chunk from each mirror


def test_download_gives_up_on_a_trickle(web, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "PATIENCE", -1e9)
    with pytest.raises(DataError, match="too slow to go on"):
        mnist_arrays(tmp_path, download=True)


def test_download_interrupted_leaves_nothing(web, tmp_path, monkeypatch):
    class Interrupted(Answer):
        def read1(self, size=-1):
            raise KeyboardInterrupt

    monkeypatch.setattr(download, "_open", lambda *_: Interrupted(b""))
    with pytest.raises(KeyboardInterrupt):
        mnist_arrays(tmp_path, download=True)
    assert os.listdir(tmp_path / "mnist") == []


def test_no_network_is_said_in_time(small, tmp_path, monkeypatch):
    assert download.PATIENCE < 20
    monkeypatch.setattr(download, "PATIENCE", 0.4)
    over = threading.Event()
    hangs = types.SimpleNamespace(open=lambda *_, **__: over.wait(30))
    monkeypatch.setattr(download, "_opener", lambda: hangs)
    began = time.perf_counter()
    with pytest.raises(DataError, match=r"no answer within 0\.2 seconds"):
        mnist_arrays(tmp_path, download=True)
    assert time.perf_counter() - began < 5
    over.set()


@pytest.mark.parametrize("url", ["http://localhost:9/x", "file:///etc/hostname", "data:,x"])
def test_only_https_is_spoken(url):
    with pytest.raises(OSError, match="unknown url type"):
        download._open(url, 5)


def test_progress_is_for_terminals(web, tmp_path, monkeypatch, capsys):
    mnist_arrays(tmp_path / "piped", download=True)
    assert capsys.readouterr() == ("", "")

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setitem(sys.modules, "tqdm", None)
    mnist_arrays(tmp_path / "line", download=True)
    assert terminal.getvalue().count("downloading ") == 4

    bars = []

    class Bar:
        def __init__(self, **options):
            self.options, self.seen = options, 0
            bars.append(self)

        def __enter__(self):
            return self

        def __exit__(self, *exception):
            return None

        def update(self, count):
            self.seen += count

    monkeypatch.setitem(sys.modules, "tqdm", types.SimpleNamespace(tqdm=Bar))
    mnist_arrays(tmp_path / "bar", download=True)
    assert [bar.seen for bar in bars] == [bar.options["total"] for bar in bars]
    assert len(bars) == 4

    monkeypatch.setattr(sys, "stderr", None)
    mnist_arrays(tmp_path / "none", download=True)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for localhost, made on the spot, so that no key lies in the repository."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed, so there is no certificate for a local server")
    folder = tmp_path_factory.mktemp("certificate")
    subprocess.run(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
        " -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem",
        shell=True,
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture
def server(certificate, small, monkeypatch):
    """An https server on this machine with MNIST under /good/, and trouble elsewhere."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            _, place, name = self.path.split("/")
            match place:
                case "good":
                    self.send_response(200)
                    self.end_headers()
                    self.wfile.write(small[name])
                case "short":
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(small[name])))
                    self.end_headers()
                    self.wfile.write(small[name][:-1])
                case "moved":
                    self.send_response(302)
                    self.send_header("Location", f"/good/{name}")
                    self.end_headers()
                case "insecure":
                    self.send_response(302)
                    self.send_header("Location", f"http://localhost:9/good/{name}")
                    self.end_headers()
                case _:
                    self.send_error(404)

        def log_message(self, *arguments):
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    server = ThreadingHTTPServer(("localhost", 0), Handler)
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    server.handle_error = lambda *_: None  # a client that distrusts us is no news
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    monkeypatch.setenv("no_proxy", "localhost")
    yield f"https://localhost:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("places", [["good"], ["moved"], ["gone", "insecure", "short", "good"]])
def test_https_download(server, tmp_path, monkeypatch, places):
    mirrors = tuple(f"{server}{place}/" for place in places)
    monkeypatch.setattr(mnist_module, "MIRRORS", mirrors)
    check_small(mnist_arrays(tmp_path, download=True))


def test_https_failures_are_explained(server, tmp_path, monkeypatch):
    places = ("gone", "insecure", "short")
    monkeypatch.setattr(mnist_module, "MIRRORS", tuple(f"{server}{place}/" for place in places))
    with pytest.raises(DataError) as caught:
        mnist_arrays(tmp_path, download=True)
    for words in ("404", "unknown url type: http", "bytes with SHA-256"):
        assert words in str(caught.value)
    assert os.listdir(tmp_path / "mnist") == []


def test_https_certificates_are_checked(server, tmp_path, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.setattr(mnist_module, "MIRRORS", (f"{server}good/",))
    with pytest.raises(DataError, match="CERTIFICATE_VERIFY_FAILED"):
        mnist_arrays(tmp_path, download=True)
