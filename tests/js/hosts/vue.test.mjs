// An instance of `Corom` in Vue's `ref`, `reactive` and `shallowRef`: Vue's proxies have no private fields.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { computed, isProxy, nextTick, reactive, ref, shallowRef, watchEffect } from "vue";
import { Catalog } from "corom/search";
import { Catalog as CatalogInWorker } from "corom/search-worker";
import { Corom as InWorker, CoromReranker as RerankerInWorker } from "corom/worker";
import { buildCatalog, idsOf, randomVector } from "../support/catalogs.mjs";
import { Corom, CoromReranker } from "../support/corom.mjs";
import { exportFolder } from "../support/paths.mjs";
import { rerankerFiles } from "../support/rerankers.mjs";

const FOLDER = exportFolder("legacy-op14");

for (const [name, Class] of [["corom", Corom], ["corom/worker", InWorker]]) {
  describe(`an instance of ${name} in Vue`, () => {
    test("works in ref, reactive and shallowRef", async () => {
      const corom = await Class.load(FOLDER, { pooling: "cls" });
      const vector = await corom.embed("裤");
      const deep = ref(null);
      deep.value = corom;
      const state = reactive({ model: null, loaded: false });
      state.model = corom;
      assert.ok(isProxy(deep.value) && isProxy(state.model), "Vue made proxies");
      for (const held of [deep.value, state.model, reactive(corom), shallowRef(corom).value]) {
        assert.deepEqual(await held.embed("裤"), vector);
        assert.equal((await held.embed(["裤"])).rows, 1);
        assert.equal((await held.rank("裤", ["裤", "手机"], { topK: 1 }))[0].index, 0);
        assert.equal((await held.score("裤", [vector])).length, 1);
        assert.equal((await held.tokenize("裤")).ids.length, 3);
        for await (const part of held.embed(new Set(["裤"]))) assert.equal(part.rows, 1);
        assert.equal(held.info.dimension, 32);
        assert.ok(held.info.wasmMemory > 0);
      }
      deep.value.free();
      assert.equal(state.model.info.wasmMemory, 0);
    });

    test("takes and gives vectors that Vue holds", async () => {
      const corom = await Class.load(FOLDER, { pooling: "cls" });
      const texts = reactive(["裤", "手机", "裤子"]);
      const query = ref("裤");
      const catalog = ref(await corom.embed(texts));
      const rows = reactive((await corom.embed(texts)).toArray());
      const best = ref([]);
      best.value = await corom.rank(query.value, catalog.value);
      const names = computed(() => best.value.map(({ index }) => texts[index]));
      assert.equal(names.value[0], "裤");
      assert.deepEqual(await corom.rank(query.value, rows), best.value);
      const kept = ref(await corom.keep(catalog.value));
      assert.deepEqual(await corom.rank(query.value, kept.value), best.value);
      kept.value.free();
      assert.deepEqual(await corom.rank(query.value, texts), best.value.map((result) => ({ ...result, text: texts[result.index] })));
      let seen;
      watchEffect(() => (seen = catalog.value.rows));
      catalog.value = await corom.embed(["裤"]);
      await nextTick();
      assert.equal(seen, 1);
      corom.free();
    });
  });
}

for (const [name, Class] of [["corom", CoromReranker], ["corom/worker", RerankerInWorker]]) {
  test(`a reranker of ${name} works in ref and reactive, with texts that Vue holds`, async () => {
    const reranker = await Class.load(rerankerFiles("two-labels"));
    const texts = ["裤", "手机", "阔腿裤"];
    const expected = await reranker.rerank("裤", texts);
    const deep = ref(reranker);
    const state = reactive({ reranker, texts });
    assert.ok(isProxy(deep.value) && isProxy(state.texts));
    for (const held of [deep.value, state.reranker]) {
      assert.deepEqual(await held.rerank("裤", state.texts), expected);
      assert.equal((await held.score("裤", state.texts)).length, 3);
      assert.equal((await held.tokenize("裤", "手机")).typeIds.length, 6);
      assert.equal(held.info.labels, 2);
    }
    deep.value.free();
    assert.equal(state.reranker.info.wasmMemory, 0);
  });
}

for (const [name, Class] of [["corom/search", Catalog], ["corom/search-worker", CatalogInWorker]]) {
  test(`a catalog of ${name} works in Vue, with a model, options and vectors that Vue holds`, async (t) => {
    const { catalog, names, files, patch } = buildCatalog(t);
    const vector = randomVector();
    const model = ref({ info: { dimension: vector.length }, embed: async () => vector });
    const shop = ref(await Class.load(catalog));
    const state = reactive({ shop: shop.value, filter: { stock: true, shop: ["店1", "店2", "店3"] }, facets: ["shop"] });
    assert.ok(isProxy(shop.value) && isProxy(state.shop), "Vue made proxies");
    const plain = { filter: { stock: true, shop: ["店1", "店2", "店3"] }, facets: ["shop"] };
    const expected = await shallowRef(shop.value).value.search("女", { ...plain, vector });
    state.shop.attach(model.value);
    const found = await shop.value.search("女", { filter: state.filter, facets: state.facets });
    assert.deepEqual([idsOf(found), found.facets, found.mode], [idsOf(expected), expected.facets, "hybrid"]);
    assert.deepEqual(idsOf(await state.shop.search(reactive(Array.from(vector)), reactive(plain))), idsOf(await shop.value.search(vector, plain)));
    patch({ p1: { price: 5 } });
    await state.shop.apply(files()[names()[1]]);
    const item = reactive(await shop.value.item("p1"));
    assert.equal(item.attributes.price, 5);
    assert.ok(state.shop.memoryBytes > 0 && state.shop.info.items > 0);
    await state.shop.ready;
    shop.value.free();
    assert.equal(state.shop.memoryBytes, 0);
  });
}
