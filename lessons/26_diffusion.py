# %% [markdown]
# # From noise to a picture
#
# Whoever can take a little noise away can make something out of nothing but noise, step by step.
#
# Lesson 25 drew by lot in one go. A *diffusion model* (Ho and others, 2020, after Sohl-Dickstein
# and others, 2015) goes in many small steps, each of which is an easy question: here is something
# noisy, which noise is in it? Networks that draw photographs work like this. We take points on a
# spiral for pictures, of two numbers each, and only thirty of them: so all of it can be seen, and
# the best possible answer is known.

# %%
import math
import time

import numpy as np

import minitorch
import minitorch.nn.functional as F
from lessons.common import BLUE, GREY, ORANGE, save_figure
from minitorch import nn, optim

started = time.perf_counter()
minitorch.manual_seed(0)


# %%
def on_spiral(s):
    """The points of a spiral, for s from 0 to 1 from the inside out."""
    angle, radius = 2.5 * math.pi * s, 0.4 + 1.6 * s
    return minitorch.stack([radius * angle.cos(), radius * angle.sin()], 1)


curve = on_spiral(minitorch.linspace(0, 1, 2000))
points = on_spiral((minitorch.arange(30) + 0.5) / 30)


def nearest(x, others):
    """How far each x is from the nearest of the others."""
    return np.linalg.norm(x.numpy()[:, None] - others.numpy(), axis=-1).min(1)


gaps = np.linalg.norm(np.diff(points.numpy(), axis=0), axis=1)
print(f"{len(points)} points, {gaps.mean():.2f} from each other on average")
assert nearest(points, curve).max() < 0.01

# %% [markdown]
# ## Into the noise
#
# One step of noise shrinks what is there a little, and adds a little: with $\varepsilon$ from
# $N(0, 1)$,
#
# $$x_t = \sqrt{1 - \beta_t}\; x_{t-1} + \sqrt{\beta_t}\; \varepsilon_t$$
#
# The two roots are chosen such that numbers of variance 1 keep it. Of $x_0$ itself, after $t$
# steps, there is left the product of the roots, $\sqrt{\bar\alpha_t}$ with $\bar\alpha_t = \prod_s
# (1 - \beta_s)$, and all the noise together is again a normal one. Its variance must be what is
# missing:
#
# $$x_t = \sqrt{\bar\alpha_t}\; x_0 + \sqrt{1 - \bar\alpha_t}\; \varepsilon$$
#
# So there is no need to go step by step. Any $t$ is one jump away.

# %%
T = 50
beta = minitorch.linspace(0.001, 0.2, T)
abar = (1 - beta).cumprod(0)


def noised(x, t, eps):
    """x after the steps 0 to t, for t of shape (N,)."""
    return abar[t][:, None].sqrt() * x + (1 - abar[t])[:, None].sqrt() * eps


