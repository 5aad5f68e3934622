"""The doctor: what it says of a machine without a GPU, with one, and with one that is not well."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import minitorch
from minitorch import array as arrays
from minitorch import checkup, doctor
from minitorch.parity import parity
from tests import fakecupy


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of CUDA: no package, no module, no driver."""
    monkeypatch.setattr(doctor, "cupy_packages", dict)
    monkeypatch.setattr(doctor, "driver", lambda: None)
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda _: None)


@pytest.fixture
def standin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(doctor, "cupy_packages", lambda: {"cupy-cuda12x": "14.2.0"})
    with fakecupy.installed() as cupy:
        yield cupy


def faults(**there: Any) -> list[str]:
    """What is wrong with such a machine."""
    trouble = there.pop("trouble", None)
    return doctor.faults({"CuPy": None, "driver": None, **there}, trouble)


# without a GPU ----------------------------------------------------------------------------------


def test_without_a_gpu_it_lists_what_is_missing_and_all_is_well(bare, capsys):
    """P28."""
    assert doctor.main([]) == 0
    said = capsys.readouterr().out
    for name in ("Python", "NumPy", "BLAS", "CuPy", "driver", "GPUs", *doctor.OTHERS):
        assert f"\n{name} " in f"\n{said}"
    for line in ("CuPy: pip install 'cupy-cuda12x[ctk]'", "driver: no NVIDIA driver", "device: no"):
        assert said.count(f"\n  {line}") == 1
    assert "not run. These" in said
    assert "a label out of range" in said
    assert said.endswith("What is installed works.\n")


