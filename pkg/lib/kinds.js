// The two kinds of models that are loaded on this thread. `loadModel` of load.js takes one of them.
//
//   options                      the options of `load`, for load-options.js
//   loader                       settings of the Rust loader
//   finish(unverified)           -> the model in WebAssembly
//   createInstance(Class, parts) -> an instance. `parts` has what the engine needs, and the options of `load`
import { Engine } from "./engine.js";
import { loaded } from "./model-instance.js";
import { COROM_OPTIONS, RERANKER_OPTIONS } from "./load-options.js";
import { RerankEngine } from "./rerank-engine.js";

export const EMBEDDER = {
  options: COROM_OPTIONS,
  loader: {},
  finish: (unverified) => unverified.finish(),
  createInstance: (Class, parts) => new Class(loaded, new Engine(parts)),
};

export const RERANKER = {
  options: RERANKER_OPTIONS,
  loader: { task: "rerank" },
  finish: (unverified) => unverified.finishReranker(),
  createInstance: (Class, parts) => new Class(loaded, new RerankEngine(parts), parts),
};
