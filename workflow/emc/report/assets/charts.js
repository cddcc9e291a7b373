// Charts, drawn when they come into view and as wide as their place.

const AXIS = 90; // pixels that the y axis of the leftmost panel takes
const GAP = 26; // pixels between two panels
const PANEL = 47; // pixels of the header of a panel and the gap above it
const OWN_AXIS = 38; // pixels of the x axis of a panel that has its own
const ENTRY = 34; // pixels of a legend entry beside its letters
const LETTER = 6.6; // pixels of a letter of a legend, on average
const NARROW = 500; // pixels of a chart
const TWO_LINES = 1.5; // heights of a row whose name has two lines
const NAMES = 170; // pixels that names of rows take on a narrow window
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
    const axes = spec.concat || spec.resolve?.scale?.y === "independent" ? columns * AXIS : AXIS;
    const panel = Math.floor((width - axes - (columns - 1) * GAP) / columns);
    if (spec.facet) return { ...spec, columns, spec: { ...spec.spec, width: panel } };
    return { ...spec, columns, concat: spec.concat.map((part) => ({ ...part, width: panel })) };
  }
  return { ...spec, width: "container" };
}

/** Whether a chart has one row per cell, by its name. */
function hasRows(spec) {
  return Boolean(spec.layer?.some((layer) => layer.encoding?.y?.field === "name"));
}

/** A copy of a specification whose names of rows have two lines on a narrow window. */
function withRows(spec, width) {
  if (!hasRows(spec) || width >= NARROW) return spec;
  const layer = spec.layer.map((one) => ({ ...one, encoding: inTwoLines(one.encoding) }));
  return { ...spec, layer, height: spec.height * TWO_LINES };
}

function inTwoLines(encoding) {
  const { x, y } = encoding;
  const parts = "split(datum.label, ', ')";
  const half = `floor(length(${parts}) / 2)`;
  const lines = [`join(slice(${parts}, 0, ${half}), ', ') + ','`, `join(slice(${parts}, ${half}), ', ')`];
  const axis = { ...y.axis, labelExpr: `[${lines}]`, labelLimit: NAMES };
  return { ...encoding, x: { ...x, title: halves(x.title) }, y: { ...y, axis } };
}

/** The words of a title in two lines. */
function halves(title) {
  if (typeof title !== "string") return title;
  const words = title.split(" ");
  const half = Math.ceil(words.length / 2);
  return [words.slice(0, half).join(" "), words.slice(half).join(" ")];
}

/** A copy of a specification whose legends have as many columns as fit into `width` pixels. */
function withLegends(part, width) {
  if (Array.isArray(part)) return part.map((one) => withLegends(one, width));
  if (part === null || typeof part !== "object") return part;
  const copy = Object.fromEntries(Object.entries(part).map(([key, value]) => [key, withLegends(value, width)]));
  if (part.type !== "nominal" || !part.scale?.domain) return copy;
  const entries = part.scale.domain.map((level) => ENTRY + LETTER * String(level).length);
  return { ...copy, legend: { ...copy.legend, columns: columnsOf(entries, width) } };
}

/** Into how many columns entries of these widths can be laid out, row by row. */
function columnsOf(entries, width) {
  const widest = (columns, at) => Math.max(...entries.filter((_, place) => place % columns === at));
  const fits = (columns) => sum(Array.from({ length: columns }, (_, at) => widest(columns, at))) <= width;
  let columns = entries.length;
  while (columns > 1 && !fits(columns)) columns -= 1;
  return columns;
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

/** What differs on a narrow window: smaller headers, and labels aslant where levels stand side by side. */
function configFor(width) {
  if (width >= NARROW) return page.config;
  const { header } = page.config;
  return { ...page.config, header: { ...header, labelFontSize: 10 }, axisXDiscrete: { labelAngle: -40 } };
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
  const told = withRows(spec, width).height ?? spec.spec?.height ?? spec.concat[0].height;
  const height = told.step ? 3 * told.step : told;
  const own = spec.resolve?.scale?.x === "independent" || spec.resolve?.axis?.x === "independent";
  const axes = own ? rows - 1 : 0;
  return rows * (height + PANEL) + axes * OWN_AXIS + LEGEND;
}

/** Draw a specification over data sets by name into an element. */
async function drawChart(place, spec, datasets) {
  const width = place.clientWidth;
  const besides = hasRows(spec) ? NAMES + ENTRY : AXIS;
  const count = sum(Object.values(datasets).map((rows) => rows.length));
  const { view } = await vegaEmbed(place, { ...withLegends(fitted(withRows(spec, width), width), width - besides), datasets }, {
    mode: "vega-lite",
    ast: true, // without it Vega compiles expressions, which the page's policy forbids
    logLevel: ERRORS_ONLY, // a chart whose curve has no points is no news to a reader
    renderer: count > 4000 ? "canvas" : "svg",
    config: configFor(width),
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
