// Serves a static site on 127.0.0.1 and opens its pages in Chromium.
import assert from "node:assert/strict";
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import path from "node:path";
import { chromium } from "playwright-core";

export const CHROMIUM = process.env.CHROMIUM || "/usr/bin/chromium";
export const FLAGS = [
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-gpu",
];
/** The Content-Security-Policy that the documentation gives. */
export const POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; worker-src 'self'";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
  ".json": "application/json",
};

/**
 * Serves a folder. `policy` is its Content-Security-Policy, `mounts` are further folders by path, and `instead` maps
 * paths to other paths.
 */
export async function site(folder, { policy = POLICY, mounts = {}, instead = {} } = {}) {
  const server = createServer((request, response) => {
    const asked = decodeURIComponent(new URL(request.url, "http://host").pathname);
    const where = instead[asked] ?? asked;
    const mount = Object.keys(mounts).find((prefix) => where.startsWith(prefix));
    const file = mount ? path.join(mounts[mount], where.slice(mount.length)) : path.join(folder, where);
    const full = where.endsWith("/") ? path.join(file, "index.html") : file;
    if (where === "/favicon.ico") return response.writeHead(204).end();
    if (!existsSync(full) || !statSync(full).isFile()) return response.writeHead(404).end("no such file");
    response.writeHead(200, {
      "content-type": TYPES[path.extname(full)] ?? "application/octet-stream",
      "content-length": statSync(full).size,
      ...(policy && { "content-security-policy": policy }),
    });
    createReadStream(full).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  return {
    address: `http://127.0.0.1:${server.address().port}/`,
    close: () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
  };
}

/** Returns a port that is free now, for servers that cannot choose one. */
export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export async function launch() {
  if (!existsSync(CHROMIUM)) throw new Error(`there is no ${CHROMIUM}: install Chromium, or set CHROMIUM`);
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
}

/**
 * Opens a page and returns what it leaves in the global `outcome`, and its requests. Console errors, violations of the
 * policy and requests to other servers fail the test, unless `allowed` matches them.
 */
export async function outcomeOf(browser, address, { allowed = [] } = {}) {
  const context = await browser.newContext();
  const complaints = [];
  const asked = [];
  try {
    const page = await context.newPage();
    const note = (text) => allowed.some((pattern) => pattern.test(text)) || complaints.push(text);
    page.on("console", (message) => ["error", "warning"].includes(message.type()) && note(message.text()));
    page.on("pageerror", (error) => note(String(error)));
    page.on("request", (request) => {
      asked.push(request.url());
      if (!request.url().startsWith(new URL(address).origin)) note(`request to ${request.url()}`);
    });
    await page.addInitScript(() =>
      document.addEventListener("securitypolicyviolation", (event) =>
        console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`),
      ),
    );
    await page.goto(address);
    const handle = await page.waitForFunction(() => globalThis.outcome, undefined, { timeout: 120_000 }).catch((cause) => {
      throw new Error(`the page has no outcome: ${complaints.join("\n")}`, { cause });
    });
    const outcome = await handle.jsonValue();
    assert.deepEqual(complaints, []);
    return { outcome, asked };
  } finally {
    await context.close();
  }
}
