# %% [markdown]
# # Shapes without arithmetic
#
# Write what comes out of each layer; a run on arrays without numbers finds out the rest.
#
# The first linear layer after a convolution must know how many numbers arrive: 800, perhaps, or
# 400. Who writes that down has worked it out by hand, through every layer before, and will do so
# again after each change. All of it follows from the shape of one image. So let the computer follow
# it, and let it complain before it has seen a single number, and not after an hour of training.

# %%
import json
import random
import tracemalloc
from dataclasses import asdict, dataclass, field

import numpy as np

import minitorch
import minitorch.nn.functional as F
from lessons.common import BLUE, GREEN, GREY, ORANGE, save_figure
from minitorch import nn

minitorch.manual_seed(0)
random.seed(0)

# %% [markdown]
# ## The arithmetic
#
# Lesson 8 counted the windows of a convolution, and of pooling, which keeps the largest number of
# each window. LeNet, the kind of network that read handwritten cheques in the nineties, has two
# convolutions of 5 by 5, each followed by pooling of 2 by 2 with a stride of 2, and then a few
# linear layers. `nn.Flatten()` writes each image, whatever its axes, as one line of numbers.


# %%
def size_out(size, kernel, stride=1, padding=0):
    """The formula of lesson 8, without dilation."""
    return (size + 2 * padding - kernel) // stride + 1


h1 = size_out(28, kernel=5)
h2 = size_out(h1, kernel=2, stride=2)
h3 = size_out(h2, kernel=5)
h4 = size_out(h3, kernel=2, stride=2)
print(f"28 pixels, then {h1}, {h2}, {h3}, {h4}; flat: 50 channels of {h4}x{h4} are {50 * h4 * h4}")
assert (h1, h2, h3, h4, 50 * h4 * h4) == (24, 12, 8, 4, 800)

explicit = nn.Sequential(
    nn.Conv2d(1, 20, kernel_size=5),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(20, 50, kernel_size=5),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(800, 500),
    nn.ReLU(),
    nn.Linear(500, 10),
)
assert explicit(minitorch.rand(3, 1, 28, 28)).shape == (3, 10)

# %% [markdown]
# What did we write? 20, 500 and 10 we chose. But the second 20 and the second 500 are copies, the 1
# is in the data, and 800 is the end of the calculation above. Make one kernel 3 by 3, and it is
# another number.
#
# ## An array with nothing but a shape
#
# The knowledge that we need is in the ops already: a matrix product of (64, 784) and (784, 50) has
# the shape (64, 50), whatever the numbers. So here is an array that does only this part of the
# work.


# %%
class Shaped:
    """An array with a shape and no numbers."""

    def __init__(self, *shape):
        self.shape = shape

    def __repr__(self):
        return f"Shaped{self.shape}"

    def __matmul__(self, other):
        """(..., I, K) @ (K, J) is (..., I, J)."""
        *rows, inner = self.shape
        if inner != other.shape[0]:
            raise ValueError(f"{self} @ {other}: {inner} != {other.shape[0]}")
        return Shaped(*rows, other.shape[1])

    def __add__(self, other):
        """The rule of broadcasting, from lesson 2."""
        return Shaped(*np.broadcast_shapes(self.shape, other.shape))

    def relu(self):
        return self

    def flatten(self, start):
        return Shaped(*self.shape[:start], int(np.prod(self.shape[start:])))


def two_layers(x, w1, b1, w2, b2):
    """The network of lesson 11, which asks only that its inputs know @, + and relu."""
    return (x.flatten(1) @ w1 + b1).relu() @ w2 + b2


shapes = (64, 1, 28, 28), (784, 50), (50,), (50, 10), (10,)
real = two_layers(*(minitorch.rand(shape) for shape in shapes))
shaped = two_layers(*(Shaped(*shape) for shape in shapes))
print(f"the same code gives {tuple(real.shape)} and {shaped}")
assert shaped.shape == real.shape

try:
    two_layers(*(Shaped(*shape) for shape in (shapes[0], (400, 50), *shapes[2:])))
    raise AssertionError("784 met 400")
except ValueError as error:
    message = str(error)
print(message)
assert "784 != 400" in message

