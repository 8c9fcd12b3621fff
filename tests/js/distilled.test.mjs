// A model that was distilled from another one: it searches the catalogs of its teacher, in the commands and in the package.
import assert from "node:assert/strict";
import { cpSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { Catalog } from "corom/search";
import { corom, scratch } from "./support/converter.mjs";
import { Corom, failsWith } from "./support/corom.mjs";
import { FIXTURES, readJson } from "./support/paths.mjs";

const TEACHER = path.join(FIXTURES, "bits/int8");

/** Copies the teacher as a model of another lineage. Returns its folder. */
function other(folder, name, distilledFrom) {
  const model = path.join(folder, name);
  cpSync(TEACHER, model, { recursive: true });
  const manifest = readJson(path.join(model, "corom.json"));
  const { lineage } = manifest;
  manifest.lineage = lineage.replace(/^.{4}/, "0123");
  if (distilledFrom !== undefined) manifest.distilled_from = distilledFrom;
  writeFileSync(path.join(model, "corom.json"), JSON.stringify(manifest));
  return model;
}

test("searches the catalog of its teacher, and embeds no items for it", async (t) => {
  const folder = scratch(t);
  const { lineage } = readJson(path.join(TEACHER, "corom.json"));
  const [student, stranger] = [other(folder, "student", lineage), other(folder, "stranger")];
  const [items, schema, catalog] = ["items.jsonl", "schema.json", "catalog"].map((name) => path.join(folder, name));
  writeFileSync(items, ["阔腿裤女冬牛仔", "无线蓝牙耳机"].map((title, i) => JSON.stringify({ id: `p${i}`, title })).join("\n"));
  writeFileSync(schema, JSON.stringify({ fields: [{ name: "title", weight: 1 }] }));
  const index = (...args) => corom("index", ...args);
  const built = index("build", items, catalog, "--schema", schema, "--model", TEACHER);
  assert.equal(built.status, 0, built.stderr);

  const found = index("search", catalog, "裤", "--model", student);
  assert.deepEqual([found.status, found.stderr], [0, ""]);
  assert.match(index("search", catalog, "裤", "--model", stranger).stderr, /MODEL_MISMATCH.*another model/);
  assert.match(index("add", catalog, items, "--model", student).stderr, /MODEL_MISMATCH.*use its teacher/);

  const shop = await Catalog.load(catalog);
  const [model, unknown] = [await Corom.load(student), await Corom.load(stranger)];
  assert.deepEqual([model.info.distilledFrom, unknown.info.distilledFrom], [lineage, undefined]);
  await failsWith("MODEL_MISMATCH", () => shop.attach(unknown), "lineage");
  shop.attach(model);
  assert.equal((await shop.search("裤")).mode, "hybrid");
  // An option that changes vectors ends the kinship.
  const changed = await Corom.load(student, { normalize: !model.info.normalize });
  assert.equal(changed.info.distilledFrom, undefined);
  for (const instance of [shop, model, unknown, changed]) instance.free();
});
