"""The spectrum by stochastic Lanczos quadrature against exact ones."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.curvature.matrices import Quadratic, rotated

from emc.curvature import CertificateTolerances, certify_operator
from emc.curvature.quadrature import exact_spectrum, quadrature
from emc.curvature.spectrum import Spectrum

VALUES = np.concatenate([np.random.default_rng(0).exponential(0.1, 195), [-0.4, 2, 3, 4, 5]])


def test_exact_spectrum() -> None:
    spectrum = exact_spectrum(Quadratic(rotated(VALUES)))
    np.testing.assert_allclose(spectrum.values, np.sort(VALUES), atol=1e-13)
    assert spectrum.mean == pytest.approx(VALUES.mean())
    assert spectrum.below(0) == pytest.approx(1 / 200)


def test_moments_and_quantiles_are_those_of_the_spectrum() -> None:
    matrix = Quadratic(rotated(VALUES))
    found = quadrature(matrix, probes=40, steps=25, seed=1)
    assert matrix.asked == 40 * 25
    assert found.shares.sum() == pytest.approx(1)
    assert (np.diff(found.values) >= 0).all()
    for power in (1, 2):
        spread = np.sqrt(2 * (VALUES ** (2 * power)).sum() / 40) / 200
        moment = found.shares @ found.values**power
        assert moment == pytest.approx((VALUES**power).mean(), abs=3.5 * spread)
    for at in (0.0, 0.05, 0.2, 1.0):
        assert found.below(at) == pytest.approx((at > VALUES).mean(), abs=0.05)


def test_all_steps_of_one_probe_are_a_gauss_rule_of_every_moment_it_saw() -> None:
    values = np.array([-1.0, 0.0, 2.0, 5.0])
    matrix = rotated(values)
    rule = quadrature(Quadratic(matrix), probes=1, steps=4, seed=3)
    np.testing.assert_allclose(rule.values, values, atol=1e-13)
    assert rule.shares.sum() == pytest.approx(1)


def test_density_is_normalised_and_peaks_where_the_eigenvalues_are() -> None:
    spectrum = Spectrum(np.array([0.0, 2.0]), np.array([0.75, 0.25]))
    grid = np.linspace(-2, 4, 6001)
    density = spectrum.density(grid, width=0.1)
    assert density.sum() * 1e-3 == pytest.approx(1)
    assert density[2000] / density[4000] == pytest.approx(3)
    assert density[2000] == pytest.approx(0.75 / (0.1 * np.sqrt(2 * np.pi)))


def test_same_seed_same_answer() -> None:
    matrix = Quadratic(rotated(VALUES))
    first, again = (quadrature(matrix, probes=2, steps=5, seed=7) for _ in range(2))
    np.testing.assert_array_equal(first.values, again.values)
    assert not np.array_equal(first.values, quadrature(matrix, probes=2, steps=5, seed=8).values)


@given(
    st.lists(st.floats(-1e9, 1e9, allow_subnormal=False), min_size=1, max_size=40),
    st.randoms(use_true_random=False),
)
def test_merged_values_keep_shares_mean_sign_and_scale(values: list[float], draw: Random) -> None:
    shares = np.array([draw.random() + 1e-3 for _ in values])
    spectrum = Spectrum(np.sort(values), shares / shares.sum())
    merged = spectrum.merged()
    scale = abs(spectrum.values).max()
    assert merged.shares.sum() == pytest.approx(1)
    assert merged.mean == pytest.approx(spectrum.mean, rel=1e-9, abs=1e-12 * scale)
    assert (np.diff(merged.values) > 0).all()
    assert len(merged.values) <= 2 * 33 + 1
    top, bottom = merged.values[-1], merged.values[0]
    for found, true in ((top, spectrum.values[-1]), (bottom, spectrum.values[0])):
        assert abs(true) <= 1e-8 * scale or 10**-0.2501 <= found / true <= 10**0.2501


def test_lanczos_certificates_come_with_a_spectrum_near_the_exact_one() -> None:
    values = np.concatenate([np.zeros(300), np.linspace(1, 2, 100)])
    point = Quadratic(rotated(values))
    lanczos = certify_operator(
        point, plateau=0.0, seed=0, tolerances=CertificateTolerances(exact_up_to=0)
    )
    exact = certify_operator(point, plateau=0.0, seed=0)
    assert (lanczos.exact, exact.exact) == (False, True)
    np.testing.assert_allclose(exact.eigenvalues.values, values, atol=1e-12)
    assert lanczos.eigenvalues.shares.sum() == pytest.approx(1)
    assert lanczos.eigenvalues.below(0.5) == pytest.approx(0.75, abs=0.08)
