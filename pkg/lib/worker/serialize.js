// Serializes the arguments of `load` for the worker. Most values can be cloned. URLs, functions, Files and Responses
// cannot be cloned on every host, so they are sent as plain data with a key that names their kind.
import { isBytes, uint8ArrayOf, unshared } from "../bytes.js";
import { CoromError, invalid, messageOf } from "../errors.js";

/**
 * Serializes a value to a form that can be cloned. `resolveLocation` makes a string absolute, if it is the value itself
 * or in a list, because the worker has another base URL. `share(function)` returns a number for a function, which stays
 * in the page. `name` is the argument, for error messages.
 */
export async function serialize(value, { resolveLocation = (text) => text, share, name }, ancestors = []) {
  if (ancestors.includes(value)) throw invalid(`${name}: an object contains itself; expected no cycle`);
  const inside = typeof value === "object" && value !== null ? [...ancestors, value] : ancestors;
  const all = (items) => Promise.all(items.map((item) => serialize(item, { resolveLocation, share, name }, inside)));
  const entries = (pairs) =>
    Promise.all(Array.from(pairs, async ([key, item]) => [key, await serialize(item, { share, name }, inside)]));
  switch (Object.prototype.toString.call(value)) {
    case "[object String]":
      return { value: typeof value === "string" ? resolveLocation(value) : value };
    case "[object Function]":
    case "[object AsyncFunction]":
      return { shared: share(value) };
    case "[object URL]":
      return { url: value.href };
    case "[object Response]":
      return { response: await serializeResponse(value, name) };
    case "[object Array]":
    case "[object FileList]":
      return { list: await all(Array.from(value)) };
    case "[object Map]":
      return { map: await entries(value) };
  }
  if (isBytes(value)) return { value: unshared(uint8ArrayOf(value, name)) };
  if (typeof value?.arrayBuffer === "function") return { file: await serializeFile(value) };
  if (Object.prototype.toString.call(value) === "[object Object]")
    return { object: await entries(Object.entries(value)) };
  return { value };
}

/**
 * Restores a serialized value. `remote(number)` returns a function that calls the function with that number in the
 * page.
 */
export function deserialize(serialized, remote) {
  const all = (pairs) => pairs.map(([key, item]) => [key, deserialize(item, remote)]);
  if (serialized.shared !== undefined) return remote(serialized.shared);
  if (serialized.url !== undefined) return new URL(serialized.url);
  if (serialized.response) return new Response(serialized.response.body, serialized.response);
  if (serialized.list) return serialized.list.map((item) => deserialize(item, remote));
  if (serialized.map) return new Map(all(serialized.map));
  if (serialized.object) return Object.fromEntries(all(serialized.object));
  if (serialized.file) return deserializeFile(serialized.file);
  return serialized.value;
}

/**
 * Serializes a File as a Blob and its names. Cloning a Blob does not copy its bytes. Not every host clones a File's
 * name, and none its path in a folder.
 */
async function serializeFile(file) {
  const { name, webkitRelativePath } = file;
  if (file instanceof Blob) return { blob: file, name, webkitRelativePath };
  try {
    return { blob: new Blob([await file.arrayBuffer()]), name, webkitRelativePath };
  } catch (cause) {
    const message = `${name ?? "source"}: the file cannot be read: ${messageOf(cause)}`;
    throw new CoromError("FETCH_FAILED", message, { cause });
  }
}

function deserializeFile({ blob, ...names }) {
  for (const [key, value] of Object.entries(names)) {
    if (value !== undefined) Object.defineProperty(blob, key, { value });
  }
  return blob;
}

async function serializeResponse(response, name) {
  const { status, statusText } = response;
  try {
    return { status, statusText, headers: [...response.headers], body: await response.blob() };
  } catch (cause) {
    throw invalid(`${name}: the body of the Response cannot be read: ${messageOf(cause)}`, { cause });
  }
}
