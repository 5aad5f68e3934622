"""Step 2: backward, newest first."""

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

    def __add__(self, other):
        return Tensor(self.data + other.data, (self, other), lambda g: (g, g))

    def __mul__(self, other):
        rule = lambda g: (g * other.data, g * self.data)
        return Tensor(self.data * other.data, (self, other), rule)

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
                if parent not in arrived:
                    heapq.heappush(waiting, (-parent.birth, parent))
                arrived[parent] = arrived.get(parent, 0.0) + passed


# does it work? ----------------------------------------------------------------------------------

a, b = Tensor(2.0), Tensor(3.0)
y = a * b + a
y.backward()
assert (a.grad, b.grad) == (4, 2)

x = Tensor(3.0)
square = x * x
(square + square * square).backward()  # x² + x⁴
assert x.grad == 2 * 3 + 4 * 27
print(f"y = a b + a: dy/da is {a.grad}, dy/db is {b.grad}")
