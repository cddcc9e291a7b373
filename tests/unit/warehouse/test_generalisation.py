"""The table of runs on the whole training set."""

from pathlib import Path

import pytest
from tests.synthetic import SETTINGS, SyntheticStudy, factorial, write_study

from emc.errors import EmcError
from emc.records import Ended, Failure, Generalisation
from emc.store.columns import GENERALISATION
from emc.store.failures import write_failure
from emc.store.rows import generalisation_row
from emc.store.tables import write_table
from emc.warehouse import build, open_database

SEEDS = 2


@pytest.fixture
def study(tmp_path: Path) -> SyntheticStudy:
    """Two cells with original labels that were tested, and one with random labels."""
    cells = [
        *factorial(labels=["original"], optimizer=["sgd", "adam"]),
        *factorial(labels=["random"]),
    ]
    made = write_study(tmp_path, cells, probes=8)
    for plan in made.planned[:2]:
        write_runs(made, plan.id)
    return made


def write_runs(study: SyntheticStudy, cell: str) -> None:
    rows = (generalisation_row(run(cell, seed)) for seed in range(SEEDS))
    write_table(study.results.cell(cell).generalisation(SEEDS), GENERALISATION, rows)


def run(cell: str, seed: int) -> Generalisation:
    return Generalisation(
        cell=cell,
        seed=seed,
        lr=0.1,
        n=4000,
        train_accuracy=0.95,
        train_loss=0.2,
        test_samples=1000,
        test_accuracy=0.9 - seed / 10,
        test_loss=0.4,
        gap=0.05 + seed / 10,
        ended=Ended.STATIONARY,
        epochs=300,
        seconds=1.5,
        back_end="native",
        device="cpu",
    )


def gaps(study: SyntheticStudy, seeds: int) -> list[tuple[str, float]]:
    build(study.database, study.cells, study.results, SETTINGS, seeds=seeds)
    with open_database(study.database) as opened:
        found = opened.sql("SELECT cell, avg(gap) FROM generalisation GROUP BY cell ORDER BY cell")
    return found.rows()


def test_runs_of_every_tested_cell(study: SyntheticStudy) -> None:
    tested = sorted(plan.id for plan in study.planned[:2])
    assert gaps(study, SEEDS) == [(cell, pytest.approx(0.1)) for cell in tested]


@pytest.mark.parametrize("seeds", [0, 3])
def test_a_study_that_asks_for_none_or_for_others_has_no_rows(
    study: SyntheticStudy, seeds: int
) -> None:
    assert gaps(study, seeds) == []


def test_what_failed_is_no_result(study: SyntheticStudy) -> None:
    cell = study.planned[0].id
    files = study.results.cell(cell)
    output = files.generalisation(SEEDS)
    failure = Failure(cell, "generalise", "too tired", (output.name,))
    write_failure(files.failure(f"generalise-{SEEDS}"), failure)
    assert [name for name, _ in gaps(study, SEEDS)] == [study.planned[1].id]


def test_what_failed_of_other_seeds_hides_no_result(study: SyntheticStudy) -> None:
    cell = study.planned[0].id
    failure = Failure(cell, "generalise", "too tired", ("generalisation-3.parquet",))
    write_failure(study.results.cell(cell).failure("generalise-3"), failure)
    assert len(gaps(study, SEEDS)) == 2
    assert gaps(study, 3) == []


def test_a_damaged_file_is_named(study: SyntheticStudy) -> None:
    path = study.results.cell(study.planned[0].id).generalisation(SEEDS)
    path.write_bytes(b"PAR1 or not")
    with pytest.raises(
        EmcError,
        match=rf"{path.name}.* remove it: `emc run .* remakes",
    ):
        gaps(study, SEEDS)


def test_a_row_of_another_cell_is_refused(study: SyntheticStudy) -> None:
    path = study.results.cell(study.planned[0].id).generalisation(SEEDS)
    write_table(path, GENERALISATION, [generalisation_row(run("other", 0))])
    with pytest.raises(EmcError, match="of cell other, which the study does not plan"):
        gaps(study, SEEDS)
