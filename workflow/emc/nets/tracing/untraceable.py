"""When a module's computation is not one that a graph describes."""


class UntraceableError(Exception):
    """A module does something that graphs do not have, or does it in another way."""
