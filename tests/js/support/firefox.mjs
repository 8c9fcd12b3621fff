// Headless Firefox. It opens an address, and the page reports to its server.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { scratch } from "./converter.mjs";

const FIREFOX = process.env.FIREFOX ?? "/usr/bin/firefox-esr";

/** Returns a promise of what a page posts to /report of a server of www/serve.mjs, whose own answer does not matter. */
export const reportOf = (server) =>
  new Promise((resolve) =>
    server.prependListener("request", async (request) => {
      if (request.url !== "/report") return;
      let text = "";
      for await (const part of request.setEncoding("utf8")) text += part;
      resolve(JSON.parse(text));
    }),
  );

/**
 * Opens a page in a new profile until `reported` resolves, and returns the report. `settings` are those of about:config that
 * are true, `env` are more environment variables.
 */
export async function reportInFirefox(t, address, reported, { settings = [], env = {} } = {}) {
  assert.ok(existsSync(FIREFOX), `${FIREFOX} is missing: install Firefox, or set FIREFOX to its path`);
  const profile = scratch(t);
  writeFileSync(path.join(profile, "user.js"), settings.map((name) => `user_pref("${name}", true);\n`).join(""));
  const options = { stdio: "ignore", env: { ...process.env, ...env } };
  const browser = spawn(FIREFOX, ["--headless", "--no-remote", "--profile", profile, address], options);
  const ended = new Promise((resolve) => browser.once("exit", (code) => resolve({ error: `Firefox ended with ${code}` })));
  t.after(() => browser.kill());
  const report = await Promise.race([reported, ended]);
  browser.kill();
  await ended;
  return report;
}
