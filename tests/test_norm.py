"""The norms, dropout and attention: statistics, corners, and what they refuse."""

import math

import numpy as np
import pytest

import minitorch as mt
from minitorch.tensor import ShapeError
from tests.helpers import tensor

inf, nan = math.inf, math.nan


def normal(*shape, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def running(C):
    return mt.zeros(C), mt.ones(C)


# batch norm -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(64, 3), (8, 3, 5), (8, 3, 4, 4)])
def test_each_channel_has_mean_0_and_variance_1(shape):
    y = mt.batch_norm(tensor(normal(*shape) * 4 + 7), None, None, training=True).detach().numpy()
    axes = (0, *range(2, len(shape)))
    np.testing.assert_allclose(y.mean(axis=axes), 0, atol=1e-5)
    np.testing.assert_allclose(y.var(axis=axes), 1, rtol=1e-4)


def test_running_statistics_move_by_momentum():
    x = normal(6, 2, 3) * 3 + 5
    mean, var = mt.tensor([1.0, 2.0]), mt.tensor([3.0, 4.0])
    mt.batch_norm(mt.tensor(x), mean, var, training=True, momentum=0.25)
    np.testing.assert_allclose(
        mean.numpy(), 0.75 * np.array([1, 2]) + 0.25 * x.mean((0, 2)), rtol=1e-5
    )
    np.testing.assert_allclose(
        var.numpy(), 0.75 * np.array([3, 4]) + 0.25 * x.var((0, 2), ddof=1), rtol=1e-5
    )


def test_default_momentum_is_a_tenth():
    mean, var = running(1)
    mt.batch_norm(mt.tensor([[1.0], [3.0]]), mean, var, training=True)
    assert mean.item() == pytest.approx(0.2)
    assert var.item() == pytest.approx(0.9 + 0.2)


def test_running_statistics_in_eval():
    x, mean, var = tensor(normal(4, 2)), mt.tensor([1.0, 2.0]), mt.tensor([4.0, 9.0])
    y = mt.batch_norm(x, mean, var)
    np.testing.assert_allclose(
        y.detach().numpy(), (x.detach().numpy() - [1, 2]) / [2, 3], rtol=1e-4, atol=1e-6
    )
    alone = mt.batch_norm(x[:1], mean, var)
    np.testing.assert_array_equal(alone.tolist(), y[:1].tolist())
    assert (mean.tolist(), var.tolist()) == ([1, 2], [4, 9])


def test_running_statistics_have_no_gradient_and_may_move_on():
    x, w = tensor(normal(4, 2)), tensor([1.0, 2.0])
    mean, var = running(2)
    y = mt.batch_norm(x, mean, var, w, training=True)
    z = mt.batch_norm(y, mean, var, w, training=True)  # the same layer twice
    z.sum().backward()
    assert (mean.grad, var.grad) == (None, None)
    x.grad = None
    y = mt.batch_norm(x, mean, var)
    want = 1 / np.sqrt(var.numpy() + 1e-5)
    mt.batch_norm(x, mean, var, training=True)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.tile(want, (4, 1)), rtol=1e-6)


@pytest.mark.parametrize("value", [nan, inf])
def test_a_batch_that_is_not_finite_leaves_the_running_statistics(value):
    x = normal(4, 2)
    x[1, 0] = value
    mean, var = running(2)
    mt.batch_norm(mt.tensor(x), mean, var, training=True)
    assert (mean.tolist(), var.tolist()) == ([0, 0], [1, 1])


def test_constant_channel():
    x = tensor([[2.0, 1.0], [2.0, 3.0], [2.0, 5.0]])
    y = mt.batch_norm(x, None, None, training=True)
    y.sum().backward()
    assert y[:, 0].tolist() == [0, 0, 0]
    assert x.grad[:, 0].tolist() == [0, 0, 0]


def test_far_from_zero_in_float32():
    x = normal(512, 4) + 1000
    got = mt.batch_norm(mt.tensor(x), None, None, training=True).numpy()
    wide = x.astype(np.float64)
    np.testing.assert_allclose(got, (wide - wide.mean(0)) / wide.std(0), atol=2e-3)
    np.testing.assert_allclose(mt.layer_norm(mt.tensor(x.T.copy()), 512).numpy().T, got, atol=2e-3)


