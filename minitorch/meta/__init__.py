"""A meta array has a shape and a dtype but no values, so the size of a model can be asked for free.

    x = Meta((64, 1_000_000), np.float32)
    w = Meta((1_000_000, 1_000_000), np.float32)
    np.exp(x) @ w                                   # Meta((64, 1000000), float32), at once

It answers NumPy's two protocols (`__array_ufunc__`, `__array_function__`), so code written for
real arrays runs on it unchanged. Almost no shape rule is written out here, because two kinds of
real array cost nothing and let NumPy do the work, with its own checks, dtypes and messages:

- The **view**: one element with all strides zero looks like an array of any size. Whatever only
  looks at an array differently (reshape, transpose, flip, split) is done on the view.
- The **empty batch**: zero arrays of this shape, an array of shape `(0, *shape)`. Whatever
  computes (exp, @, sum, sort, pad) is done on the empty batch. NumPy checks and broadcasts the
  shapes and picks the dtype, finds nothing to compute, and the answer is the result's shape
  without the leading 0.

`core.py` has the class and the two arrays, `rules.py` the table of NumPy's functions.
"""

from minitorch.meta import rules  # Fills the tables that a Meta looks into.
from minitorch.meta.core import Meta, NeedsValuesError

__all__ = ["Meta", "NeedsValuesError", "rules"]
