"""Which cells differ in one factor only, so that their EMC may be compared."""

import json
from collections.abc import Hashable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final

import polars as pl

FACTORS: Final = ("architecture", "optimizer", "activation", "initialisation", "labels")
"""Columns of the view `emc` whose levels can be compared."""

SIZE_RATIO: Final = 1.1
"""Nets count as equally large when each is at most this factor larger than the next smaller."""

_EFFORT: Final = ("search", "endpoints")


def matched(cells: pl.DataFrame, factor: str) -> pl.Series:
    """Number of the group of each row of the view `emc`, Int64: equal but for `factor`.

    How many probes a cell may spend does not set cells apart. Nets of different architecture
    match at nearly equal size (`SIZE_RATIO`). Where a study has full-batch cells, optimizers
    match across batch sizes, since the batch then belongs to the optimizer.
    """
    left_out = {factor, *_EFFORT}
    if factor == "optimizer" and cells["batch"].null_count():
        left_out.add("batch")
    keys: list[Hashable] = [
        (classes, *(part for key, part in _parts(text) if key not in left_out))
        for text, classes in zip(cells["definition"], cells["classes"], strict=True)
    ]
    if factor == "architecture":
        sizes = _size_classes(keys, cells["parameters"].to_list())
        keys = list(zip(keys, sizes, strict=True))
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return pl.Series(f"{factor}_group", [numbers[key] for key in keys], pl.Int64)


@lru_cache(maxsize=100_000)
def _parts(definition: str) -> tuple[tuple[str, str], ...]:
    """Keys of a definition with their values as JSON; every figure asks for the same cells."""
    return tuple((key, json.dumps(value)) for key, value in json.loads(definition).items())


def _size_classes(keys: Sequence[Hashable], sizes: Sequence[int]) -> list[int]:
    """Chains of sizes within one key, each at most `SIZE_RATIO` above its predecessor."""
    alike: dict[Hashable, list[int]] = {}
    for row, key in enumerate(keys):
        alike.setdefault(key, []).append(row)
    classes = [0] * len(keys)
    for rows in alike.values():
        rows.sort(key=lambda row: sizes[row])
        for before, row in pairwise(rows):
            classes[row] = classes[before] + (sizes[row] > SIZE_RATIO * sizes[before])
    return classes
