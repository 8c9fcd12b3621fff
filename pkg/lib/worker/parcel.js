// What `load` was given, on its way into the worker. Most of it can be cloned as it is; URLs, functions, Files and
// Responses cannot, everywhere, and go as plain data that says what they were.
import { CoromError, invalid, messageOf } from "../errors.js";

/**
 * A cloneable form. `address` makes a string absolute, where it stands alone or in a list: the worker has another base.
 * `share` keeps a function here and gives a number for it.
 */
export async function packed(value, { address = (text) => text, share }) {
  const all = (items) => Promise.all(items.map((item) => packed(item, { address, share })));
  const entries = (pairs) =>
    Promise.all(Array.from(pairs, async ([key, item]) => [key, await packed(item, { share })]));
  switch (Object.prototype.toString.call(value)) {
    case "[object String]":
      return { value: typeof value === "string" ? address(value) : value };
    case "[object Function]":
    case "[object AsyncFunction]":
      return { shared: share(value) };
    case "[object URL]":
      return { url: value.href };
    case "[object Response]":
      return { response: await packedResponse(value) };
    case "[object Array]":
    case "[object FileList]":
      return { list: await all(Array.from(value)) };
    case "[object Map]":
      return { map: await entries(value) };
  }
  if (typeof value?.arrayBuffer === "function") return { file: await packedFile(value) };
  if (Object.prototype.toString.call(value) === "[object Object]")
    return { object: await entries(Object.entries(value)) };
  return { value };
}

/** The other end. `remote` gives a function that calls the one with that number. */
export function unpacked(parcel, remote) {
  const all = (pairs) => pairs.map(([key, item]) => [key, unpacked(item, remote)]);
  if (parcel.shared !== undefined) return remote(parcel.shared);
  if (parcel.url !== undefined) return new URL(parcel.url);
  if (parcel.response) return new Response(parcel.response.body, parcel.response);
  if (parcel.list) return parcel.list.map((item) => unpacked(item, remote));
  if (parcel.map) return new Map(all(parcel.map));
  if (parcel.object) return Object.fromEntries(all(parcel.object));
  if (parcel.file) return unpackedFile(parcel.file);
  return parcel.value;
}

/** A Blob is cloned without its bytes; not every host keeps a File's name, and none its place in a folder. */
async function packedFile(file) {
  const { name, webkitRelativePath } = file;
  if (file instanceof Blob) return { blob: file, name, webkitRelativePath };
  try {
    return { blob: new Blob([await file.arrayBuffer()]), name, webkitRelativePath };
  } catch (cause) {
    throw new CoromError("FETCH_FAILED", `${name ?? "a file"} could not be read: ${messageOf(cause)}`, { cause });
  }
}

function unpackedFile({ blob, ...names }) {
  for (const [key, value] of Object.entries(names)) {
    if (value !== undefined) Object.defineProperty(blob, key, { value });
  }
  return blob;
}

async function packedResponse(response) {
  const { status, statusText } = response;
  try {
    return { status, statusText, headers: [...response.headers], body: await response.arrayBuffer() };
  } catch (cause) {
    throw invalid(`wasm: the Response could not be read: ${messageOf(cause)}`, { cause });
  }
}
