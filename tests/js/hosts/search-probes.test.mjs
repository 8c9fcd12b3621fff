// The published probes of keyword search in Chromium and in Firefox: the hits and scores of the native library.
import assert from "node:assert/strict";
import { test } from "node:test";
import { launchChromium } from "../support/chromium.mjs";
import { reportInFirefox } from "../support/firefox.mjs";
import { probeSite } from "../support/probe-site.mjs";
import { GOLDEN_HITS, probeCatalog } from "../support/search-probes-node.mjs";

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
  const { address, reported } = await probeSite(t, probeCatalog(t));
  check(await reportInFirefox(t, address, reported), /Firefox/);
});
