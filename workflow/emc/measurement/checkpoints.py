"""A round's checkpoints on disk: the engine's snapshots, from time to time and before a stop."""

from contextlib import AbstractContextManager
from pathlib import Path
from time import monotonic
from typing import Final, Protocol

from emc.engine.checkpoint import Snapshot
from emc.errors import Stopped
from emc.store.checkpoint import read_checkpoint, write_checkpoint

SECONDS_BETWEEN: Final = 60.0
_PATIENCE: Final = 20
"""Training takes at least this many times as long as the save before it: large states are dear."""


class Stopping(Protocol):
    """Whether a measurement is to stop."""

    def is_set(self) -> bool:
        """Whether somebody asked for it."""

    def saving(self) -> AbstractContextManager[None]:
        """What runs inside looks at `is_set` now and then, saves, and raises `Stopped`."""


class RoundCheckpoints:
    """Saves at an epoch's end after `seconds` or more, and at the next one when asked to stop."""

    def __init__(self, path: Path, key: str, seconds: float, stop: Stopping | None) -> None:
        """Take the file, and a text that tells the round from all others."""
        self._path, self._key, self._stop = path, key, stop
        self._least = self._pause = seconds
        self._saved = monotonic()

    def load(self) -> Snapshot | None:
        """Where a killed attempt at the same round was; None where nothing usable is there."""
        kept = read_checkpoint(self._path, self._key)
        return None if kept is None else Snapshot(*kept)

    def due(self) -> bool:
        """Whether the last save, or the round's start, is long enough ago."""
        return self._stopping() or monotonic() - self._saved >= self._pause

    def save(self, snapshot: Snapshot) -> None:
        """Write the snapshot.

        Raises:
            FileError: the disk does not take it.
            Stopped: it is written, and somebody asked for the end.
        """
        start = monotonic()
        write_checkpoint(self._path, self._key, snapshot.facts, snapshot.arrays)
        self._saved = monotonic()
        self._pause = max(self._least, _PATIENCE * (self._saved - start))
        if self._stopping():
            raise Stopped("the round under way is saved; the same command goes on")

    def _stopping(self) -> bool:
        return self._stop is not None and self._stop.is_set()
