"""The page by its parts: data, markup, policy, weight."""

import json
import re
from base64 import b64encode
from hashlib import sha256
from html import unescape
from html.parser import HTMLParser

import polars as pl
import pytest
from markupsafe import escape
from tests.synthetic import SETTINGS, edit_document, factorial, write_study
from tests.unit.report.conftest import TITLE
from tests.unit.report.test_columnar import restored

from emc.errors import EmcError
from emc.figures import FIGURES
from emc.figures.save import vega_bundle
from emc.findings import effects, exponents, judge
from emc.records import Failure
from emc.report import write_page
from emc.report.cells import cells_data
from emc.report.evidence import evidence_data
from emc.report.headline import SENTENCES, unknown
from emc.store.failures import write_failure
from emc.warehouse import RELATIONS, build, open_database


@pytest.fixture(scope="session")
def text(page):
    return page.read_text(encoding="utf-8")


def script(text, identity):
    return json.loads(written_in(text, identity))


def written_in(text, identity):
    """What a script element holds, as text."""
    return between(text, rf'<script id="{identity}"[^>]*>(.*?)</script>')


def between(text, pattern):
    """The first group of a pattern that the text has."""
    found = re.search(pattern, text, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture(scope="session")
def data(text):
    return script(text, "data")


@pytest.fixture(scope="session")
def evidence(text):
    return script(text, "evidence")


class Elements(HTMLParser):
    """Collects tags with their attributes, and what is left open."""

    VOID = ("meta", "input", "link", "img", "br")

    def __init__(self):
        super().__init__()
        self.found = []
        self.open = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="session")
def elements(text):
    parser = Elements()
    parser.feed(text)
    assert parser.open == []
    return parser.found


def test_nothing_is_loaded_from_elsewhere(text, elements):
    links = [attributes.get(key) for _, attributes in elements for key in ("src", "href")]
    assert all(link is None or link.startswith("#") for link in links)
    assert not re.findall(r"@import|url\(|fetch\(|XMLHttpRequest", text.replace(vega_bundle(), ""))


def test_no_element_has_a_handler(elements):
    assert not [key for _, attributes in elements for key in attributes if key.startswith("on")]


def test_the_policy_names_the_scripts_and_nothing_else(text, elements):
    (policy,) = [a["content"] for tag, a in elements if tag == "meta" and "http-equiv" in a]
    sources = re.findall(r"<script(?: type=\"module\")?>(.*?)</script>", text, re.DOTALL)
    assert len(sources) == 2
    hashes = [b64encode(sha256(source.encode()).digest()).decode() for source in sources]
    assert policy == (
        f"default-src 'none'; script-src 'sha256-{hashes[0]}' 'sha256-{hashes[1]}';"
        " style-src 'unsafe-inline'; img-src data:"
    )


def test_vega_is_there_once(text):
    assert text.count(vega_bundle()) == 1


def test_the_title_is_text(text, elements):
    assert "<script>alert" not in text
    assert text.count(unescape(TITLE)) == 0
    assert unescape(between(text, r"<title>(.*?)</title>")) == TITLE
    assert unescape(between(text, r"<h1>(.*?)</h1>")) == TITLE


def test_numbers_stay_on_a_line_with_their_per_cent_signs(text):
    written = re.sub(r"(?s)<(script|style).*?</\1>", "", text)
    assert "95\u00a0%" in written
    assert re.findall(r".*\d[ \n]+%.*", written) == []


def test_ids_are_unique(elements):
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(set(ids)) == len(ids)


def test_cells_are_those_of_the_view(warehouse, data):
    found = restored(data["cells"])
    wanted = warehouse.view("emc")
    assert [row["cell"] for row in found] == wanted["cell"].to_list()
    for row, emc50 in zip(found, wanted["emc50"], strict=True):
        assert row["emc50"] == (None if emc50 is None else pytest.approx(emc50, rel=1e-4))
    assert found[0]["rates"] == "0.03, 0.1, 0.3"


