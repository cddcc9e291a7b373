"""The profile of a cluster leaves to the rules what they know better."""

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def slurm() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "profiles/slurm/profile.yaml").read_text())
    return found


def test_jobs_of_cells_ask_for_what_their_rules_foretell(slurm: dict[str, Any]) -> None:
    assert not {"measure", "certify", "generalise"} & slurm["set-resources"].keys()


def test_there_are_no_job_arrays(slurm: dict[str, Any]) -> None:
    """The plugin's arrays remove results of other tasks; see profiles/README.md."""
    assert not [key for key in slurm if key.startswith("slurm-array")]


def test_there_are_no_groups(slurm: dict[str, Any]) -> None:
    """A group that fails loses the cells that it has finished; see profiles/README.md."""
    assert not {"groups", "group-components"} & slurm.keys()
