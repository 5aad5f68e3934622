"""What a training step costs a GPU beside computing: how often it is waited for, and what goes up.

The stand-in counts both. A step waits once, for the look at the labels, and uploads nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitorch
import minitorch.nn.functional as F
from minitorch import Tensor, nn, optim
from minitorch.train.models import MODELS

LABELS = np.array([3, 0, 4, 1, 1, 2])


def on_gpu(array: np.ndarray, grad: bool = False) -> Tensor:
    return minitorch.from_numpy(array).to("cuda").requires_grad_(grad)


def logits() -> Tensor:
    return on_gpu(np.random.default_rng(0).standard_normal((6, 5)).astype("float32"), True)


def second(cuda: Any, f: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[int, int]:
    """The waits and uploads of a second call: the first may look at what is said once."""
    f(*args, **kwargs)
    cuda.reset()
    f(*args, **kwargs)
    return cuda.sync, cuda.h2d


# a step -----------------------------------------------------------------------------------------


def mlp() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 30), nn.ReLU(), nn.Linear(30, 10))


NETWORKS = {"mlp": mlp, "lenet": MODELS["lenet"]}
OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-4),
    "RMSprop": lambda p: optim.RMSprop(p),
    "Adam": lambda p: optim.Adam(p),
    "AdamW": lambda p: optim.AdamW(p),
}


def trained(cuda: Any, model: nn.Module, optimizer: optim.Optimizer, loss: Callable) -> list[Any]:
    """The counts of three steps after the first."""
    x = on_gpu(np.random.default_rng(0).standard_normal((6, 1, 28, 28)).astype("float32"))
    labels, counts = on_gpu(LABELS), []
    for _ in range(4):
        cuda.reset()
        optimizer.zero_grad()
        loss(model(x), labels).backward()
        optimizer.step()
        counts.append((cuda.sync, cuda.h2d))
    return counts[1:]


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_waits_for_the_labels_alone_and_uploads_nothing(cuda, network: str, name: str):
    model = NETWORKS[network]().build((1, 28, 28)).to("cuda")
    optimizer = OPTIMIZERS[name](model.parameters())
    optimizer.check_finite = False
    allowed = (1, 0) if type(cuda).__name__ == "Counters" else (0, 0)
    assert trained(cuda, model, optimizer, F.cross_entropy) == [allowed] * 3


def test_a_step_without_labels_waits_for_nothing(cuda):
    model = mlp().build((1, 28, 28)).to("cuda")
    optimizer = optim.Adam(model.parameters())
    optimizer.check_finite = False
    loss = lambda y, labels: (y.logsumexp(1) - y[:, 0]).mean()
    assert trained(cuda, model, optimizer, loss) == [(0, 0)] * 3


# the losses of labels ---------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("ignored", [False, True])
def test_a_loss_of_labels_waits_at_most_once(cuda, loss: Callable, reduction: str, ignored: bool):
    labels = np.where(LABELS == 1, -100, LABELS) if ignored else LABELS
    x, t = logits(), on_gpu(labels)
    waits, uploads = second(cuda, loss, x, t, reduction=reduction)
    assert waits <= 1
    assert uploads == 0
    host = loss(x.cpu(), minitorch.from_numpy(labels), reduction=reduction)
    np.testing.assert_allclose(
        loss(x, t, reduction=reduction).detach().cpu().numpy(), host.detach().numpy(), rtol=1e-6
    )


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "int64"])
def test_labels_of_every_width_wait_at_most_once_and_are_looked_at(cuda, dtype: str):
    waits, uploads = second(cuda, F.cross_entropy, logits(), on_gpu(LABELS.astype(dtype)))
    assert waits <= 1
    assert uploads == 0
    with pytest.raises(IndexError, match=r"target\[2\] = 5, expected 0 to 4 .*; 1 bad label of 6"):
        F.cross_entropy(logits(), on_gpu((LABELS + (LABELS == 4)).astype(dtype)))


def test_smoothing_and_probabilities_wait_at_most_once(cuda):
    options = {"label_smoothing": 0.1}
    assert second(cuda, F.cross_entropy, logits(), on_gpu(LABELS), **options)[0] <= 1
    shares = on_gpu(np.full((6, 5), 0.2, "float32"))
    assert second(cuda, F.cross_entropy, logits(), shares)[0] <= 1


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_weights_are_looked_at_together_with_the_labels(cuda, reduction: str):
    weight = on_gpu(np.array([1, 2, 0.5, 1, 3], "float32"))
    options = {"weight": weight, "reduction": reduction}
    for labels in (LABELS, np.where(LABELS == 1, -100, LABELS)):
        for loss in (F.cross_entropy, F.nll_loss):
            waits, uploads = second(cuda, loss, logits(), on_gpu(labels), **options)
            assert waits <= 1
            assert uploads == 0
    shares = on_gpu(np.full((6, 5), 0.2, "float32"))
    assert second(cuda, F.cross_entropy, logits(), shares, **options)[0] <= 1


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_wrong_weights_raise_on_a_gpu_as_on_the_cpu(cuda, device: str):
    weight = minitorch.tensor([1, 2, 0.5, 1, 3]).to(device)
    x, t = logits().detach().to(device), minitorch.from_numpy(LABELS).to(device)
    shares = minitorch.full((6, 5), 0.2).to(device)
    for target in (t, shares):
        with pytest.raises(ValueError, match=r"weight of class 2 is -0\.5"):
            F.cross_entropy(x, target, weight=weight - 1)
        with pytest.raises(ValueError, match=r"weight of class 0 is nan"):
            F.cross_entropy(x, target, weight=weight * float("nan"))
    with pytest.raises(IndexError, match=r"target\[2\] = 5"):
        F.cross_entropy(x, t + (t == 4), weight=weight)
    with pytest.raises(ValueError, match="weights of the classes in this batch sum to 0"):
        F.cross_entropy(x, t, weight=weight * 0)
    with pytest.raises(ValueError, match="all 6 targets equal ignore_index"):
        F.cross_entropy(x, t * 0 - 100, weight=weight)
    assert F.cross_entropy(x, t, weight=weight * 0, reduction="sum").item() == 0


def test_an_embedding_and_an_index_wait_once_for_their_range(cuda):
    x, ids = logits(), on_gpu(LABELS)
    for f in (F.embedding, lambda i, x: x[i], lambda i, x: x.index_select(0, i)):
        assert second(cuda, f, ids, x)[0] <= 1
        with pytest.raises(IndexError, match="6"):
            f(ids + 2, x)


INDEXED = {
    "x[i]": lambda x, i: x[i],
    "x[:, i]": lambda x, i: x[:, i],
    "index_select": lambda x, i: x.index_select(1, i),
    "index_add": lambda x, i: x.index_add(1, i, x[:, :2]),
    "take": lambda x, i: x.take(i * 6),
    "gather": lambda x, i: x.gather(1, i.reshape(2, 1)),
    "take_along_dim": lambda x, i: minitorch.take_along_dim(x, i.reshape(1, 2), 1),
    "scatter_add": lambda x, i: x.scatter_add(1, i.reshape(2, 1), x[:2, :1]),
}


@pytest.mark.parametrize("name", INDEXED)
@pytest.mark.parametrize("wrong", [6, -7])
def test_an_index_out_of_range_raises_on_a_gpu_after_one_wait(cuda, name: str, wrong: int):
    x = on_gpu(np.arange(36.0).reshape(6, 6))
    good, bad = on_gpu(np.array([1, 0])), on_gpu(np.array([1, wrong]))
    waits, uploads = second(cuda, INDEXED[name], x, good)
    assert waits <= 1
    assert uploads == 0
    with pytest.raises(IndexError, match="out of bounds"):
        INDEXED[name](x, bad)


# what must be said all the same -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ([3, 0, 5, 1, 1, 2], r"target\[2\] = 5, expected 0 to 4"),
        ([3, 0, 4, -1, 1, 2], r"target\[3\] = -1, .* pass ignore_index=-1"),
        ([3, 1, 5, 1, 1, 2], "Labels from 1"),
        ([3, -100, 9, 1, 1, 7], "2 bad labels of 6"),
    ],
)
def test_a_wrong_label_raises_on_a_gpu_as_on_the_cpu(cuda, labels: list[int], text: str):
    target = np.array(labels)
    for loss in (F.cross_entropy, F.nll_loss):
        for x, t in (
            (logits(), on_gpu(target)),
            (logits().cpu(), minitorch.from_numpy(target)),
        ):
            with pytest.raises(IndexError, match=text):
                loss(x, t)


def test_a_batch_of_ignored_labels_raises_on_a_gpu(cuda):
    with pytest.raises(ValueError, match="all 6 targets equal ignore_index -100"):
        F.cross_entropy(logits(), on_gpu(np.full(6, -100)))


def test_an_ignored_class_takes_no_part_on_a_gpu(cuda):
    x, t = logits(), on_gpu(LABELS)
    got = F.cross_entropy(x, t, ignore_index=1).detach().cpu().numpy()
    kept = LABELS != 1
    want = F.cross_entropy(x.detach().cpu()[kept], minitorch.from_numpy(LABELS[kept])).numpy()
    np.testing.assert_allclose(got, want, rtol=1e-6)


def test_probabilities_that_do_not_sum_to_1_raise_on_a_gpu(cuda):
    shares = np.full((6, 5), 0.2, "float32")
    shares[2, 1] = 0.9
    with pytest.raises(ValueError, match=r"probabilities at 2 sum to 1\.7"):
        F.cross_entropy(logits(), on_gpu(shares))
    shares[2] = [-0.2, 0.6, 0.2, 0.2, 0.2]
    with pytest.raises(ValueError, match=r"a target probability is -0\.2"):
        F.cross_entropy(logits(), on_gpu(shares))


def test_probabilities_for_logits_are_said_in_the_first_batch_on_a_gpu(cuda, monkeypatch):
    monkeypatch.setattr(minitorch.call, "said", said := set())
    monkeypatch.setattr("minitorch.ops.labels.said", said)
    soft = logits().detach().softmax(1)
    with pytest.warns(UserWarning, match="out of a softmax"):
        F.cross_entropy(soft, on_gpu(LABELS))
    F.cross_entropy(soft, on_gpu(LABELS))  # once


def test_a_gpu_is_looked_at_for_it_once(cuda, monkeypatch):
    monkeypatch.setattr(minitorch.call, "said", said := set())
    monkeypatch.setattr("minitorch.ops.labels.said", said)
    counts = []
    for _ in range(3):
        cuda.reset()
        F.cross_entropy(logits(), on_gpu(LABELS))
        counts.append(cuda.sync)
    assert counts[1:] == counts[:1] * 2 == [0, 0] or counts[0] > counts[1] == counts[2] == 1
