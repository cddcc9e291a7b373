"""The one way into a study: from a file or from what Snakemake read of it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

import emc
from emc.errors import EmcError
from emc.study.claims import claim_faults
from emc.study.excerpt import Excerpt, excerpted
from emc.study.expand import Look, PlannedCell, expand
from emc.study.faults import report, study_faults
from emc.study.labels import Original
from emc.study.models import Study
from emc.study.plugins import load_plugins, plugin_at
from emc.study.yaml_file import read

_Part = TypeVar("_Part", Study, Excerpt)


@dataclass(frozen=True, slots=True)
class StudyPlan:
    """A valid study and all its cells."""

    file: Path
    study: Study
    cells: tuple[PlannedCell, ...]
    part_of: Path | None = None

    @property
    def plugins(self) -> list[str]:
        """The files of its plug-ins."""
        return [plugin_at(self.file.parent / file).file for file in self.study.plugins]

    @property
    def name(self) -> str:
        """Name of the study."""
        return self.study.study

    @property
    def generalised_seeds(self) -> int:
        """Runs on the whole training set that the study asks of a cell; 0 if it asks for none."""
        return self.study.generalisation.seeds if self.study.generalisation else 0

    @property
    def generalised(self) -> tuple[PlannedCell, ...]:
        """Cells whose procedures are tested on new samples."""
        asked = self.study.generalisation
        if asked is None:
            return ()
        wanted = set(self.study.sections if asked.sections is None else asked.sections)
        return tuple(
            planned
            for planned in self.cells
            if isinstance(planned.cell.labels, Original) and wanted & {*planned.sections}
        )


def load(
    config: Mapping[str, Any], files: Sequence[str | Path], default: Path, look: Look | None = None
) -> StudyPlan:
    """The study that a run of Snakemake is asked for: one file, or `default` where none is given.

    `look` tells what is known of its data sets.

    Raises:
        EmcError: more than one file, keys given beside it on the command line, or any fault
            of the study, each with file, section, cell and key.
    """
    if len(files) > 1:
        raise EmcError(f"--configfile: expected one study, found {', '.join(map(str, files))}")
    file = _from_here(Path(files[0])) if files else default
    plan = load_file(file, look)
    content = read(file) if files else {}
    beside = [str(key) for key, value in config.items() if content.get(key) != value]
    if beside:
        raise EmcError(f"--config {', '.join(beside)}: write it into {file} instead")
    return plan


def _from_here(file: Path) -> Path:
    """The path as one would type it here: the same in every checkout of the project."""
    here = Path.cwd()
    return file.relative_to(here) if file.is_relative_to(here) else file


def load_file(path: Path, look: Look | None = None) -> StudyPlan:
    """Check the study in a file and expand it to cells; `look` tells what is known of data sets.

    Raises:
        EmcError: the file is missing or no YAML mapping, or any fault of the study or of one of
            its plug-ins.
    """
    study, whole = _study(path)
    try:
        plugins = load_plugins(path.parent, study.plugins)
    except EmcError as error:
        raise EmcError(f"{path}: plugins: {error}") from error
    cells, faults = expand(study, plugins, look)
    faults = faults or claim_faults(study.claims, [planned.cell for planned in cells])
    if faults:
        raise EmcError(report(str(path), faults))
    plan = StudyPlan(path, study, tuple(cells), whole)
    if study.generalisation and not plan.generalised and whole is None:
        raise EmcError(f"{path}: generalisation: no cell that it asks for has labels 'original'")
    return plan


def _study(path: Path) -> tuple[Study, Path | None]:
    """The study of a file, and the file that it is part of."""
    content = read(path)
    _refuse_other_version(path, content.get("emc_version", emc.__version__))
    if "part_of" not in content:
        return _validated(path, content, Study), None
    excerpt = _validated(path, content, Excerpt)
    other = path.with_name(excerpt.part_of)
    whole = _whole(path, other)
    if excerpt.study == whole.study:
        raise EmcError(
            f"{path}: study: {other}, which it is part of, has the name {whole.study!r} too, and"
            f" both would lie in results/studies/{whole.study}: give it another"
        )
    try:
        return excerpted(excerpt, whole), other
    except ValueError as error:
        raise EmcError(f"{path}: sections: {error}, in {other}") from None


def _refuse_other_version(path: Path, wanted: object) -> None:
    """Before any other fault: another version may have other keys."""
    if not isinstance(wanted, str) or not re.fullmatch(r"\d+(\.\d+)*", wanted):
        raise EmcError(
            f"{path}: emc_version: expected a version in quotes, as"
            f" {emc.__version__!r}, found {wanted!r}"
        )
    parts = wanted.split(".")
    if emc.__version__.split(".")[: len(parts)] != parts:
        raise EmcError(
            f"{path}: emc_version: the study is for emc {wanted}, found emc {emc.__version__}:"
            f" install the former, or change the line if the study suits the latter"
        )


def _whole(path: Path, other: Path) -> Study:
    """The study in `other`, which that in `path` says it is part of."""
    try:
        content = read(other)
    except EmcError as error:
        raise EmcError(f"{path}: part_of: {error}") from None
    if "part_of" in content:
        raise EmcError(
            f"{path}: part_of: {other} is itself part of {content['part_of']!r}: a whole study is"
            " wanted"
        )
    return _validated(other, content, Study)


def _validated(path: Path, content: dict[str, Any], kind: type[_Part]) -> _Part:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise EmcError(report(str(path), study_faults("", error, content))) from None
