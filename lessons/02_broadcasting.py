# %% [markdown]
# # Broadcasting and einsum
#
# Arrays of different shapes can be combined; one rule says how, and its gradient is a sum.
#
# Lesson 1 took loops away by standing a row upright and by giving letters to axes. Both tricks
# follow rules that fit on half a page. They are worth knowing by heart: most mistakes in code for
# networks are mistakes of shape, and the worst of them raise no error.

# %%
from functools import partial
from itertools import product

import numpy as np

import minitorch
from lessons.common import BLACK, BLUE, GREY, ORANGE, save_figure

minitorch.manual_seed(0)

# %% [markdown]
# ## A slice loses its axis
#
# An index takes an axis away, a colon keeps it. So a row and a column of a matrix are the same kind
# of thing, a vector with one axis. A column that was cut out does not remember that it stood
# upright.

# %%
x = minitorch.arange(12.0).reshape(3, 4)
print(x)
print(f"x[1] {tuple(x[1].shape)}   x[:, 1] {tuple(x[:, 1].shape)}   x[1:2] {tuple(x[1:2].shape)}")
assert (x[1].shape, x[:, 1].shape, x[1:2].shape) == ((4,), (3,), (1, 4))

# %% [markdown]
# `None` in an index does the opposite: it puts in an axis of length 1. `unsqueeze(dim)` is the same
# by number. Neither touches the numbers.

# %%
column = x[:, 1]
print(f"column[None] {tuple(column[None].shape)}   column[:, None] {tuple(column[:, None].shape)}")
assert column[None].shape == column.unsqueeze(0).shape == (1, 3)
assert column[:, None].shape == column.unsqueeze(-1).shape == column[..., None].shape == (3, 1)

# %% [markdown]
# ## A sum takes an axis away
#
# `sum(0)` walks down axis 0 and adds up what it meets; the axis is gone. Counting from the back
# also works, -1 is the last axis. With `keepdim=True` the axis stays, with length 1. It costs
# nothing, and we will soon see what it is good for. (NumPy says `keepdims`; Tensors know both.)

# %%
sums = {
    "x.sum(0)": x.sum(0),
    "x.sum(-1)": x.sum(-1),
    "x.sum(-1, keepdim=True)": x.sum(-1, keepdim=True),
    "x.sum((0, 1))": x.sum((0, 1)),
}
for name, y in sums.items():
    print(f"{name:24}{tuple(y.shape)!s:8}{y.tolist()}")
assert [tuple(y.shape) for y in sums.values()] == [(4,), (3,), (3, 1), ()]
assert np.allclose(x.sum(-1), [x.numpy()[i].sum() for i in range(3)])

# %% [markdown]
# ## The rule of broadcasting
#
# To add two arrays, one needs pairs of numbers. With equal shapes it is clear who meets whom.
# Otherwise:
#
# 1. Write the shapes one below the other, **aligned at the right**.
# 2. Where one is shorter, **put 1s in front**.
# 3. In each column, two equal sizes match, and **a 1 matches anything**: it is repeated as often as
#    the other side says. Any other pair is an error.
#
# As a function:


# %%
def broadcast_shape(a, b):
    """The shape of x + z, for x of shape a and z of shape b."""
    ndim = max(len(a), len(b))
    padded_a, padded_b = (1,) * (ndim - len(a)) + tuple(a), (1,) * (ndim - len(b)) + tuple(b)
    result = []
    for n, m in zip(padded_a, padded_b, strict=True):
        if n != m and 1 not in (n, m):
            raise ValueError(f"{a} and {b}: {n} meets {m}, and neither is 1")
        result.append(m if n == 1 else n)
    return tuple(result)


# %% [markdown]
# Before you read what is printed, cover the last column and say it yourself. Note the fourth
# line: a row of length 3 does not go down the rows of a (3, 4). Alignment is at the right, always,
# and to go down the rows it must first become (3, 1).

