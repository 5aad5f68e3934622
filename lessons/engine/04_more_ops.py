"""Step 4: more ops, and a judge of their rules: the slope by trying."""

import heapq
import math
from itertools import count

births = count()  # 0, 1, 2, ...: the older, the smaller


class Tensor:
    """A number, the numbers it was made of, and the rule that leads back to them."""

    def __init__(self, data, parents=(), rule=None):
        self.data, self.parents, self.rule = data, parents, rule
        self.birth, self.grad = next(births), None

    def __repr__(self):
        return f"tensor({self.data})"

    def backward(self):
        """Adds to the .grad of every leaf how this number answers to it.

        A leaf was made of nothing. What was made last comes first. So when a number's turn comes,
        all that was made of it has had its turn, and its gradient is complete.
        """
        arrived, waiting = {self: 1.0}, [(-self.birth, self)]
        while waiting:
            _, t = heapq.heappop(waiting)  # the smallest, so the newest
            g = arrived.pop(t)
            if t.rule is None:
                t.grad = g if t.grad is None else t.grad + g
                continue
            for parent, passed in zip(t.parents, t.rule(g), strict=True):
                if not isinstance(parent, Tensor):
                    continue  # a plain number
                if parent not in arrived:
                    heapq.heappush(waiting, (-parent.birth, parent))
                arrived[parent] = arrived.get(parent, 0.0) + passed


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
exp = op(lambda g, y, x: g * y)(math.exp)
log = op(lambda g, y, x: g / x)(math.log)

Tensor.__add__ = Tensor.__radd__ = add
Tensor.__mul__ = Tensor.__rmul__ = mul
Tensor.__pow__ = power
Tensor.__neg__ = lambda a: a * -1
Tensor.__sub__ = lambda a, b: a + -b
Tensor.__rsub__ = lambda a, b: -a + b
Tensor.__truediv__ = lambda a, b: a * b**-1
Tensor.__rtruediv__ = lambda a, b: a**-1 * b


def slope(f, x, h=1e-5):
    """How f answers to x, by trying."""
    return (f(Tensor(x + h)).data - f(Tensor(x - h)).data) / (2 * h)


# does it work? ----------------------------------------------------------------------------------

formulas = {
    "tanh x": lambda x: (exp(2 * x) - 1) / (exp(2 * x) + 1),
    "1 / x + log x": lambda x: 1 / x + log(x),
    "(1 - x)³ / x": lambda x: (1 - x) ** 3 / x,
}
for name, f in formulas.items():
    x = Tensor(0.7)
    f(x).backward()
    print(f"{name}: slope {x.grad:.6f}, by trying {slope(f, 0.7):.6f}")
    assert abs(x.grad - slope(f, 0.7)) < 1e-8
