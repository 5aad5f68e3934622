# %% [markdown]
# # The tape
#
# Sixty lines turn numbers into numbers that know their own gradients; minitorch does it to arrays.
#
# In lesson 5 we wrote the backward pass by hand, for one network. Another network would need
# another one. But every computation, however long, is a row of small steps, and the derivative of
# each small step is known. A program that remembers which steps it took can walk back on its own.
# That memory is called the tape.

# %%
import itertools
import math
import random
import sys

import minitorch
from lessons.common import BLUE, GREY, ORANGE, RED, save_figure

minitorch.manual_seed(0)

# %% [markdown]
# ## A number that remembers
#
# We start with single numbers, so that nothing distracts. A `Value` holds a number and three things
# about its origin: the op that made it, the Values that went in, its *parents*, and how fast it
# moves with each of them, the *slopes*. For $y = a\,b$ the slopes are $\partial y/\partial a = b$
# and $\partial y/\partial b = a$. For $y = \tanh a = (e^a - e^{-a}) / (e^a + e^{-a})$, a curve that
# rises from -1 to 1, the rule for quotients gives $1 - y^2$. All of this is known at the moment of
# computing. Each Value also gets a number at birth, which will be useful at once.
#
# Going backward, let $g = \partial L/\partial y$ be how the final result $L$ answers to a change of
# $y$. When $a$ moves by a little, $y$ moves by $\partial y/\partial a$ times as much, and $L$ by
# $g$ times that. So $y$ sends $g\;\partial y/\partial a$ to its parent $a$. If $a$ was used in
# several places, each of them sends something, and the effects add up. This is the chain rule, all
# of it:
#
# $$\frac{\partial L}{\partial a} = \sum_{y \text{ made from } a}
# \frac{\partial L}{\partial y}\, \frac{\partial y}{\partial a}$$

# %%
next_birth = itertools.count(1).__next__


class Value:
    """A number that remembers what it was computed from."""

    def __init__(self, data, op="leaf", parents=(), slopes=()):
        self.data, self.op = data, op
        self.parents, self.slopes = parents, slopes
        self.birth = next_birth()
        self.grad = 0.0

    def __repr__(self):
        return f"Value({self.data:.4g}, {self.op})"

    # y = a + b       dy/da = 1,   dy/db = 1
    def __add__(self, other):
        other = as_value(other)
        return Value(self.data + other.data, "add", (self, other), (1.0, 1.0))

    # y = a b         dy/da = b,   dy/db = a
    def __mul__(self, other):
        other = as_value(other)
        return Value(self.data * other.data, "mul", (self, other), (other.data, self.data))

    # y = a^k         dy/da = k a^(k-1), for a constant k
    def __pow__(self, k):
        return Value(self.data**k, "pow", (self,), (k * self.data ** (k - 1),))

    # y = tanh a      dy/da = 1 - y^2
    def tanh(self):
        y = math.tanh(self.data)
        return Value(y, "tanh", (self,), (1 - y * y,))

    # the rest is spelt with these
    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + -as_value(other)

    def __rsub__(self, other):
        return -self + other

    __radd__, __rmul__ = __add__, __mul__

    def backward(self):
        """Adds dL/dx, where L is this number, into x.grad of every leaf x that L came from."""
        gradients = {self: 1.0}
        for node in newest_first(self):
            g = gradients.pop(node)
            if node.op == "leaf":
                node.grad += g
            for parent, slope in zip(node.parents, node.slopes, strict=True):
                gradients[parent] = gradients.get(parent, 0.0) + g * slope


def as_value(x):
    return x if isinstance(x, Value) else Value(x)


def newest_first(root):
    """Every Value that `root` was made from, itself included, the youngest first."""
    found, stack = {root}, [root]
    while stack:
        for parent in stack.pop().parents:
            if parent not in found:
                found.add(parent)
                stack.append(parent)
    return sorted(found, key=lambda node: -node.birth)


