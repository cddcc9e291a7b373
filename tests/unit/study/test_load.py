"""Reading a study: YAML as authors write it, YAML gone wrong, and what Snakemake hands over."""

import os
import re
from pathlib import Path
from textwrap import dedent

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.study.files import planned, text

import emc
from emc.errors import EmcError
from emc.study import load, load_file
from emc.study.yaml_file import read

ONE_CELL = text("{cells: [{}]}")


def test_a_study_knows_its_file_and_name(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(ONE_CELL.replace("study: s", "study: on-digits"))
    study = load_file(file)
    assert (study.file, study.name, len(study.cells)) == (file, "on-digits", 1)


@pytest.mark.parametrize(
    "content",
    [
        "\ufeff" + ONE_CELL,
        ONE_CELL.replace("\n", "\r\n"),
        "---\n" + ONE_CELL + "...\n",
        "# ünïcödé ✓\n" + ONE_CELL,
    ],
    ids=["byte order mark", "Windows line ends", "document marks", "comment"],
)
def test_editors_leave_their_traces(content: str, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (plain,) = planned(tmp_path / "plain", ONE_CELL)
    assert [one.id for one in planned(tmp_path, content)] == [plain.id]


def test_numbers_may_have_an_exponent_and_no_point(tmp_path: Path) -> None:
    """YAML 1.1 takes 3e3 for a string."""
    by_exponent, by_digits = (
        planned(tmp_path, text(f"{{cells: [{{architecture: {{name: mlp, params: {number}}}}}]}}"))
        for number in ("3e3", "3000")
    )
    assert by_exponent == by_digits


def test_anchors_and_merge_keys(tmp_path: Path) -> None:
    cells = planned(
        tmp_path,
        dedent("""
            study: s
            defaults: &base {dataset: digits, architecture: {name: mlp, width: 4}, seed: 1}
            sections:
              a:
                cells:
                  - {<<: *base, seed: 2}
                  - {<<: [{seed: 3}, *base]}
                  - *base
                  - {<<: [&later {<<: *base, seed: 4}, {seed: 5}, *base]}
                  - {<<: [{labels: random}, {<<: *later, seed: 6}], seed: 7}
        """),
    )
    assert [one.cell.seed for one in cells] == [2, 3, 1, 4, 7]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("study: s\nstudy: t\n", "the key 'study' is given twice"),
        (text("{grid: {seed: 1, seed: 2}}"), "the key 'seed' is given twice"),
        ("a: {<<: {b: 1}, b: 2, b: 3}", "the key 'b' is given twice"),
        ("a: {<<: {b: 1}, <<: {b: 2}}", "the key '<<' is given twice"),
        ("a: {<<: [{b: 1}, 2]}", "expected a mapping for merging, but found scalar"),
        ("'a': 1\n\"a\": 2", "the key 'a' is given twice"),
        ("? [a, b]\n: 1", "found unhashable key"),
        ("? {a: b}\n: 1", "found unhashable key"),
        ("a: &a {b: *a}", "found unconstructable recursive node"),
        ("a: &a [*a]", "found unconstructable recursive node"),
        ("a: *b", "found undefined alias"),
        ("a: [1, 2", "expected ',' or ']'"),
        ("a: 1\n\tb: 2", "found character '\\t' that cannot start any token"),
        ("a: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("a: 010", "010 means 8 to YAML: write a number without a leading zero, or a text in"),
        ("a: [-0_17]", "-0_17 means -15 to YAML: write a number without a leading zero"),
        ("a: 1:30", "1:30 means 90 to YAML: write a number without colons, or a text in quotes"),
        ("a: 1:30.5", "1:30.5 means 90.5 to YAML: write a number without colons"),
        ("a: 2001-99-99", "month must be in 1..12"),
        ("a: 1\n---\nb: 1", "expected a single document"),
        ("[" * 1500 + "]" * 1500, "maximum recursion depth exceeded"),
        ("a: " + "{a: " * 1500 + "1" + "}" * 1500, "maximum recursion depth exceeded"),
        ("a: " + "7" * 5000, "Exceeds the limit"),
        ("a: \0", "special characters are not allowed"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else None,
)
def test_what_is_not_yaml(content: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    with pytest.raises(
        EmcError, match=f"^{re.escape(str(file))}: not valid YAML: (.|\n)*{re.escape(message)}"
    ):
        planned(tmp_path, content)


def test_a_yaml_error_says_where(tmp_path: Path) -> None:
    with pytest.raises(EmcError, match=r'study.yaml", line 2, column 1$'):
        planned(tmp_path, "study: s\nstudy: t\n")


@pytest.mark.parametrize("content", [bytes(range(256)), b"study: \xe9", b"\xff\xfe\x00"])
def test_what_is_not_text(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_bytes(content)
    place = r"study\.yaml: line \d: byte 0x(e9|ff|80) is no text in utf-8: save the file as UTF-8$"
    with pytest.raises(EmcError, match=place):
        load_file(file)


def test_no_file_and_no_file_at_all(tmp_path: Path) -> None:
    with pytest.raises(EmcError, match=r"none\.yaml: no such study file$"):
        load_file(tmp_path / "none.yaml")
    with pytest.raises(EmcError, match=r"cannot be read: .*Is a directory"):
        load_file(tmp_path)


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(ONE_CELL)
    file.chmod(0)
    with pytest.raises(EmcError, match=r"cannot be read: .*Permission denied"):
        load_file(file)


@given(content=st.one_of(st.binary(max_size=60), st.text("{}[]&*<:-\n'\"! ab1", max_size=40)))
def test_no_content_gets_past_the_errors(
    content: bytes | str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.getbasetemp() / "junk.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(EmcError, match=re.escape(str(file))):
        load_file(file)


class TestLoad:
    """`load(config, files, default)`: what Snakemake read, which files, and the default study."""

    @pytest.fixture
    def default(self, tmp_path: Path) -> Path:
        file = tmp_path / "default.yaml"
        file.write_text(ONE_CELL.replace("study: s", "study: default"))
        return file

    @pytest.fixture
    def mine(self, tmp_path: Path) -> Path:
        file = tmp_path / "mine.yaml"
        file.write_text(text("{cells: [{architecture.width: 3e0}]}", more="title: Mine"))
        return file

    def test_the_default_where_none_is_given(self, default: Path) -> None:
        assert load({}, [], default).name == "default"

    def test_the_file_that_is_given(self, mine: Path, default: Path) -> None:
        config = yaml.safe_load(mine.read_text())
        assert load(config, [str(mine)], default).name == "s"
        assert load(config, [mine], default).file == mine

    def test_one_study_at_a_time(self, mine: Path, default: Path) -> None:
        message = f"--configfile: expected one study, found {mine}, {default}"
        with pytest.raises(EmcError, match=f"^{re.escape(message)}$"):
            load({}, [mine, default], default)

    @pytest.mark.parametrize("config", [{"colour": "red"}, {"study": "s"}])
    def test_keys_beside_the_default(self, config: dict[str, str], default: Path) -> None:
        message = f"--config {next(iter(config))}: write it into {default} instead"
        with pytest.raises(EmcError, match=f"^{re.escape(message)}$"):
            load(config, [], default)

    def test_keys_beside_a_file(self, mine: Path, default: Path) -> None:
        config = {**yaml.safe_load(mine.read_text()), "colour": "red", "title": "Yours"}
        message = f"--config title, colour: write it into {mine} instead"
        with pytest.raises(EmcError, match=f"^{re.escape(message)}$"):
            load(config, [mine], default)

    def test_a_fault_of_the_file_comes_first(self, mine: Path, default: Path) -> None:
        """NaN differs from itself: the file's fault must not be told as a key beside it."""
        mine.write_text(text("{cells: [{criterion: .nan}]}"))
        with pytest.raises(EmcError, match="criterion: expected a finite number, found nan"):
            load(yaml.safe_load(mine.read_text()), [mine], default)


def test_read_gives_the_mapping_as_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text("b: {d: 1, c: [1.5, x]}\na: null\n")
    assert list(read(file).items()) == [("b", {"d": 1, "c": [1.5, "x"]}), ("a", None)]


class TestVersions:
    """`emc_version` names the program that a study is for."""

    @pytest.mark.parametrize("version", ["0", "0.1", "0.1.0"])
    def test_its_first_numbers_will_do(self, version: str, tmp_path: Path, fixed: None) -> None:
        assert load_file(_of_version(f'"{version}"', tmp_path)).name == "s"

    @pytest.mark.parametrize("version", ["1", "0.2", "0.1.1", "0.1.0.0"])
    def test_another_is_refused_before_its_unknown_keys(
        self, version: str, tmp_path: Path, fixed: None
    ) -> None:
        message = rf"emc_version: the study is for emc {version}, found emc 0\.1\.0"
        with pytest.raises(EmcError, match=message):
            load_file(_of_version(f'"{version}"\ncolour: red', tmp_path))

    @pytest.mark.parametrize("version", ["0.1", "1", "null", '"0.1.x"', '""', '">=0.1"', "[0, 1]"])
    def test_a_version_is_a_text_of_numbers(self, version: str, tmp_path: Path) -> None:
        with pytest.raises(EmcError, match="emc_version: expected a version in quotes, as"):
            load_file(_of_version(version, tmp_path))

    @pytest.fixture
    def fixed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(emc, "__version__", "0.1.0")


def _of_version(version: str, folder: Path) -> Path:
    file = folder / "s.yaml"
    cells = "{a: {cells: [{dataset: digits, architecture: linear}]}}"
    file.write_text(f"study: s\nsections: {cells}\nemc_version: {version}\n")
    return file
