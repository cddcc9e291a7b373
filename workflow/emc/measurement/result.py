"""From a search's answer to the cell's estimate, and which end points decide it."""

from collections.abc import Sequence

from emc.engine.choose import native_refusal
from emc.measurement.rounds import Assignment
from emc.measurement.software import software
from emc.records import Estimate, Outcome, Probe
from emc.search import Answer


def estimate(
    answer: Answer,
    probes: Sequence[Probe],
    *,
    method: str,
    tolerance: float,
    assignment: Assignment,
    parameters: int,
) -> Estimate:
    """The cell's answer with everything that a reader needs beside it."""
    last, refused = probes[-1], assignment.finishing.refused
    return Estimate(
        cell=last.cell,
        method=method,
        emc50=None if refused else answer.emc50,
        low=None if refused else answer.low,
        high=None if refused else answer.high,
        emc50_budget=answer.emc50_budget,
        low_budget=answer.low_budget,
        high_budget=answer.high_budget,
        low_any_curve=answer.low_any_curve,
        high_any_curve=answer.high_any_curve,
        one_curve=answer.one_curve,
        misfit=answer.misfit,
        unfitted_decided=None if refused else answer.unfitted_decided,
        open_matters=answer.open_matters and not refused,
        width=answer.width,
        emc_walk=answer.emc_walk,
        saturated=answer.saturated,
        below_smallest=answer.below_smallest,
        tolerance=tolerance,
        tolerance_reached=answer.tolerance_reached,
        best_lr=answer.best_lr,
        rate_at_edge=answer.rate_at_edge,
        rates=answer.rates,
        probes=len(probes),
        rounds=last.round + 1,
        parameters=parameters,
        classes=assignment.procedure.classes,
        samples_available=assignment.source.available,
        memorised_bits=max(probe.run.memorised_bits for probe in probes),
        seconds=sum(probe.seconds for probe in probes),
        back_end=last.run.back_end,
        device=last.device,
        card=last.card,
        round_size=assignment.round_size,
        software=software(),
        finish_refused=refused,
        native_refused=native_refusal(assignment.procedure, assignment.device, assignment.back_end),
    ).within_data


def deciding(probes: Sequence[Probe], found: Estimate, each: int) -> list[Probe]:
    """The probes that decide emc50, of those at the best rate.

    They are the `each` unfitted probes nearest to emc50 from below and as many from above, by the
    ratio of n, and the `each` largest fits. Diverged probes have no end point to certify.
    """
    at_rate = [probe for probe in probes if probe.lr == found.best_lr]
    centre = found.emc50_budget if found.emc50 is None else found.emc50
    fits = [probe for probe in at_rate if probe.outcome.fits_at_minimum]
    unfitted = [probe for probe in at_rate if probe.outcome in {Outcome.MINIMUM, Outcome.OPEN}]
    below = sorted((one for one in unfitted if one.n <= centre), key=lambda one: -one.n)
    above = sorted((one for one in unfitted if one.n > centre), key=lambda one: one.n)
    largest = sorted(fits, key=lambda one: -one.n)
    kept = [*below[:each], *above[:each], *largest[:each]]
    return sorted(kept, key=lambda one: (one.round, one.replica))
