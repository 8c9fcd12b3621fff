// Types of `corom/inline`: those of `corom`.
export * from "./index.js";
