"""What a finish spends is counted, and no more is spent than it may."""

import numpy as np
import pytest
from tests.unit.finish.test_finish import random_net

from emc.curvature import Objective
from emc.finish import FinishSettings, finish
from emc.finish.metered import Meter, Metered
from emc.nets.layers import Dense, Layers
from emc.records import Outcome

PLAN: Layers = (Dense(5, 4, True, "tanh"), Dense(4, 3, True, "identity"))


def test_gradients_are_one_pass_and_products_two_at_every_point() -> None:
    meter = Meter(limit=10.0)
    operator = Metered(random_net(PLAN, 20, Objective(), 0), meter)
    there = operator.at(operator.parameters + 0.1)
    operator.first_order()
    there.first_order()
    there.products(np.ones((3, len(there.parameters))))
    assert meter.made == 8.0
    assert not meter.spent
    there.at(operator.parameters).products(np.ones((1, len(there.parameters))))
    assert meter.spent


def test_numbers_are_those_of_the_operator() -> None:
    plain = random_net(PLAN, 20, Objective(), 0)
    operator = Metered(plain, Meter(limit=10.0)).at(plain.parameters + 0.1)
    expected = plain.at(plain.parameters + 0.1)
    assert operator.first_order().loss == expected.first_order().loss
    np.testing.assert_array_equal(operator.dense(), expected.dense())
    assert operator.dense_within(1) == expected.dense_within(1)
    assert operator.growing() == expected.growing()
    assert operator.samples == 20


@pytest.mark.parametrize("passes", [1.0, 10.0, 40.0])
def test_a_finish_that_spent_its_passes_is_open(passes: float) -> None:
    operator = random_net(PLAN, 60, Objective(), 3)
    found = finish(operator, criterion=1.0, settings=FinishSettings(passes=passes, gradient=1e-6))
    assert found.record.outcome is Outcome.OPEN
    assert found.record.reason.startswith("Steps or passes ran out")
    longer = finish(operator, criterion=1.0, settings=FinishSettings(gradient=1e-6))
    assert longer.record.outcome is Outcome.MINIMUM
    assert longer.record.iterations > found.record.iterations
