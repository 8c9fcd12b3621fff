// A model is in memory once: what comes goes on into WebAssembly at once. With m3e-small, as it is large enough to tell.
import assert from "node:assert/strict";
import { openAsBlob } from "node:fs";
import { readdir } from "node:fs/promises";
import path from "node:path";
import { after, before, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { serve } from "../../../www/serve.mjs";
import { Corom } from "../support/corom.mjs";
import { withFolder } from "../support/loading.mjs";
import { m3eFolder } from "../support/paths.mjs";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");
const MIB = 2 ** 20;

let server;
let address;
before(async () => ({ server, address } = await serve({ "/": m3eFolder() })));
after(() => server.close().closeAllConnections());

/** The most that buffers outside WebAssembly held during a load, in MiB; garbage among them. */
async function peak(source, options = {}) {
  collect();
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  let size;
  const onProgress = ({ phase, total }) => {
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    if (phase === "pack") size = total;
  };
  const corom = await Corom.load(source, { ...options, selfTest: false, onProgress });
  assert.ok(size > 80 * MIB);
  corom.free();
  return most / MIB;
}

test("from a server, a cache, a folder, from Blobs", async () => {
  await withFolder(async (cacheDir) => {
    const folder = m3eFolder();
    const names = await readdir(folder);
    const blobs = Object.fromEntries(
      await Promise.all(names.map(async (name) => [name, await openAsBlob(path.join(folder, name))])),
    );
    const peaks = {
      server: await peak(address),
      "server, with a cache": await peak(address, { cacheDir }),
      cache: await peak(address, { cacheDir }),
      folder: await peak(folder),
      blobs: await peak(blobs),
    };
    const shown = JSON.stringify(peaks, (_, value) => (typeof value === "number" ? Math.round(value) : value));
    console.log(`MiB of buffers while loading 90 MiB: ${shown}`);
    assert.ok(
      Object.values(peaks).every((most) => most < 64),
      shown,
    );
  });
});
