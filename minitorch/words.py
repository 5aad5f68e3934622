"""NumPy's words, as the bodies of ops say them: `np.exp`, `np.where`, each found at once.

NumPy's own module answers to names that it no longer has, by a `__getattr__`. In such a module
Python looks every name up anew, which takes 60 ns for each `np.exp`: a quarter of what NumPy itself
needs for few numbers. The module here holds the same functions, and no `__getattr__`.
"""

from types import ModuleType
from typing import TYPE_CHECKING

import numpy

if TYPE_CHECKING:
    import numpy as np
else:
    np = ModuleType("numpy")
    np.__dict__.update({name: it for name, it in vars(numpy).items() if name != "__getattr__"})

__all__ = ["np"]
