# %% [markdown]
# # Optimizers, derived and raced
#
# The gradient says which way is down. How to step is another question, with five answers here.
#
# So far a step was `p -= lr * p.grad`. It has two weaknesses: it forgets at once what the last
# gradient said, and it uses one step size for all parameters, however different their gradients
# are. Momentum mends the first, RMSprop the second, Adam both. Each is three lines of code with a
# reason behind every one. We write them, hold them against `minitorch.optim`, and let them race,
# which is easily done unfairly.

# %%
import math
import time

import numpy as np

import minitorch
import minitorch.nn.functional as F
from lessons.common import BLACK, BLUE, GREEN, ORANGE, PURPLE, RED, save_figure
from minitorch import nn, optim
from minitorch.utils.data import digits

started = time.perf_counter()
minitorch.manual_seed(0)

# %% [markdown]
# ## The form of a rule
#
# A rule gets the parameters $w$, an array, their gradient $g$, and a dictionary for whatever it
# wants to remember. It changes $w$ in place. To see whether ours does what minitorch's does, we
# give both the same random gradients for some steps and compare.


# %%
def sgd(w, g, state, lr):
    w -= lr * g


def agree(rule, optimizer, steps=10, lr=0.1, **options):
    """Asserts that a rule of ours makes the steps of a minitorch optimizer."""
    w = minitorch.randn(4, 3, dtype=minitorch.float64).numpy()
    p = minitorch.tensor(w).requires_grad_()
    theirs, state = optimizer([p], lr), {}
    for step in range(steps):
        g = minitorch.randn(4, 3, dtype=minitorch.float64).numpy() * 10 ** (step % 3)
        p.grad = minitorch.tensor(g)
        theirs.step()
        rule(w, g, state, lr, **options)
        assert np.allclose(w, p.detach(), rtol=1e-10, atol=1e-12), (rule.__name__, step)
    print(f"{rule.__name__:18} agrees for {steps:4} steps", options or "")


agree(sgd, optim.SGD)

# %% [markdown]
# ## How far can a step go?
#
# Near a minimum, where the first derivative is 0, the second is what is left: every smooth loss is
# a bowl. Along its axes a bowl is $\frac\lambda2 w^2$, with a second derivative $\lambda$, the
# *curvature*, for each. The gradient is $\lambda w$, so a step makes
#
# $$w \leftarrow w - \text{lr}\,\lambda w = (1 - \text{lr}\,\lambda)\, w$$
#
# Every step multiplies by $1 - \text{lr}\,\lambda$. If that lies between $-1$ and 1, $w$ shrinks,
# so lr must stay below $2 / \lambda$ *for the largest* $\lambda$. But with that lr the axis with
# the smallest $\lambda$ hardly moves. What counts is their ratio $\kappa = \lambda_{max} /
# \lambda_{min}$, the *condition number*. The best lr makes both ends equally slow, $1 -
# \text{lr}\,\lambda_{min} = \text{lr}\,\lambda_{max} - 1$, hence $\text{lr} = 2 / (\lambda_{max} +
# \lambda_{min})$. Put in, the factor of a step is
#
# $$1 - \frac{2\,\lambda_{min}}{\lambda_{max} + \lambda_{min}} = \frac{\kappa - 1}{\kappa + 1}$$

# %%
curvature = np.array([1.0, 100.0])
kappa = curvature.max() / curvature.min()


def descend(rule, lr, steps, start=(1.0, 1.0), **options):
    """The points that a rule visits in the bowl: (steps + 1, 2)."""
    w, state, visited = np.array(start), {}, [np.array(start)]
    for _ in range(steps):
        rule(w, curvature * w, state, lr, **options)
        visited.append(w.copy())
    return np.stack(visited)


def shrink(points):
    """The factor of a step, on average over the last 100."""
    length = np.linalg.norm(points, axis=1)
    return (length[-1] / length[-101]) ** (1 / 100)


for lr in (0.019, 2 / 101, 0.0201):
    print(f"lr {lr:.4f}: a step is a factor of {shrink(descend(sgd, lr, 300)):.4f}")
assert shrink(descend(sgd, 0.0199, 300)) < 1 < shrink(descend(sgd, 0.0201, 300))
assert abs(shrink(descend(sgd, 2 / 101, 300)) - (kappa - 1) / (kappa + 1)) < 1e-6

