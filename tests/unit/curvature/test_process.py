"""Processes advance side by side and keep their own answers."""

from collections.abc import Sequence

import numpy as np

from emc.curvature.process import Process, run_together


def applied(times: int) -> Process[np.ndarray]:
    vector = np.ones(3)
    for _ in range(times):
        vector = yield vector
    return vector


def test_each_process_gets_its_own_products_until_it_is_done() -> None:
    calls = []

    def products(indices: Sequence[int], vectors: np.ndarray) -> np.ndarray:
        calls.append(list(indices))
        return vectors * (np.array(indices)[:, None] + 2)

    answers = run_together([applied(1), applied(0), applied(3)], products)
    np.testing.assert_array_equal(answers, [[2] * 3, [1] * 3, [64] * 3])
    assert calls == [[0, 2], [2], [2]]
