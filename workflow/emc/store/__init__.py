"""Files: the only floor that knows a format.

Knows Parquet schemas with a description of every column, the journal of a running cell, tensor
files, JSON documents, atomic writes and where results lie.
Must not know what the numbers mean or how they are computed.
"""

from emc.store.columns import TABLES, Column, Table
from emc.store.documents import read_document, write_document
from emc.store.layout import CellFiles, Results, StudyFiles

__all__ = [
    "TABLES",
    "CellFiles",
    "Column",
    "Results",
    "StudyFiles",
    "Table",
    "read_document",
    "write_document",
]
