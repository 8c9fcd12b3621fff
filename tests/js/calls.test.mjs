// Options, progress, iterables and portions of calls, with both classes.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Corom as InWorker } from "corom/worker";
import { Engine } from "../../pkg/lib/engine.js";
import { Corom, failsWith } from "./support/corom.mjs";
import { exportFolder, golden } from "./support/paths.mjs";

const FOLDER = exportFolder("legacy-op14");
const { texts: TEXTS, max_length: maxLength } = golden("legacy-op14");
const OPTIONS = { pooling: "cls", maxLength };
const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
/** More texts than fit into a portion. */
const MANY = Array.from({ length: 2100 }, (_, i) => `裤${i}`);

for (const [name, Class] of [["corom", Corom], ["corom/worker", InWorker]]) {
  describe(`the calls of ${name}`, () => {
    let corom;
    before(async () => (corom = await Class.load(FOLDER, OPTIONS)));
    after(() => corom.free());

    test("reject an option that does not exist and say what to write instead", async () => {
      const wrong = (call, options, ...mentions) => failsWith("INVALID_ARGUMENT", call(options), ...mentions);
      const embed = (options) => corom.embed("裤", options);
      const rank = (options) => corom.rank("裤", ["裤"], options);
      await wrong(embed, { pooling: "mean", normalize: true }, "pooling", 'Corom.load(source, { pooling: "mean" })');
      await wrong(embed, { normalize: false }, "Corom.load(source, { normalize: false })");
      await wrong(embed, { sginal: AbortSignal.timeout(1) }, "did you mean signal?");
      await wrong(embed, { abort_previous: true }, "did you mean abortPrevious?");
      await wrong(embed, { batchSize: 5 }, "batchSize", "iterable");
      await wrong(embed, { dimensions: 256 }, "info.dimension");
      await wrong(embed, { topK: 5 }, "an option of rank");
      await wrong(embed, { zzzzzzzzzz: 5 }, "signal, abortPrevious, prompt, onProgress");
      await wrong(rank, { topk: 5 }, "did you mean topK?");
      await wrong(rank, { top_k: 5 }, "topK");
      await wrong(rank, { metrik: "dot" }, "did you mean metric?");
      await wrong(rank, { prompt: "query" }, "an option of embed");
      await wrong((options) => corom.score("裤", ["裤"], options), { topK: 1 }, "an option of rank");
      await wrong((options) => corom.tokenize("裤", options), { onProgress: () => {} }, "signal, abortPrevious");
      await wrong(async (options) => corom.embed(new Set(), options).next(), { batchsize: 5 }, "did you mean batchSize?");
      await wrong(async (options) => corom.embed(new Set(), options).next(), { batchSize: 0 }, "batchSize");
      await wrong(async (options) => corom.embed(new Set(), options).next(), { abortPrevious: true }, "abortPrevious");
    });

    test("take null and undefined as not given", async () => {
      const nothing = { signal: null, abortPrevious: null, onProgress: null };
      const vector = await corom.embed("裤");
      for (const options of [null, undefined, { ...nothing, prompt: null, pooling: undefined, unknown: null }])
        assert.deepEqual(await corom.embed("裤", options), vector);
      const ranked = await corom.rank("裤", TEXTS);
      for (const options of [null, { ...nothing, topK: null, metric: null }, { topK: Number.MAX_SAFE_INTEGER }])
        assert.deepEqual(await corom.rank("裤", TEXTS, options), ranked);
      assert.deepEqual(await corom.tokenize("裤", { signal: null }), await corom.tokenize("裤"));
      for await (const part of corom.embed(new Set(["裤"]), { ...nothing, abortPrevious: null, batchSize: null }))
        assert.deepEqual(part.row(0), vector);
      (await Class.load(FOLDER, { ...OPTIONS, signal: null, dtype: null, quality: null, advanced: null })).free();
    });

    test("report what an argument throws as INVALID_ARGUMENT", async () => {
      const thrower = { get: () => { throw new Error("mine"); }, enumerable: true };
      const hostile = (name) => Object.defineProperty({}, name, thrower);
      const list = Object.defineProperty(["裤"], 0, thrower);
      for (const call of [
        () => corom.embed("裤", hostile("signal")),
        () => corom.embed("裤", hostile("unknown")),
        () => corom.embed("裤", { prompt: hostile("name") }),
        () => corom.embed(list),
        () => corom.rank("裤", list),
        () => corom.rank("裤", [hostile("0"), [1]]),
        () => corom.tokenize("裤", new Proxy({}, { ownKeys: thrower.get })),
      ]) {
        const { cause } = await failsWith("INVALID_ARGUMENT", call, "mine");
        assert.equal(cause.message, "mine", String(call));
      }
    });

    test("work on a Proxy of the instance and apart from it", async () => {
      const proxy = new Proxy(corom, {});
      const { embed, score, rank, tokenize } = proxy;
      const vector = await corom.embed("裤");
      assert.deepEqual(await proxy.embed("裤"), vector);
      assert.deepEqual(await embed("裤"), vector);
      assert.equal((await score("裤", TEXTS)).length, TEXTS.length);
      assert.equal((await rank("裤", TEXTS)).length, TEXTS.length);
      assert.equal((await tokenize("裤")).ids.length, 3);
      for await (const part of proxy.embed(new Set(["裤"]))) assert.equal(part.rows, 1);
      assert.equal(proxy.info.dimension, 32);
      assert.deepEqual(Object.keys(corom), ["info"], "the methods are not enumerable");
    });

    test("can be replaced in the class and in the instance", async (t) => {
      t.mock.method(Class.prototype, "tokenize", async () => "of the class");
      assert.equal(await corom.tokenize("裤"), "of the class");
      t.mock.method(corom, "tokenize", async () => "of the instance");
      assert.equal(await new Proxy(corom, {}).tokenize("裤"), "of the instance");
      t.mock.restoreAll();
      assert.equal((await corom.tokenize("裤")).ids.length, 3);
    });

    test("give the vectors of all portions in order, with their report", async () => {
      const whole = await corom.embed(MANY);
      assert.equal(whole.rows, MANY.length);
      for (const i of [0, 1023, 1024, 2047, 2048, 2099]) {
        const [row] = await corom.embed([MANY[i]]);
        assert.deepEqual(whole.row(i), row, MANY[i]);
        assert.equal(whole.tokens[i], (await corom.tokenize(MANY[i])).ids.length);
      }
      const scores = await corom.score("裤", MANY);
      assert.deepEqual(scores, await corom.score("裤", whole));
      const best = await corom.rank("裤2048", MANY, { topK: 1, metric: "l2" });
      assert.deepEqual(best.map(({ index, score }) => [index, score]), [[2048, 0]]);
    });

    test("report progress up to the last text", async () => {
      for (const [call, total] of [
        [(options) => corom.embed(MANY, options), MANY.length],
        [(options) => corom.score("裤", MANY, options), MANY.length],
        [(options) => corom.rank("裤", [...MANY], options), MANY.length],
        [(options) => corom.embed("裤", options), 1],
      ]) {
        const events = [];
        await call({ onProgress: (event) => events.push(event) });
        assert.ok(events.length >= 1 && (total === 1 || events.length > 1), `${events.length} events`);
        assert.deepEqual([events.at(-1).done, events.at(-1).total], [total, total]);
        for (const [i, { done, rate, secondsLeft }] of events.entries()) {
          assert.ok(done > (events[i - 1]?.done ?? 0) && done <= total);
          if (rate === undefined) continue;
          assert.ok(Math.abs(secondsLeft - (total - done) / rate) < 1e-9);
        }
      }
    });

    test("reject with what onProgress throws, and work afterwards", async () => {
      const mine = new Error("mine");
      let calls = 0;
      const onProgress = () => {
        calls++;
        throw mine;
      };
      await assert.rejects(corom.embed(MANY, { onProgress }), mine);
      await assert.rejects(corom.rank("裤", MANY, { onProgress }), mine);
      await assert.rejects(corom.embed(new Set(MANY), { onProgress }).next(), mine);
      assert.equal(calls, 3, "the first event ends each call");
      assert.equal((await corom.embed(["裤"])).rows, 1);
    });

    test("use one listener of a signal, however many calls use it", async () => {
      const warnings = [];
      const listen = (warning) => warnings.push(warning);
      process.on("warning", listen);
      const controller = new AbortController();
      const { signal } = controller;
      const calls = Array.from({ length: 20 }, () => corom.embed(["裤", "手机"], { signal }));
      await Promise.all(calls);
      const rejected = Array.from({ length: 20 }, () =>
        assert.rejects(corom.embed(MANY, { signal }), { name: "AbortError" }),
      );
      controller.abort();
      await Promise.all(rejected);
      await later(0);
      process.off("warning", listen);
      assert.deepEqual(warnings, []);
    });

    test("cut one long text among others", async () => {
      const long = ["😀", "ไทย", "aGVsbG8gd29ybGQ+/", "#"].map((unit) => unit.repeat(6e5 / unit.length));
      const ranked = await corom.rank("裤", [...TEXTS, ...long]);
      assert.equal(ranked.length, TEXTS.length + long.length);
    });

    test("embed checks the size of the result first", async () => {
      // No text is read before: the list has none.
      await failsWith("OUT_OF_MEMORY", corom.embed(Array(2 ** 25 + 1)), "4.3 GB", "iterable");
      assert.equal((await corom.embed(["裤"])).rows, 1);
    });
  });

  describe(`embed of ${name} with an iterable`, () => {
    let corom;
    let expected;
    before(async () => {
      corom = await Class.load(FOLDER, OPTIONS);
      expected = await corom.embed(MANY.slice(0, 10));
    });
    after(() => corom.free());

    /** Yields the texts one by one, and notes what happens. */
    async function* texts(count, log = []) {
      try {
        for (let i = 0; i < count; i++) {
          log.push(i);
          yield MANY[i % MANY.length];
        }
      } finally {
        log.push("closed");
      }
    }

    test("yields Embeddings of batchSize texts", async () => {
      for (const make of [() => texts(10), () => new Set(MANY.slice(0, 10)), () => MANY.slice(0, 10).values()]) {
        const parts = [];
        for await (const part of corom.embed(make(), { batchSize: 4 })) parts.push(part);
        assert.deepEqual(parts.map(({ rows }) => rows), [4, 4, 2]);
        assert.deepEqual(parts.flatMap((part) => [...part]), [...expected]);
        assert.deepEqual(parts.flatMap(({ tokens }) => [...tokens]), [...expected.tokens]);
      }
      for await (const part of corom.embed(texts(0))) assert.fail(`${part.rows} rows`);
    });

    test("reads no more than a batch ahead, and closes the iterable on break", async () => {
      const log = [];
      for await (const part of corom.embed(texts(100, log), { batchSize: 3 })) {
        assert.deepEqual(log, [0, 1, 2]);
        assert.equal(part.rows, 3);
        break;
      }
      assert.equal(log.at(-1), "closed");
    });

    test("reports progress up to the last text, without a total", async () => {
      const events = [];
      const onProgress = (event) => events.push(event);
      for await (const part of corom.embed(texts(10), { batchSize: 3, onProgress })) part.rows;
      const { done, total, secondsLeft } = events.at(-1);
      assert.deepEqual([done, total, secondsLeft], [10, undefined, undefined]);
    });

    test("lets other calls run between two batches", async () => {
      const order = [];
      const iterator = corom.embed(texts(6), { batchSize: 3 });
      await iterator.next();
      const other = corom.embed("手机").then(() => order.push("other"));
      await iterator.next().then(() => order.push("batch"));
      await other;
      assert.deepEqual(order, ["other", "batch"]);
      assert.equal((await iterator.next()).done, true);
    });

    test("ends with the signal's reason, also while the iterable does not answer", async () => {
      const reason = new Error("mine");
      const controller = new AbortController();
      const stuck = { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) };
      const waiting = corom.embed(stuck, { signal: controller.signal }).next();
      setImmediate(() => controller.abort(reason));
      await assert.rejects(waiting, reason);
      await assert.rejects(corom.embed(texts(5), { signal: AbortSignal.abort(reason) }).next(), reason);
      const log = [];
      const running = corom.embed(texts(5000, log), { batchSize: 5000, signal: AbortSignal.timeout(5) });
      await assert.rejects(running.next(), { name: "TimeoutError" });
      await later(0);
      assert.equal(log.at(-1), "closed");
    });

    test("passes on what the iterable throws, and names an item that is no text", async () => {
      const mine = new Error("mine");
      async function* failing() {
        yield "裤";
        throw mine;
      }
      await assert.rejects(corom.embed(failing()).next(), mine);
      const log = [];
      async function* wrong() {
        try {
          yield* ["裤", "裤", 5];
        } finally {
          log.push("closed");
        }
      }
      await failsWith("INVALID_ARGUMENT", corom.embed(wrong()).next(), "item 2 is the number 5");
      assert.deepEqual(log, ["closed"]);
    });

    test("takes flat memory for many texts", async () => {
      let rows = 0;
      let first;
      for await (const part of corom.embed(texts(6000), { batchSize: 500 })) {
        rows += part.rows;
        first ??= corom.info.wasmMemory;
      }
      assert.deepEqual([rows, corom.info.wasmMemory - first < 1 << 20], [6000, true]);
    });

    test("ends with FREED when the instance is freed", async () => {
      const own = await Class.load(FOLDER, OPTIONS);
      const iterator = own.embed(texts(6), { batchSize: 3 });
      await iterator.next();
      own.free();
      await failsWith("FREED", iterator.next());
    });
  });
}

