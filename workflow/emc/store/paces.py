"""How fast this machine is, by kind of net: one document per machine and version, in its cache."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from hashlib import sha256
from math import isfinite
from pathlib import Path
from typing import Any, Final

from emc.records import Pace
from emc.store.cache import cache_folder
from emc.store.documents import number, read_document, whole, write_document
from emc.store.rebuilt import reading_entries

_REBUILT_BY: Final = "`emc plan STUDY --calibrate`"


Paces = Mapping[str, Sequence[Pace]]
"""By the kind of net, paces of nets of several sizes."""


def paces_file(machine: str) -> Path:
    """Where the paces of a machine and version lie, which `machine` names in words.

    Paces that say something else of a machine have another file.
    """
    told = f"{machine}: {[one.name for one in fields(Pace)]}"
    digest = sha256(told.encode()).hexdigest()[:12]
    return cache_folder() / f"paces-{digest}.json"


def write_paces(path: Path, paces: Paces) -> None:
    """Write the document."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_document(path, {kind: [asdict(one) for one in found] for kind, found in paces.items()})


def read_paces(path: Path) -> Paces:
    """Read what `write_paces` wrote; nothing where there is no such file.

    Raises:
        FileError: the file is damaged.
    """
    if not path.exists():
        return {}
    document = read_document(path, _REBUILT_BY)
    with reading_entries(path, _REBUILT_BY):
        return {
            kind: tuple(_pace(entries) for entries in found) for kind, found in document.items()
        }


def _pace(entries: Mapping[str, Any]) -> Pace:
    amounts = {name: _amount(value) for name, value in entries.items() if name != "parameters"}
    parameters = whole(entries["parameters"])
    if parameters < 1:
        raise ValueError(f"expected parameters from 1, found {parameters}")
    if amounts.get("work") == 0:
        raise ValueError("expected work above 0, found 0")
    return Pace(parameters=parameters, **amounts)


def _amount(value: Any) -> float:
    amount = number(value)
    if not (isfinite(amount) and amount >= 0):
        raise ValueError(f"expected a finite amount from 0, found {value!r}")
    return amount