def test_as_json(bare, capsys):
    assert doctor.main(["--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["consistent"] is True
    assert report["parity"] is None
    assert report["installed"]["CuPy"] is None
    assert [line.partition(":")[0] for line in report["missing"]] == ["CuPy", "driver", "device"]
    assert report["checks"] == [check.name for check in checkup.checks()]


def test_as_a_command():
    done = subprocess.run(
        [sys.executable, "-m", "minitorch.doctor", "--json"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    report = json.loads(done.stdout)
    assert done.returncode == (0 if report["consistent"] else 1), done.stderr
    assert report["installed"]["NumPy"]


def test_the_advice_follows_the_driver():
    there = {"CuPy": None, "driver": {"cuda": "13.0", "devices": 1}}
    assert doctor.missing(there) == ["CuPy: pip install 'cupy-cuda13x[ctk]'"]
    there = {"CuPy": {"cupy-cuda12x": "14"}, "driver": {"cuda": "12.4", "devices": 0}}
    assert doctor.missing(there) == ["device: no GPU is found that CUDA can use"]


def test_cupy_without_a_driver_is_not_a_fault(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "cupy_packages", lambda: {"cupy-cuda12x": "14.2.0"})
    monkeypatch.setattr(doctor, "driver", lambda: None)
    with fakecupy.installed(), fakecupy.gpu.missing():
        assert doctor.main([]) == 0
    said = capsys.readouterr().out
    assert "cupy-cuda12x 14.2.0" in said
    assert "  driver: no NVIDIA driver" in said
    assert "  CuPy:" not in said


# what cannot work -------------------------------------------------------------------------------


def test_two_packages_of_cupy_are_a_fault(bare, monkeypatch, capsys):
    """P28: CUDA wheels that do not go together."""
    both = {"cupy-cuda12x": "14.2.0", "cupy-cuda13x": "14.2.0"}
    monkeypatch.setattr(doctor, "cupy_packages", lambda: both)
    assert doctor.main([]) == 1
    said = capsys.readouterr().out
    assert "2 packages of CuPy in one environment: cupy-cuda12x, cupy-cuda13x" in said
    assert "pip uninstall cupy-cuda12x cupy-cuda13x, then install one" in said
    assert said.endswith("Something is wrong.\n")


def test_a_cupy_for_a_newer_cuda_than_the_drivers_is_a_fault():
    old, new = {"cuda": "12.4", "devices": 1}, {"cuda": "13.0", "devices": 1}
    (line,) = faults(CuPy={"cupy-cuda13x": "14.2.0"}, driver=old)
    assert "cupy-cuda13x needs a driver for CUDA 13, and this one knows 12.4" in line
    assert faults(CuPy={"cupy-cuda12x": "14.2.0"}, driver=new) == []
    assert faults(CuPy={"cupy": "14.2.0"}, driver=old) == []


def test_a_cupy_that_cannot_compute_is_a_fault_where_there_is_a_gpu(standin, monkeypatch):
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("libnvrtc is not found")

    assert doctor.cupy_trouble() is None
    monkeypatch.setattr(fakecupy.cupy, "ones", broken)
    report = doctor.examined()
    assert report["consistent"] is False
    assert report["parity"] is None
    (line,) = report["faults"]
    assert "libnvrtc is not found" in line
    assert "cupy-cuda12x[ctk]" in line


def test_packages_of_cupy_are_found_by_name(monkeypatch):
    class Distribution:
        version = "1"

        def __init__(self, name: str):
            self.metadata = {"Name": name}

    names = ["numpy", "cupy-cuda13x", "CuPy_CUDA12x", "cupy", "cupy-rocm-5-0", "cupyx-not", "cupyd"]
    found = map(Distribution, names)
    monkeypatch.setattr(doctor.importlib.metadata, "distributions", lambda: found)
    assert list(doctor.cupy_packages()) == ["cupy", "cupy-cuda12x", "cupy-cuda13x", "cupy-rocm-5-0"]


# with a GPU -------------------------------------------------------------------------------------


def test_every_check_agrees(cuda):
    """I14: over a list of ops, with labels and indices out of range."""
    for check in checkup.checks():
        assert parity(check.f, *check.inputs, raises=check.raises), check.name


def test_the_checks_have_names_of_their_own_and_look_at_errors():
    found = checkup.checks()
    assert len({check.name for check in found}) == len(found)
    assert sum(check.raises is IndexError for check in found) >= 5


def test_with_a_gpu_it_runs_the_checks(standin, capsys):
    assert doctor.main([]) == 0
    said = capsys.readouterr().out
    n = len(checkup.checks())
    assert f"CPU against GPU: {n} of {n} checks agree." in said
    assert "Stand-in" in said
    assert "for CUDA 12.4" in said
    assert "would need" not in said


def test_a_gpu_that_computes_otherwise_is_found(standin, monkeypatch, capsys):
    odd = checkup.Check(
        "odd", lambda x: x if x.device.type == "cpu" else x + 1, (minitorch.ones(3),)
    )
    monkeypatch.setattr(doctor, "checks", lambda: [odd])
    assert doctor.main([]) == 1
    said = capsys.readouterr().out
    assert "0 of 1 checks agree" in said
    assert "  odd: parity: <lambda>: output 0: 3 of 3" in said


def test_no_check_begins_when_the_time_is_over(standin, capsys):
    assert doctor.main(["--seconds", "-1"]) == 0
    said = capsys.readouterr().out
    assert "0 of" in said
    assert "no time was left for: add, mul, div;" in said


def test_the_driver_is_asked_itself(monkeypatch):
    class Library:
        def cuDriverGetVersion(self, version: Any) -> int:  # noqa: N802 - CUDA's name
            version._obj.value = 13010
            return 0

        def cuInit(self, flags: int) -> int:  # noqa: N802
            return 0

        def cuDeviceGetCount(self, count: Any) -> int:  # noqa: N802
            count._obj.value = 2
            return 0

    monkeypatch.setattr(doctor.ctypes, "CDLL", lambda _: Library())
    assert doctor.driver() == {"cuda": "13.1", "devices": 2}

    def missing(name: str) -> Any:
        raise OSError(name)

    monkeypatch.setattr(doctor.ctypes, "CDLL", missing)
    assert doctor.driver() is None


def test_a_cupy_that_does_not_import_says_why(standin, monkeypatch):
    def broken() -> Any:
        try:
            raise ImportError("libcublas.so.12 is missing")
        except ImportError as error:
            raise RuntimeError("cuda: CuPy is not installed") from error

    monkeypatch.setattr(arrays, "cupy", broken)
    assert doctor.cupy_trouble() == "libcublas.so.12 is missing"
