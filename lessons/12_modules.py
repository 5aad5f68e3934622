# %% [markdown]
# # Modules
#
# A network is an object that finds its own parameters; thirty lines make it so.
#
# Lesson 11 began with four parameters in a list that we kept by hand, and ended with
# `nn.Sequential`, which knew them by itself. How? A real network has hundreds of parameters, and is
# built from parts that were themselves built from parts. So let every part carry its own numbers,
# and let the whole ask its parts.

# %%
import math
from itertools import pairwise

import numpy as np

import minitorch
import minitorch.nn.functional as F
from lessons.common import BLUE, GREEN, GREY, ORANGE, save_figure
from minitorch import gradcheck, nn, optim

minitorch.manual_seed(0)

# %% [markdown]
# ## A Module in thirty lines
#
# A part of a network is an object. Its numbers and its smaller parts are attributes, and a method
# `forward` says how they are used. To find all parameters we walk through the attributes: a tensor
# that wants a gradient is a parameter, a module is asked in turn, and in a list we look at every
# element. `vars(self)` is the dictionary in which Python keeps the attributes of an object, in the
# order in which they were set.
#
# The way that leads to a parameter is its name: `layers.0.weight` is the weight of the first of the
# `layers`. And since one part may hang in two places, we remember what we have seen, and give each
# parameter once. A step that moved it twice would be twice too long. The walk is made of
# generators: `yield` hands out one result and goes on, and `yield from` hands out all those of a
# smaller walk.


# %%
def found(name, value):
    """(name, member) for the tensors and modules in an attribute, also in lists and tuples."""
    if isinstance(value, (minitorch.Tensor, Module)):
        yield name, value
    elif isinstance(value, (list, tuple)):
        for i, part in enumerate(value):
            yield from found(f"{name}.{i}", part)


class Module:
    def __call__(self, *args):
        return self.forward(*args)

    def members(self):
        for name, value in vars(self).items():
            yield from found(name, value)

    def named_parameters(self, prefix="", seen=None):
        seen = set() if seen is None else seen
        for name, member in self.members():
            if id(member) in seen:
                continue
            seen.add(id(member))
            if isinstance(member, Module):
                yield from member.named_parameters(f"{prefix}{name}.", seen)
            elif member.requires_grad:
                yield f"{prefix}{name}", member

    def parameters(self):
        return [p for _, p in self.named_parameters()]


# %% [markdown]
# That is all. A layer is a module with tensors, relu is a module without any, and a row of modules
# is a module with a list.
#
# From here on weights have the shape (outputs, inputs), and a layer computes $y = x W^\top + b$.
# It is how `nn.Linear` has it, too: row $i$ of $W$ holds the weights of output $i$.


# %%
class Linear(Module):
    def __init__(self, inputs, outputs):
        self.weight = minitorch.randn(outputs, inputs) * math.sqrt(2 / inputs)
        self.bias = minitorch.zeros(outputs)
        self.weight.requires_grad_()
        self.bias.requires_grad_()

    def forward(self, x):
        return x @ self.weight.T + self.bias


class ReLU(Module):
    def forward(self, x):
        return x.relu()


class Sequential(Module):
    def __init__(self, *layers):
        self.layers = layers

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


ours = Sequential(Linear(20, 256), ReLU(), Linear(256, 10))
x = minitorch.rand(2, 20)  # made up, two examples with 20 numbers each: do the shapes fit?
y = ours(x)
print(f"{tuple(x.shape)} goes in, {tuple(y.shape)} comes out")
for name, p in ours.named_parameters():
    print(f"{name:16}{tuple(p.shape)}")
assert y.shape == (2, 10)
assert [name for name, _ in ours.named_parameters()] == [
    f"layers.{i}.{name}" for i in (0, 2) for name in ("weight", "bias")
]
assert len(list(ReLU().named_parameters())) == 0

# %% [markdown]
# It trains as in lesson 11, with `ours.parameters()` where the list was. Five steps on ten examples
# with made-up labels must lower the loss.


