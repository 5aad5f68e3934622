# %% [markdown]
# # Dropout and regularisation
#
# Five ways to keep a network from learning its examples by heart, each measured.
#
# A network with more parameters than examples can always get its examples right: it remembers them.
# What it remembers is of no use for new ones, and where an example is wrong it does harm.
# Everything that holds a network back from remembering, so that it has to look for what examples
# have in common, goes by the name of regularisation.

# %%
import math

import numpy as np

import minitorch
import minitorch.nn.functional as F
from lessons.common import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, save_figure
from minitorch import nn, optim, train
from minitorch.gradcheck import gradcheck
from minitorch.utils.data import RandomCrop, digits

minitorch.manual_seed(0)

# %% [markdown]
# ## A small and partly wrong training set
#
# Twenty images of each digit, and a fifth of the labels replaced by wrong ones, as it happens where
# labels are bought cheaply. All other images keep their right labels. The held-back ones are for
# validation: they may be looked at while training, to decide when to stop. A thousand more, which
# we did not take for training, are for the test, at the end. Whoever chooses by a number cannot
# trust that number any more.

# %%
images = digits(size=28)
mean, std = images.x_train.mean(), images.x_train.std()
rng = np.random.default_rng(0)

truth = images.y_train.numpy()
rows = np.concatenate([np.flatnonzero(truth == digit)[:20] for digit in range(10)])
labels = truth[rows]
wrong = rng.permutation(len(rows))[: len(rows) // 5]
labels[wrong] = (labels[wrong] + rng.integers(1, 10, len(wrong))) % 10  # another digit
x_train, y_train = (images.x_train[rows] - mean) / std, minitorch.tensor(labels)

others = np.setdiff1d(np.arange(len(truth)), rows)[:1000]
x_test, y_test = (images.x_train[others] - mean) / std, images.y_train[others]
x_valid, y_valid = (images.x_valid - mean) / std, images.y_valid
paper = x_train.min().item()
print(f"{len(x_train)} images to learn from, {len(wrong)} with a wrong label;", end=" ")
print(f"{len(x_valid)} for validation, {len(x_test)} for the end")
assert (labels != truth[rows]).sum() == len(wrong) == 40

# %% [markdown]
# The network has one hidden layer of 100 and 79,510 parameters, 400 for each image. Here is the
# loop, with an option for each thing that we will try; stopping early needs none.


# %%
def network(p=0.0):
    hidden, scores = nn.Linear(784, 100), nn.Linear(100, 10)
    return nn.Sequential(nn.Flatten(), hidden, nn.ReLU(), nn.Dropout(p), scores)


def fit(seed, p=0.0, decay=0.0, smoothing=0.0, shift=0, epochs=60, batch=40):
    """For each epoch: loss and accuracy on `parts`."""
    minitorch.manual_seed(seed)
    model = network(p)
    optimizer = optim.SGD(model, lr=0.02, momentum=0.9, weight_decay=decay)
    move = RandomCrop(28, padding=shift, fill=paper)
    history = []
    for _ in range(epochs):
        model.train()
        order = minitorch.randperm(len(x_train))
        for start in range(0, len(order), batch):
            some = order[start : start + batch]
            x = move(x_train[some]) if shift else x_train[some]
            loss = F.cross_entropy(model(x), y_train[some], label_smoothing=smoothing)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        history.append([measure(model, x, y) for x, y in parts])
    return np.array(history)  # (epochs, parts, loss and accuracy)


def measure(model, x, y):
    scores = train.predict(model, x)  # in evaluation mode: nothing is dropped
    loss = F.cross_entropy(scores, y).item()
    return loss, (scores.argmax(1) == y).float().mean().item()


mislabelled = x_train[wrong], minitorch.tensor(truth[rows][wrong])  # with their true digit
parts = (x_train, y_train), (x_valid, y_valid), (x_test, y_test), mislabelled
seeds = range(5)
runs = {"nothing": np.array([fit(seed) for seed in seeds])}
start = runs["nothing"].mean(0)
turn = int(start[:, 1, 0].argmin())
print("epoch   loss in training, validation    read right in training, validation")
for epoch in sorted({0, turn, 9, 29, 59}):
    (loss, right), (valid_loss, valid_right) = start[epoch, :2]
    print(f"{epoch + 1:5} {loss:18.3f} {valid_loss:11.3f} {right:25.1%} {valid_right:11.1%}")
assert sum(w.numel() for w in network().parameters()) == 79_510
assert turn < 15
assert start[-1, 0, 1] > 0.99
assert start[-1, 1, 1] < start[:, 1, 1].max() - 0.03
assert start[-1, 1, 0] > 1.3 * start[turn, 1, 0]

# %% [markdown]
# In the end all training labels are "right", the 40 wrong ones as well, and the loss goes to 0. On
# new images it was best after a few epochs. What came later was learning by heart: accuracy fell,
# and the loss rose even more, since the network is ever more sure of itself, also where it is
# wrong.
#
# ## 1. Dropout
#
# Someone who learns by heart needs all the details. Dropout takes away half of them, others at each
# step: every hidden number is set to 0 with probability $p$. No number can rely on another being
# there, and what is stored in a single combination of them is lost.
#
# When the network is used nothing is dropped, so the next layer would get larger sums than it has
# learned with: $x$ instead of $(1-p)\, x$ on average. To prevent that, what survives is scaled up
# in training. With a mask $m$ of independent draws, 0 with probability $p$ and 1 otherwise,
#
# $$y = \frac{m\, x}{1 - p} \qquad E[y] = \frac{(1-p)\, x}{1-p} = x \qquad
# \text{Var}[y] = \frac{(1-p)\, x^2}{(1-p)^2} - x^2 = \frac{p}{1-p}\, x^2$$
#
# since $m^2 = m$ in the square. The mean is right, and the noise is as large as the numbers
# themselves for $p = 1/2$. The gradient is that of a product with a constant, $m / (1 - p)$, and it
# must be the *same* mask as in the forward pass:
#
# $$\frac{\partial L}{\partial x} = \frac{m\, g}{1-p}$$


# %%
def dropout(x, p, training):
    if not training:
        return x
    kept = (minitorch.rand(x.shape) >= p).to(x.dtype)
    return x * (kept / (1 - p))


p = 0.3
x = minitorch.randn(200, 1000)
for name, drop in [("ours", dropout), ("minitorch", F.dropout)]:
    y = drop(x, p, True)
    gone = (y == 0).float().mean().item()
    ones = drop(minitorch.ones(200, 1000), p, True)
    print(f"{name:10} dropped {gone:.1%}, mean of ones {ones.mean().item():.3f},", end=" ")
    print(f"variance {ones.var().item():.3f} for p/(1-p) = {p / (1 - p):.3f}")
    assert abs(gone - p) < 0.01
    assert abs(ones.mean().item() - 1) < 0.01
    assert abs(ones.var().item() - p / (1 - p)) < 0.01
    assert minitorch.allclose(y[y != 0], x[y != 0] / (1 - p))
    assert drop(x, p, False) is x

x = minitorch.randn(4, 5, requires_grad=True)
y = F.dropout(x, 0.5)
y.sum().backward()
assert ((x.grad == 0) == (y == 0)).all()
assert ((x.grad == 2) == (y != 0)).all()


def with_fixed_mask(x):
    return F.dropout(x, 0.5, generator=minitorch.Generator().manual_seed(7))


assert gradcheck(with_fixed_mask, x)
print("the gradient passes where the number passed, times the same 1 / (1 - p)")

# %% [markdown]
# Without the scaling, `normalize=False`, survivors stay as they are, and it is the user's business
# to multiply by $1 - p$ when nothing is dropped. That is how dropout was first described.
#
# And what does the network say that is left when nothing is dropped? In ours only a linear layer
# comes after the mask, and for that it is exactly the average over all masks: one network that
# stands for many. (With a relu in between, which does not go through an average, it is roughly so.)

# %%
survivors = F.dropout(minitorch.ones(100_000), 0.5, normalize=False)
assert set(survivors.tolist()) == {0.0, 1.0}
assert abs(survivors.mean().item() - 0.5) < 0.01
with minitorch.no_grad():
    layer, h = nn.Linear(100, 10), minitorch.rand(100)
    draws = layer(F.dropout(h.expand(20_000, 100), 0.5))
    distance = (draws.mean(0) - layer(h)).abs().max().item()
print(f"20,000 masks: scores spread by {draws.std(0).mean().item():.2f}, their mean is", end=" ")
print(f"{distance:.3f} from the scores with nothing dropped")
assert distance < 0.05 * draws.std(0).mean().item()

# %% [markdown]
# ## 2. Weight decay
#
# To remember an odd example a network has to react strongly to small things, and that takes large
# weights. So make large weights expensive: add $\frac\lambda2 \sum w^2$ to the loss, the L2
# penalty. Its gradient is $\lambda w$, and a step of gradient descent becomes
#
# $$w \leftarrow w - \text{lr}\,(g + \lambda w) = (1 - \text{lr}\,\lambda)\, w - \text{lr}\, g$$
#
# Each step first shrinks the weight by a factor a little below 1. A weight that the loss does not
# ask for fades; the others settle where both pull alike. (So it is for SGD, which we use here. For
# Adam the penalty in the loss and the shrinking are two things: see lesson 15.)

# %%
lr, decay = 0.1, 0.5
w_0, g = minitorch.randn(5), minitorch.randn(5)
w = w_0.clone().requires_grad_()
(decay / 2 * (w * w).sum() + (g * w).sum()).backward()  # g w has the gradient g
assert minitorch.allclose(w.grad, g + decay * w_0)

w.grad = g.clone()
optim.SGD([w], lr=lr, weight_decay=decay).step()
assert minitorch.allclose(w.detach(), (1 - lr * decay) * w_0 - lr * g)
print("SGD: a penalty in the loss and a shrinking weight are the same thing")

# %% [markdown]
# Not all parameters should shrink. Lesson 15 left out the biases, which cannot make a network react
# more strongly to its input. The $w$ of a norm (lesson 18) is a size that is wanted. Both have one
# axis, so `weight_decay_groups` knows them.

# %%
model = nn.Sequential(nn.Linear(784, 100), nn.BatchNorm1d(100), nn.ReLU(), nn.Linear(100, 10))
groups = optim.weight_decay_groups(model, 0.1)
for group in optim.SGD(groups, lr=0.1).param_groups:
    print(f"decay {group['weight_decay']}: {', '.join(group['names'])}")
    assert (group["names"] == ["0.weight", "3.weight"]) == (group["weight_decay"] == 0.1)

# %% [markdown]
# ## 3. Stopping early
#
# The first table says when to stop: when the loss on validation images has not improved for a
# while. One keeps the weights of the best epoch so far, and gives up after `patience` epochs
# without a better one. It costs nothing, it even saves time. By hand:


# %%
def stopped_at(losses, patience):
    """The epoch that was best when patience ran out, and the epoch at which it did."""
    best = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best]:
            best = epoch
        if epoch - best >= patience:
            return best, epoch
    return best, len(losses) - 1


