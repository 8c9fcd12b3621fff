// Reads CSV (RFC 4180) as the native command does: cells may be quoted, and then have commas, line ends and doubled quotes.
// Blank lines are no rows.
import { CoromError } from "../errors.js";

/** Yields `{ number, cells, bytes }` of each row of `lines`: the number of its first line, and the bytes of the file so far. */
export async function* csvRows(lines, name) {
  let number;
  let record; // of a row that goes on in the next line
  const wrong = (what) => new CoromError("INVALID_ARGUMENT", `${name}: line ${number} ${what}`);
  for await (const { text, end, bytes, number: line } of lines) {
    if (record === undefined) {
      if (text === "") continue;
      number = line;
      record = { cells: [], open: undefined };
    } else {
      record.open += end;
    }
    addLine(record, text, wrong);
    if (record.open !== undefined) continue;
    yield { number, cells: record.cells, bytes };
    record = undefined;
  }
  if (record !== undefined) throw wrong("has a quoted cell that is not closed");
}

/** Adds the cells of a line to a record. `record.open` is the beginning of a quoted cell that the line does not close. */
function addLine(record, line, wrong) {
  for (let at = 0; ; at++) {
    if (record.open === undefined && line[at] !== '"') {
      const comma = line.indexOf(",", at);
      const end = comma < 0 ? line.length : comma;
      const cell = line.slice(at, end);
      if (cell.includes("\r")) throw wrong("has a carriage return outside of quotes");
      record.cells.push(cell);
      at = end;
    } else {
      if (record.open === undefined) {
        record.open = "";
        at++;
      }
      for (;;) {
        const quote = line.indexOf('"', at);
        record.open += line.slice(at, quote < 0 ? line.length : quote);
        if (quote < 0) return;
        at = quote + 1;
        if (line[at] !== '"') break;
        record.open += '"';
        at++;
      }
      record.cells.push(record.open);
      record.open = undefined;
      if (at < line.length && line[at] !== ",") throw wrong("has a quote inside a quoted cell that is not written twice");
    }
    if (at >= line.length) return;
  }
}
