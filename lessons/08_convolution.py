# %% [markdown]
# # Convolution
#
# The same few weights at every place of an image, written as one matrix product.
#
# A layer that is a plain matrix product knows nothing about images. Shuffle the pixels of all
# images in the same way, and it learns just as well. To react to an edge it needs weights for an
# edge here, other weights for an edge one pixel further on, and so on for all places. A convolution
# has one small set of weights and uses it everywhere: far fewer numbers to learn, and what is
# learned at one place holds at all others.

# %%
import itertools
import math
import tracemalloc

import numpy as np

import minitorch
import minitorch.nn.functional as F
from lessons.common import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    here,
    kept,
    load_images,
    save_figure,
    seconds,
    show_image,
)
from minitorch.gradcheck import gradcheck

minitorch.manual_seed(0)

# %% [markdown]
# ## A window slides over an image
#
# Put a *kernel*, here 3 by 3 weights, on a corner of the image. Multiply each weight with the pixel
# below it, add up the nine products, and write the sum down. Move the kernel by one pixel and do it
# again. The sums, laid out as the windows lay, are a new image: it is bright where the image looks
# like the kernel.
#
# In an image there may be several numbers at each place, called *channels*: red, green and blue, or
# whatever the layer before has found. A window then reaches through all of them. And a layer has
# several kernels, each of which makes one channel of the output, and a bias for each. With $N$
# images, $C$ channels in, $H \times W$ pixels, $O$ channels out and kernels of $K \times K$ pixels,
# the images $x$ have the shape $(N, C, H, W)$, the weights $w$ $(O, C, K, K)$, the biases $b$
# $(O,)$:
#
# $$y_{noij} = b_o + \sum_{c,u,v} x_{n,\,c,\,i+u,\,j+v}\; w_{ocuv}$$
#
# (In mathematics a convolution runs through the kernel backwards, $x_{i-u}$. Since the weights are
# learned, it makes no difference which end they are counted from, and everyone counts forwards.)
#
# One loop for each of the seven letters $n, o, i, j, c, u, v$. `np.ndindex(2, 3)` runs through (0,
# 0), (0, 1), ..., (1, 2): two loops in one line. $O$ is called `out`, since it looks too much like
# a zero.


# %%
def conv_loops(x, w, b):
    N, C, H, W = x.shape
    out, _, K, _ = w.shape
    y = np.zeros((N, out, H - K + 1, W - K + 1), x.dtype)
    for n, o, i, j in np.ndindex(y.shape):
        total = b[o]
        for c, u, v in np.ndindex(C, K, K):
            total += x[n, c, i + u, j + v] * w[o, c, u, v]
        y[n, o, i, j] = total
    return y


# %% [markdown]
# Lesson 1 has shown the first thing to do about that: take the innermost loops away. The window is
# a slice, the kernel has the same shape, and NumPy multiplies and adds.


# %%
def conv_windows(x, w, b):
    N, _, H, W = x.shape
    out, _, K, _ = w.shape
    y = np.zeros((N, out, H - K + 1, W - K + 1), x.dtype)
    for n, o, i, j in np.ndindex(y.shape):
        y[n, o, i, j] = (x[n, :, i : i + K, j : j + K] * w[o]).sum() + b[o]
    return y


x = minitorch.randn(2, 3, 7, 6).numpy()
w = minitorch.randn(4, 3, 3, 3).numpy()
b = minitorch.randn(4).numpy()
y = conv_loops(x, w, b)
print(f"x {x.shape}, w {w.shape}, b {b.shape}: y {y.shape}")
assert y.shape == (2, 4, 5, 4)


def close(a, b, atol=1e-5):
    return a.shape == b.shape and np.allclose(a, b, rtol=0, atol=atol)


assert close(y, conv_windows(x, w, b))
assert close(y, F.conv2d(*map(minitorch.tensor, (x, w, b))).numpy())
print("seven loops, four loops and minitorch's conv2d agree")

