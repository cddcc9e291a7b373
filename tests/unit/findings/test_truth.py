"""Verdicts over many simulated studies: of no effect, of a known one, with data that runs out."""

import numpy as np
import polars as pl
import pytest
from scipy import stats
from tests.synthetic import SETTINGS, factorial, write_study

from emc.findings.claim import asked
from emc.findings.claims import CLAIMS
from emc.findings.material import Material, material
from emc.findings.statistics import statistics
from emc.warehouse import build, open_database

STUDIES = 60
CLAIMED = (
    "sgd-over-gd",
    "sgd-over-gd-at-equal-evaluations",
    "relu-over-tanh",
    "random-below-original",
)


@pytest.fixture(scope="module")
def planned(tmp_path_factory) -> Material:
    """Eight configurations at both levels of three factors; the numbers are overwritten."""
    cells = factorial(
        optimizer=["sgd", "gd"],
        activation=["relu", "tanh"],
        labels=["original", "random"],
        architecture=[{"name": "mlp", "width": width, "depth": 2} for width in (2, 8)],
    )
    study = write_study(tmp_path_factory.mktemp("truth"), cells, probes=5)
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as warehouse:
        return material(warehouse)


def simulated(planned: Material, draw: np.random.Generator, gain: float, most: float) -> Material:
    """Cells that scatter by 30 %, gain by sgd, and meet the end of their data at `most`."""
    cells = planned.cells
    gained = gain * (cells["optimizer"] == "sgd").to_numpy()
    emc50 = 100 * np.exp(draw.normal(0, 0.3, len(cells)) + gained)
    numbers = cells.with_columns(
        emc50=np.minimum(emc50, most),
        saturated=pl.Series(emc50 >= most),
        below_smallest=False,
    )
    answers = numbers.select("cell", "emc50", "saturated", "below_smallest")
    budgets = answers.with_columns(budget=pl.lit(1024))
    return Material(numbers, budgets, planned.gaps)


def tally(planned, claims, gain, most=np.inf):
    """How often each claim is supported, and contradicted, at a p of 0.05."""
    draw = np.random.default_rng(7)
    counts = {claim.name: [0, 0] for claim in claims}
    for _ in range(STUDIES):
        numbers = simulated(planned, draw, gain, most)
        for claim in claims:
            found = statistics(claim.gather(numbers), claim.expect, claim.margin)
            if found.p < 0.05:
                counts[claim.name][0 if found.agrees else 1] += 1
    return counts


def claims():
    return [claim for claim in CLAIMS if claim.name in CLAIMED]


@pytest.mark.parametrize("most", [np.inf, 110.0])
@pytest.mark.slow
def test_a_true_null_is_supported_in_under_five_percent(planned, most):
    counts = tally(planned, claims(), gain=0.0, most=most)
    supported = sum(agreeing for agreeing, _ in counts.values())
    # A two-sided p of 0.05 leaves 0.025 to the side of the claim; once in a hundred runs more.
    assert supported <= stats.binom.ppf(0.99, STUDIES * len(CLAIMED), 0.025)


@pytest.mark.parametrize("most", [np.inf, 150.0])
@pytest.mark.slow
def test_a_large_effect_is_found_though_data_runs_out(planned, most):
    about = [one for one in claims() if one.name.startswith("sgd-over-gd")]
    counts = tally(planned, about, gain=0.7, most=most)
    assert len(counts) == 2
    for supported, contradicted in counts.values():
        assert contradicted == 0
        assert supported > 0.5 * STUDIES


def test_equality_is_claimed_rarely_at_the_edge_and_often_within(planned):
    claim = asked("equal", "optimizer", ["sgd", "gd"], "equal", margin=1.6)
    at_edge = tally(planned, [claim], gain=np.log(1.6))["equal"]
    within = tally(planned, [claim], gain=0.0)["equal"]
    assert at_edge[0] <= stats.binom.ppf(0.99, STUDIES, 0.05)
    assert within[0] > 0.6 * STUDIES
