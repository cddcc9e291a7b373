"""The test part of a data set that has none of its own: a fixed stratified fifth."""

import numpy as np

from emc.seeds import generator


def held_out_of_class(count: int, label: int) -> np.ndarray:
    """Which of a class's samples are for testing, bool [count]: count / 5 of them, rounded."""
    mask = np.zeros(count, dtype=bool)
    chosen = generator("holdout", label).choice(count, (count + 2) // 5, replace=False)
    mask[chosen] = True
    return mask


def held_out(labels: np.ndarray) -> np.ndarray:
    """Which samples are for testing, bool [n]: a fifth of each class."""
    mask = np.zeros(len(labels), dtype=bool)
    order = np.argsort(labels, kind="stable")
    counts = np.bincount(labels)
    for label, rows in enumerate(np.split(order, np.cumsum(counts)[:-1])):
        mask[rows] = held_out_of_class(len(rows), label)
    return mask
