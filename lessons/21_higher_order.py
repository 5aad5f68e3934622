# %% [markdown]
# # Gradients of gradients
#
# The tape can record its own backward pass, and then curvature is one more backward away.
#
# A gradient says which way is down. How far to go it does not say: that depends on how soon the
# slope changes, which is the second derivative. With it Newton's method finds a minimum in a
# handful of steps, the largest safe learning rate can be computed instead of guessed, and a loss
# may itself contain a slope, to ask for a network that is smooth.

# %%
import math

import numpy as np

import minitorch
from lessons.common import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, save_figure
from minitorch import func, gradgradcheck, nn, optim
from minitorch.autograd import forward_ad, grad
from minitorch.utils.data import digits

minitorch.manual_seed(0)
double = {"dtype": minitorch.float64}

# %% [markdown]
# ## The backward pass is a computation, too
#
# `grad(y, [x])` goes backward and returns $dy/dx$, without touching any `.grad`. With
# `create_graph=True` the rules run on tensors instead of bare arrays, so that what *they* compute
# is recorded like everything else. That works because a rule is made of the same ops as a forward
# pass: tanh's is $g - g\,y^2$, two products and a difference.

# %%
x = minitorch.tensor(0.7, requires_grad=True, **double)
with minitorch.tape(x=x) as tape:
    y = x.tanh()
    (first,) = grad(y, [x], create_graph=True)
print(tape)
assert [record.name for record in tape] == ["tanh", "mul", "mul", "sub"]
assert math.isclose(first.item(), 1 - math.tanh(0.7) ** 2)

# %% [markdown]
# Line 1 is the forward pass, the rest the backward; `x2` is the gradient that arrives, 1. The
# result is a tensor with a history, which can be differentiated again, and so on.
#
# What should come out? Each derivative of $y = \tanh x$ is a polynomial in $y$. If $d = P(y)$, then
# by the chain rule its derivative is $P'(y)\,(1 - y^2)$. So the exact values need nothing but the
# derivative of a polynomial.


# %%
def derivatives(f, x, n):
    """f and its first n derivatives at x, by going backward again and again."""
    x = x.detach().requires_grad_()
    found = [f(x)]
    for _ in range(n):
        (d,) = grad(found[-1], [x], create_graph=True)
        found.append(d)
    return [d.item() for d in found]


polynomial = np.polynomial.Polynomial([0, 1])  # y itself
slope = np.polynomial.Polynomial([1, 0, -1])  # 1 - y²
of_tanh = derivatives(minitorch.tanh, x, 6)
print("order   by the tape    by polynomial")
for n, d in enumerate(of_tanh):
    exact = polynomial(math.tanh(0.7))
    print(f"{n:5}{d:14.8f}{exact:17.8f}")
    assert math.isclose(d, exact, rel_tol=1e-9)
    polynomial = polynomial.deriv() * slope

# %% [markdown]
# The same thing as a function of functions: `func.grad(f)` is the derivative of $f$, so six of them
# in each other are the sixth. And `gradgradcheck` is lesson 7 for second derivatives: it holds the
# slopes of gradients against finite differences.

# %%
sixth = minitorch.tanh
for _ in range(6):
    sixth = func.grad(sixth)
assert math.isclose(sixth(x.detach()).item(), of_tanh[6], rel_tol=1e-9)
assert gradgradcheck(minitorch.tanh, x)

# %% [markdown]
# ## A function from its derivatives
#
# Whoever knows all derivatives of a function at one point knows the function, for many a function:
#
# $$f(x) = \sum_n \frac{f^{(n)}(0)}{n!}\, x^n$$
#
# Here $f^{(n)}$ is the $n$-th derivative, beginning with $f^{(0)}$, which is $f$ itself.
# Differentiate the sum $k$ times and put in $x = 0$: all terms are gone but one, and that is
# $f^{(k)}(0)$. This is *Taylor's series*. Cut off after some terms it is a polynomial that can
# hardly be told from $f$ near 0, and further away with more terms. For the sine the tape finds the
# derivatives 0, 1, 0, -1, over and over.


# %%
def taylor(f, terms):
    """The polynomial with the first derivatives of f at 0, f itself among them, by the tape."""
    of_f = derivatives(f, minitorch.tensor(0.0, **double), terms - 1)
    return np.polynomial.Polynomial([d / math.factorial(n) for n, d in enumerate(of_f)])


