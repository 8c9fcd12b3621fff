// Values that other code hands to the package, with both classes: streams without iterators, signals of polyfills, methods
// apart from their object, numbers that were transferred or cannot be compared.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Corom as InWorker, Embeddings } from "corom/worker";
import { Corom, assertClose, failsWith } from "./support/corom.mjs";
import { exportFolder, golden } from "./support/paths.mjs";

const FOLDER = exportFolder("legacy-op14");
const OPTIONS = { pooling: "cls", maxLength: golden("legacy-op14").max_length };
const TEXTS = ["裤", "手机", "裙"];

/** A ReadableStream as older browsers have it: without an iterator of its own. */
function olderStream(texts, log = []) {
  const stream = new ReadableStream({
    pull: (controller) => (texts.length > 0 ? controller.enqueue(texts.shift()) : controller.close()),
    cancel: () => void log.push("cancelled"),
  }, { highWaterMark: 0 });
  return new Proxy(stream, {
    get(target, key) {
      if (key === Symbol.asyncIterator) return undefined;
      const value = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** A signal without a reason, as polyfills and browsers before 2022 make it. */
function plainSignal() {
  const signal = Object.assign(new EventTarget(), { aborted: false });
  const abort = () => {
    signal.aborted = true;
    signal.dispatchEvent(new Event("abort"));
  };
  return { signal, abort };
}

for (const [name, Class] of [["corom", Corom], ["corom/worker", InWorker]]) {
  describe(name, () => {
    let corom;
    let vectors;
    before(async () => {
      const { load } = Class;
      corom = await load(FOLDER, OPTIONS);
      vectors = await corom.embed(TEXTS);
    });
    after(() => corom.free());

    test("load works apart from its class, in another object and in a subclass", async () => {
      assert.ok(corom instanceof Class);
      class Mine extends Class {}
      for (const [made, Expected] of [[await { load: Class.load }.load(FOLDER, OPTIONS), Class], [await Mine.load(FOLDER, OPTIONS), Mine], [await new Proxy(Class, {}).load(FOLDER, OPTIONS), Class]]) {
        assert.ok(made instanceof Expected);
        made.free();
      }
    });

    test("embed reads a stream without an iterator, cancels it on break, and rejects a locked one", async () => {
      const parts = [];
      for await (const part of corom.embed(olderStream([...TEXTS]), { batchSize: 2 })) parts.push(...part);
      assert.deepEqual(parts, [...vectors]);
      const log = [];
      for await (const part of corom.embed(olderStream([...TEXTS], log), { batchSize: 1 })) {
        assert.equal(part.rows, 1);
        break;
      }
      assert.deepEqual(log, ["cancelled"]);
      const locked = olderStream([...TEXTS]);
      locked.getReader();
      await failsWith("INVALID_ARGUMENT", corom.embed(locked).next(), "locked");
      const cause = new Error("broken");
      const broken = new Proxy({}, { get: (_, key) => (key === "getReader" ? () => ({ read: () => Promise.reject(cause), cancel: async () => {}, releaseLock() {} }) : undefined) });
      await assert.rejects(corom.embed(broken).next(), (error) => error === cause);
    });

    test("embed closes an iterator that it leaves, but none that has thrown or ended", async () => {
      const made = (items, next) => {
        const own = { closed: 0, next: async () => (items.length > 0 ? { value: items.shift() } : next()), return: () => ({ n: own.closed++ }) };
        return { own, [Symbol.asyncIterator]: () => own };
      };
      const cause = new Error("mine");
      const drain = async (value) => {
        for await (const part of corom.embed(value, { batchSize: 1 })) assert.equal(part.rows, 1);
      };
      const [ending, throwing] = [made(["裤"], () => ({ done: true })), made(["裤"], () => { throw cause; })];
      await drain(ending);
      await assert.rejects(drain(throwing), (error) => error === cause);
      const wrong = made(["裤", 5]);
      await failsWith("INVALID_ARGUMENT", drain(wrong), "item 1");
      assert.deepEqual([ending, throwing, wrong].map(({ own }) => own.closed), [0, 0, 1]);
      for (const iterator of [undefined, {}, { next: 5 }])
        await failsWith("INVALID_ARGUMENT", drain({ [Symbol.iterator]: () => iterator }), "its iterator", "next");
      for (const result of [undefined, null, 5])
        await failsWith("INVALID_ARGUMENT", drain({ [Symbol.iterator]: () => ({ next: () => result }) }), "its next item", "{ done, value }");
    });

    test("vectors behind a Proxy that answers as they do are read as they are", async () => {
      const get = (target, key) => (typeof target[key] === "function" ? target[key].bind(target) : target[key]);
      for (const row of [vectors.row(0), Float64Array.from(vectors.row(0))]) {
        const state = new Proxy(row, { get });
        assert.deepEqual(await corom.rank(state, [state, vectors.row(1)]), await corom.rank(row, [row, vectors.row(1)]));
        assert.deepEqual(Embeddings.from([state]).data, vectors.row(0).slice());
      }
    });

    test("a signal without a reason rejects with an AbortError: before, during and after a call", async () => {
      const isAbort = ({ name }) => name === "AbortError";
      const aborted = plainSignal();
      aborted.abort();
      await assert.rejects(corom.embed("裤", { signal: aborted.signal }), isAbort);
      await assert.rejects(Class.load(FOLDER, { ...OPTIONS, signal: aborted.signal }), isAbort);
      const later = plainSignal();
      const pending = corom.embed(Array(3000).fill("裤"), { signal: later.signal });
      later.abort();
      await assert.rejects(pending, isAbort);
      const { signal, abort } = plainSignal();
      assert.deepEqual(await corom.embed("裤", { signal }), vectors.row(0));
      abort();
    });

    test("vectors that were transferred are INVALID_ARGUMENT wherever they are given", async () => {
      const gone = await corom.embed(TEXTS);
      structuredClone(gone.data, { transfer: [gone.data.buffer] });
      for (const call of [() => corom.rank("裤", gone), () => corom.keep(gone), () => corom.rank("裤", [gone, vectors]), async () => Embeddings.from(gone), async () => Embeddings.from(gone.data), async () => Embeddings.from({ ...gone })])
        await failsWith("INVALID_ARGUMENT", call, "transferred");
    });

    test("a score that is no number is INVALID_ARGUMENT and names the document", async () => {
      const changed = await corom.embed(TEXTS);
      changed.data[changed.dimension * 2] = NaN;
      for (const metric of ["dot", "cosine", "l2", "l1"]) {
        await failsWith("INVALID_ARGUMENT", corom.rank("裤", changed, { metric }), "documents[2]", "NaN");
        await failsWith("INVALID_ARGUMENT", corom.score("裤", [vectors, changed], { metric }), "documents[5]", "NaN");
      }
      const large = Float32Array.from(vectors.row(0), () => 3e38);
      await failsWith("INVALID_ARGUMENT", corom.rank(large, [large], { metric: "dot" }), "documents[0]", "too large");
      const scaled = (by) => [Float32Array.from(vectors.row(1), (x) => x * by)];
      for (const by of [1e-30, 1e-20, 1e18]) {
        const [[usual], [other]] = [await corom.score("裤", scaled(1), { metric: "cosine" }), await corom.score("裤", scaled(by), { metric: "cosine" })];
        assertClose([other], [usual], 1e-5, `cosine at ${by}`);
      }
    });

    test("an object that is no list of numbers is no vector", async () => {
      const { 5: fifth, ...rest } = { ...vectors.row(0) };
      for (const value of [{ ...rest, [corom.info.dimension]: fifth }, { ...rest, x: fifth }, { 0: 1, 2: 5 }, { 0: 1, length: 1 }])
        await failsWith("INVALID_ARGUMENT", corom.rank(value, vectors), "query: got an object");
      assert.deepEqual(await corom.rank({ ...vectors.row(0) }, vectors), await corom.rank(vectors.row(0), vectors));
    });

    test("an argument that cannot be read rejects, and throws nothing", async () => {
      const { proxy, revoke } = Proxy.revocable([], {});
      revoke();
      const thrower = new Proxy({}, { has: () => { throw new Error("mine"); }, get: () => { throw new Error("mine"); } });
      const lengthless = new Proxy([], { get: () => { throw new Error("mine"); } });
      for (const value of [proxy, thrower, lengthless]) {
        for (const call of [() => corom.embed(value), () => corom.rank("裤", value), () => corom.score(value, ["裤"]), () => corom.keep(value), () => corom.tokenize(value), () => corom.embed("裤", value)]) {
          const promise = call();
          await failsWith("INVALID_ARGUMENT", promise);
        }
      }
      for (const value of [1n, NaN, -0, Symbol("a"), new String("裤"), Object.create(null), [["裤"]], [,"裤"], new Map(), () => {}])
        await failsWith("INVALID_ARGUMENT", async () => (value instanceof Map ? (await corom.embed(new Map([[1, 2]])).next()) : corom.embed(value)));
      const options = Object.freeze(Object.assign(Object.create(null), { topK: -0, metric: null }));
      assert.deepEqual(await corom.rank("裤", TEXTS, options), []);
    });

    test("results survive a structured clone and IndexedDB's algorithm, and go back in", async () => {
      const stored = structuredClone({ vectors, ranked: await corom.rank("裤", TEXTS), tokens: await corom.tokenize("裤"), info: corom.info });
      assert.deepEqual(await corom.rank("裤", stored.vectors), await corom.rank("裤", vectors));
      assert.deepEqual(stored.ranked, await corom.rank("裤", TEXTS));
      assert.equal(stored.info.dimension, corom.info.dimension);
    });
  });
}
