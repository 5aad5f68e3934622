# %% [markdown]
# # Backward, by hand
#
# The chain rule, walked from the loss back to the first weight: three short functions do it all.
#
# To make the loss smaller, one must know how it answers to each weight. Trying it out costs a
# forward pass for every weight, tens of thousands for one small network. Going backward costs as
# much as a few forward passes, for all weights together. That difference is what makes training
# possible.

# %%
import math
import tracemalloc
from functools import partial

import numpy as np

import minitorch
import minitorch.nn.functional as F
from lessons.common import BLUE, ORANGE, RED, kept, save_figure, seconds
from minitorch import compare, gradcheck
from minitorch.utils.data import digits

minitorch.manual_seed(0)

# %% [markdown]
# ## The network of lesson 4
#
# Two layers, one output, the mean squared error. We take 64 of its images. All numbers to choose,
# the biases too, are the *parameters* of the network; when we count weights, we count all of them.

# %%
N, hidden = 64, 50
data = digits(size=28)
x_train, y_train = data.x_train.reshape(len(data.x_train), -1), data.y_train
x = ((x_train - x_train.mean()) / x_train.std())[:N]
y = y_train[:N].float()
m = x.shape[1]

w1, b1 = minitorch.randn(m, hidden) * math.sqrt(2 / m), minitorch.zeros(hidden)
w2, b2 = minitorch.randn(hidden, 1) * math.sqrt(1 / hidden), minitorch.zeros(1)
parameters = {"w1": w1, "b1": b1, "w2": w2, "b2": b2}
count = sum(p.numel() for p in parameters.values())
print(f"{N} images of {m} pixels, {count:,} weights")


def lin(x, w, b):
    return x @ w + b


def relu(x):
    return x.clamp_min(0.0)


def mse(output, targ):
    return ((output.squeeze(-1) - targ) ** 2).mean()


# %% [markdown]
# ## The chain rule
#
# Forward, the numbers go through four steps, each a function of what the one before has made:
#
# $$\text{inp} \to l_1 \to l_2 \to \text{out} \to L$$
#
# If $l_1$ moves by a little, $l_2$ moves by its slope times as much, and so do $\text{out}$ and $L$
# in their turn. The slopes multiply. We start at the end, with $\partial L / \partial \text{out}$,
# and in each step backward turn the gradient of what the step has *made* into the gradient of what
# it was *given*. So each function below needs two things: what went in, and the gradient of what
# came out. It stores its result as `.g` on the tensor that the gradient belongs to. A gradient
# always has the shape of its tensor.
#
# ### The loss
#
# In $L = \frac1N \sum_n (\text{out}_n - t_n)^2$ each output stands in one term. The derivative of
# the square is twice its base:
#
# $$\frac{\partial L}{\partial \text{out}_n} = \frac{2\,(\text{out}_n - t_n)}{N}$$
#
# `out` has the shape (N, 1), so the axis that `squeeze` takes away must come back.


# %%
def mse_grad(inp, targ):
    """inp is the output of the network, which is what the loss was given."""
    inp.g = 2 * (inp.squeeze(-1) - targ).unsqueeze(-1) / inp.shape[0]


# %% [markdown]
# ### Relu
#
# Where the input was positive, relu handed it on: slope 1, so the gradient passes as it is. Where
# it was negative, a small move of the input does not change the output: slope 0, nothing passes.
# It is the *input* that is asked about, and the *gradient* that is kept or dropped.


# %%
def relu_grad(inp, out):
    inp.g = (inp > 0) * out.g


# %% [markdown]
# ### The linear layer
#
# It was given three things, and each has a gradient. Lesson 1 found those of a product: for
# $\text{out} = \text{inp} \cdot w$ they are $g\, w^\top$ and $\text{inp}^\top g$. The bias was
# repeated for each of the $N$ rows, so by lesson 2 its gradient is the sum over the rows.


# %%
def lin_grad(inp, out, w, b):
    inp.g = out.g @ w.T
    w.g = inp.T @ out.g
    b.g = out.g.sum(0)


# %% [markdown]
# ### All of it
#
# The steps forward, then the same steps in the opposite order. Every line backward uses a `.g` that
# the line before has made.


# %%
def forward_and_backward(inp, targ, w1, b1, w2, b2, with_loss=False):
    l1 = lin(inp, w1, b1)
    l2 = relu(l1)
    out = lin(l2, w2, b2)
    if with_loss:
        mse(out, targ)

    mse_grad(out, targ)
    lin_grad(l2, out, w2, b2)
    relu_grad(l1, l2)
    lin_grad(inp, l1, w1, b1)
    return l1, l2, out


