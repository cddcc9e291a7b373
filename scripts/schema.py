"""Write the JSON schema of a study file."""

import argparse
import json
from pathlib import Path

from emc.cli.boundary import script
from emc.store.atomic import write_text_atomically
from emc.study.schema import schema


def run(arguments: argparse.Namespace) -> None:
    write_text_atomically(arguments.output, json.dumps(schema(), indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", required=True, type=Path, help="JSON file to write")
    script(parser, run)
