"""Claims of a study's author: at which of two levels of a factor a procedure fits more."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, model_validator

from emc.study.cell import Cell
from emc.study.factors import COMPARABLE, levels
from emc.study.faults import StudyFault
from emc.study.strict import Name, Real, Strict, unknown


def _comparable(factor: str) -> str:
    if factor not in COMPARABLE:
        raise ValueError(unknown("factor", factor, list(COMPARABLE)))
    return factor


def _plain(value: object) -> object:
    """Numbers may be written as 1e-4, which is text to YAML."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _two(chosen: list[Any]) -> list[Any]:
    if len(chosen) != 2 or chosen[0] == chosen[1]:
        raise ValueError(f"expected two different levels, found {chosen}")
    return chosen


Level = Annotated[bool | int | float | str, BeforeValidator(_plain)]
FactorName = Annotated[str, AfterValidator(_comparable)]


class AskedClaim(Strict):
    """That cells with the first level fit more, fewer or as many samples as with the second."""

    name: Name
    """Name of the claim."""
    compare: FactorName
    """The factor whose levels are compared, over cells that are equal in everything else."""
    levels: Annotated[list[Level], AfterValidator(_two)]
    """Two of its levels."""
    expect: Literal["greater", "less", "equal"]
    """What EMC at the first is, seen from the second."""
    margin: Annotated[Real, Field(gt=1)] = 1.1
    """The ratio up to which `equal` counts as equal."""
    where: dict[str, Level] = Field(default={})
    """Levels of other factors that both cells must have."""

    @model_validator(mode="after")
    def _margin_suits(self) -> Self:
        if "margin" in self.model_fields_set and self.expect != "equal":
            raise ValueError(f"margin: expected `expect: equal` beside it, found {self.expect!r}")
        return self


_CLAIMS: Final = TypeAdapter(tuple[AskedClaim, ...])


def claims_definition(claims: Sequence[AskedClaim]) -> str:
    """Claims as JSON, for `claims_from_definition`."""
    return _CLAIMS.dump_json(tuple(claims), exclude_unset=True).decode()


def claims_from_definition(text: str) -> tuple[AskedClaim, ...]:
    """The claims that `claims_definition` was given."""
    return _CLAIMS.validate_json(text)


def claim_faults(claims: Sequence[AskedClaim], cells: Iterable[Cell]) -> list[StudyFault]:
    """What the claims name that no cell of the study has, and names given twice."""
    if not claims:
        return []
    rows = [levels(cell) for cell in cells]
    names = [claim.name for claim in claims]
    twice = {name for name in names if names.count(name) > 1}
    faults = [StudyFault(f"claim {name!r}", "name", "is given twice") for name in sorted(twice)]
    for claim in claims:
        faults += [
            StudyFault(f"claim {claim.name!r}", key, text) for key, text in _faults(claim, rows)
        ]
    return faults


def _faults(claim: AskedClaim, rows: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    wanted = [("levels", claim.compare, level) for level in claim.levels]
    wanted += [("where", factor, level) for factor, level in claim.where.items()]
    for key, factor, level in wanted:
        if rows and factor not in rows[0]:
            yield key, unknown("factor", factor, list(rows[0]))
            continue
        known = {row[factor] for row in rows if not isinstance(row[factor], list)}
        if level not in known:
            text = unknown(factor, str(level), sorted(str(one) for one in known - {None}))
            yield key, f"no cell of the study has it: {text}"
