// `cluster` and `project2d` of `corom/search`, on the vectors that scikit-learn clustered and projected.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { Embeddings } from "corom";
import { cluster, project2d } from "corom/search";
import { failsWith } from "./support/corom.mjs";
import { FIXTURES } from "./support/paths.mjs";

const CASES = JSON.parse(readFileSync(path.join(FIXTURES, "analysis/golden.json"), "utf8"));

test("clusters are those of scikit-learn where they are clear, and the same for one seed", async () => {
  const { vectors, dimension, k, labels } = CASES.find((found) => found.name === "separate");
  const rows = labels.map((_, i) => vectors.slice(i * dimension, (i + 1) * dimension));
  const found = await cluster(rows, { k, seed: 5 });
  assert.equal(found.centers.length, k * dimension);
  const pairs = new Set(labels.map((label, i) => `${label} ${found.labels[i]}`));
  assert.equal(pairs.size, k, "each cluster is one of ours");
  assert.deepEqual(await cluster(new Float32Array(vectors), { k, seed: 5, dimension }), found);
  const embeddings = Embeddings.from(rows);
  for (const same of [embeddings, JSON.parse(JSON.stringify(embeddings)), structuredClone({ ...embeddings })]) {
    assert.deepEqual(await cluster(same, { k, seed: 5 }), found);
  }
  assert.deepEqual(await project2d(embeddings), await project2d(rows));
  await failsWith("INVALID_ARGUMENT", cluster(embeddings, { k, dimension: dimension + 1 }), "dimension");
});

test("projections are those of scikit-learn", async () => {
  for (const { vectors, dimension, places, explained } of CASES) {
    const found = await project2d(vectors, { dimension });
    const largest = Math.max(...places.map(Math.abs));
    found.places.forEach((place, i) => assert.ok(Math.abs(place - places[i]) < 1e-3 * largest, `${i}: ${place} ${places[i]}`));
    found.explained.forEach((share, i) => assert.ok(Math.abs(share - explained[i]) < 1e-4));
  }
});

test("wrong vectors and options are rejected", async () => {
  await failsWith("INVALID_ARGUMENT", cluster([[1, 2], [3, 4]], { k: 3 }), "k: found 3; expected 1 to 2");
  await failsWith("INVALID_ARGUMENT", cluster([[1, 2], [3]], { k: 1 }), "vectors[1]");
  await failsWith("INVALID_ARGUMENT", cluster([[1, Number.NaN]], { k: 1 }), "vectors[0]");
  await failsWith("INVALID_ARGUMENT", cluster([[1]], {}), "k");
  await failsWith("INVALID_ARGUMENT", cluster("abc", { k: 1 }), "vectors");
  await failsWith("INVALID_ARGUMENT", project2d([1, 2, 3], { dimension: 2 }), "vectors");
  await failsWith("INVALID_ARGUMENT", project2d([[1, 2]], { k: 2 }), "k");
});
