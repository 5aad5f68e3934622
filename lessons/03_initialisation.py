# %% [markdown]
# # Relu and the first weights
#
# How large the first random weights are decides whether a deep network can begin to learn.
#
# A layer is a matrix product (lesson 1), and a network is several of them, one after the other. Its
# weights start as random numbers. It seems a detail how large they are, since training will
# change them anyway. But a hundred layers multiply a hundred times: what grows a little in each
# grows beyond every number a computer can hold, and what shrinks a little is gone. In between
# lies one right size. Here we derive it and watch what happens without it.

# %%
import math
from itertools import pairwise

import numpy as np

import minitorch
from lessons.common import BLUE, GREEN, GREY, ORANGE, RED, load_images, save_figure
from minitorch.nn import init
from minitorch.utils import data

minitorch.manual_seed(0)

# %% [markdown]
# ## Inputs of a known size
#
# We want to know what a layer does to the size of its numbers, so we first give the inputs a
# size: mean 0, standard deviation 1. For images that means to subtract the mean of all pixels and
# to divide by their standard deviation. There are $n$ images to learn from, $m$ pixels in each, and
# $c$ kinds of digits.


# %%
def stats(x):
    """Mean and standard deviation, of a Tensor or an array."""
    mean = x.mean()
    return mean, ((x - mean) ** 2).mean() ** 0.5


def normalize(x, m, s):
    return (x - m) / s


x_train, y_train, x_valid, _ = load_images()
x_train, x_valid = x_train.reshape(len(x_train), -1), x_valid.reshape(len(x_valid), -1)
n, m = x_train.shape
c = int(y_train.max()) + 1
print(f"n {n}, m {m}, c {c}; {len(x_valid)} images held back")

train_mean, train_std = stats(x_train)
print(f"pixels: mean {train_mean:.3f}, standard deviation {train_std:.3f}")
x_train = normalize(x_train, train_mean, train_std)
x_valid = normalize(x_valid, train_mean, train_std)
for name, x in (("training", x_train), ("held back", x_valid)):
    print(f"normalised, {name:9}: mean {x.mean():7.4f}, standard deviation {x.std():.4f}")

# %% [markdown]
# The images that are held back are shifted and scaled by the *training* numbers. Both parts must
# go through the same change, or a pixel of the same grey would mean two things. So the second
# line is not exactly 0 and 1, and should not be. (`x.std()` divides by one less than the number of
# elements, our `stats` by all of them; of many it makes no difference.)

# %%
assert abs(x_train.mean()) < 1e-3
assert abs(x_train.std() - 1) < 1e-3
assert abs(x_valid.mean()) > 1e-3
assert abs(stats(x_valid)[1] - x_valid.std()) < 1e-3
for x in (x_valid, x_valid.numpy()):
    assert np.allclose(stats(x), data.stats(x), atol=1e-5)

# %% [markdown]
# ## What a linear layer does
#
# A layer of $m$ inputs computes $z = \sum_i x_i w_i$ for each of its *units*, the columns of the
# matrix of weights. Let the weights be random, independent, with mean 0 and standard deviation
# $\sigma$. How large is $z$? Its mean is 0. For its size take the square, multiply out, and average
# over all draws of the weights, which is written $E[\ldots]$:
#
# $$E[z^2] = \sum_i \sum_j x_i x_j\, E[w_i w_j] = \sigma^2 \sum_i x_i^2
# = m \sigma^2 \cdot (\text{mean of } x^2)$$
#
# All the mixed terms are gone, because $E[w_i w_j] = E[w_i]\, E[w_j] = 0$ for two independent
# weights; and $E[w_i^2] = \sigma^2$. Note what is left: not the standard deviation of $x$ but the
# mean of $x^2$, its mean square or **second moment**. For inputs with mean 0 it is the square of
# the standard deviation. It will soon not be.
#
# With $\sigma = 1$ the outputs are $\sqrt m$ times as large as the inputs: 28 times, for 784
# pixels. Dividing the weights by $\sqrt m$ mends it. That is *simplified Kaiming initialisation*.
# In the code each unit also adds a number of its own, its *bias* `b`, which starts at 0.


# %%
def lin(x, w, b):
    return x @ w + b


def second_moment(x):
    return (x * x).mean().item()


