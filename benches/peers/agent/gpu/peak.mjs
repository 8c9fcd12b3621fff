// Measures the peak of f32 multiply-adds: 32 independent chains per thread, all in registers.

const THREADS = 256;
const GROUPS = 2048;
const ACCUMULATORS = 8;
const UNROLLED = 4;
/** The operations of a thread per step: a multiplication and an addition of 4 numbers per accumulator. */
export const OPERATIONS = 2 * 4 * ACCUMULATORS * UNROLLED;

/** The ways to write a multiply-add. Compilers treat them differently, so the fastest one counts. */
export const FORMS = { fma: "fma(s, p.a, p.b)", "a*b+c": "s * p.a + p.b" };

/** Returns the shader of a form. Its parameters are two vectors and the number of steps. */
export function shaderOf(form) {
  const list = Array.from({ length: ACCUMULATORS }, (_, i) => i);
  const lines = (line) => list.map(line).join("\n");
  const step = lines((i) => `s${i} = ${form.replaceAll(/\bs\b/g, `s${i}`)};`);
  return `
struct Params { a: vec4<f32>, b: vec4<f32>, steps: u32 }
@group(0) @binding(0) var<storage, read_write> sums: array<vec4<f32>>;
@group(0) @binding(1) var<uniform> p: Params;
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  ${lines((i) => `var s${i} = vec4<f32>(f32(id.x + ${i}u));`)}
  for (var i = 0u; i < p.steps; i += 1u) {
    ${step.concat("\n").repeat(UNROLLED)}
  }
  sums[id.x] = ${list.map((i) => `s${i}`).join(" + ")};
}`;
}

/** Returns `{ best, samples, form }` in GFLOP/s. A sample takes at least `sampleMs`. */
export async function peakRate(device, rounds, sampleMs) {
  const sums = device.createBuffer({ size: 16 * THREADS * GROUPS, usage: GPUBufferUsage.STORAGE });
  const params = device.createBuffer({ size: 48, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
  const run = async (pipeline, steps) => {
    const data = new ArrayBuffer(48);
    new Float32Array(data).set([0.5, 0.5, 0.5, 0.5, 1, 1, 1, 1]);
    new Uint32Array(data)[8] = steps;
    device.queue.writeBuffer(params, 0, data);
    const entries = [sums, params].map((buffer, binding) => ({ binding, resource: { buffer } }));
    const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(GROUPS);
    pass.end();
    await device.queue.onSubmittedWorkDone();
    const start = performance.now();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    return performance.now() - start;
  };
  let best = { best: 0 };
  for (const [form, text] of Object.entries(FORMS)) {
    const module = device.createShaderModule({ code: shaderOf(text) });
    const pipeline = await device.createComputePipelineAsync({ layout: "auto", compute: { module, entryPoint: "main" } });
    let steps = 1;
    while ((await run(pipeline, steps)) < sampleMs && steps < 1 << 24) steps *= 2;
    const samples = [];
    for (let round = 0; round < rounds; round++) {
      samples.push((OPERATIONS * steps * THREADS * GROUPS) / (await run(pipeline, steps)) / 1e6);
    }
    const fastest = Math.max(...samples);
    if (fastest > best.best) best = { best: fastest, samples, form };
  }
  return best;
}
