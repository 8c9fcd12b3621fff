// `corom/worker` in Node gives the same results as the class on the calling thread, for every kind of argument.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { Corom as InWorker, CoromError as ErrorInWorker } from "corom/worker";
import { serve } from "../../pkg/lib/worker/thread.js";
import { Corom, CoromError, failsWith } from "./support/corom.mjs";
import { MODEL_FILES, PKG, exportFolder, filesOf, golden } from "./support/paths.mjs";
import { fromFiles, serveWith } from "./support/server.mjs";

const FOLDER = exportFolder("legacy-op14");
const { texts: TEXTS, max_length: maxLength } = golden("legacy-op14");
const OPTIONS = { pooling: "cls", maxLength };
const [QUERY, ...DOCUMENTS] = TEXTS;

/** The vectors of the class on this thread. */
let expected;
before(async () => {
  const corom = await Corom.load(FOLDER, OPTIONS);
  expected = (await corom.embed(TEXTS)).data;
  corom.free();
});

async function works(corom) {
  assert.deepEqual((await corom.embed(TEXTS)).data, expected);
}

describe("Corom in a worker", () => {
  let here, there;
  before(async () => {
    here = await Corom.load(FOLDER, OPTIONS);
    there = await InWorker.load(FOLDER, OPTIONS);
  });
  after(() => [here, there].forEach((corom) => corom.free()));

  test("gives the same results as the class on this thread", async () => {
    for (const call of [
      (corom) => corom.embed(TEXTS),
      (corom) => corom.embed(QUERY),
      (corom) => corom.embed([]),
      (corom) => corom.score(QUERY, DOCUMENTS, { metric: "cosine" }),
      (corom) => corom.score(QUERY, []),
      (corom) => corom.rank(QUERY, DOCUMENTS, { topK: 3, metric: "l2" }),
      (corom) => corom.rank(QUERY, DOCUMENTS, { topK: Infinity }),
      (corom) => corom.rank(QUERY, []),
      (corom) => corom.tokenize("😀阔腿裤 iPhone\ud800"),
    ]) {
      assert.deepEqual(await call(there), await call(here), String(call));
    }
    const { wasmMemory, workers, workerMemory, ...facts } = there.info;
    assert.deepEqual({ ...facts, wasmMemory: here.info.wasmMemory }, { ...here.info });
    assert.ok(Object.isFrozen(there.info) && wasmMemory > 1 << 20);
    assert.equal((await there.embed(TEXTS)).row(1).length, there.info.dimension);
    assert.equal(ErrorInWorker, CoromError);
  });

  test("rejects the same arguments with the same errors", async () => {
    for (const call of [
      (corom) => corom.embed(5),
      (corom) => corom.embed([Symbol("a")]),
      (corom) => corom.embed("a", { signal: 5 }),
      (corom) => corom.embed("a", { abortPrevious: "yes" }),
      (corom) => corom.embed("裤", { prompt: "unknown" }), // rejected in the worker
      (corom) => corom.score("a", "b"),
      (corom) => corom.score("a", ["b"], { metric: "cos" }),
      (corom) => corom.rank("a", ["b"], { topK: -1 }),
      (corom) => corom.rank("a", ["b"], { topk: 1 }),
      (corom) => corom.tokenize(() => {}),
    ]) {
      const { message } = await failsWith("INVALID_ARGUMENT", call(here));
      assert.equal((await failsWith("INVALID_ARGUMENT", call(there))).message, message);
    }
    await failsWith("INVALID_ARGUMENT", async () => new InWorker(), "Corom.load");
    await works(there);
  });

  test("runs calls in order, and copies the list that it is given", async () => {
    const done = [];
    const list = [...TEXTS];
    const first = there.embed(list).then(({ data }) => (done.push(1), data));
    list.length = 0;
    await Promise.all([
      first,
      there.tokenize("裤").then(() => done.push(2)),
      failsWith("INVALID_ARGUMENT", there.embed([1])),
      there.rank(QUERY, DOCUMENTS).then(() => done.push(3)),
    ]);
    assert.deepEqual(done, [1, 2, 3]);
    assert.deepEqual(await first, expected);
  });
});

