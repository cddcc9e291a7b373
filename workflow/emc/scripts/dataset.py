"""Prepare a data set: one tensor file and its manifest."""

import argparse
from pathlib import Path

from emc.cli.boundary import script
from emc.jobs.preparation import prepare_or_fail
from emc.study.identity import dataset_from_definition


def run(arguments: argparse.Namespace) -> None:
    prepare_or_fail(
        dataset_from_definition(arguments.dataset), arguments.folder, arguments.data_dir
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", required=True, help='JSON, such as {"name": "mnist-5k"}')
    parser.add_argument("--folder", required=True, type=Path, help="folder to write")
    parser.add_argument("--data-dir", required=True, type=Path, help="where original files lie")
    script(parser, run)
