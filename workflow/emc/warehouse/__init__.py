"""One DuckDB file per study: tables loaded from Parquet, and the views that questions are asked of.

Knows SQL, how files become tables, and the meaning of every table and view by column.
Must not know how a number was measured, which claim it serves, or how it is drawn.
"""

from emc.warehouse.build import build
from emc.warehouse.dictionary import RELATIONS, data_dictionary
from emc.warehouse.open import Warehouse, once, open_database

__all__ = [
    "RELATIONS",
    "Warehouse",
    "build",
    "data_dictionary",
    "once",
    "open_database",
]
