"""Judge the claims of a study: a table for machines, a text for people."""

import argparse
from pathlib import Path

from emc.cli.boundary import script
from emc.findings import write_findings
from emc.warehouse import open_database


def run(arguments: argparse.Namespace) -> None:
    with open_database(arguments.database) as warehouse:
        write_findings(warehouse, arguments.table, arguments.text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", required=True, type=Path, help="the study's database")
    parser.add_argument("--table", required=True, type=Path, help="Parquet file to write")
    parser.add_argument("--text", required=True, type=Path, help="Markdown file to write")
    script(parser, run)
