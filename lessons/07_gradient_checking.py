# %% [markdown]
# # Gradient checking
#
# We plant ten wrong gradients, see what looks right all the same, and find all ten.
#
# A wrong value is noticed: the answer is off, a test fails. A wrong gradient hides. Training goes
# on, the loss falls, only not as far as it could, and nobody knows how far that would have been. So
# each gradient we write is held against the definition of a derivative. This lesson is about doing
# that well, since a check can be wrong, too. Five of the ten mistakes are the classic ones.

# %%
import warnings

import numpy as np

import minitorch
from lessons.common import BLUE, ORANGE, RED, save_figure
from minitorch import gradcheck, op
from minitorch.autograd import Function

minitorch.manual_seed(0)

# %% [markdown]
# ## An op of your own
#
# In minitorch an op is a function on NumPy arrays, and below it a rule for each input: given $g$,
# the gradient that arrives for $y$, what is the gradient of the input? Here is tanh. Its slope is
# $1 - y^2$, so
#
# $$\frac{\partial L}{\partial x} = g\,(1 - y^2)$$
#
# A rule names what it needs after `g`: the output `y`, or inputs by their names. `@op` in front of
# a function makes an op of it; the op is called like the function.


# %%
@op
def right_tanh(x):
    return np.tanh(x)


right_tanh.grad(x=lambda g, y: g * (1 - y * y))


@op
def wrong_tanh(x):
    return np.tanh(x)


wrong_tanh.grad(x=lambda g, y: g * (1 - y))  # the square is missing

# %% [markdown]
# ## A wrong gradient is silent
#
# Two networks with 30 hidden numbers learn a wavy curve. They start from the same weights and
# differ in one thing: the gradient of the second is wrong.


# %%
def train(tanh, steps=1000, lr=0.05):
    """Fits a curve; the loss at every step."""
    minitorch.manual_seed(0)
    x = minitorch.linspace(-3, 3, 64).reshape(-1, 1)
    t = x.sin() + 0.5 * (3 * x).sin()
    w1, b1 = minitorch.randn(1, 30), minitorch.randn(30)
    w2, b2 = minitorch.randn(30, 1) * 0.1, minitorch.zeros(1)
    parameters = [w1, b1, w2, b2]
    for p in parameters:
        p.requires_grad_()
    losses = []
    for _ in range(steps):
        loss = ((tanh(x @ w1 + b1) @ w2 + b2 - t) ** 2).mean()
        loss.backward()
        with minitorch.no_grad():
            for p in parameters:
                p -= lr * p.grad
                p.grad = None
        losses.append(loss.item())
    return losses


right, wrong = train(right_tanh), train(wrong_tanh)
print("loss at step         1      100     1000")
for name, losses in {"right": right, "wrong": wrong}.items():
    print(f"{name:12}{losses[0]:10.4f}{losses[99]:9.4f}{losses[999]:9.4f}")
assert right[0] == wrong[0]
assert wrong[99] < 0.2 * wrong[0]
assert wrong[99] < 1.1 * right[99]
assert wrong[999] > 1.1 * right[999]
assert max(wrong[k] for k in range(10, 1000, 10)) < wrong[0] / 3  # it falls, as a loss should

# %% [markdown]
# After 100 steps both have learned most of it, and nothing in the second curve gives it away. The
# missing square scales what passes through tanh, by $1 - y$ for $1 - y^2$, but keeps its sign,
# since both are positive where $-1 < y < 1$. So the step goes roughly downhill, and roughly is
# enough for a while. "It learns" is no test.


# %%
def draw_silent(figure):
    figure.suptitle("A wrong gradient learns, too: the dashed line looks healthy")
    axes = figure.subplots()
    steps = range(1, len(right) + 1)
    axes.plot(steps, right, color=BLUE, label="tanh with gradient g (1 - y²)")
    axes.plot(steps, wrong, color=RED, ls="--", label="tanh with gradient g (1 - y)")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks([1, 10, 100, 1000], ["1", "10", "100", "1000"])
    axes.set_yticks([0.03, 0.1, 0.3], ["0.03", "0.1", "0.3"])
    axes.minorticks_off()
    axes.set_xlabel("step, log scale")
    axes.set_ylabel("mean squared error, log scale")
    axes.legend()


