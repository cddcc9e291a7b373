// Numbers and elements.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** A number to three or four digits, with thousands set apart; a dash for none. */
function shown(value, digits = 3) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  const text =
    size >= 10 ** (digits - 1)
      ? whole.format(value)
      : size < 1e-3 && size > 0
        ? value.toExponential(digits - 1)
        : String(Number(value.toPrecision(digits)));
  return text.replaceAll("-", "−");
}

/** Text whose numbers stay on a line with their per-cent signs. */
function unbroken(text) {
  return text.replaceAll(/(\d) %/g, "$1\u00a0%");
}

/** An element with properties and children; text children are never parsed as HTML. */
function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  const told = (child) => (typeof child === "string" && tag !== "pre" ? unbroken(child) : child);
  made.append(...children.filter((child) => child !== null).map(told));
  return made;
}

/** What stands before a cell's EMC where it is a bound. */
function signOf(cell) {
  return cell.saturated ? "≥ " : cell.below_smallest ? "≤ " : "";
}

/** A number that is a bound where the cell's EMC is one. */
function boundOf(cell, key) {
  return cell[key] === null ? shown(null) : signOf(cell) + shown(cell[key]);
}

/** An interval in words; an end that is not known is named. */
function intervalOf(low, high) {
  return `${low === null ? "no lower end" : shown(low)} to ${high === null ? "no upper end" : shown(high)}`;
}

/** EMC with its interval, or as the bound that it is. */
function answerOf(cell) {
  if (cell.emc50 === null) return "–";
  if (signOf(cell)) return signOf(cell) + shown(cell.emc50);
  return `${shown(cell.emc50)} (${intervalOf(cell.low, cell.high)})`;
}

/** What a reader must know before trusting a cell's number: [short, long] pairs. */
function notesOf(cell) {
  if (cell.status === "missing") return [["missing", "This cell is planned but not measured yet."]];
  if (cell.status === "failed") return [["failed", "This cell's measurement failed: the reason stands above the table of cells."]];
  const notes = [];
  if (cell.saturated)
    notes.push(["lower bound", "The data ended before the net stopped fitting: EMC is a lower bound."]);
  else if (cell.below_smallest)
    notes.push(["upper bound", "Not even the smallest n was fitted half of the time: EMC is an upper bound."]);
  else if (cell.emc50 !== null && cell.high === null)
    notes.push(["no upper end", "The 95 % interval reaches beyond the data there is: it has no upper end."]);
  else if (cell.emc50 !== null && !cell.tolerance_reached)
    notes.push(["wide", `The interval is wider than the ±${shown(100 * cell.tolerance)} % asked for: the probes were spent.`]);
  if (cell.finish_refused)
    notes.push(["no finish", `Runs are not finished, so that the number within the budget stands alone: ${cell.finish_refused}.`]);
  else if (cell.emc50 === null && cell.one_curve)
    notes.push(["undecided", "No probe at the best learning rate, once it was chosen, is known not to fit: there is no number at minima."]);
  if (cell.open_matters)
    notes.push(["open", "Some runs are open, neither fitted nor at a minimum, and could move EMC beyond its tolerance: the interval spans both readings."]);
  if (cell.one_curve === false)
    notes.push(["misfit", `One curve does not describe this cell: ${cell.misfit}.`]);
  if (cell.rate_at_edge)
    notes.push(["edge", `The best learning rate, ${shown(cell.best_lr)}, is the ${cell.rate_at_edge} of its grid: one beyond it may fit more.`]);
  if (cell.decay_apart && cell.emc50 !== null)
    notes.push(["decay apart", `${cell.decay_apart[0].toUpperCase()}${cell.decay_apart.slice(1)}.`]);
  if (cell.conflict_bound)
    notes.push(["conflicts", `As many samples as EMC have on average ${shown(cell.expected_conflicts)} pairs of equal inputs with different labels, which no net can fit: the data, not the net, may bound EMC.`]);
  return notes;
}
