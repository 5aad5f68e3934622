"""The feature table, row by row, for networks: the checks that no other file makes already."""

from __future__ import annotations

import copy
import inspect
import pickle
from dataclasses import FrozenInstanceError, dataclass
from typing import Any

import numpy as np
import pytest

import minitorch
import minitorch.nn.functional as F
from minitorch import nn, optim
from minitorch.utils.data import sine, xor


class LeNet(nn.Module):
    def __init__(self) -> None:
        self.cv1 = nn.Conv2d(20, kernel_size=5)
        self.cv2 = nn.Conv2d(50, kernel_size=5)
        self.mp = nn.MaxPool2d(2)
        self.hidden = nn.Linear(500)
        self.classifier = nn.Linear(10)

    def forward(self, x: Any) -> Any:
        x = self.mp(self.cv1(x).relu())
        x = self.mp(self.cv2(x).relu())
        return self.classifier(self.hidden(x.flatten(1)).relu())


def images(n: int) -> Any:
    return minitorch.from_numpy(
        np.random.default_rng(0).standard_normal((n, 1, 28, 28)).astype(np.float32)
    )


def same_state(a: Any, b: Any) -> bool:
    a, b = a.state_dict(), b.state_dict()
    return a.keys() == b.keys() and all(minitorch.equal(a[k], b[k]) for k in a)


# A: declaring a network -----------------------------------------------------------------------


def test_a10():
    lines = [line for line in inspect.getsource(LeNet).splitlines() if line.strip()]
    assert len(lines) <= 12
    assert repr(LeNet()).startswith("LeNet(")


def test_a12_a36():
    model = LeNet().build((1, 28, 28))
    for n in (1, 7, 64):
        assert model(images(n)).shape == (n, 10)


def test_a18():
    model = LeNet().build((1, 28, 28))
    x = images(2)
    m = model
    nested = F.relu(m.hidden(F.max_pool2d(F.relu(m.cv2(m.mp(F.relu(m.cv1(x))))), 2).flatten(1)))
    assert minitorch.equal(m.classifier(nested), model(x))