save_figure("07_silent", draw_silent, figsize=(8, 3.6))

# %% [markdown]
# ## The check, by hand
#
# The definition of a derivative: move one number by $\pm h$, and see how far $L$ moves. We did it
# for single weights; now for every element of every input of any function. The result $y$ may have
# many elements, and a slope belongs to one number. So we make one of it, with a weight for each
# element, $L = \sum_i g_i\, y_i$. For that $L$ the gradient that arrives at $y$ is $g$.
#
# How far apart are two lists of numbers? We take the largest difference, as a share of the largest
# slope; where all slopes are small, it stands as it is. Random $g$, float64, $h = 10^{-5}$ and
# every element are what a good check does. The options do something else instead: below we try what
# each of the four is good for.


# %%
def slope(f, xs, x, index, g, h):
    """(L(x + h) - L(x - h)) / 2h for one element of x, one of the inputs xs."""
    value = x[index].item()
    ends = []
    for moved in (value + h, value - h):
        x[index] = moved
        ends.append((f(*xs) * g).sum().item())
    x[index] = value
    return (ends[0] - ends[1]) / (2 * h)


def disagreement(f, inputs, ones=False, dtype=minitorch.float64, h=1e-5, first_only=False):
    """The largest difference of gradient and slope, over the largest slope, or over 1."""
    xs = [x.detach().to(dtype).clone().requires_grad_() for x in inputs]
    y = f(*xs)
    g = minitorch.ones_like(y) if ones else minitorch.randn(y.shape, dtype=dtype)
    y.backward(g)
    worst = 0.0
    with minitorch.no_grad():
        for x in xs:
            places = [(0,) * x.ndim] if first_only else list(np.ndindex(x.shape))
            slopes = np.array([slope(f, xs, x, i, g, h) for i in places])
            rule = np.array([x.grad[i].item() for i in places])
            worst = max(worst, abs(rule - slopes).max() / max(1.0, abs(slopes).max()))
    return worst


x = minitorch.randn(2, 3)
print(f"right: {disagreement(right_tanh, [x]):.0e}   wrong: {disagreement(wrong_tanh, [x]):.1f}")
assert disagreement(right_tanh, [x]) < 1e-8
assert disagreement(wrong_tanh, [x]) > 0.1

# %% [markdown]
# minitorch has this check, too. It returns True, or raises an error that tells what is wrong.

# %%
x.requires_grad_()
assert gradcheck(right_tanh, x)


def refusal(f, inputs):
    """What gradcheck has against the gradients of f; None where it has nothing."""
    xs = [x.detach().clone().requires_grad_() for x in inputs]
    try:
        gradcheck(f, xs)
    except minitorch.GradcheckError as error:
        return str(error)
    return None


said = refusal(wrong_tanh, [x])
print(said.partition("\n")[0])
assert "6 of 6 elements disagree" in said

# %% [markdown]
# Torch's way to write an op is a class, and it is checked in the same way. `forward` and `backward`
# are two functions, and `ctx`, the *context*, carries what the first saves over to the second.
# `Cube.apply` is what one calls.


# %%
class Cube(Function):
    """y = x³          dL/dx = 3 g x²"""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * g * x * x


assert gradcheck(Cube.apply, x)

# %% [markdown]
# ## Five classic mistakes, and a sixth
#
# The mistakes that people make when they derive a gradient are few: a sign, a factor, a sum that is
# missing where something was repeated, a matrix not transposed, a mean where a sum belongs. We
# plant each of them in an op that we would otherwise get right. First the forward functions, each
# with its gradients. For the bell, the chain rule: the outer slope is $e^{-x^2} = y$, the inner one
# $-2x$.


