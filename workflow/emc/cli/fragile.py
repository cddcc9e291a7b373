"""Parts of Snakemake that it does not document: the object `workflow` of a Snakefile.

Each stands here only, with a test of what it says: a new version of Snakemake may change it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol


class StorageSettings(Protocol):
    """Where results lie."""

    default_storage_provider: str | None


class Limit(Protocol):
    """What jobs may hold of a resource together."""

    value: int | None


class SnakemakeWorkflow(Protocol):
    """`workflow` of a Snakefile, as far as it is read."""

    global_resources: Mapping[str, Limit]
    configfiles: list[Path]
    is_main_process: bool
    storage_settings: StorageSettings


def config_files(workflow: SnakemakeWorkflow) -> list[Path]:
    """The files that `--configfile` names, and those of the Snakefile's own."""
    return workflow.configfiles


def is_main_process(workflow: SnakemakeWorkflow) -> bool:
    """Whether this process plans: one that runs a job of a cluster reads the Snakefile again."""
    return workflow.is_main_process


def has_storage(workflow: SnakemakeWorkflow) -> bool:
    """Whether results lie in a storage, by `--default-storage-provider`."""
    return workflow.storage_settings.default_storage_provider is not None


def limits(workflow: SnakemakeWorkflow) -> dict[str, int]:
    """What all jobs together may hold: `cores` of `--cores`, `gpu` of `--resources`."""
    given = workflow.global_resources
    found = {"cores": given.get("_cores"), "gpu": given.get("gpu")}
    return {name: one.value for name, one in found.items() if one and one.value is not None}
