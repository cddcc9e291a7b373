// One cell: its answer, its charts, its certificates, its definition.

const FACTS = [
  ["dataset", "data"],
  ["labels", "labels"],
  ["classes", "classes"],
  ["samples", "samples there are"],
  ["architecture", "net"],
  ["width", "width"],
  ["depth", "depth"],
  ["parameters", "parameters"],
  ["activation", "activation"],
  ["initialisation", "initialisation"],
  ["optimizer", "optimizer"],
  ["rates", "learning rates"],
  ["best_lr", "best learning rate"],
  ["momentum", "momentum"],
  ["weight_decay", "weight decay"],
  ["schedule", "schedule"],
  ["batch", "batch"],
  ["batch_order", "batch order"],
  ["loss", "loss"],
  ["budget_epochs", "budget, epochs"],
  ["budget_steps", "budget, steps"],
  ["criterion", "accuracy that fits"],
  ["seed", "seed"],
  ["per_parameter", "EMC per parameter"],
  ["bits_per_parameter", "bits per parameter"],
  ["memorised_bits", "bits memorised by a probe"],
  ["transition_width", "width of the transition"],
  ["emc_walk", "EMC by the walk"],
  ["gradient_evaluations", "gradient evaluations"],
  ["seconds", "seconds of training"],
  ["back_end", "back end"],
  ["device", "device"],
];

const evidence = { parsed: null };

/** The evidence of all cells, parsed at first use: it is most of the page's weight. */
function evidenceOf() {
  evidence.parsed ??= JSON.parse(document.querySelector("#evidence").textContent);
  return evidence.parsed;
}

function answerSentence(cell) {
  if (cell.emc50 === null) return "Not measured yet.";
  const spent = `${whole.format(cell.probes)} probes in ${whole.format(cell.rounds)} rounds`;
  if (cell.saturated) return `Fits at least ${shown(cell.emc50)} samples with probability one half (${spent}).`;
  return `Fits ${shown(cell.emc50)} samples with probability one half: 95 % interval ${shown(cell.low)} to ${shown(cell.high)}, from ${spent}.`;
}

function factList(cell) {
  const entries = FACTS.filter(([key]) => cell[key] !== null).map(([key, title]) =>
    element("div", {}, element("dt", {}, title), element("dd", {}, typeof cell[key] === "number" ? shown(cell[key], 4) : String(cell[key]))),
  );
  return element("dl", { className: "facts" }, ...entries);
}

function certificateTable(rows) {
  const heads = ["end point", "verdict", "why", "loss", "gradient norm", "smallest eigenvalue", "largest", "negative"];
  const body = rows.map((row) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, `${row.outcome} at n = ${whole.format(row.n)}`),
      element("td", {}, row.verdict),
      element("td", {}, row.reason),
      ...[row.loss, row.gradient_norm, row.lambda_min, row.lambda_max, row.negative_eigenvalues].map((value) =>
        element("td", { className: "number" }, shown(value)),
      ),
    ),
  );
  const head = element("tr", {}, ...heads.map((title) => element("th", { scope: "col" }, title)));
  const table = element("table", {}, element("thead", {}, head), element("tbody", {}, ...body));
  return element("div", { className: "scroll" }, table);
}

function certificatePart(place) {
  const table = evidenceOf().certificates;
  const rows = rowsOf(table, ...rangeOf(table, place));
  const none = element("p", {}, "No end point of this cell has a certificate.");
  return element("section", {}, element("h2", {}, "Certificates"), rows.length ? certificateTable(rows) : none);
}

function lossRows(place) {
  const table = evidenceOf().traces;
  return rowsOf(table, ...rangeOf(table, place)).flatMap((trace, probe) =>
    trace.epochs.map((epoch, at) => ({ probe, n: trace.n, outcome: trace.outcome, epoch, loss: trace.losses[at] })),
  );
}

/** Data sets of a cell's charts, by name; see cell.py. */
function cellDatasets(cell, place) {
  const { probes, rates } = evidenceOf();
  const tried = rowsOf(rates, ...rangeOf(rates, place));
  const ran = probesOf(probes, place, cell.rates.split(", ").map(Number));
  const answer = { kind: "answer", emc50: cell.emc50, low: cell.low, high: cell.high, width: cell.saturated ? null : cell.transition_width };
  return {
    probes: ran.length ? [answer, ...ran] : [],
    rates: tried,
    losses: lossRows(place).filter((row) => row.loss > 0),
  };
}

function drawCellCharts(container, cell, place) {
  for (const [name, spec] of Object.entries(page.cellCharts)) {
    const datasets = cellDatasets(cell, place);
    const used = Object.keys(datasets).filter((set) => JSON.stringify(spec).includes(`"${set}"`));
    if (!used.every((set) => datasets[set].length)) continue;
    const { title, ...bare } = spec;
    const chart = element("div", { className: "chart" });
    container.append(element("figure", {}, element("h3", {}, title), chart));
    drawChart(chart, bare, Object.fromEntries(used.map((set) => [set, datasets[set]])));
  }
}

function definitionPart(place) {
  const [row] = rowsOf(page.definitions, place, place + 1);
  const lines = Object.entries(row).filter(([, text]) => text !== null).map(([key, text]) => `${key}: ${text}`);
  return element("details", {}, element("summary", {}, "The whole definition"), element("pre", {}, lines.join("\n")));
}

function rerunPart(cell) {
  const command = `snakemake --configfile config/${page.study}.yaml --force results/cells/${cell.cell}/probes.parquet`;
  return element(
    "section",
    {},
    element("h2", {}, "Measure it again"),
    element("p", {}, "The same cell gives the same probes on the same kind of device."),
    element("pre", {}, command),
  );
}

/** Show the cell of that id, or say that there is none. */
function showCell(id) {
  const back = element("p", { className: "back" }, element("a", { href: "#cells" }, "← all cells"));
  const heading = element("h1", { tabIndex: -1 }, id);
  const place = page.cells.findIndex((cell) => cell.cell === id);
  const container = document.querySelector("#cell");
  if (place < 0) {
    container.replaceChildren(back, heading, element("p", {}, "This study plans no such cell."));
  } else {
    container.replaceChildren(back, heading, ...cellParts(place));
  }
  heading.focus({ preventScroll: true });
}

function cellParts(place) {
  const cell = page.cells[place];
  const notes = notesOf(cell).map(([, long]) => element("li", {}, long));
  const charts = element("div", { className: "charts" });
  requestAnimationFrame(() => drawCellCharts(charts, cell, place));
  return [
    element("p", { className: "answer" }, answerSentence(cell)),
    element("ul", { className: "notes" }, ...notes),
    factList(cell),
    charts,
    certificatePart(place),
    rerunPart(cell),
    definitionPart(place),
  ];
}
