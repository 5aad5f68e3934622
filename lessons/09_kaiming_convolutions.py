# %% [markdown]
# # Kaiming for convolutions
#
# How large the weights of a convolution should start: count what is summed, and mind what follows.
#
# In lesson 3 numbers grew or faded from layer to layer, until the weights were scaled by
# $\sqrt{2/m}$, with $m$ the number of inputs. For a convolution the idea is the same, but $m$ is
# not to be seen at once: how many numbers does an output of a convolution sum? Here we count them,
# generalise the 2, and take apart the line of code that most layers in use today start from, with
# a puzzling $\sqrt 5$ in it.

# %%
import math
from itertools import pairwise

import numpy as np

import minitorch
import minitorch.nn.functional as F
from lessons.common import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, load_images, save_figure
from minitorch import nn
from minitorch.gradcheck import gradcheck
from minitorch.nn import init

minitorch.manual_seed(0)

# %% [markdown]
# ## One layer on real images
#
# A hundred digits, shifted and scaled to mean 0 and deviation 1. In lessons 1 to 5 an image was a
# row of 784 pixels; a convolution wants $(N, C, H, W)$. `reshape` only changes how the memory is
# read, so going back and forth costs nothing.

# %%
x_train = load_images().x_train
flat = ((x_train - x_train.mean()) / x_train.std()).reshape(len(x_train), 784)
x = flat[:100].reshape(100, 1, 28, 28)
assert np.shares_memory(x.numpy(), flat.numpy())


def stats(y):
    """Mean, standard deviation, and mean square, E[y²]."""
    return y.mean().item(), y.std().item(), (y * y).mean().item()


def show(what, y):
    mean, std, square = stats(y)
    print(f"{what:44} mean {mean:6.3f}  std {std:6.3f}  E[y²] {square:6.3f}")


show("100 images", x)

# %% [markdown]
# `nn.Conv2d(1, 32, 5)` is the convolution of lesson 8 as an object, from 1 channel to 32 with a
# kernel of 5 by 5: it holds a weight of shape $(32, 1, 5, 5)$ and a bias of 32, has drawn first
# values for both, and calling it applies them. (`no_grad` keeps all this off the tape; we only
# look.)

# %%
layer = nn.Conv2d(1, 32, 5)
print(f"weight {tuple(layer.weight.shape)}, bias {tuple(layer.bias.shape)}")
with minitorch.no_grad():
    y = layer(x)
    show("after Conv2d as it comes", y)
    show("after Conv2d as it comes, and relu", y.relu())
assert y.shape == (100, 32, 24, 24)
assert 0.5 < y.std().item() < 0.8

# %% [markdown]
# The deviation falls from 1 to about 0.6 in one layer, and relu takes more. The mean stays near 0,
# since weights of either sign are equally likely. Can we predict the 0.6?
#
# ## What a sum of random products does
#
# One output is $y = \sum_k x_k w_k$ over the numbers of its window, $k = 1 \dots m$. The weights
# are independent draws with mean 0 and variance $\sigma^2$. In $y^2$ every pair $k, l$ occurs, as
# $x_k x_l\, w_k w_l$. On average over draws, $w_k w_l$ is 0 where $k \ne l$, and $\sigma^2$ where
# $k = l$:
#
# $$E[y^2] = \sigma^2 \sum_k x_k^2 = m\, \sigma^2\, \overline{x^2}$$
#
# with $\overline{x^2}$ for the mean of $x^2$ over the window. This is the derivation of lesson 3,
# for a window in place of an image. It does not matter whether neighbouring pixels resemble each
# other, which in an image they do: it is enough that the weights are independent. So $m\,\sigma^2 =
# 1$ keeps the mean square, and what has to be counted is $m$, how many numbers meet in one output.
# It has the name **fan_in**. For a convolution that is a window through all channels,
#
# $$\text{fan\_in} = C \cdot K^2 \qquad\qquad \text{fan\_out} = O \cdot K^2$$
#
# and fan_out says how many outputs one input reaches: all places of each of $O$ kernels pass over
# it. $K^2$ is called the size of the *receptive field*.


# %%
def fans(shape):
    """fan_in and fan_out of a weight (O, C, *kernel)."""
    out, channels, *kernel = shape
    receptive_field = math.prod(kernel)
    return channels * receptive_field, out * receptive_field


