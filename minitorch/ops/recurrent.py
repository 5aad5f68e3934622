"""Recurrent layers: a state h is carried along a sequence, and each step mixes an input into it.

    a_t = W_ih x_t + b_ih + W_hh h_(t-1) + b_hh

All three kinds start from this sum. What does not depend on the state, W_ih x_t, is one matrix
product for all steps. A layer is one op: going backward the steps run in reverse, each hands
dL/dh_(t-1) = W_hhᵀ da_t to the one before it, and at the end the da of all steps meet x and h in
one product per weight.

x is (T, N, I), time first; h is (T, N, H), the state after every step. With `reverse` the steps run
from T - 1 down to 0. A state before the first step, h0, is (N, H).
"""

from __future__ import annotations

import math

from minitorch.op import op
from minitorch.ops.elementwise import tanh
from minitorch.ops.join import cat, split_sizes, stack
from minitorch.ops.matmul import linear, two_dtypes
from minitorch.ops.reduce import sum
from minitorch.tensor import ShapeError
from minitorch.words import np

# the plain one ---------------------------------------------------------------------------------


@op(exact_dtype=True, autocast="low")
def rnn_steps(
    x, h0, weight_ih, weight_hh, bias_ih=None, bias_hh=None, *, nonlinearity="tanh", reverse=False
):
    """h_t = tanh(a_t), or relu(a_t)          da_t = dh_t (1 - h_t²), or dh_t where h_t > 0

    dh_t = g_t + W_hhᵀ da_(t+1). Elman 1990.
    """
    _check("rnn_steps", 1, x, weight_ih, weight_hh, h0=h0)
    h = linear(x, weight_ih, _both(bias_ih, bias_hh))
    before, w = h0, weight_hh.T
    for t in _order(h, reverse):
        a = h[t]
        a += before @ w
        if nonlinearity == "tanh":
            np.tanh(a, out=a)
        else:
            np.maximum(a, 0, out=a)
        before = a
    return h


def _rnn_all(g, y, x, h0, weight_ih, weight_hh, nonlinearity, reverse, needs):
    das = []
    for t in _order(y, not reverse):
        h = y[t]
        dh = g[t] + das[-1] @ weight_hh if das else g[t]
        das.append(dh * (1 - h * h) if nonlinearity == "tanh" else dh * h.astype(bool))
    dh0 = das[-1] @ weight_hh if needs[1] else None
    da = _in_time(das, reverse)
    before = _before(y, h0, reverse)
    dx, *others = _through(da, da, x, before, weight_ih, (needs[0], *needs[2:]))
    return dx, dh0, *others


rnn_steps.grad(_rnn_all)


# long short-term memory -----------------------------------------------------------------------


@op(exact_dtype=True, keeps="gates", autocast="low")
def lstm_steps(
    x,
    h0,
    c0,
    weight_ih,
    weight_hh,
    bias_ih=None,
    bias_hh=None,
    weight_hr=None,
    *,
    reverse=False,
):
    """c_t = f c_(t-1) + i j,   h_t = o tanh c_t;   returns h and c, of all steps

    The four parts of a_t are those of the gates i, f, j, o: three sigmoids, which say how much is
    let in, kept and shown, and j = tanh, what is let in. With s = tanh c_t,

        dc_t = g_c + dh_t o (1 - s²) + f_(t+1) dc_(t+1)
        da_t = (dc_t j i (1 - i),  dc_t c_(t-1) f (1 - f),  dc_t i (1 - j²),  dh_t s o (1 - o))
        dh_t = g_h + W_hhᵀ da_(t+1)

    Along c the gradient is only multiplied by f: that is the road it survives on. With `weight_hr`,
    (P, H), what is shown is h_t = W_hr (o tanh c_t). Hochreiter and Schmidhuber 1997.
    """
    _check("lstm_steps", 4, x, weight_ih, weight_hh, h0=h0, c0=c0)
    H = weight_hh.shape[0] // 4
    half, shift = _sigmoids_by_tanh(x, H)
    bias = _both(bias_ih, bias_hh)
    scaled = weight_ih * half[:, None], None if bias is None else bias * half
    gates = linear(x, *scaled)
    w = (weight_hh * half[:, None]).T
    c = np.empty_like(gates, shape=(*gates.shape[:-1], H))
    h = np.empty_like(gates, shape=(*gates.shape[:-1], weight_hh.shape[1]))
    shown = np.empty_like(c, shape=c.shape[1:])
    h_before, c_before = h0, c0
    for t in _order(x, reverse):
        z = gates[t]
        z += h_before @ w
        np.tanh(z, out=z)
        z *= half
        z += shift
        i, f, j, o = z[:, :H], z[:, H : 2 * H], z[:, 2 * H : 3 * H], z[:, 3 * H :]
        c_before = np.multiply(f, c_before, out=c[t])
        c_before += np.multiply(i, j, out=shown)
        np.tanh(c_before, out=shown)
        if weight_hr is None:
            h_before = np.multiply(shown, o, out=h[t])
        else:
            h_before = np.matmul(shown * o, weight_hr.T, out=h[t])
    return (h, c), gates


