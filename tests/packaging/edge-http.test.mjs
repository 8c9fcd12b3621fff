// examples/edge in workerd: HEAD and OPTIONS requests, pages of other origins, and settings that are wrong.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { TOKEN, startService } from "./support/edge.mjs";
import { MODEL, golden } from "./support/places.mjs";

const SHOP = "https://shop.example";
const PREFLIGHT = { "access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type" };
const text = golden.texts[1];

/** Starts a service with these variables for the tests of a block. Returns a function that sends requests to it. */
function withService(vars) {
  let service;
  before(async () => (service = await startService({ model: MODEL, vars })));
  after(() => service?.stop());
  return (where, { headers, origin, token = TOKEN, ...init } = {}) =>
    fetch(new URL(where, service.address), {
      headers: { ...(token && { authorization: `Bearer ${token}` }), ...(origin && { origin }), ...headers },
      ...init,
    });
}
const posting = (inputs) => ({ method: "POST", body: JSON.stringify({ inputs }) });
const preflight = (origin) => ({ method: "OPTIONS", token: "", origin, headers: PREFLIGHT });
/** Returns the CORS headers of a response by their name without `access-control-`. */
const cors = ({ headers }) =>
  Object.fromEntries([...headers].flatMap(([name, value]) => (name.startsWith("access-control-") ? [[name.slice(15), value]] : [])));

describe("without CORS_ORIGINS, the service", () => {
  const ask = withService({});

  test("answers HEAD where it answers GET, with the same headers and no body", async () => {
    const health = await ask("/health", { method: "HEAD", token: "" });
    assert.deepEqual([health.status, await health.text()], [200, ""]);
    const info = await ask("/info", { method: "HEAD" });
    assert.deepEqual([info.status, info.headers.get("content-type"), await info.text()], [200, "application/json", ""]);
    assert.equal((await ask("/info", { method: "HEAD", token: "" })).status, 401);
    const embed = await ask("/embed", { method: "HEAD" });
    assert.deepEqual([embed.status, embed.headers.get("allow")], [405, "POST, OPTIONS"]);
    assert.equal((await ask("/nothing", { method: "HEAD" })).status, 404);
  });

  test("answers OPTIONS with the methods of a path, and allows no page of another origin", async () => {
    for (const [where, allow] of [["/embed", "POST, OPTIONS"], ["/v1/embeddings", "POST, OPTIONS"], ["/health", "GET, HEAD, OPTIONS"]]) {
      const response = await ask(where, preflight(SHOP));
      assert.deepEqual([response.status, response.headers.get("allow"), cors(response)], [204, allow, {}], where);
    }
    assert.equal((await ask("/nothing", preflight(SHOP))).status, 404);
    const answer = await ask("/embed", { ...posting(text), origin: SHOP });
    assert.deepEqual([answer.status, cors(answer)], [200, {}]);
  });

  test("rejects a long text by its bytes with 413, before it loads the model, also with truncate", async () => {
    const long = ["#".repeat(32_769), "裤".repeat(10_923), "👗".repeat(8_193)];
    for (const one of long) {
      for (const [where, body] of [
        ["/embed", { inputs: ["a", one], truncate: true }],
        ["/rerank", { query: one, texts: ["a"], truncate: true }],
        ["/rerank", { query: "a", texts: [one], truncate: true }],
        ["/v1/embeddings", { input: one }],
      ]) {
        const response = await ask(where, { method: "POST", body: JSON.stringify(body) });
        const { error } = await response.json();
        assert.equal(response.status, 413, where);
        assert.match(error.message ?? error, /at most 32768 bytes/);
      }
    }
    for (const one of long) {
      const body = JSON.stringify({ inputs: [...one].slice(0, -1).join(""), truncate: true });
      assert.equal((await ask("/embed", { method: "POST", body })).status, 200, "a text of the largest size");
    }
  });
});

describe("with a list in CORS_ORIGINS, the service", () => {
  const ask = withService({ CORS_ORIGINS: `${SHOP}, http://localhost:5173` });

  test("answers the preflight request of a page in the list, without a token", async () => {
    for (const origin of [SHOP, "http://localhost:5173"]) {
      const response = await ask("/embed", preflight(origin));
      assert.deepEqual([response.status, await response.text(), response.headers.get("vary")], [204, "", "origin"]);
      assert.deepEqual(cors(response), {
        "allow-origin": origin,
        "allow-methods": "POST, OPTIONS",
        "allow-headers": "*, authorization",
        "expose-headers": "retry-after, www-authenticate",
        "max-age": "86400",
      });
    }
  });

  test("lets a page in the list read answers and errors, and no other page", async () => {
    const statuses = [[posting(text), 200], [posting([]), 400], [{ ...posting(text), token: "wrong" }, 401], [{ method: "PUT" }, 405]];
    for (const [init, status] of statuses) {
      const allowed = await ask("/embed", { ...init, origin: SHOP });
      assert.deepEqual([allowed.status, cors(allowed)["allow-origin"]], [status, SHOP]);
      for (const origin of ["https://evil.example", "http://shop.example", `${SHOP}.evil.example`, "null", undefined]) {
        const other = await ask("/embed", { ...init, origin });
        assert.deepEqual([other.status, cors(other), other.headers.get("vary")], [status, {}, "origin"], origin);
      }
    }
    assert.deepEqual(cors(await ask("/embed", preflight("https://evil.example"))), {});
  });
});

describe('with "*" in CORS_ORIGINS, the service', () => {
  const ask = withService({ CORS_ORIGINS: "*" });

  test("lets every page read answers", async () => {
    assert.equal(cors(await ask("/embed", preflight("https://any.example")))["allow-origin"], "*");
    const answer = await ask("/embed", { ...posting(text), origin: "null" });
    assert.deepEqual([answer.status, cors(answer)["allow-origin"], answer.headers.get("vary")], [200, "*", null]);
  });
});

describe("with a line break in TOKEN, the service", () => {
  const ask = withService({ TOKEN: `${TOKEN}\n` });

  test("says so to every request with 500, without the token, and /health answers", async () => {
    for (const where of ["/embed", "/v1/embeddings"]) {
      // Without a body: the service answers before it reads one, which may close the connection.
      const response = await ask(where, { method: "POST" });
      const { error } = await response.json();
      assert.equal(response.status, 500, where);
      assert.match(error.message ?? error, /^TOKEN: contains a line break/);
      assert.ok(!JSON.stringify(error).includes(TOKEN));
    }
    assert.equal((await ask("/health", { method: "HEAD", token: "" })).status, 200);
  });
});
