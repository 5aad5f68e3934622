"""Course code as it is written for torch, run in both libraries: one text, the same results.

Each form is a piece of Python, evaluated once with torch and once with minitorch under the names
`torch`, `nn` and `F`, on the same numbers. Values, shapes, dtypes, and the Python types of numbers
must agree. A second check reads torch's own signatures and holds the order of ours against them.
"""

from __future__ import annotations

import inspect
import math
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import minitorch
import minitorch.nn.functional as F

torch = pytest.importorskip("torch")

# the numbers ------------------------------------------------------------------------------------


def numbers() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)

    def draw(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    return {
        "x": draw(4, 5),
        "y": draw(4, 5),
        "a": draw(3, 4),
        "b": draw(4, 2),
        "s": draw(3, 3),
        "v": draw(5),
        "w": draw(3, 5),  # a weight, (out, in)
        "c": draw(3),
        "p": rng.uniform(0.1, 0.9, (4, 5)).astype(np.float32),
        "t": rng.integers(0, 2, (4, 5)).astype(np.float32),
        "one": np.array(2.5, np.float32),
        "bat": draw(2, 3, 4),
        "bat2": draw(2, 4, 5),
        "seq": draw(2, 3, 9),
        "img": draw(2, 3, 8, 8),
        "k": draw(4, 3, 3, 3),
        "k1": draw(4, 3, 3),
        "kt": draw(3, 4, 3, 3),
        "kb": draw(4),
        "q": draw(2, 6, 4),
        "n": rng.integers(-5, 9, (4, 5)),
        "labels": np.array([0, 4, 2, 2]),
        "i": np.array([2, 0, 3]),
        "cols": np.array([[0, 1], [4, 4], [2, 0], [3, 3]]),
        "ids": np.array([[1, 2, 1], [0, 9, 9]]),
        "table": draw(10, 5),
        "m": rng.integers(0, 2, (4, 5)).astype(bool),
    }


# the forms --------------------------------------------------------------------------------------

MAKING = """
torch.tensor([1., 2., 3.])
torch.tensor([[1, 2], [3, 4]])
torch.tensor(3)
torch.tensor([True, False])
torch.tensor([1, 2], dtype=torch.float32)
torch.tensor([1.5, 2.5], dtype=torch.float)
torch.tensor([1.5, 2.5]).to(torch.int)
torch.tensor([0, 1, 2], dtype=torch.bool)
torch.tensor(x.numpy())
torch.Tensor([1, 2, 3]).float()
torch.as_tensor([1., 2.])
torch.as_tensor(np.arange(3.0))
torch.from_numpy(np.ones((2, 2), dtype=np.float32))
torch.zeros(2, 3)
torch.zeros((2, 3))
torch.zeros([2, 3], dtype=torch.long)
torch.zeros(2, 3, device="cpu")
torch.zeros(x.shape)
torch.zeros(x.size())
torch.ones(3)
torch.ones(2, 2, dtype=torch.float64)
torch.full((2, 3), 7)
torch.full((2, 3), 7.)
torch.full((2, 3), float("-inf"))
torch.eye(3)
torch.eye(2, 4)
torch.arange(5)
torch.arange(1, 6)
torch.arange(0, 1, 0.25)
torch.arange(10, 0, -2)
torch.arange(5, dtype=torch.float32)
torch.arange(5.)
torch.linspace(0, 1, 5)
torch.linspace(-1, 1, steps=3)
torch.logspace(0, 2, 3)
torch.zeros_like(x)
torch.ones_like(x)
torch.ones_like(x, dtype=torch.bool)
torch.zeros_like(x, requires_grad=True)
torch.full_like(x, 2.)
torch.tril(torch.ones(3, 3))
torch.triu(torch.ones(3, 3), diagonal=1)
torch.triu(torch.ones(3, 3), 1).bool()
torch.tril_indices(3, 3)
torch.triu_indices(3, 3, offset=1)
torch.tril_indices(3, 3, device="cpu")
x.new_zeros(2, 3)
x.new_zeros((2, 3))
x.new_ones(3)
x.new_full((2,), 3.)
x.new_tensor([1, 2])
x.new_zeros(2, requires_grad=True)
torch.empty(2, 3).shape
torch.empty_like(x).shape
x.new_empty(3).shape
torch.meshgrid(torch.arange(2), torch.arange(3), indexing="ij")
"""

ASKING = """
x.shape
x.shape[0]
x.shape[-1]
x.size()
x.size(0)
x.size(-1)
x.dim()
x.ndim
x.ndimension()
x.numel()
x.nelement()
torch.numel(x)
len(x)
x.element_size()
x.itemsize
x.nbytes
x.stride()
x.stride(0)
x.T.is_contiguous()
x.is_floating_point()
torch.is_floating_point(x)
torch.is_tensor(x)
torch.is_tensor(3)
isinstance(x, torch.Tensor)
x.is_cuda
x.is_cpu
x.is_meta
x.get_device()
x.is_leaf
x.requires_grad
x.grad is None
x.grad_fn is None
x.device.type
str(x.device)
x.device == torch.device("cpu")
x.dtype == torch.float32
x.dtype == torch.float
x.double().dtype == torch.double
n.dtype == torch.int64
n.dtype == torch.long
m.dtype == torch.bool
x.dtype.itemsize
one.item()
n[0, 0].item()
m[0, 0].item()
x.tolist()
n.tolist()
one.tolist()
float(one)
int(n[0, 1])
bool(one > 1)
f"{one.item():.3f}"
f"{one:.3f}"
one.is_nonzero()
torch.is_nonzero(one)
x.is_same_size(y)
torch.is_grad_enabled()
torch.cuda.is_available()
torch.cuda.device_count()
"cuda" if torch.cuda.is_available() else "cpu"
torch.get_default_dtype() == torch.float32
float(torch.finfo(torch.float32).eps)
float(torch.finfo(x.dtype).min)
torch.iinfo(torch.int64).max
"""

CONVERTING = """
x.float()
x.double()
x.half()
x.long()
x.int()
x.short()
x.bool()
m.float()
n.float()
(n + 5).byte()
n.char()
x.type(torch.float64)
x.type(torch.long)
x.type_as(n)
x.to(torch.float64)
x.to("cpu")
x.to(torch.device("cpu"))
x.to("cpu", torch.float64)
x.to(device="cpu", dtype=torch.float64)
x.to("cpu", non_blocking=True)
x.to(n)
x.cpu()
x.cpu().numpy()
x.detach().cpu().numpy()
x.numpy()
np.asarray(x.tolist()).shape
x.detach()
torch.detach(x)
x.data
x.clone()
x.clone().detach()
x.detach().clone().requires_grad_(True)
x.contiguous()
x.T.contiguous()
"""

ARITHMETIC = """
x + y
x + 1
1 + x
1 - x
2 / p
x / 2
x // 0.5
n // 2
n % 3
x % 1
x ** 2
2 ** x
x * v
x[0] * y[:, :1]
-x
+x
abs(x)
x @ w.T
v @ v
x == y
x > 0
x >= 0.5
x < y
x != 0
n == 2
~m
m & (x > 0)
m | (x > 0)
m ^ (x > 0)
(n == 2).sum()
(x > 0).float().mean()
(x.argmax(1) == labels).float().mean()
(x.argmax(dim=1) == labels).sum().item()
torch.add(x, y)
torch.add(x, y, alpha=2)
x.add(1)
x.sub(y)
torch.sub(x, y)
x.mul(2)
torch.mul(x, y)
x.div(2)
torch.div(x, y)
torch.div(n, 2, rounding_mode="floor")
torch.div(n, 2)
n / 2
x.pow(2)
x.pow(2).mean()
torch.pow(x, 2)
torch.pow(2, x)
(x - y).pow(2).mean()
((x - y) ** 2).mean()
(x - y).abs().sum()
x.neg()
x.abs()
torch.abs(x)
x.sign()
x.exp()
torch.exp(x)
p.log()
torch.log(p)
torch.log(p + 1e-8)
p.log2()
torch.log10(p)
torch.log1p(p)
torch.expm1(x)
p.sqrt()
torch.sqrt(p)
p.rsqrt()
x.square()
x.reciprocal()
x.sin()
torch.cos(x)
torch.tan(x)
x.tanh()
torch.tanh(x)
x.sigmoid()
torch.sigmoid(x)
torch.erf(x)
x.relu()
torch.relu(x)
x.floor()
x.ceil()
x.round()
torch.round(x, decimals=2)
x.trunc()
torch.fmod(x, 0.3)
torch.remainder(n, 3)
torch.atan2(x, y)
torch.maximum(x, y)
torch.minimum(x, y)
x.clamp(min=0)
x.clamp(0, 1)
x.clamp(max=0.5)
torch.clamp(x, min=-0.5, max=0.5)
torch.clamp(x, 0)
x.clamp_min(0.)
x.clamp_max(0.)
x.clip(-1, 1)
torch.where(x > 0, x, y)
torch.where(x > 0, x, 0.)
torch.where(m, 1., 0.)
torch.where(m)
torch.where(x > 0, x, torch.zeros_like(x))
x.where(m, y)
torch.lerp(x, y, 0.3)
x.lerp(y, 0.3)
torch.addcmul(x, x, y, value=0.5)
torch.addcdiv(x, y, p, value=0.5)
x.addcmul(y, y, value=0.1)
torch.logaddexp(x, y)
x.logaddexp(v)
torch.nan_to_num(x / 0 * 0)
(x / 0).nan_to_num(nan=0.0, posinf=1e3, neginf=-1e3)
n.nan_to_num()
torch.logical_and(m, x > 0)
torch.logical_not(m)
torch.isnan(x)
x.isnan().any()
torch.isinf(x).sum()
torch.isfinite(x).all()
torch.allclose(x, y)
torch.allclose(x, x + 1e-9, rtol=1e-5, atol=1e-8)
x.allclose(x)
torch.equal(x, y)
x.equal(x.clone())
torch.isclose(x, y)
torch.eq(x, y)
x.eq(y).all()
n.eq(2)
x.gt(0)
torch.ge(x, 0)
torch.ne(n, 2)
torch.sum(input=x, dim=1)
torch.add(input=x, other=y)
torch.mul(x, other=y)
torch.pow(x, exponent=2)
torch.softmax(input=x, dim=1)
"""

REDUCING = """
x.sum()
torch.sum(x)
x.sum(0)
x.sum(1)
x.sum(dim=1)
x.sum(axis=0)
x.sum(-1, keepdim=True)
x.sum(1, True)
x.sum((0, 1))
x.sum(dim=(0, 1), keepdim=True)
n.sum()
m.sum()
n.sum(dtype=torch.float32)
torch.sum(x, 1)
torch.sum(x, dim=0, keepdim=True)
x.mean()
x.mean(0)
x.mean(dim=(0,), keepdim=True)
x.mean((0, 1))
n.float().mean()
torch.mean(x, 1)
img.mean((0, 2, 3))
x.prod()
x.prod(1)
x.var()
x.var(0)
x.var(unbiased=False)
x.var(0, unbiased=False)
x.var(0, keepdim=True)
x.var(dim=1, correction=0)
x.var(1, False)
x.std()
x.std(0)
x.std(1, keepdim=True)
x.std(unbiased=False)
torch.std(x, 0)
torch.var(x, dim=0, unbiased=False)
img.std(dim=(0, 2, 3))
torch.var_mean(x, dim=0)
torch.std_mean(x, 1)
x.max()
x.min()
x.max(1)
x.max(1)[0]
x.max(dim=1).values
x.max(-1).indices
x.max(1, keepdim=True)[0]
x.max(-1, True)
torch.max(x)
torch.max(x, 1)
torch.max(x, dim=1)
torch.max(x.data, 1)
torch.max(x, y)
torch.min(x, 0)
x.min(0)[0]
x.amax(1)
x.amax(dim=(0, 1))
x.amin(0, keepdim=True)
x.argmax()
x.argmax(1)
x.argmax(dim=1)
x.argmax(-1, keepdim=True)
torch.argmax(x, dim=1)
torch.argmin(x)
x.argmin(0)
m.any()
m.all()
(x > 0).any(1)
torch.all(x > -100)
torch.any(m, dim=0)
x.norm()
x.norm(2)
x.norm(p=1)
x.norm(2, dim=1)
x.norm(dim=1, keepdim=True)
x.norm(p=2, dim=-1, keepdim=True)
torch.norm(x)
torch.norm(x, dim=0)
x.cumsum(0)
x.cumsum(dim=1)
torch.cumsum(x, 1)
x.cumprod(1)
x.median()
x.median(1)
torch.median(x)
x.sort()
x.sort(1)
x.sort(dim=0, descending=True)
x.sort(descending=True)[1]
torch.sort(x, 1, True)
x.argsort()
x.argsort(dim=1, descending=True)
torch.argsort(x, 0)
x.topk(2)
x.topk(2, dim=1)
torch.topk(x, 2)[1]
torch.topk(x, k=2, dim=0, largest=False)
x.kthvalue(2)
x.logsumexp(1)
x.logsumexp(-1, keepdim=True)
torch.logsumexp(x, 1)
torch.logsumexp(x, dim=1, keepdim=True)
x.unique()
n.unique(return_counts=True)
torch.unique(n)
torch.bincount(labels)
labels.bincount(minlength=10)
torch.count_nonzero(n)
torch.cdist(x, y)
torch.cdist(bat, bat[:1], p=1.0)
torch.aminmax(x)
torch.trace(s)
s.trace()
"""

SHAPING = """
x.view(-1)
x.view(20)
x.view(2, 10)
x.view(5, -1)
x.view((2, 10))
x.view(x.size(0), -1)
x.view(*x.shape, 1)
x.view_as(x)
img.view(img.shape[0], -1)
img.view(-1, 8 * 8)
x.reshape(-1)
x.reshape(2, 2, 5)
x.reshape((2, 10))
x.T.reshape(-1)
x.reshape_as(y)
torch.reshape(x, (2, 10))
torch.reshape(x, (-1,))
img.flatten()
img.flatten(1)
img.flatten(start_dim=1)
torch.flatten(img, 1)
torch.flatten(img, start_dim=2)
x.unflatten(1, (5, 1))
x[None].squeeze()
x[None].squeeze(0)
x.squeeze(-1)
torch.squeeze(x[None], 0)
x.unsqueeze(0)
x.unsqueeze(1)
x.unsqueeze(-1)
x.unsqueeze(dim=1)
torch.unsqueeze(x, 0)
x.t()
x.T
bat.mT
x.transpose(0, 1)
bat.transpose(1, 2)
bat.transpose(-2, -1)
torch.transpose(x, 0, 1)
bat.permute(2, 0, 1)
bat.permute((0, 2, 1))
torch.permute(bat, (1, 0, 2))
bat.movedim(0, -1)
torch.swapaxes(bat, 0, 1)
v.expand(4, 5)
v.expand(4, -1)
x[:, :1].expand(-1, 3)
x[:, :1].expand(4, 7)
x[None].expand(3, -1, -1)
v.expand_as(x)
torch.broadcast_to(v, (2, 5))
v.broadcast_to(2, 5).shape
x.repeat(2, 1)
v.repeat(3)
v.repeat((2, 2))
v.repeat_interleave(2)
torch.repeat_interleave(x, 2, dim=0)
torch.tile(v, (2, 2))
v.tile(2)
torch.cat([x, y])
torch.cat([x, y], 1)
torch.cat((x, y), dim=1)
torch.cat([x, y], dim=-1)
torch.cat([x, y], axis=1)
torch.concat([x, y])
torch.stack([x, y])
torch.stack((x, y), 1)
torch.stack([x, y], dim=-1)
torch.stack([r for r in x])
torch.hstack([x, y])
torch.vstack([x, y])
x.split(2)
x.split([1, 3])
x.split(2, dim=1)
torch.split(x, 2, 1)
x.chunk(2)
x.chunk(3, dim=1)
torch.chunk(x, 2, dim=-1)
x.unbind()
x.unbind(1)
torch.unbind(x, dim=1)
x.flip(0)
x.flip(0, 1)
x.flip([1])
torch.flip(x, dims=[0])
torch.roll(x, 1, 0)
x.roll(shifts=(1, -1), dims=(0, 1))
torch.rot90(x, 1, [0, 1])
s.tril()
s.triu(1)
torch.tril(s, diagonal=-1)
s.diag()
torch.diag(v)
s.diagonal()
bat.diagonal(dim1=1, dim2=2)
torch.diagonal(s, 1)
torch.diag_embed(x)
torch.outer(v, v)
torch.atleast_2d(v)
x.ravel()
x.narrow(0, 1, 2)
x.select(1, 2)
seq.unfold(2, 3, 2)
torch.broadcast_tensors(v, x)
x.movedim((0,), (1,))
s.tril(-1) + s.triu(1).mT
"""

INDEXING = """
x[0]
x[-1]
x[0, 1]
x[1:3]
x[:, 1]
x[:, 1:3]
x[..., 0]
x[..., -1:]
x[None]
x[:, None]
x[:, None, :]
x[::2]
x[:, ::2]
x[[0, 2]]
x[i]
x[i, :2]
x[:, cols[0]]
x[range(4), labels]
x[torch.arange(4), labels]
x[torch.arange(len(labels)), labels].mean()
x[[0, 1, 2, 3], labels]
x[np.array([0, 1])]
x[m]
x[x > 0]
x[x[:, 0] > 0]
x[(x > 0) & m]
x[1:, i[:1]]
x[torch.tensor(2)]
x[n[0, 0] * 0]
x[True].shape
img[0, 0]
img[:, 0, ::2, 1:-1]
img[0, ..., 0]
img[:, [0, 2]]
table[ids]
x.gather(1, cols)
torch.gather(x, 1, labels.unsqueeze(1))
x.gather(dim=1, index=labels[:, None]).squeeze(1)
torch.zeros(4, 5).scatter_(1, labels[:, None], 1.)
torch.zeros(4, 5).scatter(1, labels.unsqueeze(-1), 1)
torch.zeros(4, 5).scatter(1, cols, x)
torch.zeros(4, 5).scatter_add(1, cols, x)
torch.zeros(4, 5).scatter_(1, labels[:, None], value=2.)
torch.scatter(torch.zeros(4, 5), 1, cols, y)
x.index_select(0, i)
torch.index_select(x, 1, i)
torch.zeros(4, 5).index_add(0, i, x[:3])
torch.zeros(4, 5).index_add_(0, i, x[:3], alpha=2)
x.index_fill(0, i, 7.)
x.index_copy(0, i, y[:3])
torch.take(x, i)
x.take(cols)
torch.take_along_dim(x, cols, dim=1)
x.masked_fill(m, 0.)
x.masked_fill(m, -1e9)
x.masked_fill(m, float("-inf"))
x.masked_fill(torch.tril(torch.ones(4, 5)) == 0, float("-inf"))
x.masked_select(m)
torch.masked_select(x, x > 0)
x.masked_scatter(m, y)
m.nonzero()
torch.nonzero(m)
x.masked_fill(m, torch.finfo(x.dtype).min)
x.masked_fill(m, -torch.inf)
torch.nonzero(m, as_tuple=True)
m.nonzero(as_tuple=True)[0]
torch.argwhere(m)
F.one_hot(labels)
F.one_hot(labels, 5)
F.one_hot(labels, num_classes=5).float()
torch.eye(5)[labels]
torch.searchsorted(torch.arange(5.), x)
torch.bucketize(x, torch.tensor([-1., 0., 1.]))
[r.sum().item() for r in x]
1 in n
sum(x)
list(labels)
"""

PRODUCTS = """
a @ b
a.matmul(b)
torch.matmul(a, b)
torch.mm(a, b)
a.mm(b)
torch.matmul(bat, bat2)
bat @ bat2
torch.bmm(bat, bat2)
bat.bmm(bat2)
bat @ b
a @ kb
torch.mv(a, kb)
a.mv(kb)
torch.dot(v, v)
v.dot(v)
torch.inner(v, v)
torch.outer(v, c)
torch.addmm(c[:2], a, b)
torch.addmm(c[:2], a, b, beta=0.5, alpha=2)
c[:2].addmm(a, b)
torch.baddbmm(torch.zeros(2, 3, 5), bat, bat2)
torch.addmv(c, a, kb)
torch.addr(torch.zeros(5, 3), v, c)
torch.einsum("ik,kj->ij", a, b)
torch.einsum("ik,kj", a, b)
torch.einsum("ik,kj->ij", [a, b])
torch.einsum("bij,bjk->bik", bat, bat2)
torch.einsum("ii", s)
torch.einsum("ii->i", s)
torch.einsum("i,j->ij", v, c)
torch.einsum("ij->ji", a)
torch.einsum("ij->", a)
torch.einsum("...ij,...jk->...ik", bat, bat2)
torch.tensordot(a, b, dims=1)
torch.tensordot(bat, bat2, dims=([2], [1]))
torch.kron(s, c)
torch.chain_matmul(a, b)
F.linear(x, w)
F.linear(x, w, c)
F.linear(input=x, weight=w, bias=c)
F.bilinear(x[:, :3], x[:, :4], kt[:3, :2, 0, :3].new_ones(2, 3, 4))
"""

WINDOWS = """
F.conv2d(img, k)
F.conv2d(img, k, kb)
F.conv2d(img, k, kb, 1, 2)
F.conv2d(img, k, kb, stride=2, padding=1)
F.conv2d(img, k, bias=kb, padding="same")
F.conv2d(img, k, None, (1, 2), (2, 0))
F.conv2d(img, k, kb, 1, 0, 2)
F.conv2d(img, k[:3, :1], groups=3)
F.conv2d(input=img, weight=k)
torch.conv2d(img, k, kb, padding=1)
F.conv1d(seq, k1, kb)
F.conv1d(seq, k1, kb, 2, 1)
F.conv3d(img[:, None], k[None, :1])
F.conv_transpose2d(img, kt, kb)
F.conv_transpose2d(img, kt, kb, 2, 1, 1)
F.conv_transpose1d(seq, kt[..., 0], stride=2)
F.max_pool2d(img, 2)
F.max_pool2d(img, (2, 2))
F.max_pool2d(img, 3, 2, 1)
F.max_pool2d(img, kernel_size=2, stride=1)
F.max_pool2d(img, 3, stride=2, ceil_mode=True)
F.max_pool2d(img, 2, return_indices=True)
F.max_pool2d(F.relu(F.conv2d(img, k, kb)), 2)
torch.max_pool2d(img, 2)
F.max_pool1d(seq, 3)
F.avg_pool2d(img, 2)
F.avg_pool2d(img, 3, 2, 1)
F.avg_pool2d(img, 3, 2, 1, False, False)
F.avg_pool2d(img, img.shape[2:])
F.avg_pool1d(seq, 3, 1)
F.adaptive_avg_pool2d(img, 1)
F.adaptive_avg_pool2d(img, (1, 1)).flatten(1)
F.adaptive_avg_pool2d(img, (3, 5))
F.adaptive_max_pool2d(img, 2)
F.adaptive_avg_pool1d(seq, 4)
F.max_pool3d(img[None], 2)
F.max_pool3d(img[None], (1, 2, 2), stride=(1, 2, 2), return_indices=True)
torch.max_pool3d(img[None], 3, 1, 1)
F.avg_pool3d(img[None], 2, 1, count_include_pad=False)
nn.MaxPool3d(2)(img[None])
nn.AvgPool3d((1, 4, 4))(img[None])
F.pixel_shuffle(img[:, :1].expand(-1, 4, -1, -1), 2)
torch.pixel_shuffle(img.permute(0, 2, 1, 3).contiguous()[:, :4], upscale_factor=2)
F.pixel_unshuffle(img, 2)
torch.pixel_unshuffle(img[0], downscale_factor=4)
nn.PixelShuffle(2)(torch.pixel_unshuffle(img, 2))
F.unfold(img, 3)
F.unfold(img, kernel_size=(2, 2), stride=2)
F.fold(F.unfold(img, 2, stride=2), (8, 8), 2, stride=2)
F.interpolate(img, scale_factor=2)
F.interpolate(img, size=(16, 16), mode="nearest")
F.interpolate(img, scale_factor=2, mode="bilinear", align_corners=False)
F.interpolate(img, 5, mode="bilinear", align_corners=True)
F.pad(x, (1, 1))
F.pad(x, (1, 2, 3, 4))
F.pad(x, (0, 1), value=-1)
F.pad(x, (1, 1), "constant", 0)
nn.functional.pad(img, (1, 1, 1, 1))
F.pad(img, (1, 1, 2, 2), mode="reflect")
F.pad(img, [1, 1, 1, 1], mode="replicate")
F.pad(img, (1, 1, 1, 1), mode="circular")
"""

NETWORKS = """
F.relu(x)
F.relu(x, inplace=True)
F.relu(x, inplace=False)
F.leaky_relu(x)
F.leaky_relu(x, 0.2)
F.leaky_relu(x, negative_slope=0.2)
F.elu(x)
F.elu(x, alpha=0.5)
F.selu(x)
F.celu(x)
F.gelu(x)
F.gelu(x, approximate="tanh")
F.silu(x)
F.mish(x)
F.softplus(x)
F.softplus(x, beta=2)
F.softsign(x)
F.hardtanh(x)
F.hardtanh(x, -2., 2.)
F.hardsigmoid(x)
F.hardswish(x)
F.relu6(x)
F.threshold(x, 0.1, 20)
F.logsigmoid(x)
F.sigmoid(x)
F.tanh(x)
F.prelu(x, torch.tensor([0.25]))
F.glu(img)
F.glu(x, dim=0)
F.glu(bat, -1)
nn.GLU(dim=0)(x)
F.softmax(x, dim=1)
F.softmax(x, 1)
F.softmax(x, dim=-1)
torch.softmax(x, 1)
torch.softmax(x, dim=-1)
x.softmax(-1)
x.softmax(dim=1)
F.log_softmax(x, dim=1)
F.log_softmax(x, -1)
x.log_softmax(-1)
torch.log_softmax(x, dim=1)
F.nll_loss(F.log_softmax(x, dim=1), labels)
F.nll_loss(x.log_softmax(-1), labels, reduction="sum")
F.nll_loss(F.log_softmax(x, -1), labels, weight=v.abs())
F.cross_entropy(x, labels)
F.cross_entropy(x, labels, reduction="none")
F.cross_entropy(x, labels, reduction="sum")
F.cross_entropy(x, labels, weight=v.abs())
F.cross_entropy(x, labels, ignore_index=2)
F.cross_entropy(x, labels, label_smoothing=0.1)
F.cross_entropy(x, p / p.sum(1, keepdim=True))
F.cross_entropy(bat.view(-1, 4), ids.view(-1) % 4)
F.cross_entropy(input=x, target=labels)
nn.functional.cross_entropy(x, labels).item() > 0
F.mse_loss(x, y)
F.mse_loss(x, y, reduction="sum")
F.l1_loss(x, y)
F.smooth_l1_loss(x, y)
F.huber_loss(x, y, delta=0.5)
F.binary_cross_entropy(p, t)
F.binary_cross_entropy(torch.sigmoid(x), t)
F.binary_cross_entropy(p, t, reduction="sum")
F.binary_cross_entropy_with_logits(x, t)
F.binary_cross_entropy_with_logits(x, t, pos_weight=v.abs())
F.kl_div(F.log_softmax(x, 1), F.softmax(y, 1), reduction="batchmean")
F.cosine_similarity(x, y)
F.cosine_similarity(x, y, dim=0)
F.cosine_similarity(x[:, None], y[None], dim=-1)
F.pairwise_distance(x, y)
F.triplet_margin_loss(x, y, p)
F.normalize(x)
F.normalize(x, dim=1)
F.normalize(x, p=1, dim=0)
nn.utils.rnn.pad_sequence([v, c])
nn.utils.rnn.pad_sequence([x, y[:2]], batch_first=True, padding_value=-1.)
nn.utils.rnn.unpad_sequence(x, torch.tensor([3, 1, 4, 5][:4]), batch_first=True)
nn.Transformer.generate_square_subsequent_mask(4)
nn.Transformer.generate_square_subsequent_mask(sz=3)
nn.ParameterDict({"a": v})["a"]
F.dropout3d(img[None], 0.5, training=False)
F.dropout(x, 0.5, False)
F.dropout(x, p=0., training=True)
F.dropout(x, 0.5, training=False)
F.dropout(x, 0.5, training=False, inplace=False)
F.batch_norm(x, None, None, training=True)
F.batch_norm(img, c, c.abs(), c, c)
F.batch_norm(img, None, None, c, c, True, 0.1, 1e-5)
F.layer_norm(x, (5,))
F.layer_norm(x, [5], v, v)
F.layer_norm(x, x.shape[-1:], weight=v, bias=v, eps=1e-6)
F.layer_norm(x, x.shape[1:])
F.group_norm(img, 3)
F.group_norm(q, 2, q[0, :, 0], q[0, :, 1])
F.instance_norm(img)
F.local_response_norm(img, 2)
F.local_response_norm(img, 3, 0.1, 0.5, 2.0)
F.rms_norm(x, (5,))
F.embedding(ids, table)
F.embedding(ids, table, padding_idx=0)
F.embedding_bag(ids, table)
F.embedding_bag(ids.view(-1), table, torch.tensor([0, 2, 2, 5]), mode="sum")
F.embedding_bag(ids, table, mode="max", padding_idx=9)
nn.EmbeddingBag.from_pretrained(table, mode="sum")(labels, torch.tensor([0, 1]))
F.scaled_dot_product_attention(q, q, q)
F.scaled_dot_product_attention(q, q, q, is_causal=True)
F.scaled_dot_product_attention(q, q, q, attn_mask=torch.ones(6, 6).tril().bool())
F.gaussian_nll_loss(x, y, p)
F.margin_ranking_loss(v, v.flip(0), torch.sign(v))
"""

FORMS = [
    line
    for table in (
        MAKING,
        ASKING,
        CONVERTING,
        ARITHMETIC,
        REDUCING,
        SHAPING,
        INDEXING,
        PRODUCTS,
        WINDOWS,
        NETWORKS,
    )
    for line in table.strip().splitlines()
]

# Several statements; what is compared is the `r` that they leave.
SCRIPTS = """
r = x.clone(); r += 1
r = x.clone(); r -= y
r = x.clone(); r *= 2
r = x.clone(); r /= 2
r = x.clone(); r **= 2
r = n.clone(); r //= 2
r = x.clone(); r[0] = 0
r = x.clone(); r[:, 1] = y[:, 1]
r = x.clone(); r[m] = 0.
r = x.clone(); r[x < 0] = -1
r = x.clone(); r[i] += 1
r = x.clone(); r[torch.arange(4), labels] -= 1
r = x.clone(); r[1:3, 2:] = 7
r = x.clone(); r[...] = 1
r = x.clone(); r.add_(1)
r = x.clone(); r.add_(y, alpha=-0.1)
r = x.clone(); r.sub_(y)
r = x.clone(); r.mul_(0.9).add_(y, alpha=0.1)
r = x.clone(); r.div_(2)
r = x.clone(); r.addcmul_(y, y, value=0.1)
r = x.clone(); r.addcdiv_(y, p, value=-0.1)
r = x.clone(); r.lerp_(y, 0.1)
r = x.clone(); r.zero_()
r = x.clone(); r.fill_(3)
r = x.clone(); r.copy_(y)
r = x.clone(); r.copy_(v)
r = x.clone(); r.clamp_(0, 1)
r = x.clone(); r.clamp_(min=0)
r = x.clone(); r.clamp_min_(0.)
r = x.clone(); r.relu_()
r = x.clone(); r.exp_()
r = x.clone(); r.sigmoid_()
r = x.clone(); r.tanh_()
r = p.clone(); r.sqrt_()
r = x.clone(); r.neg_()
r = x.clone(); r.abs_()
r = x.clone(); r.pow_(2)
r = x.clone(); r.masked_fill_(m, 0)
r = x.clone(); r.unsqueeze_(0)
r = x[None].clone(); r.squeeze_(0)
r = x.clone(); r.t_()
r = x.clone(); r.transpose_(0, 1)
r = s.clone(); r.tril_()
r = x.clone(); r.index_add_(0, i, y[:3])
r = x.clone(); F.relu_(r)
r = x.clone(); F.leaky_relu_(r, 0.1)
r = x.clone(); q = F.relu(r, inplace=True); r = r, q
r = x.clone(); q = F.leaky_relu(r, 0.2, inplace=True); r = r, q
r = x.clone(); q = F.elu(r, alpha=0.5, inplace=True); r = r, q
r = x.clone(); q = F.relu6(r, inplace=True); r = r, q
r = x.clone(); q = F.hardtanh(r, -1, 1, inplace=False); r = r, q
r = x.clone(); q = F.dropout(r, 0., True, True); r = r, q
z = x.clone().requires_grad_(); h = z * 2; F.relu(h, inplace=True); h.sum().backward(); r = z.grad
z = x.clone().requires_grad_(); h = z * 2; h.unsqueeze_(0); (h * h).sum().backward(); r = z.grad
r = x.clone(); r.data = y
r = x.clone(); r.data.zero_()
r = x.clone(); r.detach_()
r = x.clone().requires_grad_(); r = r.requires_grad
r = x.clone(); r.requires_grad = True; r = (r * 2).requires_grad
z = x.clone().requires_grad_(True); (z * z).sum().backward(); r = z.grad
z = x.clone().requires_grad_(); z.tanh().backward(torch.ones_like(z)); r = z.grad
z = x.clone().requires_grad_(); z.exp().mean().backward(); z.grad.zero_(); r = z.grad
z = x.clone().requires_grad_(); z.sum().backward(); z.grad = None; r = z.grad
z = w.clone().requires_grad_(); F.linear(x, z).sum().backward(); r = z.grad.norm()
z = x.clone().requires_grad_(); F.cross_entropy(z, labels).backward(); r = z.grad
z = x.clone().requires_grad_(); z.log_softmax(1)[range(4), labels].mean().backward(); r = z.grad
z = x.clone().requires_grad_(); r = torch.autograd.grad((z ** 3).sum(), z)
z = x.clone().requires_grad_(); r = torch.autograd.grad(z.sin(), [z], grad_outputs=y)[0]
z = x.clone().requires_grad_(); torch.autograd.backward([z.sin(), z], [y, y]); r = z.grad
z = x.clone().requires_grad_(); r = torch.autograd.grad(z[0].sum(), [z], materialize_grads=True)
z = s.clone().requires_grad_(); h = z * 2; h.retain_grad(); h.sum().backward(inputs=[h]); r = h.grad
h = x.flip(0); h.add_(1); r = x, h.view(-1)
r = bat[0, :, [0, 2]], bat[1, None, [0, 1]], bat[:, i[:1], 1], bat[-1, ..., torch.tensor([1])]
h = bat.clone(); h[0, :, [0, 2]] = torch.zeros(3, 2); h[1, :, [1]] += 5; r = h
h = x.clone(); h.diagonal().fill_(7); r = h
h = x.clone(); h.index_put_((i, i[:1]), torch.ones(3), accumulate=True); r = h
h = x.clone(); h[0, 1] = math.nan; r = torch.nansum(h), h.nanmean(0), torch.nansum(h, 1, True)
r = torch.isin(n, torch.tensor([1, 2])), torch.isin(n, 3), torch.isin(n, n[0], invert=True)
r = n.diff(), torch.diff(x, 2, 0), m.diff(dim=0), torch.diff(v, append=v[:2])
r = torch.column_stack((c, c)), torch.column_stack([s, c])
z = s.clone().requires_grad_(); g = torch.autograd.grad(z.exp().sum(), z, create_graph=True); r = g
z = x.clone().requires_grad_(); h = z * 2; h.retain_grad(); h.sum().backward(); r = h.grad
z = x.clone().requires_grad_(); z.register_hook(lambda g: g * 2); z.sum().backward(); r = z.grad
z = w.clone().requires_grad_(); F.linear(x, z).sum().backward(); z.data -= z.grad; r = z.detach()
z = w.clone().requires_grad_(); F.linear(x, z).sum().backward(); z.data.add_(z.grad); r = z
z = x.clone().requires_grad_(); f = torch.no_grad()(lambda: z * 2); r = f().requires_grad
z = x.clone().requires_grad_(); r = z.detach().requires_grad, (z + 1).is_leaf, z.is_leaf
r = [x.shape == (4, 5), x.shape == y.shape, x.size() == torch.Size([4, 5]), *x.shape]
values, indices = torch.max(x, 1); r = values, indices
values, indices = x.topk(2, 1, True, True); r = values, indices
r = {'a': x}['a']; d = {x: 1}; r = d[x]
torch.set_default_dtype(torch.float64); r = torch.zeros(2); torch.set_default_dtype(torch.float32)
import copy; r = copy.deepcopy(x)
r = x / 0; r.nan_to_num_(0.0, 1.0, -1.0)
on = torch.autograd.set_detect_anomaly; on(True); r = torch.is_anomaly_enabled(); on(False)
""".strip().splitlines()

# Random draws differ in value; shape, dtype and requires_grad agree.
DRAWS = """
torch.rand(2, 3)
torch.rand((2, 3))
torch.rand(2, 3, requires_grad=True)
torch.randn(2, 3)
torch.randn(2, 3, requires_grad=True)
torch.randn((2, 3), dtype=torch.float64)
torch.randn(2, 3, device="cpu")
torch.randn(784, 10) / math.sqrt(784)
torch.randn(2, 3, generator=torch.Generator().manual_seed(0))
torch.rand_like(x)
torch.randn_like(x)
torch.randint(10, (3,))
torch.randint(0, 10, (2, 3))
torch.randint(low=0, high=5, size=(4,))
torch.randint_like(n, 5)
torch.randperm(5)
torch.normal(0., 1., (2, 3))
torch.normal(mean=0., std=1., size=(2, 3))
torch.normal(x, p)
torch.bernoulli(p)
p.bernoulli()
p.multinomial(2)
torch.multinomial(p, 1)
torch.multinomial(p, num_samples=3, replacement=True)
torch.multinomial(p[0], 2, generator=torch.Generator().manual_seed(1))
x.clone().uniform_(-1, 1)
x.clone().normal_(0, 1)
x.clone().normal_(mean=0, std=0.01)
x.clone().bernoulli_(0.5)
torch.empty(3, 4).uniform_(-0.5, 0.5)
torch.zeros(3).normal_()
F.dropout(x, 0.5)
F.dropout(x, p=0.2, training=True)
F.dropout2d(img, 0.5)
F.dropout3d(img[None], 0.5)
F.gumbel_softmax(x, tau=0.5)
F.gumbel_softmax(x, 1.0, hard=True, dim=0)
torch.dropout(x, 0.5, True)
""".strip().splitlines()


def names(library: Any, functional: Any) -> dict[str, Any]:
    wrap: Callable = library.from_numpy
    held = {name: wrap(value.copy()) for name, value in numbers().items()}
    return {**held, "torch": library, "nn": library.nn, "F": functional, "np": np, "math": math}


OURS = (minitorch, F)
THEIRS = (torch, torch.nn.functional)


def plain(value: Any) -> Any:
    """What two libraries can be compared by."""
    if isinstance(value, (minitorch.Tensor, torch.Tensor)):
        dtype = str(value.dtype).removeprefix("torch.")
        return dtype, tuple(value.shape), value.requires_grad, value.detach().numpy()
    if isinstance(value, np.ndarray):
        return str(value.dtype), value.shape, value
    if isinstance(value, (tuple, list)):
        return [plain(part) for part in value]
    return value


def same(ours: Any, theirs: Any, values: bool = True) -> None:
    if isinstance(theirs, np.ndarray):
        if values:
            np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-6)
    elif isinstance(theirs, (tuple, list)):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            same(one, other, values)
    else:
        assert type(ours) is type(theirs), f"{ours!r} is no {type(theirs).__name__}"
        assert ours == (pytest.approx(theirs, rel=2e-5) if type(theirs) is float else theirs)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="torch")
        yield


