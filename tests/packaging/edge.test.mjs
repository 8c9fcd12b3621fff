// examples/edge in workerd with a small model: its interfaces and the requests that it rejects.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { RERANKER_PATH, TOKEN, filesIn, startService } from "./support/edge.mjs";
import { INSTALLED, MODEL, ROOT, WORKSPACE, golden } from "./support/places.mjs";
import { output } from "./support/programs.mjs";

const { texts, input_ids: ids, vectors, tolerance, max_length } = golden;
const vectorsOf = vectors.cls;
/** Texts that are not truncated and not empty; OpenAI's interface rejects empty texts. */
const whole = texts.flatMap((text, i) => (text !== "" && ids[i].length < max_length ? [i] : []));
const near = (actual, expected, bound = tolerance) => {
  assert.equal(actual.length, expected.length);
  const worst = Math.max(...expected.map((value, i) => Math.abs(value - actual[i])));
  assert.ok(worst <= bound, `off by ${worst}`);
};
const json = async (response) => {
  assert.equal(response.status, 200, await response.clone().text());
  return response.json();
};

let service;
before(async () => (service = await startService({ model: MODEL })));
after(() => service?.stop());
const ask = (...args) => service.ask(...args);

describe("/v1/embeddings, compatible with OpenAI", () => {
  test("gives floats, and the number of tokens", async () => {
    const input = whole.map((i) => texts[i]);
    const { object, data, model, usage } = await json(await ask("/v1/embeddings", { input, model: "corom" }));
    assert.deepEqual([object, model], ["list", "corom"]);
    data.forEach(({ object, index, embedding }, i) => {
      assert.deepEqual([object, index], ["embedding", i]);
      near(embedding, vectorsOf[whole[i]]);
    });
    assert.equal(data.length, input.length);
    const tokens = whole.reduce((sum, i) => sum + ids[i].length, 0);
    assert.deepEqual(usage, { prompt_tokens: tokens, total_tokens: tokens });
  });

  test("gives base64 for a single text", async () => {
    const body = { input: texts[whole[0]], model: "corom", encoding_format: "base64", dimensions: 32, user: "x" };
    const { data } = await json(await ask("/v1/embeddings", body));
    const bytes = Buffer.from(data[0].embedding, "base64");
    near(
      Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(i * 4)),
      vectorsOf[whole[0]],
    );
  });

  test("rejects invalid requests with status, type, code and field", async () => {
    const long = texts.find((_, i) => ids[i].length === max_length).repeat(2);
    for (const [body, status, code, param = null] of [
      [{}, 422, "invalid_type", "input"],
      [{ input: 42 }, 422, "invalid_type", "input"],
      [{ input: [101, 102] }, 422, "invalid_type", "input"],
      [{ input: ["a", null] }, 422, "invalid_type", "input"],
      [{ input: [] }, 400, "empty", "input"],
      [{ input: "" }, 400, "empty", "input"],
      [{ input: ["a", ""] }, 400, "empty", "input"],
      [{ input: Array(33).fill("a") }, 413, "too_many", "input"],
      [{ input: long }, 413, "too_long", "input"],
      [{ input: "a", model: "text-embedding-3-small" }, 404, "model_not_found", "model"],
      [{ input: "a", model: 1 }, 422, "invalid_type", "model"],
      [{ input: "a", encoding_format: "hex" }, 400, "invalid_value", "encoding_format"],
      [{ input: "a", dimensions: 8 }, 400, "invalid_value", "dimensions"],
    ]) {
      const response = await ask("/v1/embeddings", body);
      const { error } = await response.json();
      assert.deepEqual([response.status, error.code, error.param], [status, code, param], JSON.stringify(body));
      assert.equal(error.type, "invalid_request_error");
      assert.equal(typeof error.message, "string");
    }
  });
});

