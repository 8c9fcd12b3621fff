// Corom.load from faulty servers: it loads the right model or rejects with the right code, and loads once the fault is gone.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Corom, failsWith, random } from "./support/corom.mjs";
import { faultServer } from "./support/fault-server.mjs";
import {
  MODEL,
  NAMES,
  SHARD,
  SIZE,
  countRepeats,
  loadsRight,
  outcomeOf,
  warningsOf,
  withFolder,
} from "./support/loading.mjs";

const { files } = MODEL;
const NEWER = new TextEncoder().encode('{ "format": "corom-model", "format_version": 99 }');
const other = Uint8Array.from(files[SHARD], (byte) => byte ^ 1);
const on = (name, fault) => (request) => (request.name === name ? fault(request) : undefined);
const first = (name, fault) => on(name, ({ count }) => (count === 0 ? fault : undefined));
const always = (name, fault) => on(name, () => fault);

/** [description, fault, outcome, options]; the outcome is "right" for the right vectors, or an error code. */
const FAULTS = [
  ["a slow server", () => ({ slow: 4 }), "right"],
  ["a slow server that cuts the body off", ({ count }) => ({ slow: 2, cut: count ? undefined : 700 }), "right"],
  ["500, then 200", ({ count }) => (count === 0 ? { status: 500 } : undefined), "right"],
  ["503 with Retry-After, then 200", first(SHARD, { status: 503, headers: { "retry-after": "0" } }), "right"],
  ["500 every time", always(SHARD, { status: 500 }), "FETCH_FAILED", { retries: 1 }],
  ["401", always(SHARD, { status: 401 }), "FETCH_FAILED"],
  ["403", always("tokenizer.json", { status: 403 }), "FETCH_FAILED"],
  ["404 for a shard", always(SHARD, { status: 404 }), "MISSING_FILE"],
  ["404 for everything", () => ({ status: 404 }), "MISSING_FILE"],
  ["a closed connection, then none", ({ count }) => (count === 0 ? { gone: true } : undefined), "right"],
  ["a closed connection every time", () => ({ gone: true }), "FETCH_FAILED", { retries: 1 }],
  ["a content-length that is too large", always(SHARD, { length: 100 }), "right"],
  [
    "a content-length that is too large for the manifest",
    always("corom.json", { length: 100 }),
    "FETCH_FAILED",
    { retries: 1 },
  ],
  ["a content-length that is too small", always(SHARD, { length: -100 }), "INTEGRITY_MISMATCH"],
  ["no ranges", ({ count }) => ({ noRange: true, cut: count ? undefined : 900 }), "right"],
  ["no ETag", ({ count }) => ({ noTag: true, cut: count ? undefined : 900 }), "right"],
  ["weak ETags", ({ count }) => ({ weak: true, cut: count ? undefined : 900 }), "right"],
  ["no content-length", ({ count }) => ({ chunked: true, cut: count ? undefined : 900 }), "right"],
  ["gzip", () => ({ gzip: true }), "right"],
  ["gzip that is cut off", ({ count }) => ({ gzip: true, cut: count ? undefined : 300 }), "right"],
  ["another ETag after a cut", on(SHARD, ({ count }) => (count ? { tag: '"b"' } : { cut: 900 })), "right"],
  ["another file after a cut", on(SHARD, ({ count }) => (count ? { other } : { cut: 900 })), "INTEGRITY_MISMATCH"],
  [
    "another file after a cut, without an ETag",
    on(SHARD, ({ count }) => (count ? { other, noTag: true } : { cut: 900, noTag: true })),
    "INTEGRITY_MISMATCH",
  ],
  ["another file the first time", first(SHARD, { other }), "right"],
  ["a damaged byte", always(SHARD, { damage: 99 }), "INTEGRITY_MISMATCH"],
  ["a damaged byte the first time", first(SHARD, { damage: 99 }), "right"],
  ["a truncated file", always(SHARD, { cut: 5000, clean: true }), "INTEGRITY_MISMATCH"],
  ["a truncated manifest the first time", first("corom.json", { cut: 300, clean: true }), "right"],
  ["a damaged manifest the first time", first("corom.json", { damage: 0 }), "right"],
  ["a truncated manifest", always("corom.json", { cut: 300, clean: true }), "INVALID_CONFIG"],
  [
    "a file with a byte too many",
    always("model.onnx", { other: new Uint8Array([...files["model.onnx"], 1]) }),
    "INTEGRITY_MISMATCH",
  ],
  ["an empty file", always("config.json", { other: new Uint8Array(0) }), "NOT_A_MODEL"],
  ["HTML with 200 for everything", () => ({ page: true }), "NOT_A_MODEL"],
  ...NAMES.filter((name) => name !== "corom.json").map((name) => [
    `HTML for ${name}`,
    always(name, { page: true }),
    "NOT_A_MODEL",
  ]),
  ["HTML the first time, from a busy gateway", first(SHARD, { page: true }), "right"],
  ["a redirect to a login page", always(SHARD, { redirect: true }), "NOT_A_MODEL"],
  ["a redirect to a login page, for everything", () => ({ redirect: true }), "NOT_A_MODEL"],
  ["a manifest of a newer format", always("corom.json", { other: NEWER }), "UNSUPPORTED_FORMAT"],
  ["a stall, then none", first(SHARD, { stall: 1000 }), "right", { stallTimeout: 150 }],
  [
    "a stall before the first byte",
    on(SHARD, ({ count }) => (count ? undefined : { stall: 0 })),
    "right",
    { stallTimeout: 150 },
  ],
  ["a stall every time", always(SHARD, { stall: 1000 }), "FETCH_FAILED", { stallTimeout: 100, retries: 1 }],
];