assert derivatives(minitorch.sin, minitorch.tensor(0.0, **double), 7) == [0, 1, 0, -1, 0, 1, 0, -1]
for terms in (2, 4, 8, 16, 24):
    off = {x: abs(taylor(minitorch.sin, terms)(x) - math.sin(x)) for x in (0.5, math.pi)}
    said = ", ".join(f"{d:.0e} at {x:.1f}" for x, d in off.items())
    print(f"{terms:2} derivatives: off by {said}")
assert off[math.pi] < 1e-11

# %% [markdown]
# The other way round, the series is a program that computes a sine from nothing but products and
# sums. Each term is the one before times $-x^2$, divided by the next two numbers; the loop goes on
# while terms matter. How often it turns depends on $x$. The tape does not mind: it records what has
# been done. So the slope of the program must be that of the sine, a cosine, and its second
# derivative minus a sine.


# %%
def sine(x, small=1e-14):
    y, term, n = x, x, 1
    while abs(term.item()) > small:
        term = -term * x * x / ((n + 1) * (n + 2))
        y, n = y + term, n + 2
    return y


for at in (0.5, 3.0, -6.0):
    value, first, second = derivatives(sine, minitorch.tensor(at, **double), 2)
    print(f"at {at:4}: {value:9.6f}, slope {first:9.6f}, and its slope {second:9.6f}")
    assert math.isclose(value, math.sin(at), abs_tol=1e-11)
    assert math.isclose(first, math.cos(at), abs_tol=1e-11)
    assert math.isclose(second, -math.sin(at), abs_tol=1e-11)


def draw_taylor(figure):
    figure.suptitle("From its derivatives at 0 alone the sine grows, outward from there")
    axes = figure.subplots()
    at = np.linspace(-9, 9, 400)
    axes.plot(at, np.sin(at), color=BLACK, lw=4, alpha=0.25, label="sine")
    cuts = {2: SKY, 6: GREEN, 10: BLUE, 14: PURPLE, 18: RED}
    for terms, colour in cuts.items():
        axes.plot(at, taylor(minitorch.sin, terms)(at), color=colour, label=f"{terms} derivatives")
    axes.plot(0, 0, "o", color=BLACK)
    axes.set_xlim(-9, 9)
    axes.set_ylim(-2.2, 2.2)
    axes.set_xlabel("x")
    axes.set_ylabel("y")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))


save_figure("21_taylor", draw_taylor, figsize=(8.5, 3.6))

# %% [markdown]
# ## Newton's method
#
# Where does $f(x) = e^x - 2x$ have its minimum? Gradient descent feels its way, with a learning
# rate that somebody has to choose. Newton's idea is to look at the curvature as well. Near a point
# $a$ a smooth function is about
#
# $$f(a + s) \approx f(a) + f'(a)\, s + \tfrac12 f''(a)\, s^2$$
#
# a parabola. Its lowest point is where its derivative $f'(a) + f''(a)\,s$ is 0, at
# $s = -f'(a)/f''(a)$. Go there, and repeat. No learning rate: the curvature takes its place.
#
# The exact minimum, where $f' = e^x - 2$ is 0, is $\log 2$, so we can watch the error.


# %%
def f(x):
    return x.exp() - 2 * x


def newton(f, x, steps):
    """The points that Newton's method visits on its way to a minimum."""
    points = [x]
    for _ in range(steps):
        _, d1, d2 = derivatives(f, minitorch.tensor(points[-1], **double), 2)
        points.append(points[-1] - d1 / d2)
    return points


def descent(f, x, steps, lr):
    """Those of gradient descent."""
    points = [x]
    for _ in range(steps):
        _, d1 = derivatives(f, minitorch.tensor(points[-1], **double), 1)
        points.append(points[-1] - lr * d1)
    return points


errors = {
    "Newton": [abs(x - math.log(2)) for x in newton(f, 2.0, 7)],
    "descent": [abs(x - math.log(2)) for x in descent(f, 2.0, 60, 0.2)],
}
print("step  Newton's error   descent's")
for k in range(7):
    print(f"{k:4}{errors['Newton'][k]:16.1e}{errors['descent'][k]:12.1e}")
