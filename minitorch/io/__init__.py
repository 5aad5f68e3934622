"""Keeping what was learned: one file that torch can read, whole or not there, and no pickle.

`save` and `load` are for any nested dicts and lists of tensors, numbers and strings; `Checkpoint`
holds all that a training run needs to go on. From the inside out:

- `tree.py` takes nested containers apart into named arrays and a JSON form, and puts them together;
- `safe.py` is the file format, safetensors, with a digest for every tensor, and `header.py` what
  may stand in its header;
- `file.py` replaces a file in one step, so that a crash leaves the old one or the new one;
- `store.py` is `save` and `load`, and `checkpoint.py` the state of a whole run.
"""

from minitorch.errors import CheckpointError
from minitorch.io.checkpoint import Checkpoint
from minitorch.io.store import load, save

__all__ = ["Checkpoint", "CheckpointError", "load", "save"]
