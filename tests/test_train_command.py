"""The command line: `python -m minitorch.train`."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import minitorch as mt
from minitorch.train.__main__ import main
from minitorch.train.models import MODELS

QUICK = ["--model", "linear", "--no-progress", "--optimizer", "sgd", "--lr", "0.1"]


def command(*arguments: Any, status: int = 0) -> subprocess.CompletedProcess:
    done = subprocess.run(
        [sys.executable, "-m", "minitorch.train", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == status, done.stderr
    return done


def state(folder: Path) -> Any:
    return mt.load(max(folder.iterdir()))


def numbers(folder: Path) -> Any:
    """Everything of a run that the seed decides."""
    saved = state(folder)
    weights = {name: t.numpy().tobytes() for name, t in saved["model"].items()}
    history = saved["learner"]["history"]
    return weights, history["epochs"], {k: v.tolist() for k, v in history["steps"].items()}


def test_help():
    said = command("--help").stdout
    assert "MINITORCH_DATA" in said
    for option in ("model", "data", "epochs", "lr", "batch-size", "optimizer", "schedule", "seed"):
        assert f"--{option}" in said
    for option in ("checkpoint", "resume", "plot", "device", "no-progress"):
        assert f"--{option}" in said


def test_a_run_and_the_same_run_again(tmp_path: Path):
    """I18: the seed that is printed gives the same numbers, bit for bit; and a figure (I10)."""
    figure = tmp_path / "a.svg"
    options = ["--epochs", 2, "--schedule", "cosine", *QUICK]
    said = command(*options, "--checkpoint", tmp_path / "a", "--plot", figure).stdout
    assert re.search(r"total +7,850", said)
    assert len(re.findall(r"^epoch \d/2  train_loss .* valid_loss .* accuracy ", said, re.M)) == 2
    assert float(re.search(r"^accuracy (0\.\d+) on 359 images of digits", said, re.M)[1]) > 0.5
    assert figure.exists() or figure.with_suffix(".csv").exists()
    again = re.search(r"^the same run again: python -m minitorch.train (.*)$", said, re.M)[1]
    command(*shlex.split(again), "--checkpoint", tmp_path / "b", "--no-progress")
    assert numbers(tmp_path / "a") == numbers(tmp_path / "b")


def test_resumes_after_an_interrupt(tmp_path: Path):
    """G58: and the second part says the seed of the first."""
    options = ["--epochs", "40", "--model", "mlp", "--no-progress", "--checkpoint"]
    child = subprocess.Popen(
        [
            sys.executable,
            "-u",
            "-m",
            "minitorch.train",
            *options,
            str(tmp_path / "a"),
            "--seed",
            "5",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    with child:
        for line in child.stdout:
            if line.startswith("epoch 2/"):
                child.send_signal(signal.SIGINT)
        errors = child.stderr.read()
    assert child.returncode == 130
    assert re.fullmatch(
        r"fit: stopped after step \d+; saved in .*, go on with resume=True\n", errors
    )
    assert state(tmp_path / "a")["learner"]["epoch"] < 40
    said = command(*options, tmp_path / "a", "--resume").stdout
    assert said.count("--seed 5") == 1
    command(*options, tmp_path / "b", "--seed", "5")
    assert numbers(tmp_path / "a") == numbers(tmp_path / "b")


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["--resume"], "error: --resume needs --checkpoint"),
        (["--data", "mnist", "--root", "/nowhere"], "error: MNIST"),
        (["--epochs", "-1"], "error: fit: epochs must be an int of at least 0"),
        (["--lr", "-1"], "error: SGD: lr"),
        (["--plot", "a.txt"], r"error: plot\.save: a\.txt does not end in"),
        (["--checkpoint", "/nowhere/at/all"], "error: .*No such file"),
        (["--device", "gpu"], "error: "),
    ],
)
def test_an_error_is_one_line(arguments: list[str], match: str, capsys: pytest.CaptureFixture):
    assert main([*QUICK, *arguments]) == 1
    said = capsys.readouterr().err
    assert re.match(match, said)
    assert said.count("\n") == 1


def test_numbers_are_kept_where_a_figure_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture
):
    """H202."""
    missing = tmp_path / "missing" / "a.png"
    assert main([*QUICK, "--seed", "1", "--plot", str(missing)]) == 1
    said = capsys.readouterr()
    assert "accuracy 0." in said.out
    assert str(missing) in said.err.replace(".csv", ".png")


def test_unknown_names_are_told_with_the_known_ones(capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit) as caught:
        main(["--model", "transformer"])
    assert caught.value.code == 2
    assert "lenet" in capsys.readouterr().err


def test_bad_step_ends_with_an_error(capsys: pytest.CaptureFixture):
    assert main(["--lr", "1e30", "--no-progress", "--model", "mlp"]) == 1
    assert re.search(r"error: .*(epoch|loss|gradient)", capsys.readouterr().err)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32)])
def test_every_model_finds_its_sizes(name: str, shape: tuple[int, ...]):
    model = MODELS[name]().build(shape)
    assert model(mt.zeros(2, *shape)).shape == (2, 10)
    assert model.training


def test_schedules_and_optimizers_have_names():
    for schedule in ("constant", "cosine", "onecycle"):
        assert (
            main([*QUICK[:3], "--schedule", schedule, "--optimizer", "adamw", "--epochs", "2"]) == 0
        )
    assert main([*QUICK, "--epochs", "0"]) == 0
