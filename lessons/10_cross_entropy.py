# %% [markdown]
# # From softmax to cross-entropy
#
# Ten scores become ten probabilities and one loss, without overflow, with a gradient of one line.
#
# In lesson 4 the network gave one number, and the loss was the squared distance to the label. But a
# digit is not a quantity: a 3 read as a 4 is no smaller a mistake than a 3 read as an 8. What we
# want instead is a score for each digit, and a loss that asks how probable the network thinks the
# true one is. The formulas take three lines, and the first way to write them down fails in float32.

# %%
import math

import numpy as np

import minitorch
import minitorch.nn.functional as F
from lessons.common import BLUE, GREEN, GREY, ORANGE, RED, load_images, save_figure, show_image
from minitorch import gradcheck
from minitorch.autograd import Function

minitorch.manual_seed(0)

# %% [markdown]
# ## Ten outputs
#
# The network of lesson 5, with ten outputs in place of one, so `w2` has ten columns. For each image
# it gives ten scores, called *logits*. `w1` is as large as lesson 3 found right for relu; `w2` is
# small, so that at first no digit is preferred.

# %%
images, labels, _, _ = load_images()
N, c = 640, 10
pixels = images[:N].reshape(N, 784)
pixels = (pixels - pixels.mean()) / pixels.std()
y = labels[:N]

w1, b1 = minitorch.randn(784, 50) * math.sqrt(2 / 784), minitorch.zeros(50)
w2, b2 = minitorch.randn(50, c) * 0.02, minitorch.zeros(c)


def network(pixels):
    return (pixels @ w1 + b1).relu() @ w2 + b2


scores = network(pixels)
print(f"{N} images, scores {scores.shape}, labels {y[:8].tolist()} ...")
assert scores.shape == (N, 10)

# %% [markdown]
# ## Softmax
#
# Scores can be any numbers, negative ones too. Probabilities are positive and add up to 1. The
# exponential makes positive numbers of any, larger ones of larger, and dividing by the sum does the
# rest. From here on $x$ is what goes into softmax, the scores of one image, $x_j$ that of digit
# $j$:
#
# $$p_j = \frac{e^{x_j}}{\sum_k e^{x_k}}$$
#
# Adding one constant to all scores of an image changes nothing, since it cancels,
# $e^{x_j + k} = e^k e^{x_j}$. Only differences between scores count.


# %%
def softmax(x):
    return x.exp() / x.exp().sum(1, keepdim=True)


p = softmax(scores)
assert (p > 0).all()
assert np.allclose(p.sum(1), 1, rtol=0, atol=1e-6)
assert np.allclose(p, softmax(scores + 5.0), rtol=0, atol=1e-6)
assert np.allclose(p, scores.softmax(1), rtol=0, atol=1e-6)
print("the first image:", " ".join(f"{v:.3f}" for v in p[0].tolist()))

# %% [markdown]
# ## Why keepdim?
#
# A sum over axis 1 makes one number of each row. What shape the result has decides what happens
# when it meets $x$ again.

# %%
small = minitorch.randn(4, 3)
shapes = {
    "x": small.shape,
    "x.sum(1)": small.sum(1).shape,
    "x.sum(1, keepdim=True)": small.sum(1, keepdim=True).shape,
    "x.max(1).values": small.max(1).values.shape,
    "x.amax(1, keepdim=True)": small.amax(1, keepdim=True).shape,
    "x / x.sum(1, keepdim=True)": (small / small.sum(1, keepdim=True)).shape,
}
for text, shape in shapes.items():
    print(f"{text:28}{shape}")
assert list(shapes.values()) == [(4, 3), (4,), (4, 1), (4,), (4, 1), (4, 3)]

# %% [markdown]
# (4, 3) by (4, 1) divides each row by its own sum. (4, 3) by (4,) is an error, since broadcasting
# aligns the *last* axes. That is the lucky case. With as many rows as columns there is no error:
# (10, 10) by (10,) divides each *column* by the sum of some row.

