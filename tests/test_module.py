"""Modules: what they hold is found, named, moved and shown."""

from __future__ import annotations

import contextlib
import copy
import gc
import pickle
import time
import weakref
from typing import Any

import numpy as np
import pytest

import minitorch
from minitorch import nn


class MLP(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(4, 8)
        self.out = nn.Linear(8, 2)

    def forward(self, x: Any) -> Any:
        return self.out(self.hidden(x).relu())


class Nested(nn.Module):
    """Members of every kind, and no super().__init__()."""

    def __init__(self) -> None:
        self.scale = nn.Parameter(minitorch.ones(1))
        self.layers = [nn.Linear(2, 2), {"a": nn.Linear(2, 3), "b": (nn.Linear(3, 1),)}]
        self.register_buffer("count", minitorch.zeros(1))
        self.register_buffer("cache", minitorch.zeros(1), persistent=False)
        self.constant = minitorch.rand(2, 2)
        self.plain = [1, "two", None]


PATHS = [
    "scale",
    "layers.0.weight",
    "layers.0.bias",
    "layers.1.a.weight",
    "layers.1.a.bias",
    "layers.1.b.0.weight",
    "layers.1.b.0.bias",
]


# what a module holds --------------------------------------------------------------------------


def test_members_are_found_in_attributes_lists_tuples_and_dicts_in_order():
    model = Nested()
    assert [path for path, _ in model.named_parameters()] == PATHS
    assert [path for path, _ in model.named_buffers()] == ["count", "cache"]
    assert [path for path, _ in model.named_children()] == [
        "layers.0",
        "layers.1.a",
        "layers.1.b.0",
    ]
    assert [path for path, _ in model.named_modules()] == [
        "",
        "layers.0",
        "layers.1.a",
        "layers.1.b.0",
    ]
    assert all(p.requires_grad for p in model.parameters())  # A23


def test_a_list_changed_later_is_walked_as_it_is_now():
    model = Nested()
    model.layers.append(nn.Linear(1, 1))
    assert "layers.2.weight" in dict(model.named_parameters())
    del model.layers[0]
    assert "layers.0.a.weight" in dict(model.named_parameters())


def test_a_prefix_and_recurse():
    model = Nested()
    assert next(iter(dict(model.named_parameters("net")))) == "net.scale"
    assert [path for path, _ in model.named_parameters(recurse=False)] == ["scale"]
    assert dict(model.named_modules(prefix="net")).keys() >= {"net", "net.layers.0"}


def test_a_shared_layer_is_listed_once_and_its_gradient_sums_over_both_uses():
    """E17, P20."""
    model = MLP()
    model.hidden = nn.Linear(4, 4)
    model.out = model.hidden
    assert len(list(model.parameters())) == 2
    assert len(list(model.modules())) == 2
    assert len(list(model.named_parameters(remove_duplicate=False))) == 4
    x = minitorch.ones(1, 4)
    model.hidden.bias.data = minitorch.zeros(4)
    model.hidden.weight.data = minitorch.full((4, 4), 0.5)
    model(x).sum().backward()
    # y = W relu(W x): dL/dW = 1 hᵀ + (Wᵀ 1) xᵀ, with h = 2 and Wᵀ 1 = 2
    np.testing.assert_allclose(model.hidden.weight.grad.numpy(), np.full((4, 4), 4.0))


def test_get_by_path():
    model = Nested()
    assert model.get_submodule("") is model
    assert model.get_submodule("layers.1.a") is model.layers[1]["a"]
    assert model.get_parameter("layers.0.bias") is model.layers[0].bias
    assert model.get_buffer("count") is model.count
    with pytest.raises(AttributeError, match=r"has no buffer 'layers\.0\.bias'"):
        model.get_buffer("layers.0.bias")
    with pytest.raises(AttributeError, match="has no attribute ''"):
        getattr(model, "")
    with pytest.raises(AttributeError, match=r"no parameter 'layers.0.wieght'; did you mean"):
        model.get_parameter("layers.0.wieght")
    with pytest.raises(AttributeError, match="no module 'count'"):
        model.get_submodule("count")


def test_two_instances_share_no_memory():
    """A22."""
    for a in MLP().parameters():
        for b in MLP().parameters():
            assert not np.shares_memory(a.array, b.array)


# attributes -----------------------------------------------------------------------------------


def test_a_misspelt_attribute_is_an_attribute_error_that_names_the_nearest():
    with pytest.raises(AttributeError, match="MLP has no attribute 'hiden'; did you mean 'hidden'"):
        MLP().hiden  # noqa: B018 - the access is the test


def test_a_tensor_in_place_of_a_parameter_is_refused():
    model = MLP()
    with pytest.raises(TypeError, match=r"Linear.weight is a parameter.*nn.Parameter\(value\)"):
        model.hidden.weight = minitorch.zeros(8, 4)
    assert isinstance(model.hidden.weight, nn.Parameter)
    model.hidden.weight = nn.Parameter(minitorch.zeros(8, 4))
    model.hidden.bias = None
    assert len(list(model.parameters())) == 3


def test_a_buffer_stays_a_buffer_and_takes_only_tensors():
    model = Nested()
    model.count = minitorch.ones(1)
    assert dict(model.named_buffers())["count"].item() == 1
    with pytest.raises(TypeError, match="count is a buffer: expected a Tensor or None, got list"):
        model.count = [1]
    del model.count
    assert "count" not in dict(model.named_buffers())


def test_registering_checks_name_and_kind():
    model = MLP()
    model.register_parameter("scale", nn.Parameter(minitorch.ones(1)))
    model.register_module("extra", nn.Linear(1, 1))
    model.register_parameter("none", None)
    assert model.scale is model.get_parameter("scale")
    assert "extra.weight" in dict(model.named_parameters())
    for name in ("a.b", "", "2"):
        with pytest.raises(ValueError, match="no name for an attribute"):
            model.register_buffer(name, minitorch.zeros(1))
    with pytest.raises(KeyError, match="'forward' is the name of a method"):
        model.register_module("forward", nn.Linear(1, 1))
    with pytest.raises(TypeError, match=r"must be an nn.Parameter or None, got Tensor"):
        model.register_parameter("w", minitorch.zeros(1))
    with pytest.raises(TypeError, match="must be a Tensor or None, got int"):
        model.register_buffer("b", 3)
    with pytest.raises(TypeError, match="must be a Module or None, got int"):
        model.register_module("m", 3)


def test_a_module_cannot_hold_itself():
    """H074."""
    model = MLP()
    with pytest.raises(ValueError, match=r"MLP.me: a module cannot hold itself.*as me"):
        model.me = model
    outer = nn.Sequential(nn.Sequential(model))
    with pytest.raises(ValueError, match=r"as outer.0.0.0"):
        model.outer = [outer]
    assert "outer" not in vars(model)
    model.train()  # no recursion


def test_modules_in_a_set_are_refused():
    model = MLP()
    with pytest.raises(TypeError, match="a set has no order"):
        model.layers = {nn.Linear(1, 1)}


def test_a_module_without_forward_says_so():
    """H073."""

    class Empty(nn.Module):
        pass

    with pytest.raises(NotImplementedError, match="Empty has no forward; define forward"):
        Empty()(1)


def test_a_constant_is_neither_trained_nor_saved():
    """E14."""
    model = Nested()
    assert "constant" not in model.state_dict()
    assert model.constant.grad is None
    assert not model.constant.requires_grad


# parameters -----------------------------------------------------------------------------------


def test_a_parameter_shares_the_memory_of_its_tensor():
    x = minitorch.zeros(3)
    p = nn.Parameter(x)
    assert p.array is x.array
    assert p.is_leaf
    assert p.requires_grad
    assert not nn.Parameter(x, requires_grad=False).requires_grad
    assert isinstance(p * 2, minitorch.Tensor)
    assert not isinstance(p * 2, nn.Parameter)
    with pytest.raises(TypeError, match=r"2.0 instead of 2"):
        nn.Parameter([1, 2])


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_of_a_model_stand_apart_and_keep_ties(copied: Any):
    model = MLP()
    model.tied = model.hidden
    twin = copied(model)
    assert isinstance(twin.hidden.weight, nn.Parameter)
    assert twin.tied is twin.hidden
    assert twin.hidden.weight is not model.hidden.weight
    x = minitorch.randn(3, 4)
    assert minitorch.equal(twin(x), model(x))
    with minitorch.no_grad():
        twin.hidden.weight.zero_()
    assert not minitorch.equal(twin(x), model(x))


# modes ----------------------------------------------------------------------------------------


def test_train_and_eval_reach_every_module():
    """G31."""
    model = nn.Sequential(Nested(), MLP())
    assert model.eval() is model
    assert [m.training for m in model.modules()] == [False] * len(list(model.modules()))
    model.train()
    assert all(m.training for m in model.modules())
    with pytest.raises(ValueError, match="mode must be True or False, got 'yes'"):
        model.train("yes")


def test_apply_goes_children_first():
    seen: list[str] = []
    model = nn.Sequential(MLP())
    assert model.apply(lambda m: seen.append(type(m).__name__)) is model
    assert seen == ["Linear", "Linear", "MLP", "Sequential"]


def test_freezing_stops_gradients():
    """G33."""
    model = MLP()
    model.hidden.requires_grad_(False)
    model(minitorch.randn(2, 4)).sum().backward()
    assert model.hidden.weight.grad is None
    assert model.out.weight.grad is not None


def test_zero_grad_to_none_or_to_zeros():
    model = MLP()
    model(minitorch.randn(2, 4)).sum().backward()
    model.zero_grad(set_to_none=False)
    assert float(model.out.bias.grad.abs().sum()) == 0
    model.zero_grad()
    assert model.out.bias.grad is None


# moving ---------------------------------------------------------------------------------------


def test_to_changes_dtypes_and_keeps_the_objects():
    model = Nested()
    model.register_buffer("steps", minitorch.tensor(3))
    before = list(model.parameters())
    before[0].grad = minitorch.ones(1)
    assert model.double() is model
    assert all(a is b for a, b in zip(before, model.parameters()))
    assert {p.dtype for p in model.parameters()} == {minitorch.float64}
    assert model.count.dtype == minitorch.float64
    assert model.steps.dtype == minitorch.int64
    assert before[0].grad.dtype == minitorch.float64
    assert model.constant.dtype == minitorch.float32  # not a member
    assert model.half().scale.dtype == minitorch.float16
    assert model.type("float64").float().scale.dtype == minitorch.float32
    assert model.to(minitorch.zeros(1, dtype=minitorch.float64)).scale.dtype == minitorch.float64
    with pytest.raises(TypeError, match=r"parameters are floating-point.*int64"):
        model.to(minitorch.int64)


def test_to_a_gpu_and_back(cuda: Any):
    model = MLP()
    x = minitorch.randn(3, 4)
    want = model(x)
    model.cuda()
    assert {str(p.device) for p in model.parameters()} == {"cuda:0"}
    got = model(x.cuda())
    np.testing.assert_allclose(got.cpu().detach().numpy(), want.detach().numpy(), rtol=1e-5)
    got.sum().backward()
    assert str(model.out.bias.grad.device) == "cuda:0"
    model.cpu()
    assert str(model.out.bias.grad.device) == "cpu"
    assert minitorch.equal(model(x), want)


def test_a_model_made_on_meta_is_filled_when_it_is_moved():
    model = nn.Linear(3, 2, device="meta")
    assert model.weight.is_meta
    assert model(minitorch.zeros(5, 3, device="meta")).shape == (5, 2)
    model.to("cpu")
    assert not model.weight.is_meta
    assert float(model.weight.abs().max()) <= 3**-0.5


# text -----------------------------------------------------------------------------------------


def test_repr_is_as_torch_prints_it():
    torch = pytest.importorskip("torch")

    def made(nn: Any) -> Any:
        inner = nn.Sequential(nn.Linear(20, 64), nn.Sequential(nn.Linear(64, 3, bias=False)))
        return nn.Sequential(inner, nn.Linear(3, 1))

    assert repr(made(nn)) == repr(made(torch.nn))
    assert repr(nn.Sequential()) == repr(torch.nn.Sequential())


def test_repr_of_a_model():
    text = (
        "MLP(\n"
        "  (hidden): Linear(in_features=4, out_features=8, bias=True)\n"
        "  (out): Linear(in_features=8, out_features=2, bias=True)\n"
        ")"
    )
    assert repr(MLP()) == text
    assert repr(nn.Identity(3, unused=True)) == "Identity()"


# errors in calls ------------------------------------------------------------------------------


def test_an_error_in_forward_names_the_module_by_its_path():
    """H039, H056."""
    model = nn.Sequential(nn.Linear(4, 4), nn.Sequential(MLP(), nn.Linear(3, 1)))
    with pytest.raises(ValueError, match="linear") as caught:
        model(minitorch.zeros(2, 4))
    notes = [n for n in caught.value.__notes__ if n.startswith("in 1")]
    assert notes == ["in 1.1: Linear(in_features=3, out_features=1, bias=True)"]


def test_an_error_of_the_users_own_is_located_too():
    class Broken(nn.Module):
        def forward(self, x: Any) -> Any:
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine") as caught:
        nn.Sequential(nn.Sequential(Broken()))(1)
    assert caught.value.__notes__ == ["in 0.0: Broken()"]


def test_linear_refuses_what_is_no_size():
    """H058, H059."""
    for bad in (0, -1):
        with pytest.raises(ValueError, match=f"Linear: in_features must be at least 1, got {bad}"):
            nn.Linear(bad, 2)
        with pytest.raises(ValueError, match=f"Linear: out_features must be at least 1, got {bad}"):
            nn.Linear(bad)
    with pytest.raises(TypeError, match=r"Linear: out_features must be an int, got 2.0"):
        nn.Linear(3, 2.0)
    with pytest.raises(TypeError, match="out_features must be an int, got None"):
        nn.Linear()


def test_activation_by_function_module_or_name():
    """B15."""
    x = minitorch.randn(5, 3)
    for activation in (minitorch.relu, "relu", nn.Lambda(minitorch.relu)):
        layer = nn.Linear(3, 2, activation=activation)
        plain = nn.Linear(3, 2)
        plain.load_state_dict(layer.state_dict())
        assert minitorch.equal(layer(x), plain(x).relu())
    with pytest.raises(ValueError, match=r"'rleu' is no function of nn.functional"):
        nn.Linear(2, activation="rleu")
    with pytest.raises(TypeError, match="expected a function or a module, got 3"):
        nn.Linear(2, activation=3)


def test_an_activation_is_shown():
    text = "Linear(in_features=3, out_features=2, bias=True, activation=relu)"
    assert repr(nn.Linear(3, 2, activation="relu")) == text
    assert repr(nn.Conv2d(1, 2, 3, activation=minitorch.tanh)).endswith(", activation=tanh)")
    assert "(activation): PReLU(num_parameters=1)" in repr(nn.Linear(3, 2, activation=nn.PReLU()))


def test_init_functions_of_the_user():
    """D03, D16, D17, D18."""

    def ones(shape: Any, dtype: Any, generator: Any) -> Any:
        return np.ones(shape, dtype)

    layer = nn.Linear(3, 2, weights=ones, biases=lambda *_: minitorch.zeros(2), dtype="float64")
    assert minitorch.equal(layer.weight, minitorch.ones(2, 3, dtype=minitorch.float64))
    assert float(layer.bias.abs().sum()) == 0
    assert layer.bias.dtype == minitorch.float64
    assert nn.Linear(3, 2, biases=None).bias is None
    with pytest.raises(ValueError, match=r"gave shape \(3, 2\), expected \(2, 3\)"):
        nn.Linear(3, 2, weights=lambda shape, *_: np.ones(shape[::-1]))


def test_a_generator_makes_a_layer_independent_of_all_others():
    """D14."""
    stream = lambda: minitorch.Generator().manual_seed(7)
    alone = nn.Linear(3, 2, generator=stream())
    nn.Linear(5, 5)
    assert minitorch.equal(alone.weight, nn.Linear(3, 2, generator=stream()).weight)


def test_bilinear_agrees_with_torch():
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Bilinear(3, 4, 5).double()
    ours = nn.Bilinear(out_features=5).double().build((3,), (4,))
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    a, b = np.random.default_rng(0).standard_normal((2, 6, 4))
    y = ours(minitorch.from_numpy(a[:, :3].copy()), minitorch.from_numpy(b))
    z = theirs(torch.from_numpy(a[:, :3].copy()), torch.from_numpy(b))
    np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), rtol=1e-12)
    assert repr(ours) == repr(theirs)


