# %% [markdown]
# # Batch norm and layer norm
#
# Layers that make mean 0 and variance 1 out of whatever comes in, and let deep networks train.
#
# Initialisation (lessons 3 and 9) gives numbers the right size before the first step. After it
# every layer changes, and nothing watches over the sizes. Normalisation is a layer that does: it
# standardizes, at every step, what the weights before it have made. It costs a derivation of half
# a page, and a difference between training and use that is easily forgotten.

# %%
import math

import numpy as np

import minitorch
import minitorch.nn.functional as F
from lessons.common import BLUE, GREEN, GREY, ORANGE, RED, SKY, YELLOW, save_figure
from minitorch import nn, optim
from minitorch.gradcheck import gradcheck
from minitorch.nn import init
from minitorch.utils.data import digits

minitorch.manual_seed(0)

# %% [markdown]
# ## A network that does not train
#
# Eight layers of 50 with relu, and the scores. The layers start as they come, with weights that are
# too small for relu, as lesson 9 found out.

# %%
x_train, y_train, x_valid, y_valid = digits(size=28)
mean, std = x_train.mean(), x_train.std()
x_train = ((x_train - mean) / std).reshape(len(x_train), 784)
x_valid = ((x_valid - mean) / std).reshape(len(x_valid), 784)


def network(norm=None, weights=None):
    """Linear, norm, relu, eight times over; `norm` makes a layer, `weights` is an init function."""
    layers = []
    for _ in range(8):
        if weights is None:
            layers.append(nn.Linear(50))
        else:
            layers.append(nn.Linear(50, weights=weights, biases=init.zeros()))
        if norm is not None:
            layers.append(norm())
        layers.append(nn.ReLU())
    return nn.Sequential(*layers, nn.Linear(10)).build((784,))


