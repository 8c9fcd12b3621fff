// corom-index.wasm: the builder of catalogs, and the search over them.
import { readFile } from "node:fs/promises";
import { Instance, instantiate } from "../../instance.js";
import { textClasses } from "../../text.js";
import { createBindings } from "../../../wasm/corom-index.js";

const FILE = new URL("../../../wasm/corom-index.wasm", import.meta.url);

/** Returns an Instance of the binary. */
export async function loadBinding(signal) {
  const module = await WebAssembly.compile(await readFile(FILE, { signal }));
  const { bindings, memory } = await instantiate(createBindings(textClasses()), { module }, signal);
  return new Instance(bindings, memory, "the catalog");
}