def test_cells_say_whose_weight_decay_is_no_part_of_the_loss(tmp_path):
    study = write_study(tmp_path, factorial(optimizer=["adamw", "adam"]))
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as warehouse:
        found = {row["optimizer"]: row["decay_apart"] for row in restored(cells_data(warehouse))}
    assert found["adam"] is None
    assert found["adamw"].startswith(
        "the weight decay of 'adamw' is no part of the loss: its minima"
    )


def test_definitions_are_whole(warehouse, data):
    found = restored(data["definitions"])
    for row, definition in zip(found, warehouse.view("emc")["definition"], strict=True):
        parts = {key: json.loads(value) for key, value in row.items() if value is not None}
        assert parts == json.loads(definition)


def test_probes_come_back_cell_by_cell(warehouse, data, evidence):
    table = evidence["probes"]
    offset = 0
    for cell, count in zip(restored(data["cells"]), table["counts"], strict=True):
        places = range(offset, offset + count)
        steps = [table["steps"][place] for place in places]
        n = [sum(steps[: place + 1]) for place in range(count)]
        ascending = "SELECT lr FROM rates WHERE cell = $cell ORDER BY lr"
        rates = warehouse.sql(ascending, cell=cell["cell"])["lr"].to_list()
        found = [
            (
                size,
                table["letters"][table["outcomes"][place]],
                table["epochs"][place],
                rates[table["rates"][place]],
                1 - table["errors"][place] / table["accuracySteps"],
            )
            for size, place in zip(n, places, strict=True)
        ]
        wanted = warehouse.sql(
            "SELECT n, outcome, epochs, lr, accuracy FROM probes WHERE cell = $cell",
            cell=cell["cell"],
        )
        for one, other in zip(sorted(found), sorted(wanted.iter_rows()), strict=True):
            assert one[:4] == other[:4]
            assert one[4] == pytest.approx(other[4], abs=1e-4)
        offset += count
    assert offset == warehouse.count("probes")


def test_a_probe_at_a_rate_that_the_search_added_names_it(tmp_path):
    """The study asks for 0.1 and `search.widen`: the search finds 0.3 better."""
    study = write_study(tmp_path, factorial(optimizer=[{"name": "sgd", "lr": 0.1}]), probes=20)
    files = study.results.cell(study.planned[0].id)
    probes = pl.read_parquet(files.probes)
    added = probes.with_columns(lr=pl.when(pl.col("replica") % 2 == 1).then(0.3).otherwise("lr"))
    added.write_parquet(files.probes)
    rates = [{"lr": lr, "emc50": 9.0, "low": 8.0, "high": 10.0, "probes": 10} for lr in (0.1, 0.3)]
    edit_document(files.estimate, {"rates": rates, "best_lr": 0.3, "rate_at_edge": "highest"})
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as opened:
        places = evidence_data(opened)["probes"]["rates"]
        wanted = opened.sql("SELECT lr FROM probes ORDER BY cell, n, round, replica")["lr"]
        edges = [line for line in unknown(opened) if "edge" in line]
    assert [(0.1, 0.3)[place] for place in places] == wanted.to_list()
    assert edges == ["In 1 cell (of 1) the best learning rate is at an edge of its grid."]


@pytest.mark.parametrize("name", ["rates", "certificates"])
def test_tables_come_back_cell_by_cell(warehouse, data, evidence, name):
    found = restored(evidence[name])
    cells = [row["cell"] for row in restored(data["cells"])]
    owners = [
        cell
        for cell, count in zip(cells, evidence[name]["counts"], strict=True)
        for _ in range(count)
    ]
    order = "lr" if name == "rates" else "n, round, replica"
    wanted = warehouse.sql(f"SELECT * FROM {name} ORDER BY cell, {order}").to_dicts()
    assert len(found) == len(wanted) > 0
    for owner, row, original in zip(owners, found, wanted, strict=True):
        assert owner == original["cell"]
        for key, value in row.items():
            real = isinstance(value, float)
            assert value == (pytest.approx(original[key], rel=1e-4) if real else original[key])


