"""Rows for recurrent layers: three steps, four examples, five numbers in and two of state."""

import numpy as np

from tests.table import Row, rand


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def steps(x, reverse):
    return range(len(x))[:: -1 if reverse else 1]


def rnn(x, h, wi, wh, bi=0.0, bh=0.0, nonlinearity="tanh", reverse=False):
    """Step by step, as the formula says."""
    hs = [h] * len(x)
    for t in steps(x, reverse):
        a = x[t] @ wi.T + bi + h @ wh.T + bh
        hs[t] = h = np.tanh(a) if nonlinearity == "tanh" else np.maximum(a, 0)
    return np.stack(hs)


def lstm(x, h, c, wi, wh, bi=0.0, bh=0.0, wr=None, reverse=False):
    hs, cs = [h] * len(x), [c] * len(x)
    for t in steps(x, reverse):
        i, f, j, o = np.split(x[t] @ wi.T + bi + h @ wh.T + bh, 4, axis=-1)
        cs[t] = c = sigmoid(f) * c + sigmoid(i) * np.tanh(j)
        h = sigmoid(o) * np.tanh(c)
        hs[t] = h = h if wr is None else h @ wr.T
    return np.stack(hs), np.stack(cs)


def gru(x, h, wi, wh, bi=0.0, bh=0.0, reverse=False):
    hs = [h] * len(x)
    for t in steps(x, reverse):
        xr, xz, xn = np.split(x[t] @ wi.T + bi, 3, axis=-1)
        hr, hz, hn = np.split(h @ wh.T + bh, 3, axis=-1)
        r, z = sigmoid(xr + hr), sigmoid(xz + hz)
        hs[t] = h = (1 - z) * np.tanh(xn + r * hn) + z * h
    return np.stack(hs)


def lstm_gates(x, h, wi, wh, bi=0.0, bh=0.0):
    i, f, j, o = np.split(x @ wi.T + bi + h @ wh.T + bh, 4, axis=-1)
    return np.concatenate([sigmoid(i), sigmoid(f), np.tanh(j), sigmoid(o)], axis=-1)


def gru_gates(x, h, wi, wh, bi=0.0, bh=0.0):
    xr, xz, xn = np.split(x @ wi.T + bi, 3, axis=-1)
    hr, hz, q = np.split(h @ wh.T + bh, 3, axis=-1)
    r, z = sigmoid(xr + hr), sigmoid(xz + hz)
    return np.concatenate([r, z, np.tanh(xn + r * q)], axis=-1), q


X, H0, C0 = rand(3, 4, 5), rand(4, 2), rand(4, 2, seed=1)
BEFORE = rand(3, 4, 2)


def weights(parts, hidden=2, biases=True):
    rows = parts * 2
    both = (rand(rows, 5), rand(rows, hidden, seed=1))
    return (*both, rand(rows, seed=2), rand(rows, seed=3)) if biases else both


ROWS = [
    Row("rnn_steps", (X, H0, *weights(1)), ref=rnn),
    Row("rnn_steps", (X, H0, *weights(1, biases=False)), {"reverse": True}, ref=rnn),
    Row("rnn_steps", (X, H0, *weights(1)), {"nonlinearity": "relu", "reverse": True}, ref=rnn),
    Row("rnn_steps", (X[:1], H0, *weights(1)), {"nonlinearity": "relu"}, ref=rnn),
    Row("lstm_steps", (X, H0, C0, *weights(4)), ref=lstm),
    Row("lstm_steps", (X, H0, C0, *weights(4, biases=False)), {"reverse": True}, ref=lstm),
    Row("lstm_steps", (X, H0[:, :1], C0, *weights(4, 1), rand(1, 2)), ref=lstm),
    Row(
        "lstm_steps",
        (X[:2], H0[:, :1], C0, *weights(4, 1, False), None, None, rand(1, 2)),
        {"reverse": True},
        ref=lambda x, h, c, wi, wh, bi, bh, wr, reverse: lstm(
            x, h, c, wi, wh, wr=wr, reverse=reverse
        ),
    ),
    Row("gru_steps", (X, H0, *weights(3)), ref=gru),
    Row("gru_steps", (X, H0, *weights(3, biases=False)), {"reverse": True}, ref=gru),
    Row("lstm_gates", (X, BEFORE, *weights(4)), ref=lstm_gates),
    Row("gru_gates", (X, BEFORE, *weights(3)), ref=gru_gates),
    # one input at a time
    *(Row("rnn_steps", (X, H0, *weights(1)), ref=rnn, grad=(i,)) for i in range(6)),
    *(
        Row("lstm_steps", (X, H0[:, :1], C0, *weights(4, 1), rand(1, 2)), ref=lstm, grad=(i,))
        for i in range(8)
    ),
    *(Row("gru_steps", (X, H0, *weights(3)), ref=gru, grad=(i,)) for i in range(6)),
    *(Row("lstm_gates", (X, BEFORE, *weights(4)), ref=lstm_gates, grad=(i,)) for i in range(6)),
    *(Row("gru_gates", (X, BEFORE, *weights(3)), ref=gru_gates, grad=(i,)) for i in range(6)),
]
