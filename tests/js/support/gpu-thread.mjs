// A worker script for tests: the package's own. A message on the channel "gpu" loses the device of the worker: "now", or
// in the middle of the next call, at the second submission.
import { Corom, CoromReranker } from "../pkg/browser.js";
import { serve } from "../pkg/lib/worker/thread.js";

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
const channel = new BroadcastChannel("gpu");
channel.onmessage = ({ data }) => {
  if (data === "now") devices.at(-1)?.destroy();
  else submissions = 2;
  channel.postMessage({ done: data });
};

serve({ Corom, CoromReranker }, self);