# %% [markdown]
# And here is what it is good for. Left minus right is 0 on even paper, and large where the image
# changes from left to right: a detector of upright strokes in nine numbers.

# %%
upright = np.array([[1, 0, -1], [1, 0, -1], [1, 0, -1]], np.float32)
kernels = np.stack([upright, upright.T])[:, None]
digit = load_images().x_train[49:50].numpy()
edges = conv_windows(digit, kernels, np.zeros(2, np.float32))
from_pixels, from_windows = digit[0].size * edges[0, 0].size, upright.size
print(f"{from_pixels:,} weights would be needed from all pixels to all places; here {from_windows}")
assert edges.shape == (1, 2, 26, 26)
assert from_pixels == 784 * 676

# %% [markdown]
# ## How large is the output?
#
# Three options change where windows stop, and how far apart their pixels lie.
#
# - **Padding** puts $p$ rows and columns of zeros around the image. Without it every layer shrinks
#   the image, and pixels at the border are seen by few windows.
# - **Stride**: the window moves on by $s$ pixels instead of one, so the output is about $s$ times
#   smaller in both directions.
# - **Dilation**: neighbours in the kernel are $d$ pixels apart in the image. Nine weights then look
#   at a 5 by 5 piece.
#
# To count the windows along one side: the padded image is $H + 2p$ long, a window spans
# $d\,(K-1) + 1$ of it. The first starts at 0, the last at $H + 2p - d\,(K-1) - 1$ at the furthest,
# and from start to start it is $s$. With $\lfloor\ \rfloor$ for rounding down, `//` in Python:
#
# $$H' = \left\lfloor \frac{H + 2p - d\,(K - 1) - 1}{s} \right\rfloor + 1$$


# %%
def out_size(size, kernel, stride=1, padding=0, dilation=1):
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


# %% [markdown]
# We do not believe a formula with so many small ones in it. Count instead: try every start, and
# keep those whose window fits. And ask minitorch, for convolutions and for pooling, which looks
# through the same windows and keeps the largest number of each.

# %%
tried = 0
for size, kernel, stride, padding, dilation in itertools.product(
    (7, 8, 28), (1, 2, 3, 5), (1, 2, 3), (0, 1, 2), (1, 2)
):
    expected = out_size(size, kernel, stride, padding, dilation)
    starts = [
        i
        for i in range(0, size + 2 * padding, stride)
        if i + dilation * (kernel - 1) < size + 2 * padding
    ]
    assert len(starts) == max(expected, 0)
    if expected < 1:
        continue  # the kernel is larger than the image
    image, weight = minitorch.zeros(1, 1, size, size), minitorch.zeros(1, 1, kernel, kernel)
    y = F.conv2d(image, weight, stride=stride, padding=padding, dilation=dilation)
    assert y.shape == (1, 1, expected, expected)
    if padding <= kernel // 2 and dilation == 1:  # pooling refuses windows of padding alone
        assert F.max_pool2d(image, kernel, stride, padding).shape == y.shape
    tried += 1
print(f"the formula holds in {tried} cases; a 3x3 kernel with padding 1 keeps the size:", end=" ")
print(f"{out_size(28, 3, padding=1)} of 28")
assert tried > 200

# %% [markdown]
# In the picture below the first window of a 5 by 5 or a 7 by 7 image is drawn, with its nine pixels
# in blue. There is a dot in the middle of every window, and a thin line around what is padding.


