"""Claims: what bears on them, and verdicts on studies whose truth is known."""

import dataclasses
import math

import numpy as np
import polars as pl
import pytest
from tests.synthetic import SETTINGS, around, edit_document, factorial, write_study
from tests.unit.findings.answers import NETS, UNBOUNDED, jitter

from emc.errors import EmcError
from emc.findings import ClaimVerdict, asked, effects, judge
from emc.findings.claim import Claim
from emc.findings.claims import CLAIMS
from emc.findings.material import material
from emc.findings.pairs import Pairs
from emc.findings.statistics import Expectation
from emc.store.columns import PROBES
from emc.store.tables import read_table, write_table
from emc.study.claims import AskedClaim
from emc.warehouse import build, open_database


@pytest.fixture
def judged(tmp_path):
    """Makes findings by name from cells with given answers."""

    def make(cells, emc50, claims=CLAIMS):
        study = write_study(tmp_path, cells, probes=5)
        for plan in study.planned:
            path = study.results.cell(plan.id).estimate
            edit_document(path, around(float(emc50(plan.cell))) | UNBOUNDED)
        build(study.database, study.cells, study.results, SETTINGS)
        with open_database(study.database) as warehouse:
            return {found.claim.name: found for found in judge(warehouse, claims)}

    return make


def test_every_finding_of_the_study_is_a_claim():
    assert {claim.finding for claim in CLAIMS} == set(range(1, 13))
    names = [claim.name for claim in CLAIMS]
    assert len(set(names)) == len(names)


def test_a_large_effect_is_supported_or_contradicted_by_its_sign(judged):
    cells = factorial(architecture=NETS, optimizer=["sgd", "gd"], activation=["relu", "tanh"])
    gain = {"sgd": 2.0, "gd": 1.0, "relu": 1.0, "tanh": 1.5}
    found = judged(
        cells, lambda cell: 100 * gain[cell.optimizer.name] * gain[cell.activation] * jitter(cell)
    )
    sgd, relu = found["sgd-over-gd"], found["relu-over-tanh"]
    numbers = sgd.statistics
    assert (sgd.verdict, relu.verdict) == (ClaimVerdict.SUPPORTED, ClaimVerdict.CONTRADICTED)
    assert numbers.effect == pytest.approx(2, rel=0.03)
    assert relu.statistics.effect == pytest.approx(1 / 1.5, rel=0.03)
    assert numbers.units == numbers.configurations == 6
    assert numbers.low < numbers.effect < numbers.high
    assert numbers.p <= sgd.p_holm < 0.05
    assert numbers.p_wilcoxon == numbers.p_sign == pytest.approx(2 / 2**6)
    assert "sgd over gd: 2.0" in sgd.sentence
    minima, within = sgd.sentence.split(" Within the budget: ")
    assert minima.endswith("from 6 configurations.")
    assert within.startswith(f"{sgd.budget.effect:.2f} (95 % interval ")


@pytest.mark.parametrize(
    ("claim", "optimizers"),
    [("sgd-over-gd", ("sgd", "gd")), ("sam-does-not-lower", ("sam", "sgd"))],
)
def test_optimizers_are_judged_at_whole_budgets_and_at_equal_evaluations(
    tmp_path, claim, optimizers
):
    # The first fits twice as many samples, but pays 16 evaluations per sample, not one.
    cells = factorial(architecture=NETS, optimizer=[*optimizers], seed=[0, 1])
    study = write_study(tmp_path, cells)
    for plan in study.planned:
        first = plan.cell.optimizer.name == optimizers[0]
        most, paid = (200, 16) if first else (100, 1)
        files = study.results.cell(plan.id)
        edit_document(files.estimate, around(most * jitter(plan.cell)) | UNBOUNDED)
        probes = read_table(files.probes, PROBES, "-")
        n = pl.Series("n", np.geomspace(4, 400, len(probes)).astype(int) + plan.cell.seed)
        fit = n <= most
        evaluations = (n * paid * fit.cast(int)) + 2 * n * paid * (~fit).cast(int)
        changed = probes.with_columns(
            n,
            outcome=pl.Series(["fit" if fitted else "minimum" for fitted in fit]),
            ended=pl.Series(["fit" if fitted else "stationary" for fitted in fit]),
            gradient_evaluations=evaluations,
        )
        write_table(files.probes, PROBES, changed.to_dicts())
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as warehouse:
        found = {made.claim.name: made for made in judge(warehouse)}
    whole, equal = found[claim], found[f"{claim}-at-equal-evaluations"]
    assert (whole.verdict, equal.verdict) == (ClaimVerdict.SUPPORTED, ClaimVerdict.CONTRADICTED)
    assert whole.statistics.effect == pytest.approx(2, rel=0.05)
    # At 512 evaluations the first fits 32 samples.
    assert equal.statistics.effect == pytest.approx(32 / 100, rel=0.15)
    assert equal.statistics.units == whole.statistics.units == 3
    assert "both at the best rate of their whole budget" in equal.sentence


