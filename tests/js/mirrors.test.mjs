// Corom.load from several mirrors, and with the caller's own fetch function.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { Corom as InWorker } from "corom/worker";
import { Corom, CoromError, failsWith } from "./support/corom.mjs";
import { faultServer } from "./support/fault-server.mjs";
import { MODEL, NAMES, SHARD, loadsRight, warningsOf, withFolder } from "./support/loading.mjs";
import { MODEL_FILES, exportFolder, filesOf, golden } from "./support/paths.mjs";

const { files } = MODEL;

describe("Corom.load from mirrors", () => {
  let first;
  let second;
  before(async () => ([first, second] = [await faultServer(files), await faultServer(files)]));
  after(() => Promise.all([first.close(), second.close()]));
  /** Sets the faults of both servers, forgets earlier requests and returns the addresses. */
  const begin = (fault1, fault2) => {
    first.take();
    second.take();
    Object.assign(first, { fault: fault1, files });
    Object.assign(second, { fault: fault2, files });
    return [first.address, second.address];
  };

  test("asks them in order, and the second only for files that the first cannot serve", async () => {
    await loadsRight(begin());
    assert.deepEqual([first.take().length, second.take().length], [NAMES.length, 0]);
    await loadsRight(begin(({ name }) => (name === SHARD ? { status: 404 } : undefined)).map((each) => new URL(each)));
    assert.deepEqual(
      second.take().map(({ name }) => name),
      [SHARD],
    );
  });

  test("uses the second if the first is down, sends pages, errors or damaged bytes, or lacks the manifest", async () => {
    for (const fault of [
      { gone: true },
      { page: true },
      { status: 401 },
      { status: 403 },
      { status: 404 },
      { status: 500 },
      { redirect: true },
      { damage: 3 },
    ]) {
      await loadsRight(
        begin(() => fault),
        { retries: 1 },
      );
      assert.ok(second.take().length >= NAMES.length - 2, JSON.stringify(fault)); // two small files were already requested
      assert.ok(first.take().length <= 12, "a mirror that failed is not asked for every file again");
    }
  });

  test("continues a file on the second mirror where the first cut it off", async () => {
    await loadsRight(
      begin(({ name, count }) => name === SHARD && (count ? { gone: true } : { cut: 9000 })),
      { retries: 1 },
    );
    const [{ range, ifRange, sent }] = second.take();
    assert.deepEqual([range, ifRange, sent], ["bytes=9000-", undefined, files[SHARD].length - 9000]);
    // If the second mirror has another file, its hash does not match.
    const other = Uint8Array.from(files[SHARD], (byte) => byte ^ 1);
    const [a, b] = begin(
      ({ name, count }) => name === SHARD && (count ? { gone: true } : { cut: 9000 }),
      ({ name }) => name === SHARD && { other },
    );
    await failsWith("FETCH_FAILED", Corom.load([a, b], { retries: 0 }), "other mirrors", "SHA-256");
  });

  test("names every mirror if all fail, and rejects with MISSING_FILE if all lack a file", async () => {
    const all = begin(
      () => ({ status: 503 }),
      () => ({ page: true }),
    );
    const error = await failsWith("FETCH_FAILED", Corom.load(all, { retries: 0 }), "503");
    assert.ok(error.message.startsWith(first.address), error.message);
    await failsWith(
      "NOT_A_MODEL",
      Corom.load(
        begin(
          () => ({ page: true }),
          () => ({ page: true }),
        ),
      ),
    );
    await failsWith(
      "MISSING_FILE",
      Corom.load(
        begin(
          () => ({ status: 404 }),
          () => ({ status: 404 }),
        ),
      ),
    );
    await failsWith(
      "MISSING_FILE",
      Corom.load(begin(...Array(2).fill(({ name }) => name === SHARD && { status: 404 }))),
      SHARD,
    );
  });

  test("never mixes mirrors for a model without hashes", async () => {
    const names = MODEL_FILES.filter((name) => name !== "tokenizer_config.json");
    const plain = filesOf(exportFolder("legacy-op14"), names);
    const { texts, vectors, max_length, tolerance } = golden("legacy-op14");
    const model = { texts, vectors: vectors.cls, tolerance };
    const options = { maxLength: max_length, pooling: "cls", retries: 0 };
    begin();
    first.files = second.files = plain;
    await loadsRight([first.address, second.address], options, model);
    assert.deepEqual(
      second
        .take()
        .map(({ name }) => name)
        .filter((name) => names.includes(name)),
      [],
    );
    first.fault = ({ name }) => name === "model.onnx" && { status: 500 };
    // config.json and tokenizer.json are the first mirror's.
    await failsWith("FETCH_FAILED", Corom.load([first.address, second.address], options), "500");
    first.fault = () => ({ gone: true });
    await loadsRight([first.address, second.address], options, model);
    // A file that the first mirror is still sending keeps the others on that mirror.
    first.fault = ({ name }) => ({ "model.onnx": { status: 500 }, "config.json": { slow: 50 }, "tokenizer.json": { slow: 50 } })[name];
    await failsWith("FETCH_FAILED", Corom.load([first.address, second.address], options), "500");
    first.fault = () => ({ cut: 5 });
    await loadsRight([first.address, second.address], options, model);
    // A file that one mirror lacks may exist on the mirror that is busy.
    first.fault = () => ({ status: 404 });
    second.fault = ({ name }) => name === "1_Pooling/config.json" && { status: 503 };
    await failsWith("FETCH_FAILED", Corom.load([first.address, second.address], options), "503");
  });

  test("without hashes, continues a cut file only if its strong ETag matches", async (t) => {
    const plain = filesOf(exportFolder("legacy-op14"), MODEL_FILES);
    const { texts, vectors, max_length, tolerance } = golden("legacy-op14");
    const model = { texts, vectors: vectors.cls, tolerance };
    const options = { maxLength: max_length, pooling: "cls" };
    begin();
    first.files = plain;
    for (const [flavour, ranges] of [
      [{}, [undefined, "bytes=70000-"]],
      [{ noTag: true }, [undefined, undefined]],
      [{ weak: true }, [undefined, undefined]],
    ]) {
      first.take();
      first.fault = ({ name, count }) => name === "model.onnx" && { ...flavour, cut: count ? undefined : 70_000 };
      await loadsRight(first.address, options, model);
      assert.deepEqual(
        first
          .take()
          .filter(({ name }) => name === "model.onnx")
          .map(({ range }) => range),
        ranges,
      );
    }
    // A server may answer a range with a part of it; the rest is requested until the file is whole.
    first.take();
    first.fault = ({ name, count }) => name === "model.onnx" && (count ? { part: 5000 } : { cut: 70_000 });
    await loadsRight(first.address, options, model);
    const parts = first.take().filter(({ name }) => name === "model.onnx");
    assert.deepEqual(parts.slice(0, 3).map(({ range }) => range), [undefined, "bytes=70000-", "bytes=75000-"]);
    assert.ok(parts.length > 10);
    assert.equal(parts.reduce((sum, { sent }) => sum + sent, 0), plain["model.onnx"].length);
    // A newer version of the file is downloaded whole.
    first.take();
    const newer = { other: plain["model.onnx"], tag: '"newer"' };
    first.fault = ({ name, count }) => name === "model.onnx" && (count ? newer : { cut: 70_000 });
    await loadsRight(first.address, options, model);
    // So it is in a browser that may not send If-Range: the ETag of the answer decides, or there is none.
    globalThis.isSecureContext = false;
    t.after(() => delete globalThis.isSecureContext);
    for (const last of [newer, { ...newer, noTag: true }]) {
      first.take();
      const faults = [{ cut: 70_000 }, { gone: true }, last, newer];
      first.fault = ({ name, count }) => name === "model.onnx" && faults[count];
      await loadsRight(first.address, options, model);
      const asked = first.take().filter(({ name }) => name === "model.onnx");
      assert.deepEqual(
        asked.map(({ range, ifRange }) => [range, ifRange !== undefined]),
        [
          [undefined, false],
          ["bytes=70000-", true],
          ["bytes=70000-", false],
          [undefined, false],
        ],
      );
    }
  });

  test("keeps no manifest that was cut off and then is missing", async () => {
    begin(({ name, count }) => name === "corom.json" && (count ? { status: 404 } : { cut: 30 }));
    first.files = { ...filesOf(exportFolder("legacy-op14"), MODEL_FILES), "corom.json": files["corom.json"] };
    await withFolder(async (cacheDir) => {
      (await Corom.load(first.address, { cacheDir })).free();
      // Without a manifest, the folder is kept as one without corom.json.
      assert.equal((await Corom.cache.size({ cacheDir })).files, MODEL_FILES.length);
      const [record] = readdirSync(path.join(cacheDir, "manifests"));
      const { missing } = JSON.parse(readFileSync(path.join(cacheDir, "manifests", record), "utf8"));
      assert.ok(missing.includes("corom.json"));
    });
  });

  test("rejects lists that cannot be mirrors with INVALID_ARGUMENT", async () => {
    await failsWith("INVALID_ARGUMENT", Corom.load([`${first.address}model.onnx`, second.address]), "mirrors");
    await failsWith("INVALID_ARGUMENT", Corom.load([first.address, "no address"]), "no address");
    await failsWith("INVALID_ARGUMENT", Corom.load([first.address, "file:///model/"]), "file:///model/");
    await failsWith("INVALID_ARGUMENT", Corom.load([first.address, 5]), "source[1]");
    await failsWith("INVALID_ARGUMENT", Corom.load([]), "source is empty");
  });

  test("uses the cached manifest if no mirror answers", async () => {
    await withFolder(async (cacheDir) => {
      await loadsRight(begin(), { cacheDir });
      const events = await loadsRight(
        begin(
          () => ({ gone: true }),
          () => ({ status: 503 }),
        ),
        { cacheDir, retries: 0 },
      );
      assert.deepEqual(warningsOf(events), ["OFFLINE"]);
    });
  });
});