hidden = 50
noise = minitorch.randn(2000, m)  # the ideal input: independent, mean 0, standard deviation 1
b = minitorch.zeros(hidden)
plain = lin(noise, minitorch.randn(m, hidden), b)
scaled = lin(noise, minitorch.randn(m, hidden) / math.sqrt(m), b)
print(f"weights from randn:           std {plain.std():6.3f}, and sqrt(m) is {math.sqrt(m):.3f}")
print(f"weights from randn / sqrt(m): std {scaled.std():6.3f}")
assert plain.dtype == minitorch.float32
assert abs(plain.std() / math.sqrt(m) - 1) < 0.05
assert abs(scaled.std() - 1) < 0.05

# %% [markdown]
# The formula asks nothing of $x$, so it should hold for images as well. On average it does. A
# single draw strays further than for noise: neighbouring pixels say nearly the same, so there are
# far fewer than 784 independent things in an image to average over.

# %%
spread = {}
for name, inputs in (("noise", noise[:300]), ("images", x_valid[:300])):
    draws = [second_moment(inputs @ (minitorch.randn(m, hidden) / math.sqrt(m))) for _ in range(40)]
    spread[name] = max(draws) - min(draws)
    print(f"{name:6}, 40 draws: E[z²] from {min(draws):.2f} to {max(draws):.2f}", end=", ")
    print(f"mean {np.mean(draws):.3f}")
    assert abs(math.sqrt(np.mean(draws)) - 1) < 0.05
assert spread["images"] > 3 * spread["noise"]

# %% [markdown]
# ## Relu
#
# Two linear layers in a row are one linear layer, $(x W_1) W_2 = x (W_1 W_2)$. To get more out of
# depth, something that is not linear has to stand between them. The simplest thing that works:
#
# $$\mathrm{relu}(z) = \max(z, 0)$$
#
# Positive numbers pass, negative ones become 0. The slope is 1 where $z > 0$ and 0 where $z < 0$.
# At exactly 0 there is no slope; every choice between 0 and 1 can be defended. minitorch, like
# PyTorch, the library whose names it shares, takes 0 for `relu` and 1 for `clamp_min(0)`, which
# raises all that is below 0 to 0; `docs/undefined-gradients.md` lists all such choices.


# %%
def relu(x):
    return x.clamp_min(0.0)


z = minitorch.tensor([-1.0, 0.0, 2.0], requires_grad=True)
slope_of = {}
for name, f in (("relu", minitorch.relu), ("clamp_min", relu)):
    z.grad = None
    y = f(z)
    y.sum().backward()
    slope_of[name] = z.grad.tolist()
    assert np.array_equal(y.detach(), np.maximum(z.detach().numpy(), 0))
print(f"at -1, 0, 2: relu gives {y.tolist()}, slopes {slope_of['relu']}")
assert slope_of == {"relu": [0, 0, 1], "clamp_min": [0, 1, 1]}

# %% [markdown]
# ## What relu does to the size
#
# Let $z$ be normal with mean 0 and standard deviation 1, which a sum of many independent terms
# nearly is, and $y = \mathrm{relu}(z)$.
#
# *Second moment.* The squares of the negative half are replaced by 0, those of the positive half
# stay. Both halves are alike, so $E[y^2] = \frac12$.
#
# *Mean.* Only the positive half counts, with the density of the normal distribution:
#
# $$E[y] = \int_0^\infty z\, \frac{e^{-z^2/2}}{\sqrt{2\pi}}\, dz
# = \left[ -\frac{e^{-z^2/2}}{\sqrt{2\pi}} \right]_0^\infty = \frac{1}{\sqrt{2\pi}} = 0.399$$
#
# *Standard deviation.* $\sqrt{E[y^2] - E[y]^2} = \sqrt{1/2 - 1/(2\pi)} = 0.584$.
#
# So a relu takes the standard deviation from 1 to 0.584, nearly half. It is tempting to conclude
# that each further layer halves it again.