# %% [markdown]
# 0.98: for one more digit of precision, about 115 steps.
#
# ## Momentum
#
# Let the steps remember. $b$ collects gradients, and forgets a part of what it has:
#
# $$b \leftarrow \mu b + g \qquad w \leftarrow w - \text{lr}\; b$$
#
# Two cases show what that does. If $g$ is always the same, $b$ becomes $g + \mu g + \mu^2 g +
# \dots = g / (1 - \mu)$, with $\mu = 0.9$ ten times as much. If $g$ changes its sign at every step,
# as across a narrow valley, $b$ becomes $g - \mu g + \mu^2 g - \dots = g / (1 + \mu)$, about half.
# Faster along the valley, calmer across it.


# %%
def momentum(w, g, state, lr, mu=0.9):
    b = state["b"] = mu * state.get("b", 0) + g
    w -= lr * b


agree(momentum, lambda p, lr: optim.SGD(p, lr, momentum=0.9))
for name, signs in (("always the same", 1), ("changing sign", -1)):
    w, state = np.zeros(1), {}
    for step in range(200):
        momentum(w, np.array([1.0 * signs**step]), state, lr=0.1)
    print(f"gradient {name}: b is {abs(state['b'][0]):.3f} times as long")
    assert abs(abs(state["b"][0]) - 1 / (1 - signs * 0.9)) < 1e-6

# %% [markdown]
# In the bowl it pays. How much? The step before went from $w_{t-1}$ to $w_t$, so
# $\text{lr}\, b = w_{t-1} - w_t$. Put that into the rule, with $g = \lambda w_t$:
#
# $$w_{t+1} = w_t - \mu\,(w_{t-1} - w_t) - \text{lr}\,\lambda w_t
# = (1 + \mu - \text{lr}\,\lambda)\, w_t - \mu\, w_{t-1}$$
#
# Try $w_t = r^t$: that is a quadratic equation, $r^2 - (1 + \mu - \text{lr}\,\lambda)\, r + \mu =
# 0$. The product of its two solutions is $\mu$. As long as they are complex, they are mirror images
# of each other and equally large, so each is $\sqrt\mu$ in size, *whatever* $\lambda$ is, and no
# axis is slower than another. They are complex while what stands under the root, $(1 + \mu -
# \text{lr}\,\lambda)^2 - 4 \mu$, is negative, that is, for $\sqrt{\text{lr}\,\lambda}$ between $1 -
# \sqrt\mu$ and $1 + \sqrt\mu$. The smallest $\mu$ that will do has both ends at the border:
#
# $$\sqrt{\text{lr}\,\lambda_{min}} = 1 - \sqrt\mu \qquad
# \sqrt{\text{lr}\,\lambda_{max}} = 1 + \sqrt\mu$$
#
# Their sum gives $\text{lr} = \bigl(2 / (\sqrt{\lambda_{max}} + \sqrt{\lambda_{min}})\bigr)^2$,
# their ratio, $\sqrt\kappa$, gives $\sqrt\mu = (\sqrt\kappa - 1) / (\sqrt\kappa + 1)$. The factor
# of a step has $\sqrt\kappa$ where it had $\kappa$ before. (B. T. Polyak found this in 1964.)

# %%
best_mu = ((math.sqrt(kappa) - 1) / (math.sqrt(kappa) + 1)) ** 2
best_lr = (2 / np.sqrt(curvature).sum()) ** 2
factor = shrink(descend(momentum, best_lr, 300, mu=best_mu))
print(f"momentum {best_mu:.3f}: a step is a factor of {factor:.3f}; ten times smaller in", end=" ")
print(f"{math.log(10) / -math.log(factor):.0f} steps")
assert abs(factor - math.sqrt(best_mu)) < 0.01
assert math.log(0.1) / math.log(factor) < 15 < 110 < math.log(0.1) / math.log(99 / 101)

# %% [markdown]
# ## Nesterov: look where you are going
#
# We know that the next step will go along $\mu b$ at any rate. So go there first, to $\theta = w -
# \text{lr}\,\mu b$, and take the gradient *there*, $g(\theta)$. If it has turned, one learns a step
# earlier. With a dash for what is new:
#
# $$b' = \mu b + g(\theta) \qquad w' = w - \text{lr}\; b'$$
#
# A loop that computes gradients at $w$ need not be rewritten for that. Keep $\theta$ in place of
# $w$, and see how it moves. We need $w = \theta + \text{lr}\,\mu b$ and $\mu b = b' - g$:
#
# $$\theta' = w' - \text{lr}\,\mu b' = (\theta + \text{lr}\,\mu b) - \text{lr}\, b' -
# \text{lr}\,\mu b' = \theta - \text{lr}\,(g + \mu b')$$


