"""How the libraries underneath compute, under torch's names: `backends.cuda.matmul.allow_tf32`."""

from minitorch.backends import cuda

__all__ = ["cuda"]
