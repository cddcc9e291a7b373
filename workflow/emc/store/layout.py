"""Where results lie, below one folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

DATASET: Final = "dataset"
"""The stage that prepares a data set, by the name of its rule."""


@dataclass(frozen=True, slots=True)
class CellFiles:
    """The files of one cell."""

    folder: Path

    @property
    def probes(self) -> Path:
        """Table of all probes."""
        return self.folder / "probes.parquet"

    @property
    def estimate(self) -> Path:
        """The answer."""
        return self.folder / "estimate.json"

    @property
    def measured(self) -> bool:
        """Whether there is an answer; a failure leaves an empty file."""
        return self.estimate.exists() and self.estimate.stat().st_size > 0

    @property
    def endpoints(self) -> Path:
        """End points kept for certification."""
        return self.folder / "endpoints.safetensors"

    @property
    def journal(self) -> Path:
        """Finished rounds of a cell that is not certified yet; no rule declares it."""
        return self.folder / "journal" / "rounds.journal"

    def failure(self, stage: str) -> Path:
        """Why a stage of the cell failed; no rule declares it, and its outputs are then empty."""
        return self.folder / f"failure-{stage}.json"

    def certificate(self, settings: str) -> Path:
        """Table of certificates made with these settings."""
        return self.folder / f"certificate-{settings}.parquet"

    def generalisation(self, seeds: int | str) -> Path:
        """Table of `seeds` runs on the whole training set."""
        return self.folder / f"generalisation-{seeds}.parquet"


def data_failure(folder: Path) -> Path:
    """Why the data set of this folder could not be prepared; its files are then empty."""
    return folder / f"failure-{DATASET}.json"


def log_of(database: Path) -> Path:
    """Where DuckDB notes changes of a database that are not in its file yet."""
    return database.with_name(f"{database.name}.wal")


@dataclass(frozen=True, slots=True)
class StudyFiles:
    """The files of one study."""

    folder: Path

    @property
    def given(self) -> Path:
        """The study, where another workflow gave it without a file."""
        return self.folder / "study.yaml"

    @property
    def cells(self) -> Path:
        """The plan."""
        return self.folder / "cells.parquet"

    @property
    def database(self) -> Path:
        """The data product."""
        return self.folder / "emc.duckdb"

    @property
    def resources(self) -> Path:
        """What jobs ask a cluster for; no rule declares it."""
        return self.folder / "resources.json"

    @property
    def figures(self) -> Path:
        """Folder of figures."""
        return self.folder / "figures"

    @property
    def page(self) -> Path:
        """The page."""
        return self.folder / "index.html"


@dataclass(frozen=True, slots=True)
class Results:
    """The results folder."""

    root: Path

    @property
    def cells(self) -> Path:
        """Folder of all cells."""
        return self.root / "cells"

    @property
    def data_sets(self) -> Path:
        """Folder of all prepared data sets."""
        return self.root / "data"

    @property
    def studies(self) -> Path:
        """Folder of all studies."""
        return self.root / "studies"

    @property
    def known_cells(self) -> list[str]:
        """Ids of the cells that have a folder, sorted."""
        return sorted(path.name for path in self.cells.iterdir()) if self.cells.is_dir() else []

    def cell(self, cell: str) -> CellFiles:
        """Files of a cell."""
        return CellFiles(self.cells / cell)

    def study(self, name: str) -> StudyFiles:
        """Files of a study."""
        return StudyFiles(self.studies / name)

    def benchmark(self, rule: str, name: str) -> Path:
        """What Snakemake noted of a job."""
        return self.root / "benchmarks" / rule / f"{name}.tsv"

    def data(self, name: str) -> Path:
        """Folder of a data set."""
        return self.data_sets / name


REMADE_BY: Final = "`emc run STUDY`"
"""What makes missing files, in messages of code that does not know the study's file."""

OF_RUNS: Final = Results(Path("results"))
"""Where a run of Snakemake keeps its results, in the folder that it runs in."""
