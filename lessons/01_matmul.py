# %% [markdown]
# # Matrix multiplication, five ways
#
# A layer of a network is a matrix product; we write it five times, each time with less Python.
#
# The first version spells out every step. Each later one hands a loop to code that was compiled,
# until nothing is left but one symbol, `@`. The answer stays the same and the time falls a
# thousandfold. That factor is why every library of this kind, minitorch too, thinks in whole
# arrays.

# %%
from itertools import combinations

import numpy as np

import minitorch
from lessons.common import BLUE, ORANGE, here, kept, save_figure, seconds
from minitorch.utils.data import digits

minitorch.manual_seed(0)

# %% [markdown]
# ## What we multiply
#
# Five images of handwritten digits, each a row of 28 · 28 = 784 pixels, and a matrix of weights
# with one column for each of the ten digits. A column says how much each pixel speaks for its
# digit. Weighting the pixels and adding up gives a score; five images and ten digits make fifty
# scores. Computing all of them is the matrix product.
#
# The weights are random here. Lesson 11 finds better ones.

# %%
a = digits(size=28).x_valid[:5].reshape(5, 784).numpy()
b = minitorch.randn(784, 10).numpy()
print(f"a {a.shape} {a.dtype}, b {b.shape} {b.dtype}")

# %% [markdown]
# In letters, with $a$ of shape $(I, K)$, which means $I$ rows and $K$ columns, and $b$ of shape
# $(K, J)$:
#
# $$y_{ij} = \sum_k a_{ik}\, b_{kj}$$
#
# Row $i$ of $a$ meets column $j$ of $b$, number by number, so both must have the same length $K$.
# We check that ourselves, and will soon see why we cannot leave it to NumPy.


# %%
def sizes(a, b):
    """The sizes I, K and J of two matrices that have a product."""
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"{a.shape} times {b.shape}: {a.shape[1]} columns meet {b.shape[0]} rows")
    return a.shape[0], a.shape[1], b.shape[1]


# %% [markdown]
# ## 1. Three loops
#
# The formula, as it stands: one loop for each letter. 5 · 10 · 784 = 39,200 times round, each
# with one multiplication and one addition.


# %%
def matmul_loops(a, b):
    rows, inner, columns = sizes(a, b)
    y = np.zeros((rows, columns), a.dtype)
    for i in range(rows):
        for j in range(columns):
            for k in range(inner):
                y[i, j] += a[i, k] * b[k, j]
    return y


# %% [markdown]
# ## 2. A row times a column
#
# The sum over $k$ is the innermost loop, so it is the one that runs most. `a[i, :] * b[:, j]`
# multiplies two vectors element by element, `.sum()` adds up, and both run in C.


# %%
def matmul_rows(a, b):
    rows, _, columns = sizes(a, b)
    y = np.zeros((rows, columns), a.dtype)
    for i in range(rows):
        for j in range(columns):
            y[i, j] = (a[i, :] * b[:, j]).sum()
    return y


# %% [markdown]
# ## 3. Broadcasting
#
# Next, the loop over $j$. Row $i$ has shape $(K,)$. `None` puts in an axis of length 1 and stands
# the row upright: `a[i, :, None]` has shape $(K, 1)$, a column. Against $b$, $(K, J)$, NumPy
# repeats it along the axis of length 1, once for each column. Nothing is copied for that; the same
# numbers are read again. Summing over $k$, which is axis 0, down the columns, leaves a whole row of
# the result.


# %%
def matmul_broadcast(a, b):
    rows, _, columns = sizes(a, b)
    y = np.zeros((rows, columns), a.dtype)
    for i in range(rows):
        y[i] = (a[i, :, None] * b).sum(axis=0)
    return y


# %% [markdown]
# ## 4. Einstein summation
#
# The last loop goes too. In `ik,kj->ij` every axis has a letter. Numbers are multiplied where their
# letters agree, and a letter missing after the arrow, here $k$, is summed over. It is the formula
# without the Σ.


