// Prints the GPU that Dawn finds, as a check before a longer run. Fails if there is none, or only an emulated one; the variable
// COROM_GPU_SOFTWARE allows that.
import "../hosts/node-webgpu.mjs";
import { gpuAdapter } from "../agent/gpu.mjs";

const adapter = await gpuAdapter();
console.log(JSON.stringify(adapter));
const counts = adapter && (!adapter.isSoftware || process.env.COROM_GPU_SOFTWARE);
process.exit(counts ? 0 : 1);
