// corom/hub, and servers that answer as the hubs do: redirects to another origin, versions, errors as JSON.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { huggingface, modelscope } from "corom/hub";
import { Corom as InWorker } from "corom/worker";
import { Corom, assertClose, failsWith } from "./support/corom.mjs";
import { tagOf } from "./support/fault-server.mjs";
import { EXACT, MODEL, warningsOf, withFolder } from "./support/loading.mjs";
import { ROOT, golden } from "./support/paths.mjs";
import { serveWith } from "./support/server.mjs";

/** A repository of another tool, without corom.json, with the ONNX file in onnx/. */
const { "corom.json": manifest, ...foreign } = MODEL.files;
const FILES = Object.fromEntries(
  Object.entries(foreign).map(([name, bytes]) => [/^model/.test(name) ? `onnx/${name}` : name, bytes]),
);
const OPTIONS = { ...EXACT, pooling: "cls", maxLength: golden("external-shards").max_length };

let cdn;
let hub;
let asked;
let isDown = false;
/** The files of large-file storage: the hub redirects to another origin, with a signature that is new each time. */
const isLarge = (name) => name.startsWith("onnx/");
const json = (response, status, body, headers = {}) =>
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));

before(async () => {
  cdn = await serveWith((target, response) => {
    const bytes = FILES[decodeURIComponent(target.split("?")[0])];
    response.writeHead(200, { etag: tagOf(bytes), "content-length": bytes.length, "access-control-allow-origin": "*" }).end(bytes);
  });
  let signature = 0;
  const answerFile = (name, response) => {
    asked.push(name);
    const bytes = FILES[name];
    if (isDown) return response.destroy();
    if (!bytes) {
      const headers = { "x-error-code": "EntryNotFound", "x-error-message": "Entry not found" };
      return json(response, 404, { Code: 10010205001, Message: "the file does not exist", Success: false }, headers);
    }
    if (!isLarge(name)) return response.writeHead(200, { etag: `W/${tagOf(bytes)}`, "content-length": bytes.length }).end(bytes);
    const location = `${cdn.address}${encodeURIComponent(name)}?signature=${signature++}`;
    response.writeHead(302, { location, "x-linked-etag": '"0000"', "x-linked-size": bytes.length }).end();
  };
  hub = await serveWith((target, response) => {
    const url = new URL(target, "http://hub/");
    const hf = /^\/(?:hf\/)?(damo\/model|model)\/resolve\/(main|refs%2Fpr%2F1)\/(.*)$/.exec(url.pathname);
    if (hf) return answerFile(decodeURIComponent(hf[3]), response);
    const isModelScope = /^\/api\/v1\/models\/damo\/(model|%E6%A8%A1%E5%9E%8B)\/repo$/.test(url.pathname);
    if (isModelScope && /^(master|v1)$/.test(url.searchParams.get("Revision"))) {
      return answerFile(url.searchParams.get("FilePath"), response);
    }
    return json(response, 401, { error: "Invalid username or password." }, { "x-error-message": "Invalid username or password." });
  });
});
after(() => Promise.all([hub.close(), cdn.close()]));
beforeEach(() => {
  asked = [];
  isDown = false;
});
const host = () => hub.address;

async function loads(source, options, Class = Corom) {
  const events = [];
  const corom = await Class.load(source, { ...OPTIONS, ...options, onProgress: (event) => events.push(event) });
  assert.equal(corom.info.model, "onnx/model.onnx");
  assertClose((await corom.embed(MODEL.texts)).data, MODEL.vectors.flat(), MODEL.tolerance);
  corom.free();
  return events;
}

