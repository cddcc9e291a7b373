"""Claims: what bears on them, and verdicts on studies whose truth is known."""

import dataclasses
import math

import numpy as np
import polars as pl
import pytest
from tests.synthetic import (
    GENERALISATION_SEEDS,
    SETTINGS,
    around,
    edit_document,
    factorial,
    write_generalisation,
    write_study,
)

from emc.errors import EmcError
from emc.findings import (
    ClaimVerdict,
    asked,
    effects,
    exponents,
    judge,
    label_gap_association,
    predictions,
    write_findings,
)
from emc.findings.claims import CLAIMS
from emc.findings.material import material
from emc.findings.write import FINDINGS
from emc.store.columns import GENERALISATION, PROBES
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


def jitter(cell) -> float:
    """A few per cent that differ from cell to cell and average out."""
    return 1 + 0.02 * math.sin(7 * cell.seed + len(cell.activation) + cell.parameters)


NETS = [{"name": "mlp", "width": width, "depth": 2} for width in (2, 4, 8)]
UNBOUNDED = {"saturated": False, "samples_available": 10**9}


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


def test_the_label_gap_predicts_where_it_was_made_to(warehouse):
    found = {made.claim.name: made for made in judge(warehouse)}
    made = found["label-gap-predicts-generalisation"]
    assert made.verdict is ClaimVerdict.SUPPORTED
    assert made.statistics.measure == "correlation"
    assert made.statistics.effect < -0.8
    groups = {one.group: one for one in predictions(label_gap_association(warehouse))}
    assert {"all architectures", "mlp", "cnn"} >= {"all architectures", "mlp"}
    assert groups["mlp"].pearson < -0.8
    assert not groups["mlp"].breaks_down
    assert groups["mlp"].kendall_interval[0] <= groups["mlp"].kendall < 0


def test_a_gap_that_labels_do_not_tell_breaks_the_prediction_down(tmp_path):
    cells = factorial(activation=["relu", "tanh"], architecture=NETS, labels=["original", "random"])
    study = write_study(tmp_path, cells, probes=5)
    write_generalisation(study)
    build(study.database, study.cells, study.results, SETTINGS, seeds=GENERALISATION_SEEDS)
    with open_database(study.database) as warehouse:
        ordered = warehouse.sql("SELECT original FROM label_gap ORDER BY ratio")["original"]
    for place, cell in enumerate(ordered):
        path = study.results.cell(cell).generalisation(GENERALISATION_SEEDS)
        gap = 0.1 * abs(place - (len(ordered) - 1) / 2)  # as large for small ratios as for large
        rows = read_table(path, GENERALISATION, "-").with_columns(gap=pl.lit(gap))
        write_table(path, GENERALISATION, rows.to_dicts())
    build(study.database, study.cells, study.results, SETTINGS, seeds=GENERALISATION_SEEDS)
    with open_database(study.database) as warehouse:
        groups = predictions(label_gap_association(warehouse))
        write_findings(warehouse, tmp_path / "f.parquet", tmp_path / "f.md")
    assert groups[0].group == "mlp"
    assert groups[0].breaks_down
    assert "| breaks down |" in (tmp_path / "f.md").read_text()


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


def test_exponents_are_those_of_the_power_law(tmp_path):
    nets = [{"name": "mlp", "width": width} for width in (2, 4, 8, 16)]
    study = write_study(tmp_path, factorial(architecture=nets, seed=[0, 1]), probes=5)
    for plan in study.planned:
        emc50 = 3 * plan.cell.parameters**0.8 * (1.01 if plan.cell.seed else 1 / 1.01)
        bound = plan.cell.architecture.width == 16 and plan.cell.seed == 0
        path = study.results.cell(plan.id).estimate
        edit_document(path, around(emc50) | UNBOUNDED | {"saturated": bound})
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as warehouse:
        (found,) = exponents(warehouse)
    assert found.exponent == pytest.approx(0.8, abs=0.01)
    assert found.low < 0.8 < found.high
    assert (found.sizes, found.cells, found.bounds, found.depth) == (4, 8, 1, 2)
    assert found.basis == "8, 1 of them bounds"
    assert found.procedure.startswith("mlp of depth 2, relu, sgd, scaled-normal, random labels")


