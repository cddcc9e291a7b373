"""Write the page of a study from its database."""

import argparse
from pathlib import Path

from emc.cli.boundary import script
from emc.report import write_page


def run(arguments: argparse.Namespace) -> None:
    write_page(arguments.database, arguments.page, arguments.study, arguments.title, arguments.file)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", required=True, type=Path, help="DuckDB file of the study")
    parser.add_argument("--page", required=True, type=Path, help="HTML file to write")
    parser.add_argument("--study", required=True, help="name of the study")
    parser.add_argument("--title", required=True, help="title of the page")
    parser.add_argument("--file", required=True, help="the study file, to run it again")
    script(parser, run)
