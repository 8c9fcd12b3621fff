// The cache of catalogs in a folder, mirrors, and changes of the source: `cacheDir`, `Catalog.cache`, `update`.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { Catalog } from "corom/search";
import { Catalog as CatalogInWorker } from "corom/search-worker";
import { buildCatalog, idsOf } from "./support/catalogs.mjs";
import { scratch } from "./support/converter.mjs";
import { failsWith } from "./support/corom.mjs";
import { faultServer } from "./support/fault-server.mjs";
import { PKG } from "./support/paths.mjs";

let server;
let built;
const ends = [];
before(async () => {
  built = buildCatalog({ after: (end) => ends.push(end) }, { times: 6 });
  server = await faultServer(built.files());
});
after(async () => {
  await server.close();
  for (const end of ends) end();
});
beforeEach(() => {
  server.take();
  Object.assign(server, { files: built.files(), fault: undefined });
});
const asked = () => server.take().map(({ name }) => name);
const CLASSES = [
  ["corom/search", Catalog],
  ["corom/search-worker", CatalogInWorker],
];

for (const [entry, Class] of CLASSES) {
  describe(`a cache of ${entry} in a folder`, () => {
    test("holds every file after one load; later loads request the list and what is new", async (t) => {
      const cacheDir = scratch(t);
      const own = buildCatalog(t);
      server.files = own.files();
      const url = server.address;
      (await Class.load(url, { cacheDir })).free();
      assert.deepEqual(asked(), ["catalog.json", ...own.names()]);
      assert.equal(await Class.cache.has(url, { cacheDir }), true);
      const phases = [];
      const shop = await Class.load(url, { cacheDir: pathToFileURL(cacheDir), onProgress: ({ phase }) => phases.push(phase) });
      assert.deepEqual(asked(), ["catalog.json"]);
      assert.ok(phases.includes("verify") && phases.at(-1) === "done" && !phases.includes("warning"));

      // A change adds one file, and only that one is requested; by `update` too.
      own.patch({ p1: { price: 7 } });
      server.files = own.files();
      assert.notEqual((await shop.item("p1")).attributes.price, 7);
      const before = shop.info.version;
      const info = await shop.update();
      assert.deepEqual(asked(), ["catalog.json", own.names()[1]]);
      assert.ok(info.version !== before && shop.info.version === info.version);
      assert.equal((await shop.item("p1")).attributes.price, 7);
      (await Class.load(url, { cacheDir })).free();
      assert.deepEqual(asked(), ["catalog.json"]);

      // After compaction the old files are not kept.
      own.remove("p2");
      own.compact();
      server.files = own.files();
      await shop.update();
      assert.deepEqual(new Set(asked()), new Set(["catalog.json", ...own.names()]));
      assert.equal(await shop.item("p2"), undefined);
      assert.equal((await Class.cache.size({ cacheDir })).files, 1);
      assert.equal(await Class.cache.delete(url, { cacheDir }), true);
      assert.equal(await Class.cache.has(url, { cacheDir }), false);
      assert.deepEqual(readdirSync(cacheDir), ["manifests"]);
      shop.free();
    });

    test("serves without a network; without a cache the load fails", async (t) => {
      const cacheDir = scratch(t);
      await (await Class.load(server.address, { cacheDir })).update();
      server.fault = () => ({ gone: true });
      const warnings = [];
      const onProgress = ({ phase, code }) => phase === "warning" && warnings.push(code);
      const shop = await Class.load(server.address, { cacheDir, retries: 0, onProgress });
      assert.deepEqual(warnings, ["OFFLINE"]);
      assert.ok(shop.info.hasVectors && (await shop.search("女")).total > 0);
      await shop.update(); // what is here is the newest that can be had
      shop.free();
      await failsWith("FETCH_FAILED", () => Class.load(server.address, { retries: 0 }));
    });
  });
}