@pytest.mark.parametrize(
    ("high", "verdict"),
    [(10, ClaimVerdict.SUPPORTED), (40, ClaimVerdict.OPEN), (None, ClaimVerdict.OPEN)],
    ids=["both readings agree", "readings differ", "nothing is known above"],
)
def test_open_runs_decide_no_claim(tmp_path, high, verdict):
    """EMC is 20 with ReLU; with tanh 5 if open runs are unfitted, up to `high` if they are not."""
    cells = factorial(architecture=NETS, activation=["relu", "tanh"], optimizer=["sgd", "gd"])
    study = write_study(tmp_path, cells, probes=5)
    for plan in study.planned:
        answer = around((5 if plan.cell.activation == "tanh" else 20) * jitter(plan.cell))
        unknown = {"open_matters": True, "low": answer["emc50"], "high": high}
        edit_document(
            study.results.cell(plan.id).estimate,
            answer | UNBOUNDED | (unknown if plan.cell.activation == "tanh" else {}),
        )
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as warehouse:
        found = {made.claim.name: made for made in judge(warehouse)}["relu-over-tanh"]
        shown = [
            made for made in effects(warehouse) if made.factor == "activation" and made.certain
        ]
    assert found.verdict is verdict
    assert bool(shown) == (verdict is ClaimVerdict.SUPPORTED)
    assert ("leave both answers possible" in found.sentence) is (high == 40)
    if high == 10:
        assert found.statistics.effect == pytest.approx(20 / math.sqrt(5 * 10), rel=0.03)
        assert found.statistics.low < 2.05
        assert found.statistics.high > 3.95


def test_no_effect_is_not_enough_evidence_and_says_how_much_would_be(judged):
    cells = factorial(architecture=NETS, optimizer=["sgd", "gd"])
    factor = {(2, "sgd"): 1.3, (4, "sgd"): 0.9, (8, "sgd"): 1.1}
    found = judged(
        cells,
        lambda cell: 100 * factor.get((cell.architecture.width, cell.optimizer.name), 1.0),
    )["sgd-over-gd"]
    assert found.verdict is ClaimVerdict.OPEN
    assert found.wanted > 3
    assert f"About {found.wanted - 3} more like these would decide. Within" in found.sentence


def test_two_units_make_no_verdict(judged):
    cells = factorial(architecture=NETS[:2], optimizer=["sgd", "gd"])
    found = judged(cells, lambda cell: 200 if cell.optimizer.name == "sgd" else 100)["sgd-over-gd"]
    assert found.verdict is ClaimVerdict.OPEN
    assert math.isnan(found.p_holm)
    assert "from 2 configurations. A verdict takes 3 at least. Within" in found.sentence


def test_without_cells_a_claim_says_what_it_takes(judged):
    found = judged(factorial(seed=[0]), lambda cell: 100)
    assert (
        found["cnn-over-vit"].sentence == "No evidence: it takes cnn and vit cells of equal size."
    )
    assert found["label-gap-predicts-generalisation"].verdict is ClaimVerdict.OPEN
    assert math.isnan(found["cnn-over-vit"].statistics.effect)