describe("Corom.load from a server with", () => {
  for (const [what, fault, outcome, options] of FAULTS) {
    test(`${what} ${outcome === "right" ? "loads" : `rejects with ${outcome}`}, and loads once the fault is gone`, async () => {
      const server = await faultServer(files, fault);
      try {
        assert.equal(await outcomeOf(server.address, options), outcome);
        server.take();
        server.fault = undefined;
        await loadsRight(server.address, options);
        // With a cache too, which afterwards holds the right model and nothing else.
        await withFolder(async (cacheDir) => {
          server.fault = fault;
          server.take();
          assert.equal(await outcomeOf(server.address, { ...options, cacheDir }), outcome);
          server.fault = undefined;
          await loadsRight(server.address, { ...options, cacheDir });
          server.take();
          assert.deepEqual(warningsOf(await loadsRight(server.address, { ...options, cacheDir })), []);
          assert.deepEqual(
            server.take().map(({ name }) => name),
            ["corom.json"],
            "every other file is in the cache",
          );
          const { bytes, files: count } = await Corom.cache.size({ cacheDir });
          assert.deepEqual([bytes, count], [SIZE, NAMES.length - 1]);
        });
      } finally {
        await server.close();
      }
    });
  }
});

describe("Corom.load, of a file cut off at 60 % whose next requests fail, downloads each byte once", () => {
  const bytes = files[SHARD].length;
  const cut = Math.floor(bytes * 0.6);

  /** Returns the requests for the file; `faults` are those of the requests after the first. */
  async function requests(faults, options = {}, prepare = () => {}) {
    const server = await faultServer(files);
    prepare(server);
    server.fault = on(SHARD, ({ count }) => (count === 0 ? { cut } : faults[count - 1]));
    try {
      await loadsRight(server.address, options);
      return server.take().filter(({ name }) => name === SHARD);
    } finally {
      await server.close();
    }
  }
  const assertOnce = (asked) => {
    const sent = asked.reduce((sum, request) => sum + request.sent, 0);
    assert.ok(sent <= bytes * 1.05, `${sent} of ${bytes} bytes were sent`);
  };

  for (const [what, faults] of [
    ["after a 503", [{ status: 503 }]],
    ["after two 503", [{ status: 503 }, { status: 503 }]],
    ["after a closed connection", [{ gone: true }]],
    ["after two closed connections", [{ gone: true }, { gone: true }]],
    ["after a stall", [{ stall: 0 }]],
  ]) {
    test(what, async () => assertOnce(await requests(faults, { stallTimeout: 200 })));
  }

  test("in a browser, where a closed connection may be a refused preflight, first without If-Range, then without Range", async (t) => {
    globalThis.isSecureContext = false;
    t.after(() => delete globalThis.isSecureContext);
    const asked = await requests([{ gone: true }]);
    assertOnce(asked);
    assert.deepEqual(
      asked.map(({ range, ifRange }) => [range !== undefined, ifRange !== undefined]),
      [
        [false, false],
        [true, true],
        [true, false],
      ],
    );
    assertOnce(await requests([{ status: 503 }, { status: 503 }]));
    const gone = await requests([{ gone: true }, { gone: true }]);
    assert.equal(gone.at(-1).range, undefined, "the last request is for the whole file");
  });

  test("in a browser, from the page's own origin, which needs no preflight, always with If-Range", async (t) => {
    globalThis.isSecureContext = false;
    t.after(() => {
      delete globalThis.isSecureContext;
      delete globalThis.location;
    });
    const asked = await requests([{ gone: true }, { gone: true }], {}, (server) => {
      globalThis.location = new URL(server.address);
    });
    assertOnce(asked);
    assert.ok(asked.slice(1).every(({ range, ifRange }) => range !== undefined && ifRange !== undefined));
  });
});

