"""What networks are made of; so far, their functions."""

from minitorch.nn import functional

__all__ = ["functional"]