# %%
square = scores[:10]
wrong = square.exp() / square.exp().sum(1)
print(f"without keepdim, ten images: rows add up to {wrong.sum(1).min():.3f} and more")
assert wrong.shape == (10, 10)
assert abs(wrong.sum(1) - 1).max() > 1e-3

# %% [markdown]
# ## The loss
#
# Let $t$ be the true label of an image, and $p_t$ the probability that it got. The loss is
# $-\log p_t$: nothing for certainty, 0.69 for fifty-fifty, 2.30 for one in ten, and without bound
# for a true label that was thought impossible. Why the logarithm? The probability that all $N$
# labels are as they are, the *likelihood*, is a product of $N$ numbers, and soon too small to hold;
# its logarithm is a sum. We take the mean, and a minus, since a loss should fall. Hence the name,
# *negative log-likelihood*, short nll.
#
# Picking $p_t$ from each row is indexing with two lists: `logp[[0, 1, 2], [7, 2, 1]]` is element 7
# of row 0, element 2 of row 1, element 1 of row 2.


# %%
def nll(logp, y):
    return -logp[range(len(y)), y].mean()


for chance, costs in ((1, 0), (0.5, 0.69), (0.1, 2.30)):
    assert abs(-math.log(chance) - costs) < 5e-3
loss = nll(p.log(), y)
print(f"first loss {loss:.3f}; one in ten is log 10 = {math.log(10):.3f}")
assert abs(loss.item() - math.log(10)) < 0.1
assert abs(loss - F.nll_loss(p.log(), y)) < 1e-6

# %% [markdown]
# Its gradient: of all log-probabilities only those of the true labels take part, each with weight
# $-1/N$; all others get 0.

# %%
logp = p.log().detach().requires_grad_()
nll(logp, y).backward()
expected = np.zeros((N, c), np.float32)
expected[range(N), y] = -1 / N
assert np.array_equal(logp.grad, expected)

# %% [markdown]
# One caution. An index of -1 counts from behind, so our `nll` takes a label of -1 for a 9 without a
# word. minitorch's own refuses labels that do not exist.

# %%
off_by_one = y - 1
assert nll(logp, off_by_one).isfinite()
try:
    F.nll_loss(logp, off_by_one)
    raise AssertionError("there is no digit -1")
except IndexError as error:
    message = str(error)
print(message)
assert "expected 0 to 9" in message

# %% [markdown]
# ## Three ways to write log-softmax
#
# What the loss needs is the *logarithm* of the probabilities. First as the formula says it. Then
# simplified, for the logarithm of a quotient is a difference, and that of $e^{x_j}$ is $x_j$:
#
# $$\log p_j = \log \frac{e^{x_j}}{\sum_k e^{x_k}} = x_j - \log \sum_k e^{x_k}$$


# %%
def log_softmax_1(x):
    return (x.exp() / x.exp().sum(1, keepdim=True)).log()


def log_softmax_2(x):
    return x - x.exp().sum(1, keepdim=True).log()


row = minitorch.tensor([[1.0, 0.0, -1.0]])
print("on [1, 0, -1]:          ", log_softmax_1(row)[0], log_softmax_2(row)[0])
assert np.allclose(log_softmax_1(row), log_softmax_2(row), rtol=0, atol=1e-6)

extreme = minitorch.tensor([[1000.0, 0.0, -1000.0]])
one, two = log_softmax_1(extreme), log_softmax_2(extreme)
print("on [1000, 0, -1000]:    ", one[0], two[0])
assert np.array_equal(one[0], [np.nan, -np.inf, -np.inf], equal_nan=True)
assert np.array_equal(two[0], [-np.inf, -np.inf, -np.inf])
assert minitorch.tensor([88.7, 88.8]).exp().isfinite().tolist() == [True, False]
assert minitorch.tensor([709.0, 710.0]).double().exp().isfinite().tolist() == [True, False]

