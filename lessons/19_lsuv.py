# %% [markdown]
# # Let the data say how large the weights must be
#
# Ten layers that do not train, until each is scaled by what it puts out on one batch.
#
# Kaiming's formula (lessons 3 and 9) assumes that inputs are independent, that they have mean
# square 1, and that the activation is one whose gain we know. LSUV, layer-sequential unit variance,
# assumes nothing. It runs a batch, measures what a layer puts out, and divides the weights by its
# deviation. (D. Mishkin and J. Matas, "All you need is a good init", 2015.)

# %%
import math

import numpy as np

import minitorch
import minitorch.nn.functional as F
from lessons.common import BLUE, GREEN, GREY, RED, load_images, save_figure
from minitorch import nn, optim
from minitorch.nn import init

seed = 0
depth, width, batch = 10, 50, 64

x_train, y_train, x_valid, y_valid = load_images()
x_train, y_train = x_train[:1408], y_train[:1408]  # 22 batches of 64
mean, std = x_train.mean(), x_train.std()
x_train = ((x_train - mean).double() / std).reshape(len(x_train), -1)
x_valid = ((x_valid - mean).double() / std).reshape(len(x_valid), -1)
sample = x_train[:256]

# %% [markdown]
# ## Ten layers
#
# Nine hidden layers of 50 with relu, and the scores. The relu is an argument of the layers here, so
# that a layer knows its output before and after it. We use float64, as in lesson 17, so that a run
# is the same everywhere.


# %%
def network(activation="relu", **weights):
    minitorch.manual_seed(seed)
    hidden = [nn.Linear(width, activation=activation, **weights) for _ in range(depth - 1)]
    return nn.Sequential(*hidden, nn.Linear(10, **weights)).build((784,)).double()


def fit(model, lr=0.01, epochs=10):
    """The losses of all steps, and the share of held-back images that are read right."""
    minitorch.manual_seed(seed)
    optimizer, losses = optim.SGD(model, lr=lr), []
    for _ in range(epochs):
        for rows in minitorch.randperm(len(x_train)).reshape(-1, batch):
            loss = F.cross_entropy(model(x_train[rows]), y_train[rows])
            losses.append(loss.item())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    right = model.predict(x_valid).argmax(1) == y_valid
    return losses, right.float().mean().item()


model = network()
plain_losses, plain_accuracy = fit(model)
last = np.mean(plain_losses[-22:])
print(f"as layers come: loss {plain_losses[0]:.3f} at first, {last:.3f} in the end; ", end="")
print(f"guessing costs {math.log(10):.3f}; {plain_accuracy:.0%} of new digits read right")
assert abs(last - math.log(10)) < 0.02
assert plain_accuracy < 0.25

# %% [markdown]
# It learns nothing. Lesson 17 says where to look: at the deviation of what each layer puts out,
# before its relu, over the batch and all its numbers; and at the part of it that is between images.
# We get at that output by computing the sum of a layer without its relu.


# %%
def put_out(layer, x):
    """What a layer puts out before its activation."""
    return F.linear(x, layer.weight, layer.bias)


def deviations(model, x):
    """The deviation of each layer's output, before its activation."""
    found = []
    with minitorch.no_grad():
        for layer in model:
            found.append(put_out(layer, x).std(correction=0).item())
            x = layer(x)
    return found


before = deviations(network(), sample)
with minitorch.no_grad():
    layers, h, apart = network(), sample, []
    for layer in layers:
        apart.append(put_out(layer, h).std(0).mean().item())
        h = layer(h)
print("deviations, layer by layer: " + " ".join(f"{d:.3f}" for d in before))
print("between images alone:       " + " ".join(f"{d:.3f}" for d in apart))
assert before[-2] < before[0] / 4
assert apart[-1] < before[0] / 1000

# %% [markdown]
# What is left after ten layers is the same for all images: it is what the biases have added. The
# gradients that come back through these weights can hardly tell images apart.
#
# ## LSUV by hand
#
# Take one layer, $y = xW^\top + b$, with mean $\mu$ and deviation $\sigma$ over the batch and all
# its numbers together. We want mean 0 and deviation 1, so
#
# $$\frac{y - \mu}{\sigma} = x\,\frac{W^\top}{\sigma} + \frac{b - \mu}{\sigma}$$
#
# Dividing the weights by $\sigma$, and shifting and dividing the bias, makes exactly that. One
# round is enough for a single layer that is a plain sum. A second measures again, and catches
# rounding, or a layer that is more than that.
#
# The order matters. A layer's $\sigma$ depends on what comes in, hence on all layers before it. So
# we begin at the front, and go on only when a layer is settled: that is the *sequential* in the
# name.


