"""A model as a pure function: state goes in as an argument, and comes out as a result.

    y = functional_call(model, state, x)     # with these parameters and buffers, not its own
    step = value_and_grad(model, loss)       # step(x, t): prediction, loss, new state, gradients
    predict = evaluation(model)              # predict(x): the prediction alone

The model itself is the same before and after: its parameters, gradients and running statistics.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from minitorch.autograd import grad
from minitorch.modes import enable_grad, no_grad
from minitorch.nn.building import build_before, is_open
from minitorch.ops.join import stack
from minitorch.ops.shape import reshape
from minitorch.ops.softmax import softmax as softmax_of
from minitorch.tensor import LEAF, ShapeError, Tensor
from minitorch.transforms.run import detached


def functional_call(
    module: Any,
    params_and_buffers: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]],
    args: Any = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    strict: bool = False,
) -> Any:
    """Calls the module with other parameters and buffers than its own.

    Gradients go to the Tensors that are given, so `minitorch.func.grad` and its kin apply:

    >>> import minitorch
    >>> from minitorch import nn
    >>> model = nn.Linear(2, 1, bias=False)
    >>> f = lambda w: nn.functional_call(model, {"weight": w}, minitorch.ones(1, 2)).sum()
    >>> minitorch.func.grad(f)(minitorch.zeros(1, 2))
    tensor([[1., 1.]])

    Args:
        module: whose forward is called.
        params_and_buffers: by path, in one dict or a tuple of several; what is not named stays the
            module's own. Buffers that forward moves (running statistics) are moved in place, in
            the Tensors that are given here.
        args: the positional arguments, a tuple; one that is no tuple is the only one.
        kwargs: the arguments by name.
        strict: every parameter and buffer has to be given.

    Raises:
        KeyError: a path that the module does not have, or, with `strict`, one that is not given.
        TypeError: something other than a Tensor.
        ValueError: a Tensor of another shape than the module's own, or two for one path or for what
            is tied.
    """
    given = args if isinstance(args, tuple) else (args,)
    state = _one_dict(params_and_buffers)
    if strict:
        _refuse_absent(module, state)
    with _swapped(module, state):
        return module(*given, **(kwargs or {}))


def stack_module_state(models: Sequence[Any]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """(parameters, buffers) of several models of one kind, by path, on a new first axis.

    With them an ensemble is one call: `vmap` runs the first model with each one's numbers.

    >>> import minitorch
    >>> from minitorch import func, nn
    >>> models = [nn.Linear(2, 1) for _ in range(5)]
    >>> parameters, buffers = stack_module_state(models)
    >>> parameters["weight"].shape
    (5, 1, 2)
    >>> call = lambda p, b, x: nn.functional_call(models[0], (p, b), x)
    >>> func.vmap(call, in_dims=(0, 0, None))(parameters, buffers, minitorch.ones(3, 2)).shape
    (5, 3, 1)

    The stacks are new leaves, not the models' own numbers: train the one, and the others stay.

    Raises:
        RuntimeError: no models, or models of different classes or modes.
        ValueError: models whose parameters or buffers differ in name or shape.
    """
    models = list(models)
    if not models:
        raise RuntimeError("stack_module_state: expected at least one model, got none")
    kinds = {(type(model).__name__, model.training) for model in models}
    if len(kinds) > 1:
        met = ", ".join(
            f"{kind} {'training' if on else 'evaluating'}" for kind, on in sorted(kinds)
        )
        raise RuntimeError(
            f"stack_module_state: expected models of one class, all in one mode, got {met}"
        )
    parameters = _stacked([dict(model.named_parameters()) for model in models])
    for name, p in models[0].named_parameters():
        parameters[name].requires_grad_(p.requires_grad)
    return parameters, _stacked([dict(model.named_buffers()) for model in models])


def _stacked(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors of each name as one, checked."""
    shapes = [{name: x.shape for name, x in state.items()} for state in states]
    for i, other in enumerate(shapes):
        for name in [*shapes[0], *other]:
            if shapes[0].get(name) != other.get(name):
                raise ShapeError(
                    f"stack_module_state: {name!r} has shape {shapes[0].get(name)} in the first "
                    f"model and {other.get(name)} in models[{i}]; expected the same in all"
                )
    with no_grad():
        return {name: stack([state[name] for state in states]) for name in shapes[0]}


