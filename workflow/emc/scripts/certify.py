"""Certify the end points that decide a cell's EMC."""

import argparse
from pathlib import Path

from emc.cli.boundary import script
from emc.measurement.certify import certify
from emc.store.layout import Results
from emc.study.identity import from_canonical, settings_from_definition


def run(arguments: argparse.Namespace) -> None:
    certify(
        from_canonical(arguments.cell),
        settings_from_definition(arguments.settings),
        Results(arguments.results),
        arguments.output,
        threads=arguments.threads,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cell", required=True, help="the cell as canonical JSON")
    parser.add_argument("--settings", required=True, help="what a certificate demands, as JSON")
    parser.add_argument("--results", required=True, type=Path, help="results folder")
    parser.add_argument("--output", required=True, type=Path, help="Parquet file to write")
    parser.add_argument("--threads", type=int, default=1, help="that share out the samples")
    script(parser, run)
