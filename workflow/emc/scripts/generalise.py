"""Train a cell's procedure on the whole training set and test it."""

import argparse
from pathlib import Path

from emc.cli.boundary import script
from emc.measurement.generalise import generalise
from emc.store.layout import Results
from emc.study.identity import from_canonical


def run(arguments: argparse.Namespace) -> None:
    generalise(
        from_canonical(arguments.cell),
        arguments.seeds,
        Results(arguments.results),
        arguments.output,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cell", required=True, help="the cell as canonical JSON")
    parser.add_argument("--seeds", required=True, type=int, help="how many runs")
    parser.add_argument("--results", required=True, type=Path, help="results folder")
    parser.add_argument("--output", required=True, type=Path, help="Parquet file to write")
    script(parser, run)