# %% [markdown]
# Note what did *not* happen: no rule for the network was written. The rules belong to the ops, and
# `two_layers` runs on both kinds of array because it never asks which kind it has. Nothing is
# computed and nothing stored, so size is free: here are weights for which no computer has room.

# %%
huge = Shaped(1, 10**9) @ Shaped(10**9, 10**9)
print(f"{huge}, from {10**18:.0e} weights")
assert huge.shape == (1, 10**9)

# %% [markdown]
# minitorch has this kind of array for all of its ops. A tensor can be told where it lives, its
# *device*; usually that is the CPU, and with `device="meta"` it is nowhere: such a tensor has a
# shape and no numbers. A list of calls, good and bad: on numbers and on shapes the same shape must
# come out, or the same error.


# %%
def outcome(call, *operands):
    """The shape that comes out, or what is wrong."""
    try:
        return tuple(call(*operands).shape)
    except (ValueError, IndexError) as error:
        return f"{type(error).__name__}: {error}"


calls = [
    ("matmul", lambda a, b: a @ b, (5, 784), (784, 10)),
    ("matmul", lambda a, b: a @ b, (2, 3, 4), (4, 5)),
    ("matmul", lambda a, b: a @ b, (5, 784), (10, 784)),
    ("add", lambda a, b: a + b, (3, 1), (4,)),
    ("add", lambda a, b: a + b, (3, 4), (3,)),
    ("conv2d", minitorch.conv2d, (8, 1, 28, 28), (20, 1, 5, 5)),
    ("conv2d", minitorch.conv2d, (8, 3, 28, 28), (20, 1, 5, 5)),
    ("max_pool2d", lambda x: F.max_pool2d(x, 2), (8, 20, 24, 24)),
    ("reshape", lambda x: x.reshape(8, -1), (8, 50, 4, 4)),
    ("reshape", lambda x: x.reshape(7, -1), (8, 50, 4, 4)),
    ("sum", lambda x: x.sum(1), (5, 6)),
    ("sum", lambda x: x.sum(2), (5, 6)),
    ("cat", lambda a, b: minitorch.cat([a, b], 1), (2, 3), (2, 4)),
    ("cat", lambda a, b: minitorch.cat([a, b], 1), (2, 3), (3, 3)),
]
errors = 0
for name, call, *operands in calls:
    with_numbers = outcome(call, *(minitorch.rand(s) for s in operands))
    on_shapes = outcome(call, *(minitorch.zeros(s, device="meta") for s in operands))
    assert on_shapes == with_numbers, (name, on_shapes, with_numbers)
    errors += isinstance(on_shapes, str)
    print(f"{name:11} {', '.join(map(str, operands)):32} {str(on_shapes)[:56]}")
assert errors == 6

# %% [markdown]
# There is an older way to the same end: run the network on zeros, and look at what comes out. It
# gives the same shapes, and pays for them in memory and multiplications. `output_shape` runs it on
# a Meta tensor: it takes the shape of one input, and gives that of one output.


# %%
def peak_bytes(call):
    """The most memory that a call needs at one time, once Python has warmed up."""
    call()
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


with minitorch.no_grad():
    zeros = peak_bytes(lambda: explicit(minitorch.zeros(64, 1, 28, 28)))
    meta = peak_bytes(lambda: explicit.output_shape((1, 28, 28)))
    shape = tuple(explicit(minitorch.zeros(64, 1, 28, 28)).shape)
print(f"LeNet on 64 images of zeros: {zeros:,} bytes; on a shape: {meta:,}")
assert shape[1:] == explicit.output_shape((1, 28, 28)) == (10,)
assert meta < 200_000
assert zeros > 20 * meta

# %% [markdown]
# ## Who makes the weights, and when?
#
# A shape that arrives is known only when it arrives, and by then the layer should exist. Three
# answers have been given to this; each is a few lines.
#
# **From hyperparameters and a shape.** What one writes about a layer, its *hyperparameters*, is a
# small value: it can be printed, compared and stored. Together with the shape that arrives it makes
# the layer, and a chain passes the shape along.


# %%
@dataclass(frozen=True)
class Dense:
    """What one writes about a linear layer."""

    out: int
    bias: bool = True

    def build(self, shape):
        return nn.Linear(shape[-1], self.out, bias=self.bias)