# %%
def matmul_einsum(a, b):
    sizes(a, b)
    return np.einsum("ik,kj->ij", a, b)


# %% [markdown]
# ## 5. The operator
#
# What you will write from now on. For floats, NumPy's `@` calls BLAS, a library whose authors have
# been tuning this one task for decades.


# %%
def matmul(a, b):
    sizes(a, b)
    return a @ b


variants = [matmul_loops, matmul_rows, matmul_broadcast, matmul_einsum, matmul]

# %% [markdown]
# ## Do they agree?
#
# Each with each. We do not ask for equal bits: a sum of 784 float32 numbers depends a little on
# the order of adding, and each version has an order of its own.

# %%
results = {f.__name__: f(a, b) for f in variants}
furthest = 0.0
for (name, y), (other, z) in combinations(results.items(), 2):
    assert y.shape == z.shape == (5, 10)
    assert y.dtype == z.dtype == np.float32
    assert np.allclose(y, z, rtol=0, atol=1e-4), f"{name} and {other} differ"
    furthest = max(furthest, abs(y - z).max())
print(f"five results, each with each: at most {furthest:.0e} apart, in scores up to {y.max():.0f}")

# %% [markdown]
# minitorch has the same five, as ops, functions of its own arrays, the `Tensor`s. So what you have
# just written can be held against them.

# %%
ops = {
    "matmul_loops": minitorch.matmul_loops,
    "matmul_rows": minitorch.matmul_rows,
    "matmul_broadcast": minitorch.matmul_broadcast,
    "matmul_einsum": minitorch.matmul_einsum,
    "matmul": lambda a, b: a @ b,
}
for name, op in ops.items():
    y = op(minitorch.tensor(a), minitorch.tensor(b))
    assert np.allclose(y.numpy(), results[name], rtol=0, atol=1e-4), name
print("minitorch's own five agree with ours")

# %% [markdown]
# ## When the sizes do not fit
#
# Turn $b$ around, rows for columns (`b.T`, the *transpose*), and row and column no longer have one
# length. The message names both shapes, the two numbers that differ, and what would help: to turn
# it back, which for a Tensor is `b.mT`.

# %%
try:
    minitorch.tensor(a) @ minitorch.tensor(b.T)
    raise AssertionError("784 columns were multiplied with 10 rows")
except ValueError as error:
    message = str(error)
print(message)
assert all(part in message for part in ("(5, 784)", "(10, 784)", "784 != 10"))

# %% [markdown]
# That an error comes is not a matter of course. Without our `sizes`, broadcasting would take a
# $b$ with a single row, repeat it 784 times, and return fifty wrong numbers without a word. The
# loops would ignore rows of $b$ that are too many. Silent mistakes cost more time than any loop,
# so all our versions check, and so do minitorch's.

# %%
one_row = b[:1]
wrong = (a[0, :, None] * one_row).sum(axis=0)
print(f"unchecked, {a[:1].shape} times {one_row.shape} gives numbers: {wrong[:3].round(2)} ...")
for f in variants:
    try:
        f(a, one_row)
    except ValueError:
        continue
    raise AssertionError(f"{f.__name__} accepted {one_row.shape}")

