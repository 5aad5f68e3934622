# %% [markdown]
# # Watching a network
#
# A loss that will not fall does not say why; the numbers inside the network do.
#
# So far we have looked at a network from outside, at its loss and its mistakes. When something is
# wrong, that is like knowing that a patient has a fever. This lesson opens the network while it
# trains: what goes through its layers, and how far each step moves its parameters. Two runs that
# go wrong, each in its own way, are diagnosed by it, and mended.

# %%
import math

import numpy as np

import minitorch
import minitorch.nn.functional as F
from lessons.common import BLUE, GREY, RED, load_images, save_figure
from minitorch import nn, optim, plot
from minitorch.diagnostics import (
    ActivationStats,
    GradientStats,
    first_loss_check,
    init_report,
    unused_parameters,
)
from minitorch.nn import init

seed = 3

# %% [markdown]
# ## The patient
#
# Three convolutions that each halve the image, a hidden layer, ten scores; relu after all but the
# last. It is small enough that a run takes a second. We train it with steps that are too long, on
# purpose, lr 0.9. Should the loss run away altogether, to inf or nan, we stop.
#
# We use float64. A run that goes wrong magnifies whatever differs, be it the last bit of a sum, and
# in float32 it would be another run on every machine.

# %%
x_train, y_train, x_valid, y_valid = load_images()
x_train, y_train = x_train[:1408], y_train[:1408]  # 22 batches of 64
mean, std = x_train.mean(), x_train.std()
x_train, x_valid = (x_train - mean).double() / std, (x_valid - mean).double() / std
batch = 64


def network(**weights):
    """A network of the same shape every time; `weights` may say how its layers start."""
    minitorch.manual_seed(seed)
    half = {"stride": 2, "padding": 1, **weights}
    model = nn.Sequential(
        {
            "conv1": nn.Conv2d(8, kernel_size=3, **half),
            "relu1": nn.ReLU(),
            "conv2": nn.Conv2d(16, kernel_size=3, **half),
            "relu2": nn.ReLU(),
            "conv3": nn.Conv2d(32, kernel_size=3, **half),
            "relu3": nn.ReLU(),
            "flatten": nn.Flatten(),
            "hidden": nn.Linear(50, **weights),
            "relu4": nn.ReLU(),
            "scores": nn.Linear(10),
        }
    )
    return model.build((1, 28, 28)).double()


def fit(model, optimizer, epochs=6):
    """The losses of all steps, and the share of held-back images that are read right."""
    minitorch.manual_seed(seed)
    losses = []
    for _ in range(epochs):
        for rows in minitorch.randperm(len(x_train)).reshape(-1, batch):
            loss = F.cross_entropy(model(x_train[rows]), y_train[rows])
            losses.append(loss.item())
            if not math.isfinite(losses[-1]):
                return losses, 0.1
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    right = model.predict(x_valid).argmax(1) == y_valid
    return losses, right.float().mean().item()


model = network()
losses, accuracy = fit(model, optim.SGD(model, lr=0.9))
print(
    f"steps of 0.9: loss {losses[0]:.2f} at first, {np.mean(losses[-22:]):.2f} in the end;", end=""
)
print(f" {accuracy:.0%} read right")
assert accuracy < 0.5

# %% [markdown]
# The loss alone could mean anything: a wrong label, a forgotten relu, a bad start, steps of the
# wrong length.
#
# ## Listening in, by hand
#
# What do we want to know? After each relu, at each step, the mean and the deviation of its outputs.
# We could write that into `forward`, and out of it again afterwards. A *hook* is the tidy way: a
# function that we hand to a module, and that the module calls after each forward, with itself, its
# inputs and its output. Handing it over returns a handle, with which it is taken back. That is all
# there is to it:


# %%
class Module:
    def __init__(self, forward):
        self.forward, self.hooks = forward, []

    def __call__(self, *args):
        output = self.forward(*args)
        for hook in self.hooks:
            hook(self, args, output)
        return output


relu = Module(lambda x: x.relu())
heard = []
relu.hooks.append(lambda module, args, output: heard.append(output.mean().item()))
relu(minitorch.tensor([-1.0, 3.0]))
relu.hooks.clear()
relu(minitorch.tensor([5.0, 5.0]))
print("heard:", heard)
assert heard == [1.5]

