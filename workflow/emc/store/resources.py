"""What jobs may ask a cluster for: one small document per study, read whenever rules are parsed."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import inf, isfinite
from pathlib import Path
from typing import Any, Final

from emc.records import Law
from emc.store.documents import number, read_document, whole, write_document
from emc.store.rebuilt import reading_entries

MOST: Final = 10**9
"""Of minutes or megabytes that can be a limit."""
_REBUILT_BY: Final = "`emc resources STUDY`"


@dataclass(frozen=True, slots=True)
class Resources:
    """What is known of the jobs of a study.

    Attributes:
        laws: by rule and resource: of the seconds of `runtime` and the megabytes of `mem_mb`;
            without those that too few finished cells tell.
        expected: by cell, what its measurement is expected to take of each resource; empty where
            nothing is known, and the laws are those of parameters.
        limits: the most that a job may ask for: minutes of `runtime`, megabytes of `mem_mb`.
    """

    laws: Mapping[str, Mapping[str, Law]]
    limits: Mapping[str, int]
    expected: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def write_resources(path: Path, resources: Resources) -> None:
    """Write the document."""
    write_document(path, asdict(resources))


def read_resources(path: Path) -> Resources | None:
    """Read what `write_resources` wrote; None where there is no such file.

    Raises:
        FileError: the file is damaged.
    """
    if not path.exists():
        return None
    document = read_document(path, _REBUILT_BY)
    with reading_entries(path, _REBUILT_BY):
        laws = {
            rule: {resource: _law(entries) for resource, entries in known.items()}
            for rule, known in document["laws"].items()
        }
        limits = {resource: _limit(most) for resource, most in document["limits"].items()}
        expected = {
            cell: {resource: _positive(amount) for resource, amount in amounts.items()}
            for cell, amounts in document["expected"].items()
        }
        return Resources(laws, limits, expected)


def _law(entries: Mapping[str, Any]) -> Law:
    law = Law(
        level=number(entries["level"]),
        power=number(entries["power"]),
        typical=number(entries["typical"]),
        factor=number(entries["factor"]),
        learnt_from=whole(entries["learnt_from"]),
    )
    sound = isfinite(law.level) and isfinite(law.power)
    if not (sound and 0 < law.typical < inf and 1 <= law.factor < inf):
        raise ValueError(f"{dict(entries)} is no law")
    return law


def _limit(most: Any) -> int:
    if type(most) is not int or not 1 <= most <= MOST:
        raise ValueError(f"a limit of {most!r}, not of 1 to {MOST}")
    return most


def _positive(amount: Any) -> float:
    found = number(amount)
    if not 0 < found < inf:
        raise ValueError(f"expected a finite amount above 0, found {amount!r}")
    return found
