"""What the page says first, as a reader wants it and no more than the probes show."""

import re

import pytest
from tests.synthetic import BUDGET, SETTINGS, edit_document, factorial, write_study

from emc.findings import effects, judge
from emc.report.headline import _duration, _large, summary, tiles, unknown
from emc.warehouse import build, open_database

NOTHING = {"emc50": None, "low": None, "high": None, "unfitted_decided": None}
ALL_DECIDED = {"unfitted_decided": 1.0}


@pytest.fixture
def told(tmp_path):
    """Says what the page says of cells whose estimates are edited so."""
    opened = []

    def tell(*changes, **factors):
        study = write_study(tmp_path, factorial(**factors), probes=20, uncertified=len(changes))
        for plan, change in zip(study.planned, changes, strict=True):
            edit_document(study.results.cell(plan.id).estimate, change)
        build(study.database, study.cells, study.results, SETTINGS)
        opened.append(open_database(study.database))
        return opened[-1].__enter__()

    yield tell
    for one in opened:
        one.__exit__(None, None, None)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 seconds"),
        (3.213, "3.21 seconds"),
        (119, "119 seconds"),
        (5400, "90 minutes"),
        (86_400, "24 hours"),
        (864_000, "10 days"),
    ],
)
def test_durations(seconds, text):
    assert _duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (999_999, "999,999"),
        (1.5e6, "1.5 million"),
        (2e9, "2 billion"),
        (3.24e12, "3.24 trillion"),
    ],
)
def test_large_numbers(count, text):
    assert _large(count) == text


def test_both_numbers_stand_in_the_first_sentences(told):
    database = told(ALL_DECIDED, {**ALL_DECIDED, "saturated": True, "high": None}, seed=[0, 1])
    first, second = summary(database)
    share = database.sql("SELECT per_parameter FROM emc WHERE NOT saturated").item()
    assert first == (
        f"At their minima, the nets of this study fit {share:.2g} samples per parameter (1 cell; of"
        " 1 more the data end first)."
    )
    assert second == f"Within the training budget the nets fit {BUDGET:.2f} times as many (1 cell)."


NUMBERS = (
    {"emc50": 100.0, "low": 90.4, "high": 110.0},
    {"emc50": 1200.0, "low": 1e3, "high": 1300.0},
)
ENDED = {"saturated": True, "high": None}
BELOW = {"below_smallest": True, "low": None}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            NUMBERS,
            "with tanh, 1,200 samples (95 % interval 1,000 to 1,300); with relu, all else equal,"
            " 100 samples (95 % interval 90 to 110).",
        ),
        (
            (NUMBERS[0] | BELOW, NUMBERS[1] | ENDED),
            "with tanh, 1,200 samples or more, where the data end; with relu, all else equal, 100"
            " samples or fewer, the smallest size tried.",
        ),
        (
            (NUMBERS[0], NUMBERS[0] | {"low": 99.0, "high": 130.0}, NUMBERS[1] | {"high": None}),
            "with sigmoid, 1,200 samples (95 % interval 1,000 to no end); with relu, all else"
            " equal, 100 samples (95 % interval 90 to 110).",
        ),
    ],
    ids=["exact", "bounds", "an interval without end"],
)
def test_the_two_cells_that_lie_furthest_apart_are_told(told, changes, sentence):
    activations = ["relu", "tanh", "sigmoid"][: len(changes)]
    moved = summary(told(*changes, activation=activations))[1]
    start, _, told_of = moved.partition(" parameters fits, ")
    assert re.fullmatch(r"At its minima, the net of [\d,]+", start)
    assert told_of == sentence


@pytest.mark.parametrize(
    "changes",
    [
        (NUMBERS[0], NUMBERS[1] | {"low": 105.0}),
        (NUMBERS[0] | ENDED, NUMBERS[1]),
        (NUMBERS[0] | {"high": None}, NUMBERS[1]),
        (NUMBERS[0], NUMBERS[1] | BELOW),
    ],
    ids=["overlap", "the smaller is a lower bound", "no upper end", "the larger is an upper bound"],
)
def test_cells_that_may_be_equal_are_not_told_apart(told, changes):
    assert len(summary(told(*changes, activation=["relu", "tanh"]))) == 2


def test_cells_that_differ_in_two_things_are_not_compared(told):
    factors = {"activation": ["relu", "tanh"], "labels": ["original", "random"]}
    low, high = NUMBERS
    told_of = summary(told(low, low | ENDED, low | ENDED, high, **factors))
    assert not any("all else equal" in sentence for sentence in told_of)