shape = tuple(layer.weight.shape)
print(f"{shape}: fan_in {fans(shape)[0]}, fan_out {fans(shape)[1]}")
assert init.receptive_field_size(shape) == 25
assert fans(shape) == init.calculate_fan_in_and_fan_out(shape) == (25, 800)
assert fans((50, 784)) == (784, 50)  # a linear layer is a convolution without places

# %% [markdown]
# Counting can be left to a convolution. With ones for all numbers, an output *is* the number of
# products in it, and the gradient of the sum of all outputs is, for each input, the number of
# outputs it reaches. At the border it is less, and that is all the formula leaves out.

# %%
ones = minitorch.ones(1, 3, 12, 12, requires_grad=True)
y = F.conv2d(ones, minitorch.ones(4, 3, 5, 5))
y.sum().backward()
reached = ones.grad[0, 0]
print(f"(4, 3, 5, 5): an output sums {y[0, 0, 0, 0].item():.0f} products;", end=" ")
print(
    f"an input reaches {reached[6, 6].item():.0f} outputs, in the corner {reached[0, 0].item():.0f}"
)
assert (int(y.min()), int(y.max()), int(reached[6, 6])) == (75, 75, 100)
assert fans((4, 3, 5, 5)) == (75, 100)

# %% [markdown]
# Two things change the count. With **groups** a kernel sees only a part of the channels; the weight
# is $(O, C/\text{groups}, K, K)$, so fan_in is right as it stands, and fan_out must be divided. And
# which axis is which depends on the **layout**: lessons 1 to 5 multiplied $x\,w$ with w of shape
# (in, out), layers keep (out, in), some libraries (K, K, in, out). A shape does not tell, so a
# function that counts has to be told.

# %%
assert init.calculate_fan_in_and_fan_out((32, 4, 5, 5), groups=8) == (100, 100)
assert init.calculate_fan_in_and_fan_out((784, 50), layout="IO") == (784, 50)
assert init.calculate_fan_in_and_fan_out((5, 5, 1, 32), layout="IO") == (25, 800)

# %% [markdown]
# Now the prediction. The layer above draws weights with $\sigma^2 = 1/(3 \cdot 25)$, why so will be
# seen below, and a bias with the same variance, which is independent of them, so its $\sigma^2$ is
# added. One more thing has to be known: the mean square of what the *windows* see is not 1. Pixels
# near the border lie in fewer windows, and most of them are paper, whose square is small; what
# windows see more often is ink.

# %%
paper = float(x.min())
with minitorch.no_grad():
    seen = F.im2col(x, kernel_size=5).square().mean().item()
    predicted = (25 * seen + 1) / 75
    y = nn.Conv2d(1, 1000, 5)(x[:20])  # a thousand kernels, to average over draws
    expected = (25 * F.im2col(x[:20], kernel_size=5).square().mean().item() + 1) / 75
print(f"paper is {paper:.2f}, its square {paper**2:.2f}; mean square seen by windows {seen:.2f}")
print(f"E[y²] should be {predicted:.3f}, that is a deviation of {math.sqrt(predicted):.2f}")
assert abs(stats(y)[2] / expected - 1) < 0.1
assert paper**2 < 0.5
assert 1.1 < seen < 1.5
assert 0.6 < math.sqrt(predicted) < 0.7

# %% [markdown]
# With $\sigma^2 = 1/25$ the third is gone. That is Kaiming's formula for a layer that nothing
# follows, `kaiming_normal_(..., a=1)`; why $a = 1$ means nothing is the next section. A single set
# of 32 kernels has its own luck, since the pixels of a window resemble each other, so we look at
# the average of 4,000 kernels, at every fourth place. With a padding of 2 there are windows around
# the pixels of the border, too, and what windows see is less one-sided. `biases=None` leaves biases
# out.

# %%
with minitorch.no_grad():
    wide = nn.Conv2d(1, 4000, 5, stride=4, padding=2, biases=None)
    wide.weight.copy_(minitorch.randn(4000, 1, 5, 5) / math.sqrt(25))
    show("weights of variance 1 / fan_in", wide(x))
    init.kaiming_normal_(wide.weight, a=1)
    y = wide(x)
    show("kaiming_normal_(a=1)", y)
