"""What reads a data set's originals, and where those come from under which terms."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from emc.data.content import Content
from emc.data.originals import Shelf


class About(NamedTuple):
    """Provenance, for the manifest and the page."""

    origin: str
    licence: str


class Reader(NamedTuple):
    """Reads one data set.

    `read` takes the entry of a study and the shelf that its originals stand on; what it raises is
    what `emc.data.prepare.prepare` says of originals.
    """

    read: Callable[[Any, Shelf], Content]
    about: About


USER_DATA: Final = "the user's own data, under the user's terms"
"""The licence of what a user gives."""
