"""Checks the reader's exercises: what is right, what is not done yet, and what is wrong and how.

    python -m lessons check 05                     lessons/exercises/05_*.py, as the reader left it
    python -m lessons check 05 --file mine.py      another file with the same functions
    python -m lessons check puzzles                lessons/exercises/puzzles.py

The checks stand in `lessons/exercises/checks/`: for every function `f` of an exercise there is a
`check_f(f)`, which raises an AssertionError with a message to act on. They run on the reader's
functions and on nothing else; model answers are kept apart, in `lessons/exercises/answers/`.
"""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

EXERCISES = Path(__file__).parent / "exercises"
PATIENCE = 60  # seconds after which an exercise that does not end is given up

# What minitorch does for the reader from which lesson on; before that, it is built by hand.
TAUGHT = {
    "einsum": 1,
    "backward": 5,
    "requires_grad_": 5,
    "grad": 5,
    "tape": 6,
    "gradcheck": 7,
    "gradgradcheck": 7,
    "conv2d": 8,
    "im2col": 8,
    "col2im": 8,
    "unfold": 8,
    "kaiming_normal_": 9,
    "kaiming_uniform_": 9,
    "init": 9,
    "softmax": 10,
    "log_softmax": 10,
    "logsumexp": 10,
    "nll_loss": 10,
    "cross_entropy": 10,
    "binary_cross_entropy": 10,
    "DataLoader": 11,
    "nn": 11,
    "optim": 11,
    "Sequential": 12,
    "build": 13,
    "fit": 14,
    "lr_scheduler": 16,
    "ActivationStats": 17,
    "GradientStats": 17,
    "first_loss_check": 17,
    "init_report": 17,
    "undecided_": 17,
    "unused_parameters": 17,
    "BatchNorm1d": 18,
    "BatchNorm2d": 18,
    "LayerNorm": 18,
    "batch_norm": 18,
    "layer_norm": 18,
    "lsuv_": 19,
    "dropout": 20,
    "Dropout": 20,
    "forward_ad": 21,
    "hessian": 21,
    "jvp": 21,
}


@dataclass(frozen=True)
class Verdict:
    """How one exercise was done.

    Attributes:
        name: of the function.
        result: "ok", "not done yet" or "wrong".
        reason: what is wrong, in words.
    """

    name: str
    result: str
    reason: str = ""


def named(text: str) -> str:
    """What exercises are called: "05" for 5 and 05, "puzzles" for puzzles."""
    return f"{int(text):02}" if text.isdecimal() else text


def title(name: str) -> str:
    """How they are called in a sentence."""
    return f"lesson {name}" if name.isdecimal() else name


def file_of(name: str, folder: Path = EXERCISES) -> Path:
    """The file with the exercises, answers or checks of a lesson, "05", or with the "puzzles".

    Raises:
        LookupError: there is none.
    """
    known = {path.stem.partition("_")[0]: path for path in sorted(folder.glob("*.py"))}
    known.pop("gradients", None)  # what several checks share
    if name not in known:
        raise LookupError(f"{title(name)} has no exercises to check; there are {', '.join(known)}")
    return known[name]


