"""Two databases: what moved, what did not, and what cannot be told."""

import json

import numpy as np
import pytest
from scipy import stats
from tests.synthetic import SETTINGS, edit_document, factorial, write_study

from emc.errors import EmcError
from emc.findings.comparison import compare
from emc.warehouse import build, open_database


@pytest.fixture
def database(tmp_path):
    """Makes a database of six cells from changes to their answers."""

    def make(name, changes, cells=None):
        cells = cells or factorial(seed=list(range(6)))
        study = write_study(tmp_path / name, cells, probes=5)
        for place, plan in enumerate(study.planned):
            answer = {"emc50": 100.0, "low": 95.0, "high": 105.0} | changes(place)
            edit_document(study.results.cell(plan.id).estimate, answer)
        build(study.database, study.cells, study.results, SETTINGS)
        return study.database

    return make


def held(one, other):
    with open_database(one) as first, open_database(other) as second:
        return compare(first, second)


def test_the_same_numbers_did_not_move(database):
    found = held(database("a", lambda _: {}), database("b", lambda _: {}))
    assert len(found) == 6
    assert found["ratio"].to_list() == [1] * 6
    assert found["p"].to_list() == [1] * 6
    assert not found["moved"].any()


def test_a_cell_beyond_its_interval_moved_and_comes_first(database):
    def moved(place):
        return {"emc50": 150.0, "low": 142.0, "high": 158.0} if place == 3 else {}

    found = held(database("a", lambda _: {}), database("b", moved))
    assert found["moved"].to_list() == [True] + [False] * 5
    first = found.row(0, named=True)
    spread = np.hypot(np.log(105 / 95), np.log(158 / 142)) / (2 * stats.norm.ppf(0.975))
    p = 2 * stats.norm.sf(np.log(1.5) / spread)
    assert first["p"] == pytest.approx(p)
    assert first["p_holm"] == pytest.approx(6 * p)
    assert first["ratio"] == pytest.approx(1.5)


def test_among_many_cells_one_in_twenty_is_no_movement(database):
    # A difference of 2.2 standard errors is what one pair in 36 shows by chance.
    shift = np.exp(2.2 * np.sqrt(2) * np.log(105 / 95) / (2 * stats.norm.ppf(0.975)))

    def moved(place):
        return {"emc50": 100 * shift, "low": 95 * shift, "high": 105 * shift} if not place else {}

    found = held(database("a", lambda _: {}), database("b", moved))
    assert found["p"][0] < 0.05
    assert not found["moved"].any()


@pytest.mark.parametrize(
    ("bound", "emc50", "moved"),
    [
        ("saturated", 150.0, True),
        ("saturated", 60.0, False),
        ("below_smallest", 60.0, True),
        ("below_smallest", 150.0, False),
    ],
)
def test_bounds_tell_a_movement_only_beyond_the_other_number(database, bound, emc50, moved):
    one = database("a", lambda _: {})
    other = database("b", lambda _: {"emc50": emc50, "low": emc50, "high": emc50, bound: True})
    assert held(one, other)["moved"].to_list() == [moved] * 6
    assert held(other, one)["moved"].to_list() == [moved] * 6


def test_an_end_that_is_not_known_counts_as_far_away_as_the_other(database):
    whole = {"emc50": 150.0, "low": 100.0, "high": 225.0}
    for end in ("low", "high"):
        one = database(f"a-{end}", lambda _: {})
        known = database(f"b-{end}", lambda _: whole)
        cut = database(f"c-{end}", lambda _, end=end: whole | {end: None})
        assert held(one, cut)[f"other_{end}"].to_list() == [None] * 6
        assert held(one, cut)["p"].to_list() == pytest.approx(held(one, known)["p"].to_list())


def test_only_cells_of_both_are_compared(database):
    one = database("a", lambda _: {}, factorial(seed=[0, 1, 2]))
    other = database("b", lambda _: {}, factorial(seed=[2, 3]))
    assert len(held(one, other)) == 1
    assert held(one, database("c", lambda _: {}, factorial(seed=[7]))).is_empty()


def test_the_command_prints_what_moved(database, capsys):
    from emc.cli.compare import print_comparison

    one = database("a", lambda _: {})
    other = database(
        "b", lambda place: {"emc50": 200.0, "low": 190.0, "high": 210.0} if place == 1 else {}
    )
    print_comparison(one, other, one.parent, as_json=False)
    text = capsys.readouterr().out
    assert text.startswith("6 cells in both, of 6 and 6; 1 moved beyond their intervals")
    print_comparison(one, other, one.parent, as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert (document["measured"], document["in_both"]) == ([6, 6], 6)
    assert [cell["moved"] for cell in document["cells"]] == [True] + [False] * 5


def test_the_command_shows_a_lower_bound_as_one(database, capsys):
    from emc.cli.compare import print_comparison

    bound = {"emc50": 150.0, "low": 150.0, "high": None, "saturated": True}
    one, other = database("a", lambda _: {}), database("b", lambda _: bound)
    print_comparison(one, other, one.parent, as_json=False)
    text = capsys.readouterr().out
    assert "6 moved" in text
    assert text.count("150 to no end") == 6


def test_a_missing_database_is_named(database, tmp_path):
    from emc.cli.compare import print_comparison

    with pytest.raises(EmcError, match=r"gone\.duckdb: no such database"):
        print_comparison(
            database("a", lambda _: {}), tmp_path / "gone.duckdb", tmp_path, as_json=False
        )