# %% [markdown]
# Every module of minitorch, as of torch, has `register_forward_hook`. Its handle has `remove`, and
# works as a context manager, which takes the hook back even if an error ends the block. Forgetting
# that is the classic mistake: hooks that pile up, each of them slowing down every step.
#
# We hang one on each relu. `item()` makes a plain number of a tensor. Were we to keep the tensor,
# it would keep its tape, with all the activations on it, and memory would fill up step by step.

# %%
relus = ["relu1", "relu2", "relu3", "relu4"]
means, stds = {name: [] for name in relus}, {name: [] for name in relus}
model = network()


def listener(name):
    def hook(module, args, output):
        if module.training:
            with minitorch.no_grad():
                means[name].append(output.mean().item())
                stds[name].append(output.std(correction=0).item())

    return hook


handles = [getattr(model, name).register_forward_hook(listener(name)) for name in relus]
again, _ = fit(model, optim.SGD(model, lr=0.9))
for handle in handles:
    handle.remove()
model.predict(x_valid)
assert np.array_equal(again, losses, equal_nan=True)  # listening changes nothing
assert all(len(means[name]) == len(again) for name in relus)

# %% [markdown]
# Why does the hook look at `module.training`? Because validation goes through the same modules.
# Without that line, numbers from held-back images would mix into those from training.
#
# ## Listening in, with everything
#
# `ActivationStats` is this, for all layers, and measures more: the second moment, which lesson 3
# was about, the share of zeros, the share of *dead units*, and a histogram. A unit, which is a
# channel of an image or a number of a hidden layer, is dead if it is 0 for the whole batch. Relu's
# slope is 0 there, so none of the batch can move its weights. If that is so for every batch, they
# only move when layers before it change what it gets. (*Saturated* is the same trouble of functions
# that flatten out at both ends, such as tanh; relu does not, and its column is empty.)
#
# `GradientStats` stands beside it, for the next section. The table shows the worst step.

# %%
model = network()
optimizer = optim.SGD(model, lr=0.9)
every_step = {"every": 1, "keep": 400}
with (
    ActivationStats(model, **every_step) as bad,
    GradientStats(model, optimizer, **every_step) as g,
):
    fit(model, optimizer)
bad_gradients = g
worst = int(np.argmax(np.nan_to_num(bad["relu4"].dead)))
print(bad.table(at=worst))

for name in relus:
    finite = np.isfinite(bad[name].std)
    assert np.allclose(bad[name].mean[finite], np.array(means[name])[finite], rtol=1e-3, atol=1e-5)
    assert np.allclose(bad[name].std[finite], np.array(stds[name])[finite], rtol=1e-3, atol=1e-5)
dead = np.nanmax(bad["relu4"].dead)
print(f"dead units after relu4, at worst: {dead:.0%}")
assert dead > 0.6

# %% [markdown]
# Our own means and deviations agree with it. So that it can stay in for long runs, it measures only
# every tenth step unless told otherwise, and of many steps it keeps at most 200, by dropping every
# other one when that is exceeded. Its histograms come from a sample of the values.
#
# ## How far a step goes
#
# The other half of the picture is the parameters. A gradient by itself is neither large nor small;
# what matters is by how much a step changes what is there. Of all the numbers in $W$ take the root
# mean square, $\mathrm{rms}(W) = \sqrt{\frac1n \sum_i w_i^2}$, and compare:
#
# $$r = \frac{\mathrm{rms}(W_{\text{new}} - W)}{\mathrm{rms}(W)}
# = \frac{\mathrm{lr}\cdot\mathrm{rms}(\partial L/\partial W)}{\mathrm{rms}(W)}$$
#
# The second form holds for plain SGD only. A rule of thumb says that $r$ should be about 1/1000. At
# a hundredth of that, a thousand steps hardly change anything; at a tenth or more, a step throws
# over what the steps before it have found. `GradientStats` looks on at `optimizer.step()`. So it
# measures the first form, which is right for every optimizer.


# %%
def rms(x):
    return math.sqrt((x * x).mean().item())


