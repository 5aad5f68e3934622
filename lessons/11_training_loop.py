# %% [markdown]
# # The training loop
#
# Five lines, repeated, turn random numbers into a network that reads handwritten digits.
#
# Predict, compare, ask for the gradients, take a small step against them, forget the gradients.
# All training, of the smallest network and of the largest, is this loop. Here each of its lines
# stands in the open; minitorch contributes the tape and nothing else.

# %%
import math
import time

import numpy as np

import minitorch
import minitorch.nn.functional as F
from lessons.common import BLUE, GREY, RED, load_images, options, save_figure, show_image
from minitorch.gradcheck import gradcheck

started = time.perf_counter()
seed = 0
minitorch.manual_seed(seed)

# %% [markdown]
# ## The data
#
# $n$ images to learn from, $m$ pixels in each, $c$ classes. Other images are held back: they play
# no part in training, and at the end they tell whether the network has learned to read or has
# only learned these images by heart.

# %%
x_train, y_train, x_valid, y_valid = load_images()
x_train, x_valid = x_train.reshape(len(x_train), -1), x_valid.reshape(len(x_valid), -1)
n, m = x_train.shape
c = int(y_train.max()) + 1
print(f"n {n}, m {m}, c {c}; {len(x_valid)} images held back; seed {seed}")

# %% [markdown]
# Pixels lie between 0, paper, and 1, ink. We shift and scale them to mean 0 and standard deviation
# 1, which the choice of the first weights below will rely on. Mean and deviation are those of the
# training images, for both parts: the network must see new images with the eyes it was trained
# with. So the held-back part comes out close to 0 and 1, and not exactly there.

# %%
mean, std = x_train.mean(), x_train.std()
x_train, x_valid = (x_train - mean) / std, (x_valid - mean) / std
print(f"mean and std: {x_train.mean():.3f}, {x_train.std():.3f} in training,", end=" ")
print(f"{x_valid.mean():.3f}, {x_valid.std():.3f} held back")
assert abs(x_train.mean()) < 1e-4
assert abs(x_train.std() - 1) < 1e-3
assert x_valid.mean() != 0

# %% [markdown]
# ## The network
#
# 784 pixels, 50 hidden numbers, 10 scores:
#
# $$h = \mathrm{relu}(x W_1 + b_1) \qquad \ell = h W_2 + b_2$$
#
# How large should the first random weights be? Each hidden number is a sum of $m$ products
# $x_i w_i$. If the inputs have mean square 1 and the weights mean 0 and variance $\sigma^2$, the
# sum has variance $m \sigma^2$. Relu sets half of it to zero, which leaves a mean square of
# $m \sigma^2 / 2$. For that to be 1 again, $\sigma = \sqrt{2/m}$. This is Kaiming initialisation:
# numbers keep their size from layer to layer, on the way forward and, by the same reasoning, on
# the way back. With larger weights they grow with every layer, with smaller ones they fade.
#
# After the second layer no relu follows but a softmax, so there is nothing to make up for, and
# another wish comes first: a network that has seen nothing should be sure of nothing. With small
# weights all scores are near 0, and all digits about equally likely. We take a tenth of
# $\sqrt{1/50}$.
#
# The rule holds on average over all draws of the weights. A single draw lands near 1, not on it.

# %%
hidden = 50
w1 = minitorch.randn(m, hidden) * math.sqrt(2 / m)
b1 = minitorch.zeros(hidden)
w2 = minitorch.randn(hidden, c) * (0.1 / math.sqrt(hidden))
b2 = minitorch.zeros(c)
parameters = [w1, b1, w2, b2]
for p in parameters:
    p.requires_grad_()


def model(x):
    h = (x @ w1 + b1).relu()
    return h @ w2 + b2


with minitorch.no_grad():
    h = (x_train @ w1 + b1).relu()
    size = (h * h).mean().item()
print(f"{sum(p.numel() for p in parameters):,} parameters; mean square of h {size:.2f}")
assert 0.7 < size < 1.4

# %% [markdown]
# ## The loss
#
# Softmax turns the scores $\ell$ of an image into probabilities, $p_j = e^{\ell_j} / \sum_k
# e^{\ell_k}$. The loss is the surprise at the true label $t$, averaged over the images:
#
# $$-\log p_t = \log \sum_k e^{\ell_k} - \ell_t$$
#
# It is 0 for certainty, and grows without bound for a confident mistake. Labels index the scores:
# row 0 is asked for its score at `y[0]`, row 1 at `y[1]`, and so on.


# %%
def cross_entropy(scores, y):
    return (scores.logsumexp(1) - scores[range(len(y)), y]).mean()


