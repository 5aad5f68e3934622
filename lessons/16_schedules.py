# %% [markdown]
# # Schedules
#
# Large steps get far and small steps settle: let the learning rate change while a network learns.
#
# With one learning rate for the whole run one has to choose: quick and restless, or slow and exact.
# A schedule is a function that gives the rate for each step, and takes both. This lesson derives
# why that helps, draws the usual curves, finds out how large a rate may be at all, and ends with
# what all of this owes to a run that is interrupted: to go on as if nothing had happened.

# %%
import math
import os
import tempfile
from types import SimpleNamespace

import numpy as np

import minitorch
import minitorch.nn.functional as F
from lessons.common import BLUE, GREEN, GREY, ORANGE, RED, save_figure
from minitorch import nn, optim, train
from minitorch.io import Checkpoint
from minitorch.optim import lr_scheduler
from minitorch.utils.data import DataLoader, TensorDataset, digits

minitorch.manual_seed(0)
rng = np.random.default_rng(0)

# %% [markdown]
# ## The smallest training run
#
# One weight $w$, and a loss that is a parabola with the curvature $h$, $L = h w^2 / 2$. Its
# gradient is $h w$. A minibatch gives the gradient with an error, so we add noise $\varepsilon$ of
# mean 0 and variance $\sigma^2$, new at each step:
#
# $$w \leftarrow w - \text{lr}\,(h w + \varepsilon)
# = (1 - \text{lr}\,h)\,w - \text{lr}\,\varepsilon$$
#
# **On average** the noise is 0, and each step multiplies $w$ by $1 - \text{lr}\,h$. That is lesson
# 15: $w$ shrinks for $\text{lr} < 2 / h$, the faster the larger the rate is, up to $1 / h$.
#
# **The spread** does not go to zero. A factor in front of $w$ multiplies its variance $v$ by the
# square of the factor, and the variances of independent things add up, so
# $v \leftarrow (1 - \text{lr}\,h)^2\, v + \text{lr}^2 \sigma^2$. It comes to rest where both sides
# are equal:
#
# $$v = \frac{\text{lr}^2\sigma^2}{1 - (1 - \text{lr}\,h)^2}
# = \frac{\text{lr}\,\sigma^2}{h\,(2 - \text{lr}\,h)}$$
#
# For small rates that is $\text{lr}\,\sigma^2 / 2h$: the variance that remains is proportional to
# the learning rate. Half the rate, half of it, and twice the time to get there.
#
# We let 20,000 such weights run at once, and compare.

# %%
h, sigma, w0, steps = 2.0, 1.0, 10.0, 200


def noisy_descent(rates, weights=20_000):
    """The loss before each step and after the last, averaged over many weights; and those."""
    w = np.full(weights, w0)
    losses = [h * (w**2).mean() / 2]
    for lr in rates:
        w -= lr * (h * w + sigma * rng.standard_normal(weights))
        losses.append(h * (w**2).mean() / 2)
    return losses, w


def floor(lr):
    """The variance that is left in the end."""
    return lr * sigma**2 / (h * (2 - lr * h))


for lr in (0.4, 0.04):
    _, w = noisy_descent([lr] * steps)
    print(
        f"lr {lr:4}: variance {w.var():.5f} after {steps} steps; the formula says {floor(lr):.5f}"
    )
    assert abs(w.var() / floor(lr) - 1) < 0.05
exploded = noisy_descent([1.05 * 2 / h] * steps)[0][-1]
print(f"lr 5% above 2/h: loss {exploded:.0e}")
assert exploded > 1e6

# %% [markdown]
# Now a rate that starts at 0.4 and falls to 0 along half a cosine. It should be quick in the
# beginning and quiet in the end.

# %%
plans = {
    "0.4 throughout": ([0.4] * steps, ORANGE, "--"),
    "0.04 throughout": ([0.04] * steps, GREY, ":"),
    "0.4, down to 0": (
        [0.2 * (1 + math.cos(math.pi * t / steps)) for t in range(steps)],
        BLUE,
        "-",
    ),
}
parabola = {name: noisy_descent(rates)[0] for name, (rates, *_) in plans.items()}
for name, losses in parabola.items():
    print(f"{name:16} loss {losses[10]:7.4f} after 10 steps, {losses[-1]:.4f} after {steps}")
