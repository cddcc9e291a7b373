"""Export a study's database: a Parquet file per table or view, and their description."""

import argparse
from pathlib import Path

from emc.cli.boundary import script
from emc.warehouse import open_database
from emc.warehouse.export import export


def run(arguments: argparse.Namespace) -> None:
    with open_database(arguments.database) as warehouse:
        export(warehouse, arguments.folder, arguments.study, arguments.title)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", required=True, type=Path, help="the study's database")
    parser.add_argument("--folder", required=True, type=Path, help="folder to write")
    parser.add_argument("--study", required=True, help="name of the study")
    parser.add_argument("--title", required=True, help="one line that says what it is about")
    script(parser, run)