# %% [markdown]
# The smallest neuron: $L = \tanh(w x + b)^2$, four ops. By hand, with $y = \tanh(w x + b)$,
#
# $$\frac{\partial L}{\partial w} = 2y\,(1 - y^2)\,x \qquad
# \frac{\partial L}{\partial x} = 2y\,(1 - y^2)\,w \qquad
# \frac{\partial L}{\partial b} = 2y\,(1 - y^2)$$

# %%
w, x, b = Value(0.5), Value(3.0), Value(-1.0)
L = (w * x + b).tanh() ** 2
L.backward()

y = math.tanh(0.5 * 3 - 1)
assert L.data == y**2
assert math.isclose(w.grad, 2 * y * (1 - y**2) * 3)
assert math.isclose(x.grad, 2 * y * (1 - y**2) * 0.5)
assert math.isclose(b.grad, 2 * y * (1 - y**2))
print(f"L = {L.data:.4f}; dL/dw {w.grad:.4f}, dL/dx {x.grad:.4f}, dL/db {b.grad:.4f}")

# %% [markdown]
# ## Backward, step by step
#
# Let it tell what it does. The loop is the one in `backward`, with a line printed for each op.


# %%
def explain(root):
    """The backward pass in words, a line for each op."""
    gradients, lines = {root: 1.0}, []
    for node in newest_first(root):
        g = gradients.pop(node)
        sent = []
        for parent, slope in zip(node.parents, node.slopes, strict=True):
            gradients[parent] = gradients.get(parent, 0.0) + g * slope
            sent.append(f"#{parent.birth} gets {g:.3f} * {slope:.3f} = {g * slope:.3f}")
        if sent:
            lines.append(f"#{node.birth} {node.op:4} receives {g:5.3f}: {', '.join(sent)}")
    return lines


story = explain(L)
print("\n".join(story))
assert story == [
    "#7 pow  receives 1.000: #6 gets 1.000 * 0.924 = 0.924",
    "#6 tanh receives 0.924: #5 gets 0.924 * 0.786 = 0.727",
    "#5 add  receives 0.727: #4 gets 0.727 * 1.000 = 0.727, #3 gets 0.727 * 1.000 = 0.727",
    "#4 mul  receives 0.727: #1 gets 0.727 * 3.000 = 2.181, #2 gets 0.727 * 0.500 = 0.363",
]

# %% [markdown]
# Read it aloud. $L$ answers to itself one to one. The square has slope $2y = 0.924$, so that much
# arrives at tanh. Tanh is flatter there than the diagonal, $1 - y^2 = 0.786$, and passes on a bit
# less. Adding changes nothing: both parents get what arrives. A product gives each factor what
# arrives, times the *other* factor.
#
# ## Why newest first?
#
# A node must not pass on its gradient before it has all of it, that is, before every node made from
# it has sent its share. An order in which each node comes before its parents is called
# *topological*. Finding one is usually a small algorithm of its own. Here it comes for free: an op
# can only use what exists already, so a node is always younger than its parents, and taking the
# newest first is enough.
#
# Is the order really needed? The shortest backward pass one can think of just follows the parents
# down, by recursion. It is proposed again and again. Here are three ways to write it.


# %%
def every_path(root):
    """Walks each path down to the leaves, carrying the product of its slopes."""
    found, visits = {}, 0

    def visit(node, g):
        nonlocal visits
        visits += 1
        found[node] = found.get(node, 0.0) + g
        for parent, slope in zip(node.parents, node.slopes, strict=True):
            visit(parent, g * slope)

    visit(root, 1.0)
    return found, visits


def gather_and_pass(root):
    """Adds to the parent, then lets the parent pass on all that it has gathered."""
    found, visits = {root: 1.0}, 0

    def visit(node):
        nonlocal visits
        visits += 1
        for parent, slope in zip(node.parents, node.slopes, strict=True):
            found[parent] = found.get(parent, 0.0) + found[node] * slope
            visit(parent)

    visit(root)
    return found, visits