large, small, falling = parabola.values()
assert falling[10] < small[10] / 10
assert math.isclose(falling[10], large[10], rel_tol=0.1)
assert falling[-1] < large[-1] / 10
assert falling[-1] < small[-1]

# %% [markdown]
# ## Curves
#
# A schedule is a function of the step $t = 0, 1, 2, \dots$, where a step is an epoch or a batch, as
# one likes. Here are the usual ones, as factors of the largest rate.
#
# - **Step**: times $\gamma$ after each $k$ steps, $\gamma^{\lfloor t/k \rfloor}$.
# - **Exponential**: times $\gamma$ after each step, $\gamma^t$.
# - **Linear**: a straight line from $s$ at $t = 0$ to $e$ at $t = T$, so $s + (e - s)\,t/T$, and
#   then it stays.
# - **Polynomial**: $(1 - t/T)^n$, a line that bends.
# - **Cosine**: the cosine goes from 1 to -1 while its angle goes from 0 to $\pi$. Shifted up by 1
#   and halved, it goes from 1 to 0: $(1 + \cos(\pi t/T))/2$. It is flat at both ends; the rate
#   stays high for a while, and takes its time to die.
# - **Warm-up, then cosine**: first a line from a small rate up to 1, then the cosine, counted from
#   its own beginning.
# - **One cycle**: the same idea with half a cosine both ways, for three tenths of the steps from
#   1/25 up to 1, then down to almost 0.


# %%
def step_factor(t, k=10, gamma=0.5):
    return gamma ** (t // k)


def exponential(t, gamma=0.93):
    return gamma**t


def linear(t, start=1.0, end=0.1, total=30):
    return start + (end - start) * min(t, total) / total


def polynomial(t, total=40, n=2):
    return (1 - min(t, total) / total) ** n


def cosine(t, total=40):
    return (1 + math.cos(math.pi * min(t, total) / total)) / 2


def warm_cosine(t, warm=8, total=40):
    return linear(t, 0.1, 1.0, warm) if t < warm else cosine(t - warm, total - warm)


def one_cycle(t, total=41):
    def between(a, b, passed):
        return b + (a - b) * (1 + math.cos(math.pi * passed)) / 2

    top = 0.3 * total - 1
    if t <= top:
        return between(1 / 25, 1, t / top)
    return between(1, 1 / 25 / 1e4, (t - top) / (total - 1 - top))


# %% [markdown]
# minitorch's schedules are objects, built on an optimizer. `curve(n)` tells the first `n` rates
# without changing anything. Curve for curve, they are what we wrote. "Warm-up, then cosine" is two
# schedules in series, `SequentialLR`, with a milestone where the second takes over.


# %%
def fresh(lr=1.0):
    """An optimizer to try a schedule on."""
    w = nn.Parameter(minitorch.zeros(1))
    w.grad = minitorch.zeros(1)
    return optim.SGD([w], lr=lr, momentum=0.9)


def in_series(optimizer):
    first = lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=8)
    second = lr_scheduler.CosineAnnealingLR(optimizer, T_max=32)
    return lr_scheduler.SequentialLR(optimizer, [first, second], milestones=[8])


pairs = {
    "step": (step_factor, lambda o: lr_scheduler.StepLR(o, step_size=10, gamma=0.5)),
    "exponential": (exponential, lambda o: lr_scheduler.ExponentialLR(o, gamma=0.93)),
    "linear": (linear, lambda o: lr_scheduler.LinearLR(o, 1.0, 0.1, total_iters=30)),
    "polynomial": (polynomial, lambda o: lr_scheduler.PolynomialLR(o, total_iters=40, power=2)),
    "cosine": (cosine, lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=40)),
    "warm-up, cosine": (warm_cosine, in_series),
    "one cycle": (one_cycle, lambda o: lr_scheduler.OneCycleLR(o, max_lr=1.0, total_steps=41)),
}
curves = {}
for name, (by_hand, make) in pairs.items():
    curves[name] = make(fresh()).curve(41)
    ours = [by_hand(t) for t in range(41)]
    assert np.allclose(curves[name], ours, rtol=1e-9, atol=1e-12), name
