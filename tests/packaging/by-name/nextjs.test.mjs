// examples/frameworks/nextjs, built by Next.js, in Chromium. It installs Next.js from the registry, so CI does not run it:
//
//   node tests/packaging/run.mjs tests/packaging/by-name/nextjs.test.mjs
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { withShop } from "../../js/support/shop.mjs";
import { ROOT, TARBALL, project } from "../support/places.mjs";
import { freePort, launch } from "../support/site.mjs";

const EXAMPLE = path.join(ROOT, "examples/frameworks");

function run(folder, program, ...args) {
  const env = { ...process.env, NEXT_TELEMETRY_DISABLED: "1" };
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: folder, encoding: "utf8", env });
  assert.equal(status, 0, `${program} ${args.join(" ")}\n${stdout}\n${stderr}`);
}

/** Resolves to the response when the server answers. */
async function answerOf(address, server) {
  for (;;) {
    const response = await fetch(address).catch(() => undefined);
    if (response?.ok) return response.text();
    assert.equal(server.exitCode, null, "the server has ended");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

test("a Next.js page renders on the server and searches in the browser", async (t) => {
  const folder = project("nextjs");
  cpSync(path.join(EXAMPLE, "nextjs"), folder, { recursive: true });
  cpSync(path.join(EXAMPLE, "react.js"), path.join(folder, "app/react.js"));
  const manifest = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"));
  manifest.dependencies.corom = `file:${TARBALL}`;
  writeFileSync(path.join(folder, "package.json"), JSON.stringify(manifest));
  await withShop((catalog) => cpSync(catalog, path.join(folder, "public/catalog"), { recursive: true }));
  run(folder, "npm", "install", "--ignore-scripts", "--no-audit", "--no-fund");
  run(folder, path.join(folder, "node_modules/.bin/next"), "build");

  const port = await freePort();
  const server = spawn(process.execPath, ["node_modules/next/dist/bin/next", "start", "--port", String(port)], { cwd: folder, stdio: "ignore" });
  t.after(() => server.kill());
  const address = `http://127.0.0.1:${port}/`;
  const html = await answerOf(address, server);
  assert.match(html, /<h1>商品搜索<\/h1>/);
  assert.ok(!html.includes("<li>"), "nothing is searched on the server");

  const browser = await launch();
  t.after(() => browser.close());
  const page = await browser.newPage();
  const complaints = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.route("**/favicon.ico", (route) => route.fulfill({ status: 204 })); // the example has none
  await page.goto(address);
  await page.locator("li").first().waitFor();
  await page.getByLabel("搜索").fill("跑步鞋");
  await page.waitForFunction(() => document.querySelector("li")?.textContent.includes("跑步鞋"));
  assert.equal(await page.locator("[role=alert]:not(#__next-route-announcer__)").count(), 0);
  assert.deepEqual(complaints, []);
});