# %%
def nesterov(w, g, state, lr, mu=0.9):
    b = state["b"] = mu * state.get("b", 0) + g
    w -= lr * (g + mu * b)


agree(nesterov, lambda p, lr: optim.SGD(p, lr, momentum=0.9, nesterov=True))

lr, mu, w, b = 0.01, 0.9, np.ones(2), np.zeros(2)
for theta in descend(nesterov, lr, steps=20):
    assert np.allclose(theta, w - lr * mu * b)  # as it was first written
    b = mu * b + curvature * (w - lr * mu * b)
    w = w - lr * b
print("gradients taken ahead, and the form without looking ahead: the same 20 points")

# %% [markdown]
# ## RMSprop: a step size for each parameter
#
# Why should two parameters share one lr if the gradients of one are a hundred times as large as
# those of the other? Keep a running mean $v$ of the squared gradients, for each parameter by
# itself, and divide by its root:
#
# $$v \leftarrow \alpha v + (1 - \alpha)\, g^2 \qquad w \leftarrow w - \text{lr}\;
# \frac{g}{\sqrt v + \epsilon}$$
#
# The weights $\alpha$ and $1 - \alpha$ add up to 1, so where $g^2$ stays the same, $v$ comes to
# that value. $\epsilon$, a tiny number, keeps 0 / 0 away. Scaling the loss now changes nothing: $g$
# and $\sqrt v$ grow alike. What lr means has changed: it is the length of a step, no longer a
# factor on the slope.


# %%
def rmsprop(w, g, state, lr, alpha=0.99, eps=1e-8):
    v = state["v"] = alpha * state.get("v", 0) + (1 - alpha) * g * g
    w -= lr * g / (np.sqrt(v) + eps)


agree(rmsprop, optim.RMSprop)


def first_step(rule, g, lr=0.1, **options):
    """How far the first step goes, in units of lr."""
    w = np.zeros(1)
    rule(w, np.array([g]), {}, lr, **options)
    return abs(w[0]) / lr


print("first step, in units of lr: sgd", first_step(sgd, 1000.0), "and", first_step(sgd, 0.001))
print(f"rmsprop {first_step(rmsprop, 1000.0):.3f} and {first_step(rmsprop, 0.001):.3f}")
assert abs(first_step(rmsprop, 1000.0) - 10) < 1e-3
assert abs(first_step(rmsprop, 0.001) - 10) < 1e-3

# %% [markdown]
# The same for a gradient of 1000 and of 0.001. But why ten times lr? Because $v$ starts at 0: after
# one step it is $(1 - \alpha)\, g^2$, a hundredth of the mean it is meant to be, so the root is a
# tenth of it.
#
# ## Adam: both, and an honest mean
#
# Adam averages the gradient as well as its square, $m$ and $v$. Both start at 0, and the question
# is what to do about it. Write out what $m$ is after $t$ steps of $m \leftarrow \beta m + (1 -
# \beta)\, g$:
#
# $$m_t = (1 - \beta) \sum_{i=1}^{t} \beta^{\,t-i} g_i$$
#
# A weighted sum. The weights add up to $(1 - \beta)(1 + \beta + \dots + \beta^{t-1}) = 1 -
# \beta^t$, where those of a mean should add up to 1. If all $g_i$ have the same expected value,
# $m_t$ has $1 - \beta^t$ times that. So divide, for $m$ with its $\beta_1$ and for $v$ with its
# $\beta_2$:
#
# $$\hat m = \frac{m}{1 - \beta_1^t} \qquad \hat v = \frac{v}{1 - \beta_2^t} \qquad
# w \leftarrow w - \text{lr}\; \frac{\hat m}{\sqrt{\hat v} + \epsilon}$$


# %%
def adam(w, g, state, lr, betas=(0.9, 0.999), eps=1e-8):
    beta1, beta2 = betas
    t = state["t"] = state.get("t", 0) + 1
    m = state["m"] = beta1 * state.get("m", 0) + (1 - beta1) * g
    v = state["v"] = beta2 * state.get("v", 0) + (1 - beta2) * g * g
    w -= lr * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps)