test("the worker transfers vectors instead of copying them", async () => {
  const { port1, port2 } = new MessageChannel();
  const sent = [];
  const thread = {
    postMessage(message, handed) {
      port2.postMessage(message, handed);
      sent.push(message);
    },
    set onmessage(listener) {
      port2.onmessage = listener;
    },
  };
  const ask = (question) =>
    new Promise((resolve) => {
      port1.onmessage = ({ data }) => data.answer && resolve(data.answer);
      port1.postMessage(question);
    });
  await serve({ Corom }, thread);
  const record = (object) => ({ object: Object.entries(object).map(([key, value]) => [key, { value }]) });
  const { error } = await ask({ load: { name: "Corom", source: { value: FOLDER }, options: record(OPTIONS) } });
  assert.equal(error, undefined);
  for (const [method, args, vectorsOf] of [
    ["embed", [TEXTS], (value) => [value.data]],
    ["embed", [[QUERY]], (value) => [value.data]],
    ["embed", [[QUERY]], (value) => [value.data]], // from the cache
    ["score", [{ text: QUERY }, { texts: DOCUMENTS }, "dot"], (value) => [value]],
  ]) {
    const { value } = await ask({ call: { method, args } });
    const received = vectorsOf(value);
    assert.ok(received.every((vector) => vector instanceof Float32Array && vector.length > 0));
    const left = vectorsOf(sent.at(-1).answer.value);
    assert.ok(
      left.every((vector) => vector.buffer.byteLength === 0),
      `${method}: detached`,
    );
    const bytes = received.reduce((sum, vector) => sum + vector.byteLength, 0);
    assert.equal(received[0].buffer.byteLength, bytes, `${method}: the buffer holds nothing else`);
  }
  port1.close();
});