# %%
half_mean, half_std = 1 / math.sqrt(2 * math.pi), math.sqrt(1 / 2 - 1 / (2 * math.pi))
y = relu(scaled)
print("after relu        mean     std   E[y²]")
print(f"  expected   {half_mean:9.3f}{half_std:8.3f}{0.5:8.3f}")
print(f"  measured   {y.mean():9.3f}{y.std():8.3f}{second_moment(y):8.3f}")
assert abs(half_mean - 0.399) < 5e-4
assert abs(half_std - 0.584) < 5e-4
assert abs(y.mean() / half_mean - 1) < 0.03
assert abs(y.std() / half_std - 1) < 0.03
assert abs(second_moment(y) / 0.5 - 1) < 0.03

# %% [markdown]
# It is not so. The next layer asks for the second moment of its inputs, as we saw, and the mean
# that relu leaves behind is part of that. The second moment falls by $\frac12$ in every layer, the
# standard deviation by $\sqrt{1/2} = 0.707$ from the second layer on. Eight layers leave 0.05, not
# $1/2^8 = 0.004$. That is slower than halving, and bad enough.
#
# The weights of a layer are one draw, not an average over all draws, so the rows below stray from
# the ideal by some percent, and what one layer adds or takes is passed on to the next.

# %%
width, layers = 512, 8


def through_layers(factor):
    """(mean, std, second moment) after each of eight layers with relu; weights randn * factor."""
    x, rows = minitorch.randn(1000, width), []
    for _ in range(layers):
        x = relu(x @ (minitorch.randn(width, width) * factor))
        rows.append((x.mean().item(), x.std().item(), second_moment(x)))
    return rows


fading = through_layers(math.sqrt(1 / width))
print("layer    mean     std    E[y²]   expected")
for layer, row in enumerate(fading, 1):
    print(f"{layer:5}{row[0]:8.3f}{row[1]:8.3f}{row[2]:9.4f}{0.5**layer:11.4f}")
    assert abs(row[2] / 0.5**layer - 1) < 0.25
for before, after in pairwise(fading):
    assert 0.6 < after[1] / before[1] < 0.8
assert abs(fading[-1][1] - half_std * 0.5 ** (7 / 2)) < 0.01

# %% [markdown]
# ## The factor 2
#
# If relu takes half of the second moment, let the weights make twice as much: $m \sigma^2 = 2$, or
#
# $$\sigma = \sqrt{2/m}$$
#
# This is Kaiming initialisation (He et al., 2015). All of $z$ is $\sqrt2$ times as large, hence $y$
# as well: mean $0.399 \sqrt2 = 0.564$, standard deviation $0.584 \sqrt2 = 0.826$, second moment
# $\frac12 \cdot 2 = 1$. One often reads that it makes the *standard deviation* 1 after relu. It
# does not, and need not: the second moment is what the next layer feels, and that stays at 1
# through all layers.

# %%
kaiming_std = math.sqrt(1 - 1 / math.pi)
z = lin(noise, minitorch.randn(m, hidden) * math.sqrt(2 / m), b)
y = relu(z)
print("sqrt(2/m)         mean     std   E[y²]")
print(f"  expected   {math.sqrt(1 / math.pi):9.3f}{kaiming_std:8.3f}{1:8.3f}")
print(f"  measured   {y.mean():9.3f}{y.std():8.3f}{second_moment(y):8.3f}")
assert abs(math.sqrt(1 / math.pi) - 0.564) < 5e-4
assert abs(kaiming_std - 0.826) < 5e-4
assert abs(y.mean() / 0.564 - 1) < 0.03
assert abs(y.std() / 0.826 - 1) < 0.03
assert abs(second_moment(y) - 1) < 0.03

kept_up = through_layers(math.sqrt(2 / width))
print(f"after {layers} layers: E[y²] {kept_up[-1][2]:.3f}, std {kept_up[-1][1]:.3f}")
assert all(0.7 < row[2] < 1.4 for row in kept_up)

# %% [markdown]
# minitorch has it as a function that fills a tensor. It must be told which axis counts the inputs:
# ours are the rows, "IO" for inputs, outputs. PyTorch's layers keep weights the other way round, so
# that is what you get without `layout`. The number of inputs is called *fan in*, that of outputs
# *fan out*.