# %% [markdown]
# The right answer is [0, -1000, -2000]: three ordinary numbers. But $e^{1000}$ is none. The largest
# float32 is about $3 \cdot 10^{38} = e^{88.7}$, and beyond it there is only `inf`. So the first
# form computes inf / inf, which is `nan`, "not a number", and 1 / inf and 0 / inf, which are 0,
# with the logarithm $-\infty$. The second subtracts $\log \infty$ from everything.
#
# In float64 the border is $e^{709}$; it comes later, and it comes. Nor are such scores far-fetched.
# Here is our network with weights straight from `randn`, as lesson 3 taught us not to:

# %%
wild = (pixels @ minitorch.randn(784, 50)).relu() @ minitorch.randn(50, c)
print(f"scores from {wild.min():.0f} to {wild.max():.0f}; ", end="")
lost = nll(log_softmax_1(wild), y), nll(log_softmax_2(wild), y)
print(f"loss {lost[0]} by the first form, {lost[1]} by the second")
assert wild.max() > 100
assert not lost[0].isfinite()
assert not lost[1].isfinite()

# %% [markdown]
# The loss is gone, and the next backward would write nan into every weight. For the first form it
# does not even take an overflow. Where a probability is below the smallest float32, it is rounded
# to 0, and the slope of log at 0 is infinite. Below only the middle is asked for, so what arrives
# at the last is 0; but 0 times infinity is nan, and from there it spreads to the whole row:

# %%
early = minitorch.tensor([[60.0, 0.0, -60.0]], requires_grad=True)
log_softmax_1(early)[0, 1].backward()
print("gradient of the first form on [60, 0, -60]:", early.grad[0])
assert early.grad.isnan().any()

# %% [markdown]
# ## The third form
#
# Only differences of scores count, so subtract the largest, $m = \max_k x_k$, from all of them:
#
# $$\log \sum_k e^{x_k} = \log \Bigl(e^m \sum_k e^{x_k - m}\Bigr) = m + \log \sum_k e^{x_k - m}$$
#
# Now no exponent is above 0, so nothing overflows. One of them *is* 0, so the sum is at least 1,
# and its logarithm is harmless. What underflows to 0 was too small to matter. This is the
# *logsumexp* trick, and the third form of log-softmax is $x - \mathrm{logsumexp}(x)$.


# %%
def logsumexp(x):
    m = x.amax(1, keepdim=True)
    return m + (x - m).exp().sum(1, keepdim=True).log()


def log_softmax_3(x):
    return x - logsumexp(x)


print("third form on [1000, 0, -1000]:", log_softmax_3(extreme)[0])
assert log_softmax_3(extreme)[0].tolist() == [0, -1000, -2000]
assert np.allclose(log_softmax_3(scores), log_softmax_1(scores), rtol=0, atol=1e-5)
far = minitorch.tensor([[1e4, 0.0, -1e4], [-1e4, -1e4, -1e4]])
assert logsumexp(far).isfinite().all()
assert abs(logsumexp(far)[1].item() - (math.log(3) - 1e4)) < 1e-2
print(f"and the loss of the wild network is {nll(log_softmax_3(wild), y):.0f}, bad but finite")
assert nll(log_softmax_3(wild), y).isfinite()

# %% [markdown]
# minitorch has all three, the first two to look at, the third to use.

# %%
pairs = [
    (log_softmax_1, F.log_softmax_naive),
    (log_softmax_2, F.log_softmax_simplified),
    (log_softmax_3, F.log_softmax),
]
for ours, theirs in pairs:
    for t in (row, extreme, scores):
        assert np.allclose(ours(t), theirs(t, 1), rtol=0, atol=1e-5, equal_nan=True), ours.__name__

# %% [markdown]
# Where exactly does each form fail? Walk outward with $[s, 0, -s]$ and look at the last
# log-probability, which should be about $-2s$.

