"""Losses as modules."""

import copy
import inspect

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn
from minitorch.nn import loss, margin
from tests.layers import leaf, rand
from tests.twins import agree

X, T = rand(4, 3), rand(4, 3, seed=1)
SHARES = np.exp(T) / np.exp(T).sum(1, keepdims=True)
LOG_SHARES = np.log(np.exp(X) / np.exp(X).sum(1, keepdims=True))
LABELS = np.array([0, 2, 1, 2])
SIGNS = np.array([1.0, -1.0, 1.0, -1.0])
YES = (T > 0).astype(float)
W = np.array([0.5, 1.0, 2.0])

# name, options (arrays become tensors), inputs; all of them floats that torch differentiates, or
# targets that it does not.
CASES = [
    ("MSELoss", {}, (X, T)),
    ("L1Loss", {}, (X, T)),
    ("SmoothL1Loss", {"beta": 0.5}, (X, T)),
    ("HuberLoss", {"delta": 0.7}, (X, T)),
    ("CrossEntropyLoss", {}, (X, LABELS)),
    ("CrossEntropyLoss", {"weight": W, "ignore_index": 1, "label_smoothing": 0.1}, (X, LABELS)),
    ("CrossEntropyLoss", {}, (X, SHARES)),
    ("NLLLoss", {"weight": W, "ignore_index": 1}, (LOG_SHARES, LABELS)),
    ("BCELoss", {"weight": W}, (SHARES, YES)),
    ("BCEWithLogitsLoss", {"weight": W, "pos_weight": W[::-1].copy()}, (X, YES)),
    ("SoftMarginLoss", {}, (X, np.sign(T))),
    ("KLDivLoss", {}, (LOG_SHARES, SHARES)),
    ("KLDivLoss", {"log_target": True}, (LOG_SHARES, np.log(SHARES))),
    ("PoissonNLLLoss", {}, (X, np.floor(np.exp(T)))),
    ("PoissonNLLLoss", {"log_input": False, "full": True}, (np.exp(X), np.floor(3 * SHARES))),
    ("GaussianNLLLoss", {"full": True}, (X, T, np.exp(T))),
    ("HingeEmbeddingLoss", {"margin": 0.5}, (X[:, 0], SIGNS)),
    ("MarginRankingLoss", {"margin": 0.5}, (X[:, 0], T[:, 0], SIGNS)),
    ("CosineEmbeddingLoss", {"margin": 0.1}, (X, T, SIGNS)),
    ("MultiMarginLoss", {"p": 2, "margin": 0.5, "weight": W}, (X, LABELS)),
    ("MultiLabelMarginLoss", {}, (X, np.array([[0, 2, -1], [1, -1, 0], [-1, 1, 1], [2, 1, 0]]))),
    ("MultiLabelSoftMarginLoss", {"weight": W}, (X, YES)),
    ("TripletMarginWithDistanceLoss", {"margin": 0.5, "swap": True}, (X, T, X + 0.5)),
    ("TripletMarginLoss", {"margin": 0.5, "p": 3.0, "swap": True}, (X, T, X + 0.5)),
]
cases = pytest.mark.parametrize(("name", "options", "inputs"), CASES)


