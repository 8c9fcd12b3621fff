// Headless Chromium, and servers of pages with the package.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import "./corom.mjs"; // fails with a hint if the package is not built
import { serve } from "../../../www/serve.mjs";
import { KERNELS } from "./kernels.mjs";
import { FIXTURES, PKG, ROOT } from "./paths.mjs";

export const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
export const FLAGS = [
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** WebGPU on SwiftShader, which the processor computes: there is no GPU where these tests run. */
export const GPU_FLAGS = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-unsafe-swiftshader"];

export async function launchChromium(flags = []) {
  return (await chromiumType()).launch({ executablePath: CHROMIUM, args: [...FLAGS, ...flags] });
}

/** Starts Chromium with a profile in `folder`, and returns its context. Other contexts keep what pages store in memory. */
export async function chromiumOnDisk(folder) {
  return (await chromiumType()).launchPersistentContext(folder, { executablePath: CHROMIUM, args: FLAGS });
}

async function chromiumType() {
  const { chromium } = await import("playwright-core").catch((cause) => {
    throw new Error("playwright-core is missing: run `npm ci` in tests/js", { cause });
  });
  assert.ok(existsSync(CHROMIUM), `${CHROMIUM} is missing: install Chromium, or set CHROMIUM to its path`);
  return chromium;
}

/** Serves support/page.html as an empty page, with the package, the fixtures and the kernels beside it. */
export async function servePackage() {
  const { server, address } = await serve({
    "/": path.join(ROOT, "www"),
    "/pkg/": PKG,
    "/fixtures/": FIXTURES,
    "/support/": import.meta.dirname,
    "/kernels/": path.join(ROOT, "benches/kernels"),
    "/kernels-wasm/": KERNELS,
  });
  return { address, close: () => new Promise((resolve) => server.close(resolve).closeAllConnections()) };
}

const POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' http://127.0.0.1:*; worker-src 'self'";

/** Returns files for faultServer: the package at pkg/, and page.html, empty, with the policy that the README gives. */
export function pageFiles() {
  const files = {
    "page.html": {
      bytes: Buffer.from("<!doctype html><title>corom</title>"),
      headers: { "content-type": "text/html", "content-security-policy": POLICY },
    },
  };
  const types = { ".js": "text/javascript", ".wasm": "application/wasm" };
  for (const name of [
    "browser.js",
    "worker.js",
    "worker-thread.js",
    "search.js",
    "search-worker.js",
    "search-worker-thread.js",
    ...readdirSync(path.join(PKG, "lib"), { recursive: true }).map((n) => `lib/${n}`),
    ...readdirSync(path.join(PKG, "wasm")).map((n) => `wasm/${n}`),
  ]) {
    const type = types[path.extname(name)];
    if (type) files[`pkg/${name}`] = { bytes: readFileSync(path.join(PKG, name)), headers: { "content-type": type } };
  }
  return files;
}
