"""Runs the benchmarks: `python -m benchmarks --help`."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Times minitorch beside torch, bare NumPy, and what else is installed.",
    )
    parser.add_argument("--only", default="", help="names with commas between: W1,ops,memory")
    parser.add_argument(
        "--engines", default="", help="columns with commas between: minitorch,torch,torch.compile"
    )
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"], help="default cpu")
    parser.add_argument("--quick", action="store_true", help="small sizes and few rounds")
    parser.add_argument("--threads", type=int, default=2, help="for every engine (default 2)")
    parser.add_argument("--seconds", type=float, help="for each workload (default 15, on a GPU 5)")
    parser.add_argument("--json", type=Path, help="a file for the results")
    parser.add_argument(
        "--write", action="store_true", help="put tables and pictures into benchmarks/"
    )
    parser.add_argument(
        "--profile",
        action="store_true",
        help="where the steps of minitorch go, op by op, and not how long others take",
    )
    given = parser.parse_args()
    if given.profile and given.device == "cuda":
        parser.error("--profile looks at the clock of the CPU: leave out --device cuda")
    if given.write and (given.quick or given.only):
        parser.error("--write takes a full run: leave out --quick and --only")
    return given


def main() -> None:
    """Runs what is asked for, prints it, and writes it where asked."""
    given = arguments()
    for name in ("OMP", "OPENBLAS", "MKL"):  # read once, when the library is loaded
        os.environ[f"{name}_NUM_THREADS"] = str(given.threads)
    os.environ["NPROC"] = str(given.threads)  # jax's way to be told
    from benchmarks import gpu, profile, report, run
    from benchmarks.engines import ENGINES, USUAL

    engines = _listed(given.engines) or USUAL[given.device]
    if unknown := sorted(set(engines) - set(ENGINES)):
        raise SystemExit(f"--engines: unknown {', '.join(unknown)}; known: {', '.join(ENGINES)}")
    seconds = given.seconds or {"cpu": 15.0, "cuda": 5.0}[given.device]
    options = run.Options(
        _listed(given.only), given.quick, given.threads, seconds, ("minitorch", *engines)
    )
    module, tables = (gpu, gpu) if given.device == "cuda" else (run, report)
    if given.profile:
        module = tables = profile
    results = module.everything(options)
    print(tables.text(results))
    if given.json is not None:
        given.json.write_text(json.dumps(results, indent=1) + "\n")
    if given.write:
        tables.write(results)
    if results["failed"]:
        raise SystemExit(f"failed: {', '.join(results['failed'])}; the reasons stand above")


def _listed(names: str) -> list[str]:
    return [name for name in names.split(",") if name]


if __name__ == "__main__":
    main()