print(f"{len(pairs)} curves of 41 steps agree with the formulas")
series = in_series(fresh()).curve(60)
assert max(series[40:]) < 1e-12  # after the last stage the rate holds

# %% [markdown]
# One schedule looks at the run itself: **plateau** lowers the rate when the loss has not got better
# for some epochs, its patience. No formula can say in advance where that will be. Here the loss is
# made up: it falls for ten epochs, then stays. With a patience of 5 the sixth epoch without
# progress is one too many.

# %%
optimizer = fresh()
plateau = lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=5)
curves["plateau"] = []
for epoch in range(41):
    curves["plateau"].append(optimizer.param_groups[0]["lr"])
    plateau.step(max(0.1, 1 - epoch / 10))
drops = [t for t in range(1, 41) if curves["plateau"][t] < curves["plateau"][t - 1]]
print(f"the loss stays from epoch 9 on; the rate is halved for epochs {drops}")
assert drops == [16, 22, 28, 34, 40]


def small_curves(figure):
    figure.suptitle("Eight learning-rate schedules: all of them end low, two also begin low")
    grid = figure.subplots(2, 4, sharex=True, sharey=True)
    for axes, (name, values) in zip(grid.flat, curves.items(), strict=True):
        if name in ("step", "plateau"):
            axes.step(range(41), values, where="post", color=BLUE)
        else:
            axes.plot(range(41), values, color=BLUE)
        axes.set_title(name)
        axes.set_xticks([0, 20, 40])
        axes.set_yticks([0, 0.5, 1])
    for axes in grid[1]:
        axes.set_xlabel("step")
    for axes in grid[:, 0]:
        axes.set_ylabel("rate / largest rate")


save_figure("16_schedules", small_curves, figsize=(9.5, 4.6))

# %% [markdown]
# ## A scheduler
#
# What a scheduler does besides is small: it counts, and writes the rate into the optimizer. Ours:


# %%
class Scheduler:
    def __init__(self, optimizer, factor):
        self.optimizer, self.factor = optimizer, factor
        self.initial = optimizer.param_groups[0]["lr"]
        self.init(0)

    def init(self, t):
        """Goes to step t."""
        self.t = t
        self.optimizer.param_groups[0]["lr"] = self.initial * self.factor(t)

    def step(self):
        """Goes on to the next step; called after the optimizer's."""
        self.init(self.t + 1)


ours, theirs = fresh(0.1), fresh(0.1)
our_schedule = Scheduler(ours, warm_cosine)
schedule = in_series(theirs)
for _ in range(50):
    for optimizer in (ours, theirs):
        optimizer.step()
    our_schedule.step()
    schedule.step()
    assert math.isclose(
        ours.param_groups[0]["lr"], theirs.param_groups[0]["lr"], rel_tol=1e-9, abs_tol=1e-12
    )
print("50 steps: our scheduler and SequentialLR set the same rates")

# %% [markdown]
# A curve of your own takes three lines, and combines with the others. But "chained" is used for two
# things: one schedule *after* the other, and several *at once*, their factors multiplied. Here, as
# in PyTorch, `SequentialLR` is the first and `ChainedScheduler` the second. In other libraries
# `ChainedScheduler` is the first.


# %%
class InverseTime(lr_scheduler.LRScheduler):
    def factor_at(self, t):
        return 1 / (1 + t)


def two(optimizer):
    return [InverseTime(optimizer), lr_scheduler.ExponentialLR(optimizer, gamma=0.5)]


