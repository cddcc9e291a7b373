"""The command `emc`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

import emc
from emc.cli.boundary import guarded
from emc.cli.results_folder import results_folder
from emc.cli.shipped import study_file
from emc.errors import EmcError

app = typer.Typer(
    help="Effective Model Complexity: how many samples a training procedure fits.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

StudyFile = Annotated[
    Path,
    typer.Argument(
        metavar="STUDY", parser=study_file, help="study file, YAML, or a name such as demo"
    ),
]
ResultsFolder = Annotated[
    Path,
    typer.Option("--results", metavar="FOLDER", parser=results_folder, help="results folder"),
]
RESULTS = Path("results")


class Format(StrEnum):
    """How a query's answer is printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"emc {emc.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="print the version and exit"
        ),
    ] = False,
) -> None:
    """Take what stands before a command."""


@app.command()
def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="file to write")] = Path(
        "study.yaml"
    ),
) -> None:
    """Write a first study file, with comments, for you to change."""
    from emc.cli.begin import write_first_study

    write_first_study(file)


@app.command()
def run(
    study: StudyFile,
    cores: Annotated[str, typer.Option("--cores", help="processors to use: a number, or all")] = (
        "all"
    ),
    gpus: Annotated[
        int | None, typer.Option("--gpus", min=0, help="GPUs to use, one job on each")
    ] = None,
    snakemake: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- OPTIONS]", help="options of Snakemake's own"),
    ] = None,
) -> None:
    """Measure what is missing of a study; results go to the working folder."""
    from emc.cli.run import run_study

    run_study(study, cores, gpus, snakemake or [])


@app.command()
def validate(study: StudyFile) -> None:
    """Check a study file and count its cells."""
    from emc.cli.validate import validate

    validate(study)


@app.command()
def plan(
    study: StudyFile,
    watts: Annotated[
        float | None, typer.Option("--watts", min=0, help="power of a worker, to predict energy")
    ] = None,
    calibrate: Annotated[
        bool,
        typer.Option("--calibrate", help="time kinds of nets that this machine does not know"),
    ] = False,
    results: ResultsFolder = RESULTS,
) -> None:
    """Show every cell of a study: done, running, failed or to do, and what is left to pay."""
    from emc.cli.plan import print_plan

    print_plan(study, results, watts, calibrate=calibrate)


@app.command()
def resources(
    study: StudyFile,
    max_runtime: Annotated[
        int | None,
        typer.Option("--max-runtime", min=1, max=10**9, help="most minutes a job may ask for"),
    ] = None,
    max_memory: Annotated[
        int | None,
        typer.Option("--max-memory", min=1, max=10**9, help="most megabytes a job may ask for"),
    ] = None,
    results: ResultsFolder = RESULTS,
) -> None:
    """Let later jobs ask a cluster for the time and memory that finished cells tell they need."""
    from emc.cli.resources import predict_resources

    predict_resources(study, results, runtime=max_runtime, mem_mb=max_memory)


@app.command()
def retry(
    study: StudyFile,
    cells: Annotated[
        list[str] | None, typer.Argument(help="ids of failed cells, or beginnings of ids")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="every failed cell")] = False,
    results: ResultsFolder = RESULTS,
) -> None:
    """Clear failures of cells, so that the next run tries them again."""
    from emc.cli.retry import clear_failures

    clear_failures(study, cells or [], results, every=every)


@app.command()
def show(
    cell: Annotated[str, typer.Argument(help="id of a cell, or a beginning that only it has")],
    results: ResultsFolder = RESULTS,
) -> None:
    """Show one cell: its estimate, learning rates, probes and certificates."""
    from emc.cli.show import print_cell

    print_cell(cell, results)


@app.command(name="results")
def list_results(study: StudyFile, results: ResultsFolder = RESULTS) -> None:
    """Show the answers of all cells of a study, one line each."""
    from emc.cli.results import print_results

    print_results(study, results)


@app.command()
def query(
    study: StudyFile,
    sql: Annotated[str, typer.Argument(metavar="SQL", help="one SELECT over tables and views")],
    csv: Annotated[bool, typer.Option("--csv", help="print CSV")] = False,
    json: Annotated[bool, typer.Option("--json", help="print JSON, one object per row")] = False,
    results: ResultsFolder = RESULTS,
) -> None:
    """Ask the study's database a question, which changes nothing."""
    from emc.cli.query import print_answer

    if csv and json:
        raise EmcError("--csv and --json: one form can be printed, both are asked for")
    print_answer(study, sql, results, Format.CSV if csv else Format.JSON if json else Format.TABLE)


@app.command()
def compare(
    one: Annotated[Path, typer.Argument(metavar="A", help="study file, or a DuckDB file")],
    other: Annotated[Path, typer.Argument(metavar="B", help="study file, or a DuckDB file")],
    json: Annotated[bool, typer.Option("--json", help="print JSON, all cells in it")] = False,
    results: ResultsFolder = RESULTS,
) -> None:
    """Show the cells of two studies whose EMC moved beyond its interval."""
    from emc.cli.compare import print_comparison

    print_comparison(one, other, results, as_json=json)


@app.command()
def nets(
    study: Annotated[
        Path | None,
        typer.Argument(metavar="STUDY", help="study file, whose data sets and plug-ins count too"),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset",
            help="data set whose inputs they take, a name or an entry [the study's own, or mnist]",
        ),
    ] = None,
    results: ResultsFolder = RESULTS,
    params: Annotated[
        float | None,
        typer.Option("--params", min=1, help="also show the width nearest to this count"),
    ] = None,
) -> None:
    """List the architectures: their keys, and their parameters at some widths."""
    from emc.cli.nets import print_nets

    print_nets(dataset, params, study, results)


def main() -> None:
    """Run the command line."""
    raise SystemExit(guarded(app))
