// Headless Firefox. It opens an address, and the page reports to its server.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { scratch } from "./converter.mjs";

const FIREFOX = process.env.FIREFOX ?? "/usr/bin/firefox-esr";

/** Opens a page in a new profile until `reported` resolves, and returns the report. */
export async function reportInFirefox(t, address, reported) {
  assert.ok(existsSync(FIREFOX), `${FIREFOX} is missing: install Firefox, or set FIREFOX to its path`);
  const browser = spawn(FIREFOX, ["--headless", "--no-remote", "--profile", scratch(t), address], { stdio: "ignore" });
  const ended = new Promise((resolve) => browser.once("exit", (code) => resolve({ error: `Firefox ended with ${code}` })));
  t.after(() => browser.kill());
  const report = await Promise.race([reported, ended]);
  browser.kill();
  await ended;
  return report;
}
