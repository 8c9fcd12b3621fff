// Takes the vectors of one size from `corom embed texts.jsonl texts.npy`:  node embedded.mjs OUT COUNT
// Writes OUT/vectors.f32 and OUT/queries.f32, of unit length.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

const [out, count] = [process.argv[2], Number(process.argv[3])];
const file = readFileSync(path.join(out, "texts.npy"));
const start = 10 + file.readUInt16LE(8);
const dimension = Number(/\(\d+, (\d+)/.exec(file.toString("latin1", 10, start))[1]);
const all = new Float32Array(file.buffer.slice(file.byteOffset + start, file.byteOffset + file.length));
for (let at = 0; at < all.length; at += dimension) {
  const vector = all.subarray(at, at + dimension);
  const norm = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
  vector.forEach((x, i) => (vector[i] = x / norm));
}
const bytes = (from, to) => new Uint8Array(all.buffer, from * dimension * 4, (to - from) * dimension * 4);
writeFileSync(path.join(out, "vectors.f32"), bytes(0, count));
writeFileSync(path.join(out, "queries.f32"), bytes(count, all.length / dimension));
console.log(dimension);
