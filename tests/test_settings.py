"""Settings: read and written in one place, and put back after a block whatever happened in it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minitorch as mt
from minitorch.printing import PROFILES, get_printoptions, use_format
from minitorch.settings import SETTINGS

# A value of each that is not its first.
OTHER = {
    "default_dtype": mt.float64,
    "num_threads": 7,
    "allow_tf32": True,
    "print_precision": 2,
    "print_threshold": 5,
    "print_edgeitems": 1,
    "print_linewidth": 40,
    "print_sci_mode": True,
}


@pytest.fixture(autouse=True)
def _as_before() -> Any:
    before = {name: setting.get() for name, setting in SETTINGS.items()}
    yield
    for name, setting in SETTINGS.items():
        setting.set(before[name])


def all_of_them() -> dict[str, Any]:
    return {name: getattr(mt.config, name) for name in SETTINGS}


# blocks ------------------------------------------------------------------------------------------


def test_every_setting_has_a_value_to_be_tested_with():
    assert OTHER.keys() == SETTINGS.keys()


@pytest.mark.parametrize("name", SETTINGS)
def test_a_block_changes_a_setting_and_puts_it_back(name: str):
    before = all_of_them()
    with mt.using_config(**{name: OTHER[name]}):
        assert all_of_them() == {**before, name: OTHER[name]}
        with mt.using_config(**{name: before[name]}):
            assert all_of_them() == before
        assert getattr(mt.config, name) == OTHER[name]
    assert all_of_them() == before


def test_a_block_puts_everything_back_after_an_exception():
    """G76."""
    before = all_of_them()
    inside = []
    with pytest.raises(ZeroDivisionError), mt.using_config(**OTHER):
        inside.append(all_of_them()) or 1 / 0
    assert inside == [OTHER]
    assert all_of_them() == before


def test_a_block_puts_back_what_was_changed_inside_by_hand():
    with mt.using_config(default_dtype=mt.float64):
        mt.set_default_dtype(mt.float16)
    assert mt.get_default_dtype() == mt.float32


def test_where_a_value_is_refused_none_is_changed():
    before = all_of_them()
    for wrong, error in ((0, ValueError), ("many", TypeError)):
        with (
            pytest.raises(error, match="set_num_threads"),
            mt.using_config(default_dtype=mt.float64, print_precision=9, num_threads=wrong),
        ):
            raise AssertionError("it does not begin")
    assert all_of_them() == before


def test_as_a_decorator():
    @mt.using_config(default_dtype=mt.float64)
    def half() -> mt.Tensor:
        return mt.tensor(0.5)

    assert half().dtype == half().dtype == np.float64
    assert mt.tensor(0.5).dtype == np.float32


def test_an_unknown_setting_is_named_with_the_one_that_was_meant():
    with pytest.raises(TypeError, match="using_config: no setting is called 'num_thread'; did you"):
        mt.using_config(num_thread=1).__enter__()
    with pytest.raises(AttributeError, match="config: no setting is called 'dtype_default'"):
        mt.config.dtype_default = 1
    with pytest.raises(AttributeError, match="there are default_dtype, num_threads"):
        mt.config.zzz  # noqa: B018


# the object --------------------------------------------------------------------------------------


def test_settings_are_those_of_their_own_functions():
    mt.config.num_threads = 3
    assert mt.get_num_threads() == 3
    mt.set_default_dtype(mt.float64)
    assert mt.config.default_dtype == mt.float64
    mt.config.allow_tf32 = True
    assert mt.backends.cuda.matmul.allow_tf32 is True
    assert not hasattr(mt.config, "nothing")
    assert dir(mt.config) == sorted(SETTINGS)


def test_printed_it_shows_every_setting():
    shown = dict(line.split(" = ") for line in repr(mt.config).splitlines())
    assert shown.keys() == SETTINGS.keys()
    assert shown["default_dtype"] == "float32"


def test_the_environment_says_how_many_threads_there_are_at_first():
    code = "import minitorch; print(minitorch.config.num_threads)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"OMP_NUM_THREADS": "5", "PATH": "", "PYTHONPATH": str(Path(mt.__file__).parents[1])},
    )
    assert done.stdout.strip() == "5"


# printing ----------------------------------------------------------------------------------------


def test_tensors_are_printed_as_it_was_set():
    x = mt.tensor([1 / 3, 1e-5])
    assert repr(x) == "tensor([3.3333e-01, 1.0000e-05])"
    with mt.using_config(print_sci_mode=False):
        assert repr(x) == "tensor([0.3333, 0.0000])"
        with mt.using_config(print_precision=6):
            assert repr(x) == "tensor([0.333333, 0.000010])"
    with mt.using_config(print_sci_mode=True, print_precision=1):
        assert repr(mt.tensor([2.0])) == "tensor([2.0e+00])"
    many = mt.arange(8)
    with mt.using_config(print_threshold=5, print_edgeitems=2):
        assert repr(many) == "tensor([0, 1, ..., 6, 7])"
    with mt.using_config(print_linewidth=20):
        assert repr(many) == "tensor([0, 1, 2, 3,\n        4, 5, 6, 7])"
    assert repr(many) == "tensor([0, 1, 2, 3, 4, 5, 6, 7])"


def test_profiles_and_what_is_left_out_stays():
    mt.set_printoptions(profile="short")
    assert get_printoptions() == PROFILES["short"]
    mt.set_printoptions(edgeitems=5)
    assert (get_printoptions().precision, get_printoptions().edgeitems) == (2, 5)
    mt.set_printoptions(profile="full")
    assert "..." not in repr(mt.zeros(2000))
    mt.set_printoptions(profile="default", precision=1)
    assert repr(mt.tensor([0.25])) == "tensor([0.2])"
    use_format(PROFILES["default"])
    assert "..." in repr(mt.zeros(2000))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"profile": "long"}, "profile='long', expected one of default, short, full"),
        ({"precision": -1}, "precision=-1, expected a number >= 0"),
        ({"threshold": float("nan")}, "threshold=nan, expected a number >= 0"),
        ({"edgeitems": "3"}, "edgeitems='3', expected a number >= 0"),
        ({"linewidth": True}, "linewidth=True, expected a number >= 0"),
    ],
)
def test_print_options_that_make_no_sense(options: dict, message: str):
    before = get_printoptions()
    with pytest.raises(ValueError, match=f"set_printoptions: {message}"):
        mt.set_printoptions(**options)
    assert get_printoptions() == before


def test_print_options_are_torchs():
    torch = pytest.importorskip("torch")
    values = [[1 / 3, 2.0], [-5.5, 1e-5]]
    try:
        for options in (
            {"precision": 2, "sci_mode": False},
            {"precision": 6, "sci_mode": True},
            {"profile": "short", "sci_mode": False},
        ):
            mt.set_printoptions(profile="default")
            torch.set_printoptions(profile="default")
            mt.set_printoptions(**options)
            torch.set_printoptions(**options)
            ours, theirs = repr(mt.tensor(values)), repr(torch.tensor(values))
            assert "".join(ours.split()) == "".join(theirs.split())
    finally:
        torch.set_printoptions(profile="default")
