// Tables as columnar.py writes them.

function readerOf(column) {
  if ("same" in column) return () => column.same;
  if ("levels" in column) return (row) => column.levels[column.at[row]];
  return (row) => column.values[row];
}

/** Rows `from` up to, not including, `to` as fresh objects. */
function rowsOf(table, from = 0, to = table.rows) {
  const readers = Object.entries(table.columns).map(([name, column]) => [name, readerOf(column)]);
  return Array.from({ length: to - from }, (_, offset) =>
    Object.fromEntries(readers.map(([name, read]) => [name, read(from + offset)])),
  );
}

/** The rows [from, to) of a table with `counts` that belong to the cell at `place`. */
function rangeOf(table, place) {
  const from = table.counts.slice(0, place).reduce((sum, count) => sum + count, 0);
  return [from, from + table.counts[place]];
}

/** The probes of the cell at `place`; `rates` are its learning rates. */
function probesOf(table, place, rates) {
  const [from, to] = rangeOf(table, place);
  let n = 0;
  return Array.from({ length: to - from }, (_, offset) => {
    const row = from + offset;
    n += table.steps[row];
    return {
      kind: "probe",
      n,
      outcome: table.letters[table.outcomes[row]],
      lr: rates[table.rates[row]],
      epochs: table.epochs[row],
      accuracy: table.errors[row] === null ? null : 1 - table.errors[row] / table.accuracySteps,
    };
  });
}
