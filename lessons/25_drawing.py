# %% [markdown]
# # A network that draws
#
# A few numbers for each digit, a network that draws a digit from them, and a slope through chance.
#
# So far networks have looked at images and said what they are. The other way round there is no one
# answer: a 3 can be drawn in many ways. So the answer has to be drawn by lot, and then it is not
# clear what a gradient is. A *variational autoencoder* (Kingma and Welling, 2013) finds a way round
# that, and with it learns to draw digits that nobody has written.

# %%
import math
import time

import numpy as np

import minitorch
import minitorch.nn.functional as F
from lessons.common import BLUE, GREEN, ORANGE, PURPLE, RED, save_figure, show_image
from minitorch import gradcheck, nn, optim
from minitorch.utils.data import digits

started = time.perf_counter()
minitorch.manual_seed(0)
x_train, y_train, x_valid, y_valid = digits(size=28)
x_train, x_valid = x_train.reshape(-1, 784), x_valid.reshape(-1, 784)

# %% [markdown]
# ## There and back
#
# An *autoencoder* is two networks. The *encoder* makes a few numbers of an image, its *code* $z$,
# and the *decoder* an image of the code. Nobody says what the numbers should mean: the only demand
# is that the image comes back. Each pixel is between 0 and 1, so we take binary cross-entropy
# (lesson 10), added up over the pixels.
#
# The encoder makes twice as many numbers as the code has. What the second half is for will be seen.


# %%
def encoder(size):
    return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 2 * size))


def decoder(size):
    return nn.Sequential(nn.Linear(size, 256), nn.ReLU(), nn.Linear(256, 784))


def distance(drawn, x):
    """How unlike the images are, in nats an image: cross-entropy, summed over the pixels."""
    return F.binary_cross_entropy_with_logits(drawn, x, reduction="sum") / len(x)


exact = x_valid.clamp(1e-6, 1 - 1e-6)
lowest = distance((exact / (1 - exact)).log(), x_valid).item()
print(f"a perfect copy would still cost {lowest:.1f} nats: grey pixels are never sure")

# %% [markdown]
# ## A cloud in the place of a point
#
# Can such a decoder draw? Give it any ten numbers and see. It has been trained on the codes of real
# digits only, which may lie anywhere, like islands; between them it was never asked for anything,
# and what it draws there is anybody's guess.
#
# Two changes mend that. First, an image gets a small *cloud* of codes, not a point: the encoder
# says a mean $\mu$ and a variance $\sigma^2$ for each number, and the decoder gets a draw from
# $N(\mu, \sigma^2)$. It must then draw well all over the cloud. Second, all clouds are pulled
# towards one and the same, $N(0, 1)$, so that they lie close together and leave no holes. Then we
# know where codes are to be found: draw from $N(0, 1)$, and decode.
#
# ## A slope through chance
#
# But how do $\mu$ and $\sigma$ learn, if between them and the loss stands chance? What we want is
# the slope of the *mean* loss over all draws, $\mathbb E[f(z)]$. The trick is to draw elsewhere.
# Let $\varepsilon$ come from $N(0, 1)$, which depends on nothing, and compute
#
# $$z = \mu + \sigma \varepsilon$$
#
# Now $z$ is a function like any other; once $\varepsilon$ is drawn it is a constant, and
# $\partial z / \partial \mu = 1$, $\partial z / \partial \sigma = \varepsilon$. The mean of the
# slopes is the slope of the mean. Try it where we know the answer: for $f(z) = z^2$ the mean is
# $\mu^2 + \sigma^2$, with slopes $2\mu$ and $2\sigma$.

# %%
mu, sigma = (minitorch.tensor(v, dtype=minitorch.float64, requires_grad=True) for v in (1.5, 0.5))
eps = minitorch.randn(100_000, dtype=minitorch.float64)
z = mu + sigma * eps
(z**2).mean().backward()
print(f"slopes of the mean of z²: {mu.grad:.3f} and {sigma.grad:.3f}; exactly 3 and 1")
assert abs(mu.grad - 3) < 0.02
assert abs(sigma.grad - 1) < 0.02

# %% [markdown]
# There is another way, which does not even need a slope of $f$. By the density $p$ of $N(\mu,
# \sigma^2)$,
#
# $$\frac{d}{d\mu} \int f(z)\, p(z)\, dz = \int f(z)\, p(z)\, \frac{d \log p(z)}{d\mu}\, dz =
# \mathbb E \left[ f(z)\, \frac{z - \mu}{\sigma^2} \right]$$
#
# It has the same mean, and is what one uses where $f$ cannot be differentiated (in reinforcement
# learning, say). But look at how single draws scatter around it.

# %%
with minitorch.no_grad():
    by_path, by_score = 2 * z, z**2 * (z - mu) / sigma**2