optimizer = fresh()
after = lr_scheduler.SequentialLR(optimizer, two(optimizer), milestones=[3]).curve(6)
at_once = lr_scheduler.ChainedScheduler(two(fresh())).curve(6)
print("after each other:", ", ".join(lr_scheduler.brief(lr) for lr in after))
print("both at once:    ", ", ".join(lr_scheduler.brief(lr) for lr in at_once))
assert np.allclose(after, [1, 1 / 2, 1 / 3, 1, 1 / 2, 1 / 4])
assert np.allclose(at_once, [0.5**t / (1 + t) for t in range(6)])

# %% [markdown]
# ## How large may it be?
#
# The limit was $2/h$, and above it every step goes further beyond the minimum than it was before.
# A real network has as many curvatures as parameters, and they change on the way, so nobody knows
# $h$. But one can try. Start with a rate so small that nothing happens, make it larger by the same
# factor at every batch, and write down the losses. At first nothing happens. Then the loss falls.
# Then it explodes, and we stop, where it is three times the smallest so far: a single short run has
# tried all rates. This is the *learning-rate finder*.
#
# Our network is deep enough to be difficult: six hidden layers of 64, for the digits of 8 by 8
# pixels, with Adam from lesson 15. Losses of single batches jump about, so they are smoothed, with
# a running mean as in Adam: $m \leftarrow 0.8\,m + 0.2\,L$, divided by $1 - 0.8^t$.

# %%
x, y, x_valid, y_valid = digits()
x, x_valid = x.reshape(len(x), -1), x_valid.reshape(len(x_valid), -1)
mean, std = x.mean(), x.std()
x, x_valid = (x - mean) / std, (x_valid - mean) / std


def network():
    hidden = [part for _ in range(6) for part in (nn.Linear(64), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(10)).build((64,))


def loader(seed):
    return DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True, seed=seed)


def find_by_hand(model, optimizer, batches, start, end, n):
    """The rates that were tried, and the loss at each."""
    rates, losses, smooth, m = [], [], [], 0.0
    while True:
        for images, labels in batches:
            lr = start * (end / start) ** (len(rates) / (n - 1))
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.param_groups[0]["lr"] = lr
            optimizer.step()
            optimizer.zero_grad()
            rates.append(lr)
            losses.append(loss.item())
            m = 0.8 * m + 0.2 * losses[-1]
            smooth.append(m / (1 - 0.8 ** len(losses)))
            if len(rates) == n or smooth[-1] > 3 * min(smooth):
                return rates, losses, smooth


minitorch.manual_seed(2)
model = network()
before = model.state_dict()
learner = train.Learner(model, F.cross_entropy, optim.Adam)
curve = train.lr_find(learner, loader(1), start=1e-5, end=1.0, steps=100)
assert all(np.array_equal(before[name], p) for name, p in model.state_dict().items())

rates, losses, smooth = find_by_hand(model, optim.Adam(model), loader(1), 1e-5, 1.0, 100)
assert (rates, losses) == (curve.lrs, curve.losses)
assert np.allclose(smooth, curve.smoothed())
best = rates[int(np.argmin(smooth))]
print(f"{len(rates)} of 100 rates tried; smallest loss at {lr_scheduler.brief(best)}", end=", ")
print(f"suggested: a tenth of it, {lr_scheduler.brief(curve.suggestion)}")
assert math.isclose(curve.suggestion, best / 10)
assert 0.001 < curve.suggestion < 0.01
assert abs(smooth[10] / smooth[0] - 1) < 0.05  # nothing happens,
assert min(smooth) < 0.8 * smooth[0]  # then it learns,
assert smooth[-1] > 3 * min(smooth)  # then it explodes

# %% [markdown]
# minitorch's finder does the same, to the last bit, and then puts everything back as it was: the
# weights, the optimizer, the place in the data.
#
# Why a tenth? The smallest loss stands at the edge. There the run has just not exploded yet, and
# that only because it was there for a single step. What we look for is a rate at which the loss
# falls steeply, at some distance from the edge.