def built(module, tensor, name, options, reduction):
    """The loss, of this library or of torch."""
    given = {k: tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    return getattr(module, name)(**given, reduction=reduction)


@cases
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_a_loss_is_torchs(name, options, inputs, reduction):
    """Text, state, value and gradients."""
    torch = pytest.importorskip("torch")
    if name == "KLDivLoss" and reduction == "mean":
        reduction = "batchmean"
    ours = built(nn, mt.tensor, name, options, reduction)
    theirs = built(torch.nn, torch.tensor, name, options, reduction)
    # torch gives these targets no gradient, or nan
    fixed = (1,) if name in ("SoftMarginLoss", "PoissonNLLLoss") else ()
    agree(ours, theirs, *inputs, fixed=fixed)


def test_the_plain_mean_of_kl_div():
    """By the number of elements, as torch says it will not always be."""
    ours = nn.KLDivLoss()(mt.tensor(LOG_SHARES), mt.tensor(SHARES)).item()
    assert ours == pytest.approx((SHARES * (np.log(SHARES) - LOG_SHARES)).mean())


def test_losses_by_hand():
    x, t = mt.tensor([1.0, -1.0]), mt.tensor([1.0, 2.0])
    assert nn.MSELoss()(x, t).item() == 4.5
    assert nn.MSELoss(reduction="sum")(x, t).item() == 9.0
    assert nn.L1Loss(reduction="none")(x, t).tolist() == [0.0, 3.0]
    assert nn.HuberLoss(delta=2.0)(x, t).item() == 2.0  # 2 (3 - 1) / 2
    even = nn.CrossEntropyLoss()(mt.zeros(2, 4), mt.tensor([0, 3])).item()
    assert even == pytest.approx(np.log(4))
    assert nn.BCEWithLogitsLoss()(mt.zeros(2), mt.ones(2)).item() == pytest.approx(np.log(2))


def test_every_loss_of_the_library_is_tested():
    kinds = {
        name
        for name, kind in {**vars(loss), **vars(margin)}.items()
        if inspect.isclass(kind) and issubclass(kind, loss.Loss) and kind is not loss.Loss
    }
    assert kinds == {name for name, *_ in CASES} | {"CTCLoss"}  # which takes four tensors
    assert kinds <= set(nn.__all__)


def test_weights_are_buffers():
    """They move with the module, are saved, and are no parameters."""
    weighted = nn.CrossEntropyLoss(mt.tensor(W))
    assert list(weighted.state_dict()) == ["weight"]
    assert not list(weighted.parameters())
    assert weighted.half().weight.dtype == mt.float16
    assert not nn.CrossEntropyLoss().state_dict()
    assert list(nn.BCEWithLogitsLoss(pos_weight=mt.ones(3)).state_dict()) == ["pos_weight"]
    fresh = nn.CrossEntropyLoss(mt.zeros(3, dtype=mt.float64))
    fresh.load_state_dict(nn.CrossEntropyLoss(mt.tensor(W)).state_dict())
    assert fresh.weight.tolist() == W.tolist()


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: nn.MSELoss(reduction="avg"), "MSELoss: reduction 'avg'"),
        (lambda: nn.MSELoss(reduction="batchmean"), "MSELoss: reduction 'batchmean'"),
        (lambda: nn.KLDivLoss(reduction="avg"), "KLDivLoss: reduction 'avg'"),
        (lambda: nn.CrossEntropyLoss(label_smoothing=1.5), "label_smoothing 1.5, expected 0 to 1"),
        (lambda: nn.HuberLoss(delta=0.0), "HuberLoss: delta 0.0, expected more than 0"),
        (lambda: nn.SmoothL1Loss(beta=-1.0), "SmoothL1Loss: beta -1.0, expected 0 or more"),
        (lambda: nn.GaussianNLLLoss(eps=0.0), "GaussianNLLLoss: eps 0.0"),
        (lambda: nn.PoissonNLLLoss(eps=0.0), "PoissonNLLLoss: eps 0.0"),
        (lambda: nn.TripletMarginLoss(margin=0.0), "TripletMarginLoss: margin 0.0"),
    ],
)
def test_wrong_options_are_refused_when_built(build, words):
    with pytest.raises(ValueError, match=words):
        build()


def test_a_weight_must_be_a_tensor():
    with pytest.raises(TypeError, match="'weight' must be a Tensor or None, got list"):
        nn.CrossEntropyLoss([1.0, 2.0])


def test_errors_say_which_loss_of_which_model():
    class Model(nn.Module):
        def __init__(self):
            self.loss = nn.MSELoss()

        def forward(self, x, t):
            return self.loss(x, t)

    with pytest.raises(ValueError, match=r"mse_loss: input \(4, 1\) and target \(4,\)") as error:
        Model()(mt.ones(4, 1), mt.ones(4))
    assert error.value.__notes__[-1] == "in loss: MSELoss()"


def test_similarity_and_distance_are_torchs():
    torch = pytest.importorskip("torch")
    agree(nn.CosineSimilarity(0), torch.nn.CosineSimilarity(0), X, T)
    agree(nn.CosineSimilarity(), torch.nn.CosineSimilarity(), X, T)
    agree(nn.PairwiseDistance(1.0, 1e-3, True), torch.nn.PairwiseDistance(1.0, 1e-3, True), X, T)


def test_losses_can_be_copied():
    weighted = nn.CrossEntropyLoss(mt.tensor(W), label_smoothing=0.1)
    again = copy.deepcopy(weighted)
    x, t = leaf(X), mt.tensor(LABELS)
    assert again(x, t).item() == weighted(x, t).item()
    assert again.weight is not weighted.weight