for name, each in (("through z", by_path), ("by the density", by_score)):
    print(f"{name:15} mean {each.mean():.2f}, deviation of one draw {each.std():.2f}")
assert abs(by_score.mean() - 3) < 0.1
assert by_score.std() > 5 * by_path.std()

# %% [markdown]
# The first is as sure of its mean with one draw as the second with $(7.45 / 1)^2 \approx 55$. So
# one draw for each image and step will do.
#
# ## What a cloud costs
#
# How far is $N(\mu, \sigma^2)$ from $N(0, 1)$? The measure that fits cross-entropy is the
# *Kullback-Leibler divergence*, the mean of $\log q(z) - \log p(z)$ over draws from $q$: how many
# nats one is worse off for believing in $p$ when it is $q$. With the logarithms of the two
# densities,
#
# $$\log q - \log p = -\log \sigma - \frac{(z - \mu)^2}{2 \sigma^2} + \frac{z^2}{2}$$
#
# The mean of $(z - \mu)^2$ is $\sigma^2$, that of $z^2$ is $\mu^2 + \sigma^2$, and so
#
# $$\mathrm{KL} = \tfrac12 \left( \mu^2 + \sigma^2 - 1 - \log \sigma^2 \right)$$
#
# Let the encoder's second half be $\ell = \log \sigma^2$, which may be any number. The slopes are
# $\mu$ and $\frac12 (e^\ell - 1)$: a cloud is pulled to the middle, and to the width 1.


# %%
def kl(mu, logvar):
    """How far the clouds are from N(0, 1), in nats: (N, size) to (N,)."""
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)


def drawn_from(mu, logvar):
    return mu + (0.5 * logvar).exp() * minitorch.randn(mu.shape, dtype=mu.dtype)


mu = minitorch.tensor([[1.5, -0.3]], dtype=minitorch.float64, requires_grad=True)
logvar = minitorch.tensor([[-1.0, 0.4]], dtype=minitorch.float64, requires_grad=True)
with minitorch.no_grad():
    z = drawn_from(mu.expand(100_000, 2), logvar.expand(100_000, 2))
    log_ratio = (-0.5 * logvar - (z - mu) ** 2 / (2 * logvar.exp()) + z**2 / 2).sum(1)
kl(mu, logvar).sum().backward()
print(f"KL {kl(mu, logvar).item():.4f}; mean of 100,000 draws {log_ratio.mean():.4f}")
assert abs(log_ratio.mean() - kl(mu, logvar).item()) < 0.02
assert minitorch.allclose(mu.grad, mu.detach())
assert minitorch.allclose(logvar.grad, 0.5 * (logvar.detach().exp() - 1))
assert gradcheck(kl, (mu, logvar))
assert kl(minitorch.zeros(1, 3), minitorch.zeros(1, 3)) == 0

# %% [markdown]
# ## Why the sum of the two?
#
# The loss is the mean distance of what is drawn plus the KL. It looks like a compromise, and is
# more than that. The decoder is a theory of how images come about: draw $z$ from $N(0, 1)$, then
# the pixels by what it says. How likely does the theory make an image $x$? $p(x) = \int p(z)\, p(x
# | z)\, dz$, an integral over all codes, which nobody can compute. But for *any* cloud $q$
#
# $$\log p(x) = \mathbb E_q \left[ \log p(x | z) \right] - \mathrm{KL}(q \,\|\, p(z)) +
# \mathrm{KL}(q \,\|\, p(z | x))$$
#
# (write $p(x) = p(z)\, p(x|z) / p(z|x)$, take the logarithm, add and subtract $\log q$, and the
# mean over $q$). The last term is never negative. So the first two are a bound from below: pushing
# them up makes the images more likely, and the cloud of $x$ more like the codes $p(z|x)$ that could
# have made it. A theory in which all can be computed shows it: $z$ from $N(0, 1)$ and $x = z$ plus
# noise from $N(0, 1)$. Then $x$ has variance 2, and the codes for $x$ are $N(x/2, 1/2)$.


# %%
def bound(x, mu, logvar, z):
    """E log p(x|z) - KL for x = z + noise, the mean over draws z."""
    log_p = -0.5 * math.log(2 * math.pi) - 0.5 * (x - z) ** 2
    return log_p.mean() - kl(mu, logvar).sum()


seen = 1.7
log_px = -0.5 * math.log(2 * math.pi * 2) - seen**2 / 4
mu = minitorch.zeros(1, 1, dtype=minitorch.float64, requires_grad=True)
logvar = minitorch.zeros(1, 1, dtype=minitorch.float64, requires_grad=True)
optimizer = optim.SGD([mu, logvar], lr=0.05)
for step in range(401):
    value = bound(seen, mu, logvar, drawn_from(mu.expand(500, 1), logvar.expand(500, 1)))
    if step % 100 == 0:
        print(f"step {step:3}: bound {value:.3f}, log p(x) {log_px:.3f}", end="; ")
        print(f"cloud N({mu.item():.3f}, {logvar.exp().item():.3f})")
    optimizer.zero_grad()
    (-value).backward()
    optimizer.step()