# %%
pairs = [
    ((3, 4), (3, 4)),
    ((3, 4), ()),
    ((3, 4), (4,)),
    ((3, 4), (3,)),
    ((3, 4), (3, 1)),
    ((3, 1), (4,)),
    ((3, 1), (1, 4)),
    ((8, 1, 6), (7, 1)),
    ((5, 3, 4), (3, 4)),
    ((5, 3, 4), (5, 4)),
    ((2,), (3,)),
    ((2, 0), (1,)),
]


def tried(f, *args):
    """What f returns, or the word error."""
    try:
        return f(*args)
    except ValueError:
        return "error"


for a, b in pairs:
    ours = tried(broadcast_shape, a, b)
    print(f"{a!s:10} {b!s:8} -> {ours}")
    assert ours == tried(np.broadcast_shapes, a, b)
    assert ours == tried(lambda a, b: (minitorch.ones(a) + minitorch.ones(b)).shape, a, b)
refused = sum(tried(broadcast_shape, a, b) == "error" for a, b in pairs)
print(f"{len(pairs)} pairs of shapes, {refused} refused: NumPy and minitorch say the same")
assert refused == 3

# %% [markdown]
# ## Nothing is copied
#
# Memory is one long row of numbers. An array is a window on it: a shape, and for each axis a
# *stride*, how far to go in memory for one step along this axis. A (3, 4) matrix that lies there
# row by row has the strides (4, 1): 4 numbers on to the next row, 1 to the next column.
#
# Now for the trick. To repeat a row, let the step to the next row be **0**. However many rows are
# read, they are the same four numbers. `expand` makes such a window, and broadcasting does it
# behind the scenes.

# %%
row = minitorch.tensor([10.0, 20.0, 30.0, 40.0])
tall = row.expand(3, 4)
print(tall)
print(f"strides {x.stride()} of x, {tall.stride()} of the expanded row")
assert x.stride() == (4, 1)
assert tall.stride() == (0, 1)
assert np.shares_memory(tall.numpy(), row.numpy())

by_hand = np.lib.stride_tricks.as_strided(row.numpy(), shape=(3, 4), strides=(0, 4))  # in bytes
assert np.array_equal(by_hand, tall)

# %% [markdown]
# So 784 weights can be read as if there were 50,000 copies of them, one for each image of a large
# collection, and not one more number is stored.

# %%
weights = minitorch.randn(784)
many = weights.expand(50_000, 784)
held, written_out = weights.numel() * 4, many.numel() * 4
print(f"{tuple(many.shape)}: {held:,} bytes held, {written_out:,} if written out")
assert np.shares_memory(many.numpy(), weights.numpy())
assert written_out == 50_000 * held

# %% [markdown]
# The price: twelve places of `tall` are four numbers. Writing to one place would change three, so
# minitorch does not let you. `clone()` makes a real copy.

# %%
try:
    tall[0, 0] = 5.0
    raise AssertionError("wrote to three places at once")
except ValueError as error:
    print(error)
copy = tall.clone()
copy[0, 0] = 5.0
assert row[0] == 10
assert copy.sum() == tall.sum() - 5

# %% [markdown]
# ## Where it goes wrong
#
# We want to take from each row its own mean. On (3, 4) the careless version is an error, which is
# good luck: it shows at once. On a square matrix there is no error. Each *column* loses the mean of
# a row, and the numbers look plausible. With `keepdim=True` the means stand upright, and both
# shapes are right.

# %%
assert tried(lambda: x - x.mean(1)) == "error"
square = minitorch.randn(4, 4)
wrong = square - square.mean(1)
right = square - square.mean(1, keepdim=True)
print("what is left of the means of the rows:")
print(f"  x - x.mean(1)                {wrong.mean(1).numpy().round(2)}")
print(f"  x - x.mean(1, keepdim=True)  {abs(right.mean(1).numpy()).round(2)}")
assert abs(wrong.mean(1)).max() > 0.1
assert abs(right.mean(1)).max() < 1e-6

# %% [markdown]
# So read the shapes, not the numbers, and keep the axes that you sum over when the result goes back
# to where it came from. Lesson 4 meets a mistake of this kind that can cost days.