# %%
def finder(figure):
    figure.suptitle("The finder: nothing happens, then it learns, then it explodes")
    axes = figure.subplots()
    axes.plot(rates, losses, color=GREY, lw=0.8, alpha=0.7, label="loss of each batch")
    axes.plot(rates, smooth, color=BLUE, label="smoothed")
    for rate, text, colour in ((best, "smallest", RED), (curve.suggestion, "suggested", GREEN)):
        axes.axvline(rate, color=colour, ls="--", lw=1.5)
        axes.text(rate, 4.3, f"{text} ", color=colour, ha="right", va="top")
    axes.set_xscale("log")
    axes.set_ylim(0, 4.4)
    axes.set_xlabel("learning rate of the step, log scale")
    axes.set_ylabel("cross-entropy (nats)")
    axes.legend(loc="lower left")


save_figure("16_finder", finder)

# %% [markdown]
# ## Constant, cosine, warm-up and cosine
#
# We train the network with three rates, the suggested kind and larger ones, and with three
# schedules, ten epochs each. The schedules take one step per batch, so their curves are as long as
# all batches together: 450 steps, and not 10.
#
# The parabola leads us to expect that the constant rate leaves noise, in proportion to its size,
# and that a falling one does not. Why warm up? At the start the network is far from anything
# reasonable, curvatures are at their largest, and Adam's averages rest on a few batches. A large
# step at this moment can throw it into a region from which it hardly returns. A few small ones lead
# to where the large ones are safe.

# %%
epochs = 10
total = epochs * len(loader(0))
warm = total // 10
schedules = {
    "constant": lambda o: lr_scheduler.ConstantLR(o, factor=1.0),
    "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=total),
    "warm-up and cosine": lambda o: lr_scheduler.WarmupLR(
        o, warm, lr_scheduler.CosineAnnealingLR(o, T_max=total - warm), start_factor=0.01
    ),
}


def training_loss(lr, make, seed):
    """The loss over all training images after a run."""
    minitorch.manual_seed(seed)
    model = network()
    optimizer = optim.Adam(model, lr=lr)
    schedule = make(optimizer)
    batches = loader(seed)
    for _ in range(epochs):
        for images, labels in batches:
            F.cross_entropy(model(images), labels).backward()
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
    assert schedule.last_epoch == total
    return F.cross_entropy(model.predict(x), y).item()


lrs = [0.003, 0.01, 0.03]
results = {
    name: [[training_loss(lr, make, seed) for seed in range(3)] for lr in lrs]
    for name, make in schedules.items()
}
print(f"loss after {epochs} epochs, of three runs each; {total} steps, {warm} of them to warm up")
for name, by_rate in results.items():
    shown = "   ".join(
        f"lr {lr}: " + " ".join(f"{loss:.3f}" for loss in runs)
        for lr, runs in zip(lrs, by_rate, strict=True)
    )
    print(f"  {name:19} {shown}")
constant, falling, warmed = (np.median(by_rate, axis=1) for by_rate in results.values())
assert (constant[1:] > 2 * warmed[1:]).all()
assert constant[2] > 1.5 * falling[2]
assert falling[2] > 1.5 * warmed[2]
assert constant[2] > 3 * constant[0]  # too large, if it stays
assert constant.max() / constant.min() > 2 * warmed.max() / warmed.min()

# %% [markdown]
# At the edge that the finder showed, a constant rate is hopeless, the cosine makes a usable run of
# it, and a warm-up a good one. With a schedule the choice of the rate matters less: that is what
# one wants from it.
#
# Whether steps are counted in batches or epochs is a matter of taste, as long as the length of the
# curve is counted in the same; `train.Schedule` takes `per="batch"` or `per="epoch"`.


