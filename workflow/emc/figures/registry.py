"""All figures of a study, in the order in which a reader meets them."""

from typing import Final

from emc.errors import EmcError
from emc.figures import (
    accuracy_by_n,
    bits,
    cost,
    curvature,
    effects,
    emc_by_budget,
    emc_by_factor,
    emc_by_number,
    emc_by_parameters,
    fit_by_n,
    label_gap,
    learning_rates,
    minima,
    outcomes,
    sharpness,
    two_numbers,
    unfitted_decided,
)
from emc.figures.figure import Figure

FIGURES: Final[tuple[Figure, ...]] = (
    two_numbers.FIGURE,
    unfitted_decided.FIGURE,
    emc_by_parameters.FIGURE,
    effects.FIGURE,
    emc_by_factor.ARCHITECTURE,
    emc_by_factor.LABELS,
    emc_by_factor.OPTIMIZER,
    emc_by_factor.ACTIVATION,
    emc_by_factor.INITIALISATION,
    emc_by_factor.PARAMETERISATION,
    emc_by_number.CLASSES,
    emc_by_number.LABEL_NOISE,
    label_gap.FIGURE,
    bits.FIGURE,
    emc_by_budget.FIGURE,
    fit_by_n.FIGURE,
    accuracy_by_n.FIGURE,
    outcomes.FIGURE,
    learning_rates.FIGURE,
    minima.FIGURE,
    curvature.FIGURE,
    sharpness.FIGURE,
    cost.FIGURE,
)


def figure(name: str) -> Figure:
    """The figure of that name.

    Raises:
        EmcError: there is none.
    """
    for known in FIGURES:
        if known.name == name:
            return known
    raise EmcError(f"figure: expected one of {', '.join(f.name for f in FIGURES)}, found {name!r}")
