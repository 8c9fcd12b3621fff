// Modules for `node --import`: with them a program that touches what it should not ends with "refused: …".

/** No .wasm file is read. */
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

/** Nor is WebAssembly used, the network, a timer or a thread. */
export const REFUSES = `${REFUSES_READS}
for (const name of Object.getOwnPropertyNames(WebAssembly))
  if (typeof WebAssembly[name] === "function" && !name.endsWith("Error")) WebAssembly[name] = () => refuse(name);
for (const name of ["fetch", "setTimeout", "setInterval", "setImmediate", "MessageChannel", "Worker"])
  globalThis[name] = () => refuse(name);
`;
