"""The one error that is the user's to mend, and the exit codes of every command."""

from typing import Final

EXIT_USER_ERROR: Final = 2
EXIT_INTERRUPTED: Final = 75
"""Start the same command again and it goes on where it was (EX_TEMPFAIL of sysexits.h)."""


class EmcError(Exception):
    """Something the user can mend: the message says what was found, where, and what is allowed.

    Commands print ``error: <message>`` and exit with ``EXIT_USER_ERROR``; any other exception
    that reaches the user is a bug.
    """


class FileError(EmcError):
    """A file is missing, damaged, in use or cannot be written: the fault of no cell.

    What a cell does wrong counts as its failure; this does not, since it can pass.
    """


class StopRequested(Exception):  # noqa: N818
    """The process was asked to stop and has saved: the same command goes on from there."""