@pytest.mark.parametrize("matters", [False, True])
def test_an_exponent_takes_what_open_runs_could_move_for_a_lower_bound(tmp_path, matters):
    """Open runs hide what the largest net fits: read as a point it would halve the exponent."""
    nets = [{"name": "mlp", "width": width} for width in (2, 4, 8, 16)]
    study = write_study(tmp_path, factorial(architecture=nets, seed=[0, 1]), probes=5)
    for plan in study.planned:
        largest = plan.cell.architecture.width == 16
        noise = 1.01 if plan.cell.seed else 1 / 1.01
        emc50 = 3 * plan.cell.parameters**0.8 * noise / (6 if largest else 1)
        seen = around(emc50) | UNBOUNDED | {"open_matters": matters and largest}
        edit_document(study.results.cell(plan.id).estimate, seen)
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as warehouse:
        (found,) = exponents(warehouse)
    assert found.bounds == (2 if matters else 0)
    assert (found.exponent == pytest.approx(0.8, abs=0.02)) is matters


def test_sizes_that_open_runs_could_move_make_no_exponent(tmp_path):
    nets = [{"name": "mlp", "width": width} for width in (2, 4, 8)]
    study = write_study(tmp_path, factorial(architecture=nets), probes=5)
    for plan in study.planned:
        seen = around(20.0) | UNBOUNDED | {"open_matters": plan.cell.architecture.width == 8}
        edit_document(study.results.cell(plan.id).estimate, seen)
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as warehouse:
        assert exponents(warehouse) == []


@pytest.mark.parametrize("edit", [{"open_matters": True}, {"emc50": None, "open_matters": True}])
def test_label_gaps_that_open_runs_could_move_predict_nothing_and_are_counted(tmp_path, edit):
    cells = factorial(activation=["relu", "tanh"], labels=["original", "random"])
    study = write_study(tmp_path, cells, probes=5)
    write_generalisation(study)
    for plan in study.planned:
        seen = around(20.0) | UNBOUNDED | {"open_matters": False}
        if plan.cell.activation == "tanh" and plan.cell.labels.name == "random":
            seen |= edit
        edit_document(study.results.cell(plan.id).estimate, seen)
    build(study.database, study.cells, study.results, SETTINGS, seeds=GENERALISATION_SEEDS)
    with open_database(study.database) as warehouse:
        found = label_gap_association(warehouse)
        pairs = warehouse.view("label_gap")
    matters = dict(pairs.select("activation", "open_matters").iter_rows())
    assert matters == {"relu": False, "tanh": True}
    relu = len(pairs.filter(activation="relu"))
    assert (found.pairs, found.unknown) == (relu, len(pairs) - relu)


def test_two_sizes_make_no_exponent(tmp_path):
    study = write_study(tmp_path, factorial(architecture=NETS[:2]), probes=5)
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as warehouse:
        assert exponents(warehouse) == []


def test_findings_are_written_for_machines_and_people(warehouse, tmp_path):
    table, text = tmp_path / "findings.parquet", tmp_path / "findings.md"
    write_findings(warehouse, table, text)
    rows = read_table(table, FINDINGS, "-")
    assert rows["claim"].to_list() == [claim.name for claim in CLAIMS]
    found = judge(warehouse)
    assert rows["verdict"].to_list() == [made.verdict for made in found]
    assert rows["sentence"].to_list() == [made.sentence for made in found]
    lines = text.read_text().splitlines()
    for made in found:
        number = made.claim.finding
        row = f"| {number} | {made.claim.statement} | {made.verdict} | {made.sentence} |"
        assert row in lines
    assert sum("cnn of depth 2, relu, sgd" in line for line in lines) == 2


def test_a_study_without_results_is_judged_open(tmp_path):
    study = write_study(tmp_path, factorial(seed=[0]), unmeasured=1)
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as warehouse:
        assert {made.verdict for made in judge(warehouse)} == {ClaimVerdict.OPEN}
        write_findings(warehouse, tmp_path / "f.parquet", tmp_path / "f.md")
    assert "No procedure has an exact answer at three sizes" in (tmp_path / "f.md").read_text()


def test_claims_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign"):
        CLAIMS[0].name = "other"  # type: ignore[misc]


def test_the_frame_of_a_claim_is_left_as_it_was(warehouse):
    numbers = material(warehouse)
    before = numbers.cells.clone()
    for claim in CLAIMS:
        claim.gather(numbers)
    assert numbers.cells.equals(before)
