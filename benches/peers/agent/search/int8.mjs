// An exact scan of a catalog's int8 rows in JavaScript, by docs/catalog-format.md alone: what a filter must not lose is
// judged by this and not by corom.

/** corom rounds a query to 13 bits. */
export const INT8_TIE = 2e-5;
const [MEAN, ROWS] = [14, 17];
const [HEADER_BYTES, ENTRY_BYTES, ROW_HEAD_BYTES] = [56, 56, 12];

/** Returns the bytes of a section of a catalog file. */
function sectionOf(file, number) {
  const view = new DataView(file.buffer, file.byteOffset);
  const sections = view.getUint32(16, true);
  for (let at = HEADER_BYTES; at < HEADER_BYTES + sections * ENTRY_BYTES; at += ENTRY_BYTES) {
    if (view.getUint32(at, true) !== number) continue;
    const [offset, length] = [at + 8, at + 16].map((place) => Number(view.getBigUint64(place, true)));
    return file.subarray(offset, offset + length);
  }
  throw new Error(`the catalog has no section ${number}`);
}

export const rowsOf = (file) => sectionOf(file, ROWS);

/** Returns a function that gives the score of an item for a query of unit length, by the cosine. */
export function int8Scores(file, query) {
  const dimension = query.length;
  const mean = new Float32Array(sectionOf(file, MEAN).slice().buffer);
  const rows = rowsOf(file);
  const view = new DataView(rows.buffer, rows.byteOffset, rows.length);
  const values = new Int8Array(rows.buffer, rows.byteOffset, rows.length);
  let [withMean, square] = [0, 0];
  for (let i = 0; i < dimension; i++) {
    withMean += query[i] * mean[i];
    square += mean[i] * mean[i];
  }
  const share = square > 0 ? withMean / square : 0;
  const rest = Float64Array.from(query, (x, i) => x - share * mean[i]);
  return (item) => {
    const at = item * (ROW_HEAD_BYTES + dimension);
    let sum = 0;
    for (let i = 0; i < dimension; i++) sum += rest[i] * values[at + ROW_HEAD_BYTES + i];
    return withMean + share * view.getFloat32(at + 4, true) + view.getFloat32(at, true) * sum;
  };
}