agree(adam, optim.Adam, steps=1)
agree(adam, optim.Adam, steps=1000)
agree(adam, lambda p, lr: optim.Adam(p, lr, betas=(0.8, 0.99)), betas=(0.8, 0.99))
agree(adam, lambda p, lr: optim.Adam(p, lr, eps=1e-2), eps=1e-2)  # outside of the root

draws = 1 + minitorch.randn(2000, 10, dtype=minitorch.float64).numpy()  # mean 1, 2,000 runs
m = np.zeros(2000)
print("  t  mean of m   of m corrected")
for t in range(1, 11):
    m = 0.9 * m + 0.1 * draws[:, t - 1]
    corrected = m / (1 - 0.9**t)
    if t in (1, 2, 5, 10):
        print(f"{t:3} {m.mean():10.3f} {corrected.mean():16.3f}")
    assert abs(m.mean() - (1 - 0.9**t)) < 0.1
    assert abs(corrected.mean() - 1) < 0.1

# %% [markdown]
# At the first step $\hat m = g$ and $\hat v = g^2$, so the step is $\text{lr} \cdot g / (|g| +
# \epsilon)$: exactly lr, up or down, whatever the scale of the gradient. Only where $|g|$ comes
# down to $\epsilon$ itself is the step shorter. Without the corrections it would be $(1 - \beta_1)
# / \sqrt{1 - \beta_2} = 3.2$ times lr, at the very moment when least is known.