l1, l2, out = forward_and_backward(x, y, **parameters)
for name, p in parameters.items():
    print(f"{name}.g {tuple(p.g.shape)!s:10} largest {p.g.abs().max():.3f}")
    assert p.g.shape == p.shape

# %% [markdown]
# The loss itself is not needed. What goes backward is its slope, and the slope was derived with
# pencil and paper. With or without the value, the gradients are the same, bit for bit.
#
# To compare, we have to keep the first result. `clone` copies it; a mere second name for `w1.g`
# would follow whatever happens to it.

# %%
between = {"x": x, "l1": l1, "l2": l2, "out": out}
by_hand = {name: p.g.clone() for name, p in {**parameters, **between}.items()}
forward_and_backward(x, y, **parameters, with_loss=True)
assert all(np.array_equal(p.g, by_hand[name]) for name, p in parameters.items())

copy = w2.g.clone()
copy += 1.0
assert np.array_equal(w2.g, by_hand["w2"])

# %% [markdown]
# ## A sum of outer products
#
# `inp.T @ out.g` is short, and hides something worth seeing. Written out,
#
# $$w.g_{ij} = \sum_n \text{inp}_{ni}\; g_{nj}$$
#
# Each image $n$ makes a matrix of its own, the *outer product* of what went in and the gradient of
# what came out; the matrices of all images are added. Literally:


# %%
def outer_products(inp, g):
    return (inp.unsqueeze(-1) * g.unsqueeze(1)).sum(0)


def one_product(inp, g):
    return inp.T @ g


assert np.allclose(outer_products(x, l1.g), one_product(x, l1.g), rtol=0, atol=1e-4)
assert np.allclose(minitorch.einsum("ni,nj->ij", x, l1.g), one_product(x, l1.g), atol=1e-4)


def peak(f, *args):
    """The most memory that f takes at one time, in bytes."""
    tracemalloc.start()
    f(*args)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


stack, result = N * m * hidden * 4, m * hidden * 4
memory = {f.__name__: peak(f, x, l1.g) for f in (outer_products, one_product)}
for name, used in memory.items():
    print(f"{name:15}{used / 1e6:6.2f} MB")
print(f"the stack ({N}, {m}, {hidden}) is {stack / 1e6:.2f} MB; ", end="")
print(f"for 50,000 images it would be {stack / N * 50_000 / 1e9:.1f} GB")
assert stack <= memory["outer_products"] < 1.2 * stack + 2 * result
assert result <= memory["one_product"] < 1.2 * result

# %% [markdown]
# The first form writes $N$ matrices to memory in order to add them up. The product adds as it
# goes: same numbers, and the memory of one matrix.
#
# For one hidden unit $j$ this means: the gradient of its weights, column $j$ of `w1.g`, is a
# weighted sum of the images. The weights in it are $g_{nj}$: how the loss would answer if the unit
# said a little more about image $n$. A step against the gradient paints these images into the
# weights of the unit, with the opposite sign. Images for which relu has silenced the unit take no
# part.

# %%
active = (l1.g != 0).sum(0)
unit = int((active - N / 2).abs().argmin())  # active for about half of the images
weight = l1.g[:, unit].numpy()
largest = np.argsort(-abs(weight))[:4]
summed = sum(weight[n] * x[n].numpy() for n in range(N))
assert np.allclose(summed, w1.g[:, unit], rtol=0, atol=1e-4)
print(f"unit {unit}: {active[unit].item()} of {N} images take part")
assert 0 < active[unit] < N


def weighted_sum(figure):
    figure.suptitle("The gradient of a unit's weights is a weighted sum of the images")
    *singles, dots, last = figure.subplots(1, 6, width_ratios=[1, 1, 1, 1, 0.4, 1.25])
    pictures = [
        (axes, x[int(n)].numpy(), f"{weight[n]:+.2f} ×") for axes, n in zip(singles, largest)
    ]
    pictures.append((last, summed, f"w1.g[:, {unit}]"))
    for axes, picture, title in pictures:
        limit = abs(picture).max()
        drawn = axes.imshow(picture.reshape(28, 28), cmap="PuOr", vmin=-limit, vmax=limit)
        axes.set_title(title, loc="center")
        axes.set_axis_off()
    dots.set_axis_off()
    dots.text(0.5, 0.5, "+ ... =", ha="center", va="center", fontsize=14)
    bar = figure.colorbar(drawn, ax=last, shrink=0.8, label="gradient")
    bar.outline.set_visible(False)