def chain(shape, *hypers):
    """A Sequential in which each layer is made for the shape that the one before it puts out."""
    layers = []
    for hyper in hypers:
        layers.append(hyper.build(shape))
        shape = layers[-1].output_shape(shape)
    return nn.Sequential(layers)


assert Dense(10).build((784,)).weight.shape == nn.Linear(784, 10).weight.shape
assert Dense(10) == Dense(**json.loads(json.dumps(asdict(Dense(10)))))  # to text and back

model = chain((784,), Dense(784), Dense(400), Dense(100, bias=False), Dense(10))
print(f"{Dense(100, bias=False)}; a chain of four:", [layer.in_features for layer in model])
with minitorch.no_grad():
    assert model(minitorch.rand(10_000, 784)).shape == (10_000, 10)

# %% [markdown]
# It is neat, and it works for chains only. As soon as a path splits, somebody has to say which
# shape goes where, and that somebody is `forward`.
#
# **At the first call.** The layer looks at its first input and makes the weights then. Any network
# can do that. The layer changes when it is called, though, which one may not want of something that
# acts as a function; then the weights can lie in a store beside it. Here is a layer that cannot be
# changed (`frozen`), with a store that can.


# %%
@dataclass(frozen=True, eq=False)
class Lazy:
    out: int
    store: dict = field(default_factory=dict, repr=False)

    def __call__(self, x):
        if not self.store:
            self.store["weight"] = minitorch.randn(self.out, x.shape[-1]).requires_grad_()
        return x @ self.store["weight"].T

    def parameters(self):
        return list(self.store.values())


lazy = Lazy(10)
held = lazy.parameters()  # somebody asks now, to train them
lazy(minitorch.rand(2, 784))
print(f"{lazy}: asked before the first call {held}, after it {lazy.parameters()[0].shape}")
assert held == []
assert len(lazy.parameters()) == 1

# %% [markdown]
# There is the catch: whoever asks before the first call gets an empty list, and trains nothing,
# without a word.
#
# **At a call on shapes.** minitorch's answer. A layer that is given one size, `nn.Linear(10)`,
# takes it for what comes out, and leaves the other open. It has *placeholders* for its parameters
# from the start, so whoever asks for them gets them. `build` calls the model once, on a Meta
# tensor; each layer that `forward` comes past reads its size off its input, and the placeholders
# turn into parameters where they stand. A first call on data does the same. Until then, who uses
# one is told what to do:

# %%
layer = nn.Linear(10)
print(layer)
try:
    print(layer.weight.shape)
    raise AssertionError("a weight without a shape had one")
except RuntimeError as error:
    message = str(error)
print(message)
assert "build the model first" in message
placeholder = layer.weight
layer.build((784,))
assert layer.weight is placeholder
assert layer.weight.shape == (10, 784)
assert nn.Linear(10)(minitorch.rand(2, 784)).shape == (2, 10)

# %% [markdown]
# ## LeNet, with each width written once
#
# A layer is given what comes out of it, and the model the shape of one image. Of one: the batch has
# no say in any of these sizes, so `build` wants no batch axis, and the finished network takes
# batches of any size.


# %%
class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.cv1, self.mp1 = nn.Conv2d(20, kernel_size=5), nn.MaxPool2d(2)
        self.cv2, self.mp2 = nn.Conv2d(50, kernel_size=5), nn.MaxPool2d(2)
        self.hidden = nn.Linear(500)
        self.classifier = nn.Linear(10)

    def forward(self, x):
        x = self.mp1(self.cv1(x).relu())
        x = self.mp2(self.cv2(x).relu())
        return self.classifier(self.hidden(x.flatten(1)).relu())


minitorch.manual_seed(2)
lenet = LeNet().build((1, 28, 28))
print(lenet)
assert repr(lenet).startswith("LeNet(\n  (cv1): Conv2d(1, 20,")
rows = {row.path: row.output for row in lenet.summary((1, 28, 28)).rows}
for path in ("cv1", "mp1", "cv2", "mp2", "hidden", "classifier"):
    print(f"{path:11}{rows[path]}")
assert [rows[path] for path in ("cv1", "mp1", "cv2", "mp2")] == [
    "(N, 20, 24, 24)",
    "(N, 20, 12, 12)",
    "(N, 50, 8, 8)",
    "(N, 50, 4, 4)",
]
assert (lenet.hidden.in_features, lenet.hidden.out_features) == (800, 500)
for n in (1, 7, 64):
    assert lenet(minitorch.rand(n, 1, 28, 28)).shape == (n, 10)

