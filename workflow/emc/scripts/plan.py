"""Write the plan of a study: every cell with its id and parameters."""

import argparse
from pathlib import Path

from emc.cli.boundary import script
from emc.data.lookup import open_study
from emc.store.columns import CELLS
from emc.store.plan import plan_row
from emc.store.tables import write_table


def run(arguments: argparse.Namespace) -> None:
    study = open_study(arguments.study, arguments.results)
    write_table(arguments.cells, CELLS, map(plan_row, study.cells))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", required=True, type=Path, help="study file")
    parser.add_argument("--cells", required=True, type=Path, help="Parquet file to write")
    parser.add_argument("--results", required=True, type=Path, help="results folder")
    script(parser, run)