# %%
def bell(x):
    """y = e^(-x²)               dL/dx = -2 g x y"""
    return np.exp(-x * x)


def mean_square(x):
    """y = Σ x² / n              dL/dx = 2 g x / n"""
    return (x * x).mean()


def affine(x, w, b):
    """y = x w + b               dL/dx = g wᵀ,   dL/dw = xᵀ g,   dL/db = Σ_rows g"""
    return x @ w + b


# %% [markdown]
# `made` makes an op of a function and its rules. Each entry has a right op, a wrong one, and the
# inputs to try it on.


# %%
def made(body, **rules):
    """An op of that function, with these rules."""
    new = op(body)
    new.grad(**rules)
    return new


def affine_with(**wrong):
    """The op affine, with the right rules where no other is given."""
    rules = {"x": lambda g, w: g @ w.T, "w": lambda g, x: x.T @ g, "b": lambda g: g.sum(0)}
    return made(affine, **(rules | wrong))


a, w, b = minitorch.randn(4, 3), minitorch.randn(3, 3), minitorch.randn(3)
v = minitorch.randn(3, 4)
planted = {
    "sign": (
        made(bell, x=lambda g, x, y: -2 * g * x * y),
        made(bell, x=lambda g, x, y: 2 * g * x * y),
        [v],
    ),
    "factor": (
        made(mean_square, x=lambda g, x: 2 * g * x / x.size),
        made(mean_square, x=lambda g, x: g * x / x.size),
        [v],
    ),
    "sum forgotten": (affine_with(), affine_with(b=lambda g: g[0]), [a, w, b]),
    "transposed": (affine_with(), affine_with(w=lambda g, x: g.T @ x), [a, w, b]),
    "mean for sum": (affine_with(), affine_with(b=lambda g: g.mean(0)), [a, w, b]),
    "detached": (lambda x: x * x, lambda x: x * x.detach(), [v]),
}

# %% [markdown]
# The sixth is no wrong rule. `x.detach()` is $x$ without its history, so the tape knows of one of
# the two ways by which $x$ acts on $x \cdot x$, and finds half of the slope. It also happens
# without that word: with `x.numpy()` in the middle of a computation, or a block under `no_grad`.
#
# Now let gradcheck read them. Its report ends with the likely cause; we pick out that line.


# %%
def likely_cause(f, inputs):
    """The cause that gradcheck names."""
    (line,) = [line for line in refusal(f, inputs).splitlines() if "likely cause" in line]
    return line.partition("likely cause: ")[2]


causes = {name: likely_cause(wrong_op, xs) for name, (_, wrong_op, xs) in planted.items()}
for name, cause in causes.items():
    print(f"{name:14} {cause}")
assert all(refusal(right_op, xs) is None for right_op, _, xs in planted.values())
assert "sign is flipped" in causes["sign"]
assert "1/2 times the slope" in causes["factor"]
assert "missing sum" in causes["sum forgotten"]
assert "transposed" in causes["transposed"]
assert "1/4 times the slope, everywhere: a mean where" in causes["mean for sum"]
assert "cut off by detach()?" in causes["detached"]

# %% [markdown]
# A wrong shape does not get that far. If a rule returned $g$ as it came, (4, 3) for a bias of shape
# (3,), or the transpose of a matrix that is not square, the engine itself would refuse it.

# %%
unsummed = affine_with(b=lambda g: g)
said = refusal(unsummed, [a, w, b])
print(said)
assert "(4, 3), expected (3,)" in said

# %% [markdown]
# ## Reading the report
#
# In full, for the sign:

# %%
_, wrong_op, xs = planted["sign"]
report = refusal(wrong_op, xs)
print(report)
assert "bell: wrong gradient of input 0 ('x'): 12 of 12 elements" in report
assert "it is not noise" in report