assert abs(mu.item() - seen / 2) < 0.05
assert abs(logvar.exp().item() - 0.5) < 0.05
assert abs(value - log_px) < 0.1

# %% [markdown]
# By draws alone the cloud has found the codes that could have made $x$, and the bound is tight.
#
# ## Training
#
# Both networks at once, with ten numbers for a code. `clouds=False` trains the autoencoder of the
# beginning, for comparison: the mean for a code, and no KL.


# %%
def train(size, epochs, clouds=True, batch=64, lr=3e-3):
    """An encoder and a decoder that have learned together."""
    encode, decode = encoder(size), decoder(size)
    optimizer = optim.Adam([*encode.parameters(), *decode.parameters()], lr=lr)
    steps = epochs * (len(x_train) // batch)
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)
    for _ in range(epochs):
        for rows in minitorch.randperm(len(x_train))[: len(x_train) // batch * batch].split(batch):
            x = x_train[rows]
            mu, logvar = encode(x).chunk(2, 1)
            z = drawn_from(mu, logvar) if clouds else mu
            loss = distance(decode(z), x) + (kl(mu, logvar).mean() if clouds else 0)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return encode, decode


nets = {"points": train(10, 40, clouds=False), "clouds": train(10, 40)}
codes, excess = {}, {}
for name, (encode, decode) in nets.items():
    codes[name], logvar = encode.predict(x_valid).chunk(2, 1)
    excess[name] = distance(decode.predict(codes[name]), x_valid).item() - lowest
    print(f"{name}: a new digit comes back at {excess[name]:.1f} nats more than the least")
nats = kl(codes["clouds"], logvar).mean().item()
print(f"a code of the clouds is worth {nats:.1f} nats, {nats / math.log(2):.0f} bits")
spread = (codes["clouds"].var(0) + logvar.exp().mean(0)).sqrt()  # of all clouds together
print(f"all clouds together have deviations of {spread.min():.2f} to {spread.max():.2f}")
assert 0.8 < spread.min() < spread.max() < 1.3
assert 5 < nats < 15
assert excess["points"] < excess["clouds"] < 20

# %% [markdown]
# The points copy a little better, for nothing else was asked of them. Now let both draw. The clouds
# were told to lie where $N(0, 1)$ does, so we draw from that. Where the points lie nobody has said;
# we must look, now that they are there. We look in two ways: at each of the ten numbers by itself,
# at its mean and its deviation; or also at their covariance $C$, which says which numbers are large
# together. (`cholesky` finds a matrix $L$ with $L L^\top = C$; then $L \varepsilon$ has that
# covariance.) How good is a drawing? We measure how far it is from the nearest digit of the
# training set. A real digit that is new has some distance, too.


# %%
def to_nearest(images):
    """The mean distance to the most similar image to learn from, as pixels."""
    a, b = images.numpy(), x_train.numpy()
    squares = (a * a).sum(1)[:, None] - 2 * a @ b.T + (b * b).sum(1)
    return float(np.sqrt(np.maximum(squares.min(1), 0)).mean())


noise = minitorch.randn(500, 10)
points = codes["points"]
middle, L = points.mean(0), minitorch.linalg.cholesky(minitorch.cov(points.T))
drawings = {
    "points, one by one": nets["points"][1].predict(middle + noise * points.std(0)).sigmoid(),
    "points, together": nets["points"][1].predict(middle + noise @ L.T).sigmoid(),
    "clouds": nets["clouds"][1].predict(noise).sigmoid(),
}
far = {name: to_nearest(images) for name, images in drawings.items()}
far["new digits"] = to_nearest(x_valid)
for name, value in far.items():
    print(f"{name:18} {value:.2f} from the nearest digit to learn from")
assert far["new digits"] < far["clouds"] < far["points, one by one"] - 0.3
assert abs(far["clouds"] - far["points, together"]) < 0.2


def draw_drawings(figure):
    figure.suptitle("Drawn by lot: one has to know where the codes lie, and of clouds it is known")
    parts = {
        "points, one by one": "points, each number by itself",
        "points, together": "points, with their covariance",
        "clouds": "clouds, from N(0, 1)",
    }
    for part, (name, title) in zip(figure.subfigures(1, 3, wspace=0.06), parts.items()):
        part.suptitle(title, fontsize=12)
        for axes, image in zip(part.subplots(4, 6).flat, drawings[name]):
            show_image(axes, image.numpy().reshape(28, 28))


save_figure("25_drawings", draw_drawings, figsize=(10.5, 3.2))

# %% [markdown]
# Whoever looks at each number by itself often lands where no digit is. Whoever looks at all of them
# together draws from points as well as from clouds: with ten numbers and these digits the islands
# are close to each other anyway. What the clouds save is the looking. Their codes lie where we said
# they should, before there was a network.
#
# ## Between two digits
#
# Half-way from the code of a 3 to the code of a 6 is something like a digit, with points as with
# clouds. Half-way between their pixels is a 3 and a 6 on top of each other.

# %%
a, b = minitorch.randint(0, len(x_valid), (2, 300))
a, b = a[y_valid[a] != y_valid[b]], b[y_valid[a] != y_valid[b]]
halfway = {
    name: decode.predict((codes[name][a] + codes[name][b]) / 2).sigmoid()
    for name, (_, decode) in nets.items()
}
halfway["pixels"] = (x_valid[a] + x_valid[b]) / 2
off = {name: to_nearest(images) for name, images in halfway.items()}
for name, value in off.items():
    print(f"half-way, {name:7}{value:.2f} from the nearest digit")
assert max(off["points"], off["clouds"]) < off["pixels"] - 0.25

# %% [markdown]
# ## A map of digits
#
# With two numbers for a code there is a map to look at. The left picture shows where the encoder
# puts new digits: it was never told what they are, and yet most lie beside their own kind. The
# right one is what the decoder draws at each place.

# %%
encode, decode = train(2, 80)
places, _ = encode.predict(x_valid).chunk(2, 1)
gaps = ((places[:, None] - places) ** 2).sum(2) + 1e9 * minitorch.eye(len(places))
same = (y_valid[gaps.argmin(1)] == y_valid).float().mean().item()
print(f"{same:.0%} of the new digits have one of their own kind for a neighbour on the map")
assert same > 0.5

steps = np.linspace(-3, 3, 15)
COLOURS = [BLUE, ORANGE, GREEN, RED, PURPLE]


def draw_map(figure):
    figure.suptitle("Two numbers for a digit: where new digits are put, and what is drawn there")
    left, right = figure.subplots(1, 2)
    for (p, q), digit in zip(places.tolist(), y_valid.tolist()):
        style = {"ha": "center", "va": "center", "fontsize": 9, "clip_on": True}
        left.text(p, q, str(digit), color=COLOURS[digit % 5], **style)
    grid = minitorch.tensor([[p, q] for q in steps[::-1] for p in steps]).float()
    images = decode.predict(grid).sigmoid().numpy().reshape(15, 15, 28, 28)
    sheet = images.transpose(0, 2, 1, 3).reshape(15 * 28, 15 * 28)
    right.imshow(sheet, vmin=0, vmax=1, extent=(-3.2, 3.2, -3.2, 3.2))
    for axes, title in ((left, "the encoder"), (right, "the decoder")):
        axes.set_title(title)
        axes.set_xlim(-3.2, 3.2)
        axes.set_ylim(-3.2, 3.2)
        axes.set_aspect("equal")
        axes.set_xlabel("first number")
        axes.grid(visible=False)
    left.set_ylabel("second number")


save_figure("25_map", draw_map, figsize=(10, 5))

# %%
took = time.perf_counter() - started
print(f"found: drawings are {far['clouds']:.1f} from the nearest digit with clouds, with", end=" ")
print(f"points {far['points, one by one']:.1f}, or {far['points, together']:.1f} where we", end=" ")
print(f"looked well, new digits {far['new digits']:.1f}; in {took:.1f} s")

# %% [markdown]
# ## Exercises
#
# Five more check themselves: fill in the functions in `lessons/exercises/25_drawing.py`, then run
# `python -m lessons check 25`.
#
# 1. Weigh the KL by 0, 0.1, 1 and 10. What becomes of the copies, what of the drawings, and which
#    of the ten numbers are still used? (Where a number's KL is 0, its cloud is $N(0, 1)$ for every
#    image, and says nothing.)
# 2. Draw from $N(0, 1)$ and add noise of deviation 3 to one number at a time. What does each of the
#    ten numbers mean?
# 3. How many nats per image does the bound come to on new digits? Compare codes of 1, 2, 5, 10 and
#    20 numbers.
# 4. Take the code of a digit and add the difference of the mean codes of 8 and 3. Does a 3 become
#    an 8? Does a 5?
# 5. Give the encoder and the decoder the label as well, ten more inputs of one-hot numbers. Then
#    draw a 7 on demand.
# 6. Why does the network draw somewhat blurred digits? Think of what cross-entropy makes of a pixel
#    that is black in half of the digits that a code could mean.
# 7. Train $\mu$ of the small theory with the other estimate of the slope, by the density. How many
#    draws a step does it need to do as well?
