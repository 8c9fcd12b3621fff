// The .wasm file: downloaded like every other file, and fetched and compiled once.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import * as web from "../../pkg/lib/host-web.js";
import { wasmModule } from "../../pkg/lib/module.js";
import { Corom, failsWith, until } from "./support/corom.mjs";
import { faultServer } from "./support/fault-server.mjs";
import { EXACT, MODEL } from "./support/loading.mjs";
import { PKG } from "./support/paths.mjs";

const REAL = new Uint8Array(readFileSync(path.join(PKG, "wasm/corom.wasm")));
/** A valid module of two megabytes that compiles at once: one custom section. */
const WASM = new Uint8Array(2_000_000);
WASM.set([0, 97, 115, 109, 1, 0, 0, 0, 0, ...leb128(WASM.length - 12), 0]);
const { files } = MODEL;
const requests = () => server.log.map(({ name }) => name);
const progressOf = (events) => events.filter(({ phase }) => phase === "wasm");

let server;
before(async () => (server = await faultServer({})));
after(() => server.close());
let round = 0;
let name;
beforeEach(() => {
  name = `corom-${round++}.wasm`; // a module that an earlier test compiled is not used again
  server.take();
  Object.assign(server, { files: { [name]: WASM, "mirror.wasm": WASM }, fault: undefined });
});
const url = () => server.address + name;

/** Compiles the .wasm file at an address as a load does: as the option `wasm`, and as the file of the package. */
const DEFAULTS = { simd: "auto", retries: 3, stallTimeoutMs: 30_000 };
const WAYS = {
  "options.wasm": (wasm, options) => wasmModule(web, { ...DEFAULTS, ...options, wasm }),
  "the file of the package": (address, options) => wasmModule(hostAt(address), { ...DEFAULTS, ...options }),
};
const hosts = new Map();
function hostAt(address) {
  if (!hosts.has(address)) hosts.set(address, { ...web, binaries: { plain: () => new URL(address) } });
  return hosts.get(address);
}

function leb128(value) {
  return [value & 127 | 128, (value >> 7) & 127 | 128, value >> 14];
}

test("Corom.load gets through breaks and stalls of the .wasm file", async () => {
  server.files = { "corom.wasm": REAL };
  server.fault = ({ count }) => [{ status: 503 }, { cut: REAL.length >> 1 }, { stall: 1000 }][count] ?? {};
  const events = [];
  const options = { ...EXACT, wasm: `${server.address}corom.wasm`, stallTimeout: 300, onProgress: (event) => events.push(event) };
  const models = await Promise.all([Corom.load(files, options), Corom.load(files, options)]);
  assert.ok(requests().length >= 4, "a busy machine may stall once more");
  assert.equal(progressOf(events).at(-1).loaded, REAL.length);
  for (const model of models) model.free();
  server.fault = () => ({ stall: 9 });
  const down = Corom.load(files, { wasm: `${server.address}corom.wasm?2`, stallTimeout: 30, retries: 0 });
  await failsWith("FETCH_FAILED", down, "sent nothing for 0.03 s");
});