def test_labellings_are_told_apart(told):
    database = told(NUMBERS[1] | ENDED, NUMBERS[0] | {"tolerance_reached": False}, labels=LABELS)
    original, random = (
        database.sql("SELECT per_parameter FROM emc WHERE labels = $labels", labels=one).item()
        for one in LABELS
    )
    assert summary(database)[0] == (
        f"At their minima, the nets of this study fit {random:.2g} samples per parameter with"
        f" random labels (1 cell, known roughly), and {original:.2g} samples per parameter or"
        " more with original labels (1 cell whose data end first)."
    )


LABELS = ["original", "random"]


def test_numbers_without_an_upper_end_are_counted(told):
    """A number whose interval has no end may be much larger: that stands beside the span."""
    rough = {"tolerance_reached": False}
    database = told(NUMBERS[0] | rough, NUMBERS[1] | rough | {"high": None}, seed=[0, 1])
    assert "(2 cells, known roughly, 1 of them without an upper end)" in summary(database)[0]


def test_cells_that_fit_nothing_are_told(told):
    database = told(NUMBERS[0] | BELOW, seed=[0])
    most = database.sql("SELECT per_parameter FROM emc").item()
    assert summary(database)[0] == (
        f"At their minima, the nets of this study fit {most:.2g} samples per parameter or fewer"
        " (1 cell that fit not even the smallest size)."
    )


def test_the_budgets_share_is_a_median_over_cells(told):
    shares = (0.25, 0.5, 0.9)
    changes = [
        {"emc50": 100.0, "low": 90.0, "high": 110.0, "emc50_budget": 100 * share}
        | {"low_budget": 99 * share, "high_budget": 101 * share}
        for share in shares
    ]
    *_, second = summary(told(*changes, seed=[0, 1, 2]))
    assert second == (
        "Within the training budget the nets fit 0.50 times as many (median of 3 cells, 0.25 to"
        " 0.90)."
    )


FOR_ITS_WORK = (
    "A minimum is one for the work of its finish: from some near EMC a finish of many times the"
    " work may still find a fit, so that numbers at minima can grow with finish.effort."
)


def test_a_study_that_is_sure_says_only_that_and_what_its_minima_are(told):
    database = told(ALL_DECIDED, ALL_DECIDED, seed=[0, 1])
    assert unknown(database) == [
        "Every unfitted probe in the transition is decided (2 cells).",
        FOR_ITS_WORK,
    ]
    (tile,) = [one for one in tiles(database) if "decided" in one.meaning]
    assert tile.number == "2 of 2"


def test_what_is_not_known_is_counted(told):
    database = told(
        {"unfitted_decided": 0.5, "open_matters": True},
        {**ALL_DECIDED, "one_curve": False, "misfit": "it dips", "rate_at_edge": "lowest"},
        {**NOTHING, "finish_refused": "SAM minimises something else"},
        NOTHING,
        seed=[0, 1, 2, 3],
    )
    assert unknown(database) == [
        "In 1 of 2 cells at least 95 % of the unfitted probes in the transition are decided; the"
        " cell with"
        " the fewest has 50 %. The others are open: they may still fit.",
        FOR_ITS_WORK,
        "In 1 cell no probe at the best learning rate, once it was chosen, is known not to fit:"
        " there is no number at minima.",
        "In 1 cell open runs could move the number beyond its tolerance.",
        "In 1 cell one curve does not describe the probes.",
        "In 1 cell (of 4) the best learning rate is at an edge of its grid.",
        "In 1 cell runs are not finished: only the number within the budget stands.",
    ]


@pytest.mark.parametrize("open_matters", [False, True])
@pytest.mark.parametrize(
    "factors",
    [
        {"activation": ["relu", "tanh"]},
        {"optimizer": ["sgd", "gd"]},
        {"labels": ["original", "random"]},
        {
            "architecture": [
                {"name": "mlp", "width": 4, "depth": 2},
                {"name": "cnn", "width": 3, "depth": 2},
            ]
        },
    ],
    ids=lambda factors: next(iter(factors)),
)
def test_a_pair_of_cells_has_one_ratio(told, factors, open_matters):
    """The effect and the claims about it tell the same ratio of the same two cells."""
    database = told(*[{"open_matters": open_matters}] * 2, **factors)
    (made,) = effects(database)
    assert made.pairs == 1
    compared = [
        finding
        for finding in judge(database)
        if finding.statistics.units and " over " in finding.claim.ratio
        if not finding.claim.of_budget and "parameters" not in finding.claim.ratio
    ]
    assert compared
    for finding in compared:
        ratio = finding.statistics.effect
        assert max(ratio, 1 / ratio) == pytest.approx(made.ratio)
        said = re.search(r": ([\d.]+)", finding.sentence)
        assert said is not None
        printed = float(said[1])
        assert printed == pytest.approx(ratio, abs=0.005)
