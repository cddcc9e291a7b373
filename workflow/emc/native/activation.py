"""Activations as the kernels know them: by the names and the order of `kernel/activations.hpp`."""

import re
from functools import cache
from typing import Final

from emc.activations import ACTIVATIONS
from emc.errors import EmcError
from emc.native.build import HEADERS

_HEADER: Final = HEADERS / "activations.hpp"


def structure_name(activation: str) -> str:
    """What `activations.hpp` calls an activation: `LeakyRelu` for `leaky-relu`."""
    return "".join(word.capitalize() for word in activation.split("-"))


def number(activation: str) -> int:
    """Its place in `EMC_ACTIVATIONS`: the enumeration of `kernel/bends.hpp`.

    Raises:
        EmcError: the kernels do not know it.
    """
    name, known = structure_name(activation), _structures()
    if name not in known:
        raise EmcError(
            f"activation {activation!r}: expected {name} in EMC_ACTIVATIONS of {_HEADER}, found"
            f" {', '.join(known)}"
        )
    return known.index(name)


def activation_refusal(name: str) -> str | None:
    """Why no kernel knows an activation, or None: a user's own has no arithmetic in C++."""
    if name not in ACTIVATIONS:
        return f"the activation is {name!r}, not one of {', '.join(ACTIVATIONS)}"
    return None


@cache
def _structures() -> tuple[str, ...]:
    table = _HEADER.read_text().rpartition("#define EMC_ACTIVATIONS(EACH)")[2]
    return tuple(re.findall(r"EACH\((\w+)\)", table))