assert abs(y.mean().item()) < 0.05
assert abs(y.std().item() - 1) < 0.05

# %% [markdown]
# ## The gain: what the activation takes
#
# The *activation*, the function that follows a layer, takes its share. Leaky relu with slope $a$ is
# $f(z) = z$ for $z > 0$ and $a z$ otherwise; $a = 0$ is relu, and $a = 1$ changes nothing, which is
# no activation at all. Random weights come with either sign alike, so $z$ is as often positive as
# negative, and half of its mean square lies on each side. The one half stays, the other is
# multiplied by $a^2$:
#
# $$E[f(z)^2] = \frac{1 + a^2}{2}\, E[z^2] \qquad\text{so}\qquad
# \sigma = \frac{\text{gain}}{\sqrt{\text{fan\_in}}} \quad\text{with}\quad
# \text{gain}(a) = \sqrt{\frac{2}{1 + a^2}}$$
#
# makes up for it. The gain of relu is $\sqrt 2$, and that is the 2 of $\sqrt{2/m}$.


# %%
def gain(a):
    return math.sqrt(2 / (1 + a * a))


noise = minitorch.randn(1_000_000)
print("slope a    gain   E[(gain f(z))²]")
for a in (0, 0.01, 0.1, 0.5, 1, math.sqrt(5)):
    square = stats(gain(a) * F.leaky_relu(noise, a))[2]
    print(f"{a:7.3f} {gain(a):7.5f} {square:12.3f}")
    assert abs(square - 1) < 0.01
    assert math.isclose(gain(a), init.calculate_gain("leaky_relu", a))
assert [round(gain(a), 5) for a in (0, 1, math.sqrt(5))] == [1.41421, 1, 0.57735]

z = minitorch.randn(5, 4, requires_grad=True)
for a in (0.0, 0.01, 0.1):
    assert gradcheck(lambda z, a=a: F.leaky_relu(z, a), z)

# %% [markdown]
# Beware of two things when you read other code.
#
# **Which number comes out as 1?** Often it is said that Kaiming gives a standard deviation of 1. It
# gives a mean *square* of 1. After relu the mean is not 0, and the deviation is less: for $z$ from
# $N(0, 2)$, which is short for normal with mean 0 and variance 2, the mean is $1/\sqrt\pi = 0.564$
# and the deviation $\sqrt{1 - 1/\pi} = 0.826$, as in lesson 3. The mean square is what the next
# layer sums, so it is the number that has to stay.
#
# **What is called gain?** Here, as in torch, $\sigma = \text{gain} / \sqrt{\text{fan}}$. Other
# libraries write $\sqrt{\text{gain} / \text{fan}}$ and mean its square: 2 for relu. In minitorch
# that one has another name, `he(gain_squared=2)`.

# %%
mean, std, square = stats((math.sqrt(2) * noise).relu())
print(f"relu of N(0, 2):  mean {mean:.3f}  std {std:.3f}  E[y²] {square:.3f}")
assert abs(mean - 1 / math.sqrt(math.pi)) < 0.003
assert abs(std - math.sqrt(1 - 1 / math.pi)) < 0.003
assert abs(square - 1) < 0.005
assert init.he(gain_squared=2).std(shape) == init.kaiming_normal(gain=math.sqrt(2)).std(shape)

# %% [markdown]
# On images the mean comes out lower than 0.564. There $z$ is not one normal distribution: over
# blank paper all answers are of one size, over ink of another. The mean square does not care.

# %%
with minitorch.no_grad():
    init.kaiming_normal_(wide.weight, a=0)
    y = wide(x).relu()
    show("kaiming_normal_(a=0), then relu", y)
assert 0.4 < y.mean().item() < 0.56
assert abs(stats(y)[2] - 1) < 0.1

# %% [markdown]
# ## Normal or uniform
#
# Only the variance counts, so the weights may as well be drawn evenly from an interval
# $[-b, b]$. Their mean is 0, so their variance is the mean of $w^2$,
#
# $$\frac{1}{2b} \int_{-b}^{b} w^2\, dw = \frac{b^2}{3} \qquad\text{so}\qquad b = \sqrt 3\, \sigma$$
#
# Who forgets the $\sqrt 3$ and takes $\sigma$ for the bound gets weights with a third of the
# variance; and that in each layer.


