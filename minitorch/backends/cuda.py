"""Products on a GPU: float32 as it is, or with the 10 digits of TF32 for several times the speed.

TF32 keeps the range of float32 and rounds the factors to 10 binary digits of 23; sums are float32.
It is off until it is asked for, as in torch: a result then has 3 decimal digits and not 7. On the
CPU, and on GPUs older than Ampere (compute capability 8.0), it changes nothing.
"""

from __future__ import annotations

from minitorch import array as arrays
from minitorch.dtypes import float32

__all__ = ["matmul"]

_DEFAULT, _TF32 = 1, 7  # CuPy's numbers for how a product is computed


class _Matmul:
    """The switches of matrix products; an unknown name is an AttributeError."""

    __slots__ = ("_tf32",)

    def __init__(self) -> None:
        self._tf32 = False

    @property
    def allow_tf32(self) -> bool:
        """May float32 products on a GPU round their factors to TF32? Off by default.

        >>> import minitorch
        >>> minitorch.backends.cuda.matmul.allow_tf32
        False
        """
        return self._tf32

    @allow_tf32.setter
    def allow_tf32(self, allow: bool) -> None:
        if not isinstance(allow, bool):
            raise TypeError(f"allow_tf32: expected True or False, got {allow!r}")
        if arrays.cuda_is_available():
            # CuPy has no public name for it, but for an environment variable that is read once.
            core = arrays.cupy()._core
            core.set_compute_type(float32, _TF32 if allow else _DEFAULT)
        self._tf32 = allow


matmul = _Matmul()
