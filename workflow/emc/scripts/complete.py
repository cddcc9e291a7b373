"""Say which cells of a study failed, or note that none did."""

import argparse
from pathlib import Path

from emc.cli.boundary import script
from emc.warehouse.complete import confirm


def run(arguments: argparse.Namespace) -> None:
    confirm(arguments.database, arguments.results, arguments.note)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", required=True, type=Path, help="DuckDB file of the study")
    parser.add_argument("--results", required=True, type=Path, help="results folder")
    parser.add_argument("--note", required=True, type=Path, help="text file to write")
    script(parser, run)
