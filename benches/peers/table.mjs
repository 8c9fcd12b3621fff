// Text tables. The first column is at the left, the others at the right.

/** Width on a terminal: Chinese characters and full-width signs take two columns. */
const width = (text) => [...text].reduce((sum, c) => sum + (/[\u2e80-\u9fff\uff00-\uff60]/.test(c) ? 2 : 1), 0);

/** `rows` of cells, the first row the heading; `left` says how many of the first columns are at the left. */
export function table(rows, { left = 1 } = {}) {
  const cells = rows.map((row) => row.map((cell) => (cell === undefined || cell === null ? "" : String(cell))));
  const columns = Math.max(...cells.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, i) => Math.max(...cells.map((row) => width(row[i] ?? ""))));
  const line = (row) =>
    widths
      .map((wide, i) => {
        const cell = row[i] ?? "";
        const space = " ".repeat(wide - width(cell));
        return i < left ? cell + space : space + cell;
      })
      .join("  ")
      .trimEnd();
  const [heading, ...rest] = cells.map(line);
  return [heading, "-".repeat(widths.reduce((sum, wide) => sum + wide + 2, -2)), ...rest].join("\n");
}

/** A number with about three digits that matter. */
export function short(x) {
  if (!Number.isFinite(x)) return "–";
  return x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x.toFixed(2);
}

export const mib = (bytes) => (bytes / 2 ** 20).toFixed(1);
export const megabytes = (bytes) => (bytes / 1e6).toFixed(2);
