# %% [markdown]
# # LeNet from end to end
#
# A network that looks at neighbourhoods learns to read digits in a few passes over the data.
#
# All parts are there: convolutions from lesson 8, the loss from lesson 10, the loop from lesson 11,
# modules from 12, and sizes that infer themselves from 13. Here they make one program, the whole
# way from images to a trained network in a file. Then we look inside: at what it gets wrong, at
# what it has learnt to look for, and at what it sees.

# %%
import math
import os
import tempfile
import time

import numpy as np

import minitorch
import minitorch.nn.functional as F
from lessons.common import BLUE, GREY, RED, load_images, options, save_figure, show_image
from minitorch import nn, optim, train
from minitorch.utils.data import DataLoader, TensorDataset

started = time.perf_counter()
seed = 0
minitorch.manual_seed(seed)

# %% [markdown]
# ## Data
#
# As in lesson 11: images to learn from and images held back, normalised by the mean and standard
# deviation of the first. They stay images, though, (1, 28, 28) each. A convolution wants to know
# which pixel lies beside which.

# %%
x_train, y_train, x_valid, y_valid = load_images()
mean, std = x_train.mean(), x_train.std()
x_train, x_valid = (x_train - mean) / std, (x_valid - mean) / std
classes = int(y_train.max()) + 1
print(f"{len(x_train):,} images to learn from, {len(x_valid):,} held back; seed {seed}")

# %% [markdown]
# ## Network
#
# Given as a dictionary, the layers of a `Sequential` have names. No input size is written; `build`
# finds them. Relu and softmax are where they were in lesson 11: one after each layer but the last,
# the other in the loss. The first loss is that of guessing, as it should be. (`model.predict` calls
# the model off the tape; more of it below.)


# %%
def lenet(hidden=500):
    return nn.Sequential(
        {
            "cv1": nn.Conv2d(20, kernel_size=5),
            "relu1": nn.ReLU(),
            "mp1": nn.MaxPool2d(2),
            "cv2": nn.Conv2d(50, kernel_size=5),
            "relu2": nn.ReLU(),
            "mp2": nn.MaxPool2d(2),
            "flatten": nn.Flatten(),
            "hidden": nn.Linear(hidden),
            "relu3": nn.ReLU(),
            "classifier": nn.Linear(classes),
        }
    ).build((1, 28, 28))


model = lenet()
print(model.summary((1, 28, 28)))
first = F.cross_entropy(model.predict(x_train[:256]), y_train[:256]).item()
print(f"first loss {first:.3f}; guessing one of {classes} costs {math.log(classes):.3f}")
assert abs(first - math.log(classes)) < 0.1

# %% [markdown]
# ## Fit
#
# The loop is that of lesson 11, with `DataLoader` and optimizer. What is always the same can be
# written once: `model.fit` is this loop, with validation after each epoch and a history of what was
# measured. An optimizer also takes the model itself in place of a list of its parameters, and `fit`
# takes a function that makes the optimizer for its model, `sgd` below. To be sure that nothing else
# happens in `fit`, we let both learn from 300 images, from the same seed, and compare all weights,
# bit by bit.


# %%
def fit_by_hand(model, x, y, epochs, batch_size, lr):
    optimizer = optim.SGD(model, lr=lr)
    loader = DataLoader(TensorDataset(x, y), batch_size, shuffle=True)
    for _ in range(epochs):
        for images, labels in loader:
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()


def sgd(model):
    return optim.SGD(model, lr=0.1)


minitorch.manual_seed(seed)
by_hand = lenet()
fit_by_hand(by_hand, x_train[:300], y_train[:300], epochs=1, batch_size=32, lr=0.1)
minitorch.manual_seed(seed)
by_fit = lenet()
by_fit.fit(x_train[:300], y_train[:300], epochs=1, batch_size=32, optimizer=sgd, progress=False)
pairs = list(zip(by_hand.parameters(), by_fit.parameters(), strict=True))
assert all(np.array_equal(p.detach(), q.detach()) for p, q in pairs)
print(f"the loop by hand and model.fit: {len(pairs)} parameters, equal to the last bit")

# %% [markdown]
# Now with all images. `model.fit` makes the `Learner` of lesson 11 behind the scenes, which holds
# on to model, loss and optimizer. We take it into our own hands, because we want to fit twice with
# it: first with large steps, which get far, and then with steps a tenth as long, which settle.
# Lesson 16 makes a method of it. (An optimizer keeps its settings in `param_groups`, since parts of
# a model may have settings of their own. Here there is one group.)