@pytest.mark.parametrize(
    ("name", "factors", "answer", "ratio"),
    [
        (
            "fewer-than-parameters",
            {"architecture": NETS},
            lambda cell: 0.25 * cell.parameters,
            0.25,
        ),
        (
            "random-below-original",
            {"architecture": NETS, "labels": ["original", "random"]},
            lambda cell: 50 if cell.labels.name == "random" else 100,
            0.5,
        ),
        (
            "mlp-random-inputs",
            {"architecture": NETS, "labels": ["original", "random-inputs"]},
            lambda cell: 300 if cell.labels.name == "random-inputs" else 100,
            3,
        ),
        (
            "weight-decay-lowers",
            {
                "architecture": NETS,
                "optimizer": [{"name": "sgd", "weight_decay": decay} for decay in (0, 0.1)],
            },
            lambda cell: 60 if cell.optimizer.weight_decay else 100,
            0.6,
        ),
        (
            "reparameterised-over-full",
            {
                "architecture": NETS,
                "parameterisation": ["full", {"name": "subspace", "dimension": 100}],
            },
            lambda cell: cell.trainable * (1 if cell.parameterisation.name == "full" else 3),
            3,
        ),
        (
            "low-precision-over-full",
            {
                "architecture": NETS,
                "parameterisation": ["full", {"name": "quantised", "bits": 4}],
            },
            lambda cell: cell.bits * (0.1 if cell.parameterisation.name == "full" else 0.5),
            5,
        ),
        (
            "sam-does-not-lower",
            {"architecture": NETS, "optimizer": ["sgd", "sam"]},
            lambda cell: 100,
            1,
        ),
        (
            "label-smoothing-lowers",
            {"architecture": NETS, "loss": [{"label_smoothing": share} for share in (0, 0.1)]},
            lambda cell: 70 if cell.loss.label_smoothing else 100,
            0.7,
        ),
        (
            "nets-below-linear-on-random",
            {
                "architecture": [*NETS, {"name": "linear"}],
                "optimizer": ["sgd", "gd", "adam"],
            },
            lambda cell: cell.parameters * (1 if cell.architecture.name == "linear" else 0.2),
            0.2,
        ),
        (
            "more-classes-random",
            {
                "architecture": NETS[2:],
                "labels": [{"name": "random", "classes": classes} for classes in (5, 6)],
                "optimizer": ["sgd", "gd", "adam"],
            },
            lambda cell: cell.parameters * (0.4 if cell.classes == 6 else 0.2),
            2,
        ),
        (
            "width-over-depth",
            {
                "architecture": [
                    {"name": "mlp", "width": 8, "depth": 1},
                    {"name": "mlp", "width": 8, "depth": 3},
                ],
                "optimizer": ["sgd", "gd", "adam"],
            },
            lambda cell: cell.parameters * (0.3 if cell.architecture.depth == 1 else 0.2),
            1.5,
        ),
        (
            "tabular-over-images",
            {
                "architecture": [{"name": "mlp", "params": params} for params in (3e3, 1e4, 3e4)],
                "dataset": ["covertype", {"name": "digits"}],
                "labels": [{"name": "random", "classes": 2}],
            },
            lambda cell: cell.parameters * (0.4 if cell.dataset.name == "covertype" else 0.2),
            2,
        ),
    ],
)
def test_each_claim_finds_the_cells_that_bear_on_it(judged, name, factors, answer, ratio):
    found = judged(factorial(**factors), lambda cell: answer(cell) * jitter(cell))[name]
    assert found.verdict is ClaimVerdict.SUPPORTED
    assert found.statistics.effect == pytest.approx(ratio, rel=0.05)


