// A model folder behind a URL, or behind several: mirrors, in the order in which they are tried.
import { invalid } from "./errors.js";
import { hasPreflights } from "./fetch.js";
import { openHttpFile } from "./http-file.js";

/** Whether a source is a list of addresses. */
export function isMirrors(source) {
  const isAddress = (item) => typeof item === "string" || item instanceof URL;
  return Array.isArray(source) && source.length > 0 && source.every(isAddress);
}

/** Files below each URL, or beside it when it names an .onnx file. A query string goes to every file. */
export function urlSource(...urls) {
  const folders = urls.map((url) => ({ ...splitModelUrl(url), search: url.search }));
  const { model } = folders[0];
  const other = folders.find((mirror) => mirror.model !== model);
  if (other) {
    throw invalid(
      `source: mirrors must lead to the same model, not to ${model ?? "a folder"} and ${other.model ?? "a folder"}`,
    );
  }
  return {
    model,
    // What the manifest is known by in the cache.
    manifestAddress: folders[0].folder.href + folders[0].search,
    mirrors: folders.map(mirrorOf),
  };
}

function mirrorOf({ folder, search }) {
  return {
    remote: true,
    // Where the browser asks the server first whether it takes a header.
    preflights: hasPreflights() && folder.origin !== globalThis.location?.origin,
    open(path, options) {
      const address = new URL(path.split("/").map(encodeURIComponent).join("/"), folder);
      address.search = search;
      return openHttpFile(address.href, options);
    },
  };
}

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
    throw invalid(`source has a "%" that encodes no character: ${url.href}`, { cause });
  }
}