def test_a19_a37():
    """Layers and functions in one forward; loss falls on a few images."""
    model = LeNet().build((1, 28, 28))
    optimizer = optim.SGD(model, lr=0.05)
    x, t = images(16), minitorch.arange(16) % 10
    losses = []
    for _ in range(20):
        loss = F.cross_entropy(model(x), t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


def test_a21():
    class Twice(nn.Module):
        def forward(self, x: Any) -> Any:
            temporary = x * 3
            return temporary + temporary * temporary

    x = minitorch.tensor([2.0], requires_grad=True)
    Twice()(x).sum().backward()
    assert x.grad.tolist() == [3 + 2 * 9 * 2]


def test_a34():
    def random_lenet(seed: int) -> Any:
        minitorch.manual_seed(seed)
        return LeNet().build((1, 28, 28))

    assert same_state(random_lenet(0), random_lenet(0))
    assert not same_state(random_lenet(0), random_lenet(1))


def test_a35():
    minitorch.manual_seed(0)
    x, t = xor()
    model = nn.Sequential(nn.Linear(8), nn.Tanh(), nn.Linear(2)).build((2,))
    optimizer = optim.Adam(model, lr=0.05)
    for _ in range(200):
        F.cross_entropy(model(x), t).backward()
        optimizer.step()
        optimizer.zero_grad()
    corners = minitorch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    assert model(corners).argmax(1).tolist() == [0, 1, 1, 0]


# B: shapes ------------------------------------------------------------------------------------


def test_b02():
    model = nn.Sequential(nn.Conv2d(3, kernel_size=3), nn.ReLU(), nn.Flatten(), nn.Linear(4))
    rows = model.summary((2, 8, 8)).rows[1:]
    model.build((2, 8, 8))
    seen: list[str] = []
    for module in model:
        module.register_forward_hook(lambda m, args, y: seen.append(y.shape[1:]))
    model(minitorch.zeros(5, 2, 8, 8))
    assert [row.output for row in rows] == [f"(N, {', '.join(map(str, s))})" for s in seen]


def test_b08():
    @dataclass(frozen=True)
    class Dense(nn.Module):
        out: int

        def forward(self, x: Any) -> Any:
            return self.attached("linear", lambda: nn.Linear(self.out))(x)

    layer = Dense(3)
    assert list(layer.parameters()) == []
    assert layer(minitorch.zeros(2, 5)).shape == (2, 3)
    assert [name for name, _ in layer.named_parameters()] == ["linear.weight", "linear.bias"]
    assert layer == Dense(3)  # by its fields
    with pytest.raises(FrozenInstanceError):
        layer.out = 4
    assert Dense(3).build((7,)).linear.in_features == 7


def test_b01_b10_b11():
    def made(make: Any) -> Any:
        minitorch.manual_seed(5)
        return make()

    explicit = made(lambda: nn.Linear(784, 10))
    assert same_state(made(lambda: nn.Linear(10).build((784,))), explicit)


def test_b12():
    """A layer without sizes is its hyperparameters: it prints, compares by that, and is copied."""
    hyper = nn.Linear(10, bias=False)
    assert repr(hyper) == "Linear(in_features=?, out_features=10, bias=False)"
    for twin in (copy.deepcopy(hyper), pickle.loads(pickle.dumps(hyper))):
        assert repr(twin) == repr(hyper)
        assert twin.build((3,)).weight.shape == (10, 3)
    assert hyper.in_features is None


def test_b13():
    model = nn.Sequential(*[nn.Linear(n) for n in (784, 400, 100, 10)])
    assert model.build((784,))(minitorch.zeros(10_000, 784)).shape == (10_000, 10)


def test_b26():
    """Widths that are merely handed on (120, 84) are written once."""
    source = inspect.getsource(test_b28)
    assert source.count("120") == 1
    assert source.count("84") == 1


def test_b28():
    model = nn.Sequential(
        nn.Conv2d(6, kernel_size=5, padding=2, activation="relu"),
        nn.AvgPool2d(2),
        nn.Conv2d(16, kernel_size=5, activation="relu"),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(120, activation="relu"),
        nn.Linear(84, activation="relu"),
        nn.Linear(10),
    )
    model.build((1, 28, 28))
    assert model(images(3)).shape == (3, 10)
    assert model[5].in_features == 400


# C --------------------------------------------------------------------------------------------


def test_c75():
    """A sine is fitted by one hidden layer."""
    minitorch.manual_seed(0)
    x = minitorch.linspace(0, 1, 100).reshape(-1, 1)
    t = (2 * np.pi * x).sin()
    model = nn.Sequential(nn.Linear(32), nn.Tanh(), nn.Linear(1)).build((1,))
    optimizer = optim.Adam(model, lr=0.02)
    for _ in range(400):
        loss = F.mse_loss(model(x), t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05
    assert len(sine(50)) == 2


def test_c76():
    """The same training from functions and from classes: bit-equal losses."""
    minitorch.manual_seed(0)
    layer, out = nn.Linear(4, 8), nn.Linear(8, 2)
    model = nn.Sequential(copy.deepcopy(layer), nn.ReLU(), copy.deepcopy(out))
    optimizer = optim.SGD(model, lr=0.1)
    w = [p.detach().clone().requires_grad_() for p in (*layer.parameters(), *out.parameters())]
    x, t = minitorch.randn(32, 4), minitorch.randint(0, 2, (32,))
    for _ in range(5):
        a = F.cross_entropy(F.linear(F.linear(x, w[0], w[1]).relu(), w[2], w[3]), t)
        a.backward()
        with minitorch.no_grad():
            for p in w:
                p -= 0.1 * p.grad
                p.grad = None
        b = F.cross_entropy(model(x), t)
        optimizer.zero_grad()
        b.backward()
        optimizer.step()
        assert a.item() == b.item()


# D: the module table --------------------------------------------------------------------------


def test_d01():
    w = nn.Parameter(minitorch.ones(2), requires_grad=False)
    v = nn.Parameter(minitorch.ones(2))
    (w * v).sum().backward()
    assert w.grad is None
    assert v.grad.tolist() == [1, 1]
    assert v.data.tolist() == [1, 1]


def test_d02():
    stream = lambda: minitorch.Generator().manual_seed(3)
    a, b = (nn.Parameter(nn.init.draw(nn.init.he(), (3, 4), generator=stream())) for _ in range(2))
    assert minitorch.equal(a, b)


def test_d15():
    assert nn.Linear(3, 2).weight.shape == (2, 3)
    x = minitorch.randn(4, 3).double().requires_grad_()
    assert minitorch.gradcheck(nn.Linear(3, 2).double(), (x,))


def norm_net() -> Any:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2))


