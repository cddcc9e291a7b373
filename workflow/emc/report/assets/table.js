// The table of cells: sorted, filtered, a page at a time.

const ALL_COLUMNS = [
  { key: "cell", title: "cell", show: (cell) => cellLink(cell) },
  { key: "dataset", title: "data" },
  { key: "labels", title: "labels" },
  { key: "architecture", title: "net" },
  { key: "parameters", title: "parameters", number: true, show: (cell) => whole.format(cell.parameters) },
  { key: "activation", title: "activation" },
  { key: "optimizer", title: "optimizer" },
  { key: "emc50", title: "EMC at minima (95 % interval)", number: true, show: answerOf },
  { key: "emc50_budget", title: "within the budget", number: true, show: budgetOf },
  { key: "status", title: "notes", show: marksOf },
  { key: "per_parameter", title: "per parameter", number: true, show: (cell) => boundOf(cell, "per_parameter") },
  { key: "bits_per_parameter", title: "bits per parameter", number: true, show: (cell) => boundOf(cell, "bits_per_parameter") },
  { key: "probes", title: "probes", number: true, show: (cell) => shown(cell.probes) },
  { key: "unfitted_decided", title: "unfitted probes decided", number: true, show: decidedOf },
];
const FILTERS = ["dataset", "labels", "architecture", "activation", "optimizer", "status"];
const SIZES = [25, 50, 100, 500];

let shownColumns = [];
const view = { search: "", only: {}, sort: "cell", descending: false, first: 0, size: SIZES[0] };

function cellLink(cell) {
  const short = cell.cell.slice(-12);
  return element("a", { href: `#cell=${cell.cell}`, title: cell.cell }, short);
}

function levelsOf(key) {
  return [...new Set(page.cells.map((cell) => String(cell[key])))].sort();
}

function decidedOf(cell) {
  return cell.unfitted_decided === null ? shown(null) : `${shown(100 * cell.unfitted_decided)} %`;
}

/** What is fitted within the budget, as a bound where it is one. */
function budgetOf(cell) {
  const sign = cell.saturated_budget ? "≥ " : cell.below_smallest_budget ? "≤ " : "";
  return (cell.emc50_budget === null ? "" : sign) + shown(cell.emc50_budget);
}

function marksOf(cell) {
  const marks = notesOf(cell).map(([short, long]) => element("span", { className: "mark", title: long }, short));
  return element("span", {}, ...marks.flatMap((mark) => [mark, " "]));
}

/** Whether a cell has every chosen level and every searched word in its id. */
function wanted(cell) {
  const words = view.search.toLowerCase().split(/\s+/);
  return (
    Object.entries(view.only).every(([key, level]) => level === "" || String(cell[key]) === level) &&
    words.every((word) => cell.cell.includes(word))
  );
}

/** Order by the sorted column; cells without a value come last either way. */
function compare(one, other) {
  const [a, b] = [one[view.sort], other[view.sort]];
  if (a === b) return one.cell < other.cell ? -1 : 1;
  if (a === null) return 1;
  if (b === null) return -1;
  return (a < b ? -1 : 1) * (view.descending ? -1 : 1);
}

function headCell(column) {
  const sorted = view.sort === column.key;
  const button = element("button", { type: "button", onclick: () => sortBy(column) }, column.title);
  const head = element("th", { scope: "col", className: column.number ? "number" : "" }, button);
  head.setAttribute("aria-sort", sorted ? (view.descending ? "descending" : "ascending") : "none");
  return head;
}

function bodyRow(cell) {
  const entries = shownColumns.map((column, place) => {
    const content = column.show ? column.show(cell) : String(cell[column.key]);
    const properties = { className: column.number ? "number" : "" };
    return place ? element("td", properties, content) : element("th", { scope: "row" }, content);
  });
  return element("tr", { className: cell.status }, ...entries);
}

function sortBy(column) {
  // Numbers are first asked for from the largest.
  view.descending = view.sort === column.key ? !view.descending : Boolean(column.number);
  view.sort = column.key;
  view.first = 0;
  const place = shownColumns.indexOf(column);
  showTable();
  document.querySelectorAll("#table thead button")[place].focus();
}

function showTable() {
  const found = page.cells.filter(wanted).sort(compare);
  const rows = found.slice(view.first, view.first + view.size);
  document.querySelector("#table thead").replaceChildren(element("tr", {}, ...shownColumns.map(headCell)));
  document.querySelector("#table tbody").replaceChildren(...rows.map(bodyRow));
  showPager(found.length, rows.length);
}

function showPager(found, count) {
  const turn = (step) => () => {
    view.first = Math.max(0, view.first + step * view.size);
    showTable();
  };
  const range = found ? `${whole.format(view.first + 1)} to ${whole.format(view.first + count)} of ` : "";
  const all = found === page.cells.length ? "" : ` (${whole.format(page.cells.length)} in all)`;
  const status = element("p", { role: "status" }, `${range}${whole.format(found)} cells${all}`);
  const back = element("button", { type: "button", disabled: view.first === 0, onclick: turn(-1) }, "Previous");
  const on = element("button", { type: "button", disabled: view.first + count >= found, onclick: turn(1) }, "Next");
  document.querySelector("#pager").replaceChildren(status, sizeChoice(), back, on);
}

function sizeChoice() {
  const options = SIZES.map((size) => element("option", { value: size, selected: size === view.size }, `${size} rows`));
  const choice = element("select", { onchange: () => change({ size: Number(choice.value) }) }, ...options);
  choice.setAttribute("aria-label", "Rows on a page");
  return choice;
}

function change(asked) {
  Object.assign(view, asked, { first: 0 });
  showTable();
}

function levelChoice(key) {
  const levels = levelsOf(key);
  if (levels.length < 2) return null;
  const options = levels.map((level) => element("option", { value: level }, level));
  const choice = element(
    "select",
    { name: key, onchange: () => change({ only: { ...view.only, [key]: choice.value } }) },
    element("option", { value: "" }, "all"),
    ...options,
  );
  return element("label", {}, key, choice);
}

/** Build the filters and show the first page. */
function openTable() {
  shownColumns = ALL_COLUMNS.filter((column) => column.show || levelsOf(column.key).length > 1);
  const search = element("input", { type: "search", name: "search", placeholder: "words of the id", oninput: () => change({ search: search.value }) });
  const label = element("label", { className: "search" }, "search", search);
  const form = document.querySelector("#filters");
  form.append(...[label, ...FILTERS.map(levelChoice)].filter((part) => part !== null));
  form.addEventListener("submit", (event) => event.preventDefault());
  showTable();
}
