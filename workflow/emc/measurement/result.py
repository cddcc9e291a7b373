"""From a search's answer to the cell's estimate, and which end points decide it."""

from collections.abc import Sequence

from emc.engine.procedure import Procedure
from emc.measurement.software import software
from emc.records import Estimate, Outcome, Probe
from emc.search import Answer


def estimate(
    answer: Answer,
    probes: Sequence[Probe],
    *,
    method: str,
    tolerance: float,
    procedure: Procedure,
    parameters: int,
    available: int,
) -> Estimate:
    """The cell's answer with everything that a reader needs beside it."""
    last = probes[-1]
    return Estimate(
        cell=last.cell,
        method=method,
        emc50=answer.emc50,
        low=answer.low,
        high=answer.high,
        emc50_budget=answer.emc50_budget,
        low_budget=answer.low_budget,
        high_budget=answer.high_budget,
        low_any_curve=answer.low_any_curve,
        high_any_curve=answer.high_any_curve,
        one_curve=answer.one_curve,
        misfit=answer.misfit,
        failures_decided=answer.failures_decided,
        open_matters=answer.open_matters,
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
        classes=procedure.classes,
        samples_available=available,
        memorised_bits=max(probe.run.memorised_bits for probe in probes),
        seconds=sum(probe.run.seconds for probe in probes),
        back_end=last.run.back_end,
        device=last.device,
        software=software(),
    ).within_data


def deciding(probes: Sequence[Probe], best_lr: float, each: int) -> list[Probe]:
    """The probes that decide emc50: the largest fits and the smallest failures at the best rate.

    At most `each` of either outcome; diverged probes have no end point to certify.
    """
    at_rate = [probe for probe in probes if probe.lr == best_lr]
    fits = [probe for probe in at_rate if probe.outcome is Outcome.FIT]
    failures = [probe for probe in at_rate if probe.outcome not in {Outcome.FIT, Outcome.DIVERGED}]
    largest = sorted(fits, key=lambda probe: -probe.n)[:each]
    smallest = sorted(failures, key=lambda probe: probe.n)[:each]
    return sorted(largest + smallest, key=lambda probe: (probe.round, probe.replica))
