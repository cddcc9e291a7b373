// Charts, drawn when they come into view and as wide as their place.

const AXIS = 74; // pixels that the y axis of the leftmost panel takes
const GAP = 26; // pixels between two panels
const PANEL = 47; // pixels of the header of a panel and the gap above it
const OWN_AXIS = 38; // pixels of the x axis of a panel that has its own
const LEGEND = 92; // pixels of the x axis and the legend below a chart
const ERRORS_ONLY = 1; // vega.Error, which the bundle does not export

/** How many panels of at most `wanted` fit side by side into `width` pixels. */
function columnsFor(width, wanted) {
  return Math.max(1, Math.min(wanted, Math.floor(width / 260)));
}

/** A copy of a Vega-Lite specification whose panels fill `width` pixels. */
function fitted(spec, width) {
  if (spec.facet || spec.concat) {
    const columns = columnsFor(width, spec.columns ?? 1);
    const axes = spec.concat ? columns * AXIS : AXIS;
    const panel = Math.floor((width - axes - (columns - 1) * GAP) / columns);
    if (spec.facet) return { ...spec, columns, spec: { ...spec.spec, width: panel } };
    return { ...spec, columns, concat: spec.concat.map((part) => ({ ...part, width: panel })) };
  }
  return { ...spec, width: "container" };
}

/** How many panels a chart has. */
function panelsOf(spec) {
  if (spec.concat) return spec.concat.length;
  if (!spec.facet) return 1;
  const column = page.datasets[spec.data.name].columns[spec.facet.field];
  return column.levels?.length ?? column.values?.length ?? 1;
}

/** About how high a chart of that width will be, so that the page keeps still while it is drawn. */
function expectedHeight(spec, width) {
  const rows = Math.ceil(panelsOf(spec) / columnsFor(width, spec.columns ?? 1));
  const height = spec.height ?? spec.spec?.height ?? spec.concat[0].height;
  const axes = spec.resolve?.scale?.x === "independent" ? rows - 1 : 0;
  return rows * (height + PANEL) + axes * OWN_AXIS + LEGEND;
}

/** Draw a specification over data sets by name into an element. */
async function drawChart(place, spec, datasets) {
  const width = place.clientWidth;
  const count = Object.values(datasets).reduce((sum, rows) => sum + rows.length, 0);
  const narrow = width < 400 ? { legend: { ...page.config.legend, columns: 2 } } : {};
  const { view } = await vegaEmbed(place, { ...fitted(spec, width), datasets }, {
    mode: "vega-lite",
    ast: true, // without it Vega compiles expressions, which the page's policy forbids
    logLevel: ERRORS_ONLY, // a chart whose curve has no points is no news to a reader
    renderer: count > 4000 ? "canvas" : "svg",
    config: { ...page.config, ...narrow },
    actions: { export: true, source: false, compiled: false, editor: false },
  });
  view.addEventListener("click", (_, item) => {
    if (item?.datum?.cell && item.datum.cell !== current()) location.hash = `cell=${item.datum.cell}`;
  });
}

/** Draw a figure of the study; each chart has rows of its own, since Vega writes into them. */
function drawFigure(place) {
  const spec = page.charts[place.dataset.chart];
  const used = JSON.stringify(spec);
  const names = Object.keys(page.datasets).filter((name) => used.includes(`"${name}"`));
  const datasets = Object.fromEntries(names.map((name) => [name, rowsOf(page.datasets[name])]));
  return drawChart(place, spec, datasets);
}

/** Draw every figure when it comes near the window, again when the window's width changes. */
function watchFigures() {
  const places = [...document.querySelectorAll("[data-chart]")];
  const drawn = new Map();
  const draw = (place) => {
    if (place.clientWidth === 0 || drawn.get(place) === place.clientWidth) return;
    drawn.set(place, place.clientWidth);
    place.style.minHeight = `${place.clientHeight}px`; // until it is drawn, then what it takes
    drawFigure(place).then(() => (place.style.minHeight = "0"));
  };
  const near = new IntersectionObserver(
    (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => draw(entry.target)),
    { rootMargin: "400px" },
  );
  for (const place of places) {
    const expected = expectedHeight(page.charts[place.dataset.chart], place.clientWidth);
    place.style.minHeight = `${expected}px`;
    near.observe(place);
  }
  const again = () => [...drawn.keys()].forEach(draw);
  let timer;
  addEventListener("resize", () => {
    clearTimeout(timer);
    timer = setTimeout(again, 200);
  });
  addEventListener("beforeprint", () => places.forEach(draw));
}