def test_d19_d37_d44():
    names = [name for name, _ in norm_net().named_parameters()]
    assert names == ["0.weight", "0.bias", "1.weight", "1.bias", "3.weight", "3.bias"]
    assert len(set(names)) == len(names)


def test_d38():
    assert [name for name, _ in norm_net().named_buffers()] == [
        "1.running_mean",
        "1.running_var",
        "1.num_batches_tracked",
    ]


def test_d39():
    """The mode changes dropout and batch norm only."""
    x = minitorch.randn(8, 3)
    plain = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.LayerNorm(4))
    assert minitorch.equal(plain.train()(x), plain.eval()(x))
    model = norm_net()
    assert not minitorch.equal(model.train()(x), model.eval()(x))


def test_d40():
    text = repr(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Sequential(nn.Conv2d(2, 2, 3, padding=1))))
    assert "  (0): Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1))" in text
    assert "    (0): Conv2d(2, 2, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))" in text


def test_d41():
    a, b = nn.Sequential(nn.Linear(3, 4)), nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5))
    joined = a + b
    assert joined.count_parameters() == a.count_parameters() + b.count_parameters()
    assert list(joined.state_dict())[:4] == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert next(name for name, _ in joined.named_buffers()) == "2.running_mean"


def test_d42_d43():
    model = nn.Module()
    model.register_parameter("w", nn.Parameter(minitorch.ones(1)))
    model.register_parameter("fixed", nn.Parameter(minitorch.ones(1), requires_grad=False))
    assert [name for name, _ in model.named_parameters()] == ["w", "fixed"]
    assert [name for name, p in model.named_parameters() if p.requires_grad] == ["w"]


# E: blocks ------------------------------------------------------------------------------------


def test_e01():
    """A neuron, a layer of them, a group of layers, a network: one idea."""
    x = minitorch.randn(5, 3)
    layer = nn.Linear(3, 4)
    neurons = [nn.Linear(3, 1) for _ in range(4)]
    for i, neuron in enumerate(neurons):
        neuron.weight = nn.Parameter(layer.weight.detach()[i : i + 1])
        neuron.bias = nn.Parameter(layer.bias.detach()[i : i + 1])
    want = layer(x)
    np.testing.assert_allclose(
        minitorch.cat([neuron(x) for neuron in neurons], 1).detach().numpy(),
        want.detach().numpy(),
        rtol=1e-6,
    )
    block = nn.Sequential(layer)
    assert minitorch.equal(block(x), want)
    assert minitorch.equal(nn.Sequential(block)(x), want)


def test_e05():
    y = nn.Linear(2, 1)(minitorch.ones(1, 2))
    assert "linear" in repr(y)
    assert "relu" in repr(y.relu())


def test_e07_e08_e09_e12():
    class MLP(nn.Module):
        def __init__(self, inputs: int, hidden: int, outputs: int):
            super().__init__()
            self.hidden = nn.Linear(inputs, hidden)
            self.out = nn.Linear(hidden, outputs)

        def forward(self, x: Any) -> Any:
            return self.out(F.relu(self.hidden(x)))

    net = MLP(20, 256, 10)
    x = minitorch.rand(2, 20)
    assert net(x).shape == (2, 10)
    assert len(list(net.parameters())) == 4
    assert {"hidden.weight", "out.weight"} <= set(dict(net.named_parameters()))
    assert minitorch.equal(net(x), net.forward(x))


def test_e13_e21_e22():
    class Branching(nn.Module):
        def __init__(self) -> None:
            self.up, self.down = nn.Linear(3, 3), nn.Linear(3, 3)

        def forward(self, x: Any) -> Any:
            layer = self.up if x.sum() > 0 else self.down
            return layer(x).sum()

    model = Branching().double()
    x = minitorch.from_numpy(np.random.default_rng(0).standard_normal((2, 3))).requires_grad_()
    assert minitorch.gradcheck(model, (x,))
    model(x).backward()  # a scalar
    with pytest.raises(ValueError, match="only one has a single answer"):
        bool(x > 0)