@pytest.mark.parametrize(
    ("shape", "options", "error", "text"),
    [
        ((1, 3), {"training": True}, ValueError, r"one value per channel in .* input \(1, 3\)"),
        ((1, 3, 1, 1), {"training": True}, ValueError, r"one value per .* input \(1, 3, 1, 1\)"),
        ((0, 3), {"training": True}, ValueError, r"an empty batch in training, input \(0, 3\)"),
        ((4, 3), {"eps": 0}, ValueError, "eps 0, expected more than 0"),
        (
            (4, 2),
            {},
            ShapeError,
            r"input \(4, 2\) has 2 channels on axis 1, running_mean has shape",
        ),
        ((4,), {}, ShapeError, r"input \(4,\), expected \(N, C\) or"),
        ((4, 3), {"weight": np.ones(2)}, ShapeError, r"weight has shape \(2,\), expected \(3,\)"),
    ],
)
def test_batch_norm_refuses(shape, options, error, text):
    with pytest.raises(error, match=f"batch_norm: .*{text}"):
        mt.batch_norm(mt.ones(*shape), *running(3), **options)


def test_one_value_per_channel_is_fine_outside_of_training():
    assert mt.batch_norm(mt.ones(1, 3), *running(3)).shape == (1, 3)
    assert mt.batch_norm(mt.ones(0, 3), *running(3)).shape == (0, 3)
    with pytest.raises(ValueError, match="training=False needs running_mean and running_var"):
        mt.batch_norm(mt.ones(2, 3), None, None)
    with pytest.raises(TypeError, match="batch_norm: input needs float, got int64"):
        mt.batch_norm(mt.tensor([[1, 2]]), None, None, training=True)


def test_meta_leaves_real_statistics_alone():
    mean, var = running(3)
    y = mt.batch_norm(mt.ones(4, 3, device="meta"), mean, var, training=True)
    assert y.device.type == "meta"
    assert mean.tolist() == [0, 0, 0]


@pytest.mark.parametrize("shape", [(40, 6, 5, 7), (60, 3, 17), (8, 5, 4, 3, 6)])
def test_batch_norm_of_channels_that_lie_last_is_the_same(shape):
    """Where they are many they are summed, and met, in rows of W C numbers."""
    rng = np.random.default_rng(0)
    x, g = rng.normal(2, 3, (2, *shape))
    last = (0, *range(2, x.ndim), 1)
    turned = np.argsort(last)
    found = []
    for lie in (np.asarray, lambda a: np.ascontiguousarray(a.transpose(last)).transpose(turned)):
        given = lie(x), np.arange(1.0, 1 + shape[1]), np.arange(0.0, shape[1])
        leaves = [mt.from_numpy(a).requires_grad_() for a in given]
        y = mt.batch_norm(leaves[0], None, None, *leaves[1:], training=True)
        y.backward(mt.from_numpy(lie(g)))
        found.append([y.detach().numpy(), *[p.grad.numpy() for p in leaves]])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-11)
    y, dx, _, db = found[1]
    axes = (0, *range(2, x.ndim))
    np.testing.assert_allclose(y.mean(axes), np.arange(shape[1]), atol=1e-10)
    np.testing.assert_allclose(y.std(axes), np.arange(1, 1 + shape[1]), rtol=1e-5)
    np.testing.assert_allclose(db, g.sum(axes), rtol=1e-10)
    np.testing.assert_allclose(dx.sum(axes), 0, atol=1e-9)


def test_batch_norm_saves_x_and_two_numbers_a_channel():
    y = mt.batch_norm(tensor(normal(4, 3)), *running(3), training=True)
    saved = dict(zip(y.node.plan.names, y.node.saved))
    assert [m.shape for m in saved["moments"][:2]] == [(1, 3), (1, 3)]
    assert saved["input"].shape == (4, 3)


# the other norms --------------------------------------------------------------------------------


def test_layer_norm_is_over_each_example():
    y = mt.layer_norm(mt.tensor(normal(5, 16) * 3 + 2), 16).numpy()
    np.testing.assert_allclose(y.mean(1), 0, atol=1e-6)
    np.testing.assert_allclose(y.var(1), 1, rtol=1e-4)
    assert mt.layer_norm(mt.ones(0, 3), 3).shape == (0, 3)


def test_rms_norm_has_a_mean_square_of_1():
    x = normal(5, 16) + 2
    y = mt.rms_norm(mt.tensor(x), (16,)).numpy()
    np.testing.assert_allclose((y**2).mean(1), 1, rtol=1e-4)
    np.testing.assert_allclose(y / y[:, :1], x / x[:, :1], rtol=1e-4)


def test_one_group_is_a_layer_and_a_group_a_channel_an_instance():
    x = mt.tensor(normal(2, 4, 3, 3))
    np.testing.assert_allclose(
        mt.group_norm(x, 1).numpy(), mt.layer_norm(x, (4, 3, 3)).numpy(), atol=1e-6
    )
    np.testing.assert_allclose(mt.group_norm(x, 4).numpy(), mt.instance_norm(x).numpy(), atol=1e-6)