# %% [markdown]
# The parameters are the very numbers that a network with all sizes written out would have started
# from: shapes are found in the order in which `forward` comes past the layers, numbers are drawn in
# the order in which the layers were defined.

# %%
minitorch.manual_seed(2)
twin = nn.Sequential(
    nn.Conv2d(1, 20, 5), nn.Conv2d(20, 50, 5), nn.Linear(800, 500), nn.Linear(500, 10)
)
for p, q in zip(lenet.parameters(), twin.parameters(), strict=True):
    assert np.array_equal(p.detach(), q.detach())
print("inferred or written out: the same first numbers")

# %% [markdown]
# ## The table
#
# `summary` runs the model on shapes and writes down what each layer puts out, how many numbers it
# holds, and how many multiplications with an addition it makes. For the first convolution these are
# $20 \cdot (1 \cdot 5 \cdot 5) = 500$ weights and 20 biases, and each weight is used at all
# $24 \cdot 24$ places: 288,000 multiply-adds.

# %%
summary = lenet.summary((1, 28, 28))
print(summary)
by_path = {row.path: row for row in summary.rows}
assert by_path["cv1"].parameters == 20 * 25 + 20
assert by_path["cv1"].multiply_adds == 20 * 25 * 24 * 24
assert summary.parameters == sum(p.numel() for p in lenet.parameters()) == 431_080
assert summary.multiply_adds == 2_293_000

layers = [by_path[path] for path in ("cv1", "cv2", "hidden", "classifier")]
held = by_path["hidden"].parameters / summary.parameters
work = by_path["cv2"].multiply_adds / summary.multiply_adds
print(f"hidden holds {held:.0%} of all numbers, and cv2 does {work:.0%} of the work")
assert round(100 * held) == 93
assert round(100 * work) == 70

# %% [markdown]
# A convolution uses few numbers often, a linear layer many numbers once. Who wants to save memory
# and who wants to save time look at different rows.


# %%
def volume(axes, left, channels, size, colour):
    """A box of channels images: height and depth are pixels, each channel is as thick as 0.3."""
    width, slant = 0.3 * channels, 0.35 * size
    front = [left, left + width, left + width, left]
    low, high = -size / 2 - slant / 4, size / 2 - slant / 4
    for xs, ys, alpha in (
        (front, [low, low, high, high], 0.9),
        (
            [left, left + width, left + width + slant, left + slant],
            [high, high, high + slant / 2, high + slant / 2],
            0.6,
        ),
        (
            [left + width, left + width + slant, left + width + slant, left + width],
            [low, low + slant / 2, high + slant / 2, high],
            0.45,
        ),
    ):
        axes.fill(xs, ys, color="white")
        axes.fill(xs, ys, facecolor=colour, edgecolor="black", lw=0.6, alpha=alpha)
    return left + width + slant


def draw_lenet(figure):
    figure.suptitle("The shapes in LeNet: ever fewer pixels, ever more channels, then ten scores")
    axes = figure.subplots()
    stages = [("image\n", (1, 28, 28), GREY)]
    for path in ("cv1", "mp1", "cv2", "mp2"):
        shape = tuple(int(n) for n in rows[path].strip("()").split(", ")[1:])
        says, colour = ("5×5", BLUE) if path.startswith("cv") else ("max 2×2", GREEN)
        stages.append((f"{path}\n{says}", shape, colour))
    stages.append(("\nflatten", (lenet.hidden.in_features,), GREY))
    stages.append(("hidden\nlinear", (lenet.hidden.out_features,), ORANGE))
    stages.append(("classifier\nlinear", (lenet.classifier.out_features,), ORANGE))
    left = 0.0
    for name, shape, colour in stages:
        if len(shape) == 3:
            right = volume(axes, left, shape[0], shape[1], colour)
        else:
            right, tall = left + 1.5, 28 * shape[0] / 800
            axes.fill(
                [left, right, right, left], [-tall / 2, -tall / 2, tall / 2, tall / 2], color=colour
            )
        middle = (left + right) / 2
        size = "×".join(map(str, shape))
        axes.text(middle, -20, f"{name}\n{size}", ha="center", va="top", fontsize=10)
        left = right + (6 if len(shape) == 3 else 9)
    axes.set_aspect("equal")
    axes.set_xlim(-3, left - 2)
    axes.set_ylim(-30, 18)
    axes.set_axis_off()


