"""What the page knows of each cell: its row of the table and the parts of its definition."""

import json
from typing import Any, Final

import polars as pl

from emc.figures.frames import finite
from emc.report.columnar import columnar
from emc.study.optimizers import decay_apart
from emc.warehouse import Warehouse

_LISTS: Final = ("sections", "rates")


def cells_data(warehouse: Warehouse) -> dict[str, Any]:
    """All planned cells, columnar: the view `emc`, with lists as text, without the definition.

    `decay_apart` is what a reader should know of the minima of decoupled weight decay.
    """
    cells = warehouse.view("emc").drop("definition")
    texts = [pl.col(name).cast(pl.List(pl.String)).list.join(", ") for name in _LISTS]
    decays = cells.select("optimizer", "weight_decay").iter_rows()
    apart = pl.Series("decay_apart", [decay_apart(*one) for one in decays], pl.String)
    return columnar(finite(cells.with_columns(*texts, apart)).to_dict(as_series=False))


def definitions_data(warehouse: Warehouse) -> dict[str, Any]:
    """Definitions of all cells in the order of `cells_data`: one column per key, values as JSON.

    Cells share most of their parts, so that columns of repeated text weigh little.
    """
    definitions = [json.loads(text) for text in warehouse.view("emc")["definition"]]
    keys = sorted({key for definition in definitions for key in definition})
    return columnar({key: [_text(known, key) for known in definitions] for key in keys})


def _text(definition: dict[str, Any], key: str) -> str | None:
    return json.dumps(definition[key]) if key in definition else None