def visit_once(root):
    """The same, but a parent that was visited before is not visited again."""
    found, seen = {root: 1.0}, set()

    def visit(node):
        seen.add(node)
        for parent, slope in zip(node.parents, node.slopes, strict=True):
            found[parent] = found.get(parent, 0.0) + found[node] * slope
            if parent not in seen:
                visit(parent)

    visit(root)
    return found, len(seen)


def in_order(root):
    """The loop of `backward`, with all gradients kept."""
    found, order = {root: 1.0}, newest_first(root)
    for node in order:
        for parent, slope in zip(node.parents, node.slopes, strict=True):
            found[parent] = found.get(parent, 0.0) + found[node] * slope
    return found, len(order)


methods = [every_path, gather_and_pass, visit_once, in_order]

# %% [markdown]
# On our neuron all four agree, since no result in it is used twice. Now a *diamond*: paths that
# part and meet again. With $a = x^2$ and $b = a + a\,a$,
#
# $$\frac{db}{dx} = \frac{db}{da}\,\frac{da}{dx} = (1 + 2a)\,2x$$
#
# which at $x = 2$ is $9 \cdot 4 = 36$.

# %%
assert all(math.isclose(method(L)[0][w], w.grad) for method in methods)

x = Value(2.0)
a = x * x
b = a + a * a
diamond = {method.__name__: (method(b)[0][x], method(b)[1]) for method in methods}
print("b = a + a a, a = x x      db/dx   visits")
for name, (gradient, visits) in diamond.items():
    print(f"  {name:18}{gradient:11.0f}{visits:9}")
assert diamond == {
    "every_path": (36, 11),
    "gather_and_pass": (60, 11),
    "visit_once": (4, 4),
    "in_order": (36, 4),
}

# %% [markdown]
# `gather_and_pass` comes to $a$ three times, and each time passes on again what it had passed on
# before. `visit_once` passes on what $a$ has after the first visit, and never comes back with the
# rest. `every_path` is right, since the chain rule *is* a sum over all paths, and we will see what
# that costs.
#
# What is the smallest computation that goes wrong? Let us not guess but try all: one leaf $x$, and
# every program of one or two ops, each op a sum or a product of anything that is there.


# %%
def programs(ops):
    """Every program of that many sums and products on one leaf: x, and the last result."""
    for kinds in itertools.product(["+", "*"], repeat=ops):
        choices = [itertools.product(range(1 + i), repeat=2) for i in range(ops)]
        for picks in itertools.product(*choices):
            made = [Value(3.0)]
            text = []
            for kind, (i, j) in zip(kinds, picks, strict=True):
                made.append(made[i] + made[j] if kind == "+" else made[i] * made[j])
                text.append(f"{'xyz'[len(text) + 1]} = {'xyz'[i]} {kind} {'xyz'[j]}")
            yield "; ".join(text), made[0], made[-1]


wrong = {method.__name__: {1: [], 2: []} for method in methods}
for ops in (1, 2):
    for text, x, last in programs(ops):
        right = every_path(last)[0].get(x, 0.0)
        for method in methods:
            if not math.isclose(method(last)[0].get(x, 0.0), right):
                wrong[method.__name__][ops].append(text)
for name, found in wrong.items():
    print(f"{name:16} wrong on {len(found[1])} of 2 with one op, {len(found[2])} of 16 with two")
assert wrong["gather_and_pass"][1] == wrong["visit_once"][1] == []
assert "y = x + x; z = y + y" in wrong["gather_and_pass"][2]
assert wrong["visit_once"][2]
assert wrong["in_order"] == wrong["every_path"] == {1: [], 2: []}
print("for example", wrong["gather_and_pass"][2][0])

# %% [markdown]
# Two ops are enough: double, and double again. The slope is 4, and one way of recursing finds 6,
# the other 2. With one op nothing can go wrong, which is why such code passes its first tests.

