"""Settings: what holds for a whole program, in one place, and what differs inside a block.

    print(minitorch.config)
    with minitorch.using_config(default_dtype=minitorch.float64, num_threads=1):
        ...

They hold for all threads, unlike `no_grad`, `detect_anomaly` and `autocast`, which are blocks of
their own. The environment is read once, when the package is imported: `OMP_NUM_THREADS` is the
first `num_threads`. (`MINITORCH_DATA` is where data sets lie, and is read by those.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from difflib import get_close_matches
from functools import partial
from typing import Any, NamedTuple

from minitorch import backends
from minitorch.dtypes import get_default_dtype, set_default_dtype
from minitorch.printing import get_printoptions, set_printoptions, use_format
from minitorch.threads import get_num_threads, set_num_threads


class Setting(NamedTuple):
    """How a setting is read and written."""

    get: Callable[[], Any]
    set: Callable[[Any], None]


def _allow_tf32(allow: bool) -> None:
    backends.cuda.matmul.allow_tf32 = allow


def _printed(name: str, value: Any) -> None:
    """Changes one of the print options, and leaves the others."""
    before = get_printoptions()
    if value is None:  # which is what NumPy does, or what the numbers say
        changed: dict[str, Any] = {name: None}
        use_format(replace(before, **changed))
    elif name == "sci_mode":
        set_printoptions(sci_mode=value)
    else:
        set_printoptions(**{name: value}, sci_mode=before.sci_mode)


def _print_option(name: str) -> Setting:
    return Setting(lambda: getattr(get_printoptions(), name), partial(_printed, name))


SETTINGS = {
    "default_dtype": Setting(get_default_dtype, set_default_dtype),
    "num_threads": Setting(get_num_threads, set_num_threads),
    "allow_tf32": Setting(lambda: backends.cuda.matmul.allow_tf32, _allow_tf32),
    "print_precision": _print_option("precision"),
    "print_threshold": _print_option("threshold"),
    "print_edgeitems": _print_option("edgeitems"),
    "print_linewidth": _print_option("linewidth"),
    "print_sci_mode": _print_option("sci_mode"),
}


def _setting(name: str, who: str, error: type[Exception]) -> Setting:
    if name in SETTINGS:
        return SETTINGS[name]
    near = get_close_matches(name, SETTINGS, 1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(SETTINGS)}"
    raise error(f"{who}: no setting is called {name!r}{hint}")


class Config:
    """Every setting as an attribute, to be read and written.

    >>> import minitorch
    >>> minitorch.config.default_dtype
    dtype('float32')
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        return _setting(name, "config", AttributeError).get()

    def __setattr__(self, name: str, value: Any) -> None:
        _setting(name, "config", AttributeError).set(value)

    def __dir__(self) -> list[str]:
        return [*SETTINGS]

    def __repr__(self) -> str:
        return "\n".join(f"{name} = {setting.get()}" for name, setting in SETTINGS.items())


config = Config()


@contextmanager
def using_config(**settings: Any) -> Iterator[None]:
    """Inside the block, or the decorated function, these settings hold; afterwards those before.

    They are put back whatever happens inside, also where one of the values is refused.

    Args:
        settings: names and values, as in `config`.

    Raises:
        TypeError: there is no setting of that name. A value that does not fit raises what setting
            it raises.

    >>> import minitorch
    >>> with using_config(default_dtype=minitorch.float64):
    ...     minitorch.tensor(0.5).dtype
    dtype('float64')
    >>> minitorch.tensor(0.5).dtype
    dtype('float32')
    """
    chosen = {name: _setting(name, "using_config", TypeError) for name in settings}
    with ExitStack() as back:
        for name, setting in chosen.items():
            back.callback(setting.set, setting.get())
            setting.set(settings[name])
        yield