save_figure("05_weighted_sum", weighted_sum, figsize=(9, 2.6))

# %% [markdown]
# ## The same by minitorch
#
# A tensor with `requires_grad` asks minitorch to write down what is done with it; `backward` then
# goes through the list from its end, as we did. (Lesson 6 builds this.) We give it copies, so that
# ours stay as they are, and ask for the gradient of the images, too: `x.g` came out of our last
# step for free. Of the numbers in between it keeps no gradients, unless asked by `retain_grad`.
#
# At an input of exactly 0 our relu has slope 0 and `clamp_min` has 1. Here there is none.

# %%
copies = {name: p.clone().requires_grad_(True) for name, p in {**parameters, "x": x}.items()}
a1 = lin(copies["x"], copies["w1"], copies["b1"])
a2 = relu(a1)
a3 = lin(a2, copies["w2"], copies["b2"])
copies |= {"l1": a1, "l2": a2, "out": a3}
for made in (a1, a2, a3):
    made.retain_grad()
F.mse_loss(a3.squeeze(-1), y).backward()

assert (l1 != 0).all()
assert compare(by_hand, {name: copies[name].grad for name in by_hand})
assert np.allclose(out.g, a3.grad, rtol=0, atol=1e-6)
assert not w1.requires_grad

# %% [markdown]
# ## What it costs
#
# Against finding the slopes by trying, with two forward passes for each weight:


# %%
def loss_of(x, y, w1, b1, w2, b2):
    return mse(lin(relu(lin(x, w1, b1)), w2, b2), y)


once = seconds(lambda: loss_of(x, y, **parameters))
both = seconds(lambda: forward_and_backward(x, y, **parameters))
print(f"one loss {once * 1e6:,.0f} µs; forward and backward {both * 1e6:,.0f} µs for all {count:,}")
print(f"two losses for each weight would take {2 * count * once:,.1f} s, ", end="")
print(f"{2 * count * once / both:,.0f} times as long")
assert 2 * count * once > 1000 * both
assert both < 20 * once

# %% [markdown]
# ## The slope by trying
#
# Slow as it is, trying needs no derivation, so it is the judge of every derivation. There are two
# ways to try:
#
# $$\text{one-sided: } \frac{f(z + h) - f(z)}{h} \qquad
# \text{two-point: } \frac{f(z + h) - f(z - h)}{2h}$$
#
# And there is $h$ to choose. One would think: as small as possible. Take $f(z) = z^3$, whose slope
# is $3 z^2$, and multiply out.
#
# - $\big((z+h)^3 - z^3\big) / h = 3z^2 + 3zh + h^2$. The error is $3zh$, and a smaller $h^2$.
# - $\big((z+h)^3 - (z-h)^3\big) / 2h = 3z^2 + h^2$. The error is $h^2$ alone; $3zh$ has cancelled.
#
# For other functions the constants are others, and the powers stay: with half the $h$, the
# one-sided error is half, the two-point error a quarter.
#
# But a computer cannot take the difference of $f(z + h)$ and $f(z)$, only that of two rounded
# numbers. They are right to a relative $\varepsilon$, the distance from 1 to the next number: $1.2
# \cdot 10^{-7}$ in float32, $2.2 \cdot 10^{-16}$ in float64. The smaller $h$ is, the more alike the
# two are, and the less of their difference is anything but rounding. That error is about
# $\varepsilon f(z) / h$: it *grows* as $h$ shrinks. One error falls and one grows, which makes a U.
# It is lowest about where the two are equal. Leaving out the constants:
#
# | | one-sided | two-point |
# | --- | --- | --- |
# | error | $h + \varepsilon / h$ | $h^2 + \varepsilon / h$ |
# | best $h$ | $\varepsilon^{1/2}$ | $\varepsilon^{1/3}$ |
# | error there | $\varepsilon^{1/2}$ | $\varepsilon^{2/3}$ |
# | float32: best $h$ | $3 \cdot 10^{-4}$ | $5 \cdot 10^{-3}$ |
# | float32: error there | $3 \cdot 10^{-4}$ | $2 \cdot 10^{-5}$ |
# | float64: best $h$ | $1 \cdot 10^{-8}$ | $6 \cdot 10^{-6}$ |
# | float64: error there | $1 \cdot 10^{-8}$ | $4 \cdot 10^{-11}$ |