# %%
def draw_windows(axes, size, stride, padding, dilation, title):
    span, full = 2 * dilation + 1, size + 2 * padding
    count = out_size(size, 3, stride, padding, dilation)
    for i, j in np.ndindex(full, full):
        inside = padding <= i < size + padding and padding <= j < size + padding
        read = i % dilation == 0 and j % dilation == 0 and i < span and j < span
        face = SKY if read else "#E0E0E0" if inside else "white"
        edge = "none" if inside else GREY
        axes.add_patch(box(j + 0.05, i + 0.05, 0.9, 0.9, facecolor=face, edgecolor=edge, lw=0.8))
    for i, j in np.ndindex(count, count):
        axes.plot(j * stride + span / 2, i * stride + span / 2, "o", color=BLACK, ms=3.5)
    axes.add_patch(box(0, 0, span, span, facecolor="none", edgecolor=BLUE, lw=2.5))
    axes.set(xlim=(-0.1, full + 0.1), ylim=(full + 0.1, -0.1), aspect="equal")
    axes.set_axis_off()
    axes.set_title(f"{title}\n{size}x{size} becomes {count}x{count}", loc="center", fontsize=11)


def box(*args, **options):
    from matplotlib.patches import Rectangle

    return Rectangle(args[:2], *args[2:], **options)


def windows_figure(figure):
    figure.suptitle("A kernel finds strokes at every place; three options say which places")
    top, bottom = figure.subfigures(2, 1, height_ratios=[1.12, 1])
    for axes, (image, title) in zip(
        top.subplots(1, 3),
        [
            (digit[0, 0], "a digit"),
            (edges[0, 0], "left minus right:\nupright strokes"),
            (edges[0, 1], "upper minus lower:\nlevel strokes"),
        ],
        strict=True,
    ):
        if title == "a digit":
            show_image(axes, image, title)
        else:
            shown = axes.imshow(image, cmap="PuOr", vmin=-3, vmax=3)
            axes.set_title(title, loc="center")
            axes.set_axis_off()
    top.colorbar(shown, ax=axes, label="y", shrink=0.8)
    for axes, options in zip(
        bottom.subplots(1, 4),
        [
            (5, 1, 0, 1, "plain"),
            (7, 2, 0, 1, "stride 2"),
            (5, 1, 1, 1, "padding 1"),
            (7, 1, 0, 2, "dilation 2"),
        ],
        strict=True,
    ):
        draw_windows(axes, *options)


save_figure("08_windows", windows_figure, figsize=(9, 5.9))

# %% [markdown]
# ## Windows as columns
#
# Four loops are left, with a tiny sum in each. Now look at the formula again. For a fixed window
# $(i, j)$ the sum over $c, u, v$ is a row times a column: row $o$ of the weights, and the window,
# both written as one line of $C \cdot K \cdot K$ numbers. Rows times columns is a matrix product.
# So: lay every window out as a column of a matrix, write every kernel as a row of another, $V$ (in
# the code `w.reshape(out, -1)`), and all sums of an image are one product. With $Q = H' \cdot W'$
# windows:
#
# $$\underbrace{y}_{O \times Q} = \underbrace{V}_{O \times CKK}\;
# \underbrace{\text{cols}}_{CKK \times Q} + b$$
#
# Laying out is called *im2col*, image to columns. The windows need no loop either. Lesson 2 had
# the trick: an array is a window on memory with a step for each axis. To walk along the columns of
# a window is the same step in memory as to walk from window to window, so the array
# $(N, C, K, K, H', W')$ has the steps of $H$ and $W$ twice. No number has been copied so far.


# %%
def windows(x, K):
    N, C, H, W = x.shape
    n, c, h, w = x.strides
    return np.lib.stride_tricks.as_strided(
        x, shape=(N, C, K, K, H - K + 1, W - K + 1), strides=(n, c, h, w, h, w), writeable=False
    )


def im2col(x, K):
    view = windows(x, K)
    N, C, _, _, rows, columns = view.shape
    return view.reshape(N, C * K * K, rows * columns)  # no longer a view: this copies


def conv_matrix(x, w, b):
    N, _, H, W = x.shape
    out, _, K, _ = w.shape
    y = w.reshape(out, -1) @ im2col(x, K) + b[:, None]
    return y.reshape(N, out, H - K + 1, W - K + 1)


