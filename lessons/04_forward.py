# %% [markdown]
# # Forward, and how wrong
#
# Two layers make a prediction, the mean squared error judges it, and one missing axis ruins both.
#
# A network is a function with many numbers to choose. To choose them one must be able to say how
# good a choice is, in a single number: the loss. This lesson writes the first network and the
# first loss. Then it makes a typing mistake that raises no error, runs fast, and leaves nothing for
# the network to learn.

# %%
import math

import numpy as np

import minitorch
import minitorch.nn.functional as F
from lessons.common import BLACK, BLUE, GREY, RED, load_images, save_figure, seconds

minitorch.manual_seed(1)

# %% [markdown]
# ## The network
#
# An image goes in, one number comes out. The number shall be the digit: 3.0 for a three. This is a
# strange way to read digits, since it treats a 4 as halfway between a 3 and a 5, and lesson 10
# finds a better one. It is the simplest loss there is, and all that we learn here stays true.
#
# $$h = \mathrm{relu}(x W_1 + b_1) \qquad \text{output} = h W_2 + b_2$$
#
# For $N$ images the shapes are
#
# | | shape |
# | --- | --- |
# | $x$, the images | $(N, m)$ |
# | $W_1$, $b_1$ | $(m, 50)$, $(50,)$ |
# | $h$, the hidden numbers, one for each unit | $(N, 50)$ |
# | $W_2$, $b_2$ | $(50, 1)$, $(1,)$ |
# | output | $(N, 1)$ |
#
# The weights get their size as in lesson 3: $\sqrt{2/m}$ before the relu, $\sqrt{1/50}$ before the
# output, which has none. A thousand images are enough for now; below, something will grow with the
# square of their number.

# %%
x_train, y_train, _, _ = load_images()
x_train, y_train = x_train[:1000].reshape(1000, -1), y_train[:1000]
x_train = (x_train - x_train.mean()) / x_train.std()
n, m = x_train.shape
hidden = 50

w1, b1 = minitorch.randn(m, hidden) * math.sqrt(2 / m), minitorch.zeros(hidden)
w2, b2 = minitorch.randn(hidden, 1) * math.sqrt(1 / hidden), minitorch.zeros(1)


def lin(x, w, b):
    return x @ w + b


def relu(x):
    return x.clamp_min(0.0)


def model(x):
    return lin(relu(lin(x, w1, b1)), w2, b2)


preds = model(x_train)
print(f"x {tuple(x_train.shape)} -> output {tuple(preds.shape)}, {preds.dtype}")
print(f"the first five: {preds[:5].flatten().numpy().round(2)}, digits {y_train[:5].tolist()}")
assert preds.shape == (n, 1)
assert preds.dtype == minitorch.float32
batch = x_train[:64]
print(f"64 images take {seconds(model, batch) * 1e6:,.0f} microseconds")

# %% [markdown]
# The predictions have nothing to do with the digits, of course. No image knows of another: row 7 of
# the output depends on row 7 of $x$ alone. So it makes no difference whether images go through
# one by one or all together, except to the clock.

# %%
alone = minitorch.cat([model(x_train[i : i + 1]) for i in range(64)])
assert np.allclose(alone, preds[:64], atol=1e-4)

# %% [markdown]
# ## The loss
#
# How wrong is a prediction $p$ for its *target* $t$, the digit it should be? By $p - t$. Errors in
# both directions should count, and a large one more than several small ones, so we square. The
# judgement of a thousand images should be comparable with that of ten, so we take the mean:
#
# $$L = \frac1N \sum_n (p_n - t_n)^2$$
#
# One detail before it can be computed. The output has the shape $(N, 1)$, the targets $(N,)$.
# `squeeze(-1)` takes away the last axis if its length is 1, and makes them equal. And the digits
# are integers: a difference needs both sides to be of one kind, so they become floats.


# %%
def mse(output, targ):
    return ((output.squeeze(-1) - targ) ** 2).mean()


targ = y_train.float()
assert y_train.dtype == minitorch.int64
assert targ.dtype == minitorch.float32
loss = mse(preds, targ)
print(f"loss {loss:.3f}")

by_loop = sum((p - t) ** 2 for p, t in zip(preds.flatten().tolist(), y_train.tolist(), strict=True))
assert abs(loss - by_loop / n) < 1e-3
assert abs(loss - F.mse_loss(preds.squeeze(-1), targ)) < 1e-4
assert F.mse_loss(preds.squeeze(-1), y_train) == F.mse_loss(preds.squeeze(-1), targ)