describe("Corom.load with options.fetch", () => {
  const base = "https://models.example/corom/";
  const stored = new Map(Object.entries(files).map(([name, bytes]) => [base + name, bytes]));
  const fromStore = (url) => (stored.has(url) ? new Response(stored.get(url)) : new Response(null, { status: 404 }));

  test("requests every file with it, and takes any kind of body", async () => {
    const seen = [];
    await loadsRight(base, {
      fetch(url, init) {
        seen.push(url.slice(base.length));
        assert.ok(init.signal instanceof AbortSignal);
        return fromStore(url);
      },
    });
    assert.deepEqual(seen.sort(), [...NAMES].sort());
    await loadsRight(base, { fetch: async (url) => new Response(new Blob([stored.get(url)])) });
    // A body that is no web stream is read whole.
    const { status, headers } = new Response();
    await loadsRight(base, {
      fetch: (url) => ({ status, headers, body: {}, arrayBuffer: async () => stored.get(url).slice().buffer }),
    });
    const without = (url) => (url.endsWith("corom.json") ? new Response(null, { status: 404 }) : fromStore(url));
    await loadsRight(base, { fetch: without, maxLength: 32, pooling: "cls" });
  });

  test("passes it the range to continue at, and lets it add headers", async () => {
    const server = await faultServer(files, ({ name, count }) => name === SHARD && count === 0 && { cut: 5000 });
    const asked = [];
    await withFolder((cacheDir) =>
      loadsRight(server.address, {
        cacheDir,
        fetch(url, init) {
          asked.push([url.slice(server.address.length), init.headers.range]);
          return fetch(url, { ...init, headers: { ...init.headers, authorization: "Bearer abc" } });
        },
      }),
    );
    assert.deepEqual(
      asked.filter(([name]) => name === SHARD),
      [
        [SHARD, undefined],
        [SHARD, "bytes=5000-"],
      ],
    );
    await server.close();
  });

  test("retries if it throws, then rejects with its error as the cause; a CoromError ends the load at once", async () => {
    let calls = 0;
    await loadsRight(base, {
      fetch(url) {
        if (++calls < 3) throw new Error("not yet");
        return fromStore(url);
      },
    });
    const cause = new Error("no key");
    const fails = () => {
      throw cause;
    };
    const error = await failsWith("FETCH_FAILED", Corom.load(base, { fetch: fails, retries: 0 }), "no key");
    assert.equal(error.cause, cause);
    calls = 0;
    const own = async () => {
      calls++;
      throw new CoromError("FETCH_FAILED", "forbidden to you", { cause });
    };
    await failsWith("FETCH_FAILED", Corom.load(base, { fetch: own }), "forbidden to you");
    assert.equal(calls, 1);
  });

  test("rejects if it returns no Response, never settles, or sends something other than bytes", async () => {
    for (const wrong of [undefined, null, new Uint8Array(9), "text", {}])
      await failsWith("INVALID_ARGUMENT", Corom.load(base, { fetch: () => wrong }), "Response");
    await failsWith("INVALID_ARGUMENT", Corom.load(base, { fetch: "https://proxy.example/" }), "fetch");
    await loadsRight(base, { fetch: fromStore, stallTimeout: 2 ** 32 - 1 });
    await loadsRight(base, { fetch: fromStore, stallTimeout: Infinity });
    const never = () => new Promise(() => {});
    await failsWith("FETCH_FAILED", Corom.load(base, { fetch: never, stallTimeout: 50, retries: 1 }), "0.05 s");
    await assert.rejects(Corom.load(base, { fetch: never, signal: AbortSignal.timeout(50) }), { name: "TimeoutError" });
    const text = () => new Response(new ReadableStream({ start: (controller) => controller.enqueue("text") }));
    const wrong = (url) => Object.defineProperty(fromStore(url), "body", { value: text().body });
    await failsWith("FETCH_FAILED", Corom.load(base, { fetch: wrong }), "Uint8Array");
    let cancelled = 0;
    const page = () =>
      new Response(
        new ReadableStream({
          pull: (controller) => controller.enqueue(new TextEncoder().encode("<!doctype html>")),
          cancel: () => void cancelled++,
        }),
      );
    await failsWith("NOT_A_MODEL", Corom.load(base, { fetch: page }));
    assert.ok(cancelled >= 2, "streams that are not read to the end are cancelled");
    const silent = () => new Response(new ReadableStream({ pull: () => new Promise(() => {}) }));
    await assert.rejects(Corom.load(base, { fetch: silent, signal: AbortSignal.timeout(50) }), {
      name: "TimeoutError",
    });
  });
});