many = minitorch.full((50_000, 1), 1.5)
x = many
for t in range(T // 2):
    x = (1 - beta[t]).sqrt() * x + beta[t].sqrt() * minitorch.randn_like(x)
at_once = noised(many, minitorch.full((50_000,), T // 2 - 1).long(), minitorch.randn_like(many))
print(f"25 steps: mean {x.mean():.3f}, deviation {x.std():.3f}; ", end="")
print(f"at once: {at_once.mean():.3f}, {at_once.std():.3f}")
print(f"after {T} steps {abar[-1].sqrt():.3f} of the point is left")
assert abs(x.mean() - at_once.mean()) < 0.02
assert abs(x.std() - at_once.std()) < 0.02
assert abar[-1].sqrt() < 0.1

# %% [markdown]
# ## Which noise is in it?
#
# A network gets $x_t$ and $t$, and guesses $\varepsilon$. The loss is the mean square of what it is
# off by. Since many points could have come to the same place, it cannot be right always; by the
# square it is best to say the *mean* of all noises that are possible there.
#
# With thirty points that mean can be written down. If $x_t$ came from $x_i$, the noise was $(x_t -
# \sqrt{\bar\alpha}\, x_i) / \sqrt{1 - \bar\alpha}$, and how likely that was follows from the
# density of a normal distribution. So the weights of the points are a softmax:
#
# $$w_i = \operatorname{softmax}_i \left( -\frac{|x_t - \sqrt{\bar\alpha}\, x_i|^2}{2 (1 -
# \bar\alpha)} \right) \qquad \hat x_0 = \sum_i w_i x_i \qquad \hat\varepsilon = \frac{x_t -
# \sqrt{\bar\alpha}\, \hat x_0}{\sqrt{1 - \bar\alpha}}$$
#
# That is attention (lesson 23) over all that one has seen. No network can have a smaller loss on
# these points.


# %%
def best_guess(x, t):
    """The mean of the noises that could be in x at step t, (N, 2)."""
    a = abar[t]
    apart = ((x[:, None] - a.sqrt() * points) ** 2).sum(2)
    w = (-apart / (2 * (1 - a))).softmax(1)
    return (x - a.sqrt() * (w @ points)) / (1 - a).sqrt()


def loss_at(guess, t, draws=200):
    """The mean square of what a guess is off by, at step t."""
    x, eps = points.repeat(draws, 1), minitorch.randn(draws * len(points), 2)
    steps = minitorch.full((len(x),), t).long()
    return ((guess(noised(x, steps, eps), t) - eps) ** 2).mean().item()


# %% [markdown]
# ## One step back
#
# Where was $x_t$ one step before? Let $x_0$ be known. Then there are two things to go by: $x_{t-1}$
# has come from $x_0$, by one jump, and $x_t$ came from $x_{t-1}$, by one step. Both are normal, so
# the density of $x_{t-1}$ is $e^{-q/2}$ with the sum of two parabolas in the exponent. With
# $\bar\alpha'$ for $\bar\alpha_{t-1}$,
#
# $$q = \frac{(x_t - \sqrt{1 - \beta}\; x_{t-1})^2}{\beta} + \frac{(x_{t-1} - \sqrt{\bar\alpha'}\;
# x_0)^2}{1 - \bar\alpha'}$$
#
# A sum of parabolas is a parabola, so the answer is normal, too. The factor of $x_{t-1}^2$ is one
# over its variance $v$, and the lowest point is its mean:
#
# $$\frac1v = \frac{1 - \beta}{\beta} + \frac{1}{1 - \bar\alpha'} = \frac{1 - \bar\alpha}{\beta\, (1
# - \bar\alpha')} \qquad \text{mean} = v \left( \frac{\sqrt{1 - \beta}\; x_t}{\beta} +
# \frac{\sqrt{\bar\alpha'}\; x_0}{1 - \bar\alpha'} \right)$$
#
# Now put in $x_0 = (x_t - \sqrt{1 - \bar\alpha}\; \varepsilon) / \sqrt{\bar\alpha}$, and most of it
# cancels:
#
# $$\text{mean} = \frac{1}{\sqrt{1 - \beta}} \left( x_t - \frac{\beta}{\sqrt{1 - \bar\alpha}}\;
# \varepsilon \right)$$

# %%
t, x_t, eps = 20, minitorch.randn(5), minitorch.randn(5)
x_0 = (x_t - (1 - abar[t]).sqrt() * eps) / abar[t].sqrt()
v = beta[t] * (1 - abar[t - 1]) / (1 - abar[t])
mean = (1 - beta[t]).sqrt() * x_t / beta[t] + abar[t - 1].sqrt() * x_0 / (1 - abar[t - 1])
short = (x_t - beta[t] / (1 - abar[t]).sqrt() * eps) / (1 - beta[t]).sqrt()
print(f"the two forms of the mean agree; v is {v:.4f}, beta {beta[t]:.4f}")
assert minitorch.allclose(v * mean, short, atol=1e-5)
assert v < beta[t]

# %% [markdown]
# So a step back is: ask which noise is in $x_t$, take its share away, and draw from around there.
# As $x_0$ is not known, only guessed, a little more than $v$ is right, and one takes $\beta$; in
# the last step nothing. Is it right? Take one number from $N(0, 1/4)$ in the place of pictures.
# There the best guess is a straight line, $\hat\varepsilon = x_t \sqrt{1 - \bar\alpha} /
# (\bar\alpha / 4 + 1 - \bar\alpha)$. Start from pure noise, and a deviation of $1/2$ should come
# out.


# %%
def step_back(x, t, guess):
    x = (x - beta[t] / (1 - abar[t]).sqrt() * guess(x, t)) / (1 - beta[t]).sqrt()
    return x + beta[t].sqrt() * minitorch.randn_like(x) if t else x


def from_noise(guess, shape):
    """All steps from the last to the first: what is there before each, and at the end."""
    way = [minitorch.randn(shape)]
    for t in reversed(range(T)):
        way.append(step_back(way[-1], t, guess))
    return way


line = lambda x, t: x * (1 - abar[t]).sqrt() / (abar[t] / 4 + 1 - abar[t])
out = from_noise(line, (50_000, 1))[-1]
print(f"out of noise comes a deviation of {out.std():.3f}, wanted is 0.5")
assert abs(out.std() - 0.5) < 0.03

# %% [markdown]
# ## Training
#
# The network is small: the two numbers, and the step as a few sines and cosines (as transformers
# are told places, so that early and late steps look different), through three layers. Each row of a
# batch gets a step of its own.


# %%
class Denoiser(nn.Module):
    """(N, 2) and steps (N,) to the noise in them."""

    def __init__(self, width=96):
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Linear(2 + 8, width), nn.SiLU()),
            *(nn.Linear(width, width), nn.SiLU()),
            *(nn.Linear(width, width), nn.SiLU()),
            nn.Linear(width, 2),
        )

    def forward(self, x, t):
        angle = t.float()[:, None] / T * math.pi * minitorch.tensor([0.5, 1.0, 2.0, 4.0])
        return self.layers(minitorch.cat([x, angle.sin(), angle.cos()], 1))


def train(model, steps=4000, batch=256, lr=1e-2):
    optimizer = optim.AdamW(model, lr=lr)
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)
    for _ in range(steps):
        x = points[minitorch.randint(0, len(points), (batch,))]
        t, eps = minitorch.randint(0, T, (batch,)), minitorch.randn(batch, 2)
        loss = F.mse_loss(model(noised(x, t, eps), t), eps)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


