// The published probes of keyword search in Chromium and in Firefox: the hits and scores of the native library.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { launchChromium } from "../support/chromium.mjs";
import { scratch } from "../support/converter.mjs";
import { probeSite } from "../support/probe-site.mjs";
import { GOLDEN_HITS, probeCatalog } from "../support/search-probes-node.mjs";

const FIREFOX = process.env.FIREFOX ?? "/usr/bin/firefox-esr";

function check({ agent, lines, error }, browser) {
  assert.equal(error, undefined);
  assert.match(agent, browser);
  assert.deepEqual(lines, GOLDEN_HITS);
}

test("every probe gives the golden hits in Chromium", async (t) => {
  const { address, reported } = await probeSite(t, probeCatalog(t));
  const browser = await launchChromium();
  t.after(() => browser.close());
  await (await browser.newPage()).goto(address);
  check(await reported, /Chrome/);
});

test("every probe gives the golden hits in Firefox", async (t) => {
  assert.ok(existsSync(FIREFOX), `${FIREFOX} is missing: install Firefox, or set FIREFOX to its path`);
  const { address, reported } = await probeSite(t, probeCatalog(t));
  const profile = scratch(t);
  const browser = spawn(FIREFOX, ["--headless", "--no-remote", "--profile", profile, address], { stdio: "ignore" });
  const ended = new Promise((resolve) => browser.once("exit", (code) => resolve({ error: `Firefox ended with ${code}` })));
  t.after(() => browser.kill());
  const report = await Promise.race([reported, ended]);
  browser.kill();
  await ended;
  check(report, /Firefox/);
});
