"""The doctor says what is installed, what a GPU would need, and if it computes as the CPU does.

    python -m minitorch.doctor            a report to read
    python -m minitorch.doctor --json     the same, for a program

What is absent is no fault: NumPy alone is enough for everything but a GPU. What is there and cannot
work is one: two packages of CuPy in one environment, a CuPy for a newer CUDA than the driver knows,
a GPU that gives other numbers. Only then is the exit status 1.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.metadata
import importlib.util
import json
import platform
import re
import sys
import time
from collections.abc import Sequence
from typing import Any

from minitorch import array as arrays
from minitorch import cuda
from minitorch.checkup import checks
from minitorch.dtypes import float32
from minitorch.io.checkpoint import environment
from minitorch.parity import ParityError, parity

OTHERS = ("ml_dtypes", "matplotlib", "tqdm", "torch")
SECONDS = 10.0  # no check begins after that; the first use of a kernel compiles it


# what is there --------------------------------------------------------------------------------


def version_of(package: str) -> str | None:
    """The version of an installed package, without importing it; None where it is absent."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def cupy_packages() -> dict[str, str]:
    """Every installed package that brings CuPy, with its version: there should be one at most."""
    found = {}
    for distribution in importlib.metadata.distributions():
        name = (distribution.metadata["Name"] or "").lower().replace("_", "-")
        if re.fullmatch(r"cupy(-cuda\d+x?|-rocm-[\d-]+)?", name):
            found[name] = distribution.version
    return dict(sorted(found.items()))


def driver() -> dict[str, Any] | None:
    """The CUDA version that NVIDIA's driver knows, and its GPUs; None where there is no driver.

    The driver is asked itself, so that the answer does not hang on CuPy.
    """
    try:
        library: Any = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return None
    version, count = ctypes.c_int(0), ctypes.c_int(0)
    library.cuDriverGetVersion(ctypes.byref(version))
    if library.cuInit(0) == 0:
        library.cuDeviceGetCount(ctypes.byref(count))
    return {"cuda": spelled(version.value), "devices": count.value}


def spelled(version: int) -> str:
    """CUDA's number of a version as it is written.

    >>> spelled(12040)
    '12.4'
    """
    return f"{version // 1000}.{version % 1000 // 10}"


def cupy_trouble() -> str | None:
    """Why the CuPy that is installed cannot compute, or None where it can, or is absent."""
    if importlib.util.find_spec("cupy") is None:
        return None
    try:
        module = arrays.cupy()
        x = module.ones((2, 2), dtype=float32)
        (x @ x + x).sum().item()  # needs a compiler and a library of products
    except Exception as error:  # whatever it is, it is to be told
        return str(error.__cause__ if isinstance(error.__cause__, ImportError) else error)
    return None


def installed() -> dict[str, Any]:
    """What there is, by name; None for what is absent."""
    there = environment(())
    known = driver()
    usable = arrays.cuda_is_available()
    if usable:
        runtime = arrays.cupy().cuda.runtime
        known = {"cuda": spelled(runtime.driverGetVersion()), "devices": cuda.device_count()}
    return {
        "Python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "NumPy": there["NumPy"],
        "BLAS": f"{there['BLAS']}, threads: {there['threads']}",
        "CuPy": cupy_packages() or ({"cupy": arrays.cupy().__version__} if usable else None),
        "driver": known,
        "GPUs": [cuda.get_device_name(i) for i in range(cuda.device_count())],
        **{name: version_of(name) for name in OTHERS},
    }


# what is missing, and what is wrong -------------------------------------------------------------


def missing(there: dict[str, Any]) -> list[str]:
    """What the GPU path would need and does not find: a line for each thing, with what to do."""
    lines = []
    known = there["driver"]
    if not there["CuPy"]:
        fits = known["cuda"].partition(".")[0] if known else "12"
        other = "" if known else " (or cupy-cuda13x, to match the driver)"
        lines.append(f"CuPy: pip install 'cupy-cuda{fits}x[ctk]'{other}")
    if known is None:
        lines.append("driver: no NVIDIA driver is found; install the one for the card")
    if not (known and known["devices"]):
        lines.append("device: no GPU is found that CUDA can use")
    return lines