def test_spectra_are_of_the_certified_end_points_nearest_emc50(warehouse, data, evidence):
    table = evidence["spectra"]
    assert max(table["counts"]) == 2
    first = data["cells"]["columns"]["cell"]["values"][0]
    nearest = warehouse.sql(
        "SELECT p.n, outcome, spectrum_values, spectrum_shares FROM certificates AS p"
        " JOIN estimates USING (cell) WHERE cell = $cell AND outcome IN ('fit', 'finished')"
        " ORDER BY abs(ln(p.n / emc50)) LIMIT 1",
        cell=first,
    ).row(0, named=True)
    shown = restored(table)[0]
    assert (shown["n"], shown["outcome"]) == (nearest["n"], nearest["outcome"])
    assert shown["values"] == pytest.approx(nearest["spectrum_values"], rel=0.01)
    assert shown["shares"] == pytest.approx(nearest["spectrum_shares"], rel=0.01)


def test_traces_are_of_the_probes_nearest_emc50(warehouse, data, evidence):
    table = evidence["traces"]
    assert max(table["counts"]) <= 3
    for trace in restored(table):
        assert len(trace["epochs"]) == len(trace["losses"]) <= 12
        assert trace["epochs"][0] == 1
    first = data["cells"]["columns"]["cell"]["values"][0]
    nearest = warehouse.sql(
        "SELECT n FROM probes JOIN estimates USING (cell) WHERE cell = $cell AND lr = best_lr"
        " AND outcome IN ('fit', 'finished') ORDER BY abs(ln(n / emc50)) LIMIT 1",
        cell=first,
    ).item()
    shown = restored(table)[: table["counts"][0]]
    assert nearest in {trace["n"] for trace in shown if trace["outcome"] in {"fit", "finished"}}


def test_every_figure_is_drawn_or_accounted_for(text, data):
    for figure in FIGURES:
        drawn = f'data-chart="{figure.name}"' in text
        assert drawn == (figure.name in data["charts"])
        assert text.count(f'<{"figure" if drawn else "li"} id="{figure.name}"') == 1
    assert "give a section of the study <code>grid: {initialisation:" in text


def test_charts_name_data_sets_that_are_there_and_share_them(data):
    used = re.findall(r'"(data-[0-9a-f]+)"', json.dumps(data["charts"]))
    assert set(used) == set(data["datasets"]) - {"empty"}
    cells = [name for name, table in data["datasets"].items() if "mean_emc50" in table["columns"]]
    assert len(cells) == 1
    assert used.count(cells[0]) >= 4


def test_charts_carry_no_look_of_their_own(data):
    for chart in (*data["charts"].values(), *data["cellCharts"].values()):
        assert "config" not in chart


def test_the_dictionary_has_every_column(text):
    for relation in RELATIONS:
        assert f"<summary><code>{relation.name}</code>" in text
        for column in relation.columns:
            assert f"<code>{column.name}</code></th>" in text


def test_headline_counts(text, warehouse):
    measured, planned = warehouse.count("estimates"), warehouse.count("cells")
    assert f"<dt>cells measured</dt><dd>{measured} of {planned}</dd>" in text
    assert f"<dd>{warehouse.count('probes'):,}</dd>" in text
    assert "EMC with sgd is " in text


def unbroken(sentence):
    return escape(sentence).replace(" %", "\u00a0%")


def test_findings_carry_verdicts_and_numbers(text, warehouse):
    for finding in judge(warehouse):
        assert escape(finding.claim.statement) in text
        assert unbroken(finding.sentence) in text
    assert '<span class="verdict supported">supported</span>' in text
    for slope in exponents(warehouse):
        assert f"<td>{slope.shown}</td>" in text


def test_headline_states_certain_effects_only(text, warehouse):
    listed = between(text, r'<ul class="effects">(.*?)</ul>')
    certain = [unbroken(made.sentence) for made in effects(warehouse) if made.certain]
    assert re.findall(r"<li>(.*?)</li>", listed) == certain[:SENTENCES]