# %%
def adam_uncorrected(w, g, state, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    m = state["m"] = beta1 * state.get("m", 0) + (1 - beta1) * g
    v = state["v"] = beta2 * state.get("v", 0) + (1 - beta2) * g * g
    w -= lr * m / (np.sqrt(v) + eps)


for g in (1e6, 1.0, 1e-3, 1e-8):
    print(f"gradient {g:7.0e}: the first step is {first_step(adam, g):.3f} lr", end=", ")
    print(f"uncorrected {first_step(adam_uncorrected, g):.3f} lr")
assert all(abs(first_step(adam, g) - 1) < 1e-4 for g in (1e6, 1.0, -1.0, 1e-3))
assert abs(first_step(adam, 1e-8) - 0.5) < 1e-6
assert abs(first_step(adam_uncorrected, 1.0) - 0.1 / math.sqrt(0.001)) < 1e-4

# %% [markdown]
# ## Weight decay: in the loss, or beside it
#
# Large weights make a network react strongly to small things, so one often wants them to shrink if
# nothing speaks against it. One way is to add $\frac\lambda2 \sum w^2$ to the loss, called L2. Its
# gradient $\lambda w$ joins $g$ and goes through the rule. The other is to shrink the weights
# beside the rule, *decoupled*, $w \leftarrow w - \text{lr}\,\lambda w$. Mind the sign: published
# code has had a plus here, and weights that grow. No error tells.
#
# For plain SGD the two are one, $w - \text{lr}\,(g + \lambda w)$.


# %%
def sgd_decay(w, g, state, lr, decay):
    sgd(w, g + decay * w, state, lr)


def adam_l2(w, g, state, lr, decay):
    adam(w, g + decay * w, state, lr)


def adamw(w, g, state, lr, decay):
    w -= lr * decay * w
    adam(w, g, state, lr)


agree(sgd_decay, lambda p, lr: optim.SGD(p, lr, weight_decay=0.3), decay=0.3)
agree(adam_l2, lambda p, lr: optim.Adam(p, lr, weight_decay=0.3), decay=0.3)
agree(adamw, lambda p, lr: optim.AdamW(p, lr, weight_decay=0.3), decay=0.3)

w = np.ones(1)
sgd_decay(w, np.zeros(1), {}, lr=0.1, decay=0.3)
assert np.allclose(w, 1 - 0.1 * 0.3)
w = np.ones(1)
adamw(w, np.zeros(1), {}, lr=0.1, decay=0.3)
assert np.allclose(w, 1 - 0.1 * 0.3)
print(f"no gradient, decay 0.3, lr 0.1: 1 becomes {w[0]:.2f} with SGD and with AdamW")

# %% [markdown]
# For Adam they are not one. There $\lambda w$ is divided by $\sqrt{\hat v}$ with everything else: a
# weight with large gradients hardly decays at all, and one with small gradients the more. Four
# weights with gradients of noise, of different sizes, show it. Nothing speaks for keeping any of
# them.

# %%
sizes = np.array([0.01, 0.1, 1.0, 10.0])
noise = minitorch.randn(300, 500, 1, dtype=minitorch.float64).numpy() * sizes  # 500 weights of each
left_over = {}
for rule in (adam_l2, adamw):
    w, state = np.ones((500, 4)), {}
    for g in noise:
        rule(w, g, state, lr=0.01, decay=0.5)
    left_over[rule.__name__] = w.mean(0)
    print(f"{rule.__name__:8} gradients of size", end="")
    for size, kept in zip(sizes, w.mean(0)):
        print(f"  {size:g}: {kept:5.2f} left", end="")
    print()
assert np.allclose(left_over["adamw"], (1 - 0.01 * 0.5) ** 300, atol=0.05)
assert left_over["adam_l2"][0] < 0.1
assert left_over["adam_l2"][3] > 0.7

# %% [markdown]
# Decoupled decay does what it says to all of them alike. That is why AdamW is the usual choice.
#
# A bias should not shrink at all: it is only added, and makes nothing react more strongly.
# `weight_decay_groups` sorts the parameters into two groups, each with a decay of its own, by their
# number of axes: a weight has two or more, a bias one.

# %%
model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
groups = optim.weight_decay_groups(model, 0.5)
optimizer = optim.AdamW(groups, lr=0.1)
before = [p.detach().clone() for p in model.parameters()]
for p in model.parameters():
    p.grad = minitorch.zeros_like(p)
optimizer.step()
for (name, p), old in zip(model.named_parameters(), before, strict=True):
    kept = 0.95 if p.ndim == 2 else 1.0
    print(f"  {name:9} {tuple(p.shape)!s:7} times {kept}")
    assert minitorch.allclose(p, kept * old)

# %% [markdown]
# ## Parts
#
# What is between the gradient and the step is always made of the same parts: decay, a memory, a
# division by a size. minitorch can put them together in a `Chain`, and the order is the whole
# difference between Adam with L2 and AdamW: decay before the division, or after it.

# %%
decay, scale = optim.WeightDecay(0.3), optim.AdamScale()
agree(momentum, lambda p, lr: optim.Chain(p, [optim.Momentum(0.9)], lr))
agree(rmsprop, lambda p, lr: optim.Chain(p, [optim.RMSScale()], lr))
agree(adam, lambda p, lr: optim.Chain(p, [scale], lr))
agree(adam_l2, lambda p, lr: optim.Chain(p, [decay, scale], lr), decay=0.3)
agree(adamw, lambda p, lr: optim.Chain(p, [scale, decay], lr), decay=0.3)

# %% [markdown]
# Most other names are a variation of one line. Adagrad divides by the root of the *sum* of all
# squares, so its steps shrink like $1 / \sqrt t$. AMSGrad takes the largest $v$ so far. Lion keeps
# only the sign of a mean.


# %%
def adagrad(w, g, state, lr, eps=1e-10):
    s = state["s"] = state.get("s", 0) + g * g
    w -= lr * g / (np.sqrt(s) + eps)


def amsgrad(w, g, state, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state["t"] = state.get("t", 0) + 1
    m = state["m"] = beta1 * state.get("m", 0) + (1 - beta1) * g
    v = state["v"] = beta2 * state.get("v", 0) + (1 - beta2) * g * g
    largest = state["largest"] = np.maximum(state.get("largest", 0), v)
    w -= lr * m / (1 - beta1**t) / (np.sqrt(largest / (1 - beta2**t)) + eps)


def lion(w, g, state, lr, beta1=0.9, beta2=0.99):
    m = state.get("m", 0)
    w -= lr * np.sign(beta1 * m + (1 - beta1) * g)
    state["m"] = beta2 * m + (1 - beta2) * g


agree(adagrad, optim.Adagrad)
agree(amsgrad, lambda p, lr: optim.Adam(p, lr, amsgrad=True))
agree(lion, lambda p, lr: optim.Lion(p, lr, weight_decay=0))

# %% [markdown]
# ## On the map
#
# Three landscapes with two parameters, so that one can watch. A long valley, curved 50 times as
# much across as along; the same valley, turned by 45 degrees; and Rosenbrock's, a bent one, with
# almost no slope at its bottom. The tape gives the gradients. Every rule tries 21 learning rates up
# to 1, and we show it at its own best: the one that reaches a loss of 0.01 in the fewest steps.

# %%
RULES = {
    "SGD": (sgd, BLACK),
    "momentum": (momentum, BLUE),
    "Nesterov": (nesterov, ORANGE),
    "RMSprop": (rmsprop, GREEN),
    "Adam": (adam, PURPLE),
}


def valley(x, y):
    return 0.5 * (x * x + 50 * y * y)


def turned_valley(x, y):
    """The same valley, turned by 45 degrees."""
    return valley((x + y) / math.sqrt(2), (x - y) / math.sqrt(2))


def rosenbrock(x, y):
    return (1 - x) ** 2 + 20 * (y - x * x) ** 2


def path(rule, f, start, lr, most):
    """The points visited until f < 0.01; None where that takes more than `most` steps."""
    w, state, visited = np.array(start), {}, [np.array(start)]
    while f(*w) >= 0.01:
        if len(visited) > most or f(*w) > 1e6:
            return None
        p = minitorch.tensor(w, requires_grad=True)
        f(p[0], p[1]).backward()
        rule(w, p.grad.numpy(), state, lr)
        visited.append(w.copy())
    return np.stack(visited)


def best_path(rule, f, start):
    """The shortest of the paths with 21 learning rates, and its learning rate."""
    best, best_lr, most = None, None, 2000
    for lr in 10 ** np.linspace(0, -4, 21):
        found = path(rule, f, start, lr, most)
        if found is not None:
            best, best_lr, most = found, lr, len(found) - 2  # only shorter ones, from now on
    return best, best_lr


half = math.sqrt(0.5)
landscapes = {
    "valley": (valley, (-9.0, 2.0)),
    "turned valley": (turned_valley, (-7.0 * half, -11.0 * half)),  # the same place, turned
    "Rosenbrock": (rosenbrock, (-1.2, 1.0)),
}
assert math.isclose(
    valley(*landscapes["valley"][1]), turned_valley(*landscapes["turned valley"][1])
)
paths = {name: {} for name in landscapes}
print(f"{'steps (lr)':14}" + "".join(f"{name:>15}" for name in RULES))
for name, (f, start) in landscapes.items():
    for rule_name, (rule, _) in RULES.items():
        paths[name][rule_name] = best_path(rule, f, start)
    shown = [f"{len(p) - 1:4} ({lr:.2g})" for p, lr in paths[name].values()]
    print(f"{name:14}" + "".join(f"{text:>15}" for text in shown))
steps = {name: {k: len(p) - 1 for k, (p, _) in found.items()} for name, found in paths.items()}
for name in ("SGD", "momentum", "Nesterov"):
    assert abs(steps["valley"][name] - steps["turned valley"][name]) <= 1
    if name != "SGD":
        assert steps["valley"][name] < steps["valley"]["SGD"] / 2
        assert steps["Rosenbrock"][name] < steps["Rosenbrock"]["SGD"] / 5
assert steps["turned valley"]["RMSprop"] > 10 * steps["valley"]["RMSprop"]
assert steps["turned valley"]["Adam"] < steps["turned valley"]["SGD"] / 2

# %% [markdown]
# Momentum makes short work of all three. RMSprop is a warning: where the valley lies along a
# parameter, a step size for each parameter is just what is needed. Turned by 45 degrees it is the
# same valley, and SGD and momentum do not notice, but now both parameters have gradients of the
# same size and there is nothing to tell apart. What these rules know about is axes, not valleys.
# Adam, which has both, gets along with both.


# %%
def on_the_map(figure):
    figure.suptitle("Memory helps in every valley, a step size for each axis only along an axis")
    lowest = {"valley": (0, 0), "turned valley": (0, 0), "Rosenbrock": (1, 1)}
    areas = {
        "valley": ((-10, 3), (-4, 4)),
        "turned valley": ((-10, 4), (-10, 4)),
        "Rosenbrock": ((-1.8, 1.8), (-0.9, 2.2)),
    }
    for axes, (name, (across, along)) in zip(figure.subplots(1, 3), areas.items(), strict=True):
        f, start = landscapes[name]
        x, y = np.meshgrid(np.linspace(*across, 200), np.linspace(*along, 200))
        levels = np.geomspace(0.05, f(x, y).max(), 12)
        axes.contour(x, y, f(x, y), levels, colors="#BBBBBB", linewidths=0.8)
        for rule_name, (points, _) in paths[name].items():
            label = f"{rule_name}: {len(points) - 1}"
            colour = RULES[rule_name][1]
            axes.plot(*points.T, ".-", color=colour, lw=1.3, ms=4, alpha=0.85, label=label)
        axes.plot(*start, "o", color=RED, ms=9, zorder=5)
        axes.plot(*lowest[name], "*", color=RED, ms=15, zorder=5)
        axes.set_title(name)
        axes.set_xlim(across)
        axes.set_ylim(along)
        axes.set_xlabel("first parameter")
        axes.set_ylabel("second parameter")
        axes.grid(visible=False)
        axes.legend(
            title="steps to the star",
            fontsize=11,
            title_fontsize=11,
            loc="upper center",
            bbox_to_anchor=(0.45, -0.2),
            ncols=2,
            columnspacing=0.8,
            handlelength=1.2,
        )


save_figure("15_paths", on_the_map, figsize=(10.5, 5.4))

# %% [markdown]
# ## The race
#
# Now on the digits: 64 pixels, 50 hidden numbers, 10 scores, batches of 64, 5 epochs. All start
# from the same weights and see the same batches in the same order. What is compared is the mean
# loss in the last epoch, over three seeds. Every rule tries the same eleven learning rates, a
# factor of $\sqrt{10}$ apart. A run that ends in nan counts as infinitely bad.

# %%
x_train, y_train, x_valid, y_valid = digits(size=8)
x_train, x_valid = x_train.reshape(-1, 64), x_valid.reshape(-1, 64)
mean, std = x_train.mean(), x_train.std()
x_train, x_valid = (x_train - mean) / std, (x_valid - mean) / std

RUNNERS = {
    "SGD": lambda model, lr: optim.SGD(model, lr),
    "momentum": lambda model, lr: optim.SGD(model, lr, momentum=0.9),
    "Nesterov": lambda model, lr: optim.SGD(model, lr, momentum=0.9, nesterov=True),
    "RMSprop": lambda model, lr: optim.RMSprop(model, lr),
    "Adam": lambda model, lr: optim.Adam(model, lr),
}
rates = [10 ** (k / 2) for k in range(-8, 3)]
epochs, batch = 5, 64


def run(make, lr, seed):
    """The losses of all steps, nan from where it broke down, and the accuracy at the end."""
    minitorch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 50), nn.ReLU(), nn.Linear(50, 10))
    optimizer = make(model, lr)
    losses = np.full((epochs, math.ceil(len(x_train) / batch)), math.nan)
    for epoch in range(epochs):
        order = minitorch.randperm(len(x_train))
        for step, rows in enumerate(order.split(batch)):
            loss = F.cross_entropy(model(x_train[rows]), y_train[rows])
            if not math.isfinite(loss.item()):
                return losses, 0.1
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses[epoch, step] = loss.item()
    right = model.predict(x_valid).argmax(1) == y_valid
    return losses, right.float().mean().item()