model = network()
optimizer = optim.SGD(model, lr=0.9)
with GradientStats(model, optimizer, every=1, sample=10_000) as one:  # 4,608 weights: all
    F.cross_entropy(model(x_train[:batch]), y_train[:batch]).backward()
    weight, gradient = model.conv3.weight.detach().clone(), model.conv3.weight.grad.clone()
    optimizer.step()
by_hand = 0.9 * rms(gradient) / rms(weight)
print(f"update : data of conv3.weight in the first step: {by_hand:.5f} by hand", end=", ")
print(f"{one['conv3.weight'].update_to_data[0]:.5f} measured")
assert np.isclose(by_hand, one["conv3.weight"].update_to_data[0], rtol=1e-3)

weights = [name for name in bad_gradients.names if name.endswith("weight")]
largest = max(np.nanmax(bad_gradients[name].update_to_data) for name in weights)
print(f"the longest step changed a layer by {largest:.0%} of itself")
assert largest > 0.5

# %% [markdown]
# ## First diagnosis
#
# There it is. Within a few steps numbers and updates grow with each other, until a step moves whole
# layers by more than their size. After such a step the layers do not fit each other any more.
# What is left of it is units that are 0 for every image, and through which nothing is learned.
#
# The obvious cure: steps an eighteenth as long.

# %%
model = network()
optimizer = optim.SGD(model, lr=0.05)
with (
    ActivationStats(model, **every_step) as slow,
    GradientStats(model, optimizer, **every_step) as g,
):
    slow_losses, slow_accuracy = fit(model, optimizer)
slow_gradients = g
first = np.median([slow_gradients[name].update_to_data[:22] for name in weights])
print(f"steps of 0.05: loss {np.mean(slow_losses[-22:]):.2f} in the end; {slow_accuracy:.0%} right")
print(f"update : data in the first epoch: {first:.1e}; std after relu4 at first", end=" ")
print(f"{slow['relu4'].std[0]:.3f}, after relu1 {slow['relu1'].std[0]:.3f}")
assert max(np.nanmax(slow_gradients[name].update_to_data) for name in weights) < 0.3
assert first < 1e-3
assert slow_accuracy < 0.6
deviations = [slow[name].std[0] for name in relus]
assert deviations == sorted(deviations, reverse=True)
assert deviations[3] < deviations[0] / 10

# %% [markdown]
# No layer is thrown over, and hardly anything is learned: now updates are less than 1/1000 of the
# weights. Longer steps could make up for that in the beginning, and we have seen how they end. So
# something else must be wrong. Look at the deviation: it shrinks from layer to layer, and
# gradients, which go through the same weights back, shrink with it. This is lesson 3 and lesson 9
# again: the weights that layers come with are too small for relu.
#
# `init_report` says that without any training. It runs a batch, works out from each layer's weights
# and inputs what should come out, $E[y^2] = m\, E[w^2]\, E[x^2] + E[b^2]$ (lesson 3, with the bias
# added), and follows the second moment from layer to layer. Its last line is what became of it from
# the first layer's input to the last one's.

# %%
report = init_report(network(), x_train[:256])
print(report)
for name in ("conv2", "conv3", "hidden"):
    row = report[name]
    assert 0.4 < row.measured.second_moment / row.expected.second_moment < 2.5
    assert "sqrt(2/m)" in report.changes[name]
assert report.factor < 0.1

# %% [markdown]
# Expected and measured agree, within what one draw of few weights may do. Where they do not, the
# inputs of a sum are not independent of each other, as the formula assumes, and neighbouring pixels
# are not: where one is ink, the next is, too. See `conv1`.
#
# It also says what to do: $\sqrt{2/m}$, Kaiming's weights. We keep the steps of 0.05, and change
# the weights alone. (The rule of 1/1000 is for long runs. Of 132 steps each may be several times as
# long, and most of these are.)

# %%
kaiming = {"weights": init.kaiming_normal(), "biases": init.zeros()}
model = network(**kaiming)
report = init_report(model, x_train[:256])
print(f"with Kaiming's weights E[x^2] changes by the factor {report.factor:.2f}", end="")
optimizer = optim.SGD(model, lr=0.05)
with (
    ActivationStats(model, **every_step) as good,
    GradientStats(model, optimizer, **every_step) as g,
):
    good_losses, good_accuracy = fit(model, optimizer)