assert stopped_at([5, 4, 3, 3.5, 2, 2, 2.5, 3, 1], patience=3) == (4, 7)  # the 1 is never seen

minitorch.manual_seed(0)
model = network()
learner = train.Learner(
    model,
    F.cross_entropy,
    optim.SGD(model, lr=0.02, momentum=0.9),
    callbacks=[train.EarlyStopping(patience=10), best := train.KeepBest()],
)
history = learner.fit(
    (x_train, y_train), (x_valid, y_valid), epochs=60, batch_size=40, progress=False
)
losses = history["valid_loss"]
assert stopped_at(losses, 10) == (best.best_epoch, len(losses) - 1)
assert abs(learner.validate((x_valid, y_valid))["loss"] - min(losses)) < 1e-5
print(
    f"EarlyStopping gave up after {len(losses)} epochs of 60; KeepBest brought back number", end=" "
)
print(f"{best.best_epoch + 1}")

# %% [markdown]
# ## 4. Label smoothing
#
# Cross-entropy is never content. With a label of 1 for the right digit and 0 for the others, the
# loss still falls when the scores, all right already, are doubled. So ask for a little less: spread
# a share $\varepsilon$ of the label evenly over all $C$ digits,
#
# $$q_j = (1 - \varepsilon)\,[j = t] + \frac{\varepsilon}{C} \qquad
# L = -\sum_j q_j \log p_j \qquad \frac{\partial L}{\partial \ell_j} = p_j - q_j$$
#
# where $[j = t]$ is 1 for the right digit $t$ and otherwise 0, and $\ell$ are the scores. The
# gradient is that of lesson 10 with $q$ in place of 0 and 1. For $\log p_k$ has the slope
# $[k = j] - p_j$ by $\ell_j$, so $L$ has
#
# $$-\sum_k q_k\,([k = j] - p_j) = p_j \sum_k q_k - q_j = p_j - q_j$$
#
# because the $q$ add up to 1. It is 0 at $p = q$, and that is reached with finite scores: the right
# one is larger than the others by $\log (q_t / q_j)$, and no more is asked for.