test("Corom.load rejects an option that does not exist and says what to write instead", async () => {
  for (const [options, ...mentions] of [
    [{ maxlength: 32 }, "did you mean maxLength?"],
    [{ max_length: 32 }, "write maxLength"],
    [{ dimensions: 256 }, "info.dimension"],
    [{ quantized: true }, 'dtype: "q8"'],
    [{ device: "cuda" }, '"auto", "wasm" (the CPU) or "webgpu"'],
    [{ kernel: "exact" }, 'quality: "exact"'],
    [{ precision: "f32" }, 'quality: "float"'],
    [{ simd: "plain" }, "advanced: { simd }"],
    [{ progress_callback: () => {} }, "onProgress"],
    [{ revision: "main" }, "corom/hub"],
    [{ quality: "exact", advanced: { kernel: "auto" } }, "advanced.kernel", 'quality: "exact"'],
    [{ quality: "float", advanced: { precision: "auto" } }, "advanced.precision"],
    [{ advanced: { kernels: "exact" } }, "advanced.kernels", "did you mean kernel?"],
    [{ pooling: "mean", poling: "cls" }, "did you mean pooling?"],
  ]) {
    for (const Class of [Corom, InWorker]) await failsWith("INVALID_ARGUMENT", Class.load(FOLDER, options), ...mentions);
  }
  await failsWith("INVALID_ARGUMENT", Corom.load(FOLDER, { abortTimeout: 5 }), "corom/worker");
});

test("score hands over, and keeps, one portion of vectors at a time", async (t) => {
  const { score } = Engine.prototype;
  const sizes = [];
  t.mock.method(Engine.prototype, "score", function (query, portion, ...more) {
    sizes.push(portion.texts.length);
    return score.call(this, query, portion, ...more);
  });
  const corom = await Corom.load(FOLDER, OPTIONS);
  await corom.rank("裤", MANY, { topK: 1 });
  corom.free();
  assert.deepEqual(sizes, [1024, 1024, 52]);
});

test("quality chooses precision and kernel", async () => {
  for (const [options, precision, kernel] of [
    [{ quality: "exact" }, "int8", /^exact$/],
    [{ quality: "float" }, "f32", /./],
    [{ advanced: { precision: "f32" } }, "f32", /./],
    [{ quality: "float", advanced: { precision: "f32", simd: "plain" }, device: "cpu" }, "f32", /./],
    [{}, "int8", /./],
  ]) {
    const corom = await Corom.load(FOLDER, { ...OPTIONS, ...options });
    assert.equal(corom.info.precision, precision, JSON.stringify(options));
    assert.match(corom.info.kernel, kernel);
    if (options.advanced?.simd) assert.equal(corom.info.simd, "plain");
    corom.free();
  }
});
