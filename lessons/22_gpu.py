# %% [markdown]
# # The same code on a GPU
#
# Where an array lives decides who computes; the code of a network does not change by a letter.
#
# A GPU is a second computer with its own memory, very many multipliers, and a queue in front. NumPy
# does not run there, CuPy does: a library with NumPy's words. This lesson shows how one text serves
# both, what has to be moved, and what costs time. Most of it needs no GPU, since shapes, memory and
# multiply-adds can be counted without one. Where there is one, the lesson uses it and compares.

# %%
import sys
import time

import numpy as np

import minitorch
import minitorch.nn.functional as F
from lessons.common import BLUE, GREEN, GREY, ORANGE, RED, save_figure, seconds
from minitorch import nn, optim, train
from minitorch.utils.data import digits

assert "cupy" not in sys.modules  # minitorch takes it up only when a GPU is asked for
started = time.perf_counter()
seed = 0

# %% [markdown]
# ## Who computes?
#
# Here is gradient descent for a linear model, in plain NumPy words. Look for a word that says which
# computer it is for.


# %%
def descend(x, t, w, lr):
    """One step for the mean of (x w - t)²; the new w and the loss."""
    r = x @ w - t
    loss = np.add.reduce(np.square(r)) / len(x)
    g = x.T @ r * (2 / len(x))
    return w - lr * g, loss


# %% [markdown]
# There is none. When NumPy meets an array that is not its own, it asks that array's class what to
# do, through a method called `__array_ufunc__`. CuPy's arrays have this method, and start a program
# on the GPU. We can write such a class ourselves. Its card is made of paper: the numbers stay where
# they are, in an ordinary array. But it keeps to the rules of a real card, and counts what would
# cost time there:
#
# - **kernels**, the programs that are started on the card, one for each operation;
# - **passes**, how often a whole array is read from the card's memory, or written there;
# - **uploads**, data that goes from the host to the card;
# - **waits**. The host does not wait for a kernel to finish, it puts it in the queue and goes on.
#   Only when it wants to *see* a number must it wait until all before it is done.
#
# And it refuses to mix. An array on the card and one on the host do not add up; someone has to say
# where.


# %%
class OnCard(np.lib.mixins.NDArrayOperatorsMixin):
    """An array on a card of paper."""

    kernels = passes = uploads = waits = 0

    def __init__(self, values):
        self.values = values

    @classmethod
    def upload(cls, values):
        OnCard.uploads += 1
        return cls(values.copy())

    def get(self):
        OnCard.waits += 1
        return self.values.copy()

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        if any(isinstance(x, np.ndarray) for x in inputs):
            return NotImplemented  # on the host; NumPy makes a TypeError of this
        OnCard.kernels += 1
        OnCard.passes += sum(isinstance(x, OnCard) for x in inputs) + 1
        inputs = [x.values if isinstance(x, OnCard) else x for x in inputs]
        return OnCard(getattr(ufunc, method)(*inputs, **options))

    def __getitem__(self, rows):
        return OnCard(self.values[rows])  # a view: nothing is computed

    def __len__(self):
        return len(self.values)

    T = property(lambda self: OnCard(self.values.T))


minitorch.manual_seed(seed)
x, true_w = minitorch.randn(640, 5).numpy(), minitorch.randn(5).numpy()
t, w = x @ true_w, np.zeros(5, np.float32)
new_w, loss = descend(x, t, w, lr=0.1)
card_w, card_loss = descend(*(OnCard.upload(a) for a in (x, t, w)), lr=0.1)
assert np.array_equal(card_w.get(), new_w)
assert card_loss.get() == loss
print(f"the same function: {OnCard.kernels} kernels, and the same numbers")
try:
    OnCard.upload(x) @ w
    raise AssertionError("the card met the host")
except TypeError as error:
    print(f"mixed: {error!s:.60}...")