# %%
x = Value(3.0)
y = x + x
z = y + y
assert [method(z)[0][x] for method in methods] == [4, 6, 2, 4]

# %% [markdown]
# ## What the paths cost
#
# Double $n$ times. There are $2^n$ paths from the top to the bottom, and $n + 1$ nodes.


# %%
def doubled(n):
    """x + x, and that plus itself, and so on, n times."""
    x = y = Value(1.0)
    for _ in range(n):
        y = y + y
    return x, y


depths = range(1, 18)
visits = {method.__name__: [method(doubled(n)[1])[1] for n in depths] for method in methods}
assert visits["every_path"] == visits["gather_and_pass"] == [2 ** (n + 1) - 1 for n in depths]
assert visits["in_order"] == [n + 1 for n in depths]
x, y = doubled(60)
y.backward()
assert x.grad == 2.0**60
print(
    f"17 doublings: {visits['every_path'][-1]:,} visits by paths, {visits['in_order'][-1]} in order"
)
print(f"60 doublings: {2**61 - 1:.1e} visits by paths, 61 in order, and the gradient is 2^60")

# %% [markdown]
# Networks are full of such places. A residual connection, $y = x + f(x)$, is a diamond; so is a
# weight that is used at every step of a sequence.


# %%
def box(axes, at, text, colour):
    """A label in a frame, for arrows to start and end at."""
    frame = {"boxstyle": "round,pad=0.4", "fc": "white", "ec": colour, "lw": 1.8}
    return axes.text(*at, text, ha="center", va="center", fontsize=11, bbox=frame)


def arrow(axes, start, end, label="", place=(0, 0), colour=RED, bend=0.0):
    """An arrow from frame to frame, with what travels along it."""
    style = {"arrowstyle": "-|>", "color": colour, "lw": 1.6}
    style |= {"connectionstyle": f"arc3,rad={bend}"}
    style |= {"patchA": start.get_bbox_patch(), "patchB": end.get_bbox_patch()}
    style |= {"shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end.get_position(), start.get_position(), arrowprops=style)
    axes.text(*place, label, color=colour, fontsize=11, ha="center", va="center")


def draw_diamond(figure):
    figure.suptitle("Gradients add up where paths meet: wait for all, then pass on once")
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.25])
    left.set_title("what each node sends back: db/dx = 36")
    b = box(left, (0.35, 3), "b = a + c = 20", BLUE)
    c = box(left, (0.85, 2), "c = a a = 16", BLUE)
    a = box(left, (0.35, 1), "a = x x = 4\ngathers 1 + 8 = 9", BLUE)
    x = box(left, (0.35, 0), "x = 2\ngathers 18 + 18 = 36", ORANGE)
    arrow(left, b, a, "1", (0.28, 2))
    arrow(left, b, c, "1", (0.68, 2.55))
    arrow(left, c, a, "4", (0.52, 1.68), bend=0.12)
    arrow(left, c, a, "4", (0.82, 1.42), bend=-0.12)
    arrow(left, a, x, "9 · 2", (0.22, 0.5), bend=0.25)
    arrow(left, a, x, "9 · 2", (0.48, 0.5), bend=-0.25)
    left.set_xlim(0, 1.1)
    left.set_ylim(-0.35, 3.3)
    left.set_axis_off()

    right.set_title("visits to nodes, for x doubled n times")
    right.plot(depths, visits["every_path"], "o-", ms=4, color=RED, label="recursion, each path")
    right.plot(depths, visits["in_order"], "s-", ms=4, color=BLUE, label="newest first")
    right.set_yscale("log")
    right.set_xlabel("n, doublings")
    right.set_ylabel("visits, log scale")
    right.legend()


save_figure("06_diamond", draw_diamond, figsize=(9, 4.2))

# %% [markdown]
# Any order? We promised that newest first is right for every graph, so let us draw some hundred at
# random and compare with the sum over all paths.

