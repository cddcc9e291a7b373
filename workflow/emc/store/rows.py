"""Records as table rows and back."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from emc.records import (
    Certificate,
    Estimate,
    Generalisation,
    Milestone,
    Outcome,
    Probe,
    RateEstimate,
)

_MARKS = ("90", "99", "995", "100")
_OF_POLISH = (
    "iterations",
    "escapes",
    "accuracy",
    "fits",
    "loss",
    "gradient_norm",
    "verdict",
    "reason",
    "lambda_min",
    "lambda_max",
    "exact",
    "seconds",
)


def probe_row(probe: Probe) -> dict[str, Any]:
    """A row of the table `probes`."""
    row = asdict(probe)
    for mark, milestone in zip(_MARKS, row.pop("milestones"), strict=True):
        row[f"epoch_{mark}"], row[f"step_{mark}"] = milestone
    return row


def probe_from_row(row: Mapping[str, Any]) -> Probe:
    """The probe that `probe_row` was given; sequences may be lists."""
    fields = dict(row)
    marks = tuple(
        Milestone(fields.pop(f"epoch_{mark}"), fields.pop(f"step_{mark}")) for mark in _MARKS
    )
    fields["outcome"] = Outcome(fields["outcome"])
    for trace in ("trace_epochs", "trace_losses"):
        fields[trace] = tuple(fields[trace])
    return Probe(milestones=marks, **fields)  # type: ignore[arg-type]


def certificate_row(certificate: Certificate) -> dict[str, Any]:
    """A row of the table `certificates`."""
    row = asdict(certificate)
    for part in ("spectrum_values", "spectrum_shares"):
        row[part] = list(row[part])
    polish = row.pop("polish") or {}
    found = {**(polish.pop("judgement", None) or {}), **polish}
    return row | {f"polish_{name}": found.get(name) for name in _OF_POLISH}


def generalisation_row(generalisation: Generalisation) -> dict[str, Any]:
    """A row of the table `generalisation`."""
    return asdict(generalisation)


def estimate_row(estimate: Estimate) -> dict[str, Any]:
    """A row of the table `estimates`."""
    row = asdict(estimate)
    del row["rates"]
    return row


def rate_rows(estimate: Estimate) -> list[dict[str, Any]]:
    """Rows of the table `rates`."""
    return [{"cell": estimate.cell, **asdict(rate)} for rate in estimate.rates]


def estimate_document(estimate: Estimate) -> dict[str, Any]:
    """The estimate as a JSON object."""
    return asdict(estimate)


def estimate_from_document(document: Mapping[str, Any]) -> Estimate:
    """The estimate that `estimate_document` was given, whatever it said of n beyond the data.

    Raises:
        KeyError, TypeError: the document lacks a key, has one too many or one of another type.
        ValueError: its numbers can be those of no measurement.
    """
    fields = dict(document)
    rates = tuple(RateEstimate(**rate) for rate in fields.pop("rates"))
    estimate = Estimate(rates=rates, **fields)
    if fault := estimate.fault:
        raise ValueError(fault)
    return estimate.within_data
