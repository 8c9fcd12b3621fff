// `corom/ai` with the real libraries: the Vercel AI SDK, LangChain.js and Orama.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { BaseRetriever } from "@langchain/core/retrievers";
import { RunnableLambda } from "@langchain/core/runnables";
import { Document } from "@langchain/core/documents";
import { create, insert, insertMultiple, search, update } from "@orama/orama";
import { cosineSimilarity, embed, embedMany } from "ai";
import { SHOP_DIMENSION, SHOP_ITEMS, SHOP_MODEL, withShop } from "../js/support/shop.mjs";
import { INSTALLED } from "./support/places.mjs";

const { Corom } = await import(`${INSTALLED}/node.js`);
const { Catalog } = await import(`${INSTALLED}/search-node.js`);
const { embeddingModel, langchainEmbeddings, langchainRetriever, oramaPlugin } = await import(`${INSTALLED}/ai.js`);

const TITLES = SHOP_ITEMS.slice(0, 20).map(({ title }) => title);
let corom;
let expected;
before(async () => {
  corom = await Corom.load(SHOP_MODEL);
  expected = (await corom.embed(TITLES)).toArray();
});
after(() => corom.free());

describe("the Vercel AI SDK", () => {
  test("embeds values by every version of its interface", async () => {
    for (const specification of ["v2", "v3", "v4"]) {
      const model = embeddingModel(corom, { specification });
      const { embeddings, values } = await embedMany({ model, values: TITLES });
      assert.deepEqual([embeddings, values], [expected, TITLES]);
      const { embedding } = await embed({ model, value: TITLES[3] });
      assert.deepEqual(embedding, expected[3]);
      assert.ok(cosineSimilarity(embedding, expected[3]) > 0.999);
    }
    assert.equal(embeddingModel(corom, { modelId: "base" }).modelId, "base");
  });

  test("aborts, and embeds thousands of values in several calls", async () => {
    const model = embeddingModel(corom);
    const signal = AbortSignal.abort();
    await assert.rejects(embedMany({ model, values: TITLES, abortSignal: signal, maxRetries: 0 }), { name: "AbortError" });
    const many = Array.from({ length: 2100 }, (_, i) => TITLES[i % 20].slice(0, 3));
    const { embeddings } = await embedMany({ model, values: many });
    assert.deepEqual([embeddings.length, embeddings[2099].length], [2100, SHOP_DIMENSION]);
  });

  test("rejects wrong options", () => {
    assert.throws(() => embeddingModel(corom, { specification: "v1" }), { code: "INVALID_ARGUMENT", message: /"v4"/ });
    assert.throws(() => embeddingModel(corom, { modelID: "a" }), { code: "INVALID_ARGUMENT", message: /did you mean modelId/ });
    assert.throws(() => embeddingModel({}), { code: "INVALID_ARGUMENT", message: /Corom\.load/ });
  });
});

describe("LangChain.js", () => {
  test("embeds queries and documents", async () => {
    const embeddings = langchainEmbeddings(corom);
    assert.deepEqual(await embeddings.embedDocuments(TITLES), expected);
    assert.deepEqual(await embeddings.embedQuery(TITLES[1]), expected[1]);
    const prompted = langchainEmbeddings(corom, { queryPrompt: { text: "查询：" } });
    assert.deepEqual(await prompted.embedQuery("裤"), Array.from(await corom.embed("查询：裤")));
    await assert.rejects(embeddings.embedDocuments("one"), { code: "INVALID_ARGUMENT" });
  });

  test("retrieves hits as documents, in a chain", async () => {
    await withShop(async (folder) => {
      const shop = (await Catalog.load(folder)).attach(corom);
      const retriever = langchainRetriever(BaseRetriever, shop, { search: { topK: 3, filter: { stock: true } }, tags: ["shop"] });
      assert.ok(retriever instanceof BaseRetriever);
      const { hits } = await shop.search("女 裤", { topK: 3, filter: { stock: true } });
      const documents = await retriever.invoke("女 裤");
      assert.deepEqual(documents.map(({ id }) => id), hits.map(({ id }) => id));
      const { title, brand } = hits[0].fields;
      assert.equal(documents[0].pageContent, [title, brand].filter(Boolean).join("\n"));
      assert.deepEqual([documents[0].metadata.score, documents[0].metadata.shop], [hits[0].score, hits[0].attributes.shop]);
      const chain = retriever.pipe(RunnableLambda.from((found) => found.map((one) => new Document(one).pageContent)));
      assert.equal((await chain.invoke("女 裤")).length, 3);
      const titles = langchainRetriever(BaseRetriever, shop, { pageContent: ({ fields }) => fields.title });
      assert.equal((await titles.invoke("女"))[0].pageContent, (await shop.search("女")).hits[0].fields.title);
      shop.free();
    });
    assert.throws(() => langchainRetriever({}, {}), { code: "INVALID_ARGUMENT", message: /BaseRetriever/ });
  });
});

describe("Orama", () => {
  const schema = { title: "string", embedding: `vector[${SHOP_DIMENSION}]` };
  const made = () => create({ schema, plugins: [oramaPlugin(corom, { text: ({ title }) => title })] });

  test("embeds documents and queries, and keeps every hit", async () => {
    const db = made();
    await insertMultiple(db, SHOP_ITEMS.slice(0, 20).map(({ id, title }) => ({ id, title })));
    await insert(db, { id: "last", title: SHOP_ITEMS[20].title });
    const found = await search(db, { mode: "vector", term: TITLES[4], limit: 30 });
    assert.deepEqual([found.count, found.hits[0].id], [21, "p4"]);
    const cosine = (i) => cosineSimilarity(expected[4], expected[i]);
    const order = [...TITLES.keys()].sort((a, b) => cosine(b) - cosine(a)).map((i) => `p${i}`);
    assert.deepEqual(found.hits.map(({ id }) => id).filter((id) => id !== "last"), order);
    const hybrid = await search(db, { mode: "hybrid", term: TITLES[7] });
    assert.equal(hybrid.hits[0].id, "p7");
    assert.ok((await search(db, { term: TITLES[7] })).count > 0);
  });

  test("embeds a changed document again", async () => {
    const db = made();
    const document = { id: "a", title: TITLES[0] };
    await insert(db, document);
    const kept = [...document.embedding];
    document.title = TITLES[1];
    await update(db, "a", document);
    assert.deepEqual([kept, document.embedding], [expected[0], expected[1]]);
  });

  test("rejects another dimension, and a search without a term", async () => {
    const plugin = oramaPlugin(corom, { text: ({ title }) => title });
    assert.throws(() => create({ schema: { title: "string", embedding: "vector[5]" }, plugins: [plugin] }), {
      code: "INVALID_ARGUMENT",
      message: /vector\[64\]/,
    });
    await assert.rejects(search(made(), { mode: "vector" }), { code: "INVALID_ARGUMENT", message: /^term/ });
    assert.throws(() => oramaPlugin(corom, {}), { code: "INVALID_ARGUMENT", message: /^text/ });
  });
});