assert errors["Newton"][6] < 1e-15
assert errors["descent"][6] > 1e-3
assert errors["descent"][60] > 1e-15

# %% [markdown]
# Once it is close, Newton's error is squared at each step, so the number of correct digits doubles.
# Why? With the error $e = a - x^*$, where $f'(x^*) = 0$, and one more term than Newton has,
#
# $$0 = f'(a - e) \approx f'(a) - f''(a)\, e + \tfrac12 f'''(a)\, e^2$$
#
# Divided by $f''$: what is left after the step, $e - f'/f''$, is about $\frac{f'''}{2 f''}\, e^2$.
# Our $f$ has $f''' = f'' = e^x$, so each error should be half the square of the one before. Descent
# has $e - \text{lr}\, f' \approx (1 - \text{lr}\, f'')\, e$ left, here $1 - 0.2 \cdot 2 = 0.6$ of
# the error. It gains the same part of a digit each time.

# %%
squares = [b / a**2 for a, b in zip(errors["Newton"][2:5], errors["Newton"][3:6])]
shares = [b / a for a, b in zip(errors["descent"][20:30], errors["descent"][21:31])]
print("Newton: error by the square of the one before: " + " ".join(f"{q:.3f}" for q in squares))
print(f"descent: error by the one before: {shares[0]:.3f}")
assert np.allclose(squares, 0.5, atol=0.05)
assert np.allclose(shares, 0.6, atol=0.001)

# %% [markdown]
# Two things can go wrong. Far away the parabola may be a poor likeness. And Newton looks for a
# point where the *slope is zero*; where the curve bends down that is a maximum, and Newton goes up.
# Here is $x^4 - 2x^2$, with minima at $\pm 1$ and a maximum at 0:

# %%
two_minima = lambda x: x**4 - 2 * x**2
ends = {start: newton(two_minima, start, 12)[-1] for start in (2.0, 0.7, 0.4)}
print("from", ", ".join(f"{a} to {b:.3f}" for a, b in ends.items()))
assert math.isclose(ends[2.0], 1)
assert math.isclose(ends[0.7], 1)
assert abs(ends[0.4]) < 1e-12


# %%
def draw_newton(figure):
    figure.suptitle("Newton doubles its correct digits with every step")
    axes = figure.subplots()
    shown = {
        "Newton": (BLUE, "o-", "Newton: s = -f'/f''"),
        "descent": (ORANGE, "s-", "gradient descent, lr 0.2"),
    }
    for name, (colour, style, label) in shown.items():
        axes.plot(np.maximum(errors[name], 1.2e-16), style, ms=5, color=colour, label=label)
    axes.axhspan(1e-17, 2.2e-16, color=GREY, alpha=0.25, lw=0)
    axes.text(16, 2.6e-17, "below the rounding of float64", color="#444444", fontsize=11)
    axes.set_yscale("log")
    axes.set_xlim(-0.5, 60)
    axes.set_ylim(1e-17, 10)
    axes.set_xlabel("step")
    axes.set_ylabel("distance to the minimum, log scale")
    axes.legend(loc="upper right")


save_figure("21_newton", draw_newton, figsize=(8, 3.8))

# %% [markdown]
# ## Two dimensions: the Hessian
#
# With several numbers in $x$ there is a second derivative for every pair, $H_{ij} = \partial^2 f /
# \partial x_i\, \partial x_j$, the *Hessian*. Row $i$ is the gradient of the $i$-th element of the
# gradient. So build the gradient with its graph, and go backward once from each of its elements.


# %%
def hessian(f, x):
    x = x.detach().requires_grad_()
    (g,) = grad(f(x), [x], create_graph=True)
    rows = [grad(g[i], [x], retain_graph=True)[0] for i in range(len(x))]
    return minitorch.stack(rows)


A = minitorch.randn(4, 4, **double)
A = A + A.T
point = minitorch.randn(4, **double)
assert np.allclose(hessian(lambda x: 0.5 * (x @ A @ x), point), A)
assert np.allclose(func.hessian(lambda x: 0.5 * (x @ A @ x))(point), A)
print("the Hessian of x A x / 2 is A: by ours and by minitorch's")