# %% [markdown]
# From above:
#
# - which input, and how many of its elements are wrong. All of them points to the formula; a few
#   to an edge, or to one branch of it;
# - a line to repeat it with, the same random numbers included;
# - the elements that are furthest off. Look at the last column first: a *ratio* that is the same
#   everywhere, -1 or 0.5, is a factor, and ratios in disorder are something else;
# - the likely cause, where one of the usual mistakes explains all the numbers;
# - the slopes to the left and to the right as $h$ shrinks. If they approach one number, the
#   function is smooth and the rule is wrong. If a gap stays, it has a kink there;
# - whether the slope itself can be trusted: with a tenth of the step it must be nearly the same.
#
# ## Why random g?
#
# It would be simpler to weight all outputs with 1, that is, to check $L = \sum_i y_i$. Look what
# that does to softmax, $y_j = e^{x_j} / S$ with $S = \sum_k e^{x_k}$, which turns numbers into
# shares of one. When $x_i$ moves, $S$ moves by $e^{x_i}$ times as much, and that is in all outputs;
# in $y_i$ the numerator moves as well. By the rule for quotients:
#
# $$\frac{\partial y_j}{\partial x_i} = -\frac{e^{x_j} e^{x_i}}{S^2} = -y_j\, y_i
# \quad (j \ne i) \qquad
# \frac{\partial y_i}{\partial x_i} = \frac{e^{x_i} S - e^{x_i} e^{x_i}}{S^2} = y_i - y_i\, y_i$$
#
# Each weighted with its $g_j$ and added up:
#
# $$\frac{\partial L}{\partial x_i} = y_i\,\bigl(g_i - \textstyle\sum_j g_j\, y_j\bigr)$$
#
# Its outputs add up to 1 whatever $x$ is, so with $g = 1$ there is nothing to find: every slope is
# 0. The rule without the leading $y_i$ gives $1 - \sum_j y_j = 0$ as well, and passes. The second
# rule below forgets $g$ altogether.


# %%
def softmax(x):
    """y_i = e^x_i / Σ_j e^x_j   dL/dx = y (g - Σ_j g_j y_j)"""
    e = np.exp(x)
    return e / e.sum(axis=-1, keepdims=True)


def cube(x):
    """y = x³                    dL/dx = 3 g x²"""
    return x * x * x


planted["y forgotten"] = (
    made(softmax, x=lambda g, y: y * (g - (g * y).sum(axis=-1, keepdims=True))),
    made(softmax, x=lambda g, y: g - (g * y).sum(axis=-1, keepdims=True)),
    [v],
)
planted["g ignored"] = (
    made(cube, x=lambda g, x: 3 * g * x * x),
    made(cube, x=lambda g, x: 3 * x * x),
    [v],
)
for name in ("y forgotten", "g ignored"):
    _, wrong_op, xs = planted[name]
    with_ones, with_random = disagreement(wrong_op, xs, ones=True), disagreement(wrong_op, xs)
    print(f"{name:11} with ones {with_ones:.0e}, with random g {with_random:.0e}")
    assert with_ones < 1e-6
    assert with_random > 0.1
print(likely_cause(planted["g ignored"][1], [v]))
assert "does not depend on g" in likely_cause(planted["g ignored"][1], [v])

# %% [markdown]
# A rule that forgets $g$ passes with ones for a simpler reason: $3x^2 \cdot 1 = 3x^2$. Inside a
# network, where what arrives is not 1, both are wrong. Random weights leave no such symmetry to
# hide behind.
#
# And a check that has nothing to compare should say so instead of passing. The sum of a softmax is
# 1 and stays 1:

# %%
said = refusal(lambda x: x.softmax(1).sum(), [v])
print(said.partition(". ")[0])
assert "nothing decided" in said

# %% [markdown]
# ## Why float64?
#
# Lesson 5 showed that the error of a difference has a floor, below which no choice of $h$ gets: a
# large step sees the curvature, a small one the rounding. In float32 the floor is high. Take
# $y = 2^x = e^{x \log 2}$, whose gradient is $g\,y \log 2$, and someone who types the constant,
# 0.693147, with five digits.


