// Times corom's shader of a Linear alone, on a square product of f32. The numbers are small integers, so that every sum is
// exact, and rows at both ends are checked before anything is timed.

const PERIOD_X = 17;
const PERIOD_W = 13;
const input = (row, k) => (((row % PERIOD_X) * 3 + k * 7) % PERIOD_X) - 8;
const weight = (output, k) => (((output % PERIOD_W) * 5 + k * 3) % PERIOD_W) - 6;
/** Rows that are checked at each end. */
const CHECKED = 64;
/** The least time of a sample, and the most products of a sample. */
const SAMPLE_MS = 50;
const MAX_CALLS = 64;

/** Returns `{ best, samples }` in GFLOP/s. `shader` is `{ code, tile }`: WGSL, and the rows and outputs of a workgroup. */
export async function productRate(device, { code, tile }, size, rounds) {
  const { STORAGE, UNIFORM, COPY_DST, COPY_SRC, MAP_READ } = GPUBufferUsage;
  const filled = (data, usage = STORAGE) => {
    const buffer = device.createBuffer({ size: data.byteLength, usage: usage | COPY_DST });
    device.queue.writeBuffer(buffer, 0, data);
    return buffer;
  };
  const matrix = (value) => {
    const data = new Float32Array(size * size);
    for (let row = 0; row < size; row++) for (let k = 0; k < size; k++) data[row * size + k] = value(row, k);
    return filled(data);
  };
  // Scales of 1, zero points and biases of 0.
  const vectors = new Float32Array(3 * size).fill(1, 0, size);
  const y = device.createBuffer({ size: 4 * size * size, usage: STORAGE | COPY_SRC });
  const params = filled(new Uint32Array([size, size / 4, size / 4, 0, 0, 0, 0, 0]), UNIFORM);
  const buffers = [params, y, matrix(input), matrix(weight), filled(vectors)];
  const module = device.createShaderModule({ code });
  const pipeline = await device.createComputePipelineAsync({ layout: "auto", compute: { module, entryPoint: "main" } });
  const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
  const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
  const run = async (calls) => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    const groups = Math.ceil(size / tile);
    for (let call = 0; call < calls; call++) pass.dispatchWorkgroups(groups, groups);
    pass.end();
    await device.queue.onSubmittedWorkDone();
    const start = performance.now();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    return (performance.now() - start) / calls;
  };
  let ms = await run(1);
  await check(device, y, size, { COPY_DST, MAP_READ });
  ms = Math.min(ms, await run(1));
  const calls = Math.min(MAX_CALLS, Math.max(1, Math.ceil(SAMPLE_MS / ms)));
  const samples = [];
  for (let round = 0; round < rounds; round++) samples.push((2 * size ** 3) / (await run(calls)) / 1e6);
  return { best: Math.max(...samples), samples };
}

async function check(device, y, size, { COPY_DST, MAP_READ }) {
  const bytes = 4 * size * CHECKED;
  const staging = device.createBuffer({ size: 2 * bytes, usage: COPY_DST | MAP_READ });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(y, 0, staging, 0, bytes);
  encoder.copyBufferToBuffer(y, 4 * size * size - bytes, staging, bytes, bytes);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const rows = new Float32Array(staging.getMappedRange());
  const sums = expectedSums(size);
  for (let i = 0; i < rows.length; i++) {
    const [at, output] = [Math.floor(i / size), i % size];
    const row = at < CHECKED ? at : size - 2 * CHECKED + at;
    const expected = sums[row % PERIOD_X][output % PERIOD_W];
    if (rows[i] !== expected) throw new Error(`the product is wrong: row ${row}, output ${output} is ${rows[i]} instead of ${expected}`);
  }
  staging.unmap();
}

/** Returns the sums by row and output, modulo the periods. */
function expectedSums(size) {
  const sum = (row, output) => {
    let total = 0;
    for (let k = 0; k < size; k++) total += input(row, k) * weight(output, k);
    return total;
  };
  return Array.from({ length: PERIOD_X }, (_, row) => Array.from({ length: PERIOD_W }, (_, output) => sum(row, output)));
}