# %% [markdown]
# Now a loop, written in two ways. The first is how one writes it for the CPU: take a batch, show
# the loss. The second uploads all data once, and asks for the losses once, at the end. Both run ten
# batches and end with the same numbers.


# %%
def careless():
    w, losses = OnCard.upload(np.zeros(5, np.float32)), []
    for k in range(0, 640, 64):
        batch = OnCard.upload(x[k : k + 64]), OnCard.upload(t[k : k + 64])
        w, loss = descend(*batch, w, lr=0.1)
        losses.append(float(loss.get()))
    return w.get(), losses


def careful():
    everything = OnCard.upload(x), OnCard.upload(t)
    w, losses = OnCard.upload(np.zeros(5, np.float32)), []
    for k in range(0, 640, 64):
        w, loss = descend(everything[0][k : k + 64], everything[1][k : k + 64], w, lr=0.1)
        losses.append(loss)
    return w.get(), [float(loss.get()) for loss in losses]


counted = {}
for loop in (careless, careful):
    OnCard.kernels = OnCard.uploads = OnCard.waits = 0
    counted[loop.__name__] = loop(), OnCard.uploads, OnCard.waits
    print(f"{loop.__name__:9} {OnCard.kernels} kernels, {OnCard.uploads} uploads", end=", ")
    print(f"{OnCard.waits} waits" + (", all at the end" if loop is careful else ""))
(w_one, losses_one), *_ = counted["careless"]
(w_other, losses_other), *_ = counted["careful"]
assert np.array_equal(w_one, w_other)
assert losses_one == losses_other
assert counted["careless"][1] == 21
assert counted["careful"][1] == 3

# %% [markdown]
# Waits at the end of the loop cost nothing: the queue has run dry anyway. Waits inside it do, for
# each time the card finishes what it has, and then stands idle until the host has thought of more.
# `loss.item()`, `float(loss)`, `print(loss)`, `if loss < best` are all waits.
#
# ## Four kernels, or one
#
# SGD with momentum (lesson 15) is $v \leftarrow \mu v + g$, then $w \leftarrow w - \text{lr}\, v$.
# In NumPy's words that is four operations, hence four kernels. Each reads its operands from the
# card's memory and writes what it has found there, where the next one reads it again. That is a
# detour. A kernel is a program that runs once for every element, each time in a *thread* of its
# own, and what a thread has in hand it could use at once. So write one program for all four steps:
# a *fused* kernel. Thread $i$ looks after element $i$ from beginning to end.


# %%
def momentum(i, w, v, g, lr, mu):
    """What thread i does."""
    now = mu * v[i] + g[i]
    v[i] = now
    w[i] = w[i] - lr * now


def launch(kernel, threads, *arrays, **numbers):
    """Runs a kernel: the same program in every thread, in whatever order."""
    OnCard.kernels += 1
    for i in minitorch.randperm(threads).tolist():
        kernel(i, *(array.values for array in arrays), **numbers)


w, v, g = (minitorch.randn(1000).numpy() for _ in range(3))
on_card = [OnCard.upload(a) for a in (w, v, g)]
OnCard.kernels = OnCard.passes = 0
by_words = 0.9 * on_card[1] + on_card[2]
by_words = on_card[0] - 0.1 * by_words
print(f"in NumPy's words: {OnCard.kernels} kernels, {OnCard.passes} passes over memory")
assert (OnCard.kernels, OnCard.passes) == (4, 10)

OnCard.kernels = 0
launch(momentum, 1000, *on_card, lr=0.1, mu=0.9)
print(f"fused: {OnCard.kernels} kernel, 5 passes: w, v and g are read, w and v are written")
assert OnCard.kernels == 1
assert np.array_equal(on_card[0].get(), by_words.get())
assert np.array_equal(on_card[0].get(), w - np.float32(0.1) * (np.float32(0.9) * v + g))