# %%
rng = random.Random(0)
for _ in range(300):
    nodes = [Value(rng.uniform(-1, 1)) for _ in range(3)]
    for _ in range(8):
        a, b = rng.choice(nodes), rng.choice(nodes)
        nodes.append(rng.choice([lambda a=a, b=b: a + b, lambda a=a, b=b: a * b, a.tanh])())
    order = newest_first(nodes[-1])
    place = {node: i for i, node in enumerate(order)}
    assert all(place[node] < place[parent] for node in order for parent in node.parents)
    right = every_path(nodes[-1])[0]
    found = in_order(nodes[-1])[0]
    assert all(math.isclose(found[node], right[node], abs_tol=1e-12) for node in order)
print("300 random graphs: each node before its parents, each gradient the sum over its paths")

# %% [markdown]
# ## Deep chains
#
# Recursion has a second price. Python allows about a thousand calls inside each other, and a
# sequence model, or a simulation of many steps, is deeper than that. Our two loops have no such
# limit, and neither has minitorch.

# %%
deep = 50_000
leaf = x = Value(1.0)
for _ in range(deep):
    x = x * 1.0001
try:
    every_path(x)
    raise AssertionError(f"{deep} calls inside each other were allowed")
except RecursionError:
    print(f"recursion gives up: Python allows {sys.getrecursionlimit():,} calls inside each other")

x.backward()
t = minitorch.tensor(1.0, dtype=minitorch.float64, requires_grad=True)
y = t
for _ in range(deep):
    y = y * 1.0001
y.backward()
assert math.isclose(leaf.grad, 1.0001**deep, rel_tol=1e-9)
assert math.isclose(t.grad.item(), 1.0001**deep, rel_tol=1e-9)
print(f"{deep:,} ops deep: {leaf.grad:.4f} by our loop, {t.grad:.4f} by minitorch's")

# %% [markdown]
# ## Twice backward
#
# `backward` *adds* into `.grad`, as in minitorch, so two calls give twice the gradient. That is
# easy to get wrong. If results in between kept their gradients too, the second walk would find
# those of the first still lying there and count them again. Our gradients live in a table of their
# own, which is gone when the walk ends; only leaves keep theirs.

# %%
x = Value(3.0)
y = x * x * 1.0
y.backward()
once = x.grad
y.backward()
print(f"y = x x 1 at 3: after one backward {once:.0f}, after two {x.grad:.0f}")
assert (once, x.grad) == (6, 12)

t = minitorch.tensor(3.0, requires_grad=True)
y = t * t * 1.0
y.backward(retain_graph=True)  # it would free what the tape saved, after one use
y.backward()
assert t.grad == 12

# %% [markdown]
# ## From numbers to arrays
#
# A network of three neurons learns XOR: is exactly one of two inputs on? First with our engine,
# where each weight is a Value and a layer is a list of lists.

# %%
inputs = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
targets = [-1.0, 1.0, 1.0, -1.0]
start1 = minitorch.randn(2, 3, dtype=minitorch.float64)
start2 = minitorch.randn(3, dtype=minitorch.float64)

w1 = [[Value(v) for v in row] for row in start1.tolist()]
b1 = [Value(0.0) for _ in range(3)]
w2 = [Value(v) for v in start2.tolist()]
parameters = [*w1[0], *w1[1], *b1, *w2]


def scalar_loss():
    total = 0.0
    for x, t in zip(inputs, targets, strict=True):
        h = [(x[0] * w1[0][j] + x[1] * w1[1][j] + b1[j]).tanh() for j in range(3)]
        y = h[0] * w2[0] + h[1] * w2[1] + h[2] * w2[2]
        total = total + (y - t) ** 2
    return total * (1 / len(inputs))


L = scalar_loss()
L.backward()
count = sum(node.op != "leaf" for node in newest_first(L))
print(f"the scalar engine recorded {count} ops")

