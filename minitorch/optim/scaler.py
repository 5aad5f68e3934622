"""Loss scaling: gradients that float16 would round to 0 are made larger on their way back.

    L' = s L,   dL'/dx = s dL/dx,   g = (dL'/dw) / s

Below 6e-8 a float16 number is 0, and many a gradient is. All of them are proportional to the loss,
so a loss times s moves them up to where float16 has numbers. How large may s be? Until one
overflows, which shows as inf or nan: then that step is left out and s is halved, and after many
good steps it is doubled. Micikevicius et al., Mixed Precision Training (arXiv:1710.03740).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from minitorch.array import Array, device, device_of, is_cupy
from minitorch.clock import stamp
from minitorch.dtypes import float16, float32
from minitorch.optim.checking import is_finite
from minitorch.optim.groups import named
from minitorch.optim.optimizer import Optimizer
from minitorch.quiet import quiet
from minitorch.tensor import Tensor
from minitorch.traced import live, one_call
from minitorch.tree import map_leaves
from minitorch.words import np

_LARGEST = float(np.finfo(float32).max)
_SMALLEST = 2.0**-24  # the smallest float16: with a scale below it, a gradient of 1 is 0


class GradScaler:
    """Scales losses up and gradients down, and leaves out the steps that overflow.

    Args:
        device: "cuda" or "cpu", for torch's sake: a scaler works wherever the gradients are.
        init_scale: the s to begin with.
        growth_factor: what s is multiplied by after `growth_interval` good steps in a row.
        backoff_factor: what s is multiplied by after a step that overflowed.
        growth_interval: how many good steps it takes.
        enabled: False makes everything here do nothing but `optimizer.step()`.

    Parameters are float32; ops inside `autocast` compute in float16.

        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)                        # only if gradients are looked at,
        optim.clip_grad_norm_(model.parameters(), 1.0)    # or clipped
        scaler.step(optimizer)
        scaler.update()

    On a GPU a hundred gradients are divided in one launch, and the host waits once a step for each
    optimizer, in `step`, to learn whether it may be made. All else is queued. The scale itself is a
    number of the host.

    >>> import minitorch
    >>> from minitorch import optim
    >>> w = minitorch.tensor([1.0], requires_grad=True)
    >>> optimizer, scaler = optim.SGD([w], lr=0.5), GradScaler(init_scale=8.0)
    >>> scaler.scale((w * w).sum()).backward()
    >>> w.grad
    tensor([16.])
    >>> scaler.step(optimizer)
    >>> scaler.update()
    >>> w
    tensor([0.], requires_grad=True)
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ):
        if device not in ("cpu", "cuda"):
            raise ValueError(f"GradScaler: device={device!r}; expected 'cpu' or 'cuda'")
        self._enabled = bool(enabled)
        self._scale = self._checked_scale(init_scale)
        self._set(growth_factor, backoff_factor, growth_interval)
        self._good_steps = 0
        self._rounds: dict[Optimizer, _Round] = {}  # of the optimizers since the last update

    def _set(self, growth: float, backoff: float, interval: int) -> None:
        if not growth > 1:
            raise ValueError(f"GradScaler: growth_factor={growth!r}; expected more than 1")
        if not 0 < backoff < 1:
            raise ValueError(f"GradScaler: backoff_factor={backoff!r}; expected between 0 and 1")
        if isinstance(interval, bool) or not isinstance(interval, int) or interval < 1:
            raise ValueError(
                f"GradScaler: growth_interval={interval!r}; expected an int of at least 1"
            )
        self._growth, self._backoff, self._interval = float(growth), float(backoff), interval

    @staticmethod
    def _checked_scale(scale: Any) -> float:
        if isinstance(scale, Tensor):
            scale = scale.item()
        if not 0 < scale <= _LARGEST:
            raise ValueError(f"GradScaler: a scale is a number above 0, got {scale!r}")
        return float(scale)

    # a step ---------------------------------------------------------------------------------------

    def scale(self, outputs: Any) -> Any:
        """The loss times s, to go backward from; of nested losses, each; as float32 at least.

        Raises:
            TypeError: something in there is no Tensor.
        """
        return map_leaves(self._scaled, outputs) if self._enabled else outputs

    def _scaled(self, loss: Any) -> Tensor:
        if not isinstance(loss, Tensor):
            raise TypeError(
                f"GradScaler.scale: expected a Tensor or nested Tensors, got {type(loss).__name__}"
            )
        loss = loss.float() if loss.dtype.itemsize == 2 else loss
        return loss * live(self.get_scale, loss.array)

    @one_call
    def unscale_(self, optimizer: Optimizer) -> None:
        """Divides the gradients of an optimizer by s, in place, for whoever looks at them next.

        `step` does it otherwise. Where one overflowed they hold inf or nan, and `step` will not be
        made; clipping such gradients is no error.

        Raises:
            RuntimeError: it was done already since the last `update`.
            ValueError: a gradient is float16, as its parameter; nothing was changed.
        """
        if not self._enabled:
            return
        past = self._rounds.get(optimizer)
        if past is not None:
            was = "step() was called" if past.stepped else "unscale_() was called already"
            raise RuntimeError(
                f"GradScaler.unscale_: {was} on this {type(optimizer).__name__} since the last "
                "update(); gradients are divided once"
            )
        held = list(_gradients(optimizer))
        for name, g in held:
            if g.dtype == float16:
                raise ValueError(
                    f"GradScaler.unscale_: the gradient of {name!r} is float16, as the parameter "
                    "is; keep parameters in float32, model.float(), and let autocast compute in "
                    "float16"
                )
        grads = {id(g.array): g for _, g in held}.values()
        self._rounds[optimizer] = _Round(quiet.run(_unscaled, list(grads), 1 / self._scale))

    @one_call
    def step(self, optimizer: Optimizer, *args: Any, **kwargs: Any) -> Any:
        """`optimizer.step()`, unless a gradient is inf or nan: then nothing is changed.

        Returns:
            What the step returned; None where it was left out.

        Raises:
            RuntimeError: it was called already since the last `update`; there is a closure, which
                would make gradients anew.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if args or kwargs:
            raise RuntimeError(
                "GradScaler.step: a closure makes new gradients inside the step, where they are "
                "not unscaled; call backward() before, and step(optimizer) alone"
            )
        if optimizer not in self._rounds:
            self.unscale_(optimizer)
        this = self._rounds[optimizer]
        if this.stepped:
            raise RuntimeError(
                "GradScaler.step: it was called already on this "
                f"{type(optimizer).__name__} since the last update()"
            )
        result = None
        if this.overflowed():
            optimizer.stepped = True  # a step was due: a schedule after it comes in order
        else:
            result = optimizer.step()
        this.stepped = True
        return result

    @one_call
    def update(self, new_scale: Any = None) -> None:
        """Ends the round: halves s if an optimizer's gradients overflowed, or counts a good step.

        Args:
            new_scale: the s to go on with, instead.

        Raises:
            RuntimeError: no gradient was looked at since the last `update`.
            FloatingPointError: s has fallen so far that it is not the scale that is at fault.
        """
        if not self._enabled:
            return
        if new_scale is not None:
            self._scale = self._checked_scale(new_scale)
        elif not self._rounds:
            raise RuntimeError(
                "GradScaler.update: no optimizer was stepped since the last update(); call "
                "scaler.step(optimizer) before it"
            )
        elif self.overflowed:
            self._scale, self._good_steps = self._scale * self._backoff, 0
        else:
            self._good_steps += 1
            if self._good_steps == self._interval:
                grown = self._scale * self._growth
                self._scale, self._good_steps = (grown if grown <= _LARGEST else self._scale), 0
        self._rounds.clear()
        if self._scale < _SMALLEST:
            raise FloatingPointError(
                f"GradScaler.update: gradients are inf or nan even with a loss scaled by "
                f"{self._scale:.3g}, so none of the last steps was made; it is the model or the "
                "loss that overflows. Find the op with minitorch.autograd.detect_anomaly()"
            )

    @property
    def overflowed(self) -> bool:
        """Did a gradient overflow since the last `update`? Waits for a GPU that was not asked."""
        return any(this.overflowed() for this in self._rounds.values())

    # settings -------------------------------------------------------------------------------------

    def is_enabled(self) -> bool:
        """False when it does nothing."""
        return self._enabled

    def get_scale(self) -> float:
        """s; 1.0 when it does nothing."""
        return self._scale if self._enabled else 1.0

    def get_growth_factor(self) -> float:
        """What s is multiplied by to grow."""
        return self._growth

    def set_growth_factor(self, new_factor: float) -> None:
        """Sets it."""
        self._set(new_factor, self._backoff, self._interval)

    def get_backoff_factor(self) -> float:
        """What s is multiplied by after an overflow."""
        return self._backoff

    def set_backoff_factor(self, new_factor: float) -> None:
        """Sets it."""
        self._set(self._growth, new_factor, self._interval)

    def get_growth_interval(self) -> int:
        """How many good steps in a row let s grow."""
        return self._interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Sets it."""
        self._set(self._growth, self._backoff, new_interval)

    def state_dict(self) -> dict[str, Any]:
        """The scale, the settings and the count of good steps, by torch's names; {} if disabled."""
        if not self._enabled:
            return {}
        return {
            "scale": self._scale,
            "growth_factor": self._growth,
            "backoff_factor": self._backoff,
            "growth_interval": self._interval,
            "_growth_tracker": self._good_steps,
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Takes over what `state_dict` gave.

        Raises:
            RuntimeError: it is empty, from a scaler that did nothing, and this one does something.
        """
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "GradScaler.load_state_dict: the state is empty, of a scaler with enabled=False; "
                "start from a new one"
            )
        scale = self._checked_scale(state_dict["scale"])
        self._set(*(state_dict[k] for k in ("growth_factor", "backoff_factor", "growth_interval")))
        self._scale, self._good_steps = scale, int(state_dict["_growth_tracker"])
        self._rounds.clear()


class _Round:
    """What is known of one optimizer since the last update."""

    def __init__(self, flags: list[Any]):
        self._flags = flags  # for each device: are all gradients finite?
        self._found: bool | None = None
        self.stepped = False

    def overflowed(self) -> bool:
        """Is a gradient inf or nan? A GPU is waited for once, however often this is asked."""
        if self._found is None:
            self._found = not all(bool(flag) for flag in self._flags)
        return self._found


def _gradients(optimizer: Optimizer) -> Iterator[tuple[str, Tensor]]:
    """(name, gradient) of the parameters that have one."""
    for name, p in named(optimizer.param_groups):
        if p.grad is not None:
            yield name, p.grad


def _unscaled(grads: list[Tensor], factor: float) -> list[Any]:
    """Multiplies gradients in place; for each device, are all of them finite?"""
    for g in grads:
        stamp(g.array, "GradScaler.unscale_")
        vars(g)["unscaled"] = True  # whoever clips it next knows that somebody looks after inf
    found: list[Any] = []
    left = [g.array for g in grads]
    if any(map(is_cupy, left)):
        from minitorch.kernels.optim import unscale  # not before a GPU asks for it

        found, left = unscale(left, factor)
    finite: dict[device, list[Any]] = {}
    for x in left:
        np.multiply(x, factor, out=x)
        finite.setdefault(device_of(x), []).append(_all_finite(x))
    return found + [
        all(flags) if isinstance(flags[0], bool) else np.stack(flags).all()
        for flags in finite.values()
    ]


def _all_finite(g: Array) -> Any:
    """A bool on the CPU; on a GPU a number there, to be asked for later."""
    return is_finite(g) if isinstance(g, np.ndarray) else np.isfinite(g).all()