def loaded(path: Path) -> ModuleType:
    """The module in a file, whatever it is called."""
    spec = importlib.util.spec_from_file_location(f"exercise_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def checks_in(module: ModuleType) -> dict[str, Callable]:
    """exercise -> check, in a module of checks."""
    found = {
        name.removeprefix("check_"): f
        for name, f in vars(module).items()
        if name.startswith("check_") and f.__module__ == module.__name__  # its own, not imported
    }
    if not found:
        raise LookupError(f"{module.__file__} holds no checks")
    return found


def too_early(number: int, path: Path) -> dict[str, str]:
    """function -> why, for the functions that use what a later lesson teaches."""
    reasons = {}
    for function in ast.parse(path.read_text("utf-8")).body:
        if not isinstance(function, ast.FunctionDef):
            continue
        used = {node.attr for node in ast.walk(function) if isinstance(node, ast.Attribute)}
        used |= {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
        used -= {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}
        late = sorted((TAUGHT[n], n) for n in used if TAUGHT.get(n, 0) > number)
        if late:
            lesson, name = late[0]
            reasons[function.name] = (
                f"not taught yet: {name} comes in lesson {lesson:02}; build it from what is known "
                f"in lesson {number:02}"
            )
    return reasons


def against_the_rules(path: Path, words: set[str], puzzles: set[str]) -> dict[str, str]:
    """function -> why, for those that use more than the words of a game and its own puzzles."""
    reasons = {}
    for function in ast.parse(path.read_text("utf-8")).body:
        if not isinstance(function, ast.FunctionDef):
            continue
        nodes = [node for part in function.body for node in ast.walk(part)]
        calls = [node.func for node in nodes if isinstance(node, ast.Call)]
        called = {call.id for call in calls if isinstance(call, ast.Name)} - puzzles
        asked = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        if foreign := sorted((called | asked) - words):
            reasons[function.name] = f"the rules of the game do not have {foreign[0]}"
        elif any(isinstance(node, (ast.For, ast.While, ast.comprehension)) for node in nodes):
            reasons[function.name] = "the rules of the game do not have loops"
    return reasons


def grade(name: str, path: Path) -> list[Verdict]:
    """A verdict for every exercise of a lesson, or puzzle, from the functions in a file."""
    hidden = loaded(file_of(name, EXERCISES / "checks"))
    checks = checks_in(hidden)
    if name.isdecimal():
        refused = too_early(int(name), path)
    else:
        refused = against_the_rules(path, hidden.WORDS, set(checks))
    module = loaded(path)
    return [
        verdict(name, getattr(module, name, None), check, refused) for name, check in checks.items()
    ]


def verdict(
    name: str, function: Callable | None, check: Callable, refused: dict[str, str]
) -> Verdict:
    """How one function does in its check, unless it is refused before."""
    if function is None:
        return Verdict(name, "not done yet", f"there is no function {name} in the file")
    if name in refused:
        return Verdict(name, "wrong", refused[name])
    try:
        check(function)
    except NotImplementedError:
        return Verdict(name, "not done yet")
    except AssertionError as error:
        return Verdict(name, "wrong", str(error) or "the check failed")
    except Exception as error:  # whatever the reader's code may raise
        return Verdict(name, "wrong", crash(error, function))
    return Verdict(name, "ok")


def crash(error: Exception, function: Callable) -> str:
    """What was raised, and where in the reader's file; or else a word about a missing return."""
    reason = f"it raised {type(error).__name__}: {error}"
    file = getattr(getattr(function, "__code__", None), "co_filename", "")
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    if lines:
        return f"{reason}\nin line {lines[-1]} of {Path(file).name}"
    if "NoneType" in reason:
        return f"{reason}\nthe result is None: is a return missing?"
    return reason


def report(name: str, path: Path) -> int:
    """Prints the verdicts, or where the file cannot be read; 0 when all exercises are done."""
    try:
        verdicts = grade(name, path)
    except SyntaxError as error:
        print(f"{path.name} is not Python yet: {error.msg}, in line {error.lineno}")
        print(f"    {(error.text or '').strip()}")
        return 1
    width = max(len(v.name) for v in verdicts)
    for v in verdicts:
        print(f"{v.name:{width}}  {v.result}")
        for line in v.reason.splitlines():
            print(f"    {line}")
    done = sum(v.result == "ok" for v in verdicts)
    kind = f"exercises of {title(name)}" if name.isdecimal() else name
    print(f"{done} of {len(verdicts)} {kind} are done")
    return int(done < len(verdicts))


def check(name: str, file: Path | None) -> int:
    """Checks the reader's file in a process of its own, which may hang or crash without harm."""
    try:
        path = file_of(name) if file is None else file
        file_of(name, EXERCISES / "checks")
    except LookupError as error:
        print(error)
        return 2
    if not path.exists():
        print(f"there is no file {path}")
        return 2
    command = [sys.executable, "-m", "lessons.grading", name, str(path.resolve())]
    try:
        return subprocess.run(
            command, cwd=EXERCISES.parent.parent, timeout=PATIENCE, check=False
        ).returncode
    except subprocess.TimeoutExpired:
        print(f"no answer after {PATIENCE} s; does a loop never end?")
        return 1


if __name__ == "__main__":
    sys.exit(report(sys.argv[1], Path(sys.argv[2])))
