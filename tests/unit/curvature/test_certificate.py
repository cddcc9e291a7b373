"""Verdicts on constructed end points, exact and by Lanczos."""

from dataclasses import replace
from math import inf, isnan, nan
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize
from tests.unit.curvature.matrices import PLAIN, Quadratic, rotated

from emc.curvature import (
    CertificateTolerances,
    Evidence,
    Objective,
    WrittenOperator,
    certify_operator,
)
from emc.curvature.bound import iterations
from emc.curvature.certificate import certify_operators, is_exact
from emc.curvature.ends import exact_ends
from emc.curvature.extremes import UNDECIDED
from emc.curvature.verdict import Slope, judge
from emc.errors import EmcError
from emc.nets.layers import Dense
from emc.records import Outcome, Verdict

EXACT, LANCZOS = CertificateTolerances(), CertificateTolerances(exact_up_to=0, eps=1e-2)
BOTH = pytest.mark.parametrize("tolerances", [EXACT, LANCZOS], ids=["exact", "lanczos"])
CONVEX = np.concatenate([np.zeros(100), np.geomspace(1e-4, 3, 100)])
SADDLE = np.concatenate([[-0.3], CONVEX[1:]])


def certified(
    values: np.ndarray,
    *,
    tolerances: CertificateTolerances,
    gradient: float = 0.0,
    plateau: float | None = 1e-5,
    accuracy: float = 0.9,
    objective: Objective = PLAIN,
    grows: str | None = None,
) -> Evidence:
    slope = np.full(len(values), gradient / np.sqrt(len(values)))
    point = Quadratic(rotated(values), slope, accuracy=accuracy, objective=objective, grows=grows)
    return certify_operator(point, plateau=plateau, seed=4, tolerances=tolerances)


@BOTH
def test_minimum(tolerances: CertificateTolerances) -> None:
    evidence = certified(CONVEX, tolerances=tolerances)
    assert evidence.verdict is Verdict.MINIMUM
    assert evidence.exact is (tolerances is EXACT)
    assert evidence.lambda_max == pytest.approx(3, rel=1e-6)
    assert abs(evidence.lambda_min) < 1e-2
    assert evidence.trace == pytest.approx(CONVEX.sum(), rel=0.02)
    assert str(evidence).startswith("minimum: The gradient norm is 0, the loss varied by 1e-05, ")


def test_a_minimum_says_what_it_rests_on() -> None:
    exact, lanczos = (certified(CONVEX, tolerances=each) for each in (EXACT, LANCZOS))
    assert "of the whole spectrum no eigenvalue" in exact.reason
    assert (exact.delta, exact.iterations, exact.negative_eigenvalues) == (0, 0, 0)
    assert (
        f"with probability 0.99 no eigenvalue (smallest Ritz value {lanczos.lambda_min:.3g} "
        in (lanczos.reason)
    )
    assert (lanczos.delta, lanczos.negative_eigenvalues) == (0.01, None)
    assert "below -0.01 times the largest, 3." in lanczos.reason


@BOTH
def test_saddle(tolerances: CertificateTolerances) -> None:
    evidence = certified(SADDLE, tolerances=tolerances)
    assert evidence.verdict is Verdict.SADDLE
    assert evidence.lambda_min == pytest.approx(-0.3, rel=1e-3)
    assert evidence.lambda_min_residual < 0.03
    assert " -0.3 (residual " in evidence.reason
    assert evidence.escape is None


@BOTH
def test_unconverged_says_which_test_failed(tolerances: CertificateTolerances) -> None:
    steep = certified(CONVEX, tolerances=tolerances, gradient=0.5)
    assert steep.verdict is Verdict.UNCONVERGED
    assert steep.reason == "The gradient norm 0.5 exceeds 0.001."
    moving = certified(SADDLE, tolerances=tolerances, plateau=0.02)
    assert moving.verdict is Verdict.UNCONVERGED
    assert "still varied by 0.02 of its mean" in moving.reason
    short = certified(CONVEX, tolerances=tolerances, plateau=inf)
    assert short.verdict is Verdict.UNCONVERGED
    assert "Too few epochs" in short.reason
    broken = certified(CONVEX, tolerances=tolerances, plateau=nan)
    assert broken.verdict is Verdict.UNCONVERGED