@pytest.mark.parametrize("form", FORMS)
def test_an_expression_means_the_same(form: str):
    theirs = eval(form, names(*THEIRS))
    same(plain(eval(form, names(*OURS))), plain(theirs))


@pytest.mark.parametrize("script", SCRIPTS)
def test_statements_do_the_same(script: str):
    left = []
    for library in (OURS, THEIRS):
        scope = names(*library)
        exec(script, scope)
        left.append(plain(scope["r"]))
    same(*left)


@pytest.mark.parametrize("form", DRAWS)
def test_a_draw_has_the_same_shape_and_dtype(form: str):
    theirs = eval(form, names(*THEIRS))
    same(plain(eval(form, names(*OURS))), plain(theirs), values=False)


# signatures -------------------------------------------------------------------------------------

# What torch takes and minitorch does not: kinds of memory, old names of `reduction`, and inner
# workings; `inplace` is taken by keyword only.
LEFT_OUT = {
    *("out", "layout", "memory_format", "pin_memory", "names", "out_dtype"),
    *("size_average", "reduce", "_stacklevel", "inplace", "non_blocking"),
}

# Arguments that stand where torch has them, under another name: those of swapaxes, scatter_,
# index_copy, masked_scatter, set_default_dtype.
RENAMED = {
    *(("axis0", "dim0"), ("axis1", "dim1"), ("value", "src"), ("d", "dtype")),
    *(("tensor", "source"), ("tensor2", "source")),
    *(("f", "path"), ("map_location", "device")),  # files are named by their path
}