# %% [markdown]
# Half of the traffic, a quarter of the starts. On a real card the program is written in CUDA's C,
# and looks like ours:
#
# ```c
# extern "C" __global__ void momentum(float* w, float* v, const float* g,
#                                     float lr, float mu, int n) {
#     int i = blockIdx.x * blockDim.x + threadIdx.x;  // which thread am I?
#     if (i < n) {
#         float now = mu * v[i] + g[i];
#         v[i] = now;
#         w[i] = w[i] - lr * now;
#     }
# }
# ```
#
# `__global__` marks a kernel. Threads are started in blocks of `blockDim.x`, and the last block may
# have some too many; hence the `if`.
#
# minitorch has some forty of these, in `minitorch/kernels/cuda`. Its `sgd`, in `optim.cu`, moves up
# to a hundred tensors in one launch. On the CPU `SGD` does the same in NumPy's words.

# %%
p = minitorch.tensor(w, requires_grad=True)
optimizer = optim.SGD([p], lr=0.0, momentum=0.9)
for lr, slope in ((0.0, v), (0.1, g)):  # a step of length 0, to begin with v
    optimizer.param_groups[0]["lr"] = lr
    p.grad = minitorch.tensor(slope)
    optimizer.step()
assert np.allclose(p.detach(), on_card[0].get(), rtol=0, atol=1e-6)

# %% [markdown]
# ## minitorch on three devices
#
# minitorch's ops are written like `descend`: in NumPy's words, with no word about where. So a
# tensor can hold one of three kinds of array, and `device` tells which.
#
# - "cpu": a NumPy array.
# - "cuda": a CuPy array, on the GPU. `minitorch.cuda.is_available()` says whether that can be had:
#   whether CuPy is installed, and a driver, and a GPU.
# - "meta": no numbers, only a shape, as in lesson 13. It needs nothing and computes nothing.

# %%
available = minitorch.cuda.is_available()
print("is there a GPU?", available)
if not available:
    try:
        minitorch.zeros(3, device="cuda")
        raise AssertionError("a tensor on a GPU that is not there")
    except RuntimeError as error:
        message = str(error)
    print(message)
    assert message.startswith("cuda:")
    assert any(fix in message for fix in ("pip install cupy", "driver", "use 'cpu'"))

# %% [markdown]
# A program that is to run everywhere chooses once, at the top, and says `device` ever after. Ours
# chooses "meta" where there is no GPU, so that all that follows can be tried. A real program would
# choose "cpu".

# %%
device = "cuda" if available else "meta"
home = minitorch.device(device)
here = ["cpu", "cuda"] if available else ["cpu"]  # where there are numbers


