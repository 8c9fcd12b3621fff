// The caller's fetch function, called from the worker: both ends of lib/worker/fetch.js in one thread.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { answerFetch, remoteFetch } from "../../pkg/lib/worker/fetch.js";
import { CoromError, failsWith, until } from "./support/corom.mjs";

/** Returns the worker's end of `fetch`; `ending` aborts when the worker ends. */
function over(fetch, ending = new AbortController()) {
  const { port1, port2 } = new MessageChannel();
  port1.on("message", ({ fetch: request }) => answerFetch(fetch, request, ending.signal));
  port1.unref();
  return remoteFetch(0, (message, handed) => port2.postMessage(message, handed));
}
const bytes = (n, fill = 7) => new Uint8Array(n).fill(fill);
const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let seen;
beforeEach(() => (seen = []));
const noting =
  (answer) =>
  async (...args) => {
    seen.push(args);
    return answer(...args);
  };

test("passes the request to the page, and status and headers back", async () => {
  const fetch = over(noting(() => new Response(bytes(10), { status: 206, headers: { ETag: '"a"', "x-own": "1" } })));
  const headers = { Range: "bytes=5-", Authorization: "Bearer t" };
  const response = await fetch(new URL("https://example.com/model.onnx?a=1"), { headers, cache: "no-store" });
  const [[url, { headers: sent, cache, signal }]] = seen;
  assert.deepEqual([url, cache], ["https://example.com/model.onnx?a=1", "no-store"]);
  assert.equal(new Headers(sent).get("range"), "bytes=5-");
  assert.ok(signal instanceof AbortSignal && !signal.aborted);
  assert.deepEqual([response.status, response.ok, response.headers.get("etag")], [206, true, '"a"']);
  assert.deepEqual(new Uint8Array(await response.arrayBuffer()), bytes(10));
});

test("passes url and redirected of the response back", async () => {
  const answer = Object.defineProperties(new Response("a"), {
    url: { value: "https://login.example.com/" },
    redirected: { value: true },
  });
  const response = await over(() => answer)("https://example.com/");
  assert.deepEqual([response.url, response.redirected], ["https://login.example.com/", true]);
  await response.body.cancel();
});

test("passes a body chunk by chunk as it is read, without detaching the caller's bytes", async () => {
  const whole = Uint8Array.from({ length: 1000 }, (_, i) => i);
  let pulled = 0;
  const stream = new ReadableStream({
    pull(controller) {
      if (pulled === 10) return controller.close();
      controller.enqueue(whole.subarray(pulled * 100, ++pulled * 100));
    },
  });
  const response = await over(() => new Response(stream))("https://example.com/");
  await later(20);
  assert.ok(pulled <= 2, `${pulled} chunks before anyone read`);
  const reader = response.body.getReader();
  const first = await reader.read();
  assert.deepEqual([first.value.length, first.value.buffer.byteLength], [100, 100]);
  const rest = [];
  for (let read = first; !read.done; read = await reader.read()) rest.push(...read.value);
  assert.deepEqual(Uint8Array.from(rest), whole);
  assert.equal(whole.buffer.byteLength, 1000);
});

test("copies chunks that are Buffers in Node's pool", async () => {
  const pooled = Buffer.from("pooled");
  const { byteLength } = pooled.buffer;
  const stream = new ReadableStream({ start: (c) => (c.enqueue(pooled), c.close()) });
  const response = await over(() => ({ status: 200, headers: new Headers(), body: stream }))("https://example.com/");
  assert.equal(await response.text(), "pooled");
  assert.equal(pooled.buffer.byteLength, byteLength);
});

test("passes a body of 10 MB whole", async () => {
  const whole = Uint8Array.from({ length: 10 << 20 }, (_, i) => (i * 31) >> 3);
  const response = await over(() => new Response(whole))("https://example.com/");
  assert.ok(Buffer.from(await response.arrayBuffer()).equals(whole));
});

test("passes responses without a body", async () => {
  const fetch = over((url) => new Response(null, { status: Number(url.slice(-3)) }));
  for (const status of [204, 304, 404, 500]) {
    const response = await fetch(`https://example.com/${status}`);
    assert.deepEqual([response.status, (await response.arrayBuffer()).byteLength], [status, 0]);
  }
  assert.equal((await over(() => Response.error())("https://example.com/")).type, "error");
});