class Wrapped(nn.Module):
    """Gives away the attributes of what it wraps, in the way that torch's own wrappers do."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.inner, name)


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_a_wrapper_with_a_getattr_of_its_own_can_be_copied(copied: Any):
    model = copied(Wrapped(nn.Linear(2, 3)))
    assert model.out_features == 3
    assert [name for name, _ in model.named_parameters()] == ["inner.weight", "inner.bias"]
    assert model.training


def test_a_property_that_fails_says_what_it_lacks_itself():
    class Net(nn.Module):
        @property
        def width(self) -> int:
            return self.no_such_layer.out_features

    with pytest.raises(AttributeError, match="Net has no attribute 'no_such_layer'"):
        _ = Net().width


def test_asking_for_what_is_not_there_is_cheap():
    model, searches = MLP(), []
    model.__class__ = type("Listing", (MLP,), {"__dir__": lambda self: searches.append(1) or []})
    assert not hasattr(model, "no_such_attribute")
    assert searches == []  # names alike are looked for when the message is read


def test_a_parameter_in_a_slot_is_refused_since_it_would_not_be_found():
    class Net(nn.Module):
        __slots__ = ("sizes", "weight")

        def __init__(self) -> None:
            self.sizes = (1, 2)  # holds no parameters
            self.weight = nn.Parameter([1.0])

    with pytest.raises(TypeError, match=r"Net.weight: .* take 'weight' out of __slots__"):
        Net()


def test_registering_does_not_replace_what_is_something_else():
    model = MLP()
    model.width = 4
    for register, value in (
        (model.register_buffer, minitorch.ones(1)),
        (model.register_parameter, nn.Parameter([1.0])),
        (model.register_module, nn.ReLU()),
    ):
        with pytest.raises(KeyError, match="'width' is an attribute already, a int"):
            register("width", value)
    with pytest.raises(KeyError, match="'hidden' is an attribute already, a Linear"):
        model.register_buffer("hidden", minitorch.ones(1))
    assert isinstance(model.hidden, nn.Linear)
    assert model.width == 4
    model.register_module("hidden", nn.Linear(4, 8))  # of the same kind it is replaced
    model.register_buffer("steps", minitorch.zeros(1))
    model.register_buffer("steps", minitorch.ones(1))
    assert model.steps.item() == 1


def test_a_batch_norm_made_on_meta_is_filled_when_it_is_moved():
    norm = nn.BatchNorm1d(3, device="meta").to("cpu")
    assert norm.running_var.tolist() == [1, 1, 1]
    assert norm.num_batches_tracked.item() == 0
    norm(minitorch.randn(4, 3))
    assert norm.num_batches_tracked.item() == 1


@pytest.mark.parametrize("fails", [False, True])
def test_a_model_and_its_graph_die_without_the_collector(fails: bool):
    gc.collect()
    gc.disable()
    try:
        model = nn.Sequential(nn.Linear(4), nn.BatchNorm1d(), nn.Linear(2)).build((3,))
        model.summary((3,))
        y = model(minitorch.randn(5, 3))
        y.sum().backward()
        if fails:
            with contextlib.suppress(ValueError):
                model(minitorch.randn(5, 7))
        seen = weakref.ref(model), weakref.ref(y)
        del model, y
        assert [ref() for ref in seen] == [None, None]
    finally:
        gc.enable()


def test_many_layers_are_walked_in_linear_time():
    def seconds(n: int) -> float:
        model = nn.Sequential(*[nn.ReLU() for _ in range(n)])
        start = time.process_time()
        for _ in range(3):
            list(model.named_parameters())
            model.train()
        return time.process_time() - start

    small = min(seconds(1000) for _ in range(5))
    assert min(seconds(8000) for _ in range(5)) < 25 * small  # 64 times if it were quadratic


def test_deleted_attributes_are_gone_and_what_takes_their_place_is_what_it_is():
    model = MLP()
    model.register_buffer("mean", minitorch.ones(1))
    del model.hidden, model.mean
    model.mean = minitorch.ones(1)  # an attribute like any other
    assert list(model.state_dict()) == ["out.weight", "out.bias"]
    with pytest.raises(AttributeError):
        del model.hidden
    model.register_buffer("scale", minitorch.ones(1))
    model.scale = nn.Parameter([1.0])
    assert "scale" in dict(model.named_parameters())
    assert list(model.named_buffers()) == []
    model.scale = None
    model.scale = minitorch.ones(1)
    assert list(model.named_buffers()) == []


def test_a_name_that_is_no_identifier_is_refused_for_every_kind():
    model = MLP()
    for register, value in (
        (model.register_buffer, minitorch.ones(1)),
        (model.register_parameter, nn.Parameter([1.0])),
        (model.add_module, nn.ReLU()),
    ):
        for name in ("a.b", "", 3):
            with pytest.raises(ValueError, match="is no name for an attribute"):
                register(name, value)
        with pytest.raises(KeyError, match="is the name of a method"):
            register("forward", value)
    model.add_module("last", nn.Linear(2, 1))
    assert dict(model.named_children())["last"].out_features == 1


def test_attributes_may_be_set_during_a_walk():
    model = MLP()
    for n, (path, _) in enumerate(model.named_parameters()):
        setattr(model, f"seen_{n}", path)
    for module in model.modules():
        model.register_forward_hook(lambda *_: None)
        module.visited = True
    assert model.seen_3 == "out.bias"


def test_a_part_that_is_replaced_after_a_call_is_built_and_initialised():
    model = nn.Sequential(nn.Sequential(nn.Linear(3)))
    x = minitorch.ones(1, 2)
    model(x)
    model[0].append(nn.Linear(4))
    model.apply(lambda m: nn.init.ones_(m.weight) if isinstance(m, nn.Linear) else None)
    assert model(x).shape == (1, 4)
    assert model[0][1].weight.tolist() == [[1] * 3] * 4


def test_shapes_kept_in_forward_cost_no_walk():
    class Net(nn.Module):
        def forward(self, x: Any) -> Any:
            self.sizes = x.shape
            return x

    model = Net()
    model(minitorch.ones(1, 2))
    model(minitorch.ones(1, 2))
    assert model._plain


def test_an_extra_repr_of_several_lines_is_as_torch_prints_it():
    class Net(nn.Module):
        def extra_repr(self) -> str:
            return "a=1\nb=2"

    model = Net()
    assert repr(model) == "Net(\n  a=1\n  b=2\n)"
    model.act = nn.ReLU()
    assert repr(model) == "Net(\n  a=1\n  b=2\n  (act): ReLU()\n)"


def test_a_model_on_meta_can_be_pickled():
    model = pickle.loads(pickle.dumps(nn.Linear(3, 2, device="meta")))
    assert model.weight.is_meta
    assert model.weight.requires_grad
    assert model.to("cpu").weight.shape == (2, 3)


def test_an_error_in_a_module_with_parts_is_told_by_its_class():
    class Wrong(nn.Sequential):
        def forward(self, x: Any) -> Any:
            raise KeyError("no")

    with pytest.raises(KeyError) as caught:
        nn.Sequential(nn.ReLU(), Wrong(nn.ReLU(), nn.Tanh()))(minitorch.ones(1))
    assert caught.value.__notes__ == ["in 1: Wrong"]