# %%
s = np.arange(0, 150, 0.25, dtype=np.float32)
walk = minitorch.tensor(np.stack([s, 0 * s, -s], axis=1))
lasts = {f.__name__: f(walk)[:, 2].numpy() for f, _ in pairs}
exact = log_softmax_3(walk.double())[:, 2].numpy()
for name, last in lasts.items():
    bad = ~np.isfinite(last)
    off = np.abs(last - exact) > 0.01
    first = f"from s = {s[bad][0]:.1f}" if bad.any() else "never"
    inexact = f"from s = {s[off][0]:.1f}" if off.any() else "never"
    print(f"{name}: not finite {first}, off by 0.01 {inexact}")
assert 51 < s[~np.isfinite(lasts["log_softmax_1"])][0] < 53
assert 88 < s[~np.isfinite(lasts["log_softmax_2"])][0] < 90
assert np.allclose(lasts["log_softmax_3"], exact, rtol=1e-6)


# %%
def draw_overflow(figure):
    figure.suptitle("Three ways to write log-softmax: only the third goes all the way")
    axes = figure.subplots()
    styles = {
        "log_softmax_3": ("x - logsumexp(x)", GREEN, "-", 5),
        "log_softmax_2": ("x - log Σ e^x", BLUE, "--", 3),
        "log_softmax_1": ("log(e^x / Σ e^x)", RED, ":", 3),
    }
    for name, (label, colour, style, width) in styles.items():
        last = lasts[name]
        fine = np.isfinite(last)
        axes.plot(s[fine], last[fine], style, color=colour, lw=width, label=label)
        if not fine.all():
            end = s[fine][-1], last[fine][-1]
            axes.plot(*end, "X", ms=11, color=colour)
            says = "its share is rounded to 0" if name == "log_softmax_1" else "e^s is inf"
            text = f"from s = {s[~fine][0]:.0f} on {says}"
            axes.annotate(text, end, (end[0] + 4, end[1] + 12), color=colour)
    axes.set_xlabel("s, in a row of scores [s, 0, -s], float32")
    axes.set_ylabel("log-probability of the last")
    axes.set_xlim(0, 150)
    axes.set_ylim(-300, 10)
    axes.legend(loc="lower left")


save_figure("10_overflow", draw_overflow, figsize=(8, 4))

# %% [markdown]
# ## Rows of minus infinity
#
# A score of $-\infty$ says "impossible", and is useful: its probability is exactly 0. Networks that
# read text use it to hide what must not be seen. But what if *all* of a row is hidden? The sum is
# 0, its logarithm $-\infty$, and that should be the answer. Ours computes $m = -\infty$ and then
# $-\infty - (-\infty)$, which is nan. Any $m$ is correct, the largest is only the safe choice; so
# where it is not finite, take 0. (`where(a, b, c)` is b where a is true, and c elsewhere; what
# `detach` is for comes with the gradient.)


# %%
def logsumexp_safe(x):
    m = x.amax(1, keepdim=True).detach()
    m = minitorch.where(m.isfinite(), m, 0.0)
    return m + (x - m).exp().sum(1, keepdim=True).log()


hidden = minitorch.tensor([[-math.inf, 2.0, 1.0], [-math.inf, -math.inf, -math.inf]])
print(
    "with a hidden row:", logsumexp(hidden).flatten(), "and safe", logsumexp_safe(hidden).flatten()
)
assert logsumexp(hidden)[1].isnan()
assert logsumexp_safe(hidden)[1] == -math.inf
assert np.array_equal(logsumexp_safe(hidden), hidden.logsumexp(1, keepdim=True))
assert np.allclose(logsumexp_safe(far), far.logsumexp(1, keepdim=True))

# %% [markdown]
# ## The gradient of logsumexp is softmax
#
# With $S = \sum_k e^{x_k}$, the chain rule gives
#
# $$\frac{\partial \log S}{\partial x_j} = \frac{1}{S}\, e^{x_j} = p_j$$
#
# The largest score, $m$, was subtracted and added again. In $m + \log \sum_k e^{x_k - m}$ its slope
# is $1 - \sum_k e^{x_k - m} / \sum_k e^{x_k - m} = 0$, so nothing flows through it.
# `logsumexp_safe` says so with `detach` and saves the work.
#
# The largest itself has a gradient, too. `x.max(1)` returns values and where they were found; all
# that arrives goes there. Where two are largest there is no slope, and somebody has to choose:
# `max` along an axis gives all of it to the first, `amax` shares it evenly.
#
# In the code `autograd.grad(L, [a])` returns the gradients of $L$ in place of adding to `a.grad`;
# where $L$ is not one number, a third argument is the gradient $g$ that arrives at it.

