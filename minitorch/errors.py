"""Errors that several parts of minitorch raise."""


class CheckpointError(ValueError, RuntimeError):
    """A saved state is damaged, foreign, or does not fit what it is loaded into.

    A RuntimeError too, which is what torch's `load_state_dict` raises.
    """
