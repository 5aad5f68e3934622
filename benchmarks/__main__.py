"""Runs the benchmarks: `python -m benchmarks --help`."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Times minitorch beside torch and bare NumPy."
    )
    parser.add_argument("--only", default="", help="names with commas between: W1,ops,memory")
    parser.add_argument("--quick", action="store_true", help="small sizes and few rounds")
    parser.add_argument("--threads", type=int, default=2, help="for every engine (default 2)")
    parser.add_argument("--seconds", type=float, default=20.0, help="for each workload")
    parser.add_argument("--json", type=Path, help="a file for the results")
    parser.add_argument(
        "--write", action="store_true", help="put tables and picture into benchmarks/"
    )
    given = parser.parse_args()
    if given.write and (given.quick or given.only):
        parser.error("--write takes a full run: leave out --quick and --only")
    return given


def main() -> None:
    """Runs what is asked for, prints it, and writes it where asked."""
    given = arguments()
    for name in ("OMP", "OPENBLAS", "MKL"):  # read once, when the library is loaded
        os.environ[f"{name}_NUM_THREADS"] = str(given.threads)
    from benchmarks import report, run

    names = [name for name in given.only.split(",") if name]
    results = run.everything(names, given.quick, given.threads, given.seconds)
    print(report.text(results))
    if given.json is not None:
        given.json.write_text(json.dumps(results, indent=1) + "\n")
    if given.write:
        report.write(results)


if __name__ == "__main__":
    main()
