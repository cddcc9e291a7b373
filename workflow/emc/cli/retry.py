"""Clear failures of cells, and of the data sets that they draw from."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from emc.cli.results_folder import measured_in
from emc.data.lookup import open_study
from emc.errors import EmcError
from emc.records import Failure
from emc.store.failures import clear, clear_document, failed_data, failures
from emc.store.layout import DATASET, Results, data_failure
from emc.study.identity import dataset_id, settings_id


def clear_failures(file: Path, beginnings: Sequence[str], results: Path, *, every: bool) -> None:
    """Clear the failures of the cells whose ids begin so, or every failure of the study.

    A data set that failed is cleared with all of its cells, whichever of them is chosen.

    Raises:
        EmcError: nothing is chosen, or a beginning is that of no failed cell or comes with
            `every`; or there is no results folder.
    """
    if every and beginnings:
        raise EmcError(f"--all and {_quoted(beginnings)}: name cells or say --all, not both")
    study = open_study(file, results)
    settings, seeds = settings_id(study.study.certificate), study.generalised_seeds
    places = measured_in(results)
    datasets = {planned.id: dataset_id(planned.cell.dataset) for planned in study.cells}
    failed = [*_of_datasets(sorted(set(datasets.values())), places)]
    failed += [one for cell in datasets for one in failures(places.cell(cell), settings, seeds)]
    chosen = set(failed if every else _chosen(failed, beginnings))
    touched = {datasets.get(one.cell, one.cell) for one in chosen}
    whole = touched & {one.cell for one in failed if one.stage == DATASET}
    for one in failed:
        if one in chosen or datasets.get(one.cell, one.cell) in whole:
            _clear(one, places, settings, seeds)
            print(f"{one.cell}: {one.stage} will be tried again (it failed: {one.reason})")
    if not failed:
        print("no cell has failed")


def _of_datasets(names: Sequence[str], places: Results) -> Iterator[Failure]:
    for name in names:
        if failed := failed_data(places.data(name)):
            yield failed


def _clear(failure: Failure, places: Results, settings: str, seeds: int) -> None:
    if failure.stage == DATASET:
        clear_document(data_failure(places.data(failure.cell)))
    else:
        clear(places.cell(failure.cell), failure, settings, seeds)


def _chosen(failed: Sequence[Failure], beginnings: Sequence[str]) -> list[Failure]:
    lines = (f"  {one.cell} ({one.stage}): {one.reason}" for one in failed)
    known = "\n".join(lines) or "  none"
    if failed and not beginnings:
        raise EmcError(f"name cells, or --all; these have failed:\n{known}")
    for beginning in beginnings:
        if not beginning:
            raise EmcError(f"cell '': every id begins so; --all clears all; failed are:\n{known}")
        if not any(one.cell.startswith(beginning) for one in failed):
            raise EmcError(f"cell {beginning!r}: no failed cell begins so; failed are:\n{known}")
    return [one for one in failed if one.cell.startswith(tuple(beginnings))]


def _quoted(beginnings: Sequence[str]) -> str:
    return ", ".join(map(repr, beginnings))