# %%
def kaiming_uniform(w, a, use_fan_out=False):
    """Draws new numbers for a weight (O, C, *kernel) whose layer is followed by leaky relu."""
    fan = fans(w.shape)[1 if use_fan_out else 0]
    bound = math.sqrt(3) * gain(a) / math.sqrt(fan)
    with minitorch.no_grad():
        w.uniform_(-bound, bound)
    return bound


w = minitorch.zeros(64, 32, 5, 5)
bound = kaiming_uniform(w, a=0)
std = gain(0) / math.sqrt(32 * 25)
print(
    f"bound {bound:.4f}: largest weight {w.abs().max().item():.4f}, std {w.std().item():.4f}",
    end="",
)
print(f" for {std:.4f}")
assert w.abs().max().item() <= bound
assert abs(w.std().item() / std - 1) < 0.02
assert math.isclose(bound, init.kaiming_uniform().bound(w.shape))
init.kaiming_uniform_(w, a=0)
assert w.abs().max().item() <= bound
assert abs(w.std().item() / std - 1) < 0.02

# %% [markdown]
# ## Why the square root of 5?
#
# Layers in torch start from `kaiming_uniform_(weight, a=sqrt(5))`, and so do minitorch's, to be the
# same. No activation has the slope $\sqrt 5$. Put it into the formula:
#
# $$\text{gain}(\sqrt 5) = \sqrt{\frac{2}{1 + 5}} = \frac{1}{\sqrt 3} \qquad
# b = \sqrt 3 \cdot \frac{1}{\sqrt 3} \cdot \frac{1}{\sqrt{\text{fan\_in}}}
# = \frac{1}{\sqrt{\text{fan\_in}}}$$
#
# All of it cancels. Weights drawn evenly from $\pm 1/\sqrt{\text{fan\_in}}$ are an old custom, from
# before there was Kaiming initialisation; when the code was rewritten in terms of the new function,
# someone looked for the slope that would give the same numbers. So their variance is one third of
# what would keep the mean square without any activation, and a sixth of what relu needs. That was
# the 0.6 above: $\sqrt{1/3} = 0.577$, plus a bit for the ink and for the bias.

# %%
assert math.isclose(math.sqrt(3) * gain(math.sqrt(5)), 1)
bound = 1 / math.sqrt(25)
for a in (layer.weight, layer.bias):
    assert 0.8 * bound < a.abs().max().item() <= bound
assert math.isclose(init.kaiming_uniform(a=math.sqrt(5)).bound(shape), bound)
print(f"a Conv2d as it comes: weights up to {layer.weight.abs().max().item():.3f}", end=" ")
print(f"of 1/sqrt(fan_in) = {bound:.3f}")

# %% [markdown]
# ## Forward or backward
#
# On the way back the roles change. Each input collects $g\,w$ from the fan_out outputs it reaches,
# so $\sigma^2 = \text{gain}^2 / \text{fan\_out}$ would keep the mean square of the *gradients*. One
# cannot have both unless $C = O$. It does not matter much which: with fan_in a layer multiplies the
# mean square of the gradients by $O/C$, and since the $O$ of one layer is the $C$ of the next, the
# product over all layers is only the last $O$ over the first $C$.

# %%
images = minitorch.randn(8, 16, 20, 20)
print("16 to 64 channels    std of w  E[y²]/E[x²]  E[dx²]/E[g²]")
spread = {}
for use_fan_out in (False, True):
    w = minitorch.zeros(64, 16, 3, 3)
    kaiming_uniform(w, a=1, use_fan_out=use_fan_out)
    inputs = images.clone().requires_grad_()
    y = F.conv2d(inputs, w)
    y.backward(minitorch.randn(*y.shape))
    dx = inputs.grad[:, :, 2:-2, 2:-2]  # away from the border
    name = "fan_out" if use_fan_out else "fan_in"
    spread[name] = w.std().item()
    forward, back = stats(y)[2] / stats(images)[2], stats(dx)[2]
    print(f"  {name:17} {spread[name]:9.4f} {forward:10.2f} {back:13.2f}")
    assert abs((back if use_fan_out else forward) - 1) < 0.15
    assert abs((4 * forward if use_fan_out else back / 4) - 1) < 0.15