# %%
filled = init.kaiming_normal_(minitorch.empty(m, hidden), nonlinearity="relu", layout="IO")
print(f"kaiming_normal_: std {filled.std():.4f}, and sqrt(2/m) is {math.sqrt(2 / m):.4f}")
assert abs(filled.std() / math.sqrt(2 / m) - 1) < 0.02
for mode, fan in (("fan_in", 300), ("fan_out", 200)):
    w = init.kaiming_normal_(minitorch.empty(200, 300), mode=mode, nonlinearity="relu")
    assert abs(w.std() / math.sqrt(2 / fan) - 1) < 0.02

# %% [markdown]
# ## Shifting relu
#
# The mean of 0.564 can be taken away as well: let relu be $\max(z, 0) - \frac12$. The standard
# deviation does not change. The second moment does:
#
# $$E[(y - \tfrac12)^2] = E[y^2] - E[y] + \tfrac14 = 1 - 0.564 + 0.25 = 0.686$$
#
# So whoever shifts has to choose $\sigma$ anew. The slopes are those of relu, since a constant
# has none.


# %%
def shifted_relu(x):
    return x.clamp_min(0.0) - 0.5


shifted = shifted_relu(z)
expected = 1 - math.sqrt(1 / math.pi) + 0.25
print(f"shifted: mean {shifted.mean():.3f}, std {shifted.std():.3f}, ", end="")
print(f"E[y²] {second_moment(shifted):.3f}, expected {expected:.3f}")
assert abs(shifted.mean()) < 0.1
assert abs(shifted.std() - y.std()) < 1e-4
assert abs(second_moment(shifted) - expected) < 0.03
assert abs(expected - 0.686) < 5e-4

points, step = minitorch.tensor([-1.5, -0.2, 0.3, 2.0], dtype=minitorch.float64), 1e-6
slopes = (shifted_relu(points + step) - shifted_relu(points - step)) / (2 * step)
points.requires_grad_()
shifted_relu(points).sum().backward()
assert np.allclose(points.grad, slopes)
assert points.grad.tolist() == [0, 0, 1, 1]


# %%
def histograms(figure):
    figure.suptitle("Relu cuts the numbers in half; the factor 2 brings their mean square back")
    panels = [
        ("z, weights √(1/m)", scaled, GREY),
        ("relu(z)", relu(scaled), BLUE),
        ("relu(z), weights √(2/m)", y, GREEN),
        ("the same, shifted by ½", shifted, ORANGE),
    ]
    edges = np.linspace(-3, 5, 65)
    for axes, (title, values, colour) in zip(
        figure.subplots(1, 4, sharex=True, sharey=True), panels, strict=True
    ):
        share, _ = np.histogram(values.numpy(), edges)
        axes.stairs(100 * share / values.numel(), edges, fill=True, color=colour)
        axes.axvline(values.mean().item(), color=RED, ls="--", lw=1.5)
        numbers = f"mean {values.mean():.2f}, std {values.std():.2f}"
        axes.set_title(f"{title}\n{numbers}\nmean square {second_moment(values):.2f}", fontsize=11)
        axes.set_xlim(-3, 4)
        axes.set_ylim(0, 8)
        axes.set_xlabel("value")
        if axes.get_subplotspec().is_first_col():
            axes.set_ylabel("share per bin (%)")
            axes.text(0.25, 7.5, "mean", va="top", color=RED)
        else:
            at = values.mean().item() + 0.25
            axes.text(at, 7.5, f"half of all\nare {values.min():g}", va="top", fontsize=11)


save_figure("03_relu", histograms, figsize=(10, 4))

# %% [markdown]
# ## A hundred layers
#
# Now the extreme case, without any relu: a vector of 512 numbers, multiplied a hundred times by one
# and the same random matrix of 512 by 512. Each step makes it $\sqrt{512} = 22.6$ times larger.
# float32 reaches up to $3.4 \cdot 10^{38}$. We stop when the standard deviation is no longer a
# number: NaN is the only value that differs from itself, so `x.std() != x.std()` finds it.


# %%
def first_nan(seed, dtype):
    """At which of 100 layers the standard deviation becomes NaN, counted from 0; or None."""
    minitorch.manual_seed(seed)
    x = minitorch.randn(512, dtype=dtype)
    a = minitorch.randn(512, 512, dtype=dtype)
    for i in range(100):
        x = x @ a
        if x.std() != x.std():
            return i
    return None


