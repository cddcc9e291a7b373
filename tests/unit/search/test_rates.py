"""The choice among learning rates, and rates beyond the edges of a grid."""

import numpy as np
import pytest
from tests.unit.search.truth import Curve, logistic, search, simulate_rates

from emc.search import Trial
from emc.search.bayes import Bayes


def at_rates(best: float) -> dict[float, Curve]:
    """The nearer a rate is to the best one in the logarithm, the more it fits."""
    return lambda lr: logistic(400 * np.exp(-abs(np.log(lr / best))), 0.06)  # type: ignore[return-value]


def test_the_estimate_rests_on_trials_after_the_choice() -> None:
    method = search(rates=(0.1, 0.2))
    curves = {0.1: logistic(400, 0.06), 0.2: logistic(200, 0.06)}
    answer, trials = simulate_rates(method, curves.__getitem__, 3)
    assert isinstance(method, Bayes)
    alone = [one for one in answer.rates if one.lr == 0.1]
    assert answer.best_lr == 0.1
    assert alone[0].probes < sum(trial.lr == 0.1 for trial in trials)
    assert answer.rate_at_edge == "lowest"


@pytest.mark.parametrize(("best", "edge"), [(0.01, "lowest"), (0.3, "highest"), (0.1, None)])
def test_a_best_rate_at_an_edge_is_told(best: float, edge: str | None) -> None:
    method = search(rates=(0.01, 0.1, 0.3))
    answer, _ = simulate_rates(method, at_rates(best), 1)  # type: ignore[arg-type]
    assert (answer.best_lr, answer.rate_at_edge) == (best, edge)


def test_rates_beyond_a_winning_edge_are_added() -> None:
    method = search(rates=(0.01,), widen=2)
    answer, trials = simulate_rates(method, at_rates(0.09), 2)  # type: ignore[arg-type]
    tried = sorted({trial.lr for trial in trials})
    assert tried == pytest.approx([0.01 / 3, 0.01, 0.03, 0.09])
    assert answer.best_lr == pytest.approx(0.09)
    assert answer.rate_at_edge == "highest"


def test_one_rate_has_no_edge() -> None:
    answer, _ = simulate_rates(search(), lambda _: logistic(90, 0.1), 0)
    assert answer.rate_at_edge is None


def test_the_choice_does_not_depend_on_how_rounds_are_cut() -> None:
    """A measurement in large rounds is looked at by a search of single ones."""
    method = search(rates=(0.1, 0.2, 0.3), round_size=8)
    _, trials = simulate_rates(method, lambda _: logistic(300, 0.1), 5)
    assert search(rates=(0.1, 0.2, 0.3)).answer(trials) == method.answer(trials)


def test_a_search_cut_off_before_it_chose_answers_from_all_trials() -> None:
    trials = [Trial(n, 0.1, n < 50, n < 50) for n in (10, 40, 60, 90)]
    answer = search(rates=(0.1, 0.2), probes=4).answer(trials)
    assert answer.best_lr == 0.1
    assert not answer.tolerance_reached