assert abs(spread["fan_out"] / spread["fan_in"] / math.sqrt(16 / 64) - 1) < 0.02

# %% [markdown]
# ## Eight layers
#
# One layer with too small weights can be lived with. Here are eight, each with 32 kernels of 3 by 3
# and a relu, from four ways to draw the first weights: as layers come, uniform without the $\sqrt
# 3$, and both forms of Kaiming. A layer can be told: `weights=` and `biases=` take a function that
# is given a shape, a dtype and a stream of random numbers, and returns the numbers. `init` has
# some; `too_narrow` is ours. `activation=` names what follows. The layers stand in a list; that
# `nn.Module` finds the parameters of all of them, and how, is the subject of lesson 12.


# %%
class Model(nn.Module):
    def __init__(self, layers):
        self.layers = layers

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


def convolutions(weights, biases=None):
    channels = [1] + [32] * 8
    return Model(
        [
            nn.Conv2d(c, out, 3, padding=1, activation=F.relu, weights=weights, biases=biases)
            for c, out in pairwise(channels)
        ]
    )


def too_narrow(shape, dtype, generator):
    """Uniform, with the standard deviation taken for the bound: the √3 is missing."""
    std = gain(0) / math.sqrt(fans(shape)[0])
    return generator.uniform(shape, dtype) * (2 * std) - std


kinds = {
    "as it comes": lambda: convolutions(init.torch_default(), init.torch_default_bias()),
    "uniform, no √3": lambda: convolutions(too_narrow),
    "Kaiming, uniform": lambda: convolutions(init.kaiming_uniform()),
    "Kaiming, normal": lambda: convolutions(init.kaiming_normal()),
}
assert len(list(kinds["as it comes"]().parameters())) == 16
assert len(list(kinds["Kaiming, normal"]().parameters())) == 8

# %% [markdown]
# Twenty drawings of each, on 12 images. A single drawing wanders: each layer multiplies the mean
# square by something near 1, by chance more or less, and over eight layers the chances multiply.

# %%
draws, few = 20, x[:12]
table = {}
for name, make in kinds.items():
    runs = []
    for _ in range(draws):
        model, y = make(), few
        rows = []
        with minitorch.no_grad():
            for conv in model.layers:
                y = conv(y)
                rows.append(stats(y))
        runs.append(rows)
        if name == "as it comes":
            between = y.std(0).mean().item() / y.mean().item()  # from image to image
    table[name] = np.array(runs)  # (draws, layers, 3)

print(f"{'layer':20}" + "".join(f"{k:>18}" for k in (1, 2, 4, 8)))
for name, runs in table.items():
    for i, what in enumerate(("mean", "std", "E[y²]")):
        values = runs[:, [0, 1, 3, 7], i].mean(0)
        row = "".join(f"{v:18.5f}" for v in values)
        print(f"{name if i == 0 else '':18}{what:6}" + row[4:])

last = {name: runs[:, -1, 2].mean() for name, runs in table.items()}
assert last["as it comes"] < 0.005
assert last["uniform, no √3"] < 0.001
assert all(0.5 < last[name] < 2 for name in ("Kaiming, uniform", "Kaiming, normal"))
print(
    f"found: after eight layers E[y²] is {last['Kaiming, normal']:.2f} with Kaiming, and", end=" "
)
print(f"{last['as it comes']:.4f} with layers as they come")

# %% [markdown]
# The layers as they come first fade sixfold per layer, as a sixth of relu's variance should, and
# then stop fading. What is left are the biases: the last layer says nearly the same for every
# image, and what the images differ by is lost in it. A network can recover from that, given time or
# a normalisation in between (lesson 18), and small networks do; but it has to learn first what the
# right weights would have given it.

# %%
print(f"as it comes, layer 8: images differ by {between:.1%} of the mean")
faded = table["as it comes"][:, :, 2].mean(0)
assert all(4 < faded[k] / faded[k + 1] < 8 for k in (0, 1))
assert between < 0.1