small = np.arange(1.0, 17).reshape(1, 1, 4, 4)
print("an image of 4 by 4, and its four windows of 3 by 3 as columns:")
print(small[0, 0].astype(int))
print(im2col(small, 3)[0].astype(int))
assert im2col(small, 3)[0, :, 1].tolist() == small[0, 0, 0:3, 1:4].ravel().tolist()

assert np.shares_memory(windows(x, 3), x)
assert close(im2col(x, 3), F.im2col(minitorch.tensor(x), kernel_size=3).numpy())
assert close(conv_matrix(x, w, b), conv_loops(x, w, b))
print("the matrix product gives what the loops give")

# %% [markdown]
# ## What the columns cost
#
# The product needs the columns in memory, one after the other, and there a pixel stands once for
# each window it lies in. With a 3 by 3 kernel and padding 1 there are as many windows as pixels,
# nine numbers each: **nine times the bytes of the image**. For a 5 by 5 kernel it is 25 times.
#
# Two things keep that bearable. The view costs nothing, and only its copy does. And the copy need
# not be made for all images at once, nor be kept: minitorch lays out the columns of a few images
# at a time, as much as fits into the cache, and for the gradient it does so again. Only where the
# columns of all images fit in there together, in 2 MB, are they kept for the gradient. Otherwise
# there are only x and w on the tape.

# %%
many = minitorch.randn(64, 16, 28, 28)
kernel = minitorch.randn(16, 16, 3, 3).requires_grad_()
bordered = np.pad(many.numpy(), ((0, 0), (0, 0), (1, 1), (1, 1)))
nine = im2col(bordered, 3).nbytes / many.nbytes
assert nine == 9

many.requires_grad_()
with minitorch.tape() as tape:
    tracemalloc.start()
    y = F.conv2d(many, kernel, padding=1)
    peak = tracemalloc.get_traced_memory()[1] - y.nbytes
    tracemalloc.stop()
mb = 1 / 2**20
print(
    f"x {many.nbytes * mb:.1f} MB, its columns {nine * many.nbytes * mb:.1f} MB: {nine:.0f} times"
)
print(f"conv2d used {peak * mb:.1f} MB beside x and y, and keeps {tape[0].nbytes * mb:.1f} MB")
assert peak < 3 * many.nbytes
assert tape[0].nbytes == many.nbytes + kernel.nbytes

# %% [markdown]
# ## As one big matrix
#
# Convolution is linear in the image: twice the image gives twice the output, and a sum of images
# the sum of outputs. Every linear function is a matrix product. Which matrix is this one? Its
# column $k$ is what comes out of an image that is 1 at pixel $k$ and 0 elsewhere. So we ask.


# %%
def as_matrix(w, size):
    """T with conv(x) = T x, where an image x of size by size is written as one line of pixels."""
    units = np.eye(size * size, dtype=w.dtype).reshape(-1, 1, size, size)
    return conv_matrix(units, w, np.zeros(len(w), w.dtype)).reshape(size * size, -1).T


kernel = minitorch.randn(1, 1, 3, 3).numpy()
T = as_matrix(kernel, 28)
weights = T[T != 0]
share = len(weights) / T.size
print(
    f"T {T.shape}: {T.size:,} numbers; {share:.1%} are not 0, {len(np.unique(weights))} different"
)
assert close(T @ digit.ravel(), conv_windows(digit, kernel, [0.0]).ravel())
assert ((T != 0).sum(1) == 9).all()
assert len(np.unique(weights)) == 9
assert np.array_equal(T[1:26, 1:], T[:25, :-1])  # the windows of one line: each moved on by one

