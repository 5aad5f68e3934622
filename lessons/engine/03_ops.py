"""Step 3: an op is a function, and a rule for each of its inputs."""

import heapq
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
Tensor.__add__ = Tensor.__radd__ = add
Tensor.__mul__ = Tensor.__rmul__ = mul


# does it work? ----------------------------------------------------------------------------------

a, b = Tensor(2.0), Tensor(3.0)
(a * b + a).backward()
assert (a.grad, b.grad) == (4, 2)

x = Tensor(3.0)
(2 * x + 1 + x * x).backward()
assert x.grad == 2 + 2 * 3
print(f"2 x + 1 + x² at {x}: slope {x.grad}")