good_gradients = g
dead = np.nanmax(good["relu4"].dead)
print(f"; loss {np.mean(good_losses[-22:]):.2f} in the end, {good_accuracy:.0%} right, ", end="")
print(f"at most {dead:.0%} dead")
assert 0.2 < report.factor < 5
assert good_accuracy > 0.85
assert good_accuracy > slow_accuracy + 0.2
assert np.mean(good_losses[-22:]) < 0.5
assert dead < 0.5
size = {}
for name, gradients in (("as they come", slow_gradients), ("Kaiming", good_gradients)):
    size[name] = math.sqrt(gradients["conv1.weight"].second_moment[0])
    print(f"first gradient of conv1, {name}: rms {size[name]:.4f}")
assert size["Kaiming"] > 10 * size["as they come"]
ratios = np.stack([good_gradients[name].update_to_data for name in weights])
print(f"updates of the healthy run: {ratios.min():.4f} to {ratios.max():.2f}", end=" ")
print(f"of the weights, half of them below {np.median(ratios):.3f}")
assert np.median(ratios) > 2e-3
assert 5e-4 < np.quantile(ratios, 0.05) < np.quantile(ratios, 0.95) < 0.1

runs = {
    f"steps of 0.9: {accuracy:.0%} read right": (bad, bad_gradients),
    f"steps of 0.05: {slow_accuracy:.0%}": (slow, slow_gradients),
    f"steps of 0.05, Kaiming: {good_accuracy:.0%}": (good, good_gradients),
}


def over_time(figure):
    figure.suptitle("Steps too long, numbers too small, and a run in good health")
    grid = figure.subplots(2, 3, sharex=True, sharey="row")
    for (title, (stats, _)), (upper, lower) in zip(runs.items(), grid.T, strict=True):
        shown = [stats[name] for name in relus]
        for axes, field in ((upper, "mean"), (lower, "std")):
            values = [getattr(series, field) for series in shown]
            plot.over_time(values, relus, stats.steps, ax=axes, title="")
            axes.set_yscale("log")
            axes.set_ylabel("")
            if title != list(runs)[-1]:
                axes.get_legend().remove()
        upper.set_title(title)
        upper.set_xlabel("")
    grid[0, 0].set_ylim(1e-4, 10)
    grid[1, 0].set_ylim(1e-4, 10)
    grid[0, 0].set_ylabel("mean")
    grid[1, 0].set_ylabel("standard deviation")


save_figure("17_over_time", over_time, figsize=(10.5, 5.2))

# %% [markdown]
# ## Histograms over time
#
# Mean and deviation cannot tell a layer where all units do a little from one where a few do
# everything. A histogram can. For each step we count how many values lie in each of 40 bins, and
# lay these columns side by side, coloured by their counts. In a healthy layer the picture begins
# narrow and spreads smoothly. Spikes that fall back mean that a step went too far. By hand, for one
# layer and one step, it is one line of NumPy. (`ActivationStats` cannot know the bins beforehand.
# It counts in fine ones between the least and the largest value of the step, and deals these out to
# ours afterwards, so single values may end up next door.)

# %%
counts, edges = good["relu4"].histogram(bins=40)
with minitorch.no_grad():
    network_now = network(**kaiming)
    minitorch.manual_seed(seed)
    rows = minitorch.randperm(len(x_train))[:batch]
    values = network_now[:9](x_train[rows]).numpy()
by_hand, _ = np.histogram(values, edges)
print(f"the lowest bin in the first step: {by_hand[0]} by hand, {counts[0, 0]:.0f} measured")
assert counts.shape == (40, len(good_losses))
assert np.isclose(counts[:, 0].sum(), values.size)
assert np.abs(by_hand - counts[:, 0]).max() <= 0.02 * values.size


def histograms(figure):
    figure.suptitle("The hidden layer after relu: a shock that kills units, and smooth growth")
    chosen = [list(runs.items())[i] for i in (0, 2)]
    for axes, (title, (stats, _)) in zip(figure.subplots(1, 2), chosen, strict=True):
        top = np.nanpercentile(stats["relu4"].high, 98)
        image = stats["relu4"].histogram(range=(0, float(top)))
        name = "output of relu4"
        plot.histogram_over_time(*image, stats.steps, name, title=title, ax=axes)


