"""A schedule says what the learning rate is at step t; stepping, restoring and curves follow.

Write `factor_at(t)`, the learning rate of step t as a multiple of the initial one, and that is a
schedule:

>>> from minitorch import optim, tensor
>>> class InverseTime(optim.lr_scheduler.LRScheduler):
...     def factor_at(self, t):
...         return 1 / (1 + t)
>>> optimizer = optim.SGD([tensor([1.0], requires_grad=True)], lr=0.6)
>>> InverseTime(optimizer).curve(4)
[0.6, 0.3, 0.19999999999999998, 0.15]

A step is whatever one call of `step()` stands for: an epoch where it is called once an epoch, a
batch where it is called after every batch. Step 0 is the one that building the schedule sets.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from minitorch.errors import CheckpointError
from minitorch.optim.lr_scheduler.values import brief, checked_optimizer, number, whole
from minitorch.optim.optimizer import Optimizer
from minitorch.traced import one_call

Groups = Sequence[dict[str, Any]]  # parameter groups, or copies of them to try a step on


class LRScheduler:
    """The learning rate of an optimizer's groups as a function of the step t = 0, 1, 2, ...

    A subclass says what the function is, in the first of these words that suffices:

    * `factor_at(t)`: the learning rate as a multiple of the initial one. The step from t − 1 to t
      then multiplies what the group holds by factor_at(t) / factor_at(t − 1), so that several such
      schedules, or a learning rate changed by hand, act together as a product.
    * `lr_at(t, base_lr, lr)`: the learning rate itself, from the initial one and that of step
      t − 1. One that looks at `base_lr` alone has the last word, whatever else was set before.
    * `get_lr()`, torch's form: the learning rates of all groups at step `self.last_epoch`.

    Arguments of a subclass are set on `self` before `super().__init__(optimizer)`, which already
    asks for step 0.

    Attributes: `last_epoch` is t; `base_lrs` holds the initial learning rate of each group, also
    kept as `group["initial_lr"]`, so that a second schedule starts from the same.

    `last_epoch=k` continues, as in torch, a run whose last finished step was k: step k + 1 is
    taken at once, on the learning rates found in the groups. Groups without an `initial_lr` are a
    KeyError then. `init` and `load_state_dict` do the same without conditions.
    """

    optimizer: Any  # the optimizer, or a stand-in with `param_groups` while steps are tried out
    base_lrs: list[float]
    _start: list[dict[str, Any]]  # the settings of the groups before step 0
    last_epoch: Any  # t, a whole number except between two epochs of warm restarts

    # With `last_epoch=k`, are the learning rates found those of step k + 1 already?
    keeps_found_lr = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "step" in vars(cls):  # one line of a compiled step, called at each run
            cls.step = one_call(cls.step)  # type: ignore[method-assign]

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self._attach(optimizer, last_epoch)
        planned = self._copies()
        if last_epoch == -1 or not self.keeps_found_lr:
            self._advance(last_epoch + 1, planned)
        self._write(planned)
        for group, base_lr in zip(optimizer.param_groups, self.base_lrs):
            group["initial_lr"] = base_lr
        self._arrive(last_epoch + 1)

    # what a schedule is --------------------------------------------------------------------------

    def factor_at(self, t: int) -> float:
        """The learning rate of step t, as a multiple of the initial one."""
        raise NotImplementedError(
            f"{type(self).__name__}: a schedule is a method factor_at(self, t), which gives the "
            "learning rate of step t as a multiple of the initial one"
        )

    def lr_at(self, t: int, base_lr: float, lr: float) -> float:
        """lr(t) = lr · factor_at(t) / factor_at(t − 1), where factor_at(−1) is 1.

        `lr` is that of step t − 1, and `base_lr` the initial one, from which a schedule goes on
        that had come down to zero.
        """
        before = self._factor(t - 1) if t > 0 else 1.0
        now = self._factor(t)
        if now == before:
            return lr
        return lr * (now / before) if before else base_lr * now

    def _factor(self, t: int) -> float:
        return number(type(self).__name__, f"factor_at({t})", self.factor_at(t))

    def get_lr(self) -> list[float]:
        """Where a subclass writes it, the learning rates of step `self.last_epoch`, as in torch.

        Where none does, those in force: torch would take another step here, and warn.
        """
        return self.get_last_lr()

    def _advance(self, t: int, groups: Groups) -> None:
        """Takes `groups`, the parameter groups or copies of them, from step t − 1 to step t."""
        if type(self).get_lr is LRScheduler.get_lr:
            for group, base_lr in zip(groups, self.base_lrs):
                group["lr"] = self.lr_at(t, base_lr, group["lr"])
            return
        real, last_epoch = self.optimizer, self.last_epoch
        self.optimizer, self.last_epoch = SimpleNamespace(param_groups=groups), t
        try:
            lrs = list(self.get_lr())
        finally:
            self.optimizer, self.last_epoch = real, last_epoch
        for group, lr in zip(groups, lrs, strict=True):
            group["lr"] = lr

    def _begin(self, groups: Groups) -> None:
        """Takes `groups` to step 0, whatever they hold: a later stage of a sequence starts so."""
        for group, base_lr in zip(groups, self.base_lrs):
            group["lr"] = base_lr
        self._advance(0, groups)

    @property
    def _sets(self) -> tuple[str, ...]:
        """What this schedule sets in a parameter group."""
        return ("lr",)

    # what follows from it ------------------------------------------------------------------------

    @one_call
    def step(self) -> None:
        """Goes on to the next step. Call it after `optimizer.step()`.

        Called before the first `optimizer.step()` it warns, since the learning rate of step 0 is
        then never used, and goes on.
        """
        self._warn_of_order()
        self._go(self.last_epoch + 1)

    def init(self, epoch: int) -> None:
        """Goes to any step, forward or back: as though built anew and stepped `epoch` times.

        >>> from minitorch import optim, tensor
        >>> optimizer = optim.SGD([tensor([1.0], requires_grad=True)], lr=0.8)
        >>> scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=10, gamma=0.5)
        >>> scheduler.init(epoch=25)
        >>> scheduler.get_last_lr()
        [0.2]
        """
        epoch = whole(f"{type(self).__name__}.init", "epoch", epoch, least=0)
        planned = self._copies(self._start)
        for t in range(epoch + 1):
            self._advance(t, planned)
        self._write(planned)
        self._arrive(epoch)

    def curve(self, steps: int) -> list[float] | list[list[float]]:
        """The learning rates of steps 0 to `steps` − 1, as plain numbers; nothing is changed.

        One list of floats, or a list of them, one for each group, where there are several groups.
        """
        steps = whole(f"{type(self).__name__}.curve", "steps", steps, least=0)
        planned = self._copies(self._start)
        curves: list[list[float]] = [[] for _ in planned]
        for t in range(steps):
            self._advance(t, planned)
            for values, lr in zip(curves, self._checked(planned)):
                values.append(lr)
        return curves if len(curves) > 1 else curves[0]

    def get_last_lr(self) -> list[float]:
        """The learning rates in force, one for each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    # keeping and restoring -----------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Where the schedule stands, in plain numbers that survive JSON.

        It holds the arguments as well, except functions, and what the groups are set to at present.
        """
        groups = self.optimizer.param_groups
        return {**self._state(), "groups": [_plain(self._settings_of(g)) for g in groups]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continues where `state_dict()` was called: arguments, step, and the learning rates too.

        torch leaves the learning rates to `optimizer.load_state_dict`; here either order will do.
        Raises CheckpointError, a ValueError, with nothing changed, where it does not fit.
        """
        settings = state_dict.get("groups")
        if not isinstance(settings, list) or len(settings) != len(self.optimizer.param_groups):
            raise CheckpointError(
                f"{type(self).__name__}.load_state_dict: expected the state of a schedule on "
                f"{len(self.optimizer.param_groups)} parameter groups; its 'groups' are {settings}"
            )
        self._check({key: v for key, v in state_dict.items() if key != "groups"})
        planned = [{**g, **s} for g, s in zip(self.optimizer.param_groups, settings)]
        self._checked(planned)
        self._restore(state_dict)
        self._write(planned)

    def _state(self) -> dict[str, Any]:
        return {key: _plain(v) for key, v in vars(self).items() if _is_plain(v)}

    def _check(self, state: dict[str, Any]) -> None:
        """Is this a state of such a schedule? Asked of every part before any part is restored."""
        name, expected = type(self).__name__, self._state().keys()
        if state.keys() != expected:
            raise CheckpointError(
                f"{name}.load_state_dict: this is not the state of such a {name}: it lacks "
                f"{sorted(expected - state.keys())} and has {sorted(state.keys() - expected)}"
            )

    def _restore(self, state: dict[str, Any]) -> None:
        known = self._state()
        vars(self).update({key: _plain(v) for key, v in state.items() if key in known})

    def _arrive(self, t: int) -> None:
        """Notes that step t has been taken."""
        self.last_epoch = t

    def __repr__(self) -> str:
        names = [
            name
            for name in inspect.signature(type(self).__init__).parameters
            if name not in ("self", "optimizer", "last_epoch")
        ]
        given = {name: getattr(self, name, None) for name in names}
        shown = (f"{name}={_shown(value)}" for name, value in given.items() if value is not None)
        return f"{type(self).__name__}({', '.join(shown)})"

    # the way to the optimizer and back -----------------------------------------------------------

    def _attach(self, optimizer: Optimizer, last_epoch: int) -> None:
        """Learns the initial learning rates of an optimizer's groups."""
        name = type(self).__name__
        groups = checked_optimizer(name, optimizer).param_groups
        last_epoch = whole(name, "last_epoch", last_epoch, least=-1)
        for i, group in enumerate(groups):
            if last_epoch >= 0 and "initial_lr" not in group:
                raise KeyError(
                    f"{name}: last_epoch is {last_epoch}, and param_groups[{i}] has no "
                    "'initial_lr' to continue from; build with last_epoch=-1, then call "
                    f"init({last_epoch + 1}) or load_state_dict(...)"
                )
        self.optimizer = optimizer
        self.base_lrs = [float(lr) for lr in self._initial_lrs(groups)]
        self._start = [
            {**self._settings_of(group), "lr": base_lr}
            for group, base_lr in zip(groups, self.base_lrs)
        ]
        self.last_epoch = last_epoch

    def _initial_lrs(self, groups: Groups) -> list[Any]:
        return [group.get("initial_lr", group["lr"]) for group in groups]

    def _go(self, t: Any) -> None:
        planned = self._copies()
        self._advance(t, planned)
        self._write(planned)
        self._arrive(t)

    def _copies(self, settings: Groups | None = None) -> Groups:
        """Copies of the groups to try a step on, with their settings or with those given."""
        groups = self.optimizer.param_groups
        if len(groups) != len(self._start):
            raise ValueError(
                f"{type(self).__name__}: built for {len(self._start)} parameter groups, and the "
                f"optimizer has {len(groups)} by now; build the schedule after add_param_group"
            )
        return [{**g, **s} for g, s in zip(groups, settings or [{}] * len(groups))]

    def _checked(self, planned: Groups) -> list[float]:
        name = type(self).__name__
        return [
            number(name, f"the learning rate of group {i}", group["lr"])
            for i, group in enumerate(planned)
        ]

    def _write(self, planned: Groups) -> None:
        """Sets the groups to what the copies hold, all of them or, after an error, none."""
        lrs = self._checked(planned)
        for group, copy, lr in zip(self.optimizer.param_groups, planned, lrs):
            group.update({**self._settings_of(copy), "lr": lr})

    def _settings_of(self, group: dict[str, Any]) -> dict[str, Any]:
        return {key: group[key] for key in self._sets if key in group}

    def _warn_of_order(self) -> None:
        optimizer = self.optimizer
        if self.last_epoch == 0 and optimizer.counts_steps and not optimizer.stepped:
            skipped = ", ".join(brief(lr) for lr in self.get_last_lr())
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`: the first "
                f"learning rate of {type(self).__name__}, {skipped}, is skipped. Call "
                "optimizer.step() first, then scheduler.step()",
                stacklevel=4,
            )


def _is_plain(value: Any) -> bool:
    """Is it made of numbers and strings alone, so that JSON can keep it?"""
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(v) for key, v in value.items())
    if isinstance(value, (list, tuple)):
        return all(_is_plain(v) for v in value)
    return value is None or isinstance(value, (bool, int, float, str))


def _plain(value: Any) -> Any:
    """A copy of it, with lists for tuples, as JSON has it."""
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def _shown(value: Any) -> str:
    """An argument as `repr` shows it, a function by its name."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_shown(v) for v in value)}]"
    return getattr(value, "__name__", None) or repr(value)
