// Entry for bundlers that know neither the field `exports` nor `import.meta`, such as webpack 4: package.json names it in
// the field `browser`. These bundlers do not find the .wasm files, so the page passes the option `wasm`.
import { createCoromClass, createRerankerClass } from "./lib/entry.js";
import { createHasherFactory } from "./lib/hash-web.js";
import * as web from "./lib/host-web.js";

export { Embeddings } from "./lib/embeddings.js";
export { CoromError } from "./lib/errors.js";

const absent = () => {
  throw new Error("this bundler does not copy .wasm files");
};
const binaries = { plain: absent, relaxed: absent };

export const Corom = /* @__PURE__ */ createCoromClass(web, { binaries, createHasherFactory });
export const CoromReranker = /* @__PURE__ */ createRerankerClass(web, { binaries, createHasherFactory });