def test_instance_norm_moves_running_statistics_by_the_mean_over_examples():
    x = normal(3, 2, 8)
    mean, var = running(2)
    mt.instance_norm(mt.tensor(x), mean, var)
    np.testing.assert_allclose(mean.numpy(), 0.1 * x.mean((0, 2)), rtol=1e-5, atol=1e-7)
    want = 0.9 + 0.1 * x.var(2, ddof=1).mean(0)
    np.testing.assert_allclose(var.numpy(), want, rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda x: mt.layer_norm(x, 4), r"layer_norm: input \(2, 6, 3\) does not end in .* \(4,\)"),
        (lambda x: mt.layer_norm(x, 3, mt.ones(4)), r"layer_norm: weight has shape \(4,\)"),
        (lambda x: mt.rms_norm(x, (5, 3)), r"rms_norm: input \(2, 6, 3\) does not end in"),
        (lambda x: mt.layer_norm(x, ()), r"layer_norm: .* does not end in normalized_shape \(\)"),
        (lambda x: mt.group_norm(x, 4), r"group_norm: .* 6 channels on axis 1, .* num_groups 4"),
        (lambda x: mt.group_norm(x, 0), r"group_norm: .* num_groups 0"),
        (lambda x: mt.instance_norm(x[..., :1]), r"instance_norm: one value per channel and exam"),
        (lambda x: mt.instance_norm(x[..., 0]), r"instance_norm: one value per channel and exam"),
        (lambda x: mt.instance_norm(x, use_input_stats=False), r"instance_norm: use_input_stats"),
    ],
)
def test_norms_refuse(call, text):
    with pytest.raises(ValueError, match=text):
        call(mt.ones(2, 6, 3))


def test_normalize_leaves_nothing_at_nothing():
    x = tensor([[3.0, 4.0], [0.0, 0.0]])
    y = mt.nn.functional.normalize(x)
    np.testing.assert_allclose(y.detach().numpy(), [[0.6, 0.8], [0, 0]], rtol=1e-6)


def test_gradient_of_a_norm_lies_across_one_and_x():
    x, g = tensor(normal(4, 6), np.float64), normal(4, 6, seed=1, dtype=np.float64)
    y = mt.layer_norm(x, 6, eps=0.0)
    y.backward(mt.tensor(g))
    k = x.grad.numpy()
    np.testing.assert_allclose(k.sum(1), 0, atol=1e-12)
    np.testing.assert_allclose((k * y.detach().numpy()).sum(1), 0, atol=1e-12)


def test_only_wanted_gradients():
    x, w = mt.tensor(normal(3, 4)), tensor(np.ones(4))
    y = mt.layer_norm(x, 4, w)
    y.sum().backward()
    assert w.grad.shape == (4,)
    assert y.node.plan.wanted == (1,)


# dropout ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_share_that_is_dropped(p):
    y = mt.dropout(mt.ones(100, 1000), p).numpy()
    assert abs((y == 0).mean() - p) < 0.01
    np.testing.assert_allclose(y[y != 0], 1 / (1 - p), rtol=1e-6)
    assert abs(y.mean() - 1) < 0.02


def test_backward_drops_what_forward_dropped():
    x = tensor(np.ones((20, 20)))
    y = mt.dropout(x, 0.3)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), y.detach().numpy())


def test_without_normalize_survivors_stay():
    x = tensor(normal(20, 20))
    y = mt.dropout(x, 0.3, normalize=False).detach().numpy()
    assert (y == 0).any()
    np.testing.assert_array_equal(y[y != 0], x.detach().numpy()[y != 0])


def test_dropout_off_is_the_input_and_draws_nothing():
    x = mt.ones(3)
    state = mt.default_generator.get_state()
    assert mt.dropout(x, 0.5, training=False) is x
    assert mt.dropout(x, 0.0) is x
    assert mt.alpha_dropout(x) is x
    mt.dropout(mt.ones(3, device="meta"))
    assert mt.default_generator.get_state() == state


def test_everything_dropped():
    x = tensor([1.0, -2.0])
    for f in (mt.dropout, lambda x, p: mt.alpha_dropout(x, p, training=True)):
        x.grad = None
        y = f(x, 1.0)
        y.sum().backward()
        assert (y.detach().numpy().tolist(), x.grad.tolist()) == ([0, 0], [0, 0])


