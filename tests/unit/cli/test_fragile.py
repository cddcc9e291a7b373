"""What is read of Snakemake's own `workflow`, by a Snakefile that writes it down."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.workflow

SNAKEFILE = """
import json
import os
from pathlib import Path
from emc.cli.fragile import config_files, has_storage, is_main_process, limits

said = {
    "files": [str(file) for file in config_files(workflow)],
    "main": is_main_process(workflow),
    "storage": has_storage(workflow),
    "limits": limits(workflow),
}
with Path("said").open("a") as file:
    print(json.dumps(said), file=file)

rule made:
    output: "made"
    run: Path(output[0]).touch()
"""


def said(folder: Path, *options: str) -> list[dict[str, Any]]:
    """What each process that read the Snakefile found, the main one first."""
    (folder / "Snakefile").write_text(SNAKEFILE)
    for name in ("one.yaml", "two.yaml"):
        (folder / name).write_text("{}")
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *options]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in (folder / "said").read_text().splitlines()]


def test_a_job_is_told_from_the_process_that_plans(tmp_path: Path) -> None:
    assert [process["main"] for process in said(tmp_path)] == [True, False]


def test_study_files_are_those_of_the_command_line(tmp_path: Path) -> None:
    main, *_ = said(tmp_path, "--configfile", "one.yaml", "two.yaml", "--dry-run")
    assert [Path(file).name for file in main["files"]] == ["one.yaml", "two.yaml"]


@pytest.mark.parametrize(
    ("options", "stored"),
    [
        ([], False),
        (["--default-storage-provider", "fs", "--default-storage-prefix", "kept"], True),
    ],
)
def test_a_storage_is_seen(tmp_path: Path, options: list[str], stored: bool) -> None:
    main, *_ = said(tmp_path, *options, "--dry-run")
    assert main["storage"] is stored


@pytest.mark.parametrize(
    ("options", "limits"),
    [
        ([], {"cores": 1}),
        (["--resources", "gpu=4"], {"cores": 1, "gpu": 4}),
        (["--resources", "gpu=0", "mem_mb=9"], {"cores": 1, "gpu": 0}),
    ],
)
def test_what_jobs_may_hold_together_is_seen(
    tmp_path: Path, options: list[str], limits: dict[str, int]
) -> None:
    main, *_ = said(tmp_path, "--dry-run", *options)
    assert main["limits"] == limits