in_float32 = [first_nan(seed, minitorch.float32) for seed in range(10)]
in_float64 = [first_nan(seed, minitorch.float64) for seed in range(10)]
print(f"float32, ten seeds: NaN at index {in_float32}")
print(f"float64, ten seeds: {in_float64}")
assert in_float32 == [27] * 10
assert in_float64 == [None] * 10

# %% [markdown]
# Index 27, which is layer 28, whatever the seed. The count explains it: $22.6^{28}$ is $8 \cdot
# 10^{37}$, and the largest of the 512 numbers is a few times larger than they are on average. Once
# one of them is past the end it becomes infinite; the mean is then infinite too, and infinity minus
# infinity is NaN. float64 ends at $1.8 \cdot 10^{308}$ and would last for more than two hundred
# layers. NumPy's own arrays are float64 unless you say otherwise: there you would not
# have noticed.
#
# Too small is no better. With weights of 0.01 each layer multiplies by 0.226. float32 runs out of
# numbers near $10^{-45}$ and gives exactly 0, from which nothing comes back. float64 arrives at
# $10^{-64}$: not zero, and just as useless next to numbers of size 1.


# %%
def sizes(scale, dtype=minitorch.float32, fresh=False, seed=0):
    """The standard deviation after each of 100 layers, measured in float64.

    In float32 the squares inside it would overflow, or vanish, halfway.
    """
    minitorch.manual_seed(seed)
    x, a = minitorch.randn(512, dtype=dtype), minitorch.randn(512, 512, dtype=dtype)
    result = []
    for _ in range(100):
        x = x @ (a * scale)
        result.append(x.double().std().item())
        if fresh:
            a = minitorch.randn(512, 512, dtype=dtype)
    return result


root = math.sqrt(512)
runs = {
    "randn, float32": sizes(1),
    "randn, float64": sizes(1, minitorch.float64),
    "0.01 randn, float32": sizes(0.01),
    "0.01 randn, float64": sizes(0.01, minitorch.float64),
    "randn / √512": sizes(1 / root),
    "randn / √512, fresh in each layer": sizes(1 / root, fresh=True),
}
for name, run in runs.items():
    print(f"{name:34} layer 1 {run[0]:7.3f}   layer 100 {run[-1]:9.3g}")
gone = runs["0.01 randn, float32"].index(0) + 1
print(f"0.01 randn in float32 is exactly 0 from layer {gone} on")
assert math.isfinite(runs["randn, float32"][26])
assert math.isnan(runs["randn, float32"][27])
assert 1e133 < runs["randn, float64"][-1] < 1e138
assert 66 <= gone <= 74
assert set(runs["0.01 randn, float32"][gone - 1 :]) == {0}
assert 1e-67 < runs["0.01 randn, float64"][-1] < 1e-62
assert abs(root**28 / 8e37 - 1) < 0.1
assert 200 < math.log(minitorch.finfo(minitorch.float64).max) / math.log(root) < 250

# %% [markdown]
# With $\sigma = 1/\sqrt{512}$ the factor per layer is 1 on average, and the numbers live. How
# closely they keep their size depends on chance. With a fresh matrix in each layer, as in a real
# network, the deviations of the layers are independent and partly cancel; a hundred layers end
# between 0.3 and 2. Multiplying by the same matrix again and again repeats its deviations as well,
# and whatever direction it stretches most wins in the end. The result stays finite, but it wanders.

# %%
fresh_ends = [sizes(1 / root, fresh=True, seed=s)[-1] for s in range(4)]
reused_ends = [sizes(1 / root, seed=s)[-1] for s in range(20)]
print(f"fresh matrices, 4 seeds:  {min(fresh_ends):.2f} to {max(fresh_ends):.2f} after 100 layers")
print(f"one matrix, 20 seeds:     {min(reused_ends):.2f} to {max(reused_ends):.2f}")
assert all(0.3 < end < 2 for end in fresh_ends)
assert all(0.1 < end < 1000 for end in reused_ends)
assert max(reused_ends) > max(fresh_ends)

minitorch.manual_seed(0)
x, with_relu = minitorch.randn(512), []
for _ in range(100):
    x = relu(x @ (minitorch.randn(512, 512) * math.sqrt(2 / 512)))
    with_relu.append(math.sqrt(second_moment(x)))
