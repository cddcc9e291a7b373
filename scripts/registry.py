"""Write the page of everything that a study can name, with a measured cell of each."""

import argparse
from pathlib import Path

from emc.cli.boundary import script
from emc.cli.registry import write_registry


def run(arguments: argparse.Namespace) -> None:
    write_registry(arguments.output, arguments.config, arguments.results)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", required=True, type=Path, help="Markdown file to write")
    parser.add_argument("--config", default=Path("config"), type=Path, help="folder of studies")
    parser.add_argument("--results", default=Path("results"), type=Path, help="results folder")
    script(parser, run)
