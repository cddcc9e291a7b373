"""How a message shows what was found, in one line."""

from contextlib import suppress
from reprlib import Repr
from typing import Any

_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = 60


def shown(value: Any) -> str:
    """A class by its name, anything with a shape by it, and all else by its shortened `repr`."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    with suppress(AttributeError, RuntimeError, TypeError):  # nested tensors refuse to say theirs
        return f"{type(value).__name__} of shape {tuple(value.shape)}"
    return " ".join(_SHORT.repr(value).split())
