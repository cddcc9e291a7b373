"""A study's database, asked by hand: `marimo edit docs/explore.py -- --database FILE`."""

import marimo

app = marimo.App(width="medium")


@app.cell
def _():
    import marimo as mo

    import emc
    from emc.figures import FIGURES
    from emc.findings import judge

    return FIGURES, emc, judge, mo


@app.cell
def _(mo):
    database = mo.cli_args().get("database") or "results/studies/demo/emc.duckdb"
    return (database,)


@app.cell
def _(database, emc, mo):
    warehouse = emc.open(database)
    cells = warehouse.view("emc")
    measured = cells.filter(status="measured")
    mo.md(f"{len(measured)} of {len(cells)} cells of `{database}` are measured.")
    return measured, warehouse


@app.cell
def _(measured, mo):
    columns = ["cell", "parameters", "emc50", "low", "high", "per_parameter", "probes"]
    mo.ui.table(measured.select(columns).sort("per_parameter", descending=True))


@app.cell
def _(judge, mo, warehouse):
    findings = judge(warehouse)
    told = [f"- {one.claim.statement}: **{one.verdict}**. {one.sentence}" for one in findings]
    mo.md("\n".join(told))
    return (findings,)


@app.cell
def _(FIGURES, mo, warehouse):
    drawable = [figure for figure in FIGURES if figure.lacking(warehouse) is None]
    chosen = mo.ui.dropdown({figure.title: figure for figure in drawable}, drawable[0].title)
    chosen
    return (chosen,)


@app.cell
def _(chosen, warehouse):
    chart = chosen.value.draw(warehouse)
    chart
    return (chart,)


@app.cell
def _(warehouse):
    by_optimizer = warehouse.sql(
        "SELECT optimizer, count(*) AS cells, exp(avg(ln(per_parameter))) AS per_parameter"
        " FROM emc WHERE status = 'measured' GROUP BY optimizer ORDER BY 3 DESC"
    )
    by_optimizer
    return (by_optimizer,)


if __name__ == "__main__":
    app.run()