# Functions whose order cannot be compared: several call forms in one, each tested above; or, as
# for atanh_, documented with an argument that torch does not take.
SEVERAL_FORMS = {
    *(
        "arctanh_",
        "atanh_",
        "max",
        "min",
        "einsum",
        "tensor",
        "unique",
        "to",
        "type",
        "where",
        "normal",
        "view",
    ),
    *("atleast_1d", "atleast_2d", "atleast_3d", "uniform_", "put", "repeat_interleave"),
    *("randint_like", "new_empty", "new_full", "new_ones", "new_tensor", "new_zeros"),
    *(
        "adaptive_max_pool1d",
        "adaptive_max_pool2d",
        "max_pool1d",
        "max_pool2d",
        "max_pool3d",
        "tensor_split",
    ),
}

# Options of torch's that are missing here, by function; a change in either library shows.
MISSING = {
    "embedding": ["max_norm", "norm_type", "scale_grad_by_freq", "sparse"],
    "embedding_bag": ["max_norm", "norm_type", "scale_grad_by_freq", "sparse"],
    "huber_loss": ["weight"],
    "l1_loss": ["weight"],
    "load": ["pickle_module", "weights_only", "mmap"],  # nothing is ever unpickled
    "log_softmax": ["dtype"],
    "mse_loss": ["weight"],
    "norm": ["dtype"],
    "save": [
        *("pickle_module", "pickle_protocol", "_use_new_zipfile_serialization"),
        "_disable_byteorder_record",
    ],
    "softmax": ["dtype"],
    "softmin": ["dtype"],
}