# %%
eps, C = 0.2, 10
scores = minitorch.randn(6, C, requires_grad=True)
t = minitorch.tensor([3, 1, 4, 1, 5, 9])
q = (1 - eps) * np.eye(C)[t.numpy()] + eps / C
loss = F.cross_entropy(scores, t, label_smoothing=eps)
loss.backward()
logp = scores.detach().log_softmax(1).numpy()
assert abs(loss.item() + (q * logp).sum(1).mean()) < 1e-5
assert np.allclose(scores.grad.numpy(), (np.exp(logp) - q) / len(t), rtol=0, atol=1e-6)

sure = 5 * minitorch.tensor(np.eye(C)[t.numpy()]).float()  # right already, and by far
assert 0 < F.cross_entropy(2 * sure, t) < F.cross_entropy(sure, t)
doubled, once = (F.cross_entropy(k * sure, t, label_smoothing=eps) for k in (2, 1))
assert doubled > once

gap = math.log((1 - eps + eps / C) / (eps / C))
content = minitorch.zeros(1, C)
content[0, 3] = gap
content.requires_grad_()
F.cross_entropy(content, t[:1], label_smoothing=eps).backward()
print(f"content with {gap:.2f} more for the right digit: largest gradient", end=" ")
print(f"{content.grad.abs().max().item():.0e}")
assert content.grad.abs().max().item() < 1e-6

