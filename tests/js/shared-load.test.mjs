// Loads of several workers at the same time, with answers that the test decides: what is handed on, and what is kept.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SharedLoad } from "../../pkg/lib/worker/shared-load.js";

const SOURCE = { list: [{ value: "https://a.example/" }] };
const OPTIONS = { object: [["maxLength", { value: 5 }], ["wasm", { value: undefined }], ["model", { value: undefined }]] }; // prettier-ignore
const MODULE = { name: "compiled" };
const blob = new Blob(["{}"]);

/** Returns a SharedLoad, the messages that workers got, and functions that answer them in order. */
function loads(source = SOURCE, isShared = true) {
  const load = new SharedLoad({ name: "Corom", source, options: OPTIONS }, { isShared });
  const asked = [];
  const answers = [];
  const ask = (message) => {
    asked.push(message);
    return new Promise((resolve, reject) => answers.push({ resolve, reject }));
  };
  return { run: () => load.run(ask), asked, answers };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));
const answer = (handed) => ({ value: { info: {}, content: "c", handed }, memory: 1 });

describe("SharedLoad", () => {
  test("hands the files and the module of the first load to those that wait, and keeps nothing of it", async () => {
    const { run, asked, answers } = loads();
    const running = [run(), run(), run()];
    await turn();
    assert.deepEqual(asked, [{ name: "Corom", source: SOURCE, options: OPTIONS, handsOn: true }]);
    answers[0].resolve(answer({ files: [["corom.json", blob]], module: MODULE, model: "onnx/a.onnx" }));
    assert.deepEqual(await running[0], { value: { info: {}, content: "c" }, memory: 1 });
    await turn();
    assert.equal(asked.length, 3);
    for (const message of asked.slice(1)) {
      assert.deepEqual(message.source, { map: [["corom.json", { file: { blob } }]] });
      assert.deepEqual(Object.fromEntries(message.options.object), {
        maxLength: { value: 5 },
        wasm: { value: MODULE },
        model: { value: "onnx/a.onnx" },
      });
      assert.deepEqual([message.name, message.isQuiet], ["Corom", true]);
    }
    for (const { resolve } of answers.slice(1)) resolve(answer());
    await Promise.all(running);
    run();
    assert.deepEqual(asked[3], asked[0], "a later load reads the source again");
  });

  test("hands bytes in memory on as Blobs, and other sources as they are", async () => {
    const file = { blob };
    const source = { object: [["a", { value: new Uint8Array([1, 2]) }], ["b", { value: "text" }], ["c", { file }]] }; // prettier-ignore
    const { run, asked, answers } = loads(source);
    const running = [run(), run()];
    await turn();
    answers[0].resolve(answer({ module: MODULE }));
    await turn();
    for (const { source } of asked) {
      const [[, a], b, c] = source.object;
      assert.deepEqual(new Uint8Array(await a.file.blob.arrayBuffer()), new Uint8Array([1, 2]));
      assert.deepEqual([b, c], [["b", { value: "text" }], ["c", { file }]]); // prettier-ignore
    }
    answers[1].resolve(answer());
    await Promise.all(running);
  });

  test("lets another load be the first if the first one fails", async () => {
    const { run, asked, answers } = loads();
    const running = [run(), run(), run()];
    await turn();
    const failure = new Error("no");
    answers[0].resolve({ error: failure, memory: 0 });
    await assert.rejects(running[0], failure);
    await turn();
    assert.deepEqual([asked.length, asked[1].handsOn], [2, true]);
    answers[1].resolve(answer({ module: MODULE }));
    await turn();
    answers[2].resolve(answer());
    assert.equal((await Promise.all(running.slice(1))).length, 2);
  });

  test("asks every worker for the source if there is one worker only", async () => {
    const { run, asked, answers } = loads(SOURCE, false);
    const running = run();
    answers[0].resolve(answer());
    await running;
    assert.deepEqual(asked, [{ name: "Corom", source: SOURCE, options: OPTIONS }]);
  });
});