model = Denoiser()
train(model)


def by_network(x, t):
    with minitorch.no_grad():
        return model(x, minitorch.full((len(x),), t).long())


asked = [0, 2, 5, 10, 20, 35, 49]
losses = {
    "the network": [loss_at(by_network, t) for t in asked],
    "the best guess": [loss_at(best_guess, t) for t in asked],
}
print("step              " + " ".join(f"{t:5}" for t in asked))
for name, row in losses.items():
    print(f"{name:18}" + " ".join(f"{value:5.2f}" for value in row))
assert all(a > b - 0.03 for a, b in zip(*losses.values()))
assert losses["the network"][0] > 3 * losses["the best guess"][0]
assert losses["the network"][3] - losses["the best guess"][3] < 0.1

# %% [markdown]
# A guess of zero would cost 1. At late steps nearly all is noise, and easily told. At step 0 there
# is little noise to be seen, and there the best guess is much better than the network: it knows the
# thirty points by heart, so it sees what does not belong to the nearest of them.
#
# ## Out of noise
#
# Now make 500 points out of noise with each, and measure three things. Are they on the spiral, that
# is, nearer to it than 0.15? Do they cover it: how far is a place on the spiral, on average, from
# the nearest of them? And are they new: how far are they from the nearest of the thirty?

# %%
ways = {
    "the network": from_noise(by_network, (500, 2)),
    "the best guess": from_noise(best_guess, (500, 2)),
}
on_it, covered, copied = {}, {}, {}
for name, way in ways.items():
    on_it[name] = (nearest(way[-1], curve) < 0.15).mean()
    covered[name] = nearest(curve, way[-1]).mean()
    copied[name] = np.median(nearest(way[-1], points))
    print(f"{name:15}{on_it[name]:4.0%} on the spiral, whose places are", end=" ")
    print(f"{covered[name]:.3f} from one; {copied[name]:.3f} from a point seen (median)")
