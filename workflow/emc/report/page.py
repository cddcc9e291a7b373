"""One HTML file with everything in it: text, data, charts, style and script."""

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, NamedTuple

from emc.figures import FIGURES, cell_charts, specification
from emc.figures.save import script_json, vega_bundle
from emc.figures.template import rendered
from emc.figures.theme import config
from emc.findings import exponents, judge, label_gap_association, predictions
from emc.records import Outcome
from emc.report.cells import cells_data, definitions_data
from emc.report.columnar import columnar, transposed
from emc.report.evidence import evidence_data
from emc.report.headline import sentences, summary, tiles, unknown
from emc.store.atomic import write_text_atomically
from emc.warehouse import RELATIONS, Warehouse, open_database
from emc.warehouse.relations import SQL_TYPES

_SCRIPTS: Final = ("columns.js", "format.js", "charts.js", "table.js", "cell.js", "main.js")
_ASSETS: Final = files(__package__) / "assets"


def write_page(database: Path, page: Path, study: str, title: str | None, file: str) -> None:
    """Write the page of a study from its database; `file` is the study file, to run it again.

    Raises:
        EmcError: the database is missing or damaged.
    """
    with open_database(database) as warehouse:
        write_text_atomically(page, _page(warehouse, study, title or study, file))


class _Shown(NamedTuple):
    """A figure's place on the page: its caption, or what it is lacking. The first is the answer."""

    name: str
    title: str
    caption: str | None
    lacking: str | None


def _page(warehouse: Warehouse, study: str, title: str, file: str) -> str:
    figures, charts, datasets = _figures(warehouse)
    script = "\n".join(_asset(name) for name in _SCRIPTS)
    bundle = vega_bundle()
    return rendered(
        __package__,
        "page.html",
        title=title,
        study=study,
        policy=_policy(bundle, script),
        style=_asset("page.css"),
        tiles=tiles(warehouse),
        summary=summary(warehouse),
        sentences=sentences(warehouse),
        unknown=unknown(warehouse),
        findings=judge(warehouse),
        exponents=exponents(warehouse),
        predictions=predictions(label_gap_association(warehouse)),
        drawn=[one for one in figures if one.caption is not None],
        absent=[one for one in figures if one.caption is None],
        failures=warehouse.view("failures").rows(),
        outcomes=list(Outcome),
        relations=RELATIONS,
        types=SQL_TYPES,
        versions=warehouse.view("versions").rows(),
        data=script_json(_data(warehouse, study, file, charts, datasets)),
        evidence=script_json(evidence_data(warehouse)),
        bundle=bundle,
        script=script,
    )


def _figures(warehouse: Warehouse) -> tuple[list[_Shown], dict[str, Any], dict[str, Any]]:
    """All figures, Vega-Lite by name, and the data sets that they share."""
    shown: list[_Shown] = []
    charts: dict[str, Any] = {}
    datasets: dict[str, Any] = {}
    for figure in FIGURES:
        if lacking := figure.lacking(warehouse):
            shown.append(_Shown(figure.name, figure.title, None, lacking))
            continue
        spec = specification(figure.draw(warehouse))
        datasets |= spec.pop("datasets")
        shown.append(_Shown(figure.name, figure.title, spec["description"], None))
        charts[figure.name] = spec
    columns = {name: columnar(transposed(rows)) for name, rows in datasets.items()}
    return shown, charts, columns


def _data(
    warehouse: Warehouse,
    study: str,
    file: str,
    charts: dict[str, Any],
    datasets: dict[str, Any],
) -> dict[str, Any]:
    return {
        "study": study,
        "file": file,
        "cells": cells_data(warehouse),
        "definitions": definitions_data(warehouse),
        "charts": charts,
        "datasets": datasets,
        "cellCharts": {name: specification(chart) for name, chart in cell_charts().items()},
        "config": config(ink="currentColor", background="transparent"),
    }


def _policy(*scripts: str) -> str:
    """Let these scripts run and nothing be fetched."""
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    return f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:"


def _digest(text: str) -> str:
    return b64encode(sha256(text.encode()).digest()).decode()


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")
