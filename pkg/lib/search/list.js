// catalog.json, the list of the files in a catalog folder.
import { CoromError } from "../errors.js";
import { decodeText } from "../text.js";

export const LIST = "catalog.json";
const FORMAT = 1;
/** No list of a folder is that long. */
export const MAX_LIST_BYTES = 1 << 20;
/** Files that the builder wrote are named after the hash in their header. */
const HASH_NAME = /^([0-9a-f]{16,64})\.(catalog|delta)$/;

/** Returns the beginning of the hash in the name of a file; undefined if the file is not named after its hash. */
export const hashInName = (name) => HASH_NAME.exec(name)?.[1];

/** Returns the names of the files in catalog.json: the catalog, then its deltas. */
export function namesIn(bytes) {
  const fail = (message, options) => {
    throw new CoromError("INVALID_CATALOG", `${LIST}: ${message}`, options);
  };
  const text = decodeText(bytes);
  if (text.trimStart().startsWith("<")) {
    fail("found an HTML page; expected the list of a catalog folder, as `corom index build` writes it");
  }
  let list;
  try {
    list = JSON.parse(text);
  } catch (cause) {
    fail("it is not JSON", { cause });
  }
  if (list?.format !== FORMAT) {
    throw new CoromError("UNSUPPORTED_FORMAT", `${LIST}: format ${list?.format}; this release reads ${FORMAT}`);
  }
  const isName = (name) => typeof name === "string" && name !== "" && !/[/\\]|^\./.test(name);
  const { files } = list;
  if (!Array.isArray(files) || files.length === 0 || !files.every(isName)) fail("expected a list of files in the folder");
  if (new Set(files).size < files.length) fail("it lists a file twice");
  return files;
}