# %% [markdown]
# ## The gradient of broadcasting is a sum
#
# Let $a$ have shape (3, 1), $b$ shape (4,), and
#
# $$y_{ij} = a_i + b_j$$
#
# As in lesson 1, $g_{ij} = \partial L / \partial y_{ij}$ says how the loss $L$ answers to each
# element of $y$. Follow one number. $a_i$ was used in the whole of row $i$, four times. If it moves
# by a little, all four move as much, and the loss feels all four:
#
# $$\frac{\partial L}{\partial a_i} = \sum_j g_{ij} \qquad
# \frac{\partial L}{\partial b_j} = \sum_i g_{ij}$$
#
# What was repeated on the way forward is summed on the way back, along the same axes. The mirror
# image holds as well: a number that is summed on the way forward is used once in $y_i = \sum_j
# x_{ij}$, so its gradient is $g_i$, repeated. And a slice, `x[:, 1]`, hands its gradient to
# the column it came from; the other numbers were not used and get 0.

# %%
a = minitorch.tensor([[1.0], [2.0], [3.0]], requires_grad=True)
b = minitorch.tensor([10.0, 20.0, 30.0, 40.0], requires_grad=True)
g = minitorch.tensor([[1.0, 0, 2, 1], [0, 3, 1, 1], [2, 1, 0, -1]])
y = a + b
y.backward(g)
print(f"a.grad {a.grad.flatten().tolist()}, the sums of the rows of g")
print(f"b.grad {b.grad.tolist()}, the sums of its columns")
assert np.array_equal(a.grad, g.sum(1, keepdim=True))
assert np.array_equal(b.grad, g.sum(0))

z = minitorch.zeros(3, 4, requires_grad=True)
(z.sum(1) * minitorch.tensor([1.0, 2.0, 3.0])).sum().backward()
assert np.array_equal(z.grad, np.repeat([[1.0], [2.0], [3.0]], 4, axis=1))
z.grad = None  # backward adds to what is in .grad
z[:, 1].backward(minitorch.tensor([5.0, 6.0, 7.0]))
print("a slice fills in the rest with zeros:")
print(z.grad)
assert np.array_equal(z.grad[:, 1], [5, 6, 7])
assert z.grad.sum() == 18


# %%
def cells(axes, texts, row, column, paper, ink):
    """A table of texts in squares, its upper left corner at (row, column)."""
    for (i, j), text in np.ndenumerate(np.array(texts, dtype=object)):
        left, top = column + j, row + i
        sides = (left, left + 1, left + 1, left), (top, top, top + 1, top + 1)
        axes.fill(*sides, facecolor=paper, edgecolor=BLACK, lw=1)
        axes.text(left + 0.5, top + 0.5, text, ha="center", va="center", color=ink)


def arrows(axes, style):
    """Between the column and the rows of the matrix, and between the row and its columns."""
    ends = [((-0.75, i + 0.5), (-0.05, i + 0.5)) for i in range(3)]
    ends += [((j + 0.5, -0.75), (j + 0.5, -0.05)) for j in range(4)]
    for outer, inner in ends:
        arrow = {"arrowstyle": style, "color": GREY, "lw": 1.5}
        axes.annotate("", inner, outer, arrowprops=arrow)


def draw(figure):
    figure.suptitle("What is repeated on the way forward is summed on the way back")
    forward, back = figure.subplots(1, 2)
    whole = np.vectorize("{:g}".format)
    met = [[f"{p:g}+{q:g}" for q in b.tolist()] for (p,) in a.tolist()]
    panels = [
        (forward, "Forward: who meets whom", a, b, met, "-|>"),
        (back, "Back: sums of rows and of columns", a.grad, b.grad, whole(g), "<|-"),
    ]
    for axes, title, upright, flat, inside, style in panels:
        cells(axes, whole(upright.detach()), 0, -1.8, BLUE, "white")
        cells(axes, whole(flat.detach()[None]), -1.8, 0, ORANGE, BLACK)
        cells(axes, inside, 0, 0, "white", BLACK)
        arrows(axes, style)
        axes.set_title(title)
        axes.set_xlim(-2, 4.1)
        axes.set_ylim(3.8, -1.9)
        axes.set_aspect("equal")
        axes.set_axis_off()
    for axes, names in ((forward, ("a", "b", "y = a + b")), (back, ("a.grad", "b.grad", "g"))):
        for name, place in zip(names, ((-1.3, 3.4), (-0.2, -1.3), (2, 3.4)), strict=True):
            axes.text(*place, name, ha="right" if place[0] == -0.2 else "center", va="center")


