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
  ["rates", "learning rates asked for"],
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
  ["unfitted_decided", "share of unfitted probes in the transition decided"],
  ["per_parameter", "EMC per parameter"],
  ["bits_per_parameter", "bits per parameter"],
  ["memorised_bits", "bits memorised by a probe"],
  ["transition_width", "width of the transition"],
  ["emc_walk", "EMC by the walk"],
  ["expected_conflicts", "conflicting pairs of equal inputs at EMC, expected"],
  ["gradient_evaluations", "gradient evaluations"],
  ["seconds", "seconds of training and finishing"],
  ["back_end", "back end"],
  ["device", "device"],
];

const evidence = { parsed: null };

/** The evidence of all cells, parsed at first use: it is most of the page's weight. */
function evidenceOf() {
  evidence.parsed ??= JSON.parse(document.querySelector("#evidence").textContent);
  return evidence.parsed;
}

/** The rows of one table of the evidence that are of the cell in that place. */
function evidenceRows(name, place) {
  const table = evidenceOf()[name];
  return rowsOf(table, ...rangeOf(table, place));
}

function answerSentence(cell) {
  if (cell.status !== "measured") return cell.status === "failed" ? "The measurement failed." : "Not measured yet.";
  const spent = `${whole.format(cell.probes)} probes in ${whole.format(cell.rounds)} rounds`;
  if (cell.emc50 === null) return `No number at minima is known (${spent}).`;
  if (cell.saturated) return `Fits at least ${shown(cell.emc50)} samples at minima with probability one half (${spent}).`;
  if (cell.below_smallest) return `Fits at most ${shown(cell.emc50)} samples at minima with probability one half (${spent}).`;
  return `Fits ${shown(cell.emc50)} samples at minima with probability one half: 95 % interval ${intervalOf(cell.low, cell.high)}, from ${spent}.`;
}

/** What the same probes say of the budget, with the interval, or as the bound that it is. */
function budgetSentence(cell) {
  if (cell.emc50_budget === null) return "";
  const answer = shown(cell.emc50_budget);
  if (cell.saturated_budget) return `Within its budget it fits at least ${answer}.`;
  if (cell.below_smallest_budget) return `Within its budget it fits at most ${answer}.`;
  return `Within its budget it fits ${answer} (95 % interval ${intervalOf(cell.low_budget, cell.high_budget)}).`;
}

/** What became of a cell's probes, in words. */
function outcomeSentence(cell) {
  if (cell.status !== "measured") return "";
  const counts = [
    [cell.fits, cell.fits === 1 ? "fits within the budget" : "fit within the budget"],
    [cell.finished, cell.finished === 1 ? "is finished to a fit" : "are finished to a fit"],
    [cell.minimum, cell.minimum === 1 ? "stands at a minimum without fitting" : "stand at a minimum without fitting"],
    [cell.open, cell.open === 1 ? "is open" : "are open"],
    [cell.diverged, "diverged"],
  ];
  const told = counts.filter(([count]) => count).map(([count, what]) => `${whole.format(count)} ${what}`);
  return `Of all probes, at all rates: ${told.join(", ")}.`;
}

function factList(cell) {
  const told = ([key]) => cell[key] !== null && !(key === "transition_width" && signOf(cell)); // a bound has met no transition
  const entries = FACTS.filter(told).map(([key, title]) =>
    element("div", {}, element("dt", {}, title), element("dd", {}, typeof cell[key] === "number" ? shown(cell[key], 4) : String(cell[key]))),
  );
  return element("dl", { className: "facts" }, ...entries);
}

/** Whether a smallest eigenvalue is more than an upper bound. */
function lowKnown(row) {
  return row.exact || !["unconverged", "inconclusive"].includes(row.verdict);
}

function certificateTable(rows) {
  const heads = ["end point", "verdict", "why", "loss", "gradient norm", "smallest eigenvalue", "largest", "trace", "negative"];
  const body = rows.map((row) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, `${row.outcome} at n = ${whole.format(row.n)}`),
      element("td", {}, row.verdict),
      element("td", {}, row.reason),
      ...[
        shown(row.loss),
        shown(row.gradient_norm),
        `${lowKnown(row) ? "" : "≤\u00a0"}${shown(row.lambda_min)}`,
        shown(row.lambda_max),
        `${row.exact ? "" : "≈\u00a0"}${shown(row.trace)}`,
        shown(row.negative_eigenvalues),
      ].map((text) => element("td", { className: "number" }, text)),
    ),
  );
  const head = element("tr", {}, ...heads.map((title) => element("th", { scope: "col" }, title)));
  const table = element("table", {}, element("thead", {}, head), element("tbody", {}, ...body));
  return element("div", { className: "scroll" }, table);
}

function certificatePart(place) {
  const rows = evidenceRows("certificates", place);
  const heading = element("h2", {}, "Certificates");
  if (!rows.length) return element("section", {}, heading, element("p", {}, "No end point of this cell has a certificate."));
  return element("section", {}, heading, certificateTable(rows));
}

function lossRows(place) {
  return evidenceRows("traces", place).flatMap((trace, probe) =>
    trace.epochs.map((epoch, at) => ({ probe, n: trace.n, outcome: trace.outcome, epoch, loss: trace.losses[at] })),
  );
}

/** Each certified end point. */
function endRows(place) {
  return evidenceRows("certificates", place).map((row) => ({
    n: row.n,
    outcome: row.outcome,
    loss: row.loss,
    gradient: row.gradient_norm,
    verdict: row.verdict,
  }));
}

function spectrumRows(place) {
  return evidenceRows("spectra", place).flatMap(({ n, outcome, values, shares }) =>
    values.map((value, at) => ({ n, outcome, value, share: shares[at] })),
  );
}

/** Smallest over largest eigenvalue of each certified end point. */
function ratioRows(place) {
  return evidenceRows("certificates", place).map((row) => ({
    n: row.n,
    outcome: row.outcome,
    loss: row.loss,
    verdict: row.verdict,
    known: lowKnown(row) ? "eigenvalue" : "upper bound",
    ratio: row.lambda_max > 0 ? row.lambda_min / row.lambda_max : null,
  }));
}

/** Data sets of a cell's charts, by name; see cell.py. */
function cellDatasets(cell, place) {
  const tried = evidenceRows("rates", place);
  const ran = probesOf(evidenceOf().probes, place, tried.map(({ lr }) => lr));
  const answer = { kind: "answer", emc50: cell.emc50, low: cell.low, high: cell.high, width: cell.saturated ? null : cell.transition_width };
  const told = (probes) => (probes.length ? [answer, ...probes] : []);
  return {
    probes: told(ran),
    at_best_rate: told(ran.filter(({ lr }) => cell.best_lr === null || lr === cell.best_lr)),
    rates: tried,
    losses: lossRows(place).filter((row) => row.loss > 0),
    spectra: spectrumRows(place),
    ratios: ratioRows(place).filter((row) => row.ratio !== null),
    ends: endRows(place).filter((row) => row.loss > 0 && row.gradient > 0),
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
  const command = `emc run ${page.file} -- --force results/cells/${cell.cell}/probes.parquet`;
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
    element("p", { className: "budget" }, [budgetSentence(cell), outcomeSentence(cell)].join(" ").trim()),
    element("ul", { className: "notes" }, ...notes),
    factList(cell),
    charts,
    certificatePart(place),
    rerunPart(cell),
    definitionPart(place),
  ];
}