# %%
def five_steps(model, loss_of):
    """Five steps downhill; the loss before each."""
    trained = [p for p in model.parameters() if p.requires_grad]  # all of them, until the last part
    optimizer, losses = optim.SGD(trained, lr=0.1), []
    for _ in range(5):
        loss = loss_of(model)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


xs, ts = minitorch.rand(10, 20), minitorch.arange(10)


def on_ten(model):
    return F.cross_entropy(model(xs), ts)


losses = five_steps(ours, on_ten)
print("loss:", ", ".join(f"{loss:.3f}" for loss in losses))
assert all(b < a for a, b in pairwise(losses))

# %% [markdown]
# ## nn.Module
#
# minitorch's own works the same way, by walking through the attributes, with many more methods. Its
# `Sequential` leaves the word `layers` out of the names. With our numbers copied in, it says the
# same.

# %%
net = nn.Sequential(nn.Linear(20, 256), nn.ReLU(), nn.Linear(256, 10))
print(net)
names = [name for name, _ in net.named_parameters()]
assert names == [name.removeprefix("layers.") for name, _ in ours.named_parameters()]

with minitorch.no_grad():
    for theirs, p in zip(net.parameters(), ours.parameters(), strict=True):
        theirs.copy_(p)
y = net(x)
assert np.allclose(y.detach(), ours(x).detach(), atol=1e-6)
print(f"same names, same shapes, same output; the last op was {y.grad_fn}")
assert "grad_fn=<linear>" in repr(y)

# %% [markdown]
# What was printed is how the network is built; printing `y` shows its numbers and, at the end, the
# op that made it: `grad_fn=<linear>`.
#
# What is a parameter? We said: a tensor that wants a gradient. That breaks down as soon as one
# wants to *freeze* a layer, to keep its numbers as they are: it no longer wants gradients, but is
# still to be saved with the model. So `nn` has a class of its own, `nn.Parameter`, a tensor that is
# found whether it is being trained or not. Other tensors among the attributes are not found at
# all, not even if they want a gradient. If a number of yours is never trained, that is why.


# %%
class Forgotten(nn.Module):
    def __init__(self):
        super().__init__()
        self.found = nn.Parameter(minitorch.rand(3))
        self.lost = minitorch.rand(3, requires_grad=True)


print("of found and lost, the walk sees", *(n for n, _ in Forgotten().named_parameters()))
assert [n for n, _ in Forgotten().named_parameters()] == ["found"]

# %% [markdown]
# ## Neuron, layer, block, network
#
# One idea at four sizes. A **neuron** weighs its inputs and adds a bias. A **layer** is a row of
# neurons that look at the same inputs. A **block** is a group of layers that is used as one, often
# many times over. A **network** is what is left when nothing is put around it. We compute `net(x)`
# at each level, from the numbers of the level below.


# %%
def neuron(x, w, b):
    """One number for each example."""
    return (x * w).sum(1) + b


def row_of_neurons(x, linear):
    """As many numbers as there are neurons, side by side."""
    pairs = zip(linear.weight, linear.bias, strict=True)
    return minitorch.stack([neuron(x, w, b) for w, b in pairs], 1)


def layer(x, linear):
    """All neurons of the row with one matrix product."""
    return x @ linear.weight.T + linear.bias


with minitorch.no_grad():
    hidden, relu, out = net
    block = nn.Sequential(hidden, relu)
    levels = {
        "neurons": row_of_neurons(row_of_neurons(x, hidden).relu(), out),
        "layers": layer(layer(x, hidden).relu(), out),
        "blocks": out(block(x)),
        "network": net(x),
    }
for name, level in levels.items():
    furthest = (level - levels["network"]).abs().max().item()
    print(f"{name:8} {tuple(level.shape)}, at most {furthest:.0e} from the network's")
    assert level.shape == (2, 10)
    assert furthest < 1e-5

# %% [markdown]
# ## A block of one's own
#
# Not every network is a row. For anything else, write a class: parts in `__init__`, their use in
# `forward`. Functions without parameters need not be modules; `F.relu` inside forward does what
# `nn.ReLU()` does outside. The network is called, `net(x)`, and not `net.forward(x)`: the call does
# the same and some housekeeping, which lesson 17 will use to watch layers. `state_dict()` gives all
# numbers by name, `load_state_dict` takes them in.