# %%
epochs = {"digits": (5, 2), "mnist": (2, 1)}[options().data]
filters_before = model.cv1.weight.detach().numpy().copy()
learner = train.Learner(model, F.cross_entropy, sgd, metrics=[train.accuracy])
data = {"train": (x_train, y_train), "valid": (x_valid, y_valid), "batch_size": 32}
learner.fit(**data, epochs=epochs[0])
learner.optimizer.param_groups[0]["lr"] /= 10
history = learner.fit(**data, epochs=epochs[1])

accuracy = history.last("accuracy")
assert len(history) == sum(epochs)
assert history["train_loss"][-1] < history["train_loss"][0] / 5
assert accuracy >= 0.97
assert max(history["valid_loss"][epochs[0] - 1 :]) == history["valid_loss"][epochs[0] - 1]

# %% [markdown]
# With the large steps the loss of the images held back does not fall evenly. It may jump: a step
# too far for some of the digits, mended by the next ones. That is what the short steps are for.
# They do not get far, but what they reach stays.

# %% [markdown]
# ## Predict
#
# To predict is to call the model with three things settled: layers are in evaluation mode, the tape
# is off, and images come in batches that fit into memory, of which the last may be short. By hand:


# %%
def predict_by_hand(model, x, batch_size):
    model.eval()
    with minitorch.no_grad():
        batches = [model(x[i : i + batch_size]) for i in range(0, len(x), batch_size)]
    model.train()
    return minitorch.cat(batches)


scores = model.predict(x_valid)
with minitorch.tape() as tape:
    assert np.array_equal(model.predict(x_valid, 100), predict_by_hand(model, x_valid, 100))
print(f"scores {tuple(scores.shape)}; batches of 100, the last of {len(x_valid) % 100}", end="; ")
print(f"{len(tape)} ops on the tape")
assert len(tape) == 0
assert not scores.requires_grad
assert len(x_valid) % 100 or options().data == "mnist"

guesses = scores.argmax(1).numpy()
labels = y_valid.numpy()
assert abs((guesses == labels).mean() - accuracy) < 1e-6
# the validation loss of the history: the mean over all images, also when the last batch is short
assert abs(F.cross_entropy(scores, y_valid).item() - history.last("valid_loss")) < 1e-4

# %% [markdown]
# ## Save and load
#
# What has been learnt is the numbers, not the program. `state_dict` gives them by name, and they go
# into a file; whoever has the program builds the network and reads them in. NumPy could write such
# a file: `np.savez(path, **state)`. minitorch's `save` adds what one misses after the first
# accident: the file is replaced as a whole, so a crash leaves the old one; each tensor has a
# checksum, so a damaged file is noticed; and it holds numbers only, so a file from a stranger
# cannot run anything.

