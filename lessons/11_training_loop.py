# %% [markdown]
# # The training loop
#
# Five lines, repeated, turn random numbers into a network that reads handwritten digits.
#
# Predict, compare, ask for the gradients, take a small step against them, forget the gradients. All
# training, of the smallest network and of the largest, is this loop. First each of its lines stands
# in the open, and that is the lesson. Then, in the second half, they move one after the other into
# parts with names, and the losses stay as they are.

# %%
import inspect
import math
import time

import numpy as np

import minitorch
import minitorch.nn.functional as F
from lessons.common import BLUE, GREY, RED, load_images, options, save_figure, show_image
from minitorch import nn, optim
from minitorch.gradcheck import gradcheck
from minitorch.train import Learner
from minitorch.utils import data

started = time.perf_counter()
seed = 0
minitorch.manual_seed(seed)

# %% [markdown]
# ## The data
#
# $n$ images to learn from, $m$ pixels in each, $c$ kinds of digits, the *classes*. Other images are
# held back: they play no part in training, and at the end they tell whether the network has learned
# to read or has only learned these images by heart.

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
# The first random weights have the size that lesson 3 found, $\sigma = \sqrt{2/m}$ before a relu,
# so that $h$ has mean square 1.
#
# After the second layer no relu follows but a softmax, so there is nothing to make up for, and
# another wish comes first: a network that has seen nothing should be sure of nothing. With small
# weights all scores are near 0, and all digits about equally likely. We take a tenth of
# $\sqrt{1/50}$.
#
# The rule for $h$ holds on average over all draws of the weights. A single draw strays from 1, on
# images quite far, as lesson 3 has shown: neighbouring pixels say nearly the same.

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


def mean_square(w1):
    h = (x_valid @ w1 + b1).relu()
    return (h * h).mean().item()


aside = minitorch.Generator().manual_seed(1)  # random numbers of its own: nothing else changes
with minitorch.no_grad():
    size = mean_square(w1)
    others = [
        mean_square(minitorch.randn(w1.shape, generator=aside) * math.sqrt(2 / m))
        for _ in range(20)
    ]
print(f"{sum(p.numel() for p in parameters):,} parameters; mean square of h {size:.2f};", end=" ")
print(
    f"twenty other draws: {min(others):.2f} to {max(others):.2f}, on average {np.mean(others):.2f}"
)
assert 0.3 < size < 2
assert abs(np.mean(others) - 1) < 0.2

# %% [markdown]
# ## The loss
#
# The cross-entropy of lesson 10. Softmax turns the scores $\ell$ of an image into probabilities,
# $p_j = e^{\ell_j} / \sum_k e^{\ell_k}$, and the loss is the surprise at the true label $t$,
# averaged over the images:
#
# $$-\log p_t = \log \sum_k e^{\ell_k} - \ell_t$$
#
# Labels index the scores: row 0 is asked for its score at `y[0]`, row 1 at `y[1]`, and so on.


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
# In short, from lesson 10: the derivative of $\log \sum_k e^{\ell_k}$ by $\ell_j$ is $p_j$, and
#
# $$g_j = \frac{\partial L}{\partial \ell_j} = \frac{p_j - [j = t]}{N}$$
#
# where $[j = t]$ is 1 for the true label and 0 for the others, and $N$ comes from the mean over $N$
# images. From there we go back through $\ell = h W_2 + b_2$ by the rule of lesson 1, $a^\top g$,
# and $b_2$, which was added to every row, collects from every row:
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
# And moving one weight by a small step, up and down, moves the loss as much as its gradient says.
# In float64, since the difference of two nearly equal float32 losses would be mostly rounding.


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
# random directions, which is as good at finding a wrong gradient and spares us 80,000 losses. The
# step is small, so that no relu changes sides on the way (lesson 5).

# %%
assert gradcheck(loss_of, tuple(parameters), eps=1e-6, fast_mode=True)
print("gradcheck agrees, for all four parameters")
for p in parameters:
    p.grad = None

# %% [markdown]
# ## The loop
#
# The gradient over all images would be exact and slow. That of 64 images, a *minibatch*, costs a
# fraction of the work. Is it good enough? Two directions are compared by their *cosine*, the scalar
# product over the two lengths: 1 for the same direction, 0 for a right angle, which is about what
# two random directions have among 39,760 numbers.


# %%
def whole_gradient(rows):
    """The gradients of all parameters on some of the images, as one long array."""
    F.cross_entropy(model(x_train[rows]), y_train[rows]).backward()
    flat = np.concatenate([p.grad.numpy().ravel() for p in parameters])
    for p in parameters:
        p.grad = None
    return flat


