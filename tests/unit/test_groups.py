"""Tests of a group run in one process, one after the other."""

import pytest


@pytest.mark.xdist_group("group")
def test_groups_are_told_to_the_scheduler(request: pytest.FixtureRequest) -> None:
    """By the end of a test's id, which pytest 9.2 keeps xdist 3.8 from setting."""
    if not request.config.getoption("loadgroup", default=False):
        pytest.skip("groups need --dist loadgroup")
    assert request.node.nodeid.endswith("@group")