describe("corom/hub", () => {
  test("returns the addresses that the hubs document, and requests nothing", () => {
    assert.deepEqual(huggingface("owner/name"), ["https://huggingface.co/owner/name/resolve/main/"]);
    assert.deepEqual(huggingface("bert-base-chinese", { revision: "refs/pr/1" }), [
      "https://huggingface.co/bert-base-chinese/resolve/refs%2Fpr%2F1/",
    ]);
    assert.deepEqual(modelscope("damo/nlp_corom", { host: ["https://a.example", new URL("https://b.example/hub/")] }), [
      "https://a.example/api/v1/models/damo/nlp_corom/repo?Revision=master&FilePath=",
      "https://b.example/hub/api/v1/models/damo/nlp_corom/repo?Revision=master&FilePath=",
    ]);
    assert.match(modelscope("iic/x", { revision: "v1.0&a=b", host: null })[0], /\/iic\/x\/repo\?Revision=v1\.0%26a%3Db&FilePath=$/);
  });

  test("rejects names, revisions, hosts and options that are none with INVALID_ARGUMENT", async () => {
    for (const hubOf of [huggingface, modelscope]) {
      for (const name of [undefined, "", 5, "a/b/c", "../x", "a/", "/a", "a b/c", "https://a.example/b", "a/..", "a?b/c"])
        await failsWith("INVALID_ARGUMENT", async () => hubOf(name), "name");
      for (const given of ["a.example", "", 5, [], ["https://a.example", 5], "ftp://a.example", "https://a.example/?q"])
        await failsWith("INVALID_ARGUMENT", async () => hubOf("a/b", { host: given }), "host");
      for (const revision of ["", 5]) await failsWith("INVALID_ARGUMENT", async () => hubOf("a/b", { revision }), "revision");
      await failsWith("INVALID_ARGUMENT", async () => hubOf("a/b", { revison: "v1" }), "revison", "revision");
      await failsWith("INVALID_ARGUMENT", async () => hubOf("a/b", "v1"), "options");
    }
    await failsWith("INVALID_ARGUMENT", async () => modelscope("name"), "owner/name");
  });

  for (const [name, Class] of Object.entries({ corom: Corom, "corom/worker": InWorker })) {
    test(`loads models from both hubs through redirects, into ${name}`, async () => {
      await loads(huggingface("damo/model", { host: host() }), {}, Class);
      await loads(huggingface("model", { host: `${host()}hf/`, revision: "refs/pr/1" }), {}, Class);
      await loads(modelscope("damo/model", { host: host() }), {}, Class);
      await loads(modelscope("damo/模型", { host: host(), revision: "v1" }), {}, Class);
    });
  }

  test("keeps the files by the versions that the hub states, and loads without a network", () =>
    withFolder(async (cacheDir) => {
      for (const source of [huggingface("damo/model", { host: host() }), modelscope("damo/model", { host: host() })]) {
        await loads(source, { cacheDir });
        const again = await loads(source, { cacheDir });
        assert.ok(again.some(({ phase, file }) => phase === "verify" && file === "onnx/model.onnx"));
        isDown = true;
        assert.deepEqual(warningsOf(await loads(source, { cacheDir, retries: 0 })), ["OFFLINE"]);
        isDown = false;
      }
    }));

  test("takes the next mirror for a model that the first does not have", async () => {
    await loads(huggingface("damo/model", { host: [`${host()}elsewhere`, host()] }), { retries: 0 });
    await loads(modelscope("damo/model", { host: ["http://127.0.0.1:9", host()] }), { retries: 0 });
  });

  test("names the address, and what the hub says, if there is no such model", async () => {
    const source = huggingface("damo/none", { host: host() });
    await failsWith("FETCH_FAILED", Corom.load(source), `${source[0]}corom.json`, "401", "Invalid username or password.");
  });
});

describe("Corom.load from an address with FilePath", () => {
  const api = (query) => `${host()}api/v1/models/damo/model/repo?${query}`;

  test("writes the path of each file into the query", async () => {
    await loads(api("Revision=master&FilePath="));
    await loads(api("FilePath=&Revision=master"));
    await loads(new URL(api("Revision=master&FilePath=onnx/model.onnx")));
    await loads(api("Revision=master&filepath=%2Fonnx%2Fmodel.onnx").replace("filepath", "FilePath"));
    assert.ok(asked.includes("onnx/model.onnx_data_1") && asked.includes("config.json"));
    const error = await failsWith("MISSING_FILE", Corom.load(api("Revision=master&FilePath=sub dir")));
    assert.ok(error.message.includes("FilePath=sub%20dir/"), error.message);
    assert.ok(asked.includes("sub dir/config.json"));
    await failsWith("INVALID_ARGUMENT", Corom.load(api("FilePath=%zz.onnx")), "%");
  });
});

test("corom/hub and the documentation are the only places with a hub's address", () => {
  const lib = path.join(ROOT, "pkg/lib");
  assert.match(readFileSync(path.join(lib, "hub.js"), "utf8"), /https:\/\/huggingface\.co/);
  for (const file of ["load.js", "source-url.js", "http-file.js", "host-web.js", "host-node.js"])
    assert.doesNotMatch(readFileSync(path.join(lib, file), "utf8"), /huggingface\.co|modelscope\.cn/);
});