exact = whole_gradient(np.arange(n))
cosines = []
for k in range(20):
    part = whole_gradient(np.arange(64 * k, 64 * (k + 1)))
    cosines.append(exact @ part / np.linalg.norm(exact) / np.linalg.norm(part))
print(f"cosine of the gradient of 64 images with that of all {n}:", end=" ")
print(f"{min(cosines):.2f} to {max(cosines):.2f}, mean {np.mean(cosines):.2f}")
assert min(cosines) > 0.3
assert np.mean(cosines) > 0.5

# %% [markdown]
# Not the same direction, but always downhill, for a twentieth of the work. Twenty rough steps get
# further than one exact one.
#
# One pass over the data is an *epoch*. Each begins by shuffling, so that no two see the same
# batches; the last batch is whatever remains.
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


first_weights = [p.detach().clone() for p in parameters]  # to begin once more below
shuffles = minitorch.default_generator.get_state()
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
assert train > valid

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

# %% [markdown]
# ## The same loop, in parts
#
# The loop is complete, and all of it is ours to remember: four names in the model and the same four
# in a list, a step that must stay off the tape, gradients to forget, a slice to get right. Other
# networks have hundreds of parameters, other rules for the step, and data that come from files. So
# we take one part after the other out of the loop: first by hand, in a few lines, then as
# minitorch has it. Later lessons look at the parts in detail.
#
# A change of form must not change what is computed. So each stage starts with the weights and the
# shuffles of the loop above, runs for two epochs, and must repeat the losses **exactly**, in every
# bit, but for one stage that says why it cannot. A gradient that was not forgotten, a parameter
# that was left out: both would show at once.
#
# The shuffles come from a `Generator`, a stream of random numbers of its own, which is set to where
# the stream of all random numbers stood when the loop began.


# %%
def same_shuffles():
    stream = minitorch.Generator()
    stream.set_state(shuffles)
    return stream


def assert_same(stage, found, expected, within=0.0, loop=None):
    """The losses of two epochs are those of another stage; says so, and how long the loop is."""
    furthest = max(abs(a - b) for a, b in zip(found, expected, strict=True))
    lines = len(inspect.getsource(loop).splitlines()) if loop else 1
    said = "the same losses" if furthest == 0 else f"losses up to {furthest:.0e} apart"
    print(f"{stage:24}{lines:3} {'lines' if lines > 1 else 'line'}, {said}")
    assert furthest <= within
    return lines


# %% [markdown]
# **The model by hand.** A class holds the parameters next to the lines that use them, and lists
# them itself: `vars(self)` is the dictionary of an object's attributes. The list and the model
# cannot drift apart, and two models can live side by side.


# %%
class TwoLayers:
    def __init__(self, w1, b1, w2, b2):
        self.w1, self.b1, self.w2, self.b2 = w1.clone(), b1.clone(), w2.clone(), b2.clone()
        for p in self.parameters():
            p.requires_grad_()

    def parameters(self):
        return list(vars(self).values())

    def __call__(self, x):
        return (x @ self.w1 + self.b1).relu() @ self.w2 + self.b2


def with_a_model(model, stream):
    found = []
    for _ in range(2):
        order = minitorch.randperm(n, generator=stream)
        for start in range(0, n, batch):
            rows = order[start : start + batch]
            loss = F.cross_entropy(model(x_train[rows]), y_train[rows])
            loss.backward()
            with minitorch.no_grad():
                for p in model.parameters():
                    p -= lr * p.grad
                    p.grad = None
            found.append(loss.item())
    return found


found = with_a_model(TwoLayers(*first_weights), same_shuffles())
longest = assert_same("a model by hand", found, losses[: 2 * steps], loop=with_a_model)

# %% [markdown]
# **nn.** minitorch has layers ready, and `nn.Sequential` to put one after the other: no formula has
# to be written twice. `nn.Linear` keeps its weights the other way round, (outputs, inputs), and
# computes $x W^\top + b$, so we hand over ours transposed. The product may then add in another
# order. This is the one place where the losses may differ, by the rounding of float32; since each
# step builds on the one before, such differences grow, and we look at the first 40. From here on
# the stages have to agree with this one.


# %%
def network():
    """The first network, with the first weights, made of minitorch's layers."""
    w1, b1, w2, b2 = first_weights
    net = nn.Sequential(nn.Linear(m, hidden), nn.ReLU(), nn.Linear(hidden, c))
    with minitorch.no_grad():
        for p, first in zip(net.parameters(), (w1.T, b1, w2.T, b2), strict=True):
            p.copy_(first)
    return net


of_layers = with_a_model(network(), same_shuffles())
assert_same("nn.Sequential", of_layers[:40], found[:40], within=1e-4, loop=with_a_model)

