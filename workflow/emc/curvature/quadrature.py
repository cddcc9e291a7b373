"""The Hessian's eigenvalue distribution: exact, or by stochastic Lanczos quadrature."""

import numpy as np

from emc.curvature.lanczos import Lanczos
from emc.curvature.operator import Operator
from emc.curvature.process import Process, run_together
from emc.curvature.spectrum import Spectrum
from emc.seeds import generator


def exact_spectrum(operator: Operator) -> Spectrum:
    """All eigenvalues of the whole Hessian."""
    values = np.linalg.eigvalsh(operator.dense())
    return Spectrum(values, np.full(len(values), 1 / len(values)))


def quadrature(operator: Operator, *, probes: int, steps: int, seed: object) -> Spectrum:
    """The spectrum by stochastic Lanczos quadrature: `probes` random starts of `steps` steps each.

    Each run is a Gauss quadrature of the distribution that its start vector sees, whose
    expectation is the spectrum's (Ubaru, Chen and Saad 2017, "Fast estimation of tr(f(A)) via
    stochastic Lanczos quadrature"). Moments up to degree 2 * steps - 1 are unbiased.
    """
    dimension = len(operator.parameters)
    runs = [
        _quadrature_run(dimension, steps, generator(seed, "quadrature", probe))
        for probe in range(probes)
    ]
    rules = run_together(runs, lambda _, vectors: operator.products(vectors))
    values = np.concatenate([rule.values for rule in rules])
    shares = np.concatenate([rule.shares for rule in rules]) / probes
    order = np.argsort(values)
    return Spectrum(values[order], shares[order])


def _quadrature_run(dimension: int, steps: int, draw: np.random.Generator) -> Process[Spectrum]:
    lanczos = Lanczos(dimension, draw)
    yield from lanczos.extend(steps)
    ritz = lanczos.ritz()
    return Spectrum(ritz.values, ritz.columns[0] ** 2)