# %% [markdown]
# It is almost empty, 9 numbers in a row of 784, and they are the same nine in every row, moved on
# by one. A matrix whose diagonals are constant is called a Toeplitz matrix; this one is made of
# blocks of that kind. It shows what distinguishes a convolution from any other layer:
#
# - the zeros say: **only neighbours matter**,
# - the repetition says: **all places are alike**. Move the image, and the output moves along.
#
# A matrix that a linear layer learns could be this one. It would have to find out half a million
# numbers; for a convolution all but nine are given.

# %%
moved = np.roll(digit, (2, 1), axis=(2, 3))
moved_edges = conv_windows(moved, kernels, np.zeros(2, np.float32))
assert (moved_edges[:, :, 2:, 1:] == edges[:, :, :-2, :-1]).all()
print("an image moved by (2, 1) gives the output moved by (2, 1)")


# %%
def matrices_figure(figure):
    figure.suptitle("Two matrices for one convolution: repeat the pixels, or repeat the weights")
    left, middle, right = figure.subplots(1, 3, width_ratios=[1, 1, 2.6])
    colours = [BLUE, ORANGE, GREEN, RED]
    cividis = {"cmap": "cividis", "vmin": -6, "vmax": 17}
    for axes, matrix in ((left, small[0, 0]), (middle, im2col(small, 3)[0])):
        axes.imshow(matrix, **cividis)
        for i, j in np.ndindex(matrix.shape):
            dark = matrix[i, j] < 9
            axes.text(
                *(j, i, f"{matrix[i, j]:.0f}"),
                ha="center",
                va="center",
                color="white" if dark else BLACK,
                fontsize=10,
            )
    for k, (i, j) in enumerate(np.ndindex(2, 2)):
        shift = 0.07 * k - 0.1
        left.add_patch(
            box(
                j - 0.5 + shift, i - 0.5 + shift, 3, 3, facecolor="none", edgecolor=colours[k], lw=3
            )
        )
        middle.add_patch(box(k - 0.5, -0.5, 1, 9, facecolor="none", edgecolor=colours[k], lw=3))
    names = np.array(list("abcdefghi"))
    T = as_matrix(np.arange(1.0, 10).reshape(1, 1, 3, 3), 4)
    right.imshow(np.where(T > 0, T, np.nan), cmap="cividis", vmin=-8, vmax=10, aspect="equal")
    for i, j in np.ndindex(T.shape):
        if T[i, j]:
            right.text(
                *(j, i, names[int(T[i, j]) - 1]),
                ha="center",
                va="center",
                color="white" if T[i, j] < 5 else BLACK,
            )
    for k in range(4):
        right.add_patch(box(-0.5, k - 0.5, 16, 1, facecolor="none", edgecolor=colours[k], lw=2))
    left.set_title("16 pixels,\nfour windows", loc="center")
    middle.set_title("im2col: a window\nis a column", loc="center")
    right.set_title("T: a window is a row, weights a to i where it lies", loc="center")
    left.set_xticks([])
    left.set_yticks([])
    middle.set(xlabel="window", ylabel="place in the kernel", xticks=range(4), yticks=range(9))
    middle.set_yticklabels(names)
    middle.set_xticklabels(range(1, 5))
    right.set(xlabel="pixel", ylabel="window", xticks=range(16), yticks=range(4))
    right.set_xticklabels(range(1, 17), fontsize=9)
    right.set_yticklabels(range(1, 5))
    for axes in (left, middle, right):
        axes.grid(visible=False)
        axes.tick_params(length=0)
        for side in axes.spines.values():
            side.set_visible(False)


save_figure("08_matrices", matrices_figure, figsize=(10, 3.9))