# %% [markdown]
# Now the same with minitorch, whose nodes hold arrays. Nothing about the tape changes: a node knows
# its parents, what arrives is multiplied by the slope and passed on. Only that $g$ is an array now,
# of the shape of $y$, and "times the slope" is a formula like $g\,b^\top$ from lesson 1.
#
# `minitorch.tape()` shows what is recorded inside its block. The names are for us, to recognise the
# leaves in the listing.

# %%
double = {"dtype": minitorch.float64}
x, t = minitorch.tensor(inputs, **double), minitorch.tensor(targets, **double)
tw1, tb1, tw2 = start1.clone(), minitorch.zeros(3, **double), start2.clone()
for p in (tw1, tb1, tw2):
    p.requires_grad_()

with minitorch.tape(x=x, t=t, w1=tw1, b1=tb1, w2=tw2) as tape:
    h = (x @ tw1 + tb1).tanh()
    loss = ((h @ tw2 - t) ** 2).mean()
print(tape)
assert len(tape) == 7
assert count > 10 * len(tape)

loss.backward()
assert math.isclose(loss.item(), L.data, rel_tol=1e-12)
ours = [p.grad for p in parameters]
theirs = [*tw1.grad.flatten().tolist(), *tb1.grad.tolist(), *tw2.grad.tolist()]
assert all(math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12) for a, b in zip(ours, theirs))
print(f"{count} ops on numbers or {len(tape)} on arrays: the same {len(ours)} gradients")

# %% [markdown]
# ## Reading the tape
#
# Back to the listing. Each line is an op. `v1`, `v2` are results, in the order in which they were
# made, so each line uses only what stands above it. Such a list, a program without loops or
# branches, is called a Wengert list, after R. E. Wengert, who computed derivatives from one in
# 1964. Python's own loops and conditions leave no trace: the tape has what *was* done.
#
# The column `saves` says what the op keeps for its backward. A sum needs nothing but the shapes. A
# product with two parents would need both; `matmul` here keeps `a`, since only the gradient of
# `b`, the weight, will be asked for. Tanh keeps its output $y$, since its slope is $1 - y^2$. The
# bytes are what training costs in memory on top of the parameters.
#
# A list of what was done can be done again, and each result knows which op made it.

# %%
replayed = tape.replay()
assert len(replayed) == len(tape)
h = (x @ start1).tanh()
assert math.isclose(replayed[-1], ((h @ start2 - t) ** 2).mean().item())
print(repr(loss))
assert "grad_fn=<mean>" in repr(loss)

with minitorch.tape() as outer:
    y = tw2 * 2
    with minitorch.tape() as other:
        y.exp()
assert [record.name for record in other] == ["exp"]

# %% [markdown]
# As a graph it can be had as text, for Markdown (`tape.mermaid()`), and as a picture (`tape.svg()`;
# in a notebook, `tape` on a line of its own shows it).

# %%
print(tape.text())
assert tape.mermaid().startswith("flowchart TD\n")
assert tape.svg().startswith("<svg ")

# %% [markdown]
# The backward pass over arrays, step by step. The first line of an op's documentation states its
# formula and its gradients in the same letters as its code, so we need only look it up. Line by
# line, the youngest first: what arrives, and what the op does with it.


# %%
def explain_tape(tape):
    """The backward pass as a table: op, shape of what arrives, formula of what is passed on."""
    lines = []
    for i, record in reversed(list(enumerate(tape, 1))):
        (shape, _), *_ = record.shapes
        formula = getattr(minitorch, record.name).__doc__.partition("\n")[0]
        gradient = formula[formula.index("dL/") :].rstrip(".")
        lines.append(f"v{i} {record.name:7} g {shape!s:7} {gradient}")
    return lines


story = explain_tape(tape)
print("\n".join(story))
assert story[0] == "v7 mean    g ()      dL/dx = g / n"
assert story[-2] == "v2 add     g (4, 3)  dL/da = g,   dL/db = alpha g"
assert story[-1] == "v1 matmul  g (4, 3)  dL/da = g bᵀ,   dL/db = aᵀ g"