# %%
def errors(f, slope, steps):
    """Relative errors of the one-sided and the two-point slope, medians, for each step.

    f(h) gives the values at z + h for several z at once, in their own precision.
    """
    here = f(0.0)
    one_sided, two_point = [], []
    for h in steps:
        above, below = f(h), f(-h)
        one = (above - here).double() / h
        two = (above - below).double() / (2 * h)
        one_sided.append(((one - slope) / slope).abs().median().item())
        two_point.append(((two - slope) / slope).abs().median().item())
    return {"one-sided": one_sided, "two-point": two_point}


kinds = {"float32": minitorch.float32, "float64": minitorch.float64}
steps = [10 ** (-k / 2) for k in range(27)]
z = 1 + minitorch.rand(200)


def cube(h, z):
    return (z + h) * (z + h) * (z + h)


slope = 3 * z.double() ** 2
cubes = {name: errors(partial(cube, z=z.to(d)), slope, steps) for name, d in kinds.items()}


def lowest(curves):
    """Where each curve has its lowest point, and how low it is."""
    found = {}
    for name, both in curves.items():
        for kind, curve in both.items():
            k = int(np.argmin(curve))
            found[name, kind] = steps[k], curve[k]
            print(f"  {name}, {kind}: error {curve[k]:.0e} at h = {steps[k]:.0e}")
    return found


print("z³, lowest points:")
best = lowest(cubes)
for name, dtype in kinds.items():
    epsilon = float(minitorch.finfo(dtype).eps)
    for kind, power in (("one-sided", 1 / 2), ("two-point", 1 / 3)):
        h, error = best[name, kind]
        assert epsilon**power / 10 < h < 10 * epsilon**power
        assert error < 10 * epsilon ** (1 - power)
    assert best[name, "two-point"][1] < best[name, "one-sided"][1] / 5

# %% [markdown]
# ## The slope of the network
#
# Now our loss, and all its weights at once. We choose a random direction, a number $d$ for each
# weight $p$, and go from the weights $p$ to $p + h d$. By the chain rule the slope along the way is
# $\sum g\, d$ over all the weights, so one comparison tests all 39,301 gradients. We do it for nine
# directions. The gradients to compare with come from our own functions, now in float64.

# %%
wide = {name: p.double() for name, p in parameters.items()}
forward_and_backward(x.double(), y.double(), **wide)
directions = [
    {name: minitorch.randn(p.shape, dtype=p.dtype) / math.sqrt(len(p)) for name, p in wide.items()}
    for _ in range(9)
]
slope = minitorch.stack(
    [sum((p.g * d[name]).sum() for name, p in wide.items()) for d in directions]
)


def moved(h, d, dtype):
    """The weights p + h d, in one precision."""
    return {name: p.to(dtype) + h * d[name].to(dtype) for name, p in parameters.items()}


def losses(h, dtype):
    """The loss at p + h d, for each direction d."""
    data = x.to(dtype), y.to(dtype)
    return minitorch.stack([loss_of(*data, **moved(h, d, dtype)) for d in directions])


network = {name: errors(partial(losses, dtype=d), slope, steps) for name, d in kinds.items()}
print("the network, lowest points:")
best = lowest(network)
assert best["float64", "one-sided"][1] < 1e-6
assert best["float64", "two-point"][1] < 1e-8
assert all(1e-5 < best["float32", kind][1] < 1e-2 for kind in ("one-sided", "two-point"))


# %% [markdown]
# The curves look like those of $z^3$, but for one thing. The two-point curve of float64 does not
# come down evenly; it falls off a cliff. The cause is relu. It has a *kink* at 0, with slope 0 on
# one side and 1 on the other. 64 images and 50 units make 3,200 relus, and a large step carries
# some of them across. A slope taken across a kink is a mixture of both sides, and nothing cancels.
# Only when the step is too small for any relu to change sides does the formula keep its promise.


# %%
def crossed(h):
    """How many of the relus are on at one end and off at the other, in the median direction."""
    counts = []
    for d in directions:
        ends = (moved(k, d, minitorch.float64) for k in (h, -h))
        one, other = (lin(x.double(), p["w1"], p["b1"]) > 0 for p in ends)
        counts.append((one != other).sum().item())
    return np.median(counts)


print("step     relus crossed   error of the two-point slope, float64")
for k in (4, 6, 8, 10):
    error = network["float64"]["two-point"][k]
    print(f"{steps[k]:.0e}{crossed(steps[k]):12.0f}{error:20.0e}")
