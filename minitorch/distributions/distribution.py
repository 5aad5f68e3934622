"""What every distribution has: shapes, checks, and the moments and draws it may offer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

from minitorch.array import shape_of
from minitorch.distributions.constraints import Constraint, demand, positive, real
from minitorch.distributions.parameters import broadcast
from minitorch.modes import no_grad
from minitorch.tensor import ShapeError, Tensor

Self = TypeVar("Self", bound="Distribution")
UNCHECKED = "with validate_args=False the formula is computed all the same"


class Distribution:
    """A batch of distributions of one family.

    Args:
        batch_shape: of the parameters: how many distributions there are.
        event_shape: of one draw; () for a number.
        validate_args: look at the values of the parameters, and at those `log_prob` is asked for,
            and raise where one is outside. It is the default; of tensors on a GPU it waits for the
            GPU.

    Attributes:
        arg_constraints: what each parameter must be.
        support: what a draw is.
        has_rsample: does `rsample` exist: a draw with a gradient?
        has_enumerate_support: can every possible draw be listed?
    """

    has_rsample = False
    has_enumerate_support = False
    arg_constraints: ClassVar[dict[str, Constraint]] = {}
    support: Any = real
    _validate_args = True

    def __init__(
        self,
        batch_shape: Sequence[int] = (),
        event_shape: Sequence[int] = (),
        validate_args: bool | None = None,
    ):
        self._batch_shape, self._event_shape = tuple(batch_shape), tuple(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            for name, constraint in self.arg_constraints.items():
                if name in vars(self):
                    demand(type(self).__name__, name, vars(self)[name], constraint)

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Switches the checks on or off for all distributions that are not told at their making."""
        if not isinstance(value, bool):
            raise TypeError(f"set_default_validate_args: expected True or False, got {value!r}")
        Distribution._validate_args = value

    # shapes ------------------------------------------------------------------------------------

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """How many distributions there are."""
        return self._batch_shape

    @property
    def event_shape(self) -> tuple[int, ...]:
        """The shape of one draw of one of them."""
        return self._event_shape

    def expand(self: Self, batch_shape: Sequence[int]) -> Self:
        """The same distributions, repeated to fill a larger batch: views of the parameters."""
        shape = shape_of([batch_shape] if isinstance(batch_shape, int) else batch_shape)
        new = object.__new__(type(self))
        vars(new).update(vars(self))
        for name, constraint in self.arg_constraints.items():
            if name in vars(self):
                value = vars(self)[name]
                event = value.shape[value.ndim - constraint.event_dim :]
                vars(new)[name] = value.expand(shape + event)
        new._batch_shape = shape
        return new

    def _extended_shape(self, sample_shape: Sequence[int] = ()) -> tuple[int, ...]:
        """The shape of `sample(sample_shape)`."""
        if isinstance(sample_shape, int):
            raise TypeError(
                f"{self._name}: sample_shape must be a tuple, got {sample_shape}; "
                f"write sample(({sample_shape},))"
            )
        return shape_of([tuple(sample_shape)], "sample_shape") + self.batch_shape + self.event_shape

    # draws -------------------------------------------------------------------------------------

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws, of shape (*sample_shape, *batch_shape, *event_shape), outside the graph."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws that are a function of the parameters and of noise: with gradients.

        Raises:
            NotImplementedError: the draws are choices, which have no slope.
        """
        raise NotImplementedError(
            f"{self._name}.rsample: its draws are no smooth function of the parameters; use "
            "sample() and the gradient of log_prob"
        )

    # numbers -----------------------------------------------------------------------------------

    def log_prob(self, value: Tensor) -> Tensor:
        """The log of the density, or of the probability, at a value: of shape batch_shape."""
        raise self._lacks("log_prob")

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of a draw that is at most `value`."""
        raise self._lacks("cdf")

    def icdf(self, value: Tensor) -> Tensor:
        """Where the cdf has this value, a probability."""
        raise self._lacks("icdf")

    def entropy(self) -> Tensor:
        """H = -E[log p(x)], in nats, of shape batch_shape."""
        raise self._lacks("entropy")

    def perplexity(self) -> Tensor:
        """e^H: of as many equal choices the entropy would be the same."""
        return self.entropy().exp()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Every possible draw along a new first axis, for each of the batch (or with sizes 1)."""
        raise self._lacks("enumerate_support")

    @property
    def mean(self) -> Tensor:
        """E[x]."""
        raise self._lacks("mean")

    @property
    def mode(self) -> Tensor:
        """The x whose density or probability is the largest."""
        raise self._lacks("mode")

    @property
    def variance(self) -> Tensor:
        """E[(x - E[x])²]."""
        raise self._lacks("variance")

    @property
    def stddev(self) -> Tensor:
        """The root of the variance."""
        return self.variance.sqrt()

    # what the families use ---------------------------------------------------------------------

    @property
    def _name(self) -> str:
        return type(self).__name__

    def _lacks(self, what: str) -> NotImplementedError:
        return NotImplementedError(f"{self._name} has no {what}")

    def _check_value(self, who: str, value: Any) -> None:
        """Raises where a value cannot be a draw.

        Raises:
            TypeError: it is no Tensor.
            ShapeError: its shape is not that of draws.
            ValueError: it is outside the support.
        """
        if not self._validate_args:
            return
        who = f"{self._name}.{who}"
        if not isinstance(value, Tensor):
            raise TypeError(
                f"{who}: value must be a Tensor, got {value!r}; write minitorch.tensor({value!r})"
            )
        self._check_shape(who, value.shape)
        demand(who, "value", value, self.support, UNCHECKED)

    def _check_shape(self, who: str, shape: tuple[int, ...]) -> None:
        wanted, n = self.batch_shape + self.event_shape, len(self.event_shape)
        if shape[len(shape) - n :] != self.event_shape:
            raise ShapeError(
                f"{who}: value of shape {tuple(shape)}, expected the last axes to be those of one "
                f"draw, {self.event_shape}"
            )
        for i, j in zip(reversed(shape), reversed(wanted)):
            if 1 not in (i, j) and i != j:
                raise ShapeError(
                    f"{who}: value of shape {tuple(shape)} does not broadcast with the batch and "
                    f"event shape {wanted}"
                )

    def __repr__(self) -> str:
        shown = [
            f"{name}: {value.detach().cpu().item() if value.numel() == 1 else tuple(value.shape)}"
            for name in self.arg_constraints
            if (value := vars(self).get(name)) is not None
        ]
        return f"{self._name}({', '.join(shown)})"


class LocScale(Distribution):
    """A family whose members differ in where they are, `loc`, and in how wide, `scale` above 0."""

    has_rsample = True
    arg_constraints: ClassVar = {"loc": real, "scale": positive}

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None):
        self.loc, self.scale = broadcast(self._name, loc=loc, scale=scale)
        super().__init__(self.loc.shape, (), validate_args)

    mean = mode = property(lambda self: self.loc)
