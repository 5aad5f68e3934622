"""Errors that several parts of minitorch raise."""


class CheckpointError(ValueError):
    """A saved state is damaged, foreign, or does not fit what it is loaded into."""
