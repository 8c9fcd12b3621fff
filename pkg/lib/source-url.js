// A model folder at a URL, or at several URLs (mirrors, in the order in which they are tried).
import { shownAddress } from "./address.js";
import { isUrl } from "./bytes.js";
import { invalid } from "./errors.js";
import { hasPreflights } from "./fetch.js";
import { openHttpFile } from "./http-file.js";

/** Returns whether a source is a list of URLs. */
export function isMirrors(source) {
  const isLocation = (item) => typeof item === "string" || isUrl(item);
  return Array.isArray(source) && source.length > 0 && source.every(isLocation);
}

/**
 * Opens a model folder at each URL, or the model folder of an .onnx file. The query is appended to the URL of each
 * file.
 */
export function urlSource(...urls) {
  const folders = urls.map((url) => ({ ...splitModelUrl(url), search: url.search }));
  const { model } = folders[0];
  const other = folders.find((mirror) => mirror.model !== model);
  if (other) {
    throw invalid(
      `source: the mirrors lead to ${model ?? "a folder"} and to ${other.model ?? "a folder"}; expected the same model`,
    );
  }
  return {
    model,
    address: folders.map(({ folder, search }) => shownAddress(folder.href + search)).join(", "),
    // The key of the manifest in the cache.
    manifestUrl: folders[0].folder.href + folders[0].search,
    mirrors: folders.map(mirrorOf),
  };
}

function mirrorOf({ folder, search }) {
  return {
    remote: true,
    // True if the browser sends a CORS preflight for requests with extra headers.
    preflights: hasPreflights() && folder.origin !== globalThis.location?.origin,
    open(path, options) {
      const fileUrl = new URL(path.split("/").map(encodeURIComponent).join("/"), folder);
      fileUrl.search = search;
      return openHttpFile(fileUrl.href, options);
    },
  };
}

/** Splits a URL into the model folder and, if the URL is an .onnx file, the path of that file in the folder. */
function splitModelUrl(url) {
  const parts = url.pathname.split("/");
  const last = parts.at(-1);
  const folder = new URL(url.href);
  folder.search = folder.hash = "";
  if (!/\.onnx$/i.test(last)) {
    if (last !== "") folder.pathname += "/";
    return { folder, model: undefined };
  }
  const name = decoded(last, url);
  const inOnnx = parts.at(-2) === "onnx";
  folder.pathname = parts.slice(0, inOnnx ? -2 : -1).join("/") + "/";
  return { folder, model: inOnnx ? `onnx/${name}` : name };
}

function decoded(name, url) {
  try {
    return decodeURIComponent(name);
  } catch (cause) {
    throw invalid(`source: ${shownAddress(url.href)} contains an invalid "%" escape`, { cause });
  }
}
