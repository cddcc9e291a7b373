"""The one error that is the user's to mend, and the exit codes of every command."""

from contextlib import suppress
from reprlib import Repr
from typing import Any, Final

EXIT_USER_ERROR: Final = 2
EXIT_INTERRUPTED: Final = 75
"""Start the same command again and it goes on where it was (EX_TEMPFAIL of sysexits.h)."""


class EmcError(Exception):
    """Something the user can mend: the message says what was found, where, and what is allowed.

    Commands print ``error: <message>`` and exit with ``EXIT_USER_ERROR``; any other exception
    that reaches the user is a bug.
    """


class MachineError(EmcError):
    """The machine, its files or its settings are at fault, and no cell.

    What a cell does wrong counts as its failure; this does not, since it can pass.
    """


class FileError(MachineError):
    """A file is missing, damaged, in use or cannot be written."""


def one_line(error: BaseException) -> str:
    """What an error says, or else its kind, in one line of a message."""
    return in_one_line(_text(error)) or type(error).__name__


def with_kind(error: BaseException) -> str:
    """An error's kind and what it says, if it says anything, in one line of a message."""
    return f"{type(error).__name__}: {in_one_line(_text(error))}".removesuffix(": ")


def in_one_line(text: str) -> str:
    """The text as a line that every terminal, table and database takes.

    White space becomes single blanks; of other characters, those that cannot be printed (control
    characters, lone surrogates) are written as Python's escapes.
    """
    return printable(" ".join(text.split()))


_SHORT: Final = Repr()
_SHORT.maxstring = _SHORT.maxother = 60


def shown(value: Any) -> str:
    """A class by its name, anything with a shape by it, and all else by its shortened `repr`."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    with suppress(AttributeError, RuntimeError, TypeError):  # nested tensors refuse to say theirs
        return f"{type(value).__name__} of shape {tuple(value.shape)}"
    return in_one_line(_SHORT.repr(value))


def printable(text: str) -> str:
    """The text with escapes for what cannot be printed; line breaks and tabs stay."""
    return "".join(
        each if each.isprintable() or each in "\n\t" else each.encode("unicode_escape").decode()
        for each in text
    )


def _text(error: BaseException) -> str:
    """A plug-in's own error may fail even at this."""
    try:
        return str(error)
    except Exception:
        return ""


class Stopped(Exception):  # noqa: N818
    """The process was asked to stop and has saved: the same command goes on from there."""
