"""Which cells a machine trains alike, up to their sizes, and what one size tells of another."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from math import exp, log
from typing import Any, Final, NamedTuple

import numpy as np

from emc.finish.settings import DEFAULT
from emc.measurement.procedure import update
from emc.nets.layers import layers_of, multiply_adds
from emc.records import Pace
from emc.store.paces import Paces
from emc.study.architectures import Cnn, Linear, Mlp
from emc.study.cell import Cell
from emc.study.identity import canonical
from emc.study.optimizers import PluginOptimizer
from emc.study.parameterisation import Full

_SIZES: Final = {
    "architecture": ("width", "params", "multiplier"),
    "optimizer": ("lr",),
    "parameterisation": ("dimension", "rank"),
}
"""Keys that change how long a step takes, if at all, by the size of what trains."""
_POWER: Final = 0.7
"""How the time of a step grows with the work beyond the sizes that were timed: part of it is the
same for all sizes."""
_APART: Final = {"architecture": 8, "parameterisation": 8, "optimizer": 4}
"""How far apart two kinds are whose entries have other names; any other entry that differs: 1."""
_NEVER: Final = 1e6
"""How far apart two are of which kernels train one: they tell nothing of each other."""
REMEMBERED: Final = 2 * 8 * DEFAULT.history / 2**20
"""Megabytes per parameter that a finish remembers: steps and changes of the gradient, float64."""
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
        "kernels": of_kernels(cell),
        "finished": document["finish"]["iterations"] > 0,
        **{key: document[key] for key in (*_SIZES, "activation", "batch", "loss")},
    }
    return json.dumps(kept, sort_keys=True)


def of_layers(cell: Cell) -> bool:
    """Whether all numbers of a net of dense and convolutional layers, without norms, train."""
    own = cell.architecture
    plain = isinstance(own, Linear | Mlp) or (isinstance(own, Cnn) and own.normalisation == "none")
    return plain and isinstance(cell.parameterisation, Full)


def of_kernels(cell: Cell) -> bool:
    """Whether it is a net of layers that the native kernels train, as far as one need not try."""
    return of_layers(cell) and known_to_kernels(cell)


def known_to_kernels(cell: Cell) -> bool:
    """Whether the native kernels have the step of a cell's optimizer and its activation."""
    optimizer = cell.optimizer
    if isinstance(optimizer, PluginOptimizer) or not isinstance(cell.activation, str):
        return False
    return update(optimizer).optimizer.kernel_rule is not None


def work(cell: Cell) -> float:
    """Multiply-adds of one sample forward, in a net of layers; of any other net its parameters."""
    net = cell.architecture
    if not isinstance(net, Linear | Mlp | Cnn):
        return cell.parameters
    return multiply_adds(layers_of(net, "identity", cell.shape, cell.classes))


def paces_like(cell: Cell, device: str, paces: Paces) -> Sequence[Pace]:
    """Paces of the cell's kind, or of the kind most like it that was timed; none where none is.

    Nets that kernels train tell nothing of those that torch trains, nor one device of another, nor
    what other versions called a kind.
    """
    name = kind(cell, device)
    if name in paces:
        return paces[name]
    here = [other for other in paces if _comparable(other, name)]
    nearest = min(here, key=lambda other: _distance(other, name), default=None)
    if nearest is None or _distance(nearest, name) >= _NEVER:
        return ()
    return paces[nearest]


def _comparable(found: str, name: str) -> bool:
    """Whether a text is a kind that says the same things as another, and is of its device."""
    try:
        document = json.loads(found)
    except ValueError:
        return False
    own = _document(name)
    same = isinstance(document, dict) and document.keys() == own.keys()
    return same and document["device"] == own["device"]


class Entry(NamedTuple):
    """Something that a kind is, and how far another kind is that is otherwise."""

    text: str
    weight: float


def entries_of(cell: Cell) -> list[Entry]:
    """What a cell's kind is, in an order that is the same for all."""
    return _entries(kind(cell, "cpu"))


@cache
def _entries(name: str) -> list[Entry]:
    document = _document(name)
    weights = {key: _NEVER if key == "kernels" else 1.0 for key in sorted(document)}
    whole = [Entry(json.dumps(document[key]), weight) for key, weight in weights.items()]
    return whole + [Entry(str(_name(document[key])), far) for key, far in _APART.items()]


@cache
def _document(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(name)
    return found


def _distance(one: str, other: str) -> float:
    pairs = zip(_entries(one), _entries(other), strict=True)
    return sum(entry.weight for entry, its in pairs if entry != its)


def _name(entry: Any) -> Any:
    return entry["name"] if isinstance(entry, dict) else entry


def representatives(cells: Iterable[Cell]) -> list[Cell]:
    """Of cells of one kind the one with most parameters; the smallest too if it is far smaller."""
    ordered = sorted(cells, key=lambda cell: cell.parameters)
    smallest, largest = ordered[0], ordered[-1]
    far = largest.parameters > _FAR * smallest.parameters
    return [smallest, largest] if far else [largest]


def interpolated(paces: Sequence[Pace], parameters: int, work: float) -> Pace:
    """The pace of a net between others; at least one is known.

    Linear in the logarithms of their work, but for a time of zero; beyond them times grow by a
    power. Memory is that of the nearest, and what a finish remembers of each further parameter.
    """
    ordered = sorted(paces, key=lambda one: one.work)
    sizes = np.log([one.work for one in ordered])
    asked = float(np.clip(log(work), sizes[0], sizes[-1]))
    beyond = exp(_POWER * (log(work) - asked))

    def between(name: str) -> float:
        values = np.array([getattr(one, name) for one in ordered])
        if values.min() <= 0:
            return float(np.interp(asked, sizes, values))
        return exp(float(np.interp(asked, sizes, np.log(values))))

    nearest = min(ordered, key=lambda one: abs(log(one.work) - asked))
    return replace(
        nearest,
        parameters=parameters,
        work=work,
        training=between("training") * beyond,
        finishing=between("finishing") * beyond,
        passing=between("passing"),
        megabytes=nearest.megabytes + REMEMBERED * max(0, parameters - nearest.parameters),
    )