# %% [markdown]
# Near a point the gradient is about $g + H s$, each element of it as in one dimension. It is 0 for
# the solution of $H s = -g$, and that is Newton's step. We try it on Rosenbrock's function,
#
# $$f(x, y) = (1 - x)^2 + 100\,(y - x^2)^2$$
#
# a long curved valley with steep walls, made to be hard. Its minimum is 0, at (1, 1). Gradient
# descent must take steps so small that the walls do not throw it about, and then crawls along the
# bottom.


# %%
def rosenbrock(p):
    x, y = p[0], p[1]
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


start = minitorch.tensor([-1.2, 1.0], **double)
p, by_newton = start, [start.tolist()]
for _ in range(7):
    H, g = func.hessian(rosenbrock)(p), func.grad(rosenbrock)(p)
    assert np.allclose(H, hessian(rosenbrock, p))
    p = p - minitorch.tensor(np.linalg.solve(H.numpy(), g.numpy()))
    by_newton.append(p.tolist())
    print(f"Newton {len(by_newton) - 1}: x {p[0]:9.6f}, y {p[1]:9.6f}, f {rosenbrock(p):.1e}")
assert rosenbrock(p) < 1e-25

p, by_descent, lr = start.clone().requires_grad_(), [start.tolist()], 1e-3
for _ in range(3000):
    (g,) = grad(rosenbrock(p), [p])
    with minitorch.no_grad():
        p -= lr * g
    by_descent.append(p.tolist())
left = rosenbrock(p).item()
print(f"descent 3000: x {p[0]:.4f}, y {p[1]:.4f}, f {left:.1e}")
assert left > 1e-3

# %% [markdown]
# Look at the second step: Newton trusts its parabola, jumps across the wall, and the value *rises*
# from 5 to over 1000 before it falls to nothing. With so few numbers that does not matter. A
# cautious version goes only part of the way where the full step does not help.

# %%
values = [rosenbrock(minitorch.tensor(p, **double)).item() for p in by_newton]
assert values[1] < 5
assert values[2] > 1000


def draw_rosenbrock(figure):
    figure.suptitle("Newton arrives in seven steps, descent not in 3,000")
    axes = figure.subplots()
    xs, ys = np.meshgrid(np.linspace(-1.6, 1.6, 400), np.linspace(-3.5, 2.2, 400))
    z = (1 - xs) ** 2 + 100 * (ys - xs**2) ** 2
    levels = np.logspace(0, 3.5, 8)
    axes.contour(xs, ys, z, levels=levels, colors=[GREY], linewidths=0.8, alpha=0.7)
    path = np.array(by_descent)
    axes.plot(path[:, 0], path[:, 1], color=ORANGE, lw=4, label="gradient descent, lr 0.001")
    axes.plot(*path[-1], "s", color=ORANGE, ms=9)
    path = np.array(by_newton)
    axes.plot(path[:, 0], path[:, 1], "o--", color=BLUE, lw=1.6, label="Newton")
    shifts = [(-14, -16), (-6, 10), (10, -4), (-14, 6)]
    for k, shift in enumerate(shifts):
        style = {"textcoords": "offset points", "color": BLUE, "weight": "bold"}
        axes.annotate(f"{k}", path[k], xytext=shift, **style)
    axes.plot(1, 1, "*", ms=16, color=RED, label="minimum", zorder=3)
    axes.set_xlabel("x")
    axes.set_ylabel("y")
    axes.grid(visible=False)
    axes.legend(loc="lower left")


save_figure("21_rosenbrock", draw_rosenbrock, figsize=(8, 5))

# %% [markdown]
# ## The Hessian times a vector
#
# Why are networks not trained like this? Count. A network with 39,760 weights has a Hessian of
# 39,760 rows and columns, 1.6 billion numbers, six gigabytes in float32, and it would have to be
# solved in every step.
#
# But often the matrix is not needed, only what it does to a vector $v$. And that is cheap. With the
# gradient $g(x)$,
#
# $$\frac{\partial}{\partial x_i} \sum_j g_j\, v_j = \sum_j \frac{\partial g_j}{\partial x_i}\, v_j
# = \sum_j H_{ij}\, v_j$$
#
# so: take the gradient, multiply by $v$ and add up to one number, take the gradient of that. Two
# backward passes, whatever the size.