def _lstm_all(
    g,
    y,
    x,
    h0,
    c0,
    weight_ih,
    weight_hh,
    bias_ih,
    bias_hh,
    weight_hr,
    gates,
    reverse,
    needs,
):
    (gh, gc), (h, c) = g, y
    H = c.shape[-1]
    before = _before(h, h0, reverse)
    gates = lstm_gates(x, before, weight_ih, weight_hh, bias_ih, bias_hh, gates)
    c_before = _before(c, c0, reverse)
    i, f, j, o = split_sizes(gates, (H, H, H, H), -1)
    s = tanh(c)
    # What dh adds to dc, and what dc, dc, dc and dh add to da: of all steps, as none waits for g.
    into_c = o * (1 - s * s)
    into_a = cat([j * (i - i * i), c_before * (f - f * f), i * (1 - j * j), s * (o - o * o)], -1)
    das, dhs, dc = [], [], None
    for t in _order(c, not reverse):
        dh = gh[t] + das[-1] @ weight_hh if das else gh[t]
        if weight_hr is not None:
            dhs.append(dh)
            dh = dh @ weight_hr
        dc = gc[t] + dh * into_c[t] + (0 if dc is None else dc)
        das.append(cat([dc, dc, dc, dh], 1) * into_a[t])
        dc = dc * f[t]
    da = _in_time(das, reverse)
    dx, *others = _through(da, da, x, before, weight_ih, (needs[0], *needs[3:7]))
    return (
        dx,
        das[-1] @ weight_hh if needs[1] else None,
        dc if needs[2] else None,
        *others,
        _weight(_in_time(dhs, reverse), o * s) if needs[7] else None,
    )


lstm_steps.grad(_lstm_all)


