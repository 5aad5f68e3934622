"""An optimizer moves parameters against their gradients; this is what all of them share.

A rule is one method, `update`, that writes the parameter in place:

    class SignSGD(Optimizer):
        def __init__(self, params, lr=0.01):
            super().__init__(params, {"lr": lr})

        def update(self, p, g, state, group):
            p -= group["lr"] * np.sign(g)

`p` and `g` are arrays (NumPy's, or CuPy's on a GPU), so nothing of it is recorded on the tape.
Everything else is done for it: parameter groups, the check that a step can be made at all before
anything is written, and, in files of their own, what a step writes (`moving.py`), the state and its
names, saving and loading (`saving.py`). A class that defines `step` itself, as it would for torch,
finds the same `param_groups` and `state`, and does its own checks.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from minitorch.array import Array
from minitorch.modes import enable_grad
from minitorch.optim import saving
from minitorch.optim.checking import check_gradient
from minitorch.optim.groups import (
    Group,
    as_groups,
    check_distinct,
    check_names,
    check_option,
    is_model,
    named,
    named_tensors,
)
from minitorch.optim.hooks import Hooked, hooked
from minitorch.optim.moving import Move, State, move_all
from minitorch.quiet import quiet
from minitorch.tensor import Tensor, make
from minitorch.traced import one_call
from minitorch.words import np


class Optimizer(Hooked):
    """The base class. A subclass passes its options on and defines `update`.

    Args:
        params: a model, or a collection of tensors, of (name, tensor) pairs, or of group dicts with
            options of their own: `[{"params": body, "lr": 1e-4}, {"params": head}]`.
        defaults: the options of groups that do not set them.

    Attributes:
        param_groups: the groups, each a dict with "params", "names" and the options; setting an
            option checks it.
        state: for each tensor that was moved, what its rule remembers, by name.
        stepped: has `step` moved anything yet? A `step` of a subclass's own need not say.
        check_finite: look for nan and inf in the gradients before a step? None, the default, looks
            where that costs little (on the CPU) and not where it would wait for a GPU.

    Names are paths in the model ("layers.0.weight"), those of the pairs, or "0", "1", ... for bare
    tensors. State is saved under them, so that another order of the parameters cannot swap it.

    Built from a model, an optimizer notices when a parameter of the model was replaced: it compares
    at its first step, and again whenever one of its tensors has no gradient or was zeroed.

    Raises:
        TypeError: `params` holds something else than tensors; an option has the wrong type.
        ValueError: no parameters, one twice, one that is computed or needs no gradient; an option
            out of range.
        RuntimeError: a parameter has no shape yet.
    """

    # May `update` be given any block of elements, and several at once? (see minitorch.optim.blocks)
    elementwise = False
    check_finite: bool | None = None

    def __init__(self, params: Any, defaults: dict[str, Any]):
        self.defaults = dict(defaults)
        self.param_groups: list[Group] = []
        self.state: State = defaultdict(dict)
        self.stepped = False
        self._model = params if is_model(params) else None
        self._compare = True  # is it time to compare the model's tensors with ours?
        self._add([{**group} for group in self._dicts(params)])

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "step" in vars(cls):  # what it reads (a rate, a count) changes between steps
            cls.step = one_call(hooked(cls.step))  # type: ignore[method-assign]

    # what a subclass says -------------------------------------------------------------------------

    def update(self, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Moves one parameter: writes into `p` (`p -= ...`), and into `state`.

        Args:
            p: the parameter's array.
            g: its gradient; not to be written.
            state: what is remembered between steps: "step", which is 1 at the first, the arrays
                that `buffers` names, and whatever the rule adds (unless `elementwise`).
            group: the options.
        """
        raise NotImplementedError(f"{self._who} has no rule: define update(p, g, state, group)")

    def buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The names of the arrays, each like the parameter, that the rule keeps in its state."""
        return ()

    def new_buffer(self, name: str, p: Array, group: dict[str, Any]) -> Array:
        """What a buffer holds before the first step: zeros."""
        return np.zeros_like(p, order="C")

    def count(self, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Counts a step, in the numbers that are kept of one parameter."""
        state["step"] = state.get("step", 0) + 1

    @classmethod
    def check(cls, group: dict[str, Any]) -> None:
        """Raises unless the options of a group are in range and fit together."""
        for name, value in group.items():
            check_option(cls.__name__, name, value)

    def check_parameter(self, name: str, p: Tensor) -> None:
        """Raises when this rule cannot move such a parameter; every tensor will do."""

    @property
    def counts_steps(self) -> bool:
        """Is `step` the one below, which counts, and not a subclass's own?"""
        return type(self).step is Optimizer.step

    @property
    def kind(self) -> str:
        """Whose state fits here: the class's name."""
        return type(self).__name__

    @property
    def _who(self) -> str:
        return type(self).__name__

    # groups ---------------------------------------------------------------------------------------

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds a group: {"params": ..., and the options that differ from the defaults}."""
        self._add(self._dicts([param_group]))

    def _dicts(self, params: Any) -> list[dict[str, Any]]:
        dicts = as_groups(self._who, params)
        for group in dicts:
            if not isinstance(group, dict) or "params" not in group:
                raise TypeError(
                    f"{self._who}: a group is a dict with the key 'params', got {group!r:.60}"
                )
        return dicts

    def _add(self, dicts: list[dict[str, Any]]) -> None:
        """Adds groups, after checking all of them."""
        groups = list(self.param_groups)
        for given in dicts:
            check_names(self._who, given, self.defaults)
            first = sum(len(group["params"]) for group in groups)
            names, tensors = named_tensors(self._who, given["params"], first)
            for name, p in zip(names, tensors, strict=True):
                self.check_parameter(name, p)
            options = {**self.defaults, **given, "params": tensors, "names": names}
            groups.append(Group(self.check, options))
        check_distinct(self._who, groups)
        self.param_groups = groups

    @property
    def lr(self) -> Any:
        """The learning rate; a list, one for each group, where groups differ.

        Setting it sets that of every group, from one number or from a list.
        """
        rates = [group["lr"] for group in self.param_groups]
        return rates[0] if all(rate == rates[0] for rate in rates) else rates

    @lr.setter
    def lr(self, value: Any) -> None:
        many = isinstance(value, (list, tuple))
        rates = list(value) if many else [value] * len(self.param_groups)
        if len(rates) != len(self.param_groups):
            raise ValueError(
                f"{self._who}: lr got {len(rates)} numbers for {len(self.param_groups)} groups"
            )
        for group, rate in zip(self.param_groups, rates):
            self.check({**group, "lr": rate})
        for group, rate in zip(self.param_groups, rates):
            group["lr"] = rate

    # a step ---------------------------------------------------------------------------------------

    @one_call
    @hooked
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Moves every parameter that has a gradient; the others stay, without weight decay.

        Everything is checked first: when a step raises one of the errors below, no parameter and no
        state has changed. Only an interrupt in the middle of the writing leaves a part moved;
        training loops keep interrupts until a step is over.

        Args:
            closure: computes the loss and its gradients anew, for loops that leave that to the
                optimizer.

        Returns:
            What `closure` returned, or None.

        Raises:
            RuntimeError: no parameter has a gradient; a gradient holds nan or inf; a gradient does
                not fit its parameter; a parameter of the model was replaced, or cannot be written.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        plans = [(group, quiet.run(self._moves, group)) for group in self.param_groups]
        if self._model is not None and self._compare:
            self._check_held()
        self._compare = False
        if not any(moves for _, moves in plans):
            raise RuntimeError(
                f"{self._who}.step: no parameter has a gradient; call loss.backward() first, and "
                "zero_grad() before it, not after"
            )
        move_all(self, plans, self.state)
        self.stepped = True
        return loss

    def _moves(self, group: Group) -> list[Move]:
        """The parameters of a group that have a gradient, each checked."""
        moves = []
        for name, p in zip(group["names"], group["params"], strict=True):
            g = p.grad
            if g is None:
                self._compare = True
            elif p.node is not None:  # a frozen parameter stays, whatever gradient it has left
                check_gradient(self._who, name, p.array, g.array, self.check_finite)
                moves.append(Move(name, p, g.array))
        return moves

    def _check_held(self) -> None:
        """Raises when the model has a parameter that is not ours."""
        held = {id(p) for _, p in named(self.param_groups)}
        for name, p in self._model.named_parameters():  # type: ignore[union-attr]
            if id(p) not in held and p.requires_grad:
                raise RuntimeError(
                    f'{self._who}.step: "{name}" is not the tensor this optimizer holds; it was '
                    "replaced or added after the optimizer was built, and would not be trained. "
                    "Build the optimizer last, or write into the parameter: p.copy_(values)"
                )

    def functional_step(
        self,
        params: Mapping[str, Tensor],
        grads: Mapping[str, Tensor | None],
        state: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> tuple[dict[str, Tensor], dict[str, dict[str, Any]]]:
        """The same step as a function: new parameters and new state, and nothing else changes.

        Args:
            params: tensors by the names this optimizer knows.
            grads: their gradients; a parameter without one comes back as it is.
            state: what the last call returned; None before the first step.

        Returns:
            (params, state), to be passed to the next call.
        """
        known = {name for name, _ in named(self.param_groups)}
        if strange := sorted({*params, *grads} - known):
            raise ValueError(f"{self._who}.functional_step: no parameter is named {strange[0]!r}")
        new = {name: make(p.array.copy()) for name, p in params.items()}
        kept = {new[name]: saving.copied(values) for name, values in (state or {}).items()}
        plans = []
        for group in self.param_groups:
            moves = []
            for name in group["names"]:
                if name in new and (g := grads.get(name)) is not None:
                    p = new[name].array
                    quiet.run(check_gradient, self._who, name, p, g.array, self.check_finite)
                    moves.append(Move(name, new[name], g.array))
            plans.append((group, moves))
        move_all(self, plans, kept)
        return new, {name: kept[p] for name, p in new.items() if p in kept}

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forgets the gradients, so that the next backward starts anew.

        Until then they add up: k backwards of loss / k, over k small batches, and one step do what
        one large batch would.

        Args:
            set_to_none: False makes them zeros, which a step then still applies: momentum and
                weight decay go on.
        """
        for _, p in named(self.param_groups):
            if set_to_none or p.grad is None:
                p.grad = None
            else:
                p.grad = make(np.zeros_like(p.array))
        self._compare = self._compare or not set_to_none

    # saving ---------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Options and state, by the parameters' names; the tensors are copies.

        {"class": "Adam", "groups": [{"lr": 0.001, ..., "names": [...]}],
         "state": {"layers.0.weight": {"exp_avg": Tensor, ..., "step": 3}}}
        """
        for hook in self._hooks_of("state_dict_pre"):
            hook(self)
        return self._passed("state_dict_post", saving.state_dict(self))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what `state_dict` gave: options, state and step counts. All of it or nothing.

        Raises:
            CheckpointError: it is of another class, of other groups, names or shapes; the message
                lists everything that does not fit.
        """
        if self._hooks_of("load_pre"):
            state_dict = self._passed("load_pre", dict(state_dict))
        saving.load_state_dict(self, state_dict)
        for hook in self._hooks_of("load_post"):
            hook(self)

    def __repr__(self) -> str:
        lines = [self._described(group) for group in self.param_groups]
        if len(lines) == 1:
            return f"{self._who}({lines[0]})"
        sizes = [len(group["params"]) for group in self.param_groups]
        text = "".join(
            f"\n    group {i} of {n}: {line or 'defaults'}"
            for i, (n, line) in enumerate(zip(sizes, lines))
        )
        return f"{self._who}({text}\n)"

    def _described(self, group: Group) -> str:
        """The options that are not the class's defaults."""
        usual = inspect.signature(type(self)).parameters
        return ", ".join(
            f"{name}={value!r}"
            for name, value in group.options.items()
            if name in usual and value != usual[name].default
        )
