"""From a study to its cells."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Any, Final

from pydantic import ValidationError

from emc.study.cell import Cell
from emc.study.datasets import DataSet, Facts, dataset_name, same_origin
from emc.study.faults import StudyFault, study_faults
from emc.study.identity import identified
from emc.study.merge import CellKeys, combinations, matches, merged
from emc.study.models import Section, Study
from emc.study.optimizers import MINI_BATCH
from emc.study.plugins import Registered
from emc.study.presets import PRESETS
from emc.study.strict import unknown

MOST_CELLS: Final = 200_000
"""Of a section's grid, before exclusion; more take minutes to write out: a slip of the pen."""


@dataclass(frozen=True, slots=True)
class PlannedCell:
    """A cell of a study, its id and canonical JSON, and the sections that ask for it."""

    id: str
    cell: Cell
    definition: str
    sections: tuple[str, ...]


Look = Callable[[DataSet, str | None], Facts]
"""Tells what is known of a data set, whose files may lie in a study's `data_dir`.

An `EmcError` says why its files do not tell.
"""


def expand(
    study: Study, plugins: tuple[Registered, ...] = (), look: Look | None = None
) -> tuple[list[PlannedCell], list[StudyFault]]:
    """All cells of the study in the file's order, and everything that is wrong with them.

    `plugins` is what the study's plug-ins register; without `look` only that is known of data sets
    which a study file says.
    """
    expansion = _Expansion(study, plugins, look)
    for name, section in study.sections.items():
        expansion.add(name, section)
    expansion.refuse_namesakes()
    return list(expansion.planned.values()), expansion.faults


class _Expansion:
    """The cells and the faults of the sections so far."""

    def __init__(self, study: Study, plugins: tuple[Registered, ...], look: Look | None) -> None:
        self.planned: dict[str, PlannedCell] = {}
        self.faults: list[StudyFault] = []
        self._presets = {**PRESETS, **study.presets}
        self._defaults = study.defaults
        self._context: dict[str, Any] = {"plugins": plugins}
        if look is not None:
            self._context["look"] = lambda dataset: look(dataset, study.data_dir)

    def add(self, name: str, section: Section) -> None:
        place = f"section {name!r}"
        if (count := prod(map(len, section.grid.values()))) > MOST_CELLS:
            wanted = f"expected at most {MOST_CELLS:,} combinations, found {count:,}"
            self._add(place, wanted, key="grid")
            return
        before = len(self.faults)
        seen: dict[str, CellKeys] = {}
        for own, raw in self._raw_cells(place, section):
            try:
                cell = Cell.model_validate(raw, context=self._context)
            except ValidationError as error:
                self.faults.extend(study_faults(_where(place, own), error, raw))
                continue
            if cell.optimizer.full_batch and (key := _own_batch(own)):
                self._add(_where(place, own), _without_batch(cell), key)
                continue
            identity = self._plan(name, cell)
            if identity in seen:
                self._add(_where(place, own), f"the same cell as {_label(seen[identity])}")
            seen[identity] = own
        if not seen and len(self.faults) == before:
            remedy = "'exclude' leaves nothing" if section.grid else "give 'grid' or 'cells'"
            self._add(place, f"asks for no cell: {remedy}")

    def refuse_namesakes(self) -> None:
        """Find different data of the user's that have one name."""
        first: dict[str, DataSet] = {}
        for planned in self.planned.values():
            dataset = planned.cell.dataset
            name = dataset_name(dataset)
            other = first.setdefault(name, dataset)
            if not same_origin(dataset, other):
                self._add(
                    f"section {planned.sections[0]!r}",
                    f"{_short(_keys(dataset))} and {_short(_keys(other))} are both called {name!r}:"
                    " give one of them another name by `called: NAME`",
                    "dataset",
                )
                return

    def _plan(self, section: str, cell: Cell) -> str:
        identity, definition = identified(cell)
        before = self.planned[identity].sections if identity in self.planned else ()
        self.planned[identity] = PlannedCell(identity, cell, definition, (*before, section))
        return identity

    def _raw_cells(self, place: str, section: Section) -> Iterator[tuple[CellKeys, dict[str, Any]]]:
        used: set[int] = set()
        for own, raw in self._merged(place, combinations(section)):
            whole = {"preset": own.get("preset"), **raw}
            hits = {i for i, pattern in enumerate(section.exclude) if matches(whole, pattern)}
            used |= hits
            if not hits:
                yield own, raw
        for index, pattern in enumerate(section.exclude):
            if index not in used:
                self._add(place, _idle(pattern), key=f"exclude {index + 1}")
        yield from self._merged(place, [*section.include, *section.cells])

    def _merged(
        self, place: str, parts: Iterable[CellKeys]
    ) -> Iterator[tuple[CellKeys, dict[str, Any]]]:
        for own in parts:
            try:
                yield own, merged(self._presets, self._defaults, own)
            except ValueError as error:
                self._add(_where(place, own), str(error))

    def _add(self, where: str, message: str, key: str = "") -> None:
        self.faults.append(StudyFault(where, key, message))


def _own_batch(own: CellKeys) -> str | None:
    """The key by which a cell itself, not the study's defaults for all, asks for a batch."""
    return next((key for key in own if key.partition(".")[0] == "batch"), None)


def _without_batch(cell: Cell) -> str:
    mini = ", ".join(MINI_BATCH)
    return (
        f"optimizer {cell.optimizer.name!r} takes all samples at every step: leave the key out, or"
        f" exclude the combination; {mini} take batches, and 'defaults' may have one for them"
    )


def _idle(pattern: CellKeys) -> str:
    """Why an exclusion leaves nothing out."""
    known = ["preset", *Cell.model_fields]
    strange = [key for key in pattern if key.partition(".")[0] not in known]
    if strange:
        return unknown("key", strange[0], known)
    return f"{_label(pattern)} matches no combination of the grid"


def _keys(dataset: DataSet) -> dict[str, Any]:
    """The keys of a data set that a study gives."""
    return dataset.model_dump(exclude_defaults=True)


def _where(place: str, own: CellKeys) -> str:
    return f"{place}, cell {_label(own)}"


def _label(part: CellKeys) -> str:
    if not part:
        return "(nothing but the defaults)"
    words = (f"{key}={_short(value)}" for key, value in part.items())
    return "(" + ", ".join(words) + ")"


def _short(value: Any) -> str:
    if isinstance(value, dict):
        name = value.get("name")
        rest = ", ".join(f"{key}={_short(v)}" for key, v in value.items() if key != "name")
        return f"{name}[{rest}]" if name and rest else str(name or f"[{rest}]")
    return str(value)