# %%
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "lenet.safetensors")
    minitorch.save(model.state_dict(), path)
    print(f"{os.path.getsize(path):,} bytes for {model.count_parameters():,} numbers of 4 bytes")

    other = lenet()
    assert not np.array_equal(other.predict(x_valid), scores)
    other.load_state_dict(minitorch.load(path))
    assert np.array_equal(other.predict(x_valid), scores)
    print("a new network with the loaded numbers: the same scores, to the last bit")

    narrow = lenet(hidden=400)
    try:
        narrow.load_state_dict(minitorch.load(path))
        raise AssertionError("500 hidden numbers were loaded into 400")
    except ValueError as error:
        message = str(error)
    print(message)
    assert "hidden.weight" in message

    with open(path, "r+b") as file:
        file.seek(os.path.getsize(path) // 2)
        file.write(b"a scratch")
    try:
        minitorch.load(path)
        raise AssertionError("a damaged file was loaded")
    except ValueError as error:
        message = str(error)
    print("damaged:", message.replace(folder, "...")[:60])
    assert "damaged" in message

# %% [markdown]
# ## What is taken for what
#
# The confusion matrix counts, for each true digit, what it was taken for. Row: the truth; column:
# the guess. All that was read right stands on the diagonal.

# %%
matrix = np.zeros((classes, classes), int)
np.add.at(matrix, (labels, guesses), 1)
print(matrix)

metric = train.ConfusionMatrix(classes)
metric.update(scores, y_valid, len(y_valid))
assert np.array_equal(matrix, np.asarray(metric.matrix))
assert matrix.sum() == len(labels)
assert abs(matrix.trace() / matrix.sum() - accuracy) < 1e-6
wrong = np.flatnonzero(guesses != labels)
print(f"{len(wrong)} of {len(labels):,} are read wrong")


def learning(figure):
    figure.suptitle(f"LeNet reads {accuracy:.1%} of new digits after {sum(epochs)} epochs")
    left, right = figure.subplots(1, 2, width_ratios=[1.15, 1])
    at = np.arange(1, len(history) + 1)
    left.plot(at, history["train_loss"], "o--", color=GREY, label="training images")
    left.plot(at, history["valid_loss"], "o-", color=BLUE, label="held-back images")
    left.axhline(math.log(classes), color=GREY, lw=1, ls=":")
    left.text(at[-1], math.log(classes), "guessing", ha="right", va="bottom", fontsize=10)
    left.axvspan(epochs[0] + 0.5, at[-1] + 0.3, color=GREY, alpha=0.12, lw=0)
    left.text(at[-1] + 0.2, 2.2, "shorter steps", ha="right", va="top", fontsize=10)
    left.set_title("Large steps get far, short ones settle")
    left.set_xlabel("epoch")
    left.set_ylabel("cross-entropy (nats)")
    left.set_xticks(at)
    left.set_ylim(0, 2.55)
    left.legend(loc=(0.38, 0.46))

    off = np.where(np.eye(classes) > 0, 0, matrix)
    right.imshow(off, cmap="Oranges", vmin=0, vmax=max(4, 2 * off.max()))
    for (i, j), count in np.ndenumerate(matrix):
        if count:
            style = {"color": GREY} if i == j else {"weight": "bold"}
            right.text(j, i, count, ha="center", va="center", fontsize=9, **style)
    right.set_title(f"{len(wrong)} mistakes, off the diagonal")
    right.set_xlabel("read as")
    right.set_ylabel("is a")
    right.set_xticks(range(classes))
    right.set_yticks(range(classes))
    right.grid(visible=False)


save_figure("14_learning", learning, figsize=(9.5, 4.2))

# %% [markdown]
# How sure was it? Softmax makes probabilities of scores, and the one it gives to the truth says how
# hard an image was. We look at the twelve hardest. Mistakes are among them, since where another
# digit got more, at most half is left for the truth; so are images that it has just about read
# right.

# %%
probabilities = scores.softmax(1).numpy()
of_truth = probabilities[np.arange(len(labels)), labels]
hardest = np.argsort(of_truth)[:12]
right = guesses == labels
print(f"probability of the guess: {probabilities.max(1)[right].mean():.3f} on average, when right")
print(f"probability of the truth in the hardest image: {of_truth[hardest[0]]:.3f}")
assert probabilities.max(1)[right].mean() > 0.9
assert (of_truth[wrong] <= 0.5).all()
assert (of_truth[right] > 1 / classes).all()


def the_hardest(figure):
    figure.suptitle(
        f"The twelve hardest of {len(labels):,} digits, and the chance given to the truth"
    )
    grid = figure.subplots(2, 6)
    for axes, k in zip(grid.flat, hardest, strict=True):
        read = "read right" if right[k] else f"read as {guesses[k]}"
        show_image(axes, x_valid[int(k)] * std + mean, f"{labels[k]}: {of_truth[k]:.0%}\n{read}")
        axes.title.set_color("black" if right[k] else RED)


save_figure("14_hardest", the_hardest, figsize=(9.5, 4.4))

# %% [markdown]
# ## What it looks for
#
# The weights of the first layer are twenty little images of 5 by 5. A filter answers where the
# image looks like itself, and lesson 8 showed what an edge filter does. Nobody has put edges into
# these: they began as noise, where a weight knows nothing of its neighbours. After training it
# does; bright and dark weights lie together in patches, which is what a stroke or an edge looks
# like at this size. Slicing a Sequential gives the network up to a layer, and so what the filters
# make of a digit.
#
# To measure "together in patches", we take all pairs of weights that lie side by side or one above
# the other, and their correlation: 0 for noise, 1 where neighbours are equal.

# %%
filters = model.cv1.weight.detach().numpy()
lengths = [np.linalg.norm(w.reshape(20, -1), axis=1) for w in (filters_before, filters)]
moved = np.linalg.norm((filters - filters_before).reshape(20, -1), axis=1)
print(f"length of a filter: {lengths[0].mean():.2f} before, {lengths[1].mean():.2f} after training")
print(f"way it has moved: {moved.min():.2f} to {moved.max():.2f}")


def alike(w):
    """The correlation of neighbours in the filters."""
    one = np.concatenate([w[..., :-1].ravel(), w[..., :-1, :].ravel()])
    other = np.concatenate([w[..., 1:].ravel(), w[..., 1:, :].ravel()])
    return np.corrcoef(one, other)[0, 1]


print(f"neighbouring weights correlate: {alike(filters_before):.2f} before", end=", ")
print(f"{alike(filters):.2f} after")
assert abs(alike(filters_before)) < 0.15
assert alike(filters) > alike(filters_before) + 0.05
assert lengths[1].mean() > lengths[0].mean()

image = x_valid[int(np.flatnonzero((labels == 5) & (guesses == 5))[0])][None]
maps = {"relu(cv1)": model[:2].predict(image)[0], "mp1": model[:3].predict(image)[0]}
deep = model[:6].predict(image)[0]
for name, m in {**maps, "mp2": deep}.items():
    print(f"{name:10}{tuple(m.shape)!s:14}{(m == 0).float().mean():4.0%} of the numbers are 0")
assert [tuple(m.shape) for m in maps.values()] == [(20, 24, 24), (20, 12, 12)]
assert tuple(deep.shape) == (50, 4, 4)
assert np.allclose(maps["mp1"], F.max_pool2d(maps["relu(cv1)"][None], 2)[0])

chosen = np.argsort(-moved)[:8]


def what_it_sees(figure):
    figure.suptitle(
        "Out of noise grew filters for strokes and edges, and they mark where those are"
    )
    grid = figure.subplots(4, 9, width_ratios=[1.4] + [1] * 8)
    for axes in grid.flat:
        axes.set_axis_off()
    show_image(grid[2, 0], image * std + mean)
    labels = {0: "filters\nbefore", 1: "filters\nafter", 3: "answers,\npooled"}
    for row, text in labels.items():
        axes = grid[row, 0]
        axes.text(0.9, 0.5, text, ha="right", va="center", transform=axes.transAxes)
    limit = abs(filters[chosen]).max()
    for column, k in enumerate(chosen, 1):
        for row, weights in enumerate((filters_before, filters)):
            grid[row, column].imshow(weights[k, 0], cmap="PuOr", vmin=-limit, vmax=limit)
        for row, m in enumerate(maps.values(), 2):
            grid[row, column].imshow(m[int(k)].numpy(), vmin=0)
    note = (
        "purple: ink here raises the answer; orange: it lowers it; row 3: a digit and the answers"
    )
    figure.supxlabel(note, fontsize=10)


save_figure("14_filters", what_it_sees, figsize=(9.5, 4.8))

# %%
took = time.perf_counter() - started
print(f"found: LeNet reads {accuracy:.2%} of held-back digits after {sum(epochs)} epochs", end="")
print(f" and {took:.1f} s; {len(wrong)} mistakes")

# %% [markdown]
# ## Exercises
#
# Four more check themselves: fill in the functions in `lessons/exercises/14_lenet.py`, then run
# `python -m lessons check 14`.
#
# 1. Shuffle the pixels of all images, in the same way for all. What does the network of lesson 11
#    lose by it, what LeNet, and why?
# 2. Take away the second convolution, or the hidden layer. What does each cost in accuracy, what
#    does it save in time and in parameters? Compare with the table of lesson 13.
# 3. Train with 50, 100, 200, 400, ... images, and plot the accuracy on a logarithmic axis. How many
#    would you need for 99.9 %?
# 4. Move the held-back images by 1, 2, 3 pixels before predicting. How fast does the accuracy fall?
#    Then train on images that are moved at random.
# 5. Set one filter of `cv1` to zero after another, and measure the accuracy each time. Which filter
#    could be spared? Could several of these at once?
# 6. Of the guesses that are 90 % sure, are 90 % right? Sort guesses by their probability into ten
#    bins and plot the share of right ones in each.
# 7. Save the optimizer's state as well, load both, and go on training. Is it the run that was never
#    interrupted? Lesson 16 has the answer, and what else is needed.