describe("Corom.load from a server that cuts bodies off at random bytes", () => {
  const CUTS = 200;
  const FLAVOURS = [{}, {}, {}, { chunked: true }, { noRange: true }, { noTag: true }, { weak: true }, { gzip: true }];

  /** Returns the faults of a server that cuts every file off once or twice. */
  const cutting = (next) => {
    const flavour = FLAVOURS[Math.floor(next() * FLAVOURS.length)];
    const cuts = new Map(NAMES.map((name) => [name, Array.from({ length: next() < 0.3 ? 2 : 1 }, next)]));
    const fault = ({ name, count, range }) => {
      const at = cuts.get(name)?.[count];
      const rest = files[name] && files[name].length - Number(/\d+/.exec(range ?? "0")[0]);
      return at === undefined ? flavour : { ...flavour, cut: Math.floor(at * rest) };
    };
    return { flavour, fault };
  };

  test(`loads the right model ${CUTS} times; where the server supports ranges, requests continue at the byte of the cut`, async () => {
    const next = random(11);
    let [cuts, again] = [0, 0];
    const load = async () => {
      const { flavour, fault } = cutting(next);
      const server = await faultServer(files, fault);
      try {
        await loadsRight(server.address, { selfTest: false });
        assert.ok(server.log.length > NAMES.length, "files were cut off");
        if (flavour.noRange || flavour.gzip) return;
        cuts += server.log.length - NAMES.length;
        again += countRepeats(
          server.log.filter(({ name }) => name !== "corom.json"),
          withoutManifest(),
        );
      } finally {
        await server.close();
      }
    };
    const worker = async (loads) => {
      for (let i = 0; i < loads; i++) await load();
    };
    await Promise.all(Array.from({ length: 8 }, () => worker(CUTS / 8)));
    assert.ok(cuts > CUTS && again < cuts / 10, `${again} of ${cuts} requests repeated bytes`);
  });

  test("continues a load that failed, from its byte in the cache", async () => {
    const next = random(12);
    let continued = 0;
    for (let i = 0; i < 12; i++) {
      const server = await faultServer(files);
      await withFolder(async (cacheDir) => {
        const cut = 1 + Math.floor(next() * (files[SHARD].length - 1));
        server.fault = on(SHARD, ({ count }) => (count === 0 ? { cut } : { gone: true }));
        await failsWith("FETCH_FAILED", Corom.load(server.address, { cacheDir, retries: 0 }));
        server.take();
        server.fault = undefined;
        await loadsRight(server.address, { cacheDir });
        const [{ range, sent }, ...more] = server.take().filter(({ name }) => name === SHARD);
        assert.deepEqual(more, []);
        const from = range === undefined ? 0 : Number(/\d+/.exec(range)[0]);
        assert.ok(from <= cut && sent === files[SHARD].length - from, `cut at ${cut}, continued at ${from}`);
        if (from === cut) continued++;
      });
      await server.close();
    }
    assert.ok(continued >= 10, `only ${continued} of 12 were continued at the cut`);
  });
});

function withoutManifest() {
  const { "corom.json": _, ...rest } = files;
  return rest;
}
