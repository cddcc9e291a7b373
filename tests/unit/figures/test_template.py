"""Templates take any text as text, and never leave a part out in silence."""

import re

import pytest
from jinja2 import UndefinedError

from emc.figures.template import rendered

PARTS = {"title": 'a <b> & "c"', "caption": "{{ title }}", "bundle": "1 < 2", "spec": "{}"}


def test_text_is_escaped_and_scripts_are_not() -> None:
    page = rendered("emc.figures", "figure.html", **PARTS)
    assert "<title>a &lt;b&gt; &amp; &#34;c&#34;</title>" in page
    assert "<p>{{ title }}</p>" in page
    assert re.findall(r"<script>(.*?)</script>", page) == ["1 < 2"]


def test_a_number_stays_on_a_line_with_its_per_cent_sign() -> None:
    parts = {**PARTS, "caption": "95 % of 5 % x", "bundle": "x = 95 % 5"}
    page = rendered("emc.figures", "figure.html", **parts)
    assert "<p>95\u00a0% of 5\u00a0% x</p>" in page
    assert "<script>x = 95 % 5</script>" in page


@pytest.mark.parametrize("part", PARTS)
def test_a_missing_part_is_an_error(part: str) -> None:
    parts = {name: text for name, text in PARTS.items() if name != part}
    with pytest.raises(UndefinedError, match=f"'{part}' is undefined"):
        rendered("emc.figures", "figure.html", **parts)
