"""What a job asks a cluster for."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emc.measurement.resources import BESIDE, LIMITS, UNKNOWN, resources_of_job
from emc.records import Law
from emc.store.resources import Resources
from emc.study import Cell, PlannedCell


def planned(width: int = 8, **keys: Any) -> PlannedCell:
    net = {"name": "mlp", "depth": 2, "width": width}
    content = {"dataset": "mnist-5k", "labels": "random", "architecture": net, **keys}
    return PlannedCell("a", Cell.model_validate(content), "", ())


def known(law: Law, **limits: int) -> Resources:
    return Resources({"measure": {"runtime": law, "mem_mb": law}}, limits)


LINEAR = Law(level=math.log(0.5), power=1.0, typical=100.0, factor=3.0, learnt_from=9)


@pytest.mark.parametrize(("resource", "unit"), [("mem_mb", 1), ("runtime", 60)])
def test_what_is_expected_times_its_error_on_top_of_what_every_job_takes(
    resource: str, unit: int
) -> None:
    expected = 0.5 * planned().cell.parameters * 3.0 / unit
    asked = resources_of_job(known(LINEAR), "measure", resource, planned(), 1)
    assert asked == pytest.approx(BESIDE[resource] + expected, abs=1)
    assert asked >= BESIDE[resource] + expected - 1e-6


@pytest.mark.parametrize("resource", ["mem_mb", "runtime"])
def test_fixed_amounts_where_nothing_tells(resource: str) -> None:
    for resources in (None, Resources({}, {}), known(LINEAR)):
        for attempt in (1, 2, 3):
            asked = resources_of_job(resources, "certify", resource, planned(), attempt)
            assert asked == UNKNOWN[resource] * attempt


def test_a_further_try_asks_for_as_much_again() -> None:
    first = resources_of_job(known(LINEAR), "measure", "mem_mb", planned(), 1)
    assert resources_of_job(known(LINEAR), "measure", "mem_mb", planned(), 3) == 3 * first


@pytest.mark.parametrize("rule", ["measure", "certify"])
def test_nothing_beyond_the_users_limit(rule: str) -> None:
    resources = known(LINEAR, mem_mb=1100, runtime=30)
    big = planned(width=500)
    assert resources_of_job(resources, rule, "mem_mb", big, 1) == 1100
    assert resources_of_job(resources, rule, "runtime", big, 4) == 30


def test_a_cell_whose_size_is_not_known_beforehand_is_a_typical_one() -> None:
    own = planned(dataset={"name": "image-folder", "folder": "somewhere"})
    assert own.cell.dataset.facts is None
    asked = resources_of_job(known(LINEAR), "measure", "mem_mb", own, 1)
    assert asked == pytest.approx(BESIDE["mem_mb"] + 0.5 * 100 * 3, abs=1)


@pytest.mark.parametrize("resource", ["mem_mb", "runtime"])
def test_a_cell_of_which_nothing_is_expected_asks_for_fixed_amounts(resource: str) -> None:
    """Nothing like it was timed: what nets that kernels train take says nothing of it."""
    law = {"measure": {resource: LINEAR}}
    resources = Resources(law, {}, {"another": {resource: 90.0}})
    assert resources_of_job(resources, "measure", resource, planned(), 1) == UNKNOWN[resource]
    told = Resources(law, {}, {"a": {resource: 90.0}})
    assert resources_of_job(told, "measure", resource, planned(), 1) != UNKNOWN[resource]


@given(
    st.floats(-1e6, 1e6),
    st.floats(0, 3),
    st.floats(1, 1e300),
    st.integers(1, 9),
    st.sampled_from(["mem_mb", "runtime"]),
)
def test_every_request_is_whole_and_possible(
    level: float, power: float, factor: float, attempt: int, resource: str
) -> None:
    law = Law(level, power, typical=100.0, factor=factor, learnt_from=5)
    asked = resources_of_job(known(law), "measure", resource, planned(), attempt)
    assert type(asked) is int
    assert BESIDE[resource] <= asked <= LIMITS[resource]


EXPECTED = {"a": {"runtime": 600.0, "mem_mb": 200.0}}


@pytest.mark.parametrize(("resource", "unit"), [("mem_mb", 1), ("runtime", 60)])
def test_what_is_expected_of_the_cell_is_what_the_law_corrects(resource: str, unit: int) -> None:
    resources = Resources({"measure": {resource: LINEAR}}, {}, EXPECTED)
    asked = resources_of_job(resources, "measure", resource, planned(), 1)
    assert asked == pytest.approx(
        BESIDE[resource] + 0.5 * EXPECTED["a"][resource] * 3 / unit, abs=1
    )


def test_other_rules_go_by_the_parameters() -> None:
    resources = Resources({"certify": {"mem_mb": LINEAR}}, {}, EXPECTED)
    asked = resources_of_job(resources, "certify", "mem_mb", planned(), 1)
    assert asked == pytest.approx(BESIDE["mem_mb"] + 0.5 * planned().cell.parameters * 3, abs=1)
