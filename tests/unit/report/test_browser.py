"""The page in a real browser, from disk and without a network."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.unit.report.conftest import TITLE

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

DASH = "\N{EN DASH}"


@dataclass
class Visit:
    """An open page with everything it said and asked for."""

    tab: Any
    faults: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser():
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def visit(browser, page: Path) -> Iterator[Visit]:
    context = browser.new_context(offline=True, viewport={"width": 1200, "height": 900})
    made = Visit(context.new_page())
    made.tab.on("console", lambda message: made.faults.append(message.text))
    made.tab.on("pageerror", lambda error: made.faults.append(str(error)))
    made.tab.on("request", lambda request: made.requests.append(request.url))
    made.tab.goto(page.as_uri())
    made.tab.wait_for_selector("#table tbody tr")
    yield made
    assert made.faults == []
    assert set(made.requests) == {page.as_uri()}
    context.close()


def rows(tab, column):
    heads = tab.locator("#table thead th").all_inner_texts()
    place = next(i for i, head in enumerate(heads) if head.strip().startswith(column))
    entries = tab.locator("#table tbody tr").all()
    return [entry.locator("th, td").nth(place).inner_text() for entry in entries]


def test_opens_from_disk(visit):
    assert visit.tab.title() == TITLE
    assert visit.tab.locator("h1").inner_text() == TITLE
    assert visit.tab.locator("#pager p").inner_text() == "1 to 25 of 44 cells"


def test_every_chart_is_drawn(visit, warehouse):
    for place in visit.tab.locator("[data-chart]").all():
        place.scroll_into_view_if_needed()
        place.locator("svg.marks").wait_for()
        assert place.locator("svg path").count() > 0
    points = visit.tab.locator("#emc-by-parameters svg [aria-roledescription=point]")
    assert points.count() == warehouse.count("estimates")


def test_the_page_keeps_still_while_charts_are_drawn(visit):
    expected = visit.tab.evaluate("document.documentElement.scrollHeight")
    for place in visit.tab.locator("[data-chart]").all():
        place.scroll_into_view_if_needed()
        place.locator("svg.marks").wait_for()
    drawn = visit.tab.evaluate("document.documentElement.scrollHeight")
    assert drawn == pytest.approx(expected, rel=0.05)


def test_no_chart_has_a_blank_below(visit):
    for place in visit.tab.locator("[data-chart]").all():
        place.scroll_into_view_if_needed()
        place.locator("svg.marks").wait_for()
        taken = place.evaluate("place => place.querySelector('.marks').clientHeight")
        assert taken <= place.evaluate("place => place.clientHeight") <= taken + 30


def test_filters_change_rows(visit, warehouse):
    visit.tab.select_option("select[name=optimizer]", "gd")
    assert set(rows(visit.tab, "optimizer")) == {"gd"}
    assert visit.tab.locator("#pager p").inner_text() == "1 to 4 of 4 cells (44 in all)"
    visit.tab.select_option("select[name=labels]", "random")
    assert set(rows(visit.tab, "labels")) == {"random"}
    visit.tab.fill("input[type=search]", "no such words")
    assert visit.tab.locator("#pager p").inner_text() == "0 cells (44 in all)"


def test_columns_sort_by_keyboard(visit):
    head = visit.tab.locator("#table thead th", has_text="parameters")
    head.locator("button").focus()
    visit.tab.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    sizes = [int(text.replace(",", "")) for text in rows(visit.tab, "parameters")]
    assert sizes == sorted(sizes, reverse=True)
    visit.tab.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    sizes = [int(text.replace(",", "")) for text in rows(visit.tab, "parameters")]
    assert sizes == sorted(sizes)


def test_missing_cells_sort_last(visit):
    head = visit.tab.locator("#table thead th", has_text="EMC at minima")
    for order in ("descending", "ascending"):
        head.locator("button").click()
        visit.tab.wait_for_selector(f"#table th[aria-sort={order}]:has-text('EMC at minima')")
        visit.tab.locator("#pager button", has_text="Next").click()
        visit.tab.wait_for_selector("#pager p:has-text('26 to 44')")
        assert rows(visit.tab, "EMC at minima")[-2:] == [DASH, DASH]


def test_pages_turn(visit):
    first = rows(visit.tab, "cell")
    visit.tab.click("#pager button:has-text('Next')")
    second = rows(visit.tab, "cell")
    assert visit.tab.locator("#pager p").inner_text() == "26 to 44 of 44 cells"
    assert not set(first) & set(second)
    visit.tab.select_option("#pager select", "100")
    assert sorted(rows(visit.tab, "cell")) == sorted(first + second)


def test_a_cell_opens_with_its_evidence(visit, warehouse):
    certified = "FROM certificates JOIN emc USING (cell) WHERE finished > 0"
    cell = warehouse.sql(f"SELECT min(cell) {certified}").item()
    row = warehouse.sql("SELECT * FROM emc WHERE cell = $cell", cell=cell).row(0, named=True)
    visit.tab.click(f"#table a[title='{cell}']")
    visit.tab.wait_for_selector("#cell h1")
    assert visit.tab.url.endswith(f"#cell={cell}")
    assert visit.tab.locator("#overview").is_hidden()
    assert (
        f"Fits {row['emc50']:,.0f} samples at minima" in visit.tab.locator(".answer").inner_text()
    )
    told = visit.tab.locator(".budget").inner_text()
    assert f"Within its budget it fits {row['emc50_budget']:,.0f} (95\u00a0% interval" in told
    are = "is" if row["finished"] == 1 else "are"
    assert f"{row['fits']} fit within the budget, {row['finished']} {are} finished to a fit" in told
    charts = visit.tab.locator("#cell .chart")
    for place in range(7):
        charts.nth(place).locator("svg.marks").wait_for()
    assert charts.count() == 7
    probes = charts.nth(1).locator("[aria-roledescription=point]")
    assert probes.count() == row["probes"]
    at_best_rate = warehouse.sql(
        "SELECT count(*) FROM probes WHERE cell = $cell AND lr = $lr", cell=cell, lr=row["best_lr"]
    ).item()
    ticks = charts.nth(0).locator(".mark-rect.role-mark path")
    assert ticks.count() == at_best_rate
    verdicts = visit.tab.locator("#cell table tbody tr td:first-of-type").all_inner_texts()
    certificates = warehouse.sql(
        "SELECT verdict FROM certificates WHERE cell = $cell ORDER BY n, round, replica", cell=cell
    )
    assert verdicts == certificates["verdict"].to_list()
    assert f"--force results/cells/{cell}/probes.parquet" in visit.tab.locator("#cell").inner_text()
    visit.tab.click("#cell .back a")
    visit.tab.locator("#table").wait_for()


def test_a_lower_bound_is_never_a_number(visit, warehouse):
    bound = warehouse.sql("SELECT min(cell) FROM emc WHERE saturated").item()
    visit.tab.fill("input[type=search]", bound)
    (answer,) = rows(visit.tab, "EMC at minima")
    assert answer == "≥ 4,000"
    (notes,) = rows(visit.tab, "notes")
    assert notes.startswith("lower bound")
    visit.tab.click(f"#table a[title='{bound}']")
    assert "Fits at least 4,000 samples" in visit.tab.locator(".answer").inner_text()


def test_a_cell_says_when_conflicting_labels_may_bound_it(visit, warehouse):
    cell, expected = warehouse.sql(
        "SELECT cell, expected_conflicts FROM emc WHERE conflict_bound ORDER BY cell LIMIT 1"
    ).row(0)
    visit.tab.evaluate(f"location.hash = 'cell={cell}'")
    visit.tab.wait_for_selector("#cell .notes")
    told = visit.tab.locator("#cell .notes").inner_text()
    assert f"As many samples as EMC have on average {expected:.3g} pairs of equal inputs" in told


def test_numbers_of_cells_stay_on_a_line_with_their_per_cent_signs(visit, warehouse):
    told = [visit.tab.locator("#table").inner_html()]
    cell = warehouse.sql("SELECT min(cell) FROM emc WHERE status = 'measured'").item()
    visit.tab.evaluate(f"location.hash = 'cell={cell}'")
    visit.tab.wait_for_selector("#cell .answer")
    told += [visit.tab.locator(f"#cell .{name}").inner_html() for name in ("answer", "budget")]
    for part in told:
        assert "95&nbsp;%" in part
        assert re.findall(r"[^>]*\d %[^<]*", part) == []


def test_a_cell_can_be_linked_to(visit, warehouse):
    cell = warehouse.sql("SELECT max(cell) FROM missing").item()
    visit.tab.evaluate(f"location.hash = 'cell={cell}'")
    visit.tab.wait_for_selector("#cell .answer")
    assert visit.tab.locator(".answer").inner_text() == "Not measured yet."
    visit.tab.evaluate("location.hash = 'cell=<img src=x onerror=alert(1)>'")
    visit.tab.wait_for_selector("#cell p:has-text('no such cell')")
    assert visit.tab.locator("#cell h1 img").count() == 0


def test_a_mark_opens_its_cell(visit):
    visit.tab.locator("#emc-by-parameters").scroll_into_view_if_needed()
    point = visit.tab.locator("#emc-by-parameters svg [aria-roledescription=point]").first
    point.click(force=True)
    visit.tab.wait_for_selector("#cell h1")
    assert re.search("#cell=mnist-5k-", visit.tab.url)


@pytest.mark.parametrize("width", [360, 768])
def test_nothing_is_wider_than_a_narrow_window(visit, width):
    visit.tab.set_viewport_size({"width": width, "height": 800})
    visit.tab.reload()
    for name in ("emc-by-parameters", "effects", "fit-by-n", "cost-by-cell"):
        place = visit.tab.locator(f"#{name}")
        place.scroll_into_view_if_needed()
        place.locator("svg.marks").wait_for()
        assert place.locator("svg.marks").bounding_box()["width"] < width
    assert visit.tab.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("width", [390, 1280])
def test_no_chart_is_wider_than_its_frame(visit, width):
    visit.tab.set_viewport_size({"width": width, "height": 900})
    visit.tab.reload()
    for place in visit.tab.locator("[data-chart]").all():
        place.scroll_into_view_if_needed()
        place.locator("svg.marks").wait_for()
        taken, given = place.evaluate("(frame) => [frame.scrollWidth, frame.clientWidth]")
        assert taken <= given, place.get_attribute("data-chart")


def test_a_mark_says_which_end_of_its_interval_is_not_known(visit, warehouse):
    visit.tab.locator("#emc-by-parameters").scroll_into_view_if_needed()
    visit.tab.locator("#emc-by-parameters svg.marks").wait_for()
    bounds = visit.tab.locator("#emc-by-parameters path[aria-label*='to no upper end']")
    assert bounds.count() == warehouse.sql("SELECT count(*) FROM emc WHERE saturated").item() > 0
    assert visit.tab.locator("#emc-by-parameters path[aria-label*='null']").count() == 0


def test_dark_paper_has_light_ink(visit):
    visit.tab.emulate_media(color_scheme="dark")
    style = "getComputedStyle(document.body)"
    assert visit.tab.evaluate(f"{style}.backgroundColor") == "rgb(20, 23, 26)"
    visit.tab.locator("#emc-by-parameters").scroll_into_view_if_needed()
    label = visit.tab.locator("#emc-by-parameters svg text").first
    label.wait_for()
    ink = label.evaluate("node => getComputedStyle(node).fill")
    assert ink == visit.tab.evaluate(f"{style}.color")
    visit.tab.emulate_media(media="print")
    assert visit.tab.evaluate(f"{style}.backgroundColor") == "rgb(255, 255, 255)"