# %%
def power_of_two(x):
    """y = 2^x                   dL/dx = g y log 2"""
    return 2**x


planted["rounded"] = (
    made(power_of_two, x=lambda g, y: g * y * np.log(2.0).astype(y.dtype)),
    made(power_of_two, x=lambda g, y: g * y * np.asarray(0.69315, y.dtype)),
    [v],
)
right_op, wrong_op, xs = planted["rounded"]
print("     h   float32: right    wrong   float64: right    wrong")
table = []
for h in (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6):
    row = [
        disagreement(f, xs, dtype=dtype, h=h)
        for dtype in (minitorch.float32, minitorch.float64)
        for f in (right_op, wrong_op)
    ]
    table.append(row)
    print(f"{h:6.0e}{row[0]:17.0e}{row[1]:9.0e}{row[2]:17.0e}{row[3]:9.0e}")
floor32, _, floor64, seen = np.min(table, axis=0)
print(f"the mistake is {seen:.0e}; the best that float32 can do is {floor32:.0e}")
assert seen < floor32 < 1e-3
assert floor64 < seen / 1000

# %% [markdown]
# In float32 the right rule is off by more than the mistake, at every $h$: the two columns look
# alike. In float64 a mistake in the sixth digit stands out clearly. So gradcheck works on float64
# copies of its inputs. The inputs themselves it leaves alone.

# %%
x32 = minitorch.randn(2, 3, requires_grad=True)
before = x32.detach().clone()
assert gradcheck(right_op, x32)
assert x32.dtype == minitorch.float32
assert (x32 == before).all()

# %% [markdown]
# If a function rounds to float32 on its inside, copies do not help: what it computes is a
# staircase. Then the check does not guess.

# %%
said = refusal(lambda x: x.float().sin().double(), [x32])
print(said)
assert "float32 inside" in said

# %% [markdown]
# ## Kinks
#
# Relu has a kink at 0: slope 0 on the left, 1 on the right, and none in the middle. A difference
# across it gives the mean of the two, ½, while the rule says 0. That is no mistake. Our own check
# cries wolf. It does so even close to 0, at any $|x| < h$, where the two ends lie on different
# sides of the kink: at $x = 0.3\,h$ the difference is $(1.3\,h - 0) / 2h = 0.65$. Tests like that
# fail once in a while, for no reason that anyone finds. (With $g = 1$, to see the plain numbers.)

# %%
relu = minitorch.relu
at_zero, near_zero = minitorch.tensor([-1.0, 0.0, 2.0]), minitorch.tensor([-1.0, 3e-6, 2.0])
at, near = (disagreement(relu, [x], ones=True) for x in (at_zero, near_zero))
print(f"our check: off by {at:.2f} at 0, by {near:.2f} at 0.3 h, and nothing is wrong")
assert abs(at - 0.5) < 1e-6  # the rule says 0
assert abs(near - 0.35) < 1e-6  # the rule says 1

# %% [markdown]
# gradcheck looks again with a smaller step. If the disagreement disappears, the kink was only near
# by. If left and right still differ, it is *at* a kink, and any number between the two slopes is
# accepted, with a warning: this element was not checked. A rule outside of the two is wrong. (The
# slopes in the warning are those of $L$, so they carry the random $g$ of their element.)

# %%
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    assert gradcheck(relu, near_zero.requires_grad_())
    assert not caught
    assert gradcheck(relu, at_zero.requires_grad_())
    (warning,) = caught
print(warning.message)
assert "1 of 3 elements" in str(warning.message)

two_at_zero = made(
    lambda x: np.maximum(x, 0), x=lambda g, x: g * np.where(x > 0, 1, np.where(x == 0, 2, 0))
)
said = refusal(two_at_zero, [at_zero])
print(next(line.strip() for line in said.splitlines() if "kink" in line))
assert "the rule lies outside the two slopes" in said

