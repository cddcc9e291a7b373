"""A stage that follows a cell's measurement: certify, generalise."""

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from emc.engine.device import resolve
from emc.jobs.attempt import attempt
from emc.jobs.cards import one_card
from emc.jobs.stop import stop_on_signal
from emc.store.atomic import write_bytes_atomically
from emc.store.columns import Table
from emc.store.failures import measurement_failed
from emc.store.layout import CellFiles
from emc.store.tables import write_table

log = logging.getLogger(__name__)


def follow(
    stage: str,
    files: CellFiles,
    rows: Callable[[str], Iterable[Mapping[str, Any]]],
    *,
    failure: Path,
    output: Path,
    table: Table,
    device: Callable[[], str],
) -> None:
    """Write the table that `rows` makes on the device it is given.

    `device` says which: "cpu", or "auto" for one GPU where there is one.

    A cell whose measurement failed gets an empty file, as does one that fails here: its reason is
    then in `failure`.

    Raises:
        FileError: what the stage needs is missing or damaged.
    """
    if measurement_failed(files):
        log.warning("%s: nothing to %s, its measurement failed", files.folder.name, stage)
        write_bytes_atomically(output, b"")
        return
    with stop_on_signal() as stop, attempt(stage, failure, [output], stop):
        place = device()
        with nullcontext() if place == "cpu" else one_card():
            made = list(rows(resolve(place)))
        write_table(output, table, made)
