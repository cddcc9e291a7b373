"""Print the answer to a question about a study."""

import sys
from pathlib import Path

import polars as pl

from emc.store.layout import Results
from emc.study import load_file
from emc.warehouse import open_database


def print_answer(study: Path, sql: str, results: Path, form: str) -> None:
    """Run SQL read-only on the study's database and print a table, CSV or JSON."""
    database = Results(results).study(load_file(study).name).database
    answer = open_database(database).sql(sql)
    if form == "csv":
        _without_lists(answer).write_csv(sys.stdout)
    elif form == "json":
        print(answer.write_json())
    else:
        with pl.Config(
            tbl_rows=-1,
            tbl_cols=-1,
            fmt_str_lengths=80,
            tbl_hide_dataframe_shape=True,
            tbl_width_chars=1000,
        ):
            print(answer)


def _without_lists(answer: pl.DataFrame) -> pl.DataFrame:
    """Lists as text, since CSV has none."""
    return answer.with_columns(
        pl.col(name).cast(pl.List(pl.String)).list.join(" ")
        for name, kind in answer.schema.items()
        if isinstance(kind, pl.List)
    )
