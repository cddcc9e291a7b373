"""What jobs ask a cluster for, and what a run makes of it."""

from pathlib import Path

import pytest
from tests.workflow.checkout import Checkout

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

TINY = "config/tiny.yaml"
RESOURCES = "results/studies/tiny/resources.json"


def test_other_requests_rerun_nothing(changeable: Checkout) -> None:
    said = changeable.run("emc", "resources", TINY, "--max-runtime", "99").stdout
    assert RESOURCES in said
    assert "at most: runtime, min 99" in said
    assert not changeable.planned(TINY)


def test_a_damaged_file_is_named_before_anything_runs(fresh: Checkout, tmp_path: Path) -> None:
    checkout = fresh.copy(tmp_path / "emc")
    file = checkout.folder / RESOURCES
    file.parent.mkdir(parents=True)
    file.write_text('{"laws": ')
    command = ("snakemake", "--cores", "1", "--configfile", TINY, "--dry-run")
    done = checkout.run(*command, check=False)
    assert done.returncode == 2
    said = done.stdout + done.stderr
    assert f"error: {RESOURCES}: damaged" in said
    assert "remove it: `emc resources STUDY` remakes it" in said
    assert "Traceback" not in said
    checkout.run("emc", "resources", TINY)
    assert checkout.run(*command).returncode == 0