# %% [markdown]
# ## 5. More images out of the same ones
#
# A 7 that is moved by a pixel is still a 7, but to this network, which knows no neighbours, it is
# quite another row of numbers. So show each image moved a little, differently every time. It cannot
# be remembered pixel by pixel, and what we know about images, that a small shift means nothing,
# gets into the network by way of its examples. Put a border of paper around the image and cut 28 by
# 28 pixels out of it again, from a random place:


# %%
def shifted(x, most, rng):
    n, _, height, width = x.shape
    bordered = np.pad(x, ((0, 0), (0, 0), (most, most), (most, most)), constant_values=paper)
    corners = rng.integers(0, 2 * most + 1, (n, 2))
    cut = [
        image[:, i : i + height, j : j + width]
        for image, (i, j) in zip(bordered, corners, strict=True)
    ]
    return np.stack(cut), corners


moved, corners = shifted(x_train.numpy(), 1, rng)
assert moved.shape == x_train.shape
assert len(np.unique(corners, axis=0)) == 9
assert (
    moved[0, 0, 5:20, 5:20] == np.roll(x_train[0, 0], tuple(1 - corners[0]), (0, 1))[5:20, 5:20]
).all()
theirs = RandomCrop(28, padding=1, fill=paper)(x_train).numpy()
possible = shifted(np.repeat(x_train[:1].numpy(), 200, 0), 1, rng)[0]
assert (possible == theirs[:1]).all((1, 2, 3)).any()
print("shifts by up to one pixel: 9 versions of each image; RandomCrop does the same")

# %% [markdown]
# ## Which of them helps?
#
# Each alone, then three together, with five seeds each. For early stopping we look up the epoch
# that was best in validation; "end" is after 60 epochs. Accuracy is on the test images, which have
# had no say in anything. The strengths were found by trying a few values. The last column is about
# the 40 images with a wrong label: how many of them are, in the end, read as the digit they show?

# %%
options = {
    "dropout 0.5": {"p": 0.5},
    "weight decay 0.1": {"decay": 0.1},
    "smoothing 0.2": {"smoothing": 0.2},
    "shifts by 1": {"shift": 1},
    "dropout, decay\nand shifts": {"p": 0.5, "decay": 0.05, "shift": 1},
}
for name, option in options.items():
    runs[name] = np.array([fit(seed, **option) for seed in seeds])

end, early, fitted = {}, {}, {}
print(f"{'':26}training  test, end  stopped early  the 40 seen through")
for name, run in runs.items():
    best_epochs = run[:, :, 1, 0].argmin(1)
    end[name] = run[:, -1, 2, 1]
    early[name] = run[np.arange(len(run)), best_epochs, 2, 1]
    fitted[name] = run[:, -1, 0, 1]
    seen = run[:, -1, 3, 1].mean()
    print(f"{name.replace(chr(10), ' '):26}{fitted[name].mean():8.1%}", end="")
    print(f"{end[name].mean():11.1%}{early[name].mean():15.1%}{seen:21.0%}")

last = list(options)[-1]
assert fitted["nothing"].mean() > 0.99
assert runs["nothing"][:, -1, 3, 1].mean() < 0.05  # it learned the wrong labels
assert runs[last][:, -1, 3, 1].mean() > 0.6  # and this one did not
assert runs["dropout 0.5"][:, -1, 3, 1].mean() > 0.15
assert runs["weight decay 0.1"][:, -1, 3, 1].mean() > 0.3
assert all(early[name].mean() > end[name].mean() for name in runs)
assert abs(end["smoothing 0.2"].mean() - end["nothing"].mean()) < 0.05
assert runs["smoothing 0.2"][:, -1, 1, 0].mean() < runs["nothing"][:, -1, 1, 0].mean()
assert end["shifts by 1"].mean() < early["nothing"].mean() - 0.03
assert early["nothing"].mean() > end["nothing"].mean() + 0.03
assert end["dropout 0.5"].mean() > end["nothing"].mean()
assert end["weight decay 0.1"].mean() > end["nothing"].mean() + 0.03
assert end[last].mean() == max(e.mean() for e in end.values())
assert end[last].mean() > end["nothing"].mean() + 0.06

