"""Reading standardised inputs."""

import numpy as np
import pytest

from emc.data import Samples
from emc.data import samples as samples_module


def test_rows_are_the_rows_of_all(digits: Samples, gaussian: Samples) -> None:
    for samples in (digits, gaussian):
        shared = samples.shared_inputs()
        assert shared is not None
        assert shared is samples.shared_inputs()
        assert shared.shape == (samples.n, *samples.shape)
        rows = np.array([5, 0, 5, samples.n - 1])
        found = samples.inputs(rows)
        assert found.dtype == np.float32
        assert found.flags.c_contiguous
        np.testing.assert_array_equal(found, shared[rows])


def test_inputs_are_copies(digits: Samples) -> None:
    found = digits.inputs(np.array([1, 2]))
    before = found.copy()
    found[:] = 0
    np.testing.assert_array_equal(digits.inputs(np.array([1, 2])), before)


def test_standardised_by_the_manifest(digits: Samples) -> None:
    manifest = digits.manifest
    wanted = (digits.stored[:9] - manifest.shift[0]) / manifest.scale[0]
    np.testing.assert_allclose(digits.inputs(slice(9)), wanted, atol=1e-6)


def test_test_part(digits: Samples) -> None:
    test = digits.test()
    assert (digits.n, test.n) == (1438, 359)
    assert test.shape == digits.shape
    assert test.inputs(np.arange(3)).shape == (3, 1, 8, 8)
    assert test.test().n == 359


def test_large_sets_are_not_shared(digits: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples_module, "SHARED_BYTES", 1000)
    assert digits.shared_inputs() is None