for (const [way, load] of Object.entries(WAYS)) {
  describe(`${way} on a server`, () => {
    test("continues at its byte after a connection that breaks, however often", async () => {
      server.fault = ({ count }) => (count < 5 ? { cut: 300_000 + count } : {});
      await load(url(), { retries: 1 });
      const ranges = server.log.map(({ range }) => Number(/\d+/.exec(range ?? "0")[0]));
      assert.equal(ranges.length, 6);
      assert.ok(ranges.slice(1).every((from, i) => from > ranges[i]), String(ranges));
    });

    test("retries a server that is busy, closes connections or stalls", async () => {
      server.fault = ({ count }) => [{ status: 503 }, { gone: true }, { stall: 1000 }][count] ?? {};
      await load(url(), { stallTimeoutMs: 300 });
      assert.ok(requests().length >= 4, "a busy machine may stall once more");
    });

    test("rejects with FETCH_FAILED if the server stalls for good, and works when it answers again", async () => {
      server.fault = () => ({ stall: 500 });
      await failsWith("FETCH_FAILED", load(url(), { stallTimeoutMs: 50, retries: 1 }), "sent nothing for 0.05 s", url());
      assert.equal(requests().length, 2);
      server.fault = undefined;
      await load(url());
    });

    test("requests a damaged file once more, past HTTP caches, and says what is wrong with it", async () => {
      server.fault = ({ count }) => (count === 0 ? { cut: 5000, clean: true, chunked: true } : {});
      await load(url());
      assert.equal(requests().length, 2);
      for (const [fault, ...mentions] of [
        [{ cut: 5000, clean: true, chunked: true }, "not a valid WebAssembly binary"],
        [{ other: new TextEncoder().encode("something else") }, "not a valid WebAssembly binary"],
        [{ page: true }, "is an HTML page", "optimizeDeps"],
        [{ status: 404 }, "404"],
        [{ status: 403 }, "403"],
      ]) {
        server.fault = () => fault;
        const other = `${url()}?${JSON.stringify(fault).length}`;
        await failsWith("FETCH_FAILED", load(other, { retries: 0 }), other, ...mentions);
      }
    });

    test("reports the bytes that arrived, and the rate", async () => {
      server.fault = () => ({ slow: 30 });
      const events = [];
      await load(url(), { onProgress: (event) => events.push(event) });
      const wasm = progressOf(events);
      assert.deepEqual([wasm[0].file, wasm[0].loaded, wasm[0].total], [name, 0, undefined].with(0, wasm[0].file));
      assert.ok(wasm.length > 5 && wasm.slice(1).every(({ loaded }, i) => loaded >= wasm[i].loaded));
      assert.ok(wasm.some(({ rate }) => rate > 0));
      assert.deepEqual([wasm.at(-1).loaded, wasm.at(-1).total], [WASM.length, WASM.length]);
    });

    test("fetches and compiles it once for loads at the same time, and for later ones", async (t) => {
      const compile = t.mock.method(WebAssembly, "compile");
      const events = [[], [], []];
      const loads = events.map((list) => load(url(), { onProgress: (event) => list.push(event) }));
      await Promise.all(loads);
      for (const list of events) assert.equal(progressOf(list).at(-1).loaded, WASM.length);
      await load(url());
      assert.deepEqual([requests().length, compile.mock.callCount()], [1, 1]);
    });

    test("an abort of one load, or an error of its onProgress, does not end another that waits too", async () => {
      server.fault = () => ({ slow: 20 });
      const controller = new AbortController();
      const mine = new Error("mine");
      const throws = ({ phase, loaded }) => {
        if (phase === "wasm" && loaded > 0) throw mine;
      };
      const first = assert.rejects(load(url(), { signal: controller.signal }), { name: "AbortError" });
      const second = assert.rejects(load(url(), { onProgress: throws }), (error) => error === mine);
      const third = load(url());
      await until(() => server.log[0]?.sent > 0);
      controller.abort();
      await Promise.all([first, second]);
      await third;
      assert.equal(requests().length, 1);
    });

    test("an abort of all loads ends the request; the next load begins anew", async () => {
      server.fault = ({ count }) => (count === 0 ? { stall: 1000 } : {});
      const controllers = [new AbortController(), new AbortController()];
      const loads = controllers.map(({ signal }) => assert.rejects(load(url(), { signal }), { name: "AbortError" }));
      await until(() => server.log[0]?.sent > 0);
      for (const controller of controllers) controller.abort();
      await Promise.all(loads);
      await load(url());
      assert.equal(requests().length, 2);
    });

    test("a load with more retries outlives one with fewer", async () => {
      server.fault = ({ count }) => (count < 2 ? { status: 503 } : {});
      const [hasty, patient] = await Promise.allSettled([load(url(), { retries: 0 }), load(url(), { retries: 3 })]);
      assert.deepEqual([hasty.reason?.code, patient.status], ["FETCH_FAILED", "fulfilled"]);
    });
  });
}

describe("options.wasm", () => {
  const compile = (options) => wasmModule(web, { ...DEFAULTS, ...options });

  test("may be mirrors: the next one continues, or replaces what is damaged or missing", async () => {
    for (const fault of [{ status: 404 }, { status: 500 }, { page: true }, { gone: true }]) {
      server.fault = (request) => (request.name === name ? fault : {});
      const wasm = [`${url()}?${JSON.stringify(fault)}`, `${server.address}mirror.wasm`];
      await compile({ wasm, retries: 0 });
      assert.equal(requests().at(-1), "mirror.wasm");
    }
    server.fault = () => ({ status: 404 });
    await failsWith("FETCH_FAILED", compile({ wasm: [url(), `${url()}?b`] }), url(), `${url()}?b`);
    await failsWith("INVALID_ARGUMENT", compile({ wasm: [] }), "wasm");
    await failsWith("INVALID_ARGUMENT", compile({ wasm: [url(), 5] }), "wasm");
  });

  test("may be a Response, whose stalls and breaks end the load", async () => {
    await compile({ wasm: fetch(url()) });
    server.fault = () => ({ stall: 1000 });
    await failsWith("FETCH_FAILED", compile({ wasm: fetch(url()), stallTimeoutMs: 50 }), "sent nothing");
    server.fault = () => ({ cut: 1000 });
    await failsWith("FETCH_FAILED", compile({ wasm: fetch(url()) }), "broke off");
    server.fault = () => ({ page: true });
    await failsWith("INVALID_ARGUMENT", compile({ wasm: fetch(url()) }), "HTML page");
  });
});
