// An instance of `Corom` in Vue's `ref`, `reactive` and `shallowRef`: Vue's proxies have no private fields.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { computed, isProxy, nextTick, reactive, ref, shallowRef, watchEffect } from "vue";
import { Corom as InWorker, CoromReranker as RerankerInWorker } from "corom/worker";
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
