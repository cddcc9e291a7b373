"""Whether everything that a study asks for is there."""

from pathlib import Path

from emc.errors import EmcError
from emc.store.atomic import write_text_atomically
from emc.warehouse.open import open_database


def confirm(database: Path, note: Path) -> None:
    """Write a note that no cell has failed.

    Raises:
        EmcError: some have; the message lists them.
    """
    with open_database(database) as warehouse:
        failed = warehouse.view("failures")
        cells = warehouse.count("cells")
    if failed.height:
        lines = "\n".join(f"  {cell} ({stage}): {reason}" for cell, stage, reason in failed.rows())
        raise EmcError(
            f"{failed['cell'].n_unique()} of {cells} cells failed; the rest is on the page:\n"
            f"{lines}\n`emc retry` clears them, and the next run tries again"
        )
    write_text_atomically(note, f"all {cells} cells are measured\n")
