"""The one error that is the user's to mend, and the exit codes of every command."""

from typing import Final

EXIT_USER_ERROR: Final = 2


class EmcError(Exception):
    """Something the user can mend: the message says what was found, where, and what is allowed.

    Commands print ``error: <message>`` and exit with ``EXIT_USER_ERROR``; any other exception
    that reaches the user is a bug.
    """
