// Sources of modules for `node --import` that make forbidden calls throw "refused: …".

/** Forbids reading a .wasm file. */
export const REFUSES_READS = `
import fs from "node:fs";
import fsp from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
const refuse = (what) => { throw new Error(\`refused: \${what}\`); };
for (const object of [fs, fsp]) for (const name of ["open", "openSync", "readFile", "readFileSync", "createReadStream"]) {
  const was = object[name];
  if (was) object[name] = (file, ...rest) => (/\\.wasm$/.test(String(file)) ? refuse(file) : was(file, ...rest));
}
syncBuiltinESMExports();
`;

/** Forbids also WebAssembly, the network, timers and threads. */
export const REFUSES = `${REFUSES_READS}
for (const name of Object.getOwnPropertyNames(WebAssembly))
  if (typeof WebAssembly[name] === "function" && !name.endsWith("Error")) WebAssembly[name] = () => refuse(name);
for (const name of ["fetch", "setTimeout", "setInterval", "setImmediate", "MessageChannel", "Worker"])
  globalThis[name] = () => refuse(name);
`;
