// The two kinds of models that are loaded on this thread. `loadModel` of load.js takes one of them.
//
//   options                      the options of `load`, for load-options.js
//   loader                       settings of the Rust loader
//   finish(unverified)           -> the model in WebAssembly
//   createEngine(parts)          -> the engine of a model. `parts` has what it needs
//   createDeviceEngine(devices)  -> the engine of a model that may run on a GPU
//   createInstance(Class, engine, options) -> an instance. `options` are those of `load`
import { DeviceEngine, DeviceRerankEngine } from "./device/engine.js";
import { Engine } from "./engine.js";
import { loaded } from "./model-instance.js";
import { COROM_OPTIONS, RERANKER_OPTIONS } from "./load-options.js";
import { RerankEngine } from "./rerank-engine.js";

export const EMBEDDER = {
  options: COROM_OPTIONS,
  loader: {},
  finish: (unverified) => unverified.finish(),
  createEngine: (parts) => new Engine(parts),
  createDeviceEngine: (devices) => new DeviceEngine(devices),
  createInstance: (Class, engine) => new Class(loaded, engine),
};

export const RERANKER = {
  options: RERANKER_OPTIONS,
  loader: { task: "rerank" },
  finish: (unverified) => unverified.finishReranker(),
  createEngine: (parts) => new RerankEngine(parts),
  createDeviceEngine: (devices) => new DeviceRerankEngine(devices),
  createInstance: (Class, engine, options) => new Class(loaded, engine, options),
};