# %% [markdown]
# **The optimizer by hand.** The step moves out of the loop, and with it `no_grad`, which nobody has
# to remember any more. Another rule for the step (lesson 15 has several) will be another class, and
# the loop stays as it is.


# %%
class SGD:
    def __init__(self, parameters, lr):
        self.parameters, self.lr = list(parameters), lr

    def step(self):
        with minitorch.no_grad():
            for p in self.parameters:
                p -= self.lr * p.grad

    def zero_grad(self):
        for p in self.parameters:
            p.grad = None


def with_an_optimizer(model, optimizer, stream):
    found = []
    for _ in range(2):
        order = minitorch.randperm(n, generator=stream)
        for start in range(0, n, batch):
            rows = order[start : start + batch]
            loss = F.cross_entropy(model(x_train[rows]), y_train[rows])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            found.append(loss.item())
    return found


for stage, kind in (("an optimizer by hand", SGD), ("optim.SGD", optim.SGD)):
    net = network()
    found = with_an_optimizer(net, kind(net.parameters(), lr=lr), same_shuffles())
    shorter = assert_same(stage, found, of_layers, loop=with_an_optimizer)
assert shorter < longest

# %% [markdown]
# The name says what it does: *stochastic gradient descent*, downhill by the gradients of random
# batches.
#
# **The data by hand.** A data set knows how many examples it has, and gives those asked for by
# number. A loader makes batches of them, shuffled anew each time one asks for an epoch. What is
# left of the loop no longer knows how many examples there are, nor where they come from.


# %%
class Dataset:
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __len__(self):
        return len(self.x)

    def __getitem__(self, rows):
        return self.x[rows], self.y[rows]


class DataLoader:
    def __init__(self, dataset, batch_size, stream):
        self.dataset, self.batch_size, self.stream = dataset, batch_size, stream

    def __iter__(self):
        order = minitorch.randperm(len(self.dataset), generator=self.stream)
        for start in range(0, len(order), self.batch_size):
            yield self.dataset[order[start : start + self.batch_size]]


def with_a_loader(model, optimizer, loader):
    found = []
    for _ in range(2):
        for x, y in loader:
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            found.append(loss.item())
    return found


net = network()
loader = DataLoader(Dataset(x_train, y_train), batch, same_shuffles())
found = with_a_loader(net, optim.SGD(net.parameters(), lr=lr), loader)
shortest = assert_same("a loader by hand", found, of_layers, loop=with_a_loader)
assert shortest < shorter

# %% [markdown]
# **utils.data.** Usually one writes `DataLoader(dataset, batch_size=64, shuffle=True)`, and gets
# shuffles that are as good as ours, but others. To compare, we give it a *sampler*, which says in
# which order the examples come, with our stream.

# %%
dataset = data.TensorDataset(x_train, y_train)


def our_loader():
    sampler = data.RandomSampler(dataset, generator=same_shuffles())
    return data.DataLoader(dataset, batch_size=batch, sampler=sampler)


net = network()
found = with_a_loader(net, optim.SGD(net.parameters(), lr=lr), our_loader())
assert_same("utils.data.DataLoader", found, of_layers, loop=with_a_loader)

numbers = data.DataLoader(data.TensorDataset(minitorch.arange(n)), batch_size=batch, shuffle=True)
one, other = (minitorch.cat([rows for (rows,) in numbers]) for _ in range(2))
assert not np.array_equal(one, other)
assert np.array_equal(np.sort(one), np.arange(n))  # shuffled, and each example once

# %% [markdown]
# **The loop itself.** The lines that are left, from `for _` to `zero_grad`, are the same for every
# network, and so they have a name, too: `Learner`. It also measures the held-back images after each
# epoch, with the *metrics* that it is given, functions of scores and labels such as the accuracy.
# What comes back is a history. Nothing in it is new to you.

# %%
net = network()
learner = Learner(
    net, F.cross_entropy, optim.SGD(net.parameters(), lr=lr), metrics=[minitorch.train.accuracy]
)
measured = learner.fit(our_loader(), valid=(x_valid, y_valid), epochs=2, progress=False)
assert_same("train.Learner", measured.steps["loss"], of_layers)
print(f"held back after two epochs: {history[1][1]:.1%} then, {measured.last('accuracy'):.1%} now")
assert abs(measured.last("accuracy") - history[1][1]) < 0.01

# %%
took = time.perf_counter() - started
print(f"found: accuracy on held-back images {valid:.2%}, after {took:.1f} s")

# %% [markdown]
# ## Exercises
#
# Five more check themselves: fill in the functions in `lessons/exercises/11_training_loop.py`, then
# run `python -m lessons check 11`.
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
