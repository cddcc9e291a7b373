"""Print the answer to a question about a study."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from emc.cli.console import terminal_width
from emc.cli.terminal_table import terminal_table
from emc.data.lookup import open_study
from emc.errors import EmcError, in_one_line
from emc.store.layout import Results
from emc.warehouse import open_database


def print_answer(study: Path, sql: str, results: Path, form: str) -> None:
    """Run SQL read-only on the study's database and print a table, CSV or JSON.

    Raises:
        EmcError: the study has a fault, its database or the query is refused, or the answer has
            types or values that the form cannot show.
    """
    database = Results(results).study(open_study(study, results).name).database
    with open_database(database, study) as warehouse, _refusing(form):
        text = _written(warehouse.printable(sql, nested=form == "json"), form)
    print(text)


@contextmanager
def _refusing(form: str) -> Iterator[None]:
    """What polars cannot take over or write, some of which it panics at."""
    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        found = in_one_line(str(error).partition("\n")[0])
        raise EmcError(
            f"the answer has what cannot be printed as {form} ({found}): cast its column to text,"
            " as in x::VARCHAR"
        ) from None


def _written(answer: pl.DataFrame, form: str) -> str:
    if form == "csv":
        return _without_lists(answer).write_csv().removesuffix("\n")
    if form == "json":
        return answer.write_json()
    return terminal_table(answer, terminal_width())


def _without_lists(answer: pl.DataFrame) -> pl.DataFrame:
    """Lists as text, since CSV has none."""
    return answer.with_columns(
        pl.col(name).cast(pl.List(pl.String)).list.join(" ")
        for name, kind in answer.schema.items()
        if isinstance(kind, pl.List)
    )
