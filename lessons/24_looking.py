# %% [markdown]
# # Where a network looks
#
# The gradient by the image, not by the weights, says what a trained network goes by; and fools it.
#
# Backward stops at the weights because that is where we asked for gradients. It could go on to the
# image. Nothing is learned there, but much can be found out: which pixels a score hangs on, how
# little has to change for a 3 to be read as an 8, and where in a picture the network has found
# what it names, although nobody ever told it where.

# %%
import copy
import time

import numpy as np

import minitorch
import minitorch.nn.functional as F
from lessons.common import GREY, RED, save_figure
from minitorch import nn, optim
from minitorch.autograd import grad
from minitorch.utils.data import digits

started = time.perf_counter()
minitorch.manual_seed(0)

# %% [markdown]
# ## A network that takes any size
#
# Three convolutions make 64 maps of 7 by 7, each of which marks where something has been seen.
# LeNet flattens such maps and gives every place its own weight. This one takes the mean of each
# map, and makes ten scores of the 64 means. So it does not care where a stroke is, nor how large
# the picture is; both will be of use. Batch norm (lesson 18) makes it learn quickly. Between the
# convolutions a picture is halved by the mean of four pixels, and not by the largest of four as in
# LeNet: on blank paper all four are equal, and there a maximum has no slope.


# %%
def network():
    return nn.Sequential(
        {
            "maps": nn.Sequential(
                *(
                    nn.Conv2d(16, kernel_size=5, padding=2),
                    nn.BatchNorm2d(),
                    nn.ReLU(),
                    nn.AvgPool2d(2),
                ),
                *(
                    nn.Conv2d(32, kernel_size=3, padding=1),
                    nn.BatchNorm2d(),
                    nn.ReLU(),
                    nn.AvgPool2d(2),
                ),
                *(nn.Conv2d(64, kernel_size=3, padding=1), nn.BatchNorm2d(), nn.ReLU()),
            ),
            "mean": nn.AdaptiveAvgPool2d(1),
            "flatten": nn.Flatten(),
            "scores": nn.Linear(10),
        }
    ).build((1, 28, 28))