before = (nearest(ways["the network"][0], curve) < 0.15).mean()
print(f"of the noise that they were made of, {before:.0%} was on the spiral")
assert on_it["the network"] > 0.85 > 0.4 > before
assert copied["the best guess"] < 0.01
assert copied["the network"] > 0.05
assert covered["the network"] < 0.6 * covered["the best guess"]

# %% [markdown]
# The best guess has the smaller loss, and gives back hardly anything but the thirty points. The
# network draws the line between them, which it has never seen, *because* it cannot say as sharply
# as the best guess where a point was and where none was. It is the smoothness of networks that one
# wants here, and no loss on the points to learn from can show it (lesson 20).


# %%
def draw_ways(figure):
    figure.suptitle("Noise becomes a spiral, in fifty small steps")
    at = [0, 20, 35, 43, 47, 50]
    grid = figure.subplots(2, len(at))
    many = on_spiral(minitorch.rand(500))
    t = minitorch.zeros(len(many)).long()
    for column, k in enumerate(at):
        upper, lower = grid[:, column]
        back = T - k
        x = noised(many, t + back - 1, minitorch.randn_like(many)) if back else many
        upper.scatter(*x.numpy().T, s=5, color=GREY)
        upper.set_title(f"{back} steps of noise", loc="center", fontsize=10)
        lower.scatter(*ways["the network"][k].numpy().T, s=5, color=BLUE)
        lower.set_title(f"{k} steps back", loc="center", fontsize=10)
        for axes in (upper, lower):
            axes.set_xlim(-3, 3)
            axes.set_ylim(-3, 3)
            axes.set_aspect("equal")
            axes.set_xticks([])
            axes.set_yticks([])
    grid[0, 0].set_ylabel("noise put in")
    grid[1, 0].set_ylabel("and taken out")


save_figure("26_steps", draw_ways, figsize=(10.5, 4.2))


def draw_copies(figure):
    figure.suptitle("The best guess repeats what it has seen, the network fills the gaps")
    for axes, (name, way) in zip(figure.subplots(1, 2), ways.items(), strict=True):
        axes.scatter(*way[-1].numpy().T, s=6, color=BLUE, label="500 drawn")
        seen = {"s": 60, "facecolor": "none", "edgecolor": ORANGE, "lw": 1.8, "label": "30 seen"}
        axes.scatter(*points.numpy().T, **seen)
        axes.set_title(name)
        axes.set_xlim(-2.3, 2.3)
        axes.set_ylim(-2.3, 2.3)
        axes.set_aspect("equal")
        axes.legend(loc="lower right")


save_figure("26_copies", draw_copies, figsize=(9, 4.6))

# %%
took = time.perf_counter() - started
print(
    f"found: {on_it['the network']:.0%} of what {T} steps make of noise is on the spiral,", end=" "
)
print("between the thirty points that were seen; the best guess repeats those;", end=" ")
print(f"in {took:.1f} s")

# %% [markdown]
# ## Exercises
#
# Five more check themselves: fill in the functions in `lessons/exercises/26_diffusion.py`, then run
# `python -m lessons check 26`.
#
# 1. Take two moons (`minitorch.utils.data.moons`) for the spiral, then four separate blots. What
#    becomes of a point that is half-way between two of them?
# 2. Leave out the fresh noise in every step back. Where do the points end up, and why?
# 3. How many steps are needed? Try 10, 20, 100 and 200, with $\beta$ such that $\bar\alpha$ ends
#    where it did.
# 4. Let the network guess $x_0$ instead of the noise. At which steps is its task then easy, at
#    which is it hard, and what comes out?
# 5. Train for ten times as long, with a network twice as wide. Does it begin to repeat the points?
# 6. Give every point a label, inner or outer half, as a further input. Then draw points of the
#    inner half only.
# 7. Use it on the digits of 8 by 8 pixels. (It takes more than a minute.) Compare with what lesson
#    25 draws.
