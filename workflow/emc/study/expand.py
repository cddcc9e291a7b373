"""From a study to its cells."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from emc.study.cell import Cell
from emc.study.complaints import Complaint, complaints
from emc.study.identity import canonical, cell_id
from emc.study.merge import Part, Presets, combinations, matches, merged
from emc.study.models import Section, Study
from emc.study.presets import PRESETS


@dataclass(frozen=True, slots=True)
class PlannedCell:
    """A cell of a study, its id and canonical JSON, and the sections that ask for it."""

    id: str
    cell: Cell
    definition: str
    sections: tuple[str, ...]


def expand(study: Study) -> tuple[list[PlannedCell], list[Complaint]]:
    """All cells of the study in the file's order, and everything that is wrong with them."""
    presets = {**PRESETS, **study.presets}
    planned: dict[str, PlannedCell] = {}
    wrong: list[Complaint] = []
    for name, section in study.sections.items():
        _expand_section(name, section, study.defaults, presets, planned, wrong)
    return list(planned.values()), wrong


def _expand_section(
    name: str,
    section: Section,
    defaults: Part,
    presets: Presets,
    planned: dict[str, PlannedCell],
    wrong: list[Complaint],
) -> None:
    place = f"section {name!r}"
    faults = len(wrong)
    seen: dict[str, str] = {}
    for own, raw in _raw_cells(place, section, defaults, presets, wrong):
        where = f"{place}, cell {_label(own)}"
        try:
            cell = Cell.model_validate(raw)
        except ValidationError as error:
            wrong.extend(complaints(where, error, raw))
            continue
        identity = cell_id(cell)
        if identity in seen:
            wrong.append(Complaint(where, "", f"the same cell as {seen[identity]}"))
        seen[identity] = _label(own)
        before = planned[identity].sections if identity in planned else ()
        sections = tuple(dict.fromkeys((*before, name)))
        planned[identity] = PlannedCell(identity, cell, canonical(cell), sections)
    if not seen and len(wrong) == faults:
        wrong.append(Complaint(place, "", "asks for no cell: give 'grid' or 'cells'"))


def _raw_cells(
    place: str, section: Section, defaults: Part, presets: Presets, wrong: list[Complaint]
) -> Iterator[tuple[Part, dict[str, Any]]]:
    used: set[int] = set()
    for own, raw in _merged(place, combinations(section), defaults, presets, wrong):
        hits = {i for i, pattern in enumerate(section.exclude) if matches(raw, pattern)}
        used |= hits
        if not hits:
            yield own, raw
    for index, pattern in enumerate(section.exclude):
        if index not in used:
            message = f"{_label(pattern)} matches no combination of the grid"
            wrong.append(Complaint(place, f"exclude {index + 1}", message))
    yield from _merged(place, [*section.include, *section.cells], defaults, presets, wrong)


def _merged(
    place: str, parts: Any, defaults: Part, presets: Presets, wrong: list[Complaint]
) -> Iterator[tuple[Part, dict[str, Any]]]:
    for own in parts:
        try:
            yield own, merged(presets, defaults, own)
        except ValueError as error:
            wrong.append(Complaint(f"{place}, cell {_label(own)}", "", str(error)))


def _label(part: Part) -> str:
    words = (f"{key}={_short(value)}" for key, value in part.items())
    return "(" + ", ".join(words) + ")"


def _short(value: Any) -> str:
    if isinstance(value, dict):
        name = value.get("name")
        rest = ", ".join(f"{key}={_short(v)}" for key, v in value.items() if key != "name")
        return f"{name}[{rest}]" if name and rest else str(name or f"[{rest}]")
    return str(value)
