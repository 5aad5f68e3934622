"""All rows: every module in this folder offers a list called ROWS."""

import importlib
import pkgutil

from tests.table import Row

ROWS: list[Row] = [
    row
    for module in sorted(m.name for m in pkgutil.iter_modules(__path__))
    for row in importlib.import_module(f"tests.rows.{module}").ROWS
]
