"""Step 8: cross-entropy, and an optimizer."""

import heapq
from itertools import count

import numpy as np

from minitorch.utils.data.digits import digits_arrays  # images, and nothing else

births = count()  # 0, 1, 2, ...: the older, the smaller


class Tensor:
    """An array, the arrays it was made of, and the rule that leads back to them."""

    __array_ufunc__ = None  # in `array * tensor` the tensor's method is asked

    def __init__(self, data, parents=(), rule=None):
        self.data, self.parents, self.rule = data, parents, rule
        self.birth, self.grad = next(births), None

    def __repr__(self):
        return f"tensor({self.data})"

    def backward(self):
        """Adds to the .grad of every leaf how the sum of this array answers to it.

        A leaf was made of nothing. What was made last comes first. So when an array's turn comes,
        all that was made of it has had its turn, and its gradient is complete.
        """
        arrived, waiting = {self: np.ones_like(self.data)}, [(-self.birth, self)]
        while waiting:
            _, t = heapq.heappop(waiting)  # the smallest, so the newest
            g = arrived.pop(t)
            if t.rule is None:
                t.grad = g if t.grad is None else t.grad + g
                continue
            for parent, passed in zip(t.parents, t.rule(g), strict=True):
                if not isinstance(parent, Tensor):
                    continue  # a plain array or number
                if parent not in arrived:
                    heapq.heappush(waiting, (-parent.birth, parent))
                passed = unbroadcast(passed, np.shape(parent.data))
                arrived[parent] = arrived.get(parent, 0.0) + passed


def unbroadcast(g, shape):
    """The sum of g over the axes that broadcasting has added or stretched."""
    g = np.sum(g, tuple(range(np.ndim(g) - len(shape))))
    return np.sum(g, tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


def op(*rules):
    """Makes an op of a function. Its rules take g, the output, and the inputs."""

    def made_of(f):
        def call(*inputs):
            xs = [x.data if isinstance(x, Tensor) else x for x in inputs]
            y = f(*xs)
            return Tensor(y, inputs, lambda g: [rule(g, y, *xs) for rule in rules])

        return call

    return made_of


add = op(lambda g, y, a, b: g, lambda g, y, a, b: g)(lambda a, b: a + b)
mul = op(lambda g, y, a, b: g * b, lambda g, y, a, b: g * a)(lambda a, b: a * b)
none = lambda *_: None  # of an input that is no tensor
power = op(lambda g, y, a, k: g * k * a ** (k - 1), none)(lambda a, k: a**k)
exp = op(lambda g, y, x: g * y)(np.exp)
log = op(lambda g, y, x: g / x)(np.log)
relu = op(lambda g, y, x: g * (x > 0))(lambda x: np.maximum(x, 0))
matmul = op(lambda g, y, a, b: g @ b.T, lambda g, y, a, b: a.T @ g)(lambda a, b: a @ b)
sum = op(lambda g, y, x: g * np.ones_like(x))(np.sum)  # in the place of Python's own

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


@op(lambda g, y, x: g - np.exp(y) * g.sum(1, keepdims=True))
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

images, labels, new_images, new_labels = digits_arrays(8)
images, new_images = images.reshape(-1, 64).astype(float), new_images.reshape(-1, 64).astype(float)
rng = np.random.default_rng(0)
model = Sequential(Linear(64, 50, rng), relu, Linear(50, 10, rng))
optimizer = SGD(model.parameters(), lr=0.1)
for _ in range(300):
    rows = rng.integers(len(images), size=64)
    cross_entropy(model(images[rows]), labels[rows]).backward()
    optimizer.step()
right = (model(new_images).data.argmax(1) == new_labels).mean()
print(f"{right:.1%} of {len(new_labels)} new digits are read right")
assert right > 0.93
