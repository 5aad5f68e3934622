"""Shape, joining and arranging: what a row of the op table cannot say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitorch
from minitorch import Tensor

F32 = np.float32


def arange(*shape: int) -> Tensor:
    return Tensor(np.arange(np.prod(shape), dtype=F32).reshape(shape))


def leaf(*shape: int) -> Tensor:
    return arange(*shape).requires_grad_()


# views and copies -------------------------------------------------------------------------------

VIEWS = {
    "reshape": lambda x: x.reshape(3, 2),
    "view": lambda x: x.view(-1),
    "flatten": lambda x: x.flatten(),
    "squeeze": lambda x: x.squeeze(),
    "unsqueeze": lambda x: x.unsqueeze(1),
    "permute": lambda x: x.permute(1, 0),
    "transpose": lambda x: x.transpose(0, 1),
    "T": lambda x: x.T,
    "mT": lambda x: x.mT,
    "movedim": lambda x: x.movedim(0, 1),
    "narrow": lambda x: x.narrow(1, 1, 2),
    "diagonal": lambda x: x.diagonal(),
    "unbind": lambda x: x.unbind()[1],
    "split": lambda x: x.split(1)[0],
    "chunk": lambda x: x.chunk(2, 1)[1],
    "tensor_split": lambda x: x.tensor_split(2)[0],
    "expand": lambda x: x.expand(4, 2, 3),
    "broadcast_to": lambda x: x.broadcast_to(4, 2, 3),
}
COPIES = {
    "clone": lambda x: x.clone(),
    "flip": lambda x: x.flip(0, 1),
    "flip along nothing": lambda x: x.flip(()),
    "fliplr": lambda x: x.fliplr(),
    "rot90 twice": lambda x: x.rot90(2),
    "diag of a matrix": lambda x: minitorch.diag(x),
    "repeat": lambda x: x.repeat(2, 1),
    "repeat once": lambda x: x.repeat(1, 1),
    "tile once": lambda x: x.tile((1, 1)),
    "repeat_interleave once": lambda x: x.repeat_interleave(1, 0),
    "roll": lambda x: x.roll(1),
    "pad": lambda x: minitorch.nn.functional.pad(x, (-1, 0)),
    "tril": lambda x: x.tril(),
    "cat": lambda x: minitorch.cat([x]),
    "rot90": lambda x: x.rot90(4),
    "contiguous": lambda x: x.T.contiguous(),
}


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_shares_memory(name):
    x = arange(2, 3)
    assert np.shares_memory(VIEWS[name](x).numpy(), x.numpy())


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_does_not_share_memory(name):
    x = arange(2, 3)
    y = COPIES[name](x)
    y.add_(100)
    assert x.tolist() == arange(2, 3).tolist()
    assert not np.shares_memory(y.numpy(), x.numpy())


def test_a_write_into_a_view_is_seen_in_the_base():
    x = arange(2, 3)
    x.T.mul_(10)
    assert x.tolist() == [[0, 10, 20], [30, 40, 50]]


def test_a_write_into_a_diagonal_is_seen_in_the_matrix():
    x = minitorch.zeros(3, 3)
    x.diagonal().fill_(1)
    x.diagonal(1).add_(Tensor([5, 7]))
    assert x.tolist() == [[1, 5, 0], [0, 1, 7], [0, 0, 1]]
    with pytest.raises(ValueError, match=r"fill_: this tensor is expanded"):
        Tensor([1.0]).expand(2, 2).diagonal().fill_(3)


def test_an_expanded_tensor_cannot_be_written_into():
    x = Tensor([[1.0], [2.0]])
    with pytest.raises(ValueError, match=r"mul_: this tensor is expanded.*x\.clone\(\)"):
        x.expand(2, 3).mul_(2)
    assert x.tolist() == [[1], [2]]


def test_contiguous_is_the_tensor_itself_where_it_can_be():
    x = leaf(2, 3)
    assert x.contiguous() is x
    y = x.T.contiguous()
    assert y.is_contiguous()
    (y * arange(3, 2)).sum().backward()
    assert x.grad.tolist() == arange(3, 2).T.tolist()


def test_view_refuses_to_copy():
    x = arange(2, 3).T
    with pytest.raises(RuntimeError, match=r"view: \(3, 2\) to \(6,\) would have to copy.*reshape"):
        x.view(6)
    with pytest.raises(ValueError, match="would have to copy"):
        x.view(2, 3)
    assert x.reshape(6).tolist() == [0, 3, 1, 4, 2, 5]
    assert x.view(3, 2, 1).shape == (3, 2, 1)
    assert arange(0, 3).T.view(0).shape == (0,)


def test_view_does_not_reinterpret_bits():
    with pytest.raises(TypeError, match=r"view: expected sizes.*x\.to\("):
        arange(4).view(minitorch.int32)


def test_nothing_is_saved_for_a_change_of_shape():
    x = leaf(2, 3)
    for y in [x.reshape(6), x.T, x.permute(1, 0), x.unsqueeze(0), x.flip(0), x.clone()]:
        assert "x" not in y.node.plan.names
        assert "y" not in y.node.plan.names
    assert minitorch.cat([x, x]).node.plan.names == ("xs_shape", "dim")


# torch's ways of calling ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("y", "shape"),
    [
        (lambda x: x.reshape(3, -1), (3, 8)),
        (lambda x: x.reshape((3, 8)), (3, 8)),
        (lambda x: x.reshape([3, 8]), (3, 8)),
        (lambda x: x.reshape(x.shape[0], -1), (2, 12)),
        (lambda x: minitorch.reshape(x, shape=(3, 8)), (3, 8)),
        (lambda x: minitorch.reshape(input=x, shape=(3, 8)), (3, 8)),
        (lambda x: x.view([4, 6]), (4, 6)),
        (lambda x: x.permute((2, 0, 1)), (4, 2, 3)),
        (lambda x: x.permute(-1, 0, 1), (4, 2, 3)),
        (lambda x: minitorch.permute(x, dims=(2, 0, 1)), (4, 2, 3)),
        (lambda x: x.transpose(dim0=0, dim1=2), (4, 3, 2)),
        (lambda x: x.swapaxes(0, 1), (3, 2, 4)),
        (lambda x: x.swapdims(0, 1), (3, 2, 4)),
        (lambda x: x.moveaxis(0, 2), (3, 4, 2)),
        (lambda x: x.movedim((0, 1), (1, 2)), (4, 2, 3)),
        (lambda x: x.mT, (2, 4, 3)),
        (lambda x: x.flatten(1), (2, 12)),
        (lambda x: x.flatten(start_dim=0, end_dim=1), (6, 4)),
        (lambda x: x.unflatten(-1, (2, 2)), (2, 3, 2, 2)),
        (lambda x: x.unsqueeze(dim=1), (2, 1, 3, 4)),
        (lambda x: x.unsqueeze(axis=-1), (2, 3, 4, 1)),
        (lambda x: x[None].squeeze(axis=0), (2, 3, 4)),
        (lambda x: x[None, ..., None].squeeze((0, -1)), (2, 3, 4)),
        (lambda x: x.expand(5, -1, -1, -1), (5, 2, 3, 4)),
        (lambda x: x.repeat(2, 1, 1), (4, 3, 4)),
        (lambda x: x.repeat((1, 2, 3, 4)), (1, 4, 9, 16)),
        (lambda x: x.tile(2), (2, 3, 8)),
        (lambda x: x.repeat_interleave(2, dim=1), (2, 6, 4)),
        (lambda x: x.repeat_interleave(Tensor([0, 3]), 0), (3, 3, 4)),
        (lambda x: minitorch.cat((x, x), 1), (2, 6, 4)),
        (lambda x: minitorch.cat([x, x], axis=-1), (2, 3, 8)),
        (lambda x: minitorch.stack([x, x, x], dim=1), (2, 3, 3, 4)),
        (lambda x: minitorch.flip(x, [0]), (2, 3, 4)),
        (lambda x: x.flip(dims=(0, 1)), (2, 3, 4)),
        (lambda x: x.roll(shifts=1, dims=0), (2, 3, 4)),
        (lambda x: x.narrow(dim=1, start=1, length=2), (2, 2, 4)),
        (lambda x: x.sum_to_size(3, 1), (3, 1)),
        (lambda x: minitorch.nn.functional.pad(x, (1, 1), "constant", 0), (2, 3, 6)),
        (lambda x: minitorch.nn.functional.pad(input=x, pad=(1, 1), mode="reflect"), (2, 3, 6)),
    ],
)
def test_the_argument_forms_of_torch(y, shape):
    assert y(arange(2, 3, 4)).shape == shape


def test_iterating_is_one_node():
    x = leaf(3, 2)
    a, b, c = x
    assert a.grad_fn is b.grad_fn is c.grad_fn
    (a * 1 + c * 3).sum().backward()
    assert x.grad.tolist() == [[1, 1], [0, 0], [3, 3]]
    assert list(leaf(0, 2)) == list(leaf(0, 2).unbind()) == []
    with pytest.raises(TypeError, match="0-d"):
        list(Tensor(1.0))


def test_hstack_and_its_kin_take_lists():
    x = arange(2)
    assert minitorch.hstack([x, x]).tolist() == [0, 1, 0, 1]
    assert minitorch.vstack((x, x)).tolist() == [[0, 1], [0, 1]]
    assert minitorch.dstack([x, x]).tolist() == [[[0, 0], [1, 1]]]


def test_meshgrid_takes_lists_and_numbers():
    a, b = minitorch.meshgrid([arange(2), Tensor(7.0)])
    assert a.tolist() == [[0], [1]]
    assert b.tolist() == [[7], [7]]


# joining ------------------------------------------------------------------------------------------


def test_cat_of_dtypes_is_the_wider_floating_one():
    whole, half = Tensor([1, 2]), Tensor([0.5])
    assert minitorch.cat([whole, half]).dtype == minitorch.float32
    assert minitorch.cat([whole, Tensor([True])]).tolist() == [1, 2, 1]


def test_cat_gives_each_leaf_its_own_gradient():
    a, b = leaf(2), leaf(3)
    minitorch.cat([a, b, a]).backward(Tensor([1.0, 2, 3, 4, 5, 6, 7]))
    assert a.grad.tolist() == [7, 9]
    assert b.grad.tolist() == [3, 4, 5]
    a.grad.mul_(0)
    assert b.grad.tolist() == [3, 4, 5]


def test_parts_that_are_not_used_have_gradient_zero():
    x = leaf(5)
    parts = x.split([1, 3, 1])
    (parts[1] * 2).sum().backward()
    assert x.grad.tolist() == [0, 2, 2, 2, 0]


def test_split_of_nothing():
    assert [p.shape for p in arange(0, 2).split(3)] == [(0, 2)]
    assert [p.shape for p in arange(0, 2).chunk(3)] == [(0, 2)] * 3
    assert arange(0, 2).unbind() == ()


@given(st.lists(st.integers(0, 3), min_size=1, max_size=4), st.integers(1, 3), st.integers(0, 1))
def test_cat_undoes_split(sizes, n, dim):
    shape = (sum(sizes), n) if dim == 0 else (n, sum(sizes))
    x = arange(*shape)
    parts = x.split(sizes, dim)
    assert [p.shape[dim] for p in parts] == sizes
    np.testing.assert_array_equal(minitorch.cat(parts, dim).numpy(), x.numpy())


@given(st.data())
def test_each_map_and_its_gradient_are_adjoint(data):
    """<A x, y> = <x, A' y>, with A' the gradient, for maps that only move numbers."""
    shape = data.draw(st.lists(st.integers(1, 3), min_size=2, max_size=3).map(tuple))
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    other = data.draw(st.integers(0, len(shape) - 1).filter(lambda d: d != dim % len(shape)))
    a, b = data.draw(st.integers(-1, 3)), data.draw(st.integers(0, 3))
    maps = [
        lambda x: x.transpose(dim, other),
        lambda x: x.movedim(dim, other),
        lambda x: x.flip(dim),
        lambda x: x.roll(a, dim),
        lambda x: minitorch.nn.functional.pad(x, (a, b)),
        lambda x: minitorch.nn.functional.pad(x, (b, 0, 1, a)),
        lambda x: minitorch.nn.functional.pad(x, (min(b, shape[-1] - 1), 0), "reflect"),
        lambda x: minitorch.nn.functional.pad(x, (b, abs(a)), "replicate"),
        lambda x: minitorch.nn.functional.pad(x, (min(b, shape[-1]), 0), "circular"),
        lambda x: x.tril(a),
        lambda x: x.diagonal(a, dim, other),
        lambda x: x.diag_embed(a, 0, -1),
        lambda x: x.repeat_interleave(b, dim),
        lambda x: x.repeat(*(1 + (i == other) for i in range(len(shape)))),
        lambda x: minitorch.cat([x, x * 2], dim),
        lambda x: minitorch.stack([x, x * 2], dim),
        lambda x: x.unsqueeze(dim).expand(*(-1,) * (len(shape) + 1)),
        lambda x: x.rot90(a, (dim, other)),
        lambda x: x.cumsum(dim),
        lambda x: x.sum(dim),
        lambda x: x.mean(dim, keepdim=True),
    ]
    apply = data.draw(st.sampled_from(maps))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    x = Tensor(rng.standard_normal(shape), requires_grad=True)
    image = apply(x)
    y = Tensor(rng.standard_normal(image.shape))
    image.backward(y)
    left, right = (image.detach() * y).sum().item(), (x.detach() * x.grad).sum().item()
    assert left == pytest.approx(right, abs=1e-12)


# nothing, and numbers of other kinds --------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.reshape(3, 0, 2),
        lambda x: x.permute(1, 0),
        lambda x: x.expand(2, 0, 3),
        lambda x: x.flip(0),
        lambda x: x.roll(1, 0),
        lambda x: x.narrow(1, 1, 2),
        lambda x: minitorch.cat([x, x]),
        lambda x: minitorch.stack([x, x]),
        lambda x: x.repeat(2, 0),
        lambda x: x.ravel(),
        lambda x: x.diagonal(),
        lambda x: x.diag_embed(),
        lambda x: x.tril(),
        lambda x: minitorch.nn.functional.pad(x, (1, 1)),
        lambda x: x.repeat_interleave(2, 1),
    ],
)
def test_tensors_without_elements(change):
    x = leaf(0, 3)
    change(x).sum().backward()
    assert x.grad.shape == (0, 3)


def test_padding_makes_something_of_nothing():
    x = leaf(0, 2)
    y = minitorch.nn.functional.pad(x, (0, 0, 1, 1), value=5.0)
    assert y.tolist() == [[5, 5], [5, 5]]
    y.sum().backward()
    assert x.grad.shape == (0, 2)


@pytest.mark.parametrize("dtype", ["int64", "int32", "bool", "uint8", "float64", "float16"])
def test_the_dtype_stays(dtype):
    x = arange(2, 3).to(dtype)
    for change in [
        *VIEWS.values(),
        *COPIES.values(),
        lambda x: x.sum_to(2, 3),
        lambda x: x.rot90(),
        lambda x: x.repeat_interleave(2),
        lambda x: minitorch.stack([x, x]),
        lambda x: x.diag_embed(),
    ]:
        assert str(change(x).dtype) == dtype


# errors -------------------------------------------------------------------------------------------

ERRORS = [
    (
        lambda x: x.reshape(4, 2),
        ValueError,
        r"reshape: \(2, 3\) has 2 \* 3 = 6 elements, \(4, 2\) has 4 \* 2 = 8",
    ),
    (lambda x: x.reshape(4, 2), RuntimeError, "reshape"),
    (lambda x: x.reshape(-1, -1), ValueError, r"reshape: only one size can be -1, got \(-1, -1\)"),
    (lambda x: x.reshape(-1, 4), ValueError, r"reshape: .*6 elements, which 4 .* does not divide"),
    (lambda x: x[:0].reshape(-1, 0), ValueError, r"reshape: the -1 in \(-1, 0\) could be any size"),
    (lambda x: x.reshape(-2, 3), ValueError, r"reshape: sizes must not be negative"),
    (lambda x: x.flatten(1, 0), ValueError, "flatten: start_dim 1 comes after end_dim 0"),
    (
        lambda x: x.flatten(2),
        IndexError,
        "flatten: dim 2 is out of range for 2 axes; expected -2 to 1",
    ),
    (lambda x: x.unflatten(1, (2, 2)), ValueError, r"unflatten: axis 1 has size 3, which \(2, 2\)"),
    (lambda x: x.unflatten(1, (-1, 2)), ValueError, "unflatten: axis 1 has size 3"),
    (lambda x: x.unflatten(1, (-1, -1)), ValueError, "unflatten: axis 1 has size 3"),
    (lambda x: x.squeeze(2), IndexError, "squeeze: dim 2 is out of range for 2 axes"),
    (lambda x: x.squeeze((0, -2)), ValueError, r"squeeze: dims \(0, -2\) name one of 2 axes twice"),
    (
        lambda x: x.unsqueeze(3),
        IndexError,
        "unsqueeze: dim 3 is out of range for 3 axes; expected -3",
    ),
    (lambda x: x.permute(0), ValueError, r"permute: dims \(0,\) must name each of the 2 axes once"),
    (lambda x: x.permute(0, 0), ValueError, r"permute: repeated axis .*dims=\(0, 0\)"),
    (lambda x: x.permute(0, 2), IndexError, "permute: dim 2 is out of range"),
    (lambda x: x.transpose(0, 2), IndexError, "transpose: dim 2 is out of range"),
    (lambda x: x.transpose(0), TypeError, "transpose: missing argument 'dim1'"),
    (lambda x: x[None].T, ValueError, r"T: expected a matrix, got shape \(1, 2, 3\).*x\.mT"),
    (lambda x: x[None].t(), ValueError, r"t: expected a matrix, got shape \(1, 2, 3\).*x\.mT"),
    (lambda x: x[0].mT, ValueError, r"mT: expected at least 2 axes, got shape \(3,\)"),
    (lambda x: x.movedim((0, 1), 0), ValueError, "movedim: source .* equally long"),
    (lambda x: x.movedim(5, 0), IndexError, "movedim: dim 5"),
    (
        lambda x: x.expand(4, 3),
        ValueError,
        r"expand: shape \(2, 3\) cannot be expanded to \(4, 3\)",
    ),
    (lambda x: x.expand(3), ValueError, r"expand: shape \(2, 3\) cannot"),
    (
        lambda x: x.expand(-1, 2, 3),
        ValueError,
        r"expand: shape \(2, 3\) cannot be expanded to \(-1",
    ),
    (lambda x: x.broadcast_to(3, 3), ValueError, r"broadcast_to: .*\(2, ?3\).*\(3, ?3\)"),
    (lambda x: x.sum_to(4, 3), ValueError, r"sum_to: shape \(2, 3\) .*\(4, 3\)"),
    (
        lambda x: minitorch.broadcast_tensors(x, x.T),
        ValueError,
        "broadcast_tensors: shapes .* do not",
    ),
    (
        lambda x: minitorch.broadcast_shapes(x.shape, (4,)),
        ValueError,
        "broadcast_shapes: shapes .* do not",
    ),
    (lambda x: minitorch.cat([]), ValueError, "cat: expected at least one tensor, got none"),
    (lambda x: minitorch.cat([x], 0, 0), TypeError, "cat: .* only dim can be given by position"),
    (lambda x: minitorch.stack([]), ValueError, "stack: expected at least one tensor, got none"),
    (
        lambda x: minitorch.cat([x, x, x.T]),
        ValueError,
        r"cat: .* dim 0 only; xs\[0\] has shape \(2, 3\), xs\[2\] has shape \(3, 2\)",
    ),
    (lambda x: minitorch.cat([x, x[0]]), ValueError, r"cat: .*xs\[1\] has shape \(3,\)"),
    (lambda x: minitorch.cat([x[0, 0], x[0, 0]]), ValueError, r"cat: xs\[0\] is one number.*stack"),
    (lambda x: minitorch.cat([x, x], 2), IndexError, "cat: dim 2 is out of range"),
    (lambda x: minitorch.cat([x, None]), TypeError, r"cat: 'xs\[1\]'"),
    (
        lambda x: minitorch.stack([x, x.T]),
        ValueError,
        r"stack: .*xs\[0\] has shape \(2, 3\), xs\[1\] has shape \(3, 2\)",
    ),
    (
        lambda x: x.split([1, 3]),
        ValueError,
        r"split: sizes \[1, 3\] add up to 4, and dim 0 of shape \(2, 3\)",
    ),
    (lambda x: x.split([-1, 3]), ValueError, "split: sizes"),
    (lambda x: x.split(0), ValueError, "split: expected a positive size, got 0"),
    (lambda x: x.chunk(0), ValueError, "chunk: expected a positive number"),
    (lambda x: x.tensor_split(0), ValueError, "tensor_split: expected a positive number"),
    (lambda x: x.tensor_split([2, 1]), ValueError, "tensor_split: indices must not decrease"),
    (lambda x: x.split(1, 2), IndexError, "split: dim 2"),
    (lambda x: x[0, 0].unbind(), IndexError, "unbind: x is one number"),
    (lambda x: x.repeat(2), ValueError, r"repeat: .* each axis of shape \(2, 3\), got \(2,\)"),
    (lambda x: x.repeat(2, -1), ValueError, "repeat: "),
    (lambda x: x.repeat_interleave([1], 5), IndexError, "repeat_interleave: dim 5"),
    (
        lambda x: x.repeat_interleave([1, 2, 3], 0),
        ValueError,
        "repeat_interleave: 3 repeats for dim 0",
    ),
    (lambda x: x.flip(0, 0), ValueError, "flip: dims .* twice"),
    (lambda x: x.flip(2), IndexError, "flip: dim 2"),
    (lambda x: x.roll(1, 2), IndexError, "roll: dim 2"),
    (lambda x: x.narrow(1, 2, 2), IndexError, r"narrow: 2 elements from 2 on do not lie in dim 1"),
    (lambda x: x.narrow(1, 0, -1), IndexError, "narrow: "),
    (
        lambda x: minitorch.nn.functional.pad(x, (1,)),
        ValueError,
        r"pad: expected \(before, behind\)",
    ),
    (
        lambda x: minitorch.nn.functional.pad(x, (1,) * 6),
        ValueError,
        "pad: expected .* up to 2 axes",
    ),
    (
        lambda x: minitorch.nn.functional.pad(x, (-2, -2)),
        ValueError,
        "pad: widths -2, -2 cut more than size 3",
    ),
    (
        lambda x: minitorch.nn.functional.pad(x, (3, 0), "reflect"),
        ValueError,
        r"pad: cannot pad dim 1 .*\(3, 0\).*0 to 2",
    ),
    (
        lambda x: minitorch.nn.functional.pad(x, (4, 0), "circular"),
        ValueError,
        r"pad: cannot pad .*0 to 3",
    ),
    (
        lambda x: minitorch.nn.functional.pad(x, (-1, 0), "replicate"),
        ValueError,
        "pad: cannot pad .*0 to any",
    ),
    (
        lambda x: minitorch.nn.functional.pad(x, (1, 0), "mirror"),
        ValueError,
        "pad: mode must be one of 'constant', 'reflect'",
    ),
    (
        lambda x: minitorch.nn.functional.pad(x, (1, 0), "reflect", 3),
        ValueError,
        "pad: value=3 is for mode='constant'",
    ),
    (lambda x: x[0].tril(), ValueError, r"tril: expected a matrix or several, got shape \(3,\)"),
    (lambda x: x[0].triu(), ValueError, "triu: expected a matrix"),
    (
        lambda x: x.diagonal(0, 1, 1),
        ValueError,
        r"diagonal: dims \(1, 1\) name one of 2 axes twice",
    ),
    (lambda x: x.diag_embed(0, 0, 0), ValueError, "diag_embed: dims"),
    (lambda x: x[None].diag(), ValueError, r"diag: expected a vector or a matrix.*diag_embed"),
    (lambda x: minitorch.meshgrid(x), ValueError, r"meshgrid: expected vectors, tensors\[0\]"),
    (
        lambda x: minitorch.meshgrid(x[0], indexing="yx"),
        ValueError,
        "meshgrid: indexing must be 'ij'",
    ),
]


@pytest.mark.parametrize(("wrong", "error", "says"), ERRORS)
def test_a_wrong_call_says_what_is_wrong(wrong, error, says):
    with pytest.raises(error, match=says):
        wrong(arange(2, 3))


def test_in_place_on_a_view_on_the_tape_is_an_error():
    x = leaf(2, 3) * 1
    with pytest.raises(RuntimeError, match="view of another"):
        x.T.mul_(2)
    padded = minitorch.nn.functional.pad(x, (-1, 0))
    padded.mul_(2)  # not a view, although it looks like one
    assert padded.tolist() == [[2, 4], [8, 10]]
