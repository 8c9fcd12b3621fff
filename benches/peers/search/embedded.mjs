// Takes the vectors of one size from files that `corom embed` wrote:
//
//   node embedded.mjs OUT COUNT TITLES       the first COUNT of TITLES/titles-0.npy, titles-1.npy … and OUT/queries.npy
//   node embedded.mjs --dimension OUT        prints the dimension of OUT/queries.f32
//
// Writes OUT/vectors.f32 and OUT/queries.f32, of unit length.
import { closeSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from "node:fs";
import path from "node:path";
import { vectorsOf } from "./numpy.mjs";

const [first, second, titles] = process.argv.slice(2);
if (first === "--dimension") {
  const queries = JSON.parse(readFileSync(path.join(second, "queries.json"), "utf8")).length;
  console.log(statSync(path.join(second, "queries.f32")).size / 4 / queries);
} else {
  const [out, count] = [first, Number(second)];
  const file = openSync(path.join(out, "vectors.f32"), "w");
  for (let part = 0, written = 0; written < count; part++) {
    const { vectors, dimension } = vectorsOf(path.join(titles, `titles-${part}.npy`));
    const items = Math.min(count - written, vectors.length / dimension);
    writeSync(file, new Uint8Array(vectors.buffer, 0, items * dimension * 4));
    written += items;
  }
  closeSync(file);
  writeFileSync(path.join(out, "queries.f32"), new Uint8Array(vectorsOf(path.join(out, "queries.npy")).vectors.buffer));
}