save_figure("02_broadcasting", draw, figsize=(9, 4.2))

# %% [markdown]
# With multiplication the same sums come after the factor: for $y = a\, b$ the gradient of $a$ is
# $g\, b$, summed over the axes along which $a$ was repeated. So every operation can forget about
# broadcasting, compute a gradient in the shape of the result, and leave the rest to one function.


# %%
def unbroadcast(g, shape):
    """The sum of g over the axes that broadcasting added to `shape`, or stretched in it."""
    added = g.ndim - len(shape)
    g = g.sum(tuple(range(added)))
    stretched = tuple(i for i, n in enumerate(shape) if n == 1)
    return g.sum(stretched, keepdims=True)


def slopes(f, g, *operands, h=1e-6):
    """How L = sum of g f(*operands) answers to each element: it is moved by h and by -h."""
    result = []
    for k, x in enumerate(operands):
        result.append(np.zeros_like(x))
        for i in np.ndindex(x.shape):
            up, down = x.copy(), x.copy()
            up[i] += h
            down[i] -= h
            above = f(*operands[:k], up, *operands[k + 1 :])
            below = f(*operands[:k], down, *operands[k + 1 :])
            result[k][i] = (g * (above - below)).sum() / (2 * h)
    return result


# %% [markdown]
# Three ways to the same gradients, for every pair of shapes that fits: our sums, minitorch, and
# the definition of a slope.

# %%
checked = 0
for shape_a, shape_b in pairs:
    shape = tried(broadcast_shape, shape_a, shape_b)
    if shape == "error":
        continue
    a, b, g = (
        minitorch.randn(size, dtype=minitorch.float64).numpy() for size in (shape_a, shape_b, shape)
    )
    ours = unbroadcast(g * b, a.shape), unbroadcast(g * a, b.shape)
    ta, tb = minitorch.tensor(a, requires_grad=True), minitorch.tensor(b, requires_grad=True)
    (ta * tb).backward(minitorch.tensor(g))
    measured = slopes(np.multiply, g, a, b)
    for mine, theirs, slope in zip(ours, (ta.grad, tb.grad), measured, strict=True):
        assert mine.shape == theirs.shape
        assert np.allclose(mine, theirs)
        assert np.allclose(mine, slope, rtol=0, atol=1e-7)
    checked += 1
print(f"gradients of a * b for {checked} pairs of shapes: sums, minitorch and slopes agree")

# %% [markdown]
# The same for the rest of what we have met: slices, new axes and sums.

# %%
x64 = minitorch.randn(3, 4, dtype=minitorch.float64)
others = {
    "x[1]": lambda x: x[1],
    "x[:, 1]": lambda x: x[:, 1],
    "x[None]": lambda x: x[None],
    "x[:, None]": lambda x: x[:, None],
    "x.sum(0)": lambda x: x.sum(0),
    "x.sum(-1)": lambda x: x.sum(-1),
    "x.sum((0, 1))": lambda x: x.sum((0, 1)),
    "x.sum(1, keepdims=True)": lambda x: x.sum(1, keepdims=True),
}
for name, f in others.items():
    leaf = x64.clone().requires_grad_()
    y = f(leaf)
    g = minitorch.randn(y.shape, dtype=y.dtype)
    y.backward(g)
    (slope,) = slopes(f, g.numpy(), x64.numpy())
    assert np.allclose(leaf.grad, slope, rtol=0, atol=1e-7), name
print(f"and {len(others)} slices, new axes and sums")