def test_relative_gradient_is_the_newton_step_against_the_weights() -> None:
    """Small numbers everywhere: an absolutely small gradient is not enough."""
    evidence = certified(CONVEX * 1e-4, tolerances=EXACT, gradient=9e-4)
    newton_step = 9e-4 / 3e-4
    assert evidence.relative_gradient_norm == pytest.approx(newton_step / np.sqrt(200))
    assert evidence.verdict is Verdict.UNCONVERGED
    assert evidence.reason == "The relative gradient norm 0.21 exceeds 0.001."


def test_no_curvature_and_no_weights() -> None:
    assert certified(np.zeros(5), tolerances=EXACT).relative_gradient_norm == 0
    assert certified(np.zeros(5), tolerances=EXACT).verdict is Verdict.INCONCLUSIVE
    slope = certified(np.zeros(5), tolerances=EXACT, gradient=1e-5)
    assert slope.relative_gradient_norm == inf
    assert slope.verdict is Verdict.UNCONVERGED


@BOTH
@pytest.mark.parametrize("values", [CONVEX * 1e-4, SADDLE], ids=["convex", "saddle"])
def test_a_fit_whose_logits_grow_is_fitted_or_still_moves_whatever_its_curvature(
    values: np.ndarray, tolerances: CertificateTolerances
) -> None:
    kind: dict[str, Any] = {
        "tolerances": tolerances,
        "accuracy": 1.0,
        "gradient": 9e-4,
        "grows": "the weights of 'a'",
    }
    evidence = certified(values, **kind)
    assert evidence.verdict is Verdict.FITTED
    assert evidence.reason.startswith(
        "Every sample is fitted and the gradient norm is down to 0.0009, the loss varied by 1e-05;"
        " the logits grow with the weights of 'a', so that cross-entropy has no finite minimiser"
    )
    assert "the loss varied" not in certified(values, plateau=None, **kind).reason
    falling = certified(values, plateau=0.3, **kind)
    assert falling.verdict is Verdict.UNCONVERGED
    assert "still varied by 0.3 of its mean" in falling.reason
    assert certified(values, **{**kind, "gradient": 0.1}).verdict is Verdict.UNCONVERGED


@BOTH
def test_a_fit_whose_logits_are_bounded_is_judged_as_any_point(
    tolerances: CertificateTolerances,
) -> None:
    kind: dict[str, Any] = {"tolerances": tolerances, "accuracy": 1.0, "gradient": 5e-4}
    for values, verdict in ((CONVEX, Verdict.MINIMUM), (SADDLE, Verdict.SADDLE)):
        evidence = certified(values, **kind)
        assert evidence.verdict is verdict
        assert "finite minimiser" not in evidence.reason
    assert certified(SADDLE, plateau=0.3, **kind).verdict is Verdict.UNCONVERGED
    small = certified(SADDLE * 1e-4, **kind)
    assert small.verdict is Verdict.UNCONVERGED
    assert small.reason.startswith("The relative gradient norm ")


def test_where_the_loss_is_level_no_test_says_anything() -> None:
    """A net that takes signs: its gradient and its Hessian are zero wherever there are any."""
    ends = exact_ends(np.zeros((3, 3)), eps=1e-3, direction=False)
    slope = Slope(0.0, 10.0, 0.7, plateau=None, vanishing=False, growing=None)
    verdict, reason = judge(slope, ends, EXACT)
    assert verdict is Verdict.INCONCLUSIVE
    assert reason.startswith("The gradient and the whole Hessian are zero: the loss is level")
    assert judge(replace(slope, vanishing=True), ends, EXACT)[0] is Verdict.MINIMUM
    bent = exact_ends(np.diag([0.0, 0.0, 1.0]), eps=1e-3, direction=False)
    assert judge(slope, bent, EXACT)[0] is Verdict.MINIMUM


