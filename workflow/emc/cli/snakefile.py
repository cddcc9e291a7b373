"""What the Snakefile and its rules ask of a study: the input, parameters and resources of jobs.

Rules run in the folder of the results, `OF_RUNS`, and name files as text relative to it.
"""

import gc
import sys
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, wraps
from hashlib import blake2b
from pathlib import Path
from shlex import quote
from typing import Any, NoReturn, ParamSpec, TypeVar

import emc
from emc.cli.fragile import (
    SnakemakeWorkflow,
    config_files,
    has_storage,
    is_main_process,
    limits,
)
from emc.cli.module import given_study
from emc.cli.shipped import shipped_study
from emc.data.lookup import Lookup
from emc.data.manifest import MANIFEST, TENSORS
from emc.data.user_files import DATA_DIR, originals
from emc.errors import EXIT_USER_ERROR, EmcError, printable
from emc.jobs.cards import cells_per_job, jobs_per_device
from emc.measurement.companions import STUDY
from emc.measurement.device_choice import (
    GAIN,
    Devices,
    Workers,
    device_to_certify,
    devices,
    places_on_cards,
)
from emc.measurement.preflight import preflight
from emc.measurement.resources import resources_of_job
from emc.store.layout import OF_RUNS
from emc.store.resources import Resources, read_resources
from emc.study import PlannedCell, StudyPlan, load, load_file
from emc.study.claims import claims_definition
from emc.study.datasets import DataSet, ImageFolder, ImageNet
from emc.study.expand import Look
from emc.study.identity import (
    dataset_definition,
    dataset_id,
    plan_id,
    settings_definition,
    settings_id,
)

_DAY, _HOUR = 1440, 60

Given = ParamSpec("Given")
Returned = TypeVar("Returned")


def ending_on_errors(question: Callable[Given, Returned]) -> Callable[Given, Returned]:
    """Print an `EmcError` and end Snakemake with exit code 2, in place of its traceback."""

    @wraps(question)
    def asked(*args: Given.args, **kwargs: Given.kwargs) -> Returned:
        try:
            return question(*args, **kwargs)
        except EmcError as error:
            _end(error)

    return asked


def _end(error: EmcError) -> NoReturn:
    print(f"error: {printable(str(error))}", file=sys.stderr)
    raise SystemExit(EXIT_USER_ERROR)


def given(
    workflow: SnakemakeWorkflow, config: Mapping[str, Any], environment: MutableMapping[str, str]
) -> "Asked":
    """The study that the Snakefile was given; says in `environment` where its originals lie."""
    _collect_seldom()
    ending_on_errors(jobs_per_device)(environment)
    ending_on_errors(cells_per_job)(environment)
    # Jobs of a cluster read the Snakefile again: the main process alone looks at the data.
    found = read_study(
        config,
        config_files(workflow),
        examine=is_main_process(workflow),
        stored=has_storage(workflow),
    )
    # No parameter of a job: a rerun hangs on those, and where originals lie changes no number.
    environment[DATA_DIR] = originals(found.study.study.data_dir, environment)
    environment[STUDY] = found.study.name
    return _sharing(found, workflow, environment)


@ending_on_errors
def _sharing(
    asked: "Asked", workflow: SnakemakeWorkflow, environment: MutableMapping[str, str]
) -> "Asked":
    """The same with those cells that take a card; jobs read the gain from their `environment`."""
    workers = _workers(limits(workflow), environment) if is_main_process(workflow) else None
    found = devices(asked.unmeasured, workers)
    if found is None:
        return asked
    if workers is not None:
        environment[GAIN] = str(found.gain)
    return replace(asked, devices=found)


def _workers(limits: Mapping[str, int], environment: Mapping[str, str]) -> Workers | None:
    """What jobs of this machine may use; None where others' cores are not known."""
    if "cores" not in limits:
        return None
    return Workers(limits["cores"], limits.get("gpu", places_on_cards(environment)))


def _collect_seldom() -> None:
    """Let Python look for garbage less often: planning makes millions of objects that stay.

    Looking as often as by default takes seconds and frees nothing.
    """
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)