# %% [markdown]
# ## The gradients
#
# Say the loss $L$ answers to output $y_{noij}$ with $g_{noij}$. Since $y = V\,\text{cols} + b$ is a
# matrix product, lesson 1 has two of the gradients ready, for each image:
#
# $$\frac{\partial L}{\partial V} = g\; \text{cols}^\top \qquad
# \frac{\partial L}{\partial\, \text{cols}} = V^\top g$$
#
# with $g$ of this image written as $(O, Q)$. $V$ is shared by all images, so their contributions
# add up. The bias $b_o$ is added at every place of every image, so it collects from all of them:
#
# $$\frac{\partial L}{\partial b_o} = \sum_{n,i,j} g_{noij}$$
#
# What is left is the way from the columns back to the image. im2col computes nothing; it copies.
# A pixel that lies in nine windows was copied nine times, and what reaches the nine copies adds up
# in the pixel. So the gradient of im2col takes every column, puts it back in its window, and **adds
# where windows overlap**. It is called col2im. Adding is done for all windows at once, one place
# $(u, v)$ of the kernel at a time.


# %%
def col2im(cols, shape, K):
    N, C, H, W = shape
    rows, columns = H - K + 1, W - K + 1
    cols = cols.reshape(N, C, K, K, rows, columns)
    x = np.zeros(shape, cols.dtype)
    for u, v in np.ndindex(K, K):
        x[:, :, u : u + rows, v : v + columns] += cols[:, :, u, v]
    return x


def conv_grad(g, x, w):
    """dL/dx, dL/dw, dL/db for L with the gradient g at y = conv(x, w, b)."""
    N, out = g.shape[:2]
    K = w.shape[2]
    g = g.reshape(N, out, -1)
    dcols = w.reshape(out, -1).T @ g
    dw = (g @ im2col(x, K).swapaxes(1, 2)).sum(0)
    return col2im(dcols, x.shape, K), dw.reshape(w.shape), g.sum((0, 2))


count = col2im(im2col(np.ones((1, 1, 6, 6)), 3), (1, 1, 6, 6), 3)
print("how many windows of 3 by 3 each pixel of a 6 by 6 image lies in:")
print(count[0, 0].astype(int))
assert count[0, 0, 2, 2] == 9
assert count[0, 0, 0, 0] == 1

# %% [markdown]
# Note that col2im does not undo im2col: going there and back multiplies each pixel by the number of
# its windows. The two are *adjoint*, which is what gradients ask for. If im2col is a matrix $P$ of
# zeros and ones (one 1 per row: which pixel is copied here), col2im is $P^\top$. Write $\langle a,
# b \rangle$ for the scalar product, $\sum_k a_k b_k$ over all numbers of $a$ and $b$. Then
#
# $$\langle P x,\, z \rangle = \sum_{kl} P_{kl}\, x_l\, z_k = \langle x,\, P^\top z \rangle$$
#
# which is a test for any such pair that needs no third program to compare with. Draw $x$ and $z$ at
# random; if col2im put one number in a wrong place, the two sides would differ.

# %%
for K in (1, 2, 3, 5):
    x64 = minitorch.randn(2, 3, 7, 6).double().numpy()
    cols = im2col(x64, K)
    z = minitorch.randn(*cols.shape).double().numpy()
    left, right = (cols * z).sum(), (x64 * col2im(z, x64.shape, K)).sum()
    print(f"K = {K}:  <im2col(x), z> = {left:11.6f}   <x, col2im(z)> = {right:11.6f}")
    assert abs(left - right) < 1e-9
    theirs = F.col2im(minitorch.tensor(z), size=(7, 6), kernel_size=K)
    assert close(theirs.numpy(), col2im(z, x64.shape, K), 1e-12)

# %% [markdown]
# Now all three gradients, against the tape, and against what the derivative is defined to be.

# %%
g = minitorch.randn(2, 4, 5, 4).numpy()
dx, dw, db = conv_grad(g, x, w)
leaves = [minitorch.tensor(a, requires_grad=True) for a in (x, w, b)]
F.conv2d(*leaves).backward(minitorch.tensor(g))
for leaf, ours, name in zip(leaves, (dx, dw, db), "xwb", strict=True):
    assert close(leaf.grad.numpy(), ours, 1e-4), name
