"""What a GPU does with emc, in at most ten minutes on one card, unattended.

    python benchmarks/gpu.py              # every part, one after the other
    python benchmarks/gpu.py --parts 1 12 # some of them
    python benchmarks/gpu.py --rehearse   # the same on the processor: whether the parts run at all
    python benchmarks/gpu.py --foretold "NVIDIA H200"  # what is counted for a card, without one

Each part is a process of its own with a time limit: one that fails, hangs or breaks the card's
context says why, and the next one begins. What a part finds is printed as it goes, and stands in
one table at the end, with device, n and spread. On a machine without a card it says what it would
do, and exits with 2. It has not been run on a card yet.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from statistics import median
from time import monotonic

from gpu_common import Part, Row, device_name
from gpu_foretold import foretell
from gpu_parts import PARTS

from emc.cli.boundary import guarded
from emc.errors import EXIT_USER_ERROR

LIMIT = 600.0
"""Seconds that all parts may take together."""
MARK = "row: "


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", type=int, default=list(range(1, len(PARTS) + 1)))
    parser.add_argument("--rehearse", action="store_true", help="on the processor")
    parser.add_argument("--foretold", metavar="MODEL", help="count what a card should do")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.foretold:
        raise SystemExit(guarded(lambda: foretell(asked.foretold)))
    device = "cpu" if asked.rehearse else "cuda"
    if asked.one:
        run_here(PARTS[asked.one - 1], device)
        return
    if device == "cuda" and device_name() is None:
        tell_what_it_would_do()
        sys.exit(EXIT_USER_ERROR)
    rows = run_all(asked.parts, rehearse=asked.rehearse)
    print_table(rows, "the processor" if asked.rehearse else device_name() or "")


def tell_what_it_would_do() -> None:
    print("error: torch finds no GPU here. On a card, these parts would run:")
    for number, part in enumerate(PARTS, start=1):
        print(f"{number:3}. {part.what} ({part.seconds} s at most)")
    print(f"Together they take {LIMIT:.0f} s at most.")


def run_here(part: Part, device: str) -> None:
    """One part, in this process; rows go to the output as they come."""
    for row in part.rows(device):
        print(MARK + json.dumps(asdict(row)), flush=True)


def run_all(numbers: Sequence[int], *, rehearse: bool) -> list[tuple[int, Row]]:
    slower = 4 if rehearse else 1
    rows, end = [], monotonic() + LIMIT * slower
    for number in numbers:
        part, left = PARTS[number - 1], end - monotonic()
        print(f"{number}. {part.what}", flush=True)
        found, reason = run_apart(number, part, min(part.seconds * slower, left), rehearse=rehearse)
        for row in found:
            print(f"   {told(row)}", flush=True)
        if reason:
            print(f"   FAILED: {reason}", flush=True)
            found.append(Row("failed", "", [], reason))
        rows += [(number, row) for row in found]
    return rows


def run_apart(
    number: int, part: Part, seconds: float, *, rehearse: bool
) -> tuple[list[Row], str | None]:
    """A part in a process of its own: its rows, and why it failed if it did."""
    if seconds <= 0:
        return [], f"the {LIMIT:.0f} s were over"
    command = [sys.executable, __file__, "--one", str(number), *["--rehearse"] * rehearse]
    environment = {**os.environ, **part.environment}
    pipe, reason = subprocess.PIPE, None
    with subprocess.Popen(
        command, stdout=pipe, stderr=pipe, text=True, env=environment, start_new_session=True
    ) as running:
        try:
            output, errors = running.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            output, errors = running.communicate()
            reason = f"it took more than {seconds:.0f} s"
    if running.returncode and not reason:
        reason = last_error(errors) or f"exit code {running.returncode}"
    marked = [line for line in output.splitlines() if line.startswith(MARK)]
    return [Row(**json.loads(line.removeprefix(MARK))) for line in marked], reason


def last_error(output: str) -> str | None:
    """The line that names an error, of the last traceback; CUDA's say more below."""
    lines = [line for line in output.splitlines() if line.strip()]
    named = [line for line in lines if re.match(r"[\w.]+(Error|Exception|Interrupt)\b", line)]
    return (named or lines)[-1] if lines else None


def told(row: Row) -> str:
    return " | ".join(each for each in (row.what, value(row), row.note) if each)


def value(row: Row) -> str:
    if not row.values:
        return ""
    spread = f" ({min(row.values):.3g} to {max(row.values):.3g})" if len(row.values) > 1 else ""
    return f"{median(row.values):.3g} {row.unit}{spread}"


def print_table(rows: Sequence[tuple[int, Row]], device: str) -> None:
    print(f"\n`python benchmarks/gpu.py` on {device}: medians, least and most in brackets.\n")
    print("| part | what | value | n | note |\n| --- | --- | --- | --- | --- |")
    for number, row in rows:
        print(f"| {number} | {row.what} | {value(row)} | {len(row.values) or ''} | {row.note} |")


if __name__ == "__main__":
    main()
