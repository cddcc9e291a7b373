"""Aggregate a study: every cell, probe and certificate in one DuckDB file."""

import argparse
from pathlib import Path

from emc.cli.boundary import script
from emc.store.layout import Results
from emc.study.claims import claims_from_definition
from emc.warehouse.build import build


def run(arguments: argparse.Namespace) -> None:
    build(
        arguments.database,
        arguments.cells,
        Results(arguments.results),
        arguments.settings,
        claims_from_definition(arguments.claims),
        seeds=arguments.seeds,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", required=True, type=Path, help="plan of the study, Parquet")
    parser.add_argument("--settings", required=True, help="id of the certificate settings")
    parser.add_argument("--results", required=True, type=Path, help="results folder")
    parser.add_argument("--claims", default="[]", help="claims of the study's author, as JSON")
    parser.add_argument("--seeds", default=0, type=int, help="runs on all data that are wanted")
    parser.add_argument("--database", required=True, type=Path, help="DuckDB file to write")
    script(parser, run)