assert crossed(1e-2) > 10
assert crossed(1e-5) == 0
assert network["float64"]["two-point"][4] > 1e-4
assert network["float64"]["two-point"][10] < 1e-8


# %%
def u_curves(figure):
    figure.suptitle("Too large a step is wrong, too small a step is noise")
    # How numbers round depends on the processor, so the right panel shows a run that was kept.
    panels = [
        ("f(z) = z³", cubes),
        (f"The loss of our network, {count:,} weights", kept("05_steps", network)),
    ]
    for axes, (title, curves) in zip(figure.subplots(1, 2, sharey=True), panels, strict=True):
        for name, colour, width in (("float32", ORANGE, 4), ("float64", BLUE, 1.8)):
            for kind, line in (("one-sided", ":"), ("two-point", "-")):
                style = {"color": colour, "lw": width, "label": f"{name}, {kind}"}
                axes.plot(steps, curves[name][kind], line, **style)
        axes.set_title(title)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlim(1, 1e-13)
        axes.set_ylim(1e-13, 10)
        axes.set_xlabel("step h, log scale, smaller to the right")
        if axes.get_subplotspec().is_first_col():
            axes.set_ylabel("relative error of the slope, log scale")
            axes.legend(loc="lower right", fontsize=10)
        else:
            arrow = {"arrowstyle": "->", "color": RED}
            note = "from here on\nno relu\nchanges sides"
            axes.annotate(note, (3e-4, 3e-8), (0.5, 1e-11), color=RED, arrowprops=arrow)


save_figure("05_steps", u_curves, figsize=(10, 4.6))

# %% [markdown]
# So: in float64, two-point, with a step around $10^{-5}$ or $10^{-6}$. float32 is good for training
# and no good for this. Now we can trust single weights as well; in each tensor, the one with the
# largest gradient:

# %%
h = 1e-6
for name, p in wide.items():
    k = int(p.g.abs().argmax())
    d = {other: minitorch.zeros_like(q) for other, q in wide.items()}
    d[name].view(-1)[k] = 1.0
    up, down = ({other: q + s * d[other] for other, q in wide.items()} for s in (h, -h))
    data = x.double(), y.double()
    tried = ((loss_of(*data, **up) - loss_of(*data, **down)) / (2 * h)).item()
    derived = p.g.flatten()[k].item()
    print(f"{name}: {derived:11.6f} derived, {tried:11.6f} by trying")
    assert abs(tried - derived) < 1e-6 * abs(derived)

# %% [markdown]
# `gradcheck` does all of this with minitorch's gradients: float64, two points, kinks left out. With
# `fast_mode` it goes in random directions, as we did, and `eps` is the step. Lesson 7 plants
# mistakes for it to find.

# %%
loss_at = partial(loss_of, x.double(), y.double())
inputs = tuple(p.requires_grad_() for p in wide.values())
assert gradcheck(loss_at, inputs, eps=1e-6, fast_mode=True)
print(
    f"found: {count:,} gradients by three functions, equal to the tape's; slopes by trying are "
    f"right to {best['float64', 'two-point'][1]:.0e} in float64, "
    f"{best['float32', 'two-point'][1]:.0e} in float32"
)

# %% [markdown]
# ## Exercises
#
# Five more check themselves: fill in the functions in `lessons/exercises/05_backward.py`, then run
# `python -m lessons check 05`.
#
# 1. Put the shifted relu of lesson 3 into the network. Which of the three functions changes?
# 2. `relu_grad` could ask `out > 0` instead of `inp > 0`. Is it the same? Why would one prefer it,
#    and does it still work for the shifted relu?
# 3. Write `l1_grad` for the mean of the absolute errors, and compare with `F.l1_loss`.
# 4. `lin_grad` sets `.g`. What goes wrong if one weight is used in two layers, and which single
#    character mends it? What else must then change?
# 5. Add a third layer. How many lines does `forward_and_backward` grow by? What does it have to
#    keep from the way forward until it comes back, and how much memory is that?
# 6. Is there a formula with the points $z \pm h$ and $z \pm 2h$ whose error is $h^4$? Find it, and
#    draw its U next to the others. Where is its lowest point?
# 7. With complex numbers, $\mathrm{Im}\, f(z + ih) / h$ needs no difference at all. Try it on $z^3$
#    with $h = 10^{-100}$. Why would it not work for the network?
