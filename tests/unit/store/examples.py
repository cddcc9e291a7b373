"""Records of every kind, for tests of files."""

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from emc.records import (
    Certificate,
    Ended,
    Estimate,
    Finish,
    FirstOrderTest,
    Milestone,
    Outcome,
    Probe,
    RateEstimate,
    Run,
    Verdict,
)

CELL = "digits-random-mlp4-relu-sgd-0123456789ab"

_words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_counts = st.integers(0, 2**63 - 1)
_reals = st.floats(allow_nan=False)
_milestones = st.builds(Milestone, st.none() | _counts, st.none() | _counts)

_runs = st.builds(
    Run,
    ended=st.sampled_from(Ended),
    epochs=_counts,
    steps=_counts,
    gradient_evaluations=_counts,
    milestones=st.tuples(*[_milestones] * 4),
    accuracy=_reals,
    loss=_reals,
    gradient_norm=_reals,
    plateau=_reals,
    memorised_bits=_reals,
    back_end=_words,
    seconds=_reals,
    trace_epochs=st.lists(_counts, max_size=3).map(tuple),
    trace_losses=st.lists(_reals, max_size=3).map(tuple),
)

finishes = st.builds(
    Finish,
    outcome=st.sampled_from([Outcome.FINISHED, Outcome.MINIMUM, Outcome.OPEN]),
    test=st.none() | st.sampled_from(FirstOrderTest),
    reason=_words,
    iterations=_counts,
    escapes=_counts,
    kinks=_counts,
    accuracy=_reals,
    loss=_reals,
    gradient_norm=_reals,
    seconds=_reals,
)

probes = st.builds(
    Probe,
    cell=_words,
    round=_counts,
    replica=_counts,
    seed=_counts,
    n=_counts,
    lr=_reals,
    device=_words,
    run=_runs,
    finish=st.none() | finishes,
)

_positive = st.floats(min_value=0, exclude_min=True, allow_infinity=False)


@st.composite  # type: ignore[arg-type]
def _with_interval(draw: st.DrawFn, kind: type, **others: st.SearchStrategy[Any]) -> Any:
    """A record with an emc50 inside its interval."""
    low, emc50, high = sorted(draw(st.tuples(*[_positive] * 3)))
    return draw(
        st.builds(kind, low=st.just(low), emc50=st.just(emc50), high=st.just(high), **others)
    )


_rates = _with_interval(RateEstimate, lr=_reals, probes=_counts)

_budgets = st.tuples(*[_positive] * 3).map(sorted)


def _with_budget(estimate: Estimate, budget: list[float]) -> Estimate:
    low, emc50, high = budget
    return replace(estimate, low_budget=low, emc50_budget=emc50, high_budget=high).within_data


_at_minima = _with_interval(
    Estimate,
    emc50_budget=st.none(),
    low_budget=st.none(),
    high_budget=st.none(),
    cell=_words,
    method=_words,
    width=_reals,
    low_any_curve=st.none() | _positive,
    high_any_curve=st.none() | _positive,
    one_curve=st.booleans(),
    misfit=st.none() | _words,
    unfitted_decided=st.none() | st.floats(0, 1),
    open_matters=st.booleans(),
    emc_walk=st.none() | _counts,
    saturated=st.booleans(),
    below_smallest=st.booleans(),
    tolerance=_reals,
    tolerance_reached=st.booleans(),
    best_lr=_reals,
    rate_at_edge=st.sampled_from([None, "lowest", "highest"]),
    rates=st.lists(_rates, max_size=3).map(tuple),
    probes=st.integers(1, 2**63 - 1),
    rounds=_counts,
    parameters=_counts,
    classes=_counts,
    samples_available=st.integers(1, 2**53),
    memorised_bits=_reals,
    seconds=_reals,
    back_end=_words,
    device=_words,
)

estimates = st.builds(_with_budget, _at_minima, _budgets)

_judged = {
    "n": _counts,
    "verdict": st.sampled_from(Verdict),
    "reason": _words,
    "loss": _reals,
    "gradient_norm": _reals,
    "relative_gradient_norm": _reals,
    "plateau": _reals,
    "lambda_min": _reals,
    "lambda_min_residual": _reals,
    "lambda_max": _reals,
    "lambda_max_residual": _reals,
    "trace": _reals,
    "negative_eigenvalues": st.none() | _counts,
    "exact": st.booleans(),
    "iterations": _counts,
    "eps": _reals,
    "delta": _reals,
    "seconds": _reals,
}

certificates = st.builds(
    Certificate,
    cell=_words,
    round=_counts,
    replica=_counts,
    outcome=st.sampled_from(Outcome),
    spectrum_values=st.lists(_reals, max_size=3).map(tuple),
    spectrum_shares=st.lists(_reals, max_size=3).map(tuple),
    **_judged,
)


def run(**other: Any) -> Run:
    """A run that fitted."""
    fields: dict[str, Any] = {
        "ended": Ended.FIT,
        "epochs": 3,
        "steps": 6,
        "gradient_evaluations": 60,
        "milestones": (Milestone(1, 2), Milestone(2, 4), Milestone(3, 6), Milestone(None, None)),
        "accuracy": 1.0,
        "loss": 0.5,
        "gradient_norm": 1e-3,
        "plateau": float("inf"),
        "memorised_bits": 12.5,
        "back_end": "native",
        "seconds": 0.25,
        "trace_epochs": (1, 3),
        "trace_losses": (2.25, 0.5),
    }
    return Run(**{**fields, **other})


def probe(number: int, replica: int, **other: Any) -> Probe:
    """A probe of a round that fitted, its figures made from its place."""
    fields: dict[str, Any] = {
        "cell": CELL,
        "seed": 1000 * number + replica,
        "n": 10 + number,
        "lr": 0.1,
        "device": "cpu",
        "run": run(loss=0.5 / (1 + number)),
    }
    return Probe(round=number, replica=replica, **{**fields, **other})


def end_point(number: int, replica: int) -> dict[str, np.ndarray]:
    """Parameters that tell rounds and replicas apart."""
    weight = np.full((2, 3), number + replica / 100, np.float32)
    return {"0.weight": weight, "0.bias": np.arange(2, dtype=np.float32) - replica}


def one_round(number: int, replicas: int = 1) -> tuple[list[Probe], list[dict[str, np.ndarray]]]:
    """The probes of a round and their end points."""
    places = range(replicas)
    return [probe(number, k) for k in places], [end_point(number, k) for k in places]