describe("Corom.load in a worker", () => {
  async function loads(source, options) {
    const corom = await InWorker.load(source, { ...OPTIONS, ...options });
    await works(corom);
    corom.free();
  }

  test("loads from a path, a relative path, a URL and a server", async () => {
    await loads(FOLDER);
    await loads(path.relative(process.cwd(), FOLDER));
    await loads(pathToFileURL(FOLDER));
    await loads(path.join(FOLDER, "model.onnx"));
    const server = await serveWith(fromFiles(filesOf(FOLDER, MODEL_FILES)));
    await loads(server.address);
    await loads(new URL(server.address));
    await server.close();
  });

  test("loads every kind of files in memory, and leaves them intact", async () => {
    const files = filesOf(FOLDER, MODEL_FILES);
    await loads(files);
    assert.ok(
      MODEL_FILES.every((name) => files[name].length > 0),
      "no buffer was detached",
    );
    const json = (name) => readFileSync(path.join(FOLDER, name), "utf8");
    await loads(
      new Map([
        ["config.json", json("config.json")],
        ["tokenizer.json", new TextEncoder().encode(json("tokenizer.json")).buffer],
        ["model.onnx", new Blob([files["model.onnx"]])],
      ]),
    );
    const picked = MODEL_FILES.map((name) => new File([files[name]], name));
    await loads(picked);
    picked.forEach((file) => Object.defineProperty(file, "webkitRelativePath", { value: `folder/${file.name}` }));
    await loads(picked);
    const alike = MODEL_FILES.map((name) => ({
      name,
      size: files[name].length,
      arrayBuffer: async () => files[name].slice().buffer,
    }));
    await loads(alike);
    const broken = { name: "config.json", size: 5, arrayBuffer: () => Promise.reject(new Error("gone")) };
    await failsWith("FETCH_FAILED", InWorker.load([...alike, broken]), "config.json", "gone");
  });

  test("takes options.wasm of every kind", async () => {
    const bytes = readFileSync(path.join(PKG, "wasm/corom.wasm"));
    const url = pathToFileURL(path.join(PKG, "wasm/corom.wasm"));
    for (const wasm of [
      bytes,
      url,
      url.href,
      await WebAssembly.compile(bytes),
      Promise.resolve(url),
      new Response(bytes),
    ])
      await loads(FOLDER, { wasm });
    const used = new Response(bytes);
    await used.arrayBuffer();
    await failsWith("INVALID_ARGUMENT", InWorker.load(FOLDER, { wasm: used }), "wasm");
    await failsWith("INVALID_ARGUMENT", InWorker.load(FOLDER, { wasm: 5 }), "wasm");
    await failsWith("INVALID_ARGUMENT", InWorker.load(FOLDER, { wasm: new Response("", { status: 404 }) }));
    const error = await failsWith("FETCH_FAILED", InWorker.load(FOLDER, { wasm: Promise.reject(new Error("no")) }));
    assert.equal(error.cause.message, "no");
  });

  test("reports the same progress", async () => {
    const events = { here: [], there: [] };
    for (const [where, Class] of [
      ["here", Corom],
      ["there", InWorker],
    ]) {
      const wasm = await WebAssembly.compile(readFileSync(path.join(PKG, "wasm/corom.wasm")));
      const files = filesOf(FOLDER, MODEL_FILES);
      const corom = await Class.load(files, { wasm, onProgress: (event) => events[where].push(event) });
      corom.free();
    }
    assert.ok(events.here.length >= 5);
    // Files are transferred side by side, so their order, and with it the sums and rates, may differ. The total is known
    // when the last file begins.
    const facts = (list) => list.map(({ loaded, total, rate, ...event }) => JSON.stringify(event)).sort();
    assert.deepEqual(facts(events.there), facts(events.here));
    assert.deepEqual(events.there.at(-1), events.here.at(-1));
  });

  test("rejects with what onProgress throws", async () => {
    const mine = new Error("mine");
    const onProgress = ({ phase }) => {
      if (phase === "pack") throw mine;
    };
    await assert.rejects(InWorker.load(FOLDER, { onProgress }), mine);
  });

  test("rejects with the code, message and cause that the class on this thread gives", async () => {
    const here = await failsWith("MISSING_FILE", Corom.load("/nowhere/model"));
    const there = await failsWith("MISSING_FILE", InWorker.load("/nowhere/model"));
    assert.equal(there.message, here.message);
    assert.deepEqual(
      [there.cause.name, there.cause.message, there.cause.code],
      ["Error", here.cause.message, "ENOENT"],
    );
    for (const source of [undefined, null, 5, "", () => {}, [], {}, new Map(), Symbol("a"), new Uint8Array(5)])
      await failsWith("INVALID_ARGUMENT", InWorker.load(source), "source");
    for (const [name, values] of Object.entries({
      maxLength: [1],
      worker: [5, {}],
      abortTimeout: [-1, NaN, "5"],
      queryCache: [-1, 1.5],
      advanced: [{ gpu: { requestAdapter: () => {} } }],
    }))
      for (const value of values) await failsWith("INVALID_ARGUMENT", InWorker.load(FOLDER, { [name]: value }), name);
    for (const options of [5, "a"]) await failsWith("INVALID_ARGUMENT", InWorker.load(FOLDER, options), "options");
  });

  test("takes the address of the caller's worker script", async () => {
    const script = pathToFileURL(path.join(PKG, "worker-thread-node.js"));
    for (const worker of [script, script.href]) (await InWorker.load(FOLDER, { worker })).free();
  });

  test("rejects with a code if no worker starts", async () => {
    const worker = new URL("./no-such-thread.js", import.meta.url);
    const error = await failsWith("FETCH_FAILED", InWorker.load(FOLDER, { worker }), "worker's script");
    assert.match(error.cause.message, /no-such-thread/);
    await failsWith("INVALID_ARGUMENT", InWorker.load(FOLDER, { worker: () => ({}) }), "worker");
    const refuse = () => {
      throw new Error("not here");
    };
    await failsWith("UNSUPPORTED_HOST", InWorker.load(FOLDER, { worker: refuse }), "not here");
  });
});

test("an idle instance in a worker does not keep the program running, whatever its flags", () => {
  const program = `
    import { Corom } from ${JSON.stringify(pathToFileURL(path.join(PKG, "worker-node.js")).href)};
    const corom = await Corom.load(${JSON.stringify(FOLDER)});
    console.log((await corom.embed(["裤"])).rows);`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
    encoding: "utf8",
    timeout: 60_000,
  });
  assert.equal(status, 0, stderr);
  assert.equal(stdout, "1\n");
});
