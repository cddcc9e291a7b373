"""Which cells a machine trains alike, up to their sizes, and what one size tells of another."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import exp, log
from typing import Any, Final

import numpy as np

from emc.records import Pace
from emc.study.cell import Cell
from emc.study.identity import canonical

_SIZES: Final = {
    "architecture": ("width", "params", "multiplier"),
    "optimizer": ("lr",),
    "parameterisation": ("dimension", "rank"),
}
"""Keys that change how long a step takes, if at all, by the size of what trains."""
_POWER: Final = 0.7
"""How the time of a step grows with the parameters beyond the sizes that were timed: part of it is
the same for all sizes."""
_FAR: Final = 3.0
"""The ratio of parameters from which a kind of net is timed at two sizes."""


def kind(cell: Cell, device: str) -> str:
    """What decides how fast a cell with known data is trained and finished, but its size."""
    document: dict[str, Any] = json.loads(canonical(cell))
    for part, sizes in _SIZES.items():
        if isinstance(document[part], dict):
            for key in sizes:
                document[part].pop(key, None)
    kept = {
        "device": device,
        "inputs": cell.shape,
        "finished": document["finish"]["iterations"] > 0,
        **{key: document[key] for key in (*_SIZES, "activation", "batch", "loss")},
    }
    return json.dumps(kept, sort_keys=True)


def representatives(cells: Iterable[Cell]) -> list[Cell]:
    """Of cells of one kind the one with most parameters; the smallest too if it is far smaller."""
    ordered = sorted(cells, key=lambda cell: cell.parameters)
    smallest, largest = ordered[0], ordered[-1]
    far = largest.parameters > _FAR * smallest.parameters
    return [smallest, largest] if far else [largest]


def interpolated(paces: Sequence[Pace], parameters: int) -> Pace:
    """The pace of a net between others of its kind; at least one is known.

    Linear in the logarithms, but for a time of zero; beyond them times grow by a power, and memory
    stays.
    """
    ordered = sorted(paces, key=lambda one: one.parameters)
    sizes = np.log([one.parameters for one in ordered])
    asked = float(np.clip(log(parameters), sizes[0], sizes[-1]))
    beyond = exp(_POWER * (log(parameters) - asked))

    def between(name: str) -> float:
        values = np.array([getattr(one, name) for one in ordered])
        if values.min() <= 0:
            return float(np.interp(asked, sizes, values))
        return exp(float(np.interp(asked, sizes, np.log(values))))

    nearest = min(ordered, key=lambda one: abs(log(one.parameters) - asked))
    return replace(
        nearest,
        parameters=parameters,
        training=between("training") * beyond,
        finishing=between("finishing") * beyond,
        passing=between("passing"),
    )
