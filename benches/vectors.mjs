// Measures `rank` over vectors that exist, by their form, with the model on this thread and in a worker:
//
//   node benches/vectors.mjs MODEL_FOLDER [VECTORS]
import { Corom, Embeddings } from "../pkg/node.js";
import { Corom as InWorker } from "../pkg/worker-node.js";

const ROUNDS = 101;
const [folder, count = "1000"] = process.argv.slice(2);
if (!folder) throw new Error("usage: node benches/vectors.mjs MODEL_FOLDER [VECTORS]");

const median = (times) => times.sort((a, b) => a - b)[times.length >> 1];

for (const [name, Class] of [["corom", Corom], ["corom/worker", InWorker]]) {
  const corom = await Class.load(folder);
  const query = await corom.embed("阔腿裤女冬牛仔");
  const rows = Array.from({ length: Number(count) }, (_, i) => query.map((x, j) => x * Math.sin(i * 7 + j)));
  const vectors = Embeddings.from(rows);
  const forms = {
    "kept vectors": await corom.keep(vectors),
    Embeddings: vectors,
    "Float32Array per vector": rows,
    "array of numbers per vector": vectors.toArray(),
  };
  const times = Object.fromEntries(Object.keys(forms).map((form) => [form, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [form, documents] of Object.entries(forms)) {
      const began = performance.now();
      await corom.rank(query, documents, { topK: 10, metric: "cosine" });
      times[form].push(performance.now() - began);
    }
  }
  console.log(`${name}: ${count} vectors of ${corom.info.dimension} numbers, median of ${ROUNDS} rounds`);
  for (const [form, list] of Object.entries(times)) console.log(`  ${form.padEnd(28)} ${median(list).toFixed(2)} ms`);
  corom.free();
}