# %%
class MLP(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.hidden = nn.Linear(input_size, hidden_size)
        self.out = nn.Linear(hidden_size, output_size)

    def forward(self, x):
        return self.out(F.relu(self.hidden(x)))


mlp = MLP(20, 256, 10)
print(mlp)
print("parameters:", ", ".join(name for name, _ in mlp.named_parameters()))
assert [n for n, _ in mlp.named_parameters()] == [
    "hidden.weight",
    "hidden.bias",
    "out.weight",
    "out.bias",
]
theirs = net.state_dict().values()  # the same numbers, under the names of our own
mlp.load_state_dict(dict(zip(mlp.state_dict(), theirs, strict=True)))
assert np.array_equal(mlp(x).detach(), net(x).detach())
assert np.array_equal(mlp(x).detach(), mlp.forward(x).detach())

# %% [markdown]
# In PyTorch `super().__init__()` prepares the lists in which members are registered, and forgetting
# it is an error. A walk needs no lists, so here the line may be missing. Write it all the same, and
# your class runs in both.
#
# ## Constants, sharing, and any Python
#
# `forward` is a function like any other. This one multiplies by random numbers that are never
# trained, uses one layer twice, and runs a loop whose length depends on the data. It returns a
# single number. No network needs all that at once; we take it apart below. (`mm` is the product of
# two matrices, `@`.)


# %%
class FixedHiddenMLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.rand_weight = minitorch.rand((20, 20), requires_grad=False)
        self.linear = nn.Linear(20, 20)

    def forward(self, x):
        x = self.linear(x)
        x = F.relu(minitorch.mm(x, self.rand_weight) + 1)
        x = self.linear(x)
        while x.abs().sum() > 1:
            x /= 2
        return x.sum()


fixed = FixedHiddenMLP()
before = x.clone()
y = fixed(x)
y.backward()
print(f"one number: {y.item():.4f}; parameters:", [n for n, _ in fixed.named_parameters()])
assert y.shape == ()
assert abs(y.item()) <= 1
assert np.array_equal(x, before)  # `/=` halved a tensor of forward's own

# %% [markdown]
# **The constant** is no parameter: no step moves it. It is not saved with the model either. If it
# should be, since without it the model would be another one, register it as a *buffer*.

# %%
constant = fixed.rand_weight.clone()
five_steps(fixed, lambda model: model(x))
assert fixed.rand_weight.grad is None
assert np.array_equal(fixed.rand_weight, constant)
assert list(fixed.state_dict()) == ["linear.weight", "linear.bias"]
fixed.register_buffer("rand_weight", fixed.rand_weight)
print("after five steps the constant is the same; as a buffer it is saved:", *fixed.state_dict())
assert "rand_weight" in fixed.state_dict()

# %% [markdown]
# **The shared layer.** `linear` is one object, used twice, with one weight $W$. Think for a moment
# of two, $W_1$ in the first place and $W_2$ in the second. When one number of $W$ moves, both move
# with it, and what that does to the result adds up:
#
# $$\frac{\partial L}{\partial W} =
# \frac{\partial L}{\partial W_1} + \frac{\partial L}{\partial W_2}$$
#
# To see it, give the two places a layer each, with equal numbers.


# %%
def twice(x, first, second, constant):
    """What FixedHiddenMLP computes before its loop, with a layer for each place."""
    return second(F.relu(minitorch.mm(first(x), constant) + 1)).sum()


one, two = nn.Linear(20, 20), nn.Linear(20, 20)
two.load_state_dict(one.state_dict())
twice(x, one, two, constant).backward()
apart = one.weight.grad.clone(), two.weight.grad.clone()
one.weight.grad = None
twice(x, one, one, constant).backward()
together = one.weight.grad
difference = (together - (apart[0] + apart[1])).abs().max().item()
print(f"shared gradient and sum of the two: at most {difference:.0e} apart")
assert difference < 1e-3 * together.abs().max().item()
assert not np.allclose(together, apart[1])
assert len(list(nn.Sequential(one, nn.ReLU(), one).parameters())) == 2  # not 4

# %% [markdown]
# **The loop.** The tape records what happened, not what might have. If the loop ran $k$ times for
# this input, then $y = 2^{-k} z$ with $z$ from before the loop, and the gradient is $2^{-k}$ times
# that of $z$. To halve is exact in floating point, so they are equal to the last bit.
#
# `x.abs().sum() > 1` is a tensor with one truth in it, which `while` can use. With several there
# is no one answer, and asking is an error rather than a guess.


# %%
def halved(z):
    """z / 2^k with the smallest k that brings the sum of |z| down to 1; and k."""
    k = 0
    while z.abs().sum() > 1:
        z = z / 2
        k += 1
    return z, k


(plain,) = minitorch.autograd.grad(one(x).sum(), [one.weight])
z, k = halved(one(x))
(looped,) = minitorch.autograd.grad(z.sum(), [one.weight])
print(f"the loop ran {k} times; gradients are 1/{2**k} of those without it")
assert k >= 2
assert np.array_equal(looped, plain * 0.5**k)
try:
    bool(x > 1)
    raise AssertionError("40 truths were taken for one")
except ValueError as error:
    print(error)

# %% [markdown]
# Gradients that pass through an `if` or a `while` can be checked like all others, as long as the
# small steps of the check do not change how often the loop runs. And such a loop wants a look at
# its ends: if one number is infinite, half of it is infinite too, and the loop never ends; a sum
# that is nan is not above 1, and the loop never begins. Who writes `while` in a forward should ask
# `isfinite` first. (`double()` makes float64 of all parameters; the constant is none.)

# %%
double = FixedHiddenMLP().double()
double.rand_weight = double.rand_weight.double()
assert gradcheck(double, (minitorch.rand(2, 20).double().requires_grad_(),))
assert math.inf / 2 == math.inf
assert halved(minitorch.tensor([math.nan, 1.0]))[1] == 0
print("gradcheck agrees, through the loop")

# %% [markdown]
# ## Modules in modules
#
# A module of one's own goes wherever one of the library's does: into a `Sequential`, into another
# class, and on. Names grow with the depth.


# %%
class NestMLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
        self.linear = nn.Linear(32, 16)

    def forward(self, x):
        return self.linear(self.net(x))


chimera = nn.Sequential(NestMLP(), nn.Linear(16, 20), FixedHiddenMLP())
print(chimera)
y = chimera(x)
y.backward()
for name, p in chimera.named_parameters():
    print(f"  {name:18}{tuple(p.shape)!s:10} largest gradient {p.grad.abs().max().item():.0e}")
assert len(list(NestMLP().parameters())) == 6
assert y.shape == ()
assert all(p.grad.abs().max() > 0 for p in chimera.parameters())

# %% [markdown]
# A picture of it is a walk, too: a box for each module, in it the boxes of its children, and for a
# layer its parameters.


# %%
COLOURS = {"Sequential": GREY, "Linear": BLUE, "ReLU": GREEN}
EXAMPLE = ("0", "0.net", "0.net.2")  # the way to the parameter in the title
LINE, GAP = 1.0, 0.3  # the height of a line of text, and the space around boxes


def height(module):
    """How high the box of a module is."""
    inner = [height(child) + GAP for child in module.children()]
    return LINE + (sum(inner) + GAP if inner else 0)


def draw_module(axes, path, module, left, right, top):
    """The box of a module, and those of its children in it."""
    kind = type(module).__name__
    colour = COLOURS.get(kind, ORANGE)
    low = top - height(module)
    corners = [left, right, right, left, left], [low, low, top, top, low]
    axes.fill(*corners, color="white")
    axes.fill(*corners, color=colour, alpha=0.15)
    axes.plot(*corners, color=colour, lw=1.2)
    shown = path in EXAMPLE
    style = {"va": "center", "weight": "bold" if shown else "normal"}
    name = path.rpartition(".")[2]
    axes.text(left + 0.12, top - LINE / 2, f"{name}: {kind}" if name else kind, **style)
    held = module.named_parameters(recurse=False)
    says = ", ".join(f"{n} {tuple(p.shape)}" for n, p in held)
    axes.text(right - 0.12, top - LINE / 2, says, ha="right", fontsize=10, **style)
    below = top - LINE - GAP / 2
    for inner, child in module.named_children():
        inner = f"{path}.{inner}" if path else inner
        draw_module(axes, inner, child, left + 0.35, right - 0.15, below)
        below -= height(child) + GAP


def boxes(figure):
    figure.suptitle("A parameter's name is the way through the boxes: 0.net.2.weight")
    axes = figure.subplots()
    draw_module(axes, "", chimera, 0, 10, 0)
    axes.set_xlim(-0.05, 10.05)
    axes.set_ylim(-height(chimera) - 0.1, 0.1)
    axes.set_axis_off()


save_figure("12_modules", boxes, figsize=(8, 5.2))

# %% [markdown]
# ## Training and evaluation
#
# Some layers behave differently while a network learns; lesson 20 will meet one that then switches
# off numbers at random. They look at `self.training`, a switch. `train()` and `eval()` set it, to
# True and to False, in a module and in all below it: one more walk. They do nothing else; gradients
# are a matter of `no_grad`.


# %%
class Noisy(nn.Module):
    def forward(self, x):
        return x + minitorch.randn(x.shape) if self.training else x


model = nn.Sequential(nn.Linear(20, 5), nn.Sequential(Noisy()))
assert not np.array_equal(model(x).detach(), model(x).detach())
model.eval()
assert np.array_equal(model(x).detach(), model(x).detach())
assert not any(m.training for m in model.modules())
assert model(x).requires_grad
print("in eval mode two calls agree, and the output still has a gradient")

# %% [markdown]
# ## Freezing
#
# A layer whose numbers are good already, from another task perhaps, is frozen:
# `requires_grad_(False)`. Steps leave it alone, the tape need not remember what its gradient would
# take, and it stays a parameter, printed and saved.

# %%
frozen = MLP(20, 64, 10)
frozen.hidden.requires_grad_(False)
start = frozen.state_dict()
losses = five_steps(frozen, on_ten)
moved = [name for name, p in frozen.named_parameters() if not np.array_equal(p, start[name])]
print(f"loss {losses[0]:.3f} to {losses[-1]:.3f}; moved: {', '.join(moved)}")
assert moved == ["out.weight", "out.bias"]
assert frozen.hidden.weight.grad is None
assert len(frozen.state_dict()) == 4
assert losses[-1] < losses[0]


def saved_bytes(model):
    with minitorch.tape() as tape:
        model(xs)
    return sum(record.nbytes for record in tape.records)


whole, part = saved_bytes(MLP(20, 64, 10)), saved_bytes(frozen)
print(f"the tape keeps {whole:,} bytes for all layers, {part:,} with the first one frozen")
assert part < whole

# %%
print(
    f"found: a walk of thirty lines finds the same {len(names)} parameters as nn.Module", end="; "
)
print("neurons, layers, blocks and network give one output")

# %% [markdown]
# ## Exercises
#
# 1 to 5 check themselves: fill in the functions in `lessons/exercises/12_modules.py`, then run
# `python -m lessons check 12`.
#
# 1. Write the walk as a function that returns a dictionary, and let it go through dictionaries,
#    too.
# 2. Derive the gradient of a weight that is used twice, and write it without the tape.
# 3. Write `halved` so that it neither hangs nor stays silent when a number is infinite or nan.
# 4. Write a residual block: $x + W_2\,\mathrm{relu}(W_1 x + b_1) + b_2$, as a module.
# 5. Write a function that freezes all parameters below a name, and says how many numbers are left
#    to train.
# 6. Our `Module` gives a tied weight only under its first name. What should a file of saved
#    parameters do with the second?
# 7. Give our `Module` the methods `train` and `eval`, and a `__repr__` that prints like
#    `nn.Module`. What does a layer have to tell for that?