# %%
z = minitorch.randn(3, 5, dtype=minitorch.float64, requires_grad=True)
for f in (logsumexp, logsumexp_safe, lambda x: x.logsumexp(1)):
    (found,) = minitorch.autograd.grad(f(z).sum(), [z])
    assert np.allclose(found, z.softmax(1).detach(), rtol=0, atol=1e-12)
    assert gradcheck(f, z)
assert gradcheck(log_softmax_3, z)

# %% [markdown]
# So logsumexp makes a good op of one's own. What we wrote is a chain of ops, each of which keeps
# what its own slope needs. As one op, in the way of lesson 7, it keeps its argument and its result
# and nothing else, because $p_j = e^{x_j} / S = e^{x_j - y}$.


# %%
class LogSumExp(Function):
    """y = log Σ exp(x) along each row          dL/dx = g exp(x - y)"""

    @staticmethod
    def forward(ctx, x):
        y = logsumexp_safe(x)
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        return g * (x - y).exp()


assert gradcheck(LogSumExp.apply, z)
with minitorch.tape() as chain:
    logsumexp_safe(z)
with minitorch.tape() as single:
    y_single = LogSumExp.apply(z)
print(f"logsumexp is {len(chain)} records on the tape as a chain, {len(single)} as one op")
assert len(single) == 1 < len(chain)
assert np.allclose(y_single.detach(), logsumexp(z).detach(), rtol=0, atol=1e-12)

# %%
values, places = z.max(1)
assert np.array_equal(values.detach(), z.detach()[range(3), places])
assert gradcheck(lambda x: x.max(1).values, z)
tie = minitorch.tensor([[2.0, 2.0, 1.0]], requires_grad=True)
(first,) = minitorch.autograd.grad(tie.max(1).values.sum(), [tie])
(shared,) = minitorch.autograd.grad(tie.amax(1).sum(), [tie])
print(f"on [2, 2, 1]: max {first[0].tolist()}, amax {shared[0].tolist()}")
assert first.tolist() == [[1, 0, 0]]
assert shared.tolist() == [[0.5, 0.5, 0]]

# %% [markdown]
# That of softmax itself follows in two lines. $\log p_i = x_i - \log S$ has the slopes $[i = j] -
# p_j$, where $[i = j]$ is 1 for $i = j$ and 0 otherwise. The slope of a logarithm is that of its
# argument over the argument, so multiply by $p_i$: raising $x_j$ raises $p_j$ and lowers all the
# others,
#
# $$\frac{\partial p_i}{\partial x_j} = p_i\,([i = j] - p_j) \qquad\text{so}\qquad
# \frac{\partial L}{\partial x_j} = \sum_i g_i\, p_i\,([i = j] - p_j)
# = p_j\,\Bigl(g_j - \sum_i g_i\, p_i\Bigr)$$
#
# This is the rule of lesson 7, found there by the rule for quotients.

# %%
g = minitorch.randn(3, 5, dtype=minitorch.float64)
p = softmax(z).detach()
(found,) = minitorch.autograd.grad(softmax(z), [z], [g])
assert np.allclose(found, p * (g - (g * p).sum(1, keepdim=True)), rtol=0, atol=1e-12)

# %% [markdown]
# ## Cross-entropy, and its gradient
#
# Log-softmax followed by nll is called *cross-entropy*. minitorch has it as one op.


# %%
def cross_entropy(x, y):
    return nll(log_softmax_3(x), y)