curves, results, accuracy = {}, {}, {}
print(f"{'lr':9}" + "".join(f"{lr:9.2g}" for lr in rates))
for name, make in RUNNERS.items():
    runs = [[run(make, lr, seed) for seed in range(3)] for lr in rates]
    curves[name] = np.array([[losses for losses, _ in seeds] for seeds in runs]).mean(1)
    final = curves[name][:, -1].mean(-1)
    results[name] = np.where(np.isfinite(final), final, np.inf)
    accuracy[name] = [np.mean([right for _, right in seeds]) for seeds in runs]
    print(f"{name:9}" + "".join(f"{loss:9.3f}" for loss in results[name]))

best = {name: int(np.argmin(final)) for name, final in results.items()}
for name, k in best.items():
    print(f"{name:9} best at lr {rates[k]:<6.2g}: loss {results[name][k]:.3f}", end=", ")
    print(f"{accuracy[name][k]:.1%} of the digits held back")

# %% [markdown]
# Two ways to read this table. Take one column, say 0.01: Adam beats SGD by far. But lr does not
# mean the same for both. For SGD it is a factor on the slope, for Adam the length of a step. Take
# from each row its best, and they lie close together.

# %%
column = next(k for k, lr in enumerate(rates) if math.isclose(lr, 0.01))
same_rate = {name: final[column] for name, final in results.items()}
own_best = {name: results[name][k] for name, k in best.items()}
unfair = max(same_rate.values()) / min(same_rate.values())
fair = max(own_best.values()) / min(own_best.values())
print(f"worst over best: {unfair:.0f} at lr 0.01 for all, {fair:.1f} at each one's own best")
assert unfair > 15
assert fair < 4
assert all(1 < k < len(rates) - 2 for k in best.values())  # no best at the edge of the sweep
assert rates[best["SGD"]] > 10 * rates[best["Adam"]]
assert abs(rates[best["SGD"]] / rates[best["momentum"]] - 10) < 1  # steps are 1 / (1 - 0.9) longer
assert all(accuracy[name][k] > 0.94 for name, k in best.items())