# %% [markdown]
# (`add` can scale its second input by an `alpha`, which is 1 unless one says otherwise.) The bias
# $b_1$ of shape (3,) was added to each of four rows, and a gradient of shape (4, 3) arrives for it.
# It is summed over the rows, as lesson 2 found; minitorch does that for every op that broadcasts.


# %%
def draw_tape(figure):
    figure.suptitle("The tape of a small network, and what each op sends back")
    axes = figure.subplots()
    graph = tape.graph()
    at, chains = graph.positions()
    frames = {}
    for name, label in graph.labels.items():
        if graph.kinds[name] == "op":
            frames[name] = box(axes, at[name], f"{name} = {label}", BLUE)
        else:
            frames[name] = box(axes, at[name], label, GREY if name in ("x", "t") else ORANGE)
    for start, *_, end in chains:
        arrow(axes, frames[start], frames[end], colour=GREY)
    right = max(x for x, _ in at.values()) + 90
    for i, line in enumerate(reversed(story), 1):
        rule = line[line.index("dL/") :]
        axes.text(right, at[f"v{i}"][1], rule, color=RED, fontsize=11, va="center")
    top = min(y for _, y in at.values())
    for text, colour, x in [("data", GREY, -10), ("parameters", ORANGE, 60), ("ops", BLUE, 190)]:
        axes.text(x - 30, top - 45, text, color=colour, fontsize=12, weight="bold")
    axes.text(right, top - 45, "backward, g = dL/dy", color=RED, fontsize=12, weight="bold")
    axes.set_xlim(-40, right + 190)
    axes.set_ylim(max(y for _, y in at.values()) + 25, top - 60)
    axes.set_axis_off()


save_figure("06_tape", draw_tape, figsize=(8, 5.6))

# %% [markdown]
# ## Training with either
#
# Equal gradients make equal steps: both networks walk the same way downhill.

# %%
lr, steps = 0.3, 50
for _ in range(steps):
    for p in parameters:
        p.grad = 0.0
    L = scalar_loss()
    L.backward()
    for p in parameters:
        p.data -= lr * p.grad
for _ in range(steps):
    for p in (tw1, tb1, tw2):
        p.grad = None
    h = (x @ tw1 + tb1).tanh()
    loss = ((h @ tw2 - t) ** 2).mean()
    loss.backward()
    with minitorch.no_grad():  # the step itself is not to be recorded
        for p in (tw1, tb1, tw2):
            p -= lr * p.grad
print(f"loss after {steps} steps: {L.data:.4f} by numbers, {loss:.4f} by arrays")
assert math.isclose(loss.item(), L.data, rel_tol=1e-6)
assert loss < 0.02

# %%
print(
    f"found: newest first visits {visits['in_order'][-1]} nodes where recursion visits "
    f"{visits['every_path'][-1]:,}; {count} ops on numbers are {len(tape)} on arrays"
)

# %% [markdown]
# ## Exercises
#
# Five more check themselves: fill in the functions in `lessons/exercises/06_tape.py`, then run
# `python -m lessons check 06`.
#
# 1. Add `exp`, `log` and `relu` to `Value`, each with its slope. How would you write division?
# 2. Let the `Value` keep a function instead of the slopes, as minitorch does: it takes $g$ and is
#    called in `backward`. What is gained when no gradient is asked for in the end?
# 3. Draw the diamond's graph for `y = x + x; z = y + y` and follow `gather_and_pass` with a pencil.
#    Where does the 6 come from?
# 4. `newest_first` collects and sorts. Write it with a heap instead, so that a node enters when the
#    first gradient for it arrives. Why can no node be taken out too early? (`minitorch/sweep.py`
#    does it this way.)
# 5. Two tapes, one inside the other: what does `len(outer)` say above, and why?
# 6. How many paths lead from `loss` to the twelve weights of the scalar network? Count them without
#    walking them.
# 7. `v4` saves both of its inputs, `v1` only one of them. Why? Which lines save more when `x`
#    requires a gradient, too?