@ending_on_errors
def read_study(
    config: Mapping[str, Any], files: Sequence[str | Path], *, examine: bool, stored: bool
) -> "Asked":
    """The study that Snakemake was given, or the demo; `examine` looks at its data beforehand.

    A workflow that has this one as a module may give a study without a file.

    `stored` says that results lie in a storage, where no file can be looked for beforehand.
    """
    lookup = Lookup(OF_RUNS)
    study = _given(config, files, lookup.facts)
    if examine:
        for note in preflight(study, lookup).warnings:
            print(f"{study.file}: warning: {note}", file=sys.stderr)
    return Asked(study, read_resources(OF_RUNS.study(study.name).resources), stored)


def _given(config: Mapping[str, Any], files: Sequence[str | Path], look: Look) -> StudyPlan:
    if file := given_study(config, files):
        return load_file(file, look)
    return load(config, files, shipped_study("demo"), look)


def code_of(*floors: str) -> str:
    """A checksum of the source files of some floors, by names and content and not by date."""
    package = Path(emc.__file__).parent
    found = (file for floor in floors for file in (package / floor).rglob("*.*"))
    checksum = blake2b(digest_size=16)
    for file in sorted(file for file in found if "__pycache__" not in file.parts):
        for part in (str(file.relative_to(package)).encode(), file.read_bytes()):
            checksum.update(len(part).to_bytes(8) + part)
    return checksum.hexdigest()


def results_of(_wildcards: object, output: Sequence[str]) -> str:
    """The results folder of a job: that of its output, which a storage has elsewhere."""
    return str(Path(output[0]).parents[2])


def folder_of(_wildcards: object, output: Sequence[str]) -> str:
    """The folder of a job's output."""
    return str(Path(output[0]).parent)