# %%
def why(figure):
    figure.suptitle("A falling rate is as fast as a large one and as exact as a small one")
    left, right = figure.subplots(1, 2)
    for name, (_, colour, style) in plans.items():
        left.plot(parabola[name], color=colour, ls=style, label=f"lr {name}")
    left.set_yscale("log")
    left.set_title("One weight and a noisy gradient")
    left.set_xlabel("step")
    left.set_ylabel("mean loss, log scale")
    left.legend(loc="upper right", fontsize=10)
    colours = (ORANGE, GREY, BLUE)
    for (name, by_rate), colour, style in zip(
        results.items(), colours, ("--", ":", "-"), strict=True
    ):
        right.plot(lrs, np.median(by_rate, axis=1), "o", ls=style, color=colour, label=name)
        for lr, runs in zip(lrs, by_rate, strict=True):
            right.plot([lr] * len(runs), runs, ".", color=colour, ms=4)
    right.set_xscale("log")
    right.set_yscale("log")
    right.set_xticks(lrs, [str(lr) for lr in lrs])
    right.minorticks_off()
    right.set_title(f"Seven layers, {epochs} epochs, three runs each")
    right.set_xlabel("largest learning rate, log scale")
    right.set_ylabel("training loss (nats), log scale")
    right.legend(loc="upper left", fontsize=10)


save_figure("16_why", why, figsize=(9.5, 4.2))

learner = train.Learner(network(), F.cross_entropy, lambda m: optim.Adam(m, lr=0.003))
for per, counted in (("batch", 2 * len(loader(0))), ("epoch", 2)):
    callback = train.Schedule(lambda o: lr_scheduler.ExponentialLR(o, gamma=0.99), per=per)
    learner.fit(loader(0), epochs=2, callbacks=[callback], progress=False)
    print(f"two epochs, one step per {per}: {callback.scheduler.last_epoch} steps")
    assert callback.scheduler.last_epoch == counted

# %% [markdown]
# ## Stop, and go on
#
# Runs are interrupted. What has to be kept so that a new process goes on as if nothing had
# happened? Go through what the next step depends on:
#
# - the **weights**;
# - the **optimizer**'s averages, in which the past gradients live on;
# - the **schedule**'s count, or the rate starts over;
# - the **place in the data**: which images of this epoch have been seen, and the stream of random
#   numbers that will shuffle the next.
#
# (A network that draws random numbers itself, as that of lesson 20, depends on those as well.) A
# `Checkpoint` saves its parts into one file, so they always belong to the same step. Ours are these
# four and the losses so far, which also tell how many steps have been made. We stop at step 70, in
# the middle of the second epoch, and let a run with other weights, another order of the data,
# everything new, take over.


# %%
def new_run(seed):
    minitorch.manual_seed(seed)
    model = network()
    optimizer = optim.Adam(model, lr=0.01)
    return SimpleNamespace(
        model=model,
        optimizer=optimizer,
        schedule=schedules["warm-up and cosine"](optimizer),
        loader=loader(seed),
        losses=[],
    )


def go_on(run, until):
    """Trains until so many steps have been made."""
    while len(run.losses) < until:
        for images, labels in run.loader:
            loss = F.cross_entropy(run.model(images), labels)
            loss.backward()
            run.optimizer.step()
            run.optimizer.zero_grad()
            run.schedule.step()
            run.losses.append(loss.item())
            if len(run.losses) == until:
                return run
    return run


def furthest(a, b):
    """By how much the parameters of two models differ, at most."""
    pairs = zip(a.parameters(), b.parameters(), strict=True)
    return max(abs(p.detach() - q.detach()).max().item() for p, q in pairs)


steps, stop = 110, 70
assert stop % len(loader(0)) != 0
unbroken = go_on(new_run(seed=5), steps)
with tempfile.TemporaryDirectory() as folder:
    first = go_on(new_run(seed=5), stop)
    path = Checkpoint(os.path.join(folder, "run"), **vars(first)).save(step=stop)
    state = minitorch.load(path)

    second = new_run(seed=6)
    kept = Checkpoint(os.path.join(folder, "run"), **vars(second)).load()
    assert kept["step"] == stop
go_on(second, steps)
print(f"stopped at step {stop} of {steps}, gone on in another run: parameters differ by", end=" ")
print(furthest(unbroken.model, second.model))
assert furthest(unbroken.model, second.model) == 0
assert second.losses == unbroken.losses
assert second.schedule.get_last_lr() == unbroken.schedule.get_last_lr()