loss = F.cross_entropy(scores, y)
assert abs(loss - cross_entropy(scores, y)) < 1e-6
assert abs(loss - F.nll_loss(F.log_softmax(scores, 1), y)) < 1e-6
print(f"cross-entropy {loss:.6f}, by ours {cross_entropy(scores, y):.6f}")

# %% [markdown]
# All that was complicated falls away when we ask for the gradient. For one image with label $t$,
#
# $$L = \log \sum_k e^{x_k} - x_t$$
#
# The first term has gradient $p_j$, as we just saw; the second has 1 for $j = t$ and 0 for all
# others. That is a row of zeros with a one at the label, called *one-hot*. With the mean over $N$
# images:
#
# $$\frac{\partial L}{\partial x} = \frac{p - \mathrm{onehot}(t)}{N}$$
#
# Prediction minus truth, as for the squared error, and nothing else. No exponential and no
# logarithm is left that could overflow. Each row adds up to 0: what the true digit gains, the
# others lose.


# %%
def cross_entropy_grad(x, y):
    g = x.softmax(1)
    g[range(len(y)), y] -= 1
    return g / len(y)


z = scores.detach().requires_grad_()
cross_entropy(z, y).backward()
by_hand = cross_entropy_grad(scores, y)
assert np.allclose(z.grad, by_hand, rtol=0, atol=1e-8)
(fused,) = minitorch.autograd.grad(F.cross_entropy(z, y), [z])
assert np.allclose(fused, by_hand, rtol=0, atol=1e-8)
assert np.allclose(by_hand.sum(1), 0, rtol=0, atol=1e-8)
few = minitorch.randn(4, 10, requires_grad=True)
assert gradcheck(lambda x: cross_entropy(x, y[:4]), few)
assert gradcheck(lambda x: F.cross_entropy(x, y[:4]), few)
print("p - onehot over N: agrees with the tape, ours and fused, and with the slopes")

# %% [markdown]
# ## What it does
#
# Let us follow this gradient. Sixty steps downhill on our 640 images, as in lesson 6, with the
# gradients of lesson 5; how to train properly is lesson 11. Then look at the image that is read
# with the least doubt, at one that is nearly undecided, and at the one that is most wrong.

# %%
parameters = [w1, b1, w2, b2]
for q in parameters:
    q.requires_grad_()
for _ in range(60):
    loss = F.cross_entropy(network(pixels), y)
    loss.backward()
    with minitorch.no_grad():
        for q in parameters:
            q -= 0.1 * q.grad
            q.grad = None

with minitorch.no_grad():
    scores = network(pixels)
    each = F.cross_entropy(scores, y, reduction="none").numpy()  # a loss for each image, no mean
    p = scores.softmax(1).numpy()
g = p - np.eye(c)[y.numpy()]
two_best = np.sort(p, axis=1)[:, -2:]
sure, torn, wrong = each.argmin(), (two_best[:, 1] - two_best[:, 0]).argmin(), each.argmax()
print(f"loss {loss:.2f} after 60 steps; single images from {each.min():.4f} to {each.max():.1f}")
assert loss < 0.6
assert abs(g[sure]).max() < 0.05
assert g[wrong, y[wrong].item()] < -0.9


def draw_gradient(figure):
    figure.suptitle("Prediction minus truth: the true digit is pulled up, the others pushed down")
    rows = figure.subplots(3, 3, width_ratios=[0.9, 2, 2], sharex="col")
    words = ["sure, right", "torn", "wrong"]
    for (left, middle, right), k, word in zip(rows, (sure, torn, wrong), words, strict=True):
        show_image(left, images[k], f"a {y[k].item()}: {word}")
        colours = [ORANGE if j == y[k].item() else GREY for j in range(c)]
        middle.bar(range(c), p[k], color=colours)
        middle.set_ylim(0, 1.05)
        right.bar(range(c), g[k], color=colours)
        right.axhline(0, color="black", lw=0.8)
        right.set_ylim(-1.1, 1.1)
        for axes in (middle, right):
            axes.set_xticks(range(c))
            axes.grid(axis="x", visible=False)
    rows[0][1].set_title("p, probability (the true digit in orange)")
    rows[0][2].set_title("p - onehot; a step goes against it")
    for axes in rows[2][1:]:
        axes.set_xlabel("digit")