# %% [markdown]
# ## The gradients
#
# To find better weights one says by a single number, the *loss* $L$, how wrong the scores are, and
# asks how it answers to a small change of each number in $a$ and $b$. That is a derivative:
# $\partial L / \partial b_{kj}$ is the derivative of $L$ by $b_{kj}$ alone, with all other numbers
# held still. All of them together, in the shape of $b$, are the *gradient* of $b$,
# $\partial L / \partial b$.
#
# Say we know already how $L$ answers to each score, $g_{ij} = \partial L / \partial y_{ij}$. Now
# follow one number. Element $a_{ik}$ is used in row $i$ of $y$ only, there in every column $j$, and
# each time multiplied by $b_{kj}$. All these ways add up, with $b^\top$ for the transpose:
#
# $$\frac{\partial L}{\partial a_{ik}} = \sum_j g_{ij}\, b_{kj}
# \qquad\text{that is}\qquad \frac{\partial L}{\partial a} = g\, b^\top$$
#
# Element $b_{kj}$ is used in column $j$ only, there in every row $i$, multiplied by $a_{ik}$:
#
# $$\frac{\partial L}{\partial b_{kj}} = \sum_i a_{ik}\, g_{ij}
# \qquad\text{that is}\qquad \frac{\partial L}{\partial b} = a^\top g$$
#
# If you forget which side is transposed, ask the shapes: a gradient has the shape of what it
# belongs to, and $(I, J)(J, K) = (I, K)$ fits in one way only.
#
# The gradients of a product are two more products, so any of our five can compute them. minitorch
# finds gradients by itself: `requires_grad=True` asks for them, `y.backward(g)` computes them from
# $g$, and `a.grad` is where they lie. It remembers what was computed, on a *tape*; lesson 6 builds
# one. Here we only compare.

# %%
g = minitorch.randn(5, 10).numpy()
by_hand = {f.__name__: (f(g, b.T), f(a.T, g)) for f in variants}

for name, op in ops.items():
    ta, tb = minitorch.tensor(a, requires_grad=True), minitorch.tensor(b, requires_grad=True)
    op(ta, tb).backward(minitorch.tensor(g))
    assert np.allclose(ta.grad.numpy(), by_hand[name][0], rtol=0, atol=1e-4), name
    assert np.allclose(tb.grad.numpy(), by_hand[name][1], rtol=0, atol=1e-4), name

for (name, one), (other, two) in combinations(by_hand.items(), 2):
    for x, z in zip(one, two, strict=True):
        assert np.allclose(x, z, rtol=0, atol=1e-4), f"{name} and {other} differ"
print(f"gradients {by_hand['matmul'][0].shape} and {by_hand['matmul'][1].shape}: all five agree,")
print("ours with each other and with minitorch's tape")

# %% [markdown]
# Derivations can be wrong, also where two programs agree. The definition of a derivative cannot:
# move one number by $\pm h$ and see how far $L$ moves. We do it for one weight, for
# $L = \sum_{ij} g_{ij}\, y_{ij}$, in float64, whose numbers have 16 digits where those of float32
# have 7.

# %%
a64, b64, g64, h = a.astype(float), b.astype(float), g.astype(float), 1e-5
k, j = int(a.sum(axis=0).argmax()), 3  # the pixel with the most ink, so that the slope is not 0
up, down = b64.copy(), b64.copy()
up[k, j] += h
down[k, j] -= h
slope = ((g64 * (a64 @ up)).sum() - (g64 * (a64 @ down)).sum()) / (2 * h)
formula = by_hand["matmul"][1][k, j]
print(f"dL/db[{k}, {j}]: {formula:.6f} by the formula, {slope:.6f} by moving it")
assert abs(slope - formula) < 1e-4

# %% [markdown]
# ## How long do they take?
#
# For our five images, and for a layer as it will be used in lesson 11: 64 images at a time, 50
# outputs. One step is one multiplication and its addition.

# %%
batch, weights = np.resize(a, (64, 784)), minitorch.randn(784, 50).numpy()
measured = {"with": here()}
for left, right in [(a, b), (batch, weights)]:
    n, inner, m = sizes(left, right)
    times = {f.__name__: seconds(f, left, right) for f in variants}
    measured[f"({n},{inner}) times ({inner},{m})"] = times
    print(f"\n({n},{inner}) times ({inner},{m})    microseconds  million steps/s  speed-up")
    for name, t in times.items():
        steps, gain = n * inner * m / t, times["matmul_loops"] / t
        print(f"  {name:19}{t * 1e6:16,.1f}{steps / 1e6:17,.0f}{gain:10,.0f}")