# %% [markdown]
# minitorch's `mse_loss` says the same, and converts integer targets itself.
#
# Is that number good or bad? A loss means something only next to another. The simplest predictor
# says the same number $k$ for every image. Its loss is
#
# $$\frac1N \sum_n (k - t_n)^2 = (k - \bar t)^2 + \frac1N \sum_n (t_n - \bar t)^2$$
#
# with the mean target $\bar t$: write $k - t_n$ as $(k - \bar t) + (\bar t - t_n)$ and square; the
# mixed terms add up to 0, because the second part does. So the best constant is the mean, and what
# remains is the variance of the targets. Whoever has looked at the images must do better than that.

# %%
constants = {k: mse(minitorch.full((n, 1), k), targ).item() for k in (0.0, targ.mean().item())}
for k, value in constants.items():
    print(f"always {k:5.3f}: loss {value:6.3f}")
baseline = min(constants.values())
assert abs(baseline - targ.var(correction=0)) < 1e-3
assert abs(constants[0.0] - (baseline + targ.mean() ** 2)) < 1e-3
assert loss > baseline

# %% [markdown]
# A new network predicts numbers near 0, since its weights have mean 0, and it has a loss like that
# of saying 0 always. From there to the constant is the first thing that training will learn, and
# the loss falls fast. That is not yet reading.

# %% [markdown]
# ## One axis too many
#
# Leave out the `squeeze`. Output $(N, 1)$, targets $(N,)$: by the rule of lesson 2 the targets
# become $(1, N)$, and both are repeated. The difference has the shape $(N, N)$. *Every* prediction
# is compared with *every* target, its own and those of all other images. The mean over it is a
# number, of a plausible size. Nothing complains, unless the memory is full: a thousand images make
# a million differences.


# %%
def mse_without_squeeze(output, targ):
    return ((output - targ) ** 2).mean()


output, few = preds[:5], targ[:5]
print(f"difference of {tuple(output.shape)} and {tuple(few.shape)}: {tuple((output - few).shape)}")
print(f"right {mse(preds, targ):.3f}, without squeeze {mse_without_squeeze(preds, targ):.3f}")
assert (output - few).shape == (5, 5)

# %% [markdown]
# For a new network the two losses are close to each other, which is why nobody notices. The
# difference shows in predictions that are *right*. Let the predictions be the targets themselves:

# %%
t = minitorch.tensor([1.0, 2.0, 3.0, 4.0])
perfect, constant = t[:, None], minitorch.full((4, 1), 2.5)
print("                     right   without squeeze")
for name, output in (("all four right", perfect), ("always the mean", constant)):
    print(f"{name:17}{mse(output, t):9.2f}{mse_without_squeeze(output, t):18.2f}")
assert mse(perfect, t) == 0
assert mse_without_squeeze(perfect, t) == 2.5
assert mse(constant, t) == mse_without_squeeze(constant, t) == 1.25

# %% [markdown]
# The wrong loss prefers a network that has seen nothing to one that makes no mistake. One can say
# exactly what it measures. For one prediction $p_i$ it takes the mean over all targets, and by the
# formula above, with $k = p_i$, that is $(p_i - \bar t)^2 + \mathrm{var}(t)$. Over all predictions:
#
# $$L_\text{wrong} = \frac1N \sum_i (p_i - \bar t)^2 + \mathrm{var}(t)$$
#
# No $t_i$ is left that belongs to $p_i$. What an image shows has no part in it, and the best a
# network can do is to say $\bar t$ always. Training goes well, too: the loss falls, to the variance
# of the targets, and stays there. The variance is that of all $N$ numbers, `correction=0`.

# %%
spread = ((preds - targ.mean()) ** 2).mean() + targ.var(correction=0)
assert abs(mse_without_squeeze(preds, targ) - spread) < 1e-2
order = minitorch.randperm(n)
print(f"images shuffled against their labels: right {mse(preds, targ[order]):.3f}, ", end="")
print(f"without squeeze {mse_without_squeeze(preds, targ[order]):.3f}, as before")
assert abs(mse_without_squeeze(preds, targ[order]) - mse_without_squeeze(preds, targ)) < 1e-3
assert abs(mse(preds, targ[order]) - mse(preds, targ)) > 0.01

# %% [markdown]
# To see it, go in a straight line from "always the mean", at 0, to "all right", at 1, with the
# prediction $\bar t + s\,(t_n - \bar t)$. The right loss falls all the way. The wrong one rises all
# the way.