def test_same_seed_drops_the_same():
    x = mt.ones(50)
    draws = []
    for _ in range(2):
        mt.manual_seed(3)
        draws.append(mt.dropout(x).tolist())
    own = mt.dropout(x, generator=mt.Generator().manual_seed(3)).tolist()
    assert draws[0] == draws[1] == own
    assert mt.dropout(x).tolist() != own


def test_dropout_in_place():
    x = mt.ones(50)
    y = mt.dropout(x, inplace=True)
    assert y is x
    assert set(x.tolist()) == {0.0, 2.0}


@pytest.mark.parametrize(
    ("f", "shape"),
    [(mt.nn.functional.dropout1d, (20, 5, 3)), (mt.nn.functional.dropout2d, (20, 5, 2, 2))],
)
def test_whole_channels_are_dropped(f, shape):
    y = f(mt.ones(*shape)).numpy().reshape(100, -1)
    assert (y == y[:, :1]).all()
    assert set(y[:, 0].tolist()) == {0.0, 2.0}
    with pytest.raises(ShapeError, match=rf"{f.__name__}: input \(2,\), expected"):
        f(mt.ones(2))


def test_alpha_dropout_keeps_mean_and_variance():
    y = mt.alpha_dropout(mt.tensor(normal(400, 400)), 0.3, training=True).numpy()
    assert abs(y.mean()) < 0.02
    assert abs(y.var() - 1) < 0.02
    x = mt.ones(50)
    assert mt.alpha_dropout(x, 0.3, True, inplace=True) is x


@pytest.mark.parametrize("p", [1.5, -0.1, nan])
@pytest.mark.parametrize("f", [mt.dropout, mt.nn.functional.dropout2d, mt.alpha_dropout])
def test_share_out_of_range(f, p):
    with pytest.raises(ValueError, match=f"{f.__name__}: p {p}, expected 0 to 1"):
        f(mt.ones(2, 2, 2), p)


def test_dropout_of_integers():
    with pytest.raises(TypeError, match="dropout: input needs float, got int64"):
        mt.dropout(mt.tensor([1, 2]))


# attention --------------------------------------------------------------------------------------


def test_causal_attention_does_not_see_the_future():
    q, k, v = (tensor(normal(1, 5, 4, seed=i)) for i in range(3))
    y = mt.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    y[0, 2].sum().backward()
    for x in (k, v):
        assert not x.grad.numpy()[0, 3:].any()
        assert x.grad.numpy()[0, :3].any()


def test_causal_is_a_triangular_mask():
    q, k, v = (mt.tensor(normal(2, 3, 4, seed=i)) for i in range(3))
    mask = mt.tensor(np.tril(np.ones((3, 3), bool)))
    np.testing.assert_array_equal(
        mt.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True).numpy(),
        mt.nn.functional.scaled_dot_product_attention(q, k, v, mask).numpy(),
    )


@pytest.mark.parametrize("mask", [[[False, False]], [[-inf, -inf]]])
def test_query_without_keys(mask):
    q, k, v = (tensor(normal(1, n, 3, seed=n)) for n in (1, 2, 2))
    y = mt.nn.functional.scaled_dot_product_attention(q, k, v, mt.tensor(mask))
    y.sum().backward()
    assert y.tolist() == [[[0, 0, 0]]]
    assert not any(x.grad.numpy().any() for x in (q, k, v))


def test_large_scores():
    q = tensor([[1e3, 0.0]])
    y = mt.nn.functional.scaled_dot_product_attention(
        q, tensor([[1e3, 0], [0, 1e3]]), tensor([[1.0], [2.0]])
    )
    assert y.tolist() == [[1.0]]


HALVED = {
    "plain": {},
    "causal": {"is_causal": True},
    "bools": {"attn_mask": np.tri(4, dtype=bool)},
    "floats": {"attn_mask": normal(4, 4, seed=9).astype("float16")},
    "grouped": {"enable_gqa": True},
}
HEADS = {"grouped": 1}  # of the keys and values; the query has 2


def high_scores(heads):
    """A query, keys and values in halves: the scores are near 90,000, and close to each other."""
    q, k, v = (normal(2, n, 4, 8, seed=i) for i, n in enumerate((2, heads, heads)))
    q[..., 0] = k[..., 0] = 500
    return [x.astype("float16") for x in (q, k, v)]


def high_values(heads):
    """Others, of which the slopes of the weights are beyond 65,504, and those of the inputs not."""
    q, k, v = (normal(2, n, 4, 8, seed=i) for i, n in enumerate((2, heads, heads)))
    return [x.astype("float16") for x in (q / 50, k / 50, v * 3000)]