def test_claims_without_a_verdict_are_one_line(tmp_path):
    study = write_study(tmp_path, factorial(activation=["relu", "tanh"]))
    build(study.database, study.cells, study.results, SETTINGS)
    write_page(study.database, tmp_path / "index.html", study.name, None, "mine.yaml")
    text = (tmp_path / "index.html").read_text()
    findings = between(text, r'<section id="findings">(.*?)</section>')
    few = r"\d+ claims have too few cells for a verdict: what they show so far"
    shown = re.findall(r"<details><summary>(.*?)</summary>", findings)
    assert re.fullmatch(few, shown[0])
    assert '<span class="verdict' not in findings.partition("<details>")[0]
    assert findings.count('<span class="verdict open">') == len(judge_of(study))


def judge_of(study):
    with open_database(study.database) as warehouse:
        return judge(warehouse)


def test_the_answer_and_its_figure_come_before_any_table(text):
    answer = text.index('<p class="summary">')
    assert answer < text.index('id="two-numbers"') < text.index('class="tiles"')
    assert text.index('id="two-numbers"') < text.index("<table")
    assert text.count('id="two-numbers"') == 1


def test_writing_twice_gives_the_same_page(study, page, tmp_path):
    again = tmp_path / "index.html"
    write_page(study.database, again, study.name, TITLE, "config/made-up.yaml")
    assert again.read_bytes() == page.read_bytes()


def test_a_study_without_results_has_a_page(tmp_path):
    study = write_study(tmp_path, factorial(seed=[0, 1]), unmeasured=2)
    build(study.database, study.cells, study.results, SETTINGS)
    write_page(study.database, tmp_path / "index.html", "made-up", None, "mine.yaml")
    text = (tmp_path / "index.html").read_text()
    assert "<h1>made-up</h1>" in text
    assert "<dt>cells measured</dt><dd>0 of 2</dd>" in text
    assert '<ul class="effects">' not in text
    assert re.search(r"<summary>\d+ claims have no evidence in this study</summary>", text)
    assert f"<summary>{len(FIGURES)} figures have nothing to show here</summary>" in text
    assert script(text, "evidence")["probes"]["counts"] == [0, 0]
    assert script(text, "data")["charts"] == {}


def test_failures_are_counted_by_stage_and_listed_before_the_figures(tmp_path):
    study = write_study(tmp_path, factorial(seed=[0, 1, 2]), unmeasured=1)
    stages = (f"certify-{SETTINGS}", f"certify-{SETTINGS}", "measure")
    for plan, place in zip(study.planned, stages, strict=True):
        files = study.results.cell(plan.id)
        stage = place.removesuffix(f"-{SETTINGS}")
        output = files.certificate(SETTINGS) if stage == "certify" else files.estimate
        write_failure(files.failure(place), Failure(plan.id, stage, "<odd>", (output.name,)))
    build(study.database, study.cells, study.results, SETTINGS)
    write_page(study.database, tmp_path / "index.html", "made-up", None, "mine.yaml")
    text = (tmp_path / "index.html").read_text()
    link = '<a href="#failures">2 failed at certify, 1 failed at measure</a>'
    assert f"<dt>cells measured; {link}</dt><dd>2 of 3</dd>" in text
    assert text.count('id="failures"') == 1
    assert text.index('id="failures"') < text.index('id="findings"') < text.index('id="figures"')
    assert text.count("&lt;odd&gt;</td>") == 3


def test_a_missing_database_is_the_users_to_mend(tmp_path):
    with pytest.raises(EmcError, match="no such database"):
        write_page(tmp_path / "emc.duckdb", tmp_path / "index.html", "made-up", None, "mine.yaml")


def test_a_cell_weighs_little(text, warehouse):
    # 10,000 cells of 100 probes each are to stay below 25 MB.
    cells, probes = warehouse.count("estimates"), warehouse.count("probes")
    evidence, data = written_in(text, "evidence"), written_in(text, "data")
    assert len(evidence) < 15 * probes + 1000 * cells
    assert len(data) < 150_000 + 2500 * cells
