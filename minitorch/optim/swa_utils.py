"""Averages of the weights along the way of training, which generalise better than the last ones.

    averaged = AveragedModel(model)                                   # equal weights, or
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.999))   # lately more
    for x, target in loader:
        ...                                                           # a step of the model
        averaged.update_parameters(model)
    update_bn(loader, averaged)               # its batch norms have never seen its activations

Izmailov et al. 2018, "Averaging weights leads to wider optima and better generalization"; Polyak
and Juditsky 1992, "Acceleration of stochastic approximation by averaging".
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import minitorch
from minitorch.modes import no_grad
from minitorch.nn.batch_norm import BatchNorm
from minitorch.nn.module import Module
from minitorch.optim.groups import is_model
from minitorch.optim.lr_scheduler.base import LRScheduler
from minitorch.optim.lr_scheduler.values import number, whole
from minitorch.optim.optimizer import Optimizer
from minitorch.tensor import ShapeError, Tensor
from minitorch.traced import one_call

One = Callable[[Tensor, Tensor, Tensor], Tensor]  # (average, new value, how many so far) -> average
Many = Callable[[Sequence[Tensor], Sequence[Tensor], Tensor], None]  # the same in place, for all


def get_swa_avg_fn() -> One:
    """m + (p - m) / (n + 1): the mean of all values, of which m is that of the first n."""
    return lambda m, p, n: m + (p - m) / (n + 1)


def get_ema_avg_fn(decay: float = 0.999) -> One:
    """decay m + (1 - decay) p: a mean that forgets, of about the last 1 / (1 - decay) values."""
    _check_decay("get_ema_avg_fn", decay)
    return lambda m, p, n: m.lerp(p, 1 - decay)


def get_swa_multi_avg_fn() -> Many:
    """`get_swa_avg_fn` for many tensors, in place."""

    def average(means: Sequence[Tensor], values: Sequence[Tensor], n: Tensor) -> None:
        weight = 1 / (n.item() + 1)
        for m, p in zip(means, values, strict=True):
            m.lerp_(p, weight)

    return average


def get_ema_multi_avg_fn(decay: float = 0.999) -> Many:
    """`get_ema_avg_fn` for many tensors, in place."""
    _check_decay("get_ema_multi_avg_fn", decay)

    def average(means: Sequence[Tensor], values: Sequence[Tensor], n: Tensor) -> None:
        for m, p in zip(means, values, strict=True):
            m.lerp_(p, 1 - decay)

    return average


def _check_decay(name: str, decay: float) -> None:
    if not 0 <= decay <= 1:
        raise ValueError(f"{name}: decay must be from 0 to 1, got {decay}")


class AveragedModel(Module):
    """A copy of a model that holds averages of its parameters.

    Args:
        model: what is copied; it trains on by itself.
        device: where the copy lives; by default beside the model.
        avg_fn: (average, new value, n) -> the new average of one tensor; `n` is how many values
            were averaged so far. By default the mean of all of them (`get_swa_avg_fn`).
        multi_avg_fn: the same for all tensors at once, in place. Both see new values in the dtype
            of the average: the copy of a model may be float64, and lose nothing in a long run.
        use_buffers: average the buffers too (of floats; others are copied). By default they are
            copied from the model at each update.

    Raises:
        RuntimeError: a parameter of the model has no shape yet.
        TypeError: `model` is no model.
        ValueError: both functions are given.

    >>> import minitorch
    >>> from minitorch import nn
    >>> model = nn.Linear(1, 1)
    >>> averaged = AveragedModel(model)
    >>> for value in (1.0, 2.0, 6.0):
    ...     _ = nn.init.constant_(model.weight, value)
    ...     averaged.update_parameters(model)
    >>> averaged.module.weight.item(), averaged.n_averaged.item()
    (3.0, 3)
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: One | None = None,
        multi_avg_fn: Many | None = None,
        use_buffers: bool = False,
    ):
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise ValueError(
                "AveragedModel: give avg_fn, for one tensor at a time, or multi_avg_fn, not both"
            )
        if not is_model(model):
            raise TypeError(f"AveragedModel: expected a model, got {type(model).__name__}")
        for p in model.parameters():
            _ = p.shape  # one whose size is still open says so: a copy would never be told
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module.to(device)
        self.register_buffer("n_averaged", minitorch.tensor(0, device=device))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """That of the copy."""
        return self.module(*args, **kwargs)

    @one_call  # how many were averaged changes between updates
    @no_grad()
    def update_parameters(self, model: Module) -> None:
        """Takes the present parameters of `model` into the averages; the first are copied.

        Raises:
            ValueError: its parameters or buffers have other names or shapes than the copy's.
        """
        means, values, copied = self._paired(model)
        if not self.n_averaged.item():
            copied, means = [*copied, *zip(means, values)], []
        for m, p in copied:
            m.copy_(p)
        if means:
            self._average(means, values)
        self.n_averaged += 1

    def _paired(
        self, model: Module
    ) -> tuple[list[Tensor], list[Tensor], list[tuple[Tensor, Tensor]]]:
        """The averages, the new values for them, and pairs of what is only copied."""
        held = {**dict(self.module.named_parameters()), **dict(self.module.named_buffers())}
        given = {**dict(model.named_parameters()), **dict(model.named_buffers())}
        trained = dict(model.named_parameters()).keys()
        if held.keys() != given.keys():
            odd = sorted(held.keys() ^ given.keys())
            raise ValueError(f"AveragedModel: only one of the copy and the model has {odd}")
        means, values, copied = [], [], []
        for name, m in held.items():
            p = given[name].detach().to(m)
            if m.shape != p.shape:
                raise ShapeError(
                    f"AveragedModel: {name} has shape {m.shape} in the copy, {p.shape} in the model"
                )
            if m.is_floating_point() and (self.use_buffers or name in trained):
                means.append(m)
                values.append(p)
            else:
                copied.append((m, p))
        return means, values, copied

    def _average(self, means: list[Tensor], values: list[Tensor]) -> None:
        if self.avg_fn is None:
            (self.multi_avg_fn or get_swa_multi_avg_fn())(means, values, self.n_averaged)
            return
        for m, p in zip(means, values):
            m.copy_(self.avg_fn(m.detach(), p, self.n_averaged))


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Works out the running statistics of a model's batch norms anew, as means over a loader.

    A batch is the input, or a tuple or list that begins with it. The model's mode and the momenta
    of its norms are put back, whatever happens.
    """
    norms = [layer for layer in model.modules() if isinstance(layer, BatchNorm)]
    norms = [norm for norm in norms if norm.track_running_stats]
    if not norms:
        return
    momenta, modes = [norm.momentum for norm in norms], [m.training for m in model.modules()]
    try:
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a mean of all batches alike
        model.train()
        for batch in loader:
            x = batch[0] if isinstance(batch, (list, tuple)) else batch
            model(x if device is None else x.to(device))
    finally:
        for norm, momentum in zip(norms, momenta):
            norm.momentum = momentum
        for layer, mode in zip(model.modules(), modes):
            layer.training = mode


class SWALR(LRScheduler):
    """lr goes from what it is to `swa_lr` in `anneal_epochs` steps, and stays there.

    lr(t) = (1 - a) lr_0 + a swa_lr with a = t / anneal_epochs ("linear"), or half a cosine of it.

    Args:
        optimizer: whose groups are set.
        swa_lr: the last learning rate, or one for each group.
        anneal_epochs: the number of steps until then.
        anneal_strategy: "cos" or "linear".
        last_epoch: see `LRScheduler`.

    Raises:
        ValueError: another strategy, another number of rates than groups, a negative number.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | Sequence[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        count = len(optimizer.param_groups)
        given = swa_lr if isinstance(swa_lr, (list, tuple)) else [swa_lr] * count
        if len(given) != count:
            raise ValueError(f"SWALR: {len(given)} values of swa_lr for {count} parameter groups")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"SWALR: anneal_strategy must be 'cos' or 'linear', got {anneal_strategy!r}"
            )
        self.swa_lr = [number("SWALR", "swa_lr", value) for value in given]
        self.anneal_epochs = whole("SWALR", "anneal_epochs", anneal_epochs, least=0)
        self.anneal_strategy = anneal_strategy
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Those of step `last_epoch`, from what the groups hold at the step before."""
        t = self.last_epoch
        before, now = self._share(t - 1), self._share(t)
        rates = []
        for group, last in zip(self.optimizer.param_groups, self.swa_lr):
            first = last if before == 1 else (group["lr"] - before * last) / (1 - before)
            rates.append((1 - now) * first + now * last)
        return rates

    def _share(self, t: int) -> float:
        """How much of the learning rate of step t is the last one."""
        if t < 0:
            return 0.0
        a = min(1.0, t / self.anneal_epochs) if self.anneal_epochs else 1.0
        return a if self.anneal_strategy == "linear" else (1 - math.cos(math.pi * a)) / 2
