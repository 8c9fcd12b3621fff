// A worker script for tests: the package's own. A message on the channel "gpu", { when }, loses the device of the worker:
// "now", or in the middle of the "next" call, at the second submission; "wrong" makes its results wrong instead. With the
// query ?gone WebGPU has no adapter.
import { Corom, CoromReranker } from "../pkg/browser.js";
import { serve } from "../pkg/lib/worker/thread.js";

if (location.search === "?gone") GPU.prototype.requestAdapter = async () => null;
const devices = [];
let submissions = Infinity;
const { requestDevice } = GPUAdapter.prototype;
GPUAdapter.prototype.requestDevice = async function (...args) {
  const device = await requestDevice.apply(this, args);
  devices.push(device);
  return device;
};
const { submit } = GPUQueue.prototype;
GPUQueue.prototype.submit = function (...args) {
  if (--submissions === 0) devices.at(-1).destroy();
  return submit.apply(this, args);
};
let isWrong = false;
const { getMappedRange } = GPUBuffer.prototype;
GPUBuffer.prototype.getMappedRange = function (...args) {
  const range = getMappedRange.apply(this, args);
  if (isWrong) new Float32Array(range).fill(0.5);
  return range;
};
const channel = new BroadcastChannel("gpu");
channel.onmessage = ({ data: { when } }) => {
  if (when === undefined) return; // another worker's answer
  if (when === "now") devices.at(-1)?.destroy();
  else if (when === "next") submissions = 2;
  else isWrong = true;
  channel.postMessage({ done: when });
};

serve({ Corom, CoromReranker }, self);