# %%
def hvp(f, parameters, vs):
    """H v, for parameters and v in lists of tensors of equal shapes."""
    gs = grad(f(*parameters), parameters, create_graph=True)
    along = sum((g * v).sum() for g, v in zip(gs, vs, strict=True))
    return grad(along, parameters)


p, v = start.clone().requires_grad_(), minitorch.randn(2, **double)
(product,) = hvp(rosenbrock, [p], [v])
assert np.allclose(product, hessian(rosenbrock, p) @ v)
_, theirs = minitorch.autograd.functional.hvp(rosenbrock, p.detach(), v)
assert np.allclose(product, theirs)

# %% [markdown]
# For a network of that size, the derivative of the gradient along $v$ can be checked by moving all
# weights a little along $v$, and seeing how the gradient changes: $Hv \approx (g(w + hv) - g(w -
# hv))/2h$.

# %%
x_train, y_train, _, _ = digits(size=28)
images, labels = x_train[:200].reshape(200, 784).double(), y_train[:200]


def loss_of(w1, b1, w2, b2):
    return nn.functional.cross_entropy((images @ w1 + b1).tanh() @ w2 + b2, labels)


shapes = [(784, 50), (50,), (50, 10), (10,)]
ws = [minitorch.randn(shape, **double) * 0.05 for shape in shapes]
vs = [minitorch.randn(shape, **double) for shape in shapes]
for w in ws:
    w.requires_grad_()
size = sum(w.numel() for w in ws)
hv = hvp(loss_of, ws, vs)

h = 1e-5
moved = []
for step in (h, -h):
    there = [(w + step * v).detach().requires_grad_() for w, v in zip(ws, vs, strict=True)]
    moved.append(grad(loss_of(*there), there))
apart = max(
    abs(ours - (up - down) / (2 * h)).max().item() / abs(ours).max().item()
    for ours, up, down in zip(hv, *moved, strict=True)
)
print(f"{size:,} weights: H would have {size**2:.1e} numbers, H v has {size:,}; off by {apart:.0e}")
assert size == 39_760
assert apart < 1e-5

# %% [markdown]
# ## The largest learning rate
#
# One use of it. On a parabola with curvature $\lambda$ a step of gradient descent multiplies the
# distance to the minimum by $1 - \text{lr}\,\lambda$ (lesson 15). Beyond $\text{lr} = 2/\lambda$
# that is less than -1, and the distance grows. In many dimensions there are many curvatures. Along
# some directions $v$, the axes of the bowl, $H$ does nothing but stretch, $H v = \lambda v$; such a
# $\lambda$ is an *eigenvalue* of $H$ and the curvature along $v$, and the largest decides.
#
# It can be found by multiplying with $H$ again and again: any $v$ is a sum of parts along the axes,
# each is multiplied by its own $\lambda$, and the one with the largest outgrows the others. (*Power
# iteration*; once $v$ has length 1 and lies along that axis, the length of $Hv$ is $\lambda$.) We
# try it where the exact answer is known: fitting the label of a digit by a weighted sum of its
# pixels. The gradient of the mean of $(x w - t)^2$ is $2\,x^\top (x w - t) / N$ (lesson 5), hence
# $H = 2\,x^\top x / N$.

# %%
x_small, y_small, _, _ = digits()
pixels, target = x_small.reshape(len(x_small), 64).double(), y_small.double()


def squared(w):
    return ((pixels @ w - target) ** 2).mean()


w = minitorch.zeros(64, requires_grad=True, **double)
v = minitorch.randn(64, **double)
for _ in range(30):
    v = v / v.norm()
    (v,) = hvp(squared, [w], [v])
largest = v.norm().item()
exact = np.linalg.eigvalsh((2 * pixels.T @ pixels / len(pixels)).numpy())[-1]
print(f"largest curvature {largest:.6f}, exactly {exact:.6f}; lr must be below {2 / largest:.5f}")
assert math.isclose(largest, exact, rel_tol=1e-6)

final = {}
for factor in (0.99, 1.01):
    w = minitorch.zeros(64, requires_grad=True, **double)
    for _ in range(1000):
        (g,) = grad(squared(w), [w])
        with minitorch.no_grad():
            w -= factor * 2 / largest * g
    final[factor] = squared(w).item()
    print(
        f"a thousand steps with {factor} of that: from {squared(0 * w):.1f} to {final[factor]:.2g}"
    )