def lenet():
    """The network of lesson 14."""
    minitorch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(20, kernel_size=5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(50, kernel_size=5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(500),
        nn.ReLU(),
        nn.Linear(10),
    )


def gradients(model, images, labels):
    """The loss, and the gradients of all parameters by name. Not a word about a device."""
    model.zero_grad()
    loss = F.cross_entropy(model(images), labels)
    loss.backward()
    return loss, {name: p.grad for name, p in model.named_parameters()}


x_train, y_train, _, _ = digits(size=28)
images, labels = x_train[:64], y_train[:64]
model = lenet().build((1, 28, 28))
loss, grads = gradients(model, images, labels)
print(f"on {loss.device}: loss {loss.item():.4f}, {len(grads)} gradients")

# %% [markdown]
# Moving: `model.to(device)` moves the parameters of a model, which stay the same objects, so that
# an optimizer that holds them need not be told. `images.to(device)` makes a copy there. And that is
# all. The function `gradients` is the same, and so is what comes out of it.

# %%
there = lenet().build((1, 28, 28))
weight = there[0].weight
there.to(device)
assert there[0].weight is weight
assert all(p.device == home for p in there.parameters())
loss_there, grads_there = gradients(there, images.to(device), labels.to(device))
print(f"on {device}: the loss has shape {tuple(loss_there.shape)} and dtype {loss_there.dtype}")
assert loss_there.device == home
assert (loss_there.shape, loss_there.dtype) == (loss.shape, loss.dtype)
for name, g in grads_there.items():
    assert g.device == home
    assert (g.shape, g.dtype) == (grads[name].shape, grads[name].dtype)
if available:
    assert abs(loss_there.item() - loss.item()) < 1e-4
    for name, g in grads_there.items():
        apart = np.abs(g.numpy(force=True) - grads[name].numpy()).max()
        assert apart < 1e-4 * max(1, np.abs(grads[name].numpy()).max()), (name, apart)
    print("the loss and all gradients agree with those of the CPU")
else:
    print("all gradients have the shapes that they have on the CPU; values need a GPU")
    try:
        loss_there.item()
        raise AssertionError("a number out of nothing")
    except RuntimeError as error:
        print(f"{error!s:.72}...")

# %% [markdown]
# Should the two agree to the last bit? No. Sums are added up in another order there (lesson 1), and
# float32 notices. The random numbers do agree: minitorch draws them on the host, so a seed means
# the same weights on every device. And on one device the same seed is the same run, bit for bit.


# %%
def five_losses(device):
    model = lenet().build((1, 28, 28)).to(device)
    optimizer = optim.SGD(model, lr=0.05)
    losses = []
    for k in range(5):
        rows = slice(64 * k, 64 * k + 64)
        loss, _ = gradients(model, x_train[rows].to(device), y_train[rows].to(device))
        optimizer.step()
        losses.append(loss.detach())
    return [loss.item() for loss in losses]  # asked for at the end, as in `careful`


for place in here:
    drawn = lenet().build((1, 28, 28)).to(place)
    for p, q in zip(drawn.parameters(), lenet().build((1, 28, 28)).parameters(), strict=True):
        assert np.array_equal(p.numpy(force=True), q.numpy(force=True))
    once, again = five_losses(place), five_losses(place)
    assert once == again
    print(f"{place}, seed {seed}: " + " ".join(f"{loss:.6f}" for loss in once) + ", twice")

# %% [markdown]
# One thing differs that one would rather not find out. Asked for element 10 of 10, NumPy raises an
# error; CuPy counts on from the beginning and returns a number, because to complain it would have
# to wait. A label that is out of range would train the network on nonsense. minitorch checks labels
# itself.

# %%
for place in here:
    try:
        wrong = minitorch.full((64,), 10, dtype=minitorch.int64)
        F.cross_entropy(minitorch.zeros(64, 10).to(place), wrong.to(place))
        raise AssertionError("digit 10 was accepted")
    except IndexError as error:
        message = str(error)
    print(f"{place}: {message[:58]}...")
    assert "expected 0 to 9" in message

# %% [markdown]
# ## Half the bits
#
# A GPU multiplies numbers of float16 several times as fast as those of float32, and they take half
# the memory. What they lack are bits: 11 for the digits, where float32 has 24, and few for the
# size.

# %%
large, small = minitorch.tensor([2048.0, 60000.0]).half(), minitorch.tensor([6e-8, 2e-8]).half()
print(
    f"2048 + 1 = {large[0] + 1:.0f}, 60000 + 10000 = {large[1] + 10000:.0f}, 2e-8 = {small[1]:.1g}"
)
assert large[0] + 1 == 2048  # the next number is 2050
assert large[1] + 10000 == float("inf")  # the last one is 65,504
assert small[0] > 0 == small[1]
weight = minitorch.ones(1).half()
assert weight - 1e-3 < weight == weight - 1e-4  # a long step arrives, a short one does not

# %% [markdown]
# So where may it be used? In products: their terms are of like size, and are added up in float32
# all the same. Not in sums of many numbers, powers, softmax and losses. And not for the weights:
# with 11 bits, a step that is a ten-thousandth of a weight does not change it. `autocast` knows
# which op is which. The weights stay float32, and each is cast once, on the way to its product.

# %%
few = images[:8], labels[:8]
_, exact = gradients(model, *few)
dtypes = []
model.zero_grad()
with minitorch.autocast("cpu"):
    y = few[0]
    for layer in model:
        y = layer(y)
        dtypes.append(y.dtype.name)
    loss = F.cross_entropy(y, few[1])
loss.backward()
print(f"out of the layers comes {set(dtypes)}, the loss is {loss.dtype}")
assert set(dtypes) == {"float16"}
assert loss.dtype == np.float32
for name, p in model.named_parameters():
    assert p.dtype == p.grad.dtype == np.float32
    apart = np.abs(p.grad.numpy() - exact[name].numpy()).max()
    assert apart < 0.05 * np.abs(exact[name].numpy()).max(), (name, apart)

# %% [markdown]
# The gradients are off by a percent or two, where rounding has turned a ReLU on or off.
#
# Backward computes in the dtypes of the forward pass, so gradients pass through float16 as well,
# and many of them are small. But all are proportional to the loss. Multiply the loss by a large
# $s$, and divide the gradients by it when they have arrived: `GradScaler` does so. How large? It
# begins with 65,536. When a gradient overflows, it leaves that step out and halves $s$; after 2,000
# good steps in a row it doubles it.

# %%
w = minitorch.ones(100, requires_grad=True)
arrived = {}
for scale in (1.0, 65536.0):
    w.grad = None
    with minitorch.autocast("cpu"):
        dot = minitorch.ones(100) @ w
    (dot.float() * 1e-8 * scale).backward()
    arrived[scale] = w.grad.mean().item() / scale
    print(f"scaled by {scale:7,.0f}, of a gradient of 1e-08 arrives {arrived[scale]:.2g}")
assert arrived[1.0] == 0
assert abs(arrived[65536.0] - 1e-8) < 1e-10

tiny = digits()
accuracies = {}
for precision in ("float32", "float16"):
    minitorch.manual_seed(seed)
    net = nn.Sequential(nn.Flatten(), nn.Linear(50), nn.ReLU(), nn.Linear(10))
    learner = train.Learner(
        net,
        optimizer=lambda m: optim.SGD(m, lr=0.3),
        metrics=[train.accuracy],
        precision=precision,  # autocast and GradScaler in one word
    )
    valid = tiny.x_valid, tiny.y_valid
    learner.fit((tiny.x_train, tiny.y_train), valid, epochs=6, progress=False)
    accuracies[precision] = learner.history.last("accuracy")
    print(f"{precision}: {accuracies[precision]:.1%} of the small digits are right")
assert accuracies["float32"] > 0.85
assert abs(accuracies["float16"] - accuracies["float32"]) <= 0.01

# %% [markdown]
# NumPy has to compute float16 in software, so on a CPU this is slower, not faster. It is there for
# trying things out: what overflows here overflows on the card.
#
# ## How much memory does a step take?
#
# The table of lesson 13 has what we need: how many numbers the parameters are, what comes out of
# each layer for one image, and how many multiply-adds that takes.

# %%
summary = model.summary((1, 28, 28))
print(summary)


def memory(batch):
    """Bytes: weights, gradients, a momentum buffer, and what the layers keep for backward."""
    return 3 * 4 * summary.parameters + batch * summary.memory


for batch in (1, 64, 1024, 65536):
    print(f"batch of {batch:6,}: {memory(batch) / 1e6:10,.1f} MB")
assert memory(64) < 20e6
assert 8e9 < memory(65536) < 10e9

# %% [markdown]
# At 64 images the weights are a good part of it; from some hundreds on it is the images. When a
# card's memory runs out, that is where to save: a smaller batch.
#
# ## How long will it take? An estimate
#
# For a layer two times matter: that for its arithmetic, and that for carrying its numbers from
# memory to the multipliers and back. Both go on at once, so the longer one counts. Which one it is
# depends on how many operations are done per byte carried, the *arithmetic intensity*. A linear
# layer with $I$ inputs, $O$ outputs and a batch of $N$ does $2 N I O$ operations (a multiply-add is
# two), and carries $4 (N I + I O + N O)$ bytes. For $N = 1$ the weights rule, $4 I O$ bytes for
# $2 I O$ operations: half an operation per byte. Each weight is fetched, used once and thrown away.
# With $N$ images it is used $N$ times. That is why one trains in batches.


# %%
def layers(batch):
    """name -> (operations, bytes) of the forward pass, for the layers that multiply."""
    found, size = {}, 784
    for row in summary.rows[1:]:
        out = row.memory // 4
        if row.multiply_adds:
            name = f"{row.kind} {row.path}"
            carried = 4 * (batch * (size + out) + row.parameters)
            found[name] = 2 * batch * row.multiply_adds, carried
        size = out
    return found


print(f"{'operations per byte':20}" + "".join(f"{f'batch {n}':>12}" for n in (1, 16, 256)))
intensity = {n: {k: ops / b for k, (ops, b) in layers(n).items()} for n in (1, 16, 256)}
for name in intensity[1]:
    print(f"  {name:18}" + "".join(f"{intensity[n][name]:12.1f}" for n in (1, 16, 256)))
hidden = "Linear 7"
assert 0.45 < intensity[1][hidden] < 0.55
assert intensity[16][hidden] > 14 * intensity[1][hidden]
assert intensity[1]["Conv2d 3"] > 40 * intensity[1][hidden]

# %% [markdown]
# A convolution uses each weight at every place of the image, so it does not need the batch as
# badly.
#
# Now we need numbers for the machines. We *assume*, in round figures: a core of a laptop, $5 \cdot
# 10^{10}$ operations and $2 \cdot 10^{10}$ bytes a second. A large GPU, $5 \cdot 10^{13}$ and $3
# \cdot 10^{12}$. For both, 10 µs before an operation has begun: Python looks it up, and starts it.
# Backward costs about twice the forward pass, since each product has two gradients that are
# products. That makes some 40 operations in a step: 11 forward, 22 back, 8 for the parameters.

# %%
MACHINES = {"one CPU core": (5e10, 2e10), "a large GPU": (5e13, 3e12)}
START, OPERATIONS = 10e-6, 11 + 22 + 8


def estimate(machine, batch):
    """Seconds for one step of training, by arithmetic."""
    rate, bandwidth = MACHINES[machine]
    forward = sum(max(ops / rate, carried / bandwidth) for ops, carried in layers(batch).values())
    return 3 * forward + OPERATIONS * START


with minitorch.tape() as tape:
    F.cross_entropy(model(images), labels)
assert len(tape) == 11
assert len(list(model.parameters())) == 8
print("estimates, not measurements:")
for batch in (1, 64, 1024, 16384):
    times = {machine: estimate(machine, batch) for machine in MACHINES}
    cpu, gpu = times.values()
    print(
        f"  batch of {batch:6,}: " + ", ".join(f"{m} {1e3 * t:9.2f} ms" for m, t in times.items())
    )
busy = 1 - OPERATIONS * START / estimate("a large GPU", 64)
print(f"at 64 images the large GPU would compute during {busy:.0%} of the time")
assert busy < 0.15
assert estimate("one CPU core", 1024) > 50 * estimate("a large GPU", 1024)
assert estimate("one CPU core", 1) < 3 * estimate("a large GPU", 1)

# %% [markdown]
# So for one image there is little to gain, and for 64 nearly all of the time goes into starting
# things. A GPU wants large batches and large layers. Left out of this arithmetic is all that makes
# things slower: uploads, waits, the layers in between, and the distance of a real library from the
# peak. It says what one cannot beat. How far is this computer from it?

# %%
measured = seconds(lambda: gradients(model, images, labels), at_least=0.2)
print(f"64 images here, on the CPU: {1e3 * measured:.1f} ms measured", end="; ")
print(f"{1e3 * estimate('one CPU core', 64):.1f} ms estimated for one core")
if available:
    on_gpu = images.to(device), labels.to(device)

    def wait_for(model, *batch):
        gradients(model, *batch)
        minitorch.cuda.synchronize()

    measured = seconds(lambda: wait_for(there, *on_gpu), at_least=0.2)
    print(f"64 images here, on the GPU: {1e3 * measured:.1f} ms measured", end="; ")
    print(f"{1e3 * estimate('a large GPU', 64):.1f} ms estimated for a large one")

# %% [markdown]
# Note the `synchronize` in the measurement on a GPU. Without it one measures how long it takes to
# fill the queue, and is delighted.


# %%
def roofline(figure):
    figure.suptitle("A GPU needs work for every byte, and enough of it to be worth starting")
    left, right = figure.subplots(1, 2, width_ratios=[1.15, 1])
    at = np.geomspace(0.1, 1000, 200)
    colours = dict(zip(MACHINES, (ORANGE, BLUE)))
    for machine, (rate, bandwidth) in MACHINES.items():
        left.plot(at, np.minimum(rate, at * bandwidth), color=colours[machine])
        left.plot(rate / bandwidth, rate, "o", color=colours[machine])
    rate, bandwidth = MACHINES["a large GPU"]
    shapes = dict(zip(intensity[1], "s^Dv"))
    for batch, colour, fill in ((1, RED, "none"), (256, GREEN, GREEN)):
        for name, marker in shapes.items():
            i = intensity[batch][name]
            left.plot(i, min(rate, i * bandwidth), marker, color=colour, mfc=fill, ms=9, mew=2)
    for name, marker in shapes.items():
        left.plot([], [], marker, color=GREY, ms=8, label=name)
    left.legend(fontsize=10, loc="lower right", ncols=2)
    left.text(0.13, 5e13, "hollow: 1 image", color=RED, fontsize=11)
    left.text(0.13, 2e13, "filled: 256 images", color=GREEN, fontsize=11)
    left.text(40, 9e13, "a large GPU", color=BLUE, fontsize=11)
    left.text(40, 7e10, "one CPU core", color=ORANGE, fontsize=11)
    left.set_xscale("log")
    left.set_yscale("log")
    left.set_ylim(1e9, 3e14)
    left.set_title("What the layers of LeNet can get out of it")
    left.set_xlabel("operations per byte")
    left.set_ylabel("operations per second, at most")

    batches = 2 ** np.arange(0, 15)
    for machine, colour in colours.items():
        times = [1e3 * estimate(machine, int(n)) for n in batches]
        right.plot(batches, times, "o-", ms=4, color=colour, label=machine)
    right.axhline(1e3 * OPERATIONS * START, color=GREY, ls="--", lw=1.2)
    right.text(16384, 0.27, "starting 41 operations", color=GREY, ha="right", fontsize=10)
    right.set_xscale("log", base=2)
    right.set_yscale("log")
    right.set_ylim(0.2)
    right.set_title("One step: estimated, not measured")
    right.set_xlabel("images in a batch")
    right.set_ylabel("time (ms)")
    right.legend(loc="upper left")


save_figure("22_roofline", roofline, figsize=(10, 4.8))

# %% [markdown]
# ## Several cards
#
# If one is good, four are better? The loss is a mean over $N$ images. Cut the batch into $k$ equal
# parts, and it is the mean of the $k$ means; slopes of a mean are means of slopes. So every card
# has a copy of the weights and takes its part of the batch. Then they exchange gradients, until
# each has the average, and each makes the same step. The copies stay equal without ever being sent.


# %%
def averaged(model, images, labels, sizes):
    """The average of the gradients that cards find for their parts of a batch, one by one."""
    parts = zip(images.split(sizes), labels.split(sizes), strict=True)
    found = [gradients(model, *part)[1] for part in parts]
    return {name: sum(g[name] for g in found) / len(found) for name in found[0]}


def largest_gap(ours, theirs):
    """The largest difference of two sets of gradients, relative to the largest gradient."""
    gap = max(abs(ours[name] - g).max().item() for name, g in theirs.items())
    return gap / max(abs(g).max().item() for g in theirs.values())


_, whole = gradients(model, images, labels)
normed = nn.Sequential(nn.Flatten(), nn.Linear(50), nn.BatchNorm1d(), nn.ReLU(), nn.Linear(10))
normed.build((1, 28, 28))
_, with_norm = gradients(normed, images, labels)
apart = {
    "two cards": largest_gap(averaged(model, images, labels, [32, 32]), whole),
    "four cards": largest_gap(averaged(model, images, labels, [16] * 4), whole),
    "parts of 48 and 16": largest_gap(averaged(model, images, labels, [48, 16]), whole),
    "two cards, batch norm": largest_gap(averaged(normed, images, labels, [32, 32]), with_norm),
}
for name, gap in apart.items():
    print(f"{name:22} off by {gap:.0e} of the largest gradient")
assert apart["two cards"] < 1e-5 > apart["four cards"]
assert apart["parts of 48 and 16"] > 0.01
assert apart["two cards, batch norm"] > 0.01

# %% [markdown]
# Up to rounding it is the gradient of the whole batch, with two exceptions to know of. Unequal
# parts want a weighted average. And batch norm (lesson 18) compares an image with the others of its
# batch, of which a card sees its own part only: two cards train another network than one.
#
# Exchanging costs. Done well, every card sends $2\,(k-1)/k$ times the gradients' size, and receives
# as much: less than twice their size, however many cards there are. We assume $10^{10}$ bytes a
# second for the way between cards.

# %%
WIRE = 1e10


def shared_estimate(batch, cards):
    """Seconds for a step on several large GPUs: a part of the batch on each, and the exchange."""
    exchange = 2 * (cards - 1) / cards * 4 * model.count_parameters() / WIRE
    return estimate("a large GPU", batch // cards) + exchange


gain = {n: estimate("a large GPU", n) / shared_estimate(n, 4) for n in (64, 1024, 16384, 262144)}
for batch, times in gain.items():
    print(f"  batch of {batch:7,}: four cards are {times:.2f} times as fast as one (estimated)")
assert gain[64] < 1
assert gain[262144] > 3

# %% [markdown]
# For the small batch, four cards are slower than one: each spends its time on starting, and then
# waits for the mail.

# %%
took = time.perf_counter() - started
print(f"found: one text on {', '.join([*here, 'meta'])}; at 64 images a large GPU would", end=" ")
print(f"compute {busy:.0%} of the time (estimated), after {took:.1f} s")

# %% [markdown]
# ## Exercises
#
# Four more check themselves: fill in the functions in `lessons/exercises/22_gpu.py`, then run
# `python -m lessons check 22`.
#
# 1. Give `OnCard` a clock: a kernel takes 5 µs on the card, putting one into the queue 10 µs on the
#    host, an upload 20 µs. How long do `careless` and `careful` take, and how busy is the card?
# 2. The paper card computes with NumPy, so it cannot differ from it. CuPy can: look up what it does
#    with an index that is out of range, and with two values that are assigned to the same place.
#    Which ops of minitorch have to care?
# 3. From which number of images on would LeNet's hidden layer be limited by arithmetic, on each of
#    the two machines? Derive it, then read it off the figure.
# 4. What would float16 change in the estimate: in the operations, and in the bytes? With ten times
#    as many operations a second, which layers gain by it, and from how many images on?
# 5. A data set has 60,000 images of 784 bytes. Is it better to upload it as a whole, as bytes, or
#    by the batch, as float32? Estimate with 10 GB/s for the way to the card.
# 6. Find the waits in the loop of lesson 11. Which of them can be moved out of it?
# 7. Estimate a step of the hidden layer alone with 4,000 inputs and 4,000 outputs, for batches of 1
#    to 1024, and time it on your computer. Where does the estimate fail first?