def faults(there: dict[str, Any], trouble: str | None) -> list[str]:
    """What is installed and cannot work, a line for each thing, with what to do."""
    lines = []
    packages, known = there["CuPy"] or {}, there["driver"]
    if len(packages) > 1:
        lines.append(
            f"{len(packages)} packages of CuPy in one environment: {', '.join(packages)}; "
            f"pip uninstall {' '.join(packages)}, then install one"
        )
    for name in packages:
        asked = re.search(r"cuda(\d+)x", name)
        if asked and known and int(asked[1]) > int(known["cuda"].partition(".")[0]):
            lines.append(
                f"{name} needs a driver for CUDA {asked[1]}, and this one knows {known['cuda']}: "
                "update the driver, or install the CuPy for it"
            )
    if trouble and known and known["devices"]:
        name = next(iter(packages), "cupy-cuda12x")
        lines.append(
            f"CuPy cannot compute: {trouble}; CUDA's libraries come with pip install '{name}[ctk]'"
        )
    return lines


# does it compute --------------------------------------------------------------------------------


def compared(seconds: float = SECONDS) -> dict[str, Any]:
    """The checks, run on both devices: which agree, which differ and how, which had no time."""
    start = time.perf_counter()
    agree, differ, left = [], {}, []
    for check in checks():
        if time.perf_counter() - start > seconds:
            left.append(check.name)
            continue
        try:
            parity(check.f, *check.inputs, raises=check.raises)
            agree.append(check.name)
        except ParityError as error:
            differ[check.name] = str(error)
    return {"agree": agree, "differ": differ, "left": left}


def examined(seconds: float = SECONDS) -> dict[str, Any]:
    """The whole report: `consistent` is True where nothing that is there is wrong."""
    there, trouble = installed(), cupy_trouble()
    wrong = faults(there, trouble)
    usable = arrays.cuda_is_available() and trouble is None
    ran = compared(seconds) if usable else None
    return {
        "installed": there,
        "missing": missing(there),
        "faults": wrong,
        "checks": [check.name for check in checks()],
        "parity": ran,
        "consistent": not wrong and not (ran and ran["differ"]),
    }


# the report -------------------------------------------------------------------------------------


def text(report: dict[str, Any]) -> str:
    """The report as it is read."""
    lines = [f"{name:<11} {_shown(value)}" for name, value in report["installed"].items()]
    if report["missing"]:
        lines += ["", "A GPU would need (the CPU needs nothing):"]
        lines += [f"  {line}" for line in report["missing"]]
    if report["faults"]:
        lines += ["", "What cannot work as it is:"]
        lines += [f"  {line}" for line in report["faults"]]
    names, ran = report["checks"], report["parity"]
    if ran is None:
        listed = "; ".join(names)
        lines += ["", f"CPU against GPU: not run. These {len(names)} would be: {listed}."]
    else:
        lines += ["", f"CPU against GPU: {len(ran['agree'])} of {len(names)} checks agree."]
        lines += [f"  {name}: {why}" for name, why in ran["differ"].items()]
        if ran["left"]:
            lines.append(f"  no time was left for: {'; '.join(ran['left'])}")
    return "\n".join(
        [*lines, "", "What is installed works." if report["consistent"] else "Something is wrong."]
    )


def _shown(value: Any) -> str:
    """A value of the list as it is read."""
    if isinstance(value, dict):
        if "devices" in value:
            return f"for CUDA {value['cuda']}"
        return ", ".join(f"{name} {version}" for name, version in value.items())
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return "not installed" if value is None else value


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the report; the exit status is 0 where nothing that is there is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m minitorch.doctor",
        description="Says what is installed, what a GPU would need, and if it computes as the "
        "CPU does.",
    )
    parser.add_argument("--json", action="store_true", help="for a program to read")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help="for CPU against GPU; default: 10"
    )
    options = parser.parse_args(arguments)
    report = examined(options.seconds)
    print(json.dumps(report, indent=2) if options.json else text(report))
    return 0 if report["consistent"] else 1


if __name__ == "__main__":
    sys.exit(main())