small = measured["(5,784) times (784,10)"]
assert small["matmul_loops"] > 20 * small["matmul_broadcast"]
times = small["matmul_loops"] / small["matmul"]
print(f"found: five results agree; three loops take {times:,.0f} times as long as @")

# %% [markdown]
# ## Why?
#
# **The interpreter.** In the first version Python looks up `a[i, k]`, finds its type, makes an
# object for the number, finds out what `*` means for it, and so on, 39,200 times. The
# multiplication itself is about a thousandth of that.
#
# **Loops in C.** A NumPy call pays this price once for a whole array: about a microsecond, and
# then less than a nanosecond per number. Fifty calls are cheaper than 39,200, five are cheaper
# than fifty. Broadcasting still writes all $K \cdot J$ products to memory to read them again for
# the sum; einsum adds them up as it goes.
#
# **The cache.** Main memory is slow; a core can multiply hundreds of numbers in the time it takes
# to fetch one. A product of matrices uses each number of $a$ in all $J$ columns and each of $b$ in
# all $I$ rows, so it pays to fetch a block once and use it often while it lies in the small, fast
# cache. BLAS is built around that, multiplies eight or sixteen numbers with one instruction, and
# uses several cores. With five rows there is little to use again. With a whole batch there is, and
# `@` leaves einsum behind.
#
# So: give the library few, large products.


# %%
def draw(figure):
    times = kept("01_matmul", measured)
    note = times.pop("with")
    names = list(times["(5,784) times (784,10)"])
    gain = max(t["matmul_loops"] / t["matmul"] for t in times.values())
    figure.suptitle(f"The same product, {float(f'{gain:.2g}'):,.0f} times faster without loops")
    axes = figure.subplots()
    for shapes, colour, shift in zip(times, (BLUE, ORANGE), (-0.2, 0.2), strict=True):
        places = [i + shift for i in range(len(names))]
        bars = axes.barh(
            places, [times[shapes][f] for f in names], 0.38, color=colour, label=shapes
        )
        axes.bar_label(bars, [readable(times[shapes][f]) for f in names], padding=4)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xscale("log")
    ticks = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1]
    axes.set_xticks(ticks, [readable(t) for t in ticks])
    axes.set_xlim(1e-6, 4)
    axes.set_xlabel(f"time of one product, log scale ({note})")
    axes.grid(axis="y", visible=False)
    axes.legend(loc="lower right")


def readable(t):
    """4.5e-06 as 4.5 µs."""
    number, unit = next(
        (t * k, u) for k, u in [(1, "s"), (1e3, "ms"), (1e6, "µs")] if t * k > 0.999
    )
    return f"{number:.2g} {unit}" if number < 99.5 else f"{number:.0f} {unit}"


save_figure("01_matmul", draw)

# %% [markdown]
# ## Exercises
#
# Six more check themselves: fill in the functions in `lessons/exercises/01_matmul.py`, then run
# `python -m lessons check 01`.
#
# 1. Swap the loops so that `k` is the outermost. Is the result the same? The time?
# 2. Write `matmul_columns`, which loops over the columns $j$ of $b$ and broadcasts over the rows of
#    $a$. For which shapes is it faster than looping over the rows?
# 3. Remove the loop over $i$ from `matmul_broadcast` as well, with a product of shape $(I, K, J)$.
#    How much memory does that product take for (64,784) times (784,50)? Is it faster?
# 4. Write with einsum: the transpose of $a$, the sum of each row, the sum of the squares of all
#    numbers, and the product $a\, b$ of two stacks of matrices, `(n, i, k)` and `(n, k, j)`.
# 5. Why does $\partial L / \partial b$ grow with the number of images, and what does that mean for
#    a loss that is a sum rather than a mean?
# 6. Time `@` for square matrices of size 2, 4, 8, ..., 1024. From which size on does the time grow
#    eightfold when the size doubles? What costs the time below it?
