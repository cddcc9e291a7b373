"""Being asked to stop: by SLURM before a time limit or a preemption, or by Ctrl-C."""

import logging
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from time import sleep
from types import FrameType
from typing import Final

from emc.errors import EXIT_INTERRUPTED

log = logging.getLogger(__name__)

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_SECONDS_TO_SAVE: Final = 20.0
_SECONDS_FOR_LAST_WORDS: Final = 2.0


class Stop:
    """Whether the process was asked to stop; work that can save looks at it."""

    def __init__(self) -> None:
        """Nobody has asked yet."""
        self._asked = Event()
        self._idle = Event()
        self._idle.set()

    def is_set(self) -> bool:
        """Whether it was asked."""
        return self._asked.is_set()

    @contextmanager
    def saving(self) -> Iterator[None]:
        """What runs inside looks at `is_set` now and then, saves, and raises `Stopped`."""
        self._idle.clear()
        try:
            yield
        finally:
            self._idle.set()

    def ask(self) -> None:
        """Ask, and end the process where it does not end by itself in 22 seconds.

        That loses what a kill would lose, and journals are made to be killed. Where nothing is
        being saved the process has two seconds.
        """
        self._asked.set()
        self._idle.wait(_SECONDS_TO_SAVE)
        sleep(_SECONDS_FOR_LAST_WORDS)
        os._exit(EXIT_INTERRUPTED)


@contextmanager
def stop_on_signal() -> Iterator[Stop]:
    """Let SIGTERM and SIGINT ask for a stop, even while the main thread is in a library's code."""
    stop = Stop()
    woken, wake = socket.socketpair()
    wake.setblocking(False)
    before = {sign: signal.signal(sign, _noted) for sign in _SIGNALS}
    earlier = signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    Thread(target=_listen, args=(woken, stop), daemon=True).start()
    try:
        yield stop
    finally:
        signal.set_wakeup_fd(earlier)
        for sign, handler in before.items():
            signal.signal(sign, handler)
        wake.close()


def _listen(woken: socket.socket, stop: Stop) -> None:
    """The byte is the signal's number; none comes when the other end is closed."""
    with woken, suppress(OSError):
        if number := woken.recv(1):
            log.warning("%s: stopping", signal.Signals(number[0]).name)
            stop.ask()


def _noted(number: int, frame: FrameType | None) -> None:
    """Without a handler in Python the signal would not be written to the socket."""
