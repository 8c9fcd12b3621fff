// Writes the data of one size of the search benchmark:  node data.mjs OUT COUNT DIMENSION [--bare]
//
// OUT/items.jsonl, schema.json: products of examples/shop with a bucket from 0 to 999, which filters keep shares of. With
// --bare the items have an id and nothing else: the titles of a million products would be larger than their codes.
// OUT/texts.jsonl: their titles; OUT/queries.json, queries.jsonl: the queries' texts. With a DIMENSION also vectors.f32 and
// queries.f32: random vectors of unit length around 200 centers and a common mean, as embeddings lie. With 0 the vectors come
// from a model: `embedded.mjs`.
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import path from "node:path";
import { SCHEMA, SEED, products } from "../../../examples/shop/products.mjs";
import { queries } from "../../../examples/shop/queries.mjs";
import { randomFrom } from "../random.mjs";

const QUERIES = 100;
const CENTERS = 200;
/** Products that queries are made of where the items have no texts. */
const FACTS = 1000;
/** Has no factor in common with 1,000: every bucket has one item in a thousand, spread over the catalog. */
const STRIDE = 37;

const [out, count, dimension] = [process.argv[2], ...process.argv.slice(3, 5).map(Number)];
const isBare = process.argv[5] === "--bare";
mkdirSync(out, { recursive: true });
const { items, facts } = products(isBare ? FACTS : count, SEED);
const texts = queries(facts, QUERIES, SEED + 1).map(({ text }) => text);
const lines = (list) => `${list.map((value) => JSON.stringify(value)).join("\n")}\n`;
const write = (name, text) => writeFileSync(path.join(out, name), text);
if (isBare) {
  write("items.jsonl", lines(Array.from({ length: count }, (_, i) => ({ id: `p${i}` }))));
  write("schema.json", JSON.stringify({ fields: [{ name: "title", weight: 1 }], attributes: [] }));
} else {
  write("items.jsonl", lines(items.map((item, i) => ({ ...item, bucket: (i * STRIDE) % 1000 }))));
  write("schema.json", JSON.stringify({ ...SCHEMA, attributes: [...SCHEMA.attributes, { name: "bucket", kind: "number" }] }));
  write("texts.jsonl", lines(items.map(({ title }) => ({ text: title }))));
}
write("queries.json", JSON.stringify(texts));
write("queries.jsonl", lines(texts.map((text) => ({ text }))));

if (dimension > 0) {
  const random = randomFrom(SEED);
  // The sum of three even numbers is close to normal, and quick.
  const normal = () => (random() + random() + random() - 1.5) * 2;
  const vectorOf = (scale) => Float32Array.from({ length: dimension }, () => scale * normal());
  const mean = vectorOf(1.2);
  const centers = Array.from({ length: CENTERS }, () => vectorOf(0.6));
  const vector = new Float32Array(dimension);
  const writeVectors = (name, length) => {
    const file = openSync(path.join(out, name), "w");
    for (let i = 0; i < length; i++) {
      const center = centers[Math.floor(random() * CENTERS)];
      let square = 0;
      for (let j = 0; j < dimension; j++) {
        vector[j] = mean[j] + center[j] + 0.6 * normal();
        square += vector[j] ** 2;
      }
      const norm = Math.sqrt(square);
      for (let j = 0; j < dimension; j++) vector[j] /= norm;
      writeSync(file, Buffer.from(vector.buffer));
    }
    closeSync(file);
  };
  writeVectors("vectors.f32", count);
  writeVectors("queries.f32", texts.length);
}
