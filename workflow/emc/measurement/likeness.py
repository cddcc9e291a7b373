"""What cells that have finished tell of cells like them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from emc.measurement.kinds import entries_of
from emc.study import Cell, PlannedCell

_NEAR: Final = 2.0
"""The distance at which a cell tells e times less of another one."""
_OF_ALL: Final = 0.05
"""What the mean of all cells counts for, where one at no distance counts for 1."""
_OTHER_LABELS: Final = 0.5
"""Distance of two cells whose labels alone differ; any other entry counts as `kinds` says."""


def learnt(
    expected: Mapping[str, float], took: Mapping[str, float], cells: Iterable[PlannedCell]
) -> dict[str, float]:
    """By id, the positive amounts that are `expected`, corrected by what cells `took`.

    The correction is a geometric mean of took over expected, to which each finished cell adds the
    less the less it is like the cell in question. A finished cell's own amount has no part in its
    own correction: what is left of its error is that of a prediction.
    """
    known = [one for one in cells if one.id in expected]
    finished = [place for place, one in enumerate(known) if took.get(one.id)]
    if not finished:
        return dict(expected)
    ids = [known[place].id for place in finished]
    errors = np.log([took[each] / expected[each] for each in ids])
    weights = np.exp(-_distances([one.cell for one in known], finished) / _NEAR)
    weights[finished, np.arange(len(finished))] = 0
    corrections = _means(errors, weights, finished)
    return {
        one.id: expected[one.id] * float(times)
        for one, times in zip(known, np.exp(corrections), strict=True)
    }


def _means(errors: np.ndarray, weights: np.ndarray, finished: Sequence[int]) -> np.ndarray:
    """The weighted mean of the errors for each cell, of all others' errors in part."""
    others = np.ones_like(weights)
    others[finished, np.arange(len(finished))] = 0
    of_all = others @ errors / np.maximum(others.sum(axis=1), 1)
    means: np.ndarray = (weights @ errors + _OF_ALL * of_all) / (weights.sum(axis=1) + _OF_ALL)
    return means


def _distances(cells: Sequence[Cell], finished: Sequence[int]) -> np.ndarray:
    """How far each cell is from each that has finished: by entries that differ, and by size."""
    sizes = np.log([cell.parameters for cell in cells])
    found = abs(sizes[:, None] - sizes[finished])
    described = [entries_of(cell) for cell in cells]
    for column in zip(*described, strict=True):
        weight = column[0].weight
        _, codes = np.unique([entry.text for entry in column], return_inverse=True)
        found += weight * (codes[:, None] != codes[finished])
    labels = np.array([cell.labels.name for cell in cells])
    distances: np.ndarray = found + _OTHER_LABELS * (labels[:, None] != labels[finished])
    return distances
