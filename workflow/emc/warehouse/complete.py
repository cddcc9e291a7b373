"""Whether everything that a study asks for is there."""

from pathlib import Path

from emc.errors import EmcError
from emc.measurement.state import read_estimate
from emc.store.atomic import write_text_atomically
from emc.store.layout import Results
from emc.warehouse.open import open_database


def confirm(database: Path, results: Path, note: Path) -> None:
    """Write a note that no cell and no data set has failed.

    Raises:
        EmcError: some have; the message lists them. Or an answer in the results folder was damaged
            since the database was made of it.
    """
    with open_database(database) as warehouse:
        failed = warehouse.view("failures")
        data = warehouse.sql("SELECT dataset, reason FROM datasets WHERE reason IS NOT NULL")
        cells = warehouse.count("cells")
        answered = warehouse.sql("SELECT cell FROM estimates")["cell"]
    lines = [f"  data set {name}: {reason}" for name, reason in data.rows()]
    lines += [f"  {cell} ({stage}): {reason}" for cell, stage, reason in failed.rows()]
    if lines:
        count = f"{failed['cell'].n_unique()} of {cells} cells"
        told = "\n".join(lines)
        raise EmcError(
            f"{count} failed; the rest is on the page:\n{told}\n`emc retry STUDY --all`"
            " clears them, and the next run tries again"
        )
    for cell in answered:
        read_estimate(Results(results).cell(cell))
    write_text_atomically(note, f"all {cells} cells are measured\n")
