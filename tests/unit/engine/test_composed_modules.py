"""Nets composed by chance of pieces that kernels know and of others, trained as torch would."""

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from tests.unit.engine.test_native_modules import SGD, procedure, replica
from tests.unit.nets.own_modules import CLASSES, SHAPE, Make
from tests.unit.nets.pieces import compositions

from emc.engine import run_probes
from emc.engine.choose import native_refusal
from emc.engine.sequential import Sequential
from emc.nets.recognise import recognised


@pytest.mark.filterwarnings("ignore:There is a performance drop:UserWarning")
@given(composed=compositions())
@settings(max_examples=40, deadline=None, phases=[Phase.generate])
def test_a_composed_net_trains_as_in_torch(composed: tuple[Make, bool]) -> None:
    """Fifty steps, by kernels exactly where all pieces are theirs; else the answer says why."""
    make, known = composed
    asked = procedure(make, update=SGD, batch=8)
    assert (recognised(make, SHAPE, CLASSES).unknown is None) == known
    assert (native_refusal(asked, "cpu", None) is None) == known
    replicas = [replica(n=19, seed=3), replica(n=23, seed=4)]
    found, expected = run_probes(asked, replicas), Sequential("cpu").run(asked, replicas)
    for one, other in zip(found, expected, strict=True):
        assert (one.back_end == "native") == known
        for name, values in other.parameters.items():
            np.testing.assert_allclose(one.parameters[name], values, atol=1e-4, err_msg=name)
