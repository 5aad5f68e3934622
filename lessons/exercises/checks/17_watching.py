"""Checks of the exercises of lesson 17, and wrong answers that they must find."""

import math

import numpy as np

import minitorch
from minitorch import nn


def hooks_left(model):
    return [path for path, module in model.named_modules() if module.has_hooks]


def network():
    minitorch.manual_seed(0)
    inner = nn.Sequential(nn.Linear(3, 5), nn.ReLU())
    return nn.Sequential({"first": nn.Linear(4, 3), "bend": nn.ReLU(), "inner": inner})


def check_means_of(function):
    model, x = network(), minitorch.randn(6, 4)
    first = minitorch.relu(model.first(x))
    wanted = {"bend": first.mean().item(), "inner.1": model.inner(first).mean().item()}
    said = function(model, x)
    assert sorted(said) == sorted(wanted), (
        f"the paths are {sorted(said)}, expected {list(wanted)}; if one is missing: a hook that is "
        "made in a loop reads the loop's variable when it is called, which is after the loop"
    )
    for path, mean in wanted.items():
        assert not isinstance(said[path], minitorch.Tensor), (
            f"{path}: a Tensor keeps its tape, and all that is on it; .item() gives the number"
        )
        assert math.isclose(said[path], mean, rel_tol=1e-5), (
            f"{path}: the mean is {said[path]:.4f}, expected {mean:.4f}; does each hook know its "
            "own path?"
        )
    left = hooks_left(model)
    assert not left, f"hooks were left behind on {', '.join(left)}; call handle.remove()"
    try:
        function(model, minitorch.randn(6, 7))
    except Exception:  # it does not fit the first layer
        left = hooks_left(model)
    else:
        raise AssertionError("x with 7 columns does not fit; the error must come through")
    assert not left, f"after an error hooks are left on {', '.join(left)}; use try ... finally"


def check_dead_share(function):
    y = np.array([[0.0, 1, 0], [0, 0, 2]])
    assert math.isclose(function(y), 1 / 3), (
        f"[[0, 1, 0], [0, 0, 2]] gives {function(y)}, expected 1/3: only the first column is 0 in "
        "all rows"
    )
    images = np.zeros((2, 4, 3, 3))
    images[1, 0, 2, 2] = 1.0
    images[0, 2] = -1.0
    assert math.isclose(function(images), 0.5), (
        f"of 4 channels, one has a single 1 and one is -1: {function(images)} are dead, expected "
        "1/2"
    )
    assert function(np.ones((2, 2))) == 0, "where nothing is 0, nothing is dead"
    assert function(np.zeros((2, 2))) == 1, "where all is 0, all is dead"
    balanced = np.array([[1.0], [-1.0]])
    assert function(balanced) == 0, "values that cancel in a sum are not dead"


def check_update_to_data(function):
    said = function(np.array([3.0, 4.0]), np.array([3.0, 5.0]))
    assert math.isclose(said, 0.2), f"[3, 4], then [3, 5]: got {said}, expected 1/5"
    before = np.full((2, 3), 2.0)
    said = function(before, before + 0.5)
    assert math.isclose(said, 0.25), (
        f"2 everywhere, then 2.5: got {said}, expected 1/4; a deviation would be 0 here, the root "
        "mean square is not"
    )
    said = function(np.zeros(3), np.ones(3))
    assert math.isnan(said), f"a parameter that was 0: got {said}, expected nan"


def check_histogram_over_time(function):
    values = [np.array([[0.1, 0.9]]), np.array([0.2, 5.0])]
    said = np.asarray(function(values, 2, 0.0, 1.0))
    assert said.shape == (2, 2), f"2 bins and 2 steps: got shape {said.shape}"
    assert said.tolist() == [[1, 1], [1, 0]], (
        f"got {said.tolist()}, expected [[1, 1], [1, 0]]; a row is a bin, a column a step, and the "
        "borders are the same for all steps"
    )
    values = [np.linspace(-3, 3, 7), np.zeros(4), np.full(2, 2.0)]
    said = np.asarray(function(values, 4, -2.0, 2.0))
    wanted = np.array([np.histogram(v, 4, (-2, 2))[0] for v in values]).T
    assert said.tolist() == wanted.tolist(), f"got {said.tolist()}, expected {wanted.tolist()}"


# wrong answers ----------------------------------------------------------------------------------


def leaves_hooks(model, x):
    means = {}
    for path, module in model.named_modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_hook(
                lambda m, args, y, path=path: means.update({path: y.mean().item()})
            )
    model(x)
    return means


def leaves_hooks_after_an_error(model, x):
    means, handles = {}, []
    for path, module in model.named_modules():
        if isinstance(module, nn.ReLU):
            hook = lambda m, args, y, path=path: means.update({path: y.mean().item()})
            handles.append(module.register_forward_hook(hook))
    model(x)
    for handle in handles:
        handle.remove()
    return means


def with_hooks(hook_of, kinds=nn.ReLU):
    def function(model, x):
        means, handles = {}, []
        try:
            for path, module in model.named_modules():
                if isinstance(module, kinds):
                    handles.append(module.register_forward_hook(hook_of(means, path)))
            model(x)
        finally:
            for handle in handles:
                handle.remove()
        return means

    return function


def hears_the_input(means, path):
    return lambda m, args, y: means.update({path: args[0].mean().item()})


def keeps_tensors(means, path):
    return lambda m, args, y: means.update({path: y.mean()})


def right(means, path):
    return lambda m, args, y: means.update({path: y.mean().item()})


WRONG = {
    "means_of": [
        leaves_hooks,
        leaves_hooks_after_an_error,
        with_hooks(hears_the_input),
        with_hooks(keeps_tensors),
        with_hooks(right, (nn.ReLU, nn.Linear)),
    ],
    "dead_share": [
        lambda y: float((y == 0).mean()),
        lambda y: float((y == 0).all(axis=0).mean()),
        lambda y: float((y.reshape(len(y), -1) == 0).all(axis=1).mean()),
        lambda y: float((y.sum(axis=tuple(i for i in range(y.ndim) if i != 1)) == 0).mean()),
        lambda y: float((y <= 0).all(axis=tuple(i for i in range(y.ndim) if i != 1)).mean()),
    ],
    "update_to_data": [
        lambda before, after: float((after - before).std() / before.std()),
        lambda before, after: float(np.linalg.norm(after - before) / np.linalg.norm(after)),
        lambda before, after: float(np.abs(after - before).mean() / np.abs(before).mean()),
        lambda before, after: float(((after - before) ** 2).mean() / (before**2).mean()),
    ],
    "histogram_over_time": [
        lambda values, bins, low, high: np.array(
            [np.histogram(v, bins, (low, high))[0] for v in values]
        ),
        lambda values, bins, low, high: np.array([np.histogram(v, bins)[0] for v in values]).T,
        lambda values, bins, low, high: (
            np.array([np.histogram(v.clip(low, high), bins, (low, high))[0] for v in values]).T
        ),
    ],
}
