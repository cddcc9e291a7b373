"""When a module's computation is not one that a graph describes."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_raised: ContextVar["list[UntraceableError] | None"] = ContextVar("raised", default=None)


class UntraceableError(Exception):
    """A module does something that graphs do not have, or does it in another way."""

    def __init__(self, why: str) -> None:
        """Note it for `none_swallowed`."""
        super().__init__(why)
        if (raised := _raised.get()) is not None:
            raised.append(self)


@contextmanager
def none_swallowed() -> Iterator[None]:
    """Raise the first UntraceableError within, even where a module's own `except` has caught it."""
    raised: list[UntraceableError] = []
    token = _raised.set(raised)
    try:
        yield
    finally:
        _raised.reset(token)
        if raised:
            raise raised[0]