save_figure("10_gradient", draw_gradient, figsize=(9, 5.4))

# %% [markdown]
# Where the network is sure and right there is nothing left to learn, and all bars are near 0. Where
# it is torn, two bars of equal height pull in opposite directions. Where it is wrong, the true
# digit is pulled up with nearly full force, and those that took its place are pushed down, each by
# its share.
#
# ## Two classes
#
# Is it a 3 or not? One score $z$ is enough, and one probability, $p = \sigma(z) = 1/(1 + e^{-z})$,
# the *sigmoid*. It is softmax of the two scores $z$ and 0: $e^z / (e^z + e^0)$, with numerator and
# denominator divided by $e^z$. With label $t$, 1 or 0, the loss can be written in pieces, or in one
# line, in which one of the two terms is always switched off:
#
# $$L = \begin{cases} -\log p & t = 1 \\ -\log (1 - p) & t = 0 \end{cases} \qquad
# L = -\bigl(t \log p + (1 - t) \log (1 - p)\bigr)$$


# %%
def binary_in_pieces(p, t):
    return minitorch.where(t == 1, -p.log(), -(1 - p).log()).mean()


def binary(p, t):
    return -(t * p.log() + (1 - t) * (1 - p).log()).mean()


z = minitorch.randn(20, dtype=minitorch.float64)
t = (y[:20] == 3).double()
losses = [binary_in_pieces(z.sigmoid(), t), binary(z.sigmoid(), t)]
losses.append(cross_entropy(minitorch.stack([minitorch.zeros_like(z), z], 1), t.long()))
print("binary loss: in pieces, in one line, as softmax of (0, z):", *(f"{v:.6f}" for v in losses))
assert np.ptp([v.item() for v in losses]) < 1e-12
assert abs(losses[0] - F.binary_cross_entropy(z.sigmoid(), t)) < 1e-12

# %% [markdown]
# The trouble is the same as above, and so is the cure. At $z = 1000$ the probability is exactly 1,
# and $\log(1 - p)$ is $-\infty$. So do not compute $p$ first:
#
# $$-\log \sigma(z) = \log (1 + e^{-z}) \qquad -\log (1 - \sigma(z)) = \log (1 + e^{z})
# = z + \log (1 + e^{-z})$$
#
# For both labels in one formula that is $z - z t + \log(1 + e^{-z})$. It is safe for positive $z$.
# For negative $z$, where $e^{-z}$ may overflow, use $\log(1 + e^{-z}) = -z + \log(1 + e^{z})$,
# which leaves $-zt + \log(1 + e^{z})$. Both together:
#
# $$L = \max(z, 0) - z t + \log (1 + e^{-|z|})$$
#
# (`log1p(a)` is $\log(1 + a)$, and exact for $a$ so small that $1 + a$ is rounded to 1.)


# %%
def binary_with_logits(z, t):
    return (z.relu() - z * t + (-z.abs()).exp().log1p()).mean()


assert abs(binary_with_logits(z, t) - losses[0]) < 1e-12
assert abs(binary_with_logits(z, t) - F.binary_cross_entropy_with_logits(z, t)) < 1e-12
extremes, opposite = minitorch.tensor([1000.0, -1000.0]), minitorch.tensor([0.0, 1.0])
naive, stable = binary(extremes.sigmoid(), opposite), binary_with_logits(extremes, opposite)
print(f"as wrong as can be, at 1000 and -1000: {naive} and {stable}")
assert not naive.isfinite()
assert stable == 1000