# %% [markdown]
# What minitorch's rules answer at such points, at kinks, ties and poles, is a choice, and the
# choices stand in one table, `docs/undefined-gradients.md`. So the check can be trusted at random
# points: 200 seeds each of two functions that are full of kinks, and not one false alarm. (`amax`
# takes the largest number of each row. Its kinks are where two share the first place.)

# %%
for seed in range(200):
    x = minitorch.randn(3, 4, generator=minitorch.Generator().manual_seed(seed), requires_grad=True)
    assert gradcheck(lambda x: x.relu() + x.abs(), x)
    assert gradcheck(lambda x: x.amax(1), x)
print("400 checks of relu, abs and amax at random points: no false alarm")

# %% [markdown]
# ## Checking the checks
#
# A check that never fails is worthless, and does not look it. So it needs a test, and we have all
# that takes: wrong rules that it must refuse, and the right ones that it must accept. One more, for
# those who look at a single element: a rule that is wrong only at the edge.


# %%
def rises(x):
    """y_i = x_i+1 - x_i         dL/dx_i = g_i-1 - g_i, without what does not exist"""
    return x[1:] - x[:-1]


planted["edge"] = (
    made(rises, x=lambda g: np.concatenate([-g[:1], g[:-1] - g[1:], g[-1:]])),
    made(rises, x=lambda g: np.concatenate([-g[:1], g[:-1] - g[1:], 0 * g[-1:]])),
    [minitorch.randn(6)],
)

# %% [markdown]
# Five checks, each a function that says whether an op passes. The first takes a hundred steps
# downhill and looks whether the loss falls. The others compare with slopes: at the first element
# only; with ones; in float32, with a tolerance of 0.1 %, since what is right must pass;
# and gradcheck. Whatever a check finds counts only if it also accepts all ten right rules, so that
# is asserted, too. A sixth, for comparison, is a test that nobody wrote.


# %%
def loss_falls(f, inputs):
    """Can gradient descent move the inputs so that the outputs become those of other inputs?"""
    xs = [x.detach().double().requires_grad_() for x in inputs]
    target = f(*(x.detach() / 2 for x in xs)).detach()
    losses = []
    for _ in range(100):
        loss = ((f(*xs) - target) ** 2).sum()
        loss.backward()
        losses.append(loss.item())
        with minitorch.no_grad():
            for x in xs:
                x -= 0.01 * x.grad
                x.grad = None
    return losses[-1] < 0.9 * losses[0]


def nothing(f, inputs):
    return True


checks = {
    "no check": nothing,
    "the loss\nfalls": loss_falls,
    "first\nelement": lambda f, xs: disagreement(f, xs, first_only=True) < 1e-6,
    "g = 1": lambda f, xs: disagreement(f, xs, ones=True) < 1e-6,
    "float32": lambda f, xs: disagreement(f, xs, dtype=minitorch.float32, h=1e-2) < 1e-3,
    "gradcheck": lambda f, xs: refusal(f, xs) is None,
}
finds = {}
off = max(disagreement(f, xs, dtype=minitorch.float32, h=1e-2) for f, _, xs in planted.values())
print(f"in float32 a right rule is off by up to {off:.0e}")
assert 1e-5 < off < 3e-4  # on the safe side of the tolerance, above the rounded constant
for label, check in checks.items():
    assert all(check(right_op, xs) for right_op, _, xs in planted.values()), label
    finds[label] = [name for name, (_, wrong_op, xs) in planted.items() if not check(wrong_op, xs)]
    missed = [name for name in planted if name not in finds[label]]
    print(f"{label.replace(chr(10), ' '):14} finds {len(finds[label]):2} of {len(planted)}", end="")
    print(f"; not {', '.join(missed)}" if 0 < len(missed) < len(planted) else "")
assert len(planted) == 10
assert finds["no check"] == []
assert finds["the loss\nfalls"] == ["sign", "g ignored"]
assert set(planted) - set(finds["g = 1"]) == {"y forgotten", "g ignored"}
assert "edge" not in finds["first\nelement"]
assert set(planted) - set(finds["float32"]) == {"rounded"}
assert finds["gradcheck"] == list(planted)