@op(exact_dtype=True)
def lstm_gates(x, h, weight_ih, weight_hh, bias_ih=None, bias_hh=None, *, gates=None):
    """i, f, j, o of all steps, from the states before them          da = g σ' or g tanh'

    `lstm_steps` has computed them already, and gives them as `gates`; they are returned as they
    are. So its backward costs no second pass, and can itself be differentiated.
    """
    if gates is not None:
        return gates
    z = linear(x, weight_ih, _both(bias_ih, bias_hh)) + linear(h, weight_hh)
    half, shift = _sigmoids_by_tanh(x, z.shape[-1] // 4)
    return np.tanh(z * half) * half + shift


def _lstm_gates_all(g, y, x, h, weight_ih, weight_hh, needs):
    H = y.shape[-1] // 4
    i, f, j, o = split_sizes(y, (H, H, H, H), -1)
    da = g * cat([i - i * i, f - f * f, 1 - j * j, o - o * o], -1)
    dx, *others = _through(da, da, x, h, weight_ih, (needs[0], *needs[2:]))
    return dx, da @ weight_hh if needs[1] else None, *others


lstm_gates.grad(_lstm_gates_all)


def _sigmoids_by_tanh(x, H):
    """What makes sigmoids of three of four tanhs: σ(z) = (1 + tanh(z / 2)) / 2."""
    half = np.full_like(x, 0.5, shape=(4 * H,))
    half[2 * H : 3 * H] = 1
    return half, 1 - half


# gated recurrent unit -------------------------------------------------------------------------


@op(exact_dtype=True, keeps="gates", autocast="low")
def gru_steps(x, h0, weight_ih, weight_hh, bias_ih=None, bias_hh=None, *, reverse=False):
    """h_t = (1 - z) n + z h_(t-1),   n = tanh(W_n x_t + b_n + r q),   q = U_n h_(t-1) + c_n

    The gates r and z are the sigmoids of their parts of a_t: r says how much of the old state the
    new one looks at, z how much of it stays. The parts for n, (W_n, b_n) of the input's weights and
    (U_n, c_n) of the state's, are kept apart, as r stands between them. With p = h_(t-1),

        da_n = dh_t (1 - z) (1 - n²),   dq = da_n r
        da_r = da_n q r (1 - r),        da_z = dh_t (p - n) z (1 - z)
        dp = dh_t z + W_hhᵀ (da_r, da_z, dq),   which is what dh_(t-1) has beside g_(t-1)

    Cho et al. 2014, with r behind the product, as in torch and cuDNN.
    """
    _check("gru_steps", 3, x, weight_ih, weight_hh, h0=h0)
    a = linear(x, weight_ih, bias_ih)
    H = weight_hh.shape[1]
    w = weight_hh.T
    h = np.empty_like(a, shape=(*a.shape[:-1], H))
    q = np.empty_like(h)
    before = h0
    for t in _order(x, reverse):
        u = before @ w
        if bias_hh is not None:
            u += bias_hh
        rz, n = a[t][:, : 2 * H], a[t][:, 2 * H :]
        rz += u[:, : 2 * H]
        _sigmoid_into(rz)
        q[t] = u[:, 2 * H :]
        n += rz[:, :H] * q[t]
        np.tanh(n, out=n)
        new = np.subtract(before, n, out=h[t])
        new *= rz[:, H:]
        new += n
        before = new
    return h, (a, q)


def _gru_all(g, y, x, h0, weight_ih, weight_hh, bias_ih, bias_hh, gates, reverse, needs):
    H = y.shape[-1]
    before = _before(y, h0, reverse)
    gates, q = gru_gates(x, before, weight_ih, weight_hh, bias_ih, bias_hh, *gates)
    from_x, from_h, dp = [], [], None
    for t in _order(y, not reverse):
        r, z, n = split_sizes(gates[t], (H, H, H), 1)
        dh = g[t] if dp is None else g[t] + dp
        dn = dh * (1 - z) * (1 - n * n)
        dr, dz = dn * q[t] * (r - r * r), dh * (before[t] - n) * (z - z * z)
        from_x.append(cat([dr, dz, dn], 1))
        from_h.append(cat([dr, dz, dn * r], 1))
        dp = dh * z + from_h[-1] @ weight_hh
    da_x, da_h = _in_time(from_x, reverse), _in_time(from_h, reverse)
    dx, *others = _through(da_x, da_h, x, before, weight_ih, (needs[0], *needs[2:]))
    return dx, dp if needs[1] else None, *others


gru_steps.grad(_gru_all)


@op(exact_dtype=True)
def gru_gates(x, h, weight_ih, weight_hh, bias_ih=None, bias_hh=None, *, gates=None, q=None):
    """(r, z, n) and q of all steps, from the states before them

    da_n = g_n (1 - n²),   dq = g_q + da_n r,   da_r = (g_r + da_n q) r (1 - r),
    da_z = g_z z (1 - z). What `gru_steps` has computed already is returned as it is.
    """
    if gates is not None:
        return gates, q
    H = weight_hh.shape[1]
    a, u = linear(x, weight_ih, bias_ih), linear(h, weight_hh, bias_hh)
    q = u[..., 2 * H :]
    a[..., : 2 * H] += u[..., : 2 * H]
    _sigmoid_into(a[..., : 2 * H])
    a[..., 2 * H :] = np.tanh(a[..., 2 * H :] + a[..., :H] * q)
    return a, q


def _gru_gates_all(g, y, x, h, weight_ih, weight_hh, needs):
    (gates, q), H = y, y[1].shape[-1]
    r, z, n = split_sizes(gates, (H, H, H), -1)
    gr, gz, gn = split_sizes(g[0], (H, H, H), -1)
    dn = gn * (1 - n * n)
    dr, dz, dq = (gr + dn * q) * (r - r * r), gz * (z - z * z), g[1] + dn * r
    da_x, da_h = cat([dr, dz, dn], -1), cat([dr, dz, dq], -1)
    dx, *others = _through(da_x, da_h, x, h, weight_ih, (needs[0], *needs[2:]))
    return dx, da_h @ weight_hh if needs[1] else None, *others


gru_gates.grad(_gru_gates_all)


def _sigmoid_into(z):
    """σ(z) = (1 + tanh(z / 2)) / 2, in the place of z: one pass less than by e^-z."""
    z *= 0.5
    np.tanh(z, out=z)
    z *= 0.5
    z += 0.5


# what they share ------------------------------------------------------------------------------


def _check(who, parts, x, weight_ih, weight_hh, **states):
    """Raises for what would broadcast, or be rounded, without a word."""
    if len(x.shape) != 3 or not x.shape[0]:
        raise ShapeError(f"{who}: x is {x.shape}, expected (T, N, I) with one step or more")
    rows, P = weight_hh.shape
    if weight_ih.shape[0] != rows or rows % parts:
        raise ShapeError(
            f"{who}: weight_ih {weight_ih.shape} and weight_hh {weight_hh.shape}, expected "
            f"{parts} H rows in both"
        )
    for (name, state), size in zip(states.items(), (P, rows // parts)):
        if state.shape != (x.shape[1], size):
            raise ShapeError(f"{who}: {name} is {state.shape}, expected {(x.shape[1], size)}")
    for name, other in {"weight_ih": weight_ih, **states}.items():
        if other.dtype != x.dtype:
            raise two_dtypes(who, **{"x": x, name: other})


def _both(bias_ih, bias_hh):
    return bias_ih if bias_hh is None else bias_hh if bias_ih is None else bias_ih + bias_hh


def _order(x, reverse):
    """The steps, from the first to the last or the other way round."""
    T = x.shape[0]
    return range(T - 1, -1, -1) if reverse else range(T)


def _in_time(das, reverse):
    """What was gathered going backward through the steps, in the order of time."""
    return stack(das if reverse else das[::-1])


def _before(h, h0, reverse):
    """The state before each step, in the order of time."""
    return cat([h[1:], h0[None]], 0) if reverse else cat([h0[None], h[:-1]], 0)


def _through(da_x, da_h, x, h, weight_ih, needs):
    """From da to x, both weights and both biases."""
    for_x, for_weight_ih, for_weight_hh, for_bias_ih, for_bias_hh = needs
    return (
        (_rows(da_x) @ weight_ih).reshape(x.shape) if for_x else None,
        _weight(da_x, x) if for_weight_ih else None,
        _weight(da_h, h) if for_weight_hh else None,
        sum(da_x, (0, 1)) if for_bias_ih else None,
        sum(da_h, (0, 1)) if for_bias_hh else None,
    )


def _weight(da, x):
    """Σ da xᵀ over all steps and examples."""
    return _rows(da).T @ _rows(x)


def _rows(x):
    """All steps and examples in one matrix, for one product rather than one for each step."""
    return x.reshape((math.prod(x.shape[:-1]), x.shape[-1]))
