"""A study that is some sections of another one."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from emc.study.models import Study
from emc.study.strict import Name, Strict, unknown


def _beside(file: str) -> str:
    if not file or Path(file).name != file:
        raise ValueError(f"expected a file in the same folder, found {file!r}")
    return file


class Excerpt(Strict):
    """Some sections of another study, measured as that one says."""

    study: Name
    """Name of this study."""
    title: str | None = None
    """One line for the top of the page; omitted: that of the whole."""
    emc_version: str | None = None
    """Version of the program that the study is for, or its first numbers: another is refused."""
    part_of: Annotated[str, AfterValidator(_beside)]
    """File of the whole study, in the same folder."""
    sections: Annotated[list[Name], Field(min_length=1)]
    """Its sections that this study has; claims of the author's stay with the whole."""


def excerpted(excerpt: Excerpt, whole: Study) -> Study:
    """The study that an excerpt asks for.

    Raises:
        ValueError: the whole has no such section.
    """
    for name in excerpt.sections:
        if name not in whole.sections:
            raise ValueError(unknown("section", name, list(whole.sections)))
    tested = whole.generalisation
    if tested and tested.sections is not None:
        left = [name for name in tested.sections if name in excerpt.sections]
        tested = tested.model_copy(update={"sections": left}) if left else None
    return whole.model_copy(
        update={
            "study": excerpt.study,
            "title": excerpt.title or whole.title,
            "sections": {name: whole.sections[name] for name in excerpt.sections},
            "claims": [],
            "generalisation": tested,
        }
    )