# %% [markdown]
# With momentum 0.9 the best lr is a tenth of SGD's, as the sum $1 / (1 - \mu)$ told. Adam's is
# smaller still, and it is a length, which stays the same when the loss is measured in other units:
# that, more than speed, is why Adam is what people try first. And mind the scale of the picture.
# For each of the five a rate that is ten times too small or too large costs more than the choice
# between them.

# %%
for name, k in best.items():
    assert min(results[name][k - 2], results[name][k + 2]) > 1.5 * fair * results[name][k]


# %%
def race(figure):
    figure.suptitle(
        f"At one lr for all, {unfair:.0f} times apart; each at its own best, {fair:.1f}"
    )
    left, right = figure.subplots(1, 2, width_ratios=[1.15, 1])
    markers = dict(zip(RUNNERS, "os^Dv"))
    for name, final in results.items():
        colour, k = RULES[name][1], best[name]
        shown = np.where(final < 3, final, np.nan)
        left.plot(rates, shown, f"{markers[name]}-", color=colour, ms=5, lw=1.5, label=name)
        left.plot(rates[k], final[k], "o", ms=13, mfc="none", mec=colour, mew=2)
        by_epoch = curves[name][k].mean(-1)
        label = f"{name}, {rates[k]:.2g}"
        at = np.arange(1, epochs + 1)
        right.plot(at, by_epoch, f"{markers[name]}-", color=colour, ms=5, label=label)
    left.axvline(0.01, color=RED, ls="--", lw=1.2)
    left.text(0.0107, 2.6, "lr 0.01", color=RED, fontsize=10)
    left.set_xscale("log")
    left.set_yscale("log")
    left.set_title("Each has a best rate of its own (circles)")
    left.set_xlabel("learning rate")
    left.set_ylabel("loss in the last epoch (nats)")
    left.legend(fontsize=10, loc="lower left")
    right.set_yscale("log")
    right.set_title("There, the curves are much alike")
    right.set_xlabel("epoch")
    right.set_ylabel("mean loss of the epoch (nats)")
    right.set_xticks(at)
    right.legend(title="at lr", fontsize=10, title_fontsize=10)