save_figure("13_lenet", draw_lenet, figsize=(9, 3.6))


def draw_costs(figure):
    figure.suptitle(
        f"One layer holds {held:.0%} of the numbers, another does {work:.0%} of the work"
    )
    left, right = figure.subplots(1, 2, sharey=True)
    names = [row.path for row in layers]
    for axes, colour, title, values in (
        (left, ORANGE, "parameters", [row.parameters for row in layers]),
        (right, BLUE, "multiply-adds for one image", [row.multiply_adds for row in layers]),
    ):
        bars = axes.barh(names, [v / 1000 for v in values], color=colour)
        axes.bar_label(bars, [f"{v:,}" for v in values], padding=4, fontsize=10)
        axes.set_title(title)
        axes.set_xlabel("thousands")
        axes.set_xlim(0, 1.3 * max(values) / 1000)
        axes.grid(axis="y", visible=False)
    left.invert_yaxis()


save_figure("13_costs", draw_costs, figsize=(9, 3.2))

# %% [markdown]
# Since no numbers are stored, all this can be had for models that would not fit into any memory.
# This one has 150 billion weights in one layer; counting them takes less than a megabyte.

# %%
big = nn.Sequential(nn.Flatten(), nn.Linear(1_000_000), nn.ReLU(), nn.Linear(1000))
needed = peak_bytes(lambda: big.count_parameters((3, 224, 224)))
print(f"{big.count_parameters((3, 224, 224)):,} parameters, counted in {needed:,} bytes")
assert big.count_parameters((3, 224, 224)) == 150_528 * 1_000_000 + 1_000_000 + 1_000_001_000
assert needed < 1_000_000
assert big[1].in_features is None  # asking has not built it

# %% [markdown]
# ## Whatever forward does
#
# Nobody wrote down how shapes flow through a `Sequential`; `forward` ran. So everything infers that
# has a forward: a residual block, where the input takes a way around a layer and is added again;
# branches that split and meet; two inputs of different kinds; a network of networks.
#
# Four options on the way: `padding="same"` puts in as many zeros as keep height and width,
# `nn.AvgPool2d` takes the mean of each window, an `activation` is applied to what comes out of a
# layer, and `build` wants a shape for each input.


# %%
class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.enter = nn.Conv2d(channels, kernel_size=1)
        self.inner = nn.Conv2d(channels, kernel_size=3, padding="same")

    def forward(self, x):
        x = self.enter(x)
        return x + self.inner(x).relu()


class TwoBranches(nn.Module):
    """Looks at an image closely and from afar, hears a sound, and puts all of it side by side."""

    def __init__(self):
        super().__init__()
        self.close = nn.Sequential(Residual(8), nn.Flatten())
        self.afar = nn.Sequential(nn.AvgPool2d(4), Residual(4), nn.Flatten())
        self.ear = nn.Linear(16, activation=F.relu)
        self.out = nn.Linear(3)

    def forward(self, image, sound):
        seen = [self.close(image), self.afar(image)]
        return self.out(minitorch.cat([*seen, self.ear(sound)], 1))


both = TwoBranches().build((3, 16, 16), (40,))
print(f"out takes {both.out.in_features} numbers: 8*16*16 + 4*4*4 + 16 = {8 * 256 + 64 + 16}")
assert both.out.in_features == 8 * 16 * 16 + 4 * 4 * 4 + 16
image, sound = minitorch.rand(5, 3, 16, 16), minitorch.rand(5, 40)
assert both(image, sound).shape == (5, 3)
both(image, sound).sum().backward()
assert all(p.grad is not None for p in both.parameters())

# %% [markdown]
# ## Wrong before there is data
#
# Where a size is written, `build` checks it. A classifier that was made for another image size is
# found before any training, with both shapes, and with its path through the model, `head.1`, which
# says which line to mend.


# %%
class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.eyes = nn.Sequential(nn.Conv2d(6, kernel_size=5), nn.ReLU(), nn.MaxPool2d(2))
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(400, 10))

    def forward(self, x):
        return self.head(self.eyes(x))


