// Gives a Node process Dawn's WebGPU, as a page has it. Node loads this before the agent.
import { create, globals } from "../gpu/node_modules/webgpu/index.js";

Object.assign(globalThis, globals);
// Node 20 has no navigator; later ones have one that cannot be replaced.
globalThis.navigator ??= {};
Object.defineProperty(globalThis.navigator, "gpu", { value: create([]), configurable: true });

// Dawn takes no shared memory, which onnxruntime-web has; WebGPU does.
const { writeBuffer } = GPUQueue.prototype;
GPUQueue.prototype.writeBuffer = function (buffer, offset, data, ...range) {
  const isShared = data.buffer instanceof SharedArrayBuffer;
  return writeBuffer.call(this, buffer, offset, isShared ? data.slice() : data, ...range);
};
