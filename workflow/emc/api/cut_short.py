"""A measurement that an error or Ctrl-C cuts short: its finished probes are not lost."""

import sysconfig
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from emc.api.measurement import Measurement
from emc.errors import EmcError, with_kind
from emc.search import Request

_INSTALLED: Final = tuple(
    str(folder)
    for folder in (
        Path(__file__).parents[1],
        sysconfig.get_path("purelib"),
        sysconfig.get_path("platlib"),
        sysconfig.get_path("stdlib"),
        "<frozen ",
    )
)
"""Where no line of the user's lies: of this program, of packages and of Python."""


class CutShortError(EmcError):
    """An error ended a measurement; `measured` is what its finished probes say, None without any.

    The error itself is its cause.
    """

    def __init__(self, told: str, measured: Measurement | None) -> None:
        """Take the message, and what was measured before."""
        super().__init__(told)
        self.measured = measured


class CutShortInterrupt(KeyboardInterrupt):
    """Ctrl-C, or a notebook's stop button, ended a measurement; `measured` as of an error."""

    def __init__(self, told: str, measured: Measurement | None) -> None:
        """Take the message, and what was measured before."""
        super().__init__(told)
        self.measured = measured


def reason_of(error: BaseException) -> str:
    """What an error says, and the user's line that it came from, where it did."""
    said = str(error) if isinstance(error, EmcError) else with_kind(error)
    line = _users_line(error)
    return said if line is None else f"{said} ({line})"


def cut_short(
    error: BaseException, asked: Sequence[Request], measured: Measurement | None
) -> CutShortError | CutShortInterrupt:
    """What to raise in place of `error`, which came while these probes were trained or finished."""
    sizes = sorted({one.n for one in asked})
    span = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    done = 0 if measured is None else len(measured.records)
    probes = "the probe before it is" if done == 1 else f"the {done} probes before it are"
    kept = f"{probes} in this error's `measured`" if done else "before any probe was finished"
    if isinstance(error, KeyboardInterrupt):
        return CutShortInterrupt(f"stopped at n = {span}; {kept}", measured)
    return CutShortError(f"cut short at n = {span} by {reason_of(error)}; {kept}", measured)


def _users_line(error: BaseException) -> str | None:
    """The innermost line that is of no program or package, of the error or else of its cause."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [each for each in frames if not each.filename.startswith(_INSTALLED)]
    if own:
        return f"{own[-1].filename}, line {own[-1].lineno}"
    return None if error.__cause__ is None else _users_line(error.__cause__)
