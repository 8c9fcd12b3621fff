// Text tables. The first column is left-aligned, the others are right-aligned.

/** Returns the width on a terminal: Chinese characters and full-width signs take two columns. */
const width = (text) => [...text].reduce((sum, c) => sum + (/[\u2e80-\u9fff\uff00-\uff60]/.test(c) ? 2 : 1), 0);

/** Formats rows of cells. The first row is the heading; the first `left` columns are left-aligned. */
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

/** Formats a number with about three significant digits. */
export function short(x) {
  if (!Number.isFinite(x)) return "–";
  return x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x.toFixed(2);
}

export const mib = (bytes) => (bytes / 2 ** 20).toFixed(1);
export const megabytes = (bytes) => (bytes / 1e6).toFixed(2);