scores = model(x_train[:64])
first = cross_entropy(scores, y_train[:64])
assert abs(first - F.cross_entropy(scores, y_train[:64])) < 1e-6
print(f"first loss {first:.3f}; guessing one of ten costs log 10 = {math.log(10):.3f}")
assert abs(first.item() - math.log(10)) < 0.1

# %% [markdown]
# Always look at this number before training. Far above $\log 10$, the network starts with strong
# opinions that it must first unlearn, and something about its first weights is wrong. Far below, it
# knows answers that it should not have seen.
#
# From here on we use minitorch's `cross_entropy`, which is the same thing as one op.

# %% [markdown]
# ## The gradients
#
# The loss of one image is $\log \sum_k e^{\ell_k} - \ell_t$. The derivative of the first term by
# $\ell_j$ is $e^{\ell_j} / \sum_k e^{\ell_k} = p_j$, that of the second is 1 for $j = t$ and 0
# otherwise:
#
# $$\frac{\partial L}{\partial \ell_j} = \frac{p_j - [j = t]}{N}$$
#
# with $N$ for the mean over $N$ images. Each probability is pushed down, the true one up, until it
# is 1. From there we go back through $\ell = h W_2 + b_2$ by the rule of lesson 1, $a^\top g$, and
# $b_2$, which was added to every row, collects from every row:
#
# $$\frac{\partial L}{\partial W_2} = h^\top g \qquad
# \frac{\partial L}{\partial b_2} = \sum_{\text{rows}} g$$
#
# The tape has the same to say.

# %%
x, y = x_train[:64], y_train[:64]
F.cross_entropy(model(x), y).backward()

with minitorch.no_grad():
    h = (x @ w1 + b1).relu()
    g = (h @ w2 + b2).softmax(1)
    g[range(len(y)), y] -= 1
    g /= len(y)
    assert np.allclose(w2.grad, h.T @ g, rtol=0, atol=1e-6)
    assert np.allclose(b2.grad, g.sum(0), rtol=0, atol=1e-6)
print("w2.grad and b2.grad agree with the formula")

# %% [markdown]
# And moving one weight by $\pm h$ moves the loss as much as its gradient says. In float64, since
# the difference of two nearly equal float32 losses would be mostly rounding.


# %%
x64 = x.double()


def loss_of(w1, b1, w2, b2):
    return F.cross_entropy((x64 @ w1 + b1).relu() @ w2 + b2, y)


with minitorch.no_grad():
    step, (i, j) = 1e-5, (7, 3)
    up, down = w2.double(), w2.double()
    up[i, j] += step
    down[i, j] -= step
    rest = w1.double(), b1.double()
    slope = (loss_of(*rest, up, b2.double()) - loss_of(*rest, down, b2.double())) / (2 * step)
print(f"dL/dw2[{i}, {j}]: {w2.grad[i, j]:.6f} on the tape, {slope:.6f} by moving it")
assert abs(slope - w2.grad[i, j]) < 1e-6

# %% [markdown]
# `gradcheck` does this for all parameters. Here `fast_mode` moves many weights at once, in a few
# random directions, which is as good at finding a wrong gradient and spares us 80,000 losses.

# %%
assert gradcheck(loss_of, tuple(parameters), fast_mode=True)
print("gradcheck agrees, for all four parameters")
for p in parameters:
    p.grad = None

# %% [markdown]
# ## The loop
#
# The gradient over all images would be exact and slow. That of 64 images, a *minibatch*, points in
# nearly the same direction for a fraction of the work. One pass over the data is an *epoch*. Each
# begins by shuffling, so that no two see the same batches; the last batch is whatever remains.
#
# Three of the lines deserve a word.
#
# - The step $p \leftarrow p - \text{lr} \cdot \partial L / \partial p$ is not part of the function
#   that we differentiate. `no_grad` keeps it off the tape.
# - `-=` changes the parameter itself. `p = p - ...` would make a new tensor, and the network would
#   never hear of it.
# - `backward` *adds* to what is in `.grad`, since a parameter that is used twice collects from both
#   uses. Without `p.grad = None` the gradients of all batches so far would pile up.
#
# Batches of 64, the learning rate 0.05 and the number of epochs were found by trying. With other
# first weights and shuffles the result moves by a percent or so. Since what we tried was judged by
# the held-back images, they have had a small say after all; with more data one holds back a third
# part, and looks at it once.

# %%
batch, lr = 64, 0.05
epochs = {"digits": 60, "mnist": 8}[options().data]


