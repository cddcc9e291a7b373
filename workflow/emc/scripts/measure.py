"""Measure one cell: search for its EMC, and keep its probes and deciding end points."""

import argparse
from pathlib import Path

from emc.cli.boundary import script
from emc.measurement.checkpoints import SECONDS_BETWEEN
from emc.measurement.job import measure
from emc.store.layout import Results
from emc.study.identity import from_canonical


def run(arguments: argparse.Namespace) -> None:
    measure(
        from_canonical(arguments.cell),
        Results(arguments.results),
        device=arguments.device,
        back_end=arguments.back_end,
        checkpoint_seconds=arguments.checkpoint_seconds,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cell", required=True, help="the cell as canonical JSON")
    parser.add_argument("--results", required=True, type=Path, help="results folder")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--back-end", help="back end to use, whatever the rule would choose")
    parser.add_argument(
        "--checkpoint-seconds",
        type=float,
        default=SECONDS_BETWEEN,
        help="training that a kill may lose, beside the epoch under way (default: %(default)s)",
    )
    script(parser, run)