assert close(db, g.sum((0, 2, 3)), 1e-4)
assert gradcheck(F.conv2d, tuple(leaves))

h, at = 1e-3, (3, 1, 0, 2)
up, down = w.astype(float), w.astype(float)
up[at] += h
down[at] -= h
wide = x.astype(float), b.astype(float)
slope = (g * (conv_loops(wide[0], up, wide[1]) - conv_loops(wide[0], down, wide[1]))).sum() / (
    2 * h
)
print(f"dL/dw{list(at)}: {dw[at]:.5f} by the formula, {slope:.5f} by moving it")
assert abs(slope - dw[at]) < 1e-4

# %% [markdown]
# The gradient of $x$ can be seen in two more ways. With the big matrix it is $T^\top g$. And follow
# one pixel, at row $r$ and column $s$: the window that starts at $(r - u, s - v)$ multiplied it by
# $w_{ocuv}$, so
#
# $$\frac{\partial L}{\partial x_{ncrs}} = \sum_{o,u,v} g_{n,\,o,\,r-u,\,s-v}\; w_{ocuv}$$
#
# with $g = 0$ where no window starts. This is a convolution again, with minus signs: of $g$ with a
# border of $K - 1$ zeros, by the kernel turned by 180 degrees, the roles of $O$ and $C$ exchanged.
# That is where the backwards counting of mathematics comes from.

# %%
one = w[:1, :1]
g_one = g[:1, :1]
T = np.stack([conv_loops(e.reshape(1, 1, 7, 6), one, [0.0]).ravel() for e in np.eye(42)], axis=1)
by_matrix = (T.T @ g_one.ravel()).reshape(1, 1, 7, 6)
bordered = np.pad(g, ((0, 0), (0, 0), (2, 2), (2, 2)))
turned = w[:, :, ::-1, ::-1].swapaxes(0, 1)
by_convolution = conv_matrix(bordered, turned, np.zeros(3, np.float32))
assert close(by_matrix, conv_grad(g_one, x[:1, :1], one)[0])
assert close(by_convolution, dx, 1e-4)
print("col2im, the transposed matrix, and a convolution by the turned kernel agree on dL/dx")

# %% [markdown]
# ## How long do they take?
#
# Three layers as they occur in small networks. The two with loops get one image, the other two 32,
# and all times are for one image. (The seven loops make only a few rows of it; their time is scaled
# up.)

# %%
shapes = {
    "1 to 20 channels, 5x5, on 28x28": (1, 28, 20, 5),
    "20 to 50 channels, 5x5, on 12x12": (20, 12, 50, 5),
    "16 to 32 channels, 3x3, on 16x16": (16, 16, 32, 3),
}
methods = ["conv_loops", "conv_windows", "conv_matrix", "F.conv2d"]
measured = {"with": here()}
for name, (C, size, out, K) in shapes.items():
    batch = minitorch.randn(32, C, size, size)
    w, b = minitorch.randn(out, C, K, K), minitorch.randn(out)
    arrays = batch.numpy(), w.numpy(), b.numpy()
    alone = arrays[0][:1], *arrays[1:]
    assert close(conv_windows(*alone), conv_matrix(*alone), 1e-3)
    assert close(F.conv2d(batch, w, b).numpy(), conv_matrix(*arrays), 1e-3)
    steps = out * C * K * K * out_size(size, K) ** 2
    few = {"at_least": 0.02}
    measured[name] = times = {
        "conv_loops": seconds(conv_loops, alone[0][:, :, : 2 * K], *alone[1:], **few),
        "conv_windows": seconds(conv_windows, *alone, **few),
        "conv_matrix": seconds(conv_matrix, *arrays) / 32,
        "F.conv2d": seconds(F.conv2d, batch, w, b) / 32,
    }
    times["conv_loops"] *= out_size(size, K) / (K + 1)  # only the first K + 1 rows were made
    print(f"\n{name}    microseconds  million steps/s")
    for method in methods:
        print(f"  {method:14}{times[method] * 1e6:29,.0f}{steps / times[method] / 1e6:17,.0f}")
    assert times["conv_loops"] > 20 * times["conv_matrix"]

