"""Step 1: a number that remembers what it was made of."""


class Tensor:
    """A number, and the numbers it was made of."""

    def __init__(self, data, parents=()):
        self.data, self.parents = data, parents

    def __repr__(self):
        return f"tensor({self.data})"

    def __add__(self, other):
        return Tensor(self.data + other.data, (self, other))

    def __mul__(self, other):
        return Tensor(self.data * other.data, (self, other))


# does it work? ----------------------------------------------------------------------------------

a, b = Tensor(2.0), Tensor(3.0)
y = a * b + a
assert y.data == 8
product, addend = y.parents
assert product.parents == (a, b)
assert addend is a
print(f"{y} was made of {y.parents}, the first of these of {product.parents}")