# %% [markdown]
# And its gradient? From $z - zt + \log(1 + e^{-z})$ it is $1 - t - e^{-z}/(1 + e^{-z})$, and since
# $e^{-z}/(1 + e^{-z}) = 1 - p$, that is $p - t$. Prediction minus truth once more, over $N$ for the
# mean.
#
# Compare the squared error, $L = (p - t)^2$. Its gradient has the slope of the sigmoid as a factor,
# $2\,(p - t)\, p\,(1 - p)$, and for a prediction that is as wrong as can be, $p$ near 0 and $t =
# 1$, that is nearly 0: the worse the mistake, the less is learned from it.

# %%
z.requires_grad_()
(g,) = minitorch.autograd.grad(binary_with_logits(z, t), [z])
assert np.allclose(g, (z.sigmoid() - t).detach() / len(z), rtol=0, atol=1e-12)
assert gradcheck(lambda z: binary_with_logits(z, t), z)
assert gradcheck(lambda z: binary(z.sigmoid(), t), z)
print("its gradient is (p - t) / N")

wrong = minitorch.tensor([-20.0], requires_grad=True)  # t = 1, and p is 2e-9
(squared,) = minitorch.autograd.grad(((wrong.sigmoid() - 1) ** 2).sum(), [wrong])
(entropy,) = minitorch.autograd.grad(binary_with_logits(wrong, minitorch.ones(1)), [wrong])
print(f"as wrong as can be: {squared.item():.0e} by the square, {entropy.item():.0f} by ours")
assert abs(squared.item()) < 1e-7
assert abs(entropy.item() + 1) < 1e-6

# %% [markdown]
# ## More than two: a sum
#
# The one-line form generalises. With a one-hot row $o$ in place of $t$ and a term for each class,
#
# $$L = -\sum_j o_j \log p_j$$
#
# All terms but one are 0, and what remains is $-\log p_t$: indexing is the same sum without the
# zeros. The long form has its use where $o$ is no label but a distribution, say 70 % a 3 and 30 %
# an 8. It is where the name comes from: the cross-entropy of two distributions.

# %%
onehot = F.one_hot(y, c).float()
logp = log_softmax_3(scores)
as_sum = -(onehot * logp).sum(1).mean()
separate = sum(-(onehot[:, k] * logp[:, k]).mean() for k in range(c))
print(f"by indexing {nll(logp, y):.6f}, as a sum over the classes {as_sum:.6f}")
assert abs(as_sum - nll(logp, y)) < 1e-6
assert abs(separate - nll(logp, y)) < 1e-6
soft = minitorch.tensor([[0.0, 0, 0, 0.7, 0, 0, 0, 0, 0.3, 0]])
assert abs(F.cross_entropy(scores[:1], soft) + (soft * logp[:1]).sum()) < 1e-6

# %%
ends = [s[~np.isfinite(lasts[f"log_softmax_{k}"])][0] for k in (1, 2)]
print(
    f"found: in float32 log(softmax) breaks at scores of {ends[0]:.0f}, x - log(sum) at "
    f"{ends[1]:.0f}, and x - logsumexp(x) never; the gradient is p - onehot over N"
)

# %% [markdown]
# ## Exercises
#
# Five more check themselves: fill in the functions in `lessons/exercises/10_cross_entropy.py`, then
# run `python -m lessons check 10`.
#
# 1. What is logsumexp of two equal numbers? Of a large one and a small one? Why is it also called
#    a smooth maximum?
# 2. Divide the scores by a *temperature* before softmax. What happens to $p$ as it goes to 0, what
#    as it grows? What becomes of the gradient?
# 3. Subtract the mean instead of the largest. For which rows is that safe, for which not?
# 4. In *label smoothing* the target is $0.9$ times the one-hot row, plus 0.01 for each of the ten
#    classes. Derive the gradient. At which scores is it 0 now?
# 5. Ten separate yes-or-no questions, each with a sigmoid, in place of one softmax: write the loss.
#    When would you want this one?
# 6. Train with the squared error between softmax and one-hot for 60 steps. Compare the gradients of
#    an image that is sure and wrong.
# 7. Let `p = softmax(x)` in float16. From which score on is $\log p$ infinite?
