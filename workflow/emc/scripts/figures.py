"""Draw every figure of a study from its database: html, json, svg and png."""

import argparse
from pathlib import Path

from emc.cli.boundary import script
from emc.figures import draw_all
from emc.warehouse import open_database


def run(arguments: argparse.Namespace) -> None:
    draw_all(open_database(arguments.database), arguments.folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", required=True, type=Path, help="DuckDB file of the study")
    parser.add_argument("--folder", required=True, type=Path, help="folder to write")
    script(parser, run)