describe("a cache of catalogs", () => {
  test("uses the last whole catalog if the network fails in the middle of an update", async (t) => {
    const cacheDir = scratch(t);
    const own = buildCatalog(t);
    server.files = own.files();
    const { version } = (await Catalog.load(server.address, { cacheDir })).info;
    own.add({ id: "new", title: "全新的帽子" });
    server.files = own.files();
    server.fault = ({ name }) => (name.endsWith(".delta") ? { gone: true } : undefined);
    const shop = await Catalog.load(server.address, { cacheDir, retries: 0 });
    assert.equal(shop.info.version, version);
    await failsWith("FETCH_FAILED", () => shop.update());
    assert.equal(shop.info.version, version);
    server.fault = undefined;
    await shop.update();
    assert.deepEqual(idsOf(await shop.search("全新的帽子", { topK: 1, mode: "keyword" })), ["new"]);
  });

  test("continues a download of a program that was killed", async (t) => {
    const cacheDir = scratch(t);
    const [name] = built.names();
    const { length } = built.files()[name];
    assert.ok(length > 200_000, `${length}`);
    let arrived;
    const half = new Promise((resolve) => (arrived = resolve));
    // The first answer stops in the middle, and the program is killed then. The cache writes segments of 1 MiB, and the
    // last one when the connection breaks: so the connection breaks once before it stops.
    server.fault = ({ name: asked, count }) => {
      if (asked !== name || count > 1) return undefined;
      return count === 0 ? { cut: 100_000 } : (setTimeout(arrived, 200), { stall: 50_000 });
    };
    const script = `import { Catalog } from ${JSON.stringify(pathToFileURL(path.join(PKG, "search-node.js")).href)};
await Catalog.load(${JSON.stringify(server.address)}, { cacheDir: ${JSON.stringify(cacheDir)} });`;
    const program = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: "inherit" });
    await half;
    program.kill("SIGKILL");
    server.fault = undefined;
    server.take();
    const shop = await Catalog.load(server.address, { cacheDir });
    const request = server.take().find((entry) => entry.name === name);
    assert.match(request.range ?? "", /^bytes=[1-9]\d{4}/);
    assert.equal(shop.info.items, built.rows.length);
  });

  test("replaces a damaged file, and does not keep files without a hash in their name", async (t) => {
    const cacheDir = scratch(t);
    (await Catalog.load(server.address, { cacheDir })).free();
    const [folder] = readdirSync(cacheDir).filter((name) => name !== "manifests");
    const segment = path.join(cacheDir, folder, "0");
    writeFileSync(segment, "damage");
    asked();
    assert.equal((await Catalog.load(server.address, { cacheDir })).info.items, built.rows.length);
    assert.deepEqual(asked(), ["catalog.json", ...built.names()]);

    const other = scratch(t);
    const [name] = built.names();
    const list = Buffer.from(JSON.stringify({ format: 1, files: ["items.catalog"], stored: ["url"] }));
    server.files = { "catalog.json": list, "items.catalog": built.files()[name] };
    for (let i = 0; i < 2; i++) (await Catalog.load(server.address, { cacheDir: other })).free();
    assert.equal(asked().length, 4);
    assert.deepEqual(readdirSync(other), []);
  });
});