# %% [markdown]
# A loss that falls shows the two that lead uphill or blow up, and nothing else. The first element
# is on the diagonal of a matrix, where transposing changes nothing, and is not on the far edge.
# What passes with ones we have seen. Float32 misses the rounded constant. The test that nobody
# wrote finds none, and is as green as the others.


# %%
def draw_matrix(figure):
    figure.suptitle("Of ten planted mistakes a falling loss shows two, gradcheck all")
    axes = figure.subplots()
    labels = [label for label in checks if label != "no check"]
    for j, label in enumerate(labels):
        for i, name in enumerate(planted):
            found = name in finds[label]
            style = {
                "width": 0.9,
                "height": 0.84,
                "edgecolor": BLUE if found else ORANGE,
                "lw": 1.5,
            }
            axes.bar(j, bottom=i - 0.42, color=BLUE if found else "white", **style)
            word, colour = ("found", "white") if found else ("passes", "#8A5A00")
            axes.text(j, i, word, ha="center", va="center", color=colour, fontsize=11)
    totals = [f"{label}\n{len(finds[label])} of {len(planted)}" for label in labels]
    axes.set_xticks(range(len(labels)), totals)
    axes.set_yticks(range(len(planted)), list(planted))
    axes.set_xlim(-0.5, len(labels) - 0.5)
    axes.set_ylim(len(planted) - 0.5, -0.5)
    axes.tick_params(length=0)
    axes.xaxis.tick_top()
    axes.grid(visible=False)
    for side in axes.spines.values():
        side.set_visible(False)


save_figure("07_gradient_checking", draw_matrix, figsize=(8, 5.2))

# %% [markdown]
# ## minitorch itself
#
# Its own ops are held by the same check: all of them, in its tests. Here are ten, and what happens
# when we break one.

# %%
names = ["exp", "log", "sin", "tanh", "sigmoid", "sqrt", "square", "reciprocal", "relu", "abs"]
x = (minitorch.rand(2, 3) + 0.5).requires_grad_()
assert all(gradcheck(getattr(minitorch, name), x) for name in names)

minitorch.tanh.grad(x=lambda g, y: -(g - g * y * y))
broken = likely_cause(minitorch.tanh, [x])
minitorch.tanh.grad(x=lambda g, y: g - g * y * y)
print(f"tanh with a minus: {broken}")
assert "sign is flipped" in broken
assert gradcheck(minitorch.tanh, x)

# %%
print(
    f"found: gradcheck finds {len(finds['gradcheck'])} of {len(planted)} planted mistakes, ones "
    f"for g {len(finds['g = 1'])}, a falling loss {len(finds[list(checks)[1]])}"
)

# %% [markdown]
# ## Exercises
#
# Six more check themselves: fill in the functions in `lessons/exercises/07_gradient_checking.py`,
# then run `python -m lessons check 07`. One of them is a test, which is tested as above: how many
# of five planted mistakes does it find?
#
# 1. Write an op for $y = x / (1 + e^{-x})$, with its rule, and check it. Then plant a mistake of
#    your own and have gradcheck name it. Is there one that it finds and cannot name?
# 2. Which rules pass with $g = 1$ for the op $y = x\,A$ with a fixed matrix $A$? And with one
#    random $g$? With two?
# 3. Change `disagreement` so that it, too, tells kinks from mistakes. What do you do at
#    $|x| = h/1000$?
# 4. The rules above are checked at one random point. Find a wrong rule for `affine` that is right
#    when $x$ has mean 0, and one for `relu` that only points below 0 can show.
# 5. A matrix of 1,000 by 1,000 numbers takes two million evaluations. Check the slope along a
#    random *direction* instead: $L(x + hv)$ against $\sum_i v_i\,\partial L/\partial x_i$. How many
#    directions are needed for which of the ten mistakes?
# 6. A function adds random noise to its input, other noise at every call. What do the slopes look
#    like? What does a gradient check need from such a function?