def fit(model, lr, epochs=5, batch=64):
    """The losses of all steps, and the share of held-back digits that are read right."""
    optimizer = optim.SGD(model, lr=lr)
    losses = []
    model.train()
    for _ in range(epochs):
        order = minitorch.randperm(len(x_train))
        for rows in order[: len(order) // batch * batch].reshape(-1, batch):
            loss = F.cross_entropy(model(x_train[rows]), y_train[rows])
            losses.append(loss.item())
            if not math.isfinite(losses[-1]) or losses[-1] > 100:
                return losses, 0.1  # it has run away: as good as guessing
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    scores = model.predict(x_valid)
    return losses, (scores.argmax(1) == y_valid).float().mean().item()


plain = network()
losses, right = fit(plain, lr=0.1)
print(f"plain: loss {losses[0]:.3f} at first, {np.mean(losses[-20:]):.3f} in the end;", end=" ")
print(f"guessing costs {math.log(10):.3f}; {right:.0%} of new digits read right")
assert abs(np.mean(losses[-20:]) - math.log(10)) < 0.02
assert right < 0.2

# %% [markdown]
# Where is the trouble? Look at how much the images differ, layer by layer: the deviation from image
# to image, averaged over the 50 numbers.


# %%
def differences(model):
    """How much images differ after each relu."""
    h, found = x_train[:200], []
    with minitorch.no_grad():
        for layer in model:
            h = layer(h)
            if isinstance(layer, nn.ReLU):
                found.append(h.std(0).mean().item())
    return found


minitorch.manual_seed(0)
differ = differences(network())
print("images differ, after each relu: " + " ".join(f"{d:.4f}" for d in differ))
assert differ[-1] < differ[0] / 100

# %% [markdown]
# By the last layer all images look the same. Then all gradients that would tell them apart are as
# small, and nothing is learned.
#
# ## Forward
#
# Take one of the 50 numbers and look at it for all images of the batch: a column of x, which is
# $(N, C)$. Subtract its mean and divide by its deviation:
#
# $$\mu = \frac1N \sum_i x_i \qquad \sigma^2 = \frac1N \sum_i (x_i - \mu)^2 \qquad
# r = \frac{1}{\sqrt{\sigma^2 + \varepsilon}} \qquad \hat x_i = (x_i - \mu)\, r$$
#
# However small the differences were, $\hat x$ has mean 0 and variance 1. The small $\varepsilon$
# is for a column that is constant: it gives 0, not $0/0$. Now mean 0 and variance 1 need not be
# what the next layer wants. So it may choose another mean $b$ and another deviation $w$, which are
# parameters, one of each for every column, and start as 0 and 1:
#
# $$y = w\, \hat x + b$$
#
# The axis is an argument, which will pay off at the end.


# %%
def standardize(x, axis, eps=1e-5):
    """x̂ and r, with statistics over that axis of x, (N, C)."""
    mu = x.mean(axis, keepdims=True)
    r = 1 / np.sqrt(((x - mu) ** 2).mean(axis, keepdims=True) + eps)
    return (x - mu) * r, r


x = 3 + 2 * minitorch.randn(6, 4).double().numpy()
x[:, 3] = 7  # a column without differences
w, b = 1 + minitorch.rand(4).double().numpy(), minitorch.randn(4).double().numpy()
xhat, r = standardize(x, axis=0)
print("mean", xhat.mean(0).round(6) + 0.0, " variance", xhat.var(0).round(4))
assert np.allclose(xhat.mean(0), 0, atol=1e-12)
assert np.allclose(xhat.var(0)[:3], 1, atol=1e-4)
assert (xhat[:, 3] == 0).all()

y = w * xhat + b
tensors = [minitorch.tensor(a, requires_grad=True) for a in (x, w, b)]


def batch_norm(x, w, b):
    """minitorch's, in training and without running statistics, which come later."""
    return F.batch_norm(x, None, None, w, b, training=True)


assert np.allclose(batch_norm(*tensors).detach().numpy(), y, rtol=0, atol=1e-12)

# %% [markdown]
# ## Backward, through the statistics
#
# Let $g_i = \partial L/\partial y_i$ be known. For $w$ and $b$ it is quickly said: $b$ is added in
# every row, $w$ meets $\hat x_i$ in every row,
#
# $$\frac{\partial L}{\partial b} = \sum_i g_i \qquad
# \frac{\partial L}{\partial w} = \sum_i g_i\, \hat x_i$$
#
# and on to $\hat x$ goes $v_i = w\, g_i$. The way from there to x needs care, since $x_i$ acts on
# *every* $\hat x_k$ of its column: it moves $\mu$ and $r$, which all of them use. One after the
# other, where $[k = i]$ is 1 for $k = i$ and otherwise 0:
#
# $$\frac{\partial \mu}{\partial x_i} = \frac1N \qquad
# \frac{\partial \sigma^2}{\partial x_i} = \frac2N (x_i - \mu) \qquad
# \frac{\partial r}{\partial \sigma^2} = -\frac12 (\sigma^2 + \varepsilon)^{-3/2} = -\frac{r^3}{2}$$
#
# ($x_i$ enters $\sigma^2$ through $\mu$ as well. That adds $-\frac{2}{N^2} \sum_k (x_k - \mu)$, and
# the sum is 0.) The last two together are $\partial r/\partial x_i = -r^3 (x_i - \mu)/N =
# -r^2\, \hat x_i / N$. With $\hat x_k = (x_k - \mu)\, r$ the product rule says
#
# $$\frac{\partial \hat x_k}{\partial x_i}
# = r\, \Bigl([k = i] - \frac1N\Bigr) - (x_k - \mu)\, \frac{r^2\, \hat x_i}{N}
# = r\, \Bigl([k = i] - \frac1N - \frac{\hat x_k\, \hat x_i}{N}\Bigr)$$
#
# and adding up $v_k\, \partial \hat x_k/\partial x_i$ over $k$ gives what was to be found:
#
# $$\frac{\partial L}{\partial x} = r\, \bigl(v - \text{mean}(v) - \hat x\, \text{mean}(v\,
# \hat x)\bigr)$$
#
# The first term is what one would get if $\mu$ and $r$ were constants. The others take out of the
# gradient its mean and all of it that points along $\hat x$.


# %%
def standardize_grad(v, xhat, r, axis):
    """dL/dx, given v = dL/dx̂."""
    along_1 = v.mean(axis, keepdims=True)
    along_x = (v * xhat).mean(axis, keepdims=True)
    return r * (v - along_1 - xhat * along_x)


g = minitorch.randn(6, 4).double().numpy()
dx = standardize_grad(w * g, xhat, r, axis=0)
dw, db = (g * xhat).sum(0), g.sum(0)

batch_norm(*tensors).backward(minitorch.tensor(g))
for tensor, ours in zip(tensors, (dx, dw, db), strict=True):
    assert np.allclose(tensor.grad.numpy(), ours, rtol=0, atol=1e-10)
varied = [minitorch.tensor(a, requires_grad=True) for a in (x[:, :3], w[:3], b[:3])]
assert gradcheck(batch_norm, tuple(varied))
print("dx, dw and db agree with the tape, and the tape with finite differences")

# %% [markdown]
# To forget the two terms is the classic mistake. What it does is easy to see without any reference:
# the mean of a column cannot matter for $y$, so the gradient in that direction, the sum of the
# column of dx, has to be 0.

# %%
naive = w * g * r
print(
    "sums of the columns of dx",
    dx.sum(0).round(6) + 0.0,
    " of the naive one",
    naive[:, :3].sum(0).round(2),
)
assert np.allclose(dx.sum(0)[:3], 0, atol=1e-12)
assert np.allclose((dx * xhat).sum(0)[:3], 0, atol=1e-4)  # ε keeps it from being exactly 0
assert (abs(naive.sum(0)[:3]) > 0.01).all()

# %% [markdown]
# Two things follow for a layer in front of a batch norm, and both are useful.
#
# **Its bias does nothing.** It moves the mean of a column, which is subtracted again; its gradient
# is that sum of 0. So one leaves it out.
#
# **The scale of its weights does nothing.** Ten times the weights, the same output. The gradient
# then must be a tenth: take the slope of both sides of $L(10 W) = L(W)$ by $W$, and
# $10\, L'(10 W) = L'(W)$. This is a brake that holds by itself. A step that was too large makes the
# weights large, and with large weights the next gradients are small.

# %%
linear, norm = nn.Linear(784, 50), nn.BatchNorm1d(50)
goal = minitorch.randn(64, 50)


def through(scale):
    with minitorch.no_grad():
        linear.weight *= scale
    linear.zero_grad()
    y = norm(linear(x_train[:64]))
    (y * goal).mean().backward()
    return y.detach(), linear.weight.grad.norm().item(), linear.bias.grad.abs().max().item()


y_1, slope_1, bias_slope = through(1)
y_10, slope_10, _ = through(10)
print(f"weights times 10: output moved by {(y_10 - y_1).abs().max().item():.0e}, ", end="")
print(f"gradient {slope_1 / slope_10:.2f} times smaller; gradient of the bias {bias_slope:.0e}")
assert np.allclose(y_1, y_10, rtol=0, atol=1e-3)
assert abs(slope_1 / slope_10 - 10) < 0.1
assert bias_slope < 1e-6

# %% [markdown]
# ## When there is no batch
#
# In training an image is judged by the company it is in. Someone who uses the network shows it one
# image, and expects the same answer whatever else is in the batch. So the layer keeps a second pair
# of statistics, averages over the batches it has seen, and after `eval()` uses those:
#
# $$\text{running} \leftarrow (1 - m)\, \text{running} + m\, \text{batch} \qquad m = 0.1$$
#
# Here are two traps. The **momentum** $m$ is the weight of the *new* batch, in torch and minitorch.
# Other libraries call momentum, or decay, what the *old* value is multiplied with: 0.9 there is 0.1
# here. And the **variance** that is stored is the unbiased one, divided by $N - 1$, an estimate for
# all images there are; the one used in training is divided by $N$.

# %%
norm = nn.BatchNorm1d(4)
inputs = minitorch.tensor(x).float()
norm(inputs)
old_mean, old_var = np.zeros(4), np.ones(4)
assert np.allclose(norm.running_mean, 0.9 * old_mean + 0.1 * x.mean(0), atol=1e-6)
assert np.allclose(norm.running_var, 0.9 * old_var + 0.1 * x.var(0, ddof=1), atol=1e-6)
for _ in range(99):
    norm(inputs)
assert np.allclose(norm.running_mean, x.mean(0), atol=1e-3)  # 0.9 ** 100 of the start is left

norm.eval()
alone, together = norm(inputs[:1]), norm(inputs)[:1]
assert (alone == together).all()
norm.train()
assert not minitorch.allclose(norm(inputs[:2])[:1], norm(inputs)[:1], atol=0.01)
print("after eval() an example comes out the same in any company; in training it does not")

# %% [markdown]
# The running statistics are no parameters. Nobody asks how the loss depends on them, and no
# optimizer moves them. But a model that is saved without them is of no use, so they are *buffers*:
# in the `state_dict`, and not among the `parameters()`.

# %%
print(
    "parameters", [name for name, _ in norm.named_parameters()], " state", list(norm.state_dict())
)
assert [name for name, _ in norm.named_parameters()] == ["weight", "bias"]
assert {"running_mean", "running_var"} < set(norm.state_dict())
assert not norm.running_mean.requires_grad
assert norm.running_mean.grad is None

# %% [markdown]
# What if the batch is small? With a single example in training, $x - \mu$ is 0, and the output
# would be $b$ whatever came in. That is always a mistake, so it is an error. With **two** examples
# $\hat x$ is 1 for the larger and -1 for the smaller, however far they are apart: nothing but the
# order gets through. With few examples the statistics are a matter of luck (exercise 1).

# %%
try:
    norm(inputs[:1])
    raise AssertionError("a batch of one was standardized")
except ValueError as error:
    message = str(error)
print(message)
assert "more than one" in message
assert "eval()" in message
two, _ = standardize(x[:2, :3], axis=0, eps=1e-12)
assert np.allclose(abs(two), 1, atol=1e-6)

# %% [markdown]
# The common accident is the reverse: a model that is still in training mode when it is used. It
# gives an answer, no error, and the running statistics move besides. `model.predict` calls `eval()`
# for you, and goes back to what it was afterwards.

# %%
model = network(nn.BatchNorm1d)
fit(model, lr=0.1, epochs=2)
was = model[1].running_mean.clone()
scores = model.predict(x_valid[:1])
assert all(layer.training for layer in model.modules())
assert minitorch.allclose(scores, model.predict(x_valid)[:1], atol=1e-4)
assert minitorch.equal(model[1].running_mean, was)
with minitorch.no_grad():
    careless = model(x_valid[:2])[:1]  # still in training mode
assert not minitorch.allclose(careless, scores, atol=0.1)
assert not minitorch.equal(model[1].running_mean, was)

# %% [markdown]
# In a convolutional network a channel is the same kernel at all places, and is standardized as one:
# the statistics of `BatchNorm2d` go over images, rows and columns. That is the same as laying all
# places under each other as rows.

# %%
images = minitorch.randn(8, 3, 5, 5) * 4 + 1
norm = nn.BatchNorm2d(weights=init.constant(2.0), biases=init.constant(0.5))
y = norm(images).detach()
rows = images.permute(0, 2, 3, 1).reshape(-1, 3).numpy()
by_hand = (2 * standardize(rows, axis=0)[0] + 0.5).reshape(8, 5, 5, 3).transpose(0, 3, 1, 2)
assert np.allclose(y.numpy(), by_hand, rtol=0, atol=1e-5)
print(
    "BatchNorm2d: mean",
    y.mean((0, 2, 3)).numpy().round(3),
    "std",
    y.std((0, 2, 3)).numpy().round(2),
)
assert np.allclose(y.mean((0, 2, 3)), 0.5, atol=1e-5)
assert (norm.weight == 2).all()
assert (norm.bias == 0.5).all()

# %% [markdown]
# ## Layer norm: the other axis
#
# All of these troubles come from one example seeing the others. Layer norm standardizes along the
# other axis: each example by itself, over its own 50 numbers. The formulas are those above with
# another axis, and $N$ now the number of features. There are no running statistics, no difference
# between training and use, and a batch of one is as good as any. $w$ and $b$ still belong to the
# features.

# %%
xhat, r = standardize(x, axis=1)
tensors = [minitorch.tensor(a, requires_grad=True) for a in (x, w, b)]
y = F.layer_norm(tensors[0], (4,), *tensors[1:])
assert np.allclose(y.detach().numpy(), w * xhat + b, rtol=0, atol=1e-12)
y.backward(minitorch.tensor(g))
grads = standardize_grad(w * g, xhat, r, axis=1), (g * xhat).sum(0), g.sum(0)
for tensor, ours in zip(tensors, grads, strict=True):
    assert np.allclose(tensor.grad.numpy(), ours, rtol=0, atol=1e-10)
norm = nn.LayerNorm(4)
assert (norm(inputs[:1]) == norm(inputs)[:1]).all()
assert [name for name, _ in norm.named_buffers()] == []
print("layer norm: the same two functions with axis=1; no buffers, and any batch will do")

# %% [markdown]
# What it gives up: two examples that differ by a factor come out the same. And it does nothing
# about what all examples have in common. The last column of x is 7 for all of them; batch norm
# made 0 of it, layer norm keeps something large.

# %%
assert minitorch.allclose(norm(inputs * 3), norm(inputs), atol=1e-4)
print("the last column after layer norm:", xhat[:, 3].round(2))
assert (xhat[:, 3] > 0.5).all()

# %% [markdown]
# The figure shows both axes, and on the right what a batch norm keeps for later: the mean of one of
# 50 numbers, batch by batch, and the running mean that comes from its start at 0 to that of all
# images.

# %%
minitorch.manual_seed(0)
linear, norm = nn.Linear(784, 50), nn.BatchNorm1d(50)
unit, batch_means, running_means = 0, [], []
with minitorch.no_grad():
    unit = int(linear(x_train).mean(0).abs().argmax())
    all_mean = linear(x_train).mean(0)[unit].item()
    for _ in range(80):
        h = linear(x_train[minitorch.randperm(len(x_train))[:32]])
        norm(h)
        batch_means.append(h.mean(0)[unit].item())
        running_means.append(norm.running_mean[unit].item())
steps = np.arange(1, 81)
assert abs(running_means[0] - 0.1 * batch_means[0]) < 1e-6
assert abs(running_means[-1] - all_mean) < 3 * np.std(batch_means)
assert np.std(running_means[40:]) < np.std(batch_means) / 2


def statistics_figure(figure):
    from matplotlib.patches import Rectangle

    figure.suptitle("Batch norm looks down the batch, layer norm along the example")
    left, middle, right = figure.subplots(1, 3, width_ratios=[1, 1, 1.5])
    for axes, title, whole in (
        (left, "batch norm", (2 - 0.5, -0.5, 1, 6)),
        (middle, "layer norm", (-0.5, 1 - 0.5, 5, 1)),
    ):
        for i, j in np.ndindex(6, 5):
            inside = j == 2 if title == "batch norm" else i == 1
            axes.add_patch(
                Rectangle((j - 0.45, i - 0.45), 0.9, 0.9, facecolor=SKY if inside else "#E0E0E0")
            )
        axes.add_patch(Rectangle(whole[:2], *whole[2:], facecolor="none", edgecolor=BLUE, lw=2.5))
        axes.add_patch(Rectangle((1.55, 0.55), 0.9, 0.9, facecolor=YELLOW))
        axes.set(xlim=(-0.6, 4.6), ylim=(5.6, -0.6), aspect="equal", xticks=[], yticks=[])
        axes.set(xlabel="features", ylabel="examples of the batch")
        axes.set_title(f"{title}: yellow is judged\nby the blue", fontsize=11)
        axes.grid(visible=False)
        for side in axes.spines.values():
            side.set_visible(False)
    right.plot(steps, batch_means, ".", color=ORANGE, ms=5, label="mean of each batch")
    right.plot(steps, running_means, color=BLUE, label="running mean, momentum 0.1")
    right.axhline(all_mean, color=GREY, ls="--", lw=1.5, label="mean of all images")
    right.set(xlabel="step", ylabel="one number of the first layer")
    right.set_title("What is kept for later", fontsize=11)
    right.legend(fontsize=9.5, loc="best")


save_figure("18_statistics", statistics_figure, figsize=(10.5, 3.9))

# %% [markdown]
# ## What they do to the network
#
# Four networks of eight layers, six learning rates, two seeds each, five epochs: as it comes, with
# Kaiming initialisation, with batch norm, and with layer norm. Nothing else differs.

# %%
kinds = {
    "as it comes": lambda: network(),
    "Kaiming": lambda: network(weights=init.kaiming_normal()),
    "batch norm": lambda: network(nn.BatchNorm1d),
    "layer norm": lambda: network(nn.LayerNorm),
}
rates = [0.003, 0.01, 0.03, 0.1, 0.3, 1]
curves, accuracy = {}, {}
print(f"{'read right, at lr':18}" + "".join(f"{lr:8g}" for lr in rates))
for name, make in kinds.items():
    accuracy[name] = np.zeros((len(rates), 2))
    for i, lr in enumerate(rates):
        for seed in range(2):
            minitorch.manual_seed(seed)
            losses, right = fit(make(), lr)
            accuracy[name][i, seed] = right
            if seed == 0:
                curves[name, lr] = losses
    print(f"{name:18}" + "".join(f"{a:8.0%}" for a in accuracy[name].mean(1)))

best = {name: rates[int(a.mean(1).argmax())] for name, a in accuracy.items()}
assert accuracy["as it comes"].max() < 0.3
assert accuracy["batch norm"].mean(1).max() > 0.93
assert (accuracy["batch norm"][1:].mean(1) > 0.8).all()
assert (accuracy["Kaiming"].mean(1) > 0.7).tolist() == [False, True, True, False, False, False]
assert 0.7 < accuracy["layer norm"].mean(1).max() < accuracy["batch norm"].mean(1).max()
assert 0.7 < accuracy["Kaiming"].mean(1).max() < accuracy["batch norm"].mean(1).max()

# %% [markdown]
# As it comes the network learns nothing at any rate. With Kaiming's weights it starts well, but has
# to go slowly: a large step spoils the sizes, and nothing restores them. It manages 0.01 and 0.03.
# With batch norm all rates from 0.01 to 1 will do, and more digits are read right. Layer norm makes
# the layers learn as they come, about as well as Kaiming's weights do: here, in a plain stack with
# relu, it is the weaker one of the two. Its home is the transformer of lesson 23.
#
# Why normalisation helps is still argued about. What can be checked is that the scale of weights
# does not matter any more, as above, and that the differences between images, which faded to
# nothing in the beginning, go through all eight layers.

# %%
minitorch.manual_seed(0)
kept_apart = differences(network(nn.BatchNorm1d))
print("images differ, with batch norm: " + " ".join(f"{d:.2f}" for d in kept_apart))
assert min(kept_apart) > 0.5


# %%
def training_figure(figure):
    figure.suptitle("Batch norm: eight layers learn, at almost any learning rate")
    left, right = figure.subplots(1, 2)
    colours = dict(zip(kinds, (RED, ORANGE, BLUE, GREEN), strict=True))
    marks = dict(zip(kinds, "sDo^", strict=True))
    for name, colour in colours.items():
        losses = np.array(curves[name, best[name]])
        smooth = np.convolve(losses, np.ones(8) / 8, "valid")
        left.plot(
            *(np.arange(len(smooth)) + 8, smooth),
            color=colour,
            marker=marks[name],
            markevery=16,
            label=f"{name}, lr {best[name]:g}",
        )
        values = 100 * accuracy[name]
        right.plot(rates, values.mean(1), color=colour, marker=marks[name])
        right.fill_between(rates, values.min(1), values.max(1), color=colour, alpha=0.15, lw=0)
    left.axhline(math.log(10), color=GREY, ls="--", lw=1.2)
    left.set(xlabel="step (mean of 8)", ylabel="cross-entropy (nats)", ylim=(0, 2.9))
    left.set_title("Loss, each at its best rate")
    left.legend(loc="upper right", fontsize=9.5, ncols=2, columnspacing=1)
    right.set_xscale("log")
    right.set_xticks(rates, [f"{lr:g}" for lr in rates])
    right.set(xlabel="learning rate, log scale", ylabel="read right (%)", ylim=(0, 102))
    right.set_title("Held-back digits after five epochs, same colours")


save_figure("18_training", training_figure, figsize=(10, 4.2))

# %%
print(
    f"found: eight layers that do not train read {accuracy['batch norm'].mean(1).max():.0%}",
    end=" ",
)
print("of new digits with batch norm, and do well at learning rates from 0.01 to 1")

# %% [markdown]
# ## Exercises
#
# Five more check themselves: fill in the functions in `lessons/exercises/18_normalization.py`, then
# run `python -m lessons check 18`.
#
# 1. Train the network with batch norm with batches of 2, 4, 8 and 32, for the same number of steps.
#    Where does it begin to suffer? Does layer norm?
# 2. Put the norm after the relu instead of before it. What changes?
# 3. Set momentum to 1, and to 0.001, and look at the accuracy on held-back digits after one epoch.
#    Explain both.
# 4. Leave out the two last terms of `standardize_grad` in an op of your own and train with it. Does
#    the network still learn?
# 5. RMS norm only divides by the root of the mean square and subtracts no mean. Derive its
#    gradient. Which of the terms is gone?
# 6. After training, batch norm is a product and a sum with constants, and so is the linear layer
#    before it. Write a function that merges the two into one linear layer, and check it.
# 7. Multiply the weights in front of a batch norm by 10 and train on with the same learning rate.
#    Why is it slower now? Which learning rate would undo it?
