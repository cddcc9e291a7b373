"""Which cells differ in one factor only, so that their EMC may be compared."""

import json
import math
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Final

import polars as pl

FACTORS: Final = ("architecture", "optimizer", "activation", "labels")
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
    rows = zip(
        (_remainder(json.loads(text), left_out) for text in cells["definition"]),
        cells["classes"],
        strict=True,
    )
    keys = [f"{remainder} {classes}" for remainder, classes in rows]
    if factor == "architecture":
        sizes = _size_classes(keys, cells["parameters"].to_list())
        keys = [f"{key} {size}" for key, size in zip(keys, sizes, strict=True)]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return pl.Series(f"{factor}_group", [numbers[key] for key in keys], pl.Int64)


def _remainder(definition: dict[str, Any], left_out: Iterable[str]) -> str:
    kept = {key: value for key, value in definition.items() if key not in left_out}
    return json.dumps(kept, sort_keys=True)


def _size_classes(keys: list[str], sizes: list[int]) -> list[int]:
    """Chains of sizes within one key, each at most `SIZE_RATIO` above its predecessor."""
    order = sorted(range(len(keys)), key=lambda row: (keys[row], sizes[row]))
    classes = [0] * len(keys)
    for before, row in pairwise(order):
        near = math.log(sizes[row] / sizes[before]) <= math.log(SIZE_RATIO)
        classes[row] = classes[before] + (keys[before] != keys[row] or not near)
    return classes