reader = Reader()
try:
    reader.build((1, 28, 28))
    raise AssertionError("864 numbers went into 400 places")
except ValueError as error:
    message = "\n".join([str(error), *error.__notes__])  # what is wrong, and where it was met
print(message)
assert "864" in message
assert "400" in message
assert "head.1: Linear" in message
assert reader.eyes[0].in_channels is None  # a build that fails leaves no traces

# %% [markdown]
# Can what is said in advance be relied on? A hundred images of random sizes, through layers with
# random options: the shape said, the shape that comes out, and the formula must agree.

# %%
for _ in range(100):
    height, width, kernel = random.randint(6, 12), random.randint(6, 12), random.randint(1, 5)
    options = {"stride": random.randint(1, 3), "padding": random.randint(0, kernel // 2)}
    size = tuple(size_out(n, kernel, **options) for n in (height, width))
    for layer, channels in (
        (nn.Conv2d(4, kernel_size=kernel, **options), 4),
        (nn.MaxPool2d(kernel, **options), 3),
        (nn.AvgPool2d(kernel, **options), 3),
    ):
        said = layer.output_shape((3, height, width))
        came = tuple(layer(minitorch.rand(2, 3, height, width)).shape)
        assert came == (2, *said) == (2, channels, *size), (layer, height, width)
print("300 layers with random options put out what they said")

# %% [markdown]
# ## The original, twice
#
# LeNet-5 of 1998 has average pooling and three linear layers. First with every size written, as
# libraries long wanted it, then with each width once.

# %%
minitorch.manual_seed(3)
written = nn.Sequential(
    nn.Conv2d(1, 6, kernel_size=5, padding="same", activation=F.relu),
    nn.AvgPool2d(2),
    nn.Conv2d(6, 16, kernel_size=5, activation=F.relu),
    nn.AvgPool2d(2),
    nn.Flatten(),
    nn.Linear(400, 120, activation=F.relu),
    nn.Linear(120, 84, activation=F.relu),
    nn.Linear(84, 10),
)
minitorch.manual_seed(3)
inferred = nn.Sequential(
    nn.Conv2d(6, kernel_size=5, padding="same", activation=F.relu),
    nn.AvgPool2d(2),
    nn.Conv2d(16, kernel_size=5, activation=F.relu),
    nn.AvgPool2d(2),
    nn.Flatten(),
    nn.Linear(120, activation=F.relu),
    nn.Linear(84, activation=F.relu),
    nn.Linear(10),
).build((1, 28, 28))

x = minitorch.rand(4, 1, 28, 28)
assert [p.shape for p in written.parameters()] == [p.shape for p in inferred.parameters()]
assert np.array_equal(written(x).detach(), inferred(x).detach())
print(f"LeNet-5, written and inferred: equal numbers, {tuple(inferred(x).shape)} comes out")
for kernel in (2, 3, 4, 5):
    assert nn.Conv2d(6, kernel_size=kernel, padding="same").output_shape((1, 9, 7)) == (6, 9, 7)
first = inferred[0]
plain = F.conv2d(x, first.weight, first.bias, padding=2)
assert np.array_equal(first(x).detach(), plain.relu().detach())

# %%
print("found: all sizes of LeNet follow from (1, 28, 28), without a number computed", end="; ")
print(f"hidden holds {held:.0%} of its numbers, cv2 does {work:.0%} of its work")

# %% [markdown]
# ## Exercises
#
# 1 to 5 check themselves: fill in the functions in `lessons/exercises/13_shapes.py`, then run
# `python -m lessons check 13`.
#
# 1. Write the shape rule of `reshape`, with the -1 that stands for whatever is left, and its
#    errors.
# 2. Write the shape rule of `@` for stacks of matrices, with its error.
# 3. Write `chain` for layers that are not linear.
# 4. Count the parameters and the multiply-adds of a convolution. How do they grow with its kernel?
# 5. Write a network with two branches in which no input size stands.
# 6. Give `Shaped` a `conv2d` and a `max_pool2d` and send it through LeNet. How long are all your
#    rules together, and how long is LeNet?
# 7. `while x.abs().sum() > 1` in a forward: what can a build do with it? Try, read the message, and
#    say why the message cannot be avoided.