test("Corom.load and Corom.cache reject invalid options with INVALID_ARGUMENT or UNSUPPORTED_HOST", async () => {
  for (const [options, mention] of [
    [{ cache: "disk" }, "cache"],
    [{ cache: true }, "cache"],
    [{ cacheDir: "" }, "cacheDir"],
    [{ cacheDir: 5 }, "cacheDir"],
    [{ cache: "opfs", cacheDir: "/tmp" }, "cacheDir"],
    [{ retries: -1 }, "retries"],
    [{ retries: 1.5 }, "retries"],
    [{ stallTimeout: 0 }, "stallTimeout"],
    [{ stallTimeout: "1 s" }, "stallTimeout"],
  ])
    await failsWith("INVALID_ARGUMENT", Corom.load("http://127.0.0.1:9/", options), mention);
  for (const cache of ["opfs", "cache-api"])
    await failsWith("UNSUPPORTED_HOST", Corom.load("http://127.0.0.1:9/", { cache }), cache);
  for (const cacheDir of [undefined, "", 5, null])
    for (const visit of [Corom.cache.size, Corom.cache.clear])
      await failsWith("INVALID_ARGUMENT", visit({ cacheDir }), "cacheDir");
  // The test runner fails on a rejection that nobody handles.
  for (const Class of [Corom, InWorker])
    await failsWith("INVALID_ARGUMENT", Class.load("x", { maxLength: 1, wasm: Promise.reject(new Error("mine")) }));
  await failsWith("INVALID_ARGUMENT", Corom.cache.clear(null), "cacheDir");
});