describe("mirrors of a catalog", () => {
  test("the next mirror is tried after a hash mismatch, and after a wrong file with the right name", async (t) => {
    const [name] = built.names();
    const second = await faultServer(built.files());
    t.after(() => second.close());
    const other = buildCatalog(t);
    const faults = [{ damage: 5000 }, { damage: 3 }, { other: other.files()[other.names()[0]] }, { page: true }, { status: 403 }];
    for (const fault of faults) {
      server.fault = ({ name: asked }) => (asked === name ? fault : undefined);
      const shop = await Catalog.load([server.address, second.address], { retries: 0 });
      assert.equal(shop.info.items, built.rows.length, JSON.stringify(Object.keys(fault)));
      shop.free();
      const code = fault.page || fault.damage === 3 ? "INVALID_CATALOG" : fault.status ? "FETCH_FAILED" : "INTEGRITY_MISMATCH";
      await failsWith(code, () => Catalog.load(server.address, { retries: 0 }), name);
    }
  });

  test("a damaged list is read once more, then from the next mirror", async (t) => {
    const second = await faultServer(built.files());
    t.after(() => second.close());
    const lists = () => asked().filter((name) => name === "catalog.json").length;
    for (const fault of [{ damage: 0 }, { page: true }, { cut: 20, clean: true, chunked: true }, { other: Buffer.from('{"format":2}') }]) {
      const named = JSON.stringify(Object.keys(fault));
      server.fault = ({ name, count }) => (name === "catalog.json" && count === 0 ? fault : undefined);
      server.take();
      (await Catalog.load(server.address, { retries: 0 })).free();
      assert.equal(lists(), 2, named);
      server.fault = ({ name }) => (name === "catalog.json" ? fault : undefined);
      const shop = await Catalog.load([server.address, second.address], { retries: 0 });
      assert.deepEqual([shop.info.items, lists()], [built.rows.length, 2], named);
      shop.free();
      const code = fault.other ? "UNSUPPORTED_FORMAT" : "INVALID_CATALOG";
      await failsWith(code, Catalog.load(server.address, { retries: 0 }), "catalog.json");
      assert.equal(lists(), 2, named);
    }
  });

  test("a damaged delta is requested once more, then from the next mirror, by load and by update", async (t) => {
    const own = buildCatalog(t);
    const second = await faultServer({});
    t.after(() => second.close());
    for (const how of ["load", "update"]) {
      server.fault = undefined;
      server.files = second.files = own.files();
      const shop = how === "update" ? await Catalog.load([server.address, second.address], { retries: 0 }) : undefined;
      own.patch({ p3: { price: how.length } });
      const delta = own.names().at(-1);
      server.files = second.files = own.files();
      const fault = { damage: server.files[delta].length - 1 };
      server.fault = ({ name }) => (name === delta ? fault : undefined);
      server.take();
      const loaded = shop ?? (await Catalog.load([server.address, second.address], { retries: 0 }));
      if (shop) await shop.update();
      assert.equal((await loaded.item("p3")).attributes.price, how.length);
      assert.equal(asked().filter((name) => name === delta).length, 2);
      loaded.free();
    }
  });

  test("a list whose files are gone is read again, once", async (t) => {
    const own = buildCatalog(t);
    const old = own.files();
    own.patch({ p3: { price: 1 } });
    own.compact();
    const now = own.files();
    for (const how of ["load", "update"]) {
      server.fault = undefined;
      server.files = old;
      const shop = how === "update" ? await Catalog.load(server.address) : undefined;
      server.files = now;
      server.take();
      server.fault = ({ name, count }) => (name === "catalog.json" && count === 0 && how === "load" ? { other: old["catalog.json"] } : undefined);
      const loaded = shop ?? (await Catalog.load(server.address));
      if (shop) await shop.update();
      assert.equal((await loaded.item("p3")).attributes.price, 1);
      loaded.free();
    }
    server.fault = ({ name }) => (name === "catalog.json" ? { other: old["catalog.json"] } : undefined);
    server.take();
    await failsWith("MISSING_FILE", () => Catalog.load(server.address), "catalog.json lists it");
    assert.equal(asked().filter((name) => name === "catalog.json").length, 2);
  });

  test("deltas that were applied by hand and by update are not applied twice", async (t) => {
    const own = buildCatalog(t);
    const shop = await Catalog.load(own.catalog);
    own.patch({ p4: { price: 4 } });
    own.remove("p5");
    const [, first] = own.names();
    await shop.apply(own.files()[first]);
    await shop.update();
    assert.equal((await shop.item("p4")).attributes.price, 4);
    assert.equal(await shop.item("p5"), undefined);
    await failsWith("INVALID_ARGUMENT", async () => (await Catalog.load(own.files()[own.names()[0]])).update(), "one file");
    await failsWith("INVALID_ARGUMENT", () => shop.update({ onprogress() {} }), "onProgress");
    const aborted = AbortSignal.abort(new Error("enough"));
    await assert.rejects(shop.update({ signal: aborted }), /enough/);
    await assert.rejects(shop.apply(new Uint8Array(9), { signal: aborted }), /enough/);
    shop.free();
    await failsWith("FREED", () => shop.update());
  });
});
