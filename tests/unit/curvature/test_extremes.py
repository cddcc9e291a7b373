"""Both ends by Lanczos, and how often "does not bend down" is wrong."""

import numpy as np
import pytest
from tests.unit.curvature.matrices import Quadratic, hard_spectrum, rotated

from emc.curvature.bound import error, iterations
from emc.curvature.ends import Bend, HessianEnds, exact_ends
from emc.curvature.extremes import UNDECIDED, extremes
from emc.curvature.process import run
from emc.curvature.tolerances import DEFAULT, CertificateTolerances

P = 300


def examined(
    values: np.ndarray,
    *,
    settings: CertificateTolerances = DEFAULT,
    decide: bool = True,
    seed: int = 0,
) -> tuple[HessianEnds, int]:
    operator = Quadratic(np.diag(values))
    draw = np.random.default_rng(seed)
    ends = run(extremes(len(values), settings, draw, decide=decide), operator)
    return ends, operator.asked


def bulk(low: float) -> np.ndarray:
    """Eigenvalues from `low` to 1, most of them near zero, as a net's."""
    return np.concatenate([[low], np.geomspace(1e-6, 1, P - 1)])


def flat(low: float) -> np.ndarray:
    """Eigenvalues from `low` to 1 without outliers, so that deflation gains nothing."""
    return np.concatenate([[low], np.linspace(0, 1, P - 1)])


def test_certain_saddle_needs_few_iterations() -> None:
    ends, asked = examined(bulk(-0.2))
    assert ends.bend is Bend.DOWN
    assert asked < 40
    assert ends.low.value == pytest.approx(-0.2, rel=1e-6)
    assert ends.low.residual <= 1e-3
    assert ends.high.value == pytest.approx(1, rel=1e-4)


def test_minimum_without_outliers_needs_the_iterations_of_the_bound() -> None:
    settings = CertificateTolerances()
    ends, _ = examined(flat(0.0), settings=settings)
    wanted = iterations(settings.eps / (1 + settings.eps), P, settings.delta)
    assert ends.bend is Bend.NONE
    assert wanted <= ends.iterations <= wanted + 2


def test_outliers_taken_out_save_iterations() -> None:
    settings = CertificateTolerances()
    values = np.concatenate([np.linspace(0, 0.01, P - 5), [0.3, 0.5, 0.7, 0.9, 1]])
    ends, asked = examined(values, settings=settings)
    assert ends.bend is Bend.NONE
    assert asked < 0.6 * iterations(settings.eps / (1 + settings.eps), P, settings.delta)


def test_runs_on_where_the_ritz_value_is_close_to_the_tolerance() -> None:
    settings = CertificateTolerances(eps=1e-2)
    ends, _ = examined(flat(-0.8e-2), settings=settings)
    wanted = iterations(settings.eps / (1 + settings.eps), P, settings.delta)
    assert ends.bend is Bend.NONE
    assert ends.iterations > 1.5 * wanted
    assert ends.low.value == pytest.approx(-0.8e-2, rel=1e-6)


def test_out_of_iterations() -> None:
    ends, asked = examined(flat(-1e-4), settings=CertificateTolerances(max_iterations=20))
    assert ends.bend is Bend.UNDECIDED
    assert ends.iterations == 20
    assert asked == 20 + 2 + 4  # the ends' own products and the trace's


def test_undecided_is_the_honest_answer_at_the_tolerance_itself() -> None:
    settings = CertificateTolerances(eps=1e-2, max_iterations=150)
    assert examined(flat(-1e-2), settings=settings)[0].bend is Bend.UNDECIDED


def test_where_the_answer_does_not_matter_accuracy_is_enough() -> None:
    values = np.concatenate([[-0.5], np.linspace(0, 0.1, P - 2), [1]])
    ends, _ = examined(values, decide=False)
    assert ends.iterations <= UNDECIDED
    assert max(ends.low.residual, ends.high.residual) <= 1e-3


def test_where_the_answer_does_not_matter_few_iterations_are_spent() -> None:
    ends, asked = examined(flat(0.0), decide=False)
    assert ends.iterations == UNDECIDED
    assert asked == UNDECIDED + 2 + 4
    assert ends.high.value == pytest.approx(1, rel=0.02)
    assert examined(bulk(0.0), decide=False)[0].high.value == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("values", [np.zeros(50), np.full(50, -1.0), np.zeros(1), np.array([-2.0])])
def test_flat_and_concave_spectra(values: np.ndarray) -> None:
    ends, _ = examined(values)
    exact = exact_ends(np.diag(values), eps=1e-3, direction=False)
    assert ends.bend is exact.bend is (Bend.NONE if values[0] == 0 else Bend.DOWN)
    assert ends.low.value == pytest.approx(exact.low.value)
    assert ends.high.value == pytest.approx(exact.high.value)


def test_trace_is_exact_for_a_flat_rest_and_close_otherwise() -> None:
    values = np.concatenate([np.full(P - 4, 0.3), [1.0, 2.0, 3.0, 4.0]])
    assert examined(values)[0].trace == pytest.approx(values.sum(), rel=1e-10)
    for seed in range(5):
        assert examined(bulk(0.0), seed=seed)[0].trace == pytest.approx(bulk(0.0).sum(), rel=0.05)


def test_wrongly_called_flat_no_more_often_than_delta_and_nearly_that_in_the_worst_case() -> None:
    """An eigenvalue just below the tolerance, in the spectrum that hides it best."""
    eps, delta, runs = 0.05, 0.2, 300
    relative = eps / (1 + eps)
    steps = iterations(relative, P, 0.99 * delta)
    settings = CertificateTolerances(eps=eps, delta=delta, max_iterations=steps)
    worst = hard_spectrum(steps, error(steps, P, 0.99 * delta), P)
    values = worst - 1.0001 * relative
    ends = [examined(values, settings=settings, seed=seed)[0] for seed in range(runs)]
    wrong = sum(each.bend is Bend.NONE for each in ends)
    assert values[0] < -eps * values[-1]
    assert runs * delta / 4 <= wrong <= runs * delta + 3.72 * np.sqrt(runs * delta)


def test_exact_ends_of_a_known_spectrum() -> None:
    values = np.concatenate([[-0.5, -1e-3], np.zeros(5), np.linspace(0.1, 2, 30)])
    matrix = rotated(values)
    ends = exact_ends(matrix, eps=1e-3, direction=True)
    assert ends.exact
    assert ends.bend is Bend.DOWN
    assert ends.negative == 2
    assert ends.iterations == 0
    np.testing.assert_allclose([ends.low.value, ends.high.value], [-0.5, 2], rtol=1e-13)
    assert ends.trace == pytest.approx(values.sum())
    assert ends.direction is not None
    np.testing.assert_allclose(matrix @ ends.direction, -0.5 * ends.direction, atol=1e-12)


def test_exact_ends_count_rounding_as_zero() -> None:
    ends = exact_ends(rotated(np.concatenate([np.zeros(40), np.ones(5)])), eps=0, direction=True)
    assert ends.negative == 0
    assert ends.bend is Bend.NONE
    assert ends.direction is None
