// `info` of a catalog, which changes while vectors arrive and with updates.
import { printGetters } from "../print-getters.js";

const INFO = ["items", "fields", "attributes", "vectors", "hasVectors", "hasRows", "version"];

/** Returns an object with the properties of a catalog, which `snapshot()` returns as they are now. */
export function catalogInfo(snapshot) {
  const info = {};
  for (const name of INFO) Object.defineProperty(info, name, { enumerable: true, get: () => snapshot()[name] });
  return printGetters(info);
}
