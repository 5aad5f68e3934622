"""Step 5: arrays in the place of numbers."""

import heapq
from itertools import count

import numpy as np

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
sum = op(lambda g, y, x: g * np.ones_like(x))(np.sum)  # in the place of Python's own

Tensor.__add__ = Tensor.__radd__ = add
Tensor.__mul__ = Tensor.__rmul__ = mul
Tensor.__pow__ = power
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


# does it work? ----------------------------------------------------------------------------------

row, column = np.array([[1.0, 2.0, 3.0]]), np.array([[0.5], [1.5]])
formulas = {
    "x column": lambda x: x * column,
    "column / x": lambda x: column / x,
    "softmax": lambda x: exp(x) / sum(exp(x)) * np.array([1.0, 5.0, 2.0]),
}
for name, f in formulas.items():
    x = Tensor(row)
    f(x).backward()
    print(f"{name}: slopes {x.grad.round(4)}, by trying {slopes(f, row).round(4)}")
    assert np.allclose(x.grad, slopes(f, row))