save_figure("17_histograms", histograms, figsize=(10.5, 3.8))


def steps_and_units(figure):
    figure.suptitle(
        "Long steps kill units; in good health updates are 1/1000 to 1/10 of the weights"
    )
    upper, lower = figure.subplots(2, 3, sharex=True, sharey="row")
    short = [name.removesuffix(".weight") for name in weights]
    for i, (title, (stats, gradients)) in enumerate(runs.items()):
        values = [gradients[name].update_to_data for name in weights]
        plot.ratios(values, short, gradients.steps, title=title, ax=upper[i])
        upper[i].set_xlabel("")
        upper[i].set_ylabel("update : data" if i == 0 else "")
        upper[i].set_ylim(1e-5, 3)
        for name, colour, dashes in zip(relus, (BLUE, RED, GREY, "black"), ("-", "--", "-.", ":")):
            style = {"color": colour, "linestyle": dashes, "linewidth": 1.5}
            lower[i].plot(stats.steps, 100 * stats[name].dead, label=name, **style)
        lower[i].set_xlabel("step")
        lower[i].set_ylim(-2, 100)
        if i < 2:
            upper[i].get_legend().remove()
    lower[0].set_ylabel("dead units (%)")
    lower[2].legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small")


save_figure("17_updates", steps_and_units, figsize=(10.5, 5.2))

# %% [markdown]
# ## Before the first step
#
# Two checks cost nothing, and belong in front of every training. The first loss should be that of
# guessing, $\log 10$ for ten classes. And after one backward, every parameter should have a
# gradient; one that has none is not connected to the loss. Here is a network with both mistakes:
# last weights of size 1, and a branch that somebody forgot to use.


# %%
class Forgetful(nn.Module):
    def __init__(self):
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(50, activation="relu"))
        self.branch = nn.Linear(50, 50)
        self.scores = nn.Linear(10, weights=init.normal())

    def forward(self, x):
        return self.scores(self.body(x))


minitorch.manual_seed(seed)
forgetful = Forgetful().double().build((1, 28, 28))
loss = F.cross_entropy(forgetful(x_train[:batch]), y_train[:batch])
loss.backward()
print(first_loss_check(loss, classes=10))
print(first_loss_check(good_losses[0], classes=10, tolerance=0.3))
print("no gradient:", ", ".join(unused_parameters(forgetful)))
assert not first_loss_check(loss, classes=10).ok
assert first_loss_check(good_losses[0], classes=10, tolerance=0.3).ok
assert unused_parameters(forgetful) == ["branch.weight", "branch.bias"]

# %% [markdown]
# The branch has to be mended by hand. The last weights need not be guessed: `init.undecided_` runs
# a batch and scales them until the scores are nearly equal, so that no class is preferred before
# anything is known.

# %%
init.undecided_(forgetful, x_train[:batch])
undecided = F.cross_entropy(forgetful(x_train[:batch]), y_train[:batch])
print(first_loss_check(undecided, classes=10))
assert abs(undecided.item() - math.log(10)) < 0.05

# %%
print(
    f"found: {accuracy:.0%} read right with steps that kill units, {slow_accuracy:.0%} with short",
    end="",
)
print(f" ones, {good_accuracy:.0%} once the first weights fit")

# %% [markdown]
# ## Exercises
#
# Four more check themselves: fill in the functions in `lessons/exercises/17_watching.py`, then run
# `python -m lessons check 17`.
#
# 1. Keep `output` instead of its mean in `listener`, for a hundred steps. Watch the memory of the
#    process. Which line would mend it?
# 2. Forget to remove the handles, and fit twice. How long are the lists then, and why?
# 3. Train the network with Kaiming's weights and steps of 0.9. Is it the weights or the steps that
#    kill units?
# 4. Put tanh in place of relu and start the weights five times as large. What does the column
#    "saturated" say, and what do the gradients of the first layer do?
# 5. Train with `optim.Adam`. Where do its updates lie beside the line at 1/1000? Explain it with
#    the formula of its step.
# 6. Use leaky relu. Are there dead units now? Should the definition of "dead" change?
# 7. Write a callback for `model.fit` that stops the run when more than half of the units of a layer
#    are dead, and says which layer.