def accuracy(x, y):
    """The share of images whose highest score is that of their label."""
    with minitorch.no_grad():
        return (model(x).argmax(1) == y).float().mean().item()


losses, history = [], []
print("epoch    loss  accuracy in training, held back")
for epoch in range(1, epochs + 1):
    order = minitorch.randperm(n)
    for start in range(0, n, batch):
        rows = order[start : start + batch]
        loss = F.cross_entropy(model(x_train[rows]), y_train[rows])
        loss.backward()
        with minitorch.no_grad():
            for p in parameters:
                p -= lr * p.grad
                p.grad = None
        losses.append(loss.item())
    steps = len(losses) // epoch
    history.append((accuracy(x_train, y_train), accuracy(x_valid, y_valid)))
    train, valid = history[-1]
    if epoch <= 5 or epoch % 5 == 0 or epoch == epochs:
        print(f"{epoch:5} {np.mean(losses[-steps:]):7.4f} {train:11.1%} {valid:20.1%}")

assert steps == math.ceil(n / batch)
assert losses[-1] < losses[0] / 5
assert valid >= 0.96

# %% [markdown]
# Both accuracies rise together at first. Then the network gets its training images all but
# perfectly right, and the rest no better: what it still learns is these images by heart. The last
# column is the only one that says how well it reads.

# %%
steps_at = np.arange(1, len(losses) + 1) / steps
by_epoch = np.array(losses).reshape(epochs, steps).mean(1)


def curves(figure):
    figure.suptitle(
        f"{epochs} times through {n:,} images, and {valid:.1%} of new ones are read right"
    )
    left, right = figure.subplots(1, 2)
    at = np.arange(1, epochs + 1)

    left.plot(steps_at, losses, color=GREY, lw=0.7, alpha=0.6, label="each batch")
    left.plot(at - 0.5, by_epoch, color=BLUE, label="mean of the epoch")
    left.axhline(math.log(c), color=RED, ls="--", lw=1.5, label=f"guessing, log {c}")
    left.set_title("The loss falls at once ...")
    left.set_ylabel("cross-entropy (nats)")
    left.set_ylim(0)

    right.plot(at, [100 * t for t, _ in history], color=GREY, ls="--", label="training images")
    right.plot(at, [100 * v for _, v in history], color=BLUE, label="held-back images")
    right.set_title("... then comes learning by heart")
    right.set_ylabel("read right (%)")
    right.set_ylim(min(100 * min(history[0]) - 2, 90), 100.5)
    for axes in (left, right):
        axes.set_xlabel("epoch")
        axes.set_xlim(0)
        axes.legend(loc="center right" if axes is left else "lower right")


save_figure("11_training_loop", curves, figsize=(9, 4))

# %% [markdown]
# ## What it got wrong
#
# A percentage hides what kind of mistakes are made. Look at them: some of these digits would give a
# human pause, too.

# %%
with minitorch.no_grad():
    guesses = model(x_valid).argmax(1).numpy()
wrong = np.flatnonzero(guesses != y_valid.numpy())
print(f"{len(wrong)} of {len(x_valid)} are read wrong")


shown = [int(k) for k in wrong[:16]]
columns = min(len(shown), 8) or 1
lines = math.ceil(len(shown) / columns) or 1


def mistakes(figure):
    figure.suptitle(f"{len(wrong)} of {len(x_valid):,} held-back digits are read wrong")
    grid = figure.subplots(lines, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, k in zip(grid.flat, shown, strict=False):
        image = (x_valid[k] * std + mean).reshape(28, 28)
        show_image(axes, image, f"{y_valid[k].item()} read as {guesses[k]}")


save_figure("11_mistakes", mistakes, figsize=(9, 0.6 + 1.5 * lines))

# %%
took = time.perf_counter() - started
print(f"found: accuracy on held-back images {valid:.2%}, after {took:.1f} s")

# %% [markdown]
# ## Exercises
#
# 1. Leave out `p.grad = None`. What happens to the loss, and why does it go well for a while?
# 2. Start `w1` and `w2` with `randn` and no factor. What is the first loss? In the end the training
#    images are read without a mistake all the same. How are the others?
# 3. Start both with zeros. Why does the network not learn? Which parameter moves all the same?
# 4. Train with batches of 1, of 8 and of all images. Compare the loss after the same number of
#    epochs, then after the same number of steps. Why should the learning rate change with it?
# 5. Plot the columns of `w1` as 28 by 28 images, before and after training. What do they look for?
# 6. Derive $\partial L / \partial W_1$ by hand and check it as we did for $W_2$.
# 7. A network with 20 hidden numbers, or 500: how do the two accuracies move apart?