def test_p_values_are_adjusted_over_all_claims(judged):
    cells = factorial(architecture=NETS, optimizer=["sgd", "gd"], activation=["relu", "tanh"])
    gain = {"sgd": 1.2, "gd": 1.0}
    found = judged(cells, lambda cell: 100 * gain[cell.optimizer.name] * jitter(cell))
    tested = [made for made in found.values() if not math.isnan(made.statistics.p)]
    assert len(tested) > 2
    smallest = min(tested, key=lambda made: made.statistics.p)
    assert smallest.p_holm == pytest.approx(min(1, smallest.statistics.p * len(tested)))


def test_a_users_claim_is_judged_like_the_others(judged):
    cells = factorial(architecture=NETS, optimizer=["sgd", "adam"], labels=["random", "original"])
    gain = {"sgd": 1.0, "adam": 1.4}
    claim = asked("mine", "optimizer", ["adam", "sgd"], "greater", {"labels": "random"})
    found = judged(cells, lambda cell: 100 * gain[cell.optimizer.name] * jitter(cell), [claim])
    (mine,) = found.values()
    assert mine.verdict is ClaimVerdict.SUPPORTED
    assert mine.statistics.units == 3
    assert mine.claim.finding is None


def test_claims_of_the_study_file_come_after_the_studys(tmp_path):
    study = write_study(tmp_path, factorial(optimizer=["sgd", "gd"], seed=[0, 1, 2]), probes=5)
    claims = [
        AskedClaim.model_validate(
            {"name": "mine", "compare": "optimizer", "levels": ["sgd", "gd"], "expect": "greater"}
        ),
        AskedClaim.model_validate(
            {
                "name": "same",
                "compare": "optimizer",
                "levels": ["sgd", "gd"],
                "expect": "equal",
                "margin": 1.2,
                "where": {"labels": "random"},
            }
        ),
    ]
    build(study.database, study.cells, study.results, SETTINGS, claims)
    with open_database(study.database) as warehouse:
        found = judge(warehouse)
    assert [made.claim.name for made in found[: len(CLAIMS)]] == [made.name for made in CLAIMS]
    mine, same = found[len(CLAIMS) :]
    assert mine.statistics.units == same.statistics.units == 3
    assert mine.claim.statement == "EMC at minima with optimizer sgd is greater than with gd"
    assert same.claim.statement == (
        "EMC at minima with optimizer sgd is equal to that with gd, labels random"
    )
    assert same.claim.margin == 1.2


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (
            ("mine", "colour", ["a", "b"], "greater"),
            "compare: expected one of arch.* found 'colour'",
        ),
        (("mine", "optimizer", ["sgd"], "greater"), r"expected two levels, found \['sgd'\]"),
        (
            ("mine", "optimizer", ["sgd", "gd"], "more"),
            "expect: expected one of .* found 'more'",
        ),
    ],
)
def test_a_users_mistakes_are_named(arguments, fault):
    with pytest.raises(EmcError, match=f"claim 'mine': {fault}"):
        asked(*arguments)


def test_claims_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign"):
        CLAIMS[0].name = "other"  # type: ignore[misc]


def test_the_frame_of_a_claim_is_left_as_it_was(warehouse):
    numbers = material(warehouse)
    before = numbers.cells.clone()
    for claim in CLAIMS:
        claim.gather(numbers)
    assert numbers.cells.equals(before)


@pytest.mark.parametrize(
    ("unknown", "verdict"), [(6, ClaimVerdict.SUPPORTED), (7, ClaimVerdict.OPEN)]
)
def test_a_claim_is_open_where_more_pairs_are_left_out_than_in(warehouse, unknown, verdict):
    """Six ratios of about 2.7, as clear as can be, beside pairs that are bounds on both sides."""
    logs = 1 + np.linspace(-0.1, 0.1, 6)
    known = Pairs(logs, logs, pairs=6, configurations=6, unknown=unknown)
    claim = Claim("a", None, "a over b", "a over b", Expectation.GREATER, "cells", lambda _: known)
    (found,) = judge(warehouse, [claim])
    assert found.verdict is verdict
    assert f"; {unknown} pairs are left out, bounds on both sides." in found.sentence
    assert ("More pairs are left out than in" in found.sentence) is (verdict is ClaimVerdict.OPEN)
