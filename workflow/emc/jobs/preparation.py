"""The job of a data set: it leaves its failure behind, which its cells then repeat."""

from pathlib import Path

from emc.data.manifest import MANIFEST, TENSORS
from emc.data.prepare import prepare
from emc.jobs.attempt import attempt
from emc.store.layout import DATASET, data_failure
from emc.study.datasets import DataSet


def prepare_or_fail(dataset: DataSet, folder: Path, data_dir: Path | None) -> None:
    """Prepare a data set into `folder`; originals that are no good are its failure.

    Raises:
        FileError: originals are missing, or a file cannot be read or written.
    """
    with attempt(DATASET, data_failure(folder), [folder / TENSORS, folder / MANIFEST]):
        prepare(dataset, folder, data_dir)