def signatures(function: Any, name: str) -> list[list[str]]:
    """The positional arguments of a function of torch's, as far as it says them, for each form."""
    try:
        parameters = inspect.signature(function).parameters.values()
        return [[p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]]
    except (TypeError, ValueError):
        pass
    found = []
    pattern = rf"(?:^|:: )\s*(?:Tensor\.|torch\.)?{re.escape(name)}\((.*?)\)\s*(?:->|$)"
    for given in re.findall(pattern, function.__doc__ or "", re.MULTILINE):
        names = []
        for part in re.sub(r"\[.*?\]|\(.*?\)", "", given).split(","):
            argument = part.split("=")[0].split(":")[0].split()[-1:]
            if not argument or argument[0].startswith(("*", "\\*")):
                break  # what follows is given by keyword
            names.append(argument[0])
        found.append([n for n in names if n != "/"])
    return found


def shared() -> Iterator[tuple[str, Any, Any, bool]]:
    for ours, theirs, is_method in [
        (minitorch, torch, False),
        (F, torch.nn.functional, False),
        (minitorch.Tensor, torch.Tensor, True),
    ]:
        for name in getattr(ours, "__all__", dir(ours)):
            one, other = getattr(ours, name), getattr(theirs, name, None)
            plain = callable(one) and not inspect.isclass(one) and not inspect.ismodule(one)
            asked = not name.startswith("_") and name not in SEVERAL_FORMS
            if plain and asked and other is not None:
                yield f"{ours.__name__}.{name}", one, other, is_method


SHARED = {name: rest for name, *rest in shared()}


@pytest.mark.parametrize("name", SHARED)
def test_arguments_stand_in_torchs_order(name: str):
    ours, theirs, is_method = SHARED[name]
    short = name.rpartition(".")[2]
    mine = list(inspect.signature(ours).parameters)[is_method:]
    for names in signatures(theirs, short):
        taken = [n for n in names if n not in LEFT_OUT and n != "self"]
        taken = [n for n in taken if n not in MISSING.get(short, ())]
        assert len(taken) <= len(mine) or any(n.startswith("*") for n in mine), (taken, mine)
        for place, (torchs, own) in enumerate(zip(taken, mine)):
            operand = place + is_method < 2  # an input: by position, or as input= and other=
            assert operand or own == torchs or (torchs, own) in RENAMED, (taken, mine)
