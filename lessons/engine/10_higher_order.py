"""Step 10: gradients of gradients."""

import heapq
from itertools import count

import numpy as np

import minitorch  # to compare with

births = count()  # 0, 1, 2, ...: the older, the smaller


class Tensor:
    """An array, the arrays it was made of, and the rule that leads back to them."""

    __array_ufunc__ = None  # in `array * tensor` the tensor's method is asked

    def __init__(self, data, parents=(), rule=None):
        self.data, self.parents, self.rule = data, parents, rule
        self.birth, self.grad = next(births), None

    def __repr__(self):
        return f"tensor({self.data})"

    @property
    def shape(self):
        return np.shape(self.data)

    def __gt__(self, other):
        return self.data > other

    def backward(self, create_graph=False):
        """Adds to the .grad of every leaf how the sum of this array answers to it.

        A leaf was made of nothing. What was made last comes first. So when an array's turn comes,
        all that was made of it has had its turn, and its gradient is complete. With
        `create_graph` the rules get tensors, so what they compute is recorded in its turn.
        """
        g = np.ones_like(self.data)
        arrived, waiting = {self: Tensor(g) if create_graph else g}, [(-self.birth, self)]
        while waiting:
            _, t = heapq.heappop(waiting)  # the smallest, so the newest
            g = arrived.pop(t)
            if t.rule is None:
                t.grad = g if t.grad is None else t.grad + g
                continue
            for parent, passed in zip(t.parents, t.rule(g, t), strict=False):  # sum(x) has no axes
                if not isinstance(parent, Tensor):
                    continue  # a plain array or number
                if parent not in arrived:
                    heapq.heappush(waiting, (-parent.birth, parent))
                passed = unbroadcast(passed, np.shape(parent.data))
                arrived[parent] = arrived.get(parent, 0.0) + passed


def unbroadcast(g, shape):
    """The sum of g over the axes that broadcasting has added or stretched."""
    if g.shape == shape:
        return g
    added = len(g.shape) - len(shape)
    stretched = tuple(added + i for i, n in enumerate(shape) if n == 1)
    return reshape(sum(g, (*range(added), *stretched)), shape)


def op(*rules):
    """Makes an op of a function. Its rules take g, the output, and the inputs."""

    def made_of(f):
        def call(*inputs):
            if not any(isinstance(x, Tensor) for x in inputs):
                return f(*inputs)
            xs = [x.data if isinstance(x, Tensor) else x for x in inputs]

            def back(g, y):
                given = (y, *inputs) if isinstance(g, Tensor) else (y.data, *xs)
                return [rule(g, *given) for rule in rules]

            return Tensor(f(*xs), inputs, back)

        return call

    return made_of


add = op(lambda g, y, a, b: g, lambda g, y, a, b: g)(lambda a, b: a + b)
mul = op(lambda g, y, a, b: g * b, lambda g, y, a, b: g * a)(lambda a, b: a * b)
none = lambda *_: None  # of an input that is no tensor
power = op(lambda g, y, a, k: g * k * a ** (k - 1), none)(lambda a, k: a**k)
exp = op(lambda g, y, x: g * y)(np.exp)
log = op(lambda g, y, x: g / x)(np.log)
relu = op(lambda g, y, x: g * (x > 0))(lambda x: np.maximum(x, 0))
matmul = op(
    lambda g, y, a, b: matmul(g, transpose(b)),
    lambda g, y, a, b: matmul(transpose(a), g),
)(lambda a, b: a @ b)
sum = op(lambda g, y, x, axes=None: g * np.ones(x.shape), none)(
    lambda x, axes=None: np.sum(x, axes, keepdims=axes is not None)
)
reshape = op(lambda g, y, x, shape: reshape(g, x.shape), none)(np.reshape)
transpose = op(lambda g, y, x: transpose(g))(np.transpose)

Tensor.__add__ = Tensor.__radd__ = add
Tensor.__mul__ = Tensor.__rmul__ = mul
Tensor.__pow__ = power
Tensor.__matmul__ = matmul
Tensor.__neg__ = lambda a: a * -1
Tensor.__sub__ = lambda a, b: a + -b
Tensor.__rsub__ = lambda a, b: -a + b
Tensor.__truediv__ = lambda a, b: a * b**-1
Tensor.__rtruediv__ = lambda a, b: a**-1 * b


def slopes(f, x, h=1e-5):
    """How the sum of f answers to each number of x, by trying."""
    steps = h * np.eye(x.size).reshape(x.size, *x.shape)
    total = lambda x: f(Tensor(x)).data.sum()
    return np.reshape([(total(x + d) - total(x - d)) / (2 * h) for d in steps], x.shape)


class Module:
    """Finds the weights among its attributes, and in the modules among them."""

    def parameters(self):
        for value in vars(self).values():
            for part in value if isinstance(value, (list, tuple)) else [value]:
                if isinstance(part, Tensor):
                    yield part
                elif isinstance(part, Module):
                    yield from part.parameters()


class Linear(Module):
    """y = x w + b, with Kaiming's weights."""

    def __init__(self, inputs, outputs, rng):
        self.w = Tensor(rng.standard_normal((inputs, outputs)) * np.sqrt(2 / inputs))
        self.b = Tensor(np.zeros(outputs))

    def __call__(self, x):
        return matmul(x, self.w) + self.b


class Sequential(Module):
    """One after the other."""

    def __init__(self, *layers):
        self.layers = layers

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


@op(lambda g, y, x: g - exp(y) * sum(g, 1))
def log_softmax(x):
    x = x - x.max(1, keepdims=True)
    return x - np.log(np.exp(x).sum(1, keepdims=True))


def cross_entropy(scores, labels):
    """How surprised the scores are by the labels, on average."""
    truth = np.eye(scores.data.shape[1])[labels]
    return sum(log_softmax(scores) * truth) / -len(labels)


class SGD:
    """v = momentum v + g, then p = p - lr v."""

    def __init__(self, parameters, lr, momentum=0.9):
        self.parameters, self.lr, self.momentum = list(parameters), lr, momentum
        self.v = [0.0] * len(self.parameters)

    def step(self):
        for i, p in enumerate(self.parameters):
            self.v[i] = self.momentum * self.v[i] + p.grad
            p.data, p.grad = p.data - self.lr * self.v[i], None


# does it work? ----------------------------------------------------------------------------------

x, theirs = Tensor(np.array(0.7)), minitorch.tanh
y = (exp(2 * x) - 1) / (exp(2 * x) + 1)
for order in range(1, 6):
    y.backward(create_graph=True)
    y, x.grad = x.grad, None  # the slope has a history, too
    theirs = minitorch.func.grad(theirs)
    expected = theirs(minitorch.tensor(0.7, dtype="float64")).item()
    print(f"derivative {order} of tanh at 0.7: {y.data:.8f}, minitorch {expected:.8f}")
    assert abs(y.data - expected) < 1e-9
