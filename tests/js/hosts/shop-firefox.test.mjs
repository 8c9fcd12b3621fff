// The shop page in headless Firefox, used by a script in the page.
import assert from "node:assert/strict";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { serve } from "../../../www/serve.mjs";
import { scratch } from "../support/converter.mjs";
import { reportInFirefox, reportOf } from "../support/firefox.mjs";
import { ROOT } from "../support/paths.mjs";
import { shopRoots } from "../support/shop-site.mjs";

test("a customer finds, filters and compares in Firefox", async (t) => {
  const folder = path.join(scratch(t), "www");
  cpSync(path.join(ROOT, "www"), folder, { recursive: true });
  cpSync(path.join(import.meta.dirname, "../support/shop-driver.js"), path.join(folder, "driver.js"));
  const page = path.join(folder, "shop.html");
  writeFileSync(page, readFileSync(page, "utf8").replace("</body>", '<script type="module" src="driver.js"></script></body>'));
  const { server, address } = await serve({ ...(await shopRoots(scratch(t))), "/": folder });
  t.after(() => server.close().closeAllConnections());
  const { agent, steps, error } = await reportInFirefox(t, `${address}shop.html`, reportOf(server));
  assert.equal(error, undefined);
  assert.match(agent, /Firefox/);
  assert.ok(steps.suggestions.some((text) => text.includes("保温杯")), steps.suggestions.join());
  assert.ok(steps.marks.every((mark) => "保温杯".includes(mark)), steps.marks.join());
  assert.ok(steps.tokens.includes("[CLS]"), steps.tokens.join());
  assert.match(steps.status, /products · (hybrid|keyword)/);
  assert.equal(steps.failure, "");
});
