// Runs in the shop's page: uses it as a customer does, and posts `{ agent, steps }` or `{ error }` to /report.
const byId = (id) => document.getElementById(id);
const shown = (selector) => [...document.querySelectorAll(selector)].map((node) => node.textContent);

async function until(what, check) {
  for (const end = performance.now() + 90_000; performance.now() < end; await new Promise((resolve) => setTimeout(resolve, 25))) {
    const value = check();
    if (value) return value;
  }
  throw new Error(`${what}; the page says: ${byId("status").textContent} ${byId("model-text").textContent} ${byId("failure-text").textContent}`);
}

function type(text) {
  byId("query").focus();
  byId("query").value = text;
  byId("query").dispatchEvent(new Event("input", { bubbles: true }));
}

async function use() {
  const steps = {};
  await until("no product is shown", () => shown("#hits > li").length === 24);
  type("baowen");
  steps.suggestions = await until("no suggestion", () => shown("#suggestions [role=option]").length > 0 && shown("#suggestions [role=option]"));
  type("保温杯");
  await until("the model does not come", () => byId("model-bar").classList.contains("gone"));
  await until("no hybrid search", () => document.body.dataset.mode === "hybrid" && byId("query").value === "保温杯");
  steps.marks = await until("no mark", () => shown("#hits mark").length > 0 && shown("#hits mark"));
  byId("map-panel").open = byId("facts").open = true;
  await until("no map", () => document.querySelector("#map circle.ring"));
  steps.tokens = await until("no token", () => shown("#tokens .token").length > 0 && shown("#tokens .token"));
  document.querySelector("input[value=compare]").click();
  await until("nothing beside the hits", () => shown("#others > li").length > 0);
  document.querySelector("input[value=hybrid]").click();
  const before = byId("status").textContent;
  document.querySelector("[data-facet=stock]").click();
  await until("the filter has no effect", () => byId("status").textContent !== before && document.querySelector("[data-facet=stock]").checked);
  document.querySelector("[data-language=en]").click();
  steps.status = byId("status").textContent;
  steps.failure = byId("failure").hidden ? "" : byId("failure-text").textContent;
  return steps;
}

use()
  .then((steps) => ({ agent: navigator.userAgent, steps }), (error) => ({ error: `${error} ${error.stack}` }))
  .then((report) => fetch("/report", { method: "POST", body: JSON.stringify(report) }));
