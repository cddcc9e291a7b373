"""Records as table rows and back."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from emc.records import Certificate, Estimate, Generalisation, Probe, RateEstimate
from emc.records.column import from_row, refuse_mistyped, row


def probe_row(probe: Probe) -> dict[str, Any]:
    """A row of the table `probes`."""
    return row(probe)


def probe_from_row(values: Mapping[str, Any]) -> Probe:
    """The probe that `probe_row` was given; sequences may be lists.

    Raises:
        KeyError: a column is missing, or there is one too many.
        TypeError, ValueError: a value can be that of no probe.
    """
    return from_row(Probe, values)


def certificate_row(certificate: Certificate) -> dict[str, Any]:
    """A row of the table `certificates`."""
    return row(certificate)


def generalisation_row(generalisation: Generalisation) -> dict[str, Any]:
    """A row of the table `generalisation`."""
    return row(generalisation)


def estimate_document(estimate: Estimate) -> dict[str, Any]:
    """The estimate as a JSON object."""
    return asdict(estimate)


def estimate_from_document(document: Mapping[str, Any]) -> Estimate:
    """The estimate that `estimate_document` was given.

    Raises:
        KeyError, TypeError: the document lacks a key, has one too many or one of another type.
        ValueError: its numbers can be those of no measurement.
    """
    fields = dict(document)
    rates = tuple(from_row(RateEstimate, rate) for rate in fields.pop("rates"))
    estimate = Estimate(rates=rates, **fields)
    refuse_mistyped(Estimate, row(estimate))
    if fault := estimate.fault:
        raise ValueError(fault)
    return estimate
