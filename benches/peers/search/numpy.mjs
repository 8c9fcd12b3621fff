// Reads a file of NumPy as `corom embed` writes it.
import { readFileSync } from "node:fs";

/** Returns `{ vectors, dimension }` of a file of NumPy, the vectors of unit length. */
export function vectorsOf(file) {
  const bytes = readFileSync(file);
  const start = 10 + bytes.readUInt16LE(8);
  const dimension = Number(/\(\d+, (\d+)/.exec(bytes.toString("latin1", 10, start))[1]);
  const vectors = new Float32Array(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length));
  for (let at = 0; at < vectors.length; at += dimension) {
    const vector = vectors.subarray(at, at + dimension);
    const norm = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
    vector.forEach((x, i) => (vector[i] = x / norm));
  }
  return { vectors, dimension };
}
