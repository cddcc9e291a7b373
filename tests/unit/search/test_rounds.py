"""How many probes the adaptive search asks for at once."""

import numpy as np
import pytest
from tests.unit.search.truth import logistic, search, simulate

from emc.search import Trial, bayes
from emc.search.bayes import MOST_AT_ONCE, rounds_of

CURVE = logistic(421, 0.1)


def sizes_of_rounds(at_once: int) -> list[int]:
    """Those of a search that wants a narrower interval than its probes can give."""
    method, draw = search(round_size=at_once, probes=250, tolerance=0.01), np.random.default_rng(1)
    trials: list[Trial] = []
    sizes = []
    while requests := method.requests(trials):
        sizes.append(len(requests))
        fits = draw.random(len(requests)) < [CURVE(one.n) for one in requests]
        trials += [
            Trial(one.n, one.lr, fit, fit) for one, fit in zip(requests, fits.tolist(), strict=True)
        ]
    return sizes


def trials_of(at_once: int, seed: int) -> list[Trial]:
    _, trials = simulate(search(round_size=at_once, probes=400), CURVE, seed)
    return trials


@pytest.mark.parametrize("at_once", [1, 8, 16])
def test_rounds_of_the_processor_are_what_they_were(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same requests as where every round is as large as may be."""
    found = trials_of(at_once, 3)
    monkeypatch.setattr(bayes, "round_of", lambda _probes, at_once: at_once)
    assert trials_of(at_once, 3) == found


def test_rounds_of_a_card_grow_with_what_is_known() -> None:
    assert sizes_of_rounds(64) == [16, 16, 32, 64, 64, 58]
    assert sizes_of_rounds(40)[:4] == [16, 16, 32, 40]
    assert sum(sizes_of_rounds(64)[: rounds_of(128)]) == 128


def test_growing_rounds_take_far_fewer_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the same tolerance: 775 in place of 1,311."""
    grown = sum(len(trials_of(MOST_AT_ONCE, seed)) for seed in range(6))
    monkeypatch.setattr(bayes, "round_of", lambda _probes, at_once: at_once)
    assert grown < 0.8 * sum(len(trials_of(MOST_AT_ONCE, seed)) for seed in range(6))


def test_rounds_are_counted() -> None:
    assert [rounds_of(probes) for probes in (0, 1, 16, 17, 32, 33, 64, 128, 129)] == [
        *(0, 1, 1, 2, 2, 3, 3, 4, 5)
    ]
