"""A function's parameters in one short line, so that a list of hundreds can be committed and read.

`sum(a, axis=None, *, out=None)` is kept as `a axis= * out=`: the names, the order and which of
them may be left out. That is all it takes to refuse what CuPy refuses; defaults are NumPy's.
"""

import contextlib
import inspect
from inspect import Parameter, Signature

ANYTHING = "*args **kwargs"


def write(signature: Signature) -> str:
    """The short line of a signature."""
    words = []
    last = None
    for parameter in signature.parameters.values():
        kind = parameter.kind
        if last is Parameter.POSITIONAL_ONLY and kind is not last:
            words.append("/")
        if kind is Parameter.KEYWORD_ONLY and last not in (kind, Parameter.VAR_POSITIONAL):
            words.append("*")
        stars = {Parameter.VAR_POSITIONAL: "*", Parameter.VAR_KEYWORD: "**"}.get(kind, "")
        optional = "" if parameter.default is Parameter.empty else "="
        words.append(stars + parameter.name + optional)
        last = kind
    if last is Parameter.POSITIONAL_ONLY:
        words.append("/")
    return " ".join(words)


def read(line: str) -> Signature:
    """The signature of a short line; a default is only known to exist, so it reads `...`."""
    kind = Parameter.POSITIONAL_OR_KEYWORD
    found = []
    for word in line.split():
        if word == "/":
            found = [p.replace(kind=Parameter.POSITIONAL_ONLY) for p in found]
        elif word == "*":
            kind = Parameter.KEYWORD_ONLY
        elif word.startswith("**"):
            found.append(Parameter(word[2:], Parameter.VAR_KEYWORD))
        elif word.startswith("*"):
            found.append(Parameter(word[1:], Parameter.VAR_POSITIONAL))
            kind = Parameter.KEYWORD_ONLY
        else:
            default = ... if word.endswith("=") else Parameter.empty
            found.append(Parameter(word.rstrip("="), kind, default=default))
    return Signature(found)


def of(function: object) -> str:
    """The short line of a callable, found by asking it, or from the first line of its docstring.

    CuPy's compiled functions cannot be asked, but their docstrings open with
    `_ndarray_base.swapaxes(self, Py_ssize_t axis1, Py_ssize_t axis2) -> _ndarray_base`.
    """
    if not inspect.isbuiltin(function):  # what those answer depends on the Python that asks
        with contextlib.suppress(TypeError, ValueError):
            return write(inspect.signature(function))
    opening = (getattr(function, "__doc__", None) or "").partition("\n")[0]
    inside = opening.partition("(")[2].rpartition(")")[0]
    if not inside:
        return ANYTHING
    words = []
    for piece in inside.split(","):
        name, optional, _ = piece.partition("=")
        words.append(name.split()[-1] + optional)
    return " ".join(words)