print(f"with relu and sqrt(2/m):  root mean square {with_relu[-1]:.2f} after 100 layers")
assert all(0.2 < size < 5 for size in with_relu)


# %%
def explosion(figure):
    figure.suptitle("A hundred layers: only one size of the weights survives them")
    axes = figure.subplots()
    at = np.arange(1, 101)
    fresh = runs["randn / √512, fresh in each layer"]
    axes.plot(at, fresh, color=GREEN, lw=3)
    axes.text(100, 1e4, "randn / √512, a fresh matrix in each layer", color=GREEN, ha="right")
    for name, colour, last, news, at_name, at_news in [
        ("randn", RED, 27, "NaN from layer 28 on", (11, 1e24), (29, 1e33)),
        ("0.01 randn", BLUE, gone - 1, f"0 from layer {gone} on", (27, 1e-27), (gone + 1, 1e-42)),
    ]:
        sizes32, sizes64 = runs[f"{name}, float32"], runs[f"{name}, float64"]
        axes.plot(at[last - 1 :], sizes64[last - 1 :], color=colour, ls=":")
        axes.plot(at[:last], sizes32[:last], color=colour, lw=3)
        axes.plot(last, sizes32[last - 1], "o", color=colour, ms=9)
        axes.text(*at_name, name, color=colour, ha="right")
        axes.text(*at_news, news, color=colour)
    axes.plot([], [], color=GREY, lw=3, label="float32")
    axes.plot([], [], color=GREY, ls=":", label="float64 goes on")
    axes.set_yscale("log")
    axes.set_ylim(1e-70, 1e70)
    axes.set_yticks([10.0**k for k in range(-60, 61, 20)])
    axes.set_xlim(0, 101)
    axes.set_xlabel("layer")
    axes.set_ylabel("standard deviation, log scale")
    axes.legend(loc="upper right")


save_figure("03_explosion", explosion, figsize=(9, 4.5))


# %%
def depth(figure):
    figure.suptitle("Relu halves the mean square, unless the weights double it")
    axes = figure.subplots()
    at = range(1, layers + 1)
    axes.plot(at, [row[2] for row in kept_up], "s-", color=GREEN, label="weights √(2/m)")
    axes.plot(at, [row[2] for row in fading], "o-", color=BLUE, label="weights √(1/m)")
    axes.plot(at, [0.5**k for k in at], ":", color=GREY, label="half in each layer")
    axes.set_yscale("log", base=2)
    ticks = [0.5**k for k in range(0, 9, 2)]
    axes.set_yticks(ticks, [f"1/{round(1 / t)}" if t < 1 else "1" for t in ticks])
    axes.set_xlabel("layer")
    axes.set_ylabel("mean of y², log scale")
    axes.legend()


save_figure("03_layers", depth, figsize=(8, 3.8))

# %%
print(
    f"found: relu leaves std {half_std:.3f}; with sqrt(2/m) the second moment stays 1 "
    f"and std is {kaiming_std:.3f}; float32 breaks at layer {in_float32[0] + 1}"
)

# %% [markdown]
# ## Exercises
#
# Five more check themselves: fill in the functions in `lessons/exercises/03_initialisation.py`,
# then run `python -m lessons check 03`.
#
# 1. Where in the derivation of $E[z^2]$ was it used that the weights have mean 0? What comes out if
#    they have mean $\mu$?
# 2. Which numbers do you get with weights that are uniform between $-r$ and $r$? Choose $r$ so that
#    $\sigma = \sqrt{2/m}$, and check that the shape of the distribution makes no difference.
# 3. A *leaky* relu keeps $a z$ where $z < 0$. What is $E[y^2]$ now, and what should replace the 2?
# 4. With shifted relu and $\sqrt{2/m}$ the second moment falls at first, but not to 0. To what
#    value? Find it with pencil and paper first: which $q$ gives $q$ again?
# 5. At which layer would float64 break? Estimate, then run it. And float16, which ends at 65,504?
# 6. Replace the matrix of the hundred layers by one that only rotates (the Q of `np.linalg.qr`).
#    Why does the size not change at all, and why does this not settle the matter for relu?
# 7. For which of the layers of a network with $m$ inputs, $h$ hidden units and one output is the
#    factor 2 wrong?
