"""A study file as its author writes it."""

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from emc.study.certificate import CertificateSettings
from emc.study.claims import AskedClaim
from emc.study.presets import PRESETS
from emc.study.strict import Count, Name, Strict, unknown


def _one_or_many(value: object) -> object:
    return value if isinstance(value, list) else [value]


Axis = Annotated[list[Any], Field(min_length=1), BeforeValidator(_one_or_many)]
Entry = dict[str, Any]


class Section(Strict):
    """A part of the study: a grid over the defaults, explicit cells, or both."""

    grid: dict[str, Axis] = Field(default={})
    """Keys of a cell (dotted for one field of it, as `optimizer.lr`) with the values they take."""
    exclude: list[Annotated[Entry, Field(min_length=1)]] = Field(default=[])
    """Combinations of the grid to leave out: all keys given must match."""
    include: list[Entry] = Field(default=[])
    """Combinations to add to the grid."""
    cells: list[Entry] = Field(default=[])
    """Explicit cells over the defaults."""


class Generalisation(Strict):
    """What is asked of the procedures on new samples.

    The procedure of each cell with original labels is trained on the whole training set, at the
    best learning rate of its estimate, and tested on the data set's test part.
    """

    seeds: Count = 3
    """Runs per cell."""
    sections: list[Name] | None = None
    """Sections whose cells are asked; all where absent."""


def _said(value: object) -> object:
    if value is None:
        raise ValueError("expected a mapping, found nothing: {} takes the defaults")
    return value


class Study(Strict):
    """A study: what to measure, and how to judge it."""

    study: Name
    """Name of the study: lower-case letters, digits and single hyphens."""
    title: str | None = None
    """One line for the top of the page."""
    emc_version: str | None = None
    """Version of the program that the study is for, or its first numbers: another is refused."""
    data_dir: str | None = None
    """Folder with data files placed by hand, in their original formats."""
    plugins: list[str] = Field(default=[])
    """Files that register the author's own architectures, data sets, optimizers and activations,
    relative to the study file."""
    presets: dict[Name, Entry] = Field(default={})
    """Named parts of a cell; `preset: name` in defaults, a grid or a cell takes one."""
    defaults: Entry = Field(default={})
    """What every cell is unless its section says otherwise."""
    sections: Annotated[dict[Name, Section], Field(min_length=1)]
    """The parts of the study; a cell in two sections is measured once."""
    certificate: CertificateSettings = CertificateSettings()
    """How end points are judged."""
    claims: list[AskedClaim] = Field(default=[])
    """Claims of the author's, judged beside those of the published study."""
    generalisation: Annotated[Generalisation | None, BeforeValidator(_said)] = None
    """How procedures are tested on new samples; they are not where absent."""

    @model_validator(mode="after")
    def _tested_sections_are_there(self) -> Self:
        asked = self.generalisation.sections if self.generalisation else None
        for name in asked or []:
            if name not in self.sections:
                raise ValueError(
                    f"generalisation.sections: {unknown('section', name, list(self.sections))}"
                )
        return self

    @model_validator(mode="after")
    def _presets_are_new_and_plain(self) -> Self:
        for name, part in self.presets.items():
            if name in PRESETS:
                raise ValueError(f"presets: {name!r} comes with the program: choose another name")
            if "preset" in part:
                raise ValueError(f"presets: {name!r} names a preset itself: write its keys out")
        return self
