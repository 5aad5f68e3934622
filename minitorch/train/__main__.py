"""Trains a model from the command line: `python -m minitorch.train --model lenet --data digits`."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from minitorch import optim, plot
from minitorch.random import default_generator, manual_seed
from minitorch.train import Callback, Learner, Schedule, accuracy
from minitorch.train.models import MODELS
from minitorch.utils.data import DataLoader, TensorDataset, cifar10, digits, fashion_mnist, mnist

# Each takes the folder of its files; the digits are inside the package.
DATA: dict[str, Callable[[str | None], Any]] = {
    "digits": lambda root: digits(size=28),
    "mnist": mnist,
    "fashion": fashion_mnist,
    "cifar10": cifar10,
}

# The maker, and the learning rate where none is asked for.
OPTIMIZERS: dict[str, tuple[Callable[..., optim.Optimizer], float]] = {
    "sgd": (optim.SGD, 0.5),
    "momentum": (partial(optim.SGD, momentum=0.9), 0.05),
    "adam": (optim.Adam, 1e-3),
    "adamw": (optim.AdamW, 1e-3),
}

# (learning rate, steps) -> a schedule that is stepped after every batch.
SCHEDULES: dict[str, Callable[[float, int], Callable[[Any], Any]] | None] = {
    "constant": None,
    "cosine": lambda lr, steps: partial(optim.lr_scheduler.CosineAnnealingLR, T_max=steps),
    "onecycle": lambda lr, steps: partial(
        optim.lr_scheduler.OneCycleLR, max_lr=lr, total_steps=steps + 1
    ),
}


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options of a run."""
    parser = argparse.ArgumentParser(
        prog="python -m minitorch.train",
        description="Trains a model on a data set of images, and says how well it does.",
        epilog="Stopped by Ctrl-C, or killed, a run with --checkpoint goes on with --resume, and "
        "ends as it would have without the break.",
    )
    add = parser.add_argument
    add("--model", choices=MODELS, default="mlp", help="default: mlp, 50 hidden units")
    add("--data", choices=DATA, default="digits", help="default: the digits inside the package")
    add("--root", metavar="FOLDER", help="of the data files; see also MINITORCH_DATA")
    add("--epochs", type=int, default=1, help="default: 1")
    add("--batch-size", type=int, default=64, help="default: 64")
    add("--optimizer", choices=OPTIMIZERS, default="momentum", help="default: momentum")
    rates = ", ".join(f"{lr} for {name}" for name, (_, lr) in OPTIMIZERS.items())
    add("--lr", type=float, help=f"learning rate; default: {rates}")
    add("--schedule", choices=SCHEDULES, default="constant", help="default: constant")
    add("--seed", type=int, help="of all random numbers; default: a new one, which is printed")
    add("--checkpoint", metavar="FOLDER", help="save there after every epoch, and on Ctrl-C")
    add("--every", type=int, metavar="STEPS", help="save also after every so many steps")
    add("--resume", action="store_true", help="go on from the latest checkpoint")
    add("--plot", metavar="FILE", help="draw the history: .png, .svg or .pdf")
    add("--device", default="cpu", help="cpu, the default, or cuda")
    add(
        "--precision",
        choices=("float32", "float16", "bfloat16"),
        default="float32",
        help="float16, bfloat16: products in it, the rest in float32; for GPUs",
    )
    add("--no-progress", action="store_true", help="no bar, only a line for every epoch")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    """Trains, and prints what comes of it.

    Raises:
        OSError, ValueError, RuntimeError, FloatingPointError: what is wrong with the options, the
            data, the checkpoint or the run.
    """
    if options.resume and options.checkpoint is None:
        raise ValueError("--resume needs --checkpoint, the folder to go on from")
    if options.plot:
        plot.checked_ending(options.plot)  # now, and not after hours of training
    seed = default_generator.seed() if options.seed is None else options.seed
    manual_seed(seed)
    data = DATA[options.data](options.root)
    shape = data.x_train.shape[1:]
    model = MODELS[options.model]().build(shape).to(options.device)
    print(model.summary(shape))
    make, lr = OPTIMIZERS[options.optimizer]
    optimizer = make(model, lr=lr if options.lr is None else options.lr)
    train = TensorDataset(data.x_train, data.y_train)
    loader = DataLoader(train, options.batch_size, shuffle=True)
    if not options.resume:
        print(f"the same run again: {command(options, seed)}")
    learner = Learner(model, optimizer=optimizer, metrics=[accuracy], precision=options.precision)
    history = learner.fit(
        loader,
        (data.x_valid, data.y_valid),
        options.epochs,
        batch_size=256,
        callbacks=schedule(options, optimizer, len(loader)),
        checkpoint=options.checkpoint,
        every=options.every,
        resume=options.resume,
        progress="lines" if options.no_progress else True,
    )
    if options.resume:  # by now the stream is that of the run that was begun
        print(f"the same run again: {command(options, default_generator.initial_seed())}")
    if history:
        print(
            f"accuracy {history.last('accuracy'):.4f} on {len(data.x_valid):,} images of "
            f"{options.data} that were not trained on"
        )
        if options.plot:
            print(f"wrote {plot.save(options.plot, plot.run(history))}")


def schedule(
    options: argparse.Namespace, optimizer: optim.Optimizer, batches: int
) -> list[Callback]:
    """The callback that steps the learning rate, if it is to change."""
    make = SCHEDULES[options.schedule]
    if make is None or options.epochs < 1:
        return []
    return [Schedule(make(optimizer.lr, options.epochs * batches)(optimizer), per="batch")]


def command(options: argparse.Namespace, seed: int) -> str:
    """The command that repeats the run on the same machine."""
    words = ["python", "-m", "minitorch.train", "--model", options.model, "--data", options.data]
    words += ["--epochs", str(options.epochs), "--batch-size", str(options.batch_size)]
    words += ["--optimizer", options.optimizer, "--schedule", options.schedule]
    for name in ("lr", "root"):
        if getattr(options, name) is not None:
            words += [f"--{name}", str(getattr(options, name))]
    for name, usual in (("device", "cpu"), ("precision", "float32")):
        if getattr(options, name) != usual:
            words += [f"--{name}", getattr(options, name)]
    return shlex.join([*words, "--seed", str(seed)])


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs; returns the exit status: 1 after an error, 130 after Ctrl-C."""
    try:
        run(parsed(arguments))
    except KeyboardInterrupt as stopped:
        print(stopped or "stopped", file=sys.stderr)
        return 130
    except (OSError, ValueError, RuntimeError, FloatingPointError) as error:
        print("error:", " ".join(str(error).split()), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