test("accepts an object that has only a part of the Response interface", async () => {
  const headers = { get: (name) => ({ etag: '"a"', "content-type": "text/plain" })[name] ?? null };
  const alike = { status: 200, headers, body: "no stream", arrayBuffer: async () => bytes(10).buffer };
  const response = await over(() => alike)("https://example.com/");
  assert.deepEqual(
    [...response.headers],
    [
      ["content-type", "text/plain"],
      ["etag", '"a"'],
    ],
  );
  assert.deepEqual(new Uint8Array(await response.arrayBuffer()), bytes(10));
  const { body: _, ...bodiless } = alike; // as whatwg-fetch and React Native make it
  assert.deepEqual(new Uint8Array(await (await over(() => bodiless)("https://example.com/")).arrayBuffer()), bytes(10));
});

test("rejects with what the function throws, and with INVALID_ARGUMENT if it returns no Response", async () => {
  const broken = over(() => {
    throw Object.assign(new TypeError("no network"), { cause: { code: "ECONNREFUSED", message: "refused" } });
  });
  await assert.rejects(broken("https://example.com/"), (error) => {
    assert.deepEqual([error.name, error.message, error.cause.code], ["TypeError", "no network", "ECONNREFUSED"]);
    return true;
  });
  await failsWith("INVALID_ARGUMENT", over(() => undefined)("https://example.com/"), "got undefined; expected a Response");
  await failsWith("INVALID_ARGUMENT", over(async () => ({}))("https://example.com/"), "got an object; expected a Response");
  const odd = () => ({ status: 999, headers: new Headers(), body: null });
  await assert.rejects(over(odd)("https://example.com/"), RangeError);
  const own = () => Promise.reject(new CoromError("MISSING_FILE", "not in the store"));
  await failsWith("MISSING_FILE", over(own)("https://example.com/"), "not in the store");
  const text = new ReadableStream({ pull: (controller) => controller.enqueue("text") });
  const textual = await over(() => ({ status: 200, headers: new Map(), body: text }))("https://example.com/");
  await assert.rejects(textual.arrayBuffer(), { message: /the body contains the string "text"/ });
});

test("rejects the reading of a body that fails", async () => {
  let chunks = 0;
  const stream = new ReadableStream({
    pull: (controller) => (chunks++ < 2 ? controller.enqueue(bytes(10)) : controller.error(new Error("reset"))),
  });
  const response = await over(() => new Response(stream))("https://example.com/");
  await assert.rejects(response.arrayBuffer(), { message: "reset" });
});

test("passes an abort to the function, before its response and during the body", async () => {
  const reason = new Error("mine");
  const hanging = noting(
    (_, { signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  );
  const controller = new AbortController();
  const call = over(hanging)("https://example.com/", { signal: controller.signal });
  await until(() => seen.length > 0);
  controller.abort(reason);
  await assert.rejects(call, reason);
  await until(() => seen[0][1].signal.aborted);

  let cancelled = false;
  const endless = new ReadableStream({
    pull: (c) => c.enqueue(bytes(10)),
    cancel: () => void (cancelled = true),
  });
  const second = new AbortController();
  const response = await over(() => new Response(endless))("https://example.com/", { signal: second.signal });
  const reader = response.body.getReader();
  await reader.read();
  second.abort(reason);
  await assert.rejects(reader.read(), reason);
  await until(() => cancelled);

  await assert.rejects(over(hanging)("https://example.com/", { signal: AbortSignal.abort(reason) }), reason);
});

test("cancels a body that the worker gives up, and every body when the worker ends", async () => {
  let cancelled = 0;
  const endless = () =>
    new Response(
      new ReadableStream({
        pull: (c) => c.enqueue(bytes(10)),
        cancel: () => void cancelled++,
      }),
    );
  const response = await over(endless)("https://example.com/");
  await response.body.cancel();
  await until(() => cancelled === 1);

  const ending = new AbortController();
  const fetch = over(noting(endless), ending);
  await fetch("https://example.com/");
  await fetch("https://example.com/");
  ending.abort();
  await until(() => cancelled === 3);
  assert.ok(seen.every(([, { signal }]) => signal.aborted));
});
