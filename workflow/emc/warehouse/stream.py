"""What polars is handed in the place of a DuckDB relation."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ArrowStream:
    """Rows by Arrow's PyCapsule interface.

    polars remembers the type of everything it is given until the process ends. Handed a relation
    it keeps DuckDB's types alive, and DuckDB 2.0 then prints pages of leaked names to standard
    error at exit; so this type lives in a module that knows nothing of DuckDB.
    """

    open: Callable[[object], object]

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The stream, once."""
        return self.open(requested_schema)