@dataclass(frozen=True)
class Asked:
    """A study and what its jobs ask a cluster for, if anything is known of that."""

    study: StudyPlan
    resources: Resources | None
    stored: bool
    devices: Devices | None = None

    @property
    def title(self) -> str:
        """What the page is called."""
        return self.study.study.title or self.study.name

    @cached_property
    def cells(self) -> dict[str, PlannedCell]:
        """Planned cells by id."""
        return {planned.id: planned for planned in self.study.cells}

    @cached_property
    def datasets(self) -> dict[str, DataSet]:
        """Data sets by id."""
        cells = (planned.cell for planned in self.study.cells)
        return {dataset_id(cell.dataset): cell.dataset for cell in cells}

    @cached_property
    def settings(self) -> str:
        """The settings of certificates as canonical JSON."""
        return settings_definition(self.study.study.certificate)

    @cached_property
    def settings_id(self) -> str:
        """Their id."""
        return settings_id(self.study.study.certificate)

    @property
    def claims(self) -> str:
        """The author's claims as canonical JSON."""
        return claims_definition(self.study.study.claims)

    @property
    def plan(self) -> str:
        """What a change of the study changes; the file's date alone would hide an older file."""
        return plan_id((planned.definition, planned.sections) for planned in self.study.cells)

    @ending_on_errors
    def definition(self, cell: str) -> str:
        """A cell as canonical JSON."""
        return self._planned(cell).definition

    @ending_on_errors
    def dataset_definition(self, dataset: str) -> str:
        """A data set as canonical JSON."""
        return dataset_definition(self._dataset(dataset))

    @ending_on_errors
    def preparation_minutes(self, dataset: str) -> int:
        """A day for folders of images, which may hold millions to decode; an hour for all else."""
        return _DAY if isinstance(self._dataset(dataset), ImageFolder | ImageNet) else _HOUR

    @ending_on_errors
    def resources_of_job(self, rule: str, resource: str, cell: str, attempt: int) -> int:
        """Megabytes or minutes: what `emc resources` foretells for the cell, or a fixed amount."""
        return resources_of_job(self.resources, rule, resource, self._planned(cell), attempt)

    @ending_on_errors
    def cards_to_measure(self, cell: str) -> int:
        """1, or 0 where the processor is foretold to be better."""
        planned = self._planned(cell)
        return int(self.devices is None or self.devices.takes_card(planned))

    @ending_on_errors
    def cards_to_certify(self, cell: str) -> int:
        """1, or 0 for a net that is differentiated on the processor in any case."""
        return int(device_to_certify(self._planned(cell).cell) != "cpu")

    @ending_on_errors
    def cards_to_test(self, cell: str, seeds: str) -> int:
        """1, or 0 where the processor is foretold to be better."""
        planned = self._planned(cell)
        return int(self.devices is None or self.devices.takes_card_to_test(planned, int(seeds)))

    def data_to_measure(self, cell: str) -> list[str]:
        """The data set that a measurement needs, and none where it has run."""
        files = OF_RUNS.cell(cell)
        return self._data(cell, needed=not _exist(files.probes, files.estimate, files.endpoints))

    def data_to_certify(self, cell: str, settings: str) -> list[str]:
        """Those that a certificate needs; none as long as there are no end points."""
        files = OF_RUNS.cell(cell)
        needed = files.endpoints.exists() and not files.certificate(settings).exists()
        return self._data(cell, needed=needed)

    def data_to_test(self, cell: str, seeds: str) -> list[str]:
        """Those that a test on new samples needs; none as long as there is no estimate."""
        files = OF_RUNS.cell(cell)
        needed = files.estimate.exists() and not files.generalisation(seeds).exists()
        return self._data(cell, needed=needed)

    @ending_on_errors
    def _data(self, cell: str, *, needed: bool) -> list[str]:
        """Its tensors where they are needed only; both of its files from a storage.

        Otherwise a data set that is made again, of the same content, would train all its cells
        again; and each name takes time.
        """
        folder = OF_RUNS.data(dataset_id(self._planned(cell).cell.dataset))
        if self.stored:
            return [str(folder / TENSORS), str(folder / MANIFEST)]
        return [str(folder / TENSORS)] if needed else []

    @property
    def manifests(self) -> list[str]:
        """Those of all data sets."""
        return [str(OF_RUNS.data(dataset) / MANIFEST) for dataset in self.datasets]

    @property
    def estimates(self) -> list[str]:
        """Those of all cells."""
        return [str(OF_RUNS.cell(cell).estimate) for cell in self.cells]

    @property
    def unmeasured(self) -> list[PlannedCell]:
        """Cells without an estimate."""
        return [one for one in self.study.cells if not OF_RUNS.cell(one.id).estimate.exists()]

    @property
    def certificates(self) -> list[str]:
        """The last files of all cells."""
        return [str(self._certificate(cell)) for cell in self.cells]

    @property
    def generalisation(self) -> list[str]:
        """Tests on new samples of all cells that have them."""
        seeds = self.study.generalised_seeds
        return [str(OF_RUNS.cell(one.id).generalisation(seeds)) for one in self.study.generalised]

    @property
    def missing_files(self) -> list[str]:
        """Files that cells lack, among those that the database is made of; all of a storage.

        Certificates come after all others, so to name these is enough where none is made; but
        files that are removed later, as by `emc retry`, are missed by nobody who does not name
        them.
        """
        aggregated = OF_RUNS.study(self.study.name).database.exists()
        return [
            str(file)
            for cell in self.cells
            if self.stored or aggregated or self._certificate(cell).exists()
            for file in self._of_database(cell)
            if self.stored or not file.exists()
        ]

    def _of_database(self, cell: str) -> Iterable[Path]:
        files = OF_RUNS.cell(cell)
        return files.probes, files.estimate, self._certificate(cell)

    def _certificate(self, cell: str) -> Path:
        return OF_RUNS.cell(cell).certificate(self.settings_id)

    def _planned(self, cell: str) -> PlannedCell:
        if cell not in self.cells:
            raise EmcError(
                f"{OF_RUNS.cell(cell).folder}: {self.study.file} has no cell {cell!r}; `emc plan"
                f" {quote(str(self.study.file))}` lists its cells"
            )
        return self.cells[cell]

    def _dataset(self, dataset: str) -> DataSet:
        if dataset not in self.datasets:
            raise EmcError(
                f"{OF_RUNS.data(dataset)}: {self.study.file} has no data set {dataset!r}: expected"
                f" {', '.join(self.datasets)}"
            )
        return self.datasets[dataset]


def _exist(*files: Path) -> bool:
    return all(file.exists() for file in files)
