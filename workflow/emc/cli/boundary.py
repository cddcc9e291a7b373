"""The one place where errors become messages and exit codes."""

import argparse
import errno
import logging
import os
import sys
from collections.abc import Callable
from typing import Final

from emc.errors import (
    EXIT_INTERRUPTED,
    EXIT_USER_ERROR,
    EmcError,
    Stopped,
    one_line,
    printable,
    with_kind,
)
from emc.study.plugins import place_of

log = logging.getLogger(__name__)


def guarded(call: Callable[[], object]) -> int:
    """Run and give the exit code: 0, or 2 with a message for an error that is the user's to mend.

    So is an error, or an exit, that comes out of a plug-in. The code is 75 where the same command
    goes on from what was saved: it was asked to stop, or memory ran out and there may be more next
    time. A folder or an output that takes nothing is the user's to mend, too. Any other exception
    passes: its traceback means a bug. A reader of the output that has seen enough and left, as
    `head` does, is no error.
    """
    try:
        _run_and_flush(call)
    except EmcError as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        return EXIT_USER_ERROR
    except Stopped as stop:
        print(f"stopped: {stop}", file=sys.stderr)
        return EXIT_INTERRUPTED
    except MemoryError as error:
        log.info("memory ran out", exc_info=error)
        print(f"error: out of memory: {one_line(error)}; a retry may ask for more", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (Exception, SystemExit) as error:
        place = place_of(error)
        if place is None and isinstance(error, OSError) and error.errno in _REFUSED:
            return _refused(error)
        if place is None:
            raise
        log.info("a plug-in failed", exc_info=error)
        print(f"error: {place}: {with_kind(error)}", file=sys.stderr)
        return EXIT_USER_ERROR
    return 0


_REFUSED: Final = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}
"""Errors by which a system says that it takes no more, or not from this user."""


def _refused(error: OSError) -> int:
    """Tell what the system refused; what is still to be printed goes nowhere."""
    print(f"error: {error.filename or 'the output'}: {error.strerror}", file=sys.stderr)
    if error.filename is None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return EXIT_USER_ERROR


def _run_and_flush(call: Callable[[], object]) -> None:
    """Flush here, where a broken pipe is caught, and not as the interpreter ends."""
    try:
        call()
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # typer exits with 1 where a reader left
            raise end.__context__ from None
        sys.stdout.flush()
        raise
    sys.stdout.flush()


def script(parser: argparse.ArgumentParser, call: Callable[[argparse.Namespace], object]) -> None:
    """Parse the command line, log to standard error, run, and exit."""
    arguments = parser.parse_args()
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%Y-%m-%d %H:%M:%S"
    )
    raise SystemExit(guarded(lambda: call(arguments)))