# %% [markdown]
# What to make of it?
#
# - **Early stopping** gives most for least, and works with all the others.
# - **Dropout and weight decay** help, and a good part of the wrong labels is no longer learned.
# - **Smoothing** makes the network less sure, and here hardly better at reading.
# - **Shifts alone** do not save a network that is trained for too long. It takes longer to learn 40
#   wrong labels for moving images, but it does.
# - **Together** they do what none of them does alone. Of the 40 wrong labels the network sees
#   through most: it reads what the image shows, and not what it was told.
#
# None of them is a law. With five seeds, differences of a percent or two mean little, and on other
# data other things help.


# %%
def overfitting_figure(figure):
    figure.suptitle("Learning by heart: perfect in training, worse and worse on new images")
    left, right = figure.subplots(1, 2)
    at = np.arange(1, 61)
    for axes, what, factor in ((left, 0, 1), (right, 1, 100)):
        axes.plot(at, factor * start[:, 0, what], color=GREY, ls="--", label="training images")
        axes.plot(at, factor * start[:, 1, what], color=RED, label="validation images")
        axes.plot(
            *(at, factor * runs[last][:, :, 1, what].mean(0)),
            color=BLUE,
            label="validation, with dropout,\ndecay and shifts",
        )
        axes.axvline(turn + 1, color=GREEN, lw=1.5, ls=":")
        axes.set(xlabel="epoch", xlim=(0, 60))
    left.set(ylabel="cross-entropy (nats)", ylim=(0, 2.2))
    left.set_title("The loss says when to stop")
    left.text(turn + 2, 2.05, "here", color=GREEN)
    right.set(ylabel="label as given (%)", ylim=(55, 101))
    right.set_title("A fifth of the training labels is wrong")
    right.legend(loc="lower right")


save_figure("20_overfitting", overfitting_figure, figsize=(10, 4.2))


def compared_figure(figure):
    figure.suptitle(
        f"A fifth of the labels wrong, and {end['nothing'].mean():.0%} of new digits read right;"
        f" with all three {end[last].mean():.0%}"
    )
    axes = figure.subplots()
    for k, name in enumerate(runs):
        for values, colour, mark, shift in (
            (end[name], ORANGE, "o", 0.12),
            (early[name], PURPLE, "D", -0.12),
        ):
            axes.plot(100 * values, [k + shift] * len(values), mark, color=colour, alpha=0.45, ms=6)
            middle = 100 * values.mean()
            axes.plot([middle, middle], [k + shift - 0.14, k + shift + 0.14], color=colour, lw=4)
    axes.plot([], [], "o-", color=ORANGE, label="after 60 epochs")
    axes.plot([], [], "D-", color=PURPLE, label="stopped early")
    axes.set_yticks(range(len(runs)), list(runs))
    axes.invert_yaxis()
    axes.set_xlabel("test digits read right (%); five seeds, and their mean")
    axes.legend(loc="lower left")


save_figure("20_compared", compared_figure, figsize=(9, 4.4))

# %%
print(
    f"found: with a fifth of the labels wrong, {end['nothing'].mean():.0%} of new digits are",
    end=" ",
)
print(
    f"read right; {early['nothing'].mean():.0%} with early stopping, {end[last].mean():.0%} with",
    end=" ",
)
print("dropout, decay and shifts")

# %% [markdown]
# ## Exercises
#
# Five more check themselves: fill in the functions in `lessons/exercises/20_regularisation.py`,
# then run `python -m lessons check 20`.
#
# 1. Give the network the right labels. How large is the effect of each of the five now?
# 2. Which of the images does the last network get "wrong" in training? Print the wrong labels that
#    it saw through.
# 3. Draw a new mask in the backward pass instead of the same one. Does the network still learn?
#    What is the gradient then, on average?
# 4. Average the scores of an image and of its eight shifted versions before choosing. How much does
#    this *test-time augmentation* give, for a network trained with shifts and for one without?
# 5. Try `mixup` from `minitorch.utils.data`: two images are added up, and their labels too. How
#    does it compare with smoothing?
# 6. Plot the norm of the hidden weights over the epochs, with and without weight decay.
# 7. Train with 5, 20 and 100 images of each digit. From where on does it no longer matter?