def attended(arrays, attention, as_tensor, **options):
    """The output and the three gradients, all in float64, and their dtypes."""
    xs = [as_tensor(x) for x in arrays]
    options = {k: as_tensor(o, False) if k == "attn_mask" else o for k, o in options.items()}
    y = attention(*xs, **options)
    (y * 64).sum().backward()
    found = [y.detach().numpy(), *[x.grad.numpy() for x in xs]]
    return [a.astype("float64") for a in found], {a.dtype.name for a in found}


def of_halves(x, grad=True):
    return mt.tensor(x, requires_grad=grad)


def of_floats(x, grad=True):
    return mt.tensor(x if x.dtype == bool else x.astype("float32"), requires_grad=grad)


@pytest.mark.parametrize("made", [high_scores, high_values])
@pytest.mark.parametrize("kind", HALVED)
def test_attention_of_halves_is_that_of_floats_rounded(kind, made):
    attention, arrays = mt.nn.functional.scaled_dot_product_attention, made(HEADS.get(kind, 2))
    want, _ = attended(arrays, attention, of_floats, **HALVED[kind])
    got, dtypes = attended(arrays, attention, of_halves, **HALVED[kind])
    assert dtypes == {"float16"}
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("made", [high_scores, high_values])
def test_attention_is_computed_in_floats_inside_autocast_too(made):
    attention, arrays = mt.nn.functional.scaled_dot_product_attention, made(2)
    want, _ = attended(arrays, attention, of_floats)
    with mt.autocast("cpu"):
        got, dtypes = attended(arrays, attention, of_floats)
    assert dtypes == {"float16", "float32"}  # the output; the gradients of what is float32
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", HALVED)
def test_attention_of_halves_is_torchs(kind):
    torch = pytest.importorskip("torch", reason="torch is the second opinion; not installed")
    F, arrays = torch.nn.functional, high_scores(HEADS.get(kind, 2))
    of_torch = lambda x, grad=True: torch.tensor(x, requires_grad=grad)
    want, _ = attended(arrays, F.scaled_dot_product_attention, of_torch, **HALVED[kind])
    F = mt.nn.functional
    got, _ = attended(arrays, F.scaled_dot_product_attention, of_halves, **HALVED[kind])
    for a, b in zip(got, want, strict=True):
        # Along the component of 500 torch is left with the rounding of its slopes.
        a, b = a[..., 1:], b[..., 1:]
        np.testing.assert_allclose(a, b, rtol=0.01, atol=0.01 * abs(b).max())


def test_attention_takes_one_dtype():
    half, single = mt.ones(2, 3).half(), mt.ones(2, 3)
    with pytest.raises(TypeError, match=r"'a' is float16 and 'b' is float32"):
        mt.nn.functional.scaled_dot_product_attention(half, half, single)


def test_attention_with_dropout_keeps_the_mean():
    q, k = mt.zeros(1, 200, 2), mt.zeros(1, 500, 2)
    y = mt.nn.functional.scaled_dot_product_attention(
        q, k, mt.ones(1, 500, 1), dropout_p=0.4
    ).numpy()
    assert y.std() > 0
    assert abs(y.mean() - 1) < 0.02


@pytest.mark.parametrize(
    ("shapes", "options", "error", "text"),
    [
        (((3, 2), (4, 5), (4, 1)), {}, ShapeError, r"query \(3, 2\) and key \(4, 5\), expected"),
        (((3, 2), (4, 2), (5, 1)), {}, ShapeError, r"key \(4, 2\) and value \(5, 1\) differ"),
        (
            ((3, 2), (4, 2), (4, 1)),
            {"is_causal": True, "attn_mask": np.ones((3, 4), bool)},
            ValueError,
            "give attn_mask or is_causal, not both",
        ),
        (
            ((3, 2), (4, 2), (4, 1)),
            {"attn_mask": np.ones((3, 4), int)},
            TypeError,
            "attn_mask is int64, expected bool",
        ),
    ],
)
def test_attention_refuses(shapes, options, error, text):
    with pytest.raises(error, match=f"scaled_dot_product_attention: {text}"):
        mt.nn.functional.scaled_dot_product_attention(*(mt.ones(*s) for s in shapes), **options)


def test_norms_of_integers_are_refused():
    x, F = mt.tensor([[1, 2], [3, 4]]), mt.nn.functional
    for norm in (lambda: F.layer_norm(x, 2), lambda: F.rms_norm(x, 2), lambda: F.group_norm(x, 1)):
        with pytest.raises(TypeError, match=r"norm: input needs float, got int64; .*\.float"):
            norm()
