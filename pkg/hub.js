// Entry `corom/hub`: sources for `Corom.load` on model hubs. Nothing is requested before the load.
export { huggingface, modelscope } from "./lib/hub.js";