def test_a_fit_is_at_rest_only_where_its_loss_is_flat_on_its_own_scale() -> None:
    """|g| |w| / loss is the slope of log loss by log |w|: 50 here, whatever the curvature."""
    ends = exact_ends(rotated(SADDLE), eps=1e-3, direction=False)
    slope = Slope(5e-4, 10.0, 1e-4, plateau=0.0, vanishing=True, growing=None)
    verdict, reason = judge(slope, ends, EXACT)
    assert verdict is Verdict.UNCONVERGED
    assert reason == (
        "Every sample is fitted and the loss still falls: by 0.05 of itself where the weights move"
        " by 0.001 of their norm, more than 0.001."
    )
    assert judge(replace(slope, vanishing=False), ends, EXACT)[0] is Verdict.SADDLE
    assert judge(replace(slope, gradient_norm=0.0, loss=0.0), ends, EXACT)[0] is Verdict.SADDLE
    assert judge(replace(slope, loss=0.0), ends, EXACT)[0] is Verdict.UNCONVERGED


@pytest.mark.parametrize(
    "objective",
    [Objective(label_smoothing=0.1), Objective(weight_decay=1e-4), Objective("squared-error")],
)
def test_a_fit_with_a_finite_minimiser_is_judged_as_any_point(objective: Objective) -> None:
    kind: dict[str, Any] = {
        "tolerances": EXACT,
        "accuracy": 1.0,
        "objective": objective,
        "grows": "all weights",
    }
    assert certified(CONVEX, **kind).verdict is Verdict.MINIMUM
    assert certified(CONVEX, plateau=0.3, **kind).verdict is Verdict.UNCONVERGED


def test_inconclusive_when_iterations_run_out() -> None:
    tolerances = CertificateTolerances(exact_up_to=0, max_iterations=12, delta=1e-3)
    evidence = certified(np.linspace(-1e-4, 1, 400), tolerances=tolerances)
    assert evidence.verdict is Verdict.INCONCLUSIVE
    assert evidence.iterations == 12
    assert "After 12 iterations the smallest Ritz value" in evidence.reason


def test_without_a_plateau_the_reason_says_so() -> None:
    evidence = certified(CONVEX, tolerances=EXACT, plateau=None)
    assert evidence.verdict is Verdict.MINIMUM
    assert isnan(evidence.plateau)
    assert "(the plateau was not tested)" in evidence.reason


@BOTH
def test_escape_is_the_way_down_that_the_gradient_does_not_oppose(
    tolerances: CertificateTolerances,
) -> None:
    matrix = rotated(SADDLE)
    gradient = 1e-5 * np.random.default_rng(0).standard_normal(200)
    point = Quadratic(matrix, gradient)
    kind: dict[str, Any] = {"plateau": 0.0, "seed": 0, "escape": True, "tolerances": tolerances}
    evidence = certify_operator(point, **kind)
    assert evidence.escape is not None
    assert evidence.escape @ matrix @ evidence.escape == pytest.approx(-0.3, rel=1e-3)
    assert np.linalg.norm(evidence.escape) == pytest.approx(1)
    assert evidence.escape @ gradient <= 0
    assert certify_operator(Quadratic(rotated(CONVEX)), **kind).escape is None


def test_exact_where_small_or_where_the_bound_asks_for_everything() -> None:
    def exact(
        size: int, tolerances: CertificateTolerances = EXACT, *, dear: int = 0, decide: bool = True
    ) -> bool:
        operator = Quadratic(np.zeros((size, size)))
        operator.dense_products = dear
        return is_exact(operator, tolerances, decide=decide)

    assert exact(2000)
    assert not exact(2001)
    assert exact(2001, CertificateTolerances(eps=1e-6))
    assert not exact(300, CertificateTolerances(exact_up_to=100))
    wanted = iterations(EXACT.eps, 400, EXACT.delta)
    assert exact(400, dear=wanted)
    assert not exact(400, dear=wanted + 1)
    assert not exact(400, dear=wanted, decide=False)
    assert exact(400, dear=UNDECIDED, decide=False)
    assert exact(100, dear=10**6, decide=False)


