// Prompts in catalogs: items are embedded with the model's prompt for documents, queries with the one for queries, as `rank`
// does, and not with its default prompt.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { Catalog } from "corom/search";
import { Catalog as CatalogInWorker } from "corom/search-worker";
import { Corom as CoromInWorker } from "corom/worker";
import { Corom, failsWith } from "./support/corom.mjs";
import { PKG } from "./support/paths.mjs";
import { promptModel } from "./support/prompt-models.mjs";

const COMMAND = path.join(PKG, "bin/corom.js");
const SCHEMA = { fields: [{ name: "title", weight: 1 }] };
const QUERY = "牛仔裤女";
const TITLES = ["阔腿裤女冬牛仔", "iPhone 15 Pro 256GB", "玫瑰花束", "美孚机油 5W-40", "搜索阔腿裤：女裤"];

const folder = mkdtempSync(path.join(tmpdir(), "corom-prompts-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function write(name, value) {
  const file = path.join(folder, name);
  writeFileSync(file, typeof value === "string" ? value : JSON.stringify(value));
  return file;
}

/** Runs `npx corom index`, and returns what it prints. */
function index(...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, "index", ...args], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return stdout;
}

/** Builds a catalog of items with the options. Returns its folder. */
function build(name, items, schema, ...options) {
  const lines = items.map((item) => JSON.stringify(item)).join("\n");
  const catalog = path.join(folder, name);
  index("build", write(`${name}.jsonl`, lines), catalog, "--schema", write(`${name}.json`, schema), ...options);
  return catalog;
}

/** Returns the ids and scores of all items for a query or a vector. */
async function scores(shop, query) {
  const { hits } = await shop.search(query, { mode: "semantic", semanticThreshold: -99, topK: TITLES.length, exact: true });
  assert.equal(hits.length, TITLES.length);
  return hits.map(({ id, scores: { semantic } }) => [id, semantic]);
}

// With a prompt that is not that of queries. The default prompt of the first model is that of queries, of the second one neither.
for (const [name, otherPrompt] of [
  ["query-and-document", "document"],
  ["other-default", "clustering"],
]) {
  describe(`a catalog of the model ${name}`, () => {
    const items = TITLES.map((title, i) => ({ id: `p${i}`, title }));
    let model;
    let corom;
    let catalog;
    before(async () => {
      model = promptModel(folder, name);
      corom = await Corom.load(model);
      catalog = build(`${name}-catalog`, items, SCHEMA, "-m", model);
    });
    after(() => corom.free());

    /** Builds a catalog of vectors that were embedded with a prompt. */
    const builtOf = async (name, prompt) => {
      const vectors = await corom.embed(TITLES, { prompt });
      const { dimension, metric } = corom.info;
      const rows = items.map((item, i) => ({ ...item, embedding: Array.from(vectors[i] ?? [...vectors][i]) }));
      return build(name, rows, { ...SCHEMA, vectors: { dimension, metric } });
    };

    test("has the vectors of the prompt for documents", async () => {
      const query = await corom.embed(QUERY);
      const found = async (folder) => {
        const shop = await Catalog.load(folder);
        return scores(shop, query).finally(() => shop.free());
      };
      const own = await found(catalog);
      assert.deepEqual(own, await found(await builtOf(`${name}-document`, "document")));
      assert.notDeepEqual(own, await found(await builtOf(`${name}-default`, undefined)));
      // Items that are added get the same prompt; another one is a choice.
      const added = build(`${name}-added`, items.slice(0, 2), SCHEMA, "-m", model);
      index("add", added, write(`${name}-rest.jsonl`, items.slice(2).map((item) => JSON.stringify(item)).join("\n")), "-m", model);
      assert.deepEqual((await found(added)).map(([id]) => id), own.map(([id]) => id));
      const chosen = build(`${name}-chosen`, items, SCHEMA, "-m", model, "--prompt", "品牌：");
      assert.deepEqual(await found(chosen), await found(await builtOf(`${name}-text`, "品牌：")));
    });

    test("is searched with the prompt for queries, on the page and in workers", async () => {
      const inWorker = await CoromInWorker.load(model);
      for (const [Class, embedder] of [[Catalog, corom], [CatalogInWorker, inWorker], [Catalog, inWorker]]) {
        const shop = (await Class.load(catalog)).attach(embedder);
        const found = await scores(shop, QUERY);
        assert.deepEqual(found, await scores(shop, await corom.embed(QUERY, { prompt: "query" })));
        assert.notDeepEqual(found, await scores(shop, await corom.embed(QUERY, { prompt: otherPrompt })));
        // Another prompt, by name and as a text.
        shop.attach(embedder, { prompt: "document" });
        assert.deepEqual(await scores(shop, QUERY), await scores(shop, await corom.embed(QUERY, { prompt: "document" })));
        shop.attach(embedder, { prompt: { text: "品牌：" } });
        assert.deepEqual(await scores(shop, QUERY), await scores(shop, await corom.embed(`品牌：${QUERY}`, { prompt: "" })));
        shop.free();
      }
      inWorker.free();
    });

    test("is searched with the prompt for queries by the command", async () => {
      const shop = await Catalog.load(catalog);
      const request = JSON.stringify({ mode: "semantic", semanticThreshold: -99, topK: TITLES.length, exact: true });
      const ranked = (...options) => {
        const { hits } = JSON.parse(index("search", catalog, QUERY, "-m", model, "--request", request, ...options));
        return hits.map(({ id, scores }) => [id, Math.fround(scores.semantic)]);
      };
      const expected = async (prompt) => (await scores(shop, await corom.embed(QUERY, { prompt }))).map(([id, score]) => [id, Math.fround(score)]);
      assert.deepEqual(ranked(), await expected("query"));
      assert.deepEqual(ranked("--prompt", "document"), await expected("document"));
      shop.free();
    });

    test("rejects prompts that are none", async () => {
      const shop = await Catalog.load(catalog);
      await failsWith("INVALID_ARGUMENT", async () => shop.attach(corom, { prompt: 3 }), "prompt");
      await failsWith("INVALID_ARGUMENT", async () => shop.attach(null, { prompt: "query" }), "prompt");
      shop.attach(corom, { prompt: "passage" });
      await failsWith("INVALID_ARGUMENT", () => shop.search(QUERY), "passage");
      shop.free();
    });
  });
}