assert final[0.99] < 10
assert final[1.01] > 1e6

# %% [markdown]
# ## Forward along a direction
#
# A last product. The *Jacobian* $J$ of a function with several outputs holds $\partial y_i/\partial
# x_j$. A backward pass computes $J^\top u$ for a vector $u$ of gradients that arrive. What about $J
# v$, how the outputs change when the inputs move along $v$? There is a trick with two backward
# passes. $J^\top u$ is linear in $u$, so its derivative by $u$, along $v$, is $J v$, whatever $u$
# is:
#
# $$\frac{\partial}{\partial u_i} \sum_j v_j \sum_k J_{kj}\, u_k = \sum_j J_{ij}\, v_j$$


# %%
def jvp(f, x, v):
    x = x.detach().requires_grad_()
    y = f(x)
    u = minitorch.zeros_like(y).requires_grad_()
    (pulled,) = grad(y, [x], [u], create_graph=True)
    return grad(pulled, [u], [v])[0]


def polar(p):
    """x and y from radius and angle."""
    return minitorch.stack([p[0] * p[1].cos(), p[0] * p[1].sin()])


p, v = minitorch.tensor([2.0, 0.5], **double), minitorch.tensor([0.3, -1.0], **double)
radius, angle = p.tolist()
J = np.array(
    [
        [math.cos(angle), -radius * math.sin(angle)],
        [math.sin(angle), radius * math.cos(angle)],
    ]
)
assert np.allclose(func.jacrev(polar)(p), J)
assert np.allclose(jvp(polar, p, v), J @ v.numpy())
assert np.allclose(func.jvp(polar, (p,), (v,))[1], J @ v.numpy())
print("J v:", jvp(polar, p, v), "by two backward passes, and by the matrix")

# %% [markdown]
# The rule of a single op is such a linear function of $g$, too. So the trick works op by op, and
# then a direction travels along with the values, from the inputs on, without a backward pass
# through the whole: *forward mode*. It gives one column of $J$ at a time where backward gives one
# row, so it is the way for few inputs and many outputs. minitorch has it under torch's name.

# %%
with forward_ad.dual_level():
    place, moved = forward_ad.unpack_dual(polar(forward_ad.make_dual(p, v)))
assert np.array_equal(place, polar(p))
assert np.allclose(moved, J @ v.numpy())
print("J v:", moved, "by a tangent that travels along")

# %% [markdown]
# ## A loss that contains a slope
#
# A network with 2,701 weights and twenty noisy points of a sine. It has far more freedom than the
# points can tie down, so it bends through nearly all of them. What we know, and it does not, is
# that the curve should be smooth. We can say so in the loss:
#
# $$L = \frac1N \sum_i (y(x_i) - t_i)^2 +
# c \cdot \operatorname{mean}\Bigl(\Bigl(\frac{dy}{dx}\Bigr)^2\Bigr)$$
#
# The second term is a *gradient penalty*. Its mean is over 64 random places, new ones in every
# step, since at fixed ones the network would be flat there and steep in between. All slopes come
# from a single backward: element $i$ of the output depends on row $i$ of $x$ only, so the gradient
# of their *sum* has $dy_i/dx_i$ in row $i$. To train, we need the penalty's gradient by the
# weights: the gradient of a gradient. `create_graph=True` is all it takes.

# %%
rng = np.random.default_rng(2)
at = np.sort(rng.uniform(-3, 3, 20))
noisy = np.sin(at) + 0.3 * rng.standard_normal(20)
points = minitorch.tensor(at.reshape(-1, 1)).float()
targets = minitorch.tensor(noisy.reshape(-1, 1)).float()
grid = minitorch.linspace(-3, 3, 241).reshape(-1, 1)


def steepness(net, x):
    """The mean square of dy/dx at the places x, as a tensor that can be differentiated."""
    x = x.detach().requires_grad_()
    (slopes,) = grad(net(x).sum(), [x], create_graph=True)
    return (slopes**2).mean()


