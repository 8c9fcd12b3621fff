// Catalogs that change under a page: another model's vectors, and a change that is refused.
import assert from "node:assert/strict";
import { cpSync, readFileSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { Catalog } from "corom/search";
import { Catalog as CatalogInWorker } from "corom/search-worker";
import { DIMENSION, ITEMS, SCHEMA, buildCatalog, index, randomVector } from "./support/catalogs.mjs";
import { scratch } from "./support/converter.mjs";
import { failsWith } from "./support/corom.mjs";

const CLASSES = [
  ["corom/search", Catalog],
  ["corom/search-worker", CatalogInWorker],
];

/** A model that only says which one it is. */
const modelOf = (lineage, dimension = DIMENSION) => ({
  info: { dimension, lineage },
  embed: async () => randomVector(),
});

/** Builds a catalog whose vectors have a lineage. Returns its folder, and a function that builds it again. */
function catalogOf(t) {
  const folder = scratch(t);
  const catalog = path.join(folder, "catalog");
  const build = (lineage, dimension = DIMENSION) => {
    const embedding = () => Array.from({ length: dimension }, (_, i) => randomVector()[i % DIMENSION]);
    const rows = ITEMS.slice(0, 40).map((item) => ({ ...item, embedding: embedding() }));
    writeFileSync(path.join(folder, "items.jsonl"), rows.map((row) => JSON.stringify(row)).join("\n"));
    const vectors = { dimension, metric: "cosine", lineage };
    writeFileSync(path.join(folder, "schema.json"), JSON.stringify({ ...SCHEMA, vectors }));
    index("build", path.join(folder, "items.jsonl"), catalog, "--schema", path.join(folder, "schema.json"), "--force");
  };
  return { catalog, build };
}

for (const [entry, Class] of CLASSES) {
  describe(`a changing catalog of ${entry}`, () => {
    test("compares the attached model with the vectors that an update loads", async (t) => {
      const { catalog, build } = catalogOf(t);
      build("aaaa-0000");
      const shop = await Class.load(catalog);
      shop.attach(modelOf("aaaa-0000"));
      assert.equal((await shop.search("女")).mode, "hybrid");
      for (const [lineage, dimension] of [
        ["cccc-0000", DIMENSION],
        ["dddd-0000", 2 * DIMENSION],
      ]) {
        build(lineage, dimension);
        await shop.update();
        assert.equal(shop.info.vectors.lineage, lineage);
        await failsWith("MODEL_MISMATCH", () => shop.search("女"), "attach");
        await failsWith("MODEL_MISMATCH", () => shop.search("女", { mode: "semantic" }), "attach");
        assert.equal((await shop.search("女", { mode: "keyword" })).mode, "keyword");
      }
      // The same vectors after a change are still those of the model.
      build("aaaa-0000");
      await shop.update();
      assert.equal((await shop.search("女")).mode, "hybrid");
      index("remove", catalog, "p3");
      await shop.update();
      assert.equal((await shop.search("女")).mode, "hybrid");
      shop.free();
    });

    test("takes a model that was distilled from that of the catalog, and no other student", async (t) => {
      const { catalog, build } = catalogOf(t);
      build("aaaa-0000");
      const shop = await Class.load(catalog);
      const student = modelOf("bbbb-0000");
      await failsWith("MODEL_MISMATCH", () => shop.attach(student), "lineage");
      student.info.distilledFrom = "aaaa-0001";
      await failsWith("MODEL_MISMATCH", () => shop.attach(student), "lineage");
      student.info.distilledFrom = "aaaa-0000";
      shop.attach(student);
      assert.equal((await shop.search("女")).mode, "hybrid");
      shop.free();
    });

    test("goes on from the last change of an update that was accepted", async (t) => {
      const built = buildCatalog(t);
      const other = path.join(scratch(t), "catalog");
      cpSync(built.catalog, other, { recursive: true });
      // Files with names that say nothing about their contents.
      const rename = (folder, names) => {
        const list = JSON.parse(readFileSync(path.join(folder, "catalog.json")));
        list.files.forEach((file, i) => renameSync(path.join(folder, file), path.join(folder, names[i])));
        writeFileSync(path.join(folder, "catalog.json"), JSON.stringify({ ...list, files: names.slice(0, list.files.length) }));
      };
      const patchFile = path.join(scratch(t), "patch.json");
      const patch = (folder, price) => {
        writeFileSync(patchFile, JSON.stringify({ p1: { price } }));
        index("patch", folder, patchFile);
      };
      const served = path.join(scratch(t), "catalog");
      cpSync(built.catalog, served, { recursive: true });
      const names = ["items.catalog", "first.delta", "second.delta"];
      rename(served, names);
      const shop = await Class.load(served);
      for (const price of [1001, 1002]) patch(built.catalog, price);
      for (const price of [2001, 2002]) patch(other, price);
      rename(built.catalog, names);
      rename(other, names);
      for (const name of readdirSync(built.catalog)) cpSync(path.join(built.catalog, name), path.join(served, name));
      cpSync(path.join(other, "second.delta"), path.join(served, "second.delta")); // it continues another one
      for (let i = 0; i < 2; i++) {
        await failsWith("INVALID_CATALOG", () => shop.update(), "continues another catalog");
        assert.equal((await shop.item("p1")).attributes.price, 1001);
      }
      cpSync(path.join(built.catalog, "second.delta"), path.join(served, "second.delta"));
      await shop.update();
      assert.equal((await shop.item("p1")).attributes.price, 1002);
      shop.free();
    });

    test("says what is wrong with a query and with options of other libraries", async (t) => {
      const shop = await Class.load(buildCatalog(t).catalog, { vectors: "none" });
      for (const query of [3, null, new Int8Array(8)]) {
        await failsWith("INVALID_ARGUMENT", () => shop.search(query), "a vector: a Float32Array");
      }
      await failsWith("INVALID_ARGUMENT", () => shop.search("女", { newestWins: true }), "abortPrevious");
      for (const call of [() => shop.similar("p1"), () => shop.cluster({ k: 2 }), () => shop.loadRows()]) {
        await failsWith("INVALID_ARGUMENT", call, 'this call needs vectors; the catalog was loaded without them, with vectors: "none"');
      }
      shop.free();
    });
  });
}
