// `info` of a model whose kernel and precision are known only after its first text, as on a GPU.
import assert from "node:assert/strict";
import { test } from "node:test";
import { liveInfo } from "../../pkg/lib/live-info.js";
import { ModelInstance, loaded } from "../../pkg/lib/model-instance.js";
import { serve } from "../../pkg/lib/worker/thread.js";

/** Returns an engine of a model that chooses its kernel with the first text. */
function choosing() {
  let kernels = { kernel: "wgsl floats", precision: "f32" };
  const model = { info: () => ({ backend: "gpu", ...kernels }), kernel: () => kernels.kernel };
  const runtime = { memoryBytes: 1, device: "webgpu", simd: "plain", call: (work) => work({ version: () => "1" }) };
  const embed = async () => {
    kernels = { kernel: "wgsl int8", precision: "int8" };
    return { data: new Float32Array(1), report: {} };
  };
  return { embed, runtime, info: liveInfo(runtime, () => model, undefined) };
}

const kernelsOf = ({ kernel, precision }) => [kernel, precision];

test("the kernel and the precision that a model chooses with its first text are those of info, also after free", async () => {
  const { embed, runtime, info } = choosing();
  assert.deepEqual(kernelsOf(info), ["wgsl floats", "f32"]);
  await embed();
  assert.deepEqual(kernelsOf(info), ["wgsl int8", "int8"]);
  runtime.memoryBytes = 0;
  runtime.call = () => assert.fail("a freed instance was called");
  assert.deepEqual(kernelsOf(info), ["wgsl int8", "int8"]);
});

test("a worker reports both after the call that has chosen them", async () => {
  const Corom = { load: async () => new ModelInstance(loaded, choosing(), "Corom") };
  const answers = [];
  const port = { postMessage: ({ answer }) => answer && answers.push(answer) };
  await serve({ Corom }, port);
  await port.onmessage({ data: { id: 1, load: { name: "Corom", source: { value: "/model/" }, options: { object: [] } } } });
  await port.onmessage({ data: { id: 2, call: { method: "embed", args: [["text"]] } } });
  assert.deepEqual(answers.map(({ error }) => error), [undefined, undefined]);
  assert.deepEqual(answers.map(({ live }) => kernelsOf(live)), [["wgsl floats", "f32"], ["wgsl int8", "int8"]]);
});
