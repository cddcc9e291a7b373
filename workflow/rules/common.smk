# The study, its cells, and the functions that rules ask for input and parameters.
import gc
import os
import sys
from pathlib import Path

from emc.data.preflight import preflight
from emc.errors import EXIT_USER_ERROR, EmcError
from emc.jobs.cards import jobs_per_device
from emc.measurement.request import request
from emc.store.layout import OF_RUNS
from emc.store.resources import read_resources
from emc.study import load
from emc.study.claims import claims_definition
from emc.study.identity import (
    dataset_definition,
    dataset_id,
    plan_id,
    settings_definition,
    settings_id,
)


def user_error(message):
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(EXIT_USER_ERROR)


if Path.cwd() != Path(workflow.basedir):
    user_error(f"run snakemake in {workflow.basedir}, not in {Path.cwd()}")

# Planning makes millions of objects that live to its end: looking for garbage among them as often
# as by default takes seconds and frees nothing.
gc.freeze()
gc.set_threshold(100_000, 50, 50)

try:
    jobs_per_device(os.environ)
    STUDY = load(config, workflow.configfiles, default=Path("config/demo.yaml"))
    if workflow.is_main_process:  # jobs of a cluster read this file again
        for note in preflight(STUDY):
            print(f"{STUDY.file}: warning: {note}", file=sys.stderr)
    RESOURCES = read_resources(OF_RUNS.study(STUDY.name).resources)
except EmcError as error:
    user_error(error)

# Where originals lie changes no number, so it is no parameter that a rerun hangs on.
if STUDY.study.data_dir:
    os.environ["EMC_DATA_DIR"] = STUDY.study.data_dir
os.environ.setdefault("EMC_DATA_DIR", "results/data/originals")


envvars:
    "EMC_DATA_DIR",


CELLS = {planned.id: planned for planned in STUDY.cells}
DATASETS = {
    dataset_id(planned.cell.dataset): planned.cell.dataset for planned in STUDY.cells
}
SETTINGS = settings_definition(STUDY.study.certificate)
SETTINGS_ID = settings_id(STUDY.study.certificate)
GENERALISATION = [
    f"results/cells/{planned.id}/generalisation-{STUDY.generalised_seeds}.parquet"
    for planned in STUDY.generalised
]


def certificate(cell):
    return f"results/cells/{cell}/certificate-{SETTINGS_ID}.parquet"


def cell_definition(wildcards):
    return CELLS[wildcards.cell].definition


def asked_for(wildcards):
    return plan_id((planned.definition, planned.sections) for planned in STUDY.cells)


def title(wildcards):
    """A function, since braces in a user's text are no wildcards."""
    return STUDY.study.title or STUDY.name


def requested(rule, resource):
    """A resource function: what `emc resources` foretells for the cell, or a fixed amount."""

    def of_cell(wildcards, attempt):
        return request(RESOURCES, rule, resource, CELLS[wildcards.cell].cell, attempt)

    return of_cell


def tensors_for(*outputs, after=None):
    """An input function: the samples that a cell's job needs, and none where it has run.

    Otherwise a data set that is made again, of the same content, would train all its cells again.
    Nor are any named while the file `after` is yet to be made, by a job that asks for them itself:
    each name takes time.
    """

    def tensors(wildcards):
        if after and not os.path.exists(after.format(**dict(wildcards))):
            return []
        if all(os.path.exists(output.format(**dict(wildcards))) for output in outputs):
            return []
        dataset = dataset_id(CELLS[wildcards.cell].cell.dataset)
        return f"results/data/{dataset}/tensors.safetensors"

    return tensors


def cell_files(pattern):
    """An input function, so that a job of one cell need not make out the paths of all."""
    return lambda wildcards: [pattern.format(cell=cell) for cell in CELLS]


def missing_files(wildcards):
    """An input function: files that cells lack, among those that the database is made of.

    Certificates come after all others, so to name these is enough where none is made; but files
    that are removed later, as by `emc retry`, are missed by nobody who does not name them.
    """
    aggregated = os.path.exists(f"results/studies/{wildcards.study}/emc.duckdb")
    return [
        file
        for cell in CELLS
        if aggregated or os.path.exists(certificate(cell))
        for file in (
            f"results/cells/{cell}/probes.parquet",
            f"results/cells/{cell}/estimate.json",
            certificate(cell),
        )
        if not os.path.exists(file)
    ]


def preparation_minutes(wildcards):
    """A day for folders of images, which may hold millions to decode; an hour for all else."""
    in_folders = DATASETS[wildcards.dataset].name in ("imagenet", "image-folder")
    return 1440 if in_folders else 60


def floor_files(*floors):
    """Source files as input are compared by content: an edit redraws, a new date does not."""
    return sorted(
        str(file)
        for floor in floors
        for file in Path("workflow/emc", floor).rglob("*.*")
        if "__pycache__" not in file.parts
    )