save_figure("15_race", race, figsize=(10.5, 4.6))

# %%
took = time.perf_counter() - started
print(
    f"found: worst over best {unfair:.0f} at one learning rate, {fair:.1f} at each one's", end=" "
)
print(f"own; a first step of Adam is lr; after {took:.1f} s")

# %% [markdown]
# ## Exercises
#
# Five more check themselves: fill in the functions in `lessons/exercises/15_optimizers.py`, then
# run `python -m lessons check 15`.
#
# 1. How large may lr be with momentum $\mu$ before a bowl with curvature $\lambda$ throws $w$ out?
#    Find it by trying, for several $\mu$, and guess the formula. Then derive it: at the border $r$
#    is $-1$.
# 2. Replace $m$ by $g$ in Adam, or $v$ by 1. Which rules of this lesson come out, and what of the
#    corrections is still needed?
# 3. Race with batches of 8 and of 512. Which rules change their best learning rate, and which way?
# 4. Add AdamW, Lion and Adagrad to the race. Lion's steps have length lr for every parameter at
#    every step. What does that mean for its best lr, and for the end of training?
# 5. Why does $v$ use $g^2$ and not $|g|$? Write Adam with the mean of $|g|$, and race it.
# 6. The corrections of $\hat m$ and $\hat v$ both become 1. After how many steps are they within a
#    hundredth of it? What would $\beta_2 = 0.9999$ change?
# 7. Write a rule of your own as `class Mine(optim.Optimizer)` with a method `update(p, g, state,
#    group)`; `minitorch/optim/optimizer.py` says how. Race it.
