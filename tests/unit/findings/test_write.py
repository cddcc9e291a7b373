"""Findings as files, for machines and people."""

from tests.synthetic import SETTINGS, factorial, write_study

from emc.findings import ClaimVerdict, judge, write_findings
from emc.findings.claims import CLAIMS
from emc.findings.write import FINDINGS
from emc.store.tables import read_table
from emc.warehouse import build, open_database


def test_findings_are_written_for_machines_and_people(warehouse, tmp_path):
    table, text = tmp_path / "findings.parquet", tmp_path / "findings.md"
    write_findings(warehouse, table, text)
    rows = read_table(table, FINDINGS, "-")
    assert rows["claim"].to_list() == [claim.name for claim in CLAIMS]
    found = judge(warehouse)
    assert rows["verdict"].to_list() == [made.verdict for made in found]
    assert rows["sentence"].to_list() == [made.sentence for made in found]
    lines = text.read_text().splitlines()
    for made in found:
        number = made.claim.finding
        row = f"| {number} | {made.claim.statement} | {made.verdict} | {made.sentence} |"
        assert row in lines
    assert sum("cnn of depth 2, relu, sgd" in line for line in lines) == 2


def test_a_study_without_results_is_judged_open(tmp_path):
    study = write_study(tmp_path, factorial(seed=[0]), unmeasured=1)
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as warehouse:
        assert {made.verdict for made in judge(warehouse)} == {ClaimVerdict.OPEN}
        write_findings(warehouse, tmp_path / "f.parquet", tmp_path / "f.md")
    assert "No procedure has an exact answer at three sizes" in (tmp_path / "f.md").read_text()
