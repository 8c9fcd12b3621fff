// The installed tarball in Chromium without a bundler: a page, a service worker, a browser extension.
import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { TEXTS, appText, assertWorks, pageText } from "./support/app.mjs";
import { INSTALLED, copyModel, project } from "./support/places.mjs";
import { CHROMIUM, FLAGS, POLICY, launch, outcomeOf, site } from "./support/site.mjs";

const PAGE = `<!doctype html><meta charset="utf-8"><title>corom</title><script type="module" src="./page.js"></script>`;

let browser;
before(async () => (browser = await launch()));
after(() => browser?.close());

async function outcome(folder, options) {
  const served = await site(folder, { mounts: { "/corom/": INSTALLED }, ...options });
  try {
    return await outcomeOf(browser, served.address);
  } finally {
    await served.close();
  }
}

function page(name, files) {
  const folder = project(name, { "index.html": PAGE, ...files });
  copyModel(`${folder}/model`);
  return folder;
}

test('a page runs corom in <script type="module"> under the Content-Security-Policy', async () => {
  const { outcome: result, asked } = await outcome(page("plain", { "page.js": pageText("/corom/browser.js") }));
  assertWorks(result, { simd: "relaxed" });
  const binaries = asked.filter((url) => url.endsWith(".wasm"));
  assert.equal(binaries.length, 1, `fetched binaries: ${binaries}`);
});

test("a page whose policy lacks 'wasm-unsafe-eval' gets UNSUPPORTED_HOST", async () => {
  const folder = page("forbidden", { "page.js": pageText("/corom/browser.js") });
  const served = await site(folder, {
    mounts: { "/corom/": INSTALLED },
    policy: POLICY.replace(" 'wasm-unsafe-eval'", ""),
  });
  const { outcome: result } = await outcomeOf(browser, served.address, { allowed: [/policy|Content Security Policy/i] });
  await served.close();
  assert.match(result.error, /^UNSUPPORTED_HOST .*wasm-unsafe-eval/);
});

test("a page whose server sends HTML in place of the .wasm gets FETCH_FAILED", async () => {
  const folder = page("fallback", { "page.js": pageText("/corom/browser.js") });
  const { outcome: result } = await outcome(folder, { instead: { "/corom/wasm/corom-relaxed.wasm": "/index.html" } });
  assert.match(result.error, /^FETCH_FAILED .*corom-relaxed\.wasm is an HTML page.*optimizeDeps/);
});

test("a page with Trusted Types runs corom/worker with a TrustedScriptURL, and is told so without one", async () => {
  const policy = `${POLICY}; require-trusted-types-for 'script'; trusted-types app`;
  const approve = "const policy = trustedTypes.createPolicy('app', { createScriptURL: (url) => url });\n";
  const options = "{ worker: policy.createScriptURL('/corom/worker-thread.js') }";
  const folder = page("trusted", { "page.js": pageText("/corom/worker.js", options, approve) });
  const served = await site(folder, { mounts: { "/corom/": INSTALLED }, policy });
  assertWorks((await outcomeOf(browser, served.address)).outcome, { simd: "relaxed" });
  await served.close();
  const plain = page("untrusted", { "page.js": pageText("/corom/worker.js") });
  const again = await site(plain, { mounts: { "/corom/": INSTALLED }, policy });
  const { outcome: result } = await outcomeOf(browser, again.address, { allowed: [/policy|TrustedScriptURL/i] });
  await again.close();
  assert.match(result.error, /^UNSUPPORTED_HOST .*pass a TrustedScriptURL as worker/);
});

test("a page with corom/inline requests no .wasm", async () => {
  const { outcome: result, asked } = await outcome(page("inline-page", { "page.js": pageText("/corom/inline.js") }));
  assertWorks(result, { simd: "plain" });
  assert.deepEqual(
    asked.filter((url) => url.endsWith(".wasm")),
    [],
  );
});

test("a page runs corom/worker under the Content-Security-Policy", async () => {
  const { outcome: result } = await outcome(page("worker-page", { "page.js": pageText("/corom/worker.js") }));
  assertWorks(result, { simd: "relaxed" });
});

// A service worker has neither import() nor blob: URLs, and no page.
const SERVICE_WORKER = `${appText("/corom/browser.js")}
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("message", ({ data, ports: [port] }) =>
  run("./model/", data).then(
    (value) => port.postMessage(value),
    (error) => port.postMessage({ error: \`\${error?.code} \${error}\` }),
  ),
);`;
const ASKS_IT = `
const { active, waiting, installing } = await navigator.serviceWorker
  .register("./service-worker.js", { type: "module" })
  .then(() => navigator.serviceWorker.ready);
const { port1, port2 } = new MessageChannel();
port1.onmessage = ({ data }) => (globalThis.outcome = data);
(active ?? waiting ?? installing).postMessage(${JSON.stringify(TEXTS)}, [port2]);`;

test("a service worker runs corom", async () => {
  const folder = page("service-worker", { "service-worker.js": SERVICE_WORKER, "page.js": ASKS_IT });
  assertWorks((await outcome(folder)).outcome);
});

test("an extension (Manifest V3) runs corom in its page and in its service worker", async () => {
  const folder = page("extension", {
    "manifest.json": {
      manifest_version: 3,
      name: "corom",
      version: "1",
      background: { service_worker: "background.js", type: "module" },
      content_security_policy: { extension_pages: "script-src 'self' 'wasm-unsafe-eval'; object-src 'self'" },
    },
    "page.js": pageText("/corom/browser.js"),
    // It runs when it starts, so that no message must find it awake; the test waits for its outcome.
    "background.js": pageText("/corom/browser.js"),
  });
  cpSync(INSTALLED, `${folder}/corom`, { recursive: true });
  const context = await chromium.launchPersistentContext(project("extension-profile"), {
    executablePath: CHROMIUM,
    channel: "chromium", // the headless mode that has extensions
    args: [...FLAGS, `--disable-extensions-except=${folder}`, `--load-extension=${folder}`],
  });
  try {
    const worker = context.serviceWorkers()[0] ?? (await context.waitForEvent("serviceworker", { timeout: 120_000 }));
    const inWorker = async () => {
      for (let i = 0; i < 1200 && !globalThis.outcome; i++) await new Promise((resolve) => setTimeout(resolve, 100));
      return globalThis.outcome;
    };
    assertWorks(await worker.evaluate(inWorker));
    const shown = await context.newPage();
    const complaints = [];
    shown.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    shown.on("pageerror", (error) => complaints.push(String(error)));
    await shown.goto(new URL("/index.html", worker.url()).href);
    const handle = await shown.waitForFunction(() => globalThis.outcome, undefined, { timeout: 120_000 });
    assertWorks(await handle.jsonValue());
    assert.deepEqual(complaints, []);
  } finally {
    await context.close();
  }
});
