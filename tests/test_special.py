"""Special functions: their accuracy, poles and extremes, and the names of torch.special."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import minitorch
from minitorch import tensor

EULER = 0.5772156649015329
ENDS = [0.0, -0.0, -1.0, -2.0, -3.5, math.inf, math.nan, 1e308, 1e-308, -1e-10, 171.0]
NEAR_1 = [1 + s * 10.0**-k for k in range(1, 16) for s in (1, -1)]


def test_lgamma_is_the_log_of_a_factorial():
    """The factorials are exact; math.lgamma loses digits near 1 and 2, where it is 0."""
    n = np.arange(1.0, 171)
    want = [math.log(math.factorial(int(k) - 1)) for k in n]
    np.testing.assert_allclose(tensor(n).lgamma().numpy(), want, rtol=1e-15)


def test_lgamma_is_maths():
    x = np.concatenate([np.linspace(-9.97, 40, 3001), 10.0 ** np.linspace(-300, 300, 201)])
    want = np.vectorize(math.lgamma)(x)
    np.testing.assert_allclose(tensor(x).lgamma().numpy(), want, rtol=2e-14, atol=2e-14)


def test_lgamma_keeps_its_digits_where_it_is_0():
    z = np.array([10.0**-k for k in range(4, 15)])
    z = (1 + z) - 1  # what is left of it beside 1
    # log Γ(1 + z) = -γ z + ζ(2) z² / 2 - ...,  log Γ(2 + z) = log(1 + z) + log Γ(1 + z)
    series = -EULER * z + math.pi**2 / 12 * z * z - 1.2020569031595942 / 3 * z**3
    np.testing.assert_allclose(tensor(1 + z).lgamma().numpy(), series, rtol=1e-12)
    z = (2 + z) - 2
    series = (1 - EULER) * z + (math.pi**2 / 12 - 0.5) * z * z
    np.testing.assert_allclose(tensor(2 + z).lgamma().numpy(), series, rtol=1e-8)


def test_digamma_and_polygamma_at_points_that_are_known():
    x = tensor([1.0, 0.5, 2.0], dtype="float64")
    known = [-EULER, -EULER - 2 * math.log(2), 1 - EULER]
    np.testing.assert_allclose(x.digamma().numpy(), known, rtol=1e-14)
    known = [math.pi**2 / 6, math.pi**2 / 2, math.pi**2 / 6 - 1]
    np.testing.assert_allclose(x.polygamma(1).numpy(), known, rtol=1e-14)
    assert minitorch.polygamma(3, x)[0].item() == pytest.approx(math.pi**4 / 15, rel=1e-14)


@pytest.mark.parametrize("n", range(7))
def test_polygamma_steps_and_reflects(n: int):
    """ψₙ(x + 1) - ψₙ(x) = (-1)ⁿ n! / xⁿ⁺¹, on both sides of 0."""
    x = np.linspace(-4.9, 12, 340) + 0.0123
    step = minitorch.polygamma(n, tensor(x + 1)).numpy() - minitorch.polygamma(n, tensor(x)).numpy()
    want = (-1) ** n * math.factorial(n) / x ** (n + 1)
    size = np.abs(minitorch.polygamma(n, tensor(x)).numpy())
    assert (np.abs(step - want) <= 1e-12 * (1 + size)).all()


def test_the_gamma_functions_are_torchs():
    torch = pytest.importorskip("torch")
    x = np.concatenate([np.linspace(-4.98, 30, 1001) + 0.003, NEAR_1])
    for name in ("lgamma", "digamma"):
        want = getattr(torch, name)(torch.tensor(x)).numpy()
        np.testing.assert_allclose(
            getattr(minitorch, name)(tensor(x)).numpy(), want, rtol=2e-12, atol=1e-15
        )
    for n, rtol in ((1, 2e-9), (2, 1e-11), (4, 1e-11)):  # its ψ₁ is right to ten digits
        want = torch.polygamma(n, torch.tensor(x)).numpy()
        np.testing.assert_allclose(minitorch.polygamma(n, tensor(x)).numpy(), want, rtol=rtol)


def test_poles_and_ends_are_torchs():
    torch = pytest.importorskip("torch")
    x, t = tensor(ENDS, dtype="float64"), torch.tensor(ENDS, dtype=torch.float64)
    for name in ("lgamma", "digamma"):
        np.testing.assert_allclose(getattr(x, name)().numpy(), getattr(t, name)(), rtol=1e-12)
    assert math.isinf(tensor(-math.inf).lgamma().item())
    for n in (1, 2, 3):  # torch: a large number for ψ₁ at -1, nan for ψ₂ at inf
        got, want = minitorch.polygamma(n, x).numpy(), torch.polygamma(n, t).numpy()
        same = [i for i, v in enumerate(ENDS) if v not in (-1.0, -2.0, math.inf)]
        np.testing.assert_allclose(got[same], want[same], rtol=1e-8)


def test_poles_without_torch():
    at_0 = tensor([0.0, -0.0])
    assert at_0.lgamma().tolist() == [math.inf, math.inf]
    assert at_0.digamma().tolist() == [-math.inf, math.inf]
    assert np.isnan(tensor([-1.0, -7.0]).digamma().numpy()).all()
    assert minitorch.polygamma(1, tensor([0.0, -3.0])).tolist() == [math.inf, math.inf]
    assert minitorch.polygamma(2, tensor([0.0, -3.0])).tolist() == [-math.inf, -math.inf]
    assert minitorch.polygamma(2, tensor(math.inf)).item() == 0


def test_polygamma_wants_an_order():
    with pytest.raises(ValueError, match=r"polygamma.*n must be an integer, at least 0, got -1"):
        minitorch.polygamma(-1, tensor(1.0))
    with pytest.raises(ValueError, match=r"got 1\.5"):
        tensor(1.0).polygamma(1.5)


def test_erfinv_undoes_erf():
    x = np.concatenate([np.linspace(-0.999, 0.999, 2001), 1 - 10.0 ** -np.arange(4, 17.0)])
    x = np.concatenate([x, 10.0 ** np.linspace(-300, -1, 101)])
    back = np.vectorize(math.erf)(tensor(x).erfinv().numpy())
    np.testing.assert_allclose(back, x, rtol=1e-15)
    assert tensor([1.0, -1.0, 0.0]).erfinv().tolist() == [math.inf, -math.inf, 0.0]
    assert np.isnan(tensor([1.5, -1.1, math.nan]).erfinv().numpy()).all()


def test_erfinv_is_torchs():
    torch = pytest.importorskip("torch")
    x = np.concatenate([np.linspace(-1, 1, 2001), 1 - 10.0 ** -np.arange(4, 17.0)])
    want = torch.erfinv(torch.tensor(x)).numpy()
    np.testing.assert_allclose(tensor(x).erfinv().numpy(), want, rtol=4e-15)


def test_the_slope_of_sinc_keeps_its_digits_near_0():
    x = np.array([0.0, 1e-12, 1e-8, 1e-4, 0.01])
    t = tensor(x, requires_grad=True)
    t.sinc().sum().backward()
    want = -(math.pi**2) * x / 3 + math.pi**4 * x**3 / 30 - math.pi**6 * x**5 / 840
    np.testing.assert_allclose(t.grad.numpy(), want, rtol=1e-13)
    t = tensor(np.linspace(0.2, 0.3, 7), requires_grad=True)  # both sides of where the series ends
    t.sinc().sum().backward()
    z = math.pi * t.detach().numpy()
    np.testing.assert_allclose(
        t.grad.numpy(), math.pi * (z * np.cos(z) - np.sin(z)) / z**2, rtol=1e-13
    )


def test_what_is_0_or_a_sign_or_nan_is_as_in_torch():
    torch = pytest.importorskip("torch")
    a = np.array([[1.0, 0.0, -1.0, -0.0, math.nan, math.inf]])
    b = np.array([[2.0], [0.0], [-2.0], [math.nan], [-0.0], [math.inf]])
    for name in ("heaviside", "copysign", "xlogy"):
        want = getattr(torch, name)(torch.tensor(a), torch.tensor(b)).numpy()
        got = getattr(minitorch, name)(tensor(a), tensor(b)).numpy()
        np.testing.assert_array_equal(
            np.signbit(got), np.signbit(want) | (np.isnan(want) & np.signbit(got))
        )
        np.testing.assert_array_equal(got, want)


def test_xlogy_and_copysign_by_hand():
    assert minitorch.xlogy(tensor([0.0, 0.0, 2.0]), tensor([0.0, -1.0, 1.0])).tolist() == [0, 0, 0]
    assert math.isnan(minitorch.xlogy(tensor(0.0), tensor(math.nan)).item())
    assert tensor([1.0, -2.0]).copysign(tensor([-0.0, 0.0])).tolist() == [-1, 2]


def test_integers_become_floats_and_float32_stays():
    n = tensor([1, 2, 3])
    for name in ("lgamma", "digamma", "erfinv", "sinc", "deg2rad", "rad2deg"):
        assert getattr(n, name)().dtype == minitorch.float32
        assert getattr(n.to("float16"), name)().dtype == minitorch.float16
    assert minitorch.xlogy(n, n).dtype == minitorch.float32
    assert tensor(180.0).deg2rad().item() == pytest.approx(math.pi)
    assert tensor(math.pi).rad2deg().item() == pytest.approx(180)


@pytest.mark.parametrize(
    "name", ["lgamma_", "digamma_", "erfinv_", "sinc_", "deg2rad_", "rad2deg_"]
)
def test_in_place_forms(name: str):
    x = tensor([0.25, 0.75])
    want = getattr(x, name.removesuffix("_"))().tolist()
    assert getattr(x, name)() is x
    assert x.tolist() == want


ALONE = (
    "digamma psi entr erf erfc erfinv exp2 expit expm1 gammaln log1p logit ndtr ndtri round sinc"
)
SPECIAL: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(ALONE.split(), ()),
    "log_softmax": (0,),
    "softmax": (0,),
    "logsumexp": (0,),
}


@pytest.mark.parametrize("name", SPECIAL)
def test_the_names_of_torch_special_mean_the_same(name: str):
    torch = pytest.importorskip("torch")
    x = np.linspace(0.02, 0.98, 12).reshape(3, 4)
    want = getattr(torch.special, name)(torch.tensor(x), *SPECIAL[name]).numpy()
    got = getattr(minitorch.special, name)(tensor(x), *SPECIAL[name]).numpy()
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-15)


def test_every_name_of_the_namespace_is_torchs():
    torch = pytest.importorskip("torch")
    names = set(minitorch.special.__all__)
    assert names <= set(dir(torch.special))
    assert names == {*SPECIAL, "polygamma", "xlogy"}


def test_ndtri_keeps_small_probabilities_in_float32():
    p = tensor([1e-10, 1e-8, 0.25], requires_grad=True)
    y = minitorch.special.ndtri(p)
    np.testing.assert_allclose(y.tolist(), [-6.361341, -5.612001, -0.6744898], rtol=1e-5)
    y.sum().backward()
    density = np.exp(-(y.detach().numpy().astype(float) ** 2) / 2) / math.sqrt(2 * math.pi)
    np.testing.assert_allclose(p.grad.numpy(), 1 / density, rtol=1e-4)
    assert minitorch.special.ndtri(tensor([1])).dtype == y.dtype == p.grad.dtype


def test_entr_and_ndtr_at_their_ends():
    torch = pytest.importorskip("torch")
    x = np.array([-1.0, 0.0, 0.5, math.inf, math.nan])
    for name in ("entr", "ndtr"):
        want = getattr(torch.special, name)(torch.tensor(x)).numpy()
        np.testing.assert_allclose(getattr(minitorch.special, name)(tensor(x)).numpy(), want)
    tail = minitorch.special.ndtr(tensor([-30.0], dtype="float64")).item()
    assert tail == pytest.approx(4.906713927148187e-198, rel=1e-13)
