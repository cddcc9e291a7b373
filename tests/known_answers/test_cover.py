"""Cover's theorem: the whole curve of a linear classifier is known."""

from math import comb
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import linprog

from emc.data.prepare import prepare
from emc.engine import run_probes
from emc.engine.procedure import Procedure, Replica, Update
from emc.engine.slices import alone
from emc.measurement.measure import Measuring
from emc.nets.layers import Dense
from emc.records import Ended, Estimate
from emc.store.layout import CellFiles
from emc.study import load_file
from emc.study.cell import Cell

STUDY = load_file(Path(__file__).parents[2] / "config/known-answers.yaml")
CELLS = {planned.cell.dataset.dimension: planned.cell for planned in STUDY.cells}


def cover(n: int, d: int) -> float:
    """Probability that n random dichotomies in general position in d dimensions are separable."""
    return float(sum(comb(n - 1, k) for k in range(d)) / 2 ** (n - 1))


def separable(inputs: np.ndarray, labels: np.ndarray) -> bool:
    """Whether a hyperplane through the origin separates the labels: a linear program decides."""
    signs = 2.0 * labels - 1.0
    margins = signs[:, None] * inputs
    found = linprog(
        np.zeros(inputs.shape[1]), A_ub=-margins, b_ub=-np.ones(len(labels)), bounds=(None, None)
    )
    return found.status == 0


def measured(cell: Cell, folder: Path) -> Estimate:
    prepare(cell.dataset, folder / "data", None)
    return alone(Measuring(cell, folder / "data", CellFiles(folder / "cell"), "cpu").answered())


def test_the_formula_is_one_half_at_twice_the_dimension() -> None:
    assert [cover(2 * d, d) for d in (1, 2, 10, 50)] == [0.5] * 4


@pytest.mark.parametrize(
    "d", [pytest.param(10, marks=pytest.mark.slow), 20, pytest.param(50, marks=pytest.mark.slow)]
)
def test_emc50_is_twice_the_dimension(tmp_path: Path, d: int) -> None:
    found = measured(CELLS[d], tmp_path)
    assert found.emc50 == pytest.approx(2 * d, rel=0.05)
    # A 95 % interval misses once in twenty by its meaning; three standard deviations hardly ever.
    deviation = np.log(found.high / found.low) / (2 * 1.96)
    assert abs(np.log(found.emc50 / (2 * d))) < 3 * deviation
    assert found.tolerance_reached


def test_training_fits_what_a_linear_program_separates() -> None:
    d, draw = 12, np.random.default_rng(5)
    replicas = [_replica(int(n), d, draw) for n in draw.integers(d, 3 * d, 60)]
    procedure = Procedure(
        classes=2,
        update=Update("adam"),
        layers=(Dense(d, 2, bias=False, activation="identity"),),
        batch=None,
        epochs=20_000,
        gradient_tolerance=1e-7,
    )
    runs = run_probes(procedure, replicas, device="cpu", back_end=None)
    exact = np.array([separable(one.inputs, one.labels) for one in replicas])
    trained = np.array([run.ended is Ended.FIT for run in runs])
    assert not np.any(trained & ~exact)
    assert np.sum(exact & ~trained) <= 1
    assert 10 < exact.sum() < 50


def _replica(n: int, d: int, draw: np.random.Generator) -> Replica:
    inputs = draw.standard_normal((n, d)).astype(np.float32)
    return Replica(inputs, np.arange(n), draw.integers(0, 2, n), int(draw.integers(2**62)), 0.1)