def test_together_each_gets_the_answer_it_gets_alone() -> None:
    matrices = [rotated(values) for values in (CONVEX, SADDLE, CONVEX * 2)]
    points = [Quadratic(matrix) for matrix in matrices]
    together = certify_operators(
        points,
        lambda which, vectors: np.stack(
            [vector @ matrices[i] for i, vector in zip(which, vectors, strict=True)]
        ),
        plateaus=[0.0, 0.0, 1.0],
        seeds=[1, 2, 3],
        tolerances=LANCZOS,
    )
    for point, seed, plateau, found in zip(
        points, [1, 2, 3], [0.0, 0.0, 1.0], together, strict=True
    ):
        alone = certify_operator(point, plateau=plateau, seed=seed, tolerances=LANCZOS)
        assert found.reason == alone.reason
        assert found.iterations == alone.iterations
        assert found.lambda_min == pytest.approx(alone.lambda_min, abs=1e-12)


def test_certificate_row() -> None:
    evidence = certified(SADDLE, tolerances=EXACT)
    row = evidence.certificate(cell="a-cell", number=3, replica=7, outcome=Outcome.MINIMUM)
    assert (row.cell, row.round, row.replica, row.outcome) == ("a-cell", 3, 7, Outcome.MINIMUM)
    assert (row.verdict, row.reason, row.n) == (Verdict.SADDLE, evidence.reason, 10)
    assert row.lambda_min == evidence.lambda_min


def test_infinite_loss_is_refused() -> None:
    point = Quadratic(np.eye(3), np.array([inf, 0, 0]))
    with pytest.raises(EmcError, match=r"loss 1\.0 and gradient norm inf: not finite"):
        certify_operator(point, plateau=0.0, seed=0)


@BOTH
def test_ridge_logistic_regression_ends_at_a_minimum(tolerances: CertificateTolerances) -> None:
    """Strictly convex: the smallest eigenvalue is the weight decay, softmax's null directions."""
    layers = (Dense(8, 3, True, "identity"),)
    draw = np.random.default_rng(2)
    inputs, labels = draw.normal(size=(60, 8)).astype(np.float32), draw.integers(3, size=60)
    objective = Objective(weight_decay=0.05)

    def point(flat: np.ndarray) -> WrittenOperator:
        parameters = {"0.weight": flat[:24].reshape(3, 8), "0.bias": flat[24:]}
        return WrittenOperator(layers, parameters, inputs, labels, objective)

    def value(flat: np.ndarray) -> tuple[float, np.ndarray]:
        first = point(flat).first_order()
        return first.loss, first.gradient

    best = minimize(value, np.zeros(27), jac=True, method="BFGS", options={"gtol": 1e-8})
    if tolerances is not EXACT:
        tolerances = CertificateTolerances(exact_up_to=0, eps=0.2)
    evidence = certify_operator(point(best.x), plateau=0.0, seed=0, tolerances=tolerances)
    assert evidence.verdict is Verdict.MINIMUM
    assert evidence.lambda_min == pytest.approx(0.05, rel=1e-6)
    assert evidence.loss == pytest.approx(best.fun)
    start = certify_operator(point(np.zeros(27)), plateau=0.0, seed=0, tolerances=tolerances)
    assert start.verdict is Verdict.UNCONVERGED


@BOTH
def test_symmetric_hidden_units_are_a_saddle(tolerances: CertificateTolerances) -> None:
    """XOR with all tanh units at zero: stationary, and the loss falls off to both sides."""
    layers = (Dense(2, 3, True, "tanh"), Dense(3, 2, True, "identity"))
    inputs = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1], [1, 1]], np.float32)
    labels = np.array([0, 1, 1, 0, 0])
    weights = {
        "0.weight": np.zeros((3, 2)),
        "0.bias": np.zeros(3),
        "1.weight": np.zeros((2, 3)),
        "1.bias": np.log([0.6, 0.4]),
    }
    point = WrittenOperator(layers, weights, inputs, labels, Objective("cross-entropy"))
    if tolerances is not EXACT:
        tolerances = CertificateTolerances(exact_up_to=0, eps=0.3)
    evidence = certify_operator(point, plateau=0.0, seed=0, tolerances=tolerances, escape=True)
    assert evidence.verdict is Verdict.SADDLE
    assert evidence.lambda_min == pytest.approx(np.linalg.eigvalsh(point.dense())[0], rel=1e-6)
