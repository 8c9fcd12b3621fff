// `corom/element`, and examples/frameworks with the real Vue and React, in Chromium.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { INSTALLED, ROOT, project } from "./support/places.mjs";
import { PAGE_FUNCTIONS, bundlePage, outcomeOfPage } from "./support/shop-page.mjs";
import { POLICY, launch } from "./support/site.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser?.close());

test("<corom-search> finds by keywords, then by meaning, under a strict policy", async () => {
  const folder = project("element", {
    "index.html": `<!doctype html><meta charset="utf-8"><title>shop</title>
      <link rel="icon" href="data:,"><script type="module" src="./main.js"></script>
      <corom-search catalog="./catalog/" model="./model/" link="url" limit="5" placeholder="搜索"></corom-search>`,
    "main.js": `${PAGE_FUNCTIONS}
import { CoromSearch } from "./corom/element.js";
finish(async () => {
  const element = document.querySelector("corom-search");
  const root = element.shadowRoot;
  const input = root.querySelector("input");
  const events = [];
  for (const name of ["corom-ready", "corom-results", "corom-error"]) element.addEventListener(name, () => events.push(name));
  await until(() => element.catalog);
  input.value = "跑步鞋";
  input.dispatchEvent(new Event("input"));
  await until(() => root.querySelectorAll("li").length === 5);
  const marks = [...root.querySelectorAll("mark")].map((mark) => mark.textContent);
  const href = root.querySelector("a").getAttribute("href");
  await until(() => events.includes("corom-ready"));
  let selected;
  element.addEventListener("corom-select", (event) => { selected = event.detail.hit.id; event.preventDefault(); });
  root.querySelector("a").click();
  element.setAttribute("query", "女");
  await until(() => input.value === "女" && root.querySelectorAll("li").length === 5);
  const { catalog } = element;
  element.remove();
  await until(() => element.catalog === undefined);
  let freed;
  try { await catalog.search("a"); } catch (error) { freed = error.code; }
  return { isDefined: element instanceof CoromSearch, label: input.getAttribute("aria-label"), marks, href, selected, freed, errors: events.includes("corom-error"), here: location.pathname };
});`,
  });
  const outcome = await outcomeOfPage(browser, folder, { policy: `${POLICY}; img-src data:` });
  assert.ok(outcome.marks.length > 0 && outcome.marks.every((mark) => "跑步鞋".includes(mark)), outcome.marks.join());
  assert.match(outcome.href, /^\/p\/\d+$/);
  assert.equal(outcome.selected, `p${outcome.href.slice(3)}`);
  assert.deepEqual([outcome.isDefined, outcome.label, outcome.freed, outcome.errors, outcome.here], [true, "搜索", "FREED", false, "/"]);
});

test("importing corom/element on a server defines nothing and fails nothing", async () => {
  const { CoromSearch } = await import(path.join(INSTALLED, "element.js"));
  assert.equal(typeof CoromSearch, "function");
});

const MAIN = {
  vue: `
import { createApp, h } from "vue";
import { useCatalog } from "./example.js";
finish(async () => {
  let state;
  const app = createApp({ setup: () => ((state = useCatalog("./catalog/", { load: LOAD, search: { topK: 7 } })), () => h("ol", (state.result.value?.hits ?? []).map(({ id, fields }) => h("li", { key: id }, fields.title)))) });
  app.mount("#app");
  await until(() => document.querySelectorAll("li").length === 7);
  state.query.value = "跑步";
  state.query.value = "跑步鞋";
  const first = await until(() => document.querySelector("li").textContent.includes("跑步鞋") && document.querySelector("li").textContent);
  const shop = await state.catalog;
  app.unmount();
  let freed;
  await until(() => (shop.search("a").catch((error) => (freed = error.code)), freed));
  return { first, freed, failed: state.error.value?.code };
});`,
  react: `
import { createElement as h, useState } from "react";
import { createRoot } from "react-dom/client";
import { useCatalog } from "./example.js";
let set, shop, failed;
function Search() {
  const [query, setQuery] = useState("");
  const { result, error, catalog } = useCatalog("./catalog/", query, OPTIONS);
  [set, shop, failed] = [setQuery, catalog, error];
  return h("ol", null, (result?.hits ?? []).map(({ id, fields }) => h("li", { key: id }, fields.title)));
}
const OPTIONS = { load: LOAD, search: { topK: 7 } };
finish(async () => {
  const root = createRoot(document.querySelector("#app"));
  root.render(h(Search));
  await until(() => document.querySelectorAll("li").length === 7);
  set("跑步");
  set("跑步鞋");
  const first = await until(() => document.querySelector("li").textContent.includes("跑步鞋") && document.querySelector("li").textContent);
  const loaded = shop;
  root.unmount();
  let freed;
  await until(() => (loaded.search("a").catch((error) => (freed = error.code)), freed));
  return { first, freed, failed: failed?.code };
});`,
};

for (const name of ["vue", "react"]) {
  test(`examples/frameworks/${name}.js searches while the user types, and frees the catalog`, async () => {
    const load = `{ worker: new URL("./corom/search-worker-thread.js", location), wasm: new URL("./corom/wasm/corom-search.wasm", location) }`;
    const folder = await bundlePage(`frameworks-${name}`, {
      "main.js": `const LOAD = ${load};\n${MAIN[name]}`,
      "example.js": readFileSync(path.join(ROOT, `examples/frameworks/${name}.js`), "utf8"),
    });
    const { first, freed, failed } = await outcomeOfPage(browser, folder);
    assert.match(first, /跑步鞋/);
    assert.deepEqual([freed, failed], ["FREED", undefined]);
  });
}