def _one_dict(given: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors by path, from one dict or several."""
    state: dict[str, Tensor] = {}
    for part in (given,) if isinstance(given, Mapping) else given:
        if not isinstance(part, Mapping):
            raise TypeError(
                "functional_call: params_and_buffers must be a dict or a tuple of dicts, got a "
                f"{type(part).__name__} in it"
            )
        for path, value in part.items():
            if path in state:
                raise ValueError(f"functional_call: {path!r} is given in two of the dicts")
            state[path] = value
    return state


def _refuse_absent(module: Any, state: Mapping[str, Tensor]) -> None:
    held = [*module.named_parameters(), *module.named_buffers()]
    absent = [path for path, _ in held if path not in state]
    if absent:
        raise KeyError(f"functional_call: strict=True, and {', '.join(absent)} is not given")


@contextmanager
def _swapped(module: Any, state: Mapping[str, Tensor]) -> Iterator[None]:
    """The module's own tensors stand for the given ones, array and node, until the end."""
    held = dict(module.named_parameters(remove_duplicate=False))
    held.update(module.named_buffers(remove_duplicate=False))
    first: dict[int, str] = {}
    for path, value in state.items():
        if path not in held:
            known = ", ".join(held)
            raise KeyError(
                f"functional_call: {type(module).__name__} has no {path!r}; it has {known}"
            )
        if not isinstance(value, Tensor):
            raise TypeError(f"functional_call: {path} must be a Tensor, got {type(value).__name__}")
        if value.shape != held[path].shape:
            raise ShapeError(
                f"functional_call: {path} has shape {value.shape}, expected {held[path].shape}"
            )
        other = first.setdefault(id(held[path]), path)
        if state[other] is not value:
            raise ValueError(
                f"functional_call: {other} and {path} are tied in {type(module).__name__}, and two "
                "Tensors are given for them; give one, under either name"
            )
    before = [(tensor, tensor.array, tensor.node) for tensor in [held[path] for path in state]]
    try:
        for path, value in state.items():
            # a leaf is known by its object, so it enters by a view of it, which has a node
            source = reshape(value, value.shape) if value.node is LEAF else value
            held[path].array, held[path].node = source.array, source.node
        yield
    finally:
        for tensor, array, node in before:
            tensor.array, tensor.node = array, node


@dataclass(frozen=True)
class Step:
    """What one call of a compiled training function gives.

    Attributes:
        pred: what the model returned.
        loss: what the loss function made of it.
        state: the buffers after the call, by path: running statistics that have moved.
        grads: dL/dp of every parameter that requires grad, by path.
    """

    pred: Any
    loss: Tensor
    state: dict[str, Tensor]
    grads: dict[str, Tensor]

    def named(self) -> dict[str, Any]:
        """All of it in one dict, in this order; the gradient of `w` is called `w_grad`."""
        by_name = {f"{path}_grad": g for path, g in self.grads.items()}
        return {"pred": self.pred, "loss": self.loss, **self.state, **by_name}


def value_and_grad(model: Any, loss: Callable[..., Tensor]) -> Callable[..., Step]:
    """A function of a batch that gives prediction, loss, new state and gradients, and keeps none.

    Args:
        model: called with the first argument, or, where that is a tuple, with all in it.
        loss: called as `loss(pred, *targets)`; it returns one number.

    Returns:
        `step(x, *targets) -> Step`. Write its state back with `model.load_state_dict(step.state,
        strict=False)`, and hand its gradients to an optimizer.

    >>> import minitorch
    >>> from minitorch import nn
    >>> step = nn.value_and_grad(nn.Linear(3, 1), nn.functional.mse_loss)
    >>> list(step(minitorch.ones(4, 3), minitorch.zeros(4, 1)).named())
    ['pred', 'loss', 'weight_grad', 'bias_grad']
    """

    def step(x: Any, *targets: Any) -> Step:
        if is_open(model):
            build_before(model, x if isinstance(x, tuple) else (x,), {})
        state = {path: buffer.clone() for path, buffer in model.named_buffers()}
        with enable_grad():
            pred = functional_call(model, state, x)
            value = loss(pred, *targets)
        names, parameters = _trainable(model)
        found = grad(value, parameters, allow_unused=True)
        grads = {name: g for name, g in zip(names, found) if g is not None}
        return Step(detached(pred), value.detach(), state, grads)

    return step


def _trainable(model: Any) -> tuple[Sequence[str], Sequence[Tensor]]:
    pairs = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    return [name for name, _ in pairs], [p for _, p in pairs]


def evaluation(model: Any, softmax: bool = False) -> Callable[..., Any]:
    """A function of a batch that gives the prediction in evaluation mode, without a tape.

    Args:
        model: back in the mode it was in after each call.
        softmax: turn the scores on the last axis into probabilities.

    >>> import minitorch
    >>> from minitorch import nn
    >>> p = nn.evaluation(nn.Linear(3, 4), softmax=True)(minitorch.ones(1, 3))
    >>> round(p.sum().item(), 4)
    1.0
    """

    def predict(*args: Any, **kwargs: Any) -> Any:
        with evaluating(model), no_grad():
            y = model(*args, **kwargs)
            return softmax_of(y, -1) if softmax else y

    return predict


@contextmanager
def evaluating(model: Any) -> Iterator[Any]:
    """Evaluation mode inside the block; afterwards every module is in the mode it was in."""
    before = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield model
    finally:
        for module, training in before:
            module.__dict__["training"] = training
