// `info` of an instance that may run on a GPU.
import { DEVICE_INFO } from "../live-info.js";
import { printGetters } from "../print-getters.js";

/**
 * Returns the properties of the model, with getters for those that depend on the device. Of those, the engine that runs a
 * list of texts decides. `wasmMemory` is that of both engines, and 0 after a crash.
 */
export function deviceInfo(devices) {
  const info = { ...devices.engineInfo };
  const getter = (name, get) => Object.defineProperty(info, name, { enumerable: true, get });
  for (const name of DEVICE_INFO) getter(name, () => devices.engineInfo[name]);
  getter("device", () => devices.current);
  getter("gpu", () => devices.gpu);
  getter("fallback", () => devices.fallback);
  const memory = () => devices.all.reduce((sum, engine) => sum + engine.info.wasmMemory, 0);
  getter("wasmMemory", () => (devices.primary?.isAlive ? memory() : 0));
  return printGetters(info);
}