def train(model, x, y, epochs=8, batch=64, lr=0.01):
    """The loop of lesson 11, with one cycle of the learning rate (lesson 16)."""
    optimizer = optim.AdamW(model, lr=lr)
    steps = epochs * (len(x) // batch)
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)
    for _ in range(epochs):
        for rows in minitorch.randperm(len(x))[: len(x) // batch * batch].split(batch):
            loss = F.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()


def accuracy(x, y):
    return (model.predict(x).argmax(1) == y).float().mean().item()


x_train, y_train, x, y = digits(size=28)
model = network()
train(model, x_train, y_train)
model.eval()  # from now on an image is judged by itself
print(f"{accuracy(x, y):.1%} of {len(x)} new digits are read right")
assert accuracy(x, y) > 0.97

# %% [markdown]
# ## How a score answers to a pixel
#
# Let $s_c$ be the score of class $c$. Ask for the gradient by the image, $\partial s_c / \partial
# x$: a number for each pixel, how much the score would rise for a little more ink there. One
# backward pass finds all of them, and for a whole batch as well: as every image has scores of its
# own, the gradient of the *sum* of scores holds for each image the gradient of its own.


# %%
def slopes(model, x, label):
    """The gradient by each image of the score of its label, (N, 1, H, W)."""
    x = x.detach().requires_grad_()
    scores = model(x)
    return grad(scores.gather(1, label[:, None]).sum(), [x])[0]


g = slopes(model, x, y)
assert g.shape == x.shape
assert minitorch.allclose(g[:1], slopes(model, x[:1], y[:1]), atol=1e-5)

# %% [markdown]
# Is it true? Go a little way $t$ along the gradient: by the definition of a slope the score should
# rise by $t \sum g^2$. While the network trains, an image is not judged by itself: batch norm
# compares it with the others, and the slopes are other ones. That is why we have said `eval`.

# %%
t = 1e-4
before, after = (model.predict(image).gather(1, y[:, None]).flatten() for image in (x, x + t * g))
expected = t * (g * g).sum((1, 2, 3))
ratio = ((after - before) / expected).median().item()
print(f"the scores rise by {ratio:.3f} of what the slopes say (median)")
assert abs(ratio - 1) < 0.02

in_training = copy.deepcopy(model).train()
assert not minitorch.allclose(slopes(in_training, x, y)[:64], g[:64], rtol=0.1, atol=0.01)

# %% [markdown]
# ## Fooling it
#
# If a gradient shows how to make a score rise, it also shows how to make it fall. Allow each pixel
# a change of at most $\varepsilon$. Which change $d$ raises the loss the most? Near $x$ the loss
# rises by $\sum_i g_i d_i$, where $g$ is its gradient now, by the image. Each term can be made as
# large as $\varepsilon |g_i|$, and is, when $d_i$ has the sign of $g_i$:
#
# $$d = \varepsilon \operatorname{sign}(g)$$
#
# (Goodfellow and others, 2014, the *fast gradient sign method*.) The sum over 784 pixels is what
# makes it strong: each change is small, and all pull in one direction. Random signs of the same
# size cancel.


# %%
def worst(x, label, eps):
    """The images, with each pixel moved by eps in the direction that raises the loss."""
    x = x.detach().requires_grad_()
    (g,) = grad(F.cross_entropy(model(x), label, reduction="sum"), [x])
    return (x.detach() + eps * g.sign()).clamp(0, 1)


def at_random(x, eps):
    return (x + eps * (minitorch.rand(x.shape) - 0.5).sign()).clamp(0, 1)


sizes = [0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2]
chosen = [accuracy(worst(x, y, eps), y) for eps in sizes]
random = [accuracy(at_random(x, eps), y) for eps in sizes]
print("change of each pixel   chosen signs   random signs")
for eps, a, b in zip(sizes, chosen, random, strict=True):
    print(f"{eps:20.2f}{a:15.1%}{b:15.1%}")
at = sizes.index(0.08)
assert chosen[at] < 0.1
assert random[at] > 0.8

# %% [markdown]
# A twelfth of the way from white to black, and nearly nothing is read right. To us they are the
# same digits, on dirty paper. This is not a weakness of digits: it was found on photographs, where
# the changes cannot be seen at all.

# %%
fooled = worst(x, y, 0.08)
once_right = (model.predict(x).argmax(1) == y) & (model.predict(fooled).argmax(1) != y)
shown = [int(np.flatnonzero((once_right & (y == digit)).numpy())[0]) for digit in (0, 2, 4, 6, 8)]


def draw_fooled(figure):
    figure.suptitle("Changes of one size in every pixel: with chosen signs they fool the network")
    left, right = figure.subfigures(1, 2, width_ratios=[1, 1.3])
    axes = left.subplots()
    axes.plot(sizes, random, "s--", color=GREY, label="random signs")
    axes.plot(sizes, chosen, "o-", color=RED, label="signs of the gradient")
    axes.axhline(0.1, color=GREY, lw=1, ls=":")
    axes.text(0.2, 0.11, "guessing", ha="right", va="bottom", fontsize=10)
    axes.set_xlabel("change of each pixel (white 0, black 1)")
    axes.set_ylabel("share of digits read right")
    axes.set_ylim(0, 1.02)
    axes.legend(loc=(0.34, 0.24))
    rows = {"as it was": x, "random signs": at_random(x, 0.08), "chosen signs": fooled}
    grid = right.subplots(len(rows), len(shown))
    for row, (name, images) in zip(grid, rows.items(), strict=True):
        guesses = model.predict(images).argmax(1)
        row[0].text(-0.15, 0.5, name, ha="right", va="center", transform=row[0].transAxes)
        for cell, k in zip(row, shown, strict=True):
            cell.imshow(images[k, 0].numpy(), vmin=0, vmax=1)
            cell.set_axis_off()
            colour = "black" if guesses[k] == y[k] else RED
            cell.set_title(f"{guesses[k].item()}", loc="center", fontsize=11, color=colour, pad=2)


save_figure("24_fooled", draw_fooled, figsize=(10, 4))

# %% [markdown]
# ## Maps in the place of pixels
#
# Slopes by single pixels are noise to look at. One layer before the mean things are calmer: 64
# maps $A_k$, small pictures of what was seen where. In our network the score is, by its
# construction,
#
# $$s_c = b_c + \sum_k w_{ck} \cdot \frac1{49} \sum_{ij} A_{kij} = b_c + \frac1{49} \sum_{ij}
# \underbrace{\sum_k w_{ck} A_{kij}}_{M_{ij}}$$
#
# So $M$ says exactly what each place has contributed to the score. (Zhou and others, 2015: a *class
# activation map*.) Only a network that ends in a mean has it. But look at the slopes: $\partial s_c
# / \partial A_{kij} = w_{ck} / 49$ at every place, so the weight is 49 times the mean slope of the
# map, and a mean slope every network has:
#
# $$\alpha_k = \operatorname{mean}_{ij} \frac{\partial s_c}{\partial A_{kij}} \qquad
# H = \operatorname{relu} \Bigl( \sum_k \alpha_k A_k \Bigr)$$
#
# This is *Grad-CAM* (Selvaraju and others, 2016): a forward pass to the maps, a backward pass to
# them, one weighted sum. Relu keeps what speaks for the class, and drops what speaks against it. In
# our network $H = \operatorname{relu}(M) / 49$.


# %%
def grad_cam(model, x, label):
    """How much each place speaks for the label, (N, H, W) of the maps."""
    with minitorch.no_grad():
        A = model.maps(x)
    A.requires_grad_()
    scores = model.scores(model.flatten(model.mean(A)))
    (g,) = grad(scores.gather(1, label[:, None]).sum(), [A])
    alpha = g.mean((2, 3), keepdim=True)
    return (alpha * A).sum(1).relu().detach()


with minitorch.no_grad():
    A = model.maps(x)
w, b = model.scores.weight.detach(), model.scores.bias.detach()
M = (w[y][:, :, None, None] * A).sum(1)
own = model.predict(x).gather(1, y[:, None]).flatten()
assert minitorch.allclose(M.mean((1, 2)) + b[y], own, atol=1e-3)
assert minitorch.allclose(grad_cam(model, x, y), M.relu() / 49, atol=1e-4)
print(f"{M.shape[1]} x {M.shape[2]} places, whose contributions add up to the score")
print("Grad-CAM is their positive part, divided by 49")

# %% [markdown]
# ## Two digits, and where each is
#
# Now a test of whether the maps mean anything. Put two different digits side by side. The network
# has never seen such a picture, but it takes any size, and makes 7 by 14 places of it. Ask it for
# the one digit, then for the other: where is it? In training it was told *what*, never *where*.

# %%
drawn = minitorch.randint(0, len(x), (400, 2))
one, other = drawn[y[drawn[:, 0]] != y[drawn[:, 1]]].T
both = minitorch.cat([x[one], x[other]], 3)


def share_on_it(model):
    """The share of each map that lies on the digit asked for; of an empty one, half."""
    shares = []
    for asked, half in ((one, slice(0, 7)), (other, slice(7, 14))):
        H = grad_cam(model, both, y[asked])
        shares.append((H[:, :, half].sum((1, 2)) + 1e-9) / (H.sum((1, 2)) + 2e-9))
    return minitorch.cat(shares)


share = share_on_it(model)
right_side = (share > 0.5).float().mean().item()
print(f"{len(both)} pictures of two digits, {tuple(both.shape[1:])}")
print(f"{share.mean():.0%} of the map lies on the digit asked for; most of it in {right_side:.1%}")
assert share.mean() > 0.8
assert right_side > 0.97

# %% [markdown]
# Could it be that the maps would look like this with any weights, since there is ink on both sides?
# A method that shows what a network has learned must show something else for one that has learned
# nothing. (Adebayo and others, 2018, found that several well-known ones do not.)

# %%
chance = share_on_it(network().eval()).mean().item()
print(f"untrained: {chance:.0%} of the map lies on the digit asked for")
assert abs(chance - 0.5) < 0.1


def draw_two(figure):
    figure.suptitle("Asked for one of two digits, it points there. It was never told where")
    cells = figure.subplots(2, 4)
    for k, row in np.ndindex(4, 2):
        axes = cells[row, k]
        label = y[(one, other)[row][k]]
        heat = grad_cam(model, both[k : k + 1], label[None])[0].numpy()
        heat = np.kron(heat / heat.max(), np.ones((4, 4)))
        axes.imshow(both[k, 0].numpy(), vmin=0, vmax=1)
        axes.imshow(heat, cmap="Oranges", alpha=0.65, vmin=0, vmax=1)
        axes.set_title(f"where is the {label.item()}?", loc="center")
        axes.set_axis_off()


save_figure("24_two_digits", draw_two, figsize=(10, 3.2))

# %% [markdown]
# ## Is it to be believed?
#
# One more test, of a kind that every explanation should stand: take away what it points at. We wipe
# out a square of 9 by 9 pixels, once around the place where the map is highest, once around any
# pixel that has ink. If the map is right the first hurts more.

# %%
heat = np.kron(grad_cam(model, x, y).numpy(), np.ones((1, 4, 4)))
peaks = [np.unravel_index(h.argmax(), h.shape) for h in heat]
peaks = [(i + 1, j + 1) for i, j in peaks]  # from the corner of the 4 x 4 pixels to their middle
inked = [np.argwhere(image[0].numpy() > 0.3) for image in x]
rng = np.random.default_rng(0)


def wiped(centres, size=9):
    """The images with a white square around the given pixels."""
    rows, columns = np.mgrid[:28, :28]
    images = x.clone()
    for image, (i, j) in zip(images.unbind(), centres, strict=True):
        inside = (abs(rows - i) <= size // 2) & (abs(columns - j) <= size // 2)
        image[0][minitorch.tensor(inside)] = 0.0
    return images


def probability(images):
    return model.predict(images).softmax(1).gather(1, y[:, None]).mean().item()


anywhere = [places[rng.integers(len(places))] for places in inked]
left = {
    "nothing wiped out": probability(x),
    "around any ink": probability(wiped(anywhere)),
    "where the map is highest": probability(wiped(peaks)),
}
for name, p in left.items():
    print(f"{name:25} the true digit gets {p:.0%}")
assert left["where the map is highest"] < left["around any ink"] - 0.15
assert left["around any ink"] < left["nothing wiped out"]

# %% [markdown]
# It does, and the second figure shows how the network goes about it: it knows an 8 by its crossing
# more than by its loops. Whoever expected it to follow a stroke as we do can see that it does not.

# %%
took = time.perf_counter() - started
print(
    f"found: moved by 0.08 along a gradient's signs, {chosen[at]:.0%} are read right, with", end=" "
)
print(f"random ones {random[at]:.0%}; it points at the digit asked for in {right_side:.1%}", end="")
print(f", in {took:.1f} s")

# %% [markdown]
# ## Exercises
#
# Five more check themselves: fill in the functions in `lessons/exercises/24_looking.py`, then run
# `python -m lessons check 24`.
#
# 1. Draw the slopes of a few digits as pictures, then the mean of the slopes at 50 noisy copies of
#    each. What does the mean take away?
# 2. Make the changes *down* the loss of a wrong digit of your choice instead: can every 1 be made a
#    7, and every 0 an 8? Which pairs resist?
# 3. Do the changes that fool this network fool another one, trained from another seed? And LeNet?
# 4. Train on images that are changed by `worst` in every step. How much of its accuracy does the
#    network get back at 0.08, what does it lose at 0, and how do its slopes look now?
# 5. Put the same digit on both sides. Where does the map point? And where, when it is asked for a
#    digit that is on neither side?
# 6. Use Grad-CAM on the second convolution of LeNet, which flattens and has no mean. Does it still
#    find the digit asked for?
# 7. Leave out the relu in `grad_cam`, and draw what speaks against a digit in another colour.