describe("/embed and /rerank, compatible with text-embeddings-inference", () => {
  test("/embed gives unit vectors, and with normalize: false the model's own", async () => {
    const inputs = whole.map((i) => texts[i]);
    const raw = await json(await ask("/embed", { inputs, normalize: false }));
    raw.forEach((row, i) => near(row, vectorsOf[whole[i]]));
    const [unit] = await json(await ask("/embed", { inputs: inputs[0] }));
    near([Math.hypot(...unit)], [1], 1e-6);
    const length = Math.hypot(...raw[0]);
    near(unit, raw[0].map((x) => x / length), 1e-6); // prettier-ignore
  });

  test("/embed rejects a long text with 413, and truncates it with truncate: true", async () => {
    const i = texts.findIndex((_, i) => ids[i].length === max_length);
    const body = { inputs: texts[i], normalize: false };
    const refused = await ask("/embed", body);
    assert.equal(refused.status, 413);
    const { error, error_type } = await refused.json();
    assert.ok(error.includes(`${max_length} tokens`), error);
    assert.equal(error_type, "Validation");
    const [row] = await json(await ask("/embed", { ...body, truncate: true }));
    near(row, vectorsOf[i]);
  });

  test("/rerank gives the best text first, with scores from 0 to 1 or raw scores", async () => {
    const [query, ...rest] = whole;
    const dots = rest.map((i) => vectorsOf[i].reduce((sum, x, j) => sum + x * vectorsOf[query][j], 0));
    const order = dots.map((_, i) => i).sort((a, b) => dots[b] - dots[a]);
    const body = { query: texts[query], texts: rest.map((i) => texts[i]) };
    const ranked = await json(await ask("/rerank", { ...body, return_text: true }));
    assert.deepEqual(ranked.map(({ index }) => index), order); // prettier-ignore
    assert.deepEqual(ranked.map(({ text }) => text), order.map((i) => body.texts[i])); // prettier-ignore
    ranked.forEach(({ score }, i) => assert.ok(score >= 0 && score <= (ranked[i - 1]?.score ?? 1), `${score}`));
    near([ranked.reduce((sum, { score }) => sum + score, 0)], [1], 1e-6);
    const raw = await json(await ask("/rerank", { ...body, raw_scores: true }));
    near(raw.map(({ score }) => score), order.map((i) => dots[i]), 1e-2); // prettier-ignore
    assert.ok(!("text" in raw[0]));
  });

  test("/info describes the model, and /health needs no token", async () => {
    const info = await json(await ask("/info"));
    assert.equal(info.dimension, 32);
    assert.equal(info.max_input_length, max_length);
    assert.equal(info.model_dtype, "f32");
    assert.ok(info.wasm_memory > 0);
    assert.equal((await ask("/health", undefined, { token: "" })).status, 200);
  });

  test("reject invalid requests with status and type", async () => {
    for (const [where, body, status, type] of [
      ["/embed", {}, 422, "Validation"],
      ["/embed", { inputs: [] }, 400, "Empty"],
      ["/embed", { inputs: ["a"], normalize: "yes" }, 422, "Validation"],
      ["/embed", { inputs: Array(33).fill("a") }, 413, "Validation"],
      ["/rerank", { query: 1, texts: ["a"] }, 422, "Validation"],
      ["/rerank", { query: "a" }, 422, "Validation"],
      ["/rerank", { query: "a", texts: [] }, 400, "Empty"],
      ["/rerank", { query: "a", texts: [1] }, 422, "Validation"],
    ]) {
      const response = await ask(where, body);
      assert.deepEqual([response.status, (await response.json()).error_type], [status, type], JSON.stringify(body));
    }
  });
});