# %%
steps = np.linspace(0, 1, 21)
towards = [(targ.mean() + s * (targ - targ.mean()))[:, None] for s in steps]
right = [mse(p, targ).item() for p in towards]
wrong = [mse_without_squeeze(p, targ).item() for p in towards]
assert np.all(np.diff(right) < 0)
assert np.all(np.diff(wrong) > 0)
assert abs(right[-1]) < 1e-6
assert abs(wrong[-1] - 2 * baseline) < 1e-2


# %%
def draw(figure):
    figure.suptitle("One axis too many, and the loss prefers to know nothing")
    left, middle = figure.subplots(1, 2, width_ratios=[1, 1.25])

    labels = list(dict.fromkeys(y_train.tolist()))[:6]  # the first six kinds of digits
    shown = minitorch.tensor(labels).float()
    difference = shown[:, None] - shown
    left.imshow(abs(difference), cmap="Greys", vmin=0, vmax=14)
    for (i, j), d in np.ndenumerate(difference.numpy()):
        own = {"color": BLUE, "weight": "bold"} if i == j else {"color": BLACK}
        left.text(j, i, f"{d:g}", ha="center", va="center", **own)
    left.set_xticks(range(6), labels)
    left.set_yticks(range(6), labels)
    left.set_title("Right predictions of six images\nminus targets: only the diagonal belongs")
    left.set_xlabel("target")
    left.set_ylabel("prediction")
    left.grid(visible=False)

    middle.plot(steps, right, color=BLUE, label="right, (N,) and (N,)")
    middle.plot(steps, wrong, color=RED, ls="--", label="wrong, (N, 1) and (N,)")
    middle.axhline(baseline, color=GREY, ls=":", lw=1.5)
    middle.set_xticks([0, 0.5, 1], ["always\nthe mean", "halfway", "all\nright"])
    middle.set_title("As the predictions get better,\nthe wrong loss gets worse")
    middle.set_xlabel("predictions")
    middle.set_ylabel("loss (squared digits)")
    middle.text(1, baseline - 0.2, "variance of the targets", ha="right", va="top", color=GREY)
    middle.set_ylim(0, 18)
    middle.legend(loc="upper left")


save_figure("04_forward", draw, figsize=(10, 4.6))

# %% [markdown]
# ## A loss that refuses
#
# Broadcasting is right for arithmetic and wrong for a comparison: who compares two lists of
# unequal shape has made a mistake. So no loss of minitorch broadcasts. The message names both
# shapes and what would help.

# %%
try:
    F.mse_loss(preds, targ)
    raise AssertionError("compared every prediction with every target")
except ValueError as error:
    message = str(error)
print(message)
assert all(part in message for part in (str((n, 1)), str((n,)), "squeeze(-1)"))

# %% [markdown]
# Our own `mse` is safe for outputs of shape $(N, 1)$ and $(N,)$, but `squeeze(-1)` leaves $(N, N)$
# alone, and broadcasting takes it. A line that says what is expected costs nothing.


# %%
def careful_mse(output, targ):
    output = output.squeeze(-1)
    if output.shape != targ.shape:
        raise ValueError(f"mse: output {tuple(output.shape)}, targets {tuple(targ.shape)}")
    return ((output - targ) ** 2).mean()


assert careful_mse(preds, targ) == careful_mse(preds.squeeze(-1), targ) == loss
for refused in (minitorch.zeros(n, 2), minitorch.zeros(n, n), minitorch.zeros(n - 1, 1)):
    try:
        careful_mse(refused, targ)
    except ValueError:
        continue
    raise AssertionError(f"accepted {tuple(refused.shape)}")

# %%
print(
    f"found: loss {loss:.1f} before training, {baseline:.2f} for always saying {targ.mean():.2f}; "
    f"with one axis too many, perfect predictions cost {wrong[-1]:.1f}"
)

# %% [markdown]
# ## Exercises
#
# Four more check themselves: fill in the functions in `lessons/exercises/04_forward.py`, then run
# `python -m lessons check 04`.
#
# 1. With $p = t$, why is the loss without `squeeze` exactly twice the variance of the targets?
# 2. What does the wrong loss do when the batch is a single image? When all targets are equal?
# 3. `squeeze()` without a dim takes away every axis of length 1. For which $N$ does that change the
#    result of `mse`, and how?
# 4. The mean of absolute errors is another loss. Which constant is best for it? Compute it for the
#    digits, and compare with the mean.
# 5. Use the shifted relu of lesson 3 in `model`. What happens to the loss of the new network? What
#    would you change?
# 6. Give `model` one more layer of 50. How many numbers are there to choose, before and after? How
#    much longer does it take?
# 7. Besides $(N, 1)$ and $(N,)$, which pairs of unequal shapes does `mse` itself let through?