gains = [t["conv_loops"] / t["F.conv2d"] for name, t in measured.items() if name != "with"]
print(f"found: im2col is exact and its adjoint is col2im; conv2d is {min(gains):,.0f} to", end=" ")
print(f"{max(gains):,.0f} times as fast as loops")

# %% [markdown]
# The steps are the same in all four; what differs is how many of them one call to NumPy does. The
# matrix product does more work than the loops, since it copies each pixel many times. It wins all
# the same: copying numbers in order, and then one large product, is what processors are good at.
# minitorch's conv2d does what ours does, for a few images at a time.


# %%
def times_figure(figure):
    times = kept("08_times", measured)
    note = times.pop("with")
    gain = min(t["conv_loops"] / t["conv_matrix"] for t in times.values())
    gain = float(f"{gain:.1g}")
    figure.suptitle(f"One product instead of loops: some {gain:,.0f} times faster, or more")
    axes = figure.subplots()
    height = 0.2
    for k, (method, colour) in enumerate(zip(methods, (GREY, ORANGE, BLUE, PURPLE), strict=True)):
        places = [i + (k - 1.5) * height for i in range(len(times))]
        values = [t[method] for t in times.values()]
        bars = axes.barh(places, values, 0.92 * height, color=colour, label=method)
        axes.bar_label(bars, [readable(t) for t in values], padding=4, fontsize=10)
    axes.set_yticks(range(len(times)), [name.replace("s, ", "s,\n") for name in times])
    axes.invert_yaxis()
    axes.set_xscale("log")
    ticks = [10.0**k for k in range(-6, 1)]
    axes.set_xticks(ticks, [readable(t) for t in ticks])
    axes.set_xlim(1e-6, 4)
    axes.set_xlabel(f"time for one image, log scale ({note})")
    axes.grid(axis="y", visible=False)
    figure.legend(loc="outside lower center", ncols=4)


def readable(t):
    """4.5e-06 as 4.5 µs."""
    power = min(0, 3 * math.floor(math.log10(t * 1.0001) / 3))
    number, unit = t / 10.0**power, {0: "s", -3: "ms", -6: "µs"}[power]
    return f"{number:.2g} {unit}" if number < 99.5 else f"{number:.0f} {unit}"


save_figure("08_times", times_figure, figsize=(9, 4.6))

# %% [markdown]
# ## Exercises
#
# Five more check themselves: fill in the functions in `lessons/exercises/08_convolution.py`, then
# run `python -m lessons check 08`.
#
# 1. Give `windows`, `im2col` and `col2im` a stride. Which steps in memory change? Check the pair
#    with the scalar product.
# 2. Add a dilation in the same way. Which of the steps change now?
# 3. A convolution with a kernel of 1 by 1: what does it do with the channels at one place? Write it
#    with `einsum`, without windows.
# 4. Two convolutions of 3 by 3 one after the other, with no relu in between, are one convolution.
#    Of which size? Compute its kernel for one channel.
# 5. Replace each pixel by the mean of its 3 by 3 neighbourhood, by a convolution. How does a digit
#    look after it? Which kernel leaves an image as it is?
# 6. How many multiplications does a layer from $C$ to $O$ channels take, in letters? Which of the
#    two 5x5 layers that were timed, 1 to 20 channels on 28x28 or 20 to 50 on 12x12, has more
#    weights, which more work?
# 7. In a *depthwise* convolution every channel has a kernel of its own, $w$ is $(C, 1, K, K)$, and
#    no other channel is looked at. Write it with `windows` and `einsum`, and compare with
#    `F.conv2d(x, w, groups=C)`.
