// URLs of model folders and of their files.
import { shownAddress } from "./address.js";
import { isUrl } from "./bytes.js";
import { invalid } from "./errors.js";

/** Returns whether a source is a list of URLs. */
export function isMirrors(source) {
  const isLocation = (item) => typeof item === "string" || isUrl(item);
  return Array.isArray(source) && source.length > 0 && source.every(isLocation);
}

/**
 * Returns what URLs of a model mean: `folders`, one per URL (see `folderOf`), the path of the .onnx file in the folder
 * if the URLs name one (`model`), the key of the manifest in the cache (`manifestUrl`), and the `address` for messages.
 */
export function modelUrls(urls) {
  const folders = urls.map(folderOf);
  const { model } = folders[0];
  const other = folders.find((mirror) => mirror.model !== model);
  if (other) {
    throw invalid(
      `source: the mirrors lead to ${model ?? "a folder"} and to ${other.model ?? "a folder"}; expected the same model`,
    );
  }
  const address = folders.map(({ urlOf }) => shownAddress(urlOf(""))).join(", ");
  return { model, address, manifestUrl: folders[0].urlOf(""), folders };
}

/**
 * Splits a URL into the model folder and, if the URL is an .onnx file, the path of that file in the folder, `model`.
 * `urlOf(path)` is the URL of a file in the folder.
 */
function folderOf(url) {
  if (isOpaque(url)) throw invalid(`source: got the address ${shownAddress(url.href)}; expected that of a folder with files`);
  const parameter = /[?&](FilePath)=([^&]*)/i.exec(url.search);
  if (parameter) {
    const { folder, model } = splitModelPath(decoded(parameter[2].replaceAll("+", " "), url).replace(/^\/+/, ""));
    const [before, after] = splitAround(url.search, parameter);
    return { model, urlOf: (path) => withSearch(url, `${before}${encodedPath(folder + path)}${after}`) };
  }
  const { folder, model } = splitModelPath(url.pathname);
  const base = new URL(url.href);
  base.pathname = folder;
  base.search = base.hash = "";
  return {
    model: model && decoded(model, url),
    urlOf: (path) => withSearch(new URL(path.split("/").map(encodeURIComponent).join("/"), base), url.search),
  };
}

/** Returns whether an address has no others below it, as data: and blob: URLs. */
function isOpaque(url) {
  try {
    return new URL("file", url) === undefined;
  } catch {
    return true;
  }
}

/** Splits the path of a folder or file; the part for the folder ends with "/", unless it is empty. */
function splitModelPath(path) {
  const parts = path.split("/");
  const last = parts.at(-1);
  const folder = (count) => parts.slice(0, count).map((part) => `${part}/`).join("");
  if (!/\.onnx$/i.test(last)) return { folder: last === "" ? path : `${path}/`, model: undefined };
  return parts.at(-2) === "onnx"
    ? { folder: folder(-2), model: `onnx/${last}` }
    : { folder: folder(-1), model: last };
}

/** Returns the text before and after the value of a query parameter. */
function splitAround(search, { index, 0: all, 2: value }) {
  const end = index + all.length;
  return [search.slice(0, end - value.length), search.slice(end)];
}

const encodedPath = (path) => encodeURIComponent(path).replaceAll("%2F", "/");

function withSearch(url, search) {
  const full = new URL(url.href);
  full.search = search;
  full.hash = "";
  return full.href;
}

function decoded(name, url) {
  try {
    return decodeURIComponent(name);
  } catch (cause) {
    throw invalid(`source: ${shownAddress(url.href)} contains an invalid "%" escape`, { cause });
  }
}