# %% [markdown]
# Not nearly the same: the same bits. Each part is needed for it. Leave out one at a time, and the
# run goes elsewhere. Without the optimizer's averages, or with other batches, it still learns, so
# nobody would notice. Without the schedule's count the warm-up begins anew. And schedules, here as
# in torch, multiply the rate that they find in the optimizer: from 1/100 to 1 that makes a rate
# that is warm already a hundred times as large.

# %%
parts = ("model", "optimizer", "schedule", "loader")
for missing in parts:
    run = new_run(seed=6)
    run.losses.extend(state["losses"])
    for name in parts:
        if name != missing:
            getattr(run, name).load_state_dict(state[name])
    go_on(run, steps)
    distance = furthest(unbroken.model, run.model)
    print(f"without the {missing:9}: parameters differ by up to {distance:.3f}", end=", ")
    print(f"mean of the last ten losses {np.mean(run.losses[-10:]):.2f}")
    assert distance > 0.001
    if missing == "schedule":
        assert run.schedule.get_last_lr()[0] > 20 * unbroken.schedule.get_last_lr()[0]
    elif missing != "model":
        assert np.mean(run.losses[-10:]) < math.log(10)
print(f"unbroken             : mean of the last ten losses {np.mean(unbroken.losses[-10:]):.2f}")

# %% [markdown]
# `fit` does all of this when it is given a folder: it saves after every epoch, on Ctrl-C, and, with
# `every`, after so many steps. `resume=True` goes on from the last checkpoint, if there is one. So
# the same line starts a run and takes it up again. We cut the power in the middle of an epoch, by
# an error in the loss:


# %%
class PowerCutError(Exception):
    pass


def new_learner(seed, cut=None):
    minitorch.manual_seed(seed)

    def loss(scores, labels):
        if learner.step == cut:
            raise PowerCutError
        return F.cross_entropy(scores, labels)

    learner = train.Learner(network(), loss, lambda m: optim.Adam(m, lr=0.003))  # `loss` sees it
    return learner


whole = new_learner(seed=7)
whole.fit(loader(7), epochs=3, progress=False)
with tempfile.TemporaryDirectory() as folder:
    options = {"epochs": 3, "checkpoint": folder, "every": 10, "resume": True, "progress": False}
    try:
        new_learner(seed=7, cut=stop).fit(loader(7), **options)
        raise AssertionError("the power was not cut")
    except PowerCutError:
        resumed = new_learner(seed=8)
    resumed.fit(loader(8), **options)
assert furthest(whole.model, resumed.model) == 0
assert resumed.history.steps == whole.history.steps
print(f"fit, cut at step {stop} of {whole.step} and resumed: the same bits, the same history")

# %%
print(f"found: at lr {lrs[2]} the loss ends at {constant[2]:.2f} when constant", end=", ")
print(f"{falling[2]:.2f} with a cosine, {warmed[2]:.2f} with warm-up", end="; ")
print("a resumed run is bit for bit the unbroken one")

# %% [markdown]
# ## Exercises
#
# Exercises 1 to 5 can be checked: fill in `lessons/exercises/16_schedules.py`, then run
# `python -m lessons check 16`.
#
# 1. Write a linear schedule, with what it does before its first and after its last step.
# 2. Write a cosine that ends at a smallest rate instead of 0.
# 3. Write warm-up and cosine in one function, and mind the step where they meet.
# 4. Write the rates that the finder tries, and its stopping rule.
# 5. Which mean loss does a constant rate leave on the parabola, and for which rates is there none?
#    How many halvings bring it below a given loss?
# 6. Two weights with curvatures 1 and 100: which rates are allowed, and how long does the first
#    weight take at the largest of them? What would Adam do about it?
# 7. The rate may fall with $1/\sqrt{t}$, with $1/t$, or exponentially. Under which of these can a
#    weight still reach a minimum that is arbitrarily far away? Add up the steps.