describe("the service rejects, and then still serves,", () => {
  const serves = async () => near((await json(await ask("/embed", { inputs: texts[1], normalize: false })))[0], vectorsOf[1]);

  test("requests without the right token, with 401", async () => {
    for (const token of ["", "wrong", TOKEN.slice(0, -1), `${TOKEN}x`]) {
      for (const [where, body] of [["/v1/embeddings", { input: "a" }], ["/embed", { inputs: "a" }], ["/rerank", {}], ["/info"]]) {
        const response = await ask(where, body, { token });
        assert.equal(response.status, 401, `${where} with ${token}`);
        assert.equal(response.headers.get("www-authenticate"), "Bearer");
      }
    }
    await serves();
  });

  test("bodies that are no JSON objects, with 400", async () => {
    const bad = ["", "{", "[]", "null", '"a"', "\0", new Uint8Array([0x7b, 0xff, 0x7d]), "{".repeat(100_000)];
    for (const where of ["/v1/embeddings", "/embed", "/rerank"]) {
      for (const body of bad) assert.equal((await ask(where, body)).status, 400, `${where}: ${String(body).slice(0, 9)}`);
    }
    await serves();
  });

  test("bodies over 1 MiB, with or without content-length, with 413", async () => {
    const large = JSON.stringify({ inputs: "a".repeat(2 << 20) });
    // The service answers before it has read the whole body, so the client sees an answer or a closed connection.
    const refused = (answer) => answer.then((response) => response.status, () => 413); // prettier-ignore
    assert.equal(await refused(ask("/embed", large)), 413);
    let sent = 0;
    const endless = new ReadableStream({
      pull(controller) {
        sent += 1 << 16;
        controller.enqueue(new Uint8Array(1 << 16).fill(32));
        if (sent > 64 << 20) controller.close();
      },
    });
    const status = await refused(ask("/embed", undefined, { method: "POST", body: endless, duplex: "half" }));
    assert.equal(status, 413);
    assert.ok(sent < 16 << 20, `${sent} bytes of the body were read`);
    await serves();
  });

  test("other paths, also of the model's files, with 404, and other methods with 405", async () => {
    for (const where of ["/", "/v1/models", "/model/corom.json", "/model/model.onnx", "/corom.wasm", "/constructor"])
      assert.equal((await ask(where)).status, 404, where);
    const response = await ask("/embed", undefined, { method: "GET" });
    assert.deepEqual([response.status, response.headers.get("allow")], [405, "POST, OPTIONS"]);
    assert.equal((await ask("/info", {}, { method: "POST" })).status, 405);
    await serves();
  });
});

describe("/rerank with a reranker", () => {
  const FIXTURE = path.join(ROOT, "tests/fixtures/rerankers/trained");
  const { pairs } = JSON.parse(readFileSync(path.join(FIXTURE, "golden.json"), "utf8"));
  const sigmoid = (logit) => 1 / (1 + Math.exp(-logit));
  let ranking;
  before(async () => {
    const reranker = path.join(WORKSPACE, "ranking");
    output(process.execPath, [path.join(INSTALLED, "bin/corom.js"), "convert", FIXTURE, reranker], { cwd: WORKSPACE });
    ranking = await startService({ model: MODEL, reranker, vars: { RERANKER_PATH } });
  });
  after(() => ranking?.stop());

  test("gives probabilities, or logits with raw_scores, best first", async () => {
    const [{ query }] = pairs.slice(-1);
    const some = pairs.filter((pair) => pair.query === query);
    const body = { query, texts: some.map(({ document }) => document) };
    const raw = await json(await ranking.ask("/rerank", { ...body, raw_scores: true, return_text: true }));
    assert.deepEqual(raw.map(({ index, text }) => text === body.texts[index]), body.texts.map(() => true));
    near(raw.map(({ score }) => score), raw.map(({ index }) => some[index].logits[0]), 1e-4);
    assert.ok(raw.every(({ score }, i) => i === 0 || score <= raw[i - 1].score));
    const shown = await json(await ranking.ask("/rerank", body));
    near(shown.map(({ score }) => score), raw.map(({ score }) => sigmoid(score)), 1e-6);
    assert.deepEqual(Object.keys(shown[0]), ["index", "score"]);
  });

  test("rejects a pair that is too long, unless it may be cut, and still embeds", async () => {
    const body = { query: "裤", texts: ["裤", "牛仔 ".repeat(100)] };
    const refused = await ranking.ask("/rerank", body);
    assert.deepEqual([refused.status, (await refused.json()).error.includes("128 tokens")], [413, true]);
    assert.equal((await json(await ranking.ask("/rerank", { ...body, truncate: true }))).length, 2);
    near((await json(await ranking.ask("/embed", { inputs: texts[whole[0]], normalize: false })))[0], vectorsOf[whole[0]]);
    assert.equal((await json(await ranking.ask("/info"))).reranker, RERANKER_PATH);
  });
});