def depth_figure(figure):
    figure.suptitle("Eight convolutions with relu: Kaiming keeps the mean square, others lose it")
    colours = dict(zip(table, (RED, ORANGE, GREEN, BLUE), strict=True))
    layers = np.arange(1, 9)
    titles = "mean", "standard deviation", "mean square E[y²]"
    panels = figure.subplots(1, 3, sharey=True)
    for i, (axes, title) in enumerate(zip(panels, titles, strict=True)):
        for name, runs in table.items():
            values = runs[:, :, i]
            axes.plot(layers, values.mean(0), "o-", ms=4, color=colours[name], label=name)
            axes.fill_between(
                layers, values.min(0), values.max(0), color=colours[name], alpha=0.15, lw=0
            )
        if i == 2:
            axes.axhline(1, color=GREY, ls="--", lw=1.5)
        axes.set_title(title)
        axes.set_xlabel("layer")
        axes.set_yscale("log")
        axes.set_xticks(layers)
    panels[0].set_ylabel("after the relu, log scale")
    panels[0].set_ylim(1e-5, 30)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)


save_figure("09_depth", depth_figure, figsize=(10.5, 4.6))


def gain_figure(figure):
    figure.suptitle("Normal or uniform: one deviation, two shapes; and a gain for each slope")
    left, right = figure.subplots(1, 2)
    grid = np.linspace(-4, 4, 400)
    left.plot(grid, np.exp(-(grid**2) / 2) / math.sqrt(2 * math.pi), color=BLUE, label="normal")
    b = math.sqrt(3)
    left.plot([-4, -b, -b, b, b, 4], [0, 0, 0.5 / b, 0.5 / b, 0, 0], color=GREEN, label="uniform")
    left.plot(
        [-4, -1, -1, 1, 1, 4],
        [0, 0, 0.5, 0.5, 0, 0],
        color=ORANGE,
        ls="--",
        label="no √3: too narrow",
    )
    left.set(xlabel="weight, in units of the wanted deviation σ", ylabel="density", ylim=(0, 0.75))
    left.set_xticks([-3, -b, -1, 0, 1, b, 3], ["-3", "-√3", "-1", "0", "1", "√3", "3"])
    left.set_title("What weights are drawn from")
    left.legend(loc="upper center", ncols=3, fontsize=9.5, columnspacing=1, handlelength=1.5)

    slopes = np.linspace(0, 4.3, 200)
    right.plot(slopes, np.sqrt(2 / (1 + slopes**2)), color=BLUE)
    for a, text in [
        (0, "relu, √2"),
        (1, "no activation, 1"),
        (math.sqrt(5), "as layers come, 1/√3"),
    ]:
        right.plot(a, gain(a), "o", color=RED if a > 2 else PURPLE, ms=8)
        right.annotate(text, (a, gain(a)), (8, 6), textcoords="offset points")
    right.set_xticks([0, 1, math.sqrt(5), 3, 4], ["0", "1", "√5", "3", "4"])
    right.set(
        xlabel="slope a below 0", ylabel="gain √(2 / (1 + a²))", ylim=(0, 1.7), xlim=(-0.1, 4.3)
    )
    right.set_title("What makes up for leaky relu")


save_figure("09_gain", gain_figure, figsize=(9.5, 4))

# %% [markdown]
# ## Exercises
#
# Four more check themselves: fill in the functions in
# `lessons/exercises/09_kaiming_convolutions.py`, then run `python -m lessons check 09`.
#
# 1. Which standard deviation should a layer have that is followed by `abs`? First derive it, then
#    measure.
# 2. Repeat the eight layers with leaky relu of slope 0.5 and `kaiming_normal()` for relu. By how
#    much does $E[y^2]$ grow per layer? Predict it first.
# 3. Take 8 kernels per layer instead of 32. How does the spread between the drawings change, and
#    why?
# 4. Count fan_in and fan_out for a stride of 2, by the trick with ones. Which of the two is no
#    longer the same for all numbers?
# 5. Measure the mean square of the gradients of the eight layers' inputs, from the last back to the
#    first, for the four ways to start.
# 6. The mean after relu is not 0. Use `relu(z) - 0.5` as in lesson 3, and find by trying the $c$
#    for which $E[(\mathrm{relu}(c z) - 0.5)^2] = 1$. Why is it not one over the root of
#    $E[(\mathrm{relu}(z) - 0.5)^2]$, while for relu it is?
