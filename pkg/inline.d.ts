// `corom/inline` has the same types as `corom`.
export * from "./index.js";