# %%
def lsuv_by_hand(model, x, tol=1e-3, max_rounds=20):
    """Settles one layer after another; returns how often each was measured."""
    rounds = []
    with minitorch.no_grad():
        for layer in model:
            count = 1
            for _ in range(max_rounds):
                y = put_out(layer, x)
                mu, sigma = y.mean().item(), y.std(correction=0).item()
                if abs(mu) < tol and abs(sigma - 1) < tol:
                    break
                layer.weight /= sigma
                layer.bias -= mu
                layer.bias /= sigma
                count += 1
            rounds.append(count)
            x = layer(x)
    return rounds


by_hand = network()
rounds = lsuv_by_hand(by_hand, sample)
after = deviations(by_hand, sample)
print("after LSUV: " + " ".join(f"{d:.3f}" for d in after) + f"; rounds {rounds}")
assert np.allclose(after, 1, atol=1e-3)
assert max(rounds) <= 3

# %% [markdown]
# What if we measured all layers in one forward, and scaled them all at once? Each $\sigma$ would be
# right for inputs that no longer come. From the second layer on, what comes in has grown, and the
# corrections pile up.

# %%
at_once = network()
with minitorch.no_grad():
    for layer, sigma in zip(at_once, deviations(at_once, sample), strict=True):
        layer.weight /= sigma
        layer.bias /= sigma
piled_up = deviations(at_once, sample)
print("all at once: " + " ".join(f"{d:.3g}" for d in piled_up))
assert abs(piled_up[0] - 1) < 1e-3
assert piled_up[-1] > 100

# %% [markdown]
# minitorch has it as `nn.init.lsuv_`, in which hooks find the layers and their order, in any
# network. It comes to the same weights.

# %%
model = network()
settled = init.lsuv_(model, sample)
for p, q in zip(model.parameters(), by_hand.parameters(), strict=True):
    assert np.allclose(p.detach(), q.detach(), rtol=1e-3, atol=1e-4)
assert [layer.path for layer in settled] == [str(i) for i in range(depth)]
print(
    f"lsuv_ settled {len(settled)} layers, the last with std {settled[-1].std:.4f}; weights agree"
)

# %% [markdown]
# ## Does it train?
#
# Same network, same steps, same batches; only the first weights differ. Beside it we put Kaiming's.

# %%
lsuv_losses, lsuv_accuracy = fit(model)
kaiming = network(weights=init.kaiming_normal(), biases=init.zeros())
kaiming_before = deviations(kaiming, sample)
kaiming_losses, kaiming_accuracy = fit(kaiming)
for name, losses, accuracy in (
    ("as they come", plain_losses, plain_accuracy),
    ("Kaiming", kaiming_losses, kaiming_accuracy),
    ("LSUV", lsuv_losses, lsuv_accuracy),
):
    print(f"{name:13} loss {losses[0]:.2f} -> {np.mean(losses[-22:]):.2f}   {accuracy:.0%} right")
assert lsuv_accuracy > 0.7
assert kaiming_accuracy > 0.7
assert lsuv_accuracy > plain_accuracy + 0.5
assert min(lsuv_losses[0], kaiming_losses[0]) > math.log(10) + 0.1
assert 0.7 < kaiming_before[-1] < 2

# %% [markdown]
# For relu, Kaiming's formula does as well; it was made for it. Both start above the loss of
# guessing, since their scores, too, have a deviation of 1 or so: the network has opinions before it
# has seen anything. One may scale the last layer down afterwards (exercise 3).


# %%
def curves(figure):
    figure.suptitle(
        f"Ten layers: {plain_accuracy:.0%} right as they come, {lsuv_accuracy:.0%} after LSUV"
    )
    left, right = figure.subplots(1, 2)
    at = np.arange(1, depth + 1)
    left.plot(at, before, "o--", color=GREY, label="as layers come")
    left.plot(at, apart, "^:", color=GREY, label="as they come, between images")
    left.plot(at, kaiming_before, "s-.", color=GREEN, label="Kaiming")
    left.plot(at, after, "D-", color=BLUE, label="LSUV")
    left.set_yscale("log")
    left.set_xticks(at)
    left.set_xlabel("layer")
    left.set_ylabel("standard deviation of its output")
    left.set_title("Without it, images fade layer by layer ...")
    left.legend(fontsize=10)
    runs = {
        "as layers come": (plain_losses, "--", GREY),
        "Kaiming": (kaiming_losses, "-.", GREEN),
        "LSUV": (lsuv_losses, "-", BLUE),
    }
    for name, (losses, dashes, colour) in runs.items():
        smooth = np.convolve(losses, np.ones(11) / 11, mode="valid")
        epochs = (np.arange(len(smooth)) + 5) / 22
        right.plot(epochs, smooth, dashes, color=colour, label=name)
    right.axhline(math.log(10), color=RED, lw=1, ls=":")
    style = {"ha": "right", "va": "bottom", "fontsize": 11, "color": RED}
    right.text(10, math.log(10) + 0.02, "guessing", **style)
    right.set_ylim(0)
    right.set_xlabel("epoch")
    right.set_ylabel("cross-entropy (nats)")
    right.set_title("... and nothing can be learned")
    right.legend(loc="center right")