def fit(c, steps=1000):
    """A network trained with c times the penalty, and its squared error at the points."""
    minitorch.manual_seed(0)
    net = nn.Sequential(nn.Linear(1, 50), nn.Tanh(), nn.Linear(50, 50), nn.Tanh(), nn.Linear(50, 1))
    with minitorch.no_grad():
        net[0].weight *= 3  # so that it can bend quickly
    optimizer = optim.Adam(net.parameters(), lr=0.01)
    for _ in range(steps):
        error = ((net(points) - targets) ** 2).mean()
        loss = error + c * steepness(net, 6 * minitorch.rand(64, 1) - 3)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net, error.item()


fits = {}
for c in (0.0, 0.1):
    net, error = fit(c)
    with minitorch.no_grad():
        curve = net(grid).flatten().numpy()
    off = float(((curve - np.sin(grid.numpy().ravel())) ** 2).mean())
    fits[c] = (curve, error, steepness(net, grid).item(), off)
    print(f"c {c}: error at the points {error:.3f}, steepness {fits[c][2]:.2f}, ", end="")
    print(f"distance to the sine {off:.3f}")
without, smooth = fits[0.0], fits[0.1]
assert sum(p.numel() for p in net.parameters()) == 2701
assert smooth[1] > without[1]
assert smooth[2] < 0.2 * without[2]
assert smooth[3] < 0.4 * without[3]

# %% [markdown]
# The penalty costs some accuracy at the points, and brings the curve much closer to the sine
# they came from. In higher dimensions the same term keeps a classifier from changing its mind over
# a few pixels.
#
# Two remarks. Without `create_graph` the slope would be a bare number, the penalty a constant, and
# its gradient zero; nothing would fail, and nothing would become smoother. And a network of relus
# can be penalised, too: its second derivative by $x$ is 0, but the slope depends on the weights.

# %%
x = grid.clone().requires_grad_()
(cut,) = grad(net(x).sum(), [x])
assert not cut.requires_grad
assert steepness(net, grid).requires_grad
weight = minitorch.randn(1, 4, requires_grad=True)
assert gradgradcheck(
    lambda x, w: (x @ w).relu().sum(1), (minitorch.randn(3, 1).requires_grad_(), weight)
)


# %%
def draw_penalty(figure):
    figure.suptitle("Asked to be smooth, the network finds the sine behind the noise")
    axes = figure.subplots()
    z = grid.numpy().ravel()
    axes.plot(z, np.sin(z), color=BLACK, ls=":", label="sine, which the points come from")
    axes.plot(z, without[0], color=RED, ls="--", label="no penalty")
    axes.plot(z, smooth[0], color=GREEN, label="with c = 0.1")
    axes.plot(at, noisy, "o", color=BLACK, ms=7, label="twenty noisy points")
    axes.set_xlabel("x")
    axes.set_ylabel("y")
    axes.set_xlim(-3, 3)
    axes.legend(loc="upper left", fontsize=10)


save_figure("21_penalty", draw_penalty, figsize=(8, 4))

# %%
print(
    "found: seven Newton steps bring Rosenbrock's function below 1e-25, 3,000 of descent to "
    f"{left:.2f}; a gradient penalty cuts the distance to the sine from {without[3]:.2f} to "
    f"{smooth[3]:.2f}"
)

# %% [markdown]
# ## Exercises
#
# Five more check themselves: fill in the functions in `lessons/exercises/21_higher_order.py`, then
# run `python -m lessons check 21`.
#
# 1. How many lines does the tape of the sixth derivative of tanh have? Of the third? Why does it
#    grow, and what would a cleverer rule for tanh save?
# 2. Let Newton take only half of the way as long as the full step would raise the value, and half
#    of that, and so on. How many steps does it take on Rosenbrock's function now?
# 3. Make `newton` go down from 0.4 on $x^4 - 2x^2$, with `abs` in one place. What is the idea?
# 4. Solve $H s = -g$ without $H$: the method of conjugate gradients needs only products $H v$. Use
#    it for a Newton step of the digits' linear fit. How many products does it take?
# 5. Find the largest curvature of the network above during training. How does $2/\lambda$ compare
#    with the learning rate?
# 6. Penalise the *second* derivative of the curve instead, mean of $(d^2y/dx^2)^2$. What looks
#    different at the ends?
# 7. In `jvp`, why may `u` be zero? Try it with random numbers.