# %% [markdown]
# ## Einsum, by loops
#
# Broadcasting lines axes up by position. `einsum` lines them up by name, which is easier to read
# once there are three of them. `"ik,kj->ij"` says: call the axes of the first operand $i, k$, those
# of the second $k, j$, and make a result with the axes $i, j$. There are two rules.
#
# - **One letter, one index.** Wherever a letter stands, it has the same value at the same time.
# - **What is not after the arrow is summed.**
#
# So it is a program: one loop for each letter, and in the middle one line that multiplies and adds.


# %%
def einsum_loops(equation, *operands):
    left, out = equation.split("->")
    terms = left.split(",")
    size = {}
    for term, x in zip(terms, operands, strict=True):
        for letter, n in zip(term, x.shape, strict=True):
            if size.setdefault(letter, n) != n:
                raise ValueError(f"{letter} is {size[letter]} long in one place and {n} in another")
    y = np.zeros([size[letter] for letter in out])
    for values in product(*(range(n) for n in size.values())):
        at = dict(zip(size, values, strict=True))
        factors = [x[tuple(at[c] for c in t)] for t, x in zip(terms, operands, strict=True)]
        y[tuple(at[c] for c in out)] += np.prod(factors)
    return y


# %% [markdown]
# What this small program can do, each line beside the same in other words. A letter that stands
# **twice in one operand** walks along the diagonal. A letter **in two operands** pairs their
# numbers, and if it is not kept, their products are summed: a dot product. A letter that is **kept
# in both** operands, $n$ in the last lines, does the same thing separately for each $n$: a batch.

# %%
s, v, u, w = (minitorch.randn(k, dtype=minitorch.float64).numpy() for k in ((4, 4), 4, 4, 3))
p, q = (minitorch.randn(k, dtype=minitorch.float64).numpy() for k in ((5, 3, 4), (5, 4, 2)))
r, t = (minitorch.randn(k, dtype=minitorch.float64).numpy() for k in ((5, 4), (5, 4)))
examples = [
    ("trace", "ii->", (s,), np.trace(s)),
    ("diagonal", "ii->i", (s,), np.diag(s)),
    ("transpose", "ij->ji", (s,), s.T),
    ("sum of each row", "ij->i", (s,), s.sum(1)),
    ("sum of squares", "ij,ij->", (s, s), (s * s).sum()),
    ("dot product", "i,i->", (v, u), v @ u),
    ("outer product", "i,j->ij", (v, w), v[:, None] * w),
    ("matrix times vector", "ij,j->i", (s, v), s @ v),
    ("a product per n", "nik,nkj->nij", (p, q), p @ q),
    ("dot product per n", "ni,ni->n", (r, t), (r * t).sum(1)),
    ("outer product per n", "ni,nj->nij", (r, t), r[:, :, None] * t[:, None, :]),
    ("bilinear form per n", "ni,ij,nj->n", (r, s, t), ((r @ s) * t).sum(1)),
]
for name, equation, operands, in_other_words in examples:
    y = einsum_loops(equation, *operands)
    assert np.allclose(y, in_other_words), name
    assert np.allclose(y, np.einsum(equation, *operands)), name
    tensors = [minitorch.tensor(x) for x in operands]
    assert np.allclose(y, minitorch.einsum(equation, *tensors)), name
    print(f"{name:21}{equation:14}{' '.join(str(x.shape) for x in operands):24}-> {y.shape}")