save_figure("19_training", curves, figsize=(9.5, 4.2))

# %% [markdown]
# ## Where there is no formula
#
# Say somebody has invented an activation, $f(x) = \tanh^3 x$, which ignores small numbers. No table
# has its gain. With Kaiming's weights for relu its signal fades, and the smaller it is the faster.
# LSUV does not ask. The gain could be measured as well, $1/\sqrt{E[f(z)^2]}$ for $z$ from the
# normal distribution, as in lesson 9. LSUV is that measurement, on the real inputs in place of
# normal ones, in every layer.


# %%
def cubed(x):
    return x.tanh() ** 3


as_relu = network(cubed, weights=init.kaiming_normal(), biases=init.zeros())
faded = deviations(as_relu, sample)
by_lsuv = network(cubed)
init.lsuv_(by_lsuv, sample)
kept_up = deviations(by_lsuv, sample)
print("Kaiming for relu: " + " ".join(f"{d:.2g}" for d in faded))
print("LSUV:             " + " ".join(f"{d:.2g}" for d in kept_up))
gain = init.measured_gain(cubed, generator=minitorch.Generator().manual_seed(0))
print(f"measured gain of tanh³ {gain:.2f}, of relu {math.sqrt(2):.2f}")
z = np.linspace(-8, 8, 2001)
density = np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
assert abs(gain - 1 / math.sqrt((np.tanh(z) ** 6 * density).sum() * (z[1] - z[0]))) < 0.02
assert faded[-1] < 1e-6
assert np.allclose(kept_up, 1, atol=1e-3)

# %% [markdown]
# ## What it cannot do
#
# A layer whose units are all dead, because its bias lies far below zero, is brought back to life:
# the mean is subtracted before anything is divided. But no scale repairs a layer that puts out the
# same for every image, such as one whose weights are 0. There the division would blow up rounding
# errors. `lsuv_` notices, names the layer, and leaves all weights as they were.

# %%
model = network()
with minitorch.no_grad():
    model[3].bias.fill_(-100.0)
    assert (model[:4](sample) == 0).all()
init.lsuv_(model, sample)
assert np.allclose(deviations(model, sample), 1, atol=1e-3)

model = network()
with minitorch.no_grad():
    model[4].weight.fill_(0.0)
first = model[0].weight.detach().clone()
try:
    init.lsuv_(model, sample)
    raise AssertionError("a dead layer was settled")
except RuntimeError as error:
    message = str(error)
print(message)
assert "'4'" in message
assert np.array_equal(first, model[0].weight.detach())

# %% [markdown]
# And it looks at one batch, once. What happens in training is not its business, which is where
# normalisation (lesson 18) differs: that is LSUV in every step, as a part of the network.
#
# Does the batch matter? A little. We settle on one batch, and measure on images outside of it.

# %%
other = x_train[256:]
errors = {}
for n in (8, 32, 128, 256):
    settled_on = network()
    init.lsuv_(settled_on, x_train[:n])
    errors[n] = max(abs(d - 1) for d in deviations(settled_on, other))
print("images in the batch, and how far the worst layer is from 1 on others: ", end="")
print(", ".join(f"{n}: {e:.2f}" for n, e in errors.items()))
assert errors[256] < 0.25
assert errors[256] < errors[8]

# %%
print(
    f"found: {plain_accuracy:.0%} read right by ten layers as they come, {lsuv_accuracy:.0%}",
    end="",
)
print(f" after LSUV, {kaiming_accuracy:.0%} after Kaiming")

# %% [markdown]
# ## Exercises
#
# Three more check themselves: fill in the functions in `lessons/exercises/19_lsuv.py`, then run
# `python -m lessons check 19`.
#
# 1. Settle the layers from the last to the first. What are the deviations then, and why?
# 2. Make each layer's output after its relu have mean square 1, in place of deviation 1 before it.
#    Which formula for relu do you get back, on independent inputs?
# 3. Divide the last layer's weights by ten after LSUV. What is the first loss, and does it help?
# 4. Replace relu by tanh, and start the plain network with steps of 0.02, 0.1 and 0.5. Which of the
#    three initialisations lets the longest steps train?
# 5. Mishkin and Matas start from orthogonal matrices (`init.orthogonal()`). Compare the deviations
#    on new images, and the losses, with those that start from normal numbers.
# 6. Add `nn.BatchNorm1d` before each relu. Does LSUV still change the outputs? And the gradients?
# 7. Fifty layers in place of ten: with which of the three does training begin at all?