# %% [markdown]
# ## The gradient of einsum is an einsum
#
# Take the product, $y_{ij} = \sum_k a_{ik}\, b_{kj}$, and a loss that answers to $y$ by $g$, the
# simplest of which is $L = \sum_{ij} g_{ij}\, y_{ij}$. Put one into the other, and $L$ is a sum
# over all letters of three factors:
#
# $$L = \sum_{ijk} g_{ij}\, a_{ik}\, b_{kj}$$
#
# Nothing in this line knows which of the three is the gradient. Each factor stands there once, so
# to differentiate by one is to leave it out, and to keep its letters:
#
# $$\frac{\partial L}{\partial a_{ik}} = \sum_j g_{ij}\, b_{kj}
# \qquad \texttt{ij,kj->ik}$$
#
# Exchange the operand with the result: that is the whole rule, for any number of operands. It
# contains $g\, b^\top$ and $a^\top g$ from lesson 1, and everything above about sums.
#
# One case needs a second look. A letter that stood in one operand only, and was summed, is missing
# on the left after the exchange. In `"ij->i"` it is $j$. All its numbers were treated alike, so
# the gradient is the same for each: an operand of ones brings the letter back.
#
# Our function leaves out letters that stand twice in one operand, as in the trace. There only the
# diagonal was used, so only the diagonal gets a gradient. minitorch knows, and is checked on it.


# %%
def einsum_gradients(equation, g, *operands):
    left, out = equation.split("->")
    terms = left.split(",")
    result = []
    for k, x in enumerate(operands):
        others = [(t, z) for i, (t, z) in enumerate(zip(terms, operands, strict=True)) if i != k]
        names, factors = zip((out, g), *others, strict=True)
        lost = [c for c in terms[k] if c not in "".join(names)]
        ones = [np.ones(x.shape[terms[k].index(c)]) for c in lost]
        exchanged = f"{','.join((*names, *lost))}->{terms[k]}"
        result.append(np.einsum(exchanged, *factors, *ones))
    return result


by_rule = 0
for name, equation, operands, y in examples:
    g = minitorch.randn(np.shape(y), dtype=minitorch.float64).numpy()
    measured = slopes(partial(np.einsum, equation), g, *operands)

    tensors = [minitorch.tensor(x, requires_grad=True) for x in operands]
    minitorch.einsum(equation, *tensors).backward(minitorch.tensor(g))
    for x, slope in zip(tensors, measured, strict=True):
        assert np.allclose(x.grad, slope, rtol=0, atol=1e-7), name

    if "ii" not in equation:
        for x, ours in zip(tensors, einsum_gradients(equation, g, *operands), strict=True):
            assert np.allclose(x.grad, ours), name
        by_rule += 1
print(f"gradients of {len(examples)} equations agree with the slopes, {by_rule} by our rule")

# %%
print(
    f"found: one rule for {len(pairs)} pairs of shapes, {held:,} bytes stand for {written_out:,}, "
    "and the gradient of repeating is a sum"
)

# %% [markdown]
# ## Exercises
#
# Five more check themselves: fill in the functions in `lessons/exercises/02_broadcasting.py`, then
# run `python -m lessons check 02`. Ten puzzles stand in `lessons/exercises/puzzles.py`: how much of
# NumPy can be had from `arange`, `where`, `@`, comparing, indexing and broadcasting alone?
# `python -m lessons check puzzles` says what is solved.
#
# 1. Which of these fit, and what comes out: (256, 256, 3) with (3,); (8, 1, 6, 1) with (7, 1, 5);
#    (2, 1) with (8, 4, 3); (1,) with (0,)? Check with `broadcast_shape`.
# 2. $n$ points in $d$ dimensions, `x` of shape $(n, d)$. Compute all $n^2$ squared distances
#    without a loop. How much memory do your intermediate results take? Can you do it without one
#    of shape $(n, n, d)$? Think of $(x - z)^2 = x^2 - 2 x z + z^2$.
# 3. `square - square.mean(1)` is silently wrong. Write three more such expressions, for other
#    operations than a mean.
# 4. What does `"ij,jk,kl->il"` cost in multiplications, by `einsum_loops`, for four sizes of 100?
#    Why is it cheaper in two steps, and how much?
# 5. Write the gradient of `"ii->i"` in NumPy, by hand, and extend `einsum_gradients` by it.
# 6. What is the gradient of `x.expand(5, 4)` for `x` of shape (4,)? And of `x.sum(0)[None]`, for
#    `x` of shape (5, 4)? Compare, and explain.
# 7. Extend `einsum_loops` by `...`, any number of axes in front that line up as in broadcasting.
